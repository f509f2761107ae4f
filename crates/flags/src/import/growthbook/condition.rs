//! Conditions, which are written as a query of `MongoDB`.

use crate::{ConditionDefinition, Operator, condition::Condition, import::alternatives::Alternatives};
use alloc::{borrow::ToOwned, collections::BTreeMap, format, string::String, vec::Vec};
use serde_json::{Map, Value as Json};

/// Reads the conditions of one feature.
pub(super) struct Conditions<'r> {
    pub(super) helpers: &'r mut Alternatives,
    pub(super) saved_groups: &'r BTreeMap<String, Vec<Json>>,
    /// What segments that are made on the way are named after.
    pub(super) name: &'r str,
}

/// How deep conditions may nest.
const MAX_DEPTH: usize = 20;

/// The attribute that a name of theirs is.
pub(super) fn attribute(name: &str) -> String {
    if name == "id" { "user_id".to_owned() } else { name.to_owned() }
}

impl Conditions<'_> {
    /// Conditions, of which all must hold. The error says what does not carry over.
    pub(super) fn read(&mut self, query: &Json) -> Result<Vec<ConditionDefinition>, String> {
        self.query(query, MAX_DEPTH)
    }

    fn query(&mut self, query: &Json, depth: usize) -> Result<Vec<ConditionDefinition>, String> {
        let depth = depth.checked_sub(1).ok_or("its condition is too deep")?;
        let members = query.as_object().ok_or_else(|| format!("{query} is no condition"))?;
        let mut when = Vec::new();
        for (name, value) in members {
            match name.as_str() {
                "$and" => {
                    for group in self.groups(value, depth)? {
                        when.extend(group);
                    }
                }
                "$or" | "$nor" => {
                    let groups = self.groups(value, depth)?;
                    let any = self.helpers.any_of(self.name, groups);
                    when.push(if name == "$nor" { not(any) } else { any });
                }
                "$not" => {
                    let group = self.query(value, depth)?;
                    when.push(not(self.helpers.all_of(self.name, group)));
                }
                operator if operator.starts_with('$') => return Err(format!("`{operator}` has no like here")),
                _ => when.extend(self.of_attribute(&attribute(name), value, depth)?),
            }
        }
        Ok(when)
    }

    fn groups(&mut self, list: &Json, depth: usize) -> Result<Vec<Vec<ConditionDefinition>>, String> {
        let list = list.as_array().ok_or_else(|| format!("{list} is no list of conditions"))?;
        list.iter().map(|query| self.query(query, depth)).collect()
    }

    fn of_attribute(&mut self, name: &str, asked: &Json, depth: usize) -> Result<Vec<ConditionDefinition>, String> {
        let depth = depth.checked_sub(1).ok_or("its condition is too deep")?;
        let is_operators = |members: &&Map<String, Json>| members.keys().any(|name| name.starts_with('$'));
        let Some(operators) = asked.as_object().filter(is_operators) else {
            return Ok(Vec::from([compare(name, "$eq", asked)?]));
        };
        let mut when = Vec::new();
        for (operator, value) in operators {
            match operator.as_str() {
                "$not" => {
                    let group = self.of_attribute(name, value, depth)?;
                    when.push(not(self.helpers.all_of(self.name, group)));
                }
                "$elemMatch" => when.extend(self.of_attribute(name, value, depth)?),
                "$all" => {
                    for value in value.as_array().into_iter().flatten() {
                        when.push(compare(name, "$eq", value)?);
                    }
                }
                "$inGroup" | "$notInGroup" => {
                    let group = value.as_str().and_then(|id| self.saved_groups.get(id));
                    let group = group.ok_or_else(|| format!("saved group {value} does not exist"))?;
                    let operator = if operator == "$inGroup" { "$in" } else { "$nin" };
                    when.push(compare(name, operator, &Json::Array(group.clone()))?);
                }
                operator => when.push(compare(name, operator, value)?),
            }
        }
        Ok(when)
    }
}

fn not(condition: ConditionDefinition) -> ConditionDefinition {
    ConditionDefinition { negate: !condition.negate, ..condition }
}

fn compare(name: &str, operator: &str, value: &Json) -> Result<ConditionDefinition, String> {
    use Operator as O;
    let op = match operator {
        "$eq" if value.is_null() => return Ok(not(exists(name))),
        "$ne" if value.is_null() => return Ok(exists(name)),
        "$exists" => return Ok(if value == &Json::Bool(false) { not(exists(name)) } else { exists(name) }),
        "$eq" => O::Equal,
        "$ne" => O::NotEqual,
        "$in" => O::In,
        "$nin" => O::NotIn,
        "$lt" => O::Less,
        "$lte" => O::LessOrEqual,
        "$gt" => O::Greater,
        "$gte" => O::GreaterOrEqual,
        "$regex" => O::Matches,
        "$veq" => O::VersionEqual,
        "$vne" => O::VersionNotEqual,
        "$vlt" => O::VersionLess,
        "$vlte" => O::VersionLessOrEqual,
        "$vgt" => O::VersionGreater,
        "$vgte" => O::VersionGreaterOrEqual,
        other => return Err(format!("`{other}` has no like here")),
    };
    let mut condition =
        ConditionDefinition { attribute: Some(name.to_owned()), op: Some(op), ..ConditionDefinition::default() };
    if matches!(op, O::In | O::NotIn) {
        condition.values = value.as_array().cloned();
    } else {
        condition.value = Some(value.clone());
    }
    Condition::compile(&condition, |_| None)?;
    Ok(condition)
}

fn exists(name: &str) -> ConditionDefinition {
    let op = Some(Operator::Exists);
    ConditionDefinition { attribute: Some(name.to_owned()), op, ..ConditionDefinition::default() }
}
