//! `osaycore flag`

use std::io::Read as _;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, bail};
use clap::{Subcommand, ValueEnum};
use osaycore_directory::{AppRef, Storage as _, UserRef, effective};
use osaycore_flags::{FlagFile, Key};
use osaycore_ledger::Storage as _;
use serde::Serialize;
use uuid::Uuid;

use super::output::{optional, print, table, timestamp};
use super::session::{self, Session};
use super::yaml;
use crate::admin::flags;
use crate::context::FlagContext;
use crate::error::{ApiError, Code, Failure};
use crate::store::flags::{EVERY_APP, StoredFlag};
use crate::system;

#[derive(Subcommand)]
pub(super) enum Flag {
    /// Create or replace the flags and segments of a file (JSON or YAML; `-`: standard input), all or none
    Apply {
        /// The file
        file: PathBuf,
        /// Only for this app [default: for all apps]
        #[arg(long)]
        app: Option<AppRef>,
    },
    /// List all flags
    List {
        /// Only those of this app's own
        #[arg(long)]
        app: Option<AppRef>,
        /// Archived ones as well
        #[arg(long)]
        archived: bool,
    },
    /// Print flags and segments as a file that `apply` reads
    Export {
        /// Those of this app's own [default: those for all apps]
        #[arg(long)]
        app: Option<AppRef>,
        /// How it is written
        #[arg(long, value_enum, default_value_t = Format::Json)]
        format: Format,
    },
    /// Take a flag out of use
    Archive {
        /// The flag
        key: Key,
        /// This app's own [default: the one for all apps]
        #[arg(long)]
        app: Option<AppRef>,
    },
    /// Say what a flag is for a user, and why
    Explain {
        /// The flag
        key: Key,
        /// UUID, numeric id, directory\username or username
        user: UserRef,
        /// In this app
        #[arg(long)]
        app: AppRef,
    },
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(super) enum Format {
    Json,
    Yaml,
}

#[derive(Serialize)]
struct Row {
    key: String,
    app_id: Option<Uuid>,
    r#type: osaycore_flags::FlagType,
    active: bool,
    enabled: bool,
    archived: bool,
    description: Option<String>,
    updated_at: String,
}

impl Flag {
    pub(super) fn run(self, session: &Session) -> anyhow::Result<()> {
        match self {
            Self::Apply { file, app } => apply(session, &file, app),
            Self::List { app, archived } => list(session, app, archived),
            Self::Export { app, format } => export(session, app, format),
            Self::Archive { key, app } => {
                session.write(|tx, by| {
                    let app = session::optional_app(tx, app)?;
                    flags::archive(tx, by, app.as_ref(), &key)
                })?;
                session.output.show(&serde_json::json!({ "archived": key.as_str() }), || format!("{key} is archived"))
            }
            Self::Explain { key, user, app } => explain(session, &key, &user, app),
        }
    }
}

fn apply(session: &Session, path: &Path, app: Option<AppRef>) -> anyhow::Result<()> {
    let file = read(path)?;
    let applied = session.write(|tx, by| {
        let app = session::optional_app(tx, app)?;
        flags::apply(tx, by, app.as_ref(), &file)
    });
    applied.map_err(|error| match error.downcast_ref::<Failure>() {
        Some(Failure::Refused(refused)) if refused.code == Code::InvalidField => faults(path, &refused.to_string()),
        _ => error,
    })?;
    let answer = serde_json::json!({ "flags": file.flags.len(), "segments": file.segments.len() });
    session.output.show(&answer, || {
        format!("applied {} and {}", counted(file.flags.len(), "flag"), counted(file.segments.len(), "segment"))
    })
}

fn counted(number: usize, noun: &str) -> String {
    if number == 1 { format!("1 {noun}") } else { format!("{number} {noun}s") }
}

/// Reads a file, as what its name says it is, else by its first character.
fn read(path: &Path) -> anyhow::Result<FlagFile> {
    let text = if path == Path::new("-") {
        let mut text = String::new();
        std::io::stdin().read_to_string(&mut text).map(|_| text)
    } else {
        std::fs::read_to_string(path)
    };
    let text = text.with_context(|| format!("reading {}", path.display()))?;
    let is_yaml = match path.extension().and_then(|extension| extension.to_str()) {
        Some("yaml" | "yml") => true,
        Some("json") => false,
        _ => !text.trim_start().starts_with('{'),
    };
    let text =
        if is_yaml { yaml::to_json(&text).map_err(|error| faults(path, &format!("not YAML: {error}")))? } else { text };
    osaycore_flags::parse(&text).map_err(|fault| faults(path, &fault.to_string()))
}

/// One line a fault, each with the file's name.
fn faults(path: &Path, lines: &str) -> anyhow::Error {
    let named: Vec<String> = lines.lines().map(|line| format!("{}: {line}", path.display())).collect();
    anyhow::Error::msg(named.join("\n"))
}

fn list(session: &Session, app: Option<AppRef>, archived: bool) -> anyhow::Result<()> {
    let rows = session.read(|tx| {
        let only = session::optional_app(tx, app)?.map(|app| app.id);
        let apps = tx.apps()?;
        let all = flags::all(tx)?;
        let shown = all
            .flags
            .into_values()
            .filter(|flag| only.is_none_or(|app_id| flag.app_id == app_id) && (archived || !flag.archived));
        let row = |flag: StoredFlag| {
            let app_id = apps.iter().find(|app| app.id == flag.app_id).map(|app| app.uuid);
            Row::of(flag, app_id)
        };
        Ok(shown.map(row).collect::<Vec<_>>())
    })?;
    session.output.show(&rows, || {
        let cells = |row: &Row| {
            let state = match (row.archived, row.active, row.enabled) {
                (true, _, _) => "archived",
                (_, false, _) => "inactive",
                (_, _, true) => "on",
                (_, _, false) => "off",
            };
            let app = row.app_id.map_or_else(|| "all".to_owned(), |app_id| app_id.to_string());
            vec![row.key.clone(), app, state.to_owned(), row.updated_at.clone(), optional(row.description.as_ref())]
        };
        table(&["flag", "app", "state", "updated", "description"], &rows.iter().map(cells).collect::<Vec<_>>())
    })
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

fn explain(session: &Session, key: &Key, user: &UserRef, app: AppRef) -> anyhow::Result<()> {
    session.read(|tx| {
        let (user, app) = (session::user(tx, user)?, session::app(tx, app)?);
        let permit = tx.permit(user.id, app.id)?;
        let shares_group = app.settings.restrict_to_groups && tx.shares_group(user.id, app.id)?;
        let effective = effective(&app, permit.as_ref(), shares_group);
        let groups = tx.group_names(user.id)?;
        let account = tx.account(user.id)?.ok_or(Code::UserNotFound)?;
        let context = FlagContext::new(&user, permit.as_ref(), &effective, &groups, &account).in_app(app.uuid);
        let set = flags::served(tx, &app)?;
        let Some(explanation) = set.explain(key.as_str(), &context, system::now_us()) else {
            let missing = format!("app {} has no active flag {key}", app.name);
            return Err(ApiError::from(Code::NotFound).detail(missing).into());
        };
        let shown = session.output.show(&explanation, || {
            let mut lines = vec![explanation.sentence.clone()];
            lines.extend(explanation.rules.iter().map(|rule| format!("  {}: {}", rule.name, rule.sentence)));
            lines.join("\n")
        });
        Ok(shown)
    })?
}

impl Row {
    fn of(flag: StoredFlag, app_id: Option<Uuid>) -> Self {
        Self {
            key: flag.definition.key.into(),
            app_id: app_id.filter(|_| flag.app_id != EVERY_APP),
            r#type: flag.definition.flag_type,
            active: flag.definition.active,
            enabled: flag.definition.enabled,
            archived: flag.archived,
            description: flag.definition.description,
            updated_at: timestamp(flag.updated_at_us),
        }
    }
}
