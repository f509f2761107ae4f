//! Where a unit falls: the hash that decides rollouts and weights, the same as Unleash's.

use crate::Attribute;
use core::{
    fmt::{self, Write},
    hash::Hasher,
};
use mur3::Hasher32;

/// Number of buckets: a rollout of one bucket is 0.001 %.
pub const BUCKETS: u32 = 100_000;

/// Unleash's seed for variants: another than the rollout's, so that widening a rollout does not
/// move anybody between variants.
const WEIGHT_SEED: u32 = 86_028_157;

/// The bucket of a unit, `0..100_000`: with `h = murmur3_x86_32("{salt}:{unit}", seed 0)` it is
/// `(h % 100) × 1000 + (h / 100) % 1000`. A rollout takes the buckets below its percentage
/// × 1000, which at whole percents are exactly the users that Unleash takes (issue "Feature
/// flags").
pub fn bucket(salt: &str, unit: &str) -> u32 {
    spread(salted(salt, unit, 0))
}

/// [`bucket`] of an attribute; None if it cannot be a unit.
pub(crate) fn bucket_of(salt: &str, unit: Attribute<'_>) -> Option<u32> {
    hash_of(salt, unit, 0).map(spread)
}

/// A point in `1..=total`; None if the attribute cannot be a unit or `total` is 0.
pub(crate) fn weight_point(salt: &str, unit: Attribute<'_>, total: u64) -> Option<u64> {
    let point = u64::from(hash_of(salt, unit, WEIGHT_SEED)?).checked_rem(total)?;
    point.checked_add(1)
}

fn spread(hash: u32) -> u32 {
    (hash % 100) * 1000 + (hash / 100) % 1000
}

/// Units are texts that are not empty, and integers by their decimal digits.
fn hash_of(salt: &str, unit: Attribute<'_>, seed: u32) -> Option<u32> {
    match unit {
        Attribute::Text(text) if !text.is_empty() => Some(salted(salt, text, seed)),
        Attribute::Integer(integer) => Some(salted(salt, integer, seed)),
        _ => None,
    }
}

fn salted(salt: &str, unit: impl fmt::Display, seed: u32) -> u32 {
    let mut feed = Feed(Hasher32::with_seed(seed));
    // `Feed` takes everything, so there is no error to see.
    let _infallible = write!(feed, "{salt}:{unit}");
    feed.0.finish32()
}

/// Hashes what is written, piece by piece: nothing is allocated.
struct Feed(Hasher32);

impl fmt::Write for Feed {
    fn write_str(&mut self, piece: &str) -> fmt::Result {
        self.0.write(piece.as_bytes());
        Ok(())
    }
}
