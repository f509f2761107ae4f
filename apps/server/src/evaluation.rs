//! Flags as they are answered: what a sticky rule serves for the first time is kept before it is told, and served from
//! then on, by every server.

use std::borrow::Cow;
use std::iter::once;
use std::sync::Arc;

use osaycore_flags::{Context, Evaluation};
use sha2::{Digest as _, Sha256};

use crate::admin::By;
use crate::context::Remembering;
use crate::error::{ApiError, Code};
use crate::group_commit::{Job, Repeat, Work};
use crate::server::State;
use crate::snapshot::ServedApp;
use crate::store::assignments::{self, Assigned, Assignment, Sticky};
use crate::system;

/// How often an answer may turn out to be another than what others kept meanwhile. Each time more is kept, so that few
/// are enough unless servers disagree about the flags, which they do for less than a second.
const ROUNDS: usize = 8;
/// Longer units are kept by their digest, as a key of an index must not be too long.
const MAX_UNIT: usize = 200;

impl State {
    /// Every active flag of an app for a unit: a user's UUID, or whatever other id is asked for.
    pub(crate) async fn evaluate_all<'s>(
        &self,
        served: &'s ServedApp,
        attributes: &(impl Context + ?Sized),
        unit: &str,
    ) -> Result<Vec<(&'s str, Evaluation<'s>)>, ApiError> {
        let now_us = system::now_us();
        self.settle(served, &served.sticky, unit, |assigned| {
            served.flags.set.evaluate_all(&Remembering { attributes, assigned }, now_us).collect()
        })
        .await
    }

    /// One flag of an app for a unit; none if there is no active flag of that key. What it is decided by is kept as well:
    /// if a sticky prerequisite became another, so would the flag.
    pub(crate) async fn evaluate<'s>(
        &self,
        served: &'s ServedApp,
        key: &'s str,
        attributes: &(impl Context + ?Sized),
        unit: &str,
    ) -> Result<Option<Evaluation<'s>>, ApiError> {
        let (now_us, set) = (system::now_us(), &served.flags.set);
        let needed = set.prerequisites(key).into_iter().filter(|needed| served.sticky.contains_key(*needed));
        let asked: Vec<&str> = once(key).chain(needed).collect();
        let owned = |flag: &&str| served.sticky.get_key_value(*flag).map(|(flag, app_id)| (flag.clone(), *app_id));
        let sticky = Arc::new(asked.iter().filter_map(owned).collect());
        let evaluate = |assigned: &Assigned| {
            let one = |flag: &&'s str| set.evaluate(flag, &Remembering { attributes, assigned }, now_us);
            asked.iter().filter_map(|flag| Some((*flag, one(flag)?))).collect()
        };
        let evaluated = self.settle(served, &sticky, unit, evaluate).await?;
        Ok(evaluated.into_iter().find(|(flag, _)| *flag == key).map(|(_, evaluation)| evaluation))
    }

    /// Evaluates until nothing is served by a sticky rule that is not kept; `sticky` are the flags that may have one.
    async fn settle<'s>(
        &self,
        served: &'s ServedApp,
        sticky: &Arc<Sticky>,
        unit: &str,
        evaluate: impl Fn(&Assigned) -> Vec<(&'s str, Evaluation<'s>)>,
    ) -> Result<Vec<(&'s str, Evaluation<'s>)>, ApiError> {
        if sticky.is_empty() {
            return Ok(evaluate(&Assigned::new()));
        }
        let unit = kept(unit);
        for _ in 0..ROUNDS {
            let assigned = self.assigned(served, sticky, &unit).await?;
            let evaluated = evaluate(&assigned);
            let new = unkept(sticky, &assigned, &evaluated);
            if new.is_empty() {
                return Ok(evaluated);
            }
            self.keep(served, &unit, new).await?;
        }
        Err(Code::Unavailable.into())
    }

    async fn assigned(&self, served: &ServedApp, sticky: &Arc<Sticky>, unit: &str) -> Result<Assigned, ApiError> {
        let (sticky, unit) = (Arc::clone(sticky), unit.to_owned());
        self.read(served.app.tenant_id, move |tx| Ok(assignments::of_unit(tx, &sticky, &unit)?)).await
    }

    async fn keep(&self, served: &ServedApp, unit: &str, new: Vec<Assignment>) -> Result<(), ApiError> {
        let (tenant_id, unit) = (served.app.tenant_id, unit.to_owned());
        let work = Work::Call(Box::new(move |tx, by| {
            assignments::keep(tx, &unit, &new, by.now_us)?;
            Ok(Vec::new())
        }));
        let by = By::system(tenant_id, system::now_us());
        self.writer.run(Job { tenant_id, sight: None, repeat: Repeat::Told, by, work }).await.map(drop)
    }
}

/// What sticky rules served and is not kept: a variant that is kept and no longer exists is replaced.
fn unkept(sticky: &Sticky, assigned: &Assigned, evaluated: &[(&str, Evaluation<'_>)]) -> Vec<Assignment> {
    let by_sticky = evaluated.iter().filter(|(_, evaluation)| evaluation.sticky);
    by_sticky
        .filter_map(|(flag, evaluation)| {
            let (rule, variant) = evaluation.rule.zip(evaluation.variant)?;
            let before = assigned.get(*flag).and_then(|rules| rules.get(rule));
            let is_new = before.is_none_or(|before| before != variant);
            is_new.then(|| {
                Some(Assignment {
                    app_id: *sticky.get(*flag)?,
                    flag: (*flag).to_owned(),
                    rule: rule.to_owned(),
                    variant: variant.to_owned(),
                    instead_of: before.cloned(),
                })
            })?
        })
        .collect()
}

/// A unit as it is kept: what an index or a database cannot take is replaced by its digest.
pub(crate) fn kept(unit: &str) -> Cow<'_, str> {
    if unit.len() <= MAX_UNIT && !unit.contains(char::is_control) {
        return Cow::Borrowed(unit);
    }
    Cow::Owned(format!("sha256:{}", hex::encode(Sha256::digest(unit.as_bytes()))))
}

#[cfg(test)]
mod tests {
    use super::kept;

    #[test]
    fn a_unit_that_no_index_takes_is_kept_by_its_digest() {
        let long = "é".repeat(101);
        assert_eq!(kept("anna@example.com"), "anna@example.com");
        assert_eq!(kept(&"x".repeat(200)), "x".repeat(200));
        for unit in [long.as_str(), "a\0b"] {
            assert!(kept(unit).starts_with("sha256:") && kept(unit).len() == 71, "{unit}");
        }
        assert_ne!(kept("a\0b"), kept("a\0c"));
    }
}
