//! The task `tallies`: counts the audit trail into sums of the hour, each event once, in the order of the trail.
//!
//! How far it is counted is written in the transaction of the sums, so no event is counted twice or left out, whoever does
//! it and wherever it is cut off.

use std::collections::{BTreeMap, BTreeSet};

use osaycore_audit::{Action, Event, Field, Value};
use osaycore_ledger::Amount;

use super::{Held, Progress, Stopped};
use crate::store::tallies::{self, HOUR_US, Span, Tally};
use crate::store::tx::Tx;

/// Events of one transaction.
const EVENTS: usize = 1000;

/// What some events come to.
#[derive(Debug, Default, PartialEq, Eq)]
struct Counted {
    sums: BTreeMap<(i64, Tally), i64>,
    active: BTreeMap<(Span, i64), BTreeSet<i64>>,
}

/// Counts round by round, a piece of each tenant's trail in turn.
#[derive(Debug, Default)]
pub(super) struct Counting {
    /// Whose turn it was.
    tenant_id: i64,
    /// Some trail of this round goes on after its piece.
    goes_on: bool,
}

impl Counting {
    pub(super) fn step(&mut self, held: &mut Held<'_>) -> Result<Progress, Stopped> {
        let after_id = self.tenant_id;
        let Some((tenant_id, mark)) = held.read(|connection| tallies::behind(connection, after_id))? else {
            self.tenant_id = 0;
            return Ok(if std::mem::take(&mut self.goes_on) { Progress::More } else { Progress::Done });
        };
        self.tenant_id = tenant_id;
        self.goes_on |= count(held, tenant_id, mark)?;
        Ok(Progress::More)
    }
}

/// Counts a piece of a tenant's trail; whether it goes on after that.
fn count(held: &mut Held<'_>, tenant_id: i64, mark: i64) -> Result<bool, Stopped> {
    let found = held.read(|connection| {
        let mut tx = Tx::new(connection, tenant_id);
        let records = tallies::events_after(&mut tx, mark, EVENTS)?;
        let Some(last) = records.last() else { return Ok(None) };
        let (last_id, last_hour) = (last.id, hour(last.event.at_us));
        let mut counted = Counted::default();
        for record in &records {
            counted.count(&record.event);
        }
        let mut new = Vec::new();
        for ((span, hour), users) in &counted.active {
            new.push((*span, *hour, tallies::not_yet_active(&mut tx, *span, *hour, users)?));
        }
        let is_whole = records.len() < EVENTS;
        Ok(Some((last_id, last_hour, counted.sums, new, is_whole)))
    });
    // A trail whose head is ahead of what is there to be read: it is looked at the next time.
    let Some((last_id, last_hour, sums, active, is_whole)) = found? else { return Ok(false) };
    held.write(|connection| {
        let mut tx = Tx::lock(connection, tenant_id)?;
        if !tallies::advance(&mut tx, mark, last_id)? {
            return Ok(());
        }
        for ((hour, tally), more) in &sums {
            tallies::add(&mut tx, *hour, *tally, *more)?;
        }
        for (span, hour, users) in active.iter().filter(|(_, _, users)| !users.is_empty()) {
            tallies::activate(&mut tx, *span, *hour, users)?;
            let tally = if *span == Span::Hour { Tally::ActiveUsers } else { Tally::ActiveUsersOfDay };
            tallies::add(&mut tx, *hour, tally, i64::try_from(users.len()).unwrap_or(i64::MAX))?;
        }
        tallies::forget(&mut tx, last_hour)?;
        tx.flush()
    })?;
    Ok(!is_whole)
}

impl Counted {
    fn count(&mut self, event: &Event) {
        let hour = hour(event.at_us);
        let mut add = |tally, more: i64| {
            let sum = self.sums.entry((hour, tally)).or_default();
            *sum = sum.saturating_add(more);
        };
        match event.action {
            Action::CreditsDeducted | Action::CreditsAdded | Action::CreditsRefunded => match amount(event) {
                Some(spent) if spent < 0 => add(Tally::Spent, spent.saturating_neg()),
                Some(issued) => add(Tally::Issued, issued),
                None => {}
            },
            Action::UserSignedIn | Action::OtpVerified => add(Tally::SignIns, 1),
            refused if refused.is_refusal() => add(Tally::Refusals, i64::try_from(event.count).unwrap_or(i64::MAX)),
            _ => {}
        }
        if let Some(user_id) = event.user_id.filter(|_| is_activity(event.action)) {
            for span in [Span::Hour, Span::Day] {
                self.active.entry((span, span.first(hour))).or_default().insert(user_id);
            }
        }
    }
}

/// Whether the user did it, or an app for the user.
fn is_activity(action: Action) -> bool {
    matches!(
        action,
        Action::CreditsDeducted
            | Action::UserSignedIn
            | Action::TokenIssued
            | Action::TokenRefreshed
            | Action::OtpVerified
            | Action::OtpBypassed
    )
}

/// The credits of an event, in millionths: negative where they were spent.
fn amount(event: &Event) -> Option<i64> {
    let Value::Text(text) = event.after.value(Field::Amount)? else { return None };
    match text.strip_prefix('-') {
        Some(spent) => spent.parse::<Amount>().ok().map(|amount| amount.micros().saturating_neg()),
        None => text.parse::<Amount>().ok().map(Amount::micros),
    }
}

fn hour(at_us: i64) -> i64 {
    at_us.div_euclid(HOUR_US)
}

#[cfg(test)]
mod tests {
    use osaycore_audit::{Actor, Details};

    use super::*;

    fn event(action: Action, at_us: i64, user_id: Option<i64>, amount: &str) -> Event {
        let after = Details::new().with(Field::Amount, amount);
        Event { user_id, after, ..Event::new(action, Actor::System, 1, at_us) }
    }

    #[test]
    fn events_are_counted_into_their_hours() {
        let mut counted = Counted::default();
        for event in [
            event(Action::CreditsDeducted, 0, Some(1), "-2.50"),
            event(Action::CreditsDeducted, HOUR_US - 1, Some(1), "-0.000001"),
            event(Action::CreditsDeducted, HOUR_US, Some(2), "-1.00"),
            event(Action::CreditsAdded, 5, Some(3), "10.00"),
            event(Action::CreditsRefunded, 5, Some(1), "2.50"),
            event(Action::UserSignedIn, 25 * HOUR_US, Some(2), ""),
            event(Action::UserCreated, 0, Some(9), ""),
            Event { count: 7, ..event(Action::SignatureRefused, 0, None, "") },
            event(Action::CreditsRefused, 0, Some(4), "5.00"),
        ] {
            counted.count(&event);
        }
        let sums = [
            ((0, Tally::Spent), 2_500_001),
            ((0, Tally::Issued), 12_500_000),
            ((0, Tally::Refusals), 8),
            ((1, Tally::Spent), 1_000_000),
            ((25, Tally::SignIns), 1),
        ];
        assert_eq!(counted.sums, sums.into());
        let active = [
            ((Span::Hour, 0), [1].into()),
            ((Span::Hour, 1), [2].into()),
            ((Span::Hour, 25), [2].into()),
            ((Span::Day, 0), [1, 2].into()),
            ((Span::Day, 24), [2].into()),
        ];
        assert_eq!(counted.active, active.into());
    }

    #[test]
    fn a_time_before_the_epoch_has_its_hour_too() {
        assert_eq!((hour(-1), Span::Day.first(-1), Span::Day.first(47)), (-1, -24, 24));
    }
}
