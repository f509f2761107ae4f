//! The values before and after: an ordered list of fields, each at most once.

use alloc::{format, string::String, vec::Vec};

use serde::{
    Deserialize, Deserializer,
    de::{MapAccess, Visitor},
};

use crate::Field;

/// One value of an event. There are no floats: an amount is text ([`Value::credits`]).
#[derive(Debug, Clone, PartialEq, Eq, Hash, Deserialize)]
#[serde(untagged)]
pub enum Value {
    /// Nothing: the field had no value.
    Null,
    /// Yes or no.
    Boolean(bool),
    /// A whole number.
    Integer(i64),
    /// A text; it may hold any character.
    Text(String),
}

impl Value {
    /// Credits, given in millionths, as text with two to six decimals: `95.00`, `-0.001`.
    pub fn credits(micros: i64) -> Self {
        let magnitude = micros.unsigned_abs();
        let (whole, millionths) = (magnitude / 1_000_000, magnitude % 1_000_000);
        let sign = if micros < 0 { "-" } else { "" };
        Self::Text(match millionths {
            cents if cents % 10_000 == 0 => format!("{sign}{whole}.{:02}", cents / 10_000),
            all => {
                let mut text = format!("{sign}{whole}.{all:06}");
                text.truncate(text.trim_end_matches('0').len());
                text
            }
        })
    }
}

impl From<bool> for Value {
    fn from(value: bool) -> Self {
        Self::Boolean(value)
    }
}

impl From<i64> for Value {
    fn from(value: i64) -> Self {
        Self::Integer(value)
    }
}

impl From<u32> for Value {
    fn from(value: u32) -> Self {
        Self::Integer(value.into())
    }
}

impl From<&str> for Value {
    fn from(value: &str) -> Self {
        Self::Text(value.into())
    }
}

impl From<String> for Value {
    fn from(value: String) -> Self {
        Self::Text(value)
    }
}

impl<V: Into<Value>> From<Option<V>> for Value {
    fn from(value: Option<V>) -> Self {
        value.map_or(Self::Null, Into::into)
    }
}

/// Fields with their values, in the order of first mention.
///
/// Names come from the closed [`Field`], in which no secret has a name. Values are not searched:
/// who puts a secret into the text of `description` has put it there.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash)]
pub struct Details(Vec<(Field, Value)>);

impl Details {
    /// No fields.
    pub const fn new() -> Self {
        Self(Vec::new())
    }

    /// The same with the field set; a field mentioned again keeps its place and takes the value.
    #[must_use]
    pub fn with(mut self, field: Field, value: impl Into<Value>) -> Self {
        self.set(field, value);
        self
    }

    /// Sets the field; one mentioned again keeps its place and takes the value.
    pub fn set(&mut self, field: Field, value: impl Into<Value>) {
        let value = value.into();
        match self.0.iter_mut().find(|(known, _)| *known == field) {
            Some((_, old)) => *old = value,
            None => self.0.push((field, value)),
        }
    }

    /// The value of the field, if it is mentioned.
    pub fn value(&self, field: Field) -> Option<&Value> {
        self.iter().find_map(|(known, value)| (known == field).then_some(value))
    }

    /// The fields and values in order.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = (Field, &Value)> {
        self.0.iter().map(|(field, value)| (*field, value))
    }

    /// Whether no field is mentioned.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl<'de> Deserialize<'de> for Details {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Members;

        impl<'de> Visitor<'de> for Members {
            type Value = Details;

            fn expecting(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
                f.write_str("an object of fields")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<Details, A::Error> {
                let mut details = Details::new();
                while let Some((field, value)) = members.next_entry::<Field, Value>()? {
                    details.set(field, value);
                }
                Ok(details)
            }
        }

        deserializer.deserialize_map(Members)
    }
}

#[cfg(test)]
mod tests {
    use alloc::vec;

    use super::*;

    #[test]
    fn credits_have_two_to_six_decimals() {
        for (micros, text) in [
            (0, "0.00"),
            (95_000_000, "95.00"),
            (10_500_000, "10.50"),
            (-10_500_000, "-10.50"),
            (1_000, "0.001"),
            (-1, "-0.000001"),
            (1_230_000, "1.23"),
            (1_000_000_000_000_000_000, "1000000000000.00"),
            (i64::MIN, "-9223372036854.775808"),
        ] {
            assert_eq!(Value::credits(micros), Value::Text(text.into()), "{micros}");
        }
    }

    #[test]
    fn a_field_stands_once_at_its_first_place() {
        let details = Details::new().with(Field::Name, "a").with(Field::Role, "b").with(Field::Name, "c");
        let expected = vec![(Field::Name, Value::from("c")), (Field::Role, Value::from("b"))];
        assert_eq!(details.0, expected);
        assert_eq!(details.value(Field::Role), Some(&Value::from("b")));
        assert_eq!(details.value(Field::Email), None);
    }
}
