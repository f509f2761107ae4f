//! YAML as JSON text, members in the order in which they were written.

use std::fmt;

use serde::de::{self, Deserialize, Deserializer, MapAccess, SeqAccess, Visitor};
use serde::{Serialize, Serializer};

/// The same document as JSON. Weights are cumulated in the order of the file, so that order is kept.
pub(super) fn to_json(text: &str) -> Result<String, String> {
    // Of YAML 1.2: `no` is a country.
    let options = serde_saphyr::options! { strict_booleans: true };
    let document: Document = serde_saphyr::from_str_with_options(text, options).map_err(|error| error.to_string())?;
    serde_json::to_string(&document).map_err(|error| error.to_string())
}

enum Document {
    Null,
    Boolean(bool),
    Integer(i64),
    Unsigned(u64),
    Float(f64),
    Text(String),
    List(Vec<Document>),
    Members(Vec<(String, Document)>),
}

impl Serialize for Document {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Null => serializer.serialize_unit(),
            Self::Boolean(value) => serializer.serialize_bool(*value),
            Self::Integer(value) => serializer.serialize_i64(*value),
            Self::Unsigned(value) => serializer.serialize_u64(*value),
            Self::Float(value) => serializer.serialize_f64(*value),
            Self::Text(text) => serializer.serialize_str(text),
            Self::List(items) => serializer.collect_seq(items),
            Self::Members(members) => serializer.collect_map(members.iter().map(|(name, value)| (name, value))),
        }
    }
}

impl<'de> Deserialize<'de> for Document {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(Any)
    }
}

struct Any;

impl<'de> Visitor<'de> for Any {
    type Value = Document;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("a value that JSON has")
    }

    fn visit_unit<E: de::Error>(self) -> Result<Document, E> {
        Ok(Document::Null)
    }

    fn visit_none<E: de::Error>(self) -> Result<Document, E> {
        Ok(Document::Null)
    }

    fn visit_some<D: Deserializer<'de>>(self, deserializer: D) -> Result<Document, D::Error> {
        Document::deserialize(deserializer)
    }

    fn visit_bool<E: de::Error>(self, value: bool) -> Result<Document, E> {
        Ok(Document::Boolean(value))
    }

    fn visit_i64<E: de::Error>(self, value: i64) -> Result<Document, E> {
        Ok(Document::Integer(value))
    }

    fn visit_u64<E: de::Error>(self, value: u64) -> Result<Document, E> {
        Ok(Document::Unsigned(value))
    }

    fn visit_f64<E: de::Error>(self, value: f64) -> Result<Document, E> {
        if value.is_finite() { Ok(Document::Float(value)) } else { Err(E::custom("a number must be finite")) }
    }

    fn visit_str<E: de::Error>(self, text: &str) -> Result<Document, E> {
        Ok(Document::Text(text.to_owned()))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Document, A::Error> {
        let mut list = Vec::new();
        while let Some(item) = items.next_element()? {
            list.push(item);
        }
        Ok(Document::List(list))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<Document, A::Error> {
        let mut list: Vec<(String, Document)> = Vec::new();
        while let Some((name, value)) = members.next_entry::<String, Document>()? {
            if list.iter().any(|(known, _)| *known == name) {
                return Err(de::Error::custom(format!("member `{name}` is given twice")));
            }
            list.push((name, value));
        }
        Ok(Document::Members(list))
    }
}

#[cfg(test)]
mod tests {
    use super::to_json;

    #[test]
    fn a_document_is_the_same_in_json_with_its_order() {
        let yaml = "flags:\n- key: a\n  enabled: true\n  variants: {z: 1, b: 2.5, on: 'true'}\n  rules: [~, -3]\n";
        let json = r#"{"flags":[{"key":"a","enabled":true,"variants":{"z":1,"b":2.5,"on":"true"},"rules":[null,-3]}]}"#;
        assert_eq!(to_json(yaml).as_deref(), Ok(json));
        assert_eq!(to_json(json).as_deref(), Ok(json));
    }

    #[test]
    fn words_stay_words() {
        assert_eq!(to_json("[no, off, y, true]").as_deref(), Ok(r#"["no","off","y",true]"#));
    }

    #[test]
    fn what_json_lacks_is_refused() {
        for yaml in ["a: .nan", "a: 1\na: 2", "a: [", "? [1]\n: 2"] {
            assert!(to_json(yaml).is_err(), "{yaml}: {:?}", to_json(yaml));
        }
    }
}
