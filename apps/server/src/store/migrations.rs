//! Bringing the database up to date; several processes may try at once, exactly one does it.

use diesel::migration::{Migration, MigrationSource};
use diesel::prelude::*;
use diesel_migrations::{EmbeddedMigrations, MigrationHarness, embed_migrations};

use super::db::{self, AnyConnection, Database, MultiBackend, StoreError};
use super::terms;

pub(super) const MIGRATIONS: EmbeddedMigrations = embed_migrations!("../../migrations");

/// How the database's schema stands to this program's.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Standing {
    /// The same.
    Current,
    /// So many steps are to be run: `osaycore migrate`.
    Behind(usize),
    /// It knows a step that we do not: the program is too old for it.
    Ahead(String),
}

/// Compares without changing anything but the empty table of versions.
pub(crate) fn standing(database: &Database) -> Result<Standing, StoreError> {
    standing_of(&mut database.connection()?)
}

/// The same of a database that was current once, over a connection that may only read.
pub(crate) fn standing_now(database: &Database) -> Result<Standing, StoreError> {
    let applied: Vec<String> = database.glance::<_, StoreError>(|connection| {
        Ok(applied_steps::table.select(applied_steps::version).load(connection)?)
    })?;
    standing_among(&applied)
}

diesel::table! {
    /// diesel's own.
    #[sql_name = "__diesel_schema_migrations"]
    applied_steps (version) { version -> Text, }
}

/// Runs what is missing, in one transaction; → how many steps.
pub(crate) fn migrate(database: &Database) -> Result<usize, StoreError> {
    make_version_table(&mut database.connection()?)?;
    db::write_any_number_of_times(&mut database.writer(), |connection| {
        #[cfg(feature = "postgres")]
        lock(connection)?;
        let steps = match standing_of(connection)? {
            Standing::Current => 0,
            Standing::Behind(_) => connection.run_pending_migrations(MIGRATIONS).map_err(failed)?.len(),
            Standing::Ahead(step) => {
                return Err(StoreError::Schema(format!(
                    "the database has step {step:?}, which this program does not know: use a newer osaycore"
                )));
            }
        };
        terms::fill(connection)?;
        Ok(steps)
    })
}

/// diesel makes its table when it is asked for the first time. Of several processes that do so at once all but one may
/// fail, and find it when they look again.
fn make_version_table(connection: &mut AnyConnection) -> Result<(), StoreError> {
    const TRIES: usize = 20;
    for _ in 1..TRIES {
        if connection.applied_migrations().is_ok() {
            return Ok(());
        }
        std::thread::sleep(std::time::Duration::from_millis(50));
    }
    connection.applied_migrations().map(drop).map_err(failed)
}

/// Other processes wait here; on SQLite BEGIN IMMEDIATE has locked already.
#[cfg(feature = "postgres")]
fn lock(connection: &mut AnyConnection) -> Result<(), StoreError> {
    if let AnyConnection::Postgres(inner) = connection {
        diesel::connection::SimpleConnection::batch_execute(
            inner,
            "LOCK TABLE __diesel_schema_migrations IN EXCLUSIVE MODE",
        )?;
    }
    Ok(())
}

fn standing_of(connection: &mut AnyConnection) -> Result<Standing, StoreError> {
    let applied = connection.applied_migrations().map_err(failed)?;
    standing_among(&applied.iter().map(ToString::to_string).collect::<Vec<_>>())
}

fn standing_among(applied: &[String]) -> Result<Standing, StoreError> {
    let known: Vec<Box<dyn Migration<MultiBackend>>> = MIGRATIONS.migrations().map_err(failed)?;
    let known: Vec<String> = known.iter().map(|step| step.name().version().to_string()).collect();
    if let Some(step) = applied.iter().find(|step| !known.contains(step)) {
        return Ok(Standing::Ahead(step.clone()));
    }
    Ok(match known.len().saturating_sub(applied.len()) {
        0 => Standing::Current,
        missing => Standing::Behind(missing),
    })
}

#[expect(clippy::needless_pass_by_value, reason = "the shape that map_err hands over")]
fn failed(error: Box<dyn std::error::Error + Send + Sync>) -> StoreError {
    StoreError::Schema(format!("migration: {error}"))
}
