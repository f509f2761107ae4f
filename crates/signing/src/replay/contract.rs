//! The suite that every [`ReplayGuard`] passes (feature `contract`). It panics at the first broken promise.

#![expect(clippy::expect_used, reason = "a test suite fails by panicking")]

use alloc::{format, vec, vec::Vec};
use core::fmt::Debug;

use uuid::Uuid;

use super::{Recognition, ReplayGuard, Sight, Sighting, Target, recognise};
use crate::Mac;

/// The two apps that the suite records for; a store with foreign keys has them beforehand.
pub const APP_IDS: [i64; 2] = [1, 2];

/// A store under test.
pub trait Fixture {
    /// The guard: one open transaction, which may borrow its connection.
    type Guard<'t>: ReplayGuard<Error: Debug>;

    /// Opens a transaction of the same store and tenant, runs the work in it and commits it.
    fn transact<R>(&mut self, work: impl FnOnce(&mut Self::Guard<'_>) -> R) -> R;
}

/// Runs the suite on a store without sightings, and leaves it so.
///
/// # Panics
/// At the first promise of [`ReplayGuard`] that the store breaks.
pub fn run<F: Fixture>(store: &mut F) {
    records_and_finds(store);
    sets_the_outcome_and_nothing_else(store);
    tells_apps_timestamps_and_macs_apart(store);
    forgets_what_is_older(store);
    agrees_with_a_list(store);
}

fn records_and_finds<F: Fixture>(store: &mut F) {
    let sight = sight(1_000, 1);
    assert_eq!(seen(store, &sight), vec![], "an unknown MAC has no sightings");
    let first = sight.sighting(0, 1_000_000_001, None);
    store.transact(|guard| {
        guard.record(&sight, &first).expect("record");
        let within = guard.sightings(sight.app_id, sight.timestamp_s, &sight.mac).expect("sightings");
        assert_eq!(within, vec![first.clone()], "a transaction sees what it recorded");
    });
    assert_eq!(seen(store, &sight), vec![first.clone()], "what was committed is found");

    // Other subjects, recorded out of order: they come back by ordinal.
    let user = Sight { subject: Some(Uuid::from_u128(u128::MAX)), ..sight };
    let other = Sight { subject: Some(Uuid::from_u128(1)), ..sight };
    let second = user.sighting(1, i64::MAX, Some(vec![]));
    let third = other.sighting(2, 0, Some((0..=u8::MAX).collect()));
    record(store, &other, &third);
    record(store, &user, &second);
    assert_eq!(
        seen(store, &sight),
        vec![first, second, third],
        "by ordinal, subjects, times and outcomes to the byte; an empty outcome is not none"
    );
}

fn sets_the_outcome_and_nothing_else<F: Fixture>(store: &mut F) {
    let sight = sight(1_000, 2);
    let first = sight.sighting(0, 5, None);
    record(store, &sight, &first);
    let elsewhere = Sight { subject: Some(Uuid::from_u128(9)), target: Target::new("PUT", "/"), ..sight };
    record(store, &elsewhere, &elsewhere.sighting(0, 6, Some(b"done".to_vec())));
    let expected = Sighting { outcome: Some(b"done".to_vec()), ..first };
    assert_eq!(seen(store, &sight), vec![expected], "a known ordinal gets its outcome only");
}

fn tells_apps_timestamps_and_macs_apart<F: Fixture>(store: &mut F) {
    let [_, other_app] = APP_IDS;
    let sight = sight(1_001, 3);
    record(store, &sight, &sight.sighting(0, 1, None));
    for (what, other) in [
        ("app", Sight { app_id: other_app, ..sight }),
        ("timestamp", Sight { timestamp_s: 1_002, ..sight }),
        ("MAC", Sight { mac: mac(4), ..sight }),
    ] {
        assert_eq!(seen(store, &other), vec![], "another {what} has sightings of its own");
        let own = other.sighting(0, 2, Some(what.as_bytes().to_vec()));
        record(store, &other, &own);
        assert_eq!(seen(store, &other), vec![own], "another {what} has sightings of its own");
        assert_eq!(seen(store, &sight), vec![sight.sighting(0, 1, None)], "another {what}");
    }
}

/// Leaves the store empty.
fn forgets_what_is_older<F: Fixture>(store: &mut F) {
    let before = sight(1_999, 5);
    let at = sight(2_000, 5);
    forget(store, 2_000);
    let from_s = remembers_from_s(store);
    assert!(from_s < 1_999, "an empty cut moves nothing: {from_s}");
    record(store, &before, &before.sighting(0, 1, None));
    let [_, other_app] = APP_IDS;
    record(store, &Sight { app_id: other_app, ..before }, &before.sighting(0, 1, None));
    record(store, &at, &at.sighting(0, 1, None));
    assert_eq!(forget(store, 1_999), 0, "the timestamp itself is kept");
    assert_eq!(forget(store, 2_000), 2, "older sightings of every app are dropped and counted");
    assert_eq!(seen(store, &before), vec![], "what was forgotten is gone");
    assert_eq!(remembers_from_s(store), 2_000, "and it is known up to where");
    assert_eq!(seen(store, &at), vec![at.sighting(0, 1, None)], "the timestamp itself is kept");
    assert_eq!(forget(store, i64::MAX), 1, "all the rest");
    assert_eq!(forget(store, i64::MAX), 0, "nothing is forgotten twice");
    assert_eq!(remembers_from_s(store), 2_001, "one more than the greatest that was forgotten");
}

fn remembers_from_s<F: Fixture>(store: &mut F) -> i64 {
    store.transact(|guard| guard.remembers_from_s().expect("remembers_from_s"))
}

/// Pseudo-random requests, recognised and recorded as a server does it, beside the plainest memory there is: a list.
fn agrees_with_a_list<F: Fixture>(store: &mut F) {
    let mut list: Vec<(Sight, Sighting)> = Vec::new();
    let mut below = pseudo_random();
    for round in 0..24 {
        let mut requests: Vec<(Sight, Option<Vec<u8>>)> = Vec::new();
        for _ in 0..below(8) {
            let [app_id, other_app] = APP_IDS;
            let app_id = if below(2) == 0 { app_id } else { other_app };
            let subject = Some(below(4)).filter(|user| *user > 0);
            let subject = subject.map(|user| Uuid::from_u128(user.into()));
            let sight = sight(3_000 + i64::from(below(4) == 0), u8::from(below(2) == 0));
            let outcome = (below(2) == 0).then(|| format!("outcome {round}").into_bytes());
            requests.push((Sight { app_id, subject, ..sight }, outcome));
        }
        let forget_before_s = (below(6) == 0).then_some(3_001);
        store.transact(|guard| {
            for (sight, outcome) in requests {
                let found = guard.sightings(sight.app_id, sight.timestamp_s, &sight.mac).expect("sightings");
                let of_mac = list.iter().filter(|(known, _)| bytes_of(known) == bytes_of(&sight));
                let mut expected: Vec<_> = of_mac.map(|(_, sighting)| sighting.clone()).collect();
                expected.sort_by_key(|sighting| sighting.ordinal);
                assert_eq!(found, expected, "round {round}");
                let sighting = match recognise(&sight, &found) {
                    Recognition::First { ordinal } => sight.sighting(ordinal, round, outcome),
                    Recognition::Again { sighting } => Sighting { outcome, ..sighting.clone() },
                    Recognition::Done { .. } | Recognition::Elsewhere => continue,
                };
                guard.record(&sight, &sighting).expect("record");
                list.retain(|(known, old)| bytes_of(known) != bytes_of(&sight) || old.ordinal != sighting.ordinal);
                list.push((sight, sighting));
            }
            if let Some(before_s) = forget_before_s {
                let before = list.len();
                list.retain(|(known, _)| known.timestamp_s >= before_s);
                let dropped = before.saturating_sub(list.len());
                let forgotten = guard.forget(before_s).expect("forget");
                assert_eq!(u64::try_from(dropped), Ok(forgotten), "round {round}");
            }
        });
    }
    forget(store, i64::MAX);
}

/// Numbers below a bound, from Knuth's MMIX generator: the suite needs variety, not secrecy.
fn pseudo_random() -> impl FnMut(u64) -> u64 {
    let mut state = 0x5eed_u64;
    move |bound| {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 33).checked_rem(bound).unwrap_or(0)
    }
}

/// What sightings are found by.
fn bytes_of(sight: &Sight) -> (i64, i64, Mac) {
    (sight.app_id, sight.timestamp_s, sight.mac)
}

fn sight(timestamp_s: i64, seed: u8) -> Sight {
    let target = Target::new("POST", "/api/action/deduct-credits");
    let [app_id, _] = APP_IDS;
    Sight { app_id, timestamp_s, mac: mac(seed), subject: None, target }
}

fn mac(seed: u8) -> Mac {
    Mac::from_bytes([seed; 32])
}

fn seen<F: Fixture>(store: &mut F, sight: &Sight) -> Vec<Sighting> {
    store.transact(|guard| guard.sightings(sight.app_id, sight.timestamp_s, &sight.mac).expect("sightings"))
}

fn record<F: Fixture>(store: &mut F, sight: &Sight, sighting: &Sighting) {
    store.transact(|guard| guard.record(sight, sighting).expect("record"));
}

fn forget<F: Fixture>(store: &mut F, before_timestamp_s: i64) -> u64 {
    store.transact(|guard| guard.forget(before_timestamp_s).expect("forget"))
}
