//! Connections, transactions and retry: the one place that knows which database this is.
//!
//! Every query elsewhere is an ordinary function on `&mut AnyConnection`; where diesel's derive stops (batch
//! insert, ON CONFLICT) [`each_backend!`] writes the body once for both.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use diesel::connection::{AnsiTransactionManager, SimpleConnection, TransactionManager};
use diesel::r2d2::{ManageConnection, NopErrorHandler, Pool, PooledConnection, R2D2Connection};
use diesel::result::DatabaseErrorKind;
use diesel::sqlite::SqliteConnection;
use diesel::{Connection, QueryResult, RunQueryDsl, Selectable};
use tokio::sync::{Mutex, OwnedMutexGuard};

#[cfg(feature = "postgres")]
use super::postgres;
pub(crate) use super::url::DatabaseUrl;
use crate::sealing::SealingError;
use crate::system;
use crate::traces::Span;

/// A connection to whichever database the URL names.
#[derive(diesel::MultiConnection)]
pub(crate) enum AnyConnection {
    /// PostgreSQL, or what speaks its protocol.
    #[cfg(feature = "postgres")]
    Postgres(diesel::pg::PgConnection),
    /// The embedded database.
    Sqlite(SqliteConnection),
}

/// Writes a query body once for every backend, where `AnyConnection` itself cannot run it.
macro_rules! each_backend {
    ($connection:expr, |$inner:ident| $body:expr) => {
        match $connection {
            #[cfg(feature = "postgres")]
            $crate::store::db::AnyConnection::Postgres($inner) => $body,
            $crate::store::db::AnyConnection::Sqlite($inner) => $body,
        }
    };
}
pub(crate) use each_backend;

/// The columns of `T`, for `select` and `returning`.
pub(crate) fn row<T: Selectable<MultiBackend>>() -> T::SelectExpression {
    T::construct_selection()
}

/// What can go wrong below the domain.
#[derive(Debug, thiserror::Error)]
pub(crate) enum StoreError {
    #[error("database: {0}")]
    Query(#[from] diesel::result::Error),
    /// None could be made, or the one in use did not outlive its transaction.
    #[error("no database connection: {0}")]
    Connection(String),
    #[error("{0}")]
    Schema(String),
    #[error("a stored {0} does not read; was it changed by hand?")]
    Corrupt(&'static str),
    /// The caller's mistake.
    #[error("the cursor is none of this list")]
    Cursor,
    #[error(transparent)]
    Sealing(#[from] SealingError),
    /// The first error of a COMMIT, after which it is not known whether it took place.
    #[error("whether this took effect is not known, as the answer to its COMMIT is missing; look first: {0}")]
    Commit(diesel::result::Error),
}

/// What an error says of the next try.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fault {
    /// Another transaction was in the way: the same work may succeed on the same connection.
    Conflict,
    /// The connection is dead, or leads to where nothing can be written: another one may do.
    Connection,
    /// It would end the same way again, or must not be tried again.
    Lasting,
}

impl StoreError {
    /// diesel tells no SQLSTATE. It tells a dead connection by its state and not by words, which depend on the server's
    /// language; of a deadlock there are only words, and in another language than English it is [`Fault::Lasting`].
    pub(super) fn fault(&self) -> Fault {
        use diesel::result::Error::{BrokenTransactionManager, DatabaseError};
        match self {
            Self::Connection(_) | Self::Query(BrokenTransactionManager) => Fault::Connection,
            Self::Query(DatabaseError(kind, info)) => match kind {
                DatabaseErrorKind::SerializationFailure => Fault::Conflict,
                DatabaseErrorKind::ClosedConnection
                | DatabaseErrorKind::UnableToSendCommand
                | DatabaseErrorKind::ReadOnlyTransaction => Fault::Connection,
                _ if matches!(info.message(), "deadlock detected" | "database is locked") => Fault::Conflict,
                _ => Fault::Lasting,
            },
            _ => Fault::Lasting,
        }
    }

    /// Worth running the whole transaction again.
    pub(crate) fn is_transient(&self) -> bool {
        self.fault() != Fault::Lasting
    }

    /// Whether any other transaction would fail as well, or this one may succeed when it is run again.
    pub(crate) fn concerns_everybody(&self) -> bool {
        self.is_transient() || self.is_storage_full() || matches!(self, Self::Commit(_))
    }

    /// The disk is full: reads go on, writes come back by themselves.
    pub(crate) fn is_storage_full(&self) -> bool {
        match self {
            Self::Query(error) | Self::Commit(error) => {
                let text = error.to_string();
                text.contains("database or disk is full") || text.contains("No space left")
            }
            _ => false,
        }
    }
}

const SQLITE_PRAGMAS: &str = "PRAGMA busy_timeout = 5000; PRAGMA journal_mode = WAL; \
    PRAGMA synchronous = FULL; PRAGMA foreign_keys = ON; PRAGMA trusted_schema = OFF; \
    PRAGMA cell_size_check = ON; PRAGMA mmap_size = 0; PRAGMA journal_size_limit = 67108864; \
    PRAGMA temp_store = MEMORY; PRAGMA cache_size = -16384; \
    PRAGMA wal_autocheckpoint = 16000;";
/// Older ones have a bug that can corrupt the write-ahead log.
const OLDEST_SQLITE: (u32, u32, u32) = (3, 51, 3);
const RETRIES: u32 = 10;
const RETRY_FOR: Duration = Duration::from_secs(5);
/// Doubled with each try, up to the longest: ten of them fill most of the time.
const FIRST_PAUSE_US: u64 = 20_000;
const LONGEST_PAUSE_US: u64 = 900_000;
const POOL_WAIT: Duration = Duration::from_secs(5);

/// Makes connections for the pool and for writers.
#[derive(Clone, Debug)]
struct Manager {
    url: DatabaseUrl,
    read_only: bool,
}

impl Manager {
    fn open(&self) -> Result<AnyConnection, StoreError> {
        self.connect().map_err(|error| StoreError::Connection(error.to_string()))
    }
}

impl ManageConnection for Manager {
    type Connection = AnyConnection;
    type Error = diesel::r2d2::Error;

    fn connect(&self) -> Result<AnyConnection, Self::Error> {
        match &self.url {
            #[cfg(feature = "postgres")]
            DatabaseUrl::Postgres(url) => postgres::connect(url, self.read_only).map(AnyConnection::Postgres),
            #[cfg(not(feature = "postgres"))]
            DatabaseUrl::Postgres(_) => {
                Err(diesel::r2d2::Error::ConnectionError(diesel::ConnectionError::BadConnection(
                    "this build has no PostgreSQL: build with `--features postgres`".to_owned(),
                )))
            }
            DatabaseUrl::Sqlite(path) => {
                let mut connection = SqliteConnection::establish(&path.to_string_lossy())
                    .map_err(diesel::r2d2::Error::ConnectionError)?;
                set_up(&mut connection).map_err(diesel::r2d2::Error::QueryError)?;
                if self.read_only {
                    connection.batch_execute("PRAGMA query_only = ON;").map_err(diesel::r2d2::Error::QueryError)?;
                }
                Ok(AnyConnection::Sqlite(connection))
            }
        }
    }

    fn is_valid(&self, connection: &mut AnyConnection) -> Result<(), Self::Error> {
        match connection {
            #[cfg(feature = "postgres")]
            AnyConnection::Postgres(inner) => match &self.url {
                DatabaseUrl::Postgres(url) => postgres::check(inner, url),
                DatabaseUrl::Sqlite(_) => inner.ping(),
            },
            AnyConnection::Sqlite(inner) => inner.ping(),
        }
        .map_err(diesel::r2d2::Error::QueryError)
    }

    fn has_broken(&self, connection: &mut AnyConnection) -> bool {
        std::thread::panicking() || connection.is_broken()
    }
}

/// A database that is open: a pool of readers, and writers on demand.
#[derive(Clone)]
pub(crate) struct Database {
    url: DatabaseUrl,
    readers: Pool<Manager>,
    turns: Arc<Mutex<()>>,
}

/// What a transaction may do, and so how it begins.
#[derive(Clone, Copy)]
enum Access {
    Read,
    Write,
}

impl Database {
    /// Opens the database; a SQLite file that is not there is made, readable by its owner only.
    pub(crate) fn open(url: &DatabaseUrl, readers: u32) -> Result<Self, StoreError> {
        if let Some(path) = url.sqlite_file() {
            make_private(path).map_err(|error| StoreError::Connection(format!("{}: {error}", path.display())))?;
        }
        check_sqlite_version()?;
        Ok(Self { url: url.clone(), readers: pool(url, readers)?, turns: Arc::default() })
    }

    /// The same database with readers apart from these. It must not be opened twice in a process: to make the file
    /// private is to close it once, and POSIX drops all of a process's locks on a file with the first descriptor closed.
    pub(crate) fn with_own_readers(&self, readers: u32) -> Result<Self, StoreError> {
        Ok(Self { readers: pool(&self.url, readers)?, ..self.clone() })
    }

    /// Whether it is a file that this process reads by itself.
    pub(crate) fn is_embedded(&self) -> bool {
        self.url.sqlite_file().is_some()
    }

    /// A connection of its own, outside of any transaction.
    pub(crate) fn connection(&self) -> Result<AnyConnection, StoreError> {
        Manager { url: self.url.clone(), read_only: false }.open()
    }

    /// A way to write.
    pub(crate) fn writer(&self) -> Link {
        Link { manager: Manager { url: self.url.clone(), read_only: false }, connection: None }
    }

    /// A turn at writing, of the threads that share this value: in the order in which they asked. SQLite has one writer
    /// at a time, and whoever waits for it looks now and then: beside a busy thread another would find it free only
    /// after seconds. Where several write at a time nobody waits.
    pub(crate) fn turn(&self) -> Option<OwnedMutexGuard<()>> {
        self.is_embedded().then(|| Arc::clone(&self.turns).blocking_lock_owned())
    }

    /// Runs `work` over one consistent snapshot.
    pub(crate) fn read<T, E: From<StoreError> + AsStoreError>(
        &self,
        mut work: impl FnMut(&mut AnyConnection) -> Result<T, E>,
    ) -> Result<T, E> {
        self.over_reader("sql read", |connection| read_once(connection, &mut work))
    }

    /// Runs one query, which is a snapshot by itself; where the connection dies underneath, once more over another.
    pub(crate) fn glance<T, E: From<StoreError> + AsStoreError>(
        &self,
        query: impl FnMut(&mut AnyConnection) -> Result<T, E>,
    ) -> Result<T, E> {
        self.over_reader("sql query", query)
    }

    fn over_reader<T, E: From<StoreError> + AsStoreError>(
        &self,
        what: &'static str,
        mut query: impl FnMut(&mut AnyConnection) -> Result<T, E>,
    ) -> Result<T, E> {
        let span = span(what, &self.url);
        let _entered = span.enter();
        let mut connection = self.reader()?;
        match query(&mut connection) {
            Err(error) if error.store_error().is_some_and(StoreError::is_transient) => {
                // Back to the pool, which throws it away if it is dead.
                drop(connection);
                query(&mut *self.reader()?)
            }
            done => done,
        }
    }

    /// How many connections of the pool are in use, and how many are not.
    pub(crate) fn readers(&self) -> (u32, u32) {
        let state = self.readers.state();
        (state.connections.saturating_sub(state.idle_connections), state.idle_connections)
    }

    fn reader(&self) -> Result<PooledConnection<Manager>, StoreError> {
        self.readers.get().map_err(|error| StoreError::Connection(error.to_string()))
    }
}

fn pool(url: &DatabaseUrl, readers: u32) -> Result<Pool<Manager>, StoreError> {
    let manager = Manager { url: url.clone(), read_only: true };
    // r2d2 reports only a timeout; the first connection, made here, says what is wrong.
    manager.open()?;
    Pool::builder()
        .max_size(readers)
        .min_idle(Some(1))
        .connection_timeout(POOL_WAIT)
        .test_on_check_out(url.sqlite_file().is_none())
        // Who waits for a connection is told; that a dead one was thrown away is not worth a line.
        .error_handler(Box::new(NopErrorHandler))
        .build(manager)
        .map_err(|error| StoreError::Connection(error.to_string()))
}

fn read_once<T, E: From<StoreError>>(
    connection: &mut AnyConnection,
    work: &mut impl FnMut(&mut AnyConnection) -> Result<T, E>,
) -> Result<T, E> {
    begin(connection, Access::Read).map_err(StoreError::Query)?;
    let result = work(connection);
    // Nothing was written: how the transaction ends is all one, a broken connection leaves the pool.
    let _ = rollback(connection);
    result
}

/// A connection that writes, or the way to a new one: after a fault it is thrown away, and made anew for the next try.
pub(crate) struct Link {
    manager: Manager,
    connection: Option<AnyConnection>,
}

/// Runs `work` in one write transaction and commits it, again from the start when the database asks for that or the
/// connection fails: at most [`RETRIES`] times, and within [`RETRY_FOR`]. `work` must have no effect outside of the
/// transaction. An error on COMMIT is [`StoreError::Commit`] and never tried again.
pub(crate) fn write<T, E: From<StoreError> + AsStoreError>(
    link: &mut Link,
    work: impl FnMut(&mut AnyConnection) -> Result<T, E>,
) -> Result<T, E> {
    link.persist(work, StoreError::is_transient)
}

/// The same for work that may as well take place twice: it is tried again after an error on COMMIT too.
pub(crate) fn write_any_number_of_times<T, E: From<StoreError> + AsStoreError>(
    link: &mut Link,
    work: impl FnMut(&mut AnyConnection) -> Result<T, E>,
) -> Result<T, E> {
    link.persist(work, |error| error.is_transient() || matches!(error, StoreError::Commit(_)))
}

/// An error that may have come from the store, so that [`write`] can tell whether to run again.
pub(crate) trait AsStoreError {
    fn store_error(&self) -> Option<&StoreError>;
}

impl AsStoreError for StoreError {
    fn store_error(&self) -> Option<&StoreError> {
        Some(self)
    }
}

impl Link {
    fn persist<T, E: From<StoreError> + AsStoreError>(
        &mut self,
        mut work: impl FnMut(&mut AnyConnection) -> Result<T, E>,
        may_succeed: impl Fn(&StoreError) -> bool,
    ) -> Result<T, E> {
        let (started, span) = (system::monotonic(), span("sql write", &self.manager.url));
        let _entered = span.enter();
        for tried in 0..RETRIES {
            span.set("osaycore.tries", i64::from(tried).saturating_add(1));
            let result = self.once(&mut work);
            let Some(fault) = result.as_ref().err().and_then(AsStoreError::store_error) else { return result };
            let pause = pause(tried);
            if !may_succeed(fault) || started.elapsed().saturating_add(pause) > RETRY_FOR {
                return result;
            }
            tracing::warn!(%fault, "a transaction is tried again");
            std::thread::sleep(pause);
        }
        self.once(&mut work)
    }

    /// Keeps the connection if nothing, or nothing but a conflict, went wrong.
    fn once<T, E: From<StoreError> + AsStoreError>(
        &mut self,
        work: &mut impl FnMut(&mut AnyConnection) -> Result<T, E>,
    ) -> Result<T, E> {
        let mut connection = match self.connection.take() {
            Some(connection) => connection,
            None => self.manager.open()?,
        };
        begin(&mut connection, Access::Write).map_err(StoreError::Query)?;
        match work(&mut connection) {
            Ok(value) => {
                commit(&mut connection)?;
                self.connection = Some(connection);
                Ok(value)
            }
            Err(error) => {
                let ended = rollback(&mut connection);
                let remote = !matches!(connection, AnyConnection::Sqlite(_));
                match error.store_error() {
                    // Whatever the error is called, the connection did not outlive it.
                    Some(fault) if remote && ended.is_err() => Err(StoreError::Connection(fault.to_string()).into()),
                    Some(fault) if fault.fault() != Fault::Conflict => Err(error),
                    _ => {
                        self.connection = ended.is_ok().then_some(connection);
                        Err(error)
                    }
                }
            }
        }
    }
}

/// Of one transaction: what it is for, and never its statements.
fn span(what: &'static str, url: &DatabaseUrl) -> Span {
    let span = Span::within(what);
    span.set("db.system.name", if url.sqlite_file().is_some() { "sqlite" } else { "postgresql" });
    span
}

/// The half of it by chance, so that those who were in each other's way do not meet again.
fn pause(tried: u32) -> Duration {
    let longest_us = (FIRST_PAUSE_US << tried).min(LONGEST_PAUSE_US);
    let by_chance_us = u64::from(u16::from_le_bytes(system::random())) * longest_us / 2 / u64::from(u16::MAX);
    Duration::from_micros(longest_us / 2 + by_chance_us)
}

fn commit(connection: &mut AnyConnection) -> Result<(), StoreError> {
    <AnyConnection as Connection>::TransactionManager::commit_transaction(connection).map_err(|error| match error {
        // The server's word that it did not take place.
        diesel::result::Error::DatabaseError(DatabaseErrorKind::SerializationFailure, _) => StoreError::Query(error),
        error => StoreError::Commit(error),
    })
}

fn begin(connection: &mut AnyConnection, access: Access) -> QueryResult<()> {
    match connection {
        #[cfg(feature = "postgres")]
        AnyConnection::Postgres(inner) => AnsiTransactionManager::begin_transaction_sql(
            inner,
            match access {
                Access::Read => "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY",
                // Every write transaction locks its tenant first: what it reads cannot change underneath.
                Access::Write => "BEGIN ISOLATION LEVEL READ COMMITTED",
            },
        ),
        AnyConnection::Sqlite(inner) => AnsiTransactionManager::begin_transaction_sql(
            inner,
            match access {
                Access::Read => "BEGIN DEFERRED",
                Access::Write => "BEGIN IMMEDIATE",
            },
        ),
    }
}

fn rollback(connection: &mut AnyConnection) -> QueryResult<()> {
    <AnyConnection as Connection>::TransactionManager::rollback_transaction(connection)
}

/// Turning the write-ahead log on is refused at once, without the busy timeout, while another process does the same.
fn set_up(connection: &mut SqliteConnection) -> QueryResult<()> {
    const TRIES: u32 = 100;
    for _ in 1..TRIES {
        match connection.batch_execute(SQLITE_PRAGMAS) {
            Err(diesel::result::Error::DatabaseError(_, info)) if info.message() == "database is locked" => {
                std::thread::sleep(Duration::from_millis(20));
            }
            done => return done,
        }
    }
    connection.batch_execute(SQLITE_PRAGMAS)
}

fn make_private(path: &Path) -> std::io::Result<()> {
    if let Some(folder) = path.parent().filter(|folder| !folder.as_os_str().is_empty()) {
        std::fs::create_dir_all(folder)?;
    }
    let mut options = std::fs::OpenOptions::new();
    options.create(true).append(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(path).map(drop)
}

fn check_sqlite_version() -> Result<(), StoreError> {
    #[derive(diesel::QueryableByName)]
    struct Version {
        #[diesel(sql_type = diesel::sql_types::Text)]
        version: String,
    }
    let mut connection =
        SqliteConnection::establish(":memory:").map_err(|error| StoreError::Connection(error.to_string()))?;
    let Version { version } = diesel::sql_query("SELECT sqlite_version() AS version").get_result(&mut connection)?;
    let mut parts = version.split('.').map(|part| part.parse::<u32>().unwrap_or(0));
    let mut next = || parts.next().unwrap_or(0);
    let found = (next(), next(), next());
    if found < OLDEST_SQLITE {
        return Err(StoreError::Connection(format!(
            "SQLite {version} can corrupt its write-ahead log; this program needs 3.51.3 or newer"
        )));
    }
    Ok(())
}
