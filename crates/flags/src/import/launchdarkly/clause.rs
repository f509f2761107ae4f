//! Clauses as conditions.

use crate::{Attribute, ConditionDefinition, Operator, condition::Condition, number::Number};
use alloc::{
    borrow::ToOwned,
    format,
    string::{String, ToString},
    vec::Vec,
};
use serde::Deserialize;
use serde_json::Value as Json;

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Clause {
    attribute: String,
    op: String,
    #[serde(default)]
    values: Vec<Json>,
    #[serde(default)]
    pub(super) negate: bool,
    #[serde(default)]
    context_kind: Option<String>,
}

impl Clause {
    pub(super) fn asks_for_segments(&self) -> bool {
        self.op == "segmentMatch"
    }

    pub(super) fn texts(&self) -> impl Iterator<Item = &str> {
        self.values.iter().filter_map(Json::as_str)
    }

    /// What it asks for; a negated one asks that the attribute is there, too. The error says why it
    /// never holds.
    pub(super) fn conditions(&self) -> Result<Vec<ConditionDefinition>, String> {
        use Operator as O;
        let name = attribute(self.context_kind.as_deref(), &self.attribute)?;
        let (op, several) = match self.op.as_str() {
            "in" => (O::In, true),
            "startsWith" => (O::StartsWith, true),
            "endsWith" => (O::EndsWith, true),
            "contains" => (O::Contains, true),
            "matches" => (O::Matches, true),
            "lessThan" => (O::Less, false),
            "lessThanOrEqual" => (O::LessOrEqual, false),
            "greaterThan" => (O::Greater, false),
            "greaterThanOrEqual" => (O::GreaterOrEqual, false),
            "before" => (O::Before, false),
            "after" => (O::After, false),
            "semVerEqual" => (O::VersionEqual, false),
            "semVerLessThan" => (O::VersionLess, false),
            "semVerGreaterThan" => (O::VersionGreater, false),
            other => return Err(format!("`{other}` is an unknown operator")),
        };
        let base = ConditionDefinition { attribute: Some(name), op: Some(op), ..ConditionDefinition::default() };
        let condition = if several {
            let takes = |value: &&Json| value.is_string() || op == O::In && (value.is_number() || value.is_boolean());
            let values: Vec<Json> = self.values.iter().filter(takes).cloned().collect();
            ConditionDefinition { values: Some(values), negate: self.negate, ..base.clone() }
        } else {
            ConditionDefinition { value: Some(self.widest(op)?), negate: self.negate, ..base.clone() }
        };
        Condition::compile(&condition, |_| None)?;
        let exists = self.negate.then_some(ConditionDefinition { op: Some(O::Exists), ..base });
        Ok(exists.into_iter().chain([condition]).collect())
    }

    /// Of several values, of which one must be so related, the one that is met most easily.
    fn widest(&self, op: Operator) -> Result<Json, String> {
        let values: Vec<Json> = self.values.iter().filter_map(|value| operand(op, value)).collect();
        let number = |value: &Json| value.as_number().and_then(Number::from_json_exactly);
        let widest = match op {
            Operator::Less | Operator::LessOrEqual => values.iter().max_by_key(|value| number(value)),
            Operator::Greater | Operator::GreaterOrEqual => values.iter().min_by_key(|value| number(value)),
            // Written alike, times order as texts.
            Operator::Before => values.iter().max_by_key(|value| value.as_str()),
            Operator::After => values.iter().min_by_key(|value| value.as_str()),
            _ if values.len() > 1 => return Err("several versions in one clause".to_owned()),
            _ => values.first(),
        };
        widest.cloned().ok_or_else(|| format!("`{}` has no value to compare with", self.op))
    }
}

/// The value as it is compared here: times in UTC, whole versions.
fn operand(op: Operator, value: &Json) -> Option<Json> {
    match op {
        Operator::Before | Operator::After => {
            let at_us = match value {
                Json::Number(millis) => millis.as_i64()?.checked_mul(1000),
                value => value.as_str().and_then(crate::context::time_us),
            };
            Some(Attribute::Time(at_us?).to_string().into())
        }
        Operator::VersionEqual | Operator::VersionLess | Operator::VersionGreater => {
            let text = value.as_str()?;
            let (release, rest) = text.split_at_checked(text.find(['-', '+']).unwrap_or(text.len()))?;
            let missing = 2_usize.saturating_sub(release.matches('.').count());
            Some(format!("{release}{}{rest}", ".0".repeat(missing)).into())
        }
        _ => Some(value.clone()).filter(Json::is_number),
    }
}

/// The name of an attribute of a kind of context. The error says why it cannot be asked for.
pub(super) fn attribute(kind: Option<&str>, reference: &str) -> Result<String, String> {
    let name = match reference.strip_prefix('/') {
        None => reference.to_owned(),
        Some(path) if path.contains('/') => return Err(format!("`{reference}` is within an attribute")),
        Some(escaped) => escaped.replace("~1", "/").replace("~0", "~"),
    };
    Ok(match (kind.unwrap_or("user"), name.as_str()) {
        ("" | "user", "key") => "user_id".to_owned(),
        ("" | "user", _) => name,
        (kind, _) => format!("{kind}.{name}"),
    })
}
