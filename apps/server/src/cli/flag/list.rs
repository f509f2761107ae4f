//! `osaycore flag list`

use clap::Args;
use osaycore_directory::{AppRef, Storage as _};
use osaycore_flags::FlagType;
use serde::Serialize;
use uuid::Uuid;

use crate::admin::flags::{self, Listed};
use crate::cli::output::{optional, table, timestamp};
use crate::cli::session::{self, Session};
use crate::system;

#[derive(Args)]
pub(crate) struct List {
    /// Only those of this app's own
    #[arg(long)]
    app: Option<AppRef>,
    /// Archived ones as well
    #[arg(long)]
    archived: bool,
    /// Only those that may be taken out of the code: constant, or past their `expires_at`
    #[arg(long)]
    stale: bool,
    /// Only those with this tag
    #[arg(long)]
    tag: Option<String>,
    /// Only those of this owner
    #[arg(long)]
    owner: Option<String>,
}

#[derive(Serialize)]
struct Row {
    key: String,
    app_id: Option<Uuid>,
    r#type: FlagType,
    active: bool,
    enabled: bool,
    archived: bool,
    description: Option<String>,
    owner: Option<String>,
    tags: Vec<String>,
    /// The version that changed it last, while that is kept.
    version: Option<i64>,
    updated_at: String,
    /// Why it may be taken out of the code.
    stale: Option<Stale>,
}

#[derive(Serialize)]
struct Stale {
    /// The variant that everybody has from now on.
    constant: Option<String>,
    /// It is past its `expires_at`.
    expired: bool,
}

impl List {
    pub(super) fn run(self, session: &Session) -> anyhow::Result<()> {
        let (rows, unread) = session.read(|tx| {
            let only = session::optional_app(tx, self.app)?.map(|app| app.id);
            let apps = tx.apps()?;
            let rows = flags::list(tx, system::now_us())?.into_iter();
            let rows = rows.filter(|listed| only.is_none_or(|app_id| listed.flag.app_id == app_id)).map(|listed| {
                let app = apps.iter().find(|app| app.id == listed.flag.app_id);
                Row::of(listed, app.map(|app| app.uuid))
            });
            Ok((rows.filter(|row| self.shows(row)).collect::<Vec<_>>(), flags::unread(tx, only)?))
        })?;
        super::warn(&unread);
        session.output.show(&rows, || {
            let header = ["flag", "app", "state", "version", "updated", "stale", "owner", "tags", "description"];
            table(&header, &rows.iter().map(Row::cells).collect::<Vec<_>>())
        })
    }

    fn shows(&self, row: &Row) -> bool {
        (self.archived || !row.archived)
            && (!self.stale || row.stale.is_some())
            && self.tag.as_ref().is_none_or(|tag| row.tags.contains(tag))
            && (self.owner.is_none() || row.owner == self.owner)
    }
}

impl Row {
    fn of(listed: Listed, app_id: Option<Uuid>) -> Self {
        let Listed { flag, version, constant, expired } = listed;
        let definition = flag.definition;
        Self {
            key: definition.key.into(),
            app_id,
            r#type: definition.flag_type,
            active: definition.active,
            enabled: definition.enabled,
            archived: flag.archived,
            description: definition.description,
            owner: definition.owner,
            tags: definition.tags,
            version,
            updated_at: timestamp(flag.updated_at_us),
            stale: (expired || constant.is_some()).then_some(Stale { constant, expired }),
        }
    }

    fn cells(&self) -> Vec<String> {
        let state = match (self.archived, self.active, self.enabled) {
            (true, _, _) => "archived",
            (_, false, _) => "inactive",
            (_, _, true) => "on",
            (_, _, false) => "off",
        };
        let app = self.app_id.map_or_else(|| "all".to_owned(), |app_id| app_id.to_string());
        let tags = (!self.tags.is_empty()).then(|| self.tags.join(", "));
        vec![
            self.key.clone(),
            app,
            state.to_owned(),
            optional(self.version),
            self.updated_at.clone(),
            optional(self.stale.as_ref().map(Stale::sentence)),
            optional(self.owner.as_ref()),
            optional(tags),
            optional(self.description.as_ref()),
        ]
    }
}

impl Stale {
    fn sentence(&self) -> String {
        match (&self.constant, self.expired) {
            (Some(variant), false) => format!("always {variant}"),
            (Some(variant), true) => format!("expired, always {variant}"),
            (None, _) => "expired".to_owned(),
        }
    }
}
