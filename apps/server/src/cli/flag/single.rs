//! `osaycore flag enable`, `disable` and `rollout`

use clap::Args;
use osaycore_directory::AppRef;
use osaycore_flags::{Key, Percent};

use crate::admin::flags;
use crate::cli::session::{self, Session};

#[derive(Args)]
pub(crate) struct Switch {
    /// The flag
    key: Key,
    /// This app's own [default: the one for all apps]
    #[arg(long)]
    app: Option<AppRef>,
}

#[derive(Args)]
pub(crate) struct Rollout {
    /// The flag
    key: Key,
    /// 0 to 100 with up to three decimals
    #[arg(value_parser = percent)]
    percent: Percent,
    /// The rule [default: the only one; of a flag without any, a first one that serves true]
    #[arg(long)]
    rule: Option<String>,
    /// This app's own [default: the one for all apps]
    #[arg(long)]
    app: Option<AppRef>,
}

fn percent(text: &str) -> Result<Percent, String> {
    let number = text.strip_suffix('%').unwrap_or(text);
    serde_json::from_str(number).map_err(|_| "not a number from 0 to 100 with up to three decimals".to_owned())
}

impl Switch {
    pub(super) fn run(&self, session: &Session, enabled: bool) -> anyhow::Result<()> {
        let Self { key, app } = self;
        let version = session.write(|tx, by| {
            let app = session::optional_app(tx, *app)?;
            flags::set_enabled(tx, by, app.as_ref(), key, enabled)
        })?;
        let answer = serde_json::json!({ "enabled": enabled, "version": version });
        session.output.show(&answer, || format!("{key} is {}{}", if enabled { "on" } else { "off" }, already(version)))
    }
}

impl Rollout {
    pub(super) fn run(&self, session: &Session) -> anyhow::Result<()> {
        let Self { key, percent, rule, app } = self;
        let (rule, version) = session.write(|tx, by| {
            let app = session::optional_app(tx, *app)?;
            flags::roll_out(tx, by, app.as_ref(), key, (rule.as_deref(), *percent))
        })?;
        let shown = serde_json::to_string(percent)?;
        let answer = serde_json::json!({ "rule": rule, "percent": percent, "version": version });
        session.output.show(&answer, || format!("rule {rule} of {key} takes {shown} %{}", already(version)))
    }
}

fn already(version: Option<i64>) -> &'static str {
    if version.is_some() { "" } else { ", as it was already" }
}
