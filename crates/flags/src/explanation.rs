//! What an explanation says.

use crate::{Reason, Value};
use alloc::{borrow::ToOwned, string::String, vec::Vec};
use serde::Serialize;

/// An evaluation with everything that led to it. It holds the user's attributes: for
/// administrators; clients get [`redacted`](Self::redacted).
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Explanation<'s> {
    /// The flag's key.
    pub flag: &'s str,
    /// As [`Evaluation::enabled`](crate::Evaluation::enabled).
    pub enabled: bool,
    /// The value.
    pub value: Value<'s>,
    /// The variant.
    pub variant: Option<&'s str>,
    /// Why, in `OpenFeature`'s word.
    pub reason: Reason,
    /// The name of the rule that matched.
    pub rule: Option<&'s str>,
    /// Why, in a sentence.
    pub sentence: String,
    /// What would have to change for the rules to be tried; empty if they were, or if the user has
    /// an override.
    pub needs: Vec<String>,
    /// The prerequisites, those of inner flags within; not looked at if the flag itself is off.
    pub prerequisites: Vec<PrerequisiteExplanation<'s>>,
    /// Key of the segment that keeps the user out of all rules.
    pub holdout: Option<&'s str>,
    /// All rules in order.
    pub rules: Vec<RuleExplanation<'s>>,
}

/// A prerequisite and what the other flag is.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct PrerequisiteExplanation<'s> {
    /// The other flag's key.
    pub flag: &'s str,
    /// The variants of which it must have one.
    pub wanted: Vec<&'s str>,
    /// The variant it has; none if it is inactive.
    pub actual: Option<&'s str>,
    /// Whether it is one of those.
    pub met: bool,
    /// The other flag's own prerequisites.
    pub prerequisites: Vec<PrerequisiteExplanation<'s>>,
}

/// A rule and what became of it.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct RuleExplanation<'s> {
    /// Its name, or `rule 2` (counted from 1).
    pub name: &'s str,
    /// What became of it.
    pub outcome: RuleOutcome,
    /// Its conditions; empty if the rule was not tried.
    pub conditions: Vec<ConditionExplanation<'s>>,
    /// Its part of an exclusion group, if it has one and was tried.
    pub exclusion: Option<ExclusionExplanation<'s>>,
    /// Its rollout, if it has one and was tried.
    pub rollout: Option<RolloutExplanation<'s>>,
    /// Everything that would have to change for it to match; empty if it did or was not tried.
    pub needs: Vec<String>,
    /// What became of it, in a sentence.
    pub sentence: String,
}

/// What became of a rule.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum RuleOutcome {
    /// It decided.
    Matched,
    /// It decided by an earlier assignment.
    Assigned,
    /// It is before `starts_at` or not before `ends_at`.
    OutsideTime,
    /// A condition does not hold.
    ConditionFailed,
    /// The attribute that is hashed is missing, empty, or no text or integer.
    UnitMissing,
    /// The unit is in another part of the exclusion group.
    Excluded,
    /// The bucket is not below the threshold.
    NotInRollout,
    /// The answer was there before it.
    NotTried,
}

/// A condition and what the attribute is.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct ConditionExplanation<'s> {
    /// In the words of the file.
    pub condition: &'s str,
    /// The attribute's value; none if it is absent or the condition asks of a segment.
    pub actual: Option<String>,
    /// Whether it holds, negation included.
    pub holds: bool,
    /// The segment that it asks of.
    pub segment: Option<SegmentExplanation<'s>>,
}

/// A segment and why the user is in it or not.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct SegmentExplanation<'s> {
    /// The segment's key.
    pub key: &'s str,
    /// Whether the user is one of those listed, who are in it whatever else holds.
    pub listed: bool,
    /// Its conditions.
    pub conditions: Vec<ConditionExplanation<'s>>,
    /// Its rollout, if it has one.
    pub rollout: Option<RolloutExplanation<'s>>,
}

/// A part of an exclusion group and where the unit falls.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct ExclusionExplanation<'s> {
    /// The group.
    pub group: &'s str,
    /// Name of the attribute.
    pub unit: &'s str,
    /// Where the unit falls in the group, 0 to 99,999; none without a unit.
    pub bucket: Option<u32>,
    /// The first bucket of the part.
    pub from: u32,
    /// The first bucket after it.
    pub to: u32,
}

/// A rollout and where the unit falls.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct RolloutExplanation<'s> {
    /// Name of the attribute; of several the one that is there.
    pub unit: &'s str,
    /// Its value.
    pub actual: Option<String>,
    /// Where it falls, 0 to 99,999; none without a unit.
    pub bucket: Option<u32>,
    /// Buckets below it are taken now, 0 to 100,000.
    pub threshold: u32,
}

/// What a client may know of an explanation: nothing of the user's attributes, of what rules ask
/// for, of other flags, groups and percentages.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct RedactedExplanation<'s> {
    /// The flag's key.
    pub flag: &'s str,
    /// As [`Evaluation::enabled`](crate::Evaluation::enabled).
    pub enabled: bool,
    /// The value.
    pub value: Value<'s>,
    /// The variant.
    pub variant: Option<&'s str>,
    /// Why, in `OpenFeature`'s word.
    pub reason: Reason,
    /// Why, in a sentence that is the same for everybody of that reason.
    pub sentence: String,
    /// What became of each rule, in their order.
    pub rules: Vec<RuleOutcome>,
}

impl<'s> Explanation<'s> {
    /// The same for clients.
    pub fn redacted(&self) -> RedactedExplanation<'s> {
        let sentence = match self.reason {
            Reason::Disabled => "The flag is off.",
            Reason::TargetingMatch => "A rule or an override is for this user.",
            Reason::Split => "The user is in the share that a rule takes.",
            Reason::Static => "The flag is the same for everybody.",
            Reason::Default => "No rule is for this user.",
            Reason::Error => "The flag could not be evaluated.",
        };
        RedactedExplanation {
            flag: self.flag,
            enabled: self.enabled,
            value: self.value,
            variant: self.variant,
            reason: self.reason,
            sentence: sentence.to_owned(),
            rules: self.rules.iter().map(|rule| rule.outcome).collect(),
        }
    }
}
