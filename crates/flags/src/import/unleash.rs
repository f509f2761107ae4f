//! Unleash's client features (`GET /api/client/features`), and its stream of events.

use super::{Import, naming::Names, read};
use crate::{
    ConditionDefinition, Fault, FlagDefinition, Key, PrerequisiteDefinition, RuleDefinition, SegmentDefinition, Serve,
    SplitDefinition,
};
use alloc::{
    borrow::ToOwned,
    collections::BTreeMap,
    format,
    string::{String, ToString},
    vec::Vec,
};
use constraint::{Constraint, Meaning, meaning};
use serde::Deserialize;
use strategy::{Strategy, Who};
use variant::{Chosen, Variant};

mod constraint;
mod strategy;
mod variant;

#[derive(Deserialize)]
struct Document {
    /// Absent in a stream of events.
    features: Option<Vec<Feature>>,
    #[serde(default)]
    segments: Vec<Segment>,
    events: Option<Vec<Event>>,
}

#[derive(Deserialize)]
#[serde(tag = "type", rename_all = "kebab-case")]
enum Event {
    Hydration {
        #[serde(default)]
        features: Vec<Feature>,
        #[serde(default)]
        segments: Vec<Segment>,
    },
    FeatureUpdated {
        feature: Feature,
    },
    FeatureRemoved {
        #[serde(rename = "featureName")]
        name: String,
    },
    SegmentUpdated {
        segment: Segment,
    },
    SegmentRemoved {
        #[serde(rename = "segmentId")]
        id: i64,
    },
}

#[derive(Deserialize)]
struct Feature {
    name: String,
    #[serde(default)]
    description: Option<String>,
    enabled: bool,
    #[serde(default)]
    strategies: Option<Vec<Strategy>>,
    #[serde(default)]
    variants: Option<Vec<Variant>>,
    #[serde(default)]
    dependencies: Option<Vec<Dependency>>,
}

#[derive(Deserialize)]
struct Segment {
    id: i64,
    #[serde(default)]
    name: Option<String>,
    #[serde(default)]
    constraints: Vec<Constraint>,
}

#[derive(Deserialize)]
struct Dependency {
    feature: String,
    #[serde(default)]
    enabled: Option<bool>,
    #[serde(default)]
    variants: Option<Vec<String>>,
}

/// Reads Unleash's client features. A feature is a boolean flag, or, if it or one of its strategies
/// has variants, one of their payloads' type that has two variants more: `disabled` where the
/// feature is off, and `enabled` where it is on without a variant.
///
/// Strategies become rules, in their order, with Unleash's group ids as salts: everybody stays where
/// they are. `userId` becomes `user_id`; all other fields keep their names. What Unleash draws at
/// random is by user or session here, and whoever has neither gets the first variant, or is missed
/// by a percentage: the notes say so. A constraint on `currentTime` becomes the rule's time.
pub fn unleash(text: &str) -> Result<Import, Fault> {
    let (features, segments) = state(read(text)?)?;
    let mut names = Names::default();
    let mut import = Import::default();
    for name in features.keys() {
        import.keys.push((name.clone(), names.key(name)));
    }
    let mut segment_names = Names::default();
    let mut compiled = BTreeMap::new();
    for (id, segment) in &segments {
        let (key, meanings) = (segment_names.key(&segment_name(segment)), meanings(&segment.constraints));
        if let Some(definition) = segment_definition(&key, &meanings) {
            let condition = ConditionDefinition { segment: Some(key.to_string()), ..ConditionDefinition::default() };
            import.file.segments.push(definition);
            compiled.insert(*id, Vec::from([Meaning::Condition(condition)]));
        } else {
            compiled.insert(*id, meanings);
        }
    }
    let chosen: BTreeMap<&str, Chosen> = features.values().map(|f| (f.name.as_str(), Chosen::of(f))).collect();
    let keys: BTreeMap<&str, &Key> = import.keys.iter().map(|(name, key)| (name.as_str(), key)).collect();
    let mut notes = Vec::new();
    for feature in features.values() {
        let Some((key, variants)) = keys.get(feature.name.as_str()).zip(chosen.get(feature.name.as_str())) else {
            continue;
        };
        let mut flag = FlagDefinition { enabled: feature.enabled, ..FlagDefinition::new((*key).clone()) };
        flag.description.clone_from(&feature.description);
        variants.declare(&mut flag);
        let mut maker = Maker { feature, variants, segments: &compiled, names: Names::default(), notes: Vec::new() };
        flag.rules = maker.rules();
        match prerequisites(feature, &features, &chosen, &keys) {
            Ok(prerequisites) => flag.prerequisites = prerequisites,
            Err(what) => {
                flag.enabled = false;
                maker.notes.push((None, what));
            }
        }
        notes.extend(maker.notes.into_iter().map(|(rule, what)| {
            let fault = Fault::flag(key.as_str(), what);
            match rule {
                Some(rule) => fault.in_rule(rule),
                None => fault,
            }
        }));
        import.file.flags.push(flag);
    }
    import.notes = notes;
    Ok(import.settle())
}

/// Features by name and segments by id.
type State = (BTreeMap<String, Feature>, BTreeMap<i64, Segment>);

/// What there is after all events.
fn state(document: Document) -> Result<State, Fault> {
    if document.features.is_none() && document.events.is_none() {
        return Err(Fault::file("missing field `features`"));
    }
    let mut features = BTreeMap::new();
    let mut segments = BTreeMap::new();
    let whole = Event::Hydration { features: document.features.unwrap_or_default(), segments: document.segments };
    for event in [whole].into_iter().chain(document.events.unwrap_or_default()) {
        match event {
            Event::Hydration { features: all, segments: parts } => {
                features = all.into_iter().map(|feature| (feature.name.clone(), feature)).collect();
                segments = parts.into_iter().map(|segment| (segment.id, segment)).collect();
            }
            Event::FeatureUpdated { feature } => drop(features.insert(feature.name.clone(), feature)),
            Event::FeatureRemoved { name } => drop(features.remove(&name)),
            Event::SegmentUpdated { segment } => drop(segments.insert(segment.id, segment)),
            Event::SegmentRemoved { id } => drop(segments.remove(&id)),
        }
    }
    Ok((features, segments))
}

fn segment_name(segment: &Segment) -> String {
    segment.name.clone().unwrap_or_else(|| format!("segment-{}", segment.id))
}

fn meanings(constraints: &[Constraint]) -> Vec<Meaning> {
    constraints.iter().map(meaning).collect()
}

/// A segment of conditions alone; None if it says something of the time, or everybody or nobody is
/// in it.
fn segment_definition(key: &Key, meanings: &[Meaning]) -> Option<SegmentDefinition> {
    let conditions: Option<Vec<_>> = meanings.iter().map(Meaning::condition).collect();
    let when = conditions.filter(|when| !when.is_empty())?;
    Some(SegmentDefinition { key: key.clone(), when, rollout: None, users: Vec::new() })
}

/// What the parents must be. The error says why Unleash never has the feature on.
fn prerequisites(
    feature: &Feature,
    features: &BTreeMap<String, Feature>,
    chosen: &BTreeMap<&str, Chosen>,
    keys: &BTreeMap<&str, &Key>,
) -> Result<Vec<PrerequisiteDefinition>, String> {
    let of = |dependency: &Dependency| {
        let name = dependency.feature.as_str();
        let found = features.get(name).zip(chosen.get(name)).zip(keys.get(name));
        let ((parent, variants), key) = found.ok_or_else(|| format!("its parent `{name}` does not exist: never on"))?;
        if parent.dependencies.as_ref().is_some_and(|list| !list.is_empty()) {
            return Err(format!("its parent `{name}` has a parent, which Unleash does not follow: never on"));
        }
        let wanted = dependency.variants.as_deref().unwrap_or_default();
        let values = if dependency.enabled == Some(false) { variants.off() } else { variants.on(wanted) };
        if values.is_empty() {
            return Err(format!("its parent `{name}` has none of the variants: never on"));
        }
        Ok(PrerequisiteDefinition { flag: key.to_string(), value: None, values })
    };
    feature.dependencies.iter().flatten().map(of).collect()
}

/// Makes the rules of one feature.
struct Maker<'f> {
    feature: &'f Feature,
    variants: &'f Chosen,
    segments: &'f BTreeMap<i64, Vec<Meaning>>,
    names: Names,
    /// By rule, if one is at fault.
    notes: Vec<(Option<String>, String)>,
}

impl Maker<'_> {
    fn rules(&mut self) -> Vec<RuleDefinition> {
        let everybody = [Strategy::everybody()];
        let strategies = self.feature.strategies.as_deref().unwrap_or_default();
        let strategies = if strategies.is_empty() { everybody.as_slice() } else { strategies };
        strategies.iter().flat_map(|strategy| self.of_strategy(strategy)).collect()
    }

    /// The rules that are this strategy: none if it is never met.
    fn of_strategy(&mut self, strategy: &Strategy) -> Vec<RuleDefinition> {
        let name = self.names.unique(strategy.title());
        match self.base(strategy, &name) {
            Ok((rule, needs_unit)) => self.with_variants(strategy, rule, needs_unit),
            Err(what) => {
                self.notes.push((Some(name), format!("left out: {what}")));
                Vec::new()
            }
        }
    }

    /// The rule without what it serves, and whether it takes only who has a unit. The error says
    /// why the strategy is never met.
    fn base(&mut self, strategy: &Strategy, name: &str) -> Result<(RuleDefinition, bool), String> {
        let mut rule = RuleDefinition { name: Some(name.to_owned()), ..RuleDefinition::default() };
        let mut window = constraint::Window::default();
        let mut meanings = meanings(strategy.constraints());
        for id in strategy.segments() {
            let segment = self.segments.get(id).ok_or_else(|| format!("segment {id} does not exist"))?;
            meanings.extend(segment.iter().cloned());
        }
        let (who, note) = strategy.who(&self.feature.name);
        self.notes.extend(note.map(|note| (Some(name.to_owned()), note)));
        let rollout = match who {
            Who::Everybody => None,
            Who::Nobody(what) => return Err(what),
            Who::Whom(condition) => {
                meanings.push(Meaning::Condition(condition));
                None
            }
            Who::Share(rollout) => Some(rollout),
        };
        for meaning in meanings {
            match meaning {
                Meaning::Always => {}
                Meaning::Never(what) => return Err(what),
                Meaning::Condition(condition) => rule.when.push(condition),
                Meaning::Time(other) => window.narrow(other),
            }
        }
        (rule.starts_at, rule.ends_at) = window.written();
        rule.rollout = rollout;
        let needs_unit = rule.rollout.is_some();
        Ok((rule, needs_unit))
    }

    fn with_variants(&mut self, strategy: &Strategy, rule: RuleDefinition, needs_unit: bool) -> Vec<RuleDefinition> {
        let own = strategy.variants();
        let of_feature = self.feature.variants.as_deref().unwrap_or_default();
        let (list, salt) = if own.is_empty() {
            (of_feature, self.feature.name.clone())
        } else {
            (own, strategy.group_id(&self.feature.name))
        };
        let positive: Vec<&Variant> = list.iter().filter(|variant| variant.weight > 0).collect();
        let mut rules = Vec::new();
        for variant in &positive {
            for condition in variant.overrides() {
                let name = format!("{}: {}", rule.name.as_deref().unwrap_or_default(), variant.name);
                let mut special = rule.clone();
                special.name = Some(self.names.unique(&name));
                special.when.push(condition);
                special.serve = Serve::Choice(self.variants.choice(Some(variant)));
                rules.push(special);
            }
        }
        let first = self.variants.choice(positive.first().copied());
        if positive.len() < 2 {
            rules.push(RuleDefinition { serve: Serve::Choice(first), ..rule });
            return rules;
        }
        let weights = positive.iter().map(|variant| (self.variants.name(variant), variant.weight)).collect();
        let inherited = strategy.stickiness().filter(|_| !own.is_empty());
        let unit = positive.first().and_then(|variant| variant.stickiness.clone());
        let unit = variant::units(unit.or(inherited).as_deref());
        let same_unit = rule.rollout.as_ref().is_some_and(|rollout| rollout.unit == unit);
        let without = RuleDefinition { serve: Serve::Choice(first), ..rule.clone() };
        let split = SplitDefinition { unit, salt: Some(salt) };
        let name = rule.name.clone();
        rules.push(RuleDefinition { serve: Serve::Weights(weights), split: Some(split), ..rule });
        if !(needs_unit && same_unit) {
            let wanted = format!("{} without a unit", name.as_deref().unwrap_or_default());
            rules.push(RuleDefinition { name: Some(self.names.unique(&wanted)), ..without });
            let what = "who has no unit gets the first variant, where Unleash draws one at random";
            self.notes.push((name, what.to_owned()));
        }
        rules
    }
}
