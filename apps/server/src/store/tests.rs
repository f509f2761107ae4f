//! The domain crates' contract suites, run on a real database file.

use tempfile::TempDir;

use super::db::{AnyConnection, AsStoreError, Database, StoreError};
use super::migrations::migrate;
use super::tx::{Tx, transact};

/// A new, migrated database, gone with the value.
struct Store {
    connection: AnyConnection,
    _folder: TempDir,
}

impl Store {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let url = format!("sqlite://{}", folder.path().join("test.db").display());
        let database = Database::open(&url.parse().unwrap(), 1).unwrap();
        migrate(&database).unwrap();
        Self { connection: database.writer().unwrap(), _folder: folder }
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
    osaycore_ledger::contract::run(&mut Store::new());
}

#[test]
fn the_replay_guard_keeps_its_contract() {
    osaycore_signing::replay::contract::run(&mut Store::new());
}

#[test]
fn revocations_keep_their_contract() {
    osaycore_jwt::revocation::contract::run(&mut Store::new());
}

#[test]
fn the_audit_log_keeps_its_contract() {
    osaycore_audit::contract::run(Store::new);
}

#[test]
fn the_directory_keeps_its_contract() {
    osaycore_directory::contract::run(Store::new);
}

#[test]
fn what_a_nested_failure_did_is_undone_and_nothing_else() {
    use osaycore_audit::{Action, Actor, Event, Filter, Log};
    let mut store = Store::new();
    let event = |action| Event::new(action, Actor::System, 1, 5);
    store.commit(1, |tx| {
        tx.append(event(Action::AppCreated)).unwrap();
        let failed: Result<(), StoreError> = tx.nested(|tx| {
            tx.append(event(Action::UserCreated)).unwrap();
            Err(StoreError::Corrupt("on purpose"))
        });
        assert!(matches!(failed, Err(StoreError::Corrupt("on purpose"))));
        tx.nested(|tx| tx.append(event(Action::GroupCreated))).unwrap();
    });
    let actions: Vec<_> =
        store.commit(1, |tx| tx.list(&Filter::default()).unwrap()).into_iter().map(|record| record.event.action).collect();
    assert_eq!(actions, [Action::GroupCreated, Action::AppCreated]);
}

#[test]
fn several_processes_may_migrate_at_once() {
    let folder = tempfile::tempdir().unwrap();
    let url = format!("sqlite://{}", folder.path().join("test.db").display()).parse().unwrap();
    let steps: Vec<usize> = std::thread::scope(|scope| {
        let tries: Vec<_> = (0..6)
            .map(|_| scope.spawn(|| migrate(&Database::open(&url, 1).unwrap()).unwrap()))
            .collect();
        tries.into_iter().map(|thread| thread.join().unwrap()).collect()
    });
    assert_eq!(steps.iter().filter(|steps| **steps > 0).count(), 1, "{steps:?}");
}
