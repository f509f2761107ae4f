//! A compiled rule: its time, its conditions, how many it takes, and what it serves.

use crate::{
    Context,
    bucket::{bucket_of, weight_point},
    condition::{Condition, Segment},
};
use alloc::{string::String, vec::Vec};

#[derive(Debug)]
pub(crate) struct Rule {
    pub(crate) name: String,
    pub(crate) window: Window,
    pub(crate) when: Vec<Condition>,
    /// None takes everybody, with or without a unit.
    pub(crate) share: Option<Share>,
    pub(crate) serve: Served,
    /// Name of the attribute that rollout and weights hash.
    pub(crate) unit: String,
    pub(crate) salt: String,
}

/// From `starts_us` on, up to and without `ends_us` (microseconds since 1970).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Window {
    pub(crate) starts_us: i64,
    pub(crate) ends_us: i64,
}

/// The share of the buckets, in thousandths of a percent.
#[derive(Debug)]
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
    Weights {
        /// Cumulative weight and variant; the last is `total`.
        steps: Vec<(u64, usize)>,
        total: u64,
    },
}

/// What became of a rule.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Check {
    OutsideWindow,
    ConditionFailed,
    UnitMissing,
    /// The bucket is not below the threshold.
    NotTaken,
    Matched {
        variant: usize,
        split: bool,
    },
}

impl Rule {
    pub(crate) fn check(&self, segments: &[Segment], context: &(impl Context + ?Sized), now_us: i64) -> Check {
        if !self.window.holds(now_us) {
            return Check::OutsideWindow;
        }
        if !self.when.iter().all(|condition| condition.holds(segments, context)) {
            return Check::ConditionFailed;
        }
        if let Some(share) = &self.share {
            match self.bucket(context) {
                None => return Check::UnitMissing,
                Some(bucket) if bucket >= share.threshold(now_us) => return Check::NotTaken,
                Some(_) => {}
            }
        }
        match &self.serve {
            Served::Variant(variant) => Check::Matched { variant: *variant, split: self.share.is_some() },
            Served::Weights { steps, total } => {
                let unit = context.attribute(&self.unit);
                let point = unit.and_then(|unit| weight_point(&self.salt, unit, *total));
                let step = point.and_then(|p| steps.iter().find(|(upto, _)| *upto >= p));
                step.map_or(Check::UnitMissing, |(_, variant)| Check::Matched { variant: *variant, split: true })
            }
        }
    }

    /// Where the context's unit falls; None without a unit.
    pub(crate) fn bucket(&self, context: &(impl Context + ?Sized)) -> Option<u32> {
        context.attribute(&self.unit).and_then(|unit| bucket_of(&self.salt, unit))
    }

    /// Whether no context at no time gets past this rule.
    pub(crate) fn matches_always(&self) -> bool {
        self.when.is_empty()
            && self.window == Window::ALWAYS
            && self.share.is_none()
            && matches!(self.serve, Served::Variant(_))
    }
}

impl Window {
    pub(crate) const ALWAYS: Self = Self { starts_us: i64::MIN, ends_us: i64::MAX };

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
}
