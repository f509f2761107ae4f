//! What one server does for all of them, and the sign of life that every server gives: leases in the database.
//!
//! A lease runs out by itself, so whoever dies hands over; who stops cleanly releases it. Every transaction of a task
//! renews its lease first: who was frozen for so long that another took over writes nothing more.

mod expiry;
mod mail;
mod tallies;

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::mpsc::{self, RecvTimeoutError};
use std::time::{Duration, Instant};

use uuid::Uuid;

use crate::limit::Share;
use crate::mail::Mailer;
use crate::metrics::Metrics;
use crate::snapshot::Snapshots;
use crate::store::db::{self, AnyConnection, AsStoreError, Database, Link, StoreError};
use crate::store::leases;
use crate::system;
use mail::Sending;

/// How long a lease lasts that is not renewed: after so long another takes over from a server that died.
pub(crate) const LEASE: Duration = Duration::from_secs(6);
/// How often leases are renewed: two may fail in a row.
const RENEWAL: Duration = Duration::from_secs(2);
/// The lease that a server has for as long as it is there: this and its id.
const SERVER: &str = "server/";

/// What one server at a time does, now and then.
pub(crate) struct Task {
    /// In the lease and in the metrics.
    name: &'static str,
    /// From the end of one run to the beginning of the next.
    every: Duration,
    step: Step,
}

/// A piece of a task's work that takes less than a second: in between leases are renewed.
type Step = Box<dyn FnMut(&mut Held<'_>) -> Result<Progress, Stopped> + Send>;

/// How far a step came.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Progress {
    /// The run is over.
    Done,
    /// There is more to do at once.
    More,
}

/// Why a step did not come to its end.
#[derive(Debug, thiserror::Error)]
enum Stopped {
    #[error("another server has the lease")]
    Lost,
    #[error("it panicked")]
    Panicked,
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl AsStoreError for Stopped {
    fn store_error(&self) -> Option<&StoreError> {
        match self {
            Self::Lost | Self::Panicked => None,
            Self::Store(error) => Some(error),
        }
    }
}

/// What goes out to mail servers, which may take their time over it: for a thread of its own.
pub(crate) fn mail_tasks(snapshots: Arc<Snapshots>, mailer: Mailer, metrics: Metrics) -> Vec<Task> {
    let mut sending = Sending { mailer, metrics, tenant_id: i64::MIN };
    vec![Task {
        name: "mail",
        every: Duration::from_secs(1),
        step: Box::new(move |held| sending.step(held, &snapshots)),
    }]
}

/// Every task of a server that takes no time of others. One more is one more entry.
pub(crate) fn tasks(window_s: i64) -> Vec<Task> {
    let mut counting = tallies::Counting::default();
    vec![
        Task {
            name: "expiry",
            every: Duration::from_secs(5),
            step: Box::new(move |held| expiry::step(held, window_s)),
        },
        Task { name: "tallies", every: Duration::from_secs(5), step: Box::new(move |held| counting.step(held)) },
    ]
}

/// The share of every limit that is the server's, by who gives a sign of life.
pub(crate) fn share(connection: &mut AnyConnection, server: Uuid, now_us: i64) -> Result<Share, StoreError> {
    Ok(Share::of(&name_of(server), &leases::held(connection, SERVER, now_us)?))
}

/// A task's lease, for the time of one step.
struct Held<'a> {
    database: &'a Database,
    link: &'a mut Link,
    name: &'static str,
    holder: Uuid,
    now_us: i64,
}

impl Held<'_> {
    /// Looks, without the lease: what there is to do.
    fn read<T>(&self, work: impl FnMut(&mut AnyConnection) -> Result<T, StoreError>) -> Result<T, StoreError> {
        self.database.read(work)
    }

    /// Writes, as the holder.
    fn write<T>(&mut self, mut work: impl FnMut(&mut AnyConnection) -> Result<T, StoreError>) -> Result<T, Stopped> {
        let (name, holder, until_us) = (self.name, self.holder, until(self.now_us));
        let _turn = self.database.turn();
        db::write(self.link, |connection| {
            if !leases::renew(connection, name, holder, until_us)? {
                return Err(Stopped::Lost);
            }
            Ok(work(connection)?)
        })
    }

    /// Writes what is true whoever holds the lease by now.
    fn write_without_lease(
        &mut self,
        work: impl FnMut(&mut AnyConnection) -> Result<(), StoreError>,
    ) -> Result<(), StoreError> {
        let _turn = self.database.turn();
        db::write(self.link, work)
    }
}

/// The way to the thread that does it.
#[derive(Clone)]
pub(crate) struct Background {
    stop: mpsc::Sender<()>,
}

impl Background {
    /// Makes the server known to the others, and starts the thread; it ends after [`Background::stop`].
    pub(crate) fn start(
        database: Database,
        metrics: Metrics,
        server: Uuid,
        tasks: Vec<Task>,
    ) -> std::io::Result<(Self, std::thread::JoinHandle<()>)> {
        let (stop, stopped) = mpsc::channel();
        let (known, is_known) = mpsc::channel();
        let mut runner = Runner::new(database, metrics, server, tasks, system::monotonic());
        let handle = std::thread::Builder::new().name("background".to_owned()).spawn(move || {
            runner.renew(system::now_us());
            // Who started it is waiting.
            let _ = known.send(());
            runner.run(&stopped);
        })?;
        // An error tells that the thread panicked: the server serves without it.
        let _ = is_known.recv();
        Ok((Self { stop }, handle))
    }

    /// Ends the thread after the step that it is at, and leaves everything to the others.
    pub(crate) fn stop(&self) {
        // An error tells that the thread has ended already.
        let _ = self.stop.send(());
    }
}

/// A task and when it is next.
struct Scheduled {
    task: Task,
    held: bool,
    due: Instant,
}

struct Runner {
    database: Database,
    link: Link,
    metrics: Metrics,
    server: Uuid,
    tasks: Vec<Scheduled>,
    renewal_due: Instant,
    /// Said once, and not every two seconds.
    failing: bool,
}

impl Runner {
    fn new(database: Database, metrics: Metrics, server: Uuid, tasks: Vec<Task>, now: Instant) -> Self {
        let tasks = tasks.into_iter().map(|task| Scheduled { task, held: false, due: now }).collect();
        Self { link: database.writer(), database, metrics, server, tasks, renewal_due: now, failing: false }
    }

    fn run(mut self, stopped: &mpsc::Receiver<()>) {
        loop {
            let (now, now_us) = (system::monotonic(), system::now_us());
            let next = self.tick(now, now_us);
            match stopped.recv_timeout(next.saturating_duration_since(now)) {
                Err(RecvTimeoutError::Timeout) => {}
                Ok(()) | Err(RecvTimeoutError::Disconnected) => break,
            }
        }
        self.release();
    }

    /// Does what is due: renews the leases, and takes each task that it holds one step further. → when to come again.
    fn tick(&mut self, now: Instant, now_us: i64) -> Instant {
        if self.renewal_due <= now {
            self.renew(now_us);
            self.renewal_due = later(now, RENEWAL);
        }
        let mut next = self.renewal_due;
        for at in 0..self.tasks.len() {
            if let Some(due) = self.step(at, now, now_us) {
                next = next.min(due);
            }
        }
        next
    }

    /// Gives the sign of life, and takes or keeps the lease of every task that can be had: one transaction.
    fn renew(&mut self, now_us: i64) {
        let (server, until_us) = (self.server, until(now_us));
        let names: Vec<&str> = self.tasks.iter().map(|scheduled| scheduled.task.name).collect();
        let turn = self.database.turn();
        let renewed = db::write(&mut self.link, |connection| {
            leases::acquire(connection, &name_of(server), server, now_us, until_us)?;
            names
                .iter()
                .map(|name| leases::acquire(connection, name, server, now_us, until_us))
                .collect::<Result<Vec<bool>, StoreError>>()
        });
        drop(turn);
        let held = match renewed {
            Ok(held) => {
                self.failing = false;
                held
            }
            Err(error) => {
                if !self.failing {
                    tracing::error!(%error, "leases are not renewed: this server does nothing in the background");
                }
                self.failing = true;
                Vec::new()
            }
        };
        for (scheduled, held) in self.tasks.iter_mut().zip(held.into_iter().chain(std::iter::repeat(false))) {
            scheduled.held = held;
        }
    }

    /// One step of a task, if it is ours and due; → when it is due next.
    fn step(&mut self, at: usize, now: Instant, now_us: i64) -> Option<Instant> {
        let Scheduled { task, held, due } = self.tasks.get_mut(at).filter(|scheduled| scheduled.held)?;
        if *due > now {
            return Some(*due);
        }
        let (database, link) = (&self.database, &mut self.link);
        let mut lease = Held { database, link, name: task.name, holder: self.server, now_us };
        let stepped = catch_unwind(AssertUnwindSafe(|| (task.step)(&mut lease))).unwrap_or(Err(Stopped::Panicked));
        match stepped {
            Ok(Progress::More) => {}
            Ok(Progress::Done) => {
                self.metrics.task_done(task.name, now_us);
                *due = later(now, task.every);
            }
            Err(Stopped::Lost) => *held = false,
            Err(error) => {
                tracing::error!(task = task.name, %error, "a task did not come to its end; it is tried again");
                self.metrics.task_failed(task.name);
                *due = later(now, task.every);
            }
        }
        Some(*due)
    }

    fn release(&mut self) {
        let (server, _turn) = (self.server, self.database.turn());
        if let Err(error) = db::write(&mut self.link, |connection| leases::release(connection, server)) {
            tracing::warn!(%error, "leases are not released; they run out");
        }
    }
}

/// The name of a server's own lease.
fn name_of(server: Uuid) -> String {
    format!("{SERVER}{server}")
}

fn until(now_us: i64) -> i64 {
    now_us.saturating_add(i64::try_from(LEASE.as_micros()).unwrap_or(i64::MAX))
}

fn later(now: Instant, after: Duration) -> Instant {
    now.checked_add(after).unwrap_or(now)
}

#[cfg(test)]
mod tests;
