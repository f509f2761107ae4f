//! Where a unit falls: the hashes that decide rollouts and weights.

use crate::{Attribute, Context, murmur::Murmur};
use alloc::{borrow::ToOwned, string::String, vec::Vec};
use core::fmt::{self, Write};
use serde::{Deserialize, Serialize};
use sha1::{Digest, Sha1};

/// Number of buckets: a rollout of one bucket is 0.001 %.
pub const BUCKETS: u32 = 100_000;

/// Unleash's seed for variants: another than the rollout's, so that widening a rollout does not
/// move anybody between variants.
const WEIGHT_SEED: u32 = 86_028_157;

/// How salt and unit become a bucket. The first is this engine's own; the others are there so that
/// who comes from elsewhere keeps every user where they are.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Hash {
    /// Murmur3 as Unleash has it, with another seed for weights.
    #[default]
    Unleash,
    /// FNV-1a of unit and salt in steps of 0.1 %: GrowthBook's `hashVersion` 1.
    GrowthbookV1,
    /// FNV-1a twice in steps of 0.01 %: GrowthBook's `hashVersion` 2.
    GrowthbookV2,
    /// SHA-1 of `{salt}.{unit}`. LaunchDarkly compares in single precision, this engine in whole
    /// buckets: they may differ for who is within 10⁻⁷ of a border.
    Launchdarkly,
}

/// The bucket of a unit, `0..100_000`: with `h = murmur3_x86_32("{salt}:{unit}", seed 0)` it is
/// `(h % 100) × 1000 + (h / 100) % 1000`. A rollout takes the buckets below its percentage
/// × 1000, which at whole percents are exactly the users that Unleash takes (issue "Feature
/// flags").
pub fn bucket(salt: &str, unit: &str) -> u32 {
    spread(salted(salt, 0).with(unit.as_bytes()))
}

/// What tells people apart, and how they are spread.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Spread {
    /// Names of attributes; the first that can be a unit is it. Never empty.
    pub(crate) units: Vec<String>,
    pub(crate) salt: String,
    pub(crate) hash: Hash,
    /// `{salt}:`, hashed for rollouts and for weights.
    rollout: Murmur,
    weights: Murmur,
}

impl Spread {
    /// The same by other units.
    pub(crate) fn by(self, units: Vec<String>) -> Self {
        Self { units, ..self }
    }

    /// What is said of the context's unit, a text that is not empty or an integer; None without one.
    pub(crate) fn of_unit<T>(
        &self,
        context: &(impl Context + ?Sized),
        say: impl FnOnce(&Attribute<'_>) -> T,
    ) -> Option<T> {
        for name in &self.units {
            let attribute = context.attribute(name);
            if let Some(unit) = attribute.as_ref().filter(|attribute| is_unit(attribute)) {
                return Some(say(unit));
            }
        }
        context.unit_missing(&self.units);
        None
    }

    /// The name of the attribute that is the unit, or else of the first that could be.
    pub(crate) fn unit_name(&self, context: &(impl Context + ?Sized)) -> &str {
        let found = self.units.iter().find(|name| context.attribute(name).as_ref().is_some_and(is_unit));
        found.or_else(|| self.units.first()).map(String::as_str).unwrap_or_default()
    }

    /// The bucket of a unit in a rollout, `0..100_000`: it is taken from the next thousandth on.
    #[inline]
    pub(crate) fn bucket(&self, unit: &Attribute<'_>) -> u32 {
        match self.hash {
            Hash::Unleash => spread(of_unit(self.rollout, unit)),
            // GrowthBook takes who is exactly on the border of a rollout.
            Hash::GrowthbookV1 | Hash::GrowthbookV2 => self.place(unit).saturating_sub(1),
            Hash::Launchdarkly => self.place(unit),
        }
    }

    /// Where the unit is on the line that weights divide, `0..100_000`; of Unleash's hash, which
    /// has another line for them, the bucket.
    #[inline]
    pub(crate) fn place(&self, unit: &Attribute<'_>) -> u32 {
        match self.hash {
            Hash::Unleash => spread(of_unit(self.rollout, unit)),
            Hash::GrowthbookV1 => {
                let hash = fnv1a(|feed| write!(feed, "{unit}{}", self.salt));
                hash % 1_000 * 100
            }
            Hash::GrowthbookV2 => {
                let inner = fnv1a(|feed| write!(feed, "{}{unit}", self.salt));
                fnv1a(|feed| write!(feed, "{inner}")) % 10_000 * 10
            }
            Hash::Launchdarkly => sixty_bits(&self.salt, unit),
        }
    }

    /// Unleash's point in `1..=total`; None if `total` is 0.
    pub(crate) fn weight_point(&self, unit: &Attribute<'_>, total: u64) -> Option<u64> {
        u64::from(of_unit(self.weights, unit)).checked_rem(total)?.checked_add(1)
    }

    pub(crate) fn new(units: &[&str], salt: &str, hash: Hash) -> Self {
        let units = units.iter().map(|name| (*name).to_owned()).collect();
        let (rollout, weights) = (salted(salt, 0), salted(salt, WEIGHT_SEED));
        Self { units, salt: salt.to_owned(), hash, rollout, weights }
    }
}

fn is_unit(attribute: &Attribute<'_>) -> bool {
    match attribute {
        Attribute::Text(text) => !text.is_empty(),
        attribute => matches!(attribute, Attribute::Integer(_)),
    }
}

fn spread(hash: u32) -> u32 {
    (hash % 100) * 1000 + (hash / 100) % 1000
}

/// Of `{salt}:`.
fn salted(salt: &str, seed: u32) -> Murmur {
    Murmur::new(seed).then(salt.as_bytes()).then(b":")
}

/// Of a unit after its salt; integers by their decimal digits.
#[inline]
fn of_unit(salted: Murmur, unit: &Attribute<'_>) -> u32 {
    if let Attribute::Text(text) = unit {
        return salted.with(text.as_bytes());
    }
    of_digits(salted, unit)
}

#[inline(never)]
fn of_digits(salted: Murmur, unit: &Attribute<'_>) -> u32 {
    let mut feed = Feed(salted);
    let _infallible = write!(feed, "{unit}");
    feed.0.with(&[])
}

/// Hashes what is written, piece by piece: nothing is allocated, and there is no error to see.
struct Feed<H>(H);

impl Write for Feed<Murmur> {
    fn write_str(&mut self, piece: &str) -> fmt::Result {
        self.0 = self.0.then(piece.as_bytes());
        Ok(())
    }
}

/// FNV-1a of 32 bits over UTF-16, as GrowthBook's JavaScript has it.
fn fnv1a(write: impl FnOnce(&mut Feed<u32>) -> fmt::Result) -> u32 {
    let mut feed = Feed(0x811c_9dc5_u32);
    let _infallible = write(&mut feed);
    feed.0
}

impl Write for Feed<u32> {
    fn write_str(&mut self, piece: &str) -> fmt::Result {
        for code in piece.encode_utf16() {
            self.0 = (self.0 ^ u32::from(code)).wrapping_mul(0x0100_0193);
        }
        Ok(())
    }
}

/// The first 60 bits of SHA-1 of `{salt}.{unit}`, as a share of 100,000.
fn sixty_bits(salt: &str, unit: &Attribute<'_>) -> u32 {
    let mut feed = Feed(Sha1::new());
    let _infallible = write!(feed, "{salt}.{unit}");
    let digest: [u8; 20] = feed.0.finalize().into();
    let first = digest.first_chunk::<8>().copied().unwrap_or_default();
    let share = u128::from(u64::from_be_bytes(first) >> 4) * u128::from(BUCKETS);
    u32::try_from(share >> 60).unwrap_or_default()
}

impl Write for Feed<Sha1> {
    fn write_str(&mut self, piece: &str) -> fmt::Result {
        self.0.update(piece.as_bytes());
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn place(hash: Hash, salt: &str, unit: &str) -> u32 {
        Spread::new(&["user_id"], salt, hash).place(&Attribute::Text(unit))
    }

    /// Of the cases that GrowthBook publishes for its SDKs.
    #[test]
    fn growthbook_cases() {
        for (salt, unit, expected) in [
            ("", "a", 22_000),
            ("", "b", 7_700),
            ("b", "a", 94_600),
            ("ef", "d", 65_200),
            ("asdf", "8952klfjas09ujk", 54_900),
            ("", "123", 1_100),
            ("", "___)((*\":&", 56_300),
        ] {
            assert_eq!(place(Hash::GrowthbookV1, salt, unit), expected, "{salt} {unit}");
        }
        for (salt, unit, expected) in [
            ("seed", "a", 5_050),
            ("seed", "b", 26_960),
            ("foo", "ab", 25_750),
            ("foo", "def", 20_190),
            ("89123klj", "8952klfjas09ujkasdf", 12_400),
            ("90850943850283058242805", "123", 75_160),
            ("()**(%$##$%#$#", "___)((*\":&", 1_280),
        ] {
            assert_eq!(place(Hash::GrowthbookV2, salt, unit), expected, "{salt} {unit}");
        }
    }

    /// Of the tests of LaunchDarkly's SDKs: key `hashKey` and salt `saltyA`, or seed 61.
    #[test]
    fn launchdarkly_cases() {
        for (salt, unit, expected) in [
            ("hashKey.saltyA", "userKeyA", 42_157),
            ("hashKey.saltyA", "userKeyB", 67_084),
            ("hashKey.saltyA", "userKeyC", 10_343),
            ("61", "userKeyA", 9_801),
            ("61", "userKeyB", 14_483),
            ("61", "userKeyC", 92_426),
        ] {
            assert_eq!(place(Hash::Launchdarkly, salt, unit), expected, "{salt} {unit}");
        }
    }
}
