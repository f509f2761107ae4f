//! A rule from its definition: time, rollout, exclusion and weights.

use crate::{
    Choice, FlagDefinition, Hash, RolloutDefinition, RuleDefinition, Serve, Source, Units,
    bucket::Spread,
    condition::Condition,
    context::time_us,
    kind::Kind,
    rule::{Rollout, Rule, Served, Share, Slot, Weights, Window},
    variants::position,
};
use alloc::{borrow::ToOwned, boxed::Box, format, string::String, vec::Vec};

const DEFAULT_UNIT: &str = "user_id";

/// The error says what is wrong.
pub(crate) fn rule(
    source: &Source<'_>,
    definition: &RuleDefinition,
    name: String,
    when: Vec<Condition>,
) -> Result<Rule, String> {
    let rollout = definition.rollout.as_ref().map(|rollout| self::rollout(rollout, source.salt)).transpose()?;
    let serve = served(source, definition, rollout.as_ref())?;
    if definition.sticky && rollout.is_none() && !matches!(serve, Served::Weights(_)) {
        return Err("`sticky` goes with `rollout` or weights".to_owned());
    }
    Ok(Rule {
        name,
        window: Window::compile(definition.starts_at.as_deref(), definition.ends_at.as_deref())?,
        when,
        slot: slot(definition)?.map(Box::new),
        rollout: rollout.map(Box::new),
        serve,
        sticky: definition.sticky,
    })
}

/// The error says what is wrong.
pub(crate) fn rollout(definition: &RolloutDefinition, salt: &str) -> Result<Rollout, String> {
    let salt = definition.salt.as_deref().unwrap_or(salt);
    let spread = spread("rollout", definition.unit.as_ref(), salt, definition.hash)?;
    Ok(Rollout { spread, share: share(definition)? })
}

fn spread(member: &str, units: Option<&Units>, salt: &str, hash: Hash) -> Result<Spread, String> {
    let units: Vec<&str> = units.map_or_else(|| Vec::from([DEFAULT_UNIT]), |units| units.iter().collect());
    for unit in &units {
        let kind = Kind::of(unit);
        if unit.is_empty() || !matches!(kind, Kind::Text | Kind::Any) {
            let noun = if unit.is_empty() { "no name" } else { kind.noun() };
            return Err(format!("`{member}.unit`: `{unit}` is {noun}; a unit is a text or an integer"));
        }
    }
    Ok(Spread::new(&units, salt, hash))
}

fn share(rollout: &RolloutDefinition) -> Result<Share, String> {
    let percent = rollout.percent.map(crate::Percent::thousandths);
    if rollout.schedule.is_empty() {
        return percent.map(Share::Fixed).ok_or_else(|| "`rollout` needs `percent` or `schedule`".to_owned());
    }
    let mut points: Vec<(i64, u32)> = Vec::new();
    for (index, point) in rollout.schedule.iter().enumerate() {
        let at_us = time(&point.at).map_err(|what| format!("`rollout.schedule[{index}]`: {what}"))?;
        if points.last().is_some_and(|(last_us, _)| *last_us >= at_us) {
            return Err(format!("`rollout.schedule[{index}]` is not later than the one before"));
        }
        points.push((at_us, point.percent.thousandths()));
    }
    Ok(Share::Scheduled { before: percent.unwrap_or(0), points })
}

fn slot(definition: &RuleDefinition) -> Result<Option<Slot>, String> {
    let Some(exclusion) = &definition.exclusion else { return Ok(None) };
    if exclusion.group.is_empty() {
        return Err("`exclusion.group` is empty".to_owned());
    }
    let (from, to) = (exclusion.from.thousandths(), exclusion.to.thousandths());
    if from >= to {
        return Err("`exclusion.to` is not above `exclusion.from`".to_owned());
    }
    let spread = spread("exclusion", exclusion.unit.as_ref(), &exclusion.group, Hash::Unleash)?;
    Ok(Some(Slot { spread, from, to }))
}

fn served(source: &Source<'_>, rule: &RuleDefinition, rollout: Option<&Rollout>) -> Result<Served, String> {
    let weights = match &rule.serve {
        Serve::Choice(_) if rule.split.is_some() => return Err("`split` goes with weights".to_owned()),
        Serve::Choice(choice) => {
            let variant = position(source.definition, choice);
            return variant.map(Served::Variant).map_err(|what| format!("`serve`: {what}"));
        }
        Serve::Weights(weights) => weights,
    };
    let (steps, total) = steps(source.definition, weights).map_err(|what| format!("`serve`: {what}"))?;
    let mut weights_spread = match rollout {
        Some(rollout) => rollout.spread.clone(),
        None => Spread::new(&[DEFAULT_UNIT], source.salt, Hash::Unleash),
    };
    if let Some(split) = &rule.split {
        if weights_spread.hash != Hash::Unleash {
            return Err("`split` goes with the hash `unleash` alone".to_owned());
        }
        let salt = split.salt.as_deref().unwrap_or(&weights_spread.salt);
        let own = spread("split", split.unit.as_ref(), salt, Hash::Unleash)?;
        let units = if split.unit.is_some() { own.units.clone() } else { weights_spread.units };
        weights_spread = own.by(units);
    }
    Ok(Served::Weights(Box::new(Weights { steps, total, spread: weights_spread })))
}

/// Cumulative weights and variants, and the sum.
fn steps(flag: &FlagDefinition, weights: &crate::Members<u64>) -> Result<(Vec<(u64, usize)>, u64), String> {
    let mut total = 0_u64;
    let mut steps = Vec::new();
    for (name, weight) in weights.iter() {
        let variant = position(flag, &Choice::Variant(name.to_owned()))?;
        if *weight == 0 {
            return Err(format!("the weight of `{name}` is not positive"));
        }
        total = total.checked_add(*weight).ok_or_else(|| "the weights are too large".to_owned())?;
        steps.push((total, variant));
    }
    if steps.is_empty() {
        return Err("no weights".to_owned());
    }
    Ok((steps, total))
}

impl Window {
    /// The error says what is wrong.
    pub(crate) fn compile(starts_at: Option<&str>, ends_at: Option<&str>) -> Result<Self, String> {
        let at =
            |member: &str, text: Option<&str>| text.map(time).transpose().map_err(|what| format!("`{member}`: {what}"));
        let Self { starts_us, ends_us } = Self::ALWAYS;
        let window = Self {
            starts_us: at("starts_at", starts_at)?.unwrap_or(starts_us),
            ends_us: at("ends_at", ends_at)?.unwrap_or(ends_us),
        };
        if window.starts_us >= window.ends_us {
            return Err("`ends_at` is not after `starts_at`".to_owned());
        }
        Ok(window)
    }
}

/// Microseconds since 1970.
pub(crate) fn time(text: &str) -> Result<i64, String> {
    time_us(text).ok_or_else(|| format!("\"{text}\" is no RFC 3339 time such as \"2026-01-31T12:00:00Z\""))
}
