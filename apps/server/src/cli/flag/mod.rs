//! `osaycore flag`

mod apply;
mod explain;
mod explanation;
mod file;
mod list;
mod single;
mod versions;

use anyhow::bail;
use clap::{Subcommand, ValueEnum};
use osaycore_directory::AppRef;
use osaycore_flags::Key;

use super::output::print;
use super::session::{self, Session};
use crate::admin::flags;

#[derive(Subcommand)]
pub(super) enum Flag {
    /// Create or replace the flags and segments of a file (JSON or YAML; `-`: standard input), all or none
    Apply(apply::Apply),
    /// Take over the flags of another system, all or none
    Import(apply::Import),
    /// List all flags
    List(list::List),
    /// Print flags and segments as a file that `apply` reads
    Export {
        /// Those of this app's own [default: those for all apps]
        #[arg(long)]
        app: Option<AppRef>,
        /// How it is written
        #[arg(long, value_enum, default_value_t = Format::Json)]
        format: Format,
    },
    /// Switch a flag on, for everybody whom its rules take
    Enable(single::Switch),
    /// Switch a flag off, for everybody
    Disable(single::Switch),
    /// Have a rule of a flag take so many percent of its users
    Rollout(single::Rollout),
    /// Take a flag out of use
    Archive {
        /// The flag
        key: Key,
        /// This app's own [default: the one for all apps]
        #[arg(long)]
        app: Option<AppRef>,
    },
    /// Remove a segment that nothing asks of
    RemoveSegment {
        /// The segment
        key: Key,
        /// This app's own [default: the one for all apps]
        #[arg(long)]
        app: Option<AppRef>,
    },
    /// Say what a flag is for a user, and why
    Explain(explain::Explain),
    /// List the versions, newest first: one for each change
    Versions {
        /// Those of this app's own flags [default: of those for all apps]
        #[arg(long)]
        app: Option<AppRef>,
    },
    /// Say which users a change concerns: of two versions, or of a file if it were applied
    Diff(versions::Difference),
    /// Go back to an earlier version, as a new one
    Rollback {
        /// To this version; 0: as it was before the first [default: the one before the last]
        #[arg(long, value_name = "N")]
        to: Option<u32>,
        /// This app's own flags [default: those for all apps]
        #[arg(long)]
        app: Option<AppRef>,
    },
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(super) enum Format {
    /// Indented
    Json,
    /// The same in YAML
    Yaml,
}

impl Flag {
    pub(super) fn run(self, session: &Session) -> anyhow::Result<()> {
        match self {
            Self::Apply(apply) => apply.run(session),
            Self::Import(import) => import.run(session),
            Self::List(list) => list.run(session),
            Self::Export { app, format } => export(session, app, format),
            Self::Enable(switch) => switch.run(session, true),
            Self::Disable(switch) => switch.run(session, false),
            Self::Rollout(rollout) => rollout.run(session),
            Self::Archive { key, app } => {
                let version = session.write(|tx, by| {
                    let app = session::optional_app(tx, app)?;
                    flags::archive(tx, by, app.as_ref(), &key)
                })?;
                let answer = serde_json::json!({ "archived": key.as_str(), "version": version });
                session.output.show(&answer, || format!("{key} is archived"))
            }
            Self::RemoveSegment { key, app } => {
                let version = session.write(|tx, by| {
                    let app = session::optional_app(tx, app)?;
                    flags::remove_segment(tx, by, app.as_ref(), &key)
                })?;
                let answer = serde_json::json!({ "removed": key.as_str(), "version": version });
                session.output.show(&answer, || format!("segment {key} is removed"))
            }
            Self::Explain(explain) => explain.run(session),
            Self::Versions { app } => versions::list(session, app),
            Self::Diff(difference) => difference.run(session),
            Self::Rollback { to, app } => versions::rollback(session, app, to),
        }
    }
}

fn export(session: &Session, app: Option<AppRef>, format: Format) -> anyhow::Result<()> {
    let file = session.read(|tx| {
        let app = session::optional_app(tx, app)?;
        flags::export(tx, app.as_ref())
    })?;
    match format {
        Format::Json if session.output.json => print(&serde_json::to_string(&file)?),
        Format::Json => print(&serde_json::to_string_pretty(&file)?),
        Format::Yaml if session.output.json => bail!("--json and --format yaml contradict each other"),
        Format::Yaml => print(serde_saphyr::to_string(&file)?.trim_end()),
    }
}
