//! The variants of a flag: a name and a value of the flag's type.

use crate::{Choice, FlagDefinition, FlagType};
use alloc::{
    borrow::ToOwned,
    format,
    string::{String, ToString},
    vec::Vec,
};
use serde_json::Value as Json;

#[derive(Debug, PartialEq)]
pub(crate) struct Variant {
    pub(crate) name: String,
    pub(crate) value: OwnedValue,
}

#[derive(Debug, PartialEq)]
pub(crate) enum OwnedValue {
    Boolean(bool),
    String(String),
    Integer(i64),
    Float(f64),
    Object(Json),
}

/// The flag's variants; `off` and `on` of a boolean flag. The error says what is wrong.
pub(crate) fn variants(flag: &FlagDefinition) -> Result<Vec<Variant>, String> {
    if flag.flag_type == FlagType::Boolean {
        if !flag.variants.is_empty() {
            return Err("a boolean flag has `on` and `off` and takes no `variants`".to_owned());
        }
        let boolean = |value| Variant { name: variant_name(value).to_owned(), value: OwnedValue::Boolean(value) };
        return Ok(Vec::from([boolean(false), boolean(true)]));
    }
    if flag.variants.is_empty() {
        return Err("`variants` is required of a flag that is not boolean".to_owned());
    }
    flag.variants
        .iter()
        .map(|(name, value)| {
            let fitting = match flag.flag_type {
                FlagType::Boolean => None,
                FlagType::String => value.as_str().map(|text| OwnedValue::String(text.to_owned())),
                FlagType::Integer => value.as_i64().map(OwnedValue::Integer),
                FlagType::Float => value.as_f64().map(OwnedValue::Float),
                FlagType::Object => value.is_object().then(|| OwnedValue::Object(value.clone())),
            };
            let value = fitting.ok_or_else(|| {
                let wanted = serde_json::json!(flag.flag_type).to_string();
                format!("variant `{name}`: {value} does not fit the type {wanted}")
            })?;
            Ok(Variant { name: name.to_owned(), value })
        })
        .collect()
}

/// The position of a choice among the flag's variants.
pub(crate) fn position(flag: &FlagDefinition, choice: &Choice) -> Result<usize, String> {
    let found = match (choice, flag.flag_type) {
        (Choice::Boolean(value), FlagType::Boolean) => Some(usize::from(*value)),
        (Choice::Boolean(value), _) => {
            return Err(format!("{value} is no variant; only a boolean flag takes true or false"));
        }
        (Choice::Variant(name), FlagType::Boolean) => {
            [false, true].iter().position(|value| variant_name(*value) == name)
        }
        (Choice::Variant(name), _) => flag.variants.iter().position(|(other, _)| other == name),
    };
    found.ok_or_else(|| match choice {
        Choice::Variant(name) => format!("unknown variant `{name}`"),
        Choice::Boolean(value) => format!("unknown value {value}"),
    })
}

pub(crate) const fn variant_name(value: bool) -> &'static str {
    if value { "on" } else { "off" }
}
