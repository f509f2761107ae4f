//! Copies of a SQLite file, checked, and the lock that keeps everybody else out of one.

use std::path::Path;

use diesel::connection::SimpleConnection;
use diesel::prelude::*;
use diesel::sql_types::Text;

use super::db::{AnyConnection, Database, StoreError};

/// Writes a consistent copy of a database that is in use into a file that is empty or not there.
pub(crate) fn copy_into(database: &Database, target: &Path) -> Result<(), StoreError> {
    let connection = &mut database.connection()?;
    match connection {
        AnyConnection::Sqlite(inner) => {
            diesel::sql_query("VACUUM INTO ?").bind::<Text, _>(target.to_string_lossy()).execute(inner)?;
            Ok(())
        }
        #[cfg(feature = "postgres")]
        AnyConnection::Postgres(_) => Err(StoreError::Connection("only a SQLite file is copied".to_owned())),
    }
}

/// Whether the file is an undamaged database of this program; else what is wrong with it. The file is there.
pub(crate) fn check(path: &Path) -> Result<(), StoreError> {
    #[derive(QueryableByName)]
    struct Integrity {
        #[diesel(sql_type = Text)]
        integrity_check: String,
    }
    #[derive(QueryableByName)]
    struct Table {
        #[diesel(sql_type = Text)]
        name: String,
    }
    let mut connection = open(path)?;
    let found: Vec<Integrity> = diesel::sql_query("PRAGMA integrity_check(1)").load(&mut connection)?;
    match found.first() {
        Some(row) if row.integrity_check == "ok" => {}
        Some(row) => return Err(StoreError::Connection(format!("the file is damaged: {}", row.integrity_check))),
        None => return Err(StoreError::Connection("the file could not be checked".to_owned())),
    }
    let tables: Vec<Table> =
        diesel::sql_query("SELECT name FROM sqlite_master WHERE type = 'table'").load(&mut connection)?;
    if !tables.iter().any(|table| table.name == "deployment") {
        return Err(StoreError::Connection("the file is a SQLite database, but not one of osaycore's".to_owned()));
    }
    Ok(())
}

/// Writes the list of migration steps of the one file into the other, empty one: what tells whether this program knows
/// them, without opening the whole for writing.
pub(crate) fn copy_steps(from: &Path, into: &Path) -> Result<(), StoreError> {
    let mut connection = open(into)?;
    diesel::sql_query("ATTACH ? AS source").bind::<Text, _>(from.to_string_lossy()).execute(&mut connection)?;
    connection.batch_execute(
        "CREATE TABLE __diesel_schema_migrations AS SELECT * FROM source.__diesel_schema_migrations; DETACH source;",
    )?;
    Ok(())
}

/// A database file that nobody else has open. Its write-ahead log is part of it, and gone.
pub(crate) struct Exclusive {
    _connection: SqliteConnection,
}

/// Locks everybody out; `None` while somebody has the file open. A server that is idle counts: a connection in WAL
/// mode keeps its shared lock until it is closed, and leaving that mode needs all of them gone.
pub(crate) fn lock(path: &Path) -> Result<Option<Exclusive>, StoreError> {
    let mut connection = open(path)?;
    let locked = connection.batch_execute(
        "PRAGMA busy_timeout = 0; PRAGMA locking_mode = EXCLUSIVE; PRAGMA journal_mode = DELETE; BEGIN EXCLUSIVE;",
    );
    match locked {
        Ok(()) => Ok(Some(Exclusive { _connection: connection })),
        Err(error) if error.to_string().contains("locked") => Ok(None),
        Err(error) => Err(error.into()),
    }
}

fn open(path: &Path) -> Result<SqliteConnection, StoreError> {
    SqliteConnection::establish(&path.to_string_lossy()).map_err(|error| StoreError::Connection(error.to_string()))
}
