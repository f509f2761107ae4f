//! A database that is ready to be worked on: migrated, bootstrapped, with its master key.

use anyhow::{Context as _, bail};
use osaycore_directory::{App, AppRef, Group, GroupRef, Name, Tenant, User, UserRef};

use super::output::{Output, spinner, tell};
use crate::admin::{By, apps, bootstrap, groups, users};
use crate::config::Config;
use crate::error::{ApiError, Code, Failure};
use crate::sealing::Sealer;
use crate::store::db::{self, AnyConnection, Database};
use crate::store::migrations::{self, Standing};
use crate::store::tx::{Tx, transact};
use crate::store::{jwt_keys, tenants};
use crate::system;

/// What every command gets.
pub(super) struct Session {
    pub(super) config: Config,
    pub(super) database: Database,
    pub(super) output: Output,
    /// As given by `--tenant`.
    pub(super) tenant_name: Option<Name>,
}

/// Whether a database that is not ours to migrate may be.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Migrate {
    /// SQLite only.
    Embedded,
    /// The same, and a file that was not there is told of: perhaps another one was meant.
    EmbeddedAloud,
    /// Whatever it is: `osaycore migrate`.
    Any,
}

impl Session {
    /// Opens the database, and makes what a new one lacks; → also how many migration steps were run.
    pub(super) fn open(
        config: Config,
        tenant_name: Option<Name>,
        output: Output,
        migrate: Migrate,
    ) -> anyhow::Result<(Self, usize)> {
        let missing = config.database_url.sqlite_file().filter(|path| !path.exists());
        let database = Database::open(&config.database_url, 1)
            .with_context(|| format!("opening the database {}", config.database_url))?;
        let steps = match migrations::standing(&database)? {
            Standing::Current => 0,
            Standing::Behind(steps) => {
                if migrate != Migrate::Any && config.database_url.sqlite_file().is_none() {
                    bail!("the database lacks {steps} migration steps: run `osaycore migrate`");
                }
                let working = spinner("migrating");
                let steps = migrations::migrate(&database)?;
                working.finish_and_clear();
                steps
            }
            Standing::Ahead(step) => bail!(
                "the database has migration step {step:?}, which this program does not know: use a newer osaycore"
            ),
        };
        bootstrap_once(&config, &database)?;
        if let Some(path) = missing
            && migrate == Migrate::EmbeddedAloud
        {
            tell(&format!(
                "made a new database at {} (name another with --database-url or OSAYCORE_DATABASE_URL)",
                path.display()
            ));
        }
        Ok((Self { config, database, output, tenant_name }, steps))
    }

    /// The tenant of `--tenant`, or the one that is made with the database.
    pub(super) fn tenant(&self) -> anyhow::Result<Tenant> {
        let name = match &self.tenant_name {
            Some(name) => name.clone(),
            None => bootstrap::DEFAULT_TENANT.parse()?,
        };
        self.database
            .read(|connection| tenants::find(connection, &name))?
            .with_context(|| format!("there is no tenant {name}; see `osaycore tenant list`"))
    }

    /// Reads one consistent snapshot of the tenant.
    pub(super) fn read<T>(&self, mut work: impl FnMut(&mut Tx<'_>) -> Result<T, Failure>) -> anyhow::Result<T> {
        let tenant = self.tenant()?;
        Ok(self.database.read(|connection| work(&mut Tx::new(connection, tenant.id)))?)
    }

    /// Works in one write transaction of the tenant.
    pub(super) fn write<T>(&self, mut work: impl FnMut(&mut Tx<'_>, &By) -> Result<T, Failure>) -> anyhow::Result<T> {
        let tenant = self.tenant()?;
        Ok(transact(&mut self.database.writer(), tenant.id, |tx| work(tx, &operator(tenant.id)))?)
    }

    /// The same with the master key, read within the transaction: a rotation that ends before it begins is seen, one
    /// that begins after it ends seals anew what was sealed here.
    pub(super) fn write_sealed<T>(
        &self,
        mut work: impl FnMut(&mut Tx<'_>, &By, &Sealer) -> Result<T, Failure>,
    ) -> anyhow::Result<T> {
        self.write(|tx, by| {
            let sealer = self.proven_sealer(tx.connection())?;
            work(tx, by, &sealer)
        })
    }

    /// Works in one write transaction of no tenant.
    pub(super) fn write_deployment<T>(
        &self,
        mut work: impl FnMut(&mut AnyConnection, &By, &Sealer) -> Result<T, Failure>,
    ) -> anyhow::Result<T> {
        self.write_locked(|connection, by| {
            let sealer = self.proven_sealer(connection)?;
            work(connection, by, &sealer)
        })
    }

    /// Works in one write transaction that locks for itself whatever tenants it touches.
    pub(super) fn write_locked<T>(
        &self,
        mut work: impl FnMut(&mut AnyConnection, &By) -> Result<T, Failure>,
    ) -> anyhow::Result<T> {
        let by = operator(self.tenant()?.id);
        Ok(db::write(&mut self.database.writer(), |connection| work(connection, &by))?)
    }

    /// The master key, if it opens what is sealed already: secrets under two keys would lock the server out.
    fn proven_sealer(&self, connection: &mut AnyConnection) -> Result<Sealer, Failure> {
        let sealer = self.sealer()?;
        jwt_keys::prove(connection, &sealer)?;
        Ok(sealer)
    }

    /// The master key. Its file is there: opening the session saw to that.
    pub(super) fn sealer(&self) -> Result<Sealer, Failure> {
        self.config.sealer().map_err(|error| ApiError::from(Code::Internal).detail(format!("{error:#}")).into())
    }
}

/// The user to change, deleted or not: by id or name.
pub(super) fn user(tx: &mut Tx<'_>, user: &UserRef) -> Result<User, Failure> {
    users::find(tx, user)
}

/// The user to look at, deleted or not: by what an app calls the user as well.
pub(super) fn look_up(tx: &mut Tx<'_>, user: &UserRef) -> Result<User, Failure> {
    users::look_up(tx, user)
}

/// The app.
pub(super) fn app(tx: &mut Tx<'_>, app: AppRef) -> Result<App, Failure> {
    apps::find(tx, app)
}

/// The app, where one is named.
pub(super) fn optional_app(tx: &mut Tx<'_>, app: Option<AppRef>) -> Result<Option<App>, Failure> {
    app.map(|app| apps::find(tx, app)).transpose()
}

/// The group.
pub(super) fn group(tx: &mut Tx<'_>, group: &GroupRef) -> Result<Group, Failure> {
    groups::find(tx, group)
}

/// Bootstraps a new database under its write lock, so that of several processes that start at once one makes the key
/// file, and the others read it. A database that has secrets never gets a new key.
fn bootstrap_once(config: &Config, database: &Database) -> anyhow::Result<()> {
    if database.read(bootstrap::is_done)? {
        if config.master_key.is_none()
            && let Some(path) = config.key_file()
            && !path.exists()
        {
            bail!(
                "the master key file {} is missing, and the secrets in the database open with no other: \
                 put it back, or name it with --master-key-file",
                path.display()
            );
        }
        return Ok(());
    }
    let mut unreadable = None;
    let done = db::write(&mut database.writer(), |connection| {
        if bootstrap::is_done(connection)? {
            return Ok(());
        }
        match config.sealer() {
            Ok(sealer) => bootstrap::run(connection, &sealer, system::now_us()),
            Err(error) => {
                unreadable = Some(error);
                Err(Failure::from(Code::Internal))
            }
        }
    });
    match unreadable {
        Some(error) => Err(error),
        None => Ok(done?),
    }
}

fn operator(tenant_id: i64) -> By {
    let login = ["LOGNAME", "USER", "USERNAME"].iter().find_map(|name| std::env::var(name).ok());
    By::operator(tenant_id, login.as_deref().filter(|login| !login.is_empty()).unwrap_or("cli"), system::now_us())
}
