//! `osaycore quickstart`: from nothing to a first signed call, and to the console.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use anyhow::Context as _;
use clap::Args;
use osaycore_directory::{App, AppScope, Email, Link, Storage as _, UserPage};
use osaycore_ledger::AddKind;
use serde::Serialize;
use uuid::Uuid;

use super::app::Keys;
use super::output::{Output, fields, print};
use super::session::Session;
use super::{Usage, serve};
use crate::admin::admins::{self, NewAdmin};
use crate::admin::apps::{self, CreatedApp, NewApp};
use crate::admin::credits::Addition;
use crate::admin::users::{self, NewUserInput};
use crate::admin::{By, credits, flags};
use crate::config::Config;
use crate::error::{Code, Failure};
use crate::logging;
use crate::passwords;
use crate::sealing::Sealer;
use crate::store::admins::{self as logins, Role};
use crate::store::apps::SecretKind;
use crate::store::db::DatabaseUrl;
use crate::store::flag_versions::Change;
use crate::store::tx::Tx;

const DEMO: &str = "Demo";
/// Who is made for the console where nobody is.
const FIRST_LOGIN: &str = "owner@example.com";
const DEFAULT_DATA_DIR: &str = "osaycore-data";
/// What the first demo user begins with.
const DEMO_CREDITS: &str = "100";
/// One flag that is on, and one that half of the users have.
const DEMO_FLAGS: &str = r#"{"flags": [
    {"key": "new_dashboard", "description": "On for everybody", "default": true},
    {"key": "beta_search", "description": "On for half of the users",
     "rules": [{"name": "half", "rollout": {"percent": 50}, "serve": true}]}]}"#;

#[derive(Args)]
pub(super) struct Quickstart {
    /// Folder of the database and the master key [default: ./osaycore-data]
    #[arg(long, value_name = "DIR")]
    data_dir: Option<PathBuf>,
}

/// What is printed.
#[derive(Serialize)]
struct Demo {
    #[serde(flatten)]
    keys: Keys,
    users: Vec<DemoUser>,
    base_url: String,
    #[serde(flatten)]
    console: Console,
}

/// How to get into the console.
#[derive(Clone, Serialize)]
struct Console {
    console_url: String,
    /// The login that was made here.
    #[serde(flatten)]
    login: Option<Login>,
}

#[derive(Clone, Serialize)]
struct Login {
    console_email: Email,
    console_password: String,
}

#[derive(Serialize)]
struct DemoUser {
    user_id: Uuid,
    oasis_user_id: i64,
    username: String,
    external_id: Option<String>,
}

impl Quickstart {
    pub(super) fn run(
        self,
        mut config: Config,
        url_by_flag: bool,
        open: impl FnOnce(Config) -> anyhow::Result<Session>,
        output: Output,
    ) -> anyhow::Result<()> {
        logging::start(config.log_format);
        let unset = "sqlite://osaycore.db".parse().is_ok_and(|default: DatabaseUrl| default == config.database_url);
        let folder = match self.data_dir {
            Some(_) if url_by_flag => return Err(Usage("--data-dir and --database-url exclude each other").into()),
            // Over whatever the environment or the file says.
            Some(folder) => Some(folder),
            None => unset.then(|| PathBuf::from(DEFAULT_DATA_DIR)),
        };
        if let Some(folder) = folder {
            make_private(&folder).with_context(|| format!("making the folder {}", folder.display()))?;
            config.database_url = DatabaseUrl::Sqlite(folder.join("osaycore.db"));
        }
        let session = open(config.clone())?;
        let demo = session.write_sealed(demo)?;
        let login = first_login(&session)?;
        drop(session);
        let (url, public_url) = (config.database_url.clone(), config.public_url.clone());
        serve(config, move |address| {
            let base_url = public_url.unwrap_or_else(|| base_url(address));
            let console = Console { console_url: format!("{base_url}/console"), login };
            if let Err(error) = introduce(demo, base_url, console, &url, output) {
                tracing::warn!("the keys could not be printed: {error:#}");
            }
        })
    }
}

/// A login for the console, where the tenant has none.
fn first_login(session: &Session) -> anyhow::Result<Option<Login>> {
    if !session.read(|tx| Ok(logins::list(tx)?))?.is_empty() {
        return Ok(None);
    }
    let email: Email = FIRST_LOGIN.parse()?;
    let password = passwords::generate();
    let new = NewAdmin { email: email.clone(), role: Role::Owner, password_hash: passwords::hash(&password)? };
    let made = session.write(|tx, by| {
        // Of two who start at once one makes it; and the address may be another tenant's.
        if !logins::list(tx)?.is_empty() || logins::by_email(tx.connection(), &email)?.is_some() {
            return Ok(false);
        }
        admins::create(tx, by, &new).map(|_| true)
    })?;
    Ok(made.then_some(Login { console_email: email, console_password: password.to_string() }))
}

/// Makes a folder for its owner only; one that is there stays as it is.
fn make_private(folder: &Path) -> std::io::Result<()> {
    let mut builder = std::fs::DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(folder)
}

/// The demo app with its users: made if there is no app at all, else found. None: the apps are others.
fn demo(tx: &mut Tx<'_>, by: &By, sealer: &Sealer) -> Result<Option<(Keys, Vec<DemoUser>)>, Failure> {
    let all = tx.apps()?;
    let (app, keys) = match all.iter().find(|app| app.name.as_str() == DEMO && !app.disabled) {
        Some(app) => {
            let created = known(tx, sealer, by, app)?;
            (app.clone(), Keys::of(tx, sealer, created)?)
        }
        None if all.is_empty() => {
            let created = create(tx, by, sealer)?;
            (created.app.clone(), Keys::of(tx, sealer, created)?)
        }
        None => return Ok(None),
    };
    let page = UserPage { after_id: 0, limit: 2, linked_to: Some(app.id), with_deleted: false };
    let mut demo_users = Vec::new();
    for user in tx.users(page)? {
        let external_id = tx.permit(user.id, app.id)?.and_then(|permit| permit.external_id);
        demo_users.push(DemoUser {
            user_id: user.uuid,
            oasis_user_id: user.id,
            username: user.username.into(),
            external_id: external_id.map(Into::into),
        });
    }
    Ok(Some((keys, demo_users)))
}

fn create(tx: &mut Tx<'_>, by: &By, sealer: &Sealer) -> Result<CreatedApp, Failure> {
    let internal = || Failure::from(Code::Internal);
    let new = NewApp {
        name: DEMO.parse().map_err(|_| internal())?,
        scopes: AppScope::ALL.iter().copied().collect(),
        redirect_uris: Vec::new(),
    };
    let created = apps::create(tx, sealer, by, new)?;
    for (username, external_id, amount) in [("alice", "user-1", Some(DEMO_CREDITS)), ("bob", "user-2", None)] {
        let input = NewUserInput {
            username: username.parse().map_err(|_| internal())?,
            email: Some(format!("{username}@example.com").parse().map_err(|_| internal())?),
            display_name: None,
            role: osaycore_directory::Role::default(),
            directory: None,
            link: Some(Link {
                app_id: created.app.id,
                external_id: Some(external_id.parse().map_err(|_| internal())?),
            }),
        };
        let user = users::create(tx, by, input)?;
        if let Some(amount) = amount {
            let amount = amount.parse().map_err(|_| internal())?;
            let description = Some("A first balance".to_owned());
            let addition = Addition { amount, kind: AddKind::Bonus, description, reference: None };
            credits::add(tx, by, &user, addition)?;
        }
    }
    let file = osaycore_flags::parse(DEMO_FLAGS).map_err(|_| internal())?;
    flags::apply(tx, by, None, &file, Change::Apply)?;
    Ok(created)
}

/// The keys of the demo app, opened again: it is there to be tried, at every start.
fn known(tx: &mut Tx<'_>, sealer: &Sealer, by: &By, app: &App) -> Result<CreatedApp, Failure> {
    let mut opened = |kind| {
        let secret = apps::secret(tx, sealer, app, kind, by.now_us)?.ok_or(Code::NotFound)?;
        Ok::<_, Failure>(String::from_utf8_lossy(&secret).into_owned())
    };
    let (secret_key, oasis_application_key) = (opened(SecretKind::Signing)?, opened(SecretKind::Oasis)?);
    Ok(CreatedApp { app: app.clone(), secret_key, oasis_application_key })
}

fn base_url(mut address: SocketAddr) -> String {
    // Listening on all addresses is nowhere to connect to.
    if address.ip().is_unspecified() {
        address.set_ip(std::net::Ipv4Addr::LOCALHOST.into());
    }
    format!("http://{address}")
}

fn introduce(
    demo: Option<(Keys, Vec<DemoUser>)>,
    base_url: String,
    console: Console,
    url: &DatabaseUrl,
    output: Output,
) -> anyhow::Result<()> {
    // A URL of PostgreSQL has a password, and whoever started this knows it.
    let elsewhere = match url.sqlite_file() {
        Some(path) => {
            let url = format!("sqlite://{}", std::path::absolute(path)?.display());
            format!(
                "Other commands (`osaycore help`) work on this data after\n\nexport OSAYCORE_DATABASE_URL={}",
                quoted(&url)
            )
        }
        None => "More: osaycore help".to_owned(),
    };
    let Some((keys, users)) = demo else {
        let told = Told { base_url, console: &console };
        return output.show(&told, || {
            format!(
                "This database has apps of its own; none was created.\n\
                 `osaycore app list` shows them; a secret is shown once, \
                 `osaycore app rotate-secret APP` makes a new one.\n\n{}\n\n{elsewhere}",
                fields(&console.pairs())
            )
        });
    };
    let demo = Demo { keys, users, base_url, console };
    if output.json {
        return print(&serde_json::to_string(&demo)?);
    }
    let mut pairs = vec![("base_url", demo.base_url.clone())];
    pairs.extend(demo.console.pairs());
    for user in &demo.users {
        let external_id = user.external_id.as_deref().unwrap_or("-");
        pairs.push(("user", format!("{}  {}  external id {external_id}", user.user_id, user.username)));
    }
    let first = demo.users.first().context("the demo app has no users left; `user create --app` makes one")?;
    print(&format!(
        "{}\n{}\n\nA first call, to paste into bash: a token for {}, then a deduction, then what is known of the user.\n\n{}\n\n\
         {elsewhere}",
        demo.keys.to_text(),
        fields(&pairs),
        first.username,
        curl(&demo, first),
    ))
}

/// What is told where the apps are others.
#[derive(Serialize)]
struct Told<'a> {
    base_url: String,
    #[serde(flatten)]
    console: &'a Console,
}

impl Console {
    fn pairs(&self) -> Vec<(&'static str, String)> {
        let mut pairs = vec![("console_url", self.console_url.clone())];
        if let Some(login) = &self.login {
            pairs.push(("console_email", login.console_email.to_string()));
            pairs.push(("console_password", format!("{}  (shown this once)", login.console_password)));
        }
        pairs
    }
}

/// A word of the shell, quoted where it has to be.
fn quoted(text: &str) -> String {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "-_./:@%+,=".contains(c);
    if text.chars().all(is_plain) { text.to_owned() } else { format!("'{}'", text.replace('\'', r"'\''")) }
}

/// Shell that signs and calls. Keys and ids need no quoting: they are hexadecimal with a prefix.
fn curl(demo: &Demo, user: &DemoUser) -> String {
    format!(
        r#"export OSAYCORE_BASE_URL={base_url}
export OSAYCORE_API_KEY={api_key}
export OSAYCORE_SECRET_KEY={secret_key}
call() {{ # METHOD PATH BODY [TOKEN]
  local ts sig
  ts=$(date +%s)
  sig=$(printf '%s.%s' "$ts" "$3" | openssl dgst -sha256 -hmac "$OSAYCORE_SECRET_KEY" | sed 's/^.* //')
  curl -sS -X "$1" "$OSAYCORE_BASE_URL$2" -H "X-OSAYCORE-API-KEY: $OSAYCORE_API_KEY" \
    -H "X-OSAYCORE-TIMESTAMP: $ts" -H "X-OSAYCORE-SIGNATURE: $sig" -H 'Content-Type: application/json' ${{4:+-H "Authorization: Bearer $4"}} ${{3:+--data-binary "$3"}}
  echo
}}
TOKEN=$(call POST /auth/generate-user-jwt '{{"user_id": "{user_id}"}}' | sed -n 's/.*"jwt_token":"\([^"]*\)".*/\1/p')
call POST /action/deduct-credits '{{"amount": 1.5, "description": "A first call"}}' "$TOKEN"
call GET /user/context '' "$TOKEN""#,
        base_url = quoted(&format!("{}/api", demo.base_url)),
        api_key = demo.keys.api_key,
        secret_key = demo.keys.secret_key,
        user_id = user.user_id,
    )
}
