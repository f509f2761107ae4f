//! Evaluation. Order: off → prerequisites → overrides → rules, the first that matches, unless held
//! out → default.

use crate::{
    Context, Evaluation, FlagSet, FlagType, Reason, Value,
    compile::{Flag, Prerequisite},
    condition::Asked,
    rule::Check,
    variants::OwnedValue,
};
use alloc::vec::Vec;

/// The variant decided for, and why.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Decision<'s> {
    pub(crate) variant: usize,
    pub(crate) reason: Reason,
    pub(crate) rule: Option<&'s str>,
    pub(crate) sticky: bool,
}

impl FlagSet {
    /// What the flag is for the context at `now_us` (microseconds since 1970). None if there is no
    /// active flag of that key. Nothing is allocated.
    pub fn evaluate<'s>(&'s self, key: &str, context: &(impl Context + ?Sized), now_us: i64) -> Option<Evaluation<'s>> {
        let flag = self.active_flag(key)?;
        flag.evaluation(self.decide(flag, &self.asked(context, now_us)))
    }

    /// Every active flag with what it is for the context, sorted by key.
    pub fn evaluate_all<'s, C: Context + ?Sized>(
        &'s self,
        context: &C,
        now_us: i64,
    ) -> impl Iterator<Item = (&'s str, Evaluation<'s>)> {
        let active = self.flags.iter().filter(|flag| flag.active);
        active.filter_map(move |flag| {
            let decision = self.decide(flag, &self.asked(context, now_us));
            Some((flag.key.as_str(), flag.evaluation(decision)?))
        })
    }

    /// Keys of the active flags that have a sticky rule, sorted. Where there are none, nothing
    /// need be kept, and [`Context::assignment`] is never asked.
    pub fn sticky(&self) -> impl Iterator<Item = &str> {
        let sticky = |flag: &&Flag| flag.active && flag.rules.iter().any(|rule| rule.sticky);
        self.flags.iter().filter(sticky).map(|flag| flag.key.as_str())
    }

    /// The flags that the flag of that key is decided by: its prerequisites, theirs, and so on, each once. None if there
    /// is no active flag of that key.
    pub fn prerequisites(&self, key: &str) -> Vec<&str> {
        let direct = |flag: &Flag| flag.prerequisites.iter().map(|wanted| wanted.flag).collect::<Vec<_>>();
        let mut waiting = self.active_flag(key).map(direct).unwrap_or_default();
        let mut found: Vec<usize> = Vec::new();
        while let Some(position) = waiting.pop() {
            if !found.contains(&position) {
                found.push(position);
                waiting.extend(self.flags.get(position).map(direct).unwrap_or_default());
            }
        }
        found.into_iter().filter_map(|position| self.flags.get(position)).map(|flag| flag.key.as_str()).collect()
    }

    pub(crate) fn asked<'s, 'c, C: Context + ?Sized>(&'s self, context: &'c C, now_us: i64) -> Asked<'s, 'c, C> {
        Asked { segments: &self.segments, context, now_us }
    }

    pub(crate) fn active_flag(&self, key: &str) -> Option<&Flag> {
        self.flags.get(*self.positions.find(key)?).filter(|flag| flag.active)
    }

    pub(crate) fn decide<'s>(&'s self, flag: &'s Flag, asked: &Asked<'_, '_, impl Context + ?Sized>) -> Decision<'s> {
        let by_none = |variant, reason| Decision { variant, reason, rule: None, sticky: false };
        let is_on = flag.enabled && flag.window.holds(asked.now_us);
        if !is_on || !flag.prerequisites.iter().all(|wanted| self.is_met(wanted, asked)) {
            return by_none(flag.off, Reason::Disabled);
        }
        if let Some(variant) = flag.override_for(asked.context) {
            return by_none(variant, Reason::TargetingMatch);
        }
        if self.holdout(flag, asked).is_some() {
            return by_none(flag.default, Reason::Default);
        }
        for rule in &flag.rules {
            let (variant, split) = match rule.check(flag, asked) {
                Check::Matched { variant, split } => (variant, split),
                Check::Assigned { variant } => (variant, true),
                _ => continue,
            };
            let reason = if split { Reason::Split } else { Reason::TargetingMatch };
            return Decision { variant, reason, rule: Some(&rule.name), sticky: rule.sticky };
        }
        let is_constant = flag.overrides.is_empty() && flag.rules.is_empty();
        by_none(flag.default, if is_constant { Reason::Static } else { Reason::Default })
    }

    /// The position of the segment that keeps the user out of the flag's rules.
    pub(crate) fn holdout(&self, flag: &Flag, asked: &Asked<'_, '_, impl Context + ?Sized>) -> Option<usize> {
        let mut holdouts = flag.holdouts.iter().copied();
        holdouts.find(|position| self.segments.get(*position).is_some_and(|segment| segment.holds(asked)))
    }

    /// An inactive flag meets nothing. The depth is bounded by `MAX_VISITS`.
    #[inline(never)]
    pub(crate) fn is_met(&self, wanted: &Prerequisite, asked: &Asked<'_, '_, impl Context + ?Sized>) -> bool {
        let flag = self.flags.get(wanted.flag).filter(|flag| flag.active);
        flag.is_some_and(|flag| wanted.variants.contains(&self.decide(flag, asked).variant))
    }
}

impl Flag {
    /// None never happens: the compiler made every position from `variants`.
    pub(crate) fn evaluation<'s>(&'s self, decision: Decision<'s>) -> Option<Evaluation<'s>> {
        let variant = self.variants.get(decision.variant)?;
        let value = match &variant.value {
            OwnedValue::Boolean(value) => Value::Boolean(*value),
            OwnedValue::String(text) => Value::String(text),
            OwnedValue::Integer(value) => Value::Integer(*value),
            OwnedValue::Float(value) => Value::Float(*value),
            OwnedValue::Object(object) => Value::Object(object),
        };
        let matched = matches!(decision.reason, Reason::TargetingMatch | Reason::Split);
        let enabled = match self.value_type {
            FlagType::Boolean => value == Value::Boolean(true),
            _ => matched && decision.variant != self.off,
        };
        let Decision { reason, rule, sticky, .. } = decision;
        Some(Evaluation { enabled, value, variant: Some(&variant.name), reason, rule, sticky })
    }
}
