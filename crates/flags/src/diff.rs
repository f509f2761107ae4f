//! What changes between two versions of a flag set, and for whom.

use crate::{
    Attribute, BUCKETS, FlagSet,
    compile::Flag,
    condition::{Condition, Segment, Subject},
    lookup::Lookup,
    rule::{Rollout, Rule, Served, Slot, Weights, Window},
};
use alloc::{
    borrow::ToOwned,
    format,
    string::{String, ToString},
    vec::Vec,
};
use core::fmt;
use serde::Serialize;

/// What is different in a later version of a flag set.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Diff {
    /// Flags, sorted by key; those that use a segment that changed, too.
    pub flags: Vec<Changed>,
    /// Segments, sorted by key.
    pub segments: Vec<Changed>,
}

/// A flag or segment that is different. `Display` gives one change a line.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Changed {
    /// Its key.
    pub key: String,
    /// What is different of it.
    pub changes: Vec<Change>,
}

/// One difference.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Change {
    /// The rule, if it is one's.
    pub rule: Option<String>,
    /// What it is, in a sentence without a full stop.
    pub what: String,
    /// How many it is of those that the rule asks, if that can be said.
    pub buckets: Option<Buckets>,
}

/// Buckets that change, each of 100,000: of a rollout exactly, of weights rounded up.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Buckets {
    /// That the rule takes now and did not take before.
    pub gained: u32,
    /// That it took before and does not take now.
    pub lost: u32,
    /// That are served another variant.
    pub moved: u32,
}

impl FlagSet {
    /// What changes from this set to a later one, percentages as they are at `now_us` (microseconds
    /// since 1970). Rules are the same if their names are.
    pub fn diff(&self, later: &Self, now_us: i64) -> Diff {
        let comparison = Comparison { before: self, after: later, now_us };
        let segments: Vec<Changed> = pairs(&self.segments, &later.segments, |segment| &segment.key)
            .filter_map(|(key, before, after)| changed(key, comparison.segment(before, after)))
            .collect();
        let flags = pairs(&self.flags, &later.flags, |flag| &flag.key)
            .filter_map(|(key, before, after)| changed(key, comparison.flag(before, after, &segments)))
            .collect();
        Diff { flags, segments }
    }
}

impl fmt::Display for Buckets {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { gained, lost, moved } = *self;
        write!(f, "+{} of 100,000 buckets, ", Thousands(gained))?;
        match lost {
            0 => f.write_str("none lose it")?,
            lost => write!(f, "{} lose it", Thousands(lost))?,
        }
        if moved > 0 { write!(f, ", {} get another variant", Thousands(moved)) } else { Ok(()) }
    }
}

impl fmt::Display for Change {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(rule) = &self.rule {
            write!(f, "rule `{rule}`: ")?;
        }
        f.write_str(&self.what)?;
        self.buckets.map_or(Ok(()), |buckets| write!(f, ": {buckets}"))
    }
}

impl fmt::Display for Changed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.changes.iter().enumerate().try_for_each(|(position, change)| {
            let separator = if position == 0 { "" } else { "\n" };
            write!(f, "{separator}`{}`: {change}", self.key)
        })
    }
}

/// A number in groups of three digits.
struct Thousands(u32);

impl fmt::Display for Thousands {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self(number) = *self;
        if number < 1000 { write!(f, "{number}") } else { write!(f, "{},{:03}", number / 1000, number % 1000) }
    }
}

struct Comparison<'s> {
    before: &'s FlagSet,
    after: &'s FlagSet,
    now_us: i64,
}

impl Comparison<'_> {
    fn segment(&self, before: Option<&Segment>, after: Option<&Segment>) -> Vec<Change> {
        let (before, after) = match (before, after) {
            (Some(before), Some(after)) => (before, after),
            (before, _) => return Vec::from([came_or_went(before.is_none())]),
        };
        let mut changes = Vec::new();
        let names = |users: &Lookup<()>| -> Vec<String> { users.iter().map(|(user, ())| user.to_owned()).collect() };
        changes.extend(listed("users", names(&before.users), names(&after.users)));
        changes.extend(self.conditions(&before.when, &after.when));
        changes.extend(self.rollout(before.rollout.as_ref(), after.rollout.as_ref()));
        changes
    }

    fn flag(&self, before: Option<&Flag>, after: Option<&Flag>, segments: &[Changed]) -> Vec<Change> {
        let (before, after) = match (before, after) {
            (Some(before), Some(after)) => (before, after),
            (before, _) => return Vec::from([came_or_went(before.is_none())]),
        };
        let mut changes = Vec::new();
        let mut note = |is_different: bool, what: &dyn Fn() -> String| {
            if is_different {
                changes.push(Change::new(what()));
            }
        };
        let switch = |name: &str, on: bool| format!("`{name}` is {on}");
        note(before.active != after.active, &|| switch("active", after.active));
        note(before.enabled != after.enabled, &|| switch("enabled", after.enabled));
        note(before.window != after.window, &|| describe(after.window));
        note(before.value_type != after.value_type, &|| "another type".to_owned());
        let served = |name: &str, was: Option<&str>, is: Option<&str>| {
            format!("`{name}` is `{}`, not `{}`", is.unwrap_or_default(), was.unwrap_or_default())
        };
        for (name, was, is) in [("default", before.default, after.default), ("off", before.off, after.off)] {
            let (was, is) = (before.name(was), after.name(is));
            note(was != is, &|| served(name, was, is));
        }
        for variant in &after.variants {
            let was = before.variants.iter().find(|other| other.name == variant.name);
            note(was.is_some_and(|was| was != variant), &|| format!("variant `{}` has another value", variant.name));
        }
        note(self.before.wanted(before) != self.after.wanted(after), &|| "other prerequisites".to_owned());
        let held = |set: &FlagSet, flag: &Flag| -> Vec<String> {
            flag.holdouts.iter().filter_map(|at| set.segments.get(*at)).map(|segment| segment.key.clone()).collect()
        };
        let overrides = |flag: &Flag| -> Vec<String> {
            let named =
                flag.overrides.iter().map(|(user, at)| format!("{user}: {}", flag.name(*at).unwrap_or_default()));
            named.collect()
        };
        changes.extend(listed("holdouts", held(self.before, before), held(self.after, after)));
        changes.extend(listed("overrides", overrides(before), overrides(after)));
        changes.extend(self.rules(before, after));
        let uses = |key: &str| self.after.uses(after, key);
        let used = segments.iter().filter(|segment| uses(&segment.key));
        changes.extend(used.map(|segment| Change::new(format!("segment `{}` changed", segment.key))));
        changes
    }

    fn rules(&self, before: &Flag, after: &Flag) -> Vec<Change> {
        let mut changes = Vec::new();
        let find = |rules: &'_ [Rule], name: &str| rules.iter().position(|rule| rule.name == name);
        for rule in before.rules.iter().filter(|rule| find(&after.rules, &rule.name).is_none()) {
            let lost = Buckets { lost: rule.threshold(self.now_us), ..Buckets::default() };
            changes.push(Change { buckets: Some(lost), ..Change::new("removed") }.of_rule(rule));
        }
        let mut order = Vec::new();
        for rule in &after.rules {
            let Some(at) = find(&before.rules, &rule.name) else {
                let gained = Buckets { gained: rule.threshold(self.now_us), ..Buckets::default() };
                changes.push(Change { buckets: Some(gained), ..Change::new("added") }.of_rule(rule));
                continue;
            };
            order.push(at);
            if let Some(was) = before.rules.get(at) {
                changes.extend(self.rule((before, was), (after, rule)).into_iter().map(|change| change.of_rule(rule)));
            }
        }
        if !order.is_sorted() {
            changes.push(Change::new("the rules have another order"));
        }
        changes
    }

    fn rule(&self, (flag_before, before): (&Flag, &Rule), (flag_after, after): (&Flag, &Rule)) -> Vec<Change> {
        let mut changes = Vec::new();
        if before.window != after.window {
            changes.push(Change::new(describe(after.window)));
        }
        if before.sticky != after.sticky {
            changes.push(Change::new(format!("`sticky` is {}", after.sticky)));
        }
        changes.extend(self.conditions(&before.when, &after.when));
        changes.extend(slot(before.slot.as_deref(), after.slot.as_deref()));
        changes.extend(self.rollout(before.rollout.as_deref(), after.rollout.as_deref()));
        match (&before.serve, &after.serve) {
            (Served::Variant(was), Served::Variant(is)) => {
                let (was, is) = (flag_before.name(*was), flag_after.name(*is));
                if was != is {
                    let what = format!("serves `{}`, not `{}`", is.unwrap_or_default(), was.unwrap_or_default());
                    changes.push(Change::new(what));
                }
            }
            (Served::Weights(was), Served::Weights(is)) if was.spread != is.spread => {
                changes.push(Change::new("the weights have another salt, unit or hash: everybody is spread anew"));
            }
            (Served::Weights(was), Served::Weights(is)) => {
                changes.extend(weights((flag_before, was), (flag_after, is)));
            }
            (Served::Variant(_), Served::Weights(_)) => changes.push(Change::new("serves by weights, not one variant")),
            (Served::Weights(_), Served::Variant(_)) => changes.push(Change::new("serves one variant, not by weights")),
        }
        changes
    }

    /// A missing rollout takes everybody.
    fn rollout(&self, before: Option<&Rollout>, after: Option<&Rollout>) -> Option<Change> {
        if before.zip(after).is_some_and(|(before, after)| before.spread != after.spread) {
            return Some(Change::new("the rollout has another salt, unit or hash: everybody is spread anew"));
        }
        let threshold = |rollout: Option<&Rollout>| rollout.map_or(BUCKETS, |r| r.share.threshold(self.now_us));
        let (was, is) = (threshold(before), threshold(after));
        let buckets = Buckets { gained: is.saturating_sub(was), lost: was.saturating_sub(is), moved: 0 };
        let same_schedule = before.map(|rollout| &rollout.share) == after.map(|rollout| &rollout.share);
        match (was == is, same_schedule) {
            (true, true) => None,
            (true, false) if before.is_some() == after.is_some() => Some(Change::new("another schedule, the same now")),
            _ => Some(Change { buckets: Some(buckets), ..Change::new("the percentage") }),
        }
    }

    fn conditions(&self, before: &[Condition], after: &[Condition]) -> Vec<Change> {
        let missing = |from: &[Condition], set: &FlagSet, other: &[Condition], other_set: &FlagSet| -> Vec<usize> {
            let is_there = |one: &Condition| other.iter().any(|two| is_same((one, set), (two, other_set)));
            from.iter().enumerate().filter(|(_, one)| !is_there(one)).map(|(position, _)| position).collect()
        };
        let mut gone = missing(before, self.before, after, self.after);
        let mut changes = Vec::new();
        for condition in missing(after, self.after, before, self.before).into_iter().filter_map(|at| after.get(at)) {
            // A list that is longer or shorter is told by its values.
            let lists = |at: &usize| before.get(*at).and_then(|was| texts(was, condition));
            if let Some((position, (name, was, is))) = gone.iter().enumerate().find_map(|(n, at)| Some((n, lists(at)?)))
            {
                gone.remove(position);
                changes.extend(listed(name, was, is));
            } else {
                changes.push(Change::new(format!("asks for `{}`", condition.text)));
            }
        }
        let dropped = gone.into_iter().filter_map(|at| before.get(at));
        changes.extend(dropped.map(|condition| Change::new(format!("no longer asks for `{}`", condition.text))));
        changes
    }
}

impl Change {
    fn new(what: impl Into<String>) -> Self {
        Self { rule: None, what: what.into(), buckets: None }
    }

    fn of_rule(self, rule: &Rule) -> Self {
        Self { rule: Some(rule.name.clone()), ..self }
    }
}

impl Flag {
    fn name(&self, position: usize) -> Option<&str> {
        self.variants.get(position).map(|variant| variant.name.as_str())
    }
}

impl FlagSet {
    /// Keys and variants of a flag's prerequisites.
    fn wanted<'s>(&'s self, flag: &'s Flag) -> Vec<(&'s str, Vec<&'s str>)> {
        let of = |wanted: &crate::compile::Prerequisite| {
            let other = self.flags.get(wanted.flag)?;
            Some((other.key.as_str(), wanted.variants.iter().filter_map(|at| other.name(*at)).collect()))
        };
        flag.prerequisites.iter().filter_map(of).collect()
    }

    /// Whether the flag asks for the segment, itself or through others.
    fn uses(&self, flag: &Flag, key: &str) -> bool {
        let conditions = flag.rules.iter().flat_map(|rule| &rule.when);
        let mut waiting: Vec<usize> = conditions.filter_map(segment_of).chain(flag.holdouts.iter().copied()).collect();
        let mut seen = Vec::new();
        while let Some(at) = waiting.pop() {
            if seen.contains(&at) {
                continue;
            }
            seen.push(at);
            if let Some(segment) = self.segments.get(at) {
                if segment.key == key {
                    return true;
                }
                waiting.extend(segment.when.iter().filter_map(segment_of));
            }
        }
        false
    }
}

fn segment_of(condition: &Condition) -> Option<usize> {
    match condition.subject {
        Subject::Segment(position) => Some(position),
        Subject::Attribute { .. } => None,
    }
}

fn changed(key: &str, changes: Vec<Change>) -> Option<Changed> {
    (!changes.is_empty()).then(|| Changed { key: key.to_owned(), changes })
}

fn came_or_went(came: bool) -> Change {
    Change::new(if came { "added" } else { "removed" })
}

/// What is in either list, both sorted by key, each key once.
fn pairs<'s, T>(
    before: &'s [T],
    after: &'s [T],
    key: impl Fn(&T) -> &String + Copy + 's,
) -> impl Iterator<Item = (&'s str, Option<&'s T>, Option<&'s T>)> {
    let find = move |list: &'s [T], wanted: &str| {
        list.binary_search_by(|item| key(item).as_str().cmp(wanted)).ok().and_then(|at| list.get(at))
    };
    let mut keys: Vec<&'s str> = before.iter().chain(after).map(|item| key(item).as_str()).collect();
    keys.sort_unstable();
    keys.dedup();
    keys.into_iter().map(move |wanted| (wanted, find(before, wanted), find(after, wanted)))
}

/// What is in one list and not in the other; a long list is cut.
fn listed(noun: &str, mut before: Vec<String>, mut after: Vec<String>) -> Option<Change> {
    const SHOWN: usize = 10;
    before.sort_unstable();
    after.sort_unstable();
    let only = |these: &[String], those: &[String]| -> Vec<String> {
        these.iter().filter(|one| those.binary_search(one).is_err()).cloned().collect()
    };
    let show = |sign: char, names: &[String]| {
        let shown: Vec<&str> = names.iter().take(SHOWN).map(String::as_str).collect();
        let more = if names.len() > SHOWN { ", …" } else { "" };
        (!names.is_empty()).then(|| format!("{sign}{} ({}{more})", names.len(), shown.join(", ")))
    };
    let (came, went) = (only(&after, &before), only(&before, &after));
    let parts: Vec<String> = [show('+', &came), show('−', &went)].into_iter().flatten().collect();
    (!parts.is_empty()).then(|| Change::new(format!("`{noun}`: {}", parts.join(", "))))
}

/// The attribute and the values of two conditions that differ in nothing but the list.
fn texts<'s>(before: &'s Condition, after: &'s Condition) -> Option<(&'s str, Vec<String>, Vec<String>)> {
    let (Subject::Attribute { name, test: was }, Subject::Attribute { name: other, test: is }) =
        (&before.subject, &after.subject)
    else {
        return None;
    };
    let same = name == other && before.negate == after.negate;
    same.then(|| Some((name.as_str(), was.listed_texts()?, is.listed_texts()?))).flatten()
}

/// Segments are the same by key; what is in them is told of them.
fn is_same((one, set): (&Condition, &FlagSet), (two, other_set): (&Condition, &FlagSet)) -> bool {
    let key = |set: &FlagSet, at: usize| set.segments.get(at).map(|segment| segment.key.clone());
    one.negate == two.negate
        && match (&one.subject, &two.subject) {
            (Subject::Segment(one), Subject::Segment(two)) => key(set, *one) == key(other_set, *two),
            (Subject::Attribute { name: one, test }, Subject::Attribute { name: two, test: other }) => {
                one == two && test == other
            }
            _ => false,
        }
}

fn slot(before: Option<&Slot>, after: Option<&Slot>) -> Option<Change> {
    let whole = (0, BUCKETS);
    if before.zip(after).is_some_and(|(before, after)| before.spread != after.spread) {
        return Some(Change::new("another exclusion group: everybody is spread anew"));
    }
    let part = |slot: Option<&Slot>| slot.map_or(whole, |slot| (slot.from, slot.to));
    let ((was_from, was_to), (is_from, is_to)) = (part(before), part(after));
    let both = was_to.min(is_to).saturating_sub(was_from.max(is_from));
    let size = |from: u32, to: u32| to.saturating_sub(from).saturating_sub(both);
    let buckets = Buckets { gained: size(is_from, is_to), lost: size(was_from, was_to), moved: 0 };
    (buckets != Buckets::default()).then(|| Change { buckets: Some(buckets), ..Change::new("the part of the group") })
}

/// Of the hash of Unleash another sum spreads everybody anew; of the others the line is the same.
fn weights((flag_before, was): (&Flag, &Weights), (flag_after, is): (&Flag, &Weights)) -> Option<Change> {
    if was.spread.hash == crate::Hash::Unleash && was.total != is.total {
        return Some(Change::new("the weights have another sum: everybody is spread anew"));
    }
    let (was_total, is_total) = (u128::from(was.total), u128::from(is.total));
    let stretches = |flag: &Flag, weights: &Weights, scale: u128| -> Vec<(u128, Option<String>)> {
        let scaled = |(upto, variant): &(u64, usize)| {
            (u128::from(*upto).saturating_mul(scale), flag.name(*variant).map(ToOwned::to_owned))
        };
        weights.steps.iter().map(scaled).collect()
    };
    let (before, after) = (stretches(flag_before, was, is_total), stretches(flag_after, is, was_total));
    let (mut passed, mut moved) = (0_u128, 0_u128);
    let mut borders: Vec<u128> = before.iter().chain(&after).map(|(upto, _)| *upto).collect();
    borders.sort_unstable();
    for border in borders {
        let at = |stretches: &[(u128, Option<String>)]| {
            stretches.iter().find(|(upto, _)| *upto >= border).and_then(|(_, name)| name.clone())
        };
        if at(&before) != at(&after) {
            moved = moved.saturating_add(border.saturating_sub(passed));
        }
        passed = border;
    }
    let share = moved.saturating_mul(BUCKETS.into()).div_ceil(was_total.saturating_mul(is_total).max(1));
    let buckets = Buckets { moved: u32::try_from(share).unwrap_or(BUCKETS), ..Buckets::default() };
    (moved > 0).then(|| Change { buckets: Some(buckets), ..Change::new("the weights") })
}

fn describe(window: Window) -> String {
    let text = |at_us: i64| Attribute::Time(at_us).to_string();
    match window {
        Window::ALWAYS => "at all times".to_owned(),
        Window { starts_us, ends_us: i64::MAX } => format!("from {}", text(starts_us)),
        Window { starts_us: i64::MIN, ends_us } => format!("before {}", text(ends_us)),
        Window { starts_us, ends_us } => format!("from {} and before {}", text(starts_us), text(ends_us)),
    }
}
