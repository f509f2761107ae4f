//! A rule as a form has it.

use osaycore_flags::{Hash, Percent, RolloutDefinition, RuleDefinition, SchedulePoint, Serve};

use super::condition::Condition;
use super::{Texts, hidden, of_condition, of_rule, optional, ticked};
use crate::console::flags::{notation, words};
use crate::extract::console::{Filled, Refused};

const PERCENT: &str = "a percentage is a number from 0 to 100 with up to three decimals";

/// `rest`: the rule that is edited, as JSON; empty: it is new.
const FIELDS: [&str; 7] = ["name", "serve", "percent", "schedule", "starts_at", "ends_at", "rest"];

#[derive(Clone, Debug, Default, PartialEq)]
pub(in crate::console::flags) struct Rule {
    pub(super) texts: Texts,
    sticky: bool,
    pub(in crate::console::flags) conditions: Vec<Condition>,
}

impl Rule {
    /// That serves true to everybody.
    pub(super) fn new() -> Self {
        Self { texts: Texts(vec![("serve", "true".to_owned())]), ..Self::default() }
    }

    pub(super) fn of(rule: &RuleDefinition) -> Self {
        let rollout = rule.rollout.clone().unwrap_or_default();
        let schedule = rollout.schedule.iter().map(|point| (point.at.as_str(), point.percent));
        Self {
            texts: Texts(vec![
                ("name", optional(rule.name.as_ref())),
                ("serve", notation::serve(&rule.serve)),
                ("percent", rollout.percent.map(words::percent).unwrap_or_default()),
                ("schedule", notation::lines(schedule, words::percent)),
                ("starts_at", optional(rule.starts_at.as_ref())),
                ("ends_at", optional(rule.ends_at.as_ref())),
                ("rest", notation::json(rule)),
            ]),
            sticky: rule.sticky,
            conditions: rule.when.iter().map(Condition::of).collect(),
        }
    }

    pub(super) fn read(filled: &Filled, name: impl Fn(&str) -> String) -> Self {
        let conditions = (0..).map_while(|inner| {
            let name = |member: &str| name(&format!("when.{inner}.{member}"));
            filled.is_ticked(&name("op")).then(|| Condition::read(filled, name))
        });
        Self {
            texts: Texts::read(filled, &FIELDS, &name),
            sticky: filled.is_ticked(&name("sticky")),
            conditions: conditions.collect(),
        }
    }

    pub(super) fn fields(&self, at: usize) -> Vec<(String, String)> {
        let mut fields = self.texts.named(|member| of_rule(at, member));
        fields.extend(ticked(of_rule(at, "sticky"), self.sticky));
        for (inner, condition) in self.conditions.iter().enumerate() {
            fields.extend(condition.fields(|member| of_condition(at, inner, member)));
        }
        fields
    }

    /// Whether anything is set that few rules have: the form shows it then.
    pub(in crate::console::flags) fn has_more(&self) -> bool {
        self.sticky || ["schedule", "starts_at", "ends_at"].iter().any(|field| !self.texts.of(field).is_empty())
    }

    pub(super) fn definition(&self, filled: &mut Filled, at: usize) -> Result<RuleDefinition, Refused> {
        let texts = &self.texts;
        let mut rule: RuleDefinition = match texts.of("rest") {
            "" => RuleDefinition::default(),
            rest => hidden(rest)?,
        };
        rule.name = texts.optional("name");
        rule.starts_at = texts.optional("starts_at");
        rule.ends_at = texts.optional("ends_at");
        rule.sticky = self.sticky;
        match notation::read_serve(texts.of("serve")) {
            Ok(serve) => rule.serve = serve,
            Err(problem) => filled.refuse(&of_rule(at, "serve"), problem),
        }
        let was = rule.rollout.take().unwrap_or_default();
        rule.rollout = self.rollout(was, matches!(rule.serve, Serve::Weights(_)), filled, at);
        rule.when = Vec::with_capacity(self.conditions.len());
        for (inner, condition) in self.conditions.iter().enumerate() {
            rule.when.push(condition.definition(filled, |member| of_condition(at, inner, member)));
        }
        Ok(rule)
    }

    /// Everybody without percentage and schedule.
    fn rollout(
        &self,
        was: RolloutDefinition,
        is_weighted: bool,
        filled: &mut Filled,
        at: usize,
    ) -> Option<RolloutDefinition> {
        let mut schedule = Vec::new();
        for line in notation::read_lines(self.texts.of("schedule"), percent) {
            match line {
                Ok((at, percent)) => schedule.push(SchedulePoint { at, percent }),
                Err(problem) => filled.refuse(&of_rule(at, "schedule"), problem),
            }
        }
        let text = self.texts.of("percent");
        let percent = (!text.is_empty()).then(|| percent(text)).transpose().unwrap_or_else(|problem| {
            filled.refuse(&of_rule(at, "percent"), problem);
            None
        });
        if percent.is_some() || !schedule.is_empty() {
            return Some(RolloutDefinition { percent, schedule, ..was });
        }
        // Weights are of what the rollout hashes: without it everybody would change variants.
        let is_own = was.unit.is_some() || was.salt.is_some() || was.hash != Hash::default();
        (is_weighted && is_own).then(|| RolloutDefinition {
            percent: Percent::from_thousandths(100_000),
            schedule,
            ..was
        })
    }
}

fn percent(text: &str) -> Result<Percent, String> {
    serde_json::from_str(text.trim_end_matches('%').trim_end()).map_err(|_| PERCENT.to_owned())
}
