//! Definitions as people read them.

use std::fmt::Write as _;

use osaycore_flags::{
    ConditionDefinition, FlagDefinition, FlagType, Operator, Percent, RuleDefinition, SegmentDefinition, Serve,
};
use serde_json::Value as Json;

use super::notation::{choice, serve, value, values};

/// `5`, `0.125`.
pub(super) fn percent(percent: Percent) -> String {
    serde_json::to_string(&percent).unwrap_or_default()
}

/// The types, as a form offers them.
pub(super) const TYPES: [(&str, &str); 5] = [
    ("boolean", "true or false"),
    ("string", "text"),
    ("integer", "whole number"),
    ("float", "number"),
    ("object", "JSON object"),
];

/// What the flag can be.
pub(super) fn variants(flag: &FlagDefinition) -> String {
    if flag.flag_type == FlagType::Boolean {
        return "true or false".to_owned();
    }
    let one = |(name, value): (&str, &Json)| {
        let value = value.to_string();
        let short: String = value.chars().take(40).collect();
        let end = if short.len() < value.len() { "…" } else { "" };
        format!("{name} = {short}{end}")
    };
    flag.variants.iter().map(one).collect::<Vec<_>>().join(", ")
}

/// What everybody gets whom no rule takes.
pub(super) fn default(flag: &FlagDefinition) -> String {
    flag.default.as_ref().map_or_else(|| "false".to_owned(), choice)
}

/// What everybody gets when it is off.
pub(super) fn off(flag: &FlagDefinition) -> String {
    match (&flag.off, flag.flag_type) {
        (Some(off), _) => choice(off),
        (None, FlagType::Boolean) => "false".to_owned(),
        (None, _) => default(flag),
    }
}

/// In the list: how far it is rolled out.
pub(super) fn rollout(flag: &FlagDefinition) -> String {
    let of = |rule: &RuleDefinition| match &rule.rollout {
        Some(rollout) if !rollout.schedule.is_empty() => format!("{} by a schedule", serve(&rule.serve)),
        Some(rollout) => {
            format!("{} for {} %", serve(&rule.serve), rollout.percent.map_or_else(|| "0".to_owned(), percent))
        }
        None => serve(&rule.serve),
    };
    match flag.rules.as_slice() {
        [] => format!("{} for everybody", default(flag)),
        [rule] => of(rule),
        [rule, rest @ ..] => format!("{}, and {} more", of(rule), rest.len()),
    }
}

/// What a rule does.
pub(super) fn rule(rule: &RuleDefinition) -> String {
    let mut text = match rule.when.as_slice() {
        [] => "Everybody".to_owned(),
        when => format!("If {}", when.iter().map(condition).collect::<Vec<_>>().join(", and ")),
    };
    if let Some(exclusion) = &rule.exclusion {
        let (from, to) = (percent(exclusion.from), percent(exclusion.to));
        let _ = write!(text, ", in the part {from} to {to} % of group {}", exclusion.group);
    }
    if let Some(rollout) = &rule.rollout {
        let share = if rollout.schedule.is_empty() {
            format!("{} %", rollout.percent.map_or_else(|| "0".to_owned(), percent))
        } else {
            let points = rollout.schedule.iter().map(|point| format!("{} % from {}", percent(point.percent), point.at));
            format!("a share that moves ({})", points.collect::<Vec<_>>().join(", "))
        };
        let _ = write!(text, ": {share} of them");
    }
    let _ = match &rule.serve {
        Serve::Choice(of) => write!(text, " → {}", choice(of)),
        Serve::Weights(_) => write!(text, " → by weight {}", serve(&rule.serve)),
    };
    if rule.sticky {
        text.push_str("; who has had it keeps it");
    }
    for (word, time) in [("from", &rule.starts_at), ("until", &rule.ends_at)] {
        if let Some(time) = time {
            let _ = write!(text, "; {word} {time}");
        }
    }
    text
}

/// Whom a segment has beside those listed.
pub(super) fn segment(segment: &SegmentDefinition) -> String {
    let when = segment.when.iter().map(condition).collect::<Vec<_>>().join(", and ");
    match segment.rollout.as_ref().and_then(|rollout| rollout.percent) {
        Some(share) if when.is_empty() => format!("{} % of everybody", percent(share)),
        Some(share) => format!("{when}: {} % of them", percent(share)),
        None if when.is_empty() => "none".to_owned(),
        None => when,
    }
}

fn condition(condition: &ConditionDefinition) -> String {
    let not = if condition.negate { "not " } else { "" };
    if let Some(segment) = &condition.segment {
        return format!("{not}in segment {segment}");
    }
    let attribute = condition.attribute.as_deref().unwrap_or_default();
    let Some(op) = condition.op else { return attribute.to_owned() };
    let compared = match (&condition.value, &condition.values) {
        (Some(one), _) => value(one),
        (None, Some(several)) => values(several),
        (None, None) => String::new(),
    };
    let case = if condition.case_insensitive { ", in whatever case" } else { "" };
    format!("{not}{attribute} {} {compared}{case}", word(op)).trim_end().to_owned()
}

/// The word of the file.
pub(super) fn word(op: Operator) -> String {
    match op {
        Operator::NotIn => "not in".to_owned(),
        Operator::StartsWith => "starts with".to_owned(),
        Operator::EndsWith => "ends with".to_owned(),
        other => other.to_string(),
    }
}
