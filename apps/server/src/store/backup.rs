//! Copies of a SQLite file, checked, and the lock that keeps everybody else out of one.

use std::path::Path;

use diesel::connection::SimpleConnection;
use diesel::prelude::*;
use diesel::sql_types::Text;

use super::db::{AnyConnection, Database, StoreError};

/// Writes a consistent copy of a database that is in use into a file that is empty or not there.
pub(crate) fn copy_into(database: &Database, target: &Path) -> Result<(), StoreError> {
    let connection = &mut database.writer()?;
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
    struct Row {
        #[diesel(sql_type = Text)]
        found: String,
    }
    let mut connection = open(path)?;
    let rows: Vec<Row> =
        diesel::sql_query("SELECT integrity_check AS found FROM pragma_integrity_check(1)").load(&mut connection)?;
    match rows.first() {
        Some(row) if row.found == "ok" => {}
        Some(row) => return Err(StoreError::Connection(format!("the file is damaged: {}", row.found))),
        None => return Err(StoreError::Connection("the file could not be checked".to_owned())),
    }
    let issuer: Vec<Row> = diesel::sql_query("SELECT name AS found FROM sqlite_master WHERE name = 'deployment'")
        .load(&mut connection)?;
    if issuer.is_empty() {
        return Err(StoreError::Connection("the file is a SQLite database, but not one of osaycore's".to_owned()));
    }
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
