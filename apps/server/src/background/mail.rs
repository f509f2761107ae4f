//! The task `mail`: what is in the outbox is handed to the mail server, one at a time.
//!
//! Before a mail is sent it is put off, so that it is sent again when nothing more is heard of it: whoever crashes in
//! between sends it twice rather than never. A mail server may take longer than a lease lasts, so the lease only keeps
//! servers out of each other's way: what became of a mail is written down without it, by whoever has tried.

use uuid::Uuid;

use super::{Held, Progress, Stopped};
use crate::mail::Mailer;
use crate::metrics::{Mailed, Metrics};
use crate::snapshot::Snapshots;
use crate::store::db::StoreError;
use crate::store::outbox::{self, Due};
use crate::store::tx::Tx;
use crate::system;
use crate::traces::Span;

/// Longer than a mail server may take with one mail.
const CLAIM_US: i64 = 300_000_000;
/// From the end of the first failure, and four times as much after each further one, up to the longest.
const FIRST_PAUSE_US: i64 = 2_000_000;
const LONGEST_PAUSE_US: i64 = 3_600_000_000;

/// Sends the mail that has been due longest, of the tenants in turn.
pub(super) struct Sending {
    pub(super) mailer: Mailer,
    pub(super) metrics: Metrics,
    /// Whose mail was sent last.
    pub(super) tenant_id: i64,
}

impl Sending {
    pub(super) fn step(&mut self, held: &mut Held<'_>, snapshots: &Snapshots) -> Result<Progress, Stopped> {
        let (now_us, after_id) = (held.now_us, self.tenant_id);
        let due = held.read(|connection| outbox::tenant_with_due(connection, after_id, now_us))?;
        let Some(tenant_id) = due else { return Ok(Progress::Done) };
        self.tenant_id = tenant_id;
        let claimed = held.write(|connection| {
            let mut tx = Tx::lock(connection, tenant_id)?;
            let claimed = claim(&mut tx, snapshots, now_us)?;
            tx.flush()?;
            Ok(claimed)
        })?;
        let due = match claimed {
            Claimed::Due(due) => due,
            Claimed::Nothing => return Ok(Progress::More),
            Claimed::Expired { id, tried } => {
                tracing::error!(mail = %id, tried, "a mail could not be sent in time");
                self.metrics.mail(Mailed::Expired);
                return Ok(Progress::More);
            }
        };
        let span = Span::apart("mail");
        span.set("osaycore.mail.attempt", due.attempt);
        let sent = send(&self.mailer, &due);
        if sent.is_err() {
            span.fail();
        }
        drop(span);
        self.metrics.mail(if sent.is_ok() { Mailed::Sent } else { Mailed::Failed });
        if let Err(error) = &sent {
            let (mail, attempt, error) = (due.id, due.attempt, format!("{error:#}"));
            tracing::warn!(%mail, attempt, error, "a mail was not sent; it is tried again");
        }
        let again_us = again_us(system::now_us(), &due);
        held.write_without_lease(|connection| {
            let mut tx = Tx::lock(connection, tenant_id)?;
            match &sent {
                Ok(()) => outbox::remove(&mut tx, due.id)?,
                Err(_) => outbox::put_off(&mut tx, &due, again_us)?,
            }
            tx.flush()
        })?;
        Ok(Progress::More)
    }
}

/// What was found in the outbox.
enum Claimed {
    Due(Due),
    /// Somebody else was faster.
    Nothing,
    /// It was of no use any more, and is gone.
    Expired {
        id: Uuid,
        tried: i64,
    },
}

/// Puts the next mail off for as long as it may take.
fn claim(tx: &mut Tx<'_>, snapshots: &Snapshots, now_us: i64) -> Result<Claimed, StoreError> {
    let Some(due) = snapshots.with_sealer(tx, |tx, sealer| outbox::next_due(tx, sealer, now_us))? else {
        return Ok(Claimed::Nothing);
    };
    if due.expires_at_us <= now_us {
        outbox::remove(tx, due.id)?;
        return Ok(Claimed::Expired { id: due.id, tried: due.attempt.saturating_sub(1) });
    }
    outbox::claim(tx, &due, now_us.saturating_add(CLAIM_US))?;
    Ok(Claimed::Due(due))
}

fn send(mailer: &Mailer, due: &Due) -> anyhow::Result<()> {
    let mail = due.mail.as_ref().map_err(|error| anyhow::anyhow!("{error}"))?;
    mailer.send(serde_json::from_slice(mail)?)
}

/// When a mail that failed is tried again; no later than its end, which is then told.
fn again_us(now_us: i64, due: &Due) -> i64 {
    now_us.saturating_add(pause_us(due.attempt)).min(due.expires_at_us)
}

fn pause_us(attempts: i64) -> i64 {
    let doublings = u32::try_from(attempts.saturating_sub(1).saturating_mul(2)).unwrap_or(u32::MAX);
    FIRST_PAUSE_US
        .checked_shl(doublings)
        .filter(|pause| (1..LONGEST_PAUSE_US).contains(pause))
        .unwrap_or(LONGEST_PAUSE_US)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mail_is_looked_at_again_when_its_time_is_over() {
        let due = |attempt| Due { id: Uuid::nil(), mail: Ok(vec![].into()), attempt, expires_at_us: 100_000_000 };
        assert_eq!([1, 2, 4].map(|attempt| again_us(90_000_000, &due(attempt))), [92_000_000, 98_000_000, 100_000_000]);
    }

    #[test]
    fn pauses_grow_to_an_hour() {
        let seconds: Vec<i64> = (1..=8).map(|attempts| pause_us(attempts) / 1_000_000).collect();
        assert_eq!(seconds, [2, 8, 32, 128, 512, 2048, 3600, 3600]);
        assert_eq!((pause_us(40), pause_us(i64::MAX)), (LONGEST_PAUSE_US, LONGEST_PAUSE_US));
    }
}
