//! Reading a file, with the place of what does not read.

use crate::{Fault, FlagFile};
use alloc::{borrow::ToOwned, format, string::String, vec::Vec};
use serde_json::Value as Json;
use serde_path_to_error::{Path, Segment};

/// Reads a flag file (JSON; the contract, `flags.md`). What it refers to and whether its values
/// fit is checked by [`FlagSet::compile`](crate::FlagSet::compile).
pub fn parse(text: &str) -> Result<FlagFile, Fault> {
    let mut deserializer = serde_json::Deserializer::from_str(text);
    let file = serde_path_to_error::deserialize(&mut deserializer)
        .map_err(|error| locate(text, error.path(), &format!("{}", error.inner())))?;
    deserializer.end().map_err(|error| Fault::file(format!("{error}")))?;
    let written: Json = serde_json::from_str(text).unwrap_or(Json::Null);
    match array_for_object(&written, "file") {
        Some(place) => Err(Fault::file(format!("`{place}` must be an object"))),
        None => Ok(file),
    }
}

/// The place of the first array that stands for an object: serde would read its items as the
/// members in their order, which nobody means.
fn array_for_object(value: &Json, place: &str) -> Option<String> {
    const LISTS: [&str; 6] = ["flags", "segments", "prerequisites", "rules", "when", "schedule"];
    let Some(members) = value.as_object() else { return Some(place.to_owned()) };
    let lists = LISTS.iter().filter_map(|list| Some((list, members.get(*list)?.as_array()?)));
    let mut entries = lists.flat_map(|(list, entries)| {
        entries.iter().enumerate().map(move |(index, entry)| (format!("{list}[{index}]"), entry))
    });
    let inner = |(name, entry): (String, &Json)| array_for_object(entry, &format!("{place}.{name}"));
    let objects = ["rollout", "split", "exclusion"].into_iter();
    let mut objects = objects.filter_map(|name| Some((name.to_owned(), members.get(name).filter(|it| !it.is_null())?)));
    entries.find_map(inner).or_else(|| objects.find_map(inner))
}

/// Turns the place of a reading error into flag, segment and rule, by name where there is one.
fn locate(text: &str, path: &Path, what: &str) -> Fault {
    // Read leniently for the names alone; a file that is no JSON has none.
    let file: Json = serde_json::from_str(text).unwrap_or(Json::Null);
    let mut rest: Vec<&Segment> = path.iter().collect();
    let mut fault = Fault::file(String::new());
    if let Some((list, index)) = take_entry(&mut rest, &["flags", "segments"]) {
        let entry = file.get(list).and_then(|entries| entries.get(index));
        let key = entry.and_then(|entry| entry.get("key")).and_then(Json::as_str);
        let key = key.map_or_else(|| format!("{list}[{index}]"), ToOwned::to_owned);
        fault = if list == "flags" { Fault::flag(key, "") } else { Fault::segment(key, "") };
        if let Some((_, index)) = take_entry(&mut rest, &["rules"]) {
            let rule = entry.and_then(|entry| entry.get("rules")?.get(index)?.get("name"));
            fault = fault.in_rule(rule_name(rule.and_then(Json::as_str), index));
        }
    }
    let place: Vec<String> = rest
        .iter()
        .enumerate()
        .map(|(depth, segment)| match segment {
            Segment::Seq { index } => format!("[{index}]"),
            Segment::Map { key } if depth == 0 => key.clone(),
            Segment::Map { key } => format!(".{key}"),
            Segment::Enum { .. } | Segment::Unknown => String::new(),
        })
        .collect();
    let place = place.concat();
    fault.what = if place.is_empty() { what.to_owned() } else { format!("`{place}`: {what}") };
    fault
}

/// The name of a rule, or its number counted from 1.
pub(crate) fn rule_name(name: Option<&str>, index: usize) -> String {
    name.map_or_else(|| format!("rule {}", index.saturating_add(1)), ToOwned::to_owned)
}

/// Takes `list[index]` off the front of the path.
fn take_entry<'n>(path: &mut Vec<&Segment>, lists: &[&'n str]) -> Option<(&'n str, usize)> {
    let (Segment::Map { key }, Segment::Seq { index }) = (*path.first()?, *path.get(1)?) else {
        return None;
    };
    let list = lists.iter().find(|list| key == **list)?;
    let index = *index;
    path.drain(..2);
    Some((list, index))
}
