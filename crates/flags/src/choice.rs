//! What is served: a value, a variant, or weights.

use crate::Members;
use alloc::{borrow::ToOwned, string::String};
use core::fmt;
use serde::{Deserialize, Deserializer, Serialize, de};

/// A value of a boolean flag, or the name of a variant (`on` and `off` of a boolean flag, too).
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(untagged)]
pub enum Choice {
    /// `true` or `false`.
    Boolean(bool),
    /// A variant.
    Variant(String),
}

/// What a rule serves.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(untagged)]
pub enum Serve {
    /// One value or variant.
    Choice(Choice),
    /// Variant → weight: positive integers of any sum, cumulated in the order of the file.
    Weights(Members<u64>),
}

impl Default for Serve {
    fn default() -> Self {
        Self::Choice(Choice::Boolean(false))
    }
}

impl<'de> Deserialize<'de> for Choice {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(ChoiceVisitor)
    }
}

impl<'de> Deserialize<'de> for Serve {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(ServeVisitor)
    }
}

struct ChoiceVisitor;

impl de::Visitor<'_> for ChoiceVisitor {
    type Value = Choice;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("true, false or the name of a variant")
    }

    fn visit_bool<E: de::Error>(self, value: bool) -> Result<Choice, E> {
        Ok(Choice::Boolean(value))
    }

    fn visit_str<E: de::Error>(self, name: &str) -> Result<Choice, E> {
        Ok(Choice::Variant(name.to_owned()))
    }
}

struct ServeVisitor;

impl<'de> de::Visitor<'de> for ServeVisitor {
    type Value = Serve;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("true, false, the name of a variant, or weights by variant")
    }

    fn visit_bool<E: de::Error>(self, value: bool) -> Result<Serve, E> {
        Ok(Serve::Choice(Choice::Boolean(value)))
    }

    fn visit_str<E: de::Error>(self, name: &str) -> Result<Serve, E> {
        Ok(Serve::Choice(Choice::Variant(name.to_owned())))
    }

    fn visit_map<A: de::MapAccess<'de>>(self, map: A) -> Result<Serve, A::Error> {
        Members::deserialize(de::value::MapAccessDeserializer::new(map)).map(Serve::Weights)
    }
}
