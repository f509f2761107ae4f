//! Flags that may be taken out of the code.

use crate::{
    BUCKETS, FlagSet,
    compile::Flag,
    rule::{Rule, Served},
};
use alloc::vec::Vec;
use serde::Serialize;

/// A flag that asks to be taken out, and why. One of both is there.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Stale<'s> {
    /// The flag's key.
    pub flag: &'s str,
    /// The variant that everybody has from now on, whatever is known of them; a rollout of 100 %
    /// counts as everybody.
    pub constant: Option<&'s str>,
    /// Whether it is past its `expires_at`.
    pub expired: bool,
}

impl FlagSet {
    /// The active flags that are constant from `now_us` on (microseconds since 1970), or past their
    /// lifetime, sorted by key. What attributes may be is not reasoned about: a flag is constant
    /// only if no condition that could matter is left.
    pub fn stale(&self, now_us: i64) -> impl Iterator<Item = Stale<'_>> {
        self.flags.iter().filter(|flag| flag.active).filter_map(move |flag| {
            let constant = match self.outcomes(flag, now_us).as_slice() {
                [one] => flag.variants.get(*one).map(|variant| variant.name.as_str()),
                _ => None,
            };
            let expired = flag.expires_us.is_some_and(|at_us| at_us <= now_us);
            (expired || constant.is_some()).then_some(Stale { flag: &flag.key, constant, expired })
        })
    }

    /// The variants that the flag may have from `now_us` on, each once. The depth is bounded by
    /// `MAX_VISITS`.
    fn outcomes(&self, flag: &Flag, now_us: i64) -> Vec<usize> {
        let off = Vec::from([flag.off]);
        if !flag.enabled || flag.window.ends_us <= now_us {
            return off;
        }
        let mut outcomes = Vec::new();
        if now_us < flag.window.starts_us || flag.window.ends_us != i64::MAX {
            outcomes.push(flag.off);
        }
        for wanted in &flag.prerequisites {
            let Some(other) = self.flags.get(wanted.flag).filter(|other| other.active) else { return off };
            let theirs = self.outcomes(other, now_us);
            let met = theirs.iter().filter(|variant| wanted.variants.contains(variant)).count();
            if met == 0 {
                return off;
            }
            if met < theirs.len() {
                outcomes.push(flag.off);
            }
        }
        outcomes.extend(flag.overrides.iter().map(|(_, variant)| *variant));
        let mut is_open = true;
        for rule in flag.rules.iter().filter(|rule| takes_somebody(rule, now_us)) {
            if rule.sticky {
                // Whom it has served keeps what that was, whatever it serves by now.
                outcomes.extend(0..flag.variants.len());
            }
            match &rule.serve {
                Served::Variant(variant) => outcomes.push(*variant),
                Served::Weights(weights) => outcomes.extend(weights.steps.iter().map(|(_, variant)| *variant)),
            }
            if takes_everybody(rule, now_us) {
                is_open = false;
                break;
            }
        }
        if is_open || !flag.holdouts.is_empty() {
            outcomes.push(flag.default);
        }
        outcomes.sort_unstable();
        outcomes.dedup();
        outcomes
    }
}

fn takes_somebody(rule: &Rule, now_us: i64) -> bool {
    let takes = || rule.rollout.as_ref().is_none_or(|rollout| rollout.share.most_from(now_us) > 0);
    now_us < rule.window.ends_us && (rule.sticky || takes())
}

fn takes_everybody(rule: &Rule, now_us: i64) -> bool {
    rule.when.is_empty()
        && rule.window.starts_us <= now_us
        && rule.window.ends_us == i64::MAX
        && rule.slot.is_none()
        && rule.rollout.as_ref().is_none_or(|rollout| rollout.share.least_from(now_us) == BUCKETS)
}
