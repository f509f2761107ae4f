//! `osaycore app`

use clap::{Args, Subcommand};
use osaycore_directory::{AppRef, AppScope, AppSettings, Name, RedirectUri, Storage as _};
use serde::Serialize;
use uuid::Uuid;

use super::output::{fields, optional, table, timestamp};
use super::session::{self, Session};
use super::{Usage, eval_key, settings::Settings};
use crate::admin::apps::{self, CreatedApp, NewApp};
use crate::admin::tenants;
use crate::error::{ApiError, Failure};
use crate::sealing::Sealer;
use crate::store::apps::SecretKind;
use crate::store::tx::Tx;

/// What `app set` takes besides the settings of the app itself; it is kept on the tenant.
const MONTHLY_USER_LIMIT: &str = "monthly_user_limit";
/// How long replaced secrets go on working.
const DEFAULT_GRACE_S: u32 = 24 * 60 * 60;

#[derive(Subcommand)]
pub(super) enum App {
    /// Create an app; prints its keys, once
    Create(Create),
    /// List all apps
    List,
    /// Show an app with its settings
    Show {
        /// UUID or numeric id
        #[arg(value_name = "APP")]
        app: AppRef,
    },
    /// Give an app a new secret; the old ones work for the grace
    RotateSecret {
        /// UUID or numeric id
        #[arg(value_name = "APP")]
        app: AppRef,
        /// Seconds that the old secrets go on working
        #[arg(long, default_value_t = DEFAULT_GRACE_S, value_name = "N")]
        grace_seconds: u32,
        /// The OASIS application key, and not the secret key
        #[arg(long)]
        oasis: bool,
    },
    /// Refuse the API key of an app
    Disable {
        /// UUID or numeric id
        #[arg(value_name = "APP")]
        app: AppRef,
    },
    /// Accept the API key of an app again
    Enable {
        /// UUID or numeric id
        #[arg(value_name = "APP")]
        app: AppRef,
    },
    /// Make a key that may evaluate the app's flags and do nothing else; prints it, once
    EvalKey {
        /// UUID or numeric id
        #[arg(value_name = "APP")]
        app: AppRef,
        /// For people to tell keys apart by, unique within the app
        #[arg(long)]
        name: Option<Name>,
    },
    /// List the evaluation keys of an app
    EvalKeys {
        /// UUID or numeric id
        #[arg(value_name = "APP")]
        app: AppRef,
    },
    /// Remove an evaluation key of an app: servers refuse it within a second
    RemoveEvalKey {
        /// UUID or numeric id
        #[arg(value_name = "APP")]
        app: AppRef,
        /// Id or name of the key
        #[arg(value_name = "KEY")]
        key: String,
    },
    /// Change settings of an app; a list is given by repeating its key, and replaced whole
    Set {
        /// UUID or numeric id
        #[arg(value_name = "APP")]
        app: AppRef,
        #[command(flatten)]
        settings: Settings,
    },
}

#[derive(Args)]
pub(super) struct Create {
    /// For people to read
    #[arg(long)]
    name: Name,
    /// `add_credits`, `manage_users`, `manage_payments` or `read_audit`; repeat for several
    #[arg(long = "scope", value_name = "SCOPE")]
    scopes: Vec<AppScope>,
    /// Where sign-in may send the browser back to; repeat for several
    #[arg(long = "redirect-uri", value_name = "URI")]
    redirect_uris: Vec<RedirectUri>,
}

/// The keys of an app, as `app create --json` prints them.
#[derive(Serialize)]
pub(super) struct Keys {
    pub(super) app_id: Uuid,
    pub(super) api_key: String,
    pub(super) secret_key: String,
    pub(super) oasis_app_id: i64,
    pub(super) oasis_application_key: String,
    pub(super) oasis_api_key: String,
}

#[derive(Serialize)]
struct Row {
    app_id: Uuid,
    oasis_app_id: i64,
    name: String,
    api_key: String,
    scopes: Vec<String>,
    disabled: bool,
    created_at: String,
}

#[derive(Serialize)]
struct Shown {
    app_id: Uuid,
    oasis_app_id: i64,
    name: String,
    api_key: String,
    scopes: Vec<String>,
    disabled: bool,
    created_at: String,
    settings: AppSettings,
    monthly_user_limit: Option<i64>,
    /// The groups that are allowed on it.
    groups: Vec<i64>,
}

impl App {
    pub(super) fn run(self, session: &Session) -> anyhow::Result<()> {
        match self {
            Self::Create(create) => create.run(session),
            Self::List => list(session),
            Self::Show { app } => show(session, app),
            Self::RotateSecret { app, grace_seconds, oasis } => {
                let kind = if oasis { SecretKind::Oasis } else { SecretKind::Signing };
                rotate_secret(session, app, kind, grace_seconds)
            }
            Self::Disable { app } => set_disabled(session, app, true),
            Self::Enable { app } => set_disabled(session, app, false),
            Self::EvalKey { app, name } => eval_key::create(session, app, name.as_ref()),
            Self::EvalKeys { app } => eval_key::list(session, app),
            Self::RemoveEvalKey { app, key } => eval_key::remove(session, app, &key),
            Self::Set { app, settings } => set(session, app, &settings),
        }
    }
}

impl Create {
    fn run(self, session: &Session) -> anyhow::Result<()> {
        let new =
            NewApp { name: self.name, scopes: self.scopes.into_iter().collect(), redirect_uris: self.redirect_uris };
        let keys = session.write_sealed(|tx, by, sealer| {
            let created = apps::create(tx, sealer, by, new.clone())?;
            Keys::of(tx, sealer, created)
        })?;
        session.output.show(&keys, || keys.to_text())?;
        session.output.note("the secret keys are shown this once; keep them");
        Ok(())
    }
}

impl Keys {
    pub(super) fn of(tx: &mut Tx<'_>, sealer: &Sealer, created: CreatedApp) -> Result<Self, Failure> {
        Ok(Self {
            app_id: created.app.uuid,
            api_key: created.app.api_key,
            secret_key: created.secret_key,
            oasis_app_id: created.app.id,
            oasis_application_key: created.oasis_application_key,
            oasis_api_key: tenants::api_key(tx, sealer)?,
        })
    }

    pub(super) fn to_text(&self) -> String {
        fields(&[
            ("app_id", self.app_id.to_string()),
            ("api_key", self.api_key.clone()),
            ("secret_key", self.secret_key.clone()),
            ("oasis_app_id", self.oasis_app_id.to_string()),
            ("oasis_application_key", self.oasis_application_key.clone()),
            ("oasis_api_key", self.oasis_api_key.clone()),
        ])
    }
}

fn rotate_secret(session: &Session, app: AppRef, kind: SecretKind, grace_seconds: u32) -> anyhow::Result<()> {
    let secret = session.write_sealed(|tx, by, sealer| {
        let app = session::app(tx, app)?;
        apps::rotate_secret(tx, sealer, by, &app, kind, grace_seconds)
    })?;
    let name = match kind {
        SecretKind::Signing => "secret_key",
        SecretKind::Oasis => "oasis_application_key",
    };
    session.output.show(&serde_json::json!({ name: secret }), || fields(&[(name, secret.clone())]))?;
    session.output.note(&match grace_seconds {
        0 => "the old secrets ended now".to_owned(),
        seconds => format!("the old secrets go on working for {seconds} seconds"),
    });
    Ok(())
}

fn list(session: &Session) -> anyhow::Result<()> {
    let rows: Vec<Row> = session.read(|tx| Ok(tx.apps()?))?.into_iter().map(Row::of).collect();
    session.output.show(&rows, || {
        let cells = |row: &Row| {
            let state = if row.disabled { "disabled" } else { "enabled" };
            vec![
                row.app_id.to_string(),
                row.oasis_app_id.to_string(),
                row.name.clone(),
                state.to_owned(),
                row.scopes.join(" "),
            ]
        };
        table(&["app", "id", "name", "state", "scopes"], &rows.iter().map(cells).collect::<Vec<_>>())
    })
}

fn show(session: &Session, app: AppRef) -> anyhow::Result<()> {
    let tenant = session.tenant()?;
    let (app, groups) = session.read(|tx| {
        let app = session::app(tx, app)?;
        let groups = tx.groups_of_app(app.id)?;
        Ok((app, groups))
    })?;
    let settings = app.settings.clone();
    let Row { app_id, oasis_app_id, name, api_key, scopes, disabled, created_at } = Row::of(app);
    let monthly_user_limit = tenant.monthly_user_limit;
    let shown = Shown {
        app_id,
        oasis_app_id,
        name,
        api_key,
        scopes,
        disabled,
        created_at,
        settings,
        monthly_user_limit,
        groups,
    };
    let documented = serde_json::to_value(&shown.settings)?;
    session.output.show(&shown, || {
        let mut pairs = vec![
            ("app_id", shown.app_id.to_string()),
            ("oasis_app_id", shown.oasis_app_id.to_string()),
            ("name", shown.name.clone()),
            ("api_key", shown.api_key.clone()),
            ("scopes", shown.scopes.join(" ")),
            ("disabled", shown.disabled.to_string()),
            ("created_at", shown.created_at.clone()),
        ];
        for key in AppSettings::KEYS {
            pairs.push((key, documented.get(key).map(plain).unwrap_or_default()));
        }
        pairs.push((MONTHLY_USER_LIMIT, optional(shown.monthly_user_limit)));
        pairs.push(("groups", shown.groups.iter().map(ToString::to_string).collect::<Vec<_>>().join(" ")));
        fields(&pairs)
    })
}

/// A value of a setting without JSON's quotes.
fn plain(value: &serde_json::Value) -> String {
    match value {
        serde_json::Value::String(text) => text.clone(),
        serde_json::Value::Array(items) => items.iter().map(plain).collect::<Vec<_>>().join(" "),
        serde_json::Value::Null => "-".to_owned(),
        other => other.to_string(),
    }
}

fn set_disabled(session: &Session, app: AppRef, disabled: bool) -> anyhow::Result<()> {
    let app = session.write(|tx, by| {
        let app = session::app(tx, app)?;
        apps::set_disabled(tx, by, &app, disabled)
    })?;
    let state = if app.disabled { "disabled" } else { "enabled" };
    session.output.show(&Row::of(app.clone()), || format!("app {} is {state}", app.name))
}

fn set(session: &Session, app: AppRef, settings: &Settings) -> anyhow::Result<()> {
    if settings.is_empty() {
        return Err(Usage("name at least one setting, as in --allow-bypass true").into());
    }
    let tenant = session.tenant()?;
    let limit = settings.monthly_user_limit();
    session.write(|tx, by| {
        let app = session::app(tx, app)?;
        if let Some(limit) = &limit {
            let limit = (*limit).map_err(|reason| ApiError::invalid(MONTHLY_USER_LIMIT, reason))?;
            tenants::set_monthly_user_limit(tx, by, tenant.monthly_user_limit, limit)?;
        }
        apps::set(tx, by, &app, settings.of_the_app())
    })?;
    show(session, app)
}

impl Row {
    fn of(app: osaycore_directory::App) -> Self {
        Self {
            app_id: app.uuid,
            oasis_app_id: app.id,
            name: app.name.into(),
            api_key: app.api_key,
            scopes: app.scopes.iter().map(ToString::to_string).collect(),
            disabled: app.disabled,
            created_at: timestamp(app.created_at_us),
        }
    }
}
