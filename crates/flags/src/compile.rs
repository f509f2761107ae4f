//! From what is written to what is evaluated. Everything that could go wrong later is refused
//! here, so that no flag is ever silently off.

use crate::{
    ConditionDefinition, Context, Fault, FlagDefinition, FlagType, Key, SegmentDefinition, assemble,
    condition::{Condition, Segment, Subject, find_user},
    graph::Graph,
    groups,
    lookup::Lookup,
    parse::rule_name,
    reach,
    rule::{Rule, Window},
    variants::{Variant, position, variants},
};
use alloc::{
    borrow::ToOwned,
    format,
    string::{String, ToString},
    vec::Vec,
};

/// How many flags one evaluation may come to through prerequisites, each path counted, and how
/// many segments one condition through nesting: it bounds time and stack.
pub const MAX_VISITS: u64 = 256;

/// How long the names may be that callers keep for sticky rules, in bytes: a key of a database's
/// index holds them.
const MAX_KEPT_NAME: usize = 200;

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
    /// Positions in `flags`.
    pub(crate) positions: Lookup<usize>,
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
    /// By user UUID or external id.
    pub(crate) overrides: Lookup<usize>,
    /// Positions of segments.
    pub(crate) holdouts: Vec<usize>,
    pub(crate) rules: Vec<Rule>,
    /// From then on it is stale.
    pub(crate) expires_us: Option<i64>,
}

/// Positions of a flag in the set and of the variants of which it must have one.
#[derive(Debug)]
pub(crate) struct Prerequisite {
    pub(crate) flag: usize,
    pub(crate) variants: Vec<usize>,
}

impl Flag {
    pub(crate) fn override_for(&self, context: &(impl Context + ?Sized)) -> Option<usize> {
        find_user(&self.overrides, context).copied()
    }

    /// The variant of an earlier assignment; None if there is none or the variant is gone.
    pub(crate) fn assigned(&self, rule: &str, context: &(impl Context + ?Sized)) -> Option<usize> {
        let name = context.assignment(&self.key, rule)?;
        self.variants.iter().position(|variant| variant.name == name)
    }
}

impl FlagSet {
    /// Compiles flags and segments, or says everything that is wrong with them: unknown flags,
    /// variants and segments, cycles, duplicates, types, times, versions, regular expressions,
    /// weights, parts of exclusion groups that overlap, rules that are never reached.
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
        faults.extend(groups::overlaps(flags.iter().flatten()));

        if faults.is_empty() {
            let flags: Vec<Flag> = flags.into_iter().flatten().collect();
            let keys = flags.iter().enumerate().map(|(position, flag)| (flag.key.clone(), position));
            let positions = Lookup::new(keys, false);
            Ok(Self { flags, positions, segments: segments.into_iter().flatten().collect() })
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
        if definition.when.is_empty() && definition.users.is_empty() && definition.rollout.is_none() {
            self.faults.push(Fault::segment(key, "has neither `when` nor `users` nor `rollout`"));
        }
        if definition.users.iter().any(String::is_empty) {
            self.faults.push(Fault::segment(key, "`users` has an empty id"));
        }
        let rollout = definition.rollout.as_ref().map(|rollout| assemble::rollout(rollout, key)).transpose();
        let rollout = rollout.map_err(|what| self.faults.push(Fault::segment(key, what)));
        let when = self.conditions(&definition.when, |what| Fault::segment(key, what))?;
        let users = Lookup::new(definition.users.iter().map(|user| (user.clone(), ())), false);
        Some(Segment { key: key.to_owned(), when, rollout: rollout.ok()?, users })
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
        let window = Window::compile(definition.starts_at.as_deref(), definition.ends_at.as_deref());
        let expires_us = definition.expires_at.as_deref().map(assemble::time).transpose();
        let overrides = overrides(definition);
        let prerequisites = self.prerequisites(definition);
        let holdouts = self.holdouts(definition);
        let rules = self.rules(source);

        let mut ok_or_fault = Sift { key, faults: &mut self.faults };
        // Without variants every choice would be at fault, too.
        let variants = ok_or_fault.take(variants)?;
        let off = if definition.off.is_some() { ok_or_fault.take(off) } else { off.ok() };
        let default = ok_or_fault.take(default);
        let window = ok_or_fault.take(window);
        let expires_us = ok_or_fault.take(expires_us.map_err(|what| format!("`expires_at`: {what}")));
        let overrides = ok_or_fault.take(overrides);
        let prerequisites = ok_or_fault.take(prerequisites);
        let holdouts = ok_or_fault.take(holdouts);
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
            holdouts: holdouts?,
            rules,
            expires_us: expires_us?,
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
            let choices = match (&prerequisite.value, prerequisite.values.as_slice()) {
                (Some(value), []) => core::slice::from_ref(value),
                (None, values @ [_, ..]) => values,
                _ => return Err(wrong("takes either `value` or `values`")),
            };
            let variants = choices.iter().map(|choice| position(source.definition, choice));
            let variants = variants.collect::<Result<_, _>>().map_err(|what| wrong(&format!("`value`: {what}")))?;
            list.push(Prerequisite { flag, variants });
        }
        Ok(list)
    }

    fn holdouts(&self, definition: &FlagDefinition) -> Result<Vec<usize>, String> {
        let find = |key: &String| self.segment_at(key).ok_or_else(|| format!("`holdouts`: unknown segment `{key}`"));
        definition.holdouts.iter().map(find).collect()
    }

    fn segment_at(&self, key: &str) -> Option<usize> {
        self.segments.binary_search_by(|segment| segment.key.as_str().cmp(key)).ok()
    }

    /// The rules without fault.
    fn rules(&mut self, source: &Source<'_>) -> Vec<Rule> {
        let key = source.definition.key.as_str();
        let mut rules: Vec<reach::Written<'_>> = Vec::new();
        for (index, definition) in source.definition.rules.iter().enumerate() {
            let name = rule_name(definition.name.as_deref(), index);
            let fault = |what: String| Fault::flag(key, what).in_rule(name.clone());
            if name.is_empty() {
                self.faults.push(fault("`name` is empty".to_owned()));
            }
            if definition.sticky && !can_be_kept(source.definition, &name) {
                let what = format!(
                    "is `sticky`: its name and those of the variants may have {MAX_KEPT_NAME} bytes, none of control"
                );
                self.faults.push(fault(what));
            }
            if rules.iter().any(|(rule, _)| rule.name == name) {
                self.faults.push(fault("another rule has that name".to_owned()));
            }
            let when = self.conditions(&definition.when, fault);
            let readable = when.is_some();
            match assemble::rule(source, definition, name.clone(), when.unwrap_or_default()) {
                // A rule that lost its conditions must not pass for one that takes everybody.
                Ok(rule) if readable => {
                    let rule = (rule, definition);
                    let never = reach::never(&rule, &rules);
                    self.faults.extend(never.map(fault));
                    rules.push(rule);
                }
                Ok(_) => {}
                Err(what) => self.faults.push(fault(what)),
            }
        }
        rules.into_iter().map(|(rule, _)| rule).collect()
    }

    /// None after a fault.
    fn conditions(
        &mut self,
        definitions: &[ConditionDefinition],
        fault: impl Fn(String) -> Fault,
    ) -> Option<Vec<Condition>> {
        let mut conditions = Some(Vec::new());
        for (index, definition) in definitions.iter().enumerate() {
            match Condition::compile(definition, |key| self.segment_at(key)) {
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

fn overrides(flag: &FlagDefinition) -> Result<Lookup<usize>, String> {
    let mut list = Vec::new();
    for (user, choice) in flag.overrides.iter() {
        if user.is_empty() {
            return Err("`overrides` has an empty id".to_owned());
        }
        let variant = position(flag, choice).map_err(|what| format!("override of `{user}`: {what}"))?;
        list.push((user.to_owned(), variant));
    }
    Ok(Lookup::new(list, false))
}

/// Whether a caller can keep what a sticky rule of that name serves.
fn can_be_kept(flag: &FlagDefinition, rule: &str) -> bool {
    let names = flag.variants.iter().map(|(name, _)| name).chain([rule]);
    names.into_iter().all(|name| name.len() <= MAX_KEPT_NAME && !name.contains(char::is_control))
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
