//! The domain crates' contract suites, on every database there is: a SQLite file, and PostgreSQL where the variable
//! `OSAYCORE_TEST_POSTGRES` names a server on which databases may be made.

mod leases;
mod schema;

use std::sync::Arc;

use diesel::connection::SimpleConnection as _;
use tempfile::TempDir;

use super::db::{AnyConnection, AsStoreError, Database, DatabaseUrl, StoreError};
use super::migrations::migrate;
use super::tx::{Tx, transact};
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
        let mut connection = Database::open(&server_url, 1).unwrap().writer().unwrap();
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
    connection: AnyConnection,
    _place: Arc<Place>,
}

impl Store {
    fn new(place: Place) -> Self {
        let database = Database::open(&place.url, 1).unwrap();
        migrate(&database).unwrap();
        Self { connection: database.writer().unwrap(), _place: Arc::new(place) }
    }

    fn run<R>(&mut self, tenant_id: i64, work: impl FnOnce(&mut Tx<'_>) -> Result<R, String>) -> Result<R, String> {
        let mut work = Some(work);
        transact(&mut self.connection, tenant_id, |tx| {
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
#[expect(dead_code, reason = "shown when a test fails")]
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
    let append = |store: &mut Store| {
        transact::<_, StoreError>(&mut store.connection, 1, |tx| {
            tx.append(Event { request_id: Some(big.clone()), ..Event::new(Action::AppCreated, Actor::System, 1, 5) })
        })
    };
    store.connection.batch_execute("PRAGMA max_page_count = 60;").unwrap();
    let full = (0..9).find_map(|_| append(&mut store).err()).expect("sixty pages are less than nine events");
    assert!(full.is_storage_full(), "{full}");
    store.connection.batch_execute("PRAGMA max_page_count = 600;").unwrap();
    append(&mut store).unwrap();
}
