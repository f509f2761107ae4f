//! The writer thread: connections, commits, and what becomes of a group whose commit failed.

use std::collections::BTreeSet;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use osaycore_signing::replay::{Recognition, ReplayGuard as _, recognise};
use tokio::sync::mpsc;

use super::group::group;
use super::{Done, GROUP, Job, Queued, Repeat, Waiting};
use crate::error::{ApiError, Code};
use crate::metrics::Metrics;
use crate::store::db::{self, AnyConnection, Database, Link, StoreError};
use crate::store::members::Members;
use crate::store::tx::Tx;
use crate::system;
use crate::traces::Span;

/// Commits whatever waits, until it is told to stop.
pub(super) struct Thread {
    database: Database,
    link: Link,
    /// The last group was tried for as long as a transaction is tried.
    cut_off: bool,
    members: Arc<Members>,
    metrics: Metrics,
}

impl Thread {
    pub(super) fn new(database: Database, members: Arc<Members>, metrics: Metrics) -> Self {
        Self { link: database.writer(), database, cut_off: false, members, metrics }
    }

    pub(super) fn run(&mut self, mut waiting: mpsc::Receiver<Waiting>) {
        let mut group = Vec::with_capacity(GROUP);
        let mut stopping = false;
        while !stopping && waiting.blocking_recv_many(&mut group, GROUP) > 0 {
            let started = system::monotonic();
            let (mut jobs, mut answers) = (Vec::with_capacity(group.len()), Vec::with_capacity(group.len()));
            let mut waited = Vec::with_capacity(group.len());
            for message in group.drain(..) {
                match message {
                    Waiting::Job(queued) => {
                        let Queued { job, answer, since, carried } = *queued;
                        let time = started.saturating_duration_since(since);
                        self.metrics.waited(time);
                        waited.push((carried, time));
                        jobs.push(job);
                        answers.push(answer);
                    }
                    Waiting::Stop => stopping = true,
                }
            }
            let span = Span::of_group(&waited);
            let entered = span.enter();
            let outcomes = catch_unwind(AssertUnwindSafe(|| self.commit(&mut jobs))).unwrap_or_else(|_| {
                tracing::error!("a group of {} jobs panicked; what it did is not told", jobs.len());
                vec![Err(Code::Internal.into()); jobs.len()]
            });
            drop(entered);
            // Before the answers: its requests end with them.
            drop(span);
            self.metrics.group(jobs.len(), started.elapsed());
            // Who came meanwhile has waited as long, and is not to wait for further tries. Before the answers, as who has one
            // may ask again at once.
            while self.cut_off
                && let Ok(message) = waiting.try_recv()
            {
                match message {
                    Waiting::Job(queued) => drop(queued.answer.send(Err(Code::Unavailable.into()))),
                    Waiting::Stop => stopping = true,
                }
            }
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
        self.cut_off = false;
        let now_us = system::now_us();
        let (members, turn) = (Arc::clone(&self.members), self.database.turn());
        let done = db::write(&mut self.link, |connection| group(connection, &members, jobs, now_us));
        self.cut_off = done.as_ref().is_err_and(StoreError::is_transient);
        let outcomes = match done {
            Ok(outcomes) => outcomes,
            Err(error @ StoreError::Commit(_)) => self.after_unknown_commit(jobs, now_us, error),
            Err(error) => vec![Err(error.into()); jobs.len()],
        };
        drop(turn);
        outcomes
    }

    /// An error on COMMIT does not tell whether it took place. The signatures tell; who has none, or had no effect, asks
    /// again.
    fn after_unknown_commit(&mut self, jobs: &[Job], now_us: i64, error: StoreError) -> Vec<Result<Done, ApiError>> {
        let found = db::write_any_number_of_times(&mut self.link, |connection| look_up(connection, jobs, now_us));
        let unknown = ApiError::from(error);
        let found = found.unwrap_or_else(|error| {
            tracing::error!(%error, "what became of the {} jobs of a group could not be looked up", jobs.len());
            self.cut_off = error.is_transient();
            vec![None; jobs.len()]
        });
        tracing::info!(
            "of {} jobs whose COMMIT had no answer {} are there",
            jobs.len(),
            found.iter().flatten().count()
        );
        found.into_iter().map(|outcome| outcome.ok_or_else(|| unknown.clone())).collect()
    }
}

/// What became of the jobs of the group of `now_us`, whose COMMIT was not answered: the outcomes that their signatures
/// have.
///
/// The tenants are locked first, as every writer does, because a COMMIT that is still under way holds them until it is
/// over. And they are written to: where commits wait for a standby, this one's is told only when the one before it,
/// which may have lost its wait with its connection, has arrived there too.
pub(super) fn look_up(
    connection: &mut AnyConnection,
    jobs: &[Job],
    now_us: i64,
) -> Result<Vec<Option<Done>>, StoreError> {
    let mut found = vec![None; jobs.len()];
    let tenants: BTreeSet<i64> = jobs.iter().map(|job| job.tenant_id).collect();
    for tenant_id in tenants {
        let mut tx = Tx::lock(connection, tenant_id)?;
        let mine = || jobs.iter().filter(|job| job.tenant_id == tenant_id);
        tx.preload_sightings(mine().filter_map(|job| job.sight.as_ref()))?;
        for (job, outcome) in jobs.iter().zip(&mut found).filter(|(job, _)| job.tenant_id == tenant_id) {
            *outcome = outcome_of(&mut tx, job, now_us)?;
        }
        tx.flush()?;
    }
    Ok(found)
}

/// What a job is told that its signature has by now: that of the group, or of an equal request before it.
fn outcome_of(tx: &mut Tx<'_>, job: &Job, now_us: i64) -> Result<Option<Done>, StoreError> {
    let Some(sight) = &job.sight else { return Ok(None) };
    let seen = tx.sightings(sight.app_id, sight.timestamp_s, &sight.mac)?;
    let Recognition::Done { sighting, outcome } = recognise(sight, &seen) else { return Ok(None) };
    let (first_seen_us, replayed) = (sighting.first_seen_us, sighting.first_seen_us != now_us);
    // A repeat that the group refused, perhaps: asked again it is refused again.
    let refused = replayed && job.repeat != Repeat::Told;
    Ok((!refused).then(|| Done { outcome: outcome.to_vec(), replayed, first_seen_us }))
}
