//! The engine from outside: files in, answers out.
#![expect(clippy::unwrap_used, reason = "a test stops at what it did not expect")]
#![expect(clippy::panic, reason = "a test stops at what it did not expect")]
#![expect(clippy::indexing_slicing, reason = "a test stops at what it did not expect")]

mod buckets;
mod conditions;
mod diff;
mod explain;
mod laws;
mod model;
mod order;
mod refusals;
mod shares;
mod stale;

use osaycore_flags::{Attribute, Context, Evaluation, Fault, FlagFile, FlagSet, Source};
use serde_json::{Map, Value as Json};
use std::collections::BTreeMap;

/// 2026-01-01T00:00:00Z in microseconds since 1970.
const NEW_YEAR_US: i64 = 1_767_225_600_000_000;
const DAY_US: i64 = 86_400_000_000;

const SALT: &str = "salt";

/// A user with what sticky rules served them before, by flag and rule.
#[derive(Clone, Debug, Default)]
struct Person {
    attributes: Map<String, Json>,
    assignments: BTreeMap<(String, String), String>,
}

impl Context for Person {
    fn attribute(&self, name: &str) -> Option<Attribute<'_>> {
        self.attributes.attribute(name)
    }

    fn assignment(&self, flag: &str, rule: &str) -> Option<&str> {
        self.assignments.get(&(flag.to_owned(), rule.to_owned())).map(String::as_str)
    }
}

fn compile(file: &FlagFile) -> Result<FlagSet, Vec<Fault>> {
    let sources = file.flags.iter().map(|definition| Source { definition, salt: SALT });
    FlagSet::compile(sources, &file.segments)
}

fn set(file: &Json) -> FlagSet {
    let file = osaycore_flags::parse(&file.to_string()).unwrap();
    compile(&file).unwrap_or_else(|faults| panic!("{faults:?}"))
}

fn object(value: Json) -> Map<String, Json> {
    let Json::Object(members) = value else { panic!("{value} is no object") };
    members
}

/// Variant, reason and rule, in one line.
fn line(answer: &Evaluation<'_>) -> String {
    let rule = answer.rule.map(|rule| format!(" {rule}")).unwrap_or_default();
    format!("{} {}{rule}", answer.variant.unwrap_or("none"), answer.reason)
}
