//! Strategies: whom each takes.

use super::{
    constraint::{Constraint, attribute},
    variant::Variant,
};
use crate::{
    ConditionDefinition, Operator, Percent, RolloutDefinition, Units, import::naming::text_of, network::Network,
};
use alloc::{borrow::ToOwned, format, string::String, vec::Vec};
use serde::Deserialize;
use serde_json::{Map, Value as Json};

#[derive(Deserialize)]
pub(super) struct Strategy {
    name: String,
    #[serde(default)]
    title: Option<String>,
    #[serde(default)]
    parameters: Option<Map<String, Json>>,
    #[serde(default)]
    constraints: Option<Vec<Constraint>>,
    #[serde(default)]
    segments: Option<Vec<i64>>,
    #[serde(default)]
    variants: Option<Vec<Variant>>,
}

/// Whom a strategy takes, its constraints aside.
pub(super) enum Who {
    Everybody,
    /// Says why.
    Nobody(String),
    Whom(ConditionDefinition),
    Share(RolloutDefinition),
}

/// What is drawn at random in Unleash, and where a stickiness of `default` looks.
const DEFAULT_UNITS: [&str; 2] = ["user_id", "sessionId"];

impl Strategy {
    /// What stands for no strategy at all.
    pub(super) fn everybody() -> Self {
        let name = "default".to_owned();
        Self { name, title: None, parameters: None, constraints: None, segments: None, variants: None }
    }

    pub(super) fn title(&self) -> &str {
        self.title.as_deref().filter(|title| !title.is_empty()).unwrap_or(&self.name)
    }

    pub(super) fn constraints(&self) -> &[Constraint] {
        self.constraints.as_deref().unwrap_or_default()
    }

    pub(super) fn segments(&self) -> &[i64] {
        self.segments.as_deref().unwrap_or_default()
    }

    pub(super) fn variants(&self) -> &[Variant] {
        self.variants.as_deref().unwrap_or_default()
    }

    /// The salt.
    pub(super) fn group_id(&self, feature: &str) -> String {
        let text = self.parameter("groupId");
        if text.is_empty() { feature.to_owned() } else { text }
    }

    /// What its variants are spread by, if they do not say it themselves.
    pub(super) fn stickiness(&self) -> Option<String> {
        Some(self.parameter("stickiness")).filter(|field| !field.is_empty())
    }

    /// And what of it does not carry over.
    pub(super) fn who(&self, feature: &str) -> (Who, Option<String>) {
        let listed = |parameter: &str| -> Vec<Json> {
            let text = self.parameter(parameter);
            let parts = text.split(',').map(str::trim).filter(|part| !part.is_empty());
            parts.map(Json::from).collect()
        };
        let who = match self.name.as_str() {
            "default" => Who::Everybody,
            "userWithId" => whom("user_id", Operator::In, listed("userIds")),
            "remoteAddress" => {
                let valid = listed("IPs").into_iter().filter(|ip| ip.as_str().and_then(Network::parse).is_some());
                whom("remoteAddress", Operator::Cidr, valid.collect())
            }
            "applicationHostname" => {
                let who = match whom("hostname", Operator::In, listed("hostNames")) {
                    Who::Whom(condition) => Who::Whom(ConditionDefinition { case_insensitive: true, ..condition }),
                    nobody => nobody,
                };
                let note = "the host is the attribute `hostname`, which the caller must give";
                return (who, Some(note.to_owned()));
            }
            "flexibleRollout" => return self.flexible(feature),
            "gradualRolloutUserId" => self.share(feature, "percentage", &["user_id"]),
            "gradualRolloutSessionId" => self.share(feature, "percentage", &["sessionId"]),
            "gradualRolloutRandom" => return self.drawn(feature, "percentage", true),
            other => Who::Nobody(format!("`{other}` is a strategy of its own")),
        };
        (who, None)
    }

    fn flexible(&self, feature: &str) -> (Who, Option<String>) {
        match self.stickiness().as_deref().unwrap_or("default") {
            "default" => self.drawn(feature, "rollout", false),
            "random" => self.drawn(feature, "rollout", true),
            field => (self.share(feature, "rollout", &[&attribute(field)]), None),
        }
    }

    /// What Unleash draws at random, always or for who has no unit.
    fn drawn(&self, feature: &str, parameter: &str, always: bool) -> (Who, Option<String>) {
        let who = self.share(feature, parameter, &DEFAULT_UNITS);
        match &who {
            Who::Share(rollout) if rollout.percent == Some(Percent::ALL) => (Who::Everybody, None),
            Who::Share(rollout) if rollout.percent.is_some_and(|percent| percent.thousandths() > 0) => {
                let whom = if always { "everybody" } else { "who has neither `user_id` nor `sessionId`" };
                let note = format!("Unleash draws at random for {whom}; here it is by unit, and without one never");
                (who, Some(note))
            }
            _ => (who, None),
        }
    }

    fn share(&self, feature: &str, parameter: &str, units: &[&str]) -> Who {
        let text = self.parameter(parameter);
        let percent = serde_json::from_str(text.trim()).ok();
        let Some(percent) = percent else { return Who::Nobody(format!("`{parameter}` is no percentage: {text:?}")) };
        Who::Share(RolloutDefinition {
            percent: Some(percent),
            unit: Units::first_of(units),
            salt: Some(self.group_id(feature)),
            ..RolloutDefinition::default()
        })
    }

    fn parameter(&self, name: &str) -> String {
        let value = self.parameters.as_ref().and_then(|parameters| parameters.get(name));
        value.filter(|value| !value.is_null()).map(text_of).unwrap_or_default()
    }
}

fn whom(attribute: &str, op: Operator, values: Vec<Json>) -> Who {
    if values.is_empty() {
        return Who::Nobody("nobody is listed".to_owned());
    }
    Who::Whom(ConditionDefinition {
        attribute: Some(attribute.to_owned()),
        op: Some(op),
        values: Some(values),
        ..ConditionDefinition::default()
    })
}
