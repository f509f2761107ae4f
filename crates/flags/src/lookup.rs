//! Texts found by their hash: ten thousand as fast as ten.

use alloc::{boxed::Box, string::String};
use core::hash::{BuildHasher, Hash, Hasher};
use foldhash::fast::FixedState;
use hashbrown::HashTable;

/// Texts, each with a value.
#[derive(Debug)]
pub(crate) struct Lookup<V> {
    /// Texts in lower case if `fold`.
    table: HashTable<(Box<str>, V)>,
    fold: bool,
}

/// What keys hash with. Who writes flag files has no reason to make them collide.
pub(crate) const STATE: FixedState = FixedState::with_seed(0);

impl<V> Lookup<V> {
    /// Of texts that come twice (but for case, if `fold`) the first counts.
    pub(crate) fn new(entries: impl IntoIterator<Item = (String, V)>, fold: bool) -> Self {
        let mut lookup = Self { table: HashTable::new(), fold };
        for (text, value) in entries {
            if lookup.find(&text).is_none() {
                let text: String = if fold { folded(&text).collect() } else { text };
                let hash = hash(&text, fold);
                lookup.table.insert_unique(hash, (text.into(), value), |(text, _)| self::hash(text, fold));
            }
        }
        lookup
    }

    pub(crate) fn find(&self, text: &str) -> Option<&V> {
        let same = |(entry, _): &(Box<str>, V)| {
            if self.fold { entry.chars().eq(folded(text)) } else { **entry == *text }
        };
        self.table.find(hash(text, self.fold), same).map(|(_, value)| value)
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.table.is_empty()
    }

    /// In no particular order.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (&str, &V)> {
        self.table.iter().map(|(text, value)| (&**text, value))
    }
}

/// The same texts with the same values, in whatever order.
impl<V: PartialEq> PartialEq for Lookup<V> {
    fn eq(&self, other: &Self) -> bool {
        self.fold == other.fold
            && self.table.len() == other.table.len()
            && self.iter().all(|(text, value)| other.find(text) == Some(value))
    }
}

impl<V> Default for Lookup<V> {
    fn default() -> Self {
        Self { table: HashTable::new(), fold: false }
    }
}

pub(crate) fn folded(text: &str) -> impl Iterator<Item = char> {
    text.chars().flat_map(char::to_lowercase)
}

fn hash(text: &str, fold: bool) -> u64 {
    if !fold {
        return STATE.hash_one(text);
    }
    let mut hasher = STATE.build_hasher();
    folded(text).for_each(|character| character.hash(&mut hasher));
    hasher.finish()
}
