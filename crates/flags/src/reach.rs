//! Rules that nobody can ever come to.

use crate::{
    ConditionDefinition, Operator, RuleDefinition,
    rule::{Rollout, Rule, Served, Window},
};
use alloc::{format, string::String};

/// A rule with what it was compiled from.
pub(crate) type Written<'d> = (Rule, &'d RuleDefinition);

/// Why no context at any time is served by the rule, given those before it; None if one may be.
/// Conditions are compared as they are written: what follows from their meaning alone is not seen.
pub(crate) fn never(rule: &Written<'_>, before: &[Written<'_>]) -> Option<String> {
    if let Some((all, _)) = before.iter().find(|(earlier, _)| earlier.matches_always()) {
        return Some(format!("is never reached: rule `{}` before it takes everybody", all.name));
    }
    if let Some((taker, _)) = before.iter().find(|earlier| takes_all_of(earlier, rule)) {
        return Some(format!("is never reached: rule `{}` before it takes everybody that this one would", taker.name));
    }
    let (compiled, definition) = rule;
    let contradicts = |one: &ConditionDefinition| definition.when.iter().position(|other| is_opposite(one, other));
    let (one, other) = definition.when.iter().enumerate().find_map(|(at, one)| Some((at, contradicts(one)?)))?;
    let (one, other) = (compiled.when.get(one)?, compiled.when.get(other)?);
    Some(format!("is never reached: `{}` and `{}` never hold together", one.text, other.text))
}

impl Rule {
    /// Whether no context at no time gets past this rule.
    pub(crate) fn matches_always(&self) -> bool {
        self.when.is_empty() && self.window == Window::ALWAYS && takes_whoever_it_asks(self)
    }
}

fn takes_whoever_it_asks(rule: &Rule) -> bool {
    rule.slot.is_none() && rule.rollout.is_none() && matches!(rule.serve, Served::Variant(_))
}

fn takes_all_of((earlier, wide): &Written<'_>, (later, narrow): &Written<'_>) -> bool {
    let in_time = earlier.window.starts_us <= later.window.starts_us && later.window.ends_us <= earlier.window.ends_us;
    let asks_no_more = wide.when.iter().all(|one| narrow.when.iter().any(|other| is_same(one, other)));
    let rolled_out = || {
        let pair = earlier.rollout.as_ref().zip(later.rollout.as_ref());
        earlier.slot.is_none()
            && matches!(earlier.serve, Served::Variant(_))
            && matches!(later.serve, Served::Variant(_))
            && !later.sticky
            && pair.is_some_and(|(wide, narrow)| covers(wide, narrow))
    };
    in_time && asks_no_more && (takes_whoever_it_asks(earlier) || rolled_out())
}

/// Whether who is taken by the second is taken by the first, at any time.
fn covers(wide: &Rollout, narrow: &Rollout) -> bool {
    wide.spread == narrow.spread && wide.share.least_from(i64::MIN) >= narrow.share.most_from(i64::MIN)
}

fn is_same(one: &ConditionDefinition, other: &ConditionDefinition) -> bool {
    asks_the_same(one, other) && is_negated(one) == is_negated(other)
}

fn is_opposite(one: &ConditionDefinition, other: &ConditionDefinition) -> bool {
    asks_the_same(one, other) && is_negated(one) != is_negated(other)
}

fn asks_the_same(one: &ConditionDefinition, other: &ConditionDefinition) -> bool {
    one.segment == other.segment
        && one.attribute == other.attribute
        && one.op.map(Operator::positive) == other.op.map(Operator::positive)
        && one.case_insensitive == other.case_insensitive
        && one.value == other.value
        && one.values == other.values
}

fn is_negated(condition: &ConditionDefinition) -> bool {
    condition.negate != condition.op.is_some_and(|op| op.positive() != op)
}
