//! Variants and their payloads.

use super::{Feature, constraint::attribute, strategy::Strategy};
use crate::{Choice, ConditionDefinition, FlagDefinition, FlagType, Members, Operator, Units, import::naming::Names};
use alloc::{string::String, vec::Vec};
use serde::Deserialize;
use serde_json::{Value as Json, json};

#[derive(Clone, Deserialize)]
pub(super) struct Variant {
    pub(super) name: String,
    #[serde(default)]
    pub(super) weight: u64,
    #[serde(default)]
    payload: Option<Payload>,
    #[serde(default)]
    pub(super) stickiness: Option<String>,
    #[serde(default)]
    overrides: Option<Vec<Override>>,
}

#[derive(Clone, PartialEq, Deserialize)]
struct Payload {
    #[serde(rename = "type")]
    kind: String,
    value: String,
}

#[derive(Clone, Deserialize)]
struct Override {
    #[serde(rename = "contextName")]
    context_name: String,
    #[serde(default)]
    values: Vec<String>,
}

/// What a feature is as a flag.
pub(super) struct Chosen {
    flag_type: FlagType,
    /// Those of the feature and its strategies, each with its name here.
    variants: Vec<(String, Variant)>,
    /// The names of what is served where the feature is off, and on without a variant.
    disabled: String,
    enabled: String,
}

impl Variant {
    /// Who gets the variant whatever the weights say.
    pub(super) fn overrides(&self) -> impl Iterator<Item = ConditionDefinition> {
        let listed = self.overrides.iter().flatten().filter(|list| !list.values.is_empty());
        listed.map(|list| ConditionDefinition {
            attribute: Some(attribute(&list.context_name)),
            op: Some(Operator::In),
            values: Some(list.values.iter().cloned().map(Json::from).collect()),
            ..ConditionDefinition::default()
        })
    }

    fn is_same(&self, other: &Self) -> bool {
        self.name == other.name && self.payload == other.payload
    }

    /// The payload as a value of the type; None if it is none.
    fn value(&self, flag_type: FlagType) -> Option<Json> {
        let payload = self.payload.as_ref();
        let parsed = || payload.and_then(|payload| serde_json::from_str::<Json>(&payload.value).ok());
        let kind = payload.map(|payload| payload.kind.as_str());
        match flag_type {
            FlagType::Boolean => None,
            FlagType::String => Some(payload.map(|payload| payload.value.clone()).unwrap_or_default().into()),
            FlagType::Integer => parsed().filter(|value| kind == Some("number") && value.is_i64()),
            FlagType::Float => parsed().filter(|value| kind == Some("number") && value.is_number()),
            FlagType::Object => parsed().filter(|value| kind == Some("json") && value.is_object()),
        }
    }
}

impl Chosen {
    pub(super) fn of(feature: &Feature) -> Self {
        let strategies = feature.strategies.iter().flatten();
        let all = feature.variants.iter().flatten().chain(strategies.flat_map(Strategy::variants));
        let mut names = Names::default();
        let mut variants: Vec<(String, Variant)> = Vec::new();
        for variant in all.filter(|variant| variant.weight > 0) {
            if !variants.iter().any(|(_, other)| other.is_same(variant)) {
                variants.push((names.unique(&variant.name), variant.clone()));
            }
        }
        let fits = |flag_type: &FlagType| variants.iter().all(|(_, variant)| variant.value(*flag_type).is_some());
        let narrowest = [FlagType::Integer, FlagType::Float, FlagType::Object].into_iter().find(fits);
        let flag_type = if variants.is_empty() { FlagType::Boolean } else { narrowest.unwrap_or(FlagType::String) };
        let (disabled, enabled) = (names.unique("disabled"), names.unique("enabled"));
        Self { flag_type, variants, disabled, enabled }
    }

    /// Gives the flag its type, variants and default.
    pub(super) fn declare(&self, flag: &mut FlagDefinition) {
        if self.flag_type == FlagType::Boolean {
            return;
        }
        let empty = match self.flag_type {
            FlagType::Integer => json!(0),
            FlagType::Float => json!(0.0),
            FlagType::Object => json!({}),
            _ => json!(""),
        };
        let value = |variant: &Variant| variant.value(self.flag_type).unwrap_or_default();
        let own = self.variants.iter().map(|(name, variant)| (name.clone(), value(variant)));
        let added = [(self.disabled.clone(), empty.clone()), (self.enabled.clone(), empty)];
        flag.flag_type = self.flag_type;
        flag.variants = added.into_iter().chain(own).collect::<Members<Json>>();
        flag.default = Some(Choice::Variant(self.disabled.clone()));
    }

    /// What a variant of Unleash is here; without one, what is on without a variant.
    pub(super) fn choice(&self, variant: Option<&Variant>) -> Choice {
        match (self.flag_type, variant) {
            (FlagType::Boolean, _) => Choice::Boolean(true),
            (_, None) => Choice::Variant(self.enabled.clone()),
            (_, Some(variant)) => Choice::Variant(self.name(variant)),
        }
    }

    pub(super) fn name(&self, variant: &Variant) -> String {
        let found = self.variants.iter().find(|(_, other)| other.is_same(variant));
        found.map_or_else(|| variant.name.clone(), |(name, _)| name.clone())
    }

    /// What the flag is where the feature is off.
    pub(super) fn off(&self) -> Vec<Choice> {
        Vec::from([match self.flag_type {
            FlagType::Boolean => Choice::Boolean(false),
            _ => Choice::Variant(self.disabled.clone()),
        }])
    }

    /// What it is where the feature is on, with one of the variants if some are named. Unleash calls
    /// it `disabled` to be on without a variant.
    pub(super) fn on(&self, named: &[String]) -> Vec<Choice> {
        let is_named = |name: &str| named.is_empty() || named.iter().any(|other| other == name);
        let plain = is_named("disabled").then(|| self.choice(None));
        let variants = self.variants.iter().filter(|(_, variant)| is_named(&variant.name));
        let variants = variants.map(|(name, _)| Choice::Variant(name.clone()));
        plain.into_iter().chain(variants).collect()
    }
}

/// Where Unleash looks for what variants are spread by.
pub(super) fn units(stickiness: Option<&str>) -> Option<Units> {
    match stickiness {
        None | Some("" | "default" | "random") => Units::first_of(&["user_id", "sessionId", "remoteAddress"]),
        Some(field) => Units::first_of(&[&attribute(field)]),
    }
}
