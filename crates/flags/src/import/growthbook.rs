//! What GrowthBook's SDKs are given: `{"features": {…}, "savedGroups": {…}}`.

use super::{Import, alternatives::Alternatives, naming::Names, read, values::Values};
use crate::{
    ConditionDefinition, Fault, FlagDefinition, Hash, Key, Members, Percent, PrerequisiteDefinition, RolloutDefinition,
    RuleDefinition, Serve, Units,
};
use alloc::{
    borrow::ToOwned,
    collections::BTreeMap,
    format,
    string::{String, ToString},
    vec::Vec,
};
use condition::{Conditions, attribute};
use serde::Deserialize;
use serde_json::Value as Json;

mod condition;

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Document {
    features: BTreeMap<String, Feature>,
    #[serde(default)]
    saved_groups: BTreeMap<String, Vec<Json>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Feature {
    #[serde(default)]
    default_value: Json,
    #[serde(default)]
    rules: Vec<Rule>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Rule {
    #[serde(default)]
    id: Option<String>,
    #[serde(default)]
    condition: Option<Json>,
    #[serde(default)]
    parent_conditions: Option<Vec<Parent>>,
    #[serde(default)]
    coverage: Option<f64>,
    #[serde(default)]
    force: Option<Json>,
    #[serde(default)]
    variations: Option<Vec<Json>>,
    #[serde(default)]
    weights: Option<Vec<f64>>,
    #[serde(default)]
    key: Option<String>,
    #[serde(default)]
    seed: Option<String>,
    #[serde(default)]
    hash_attribute: Option<String>,
    #[serde(default)]
    fallback_attribute: Option<String>,
    #[serde(default)]
    hash_version: Option<u32>,
    /// What does not carry over.
    #[serde(default)]
    range: Option<Json>,
    #[serde(default)]
    ranges: Option<Json>,
    #[serde(default)]
    filters: Option<Json>,
    #[serde(default)]
    namespace: Option<Json>,
}

#[derive(Deserialize)]
struct Parent {
    id: String,
    #[serde(default)]
    condition: Json,
    #[serde(default)]
    gate: bool,
}

/// Reads what GrowthBook's SDKs are given. A value that is a short text has it as its variant's
/// name, others `value-0` and so on; `id` becomes `user_id`. Rollouts and experiments hash as there,
/// so that everybody stays where they are; rules with ranges, filters or a namespace are left out.
pub fn growthbook(text: &str) -> Result<Import, Fault> {
    let Document { features, saved_groups } = read(text)?;
    let mut names = Names::default();
    let mut import = Import::default();
    for name in features.keys() {
        import.keys.push((name.clone(), names.key(name)));
    }
    let mut helpers = Alternatives::default();
    for ((name, feature), (_, key)) in features.iter().zip(&import.keys) {
        let conditions = Conditions { helpers: &mut helpers, saved_groups: &saved_groups, name };
        let mut reader = Reader { conditions, features: &features, keys: &import.keys, notes: Vec::new() };
        match reader.flag(name, key, feature) {
            Ok(flag) => import.file.flags.push(flag),
            Err(what) => reader.notes.push((None, format!("left out: {what}"))),
        }
        import.notes.extend(reader.notes.into_iter().map(|(rule, what)| {
            let fault = Fault::flag(key.as_str(), what);
            rule.map_or(fault.clone(), |rule| fault.in_rule(rule))
        }));
    }
    import.file.segments.extend(helpers.segments);
    Ok(import.settle())
}

struct Reader<'r> {
    conditions: Conditions<'r>,
    features: &'r BTreeMap<String, Feature>,
    keys: &'r [(String, Key)],
    /// By rule, if one is at fault.
    notes: Vec<(Option<String>, String)>,
}

impl Feature {
    /// Everything that it may serve.
    fn values(&self) -> Result<Values, String> {
        let served = self.rules.iter().flat_map(|rule| rule.force.iter().chain(rule.variations.iter().flatten()));
        Values::of([&self.default_value].into_iter().chain(served))
    }
}

impl Reader<'_> {
    /// The error says why there is no such flag here.
    fn flag(&mut self, name: &str, key: &Key, feature: &Feature) -> Result<FlagDefinition, String> {
        let values = feature.values()?;
        let mut flag = FlagDefinition::new(key.clone());
        values.declare(&mut flag);
        flag.default = Some(values.choice(&feature.default_value));
        let mut names = Names::default();
        for (index, rule) in feature.rules.iter().enumerate() {
            let id = rule.id.clone().filter(|id| !id.is_empty());
            let rule_name = names.unique(&id.unwrap_or_else(|| format!("rule {}", index.saturating_add(1))));
            let parents = rule.parent_conditions.as_deref().unwrap_or_default();
            let made = match parents {
                [] => self
                    .rule(name, rule, &values)
                    .map(|rule| flag.rules.push(RuleDefinition { name: Some(rule_name.clone()), ..rule })),
                parents if parents.iter().all(|parent| parent.gate) && rule.serves_nothing() => {
                    self.gates(parents).map(|gates| flag.prerequisites.extend(gates))
                }
                _ => Err("prerequisites of one rule; here they are a flag's".to_owned()),
            };
            if let Err(what) = made {
                self.notes.push((Some(rule_name), format!("left out: {what}")));
            }
        }
        if !flag.prerequisites.is_empty() {
            self.notes.push((None, "is its default where a gate is closed, not null".to_owned()));
        }
        Ok(flag)
    }

    /// The error says what does not carry over.
    fn rule(&mut self, name: &str, rule: &Rule, values: &Values) -> Result<RuleDefinition, String> {
        let unknown = [
            ("range", &rule.range),
            ("ranges", &rule.ranges),
            ("filters", &rule.filters),
            ("namespace", &rule.namespace),
        ];
        if let Some((member, _)) = unknown.into_iter().find(|(_, value)| value.is_some()) {
            return Err(format!("`{member}` has no like here"));
        }
        let when: Vec<ConditionDefinition> = match &rule.condition {
            Some(condition) => self.conditions.read(condition)?,
            None => Vec::new(),
        };
        let (serve, seed, coverage) = if let Some(value) = &rule.force {
            (Serve::Choice(values.choice(value)), name, rule.coverage)
        } else {
            let variations = rule.variations.as_deref().ok_or("it serves nothing")?;
            let weights = rule.weights(variations, values)?;
            (Serve::Weights(weights), rule.key.as_deref().unwrap_or(name), Some(rule.coverage.unwrap_or(1.0)))
        };
        let hash = match rule.hash_version.unwrap_or(1) {
            2 => Hash::GrowthbookV2,
            _ => Hash::GrowthbookV1,
        };
        let units: Vec<String> = [&rule.hash_attribute, &rule.fallback_attribute]
            .into_iter()
            .flatten()
            .map(|unit| attribute(unit))
            .collect();
        let units: Vec<&str> = units.iter().map(String::as_str).filter(|unit| !unit.is_empty()).collect();
        let rollout = coverage.map(|coverage| RolloutDefinition {
            percent: percent(coverage),
            unit: Units::first_of(&units),
            salt: Some(rule.seed.clone().unwrap_or_else(|| seed.to_owned())),
            hash,
            ..RolloutDefinition::default()
        });
        Ok(RuleDefinition { when, rollout, serve, ..RuleDefinition::default() })
    }

    /// The error says what does not carry over.
    fn gates(&self, parents: &[Parent]) -> Result<Vec<PrerequisiteDefinition>, String> {
        let of = |parent: &Parent| {
            let name = &parent.id;
            let key = self.keys.iter().find(|(other, _)| other == name).map(|(_, key)| key);
            let (feature, key) =
                self.features.get(name).zip(key).ok_or_else(|| format!("its parent `{name}` does not exist"))?;
            let asked = parent.condition.as_object().filter(|members| members.len() == 1);
            let wanted = asked.and_then(|members| members.get("value")).map(|value| value.get("$eq").unwrap_or(value));
            let wanted = wanted.filter(|value| !value.is_object());
            let wanted = wanted.ok_or_else(|| format!("its parent `{name}` must be more than one value"))?;
            let choice = feature.values()?.choice(wanted);
            Ok(PrerequisiteDefinition { flag: key.to_string(), value: Some(choice), values: Vec::new() })
        };
        parents.iter().map(of).collect()
    }
}

impl Rule {
    fn serves_nothing(&self) -> bool {
        self.force.is_none() && self.variations.is_none()
    }

    /// In millionths; equal if there are none, or their sum is not 1.
    fn weights(&self, variations: &[Json], values: &Values) -> Result<Members<u64>, String> {
        let given = self.weights.as_deref().filter(|weights| weights.len() == variations.len());
        let given = given.filter(|weights| (0.99..=1.01).contains(&weights.iter().sum::<f64>()));
        let mut list = Vec::new();
        for (index, value) in variations.iter().enumerate() {
            let weight = match given.and_then(|weights| weights.get(index)) {
                Some(weight) => thousandths(*weight * 1000.0).map_or(0, u64::from),
                None => 1,
            };
            if weight > 0 {
                list.push((values.name(value), weight));
            }
        }
        let count = list.len();
        let weights: Members<u64> = list.into_iter().collect();
        if weights.iter().count() == count { Ok(weights) } else { Err("it has a variation twice".to_owned()) }
    }
}

/// Of a share from 0 to 1; what lies beyond is held there.
fn percent(share: f64) -> Option<Percent> {
    thousandths(share.clamp(0.0, 1.0) * 100.0).and_then(Percent::from_thousandths)
}

/// Rounded to the nearest; None of what is no number, negative or too large.
fn thousandths(value: f64) -> Option<u32> {
    let text = format!("{value:.3}");
    crate::number::Number::from_text(&text)?.thousandths()
}
