//! Names of other systems as keys and rule names of this one.

use crate::Key;
use alloc::{
    borrow::ToOwned,
    collections::BTreeSet,
    format,
    string::{String, ToString},
};

/// Names that were given already.
#[derive(Debug, Default)]
pub(super) struct Names(BTreeSet<String>);

impl Names {
    /// The name, with a number behind it if it was given before.
    pub(super) fn unique(&mut self, wanted: &str) -> String {
        let mut name = wanted.to_owned();
        let mut number = 1_u32;
        while !self.0.insert(name.clone()) {
            number = number.saturating_add(1);
            name = format!("{wanted}-{number}");
        }
        name
    }

    /// A key as like the name as a key can be, with a number behind it if it was given before.
    pub(super) fn key(&mut self, name: &str) -> Key {
        let wanted = Key::like(name);
        let mut key = wanted.clone();
        let mut number = 1_u32;
        while !self.0.insert(key.as_str().to_owned()) {
            number = number.saturating_add(1);
            key = wanted.numbered(number);
        }
        key
    }
}

/// Any JSON as the text that it would be compared as.
pub(super) fn text_of(value: &serde_json::Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), ToOwned::to_owned)
}
