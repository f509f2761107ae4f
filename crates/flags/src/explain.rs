//! Why a flag is what it is: each step with what was found.

use crate::{
    Context, FlagSet, Reason, Value,
    compile::Flag,
    condition::{Condition, Subject},
    rule::{Check, Rule},
};
use alloc::{
    borrow::ToOwned,
    format,
    string::{String, ToString},
    vec::Vec,
};
use serde::Serialize;

/// An evaluation with everything that led to it. It holds the user's attributes: for
/// administrators, not for clients.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Explanation<'s> {
    /// The flag's key.
    pub flag: &'s str,
    /// As [`Evaluation::enabled`](crate::Evaluation::enabled).
    pub enabled: bool,
    /// The value.
    pub value: Value<'s>,
    /// The variant.
    pub variant: Option<&'s str>,
    /// Why, in `OpenFeature`'s word.
    pub reason: Reason,
    /// The name of the rule that matched.
    pub rule: Option<&'s str>,
    /// Why, in a sentence.
    pub sentence: String,
    /// The prerequisites, those of inner flags within; not looked at if the flag itself is off.
    pub prerequisites: Vec<PrerequisiteExplanation<'s>>,
    /// All rules in order.
    pub rules: Vec<RuleExplanation<'s>>,
}

/// A prerequisite and what the other flag is.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct PrerequisiteExplanation<'s> {
    /// The other flag's key.
    pub flag: &'s str,
    /// The variant it must have.
    pub wanted: &'s str,
    /// The variant it has; none if it is inactive.
    pub actual: Option<&'s str>,
    /// Whether they are the same.
    pub met: bool,
    /// The other flag's own prerequisites.
    pub prerequisites: Vec<PrerequisiteExplanation<'s>>,
}

/// A rule and what became of it.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct RuleExplanation<'s> {
    /// Its name, or `rule 2` (counted from 1).
    pub name: &'s str,
    /// What became of it.
    pub outcome: RuleOutcome,
    /// Its conditions; empty if the rule was not tried.
    pub conditions: Vec<ConditionExplanation<'s>>,
    /// Its rollout, if it has one and was tried.
    pub rollout: Option<RolloutExplanation<'s>>,
    /// What became of it, in a sentence.
    pub sentence: String,
}

/// What became of a rule.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum RuleOutcome {
    /// It decided.
    Matched,
    /// It is before `starts_at` or not before `ends_at`.
    OutsideTime,
    /// A condition does not hold.
    ConditionFailed,
    /// The attribute that rollout or weights hash is missing, empty, or no text or integer.
    UnitMissing,
    /// The bucket is not below the threshold.
    NotInRollout,
    /// The answer was there before it.
    NotTried,
}

/// A condition and what the attribute is.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct ConditionExplanation<'s> {
    /// In the words of the file.
    pub condition: &'s str,
    /// The attribute's value; none if it is absent or the condition asks of a segment.
    pub actual: Option<String>,
    /// Whether it holds, negation included.
    pub holds: bool,
}

/// A rollout and where the unit falls.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct RolloutExplanation<'s> {
    /// Name of the attribute.
    pub unit: &'s str,
    /// Its value.
    pub actual: Option<String>,
    /// Where it falls, 0 to 99,999; none without a unit.
    pub bucket: Option<u32>,
    /// Buckets below it are taken now, 0 to 100,000.
    pub threshold: u32,
}

impl FlagSet {
    /// [`evaluate`](Self::evaluate) with everything that led to it; the two agree.
    pub fn explain<'s>(&'s self, key: &str, context: &(impl Context + ?Sized), now_us: i64) -> Option<Explanation<'s>> {
        let flag = self.active_flag(key)?;
        let answer = flag.evaluation(self.decide(flag, context, now_us))?;
        let is_on = flag.enabled && flag.window.holds(now_us);
        let prerequisites = if is_on { self.explain_prerequisites(flag, context, now_us) } else { Vec::new() };
        let reaches_rules = answer.reason != Reason::Disabled && flag.override_for(context).is_none();
        let mut rules = Vec::with_capacity(flag.rules.len());
        let mut is_open = reaches_rules;
        for rule in &flag.rules {
            let explained = self.explain_rule(rule, is_open, context, now_us);
            is_open &= explained.outcome != RuleOutcome::Matched;
            rules.push(explained);
        }
        let why = match (answer.reason, answer.rule) {
            (Reason::Disabled, _) => why_disabled(flag, &prerequisites, now_us),
            (_, Some(rule)) => format!("rule `{rule}` matched"),
            (Reason::TargetingMatch, None) => "the user has an override".to_owned(),
            (Reason::Static, _) => "it has neither rules nor overrides".to_owned(),
            _ => "no rule matched".to_owned(),
        };
        let sentence = format!("`{}` is `{}` because {why}.", flag.key, answer.variant.unwrap_or_default());
        Some(Explanation {
            flag: &flag.key,
            enabled: answer.enabled,
            value: answer.value,
            variant: answer.variant,
            reason: answer.reason,
            rule: answer.rule,
            sentence,
            prerequisites,
            rules,
        })
    }

    fn explain_prerequisites<'s>(
        &'s self,
        flag: &'s Flag,
        context: &(impl Context + ?Sized),
        now_us: i64,
    ) -> Vec<PrerequisiteExplanation<'s>> {
        let explain = |wanted: &'s crate::compile::Prerequisite| {
            let other = self.flags.get(wanted.flag)?;
            let decided = other.active.then(|| self.decide(other, context, now_us));
            let actual = decided.and_then(|decision| other.variants.get(decision.variant));
            Some(PrerequisiteExplanation {
                flag: &other.key,
                wanted: &other.variants.get(wanted.variant)?.name,
                actual: actual.map(|variant| variant.name.as_str()),
                met: self.is_met(wanted, context, now_us),
                prerequisites: self.explain_prerequisites(other, context, now_us),
            })
        };
        flag.prerequisites.iter().filter_map(explain).collect()
    }

    fn explain_rule<'s>(
        &'s self,
        rule: &'s Rule,
        is_open: bool,
        context: &(impl Context + ?Sized),
        now_us: i64,
    ) -> RuleExplanation<'s> {
        if !is_open {
            return RuleExplanation {
                name: &rule.name,
                outcome: RuleOutcome::NotTried,
                conditions: Vec::new(),
                rollout: None,
                sentence: "Not tried: the answer was there before it.".to_owned(),
            };
        }
        let explain = |condition: &'s Condition| ConditionExplanation {
            condition: &condition.text,
            actual: match &condition.subject {
                Subject::Attribute { name, .. } => actual(context, name),
                Subject::Segment(_) => None,
            },
            holds: condition.holds(&self.segments, context),
        };
        let conditions: Vec<_> = rule.when.iter().map(explain).collect();
        let rollout = rule.share.as_ref().map(|share| RolloutExplanation {
            unit: &rule.unit,
            actual: actual(context, &rule.unit),
            bucket: rule.bucket(context),
            threshold: share.threshold(now_us),
        });
        let (outcome, sentence) = match rule.check(&self.segments, context, now_us) {
            Check::Matched { .. } => {
                (RuleOutcome::Matched, format!("Matched{}.", where_it_falls(rollout.as_ref(), "")))
            }
            Check::OutsideWindow => (RuleOutcome::OutsideTime, "Missed: it is outside the rule's time.".to_owned()),
            Check::ConditionFailed => {
                let failed = conditions.iter().find(|condition| !condition.holds);
                (RuleOutcome::ConditionFailed, failed.map(why_failed).unwrap_or_default())
            }
            Check::UnitMissing => {
                let unit = &rule.unit;
                let what = format!("Missed: the user has no `{unit}` that could be a unit.");
                (RuleOutcome::UnitMissing, what)
            }
            Check::NotTaken => {
                let place = where_it_falls(rollout.as_ref(), "not ");
                (RuleOutcome::NotInRollout, format!("Missed{place}."))
            }
        };
        RuleExplanation { name: &rule.name, outcome, conditions, rollout, sentence }
    }
}

fn actual(context: &(impl Context + ?Sized), name: &str) -> Option<String> {
    context.attribute(name).map(|attribute| attribute.to_string())
}

fn where_it_falls(rollout: Option<&RolloutExplanation<'_>>, not: &str) -> String {
    let Some((rollout, bucket)) = rollout.and_then(|r| Some((r, r.bucket?))) else {
        return String::new();
    };
    format!(": bucket {bucket} of `{}` is {not}below {}", rollout.unit, rollout.threshold)
}

fn why_failed(condition: &ConditionExplanation<'_>) -> String {
    let text = condition.condition;
    match &condition.actual {
        Some(actual) => format!("Missed: `{text}` does not hold of {actual}."),
        None => format!("Missed: `{text}` does not hold."),
    }
}

fn why_disabled(flag: &Flag, prerequisites: &[PrerequisiteExplanation<'_>], now_us: i64) -> String {
    if !flag.enabled {
        return "it is switched off".to_owned();
    }
    if !flag.window.holds(now_us) {
        return "it is outside its time".to_owned();
    }
    let unmet = prerequisites.iter().find(|prerequisite| !prerequisite.met);
    unmet.map_or_else(
        || "a prerequisite is not met".to_owned(),
        |unmet| {
            let actual = unmet.actual.map_or("inactive".to_owned(), |name| format!("`{name}`"));
            format!("its prerequisite `{}` is {actual}, not `{}`", unmet.flag, unmet.wanted)
        },
    )
}
