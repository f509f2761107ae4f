//! What would have to change for a flag to be on, or a rule to match.

use crate::{
    Attribute, ConditionExplanation, Context, PrerequisiteExplanation, SegmentExplanation,
    compile::Flag,
    condition::Asked,
    rule::{Rule, Window},
};
use alloc::{borrow::ToOwned, format, string::String, vec::Vec};

/// Everything that keeps the flag off.
pub(crate) fn to_be_on(flag: &Flag, prerequisites: &[PrerequisiteExplanation<'_>], now_us: i64) -> Vec<String> {
    let switch = (!flag.enabled).then(|| "`enabled` would have to be true".to_owned());
    let time = in_time(flag.window, now_us);
    let unmet = prerequisites.iter().filter(|prerequisite| !prerequisite.met);
    switch.into_iter().chain(time).chain(unmet.map(prerequisite)).collect()
}

/// Everything that keeps the rule from matching.
pub(crate) fn to_match(
    rule: &Rule,
    conditions: &[ConditionExplanation<'_>],
    asked: &Asked<'_, '_, impl Context + ?Sized>,
) -> Vec<String> {
    let mut needs: Vec<String> = in_time(rule.window, asked.now_us).into_iter().collect();
    needs.extend(conditions.iter().filter(|condition| !condition.holds).map(condition));
    needs.extend(missing_units(rule, asked.context).map(|units| format!("the user would have to have a {units}")));
    if let Some((slot, bucket)) = rule.slot.as_ref().and_then(|slot| Some((slot, slot.bucket(asked.context)?)))
        && !(slot.from..slot.to).contains(&bucket)
    {
        let group = &slot.spread.salt;
        needs.push(format!("the part of group `{group}` would have to include {}", percent(bucket)));
    }
    if let Some((rollout, bucket)) = rule.rollout.as_ref().zip(rule.bucket(asked.context))
        && bucket >= rollout.share.threshold(asked.now_us)
    {
        let (wanted, now) = (percent(bucket.saturating_add(1)), percent(rollout.share.threshold(asked.now_us)));
        needs.push(match rollout.share.takes_from(bucket, asked.now_us) {
            Some(at_us) => format!("the percentage would have to be {wanted}, as it will be at {}", time(at_us)),
            None => format!("the percentage would have to be {wanted} or more; it is {now}"),
        });
    }
    needs
}

/// The attributes, of which one is missed as a unit.
pub(crate) fn missing_units(rule: &Rule, context: &(impl Context + ?Sized)) -> Option<String> {
    let missed = rule.spreads().find(|spread| spread.of_unit(context, |_| ()).is_none())?;
    let names: Vec<&str> = missed.units.iter().map(String::as_str).collect();
    Some(alternatives(&names))
}

/// `` `a` `` or `` `a` or `b` ``.
pub(crate) fn alternatives(names: &[&str]) -> String {
    let quoted: Vec<String> = names.iter().map(|name| format!("`{name}`")).collect();
    quoted.join(" or ")
}

fn in_time(window: Window, now_us: i64) -> Option<String> {
    if now_us < window.starts_us {
        return Some(format!("the time would have to be {} or later", time(window.starts_us)));
    }
    (window.ends_us <= now_us).then(|| format!("the time would have to be before {}", time(window.ends_us)))
}

fn prerequisite(unmet: &PrerequisiteExplanation<'_>) -> String {
    let actual = unmet.actual.map_or("inactive".to_owned(), |name| format!("`{name}`"));
    let wanted = alternatives(&unmet.wanted);
    format!("its prerequisite `{}` would have to be {wanted}; it is {actual}", unmet.flag)
}

fn condition(failed: &ConditionExplanation<'_>) -> String {
    let text = failed.condition;
    match (&failed.segment, &failed.actual) {
        (Some(segment), _) => format!("`{text}` would have to hold: {}", of_segment(segment)),
        (None, Some(actual)) => format!("`{text}` would have to hold; it is {actual}"),
        (None, None) => format!("`{text}` would have to hold; there is none"),
    }
}

/// What of a segment decides, in a few words.
fn of_segment(segment: &SegmentExplanation<'_>) -> String {
    if segment.listed {
        return "the user is listed in it".to_owned();
    }
    let failed: Vec<String> = segment.conditions.iter().filter(|inner| !inner.holds).map(condition).collect();
    match (failed.is_empty(), &segment.rollout) {
        (false, _) => format!("in it, {}", failed.join(", and ")),
        (true, Some(rollout)) => format!("its rollout takes buckets below {}", rollout.threshold),
        (true, None) => "everything in it holds".to_owned(),
    }
}

/// Of thousandths.
fn percent(thousandths: u32) -> String {
    let (whole, rest) = (thousandths / 1000, thousandths % 1000);
    let decimals = format!("{rest:03}");
    let decimals = decimals.trim_end_matches('0');
    if decimals.is_empty() { format!("{whole} %") } else { format!("{whole}.{decimals} %") }
}

fn time(at_us: i64) -> String {
    format!("{}", Attribute::Time(at_us))
}
