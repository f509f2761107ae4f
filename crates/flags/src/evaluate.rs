//! Evaluation. Order: off → prerequisites → overrides → rules, the first that matches → default.

use crate::{
    Context, Evaluation, FlagSet, FlagType, Reason, Value,
    compile::{Flag, OwnedValue, Prerequisite},
    condition::find_user,
    rule::Check,
};

/// The variant decided for, and why.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Decision<'s> {
    pub(crate) variant: usize,
    pub(crate) reason: Reason,
    pub(crate) rule: Option<&'s str>,
}

impl FlagSet {
    /// What the flag is for the context at `now_us` (microseconds since 1970). None if there is no
    /// active flag of that key. Nothing is allocated.
    pub fn evaluate<'s>(&'s self, key: &str, context: &(impl Context + ?Sized), now_us: i64) -> Option<Evaluation<'s>> {
        let flag = self.active_flag(key)?;
        flag.evaluation(self.decide(flag, context, now_us))
    }

    /// Every active flag with what it is for the context, sorted by key.
    pub fn evaluate_all<'s, C: Context + ?Sized>(
        &'s self,
        context: &C,
        now_us: i64,
    ) -> impl Iterator<Item = (&'s str, Evaluation<'s>)> {
        self.flags
            .iter()
            .filter(|flag| flag.active)
            .filter_map(move |flag| Some((flag.key.as_str(), flag.evaluation(self.decide(flag, context, now_us))?)))
    }

    pub(crate) fn active_flag(&self, key: &str) -> Option<&Flag> {
        let position = self.flags.binary_search_by(|flag| flag.key.as_str().cmp(key)).ok()?;
        self.flags.get(position).filter(|flag| flag.active)
    }

    pub(crate) fn decide<'s>(&'s self, flag: &'s Flag, context: &(impl Context + ?Sized), now_us: i64) -> Decision<'s> {
        let is_on = flag.enabled && flag.window.holds(now_us);
        let mut prerequisites = flag.prerequisites.iter();
        if !is_on || !prerequisites.all(|wanted| self.is_met(wanted, context, now_us)) {
            return Decision { variant: flag.off, reason: Reason::Disabled, rule: None };
        }
        if let Some(variant) = flag.override_for(context) {
            return Decision { variant, reason: Reason::TargetingMatch, rule: None };
        }
        for rule in &flag.rules {
            if let Check::Matched { variant, split } = rule.check(&self.segments, context, now_us) {
                let reason = if split { Reason::Split } else { Reason::TargetingMatch };
                return Decision { variant, reason, rule: Some(&rule.name) };
            }
        }
        let is_constant = flag.overrides.is_empty() && flag.rules.is_empty();
        let reason = if is_constant { Reason::Static } else { Reason::Default };
        Decision { variant: flag.default, reason, rule: None }
    }

    /// An inactive flag meets nothing. The depth is bounded by `MAX_VISITS`.
    pub(crate) fn is_met(&self, wanted: &Prerequisite, context: &(impl Context + ?Sized), now_us: i64) -> bool {
        self.flags
            .get(wanted.flag)
            .is_some_and(|flag| flag.active && self.decide(flag, context, now_us).variant == wanted.variant)
    }
}

impl Flag {
    pub(crate) fn override_for(&self, context: &(impl Context + ?Sized)) -> Option<usize> {
        if self.overrides.is_empty() {
            return None;
        }
        find_user(&self.overrides, |(user, _)| user, context).map(|(_, variant)| *variant)
    }

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
        let (reason, rule) = (decision.reason, decision.rule);
        Some(Evaluation { enabled, value, variant: Some(&variant.name), reason, rule })
    }
}
