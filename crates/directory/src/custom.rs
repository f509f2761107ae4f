//! What an app keeps about a user's permissions in its own words.

use alloc::{borrow::ToOwned, collections::BTreeSet, string::String};
use core::{fmt, str::FromStr};

use serde::{
    Deserialize, Deserializer, Serialize, Serializer,
    de::{self, DeserializeSeed, MapAccess, SeqAccess, Visitor},
};
use serde_json::value::RawValue;

use crate::text::{Flaw, ParseError};

/// Custom permissions: one JSON object as text, at most 16 KiB, without members given twice and without U+0000.
/// Its numbers are never read, so they keep every digit. `{}` unless set.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Custom(String);

/// The longest text, in bytes.
const MAX_BYTES: usize = 16 * 1024;

impl Custom {
    /// The JSON object, as it was given.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl Default for Custom {
    fn default() -> Self {
        Self("{}".to_owned())
    }
}

impl FromStr for Custom {
    type Err = ParseError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        check(text.trim_ascii()).map_err(|flaw| ParseError { what: "custom permissions", flaw })
    }
}

impl fmt::Display for Custom {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// As the JSON object itself, not as a string.
impl Serialize for Custom {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serde_json::from_str::<&RawValue>(&self.0).map_err(serde::ser::Error::custom)?.serialize(serializer)
    }
}

/// From the JSON object itself, through `serde_json`.
impl<'de> Deserialize<'de> for Custom {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = <&RawValue>::deserialize(deserializer)?;
        text.get().parse().map_err(de::Error::custom)
    }
}

fn check(text: &str) -> Result<Custom, Flaw> {
    if text.len() > MAX_BYTES {
        return Err(Flaw::TooLong { max: MAX_BYTES });
    }
    let mut parser = serde_json::Deserializer::from_str(text);
    let sound = text.starts_with('{') && Sound.deserialize(&mut parser).and_then(|()| parser.end()).is_ok();
    if sound {
        Ok(Custom(text.to_owned()))
    } else {
        Err(Flaw::NotA("a JSON object without repeated members and without U+0000"))
    }
}

/// Reads any JSON value and keeps nothing; refuses a member given twice and U+0000 at any depth.
struct Sound;

impl<'de> DeserializeSeed<'de> for Sound {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Sound {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JSON")
    }

    fn visit_unit<E: de::Error>(self) -> Result<(), E> {
        Ok(())
    }

    fn visit_bool<E: de::Error>(self, _: bool) -> Result<(), E> {
        Ok(())
    }

    fn visit_i64<E: de::Error>(self, _: i64) -> Result<(), E> {
        Ok(())
    }

    fn visit_u64<E: de::Error>(self, _: u64) -> Result<(), E> {
        Ok(())
    }

    fn visit_f64<E: de::Error>(self, _: f64) -> Result<(), E> {
        Ok(())
    }

    fn visit_str<E: de::Error>(self, text: &str) -> Result<(), E> {
        if text.contains('\0') { Err(E::custom("U+0000")) } else { Ok(()) }
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<(), A::Error> {
        while items.next_element_seed(Self)?.is_some() {}
        Ok(())
    }

    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<(), A::Error> {
        let mut names = BTreeSet::new();
        while let Some(name) = members.next_key::<String>()? {
            Self.visit_str(&name)?;
            members.next_value_seed(Self)?;
            if !names.insert(name) {
                return Err(de::Error::custom("a member given twice"));
            }
        }
        Ok(())
    }
}
