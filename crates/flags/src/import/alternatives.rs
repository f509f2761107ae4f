//! "One of several", which conditions say by segments: it is not so that none holds.

use super::naming::Names;
use crate::{ConditionDefinition, Percent, RolloutDefinition, SegmentDefinition};
use alloc::{string::ToString, vec::Vec};

/// Segments that were made for conditions.
#[derive(Default)]
pub(super) struct Alternatives {
    pub(super) names: Names,
    pub(super) segments: Vec<SegmentDefinition>,
}

impl Alternatives {
    /// Holds if one of several groups of conditions holds; of none, never.
    pub(super) fn any_of(&mut self, name: &str, mut groups: Vec<Vec<ConditionDefinition>>) -> ConditionDefinition {
        if groups.len() == 1 {
            return self.all_of(name, groups.pop().unwrap_or_default());
        }
        let negated = |mut condition: ConditionDefinition| {
            condition.negate = !condition.negate;
            condition
        };
        let when = groups.into_iter().map(|group| negated(self.all_of(name, group))).collect();
        negated(self.segment(name, when))
    }

    /// Holds if all of a group hold; of none, always.
    pub(super) fn all_of(&mut self, name: &str, mut group: Vec<ConditionDefinition>) -> ConditionDefinition {
        match (group.pop(), group.is_empty()) {
            (Some(one), true) => one,
            (Some(last), false) => {
                group.push(last);
                self.segment(name, group)
            }
            (None, _) => self.segment(name, Vec::new()),
        }
    }

    /// In a segment of these conditions; of none, everybody: not in one that nobody is in.
    fn segment(&mut self, name: &str, when: Vec<ConditionDefinition>) -> ConditionDefinition {
        let key = self.names.key(name);
        let (segment, negate) = (Some(key.to_string()), when.is_empty());
        let percent = Percent::from_thousandths(0);
        let rollout = negate.then(|| RolloutDefinition { percent, ..RolloutDefinition::default() });
        self.segments.push(SegmentDefinition { key, when, rollout, users: Vec::new() });
        ConditionDefinition { segment, negate, ..ConditionDefinition::default() }
    }
}
