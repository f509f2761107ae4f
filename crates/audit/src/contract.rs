//! What every [`Log`] must do, as tests that any implementation can run.

use alloc::{vec, vec::Vec};
use core::fmt::Debug;

use uuid::Uuid;

use crate::{Action, Actor, Details, Event, Field, Filter, Log, Record, Target, TargetKind, Value};

/// A store with the empty log of one tenant, and a way to open transactions on it.
pub trait Fixture {
    /// The log inside one open transaction.
    type Log<'t>: Log<Error: Debug>
    where
        Self: 't;

    /// The tenant whose log it is; any but `i64::MAX`.
    fn tenant_id(&self) -> i64;

    /// Opens a transaction, does the work, and commits.
    fn transact<R>(&mut self, work: impl FnOnce(&mut Self::Log<'_>) -> R) -> R;
}

/// Runs the suite; `fresh` makes a store with an empty log each time it is called.
///
/// The suite names apps 1 and 2 and users 11 and 12 in its events: a store with foreign keys needs
/// these rows.
///
/// # Panics
/// When the log breaks its contract.
pub fn run<F: Fixture>(mut fresh: impl FnMut() -> F) {
    positions_are_1_2_3_across_transactions(&mut fresh());
    every_member_comes_back(&mut fresh());
    each_filter_finds_what_it_says(&mut fresh());
    pages_join_without_gap_or_repetition(&mut fresh());
    an_event_of_another_tenant_is_refused(&mut fresh());
}

fn positions_are_1_2_3_across_transactions<F: Fixture>(store: &mut F) {
    let event = bare(store.tenant_id());
    assert_eq!(list(store, &Filter::default()), [], "an empty log lists nothing");
    for expected in [[1, 2], [3, 4]] {
        let event = event.clone();
        let ids = store.transact(|log| [append(log, event.clone()), append(log, event)]);
        assert_eq!(ids, expected, "positions of a log");
    }
    store.transact(|log| {
        let id = append(log, event);
        let newest = done(log.list(&Filter { limit: 1, ..Filter::default() }));
        assert_eq!(positions(&newest), [id], "an event is listed in its own transaction");
    });
}

fn every_member_comes_back<F: Fixture>(store: &mut F) {
    let full = full(store.tenant_id());
    let bare = bare(store.tenant_id());
    store.transact(|log| {
        append(log, full.clone());
        append(log, bare.clone());
    });
    let expected = [Record { id: 2, event: bare }, Record { id: 1, event: full }];
    assert_eq!(list(store, &Filter::default()), expected, "events come back as they went in");
}

fn each_filter_finds_what_it_says<F: Fixture>(store: &mut F) {
    // Times fall as positions rise: the order is by position, whatever the clock did.
    let tenant_id = store.tenant_id();
    let records: Vec<Record> = (1..=24_i64)
        .map(|id| {
            let action = if id % 3 == 0 { Action::CreditsRefused } else { Action::CreditsAdded };
            let mut event = Event::new(action, Actor::System, tenant_id, 1_000 - id * 10);
            event.app_id = [None, Some(1), Some(2)].into_iter().cycle().nth(nth(id / 2)).flatten();
            event.user_id = [Some(11), None, Some(12), Some(11)].into_iter().cycle().nth(nth(id)).flatten();
            Record { id, event }
        })
        .collect();
    store.transact(|log| {
        for record in &records {
            append(log, record.event.clone());
        }
    });
    let all = Filter::default();
    let filters = [
        all.clone(),
        Filter { app_id: Some(1), ..all.clone() },
        Filter { app_id: Some(99), ..all.clone() },
        Filter { user_id: Some(11), ..all.clone() },
        Filter { action: Some(Action::CreditsRefused), ..all.clone() },
        Filter { action: Some(Action::KeyRotated), ..all.clone() },
        Filter { from_us: Some(900), ..all.clone() },
        Filter { to_us: Some(900), ..all.clone() },
        Filter { from_us: Some(800), to_us: Some(900), ..all.clone() },
        Filter { from_us: Some(900), to_us: Some(900), ..all.clone() },
        Filter { before_id: Some(5), ..all.clone() },
        Filter { before_id: Some(1), ..all.clone() },
        Filter { limit: 3, ..all.clone() },
        Filter { limit: 0, ..all.clone() },
        Filter { app_id: Some(2), user_id: Some(11), before_id: Some(20), limit: 2, ..all.clone() },
        Filter { app_id: Some(1), action: Some(Action::CreditsAdded), from_us: Some(850), ..all },
    ];
    for filter in filters {
        let mut expected = records.clone();
        expected.retain(|record| filter.matches(record));
        expected.reverse();
        expected.truncate(usize::try_from(filter.limit).unwrap_or(usize::MAX));
        assert_eq!(positions(&list(store, &filter)), positions(&expected), "{filter:?}");
    }
}

fn pages_join_without_gap_or_repetition<F: Fixture>(store: &mut F) {
    let event = bare(store.tenant_id());
    store.transact(|log| {
        for _ in 0..7 {
            append(log, event.clone());
        }
    });
    let mut seen = vec![];
    let mut filter = Filter { limit: 3, ..Filter::default() };
    loop {
        let page = positions(&list(store, &filter));
        let Some(last) = page.last() else { break };
        filter.before_id = Some(*last);
        seen.extend(page);
        // A log appended to between two pages does not disturb them.
        store.transact(|log| append(log, event.clone()));
        assert!(seen.len() <= 7, "paging does not end: {seen:?}");
    }
    assert_eq!(seen, [7, 6, 5, 4, 3, 2, 1], "pages of three");
}

fn an_event_of_another_tenant_is_refused<F: Fixture>(store: &mut F) {
    let (own, foreign) = (bare(store.tenant_id()), bare(i64::MAX));
    let refused = store.transact(|log| log.append(foreign).is_err());
    assert!(refused, "an event of another tenant was appended");
    assert_eq!(list(store, &Filter::default()), [], "a refused event was written");
    assert_eq!(store.transact(|log| append(log, own)), 1, "a refused event took a position");
}

fn bare(tenant_id: i64) -> Event {
    Event::new(Action::CreditsDeducted, Actor::System, tenant_id, 0)
}

/// An event in which every member says something, with texts that need care.
fn full(tenant_id: i64) -> Event {
    Event {
        action: Action::AccessRefused,
        actor: Actor::User(Uuid::from_u128(0x7b0c_1b9e_6d0a_4a7e_9a57_0d8a_0f8f_3f55)),
        tenant_id,
        app_id: Some(1),
        target: Some(Target::new(TargetKind::Flag, "new \"ui\" \\ \u{0} \u{1F600}")),
        user_id: Some(11),
        address: Some("2001:db8::1".into()),
        request_id: Some("Ä'; --".into()),
        at_us: i64::MAX,
        count: u64::MAX,
        reason: Some("scope_missing".into()),
        before: Details::new().with(Field::Balance, Value::credits(-1)),
        after: Details::new()
            .with(Field::Rows, i64::MIN)
            .with(Field::Enabled, false)
            .with(Field::Email, Value::Null)
            .with(Field::Name, ""),
    }
}

fn append<L: Log<Error: Debug>>(log: &mut L, event: Event) -> i64 {
    done(log.append(event))
}

fn list<F: Fixture>(store: &mut F, filter: &Filter) -> Vec<Record> {
    store.transact(|log| done(log.list(filter)))
}

fn positions(records: &[Record]) -> Vec<i64> {
    records.iter().map(|record| record.id).collect()
}

fn nth(id: i64) -> usize {
    usize::try_from(id).unwrap_or_default()
}

#[expect(clippy::panic, reason = "a suite fails by panicking")]
fn done<T, E: Debug>(result: Result<T, E>) -> T {
    result.unwrap_or_else(|error| panic!("the store failed: {error:?}"))
}
