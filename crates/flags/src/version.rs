//! Semantic versions (semver.org 2.0.0), read and compared without allocating.

use alloc::{borrow::ToOwned, string::String};
use core::cmp::Ordering;

/// A version borrowed from its text; build metadata is checked and dropped, since it has no
/// precedence (§10).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Version<'a> {
    release: [u64; 3],
    pre_release: Option<&'a str>,
}

/// A version that is kept.
#[derive(Debug, PartialEq)]
pub(crate) struct OwnedVersion {
    release: [u64; 3],
    pre_release: Option<String>,
}

impl OwnedVersion {
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let Version { release, pre_release } = Version::parse(text)?;
        Some(Self { release, pre_release: pre_release.map(ToOwned::to_owned) })
    }

    /// The precedence of another version over this one (§11).
    pub(crate) fn precedence_of(&self, other: &Version<'_>) -> Ordering {
        other.release.cmp(&self.release).then_with(|| match (other.pre_release, self.pre_release.as_deref()) {
            (None, None) => Ordering::Equal,
            (None, Some(_)) => Ordering::Greater,
            (Some(_), None) => Ordering::Less,
            (Some(theirs), Some(mine)) => pre_release_precedence(theirs, mine),
        })
    }
}

impl<'a> Version<'a> {
    /// None unless the text is a whole version: `1.2` and `v1.2.3` are none.
    pub(crate) fn parse(text: &'a str) -> Option<Self> {
        let (mut release, mut rest) = ([0; 3], text);
        for (position, number) in release.iter_mut().enumerate() {
            if position > 0 {
                rest = rest.strip_prefix('.')?;
            }
            (*number, rest) = leading_number(rest)?;
        }
        let (pre_release, build) = match rest.strip_prefix('-') {
            Some(rest) => {
                let (pre_release, build) = split_optional(rest, '+');
                (Some(pre_release), build)
            }
            None if rest.is_empty() => (None, None),
            None => (None, Some(rest.strip_prefix('+')?)),
        };
        let precedes = |part: &str| is_identifier(part) && !(is_digits(part) && is_padded(part));
        let is_whole = pre_release.is_none_or(|pre| pre.split('.').all(precedes))
            && build.is_none_or(|build| build.split('.').all(is_identifier));
        is_whole.then_some(Self { release, pre_release })
    }
}

fn pre_release_precedence(mine: &str, theirs: &str) -> Ordering {
    let (mut mine, mut theirs) = (mine.split('.'), theirs.split('.'));
    loop {
        let order = match (mine.next(), theirs.next()) {
            (None, None) => return Ordering::Equal,
            (None, Some(_)) => return Ordering::Less,
            (Some(_), None) => return Ordering::Greater,
            (Some(a), Some(b)) => match (is_digits(a), is_digits(b)) {
                // Without leading zeros, the longer number is the larger, whatever its size.
                (true, true) => a.len().cmp(&b.len()).then_with(|| a.cmp(b)),
                (true, false) => Ordering::Less,
                (false, true) => Ordering::Greater,
                (false, false) => a.cmp(b),
            },
        };
        if order != Ordering::Equal {
            return order;
        }
    }
}

/// The number that the text begins with, without leading zeros, and what follows it.
fn leading_number(text: &str) -> Option<(u64, &str)> {
    let mut number = 0_u64;
    let mut length = 0_usize;
    for byte in text.bytes().take_while(u8::is_ascii_digit) {
        number = number.checked_mul(10)?.checked_add(u64::from(byte - b'0'))?;
        length = length.checked_add(1)?;
    }
    let is_padded = length > 1 && text.starts_with('0');
    if length == 0 || is_padded { None } else { Some((number, text.get(length..)?)) }
}

fn split_optional(text: &str, mark: char) -> (&str, Option<&str>) {
    text.split_once(mark).map_or((text, None), |(before, after)| (before, Some(after)))
}

fn is_identifier(part: &str) -> bool {
    !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
}

fn is_digits(part: &str) -> bool {
    !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit())
}

fn is_padded(part: &str) -> bool {
    part.len() > 1 && part.starts_with('0')
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn the_order_of_the_specification() {
        let ascending = [
            "0.0.1",
            "0.9.12",
            "0.10.0",
            "1.0.0-alpha",
            "1.0.0-alpha.1",
            "1.0.0-alpha.beta",
            "1.0.0-beta",
            "1.0.0-beta.2",
            "1.0.0-beta.11",
            "1.0.0-rc.1",
            "1.0.0",
        ];
        for pair in ascending.windows(2) {
            let [a, b] = pair else { continue };
            let (a, b) = (Version::parse(a).unwrap(), OwnedVersion::parse(b).unwrap());
            assert_eq!(b.precedence_of(&a), Ordering::Less, "{a:?} {b:?}");
        }
    }

    proptest! {
        #[test]
        fn agrees_with_the_semver_crate(
            a in "[0-2]\\.(0|1|01|\\+1)\\.[0-9]{0,2}(-[0a-b.1-]{0,5})?(\\+[0a.]{0,3})?",
            b in "[0-2]\\.[0-1]\\.[0-9](-[0a-b.1-]{0,5})?",
        ) {
            let (ours, theirs) = (Version::parse(&a), semver::Version::parse(&a).ok());
            prop_assert_eq!(ours.is_some(), theirs.is_some(), "{}", a);
            if let (Some(a), Some(written)) = (ours, OwnedVersion::parse(&b)) {
                let other = semver::Version::parse(&b).unwrap();
                prop_assert_eq!(written.precedence_of(&a), theirs.unwrap().cmp_precedence(&other));
            }
        }
    }
}
