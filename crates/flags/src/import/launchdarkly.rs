//! What LaunchDarkly's SDKs are given: `{"flags": {…}, "segments": {…}}`.

use super::{Import, alternatives::Alternatives, naming::Names, read, values::Values};
use crate::{
    ConditionDefinition, Fault, FlagDefinition, Hash, Key, Members, Operator, Percent, PrerequisiteDefinition,
    RolloutDefinition, RuleDefinition, SegmentDefinition, Serve, Units,
};
use alloc::{
    borrow::ToOwned,
    collections::BTreeMap,
    format,
    string::{String, ToString},
    vec::Vec,
};
use clause::{Clause, attribute};
use serde::Deserialize;
use serde_json::Value as Json;

mod clause;

/// Of a rollout's weights, in thousandths of a percent.
const ALL: u64 = 100_000;

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Document {
    flags: BTreeMap<String, Flag>,
    #[serde(default)]
    segments: BTreeMap<String, Segment>,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct Flag {
    on: bool,
    prerequisites: Vec<Prerequisite>,
    targets: Vec<Target>,
    context_targets: Vec<Target>,
    rules: Vec<Rule>,
    fallthrough: Outcome,
    off_variation: Option<usize>,
    variations: Vec<Json>,
    salt: String,
    deleted: bool,
}

#[derive(Deserialize)]
struct Prerequisite {
    key: String,
    variation: usize,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Target {
    #[serde(default)]
    context_kind: Option<String>,
    values: Vec<String>,
    variation: usize,
}

#[derive(Deserialize)]
struct Rule {
    #[serde(default)]
    id: Option<String>,
    #[serde(default)]
    clauses: Vec<Clause>,
    #[serde(flatten)]
    outcome: Outcome,
}

#[derive(Default, Deserialize)]
struct Outcome {
    #[serde(default)]
    variation: Option<usize>,
    #[serde(default)]
    rollout: Option<Rollout>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Rollout {
    variations: Vec<Weighted>,
    #[serde(default)]
    bucket_by: Option<String>,
    #[serde(default)]
    context_kind: Option<String>,
    #[serde(default)]
    seed: Option<i64>,
}

#[derive(Deserialize)]
struct Weighted {
    variation: usize,
    weight: u64,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct Segment {
    included: Vec<String>,
    excluded: Vec<String>,
    rules: Vec<SegmentRule>,
    salt: String,
    unbounded: bool,
    deleted: bool,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct SegmentRule {
    #[serde(default)]
    clauses: Vec<Clause>,
    #[serde(default)]
    weight: Option<u32>,
    #[serde(default)]
    bucket_by: Option<String>,
    #[serde(default)]
    rollout_context_kind: Option<String>,
}

/// Reads what LaunchDarkly's SDKs are given. A variation that is a short text has it as its name,
/// others `value-0` and so on. `key` becomes `user_id`; an attribute of another kind of context is
/// named `kind.attribute`. Rollouts hash as there, so that everybody stays where they are.
pub fn launchdarkly(text: &str) -> Result<Import, Fault> {
    let Document { mut flags, mut segments } = read(text)?;
    flags.retain(|_, flag| !flag.deleted);
    segments.retain(|_, segment| !segment.deleted);
    let mut names = Names::default();
    let mut import = Import::default();
    for name in flags.keys() {
        import.keys.push((name.clone(), names.key(name)));
    }
    let mut helpers = Alternatives::default();
    let segment_keys: BTreeMap<&str, Key> =
        segments.keys().map(|name| (name.as_str(), helpers.names.key(name))).collect();
    for (name, segment) in &segments {
        if let Some(key) = segment_keys.get(name.as_str()) {
            let mut reader = Reader { segments: &segment_keys, helpers: &mut helpers, notes: Vec::new() };
            let definition = reader.segment(name, key, segment);
            let notes = reader.notes.into_iter();
            import.notes.extend(notes.map(|(_, what)| Fault::segment(key.as_str(), what)));
            import.file.segments.push(definition);
        }
    }
    for ((name, flag), (_, key)) in flags.iter().zip(&import.keys) {
        let mut reader = Reader { segments: &segment_keys, helpers: &mut helpers, notes: Vec::new() };
        match reader.flag(name, key, flag, &flags, &import.keys) {
            Ok(definition) => import.file.flags.push(definition),
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
    segments: &'r BTreeMap<&'r str, Key>,
    helpers: &'r mut Alternatives,
    /// By rule, if one is at fault.
    notes: Vec<(Option<String>, String)>,
}

impl Reader<'_> {
    /// The error says why there is no such flag here.
    fn flag(
        &mut self,
        name: &str,
        key: &Key,
        flag: &Flag,
        flags: &BTreeMap<String, Flag>,
        keys: &[(String, Key)],
    ) -> Result<FlagDefinition, String> {
        let values = Values::of(&flag.variations)?;
        let mut definition = FlagDefinition { enabled: flag.on, ..FlagDefinition::new(key.clone()) };
        values.declare(&mut definition);
        let choice = |variation: usize| flag.variations.get(variation).map(|value| values.choice(value));
        definition.off = flag.off_variation.and_then(choice);
        if flag.off_variation.is_none() {
            self.notes.push((None, "has no off variation, where the caller's default is served there".to_owned()));
        }
        let first = choice(0);
        let fallthrough = flag.fallthrough.variation.and_then(choice);
        definition.default = fallthrough.or_else(|| definition.off.clone()).or(first);
        match prerequisites(flag, flags, keys) {
            Ok(prerequisites) => definition.prerequisites = prerequisites,
            Err(what) => {
                definition.enabled = false;
                self.notes.push((None, what));
            }
        }
        let salt = format!("{name}.{}", flag.salt);
        let mut names = Names::default();
        let mut overrides = Vec::new();
        for target in flag.targets.iter().chain(&flag.context_targets) {
            let Some(choice) = choice(target.variation) else { continue };
            let kind = target.context_kind.as_deref().unwrap_or("user");
            if kind == "user" {
                overrides.extend(target.values.iter().map(|user| (user.clone(), choice.clone())));
            } else if !target.values.is_empty() {
                let condition = listed(&attribute(Some(kind), "key")?, &target.values);
                let name = Some(names.unique(&format!("target {kind}")));
                let serve = Serve::Choice(choice);
                let rule = RuleDefinition { name, when: Vec::from([condition]), serve, ..RuleDefinition::default() };
                definition.rules.push(rule);
            }
        }
        definition.overrides = overrides.into_iter().collect();
        for (index, rule) in flag.rules.iter().enumerate() {
            let id = rule.id.clone().filter(|id| !id.is_empty());
            let name = names.unique(&id.unwrap_or_else(|| format!("rule {}", index.saturating_add(1))));
            let when = self.clauses(&rule.clauses);
            let made = when.and_then(|when| {
                let base = RuleDefinition { name: Some(name.clone()), when, ..RuleDefinition::default() };
                outcome(&rule.outcome, flag, &values, &salt, &base, &mut names)
            });
            match made {
                Ok(rules) => definition.rules.extend(rules),
                Err(what) => self.notes.push((Some(name), format!("left out: {what}"))),
            }
        }
        if flag.fallthrough.rollout.is_some() {
            let name = names.unique("fallthrough");
            let base = RuleDefinition { name: Some(name.clone()), ..RuleDefinition::default() };
            match outcome(&flag.fallthrough, flag, &values, &salt, &base, &mut names) {
                Ok(rules) => definition.rules.extend(rules),
                Err(what) => self.notes.push((Some(name), format!("left out: {what}"))),
            }
        }
        Ok(definition)
    }

    fn segment(&mut self, name: &str, key: &Key, segment: &Segment) -> SegmentDefinition {
        if segment.unbounded {
            self.notes.push((None, "is a big segment, whose users are not in the document".to_owned()));
        }
        let mut when = Vec::new();
        let mut groups = Vec::new();
        for (index, rule) in segment.rules.iter().enumerate() {
            match self.segment_rule(name, segment, rule) {
                Ok(group) => groups.push(group),
                Err(what) => self.notes.push((None, format!("rule {}: left out: {what}", index.saturating_add(1)))),
            }
        }
        if !segment.excluded.is_empty() {
            let excluded = listed("user_id", &segment.excluded);
            when.push(ConditionDefinition { negate: true, ..excluded });
        }
        when.push(self.helpers.any_of(name, groups));
        SegmentDefinition { key: key.clone(), when, rollout: None, users: segment.included.clone() }
    }

    fn segment_rule(
        &mut self,
        name: &str,
        segment: &Segment,
        rule: &SegmentRule,
    ) -> Result<Vec<ConditionDefinition>, String> {
        let mut when = self.clauses(&rule.clauses)?;
        if let Some(weight) = rule.weight {
            let unit = attribute(rule.rollout_context_kind.as_deref(), rule.bucket_by.as_deref().unwrap_or("key"))?;
            let percent = Percent::from_thousandths(weight).ok_or("its weight is above 100 %")?;
            let key = self.helpers.names.key(name);
            when.push(ConditionDefinition { segment: Some(key.to_string()), ..ConditionDefinition::default() });
            let rollout = RolloutDefinition {
                percent: Some(percent),
                unit: Units::first_of(&[&unit]),
                salt: Some(format!("{name}.{}", segment.salt)),
                hash: Hash::Launchdarkly,
                ..RolloutDefinition::default()
            };
            let share = SegmentDefinition { key, when: Vec::new(), rollout: Some(rollout), users: Vec::new() };
            self.helpers.segments.push(share);
        }
        Ok(when)
    }

    /// The error says why they never hold together.
    fn clauses(&mut self, clauses: &[Clause]) -> Result<Vec<ConditionDefinition>, String> {
        let mut when = Vec::new();
        for clause in clauses {
            if !clause.asks_for_segments() {
                when.extend(clause.conditions()?);
                continue;
            }
            let mut groups = Vec::new();
            for name in clause.texts() {
                let key = self.segments.get(name).ok_or_else(|| format!("segment `{name}` does not exist"))?;
                let condition =
                    ConditionDefinition { segment: Some(key.to_string()), ..ConditionDefinition::default() };
                groups.push(Vec::from([condition]));
            }
            let any = self.helpers.any_of("any", groups);
            when.push(ConditionDefinition { negate: any.negate != clause.negate, ..any });
        }
        Ok(when)
    }
}

fn listed(attribute: &str, values: &[String]) -> ConditionDefinition {
    ConditionDefinition {
        attribute: Some(attribute.to_owned()),
        op: Some(Operator::In),
        values: Some(values.iter().cloned().map(Json::from).collect()),
        ..ConditionDefinition::default()
    }
}

/// The error says why the flag is never on.
fn prerequisites(
    flag: &Flag,
    flags: &BTreeMap<String, Flag>,
    keys: &[(String, Key)],
) -> Result<Vec<PrerequisiteDefinition>, String> {
    let of = |wanted: &Prerequisite| {
        let name = &wanted.key;
        let key = keys.iter().find(|(other, _)| other == name).map(|(_, key)| key);
        let (other, key) =
            flags.get(name).zip(key).ok_or_else(|| format!("its prerequisite `{name}` does not exist: never on"))?;
        if !other.on {
            return Err(format!("its prerequisite `{name}` is off: never on"));
        }
        let value = other.variations.get(wanted.variation);
        let value = value.ok_or_else(|| format!("its prerequisite `{name}` has no such variation: never on"))?;
        let choice = Values::of(&other.variations)?.choice(value);
        Ok(PrerequisiteDefinition { flag: key.to_string(), value: Some(choice), values: Vec::new() })
    };
    flag.prerequisites.iter().map(of).collect()
}

/// The rules that serve one variation, or a rollout: who has no unit gets its first variation. The
/// error says what does not carry over.
fn outcome(
    outcome: &Outcome,
    flag: &Flag,
    values: &Values,
    salt: &str,
    base: &RuleDefinition,
    names: &mut Names,
) -> Result<Vec<RuleDefinition>, String> {
    let value = |variation: usize| flag.variations.get(variation).ok_or("it has no such variation");
    let one = |variation: usize| -> Result<Serve, String> { Ok(Serve::Choice(values.choice(value(variation)?))) };
    let Some(rollout) = &outcome.rollout else {
        let variation = outcome.variation.ok_or("it serves nothing")?;
        return Ok(Vec::from([RuleDefinition { serve: one(variation)?, ..base.clone() }]));
    };
    let mut weights: Vec<(String, u64)> = Vec::new();
    for weighted in rollout.variations.iter().filter(|weighted| weighted.weight > 0) {
        weights.push((values.name(value(weighted.variation)?), weighted.weight));
    }
    // Who is past the sum gets the last.
    let sum = weights.iter().fold(0_u64, |sum, (_, weight)| sum.saturating_add(*weight));
    let last = rollout.variations.last().ok_or("its rollout is empty")?;
    let rest = ALL.saturating_sub(sum);
    let last_name = values.name(value(last.variation)?);
    match weights.last_mut().filter(|(name, _)| *name == last_name) {
        Some((_, weight)) => *weight = weight.saturating_add(rest),
        None if rest > 0 => weights.push((last_name, rest)),
        None => {}
    }
    let count = weights.len();
    let weights: Members<u64> = weights.into_iter().collect();
    if weights.iter().count() != count {
        return Err("its rollout has a variation twice".to_owned());
    }
    let first = rollout.variations.iter().find(|weighted| weighted.weight > 0).unwrap_or(last);
    let first = one(first.variation)?;
    if count == 1 {
        return Ok(Vec::from([RuleDefinition { serve: first, ..base.clone() }]));
    }
    let unit = attribute(rollout.context_kind.as_deref(), rollout.bucket_by.as_deref().unwrap_or("key"))?;
    let share = RolloutDefinition {
        percent: Some(Percent::ALL),
        unit: Units::first_of(&[&unit]),
        salt: Some(rollout.seed.map_or_else(|| salt.to_owned(), |seed| seed.to_string())),
        hash: Hash::Launchdarkly,
        ..RolloutDefinition::default()
    };
    let without = names.unique(&format!("{} without a unit", base.name.as_deref().unwrap_or_default()));
    Ok(Vec::from([
        RuleDefinition { rollout: Some(share), serve: Serve::Weights(weights), ..base.clone() },
        RuleDefinition { name: Some(without), serve: first, ..base.clone() },
    ]))
}
