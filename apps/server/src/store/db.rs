//! Connections, transactions and retry: the one place that knows which database this is.
//!
//! Every query elsewhere is an ordinary function on `&mut AnyConnection`; where diesel's derive stops (batch
//! insert, ON CONFLICT) [`each_backend!`] writes the body once for both.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use diesel::connection::{AnsiTransactionManager, SimpleConnection, TransactionManager};
use diesel::r2d2::{ManageConnection, Pool, R2D2Connection};
use diesel::result::DatabaseErrorKind;
use diesel::sqlite::SqliteConnection;
use diesel::{Connection, QueryResult, RunQueryDsl, Selectable};
use tokio::sync::{Mutex, OwnedMutexGuard};

use crate::sealing::SealingError;
use crate::system;

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

/// Inserts many rows: on PostgreSQL in few statements, as each is a round trip; on SQLite one by one, as there the same
/// prepared statement again is cheaper than parsing a long one. `$values` stands for the rows of one statement.
macro_rules! insert_all {
    ($connection:expr, $rows:expr, |$values:ident, $inner:ident| $insert:expr) => {
        match $connection {
            #[cfg(feature = "postgres")]
            $crate::store::db::AnyConnection::Postgres($inner) => {
                for $values in $rows.chunks($crate::store::db::ROWS_OF_ONE_STATEMENT) {
                    $insert?;
                }
            }
            $crate::store::db::AnyConnection::Sqlite($inner) => {
                for $values in $rows {
                    $insert?;
                }
            }
        }
    };
}
pub(crate) use insert_all;

/// At the most thirteen columns each: below PostgreSQL's limit of binds, 65,535.
#[cfg(feature = "postgres")]
pub(crate) const ROWS_OF_ONE_STATEMENT: usize = 500;

/// The columns of `T`, for `select` and `returning`.
pub(crate) fn row<T: Selectable<MultiBackend>>() -> T::SelectExpression {
    T::construct_selection()
}

/// What can go wrong below the domain.
#[derive(Debug, thiserror::Error)]
pub(crate) enum StoreError {
    #[error("database: {0}")]
    Query(#[from] diesel::result::Error),
    #[error("no database connection: {0}")]
    Connection(String),
    #[error("a stored {0} does not read; was it changed by hand?")]
    Corrupt(&'static str),
    #[error(transparent)]
    Sealing(#[from] SealingError),
    /// The first error of a COMMIT, after which it is not known whether it took place.
    #[error("unknown outcome of a commit: {0}")]
    Commit(diesel::result::Error),
}

impl StoreError {
    /// Worth running the whole transaction again.
    fn is_transient(&self) -> bool {
        use diesel::result::Error::DatabaseError;
        match self {
            Self::Query(DatabaseError(
                DatabaseErrorKind::SerializationFailure | DatabaseErrorKind::ClosedConnection,
                _,
            )) => true,
            Self::Query(DatabaseError(DatabaseErrorKind::Unknown, info)) => {
                matches!(info.message(), "deadlock detected" | "database is locked")
            }
            _ => false,
        }
    }

    /// Whether any other transaction would fail as well, or this one may succeed when it is run again.
    pub(crate) fn concerns_everybody(&self) -> bool {
        self.is_transient() || self.is_storage_full() || matches!(self, Self::Connection(_) | Self::Commit(_))
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

/// Where the database is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum DatabaseUrl {
    /// A file.
    Sqlite(PathBuf),
    /// A libpq URL, possibly of several hosts.
    Postgres(String),
}

impl std::str::FromStr for DatabaseUrl {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        if text.starts_with("postgres://") || text.starts_with("postgresql://") {
            return Ok(Self::Postgres(text.to_owned()));
        }
        match text.strip_prefix("sqlite://") {
            Some(path) if !path.is_empty() => Ok(Self::Sqlite(PathBuf::from(path))),
            // Of the text the scheme at most is told: a password may be anywhere in the rest.
            _ => {
                let is_scheme = |scheme: &&str| scheme.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'+');
                let scheme = text.split_once("://").map(|(scheme, _)| scheme).filter(is_scheme);
                let scheme = scheme.map_or_else(String::new, |scheme| format!(" {scheme}://"));
                Err(format!("database URL{scheme}: use sqlite://FILE, sqlite:///absolute/FILE or postgres://…"))
            }
        }
    }
}

impl DatabaseUrl {
    /// The SQLite file, where there is one.
    pub(crate) fn sqlite_file(&self) -> Option<&Path> {
        match self {
            Self::Sqlite(path) => Some(path),
            Self::Postgres(_) => None,
        }
    }
}

const SQLITE_PRAGMAS: &str = "PRAGMA busy_timeout = 5000; PRAGMA journal_mode = WAL; \
    PRAGMA synchronous = FULL; PRAGMA foreign_keys = ON; PRAGMA trusted_schema = OFF; \
    PRAGMA cell_size_check = ON; PRAGMA mmap_size = 0; PRAGMA journal_size_limit = 67108864; \
    PRAGMA temp_store = MEMORY; PRAGMA cache_size = -16384; \
    PRAGMA wal_autocheckpoint = 8000;";
/// Older ones have a bug that can corrupt the write-ahead log.
const OLDEST_SQLITE: (u32, u32, u32) = (3, 51, 3);
const RETRIES: u32 = 10;
const RETRY_FOR: Duration = Duration::from_secs(5);
const POOL_WAIT: Duration = Duration::from_secs(5);

/// Makes connections for the pool and for writers.
#[derive(Clone, Debug)]
pub(crate) struct Manager {
    url: DatabaseUrl,
    read_only: bool,
}

impl ManageConnection for Manager {
    type Connection = AnyConnection;
    type Error = diesel::r2d2::Error;

    fn connect(&self) -> Result<AnyConnection, Self::Error> {
        match &self.url {
            #[cfg(feature = "postgres")]
            DatabaseUrl::Postgres(url) => diesel::pg::PgConnection::establish(url)
                .map(AnyConnection::Postgres)
                .map_err(diesel::r2d2::Error::ConnectionError),
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
        connection.ping().map_err(diesel::r2d2::Error::QueryError)
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

    /// A connection of its own, for a writer.
    pub(crate) fn writer(&self) -> Result<AnyConnection, StoreError> {
        Manager { url: self.url.clone(), read_only: false }
            .connect()
            .map_err(|error| StoreError::Connection(error.to_string()))
    }

    /// A turn at writing, of the threads that share this value: in the order in which they asked. SQLite has one writer
    /// at a time, and whoever waits for it looks now and then: beside a busy thread another would find it free only
    /// after seconds. Where several write at a time nobody waits.
    pub(crate) fn turn(&self) -> Option<OwnedMutexGuard<()>> {
        self.is_embedded().then(|| Arc::clone(&self.turns).blocking_lock_owned())
    }

    /// Runs `work` over one consistent snapshot.
    pub(crate) fn read<T, E: From<StoreError>>(
        &self,
        work: impl FnOnce(&mut AnyConnection) -> Result<T, E>,
    ) -> Result<T, E> {
        let mut connection = self.readers.get().map_err(|error| StoreError::Connection(error.to_string()))?;
        begin(&mut connection, Access::Read).map_err(StoreError::Query)?;
        let result = work(&mut connection);
        // Nothing was written: how the transaction ends is all one, a broken connection leaves the pool.
        let _ = rollback(&mut connection);
        result
    }
}

fn pool(url: &DatabaseUrl, readers: u32) -> Result<Pool<Manager>, StoreError> {
    let manager = Manager { url: url.clone(), read_only: true };
    // r2d2 reports only a timeout; the first connection, made here, says what is wrong.
    manager.connect().map_err(|error| StoreError::Connection(error.to_string()))?;
    Pool::builder()
        .max_size(readers)
        .min_idle(Some(1))
        .connection_timeout(POOL_WAIT)
        .test_on_check_out(url.sqlite_file().is_none())
        .build(manager)
        .map_err(|error| StoreError::Connection(error.to_string()))
}

/// Runs `work` in one write transaction and commits it, again from the start when the database asks for that.
/// `work` must have no effect outside of the transaction. An error on COMMIT is [`StoreError::Commit`].
pub(crate) fn write<T, E: From<StoreError> + AsStoreError>(
    connection: &mut AnyConnection,
    mut work: impl FnMut(&mut AnyConnection) -> Result<T, E>,
) -> Result<T, E> {
    let started = system::monotonic();
    for attempt in 0..RETRIES {
        match write_once(connection, &mut work) {
            Err(error)
                if error.store_error().is_some_and(StoreError::is_transient) && started.elapsed() < RETRY_FOR =>
            {
                let [jitter] = system::random::<1>();
                std::thread::sleep(Duration::from_millis((1 << attempt) + u64::from(jitter) / 16));
            }
            done => return done,
        }
    }
    write_once(connection, &mut work)
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

fn write_once<T, E: From<StoreError>>(
    connection: &mut AnyConnection,
    work: &mut impl FnMut(&mut AnyConnection) -> Result<T, E>,
) -> Result<T, E> {
    begin(connection, Access::Write).map_err(StoreError::Query)?;
    match work(connection) {
        Ok(value) => {
            type Manages = <AnyConnection as Connection>::TransactionManager;
            Manages::commit_transaction(connection).map_err(StoreError::Commit)?;
            Ok(value)
        }
        Err(error) => {
            // A failed rollback marks the connection as broken; the error that led here says more.
            let _ = rollback(connection);
            Err(error)
        }
    }
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
