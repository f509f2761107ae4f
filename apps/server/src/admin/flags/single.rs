//! Changes of one flag: on, off, rolled out.

use osaycore_directory::App;
use osaycore_flags::{Choice, FlagDefinition, FlagFile, FlagType, Key, Percent, RuleDefinition, Serve};

use super::{Change, all, apply, missing, scope};
use crate::admin::By;
use crate::error::{ApiError, Code, Failure};
use crate::store::tx::Tx;

/// Switches a flag on or off, for everybody. → the version that it made; none: it was so already.
pub(crate) fn set_enabled(
    tx: &mut Tx<'_>,
    by: &By,
    app: Option<&App>,
    key: &Key,
    enabled: bool,
) -> Result<Option<i64>, Failure> {
    let flag = FlagDefinition { enabled, ..in_use(tx, app, key)? };
    put(tx, by, app, flag)
}

/// Has a rule take so many; by default the only one, or the first of a flag that has none yet. → the rule, and the version
/// that it made; none: it was so already.
pub(crate) fn roll_out(
    tx: &mut Tx<'_>,
    by: &By,
    app: Option<&App>,
    key: &Key,
    (rule, percent): (Option<&str>, Percent),
) -> Result<(String, Option<i64>), Failure> {
    let flag = in_use(tx, app, key)?;
    let names: Vec<String> = flag.rules.iter().enumerate().map(|(index, rule)| rule_name(rule, index)).collect();
    if names.is_empty() && (flag.flag_type != FlagType::Boolean || serves_true(&flag)) {
        let sentence = format!("flag {key} has no rules, and is none that is false so far: give it rules in a file");
        return Err(ApiError::from(Code::ReferenceConflict).detail(sentence).into());
    }
    let rule = match (rule, names.as_slice()) {
        (None, []) => FIRST,
        (Some(rule), _) => rule,
        (None, [only]) => only,
        (None, several) => {
            let sentence = format!("flag {key} has several rules: name one by --rule, of {}", several.join(", "));
            return Err(ApiError::from(Code::ReferenceConflict).detail(sentence).into());
        }
    };
    if !names.is_empty() && !names.iter().any(|name| name == rule) {
        let sentence = format!("flag {key} has no rule {rule}; there are {}", names.join(", "));
        return Err(ApiError::from(Code::NotFound).detail(sentence).into());
    }
    let has_schedule = |(index, of): (usize, &RuleDefinition)| {
        rule_name(of, index) == rule && of.rollout.as_ref().is_some_and(|rollout| !rollout.schedule.is_empty())
    };
    if flag.rules.iter().enumerate().any(has_schedule) {
        let sentence =
            format!("the share of rule {rule} moves by a schedule: change that in a file, or in the console");
        return Err(ApiError::from(Code::ReferenceConflict).detail(sentence).into());
    }
    let rule = rule.to_owned();
    let flag = rolled_out(flag, &rule, percent).ok_or(Code::NotFound)?;
    Ok((rule, put(tx, by, app, flag)?))
}

fn serves_true(flag: &FlagDefinition) -> bool {
    match &flag.default {
        None => false,
        Some(Choice::Boolean(value)) => *value,
        Some(Choice::Variant(name)) => name == "on",
    }
}

/// What the first rule of a flag is called.
const FIRST: &str = "rollout";

/// The flag with one rule that takes so many; none: there is no rule of that name. A flag without any gets its first.
pub(crate) fn rolled_out(mut flag: FlagDefinition, rule: &str, percent: Percent) -> Option<FlagDefinition> {
    if flag.rules.is_empty() {
        flag.rules.push(RuleDefinition {
            name: Some(rule.to_owned()),
            serve: Serve::Choice(Choice::Boolean(true)),
            ..RuleDefinition::default()
        });
    }
    let mut rules = flag.rules.iter_mut().enumerate();
    let (_, of) = rules.find(|(index, of)| rule_name(of, *index) == rule)?;
    of.rollout.get_or_insert_default().percent = Some(percent);
    Some(flag)
}

/// A rule's name, or its number counted from 1.
pub(crate) fn rule_name(rule: &RuleDefinition, index: usize) -> String {
    rule.name.clone().unwrap_or_else(|| format!("rule {}", index.saturating_add(1)))
}

fn in_use(tx: &mut Tx<'_>, app: Option<&App>, key: &Key) -> Result<FlagDefinition, Failure> {
    let all = all(tx)?;
    let of = |app_id: i64| all.flags.get(&(app_id, key.clone())).filter(|flag| !flag.archived);
    match of(scope(app)) {
        Some(flag) => Ok(flag.definition.clone()),
        None => Err(missing(tx, app, &format!("flag {key}"), |app_id| of(app_id).is_some())?),
    }
}

fn put(tx: &mut Tx<'_>, by: &By, app: Option<&App>, flag: FlagDefinition) -> Result<Option<i64>, Failure> {
    apply(tx, by, app, &FlagFile { flags: vec![flag], segments: Vec::new() }, Change::Apply)
}
