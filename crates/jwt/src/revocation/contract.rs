//! The suite that every [`Storage`] passes (feature `contract`). It panics at the first broken promise.

#![expect(clippy::expect_used, reason = "a test suite fails by panicking")]

use std::fmt::Debug;

use uuid::Uuid;

use super::{Revocation, Storage};
use crate::MAX_LIFETIME_S;

/// The users that the suite revokes; a store with foreign keys has them beforehand.
pub const SUBS: [Uuid; 2] = [Uuid::from_u128(1), Uuid::from_u128(u128::MAX)];

const NOW_S: i64 = 1_678_886_400;

/// A store under test.
pub trait Fixture {
    /// The storage: one open transaction, which may borrow its connection.
    type Storage<'t>: Storage<Error: Debug>;

    /// Opens a transaction of the same store and tenant, runs the work in it and commits it.
    fn transact<R>(&mut self, work: impl FnOnce(&mut Self::Storage<'_>) -> R) -> R;
}

/// Runs the suite on a store without revocations, and leaves it so.
///
/// # Panics
/// At the first promise of [`Storage`] that the store breaks.
pub fn run<F: Fixture>(store: &mut F) {
    users(store);
    tokens(store);
    forgetting(store);
}

fn users<F: Fixture>(store: &mut F) {
    let [sub, other] = SUBS;
    assert_eq!(cutoff(store, sub), None, "nobody is revoked at first");
    store.transact(|storage| {
        storage.revoke(&user(sub, NOW_S)).expect("revoke");
        let within = storage.user_cutoff(sub).expect("user_cutoff");
        assert_eq!(within, Some(NOW_S), "a transaction sees what it revoked");
    });
    for (up_to_iat_s, expected) in [(NOW_S, NOW_S), (NOW_S - 1, NOW_S), (NOW_S + 1, NOW_S + 1)] {
        revoke(store, user(sub, up_to_iat_s));
        assert_eq!(cutoff(store, sub), Some(expected), "the latest second counts");
    }
    assert_eq!(cutoff(store, other), None, "another user is not revoked");
    assert_eq!(all(store, NOW_S), [user(sub, NOW_S + 1)], "one revocation for each user");
}

fn tokens<F: Fixture>(store: &mut F) {
    let [sub, other] = SUBS;
    for (jti, expires_at_s) in [(1, NOW_S + 9), (1, NOW_S + 9), (1, NOW_S + 5), (2, NOW_S + 10)] {
        revoke(store, token(jti, sub, expires_at_s));
    }
    revoke(store, token(3, other, i64::MAX));
    let (one, two, three) = (token(1, sub, NOW_S + 9), token(2, sub, NOW_S + 10), token(3, other, i64::MAX));
    let user = user(sub, NOW_S + 1);
    assert_eq!(all(store, NOW_S), [one, two, three, user], "the latest expiry of each jti");
    assert_eq!(all(store, NOW_S + 8), [one, two, three, user], "unexpired for a second more");
    assert_eq!(all(store, NOW_S + 9), [two, three, user], "an expired token needs no revocation");
    assert_eq!(all(store, NOW_S), [one, two, three, user], "asking forgets nothing");
    assert_eq!(cutoff(store, other), None, "a revoked token does not revoke its user");
}

fn forgetting<F: Fixture>(store: &mut F) {
    let [sub, other] = SUBS;
    let (two, three) = (token(2, sub, NOW_S + 10), token(3, other, i64::MAX));
    let user_until_s = NOW_S + 1 + MAX_LIFETIME_S;
    assert_eq!(forget(store, NOW_S + 8), 0, "all are needed");
    assert_eq!(forget(store, NOW_S + 9), 1, "the expired token");
    assert_eq!(all(store, NOW_S), [two, three, user(sub, NOW_S + 1)]);
    assert_eq!(forget(store, user_until_s - 1), 1, "the user as long as a token may live");
    assert_eq!(cutoff(store, sub), Some(NOW_S + 1));
    assert_eq!(all(store, user_until_s - 1), [three, user(sub, NOW_S + 1)]);
    assert_eq!(all(store, user_until_s), [three]);
    assert_eq!(forget(store, user_until_s), 1, "and no longer");
    assert_eq!(cutoff(store, sub), None, "what was forgotten is gone");
    assert_eq!(forget(store, i64::MAX), 1, "all the rest");
    assert_eq!(all(store, 0), [], "nothing is left");
}

fn user(sub: Uuid, up_to_iat_s: i64) -> Revocation {
    Revocation::User { sub, up_to_iat_s }
}

fn token(jti: u128, sub: Uuid, expires_at_s: i64) -> Revocation {
    Revocation::Token { jti: Uuid::from_u128(jti), sub, expires_at_s }
}

fn revoke<F: Fixture>(store: &mut F, revocation: Revocation) {
    store.transact(|storage| storage.revoke(&revocation).expect("revoke"));
}

fn cutoff<F: Fixture>(store: &mut F, sub: Uuid) -> Option<i64> {
    store.transact(|storage| storage.user_cutoff(sub).expect("user_cutoff"))
}

fn all<F: Fixture>(store: &mut F, now_s: i64) -> Vec<Revocation> {
    let mut all = store.transact(|storage| storage.revocations(now_s).expect("revocations"));
    all.sort_unstable();
    all
}

fn forget<F: Fixture>(store: &mut F, now_s: i64) -> u64 {
    store.transact(|storage| storage.forget(now_s).expect("forget"))
}
