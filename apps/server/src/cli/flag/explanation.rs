//! An explanation as a person reads it.

use osaycore_flags::{
    ConditionExplanation, Explanation, PrerequisiteExplanation, RedactedExplanation, RolloutExplanation,
    RuleExplanation, SegmentExplanation, Value,
};

use crate::cli::output::{columns, fields, optional};

/// What is further in than what it belongs to.
const INDENT: &str = "  ";

/// Everything: the answer, the path of prerequisites, each rule with its conditions and place, and what would have to
/// change.
pub(super) fn whole(explanation: &Explanation<'_>) -> String {
    let mut lines = vec![explanation.sentence.clone()];
    lines.extend(needs(&explanation.needs));
    lines.push(String::new());
    lines.push(fields(&[
        ("value", value(&explanation.value)),
        ("variant", optional(explanation.variant)),
        ("reason", explanation.reason.to_string()),
        ("rule", optional(explanation.rule)),
    ]));
    if !explanation.prerequisites.is_empty() {
        lines.extend([String::new(), "prerequisites".to_owned()]);
        let mut rows = Vec::new();
        path(&explanation.prerequisites, 1, &mut rows);
        lines.extend(columns(&rows));
    }
    if let Some(segment) = explanation.holdout {
        lines.extend([String::new(), format!("held out by segment {segment}")]);
    }
    for of_rule in &explanation.rules {
        lines.push(String::new());
        lines.extend(rule(of_rule));
    }
    lines.join("\n")
}

/// What a client may know.
pub(super) fn redacted(explanation: &RedactedExplanation<'_>) -> String {
    let outcomes = explanation.rules.iter().filter_map(|outcome| serde_json::to_value(outcome).ok());
    let outcomes: Vec<String> = outcomes.filter_map(|outcome| outcome.as_str().map(str::to_owned)).collect();
    let rules = if outcomes.is_empty() { "-".to_owned() } else { outcomes.join(", ") };
    let about = fields(&[
        ("value", value(&explanation.value)),
        ("variant", optional(explanation.variant)),
        ("reason", explanation.reason.to_string()),
        ("rules", rules),
    ]);
    format!("{}\n\n{about}", explanation.sentence)
}

fn rule(rule: &RuleExplanation<'_>) -> Vec<String> {
    let mut lines = vec![format!("rule {}: {}", rule.name, rule.sentence)];
    let mut rows = Vec::new();
    conditions(&rule.conditions, 1, &mut rows);
    lines.extend(columns(&rows));
    if let Some(exclusion) = &rule.exclusion {
        let bucket = exclusion.bucket.map_or_else(|| "no bucket".to_owned(), |bucket| format!("bucket {bucket}"));
        let (group, unit, from, to) = (exclusion.group, exclusion.unit, exclusion.from, exclusion.to);
        lines.push(format!("{INDENT}group {group}: {bucket} of {unit}; its part is from {from} up to {to}"));
    }
    lines.extend(rule.rollout.as_ref().map(|rollout| format!("{INDENT}rollout: {}", place(rollout))));
    lines.extend(needs(&rule.needs));
    lines
}

/// A row for each condition, those of its segment below it.
fn conditions(of: &[ConditionExplanation<'_>], depth: usize, rows: &mut Vec<Vec<String>>) {
    for condition in of {
        let mark = if condition.holds { "holds" } else { "fails" };
        let actual = match (&condition.actual, &condition.segment) {
            (Some(actual), _) => format!("it is {actual}"),
            (None, None) => "there is none".to_owned(),
            (None, Some(_)) => String::new(),
        };
        rows.push(vec![format!("{}{mark}", INDENT.repeat(depth)), condition.condition.to_owned(), actual]);
        if let Some(inner) = &condition.segment {
            segment(inner, depth.saturating_add(1), rows);
        }
    }
}

fn segment(segment: &SegmentExplanation<'_>, depth: usize, rows: &mut Vec<Vec<String>>) {
    let indent = INDENT.repeat(depth);
    if segment.listed {
        rows.push(vec![format!("{indent}listed"), format!("in segment {}", segment.key)]);
    }
    conditions(&segment.conditions, depth, rows);
    if let Some(rollout) = &segment.rollout {
        rows.push(vec![format!("{indent}rollout"), place(rollout)]);
    }
}

/// Where a unit falls, against the threshold.
fn place(rollout: &RolloutExplanation<'_>) -> String {
    let RolloutExplanation { unit, actual, bucket, threshold } = rollout;
    match (actual, bucket) {
        (Some(actual), Some(bucket)) => format!("bucket {bucket} of {unit} {actual}; below {threshold} are taken"),
        _ => format!("no {unit} to take a bucket of; below {threshold} are taken"),
    }
}

/// A row for each flag, those that it needs below it.
fn path(of: &[PrerequisiteExplanation<'_>], depth: usize, rows: &mut Vec<Vec<String>>) {
    for prerequisite in of {
        let is = prerequisite.actual.map_or_else(|| "is inactive".to_owned(), |actual| format!("is {actual}"));
        rows.push(vec![
            format!("{}{}", INDENT.repeat(depth), prerequisite.flag),
            if prerequisite.met { "met" } else { "not met" }.to_owned(),
            is,
            format!("wanted {}", prerequisite.wanted.join(" or ")),
        ]);
        path(&prerequisite.prerequisites, depth.saturating_add(1), rows);
    }
}

fn needs(of: &[String]) -> impl Iterator<Item = String> {
    of.iter().map(|need| format!("{INDENT}→ {need}"))
}

fn value(value: &Value<'_>) -> String {
    serde_json::to_string(value).unwrap_or_default()
}
