//! Exclusion groups: nobody is in two flags of one group.

use crate::{Fault, compile::Flag, rule::Rule};
use alloc::{format, vec::Vec};

/// Parts of different flags that overlap, and groups that do not agree in the unit.
pub(crate) fn overlaps<'f>(flags: impl Iterator<Item = &'f Flag>) -> Vec<Fault> {
    let mut faults = Vec::new();
    let mut seen: Vec<(&Flag, &Rule)> = Vec::new();
    for flag in flags {
        for rule in &flag.rules {
            let Some(slot) = &rule.slot else { continue };
            let of_group = |(_, rule): &&(&Flag, &Rule)| {
                rule.slot.as_ref().is_some_and(|other| other.spread.salt == slot.spread.salt)
            };
            for (other_flag, other_rule) in seen.iter().filter(of_group) {
                let Some(other) = &other_rule.slot else { continue };
                let group = &slot.spread.salt;
                let place = format!("rule `{}` of flag `{}`", other_rule.name, other_flag.key);
                let what = if other.spread.units != slot.spread.units {
                    format!("exclusion group `{group}`: another `unit` than {place}")
                } else if other_flag.key != flag.key && slot.from < other.to && other.from < slot.to {
                    format!("exclusion group `{group}`: overlaps with {place}")
                } else {
                    continue;
                };
                faults.push(Fault::flag(&*flag.key, what).in_rule(&*rule.name));
                break;
            }
            seen.push((flag, rule));
        }
    }
    faults
}
