//! Texts found by their hash: ten thousand as fast as ten.

use alloc::{boxed::Box, string::String, vec::Vec};
use core::hash::{BuildHasher, Hasher};
use foldhash::fast::FixedState;
use hashbrown::HashTable;

/// Texts, each with a value.
#[derive(Debug)]
pub(crate) struct Lookup<V> {
    entries: Entries<V>,
    fold: bool,
    /// The signs of all entries. Most lists are missed: that is seen here, without hashing or
    /// comparing, unless the list is so long that every bit is set.
    signs: u64,
}

/// In lower case if `fold`.
#[derive(Debug)]
enum Entries<V> {
    /// So few that comparing with each is faster than hashing.
    Few(Vec<(Box<str>, V)>),
    Many(HashTable<(Box<str>, V)>),
}

/// What keys hash with. Who writes flag files has no reason to make them collide.
pub(crate) const STATE: FixedState = FixedState::with_seed(0);

impl<V> Lookup<V> {
    const FEW: usize = 4;

    /// Of texts that come twice (but for case, if `fold`) the first counts.
    pub(crate) fn new(entries: impl IntoIterator<Item = (String, V)>, fold: bool) -> Self {
        let mut table: HashTable<(Box<str>, V)> = HashTable::new();
        for (text, value) in entries {
            let text: String = if fold { folded(&text).collect() } else { text };
            let key = hash(&text, fold);
            if table.find(key, |(other, _)| **other == *text).is_none() {
                table.insert_unique(key, (text.into(), value), |(text, _)| hash(text, fold));
            }
        }
        let is_few = table.len() <= Self::FEW;
        // Folding may change bytes and length, so that the sign of a text would say nothing.
        let signs = if fold { u64::MAX } else { table.iter().fold(0, |signs, (text, _)| signs | sign(text)) };
        let entries = if is_few { Entries::Few(table.into_iter().collect()) } else { Entries::Many(table) };
        Self { entries, fold, signs }
    }

    #[inline]
    pub(crate) fn find(&self, text: &str) -> Option<&V> {
        if self.signs & sign(text) == 0 { None } else { self.find_entry(text) }
    }

    /// Apart, so that who asks stays small.
    #[inline(never)]
    fn find_entry(&self, text: &str) -> Option<&V> {
        let found = match &self.entries {
            Entries::Few(list) => list.iter().find(|(entry, _)| equals(entry, text, self.fold)),
            Entries::Many(table) => table.find(hash(text, self.fold), |(entry, _)| equals(entry, text, self.fold)),
        };
        found.map(|(_, value)| value)
    }

    pub(crate) fn len(&self) -> usize {
        match &self.entries {
            Entries::Few(list) => list.len(),
            Entries::Many(table) => table.len(),
        }
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// In no particular order.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (&str, &V)> {
        let (few, many) = match &self.entries {
            Entries::Few(list) => (Some(list), None),
            Entries::Many(table) => (None, Some(table)),
        };
        let all = few.into_iter().flatten().chain(many.into_iter().flatten());
        all.map(|(text, value)| (&**text, value))
    }
}

/// The same texts with the same values, in whatever order.
impl<V: PartialEq> PartialEq for Lookup<V> {
    fn eq(&self, other: &Self) -> bool {
        self.fold == other.fold
            && self.len() == other.len()
            && self.iter().all(|(text, value)| other.find(text) == Some(value))
    }
}

impl<V> Default for Lookup<V> {
    fn default() -> Self {
        Self { entries: Entries::Few(Vec::new()), fold: false, signs: 0 }
    }
}

pub(crate) fn folded(text: &str) -> impl Iterator<Item = char> {
    text.chars().flat_map(char::to_lowercase)
}

/// Whether the texts are equal; `value` is folded already if `fold`.
pub(crate) fn equals(value: &str, text: &str, fold: bool) -> bool {
    match fold {
        false => value == text,
        true if value.is_ascii() && text.is_ascii() => value.eq_ignore_ascii_case(text),
        true => value.chars().eq(folded(text)),
    }
}

/// One of 64 bits, by the length and both ends of the text.
#[inline]
fn sign(text: &str) -> u64 {
    let bytes = text.as_bytes();
    let number = |end: &[u8; 4]| u64::from(u32::from_le_bytes(*end));
    let ends = match (bytes.first_chunk(), bytes.last_chunk()) {
        (Some(first), Some(last)) => number(first) << 32 | number(last),
        _ => bytes.first().copied().map_or(0, u64::from),
    };
    let length = u64::try_from(bytes.len()).unwrap_or_default();
    1 << (ends.wrapping_add(length).wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 58)
}

fn hash(text: &str, fold: bool) -> u64 {
    let mut hasher = STATE.build_hasher();
    if !fold {
        hasher.write(text.as_bytes());
        return hasher.finish();
    }
    // Eight bytes at a time, whatever the characters: what folds alike hashes alike.
    let mut word = 0_u64;
    let mut count = 0_u32;
    let mut push = |byte: u8| {
        word = word << 8 | u64::from(byte);
        count = count.wrapping_add(1);
        if count.is_multiple_of(8) {
            hasher.write_u64(word);
        }
    };
    for character in text.chars() {
        if character.is_ascii() {
            push(u8::try_from(character).unwrap_or_default().to_ascii_lowercase());
        } else {
            let mut buffer = [0; 4];
            character.to_lowercase().for_each(|c| c.encode_utf8(&mut buffer).bytes().for_each(&mut push));
        }
    }
    hasher.write_u64(word);
    hasher.write_u32(count);
    hasher.finish()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        /// Against a search by comparing; lists on both sides of `FEW`, and so long that no sign is left.
        #[test]
        fn finds_what_comparing_finds(
            texts in prop::collection::vec("[abÄäß1]{0,3}|[ab]{3,10}", 0..200),
            others in prop::collection::vec("[abÄäß1]{0,3}|[ab]{3,10}", 1..50),
            length in 0_usize..200,
            fold: bool,
        ) {
            let texts: Vec<String> = texts.into_iter().take(if length < 100 { length % 12 } else { length }).collect();
            let alike = |one: &str, other: &str| {
                if fold { one.to_lowercase() == other.to_lowercase() } else { one == other }
            };
            let entries = texts.iter().enumerate().map(|(position, text)| (text.clone(), position));
            let lookup = Lookup::new(entries, fold);
            for text in texts.iter().chain(&others) {
                let expected = texts.iter().position(|entry| alike(entry, text));
                prop_assert_eq!(lookup.find(text).copied(), expected, "{} in {:?}", text, texts);
            }
        }

        /// Of as many texts as a flag names, most that are not among them have another sign.
        #[test]
        fn signs_tell_most_apart(ids in prop::collection::hash_set("[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{12}", 110)) {
            let ids: Vec<String> = ids.into_iter().collect();
            let (listed, others) = ids.split_at(10);
            let lookup = Lookup::new(listed.iter().map(|id| (id.clone(), ())), false);
            let passed = others.iter().filter(|id| lookup.signs & sign(id) != 0).count();
            prop_assert!(passed < 50, "{passed} of {}", others.len());
        }
    }
}
