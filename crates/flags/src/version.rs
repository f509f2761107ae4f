//! Semantic versions (semver.org 2.0.0), read and compared without allocating.

use core::cmp::Ordering;

/// A version borrowed from its text; build metadata is checked and dropped, since it has no
/// precedence (§10).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Version<'a> {
    release: [u64; 3],
    pre_release: Option<&'a str>,
}

impl<'a> Version<'a> {
    /// None unless the text is a whole version: `1.2` and `v1.2.3` are none.
    pub(crate) fn parse(text: &'a str) -> Option<Self> {
        let (text, build) = split_optional(text, '+');
        let (text, pre_release) = split_optional(text, '-');
        if !build.is_none_or(|build| build.split('.').all(is_identifier)) {
            return None;
        }
        if !pre_release
            .is_none_or(|pre| pre.split('.').all(|part| is_identifier(part) && !(is_digits(part) && is_padded(part))))
        {
            return None;
        }
        let mut parts = text.split('.');
        let mut number = || {
            let part = parts.next().filter(|part| is_digits(part) && !is_padded(part))?;
            part.parse().ok()
        };
        let release = [number()?, number()?, number()?];
        parts.next().is_none().then_some(Self { release, pre_release })
    }

    /// Precedence (§11).
    pub(crate) fn precedence(&self, other: &Version<'_>) -> Ordering {
        self.release.cmp(&other.release).then_with(|| match (self.pre_release, other.pre_release) {
            (None, None) => Ordering::Equal,
            (None, Some(_)) => Ordering::Greater,
            (Some(_), None) => Ordering::Less,
            (Some(mine), Some(theirs)) => pre_release_precedence(mine, theirs),
        })
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
            let (a, b) = (Version::parse(a).unwrap(), Version::parse(b).unwrap());
            assert_eq!(a.precedence(&b), Ordering::Less, "{a:?} {b:?}");
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
            if let (Some(a), Some(b)) = (ours, Version::parse(&b)) {
                let other = semver::Version::parse(&format_of(&b)).unwrap();
                prop_assert_eq!(a.precedence(&b), theirs.unwrap().cmp_precedence(&other));
            }
        }
    }

    fn format_of(version: &Version<'_>) -> alloc::string::String {
        let [major, minor, patch] = version.release;
        let pre = version.pre_release.map(|pre| alloc::format!("-{pre}")).unwrap_or_default();
        alloc::format!("{major}.{minor}.{patch}{pre}")
    }
}
