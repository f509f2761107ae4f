//! `osaycore flag apply` and `osaycore flag import`

use std::path::{Path, PathBuf};

use clap::{Args, ValueEnum};
use osaycore_directory::AppRef;
use osaycore_flags::{Fault, FlagFile, import};
use serde::Serialize;

use super::file;
use super::versions::show_difference;
use crate::admin::flags;
use crate::cli::output::{print, tell};
use crate::cli::session::{self, Session};
use crate::store::flag_versions::Change;
use crate::system;

#[derive(Args)]
pub(crate) struct Apply {
    /// The file
    file: PathBuf,
    /// Only for this app [default: for all apps]
    #[arg(long)]
    app: Option<AppRef>,
    /// Write nothing, and say which users it would concern, as `diff` does
    #[arg(long)]
    dry_run: bool,
}

#[derive(Args)]
pub(crate) struct Import {
    /// What the other system gives its SDKs, as JSON; `-`: standard input
    file: PathBuf,
    /// The other system
    #[arg(long, value_enum)]
    from: System,
    /// Only for this app [default: for all apps]
    #[arg(long)]
    app: Option<AppRef>,
    /// Write nothing, and print the flag file that it makes
    #[arg(long)]
    dry_run: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum System {
    /// Client features: `/api/client/features`
    Unleash,
    /// Features and saved groups of an SDK connection
    Growthbook,
    /// Flags and segments of a server-side SDK
    Launchdarkly,
}

#[derive(Serialize)]
struct Applied {
    flags: usize,
    segments: usize,
    /// None: everything was so already.
    version: Option<i64>,
}

#[derive(Serialize)]
struct Imported<'i> {
    #[serde(flatten)]
    applied: Applied,
    /// The flags that have another key here than there.
    renamed: Vec<Renamed<'i>>,
    /// What does not carry over, and what was made of it.
    notes: Vec<String>,
}

#[derive(Serialize)]
struct Renamed<'i> {
    name: &'i str,
    key: &'i str,
}

impl Apply {
    pub(super) fn run(self, session: &Session) -> anyhow::Result<()> {
        let Self { file: path, app, dry_run } = self;
        let file = file::read(&path)?;
        if dry_run {
            return preview(session, &path, app, &file);
        }
        let applied = write(session, &path, app, &file, Change::Apply)?;
        session.output.show(&applied, || format!("applied {}", applied.sentence()))
    }
}

impl Import {
    pub(super) fn run(self, session: &Session) -> anyhow::Result<()> {
        let Self { file: path, from, app, dry_run } = self;
        let text = file::text(&path)?;
        let read = from.read(&text).map_err(|fault| file::faults(&path, &fault.to_string()))?;
        let notes: Vec<String> = read.notes.iter().map(ToString::to_string).collect();
        let renamed: Vec<Renamed<'_>> = read
            .keys
            .iter()
            .filter(|(name, key)| name != key.as_str())
            .map(|(name, key)| Renamed { name, key: key.as_str() })
            .collect();
        for note in &notes {
            tell(&format!("{}: {note}", path.display()));
        }
        for Renamed { name, key } in &renamed {
            tell(&format!("{}: `{name}` is `{key}` here", path.display()));
        }
        if dry_run {
            let json = session.output.json;
            let file = &read.file;
            return print(&if json { serde_json::to_string(file)? } else { serde_json::to_string_pretty(file)? });
        }
        let applied = write(session, &path, app, &read.file, Change::Import)?;
        let sentence = format!("imported {}", applied.sentence());
        session.output.show(&Imported { applied, renamed, notes }, || sentence)
    }
}

impl System {
    fn read(self, text: &str) -> Result<import::Import, Fault> {
        match self {
            Self::Unleash => import::unleash(text),
            Self::Growthbook => import::growthbook(text),
            Self::Launchdarkly => import::launchdarkly(text),
        }
    }
}

impl Applied {
    fn sentence(&self) -> String {
        let counted = |number: usize, noun: &str| match number {
            1 => format!("1 {noun}"),
            number => format!("{number} {noun}s"),
        };
        let unchanged = if self.version.is_none() { "; nothing is different" } else { "" };
        format!("{} and {}{unchanged}", counted(self.flags, "flag"), counted(self.segments, "segment"))
    }
}

fn write(
    session: &Session,
    path: &Path,
    app: Option<AppRef>,
    file: &FlagFile,
    change: Change,
) -> anyhow::Result<Applied> {
    let version = session.write(|tx, by| {
        let app = session::optional_app(tx, app)?;
        flags::apply(tx, by, app.as_ref(), file, change)
    });
    let version = version.map_err(|error| file::refused(path, error))?;
    Ok(Applied { flags: file.flags.len(), segments: file.segments.len(), version })
}

/// What would change.
pub(super) fn preview(session: &Session, path: &Path, app: Option<AppRef>, file: &FlagFile) -> anyhow::Result<()> {
    let difference = session.read(|tx| {
        let app = session::optional_app(tx, app)?;
        flags::preview(tx, app.as_ref(), file, system::now_us())
    });
    let difference = difference.map_err(|error| file::refused(path, error))?;
    show_difference(session, None, &difference)
}
