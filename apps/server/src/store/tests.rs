//! The domain crates' contract suites, on every database there is: a SQLite file, and PostgreSQL where the variable
//! `OSAYCORE_TEST_POSTGRES` names a server on which databases may be made.

mod flags;
mod jwt_keys;
mod leases;
mod lists;
mod schema;
mod sign_in;

use std::sync::Arc;

use diesel::connection::SimpleConnection as _;
use diesel::result::{DatabaseErrorKind, Error as QueryError};
use tempfile::TempDir;

#[cfg(feature = "postgres")]
use super::db::AnyConnection;
use super::db::{self, AsStoreError, Database, DatabaseUrl, Fault, Link, StoreError};
use super::migrations::migrate;
use super::otp::Factors;
use super::tx::{Tx, transact};
use crate::sealing::{MasterKey, Sealer};
use crate::system;

/// Where a test's database lives; gone with the value.
struct Place {
    url: DatabaseUrl,
    _folder: TempDir,
}

impl Place {
    fn sqlite() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let url = format!("sqlite://{}", folder.path().join("test.db").display());
        Self { url: url.parse().unwrap(), _folder: folder }
    }

    /// A new database on the server of the tests; the server is thrown away as a whole.
    fn postgres(server: &str) -> Self {
        let name = format!("test_{}", hex::encode(system::random::<8>()));
        let server_url: DatabaseUrl = format!("{server}/postgres").parse().unwrap();
        let mut connection = Database::open(&server_url, 1).unwrap().connection().unwrap();
        connection.batch_execute(&format!("CREATE DATABASE {name}")).unwrap();
        Self { url: format!("{server}/{name}").parse().unwrap(), _folder: tempfile::tempdir().unwrap() }
    }
}

/// Runs a test on a new place of every kind.
fn on_each_database(test: impl Fn(&dyn Fn() -> Place)) {
    test(&Place::sqlite);
    match std::env::var("OSAYCORE_TEST_POSTGRES") {
        Ok(server) => test(&|| Place::postgres(&server)),
        Err(_) => eprintln!("OSAYCORE_TEST_POSTGRES is not set: not run on PostgreSQL"),
    }
}

/// A new, migrated database.
struct Store {
    writer: Link,
    place: Arc<Place>,
}

impl Store {
    fn new(place: Place) -> Self {
        let database = Database::open(&place.url, 1).unwrap();
        migrate(&database).unwrap();
        Self { writer: database.writer(), place: Arc::new(place) }
    }

    /// One more, outside of any transaction.
    fn connection(&self) -> super::db::AnyConnection {
        Database::open(&self.place.url, 1).unwrap().connection().unwrap()
    }

    fn run<R>(&mut self, tenant_id: i64, work: impl FnOnce(&mut Tx<'_>) -> Result<R, String>) -> Result<R, String> {
        let mut work = Some(work);
        transact(&mut self.writer, tenant_id, |tx| {
            let work = work.take().expect("one writer alone is never told to try again");
            work(tx).map_err(Broken::Promise)
        })
        .map_err(|error| format!("{error:?}"))
    }

    fn commit<R>(&mut self, tenant_id: i64, work: impl FnOnce(&mut Tx<'_>) -> R) -> R {
        self.run(tenant_id, |tx| Ok(work(tx))).unwrap()
    }
}

#[derive(Debug)]
enum Broken {
    Promise(String),
    Store(StoreError),
}

impl From<StoreError> for Broken {
    fn from(error: StoreError) -> Self {
        Self::Store(error)
    }
}

impl AsStoreError for Broken {
    fn store_error(&self) -> Option<&StoreError> {
        None
    }
}

impl osaycore_ledger::contract::Fixture for Store {
    type Store<'t> = Tx<'t>;

    fn transact<R>(&mut self, work: impl FnOnce(&mut Tx<'_>) -> Result<R, String>) -> Result<R, String> {
        self.run(1, work)
    }
}

impl osaycore_signing::replay::contract::Fixture for Store {
    type Guard<'t> = Tx<'t>;

    fn transact<R>(&mut self, work: impl FnOnce(&mut Tx<'_>) -> R) -> R {
        self.commit(1, work)
    }
}

impl osaycore_jwt::revocation::contract::Fixture for Store {
    type Storage<'t> = Tx<'t>;

    fn transact<R>(&mut self, work: impl FnOnce(&mut Tx<'_>) -> R) -> R {
        self.commit(1, work)
    }
}

impl osaycore_jwt::session::contract::Fixture for Store {
    type Storage<'t> = Tx<'t>;

    fn transact<R>(&mut self, work: impl FnOnce(&mut Tx<'_>) -> R) -> R {
        self.commit(1, work)
    }
}

impl osaycore_audit::contract::Fixture for Store {
    type Log<'t> = Tx<'t>;

    fn tenant_id(&self) -> i64 {
        1
    }

    fn transact<R>(&mut self, work: impl FnOnce(&mut Tx<'_>) -> R) -> R {
        self.commit(1, work)
    }
}

impl osaycore_directory::contract::Fixture for Store {
    type Storage<'t> = Tx<'t>;

    fn transact<R>(&mut self, tenant_id: i64, work: impl FnOnce(&mut Tx<'_>) -> R) -> R {
        self.commit(tenant_id, work)
    }
}

/// A store with the users and apps that the suite of second factors speaks of.
struct Factored {
    store: Store,
    sealer: Sealer,
}

impl Factored {
    fn new(place: Place) -> Self {
        use osaycore_directory::{App, AppSettings, NewUser, Role, Storage as _};
        let mut store = Store::new(place);
        store.commit(1, |tx| {
            for id in osaycore_otp::contract::APP_IDS {
                let app = App {
                    id,
                    uuid: system::uuid(),
                    tenant_id: 1,
                    name: format!("app {id}").parse().unwrap(),
                    api_key: format!("key {id}"),
                    scopes: osaycore_directory::AppScopes::default(),
                    disabled: false,
                    settings: AppSettings::default(),
                    created_at_us: 1,
                };
                tx.insert_app(&app).unwrap();
            }
            for id in osaycore_otp::contract::USER_IDS {
                let user = NewUser {
                    id,
                    uuid: system::uuid(),
                    tenant_id: 1,
                    directory: None,
                    username: format!("user {id}").parse().unwrap(),
                    email: None,
                    display_name: None,
                    role: Role::default(),
                };
                let _ = tx.insert_user(&user.into_user(1)).unwrap();
            }
        });
        Self { store, sealer: Sealer::new(MasterKey::generate(), vec![]) }
    }
}

impl osaycore_otp::contract::Fixture for Factored {
    type Store<'t> = Factors<'t>;

    fn transact<R>(&mut self, work: impl FnOnce(&mut Factors<'_>) -> Result<R, String>) -> Result<R, String> {
        let sealer = &self.sealer;
        self.store.run(1, |tx| work(&mut Factors::new(tx, sealer)))
    }
}

#[test]
fn second_factors_keep_their_contract() {
    on_each_database(|place| osaycore_otp::contract::run(&mut Factored::new(place())));
}

#[test]
fn the_ledger_keeps_its_contract() {
    on_each_database(|place| osaycore_ledger::contract::run(&mut Store::new(place())));
}

#[test]
fn the_replay_guard_keeps_its_contract() {
    on_each_database(|place| osaycore_signing::replay::contract::run(&mut Store::new(place())));
}

#[test]
fn revocations_keep_their_contract() {
    on_each_database(|place| osaycore_jwt::revocation::contract::run(&mut Store::new(place())));
}

#[test]
fn sessions_keep_their_contract() {
    on_each_database(|place| osaycore_jwt::session::contract::run(&mut Store::new(place())));
}

#[test]
fn the_audit_log_keeps_its_contract() {
    on_each_database(|place| osaycore_audit::contract::run(|| Store::new(place())));
}

#[test]
fn the_directory_keeps_its_contract() {
    on_each_database(|place| osaycore_directory::contract::run(|| Store::new(place())));
}

#[test]
fn what_a_nested_failure_did_is_undone_and_nothing_else() {
    use osaycore_audit::{Action, Actor, Event, Filter, Log};
    let event = |action| Event::new(action, Actor::System, 1, 5);
    on_each_database(|place| {
        let mut store = Store::new(place());
        store.commit(1, |tx| {
            tx.append(event(Action::AppCreated)).unwrap();
            let failed: Result<(), StoreError> = tx.nested(|tx| {
                tx.append(event(Action::UserCreated)).unwrap();
                Err(StoreError::Corrupt("on purpose"))
            });
            assert!(matches!(failed, Err(StoreError::Corrupt("on purpose"))));
            tx.nested(|tx| tx.append(event(Action::GroupCreated))).unwrap();
        });
        let records = store.commit(1, |tx| tx.list(&Filter::default()).unwrap());
        let actions: Vec<_> = records.into_iter().map(|record| record.event.action).collect();
        assert_eq!(actions, [Action::GroupCreated, Action::AppCreated]);
    });
}

#[test]
fn several_processes_may_migrate_at_once() {
    on_each_database(|place| {
        let place = place();
        let steps: Vec<usize> = std::thread::scope(|scope| {
            let tries: Vec<_> =
                (0..6).map(|_| scope.spawn(|| migrate(&Database::open(&place.url, 1).unwrap()).unwrap())).collect();
            tries.into_iter().map(|thread| thread.join().unwrap()).collect()
        });
        assert_eq!(steps.iter().filter(|steps| **steps > 0).count(), 1, "{steps:?}");
    });
}

#[test]
fn a_full_disk_is_told_apart_and_writing_goes_on_once_there_is_room() {
    use osaycore_audit::{Action, Actor, Event, Log};
    let place = Place::sqlite();
    let mut store = Store::new(place);
    let big = "x".repeat(100_000);
    let append = |store: &mut Store, pages: u32| {
        transact::<_, StoreError>(&mut store.writer, 1, |tx| {
            tx.connection().batch_execute(&format!("PRAGMA max_page_count = {pages};"))?;
            tx.append(Event { request_id: Some(big.clone()), ..Event::new(Action::AppCreated, Actor::System, 1, 5) })
        })
    };
    let full = (0..9).find_map(|_| append(&mut store, 60).err()).expect("sixty pages are less than nine events");
    assert!(full.is_storage_full(), "{full}");
    append(&mut store, 600).unwrap();
}

fn fault_of(kind: DatabaseErrorKind, text: &str) -> StoreError {
    StoreError::Query(QueryError::DatabaseError(kind, Box::new(text.to_owned())))
}

#[test]
fn every_fault_says_what_the_next_try_may_come_to() {
    use DatabaseErrorKind as Kind;
    let deadlock = "deadlock detected";
    for (error, fault) in [
        (fault_of(Kind::SerializationFailure, "restart transaction"), Fault::Conflict),
        (fault_of(Kind::Unknown, deadlock), Fault::Conflict),
        (fault_of(Kind::Unknown, "database is locked"), Fault::Conflict),
        (fault_of(Kind::ClosedConnection, "Verbindung wird abgebrochen"), Fault::Connection),
        (fault_of(Kind::UnableToSendCommand, "no connection to the server"), Fault::Connection),
        (fault_of(Kind::ReadOnlyTransaction, "cannot execute UPDATE in a read-only transaction"), Fault::Connection),
        (StoreError::Query(QueryError::BrokenTransactionManager), Fault::Connection),
        (StoreError::Connection("the database system is starting up".to_owned()), Fault::Connection),
        (fault_of(Kind::UniqueViolation, "duplicate key"), Fault::Lasting),
        (fault_of(Kind::Unknown, "database or disk is full"), Fault::Lasting),
        (fault_of(Kind::Unknown, "canceling statement due to lock timeout"), Fault::Lasting),
        (StoreError::Query(QueryError::NotFound), Fault::Lasting),
        (StoreError::Schema("use a newer osaycore".to_owned()), Fault::Lasting),
        (StoreError::Corrupt("row"), Fault::Lasting),
        (StoreError::Commit(QueryError::BrokenTransactionManager), Fault::Lasting),
    ] {
        assert_eq!(error.fault(), fault, "{error}");
    }
}

#[test]
fn a_transaction_is_run_again_from_the_start_only_where_that_is_right() {
    let closed = || fault_of(DatabaseErrorKind::ClosedConnection, "gone");
    let conflict = || fault_of(DatabaseErrorKind::SerializationFailure, "again");
    let unknown = || StoreError::Commit(QueryError::BrokenTransactionManager);
    on_each_database(|place| {
        let place = place();
        let writer = || Database::open(&place.url, 1).unwrap().writer();
        let tries = |times: usize, error: &dyn Fn() -> StoreError| {
            let mut tried = 0;
            let done = db::write(&mut writer(), |_| {
                tried += 1;
                if tried > times { Ok(()) } else { Err(error()) }
            });
            (tried, done.is_ok())
        };
        assert_eq!(tries(2, &closed), (3, true));
        assert_eq!(tries(2, &conflict), (3, true));
        assert_eq!(tries(2, &|| StoreError::Corrupt("row")), (1, false));
        assert_eq!(tries(2, &unknown), (1, false));
        let mut tried = 0;
        let done = db::write_any_number_of_times(&mut writer(), |_| {
            tried += 1;
            if tried > 1 { Ok(()) } else { Err(unknown()) }
        });
        assert_eq!((tried, done.is_ok()), (2, true));
    });
}

#[test]
fn a_transaction_is_tried_for_five_seconds_and_not_longer() {
    let place = Place::sqlite();
    let mut writer = Database::open(&place.url, 1).unwrap().writer();
    let (mut tried, started) = (0, system::monotonic());
    let done: Result<(), _> = db::write(&mut writer, |_| {
        tried += 1;
        Err(fault_of(DatabaseErrorKind::ClosedConnection, "gone"))
    });
    assert!(done.is_err_and(|error| error.is_transient()));
    let took = started.elapsed();
    assert!(tried == 11 && (2..5).contains(&took.as_secs()), "{tried} times, {took:?}");
}

#[cfg(feature = "postgres")]
#[derive(diesel::QueryableByName)]
struct Session {
    #[diesel(sql_type = diesel::sql_types::Integer)]
    pid: i32,
}

/// On a real server: diesel's word for what happened is what we take it for.
#[cfg(feature = "postgres")]
#[test]
fn a_dead_or_read_only_connection_is_replaced_and_the_transaction_run_again() {
    let Ok(server) = std::env::var("OSAYCORE_TEST_POSTGRES") else {
        return eprintln!("OSAYCORE_TEST_POSTGRES is not set: not run");
    };
    let pid = |connection: &mut AnyConnection| {
        let pid = diesel::sql_query("SELECT pg_backend_pid() AS pid");
        Ok::<_, StoreError>(diesel::RunQueryDsl::get_result::<Session>(pid, connection)?.pid)
    };
    let database = Database::open(&Place::postgres(&server).url, 1).unwrap();
    let writes = "CREATE TABLE IF NOT EXISTS written (id BIGINT)";
    for (fault, replaces) in [
        ("SELECT pg_terminate_backend(pg_backend_pid())", true),
        ("SET TRANSACTION READ ONLY; INSERT INTO written VALUES (1)", true),
        ("DO $$BEGIN RAISE SQLSTATE '40001'; END$$", false),
        ("DO $$BEGIN RAISE SQLSTATE '40P01' USING MESSAGE = 'deadlock detected'; END$$", false),
    ] {
        let mut writer = database.writer();
        let before = db::write(&mut writer, pid).unwrap();
        let mut tried = 0;
        let after = db::write(&mut writer, |connection| {
            connection.batch_execute(writes)?;
            tried += 1;
            if tried == 1 {
                connection.batch_execute(fault)?;
            }
            pid(connection)
        });
        assert_eq!((tried, before != after.unwrap()), (2, replaces), "{fault}");
    }
    // Whatever name the error is given, the connection did not outlive it; and a COMMIT over a dead one is not repeated.
    let mut tried = 0;
    let done = db::write(&mut database.writer(), |connection| {
        tried += 1;
        let ended = connection.batch_execute("SELECT pg_terminate_backend(pg_backend_pid())").is_err();
        if tried == 1 && ended { Err(StoreError::Corrupt("row")) } else { Ok(()) }
    });
    assert!(tried == 2 && matches!(done, Err(StoreError::Commit(_))), "{tried} {done:?}");
    // A read as well, once.
    let (mut tried, mut pids) = (0, Vec::new());
    let read = database.read(|connection| {
        tried += 1;
        pids.push(pid(connection)?);
        if tried == 1 {
            connection.batch_execute("SELECT pg_terminate_backend(pg_backend_pid())")?;
        }
        Ok::<_, StoreError>(())
    });
    assert!(read.is_ok() && pids.len() == 2 && pids[0] != pids[1], "{read:?} {pids:?}");
}

/// What libpq makes of a URL that it cannot read is shown without the password, too.
#[cfg(feature = "postgres")]
#[test]
fn no_error_of_a_connection_shows_the_password() {
    for url in [
        "postgres://me:hidden@[::1/db",
        "postgres://me:hidden@127.0.0.1:1,127.0.0.1:2/db?application_name=x",
        "postgres://me:hidden@127.0.0.1:0x/db",
        "postgres://127.0.0.1:1/db?user=me&password=hidden&unknown=1",
        "postgres://me:hidden@nowhere.invalid/db?connect_timeout=x",
    ] {
        let Err(error) = Database::open(&url.parse().unwrap(), 1) else { panic!("{url} is reached") };
        assert!(!error.to_string().contains("hidden"), "{error}");
    }
}

#[test]
fn what_is_read_while_a_change_may_be_undone_is_not_kept() {
    use osaycore_directory::{NewUser, Storage as _, UserChange, Write};
    use uuid::Uuid;

    use super::members::Members;

    on_each_database(|place| {
        let mut store = Store::new(place());
        let members = Members::new();
        let uuid = Uuid::from_u128(7);
        let role = |store: &mut Store| {
            store.commit(1, |tx| members.find(tx, 9, uuid).unwrap().map(|member| member.user.role.as_str().to_owned()))
        };
        assert_eq!(role(&mut store), None);
        let user = NewUser {
            id: 7,
            uuid,
            tenant_id: 1,
            directory: None,
            username: "ann".parse().unwrap(),
            email: None,
            display_name: None,
            role: "basic".parse().unwrap(),
        };
        let user = user.into_user(1);
        assert_eq!(store.commit(1, |tx| tx.insert_user(&user).unwrap()), Write::Done);
        assert_eq!(role(&mut store).as_deref(), Some("basic"));
        let promoted = user.changed(UserChange { role: Some("staff".parse().unwrap()), ..UserChange::default() }, 2);
        // Seen by the transaction that changes it, in a savepoint of it too; and by nobody else.
        let undone: Result<(), String> = store.run(1, |tx| {
            assert_eq!(tx.update_user(&promoted).unwrap(), Write::Done);
            let seen = |tx: &mut Tx<'_>| members.find(tx, 9, uuid).unwrap().unwrap().user.role.as_str().to_owned();
            assert_eq!(seen(tx), "staff");
            assert_eq!(tx.nested(|tx| Ok::<_, StoreError>(seen(tx))).unwrap(), "staff");
            Err("undone".to_owned())
        });
        undone.unwrap_err();
        assert_eq!(role(&mut store).as_deref(), Some("basic"));
        assert_eq!(store.commit(1, |tx| tx.update_user(&promoted).unwrap()), Write::Done);
        assert_eq!(role(&mut store).as_deref(), Some("staff"));
    });
}
