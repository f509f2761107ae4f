//! The file: its types as written. Members that hold their default are left out when written.

use crate::{
    FlagKey, Members, Percent, SegmentKey,
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
    /// User UUID or external id → what that user gets.
    #[serde(default, skip_serializing_if = "Members::is_empty")]
    pub overrides: Members<Choice>,
    /// Tried in order; the first that matches decides.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub rules: Vec<RuleDefinition>,
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

/// A flag that must have a certain value.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PrerequisiteDefinition {
    /// The other flag's key.
    pub flag: String,
    /// The value (boolean) or variant it must have.
    pub value: Choice,
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
    /// What is served. Required.
    pub serve: Serve,
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
    /// Name of the attribute by which people are told apart; default `user_id`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub unit: Option<String>,
    /// Default the flag's own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub salt: Option<String>,
    /// Points in time order, between which the percentage moves linearly.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub schedule: Vec<SchedulePoint>,
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

/// A named set of users: those listed, and those of whom all of `when` holds.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SegmentDefinition {
    /// The segment's key, unique in the set.
    pub key: SegmentKey,
    /// Conditions, of which all must hold; nobody if there is none.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub when: Vec<ConditionDefinition>,
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
