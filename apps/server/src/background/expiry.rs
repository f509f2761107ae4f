//! The task `expiry`: what has had its time is dropped, in small transactions, so that no request waits long for one.

use osaycore_jwt::session;
use osaycore_signing::replay;

use super::{Held, Progress, Stopped};
use crate::admin::keys;
use crate::store::db::StoreError;
use crate::store::tx::Tx;
use crate::store::{
    admin_sessions, apps, assignments, enrollments, flows, leases, outbox, revocations, sessions, sign_in_attempts,
    sign_in_codes, signatures,
};

/// Rows of one transaction: for so long, some milliseconds, the tenant's requests wait.
const ROWS: i64 = 500;
/// Tenants of one step, which is so short that the leases are renewed in time even where a commit takes 100 ms.
const TENANTS: i64 = 4;
/// For how long the lease of a server that died is kept, for whoever asks what happened.
const ABANDONED_US: i64 = 3_600_000_000;
/// For how long what the sticky rules of an archived flag served is kept, so that a rollback gives it back.
const ASSIGNED_US: i64 = 30 * 24 * 3_600_000_000;
/// For how long wrong passwords at the console are counted: longer than any lock.
const ATTEMPTS_US: i64 = 24 * 3_600_000_000;

/// Looks first, so that nothing is written where nothing is due. By `window_s` the clocks of two servers may differ:
/// what has expired by one of them is kept so long for the others.
pub(super) fn step(held: &mut Held<'_>, window_s: i64) -> Result<Progress, Stopped> {
    let now_us = held.now_us;
    let now_s = now_us.div_euclid(1_000_000);
    let forget_before_s = replay::forget_before_s(now_s, window_s);
    let expired_s = now_s.saturating_sub(window_s);
    let (expired_us, abandoned_us) = (expired_s.saturating_mul(1_000_000), now_us.saturating_sub(ABANDONED_US));

    let of_signatures = held.read(|connection| signatures::tenants_with_old(connection, forget_before_s, TENANTS))?;
    let of_revocations = held.read(|connection| revocations::tenants_with_old(connection, expired_s, TENANTS))?;
    let of_links = held.read(|connection| enrollments::tenants_with_old(connection, expired_us, TENANTS))?;
    let of_flows = held.read(|connection| flows::tenants_with_old(connection, expired_us, TENANTS))?;
    let of_codes = held.read(|connection| sign_in_codes::tenants_with_old(connection, expired_us, TENANTS))?;
    let of_sessions = held.read(|connection| sessions::tenants_with_old(connection, expired_s, TENANTS))?;
    let of_console = held.read(|connection| admin_sessions::tenants_with_old(connection, expired_us, TENANTS))?;
    let archived_us = now_us.saturating_sub(ASSIGNED_US);
    let of_assignments = held.read(|connection| assignments::tenants_with_old(connection, archived_us, TENANTS))?;
    in_each(held, &of_signatures, |tx| tx.forget_signatures(forget_before_s, ROWS).map(drop))?;
    in_each(held, &of_revocations, |tx| tx.forget_revocations(expired_s, ROWS).map(drop))?;
    in_each(held, &of_links, |tx| {
        enrollments::forget(tx, expired_us)?;
        outbox::forget(tx, expired_us)
    })?;
    in_each(held, &of_flows, |tx| flows::forget(tx, expired_us, ROWS))?;
    in_each(held, &of_codes, |tx| sign_in_codes::forget(tx, expired_us, ROWS))?;
    in_each(held, &of_sessions, |tx| session::Storage::forget(tx, expired_s).map(drop))?;
    in_each(held, &of_console, |tx| admin_sessions::forget(tx, expired_us))?;
    in_each(held, &of_assignments, |tx| assignments::forget(tx, archived_us, ROWS))?;

    let any = held.read(|connection| {
        Ok(apps::any_expired_secret(connection, expired_us)? || leases::any_abandoned(connection, abandoned_us)?)
    })?;
    if any {
        held.write(|connection| {
            apps::drop_expired_secrets(connection, expired_us)?;
            leases::drop_abandoned(connection, abandoned_us)
        })?;
    }
    let attempts_us = now_us.saturating_sub(ATTEMPTS_US);
    if held.read(|connection| sign_in_attempts::any_old(connection, attempts_us))? {
        held.write(|connection| sign_in_attempts::forget(connection, attempts_us))?;
    }
    if held.read(|connection| keys::any_due(connection, now_us, expired_us))? {
        held.write(|connection| keys::advance(connection, now_us, expired_us))?;
    }
    let tenants =
        [of_signatures, of_revocations, of_links, of_flows, of_codes, of_sessions, of_console, of_assignments];
    Ok(if tenants.iter().all(Vec::is_empty) { Progress::Done } else { Progress::More })
}

/// A transaction in each of the tenants.
fn in_each(
    held: &mut Held<'_>,
    tenants: &[i64],
    forget: impl Fn(&mut Tx<'_>) -> Result<(), StoreError>,
) -> Result<(), Stopped> {
    for tenant_id in tenants {
        held.write(|connection| {
            let mut tx = Tx::lock(connection, *tenant_id)?;
            forget(&mut tx)?;
            tx.flush()
        })?;
    }
    Ok(())
}
