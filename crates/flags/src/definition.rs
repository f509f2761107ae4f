//! The file: its types as written. Members that hold their default are left out when written.

use crate::{
    FlagKey, Hash, Members, Percent, SegmentKey, Units,
    choice::{Choice, Serve},
};
use alloc::{string::String, vec::Vec};
use core::fmt;
use serde::{Deserialize, Serialize};
use serde_json::Value as Json;

/// A flag file: any number of flags and segments. Serializes to what it was read from, members
/// that hold their default left out.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FlagFile {
    /// The flags, in the order of the file.
    #[serde(default)]
    pub flags: Vec<FlagDefinition>,
    /// The segments, in the order of the file.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub segments: Vec<SegmentDefinition>,
}

/// A flag as written. The salt is no member: the store makes it when the flag is created, keeps it
/// beside the definition, and passes it in a [`Source`](crate::Source).
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FlagDefinition {
    /// The flag's key, unique in the set.
    pub key: FlagKey,
    /// For people.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    /// Who answers for it; for people.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub owner: Option<String>,
    /// For people, and to find flags by.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub tags: Vec<String>,
    /// RFC 3339; from then on the flag is reported as stale. It changes no answer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expires_at: Option<String>,
    /// The type of all its values.
    #[serde(rename = "type", default, skip_serializing_if = "is_default")]
    pub flag_type: FlagType,
    /// Whether the flag is there at all; default true.
    #[serde(default = "yes", skip_serializing_if = "is_true")]
    pub active: bool,
    /// The switch; default true. Off gives the off value.
    #[serde(default = "yes", skip_serializing_if = "is_true")]
    pub enabled: bool,
    /// Name → value; a boolean flag has `on` and `off` by itself and takes none.
    #[serde(default, skip_serializing_if = "Members::is_empty")]
    pub variants: Members<Json>,
    /// Served when no rule matches; false if left out of a boolean flag, else required.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub default: Option<Choice>,
    /// Served when off; default false, of other types than boolean the default variant.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub off: Option<Choice>,
    /// RFC 3339; before it the flag is off.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub starts_at: Option<String>,
    /// RFC 3339; from then on the flag is off.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ends_at: Option<String>,
    /// Flags that must have a certain value, or this one is off.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub prerequisites: Vec<PrerequisiteDefinition>,
    /// Keys of segments whose users no rule takes.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub holdouts: Vec<String>,
    /// User UUID or external id → what that user gets.
    #[serde(default, skip_serializing_if = "Members::is_empty")]
    pub overrides: Members<Choice>,
    /// Tried in order; the first that matches decides.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub rules: Vec<RuleDefinition>,
}

impl FlagDefinition {
    /// A boolean flag that is false for everybody.
    pub fn new(key: FlagKey) -> Self {
        Self {
            key,
            description: None,
            owner: None,
            tags: Vec::new(),
            expires_at: None,
            flag_type: FlagType::Boolean,
            active: true,
            enabled: true,
            variants: Members::default(),
            default: None,
            off: None,
            starts_at: None,
            ends_at: None,
            prerequisites: Vec::new(),
            holdouts: Vec::new(),
            overrides: Members::default(),
            rules: Vec::new(),
        }
    }
}

/// The type of a flag's values.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum FlagType {
    /// True or false.
    #[default]
    Boolean,
    /// A text.
    String,
    /// A whole number, `i64`.
    Integer,
    /// A finite floating-point number.
    Float,
    /// A JSON object.
    Object,
}

/// A flag that must have a certain value, or one of several.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PrerequisiteDefinition {
    /// The other flag's key.
    pub flag: String,
    /// The value (boolean) or variant it must have.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub value: Option<Choice>,
    /// Instead of `value`: values or variants, of which it must have one.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub values: Vec<Choice>,
}

/// A rule: it matches if it is in its time, all of `when` holds, and the rollout takes the unit.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RuleDefinition {
    /// For people, and the answer's `rule`; unique within the flag.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// Conditions, of which all must hold.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub when: Vec<ConditionDefinition>,
    /// How many of those the rule takes; everybody if left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rollout: Option<RolloutDefinition>,
    /// The part of an exclusion group that the rule takes its users from.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub exclusion: Option<ExclusionDefinition>,
    /// Whether who was served by this rule once is served the same for as long as its conditions
    /// hold, whatever rollout, group and weights say later.
    #[serde(default, skip_serializing_if = "is_default")]
    pub sticky: bool,
    /// What is served. Required.
    pub serve: Serve,
    /// What weights hash, if not what the rollout does.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub split: Option<SplitDefinition>,
    /// RFC 3339; before it the rule does not match.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub starts_at: Option<String>,
    /// RFC 3339; from then on the rule does not match.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ends_at: Option<String>,
}

/// A condition: either `attribute`, `op` and what it compares with, or a `segment`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ConditionDefinition {
    /// Name of the attribute.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub attribute: Option<String>,
    /// How it is compared.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub op: Option<Operator>,
    /// With one value.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub value: Option<Json>,
    /// With any of several.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub values: Option<Vec<Json>>,
    /// Key of a segment the user must be in.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub segment: Option<String>,
    /// Whether texts are compared without regard to case.
    #[serde(default, skip_serializing_if = "is_default")]
    pub case_insensitive: bool,
    /// Whether the condition holds when it otherwise would not.
    #[serde(default, skip_serializing_if = "is_default")]
    pub negate: bool,
}

/// How an attribute is compared; written as in the contract.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[expect(missing_docs, reason = "each is named by what is written in the file")]
pub enum Operator {
    #[serde(rename = "=")]
    Equal,
    #[serde(rename = "!=")]
    NotEqual,
    #[serde(rename = "in")]
    In,
    #[serde(rename = "not_in")]
    NotIn,
    #[serde(rename = "contains")]
    Contains,
    #[serde(rename = "starts_with")]
    StartsWith,
    #[serde(rename = "ends_with")]
    EndsWith,
    #[serde(rename = "matches")]
    Matches,
    #[serde(rename = "<")]
    Less,
    #[serde(rename = "<=")]
    LessOrEqual,
    #[serde(rename = ">")]
    Greater,
    #[serde(rename = ">=")]
    GreaterOrEqual,
    #[serde(rename = "before")]
    Before,
    #[serde(rename = "after")]
    After,
    #[serde(rename = "semver_=")]
    VersionEqual,
    #[serde(rename = "semver_!=")]
    VersionNotEqual,
    #[serde(rename = "semver_<")]
    VersionLess,
    #[serde(rename = "semver_<=")]
    VersionLessOrEqual,
    #[serde(rename = "semver_>")]
    VersionGreater,
    #[serde(rename = "semver_>=")]
    VersionGreaterOrEqual,
    #[serde(rename = "cidr")]
    Cidr,
    #[serde(rename = "exists")]
    Exists,
}

impl Operator {
    /// The operator that this one is the opposite of, or itself.
    pub(crate) fn positive(self) -> Self {
        match self {
            Self::NotEqual => Self::Equal,
            Self::NotIn => Self::In,
            Self::VersionNotEqual => Self::VersionEqual,
            other => other,
        }
    }
}

impl fmt::Display for Operator {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.serialize(f)
    }
}

/// How many a rule takes.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RolloutDefinition {
    /// The percentage; with a schedule, that before its first point (0 if left out).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub percent: Option<Percent>,
    /// The attribute by which people are told apart; default `user_id`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub unit: Option<Units>,
    /// Default the flag's own; of a segment its key.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub salt: Option<String>,
    /// How unit and salt become a bucket.
    #[serde(default, skip_serializing_if = "is_default")]
    pub hash: Hash,
    /// Points in time order, between which the percentage moves linearly.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub schedule: Vec<SchedulePoint>,
}

/// What weights hash. Goes with the hash `unleash` alone: the others have one line for both.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SplitDefinition {
    /// Default the rollout's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub unit: Option<Units>,
    /// Default the rollout's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub salt: Option<String>,
}

/// A part of an exclusion group: rules of different flags that name the same group take their users
/// from parts that do not overlap, so that nobody is in two of them.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ExclusionDefinition {
    /// Names the group, and is its salt.
    pub group: String,
    /// Where the part begins.
    pub from: Percent,
    /// Where the part ends, itself not in it.
    pub to: Percent,
    /// The attribute by which people are told apart; default `user_id`, the same in all the group.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub unit: Option<Units>,
}

/// The percentage at a time.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SchedulePoint {
    /// RFC 3339.
    pub at: String,
    /// The percentage from then on, or on the way to the next point.
    pub percent: Percent,
}

/// A named set of users: those listed, and those of whom all of `when` holds and whom the rollout
/// takes.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SegmentDefinition {
    /// The segment's key, unique in the set.
    pub key: SegmentKey,
    /// Conditions, of which all must hold; without any and without rollout nobody.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub when: Vec<ConditionDefinition>,
    /// How many of those are in it; everybody if left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rollout: Option<RolloutDefinition>,
    /// User UUIDs or external ids.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub users: Vec<String>,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "the signature serde asks for")]
fn is_true(value: &bool) -> bool {
    *value
}

fn yes() -> bool {
    true
}

fn is_default<T: Default + PartialEq>(value: &T) -> bool {
    *value == T::default()
}
