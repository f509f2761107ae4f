//! The writer thread: connections, commits, and what becomes of a group whose commit failed.

use std::panic::{AssertUnwindSafe, catch_unwind};

use osaycore_signing::replay::ReplayGuard as _;
use tokio::sync::mpsc;

use super::group::group;
use super::{Done, GROUP, Job, Waiting};
use crate::error::{ApiError, Code};
use crate::metrics::Metrics;
use crate::store::db::{self, AnyConnection, Database, StoreError};
use crate::store::tx::Tx;
use crate::system;

/// Commits whatever waits, until it is told to stop.
pub(super) struct Thread {
    database: Database,
    connection: Option<AnyConnection>,
    metrics: Metrics,
}

impl Thread {
    pub(super) fn new(database: Database, metrics: Metrics) -> Self {
        Self { database, connection: None, metrics }
    }

    pub(super) fn run(&mut self, mut waiting: mpsc::Receiver<Waiting>) {
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
        let turn = self.database.turn();
        let written = db::write(&mut connection, |connection| group(connection, jobs, now_us));
        drop(turn);
        match written {
            Ok(outcomes) => {
                self.connection = Some(connection);
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
}

/// The outcomes of a group whose COMMIT failed, if it took place after all: then each of its signatures is recorded
/// as first seen at `now_us` or earlier. A group without any signature is taken as not committed.
pub(super) fn was_committed(
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
