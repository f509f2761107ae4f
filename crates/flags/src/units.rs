//! The attributes that tell people apart.

use alloc::{borrow::ToOwned, string::String, vec::Vec};
use core::fmt;
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

/// The name of an attribute, or several of which the first that is there counts. Written as a text,
/// or as a list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Units(Vec<String>);

impl Units {
    /// Of several names; None without any.
    pub fn first_of(names: &[&str]) -> Option<Self> {
        (!names.is_empty()).then(|| Self(names.iter().map(|name| (*name).to_owned()).collect()))
    }

    /// The names in order, one at least.
    pub fn iter(&self) -> impl Iterator<Item = &str> {
        self.0.iter().map(String::as_str)
    }
}

impl From<&str> for Units {
    fn from(name: &str) -> Self {
        Self(Vec::from([name.to_owned()]))
    }
}

impl Serialize for Units {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self.0.as_slice() {
            [one] => serializer.serialize_str(one),
            several => several.serialize(serializer),
        }
    }
}

impl<'de> Deserialize<'de> for Units {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(UnitsVisitor)
    }
}

struct UnitsVisitor;

impl<'de> de::Visitor<'de> for UnitsVisitor {
    type Value = Units;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the name of an attribute, or a list of names")
    }

    fn visit_str<E: de::Error>(self, name: &str) -> Result<Units, E> {
        Ok(Units::from(name))
    }

    fn visit_seq<A: de::SeqAccess<'de>>(self, mut list: A) -> Result<Units, A::Error> {
        let mut names = Vec::new();
        while let Some(name) = list.next_element()? {
            names.push(name);
        }
        if names.is_empty() { Err(de::Error::invalid_length(0, &self)) } else { Ok(Units(names)) }
    }
}
