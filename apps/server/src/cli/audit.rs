//! `osaycore audit`

use clap::{Args, Subcommand};
use osaycore_audit::{Action, Filter, Log as _, Record};
use osaycore_directory::{AppRef, UserRef};
use serde_json::value::RawValue;

use super::output::{Time, optional, table, timestamp};
use super::session::{self, Session};

#[derive(Subcommand)]
pub(super) enum Audit {
    /// List events, newest first
    List(List),
}

#[derive(Args)]
pub(super) struct List {
    /// Only events of this app
    #[arg(long)]
    app: Option<AppRef>,
    /// Only events of this user's trail
    #[arg(long)]
    user: Option<UserRef>,
    /// Only this action, as in credits.deducted
    #[arg(long)]
    action: Option<Action>,
    /// Only events at or after this
    #[arg(long, value_name = "TIME")]
    from: Option<Time>,
    /// Only events before this
    #[arg(long, value_name = "TIME")]
    to: Option<Time>,
    /// Only positions below this one: the last of the page before
    #[arg(long, value_name = "ID")]
    before: Option<i64>,
    /// At most so many
    #[arg(long, default_value_t = Filter::DEFAULT_LIMIT, value_name = "N")]
    limit: u32,
}

impl Audit {
    pub(super) fn run(self, session: &Session) -> anyhow::Result<()> {
        let Self::List(list) = self;
        let records = session.read(|tx| {
            let filter = Filter {
                app_id: session::optional_app(tx, list.app)?.map(|app| app.id),
                user_id: match &list.user {
                    Some(user) => Some(session::look_up(tx, user)?.id),
                    None => None,
                },
                action: list.action,
                from_us: list.from.map(|time| time.0),
                to_us: list.to.map(|time| time.0),
                before_id: list.before,
                limit: list.limit,
            };
            Ok(tx.list(&filter)?)
        })?;
        // The canonical text is the event: what is hashed is what is shown.
        let texts = records.iter().map(|record| RawValue::from_string(record.canonical()));
        let texts = texts.collect::<Result<Vec<_>, _>>()?;
        session.output.show(&texts, || {
            table(&["id", "time", "actor", "action", "target"], &records.iter().map(cells).collect::<Vec<_>>())
        })
    }
}

fn cells(record: &Record) -> Vec<String> {
    let event = &record.event;
    let target = event.target.as_ref().map(|target| format!("{} {}", target.kind.as_str(), target.id));
    let times = if event.count > 1 { format!(" ×{}", event.count) } else { String::new() };
    let reason = event.reason.as_ref().map_or_else(String::new, |reason| format!(" ({reason})"));
    vec![
        record.id.to_string(),
        timestamp(event.at_us),
        event.actor.to_string(),
        format!("{}{times}{reason}", event.action),
        optional(target),
    ]
}
