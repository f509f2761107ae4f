//! The answer: a value and why.

use core::fmt;
use serde::{Serialize, Serializer};
use serde_json::Value as Json;

/// What a flag is for one context at one time.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Evaluation<'s> {
    /// What `enabled_features` says: a boolean flag's value; for the others true unless the value
    /// is off, disabled, or the default without any rule or override having matched.
    pub enabled: bool,
    /// The value of the variant.
    pub value: Value<'s>,
    /// The variant: `on` or `off` of a boolean flag. Always there today.
    pub variant: Option<&'s str>,
    /// Why.
    pub reason: Reason,
    /// The name of the rule that matched; `rule 2` (counted from 1) if it has none.
    pub rule: Option<&'s str>,
    /// Whether the caller is to keep rule and variant for this unit, and to answer
    /// [`Context::assignment`](crate::Context::assignment) with them from now on.
    pub sticky: bool,
}

/// A value of one of the five types. Serializes as the value alone; floats keep their point
/// (`1.0`).
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
#[serde(untagged)]
pub enum Value<'s> {
    /// Of a `boolean` flag.
    Boolean(bool),
    /// Of a `string` flag.
    String(&'s str),
    /// Of an `integer` flag.
    Integer(i64),
    /// Of a `float` flag; finite.
    Float(f64),
    /// Of an `object` flag; always a JSON object.
    Object(&'s Json),
}

/// Why a flag has its value, in `OpenFeature`'s words. `Display` and serde give `DISABLED`, ….
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Reason {
    /// Switched off, outside its time, or a prerequisite is not met: the off value.
    Disabled,
    /// An override, or a rule without chance.
    TargetingMatch,
    /// A rule with a rollout or weights.
    Split,
    /// The default of a flag that has neither rules nor overrides.
    Static,
    /// The default: no rule matched.
    Default,
    /// Not given by this engine, which refuses at compilation what could fail here; for callers
    /// that must answer something.
    Error,
}

impl Reason {
    /// `OpenFeature`'s word.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Disabled => "DISABLED",
            Self::TargetingMatch => "TARGETING_MATCH",
            Self::Split => "SPLIT",
            Self::Static => "STATIC",
            Self::Default => "DEFAULT",
            Self::Error => "ERROR",
        }
    }
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl Serialize for Reason {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}
