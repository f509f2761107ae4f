//! From what is written to what is evaluated. Everything that could go wrong later is refused
//! here, so that no flag is ever silently off.

use crate::{
    Choice, ConditionDefinition, Fault, FlagDefinition, FlagType, Key, RolloutDefinition, RuleDefinition,
    SegmentDefinition, Serve,
    condition::{Condition, Segment, Subject},
    context::time_us,
    graph::Graph,
    kind::Kind,
    parse::rule_name,
    rule::{Rule, Served, Share, Window},
};
use alloc::{
    borrow::ToOwned,
    format,
    string::{String, ToString},
    vec::Vec,
};
use serde_json::Value as Json;

/// How many flags one evaluation may come to through prerequisites, each path counted, and how
/// many segments one condition through nesting: it bounds time and stack.
pub const MAX_VISITS: u64 = 256;

const DEFAULT_UNIT: &str = "user_id";

/// A flag with the salt that the store made when the flag was created.
#[derive(Clone, Copy, Debug)]
pub struct Source<'a> {
    /// The flag as written.
    pub definition: &'a FlagDefinition,
    /// Kept when the flag is replaced, so that nobody changes buckets.
    pub salt: &'a str,
}

/// Flags and segments, compiled: immutable, cheap to share, evaluated without allocating.
#[derive(Debug)]
pub struct FlagSet {
    /// Sorted by key.
    pub(crate) flags: Vec<Flag>,
    pub(crate) segments: Vec<Segment>,
}

#[derive(Debug)]
pub(crate) struct Flag {
    pub(crate) key: String,
    pub(crate) value_type: FlagType,
    pub(crate) active: bool,
    pub(crate) enabled: bool,
    pub(crate) window: Window,
    pub(crate) variants: Vec<Variant>,
    /// Positions in `variants`.
    pub(crate) off: usize,
    pub(crate) default: usize,
    pub(crate) prerequisites: Vec<Prerequisite>,
    /// User UUID or external id and variant, sorted by the former.
    pub(crate) overrides: Vec<(String, usize)>,
    pub(crate) rules: Vec<Rule>,
}

#[derive(Debug)]
pub(crate) struct Variant {
    pub(crate) name: String,
    pub(crate) value: OwnedValue,
}

#[derive(Debug)]
pub(crate) enum OwnedValue {
    Boolean(bool),
    String(String),
    Integer(i64),
    Float(f64),
    Object(Json),
}

/// Positions of a flag in the set and of the variant it must have.
#[derive(Debug)]
pub(crate) struct Prerequisite {
    pub(crate) flag: usize,
    pub(crate) variant: usize,
}

impl FlagSet {
    /// Compiles flags and segments, or says everything that is wrong with them: unknown flags,
    /// variants and segments, cycles, duplicates, types, times, versions, weights, rules that are
    /// never reached.
    pub fn compile<'a>(
        flags: impl IntoIterator<Item = Source<'a>>,
        segments: impl IntoIterator<Item = &'a SegmentDefinition>,
    ) -> Result<Self, Vec<Fault>> {
        let mut sources: Vec<_> = flags.into_iter().collect();
        sources.sort_by(|a, b| a.definition.key.cmp(&b.definition.key));
        let mut definitions: Vec<_> = segments.into_iter().collect();
        definitions.sort_by(|a, b| a.key.cmp(&b.key));

        let mut faults = Vec::new();
        for key in duplicates(sources.iter().map(|source| &source.definition.key)) {
            faults.push(Fault::flag(key.as_str(), "defined more than once"));
        }
        for key in duplicates(definitions.iter().map(|definition| &definition.key)) {
            faults.push(Fault::segment(key.as_str(), "defined more than once"));
        }
        let mut compiler = Compiler { sources: &sources, segments: &definitions, faults };
        let segments: Vec<_> = definitions.iter().map(|d| compiler.segment(d)).collect();
        let flags: Vec<_> = sources.iter().map(|source| compiler.flag(source)).collect();
        let mut faults = compiler.faults;

        // A thing that did not compile has its fault already; its references are not followed.
        let edges: Vec<_> = segments.iter().map(|segment| segment_references(segment.as_ref())).collect();
        let names: Vec<_> = definitions.iter().map(|definition| &definition.key).collect();
        check_graph(&edges, &names, "nested segments", Fault::segment, &mut faults);
        let edges: Vec<_> = flags.iter().map(|flag| flag_references(flag.as_ref())).collect();
        let names: Vec<_> = sources.iter().map(|source| &source.definition.key).collect();
        check_graph(&edges, &names, "prerequisites", Fault::flag, &mut faults);

        if faults.is_empty() {
            let (flags, segments) = (flags.into_iter(), segments.into_iter());
            Ok(Self { flags: flags.flatten().collect(), segments: segments.flatten().collect() })
        } else {
            Err(faults)
        }
    }
}

/// Looks up what definitions refer to, and gathers faults.
struct Compiler<'c, 'a> {
    /// Sorted by key.
    sources: &'c [Source<'a>],
    /// Sorted by key.
    segments: &'c [&'a SegmentDefinition],
    faults: Vec<Fault>,
}

impl Compiler<'_, '_> {
    /// None after a fault.
    fn segment(&mut self, definition: &SegmentDefinition) -> Option<Segment> {
        let key = definition.key.as_str();
        if definition.when.is_empty() && definition.users.is_empty() {
            self.faults.push(Fault::segment(key, "has neither `when` nor `users`"));
        }
        if definition.users.iter().any(String::is_empty) {
            self.faults.push(Fault::segment(key, "`users` has an empty id"));
        }
        let when = self.conditions(&definition.when, |what| Fault::segment(key, what))?;
        let mut users = definition.users.clone();
        users.sort_unstable();
        users.dedup();
        Some(Segment { when, users })
    }

    /// None after a fault outside the rules; rules at fault are left out.
    fn flag(&mut self, source: &Source<'_>) -> Option<Flag> {
        let definition = source.definition;
        let key = definition.key.as_str();
        let variants = variants(definition);
        let default = match &definition.default {
            None if definition.flag_type == FlagType::Boolean => Ok(0),
            None => Err("`default` is required".to_owned()),
            Some(choice) => position(definition, choice).map_err(|what| format!("`default`: {what}")),
        };
        let off = match &definition.off {
            None if definition.flag_type == FlagType::Boolean => Ok(0),
            None => default.clone(),
            Some(choice) => position(definition, choice).map_err(|what| format!("`off`: {what}")),
        };
        let window = window(definition.starts_at.as_deref(), definition.ends_at.as_deref());
        let overrides = overrides(definition);
        let prerequisites = self.prerequisites(definition);
        let rules = self.rules(source);

        let mut ok_or_fault = Sift { key, faults: &mut self.faults };
        // Without variants every choice would be at fault, too.
        let variants = ok_or_fault.take(variants)?;
        let off = if definition.off.is_some() { ok_or_fault.take(off) } else { off.ok() };
        let default = ok_or_fault.take(default);
        let window = ok_or_fault.take(window);
        let overrides = ok_or_fault.take(overrides);
        let prerequisites = ok_or_fault.take(prerequisites);
        Some(Flag {
            key: key.to_owned(),
            value_type: definition.flag_type,
            active: definition.active,
            enabled: definition.enabled,
            window: window?,
            variants,
            off: off?,
            default: default?,
            prerequisites: prerequisites?,
            overrides: overrides?,
            rules,
        })
    }

    fn prerequisites(&self, definition: &FlagDefinition) -> Result<Vec<Prerequisite>, String> {
        let mut list: Vec<Prerequisite> = Vec::new();
        for prerequisite in &definition.prerequisites {
            let key = &prerequisite.flag;
            let wrong = |what: &str| format!("prerequisite `{key}`: {what}");
            let flag = self
                .sources
                .binary_search_by(|source| source.definition.key.as_str().cmp(key))
                .map_err(|_| wrong("unknown flag"))?;
            if list.iter().any(|other| other.flag == flag) {
                return Err(wrong("named more than once"));
            }
            let source = self.sources.get(flag).ok_or_else(|| wrong("unknown flag"))?;
            let variant =
                position(source.definition, &prerequisite.value).map_err(|what| wrong(&format!("`value`: {what}")))?;
            list.push(Prerequisite { flag, variant });
        }
        Ok(list)
    }

    /// The rules without fault.
    fn rules(&mut self, source: &Source<'_>) -> Vec<Rule> {
        let key = source.definition.key.as_str();
        let mut rules: Vec<Rule> = Vec::new();
        for (index, definition) in source.definition.rules.iter().enumerate() {
            let name = rule_name(definition.name.as_deref(), index);
            let fault = |what: String| Fault::flag(key, what).in_rule(name.clone());
            if name.is_empty() {
                self.faults.push(fault("`name` is empty".to_owned()));
            }
            if rules.iter().any(|rule| rule.name == name) {
                self.faults.push(fault("another rule has that name".to_owned()));
            }
            if let Some(all) = rules.iter().find(|rule| rule.matches_always()) {
                let all = &all.name;
                self.faults.push(fault(format!("is never reached: rule `{all}` before it takes everybody")));
            }
            let when = self.conditions(&definition.when, fault);
            let readable = when.is_some();
            match assemble(source, definition, name.clone(), when.unwrap_or_default()) {
                // A rule that lost its conditions must not pass for one that takes everybody.
                Ok(rule) if readable => rules.push(rule),
                Ok(_) => {}
                Err(what) => self.faults.push(fault(what)),
            }
        }
        rules
    }

    /// None after a fault.
    fn conditions(
        &mut self,
        definitions: &[ConditionDefinition],
        fault: impl Fn(String) -> Fault,
    ) -> Option<Vec<Condition>> {
        let segment_at = |key: &str| self.segments.binary_search_by(|segment| segment.key.as_str().cmp(key)).ok();
        let mut conditions = Some(Vec::new());
        for (index, definition) in definitions.iter().enumerate() {
            match Condition::compile(definition, segment_at) {
                Ok(condition) => {
                    if let Some(list) = &mut conditions {
                        list.push(condition);
                    }
                }
                Err(what) => {
                    self.faults.push(fault(format!("`when[{index}]`: {what}")));
                    conditions = None;
                }
            }
        }
        conditions
    }
}

/// Turns errors of one flag into faults.
struct Sift<'f> {
    key: &'f str,
    faults: &'f mut Vec<Fault>,
}

impl Sift<'_> {
    fn take<T>(&mut self, result: Result<T, String>) -> Option<T> {
        result.map_err(|what| self.faults.push(Fault::flag(self.key, what))).ok()
    }
}

fn assemble(
    source: &Source<'_>,
    definition: &RuleDefinition,
    name: String,
    when: Vec<Condition>,
) -> Result<Rule, String> {
    let rollout = definition.rollout.as_ref();
    let unit = rollout.and_then(|r| r.unit.as_deref()).unwrap_or(DEFAULT_UNIT);
    let kind = Kind::of(unit);
    if unit.is_empty() || !matches!(kind, Kind::Text | Kind::Any) {
        let noun = if unit.is_empty() { "no name" } else { kind.noun() };
        return Err(format!("`rollout.unit`: `{unit}` is {noun}; a unit is a text or an integer"));
    }
    Ok(Rule {
        name,
        window: window(definition.starts_at.as_deref(), definition.ends_at.as_deref())?,
        when,
        share: rollout.map(share).transpose()?,
        serve: served(source.definition, &definition.serve).map_err(|what| format!("`serve`: {what}"))?,
        unit: unit.to_owned(),
        salt: rollout.and_then(|r| r.salt.as_deref()).unwrap_or(source.salt).to_owned(),
    })
}

fn share(rollout: &RolloutDefinition) -> Result<Share, String> {
    let percent = rollout.percent.map(crate::Percent::thousandths);
    if rollout.schedule.is_empty() {
        return percent.map(Share::Fixed).ok_or_else(|| "`rollout` needs `percent` or `schedule`".to_owned());
    }
    let mut points: Vec<(i64, u32)> = Vec::new();
    for (index, point) in rollout.schedule.iter().enumerate() {
        let at_us = time(&point.at).map_err(|what| format!("`rollout.schedule[{index}]`: {what}"))?;
        if points.last().is_some_and(|(last_us, _)| *last_us >= at_us) {
            return Err(format!("`rollout.schedule[{index}]` is not later than the one before"));
        }
        points.push((at_us, point.percent.thousandths()));
    }
    Ok(Share::Scheduled { before: percent.unwrap_or(0), points })
}

fn served(flag: &FlagDefinition, serve: &Serve) -> Result<Served, String> {
    let weights = match serve {
        Serve::Choice(choice) => return position(flag, choice).map(Served::Variant),
        Serve::Weights(weights) => weights,
    };
    let mut total = 0_u64;
    let mut steps = Vec::new();
    for (name, weight) in weights.iter() {
        let variant = position(flag, &Choice::Variant(name.to_owned()))?;
        if *weight == 0 {
            return Err(format!("the weight of `{name}` is not positive"));
        }
        total = total.checked_add(*weight).ok_or_else(|| "the weights are too large".to_owned())?;
        steps.push((total, variant));
    }
    if steps.is_empty() {
        return Err("no weights".to_owned());
    }
    Ok(Served::Weights { steps, total })
}

fn variants(flag: &FlagDefinition) -> Result<Vec<Variant>, String> {
    if flag.flag_type == FlagType::Boolean {
        if !flag.variants.is_empty() {
            return Err("a boolean flag has `on` and `off` and takes no `variants`".to_owned());
        }
        let boolean = |value| Variant { name: variant_name(value).to_owned(), value: OwnedValue::Boolean(value) };
        return Ok(Vec::from([boolean(false), boolean(true)]));
    }
    if flag.variants.is_empty() {
        return Err("`variants` is required of a flag that is not boolean".to_owned());
    }
    flag.variants
        .iter()
        .map(|(name, value)| {
            let fitting = match flag.flag_type {
                FlagType::Boolean => None,
                FlagType::String => value.as_str().map(|text| OwnedValue::String(text.to_owned())),
                FlagType::Integer => value.as_i64().map(OwnedValue::Integer),
                FlagType::Float => value.as_f64().map(OwnedValue::Float),
                FlagType::Object => value.is_object().then(|| OwnedValue::Object(value.clone())),
            };
            let value = fitting.ok_or_else(|| {
                let wanted = Json::to_string(&serde_json::json!(flag.flag_type));
                format!("variant `{name}`: {value} does not fit the type {wanted}")
            })?;
            Ok(Variant { name: name.to_owned(), value })
        })
        .collect()
}

/// The position of a choice among the flag's variants.
fn position(flag: &FlagDefinition, choice: &Choice) -> Result<usize, String> {
    let found = match (choice, flag.flag_type) {
        (Choice::Boolean(value), FlagType::Boolean) => Some(usize::from(*value)),
        (Choice::Boolean(value), _) => {
            return Err(format!("{value} is no variant; only a boolean flag takes true or false"));
        }
        (Choice::Variant(name), FlagType::Boolean) => {
            [false, true].iter().position(|value| variant_name(*value) == name)
        }
        (Choice::Variant(name), _) => flag.variants.iter().position(|(other, _)| other == name),
    };
    found.ok_or_else(|| match choice {
        Choice::Variant(name) => format!("unknown variant `{name}`"),
        Choice::Boolean(value) => format!("unknown value {value}"),
    })
}

const fn variant_name(value: bool) -> &'static str {
    if value { "on" } else { "off" }
}

fn overrides(flag: &FlagDefinition) -> Result<Vec<(String, usize)>, String> {
    let mut list = Vec::new();
    for (user, choice) in flag.overrides.iter() {
        if user.is_empty() {
            return Err("`overrides` has an empty id".to_owned());
        }
        let variant = position(flag, choice).map_err(|what| format!("override of `{user}`: {what}"))?;
        list.push((user.to_owned(), variant));
    }
    list.sort_unstable();
    Ok(list)
}

fn window(starts_at: Option<&str>, ends_at: Option<&str>) -> Result<Window, String> {
    let at =
        |member: &str, text: Option<&str>| text.map(time).transpose().map_err(|what| format!("`{member}`: {what}"));
    let Window { starts_us, ends_us } = Window::ALWAYS;
    let window = Window {
        starts_us: at("starts_at", starts_at)?.unwrap_or(starts_us),
        ends_us: at("ends_at", ends_at)?.unwrap_or(ends_us),
    };
    if window.starts_us >= window.ends_us {
        return Err("`ends_at` is not after `starts_at`".to_owned());
    }
    Ok(window)
}

fn time(text: &str) -> Result<i64, String> {
    time_us(text).ok_or_else(|| format!("\"{text}\" is no RFC 3339 time such as \"2026-01-31T12:00:00Z\""))
}

/// Keys that come again, each once; keys are sorted.
fn duplicates<'k>(keys: impl Iterator<Item = &'k Key>) -> Vec<&'k Key> {
    let mut again = Vec::new();
    let mut last = None;
    for key in keys {
        if last == Some(key) && again.last() != Some(&key) {
            again.push(key);
        }
        last = Some(key);
    }
    again
}

fn segment_references(segment: Option<&Segment>) -> Vec<usize> {
    let conditions = segment.into_iter().flat_map(|segment| &segment.when);
    conditions
        .filter_map(|condition| match condition.subject {
            Subject::Segment(position) => Some(position),
            Subject::Attribute { .. } => None,
        })
        .collect()
}

fn flag_references(flag: Option<&Flag>) -> Vec<usize> {
    let prerequisites = flag.into_iter().flat_map(|flag| &flag.prerequisites);
    prerequisites.map(|prerequisite| prerequisite.flag).collect()
}

fn check_graph(
    edges: &[Vec<usize>],
    names: &[&Key],
    noun: &str,
    fault: impl Fn(String, String) -> Fault,
    faults: &mut Vec<Fault>,
) {
    let graph = Graph::new(edges);
    for cycle in graph.cycles {
        let path: Vec<_> = cycle.iter().filter_map(|at| names.get(*at)).map(ToString::to_string).collect();
        let first = path.first().cloned().unwrap_or_default();
        faults.push(fault(first, format!("{noun} in a circle: {}", path.join(" → "))));
    }
    for (name, visits) in names.iter().zip(graph.visits) {
        if visits.is_some_and(|visits| visits > MAX_VISITS) {
            let what = format!("{noun} lead to more than {MAX_VISITS} evaluations");
            faults.push(fault(name.to_string(), what));
        }
    }
}
