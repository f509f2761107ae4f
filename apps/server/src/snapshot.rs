//! What changes rarely and is read on every request, compiled in memory: apps, their secrets and evaluation keys, token
//! keys, flags, revocations. Replaced within a second of any change, by whatever process on this database.

mod configuration;
mod revoked;
mod served;

use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use arc_swap::ArcSwap;
use tokio::sync::watch;
use uuid::Uuid;

use crate::background;
use crate::sealing::Sealer;
use crate::store::db::{Database, StoreError};
use crate::store::migrations::{Standing, standing_now};
use crate::store::tx::Tx;
use crate::store::{jwt_keys, versions};
use crate::system;
use configuration::Clients;
pub(crate) use configuration::Configuration;
pub(crate) use revoked::Revoked;
pub(crate) use served::{Evaluations, ServedApp, ServedProvider, ServedToken};

/// How often the versions are looked at; a change is seen at most so much later.
const POLL: Duration = Duration::from_millis(250);
/// The rest of the second is for looking and reading, and for a machine that has more to do.
const _: () = assert!(POLL.as_millis() * 4 <= 1000);

/// The snapshots of a running server.
pub(crate) struct Snapshots {
    database: Database,
    server: Uuid,
    reload: Box<dyn Fn() -> anyhow::Result<Sealer> + Send + Sync>,
    sealer: ArcSwap<Sealer>,
    configuration: ArcSwap<Configuration>,
    revoked: ArcSwap<Revoked>,
    /// When the versions were looked at last.
    fresh: watch::Sender<Instant>,
    /// Told of every other configuration.
    changed: watch::Sender<()>,
    clients: Clients,
    /// One at a time: what is stored last was also read last.
    refreshing: Mutex<()>,
}

impl Snapshots {
    /// Reads everything once. `database` is for the snapshots alone, so that they wait for no request's reading; `reload`
    /// reads the master key again, when a rotation by another process asks for it.
    pub(crate) fn load(
        database: Database,
        server: Uuid,
        reload: impl Fn() -> anyhow::Result<Sealer> + Send + Sync + 'static,
    ) -> anyhow::Result<Arc<Self>> {
        let sealer = reload()?;
        let (looked, clients) = (system::monotonic(), Clients::new());
        let configuration = Configuration::read(&database, &sealer, server, &clients, None)?;
        let revoked = Revoked::read(&database)?;
        Ok(Arc::new(Self {
            database,
            server,
            reload: Box::new(reload),
            sealer: ArcSwap::from_pointee(sealer),
            configuration: ArcSwap::from_pointee(configuration),
            revoked: ArcSwap::from_pointee(revoked),
            fresh: watch::Sender::new(looked),
            changed: watch::Sender::new(()),
            clients,
            refreshing: Mutex::default(),
        }))
    }

    pub(crate) fn configuration(&self) -> arc_swap::Guard<Arc<Configuration>> {
        self.configuration.load()
    }

    pub(crate) fn revoked(&self) -> arc_swap::Guard<Arc<Revoked>> {
        self.revoked.load()
    }

    /// How many servers there are on this database, with this one.
    pub(crate) fn servers(&self) -> u32 {
        self.configuration.load().share.servers()
    }

    /// How old the snapshots may be: whatever was committed longer ago is in them.
    pub(crate) fn age(&self) -> Duration {
        self.fresh.borrow().elapsed()
    }

    /// Returns once everything that was committed before the call is in the snapshots.
    pub(crate) async fn caught_up(&self) {
        let since = system::monotonic();
        // The sender is ours: it is not gone.
        let _ = self.fresh.subscribe().wait_for(|looked| *looked >= since).await;
    }

    /// Changes with every other configuration from now on.
    pub(crate) fn changes(&self) -> watch::Receiver<()> {
        self.changed.subscribe()
    }

    /// How the database's schema stands to ours, asked over the snapshots' own connection.
    pub(crate) fn standing(&self) -> Result<Standing, StoreError> {
        standing_now(&self.database)
    }

    /// Works with the master key that what is stored is sealed under at this moment of the transaction: read again where
    /// a rotation has ended since. A rotation locks every tenant, so none begins before the transaction ends. Whoever has
    /// not been given the new key seals nothing under the old one.
    pub(crate) fn with_sealer<T, E: From<StoreError>>(
        &self,
        tx: &mut Tx<'_>,
        work: impl FnOnce(&mut Tx<'_>, &Sealer) -> Result<T, E>,
    ) -> Result<T, E> {
        let mut sealer = self.sealer.load_full();
        if let Err(stale) = jwt_keys::prove(tx.connection(), &sealer) {
            let StoreError::Sealing(_) = stale else { return Err(stale.into()) };
            // That the key cannot be read either is this work's fault, and nobody else's.
            sealer = Arc::new((self.reload)().map_err(|_| stale)?);
            jwt_keys::prove(tx.connection(), &sealer)?;
            self.sealer.store(Arc::clone(&sealer));
        }
        work(tx, &sealer)
    }

    /// Looks at the versions and reads again what has moved.
    pub(crate) fn refresh(&self) -> Result<(), StoreError> {
        let _one = self.refreshing.lock().unwrap_or_else(PoisonError::into_inner);
        let looked = system::monotonic();
        let ((configuration, revoked), share) = self.database.read(|connection| {
            Ok::<_, StoreError>((
                versions::current(connection)?,
                background::share(connection, self.server, system::now_us())?,
            ))
        })?;
        let current = self.configuration.load();
        if (current.version, current.share) != (configuration, share) {
            let next = match Configuration::read(
                &self.database,
                &self.sealer.load(),
                self.server,
                &self.clients,
                Some(&current),
            ) {
                Err(StoreError::Sealing(_)) => {
                    let sealer = (self.reload)().map_err(|error| StoreError::Connection(format!("{error:#}")))?;
                    let next =
                        Configuration::read(&self.database, &sealer, self.server, &self.clients, Some(&current))?;
                    self.sealer.store(Arc::new(sealer));
                    next
                }
                read => read?,
            };
            self.configuration.store(Arc::new(next));
            self.changed.send_replace(());
        }
        if self.revoked.load().version != revoked {
            self.revoked.store(Arc::new(Revoked::read(&self.database)?));
        }
        self.fresh.send_replace(looked);
        Ok(())
    }

    /// Refreshes for as long as the server runs.
    pub(crate) fn keep_fresh(self: &Arc<Self>) -> std::io::Result<()> {
        let snapshots = Arc::downgrade(self);
        std::thread::Builder::new().name("snapshots".to_owned()).spawn(move || {
            while let Some(snapshots) = snapshots.upgrade() {
                if let Err(error) = snapshots.refresh() {
                    tracing::error!(%error, "the snapshot could not be refreshed; the last one stays in use");
                }
                drop(snapshots);
                std::thread::sleep(POLL);
            }
        })?;
        Ok(())
    }
}
