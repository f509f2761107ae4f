//! Which caller has which feature.

use osaycore_flags::{Attribute, Context, FlagSet, Source, parse};

/// As a file beside the program would say it; the format is in `docs/flags.md`.
const FLAGS: &str = r#"{"flags": [
    {"key": "sentences", "description": "Sentences are counted, too", "rules": [
        {"name": "paying", "when": [{"attribute": "plan", "op": "=", "value": "pro"}], "serve": true},
        {"name": "some of the others", "rollout": {"percent": 5}, "serve": true}]}]}"#;

/// Who asks, as this service knows them.
#[derive(Clone, Debug)]
pub struct Caller {
    /// The account in the ledger.
    pub account_id: i64,
    /// What rollouts are bucketed by.
    pub name: String,
    /// `free` or `pro`.
    pub plan: String,
}

impl Context for Caller {
    fn attribute(&self, name: &str) -> Option<Attribute<'_>> {
        match name {
            "user_id" => Some(Attribute::Text(&self.name)),
            "plan" => Some(Attribute::Text(&self.plan)),
            _ => None,
        }
    }
}

/// The flags, compiled once: whatever is wrong with them shows here, not at a request.
pub fn load() -> anyhow::Result<FlagSet> {
    let file = parse(FLAGS)?;
    // A salt decides who is in a rollout; it stays as it is for as long as the flag lives.
    let sources = file.flags.iter().map(|definition| Source { definition, salt: "k3v9" });
    FlagSet::compile(sources, &file.segments)
        .map_err(|faults| anyhow::anyhow!("{}", faults.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n")))
}

/// Whether the caller has the feature at this time (Unix microseconds). A flag that is not there is off.
pub fn has(flags: &FlagSet, key: &str, caller: &Caller, now_us: i64) -> bool {
    flags.evaluate(key, caller, now_us).is_some_and(|evaluation| evaluation.enabled)
}
