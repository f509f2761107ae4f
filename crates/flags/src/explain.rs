//! Why a flag is what it is: each step with what was found, and what would have to change.

use crate::{
    ConditionExplanation, Context, ExclusionExplanation, Explanation, FlagSet, PrerequisiteExplanation, Reason,
    RolloutExplanation, RuleExplanation, RuleOutcome, SegmentExplanation,
    compile::Flag,
    condition::{Asked, Condition, Segment, Subject},
    needs,
    rule::{Check, Rollout, Rule},
};
use alloc::{
    borrow::ToOwned,
    format,
    string::{String, ToString},
    vec::Vec,
};

impl FlagSet {
    /// [`evaluate`](Self::evaluate) with everything that led to it; the two agree.
    pub fn explain<'s>(&'s self, key: &str, context: &(impl Context + ?Sized), now_us: i64) -> Option<Explanation<'s>> {
        let flag = self.active_flag(key)?;
        let asked = &self.asked(context, now_us);
        let answer = flag.evaluation(self.decide(flag, asked))?;
        let is_on = flag.enabled && flag.window.holds(now_us);
        let prerequisites = if is_on { self.explain_prerequisites(flag, asked) } else { Vec::new() };
        let has_override = answer.reason != Reason::Disabled && flag.override_for(context).is_some();
        let reaches_holdouts = answer.reason != Reason::Disabled && !has_override;
        let holdout = self.holdout(flag, asked).filter(|_| reaches_holdouts);
        let holdout = holdout.and_then(|position| self.segments.get(position)).map(|segment| segment.key.as_str());
        let mut is_open = reaches_holdouts && holdout.is_none();
        let mut rules = Vec::with_capacity(flag.rules.len());
        for rule in &flag.rules {
            let explained = if is_open { explain_rule(flag, rule, asked) } else { not_tried(rule) };
            is_open &= !matches!(explained.outcome, RuleOutcome::Matched | RuleOutcome::Assigned);
            rules.push(explained);
        }
        let why = match (answer.reason, answer.rule, holdout) {
            (Reason::Disabled, ..) => why_disabled(flag, &prerequisites, now_us),
            (_, Some(rule), _) => format!("rule `{rule}` matched"),
            (_, _, Some(segment)) => format!("segment `{segment}` is held out"),
            (Reason::TargetingMatch, ..) => "the user has an override".to_owned(),
            (Reason::Static, ..) => "it has neither rules nor overrides".to_owned(),
            _ => "no rule matched".to_owned(),
        };
        let needs = match (answer.reason, holdout) {
            (Reason::Disabled, _) => needs::to_be_on(flag, &prerequisites, now_us),
            (_, Some(segment)) => Vec::from([format!("the user would have to be out of segment `{segment}`")]),
            _ => Vec::new(),
        };
        Some(Explanation {
            flag: &flag.key,
            enabled: answer.enabled,
            value: answer.value,
            variant: answer.variant,
            reason: answer.reason,
            rule: answer.rule,
            sentence: format!("`{}` is `{}` because {why}.", flag.key, answer.variant.unwrap_or_default()),
            needs,
            prerequisites,
            holdout,
            rules,
        })
    }

    fn explain_prerequisites<'s>(
        &'s self,
        flag: &'s Flag,
        asked: &Asked<'s, '_, impl Context + ?Sized>,
    ) -> Vec<PrerequisiteExplanation<'s>> {
        let explain = |wanted: &'s crate::compile::Prerequisite| {
            let other = self.flags.get(wanted.flag)?;
            let name = |position: usize| other.variants.get(position).map(|variant| variant.name.as_str());
            let decided = other.active.then(|| self.decide(other, asked));
            Some(PrerequisiteExplanation {
                flag: &other.key,
                wanted: wanted.variants.iter().filter_map(|position| name(*position)).collect(),
                actual: decided.and_then(|decision| name(decision.variant)),
                met: self.is_met(wanted, asked),
                prerequisites: self.explain_prerequisites(other, asked),
            })
        };
        flag.prerequisites.iter().filter_map(explain).collect()
    }
}

fn not_tried(rule: &Rule) -> RuleExplanation<'_> {
    RuleExplanation {
        name: &rule.name,
        outcome: RuleOutcome::NotTried,
        conditions: Vec::new(),
        exclusion: None,
        rollout: None,
        needs: Vec::new(),
        sentence: "Not tried: the answer was there before it.".to_owned(),
    }
}

fn explain_rule<'s>(
    flag: &'s Flag,
    rule: &'s Rule,
    asked: &Asked<'s, '_, impl Context + ?Sized>,
) -> RuleExplanation<'s> {
    let conditions: Vec<_> = rule.when.iter().map(|condition| explain_condition(condition, asked)).collect();
    let exclusion = rule.slot.as_ref().map(|slot| ExclusionExplanation {
        group: &slot.spread.salt,
        unit: slot.spread.unit_name(asked.context),
        bucket: slot.bucket(asked.context),
        from: slot.from,
        to: slot.to,
    });
    let rollout = rule
        .rollout
        .as_ref()
        .map(|rollout| RolloutExplanation { bucket: rule.bucket(asked.context), ..explain_rollout(rollout, asked) });
    let check = rule.check(flag, asked);
    let needs = match check {
        Check::Matched { .. } | Check::Assigned { .. } => Vec::new(),
        _ => needs::to_match(rule, &conditions, asked),
    };
    let (outcome, sentence) = match check {
        Check::Matched { .. } => (RuleOutcome::Matched, format!("Matched{}.", where_it_falls(rollout.as_ref(), ""))),
        Check::Assigned { .. } => (RuleOutcome::Assigned, "Matched: it did so before.".to_owned()),
        Check::OutsideWindow => (RuleOutcome::OutsideTime, "Missed: it is outside the rule's time.".to_owned()),
        Check::ConditionFailed => {
            let failed = conditions.iter().find(|condition| !condition.holds);
            (RuleOutcome::ConditionFailed, failed.map(why_failed).unwrap_or_default())
        }
        Check::UnitMissing => {
            let units = needs::missing_units(rule, asked.context).unwrap_or_default();
            (RuleOutcome::UnitMissing, format!("Missed: the user has no {units} that could be a unit."))
        }
        Check::Excluded => (RuleOutcome::Excluded, exclusion.as_ref().map(why_excluded).unwrap_or_default()),
        Check::NotTaken => {
            let place = where_it_falls(rollout.as_ref(), "not ");
            (RuleOutcome::NotInRollout, format!("Missed{place}."))
        }
    };
    RuleExplanation { name: &rule.name, outcome, conditions, exclusion, rollout, needs, sentence }
}

fn explain_condition<'s>(
    condition: &'s Condition,
    asked: &Asked<'s, '_, impl Context + ?Sized>,
) -> ConditionExplanation<'s> {
    let (actual, segment) = match &condition.subject {
        Subject::Attribute { name, .. } => (actual(asked.context, name), None),
        Subject::Segment(position) => (None, asked.segments.get(*position)),
    };
    ConditionExplanation {
        condition: &condition.text,
        actual,
        holds: condition.holds(asked),
        segment: segment.map(|segment| explain_segment(segment, asked)),
    }
}

/// Segments nest to a depth that the compiler bounds.
fn explain_segment<'s>(segment: &'s Segment, asked: &Asked<'s, '_, impl Context + ?Sized>) -> SegmentExplanation<'s> {
    SegmentExplanation {
        key: &segment.key,
        listed: segment.lists(asked.context),
        conditions: segment.when.iter().map(|condition| explain_condition(condition, asked)).collect(),
        rollout: segment.rollout.as_ref().map(|rollout| explain_rollout(rollout, asked)),
    }
}

fn explain_rollout<'s>(rollout: &'s Rollout, asked: &Asked<'_, '_, impl Context + ?Sized>) -> RolloutExplanation<'s> {
    let spread = &rollout.spread;
    let unit = spread.unit_name(asked.context);
    RolloutExplanation {
        unit,
        actual: actual(asked.context, unit),
        bucket: spread.of_unit(asked.context, |unit| spread.bucket(unit)),
        threshold: rollout.share.threshold(asked.now_us),
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

fn why_excluded(exclusion: &ExclusionExplanation<'_>) -> String {
    let ExclusionExplanation { group, from, to, .. } = exclusion;
    let bucket = exclusion.bucket.unwrap_or_default();
    format!("Missed: bucket {bucket} of group `{group}` is not from {from} up to {to}.")
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
            format!("its prerequisite `{}` is {actual}, not {}", unmet.flag, needs::alternatives(&unmet.wanted))
        },
    )
}
