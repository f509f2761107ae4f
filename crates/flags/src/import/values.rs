//! The values of a flag elsewhere, where variants have no names, as type and variants.

use super::naming::{Names, text_of};
use crate::{Choice, FlagDefinition, FlagType, Members};
use alloc::{
    format,
    string::{String, ToString},
    vec::Vec,
};
use serde_json::Value as Json;

/// Each value once, with the name of its variant.
pub(super) struct Values {
    flag_type: FlagType,
    named: Vec<(String, Json)>,
}

impl Values {
    /// A text that is short is its own name. The error says why they are no variants of one flag.
    pub(super) fn of<'v>(values: impl IntoIterator<Item = &'v Json>) -> Result<Self, String> {
        const LONGEST_NAME: usize = 50;
        let mut names = Names::default();
        let mut named: Vec<(String, Json)> = Vec::new();
        for value in values {
            if !named.iter().any(|(_, other)| other == value) {
                let text = text_of(value);
                let fits = !text.is_empty() && text.len() <= LONGEST_NAME && !value.is_object();
                let name = if fits { text } else { format!("value-{}", named.len()) };
                named.push((names.unique(&name), value.clone()));
            }
        }
        let fits = |flag_type: &FlagType| {
            named.iter().all(|(_, value)| match flag_type {
                FlagType::Boolean => value.is_boolean(),
                FlagType::String => value.is_string(),
                FlagType::Integer => value.is_i64(),
                FlagType::Float => value.is_number(),
                FlagType::Object => value.is_object(),
            })
        };
        let fitting = [FlagType::Boolean, FlagType::String, FlagType::Integer, FlagType::Float, FlagType::Object]
            .into_iter()
            .find(fits)
            .filter(|_| !named.is_empty());
        let flag_type = fitting.ok_or("its values are not all of one type that a flag may have")?;
        Ok(Self { flag_type, named })
    }

    pub(super) fn declare(&self, flag: &mut FlagDefinition) {
        flag.flag_type = self.flag_type;
        if self.flag_type != FlagType::Boolean {
            flag.variants = self.named.iter().cloned().collect::<Members<Json>>();
        }
    }

    /// One of the values.
    pub(super) fn choice(&self, value: &Json) -> Choice {
        match value {
            Json::Bool(value) => Choice::Boolean(*value),
            _ => Choice::Variant(self.name(value)),
        }
    }

    /// The name of one of the values, as weights have it.
    pub(super) fn name(&self, value: &Json) -> String {
        if self.flag_type == FlagType::Boolean {
            return if value == &Json::Bool(true) { "on" } else { "off" }.to_string();
        }
        let found = self.named.iter().find(|(_, other)| other == value);
        found.map(|(name, _)| name.clone()).unwrap_or_default()
    }
}
