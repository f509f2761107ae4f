//! Constraints as conditions, or as the time of a rule.

use crate::{Attribute, ConditionDefinition, Operator, condition::Condition, context::time_us, network::Network};
use alloc::{
    borrow::ToOwned,
    format,
    string::{String, ToString},
    vec::Vec,
};
use serde::Deserialize;
use serde_json::Value as Json;

#[derive(Deserialize)]
pub(super) struct Constraint {
    #[serde(rename = "contextName")]
    context_name: String,
    operator: String,
    #[serde(default)]
    values: Option<Vec<String>>,
    #[serde(default)]
    value: Option<Json>,
    #[serde(default)]
    inverted: bool,
    #[serde(rename = "caseInsensitive", default)]
    case_insensitive: bool,
}

/// What a constraint comes to.
#[derive(Clone, Debug)]
pub(super) enum Meaning {
    Always,
    /// Says why.
    Never(String),
    Condition(ConditionDefinition),
    Time(Window),
}

/// From the first microsecond on, up to and without the second.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Window {
    from_us: Option<i64>,
    to_us: Option<i64>,
}

impl Meaning {
    pub(super) fn condition(&self) -> Option<ConditionDefinition> {
        match self {
            Self::Condition(condition) => Some(condition.clone()),
            _ => None,
        }
    }
}

impl Window {
    pub(super) fn narrow(&mut self, other: Self) {
        self.from_us = self.from_us.max(other.from_us);
        self.to_us = self.to_us.into_iter().chain(other.to_us).min();
    }

    /// As `starts_at` and `ends_at`; one that is empty is refused when compiled.
    pub(super) fn written(self) -> (Option<String>, Option<String>) {
        let text = |at_us: i64| Attribute::Time(at_us).to_string();
        (self.from_us.map(text), self.to_us.map(text))
    }
}

/// The attribute that a field of Unleash's context is.
pub(super) fn attribute(field: &str) -> String {
    if field == "userId" { "user_id".to_owned() } else { field.to_owned() }
}

pub(super) fn meaning(constraint: &Constraint) -> Meaning {
    let name = attribute(&constraint.context_name);
    let never = |what: &str| Meaning::Never(format!("`{name}` `{}`: {what}", constraint.operator));
    let Some((op, takes)) = operator(&constraint.operator) else { return never("an unknown operator") };
    if constraint.context_name == "currentTime" && matches!(op, Operator::Before | Operator::After) {
        let at_us = constraint.value.as_ref().and_then(Json::as_str).and_then(time_us);
        return at_us.map_or_else(|| never("no time"), |at_us| Meaning::Time(time(op, at_us, constraint.inverted)));
    }
    let mut condition = ConditionDefinition {
        attribute: Some(name.clone()),
        op: Some(op),
        negate: constraint.inverted,
        ..ConditionDefinition::default()
    };
    match takes {
        Takes::Values => {
            let values = constraint.values.clone().unwrap_or_default();
            if values.is_empty() {
                // Nothing is one of none.
                let holds = (op == Operator::NotIn) != constraint.inverted;
                return if holds { Meaning::Always } else { never("`values` is empty") };
            }
            let valid = |value: &String| op != Operator::Cidr || Network::parse(value).is_some();
            let values: Vec<Json> = values.into_iter().filter(valid).map(Json::from).collect();
            if values.is_empty() {
                return never("no address or network");
            }
            condition.values = Some(values);
            let cased = matches!(op, Operator::StartsWith | Operator::EndsWith | Operator::Contains);
            condition.case_insensitive = constraint.case_insensitive && cased;
        }
        Takes::Text => {
            condition.value.clone_from(&constraint.value);
            condition.case_insensitive = constraint.case_insensitive && op == Operator::Matches;
        }
        Takes::Number => {
            let text = constraint.value.as_ref().map(super::super::naming::text_of).unwrap_or_default();
            let Ok(number) = serde_json::from_str::<serde_json::Number>(text.trim()) else { return never("no number") };
            condition.value = Some(Json::Number(number));
        }
    }
    match Condition::compile(&condition, |_| None) {
        Ok(_) => Meaning::Condition(condition),
        Err(what) => Meaning::Never(what),
    }
}

enum Takes {
    Values,
    Text,
    Number,
}

fn operator(name: &str) -> Option<(Operator, Takes)> {
    use Operator as O;
    use Takes::{Number, Text, Values};
    Some(match name {
        "IN" => (O::In, Values),
        "NOT_IN" => (O::NotIn, Values),
        "STR_STARTS_WITH" => (O::StartsWith, Values),
        "STR_ENDS_WITH" => (O::EndsWith, Values),
        "STR_CONTAINS" => (O::Contains, Values),
        "IN_CIDR" => (O::Cidr, Values),
        "REGEX" => (O::Matches, Text),
        "NUM_EQ" => (O::Equal, Number),
        "NUM_GT" => (O::Greater, Number),
        "NUM_GTE" => (O::GreaterOrEqual, Number),
        "NUM_LT" => (O::Less, Number),
        "NUM_LTE" => (O::LessOrEqual, Number),
        "DATE_AFTER" => (O::After, Text),
        "DATE_BEFORE" => (O::Before, Text),
        "SEMVER_EQ" => (O::VersionEqual, Text),
        "SEMVER_GT" => (O::VersionGreater, Text),
        "SEMVER_GTE" => (O::VersionGreaterOrEqual, Text),
        "SEMVER_LT" => (O::VersionLess, Text),
        "SEMVER_LTE" => (O::VersionLessOrEqual, Text),
        _ => return None,
    })
}

fn time(op: Operator, at_us: i64, inverted: bool) -> Window {
    // After a time is from the next microsecond on.
    let bound_us = if op == Operator::After { at_us.saturating_add(1) } else { at_us };
    if (op == Operator::After) == inverted {
        Window { from_us: None, to_us: Some(bound_us) }
    } else {
        Window { from_us: Some(bound_us), to_us: None }
    }
}
