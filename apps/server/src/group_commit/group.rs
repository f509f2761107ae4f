//! What a group does in its transaction: each job behind the replay guard, postings in bulk, calls one by one.

use osaycore_signing::replay::{Recognition, ReplayGuard, Sight, Sighting, recognise};

use super::{Done, Effect, Job, Repeat, Work};
use crate::error::{ApiError, Code, Failure};
use crate::posting;
use crate::store::db::{AnyConnection, StoreError};
use crate::store::members::Members;
use crate::store::revocations;
use crate::store::tx::Tx;

/// All jobs in the open transaction, tenant by tenant.
pub(super) fn group(
    connection: &mut AnyConnection,
    members: &Members,
    jobs: &mut [Job],
    now_us: i64,
) -> Result<Vec<Result<Done, ApiError>>, StoreError> {
    let mut outcomes: Vec<Result<Done, ApiError>> = vec![Err(Code::Internal.into()); jobs.len()];
    let mut tenants: Vec<i64> = jobs.iter().map(|job| job.tenant_id).collect();
    tenants.sort_unstable();
    tenants.dedup();
    // All tenants before anything else, and the versions after it: with other servers' groups no circle of locks.
    if tenants.len() > 1 {
        tenants.iter().try_for_each(|tenant_id| Tx::lock(connection, *tenant_id).map(drop))?;
    }
    let mut revoked = false;
    for tenant_id in tenants {
        let mut tx = Tx::lock(connection, tenant_id)?;
        let mut mine: Vec<(&mut Job, &mut Result<Done, ApiError>)> =
            jobs.iter_mut().zip(&mut outcomes).filter(|(job, _)| job.tenant_id == tenant_id).collect();
        tx.preload_sightings(mine.iter().filter_map(|(job, _)| job.sight.as_ref()))?;
        let postings = mine.iter().filter_map(|(job, _)| match &job.work {
            Work::Post(posting) => Some(posting.as_ref()),
            _ => None,
        });
        let known = posting::preload(&mut tx, members, postings)?;
        for (job, outcome) in &mut mine {
            match &job.work {
                Work::Bind => {
                    **outcome = bind(&mut tx, job.sight, job.repeat, now_us)?;
                }
                Work::Post(posting) => {
                    **outcome = guarded(&mut tx, job.sight, job.repeat, now_us, |tx| {
                        posting::execute(tx, &known, members, posting, &job.by, now_us)
                    })?;
                }
                Work::Call(_) => {}
            }
        }
        tx.flush()?;
        for (job, outcome) in mine {
            let Job { sight, repeat, by, work: Work::Call(call), .. } = job else { continue };
            by.now_us = now_us;
            *outcome = guarded(&mut tx, *sight, *repeat, now_us, |tx| {
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
        tx.flush()?;
        revoked |= tx.has_revoked();
    }
    if revoked {
        revocations::tell_everybody(connection)?;
    }
    Ok(outcomes)
}

/// Records the target of a request that was refused, if it is the first: it had no effect, and may be made again there.
fn bind(
    tx: &mut Tx<'_>,
    sight: Option<Sight>,
    repeat: Repeat,
    now_us: i64,
) -> Result<Result<Done, ApiError>, StoreError> {
    if let Some(sight) = sight {
        let seen = tx.sightings(sight.app_id, sight.timestamp_s, &sight.mac)?;
        match recognise(&sight, &seen) {
            Recognition::Elsewhere => return Ok(Err(reused(now_us))),
            Recognition::First { ordinal } => tx.record(&sight, &sight.sighting(ordinal, now_us, None))?,
            Recognition::Again { .. } | Recognition::Done { .. } if repeat == Repeat::Never => {
                return Ok(Err(Code::ReplayedRequest.into()));
            }
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
    repeat: Repeat,
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
        Recognition::Again { .. } if repeat == Repeat::Never => return Ok(Err(Code::ReplayedRequest.into())),
        Recognition::Done { .. } if repeat != Repeat::Told => return Ok(Err(Code::ReplayedRequest.into())),
        Recognition::Done { sighting, outcome } => {
            return Ok(Ok(Done { outcome: outcome.to_vec(), replayed: true, first_seen_us: sighting.first_seen_us }));
        }
        Recognition::Again { sighting } => sighting.clone(),
        Recognition::First { ordinal } => sight.sighting(ordinal, now_us, None),
    };
    let settled = settle(work(tx), sighting.first_seen_us)?;
    let outcome = settled.as_ref().ok().map(|done| done.outcome.clone()).filter(|outcome| !outcome.is_empty());
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
