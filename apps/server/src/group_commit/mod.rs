//! Many callers, one transaction.
//!
//! A commit costs one fsync whatever is in it. So every state-changing request goes to one writer thread that takes
//! *whatever is waiting*, decides it in order, commits once, and only then answers. It never waits for more work:
//! at one caller a group is one request.
//!
//! The replay guard stands here too: what a signature was used for is stored in the transaction of its effect.

mod group;
mod thread;
mod told;

use std::sync::Arc;
use std::time::{Duration, Instant};

use osaycore_signing::replay::Sight;
use tokio::sync::{mpsc, oneshot};

use crate::admin::By;
use crate::error::{ApiError, Code, Failure};
use crate::metrics::Metrics;
use crate::posting::Posting;
use crate::store::db::Database;
use crate::store::members::Members;
use crate::store::tx::Tx;
use crate::system;
use crate::traces::{self, Carried};
use thread::Thread;
pub(crate) use told::{Told, telling};

/// Requests that may wait; one more is answered 503.
const QUEUE: usize = 4096;
/// How long a caller waits. A database that takes the COMMIT and then says nothing, as one does whose standby is gone,
/// holds the thread; whoever is told 503 meanwhile asks again, and finds the outcome when there is one.
pub(crate) const ANSWERED_WITHIN: Duration = Duration::from_secs(5);
/// Requests of one group: bounds the statement sizes and the time that the first of them waits.
const GROUP: usize = 256;

/// One state-changing request.
pub(crate) struct Job {
    pub(crate) tenant_id: i64,
    /// What the replay guard recognises it by; none for the server's own work.
    pub(crate) sight: Option<Sight>,
    pub(crate) repeat: Repeat,
    /// Who asks: the stamp of its audit events.
    pub(crate) by: By,
    pub(crate) work: Work,
}

/// What a repeat of a request gets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Repeat {
    /// The first outcome once more. What had none is evaluated anew.
    Told,
    /// 409 where there was an outcome. What had none is evaluated anew.
    Refused,
    /// 409, whatever became of the first.
    Never,
}

/// What a job does in the transaction.
pub(crate) enum Work {
    /// Nothing but binding the signature to its target: the request was refused before it came here.
    Bind,
    /// A command of the ledger: preloaded and written in bulk.
    Post(Box<Posting>),
    /// Anything else: its failure undoes itself alone. It may run again from the start.
    Call(Call),
}

/// Work in a transaction, and the outcome that a repeat of the request is told; an empty one is none.
pub(crate) type Call = Box<dyn FnMut(&mut Tx<'_>, &By) -> Result<Vec<u8>, Failure> + Send>;

/// What a job's work came to.
pub(crate) struct Effect {
    /// What a repeat of the request is told.
    pub(crate) outcome: Vec<u8>,
    /// It took place before, known by its reference.
    pub(crate) replayed: bool,
}

/// What became of a job.
#[derive(Clone, Debug)]
pub(crate) struct Done {
    /// The outcome: for most requests the body of the answer.
    pub(crate) outcome: Vec<u8>,
    /// It is the outcome of an earlier, equal request.
    pub(crate) replayed: bool,
    /// When the request was first seen, Unix microseconds.
    pub(crate) first_seen_us: i64,
}

enum Waiting {
    Job(Box<Queued>),
    /// Nothing comes after it.
    Stop,
}

/// A job, who waits for it, and since when.
struct Queued {
    job: Job,
    answer: oneshot::Sender<Result<Done, ApiError>>,
    since: Instant,
    /// The request that it is of.
    carried: Carried,
}

/// The way to the writer thread.
#[derive(Clone)]
pub(crate) struct Writer {
    queue: mpsc::Sender<Waiting>,
}

impl Writer {
    /// Starts the writer thread; it ends after [`Writer::stop`].
    pub(crate) fn start(
        database: &Database,
        members: Arc<Members>,
        metrics: Metrics,
    ) -> std::io::Result<(Self, std::thread::JoinHandle<()>)> {
        let (queue, waiting) = mpsc::channel(QUEUE);
        let mut thread = Thread::new(database.clone(), members, metrics);
        let handle = std::thread::Builder::new().name("group-commit".to_owned()).spawn(move || thread.run(waiting))?;
        Ok((Self { queue }, handle))
    }

    /// Runs a job; the answer comes after the commit is durable, or is 503: it may take effect yet.
    pub(crate) async fn run(&self, job: Job) -> Result<Done, ApiError> {
        tokio::time::timeout(ANSWERED_WITHIN, self.finish(job)).await.unwrap_or_else(|_| Err(Code::Unavailable.into()))
    }

    /// The same however long it takes: of what failed nothing takes effect later.
    pub(crate) async fn finish(&self, job: Job) -> Result<Done, ApiError> {
        let (answer, answered) = oneshot::channel();
        let queued = Queued { job, answer, since: system::monotonic(), carried: traces::current() };
        self.queue.try_send(Waiting::Job(Box::new(queued))).map_err(|_| Code::Unavailable)?;
        // The thread has stopped: nothing of the job was written.
        answered.await.unwrap_or_else(|_| Err(Code::Unavailable.into()))
    }

    /// Ends the thread once everything that waits is committed and answered.
    pub(crate) async fn stop(&self) {
        // An error tells that the thread has ended already.
        let _ = self.queue.send(Waiting::Stop).await;
    }

    /// Whether the thread is there to commit.
    pub(crate) fn is_alive(&self) -> bool {
        !self.queue.is_closed()
    }

    /// How many jobs are waiting.
    pub(crate) fn waiting(&self) -> usize {
        QUEUE.saturating_sub(self.queue.capacity())
    }
}

#[cfg(test)]
mod tests;
