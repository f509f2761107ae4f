//! A compiled rule: its time, its conditions, how many it takes, and what it serves.

use crate::{
    Attribute, BUCKETS, Context, Hash,
    bucket::Spread,
    compile::Flag,
    condition::{Asked, Condition},
};
use alloc::{boxed::Box, string::String, vec::Vec};

/// What few rules have is boxed, so that many rules are close together in memory.
#[derive(Debug)]
pub(crate) struct Rule {
    pub(crate) name: String,
    pub(crate) window: Window,
    pub(crate) when: Vec<Condition>,
    pub(crate) slot: Option<Box<Slot>>,
    /// None takes everybody, with or without a unit.
    pub(crate) rollout: Option<Box<Rollout>>,
    pub(crate) serve: Served,
    /// Whether an earlier assignment decides.
    pub(crate) sticky: bool,
}

/// The part of an exclusion group that a rule takes its users from.
#[derive(Debug)]
pub(crate) struct Slot {
    pub(crate) spread: Spread,
    /// Buckets: from the first, up to and without the second.
    pub(crate) from: u32,
    pub(crate) to: u32,
}

/// How many are taken, and by what.
#[derive(Debug)]
pub(crate) struct Rollout {
    pub(crate) spread: Spread,
    pub(crate) share: Share,
}

/// From `starts_us` on, up to and without `ends_us` (microseconds since 1970).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Window {
    pub(crate) starts_us: i64,
    pub(crate) ends_us: i64,
}

/// The share of the buckets, in thousandths of a percent.
#[derive(Debug, PartialEq)]
pub(crate) enum Share {
    Fixed(u32),
    /// `before` until the first point; points are in strict time order.
    Scheduled {
        before: u32,
        points: Vec<(i64, u32)>,
    },
}

/// Positions of variants in the flag.
#[derive(Debug)]
pub(crate) enum Served {
    Variant(usize),
    Weights(Box<Weights>),
}

#[derive(Debug)]
pub(crate) struct Weights {
    /// Cumulative weight and variant; the last is `total`.
    pub(crate) steps: Vec<(u64, usize)>,
    pub(crate) total: u64,
    pub(crate) spread: Spread,
}

/// What became of a rule.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Check {
    OutsideWindow,
    ConditionFailed,
    UnitMissing,
    /// The unit is in another part of the exclusion group.
    Excluded,
    /// The bucket is not below the threshold.
    NotTaken,
    /// By an earlier assignment.
    Assigned {
        variant: usize,
    },
    Matched {
        variant: usize,
        split: bool,
    },
}

impl Rule {
    #[inline]
    pub(crate) fn check(&self, flag: &Flag, asked: &Asked<'_, '_, impl Context + ?Sized>) -> Check {
        if !self.window.holds(asked.now_us) {
            return Check::OutsideWindow;
        }
        if !self.when.iter().all(|condition| condition.holds(asked)) {
            return Check::ConditionFailed;
        }
        if self.sticky
            && let Some(variant) = flag.assigned(&self.name, asked.context)
        {
            return Check::Assigned { variant };
        }
        match self.slot.as_ref().map(|slot| slot.takes(asked.context)) {
            Some(None) => return Check::UnitMissing,
            Some(Some(false)) => return Check::Excluded,
            Some(Some(true)) | None => {}
        }
        match &self.serve {
            Served::Variant(variant) => match self.rollout.as_ref().map(|rollout| rollout.takes(asked)) {
                Some(None) => Check::UnitMissing,
                Some(Some(false)) => Check::NotTaken,
                taken => Check::Matched { variant: *variant, split: taken.is_some() || self.slot.is_some() },
            },
            Served::Weights(weights) if weights.spread.hash == Hash::Unleash => {
                match self.rollout.as_ref().map(|rollout| rollout.takes(asked)) {
                    Some(None) => return Check::UnitMissing,
                    Some(Some(false)) => return Check::NotTaken,
                    Some(Some(true)) | None => {}
                }
                let variant = weights.spread.of_unit(asked.context, |unit| weights.variant(unit)).flatten();
                variant.map_or(Check::UnitMissing, |variant| Check::Matched { variant, split: true })
            }
            Served::Weights(weights) => {
                match weights.spread.of_unit(asked.context, |unit| weights.stretch(unit)).flatten() {
                    None => Check::UnitMissing,
                    Some((variant, bucket)) if bucket < self.threshold(asked.now_us) => {
                        Check::Matched { variant, split: true }
                    }
                    Some(_) => Check::NotTaken,
                }
            }
        }
    }

    /// Where the context's unit falls in the rollout, `0..100_000`; None without a unit.
    pub(crate) fn bucket(&self, context: &(impl Context + ?Sized)) -> Option<u32> {
        match &self.serve {
            Served::Weights(weights) if weights.spread.hash != Hash::Unleash => {
                let stretch = weights.spread.of_unit(context, |unit| weights.stretch(unit));
                stretch.flatten().map(|(_, bucket)| bucket)
            }
            _ => {
                let spread = &self.rollout.as_ref()?.spread;
                spread.of_unit(context, |unit| spread.bucket(unit))
            }
        }
    }

    /// Buckets below it are taken, 0 to 100,000.
    pub(crate) fn threshold(&self, now_us: i64) -> u32 {
        self.rollout.as_ref().map_or(BUCKETS, |rollout| rollout.share.threshold(now_us))
    }

    /// Everything that a unit is hashed by.
    pub(crate) fn spreads(&self) -> impl Iterator<Item = &Spread> {
        let weights = match &self.serve {
            Served::Weights(weights) => Some(&weights.spread),
            Served::Variant(_) => None,
        };
        let slot = self.slot.as_ref().map(|slot| &slot.spread);
        slot.into_iter().chain(self.rollout.as_ref().map(|rollout| &rollout.spread)).chain(weights)
    }
}

impl Slot {
    /// Where the unit falls in the group; None without one.
    pub(crate) fn bucket(&self, context: &(impl Context + ?Sized)) -> Option<u32> {
        self.spread.of_unit(context, |unit| self.spread.bucket(unit))
    }

    /// None without a unit.
    fn takes(&self, context: &(impl Context + ?Sized)) -> Option<bool> {
        self.bucket(context).map(|bucket| (self.from..self.to).contains(&bucket))
    }
}

impl Rollout {
    /// None without a unit.
    pub(crate) fn takes(&self, asked: &Asked<'_, '_, impl Context + ?Sized>) -> Option<bool> {
        let bucket = self.spread.of_unit(asked.context, |unit| self.spread.bucket(unit))?;
        Some(bucket < self.share.threshold(asked.now_us))
    }
}

impl Weights {
    /// Of Unleash's hash, which has a line of its own for weights.
    pub(crate) fn variant(&self, unit: &Attribute<'_>) -> Option<usize> {
        let point = self.spread.weight_point(unit, self.total)?;
        self.steps.iter().find(|(upto, _)| *upto >= point).map(|(_, variant)| *variant)
    }

    /// Of the hashes that have one line for weights and rollout: the variant in whose stretch the
    /// unit is, and where in it, `0..100_000`. A rollout takes the first part of each stretch, so
    /// that widening moves nobody between variants.
    fn stretch(&self, unit: &Attribute<'_>) -> Option<(usize, u32)> {
        let place = u128::from(self.spread.place(unit)) * u128::from(self.total);
        let mut passed = 0_u64;
        for (upto, variant) in &self.steps {
            if place < u128::from(*upto) * u128::from(BUCKETS) {
                let weight = u128::from(upto.saturating_sub(passed));
                let within = place.saturating_sub(u128::from(passed) * u128::from(BUCKETS)).checked_div(weight)?;
                return Some((*variant, u32::try_from(within).ok()?));
            }
            passed = *upto;
        }
        None
    }
}

impl Window {
    pub(crate) const ALWAYS: Self = Self { starts_us: i64::MIN, ends_us: i64::MAX };

    #[inline]
    pub(crate) fn holds(self, now_us: i64) -> bool {
        self.starts_us <= now_us && now_us < self.ends_us
    }
}

impl Share {
    /// Buckets below it are taken, 0 to 100,000.
    pub(crate) fn threshold(&self, now_us: i64) -> u32 {
        let (before, points) = match self {
            Self::Fixed(threshold) => return *threshold,
            Self::Scheduled { before, points } => (*before, points),
        };
        let passed = points.partition_point(|(at_us, _)| *at_us <= now_us);
        let Some((from_us, from)) = passed.checked_sub(1).and_then(|last| points.get(last)) else {
            return before;
        };
        match points.get(passed) {
            None => *from,
            Some((to_us, to)) => between((*from_us, *from), (*to_us, *to), now_us),
        }
    }
}

impl Share {
    /// The least that it is from `from_us` on.
    pub(crate) fn least_from(&self, from_us: i64) -> u32 {
        self.turns(from_us).min().unwrap_or_default()
    }

    /// The most that it is from `from_us` on.
    pub(crate) fn most_from(&self, from_us: i64) -> u32 {
        self.turns(from_us).max().unwrap_or_default()
    }

    /// Where it stands at `from_us`, and at each point after; it is never outside of them.
    fn turns(&self, from_us: i64) -> impl Iterator<Item = u32> {
        let points = match self {
            Self::Fixed(_) => [].as_slice(),
            Self::Scheduled { points, .. } => points,
        };
        let later = points.iter().filter(move |(at_us, _)| *at_us > from_us).map(|(_, share)| *share);
        later.chain([self.threshold(from_us)])
    }

    /// The first time, `now_us` or later, at which the bucket is taken.
    pub(crate) fn takes_from(&self, bucket: u32, now_us: i64) -> Option<i64> {
        let takes = |at_us: i64| bucket < self.threshold(at_us);
        if takes(now_us) {
            return Some(now_us);
        }
        let Self::Scheduled { points, .. } = self else { return None };
        let mut from_us = now_us;
        for (at_us, _) in points.iter().filter(|(at_us, _)| *at_us > now_us) {
            if takes(*at_us) {
                // On the way from one point to the next it only climbs.
                let (mut missed_us, mut taken_us) = (from_us, *at_us);
                while taken_us.saturating_sub(missed_us) > 1 {
                    let middle_us = missed_us.midpoint(taken_us);
                    if takes(middle_us) { taken_us = middle_us } else { missed_us = middle_us }
                }
                return Some(taken_us);
            }
            from_us = *at_us;
        }
        None
    }
}

/// On the line between two points, towards the first by less than one thousandth.
fn between((from_us, from): (i64, u32), (to_us, to): (i64, u32), now_us: i64) -> u32 {
    let climb = i128::from(to) - i128::from(from);
    let passed = i128::from(now_us) - i128::from(from_us);
    let length = i128::from(to_us) - i128::from(from_us);
    let moved = (climb * passed).checked_div(length).unwrap_or(0);
    u32::try_from(i128::from(from) + moved).unwrap_or(from)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn schedule_table() {
        let share =
            Share::Scheduled { before: 7, points: Vec::from([(100, 1_000), (200, 51_000), (300, 0), (400, 100_000)]) };
        for (now_us, expected) in [
            (i64::MIN, 7),
            (99, 7),
            (100, 1_000),
            (150, 26_000),
            (199, 50_500),
            (200, 51_000),
            (250, 25_500),
            (300, 0),
            (301, 1_000),
            (399, 99_000),
            (400, 100_000),
            (i64::MAX, 100_000),
        ] {
            assert_eq!(share.threshold(now_us), expected, "{now_us}");
        }
    }

    #[test]
    fn the_first_time_is_the_first() {
        let share =
            Share::Scheduled { before: 7, points: Vec::from([(100, 1_000), (200, 51_000), (300, 0), (400, 40_000)]) };
        for bucket in [0, 6, 7, 999, 1_000, 1_500, 39_999, 40_000, 50_999, 51_000] {
            for now_us in [0, 99, 100, 150, 200, 210, 299, 300, 399, 400, 500] {
                let first = (now_us..=500).find(|at_us| bucket < share.threshold(*at_us));
                assert_eq!(share.takes_from(bucket, now_us), first, "{bucket} {now_us}");
            }
        }
    }
}
