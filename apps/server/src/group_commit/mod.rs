//! Many callers, one transaction.
//!
//! A commit costs one fsync whatever is in it. So every state-changing request goes to one writer thread that takes
//! *whatever is waiting*, decides it in order, commits once, and only then answers. It never waits for more work:
//! at one caller a group is one request.
//!
//! The replay guard stands here too: what a signature was used for is stored in the transaction of its effect.

use std::panic::{AssertUnwindSafe, catch_unwind};

use osaycore_signing::replay::{Recognition, ReplayGuard, Sight, Sighting, recognise};
use tokio::sync::{mpsc, oneshot};

use crate::admin::By;
use crate::error::{ApiError, Code, Failure};
use crate::metrics::Metrics;
use crate::posting::{self, Posting};
use crate::store::db::{self, AnyConnection, Database, StoreError};
use crate::store::tx::Tx;
use crate::system;

/// Requests that may wait; one more is answered 503.
const QUEUE: usize = 4096;
/// Requests of one group: bounds the statement sizes and the time that the first of them waits.
const GROUP: usize = 256;

/// One state-changing request.
pub(crate) struct Job {
    pub(crate) tenant_id: i64,
    /// What the replay guard recognises it by; none for the server's own work.
    pub(crate) sight: Option<Sight>,
    /// A repeat is refused: the app is strict, and the request has nothing that tells equal ones apart.
    pub(crate) refuse_repeat: bool,
    /// Who asks: the stamp of its audit events.
    pub(crate) by: By,
    pub(crate) work: Work,
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

/// Work in a transaction, and the outcome that a repeat of the request is told.
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
    Job(Box<Job>, oneshot::Sender<Result<Done, ApiError>>),
    /// Nothing comes after it.
    Stop,
}

/// The way to the writer thread.
#[derive(Clone)]
pub(crate) struct Writer {
    queue: mpsc::Sender<Waiting>,
}

impl Writer {
    /// Starts the writer thread; it ends after [`Writer::stop`].
    pub(crate) fn start(
        database: Database,
        metrics: Metrics,
        window_s: i64,
    ) -> std::io::Result<(Self, std::thread::JoinHandle<()>)> {
        let (queue, waiting) = mpsc::channel(QUEUE);
        let mut thread = Thread { database, connection: None, metrics, window_s, forgotten_s: 0 };
        let handle = std::thread::Builder::new().name("group-commit".to_owned()).spawn(move || thread.run(waiting))?;
        Ok((Self { queue }, handle))
    }

    /// Runs a job; the answer comes after the commit is durable.
    pub(crate) async fn run(&self, job: Job) -> Result<Done, ApiError> {
        let (answer, answered) = oneshot::channel();
        self.queue.try_send(Waiting::Job(Box::new(job), answer)).map_err(|_| Code::Unavailable)?;
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

struct Thread {
    database: Database,
    connection: Option<AnyConnection>,
    metrics: Metrics,
    window_s: i64,
    /// Up to which second old signatures are forgotten.
    forgotten_s: i64,
}

impl Thread {
    fn run(&mut self, mut waiting: mpsc::Receiver<Waiting>) {
        let mut group = Vec::with_capacity(GROUP);
        let mut stopping = false;
        while !stopping && waiting.blocking_recv_many(&mut group, GROUP) > 0 {
            let (mut jobs, mut answers) = (Vec::with_capacity(group.len()), Vec::with_capacity(group.len()));
            for message in group.drain(..) {
                match message {
                    Waiting::Job(job, answer) => {
                        jobs.push(*job);
                        answers.push(answer);
                    }
                    Waiting::Stop => stopping = true,
                }
            }
            let started = system::monotonic();
            let outcomes = catch_unwind(AssertUnwindSafe(|| self.commit(&mut jobs))).unwrap_or_else(|_| {
                tracing::error!("a group of {} jobs panicked; what it did is not told", jobs.len());
                vec![Err(Code::Internal.into()); jobs.len()]
            });
            self.metrics.group(jobs.len(), started.elapsed());
            for (answer, outcome) in answers.into_iter().zip(outcomes) {
                // A caller that went away keeps its effect: the request was accepted.
                let _ = answer.send(outcome);
            }
        }
    }

    /// One transaction for all jobs. A failure before the commit fails all of them, with nothing written.
    fn commit(&mut self, jobs: &mut [Job]) -> Vec<Result<Done, ApiError>> {
        if jobs.is_empty() {
            return Vec::new();
        }
        let failed = |error: ApiError| vec![Err(error); jobs.len()];
        let mut connection = match self.connection.take() {
            Some(connection) => connection,
            None => match self.database.writer() {
                Ok(connection) => connection,
                Err(error) => return failed(error.into()),
            },
        };
        let now_us = system::now_us();
        let forget_before_s = self.due_to_forget(now_us);
        match db::write(&mut connection, |connection| group(connection, jobs, now_us, forget_before_s)) {
            Ok(outcomes) => {
                self.connection = Some(connection);
                if let Some(second) = forget_before_s {
                    self.forgotten_s = second;
                }
                outcomes
            }
            // The connection is not trusted after any failure: the next group opens another.
            Err(error @ StoreError::Commit(_)) => self.after_unknown_commit(jobs, now_us, error),
            Err(error) => vec![Err(error.into()); jobs.len()],
        }
    }

    /// An error on COMMIT does not tell whether it took place. The signatures that the group recorded tell: if one of
    /// them is there with what this group gave it, all are, and the callers are answered from them.
    fn after_unknown_commit(
        &mut self,
        jobs: &mut [Job],
        now_us: i64,
        error: StoreError,
    ) -> Vec<Result<Done, ApiError>> {
        let committed = self.database.writer().and_then(|mut connection| {
            let committed = db::write(&mut connection, |connection| was_committed(connection, jobs, now_us))?;
            self.connection = Some(connection);
            Ok(committed)
        });
        match committed {
            Ok(Some(outcomes)) => outcomes,
            _ => vec![Err(error.into()); jobs.len()],
        }
    }

    /// At most once a second, the second before which signatures are forgotten.
    fn due_to_forget(&self, now_us: i64) -> Option<i64> {
        let now_s = now_us.div_euclid(1_000_000);
        let before_s = osaycore_signing::replay::forget_before_s(now_s, self.window_s);
        (before_s > self.forgotten_s).then_some(before_s)
    }
}

/// All jobs in the open transaction, tenant by tenant.
fn group(
    connection: &mut AnyConnection,
    jobs: &mut [Job],
    now_us: i64,
    forget_before_s: Option<i64>,
) -> Result<Vec<Result<Done, ApiError>>, StoreError> {
    let mut outcomes: Vec<Result<Done, ApiError>> = vec![Err(Code::Internal.into()); jobs.len()];
    let mut tenants: Vec<i64> = jobs.iter().map(|job| job.tenant_id).collect();
    tenants.sort_unstable();
    tenants.dedup();
    for tenant_id in tenants {
        let mut tx = Tx::lock(connection, tenant_id)?;
        let mut mine: Vec<(&mut Job, &mut Result<Done, ApiError>)> =
            jobs.iter_mut().zip(&mut outcomes).filter(|(job, _)| job.tenant_id == tenant_id).collect();
        tx.preload_sightings(mine.iter().filter_map(|(job, _)| job.sight.as_ref()))?;
        let postings = mine.iter().filter_map(|(job, _)| match &job.work {
            Work::Post(posting) => Some(posting.as_ref()),
            _ => None,
        });
        let known = posting::preload(&mut tx, postings)?;
        for (job, outcome) in &mut mine {
            match &job.work {
                Work::Bind => {
                    **outcome = bind(&mut tx, job.sight, now_us)?;
                }
                Work::Post(posting) => {
                    **outcome = guarded(&mut tx, job.sight, job.refuse_repeat, now_us, |tx| {
                        posting::execute(tx, &known, posting, &job.by, now_us)
                    })?;
                }
                Work::Call(_) => {}
            }
        }
        tx.flush()?;
        for (job, outcome) in mine {
            let Job { sight, refuse_repeat, by, work: Work::Call(call), .. } = job else { continue };
            by.now_us = now_us;
            *outcome = guarded(&mut tx, *sight, *refuse_repeat, now_us, |tx| {
                let result = match tx.nested(|tx| call(tx, by)) {
                    // What would fail again the same way is this call's own, and not its neighbours'.
                    Err(Failure::Store(error)) if !error.concerns_everybody() => Err(ApiError::from(error).into()),
                    result => result,
                };
                if let Err(Failure::Refused(error)) = &result {
                    by.audit_refusal(tx, error)?;
                }
                result.map(|outcome| Effect { outcome, replayed: false })
            })?;
        }
        if let Some(before_s) = forget_before_s {
            ReplayGuard::forget(&mut tx, before_s)?;
        }
        tx.flush()?;
    }
    Ok(outcomes)
}

/// Records the target of a request that was refused, if it is the first: it had no effect, and may be made again there.
fn bind(tx: &mut Tx<'_>, sight: Option<Sight>, now_us: i64) -> Result<Result<Done, ApiError>, StoreError> {
    if let Some(sight) = sight {
        let seen = tx.sightings(sight.app_id, sight.timestamp_s, &sight.mac)?;
        match recognise(&sight, &seen) {
            Recognition::Elsewhere => return Ok(Err(reused(now_us))),
            Recognition::First { ordinal } => tx.record(&sight, &sight.sighting(ordinal, now_us, None))?,
            Recognition::Again { .. } | Recognition::Done { .. } => {}
        }
    }
    Ok(Ok(Done { outcome: Vec::new(), replayed: false, first_seen_us: now_us }))
}

/// The signature is bound to another target.
fn reused(now_us: i64) -> ApiError {
    ApiError::from(Code::SignatureReused).member("server_time", &now_us.div_euclid(1_000_000))
}

/// Runs `work` unless the guard knows the request, and records what the signature was used for. The outer error is
/// the store's and fails the group; the inner one is this request's.
fn guarded(
    tx: &mut Tx<'_>,
    sight: Option<Sight>,
    refuse_repeat: bool,
    now_us: i64,
    work: impl FnOnce(&mut Tx<'_>) -> Result<Effect, Failure>,
) -> Result<Result<Done, ApiError>, StoreError> {
    let Some(sight) = sight else {
        return settle(work(tx), now_us);
    };
    if sight.timestamp_s < tx.remembers_from_s()? {
        return Ok(
            Err(ApiError::from(Code::TimestampOutOfWindow).member("server_time", &now_us.div_euclid(1_000_000))),
        );
    }
    let seen = tx.sightings(sight.app_id, sight.timestamp_s, &sight.mac)?;
    let sighting = match recognise(&sight, &seen) {
        Recognition::Elsewhere => return Ok(Err(reused(now_us))),
        Recognition::Done { .. } if refuse_repeat => return Ok(Err(Code::ReplayedRequest.into())),
        Recognition::Done { sighting, outcome } => {
            return Ok(Ok(Done { outcome: outcome.to_vec(), replayed: true, first_seen_us: sighting.first_seen_us }));
        }
        Recognition::Again { sighting } => sighting.clone(),
        Recognition::First { ordinal } => sight.sighting(ordinal, now_us, None),
    };
    let settled = settle(work(tx), sighting.first_seen_us)?;
    let outcome = settled.as_ref().ok().map(|done| done.outcome.clone());
    tx.record(&sight, &Sighting { outcome, ..sighting })?;
    Ok(settled)
}

/// A refusal is the request's own; a fault of the store is everybody's.
fn settle(result: Result<Effect, Failure>, first_seen_us: i64) -> Result<Result<Done, ApiError>, StoreError> {
    match result {
        Ok(Effect { outcome, replayed }) => Ok(Ok(Done { outcome, replayed, first_seen_us })),
        Err(Failure::Refused(error)) => Ok(Err(error)),
        Err(Failure::Store(error)) => Err(error),
    }
}

/// The outcomes of a group whose COMMIT failed, if it took place after all: then each of its signatures is recorded
/// as first seen at `now_us` or earlier. A group without any signature is taken as not committed.
fn was_committed(
    connection: &mut AnyConnection,
    jobs: &[Job],
    now_us: i64,
) -> Result<Option<Vec<Result<Done, ApiError>>>, StoreError> {
    let mut outcomes = Vec::with_capacity(jobs.len());
    let mut committed = false;
    for job in jobs {
        let mut tx = Tx::new(connection, job.tenant_id);
        let Some(sight) = job.sight else {
            outcomes.push(Err(Code::Unavailable.into()));
            continue;
        };
        let seen = tx.sightings(sight.app_id, sight.timestamp_s, &sight.mac)?;
        let own = seen.iter().find(|sighting| sighting.subject == sight.subject && sighting.target == sight.target);
        committed |= own.is_some_and(|sighting| sighting.first_seen_us == now_us);
        outcomes.push(match own.map(|own| (own.first_seen_us, own.outcome.clone())) {
            Some((first_seen_us, Some(outcome))) => {
                Ok(Done { outcome, replayed: first_seen_us != now_us, first_seen_us })
            }
            _ => Err(Code::Unavailable.into()),
        });
    }
    Ok(committed.then_some(outcomes))
}

#[cfg(test)]
mod tests;
