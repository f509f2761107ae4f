//! A condition of a rule as a form has it.

use osaycore_flags::{ConditionDefinition, Operator};
use serde_json::Value as Json;

use super::{Texts, optional, ticked};
use crate::console::flags::notation;
use crate::extract::console::Filled;

/// What stands for an operator where a segment is asked of.
const SEGMENT: &str = "segment";
/// The operators, with what a condition does by them.
pub(in crate::console::flags) const OPERATORS: [(&str, &str); 23] = [
    ("=", "="),
    ("!=", "!="),
    ("in", "in"),
    ("not_in", "not in"),
    ("contains", "contains"),
    ("starts_with", "starts with"),
    ("ends_with", "ends with"),
    ("matches", "matches (regular expression)"),
    ("<", "<"),
    ("<=", "<="),
    (">", ">"),
    (">=", ">="),
    ("before", "before"),
    ("after", "after"),
    ("semver_=", "version ="),
    ("semver_!=", "version !="),
    ("semver_<", "version <"),
    ("semver_<=", "version <="),
    ("semver_>", "version >"),
    ("semver_>=", "version >="),
    ("cidr", "in network (CIDR)"),
    ("exists", "exists"),
    (SEGMENT, "is in segment (value: its key)"),
];

const FIELDS: [&str; 3] = ["attribute", "op", "value"];

#[derive(Clone, Debug, Default, PartialEq)]
pub(in crate::console::flags) struct Condition {
    pub(super) texts: Texts,
    case_insensitive: bool,
    negate: bool,
}

impl Condition {
    pub(super) fn new() -> Self {
        Self { texts: Texts(vec![("op", "=".to_owned())]), ..Self::default() }
    }

    pub(super) fn of(condition: &ConditionDefinition) -> Self {
        let ConditionDefinition { attribute, op, value, values, segment, case_insensitive, negate } = condition;
        let (op, value) = match (segment, op, value, values) {
            (Some(segment), _, _, _) => (SEGMENT.to_owned(), notation::text(segment)),
            (None, op, Some(value), _) => (shown(*op), notation::value(value)),
            (None, op, None, Some(values)) if takes_list(*op) => (shown(*op), notation::values(values)),
            (None, op, None, Some(values)) => (shown(*op), notation::json(values)),
            (None, op, None, None) => (shown(*op), String::new()),
        };
        Self {
            texts: Texts(vec![("attribute", optional(attribute.as_ref())), ("op", op), ("value", value)]),
            case_insensitive: *case_insensitive,
            negate: *negate,
        }
    }

    pub(super) fn read(filled: &Filled, name: impl Fn(&str) -> String) -> Self {
        Self {
            texts: Texts::read(filled, &FIELDS, &name),
            case_insensitive: filled.is_ticked(&name("case_insensitive")),
            negate: filled.is_ticked(&name("negate")),
        }
    }

    pub(super) fn fields(&self, name: impl Fn(&str) -> String) -> Vec<(String, String)> {
        let mut fields = self.texts.named(&name);
        fields.extend(ticked(name("case_insensitive"), self.case_insensitive));
        fields.extend(ticked(name("negate"), self.negate));
        fields
    }

    pub(super) fn definition(&self, filled: &mut Filled, name: impl Fn(&str) -> String) -> ConditionDefinition {
        let mut condition = ConditionDefinition {
            case_insensitive: self.case_insensitive,
            negate: self.negate,
            ..ConditionDefinition::default()
        };
        let (op, value) = (self.texts.of("op"), self.texts.of("value"));
        if op == SEGMENT {
            if value.is_empty() {
                filled.refuse(&name("value"), "name the segment");
            }
            condition.segment = Some(notation::read_text(value));
            return condition;
        }
        condition.attribute = self.texts.optional("attribute");
        if condition.attribute.is_none() {
            filled.refuse(&name("attribute"), "name the attribute, such as role or email");
        }
        match serde_json::from_value::<Operator>(Json::String(op.to_owned())) {
            Ok(op) => condition.op = Some(op),
            Err(_) => filled.refuse(&name("op"), "choose one of these"),
        }
        match (condition.op, notation::read_value(value)) {
            (Some(Operator::Exists), _) if value.is_empty() => {}
            (op, _) if takes_list(op) => match notation::read_values(value) {
                Ok(values) => condition.values = Some(values),
                Err(problem) => filled.refuse(&name("value"), problem),
            },
            _ if value.is_empty() => {
                filled.refuse(&name("value"), "say what it is compared with; a text that is empty is written \"\"");
            }
            (_, Json::Array(values)) => condition.values = Some(values),
            (_, one) => condition.value = Some(one),
        }
        condition
    }
}

fn shown(op: Option<Operator>) -> String {
    op.map(|op| op.to_string()).unwrap_or_default()
}

/// Whether commas are between values; of others they are a part of the text, as of regular expressions.
fn takes_list(op: Option<Operator>) -> bool {
    matches!(op, Some(Operator::In | Operator::NotIn))
}
