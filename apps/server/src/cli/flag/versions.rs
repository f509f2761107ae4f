//! `osaycore flag versions`, `diff` and `rollback`

use std::path::PathBuf;

use clap::Args;
use osaycore_directory::AppRef;
use serde::Serialize;

use super::apply::preview;
use super::file;
use crate::admin::flags;
use crate::cli::output::{table, timestamp};
use crate::cli::session::{self, Session};
use crate::system;

#[derive(Args)]
pub(crate) struct Difference {
    /// What would change if this file were applied
    #[arg(conflicts_with_all = ["from", "to"])]
    file: Option<PathBuf>,
    /// From this version; 0: before the first [default: the one before the other]
    #[arg(long, value_name = "N")]
    from: Option<u32>,
    /// To this version [default: the last]
    #[arg(long, value_name = "N")]
    to: Option<u32>,
    /// This app's own flags [default: those for all apps]
    #[arg(long)]
    app: Option<AppRef>,
}

#[derive(Serialize)]
struct Row {
    version: i64,
    at: String,
    author: String,
    change: &'static str,
    /// Of a rollback: the version that it went back to.
    restored: Option<i64>,
}

/// Of two versions: their numbers.
#[derive(Clone, Copy, Serialize)]
pub(super) struct Between {
    from: i64,
    to: i64,
}

#[derive(Serialize)]
struct Answer<'d> {
    #[serde(flatten)]
    between: Option<Between>,
    #[serde(flatten)]
    difference: &'d flags::Difference,
}

pub(super) fn list(session: &Session, app: Option<AppRef>) -> anyhow::Result<()> {
    let versions = session.read(|tx| {
        let app = session::optional_app(tx, app)?;
        flags::versions(tx, app.as_ref())
    })?;
    let row = |version: crate::store::flag_versions::Version| Row {
        version: version.number,
        at: timestamp(version.at_us),
        author: version.author,
        change: version.change.as_str(),
        restored: version.change.restored(),
    };
    let rows: Vec<Row> = versions.into_iter().map(row).collect();
    session.output.show(&rows, || {
        let cells = |row: &Row| {
            let change = match row.restored {
                Some(restored) => format!("{} to {restored}", row.change),
                None => row.change.to_owned(),
            };
            vec![row.version.to_string(), row.at.clone(), row.author.clone(), change]
        };
        table(&["version", "time", "author", "change"], &rows.iter().map(cells).collect::<Vec<_>>())
    })
}

impl Difference {
    pub(super) fn run(self, session: &Session) -> anyhow::Result<()> {
        let Self { file, from, to, app } = self;
        if let Some(path) = file {
            return preview(session, &path, app, &file::read(&path)?);
        }
        let (from, to, difference) = session.read(|tx| {
            let app = session::optional_app(tx, app)?;
            flags::diff(tx, app.as_ref(), (from.map(i64::from), to.map(i64::from)), system::now_us())
        })?;
        show_difference(session, Some(Between { from, to }), &difference)
    }
}

pub(super) fn show_difference(
    session: &Session,
    between: Option<Between>,
    difference: &flags::Difference,
) -> anyhow::Result<()> {
    session.output.show(&Answer { between, difference }, || {
        let lines = difference.lines();
        let lines = if lines.is_empty() { vec!["nothing changes for any user".to_owned()] } else { lines };
        match between {
            Some(Between { from, to }) => format!("from version {from} to {to}\n{}", lines.join("\n")),
            None => lines.join("\n"),
        }
    })
}

pub(super) fn rollback(session: &Session, app: Option<AppRef>, to: Option<u32>) -> anyhow::Result<()> {
    let (restored, version) = session.write(|tx, by| {
        let app = session::optional_app(tx, app)?;
        flags::rollback(tx, by, app.as_ref(), to.map(i64::from))
    })?;
    session.output.show(&serde_json::json!({ "restored": restored, "version": version }), || match version {
        Some(version) => format!("version {version} is version {restored} again"),
        None => format!("nothing is different from version {restored}"),
    })
}
