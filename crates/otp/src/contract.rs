//! The suite that every [`Storage`] passes (feature `contract`). It panics at the first broken promise.

#![expect(clippy::expect_used, reason = "a test suite fails by panicking")]

use alloc::{
    format,
    string::{String, ToString},
    vec::Vec,
};
use core::fmt::Debug;

use crate::{Algorithm, Attempts, Credential, Month, Parameters, Secret, Storage};

mod operations;
mod random;

/// The users that the suite enrols; a store with foreign keys has them beforehand.
pub const USER_IDS: [i64; 6] = [21, 22, 23, 24, 25, 26];

/// The apps that the suite asks for; a store with foreign keys has them beforehand.
pub const APP_IDS: [i64; 2] = [1, 2];

/// A store under test.
pub trait Fixture {
    /// The storage: one open transaction, which may borrow its connection.
    type Store<'t>: Storage<Error: Debug>;

    /// Opens a transaction of the same store and tenant and runs the work in it. Commits it if the work is `Ok`; else
    /// rolls it back and hands the error on. A commit that fails is an `Err` too. The work is not tried again.
    fn transact<R>(&mut self, work: impl FnOnce(&mut Self::Store<'_>) -> Result<R, String>) -> Result<R, String>;
}

/// Runs the suite on a store that has no second factors, attempts and counts yet.
///
/// # Panics
/// At the first promise of [`Storage`] that the store breaks.
pub fn run<F: Fixture>(store: &mut F) {
    credentials_are_kept_to_the_byte(store);
    credentials_are_removed_with_their_recovery_codes(store);
    attempts_are_of_one_user_in_one_app(store);
    recovery_codes_are_taken_once(store);
    users_are_counted_once_a_month(store);
    what_is_not_committed_is_gone(store);
    operations::run(store);
    random::run(store);
}

fn credentials_are_kept_to_the_byte<F: Fixture>(store: &mut F) {
    let [user, other, ..] = USER_IDS;
    assert_eq!(credential(store, user), None, "there is none at first");
    let mut last_steps = [0, 1, 59_000_000, i64::MAX].into_iter().cycle();
    for algorithm in [Algorithm::Sha1, Algorithm::Sha256, Algorithm::Sha512] {
        for (digits, period_s) in [(6, 15), (6, 30), (7, 60), (8, 15), (8, 120)] {
            for length in [16, algorithm.seed_bytes(), 64] {
                let parameters = Parameters::new(algorithm, digits, period_s).expect("parameters");
                let seed: Vec<u8> = [0, 255, 128, 10].into_iter().cycle().take(length).collect();
                let secret = Secret::new(&seed, parameters).expect("a seed");
                let pending = Credential::Pending(secret.clone());
                let last_step = last_steps.next().expect("a cycle");
                let active = Credential::Active { secret, last_step };
                // Each replaces the one before: active by pending as well.
                for put in [pending, active] {
                    commits(store, |tx| {
                        tx.put_credential(user, &put).expect("put_credential");
                        let within = tx.credential(user).expect("credential");
                        assert_eq!(within.as_ref(), Some(&put), "a transaction reads what it wrote");
                    });
                    let found = credential(store, user).expect("a credential");
                    assert_eq!(found, put, "a credential is kept as it is");
                    assert_eq!(found.secret().parameters(), parameters, "with its parameters");
                    assert_eq!(found.secret().seed(), seed, "and its seed to the byte");
                }
            }
        }
    }
    assert_eq!(credential(store, other), None, "another user still has none");
}

fn credentials_are_removed_with_their_recovery_codes<F: Fixture>(store: &mut F) {
    let [_, user, other, ..] = USER_IDS;
    let [app, _] = APP_IDS;
    let failures = Attempts::Open { failures: 3 };
    for user in [user, other] {
        commits(store, |tx| {
            tx.put_credential(user, &active(1, 7)).expect("put_credential");
            tx.replace_recovery_codes(user, &[digest(1), digest(2)]).expect("replace_recovery_codes");
            tx.put_attempts(user, app, failures).expect("put_attempts");
        });
    }
    commits(store, |tx| tx.put_credential(user, &active(2, 8)).expect("put_credential"));
    assert_eq!(codes_left(store, user), 2, "recovery codes stay when the credential is replaced");

    commits(store, |tx| {
        assert!(tx.remove_credential(user).expect("remove_credential"), "there was one");
        assert!(!tx.remove_credential(user).expect("remove_credential"), "and is none any more");
    });
    assert_eq!(credential(store, user), None, "what is removed is gone");
    assert_eq!(codes_left(store, user), 0, "with the recovery codes");
    assert!(!take(store, user, 1), "which nobody can use any more");
    assert_eq!(attempts(store, user, app), failures, "attempts are no part of a credential");
    assert!(!commits(store, |tx| tx.remove_credential(user).expect("remove_credential")), "nor is any the next time");

    commits(store, |tx| tx.put_credential(user, &active(3, 0)).expect("put_credential"));
    assert_eq!(codes_left(store, user), 0, "a new credential has no recovery codes of an old one");
    assert_eq!(credential(store, other), Some(active(1, 7)), "another user's stays");
    assert_eq!(codes_left(store, other), 2, "with its recovery codes");
}

fn attempts_are_of_one_user_in_one_app<F: Fixture>(store: &mut F) {
    let [.., user, other] = USER_IDS;
    let [app, other_app] = APP_IDS;
    assert_eq!(attempts(store, user, app), Attempts::NONE, "none at first");
    for put in [
        Attempts::Open { failures: 1 },
        Attempts::Locked { until_us: 0 },
        Attempts::Open { failures: u32::MAX },
        Attempts::Locked { until_us: 1_800_000_000_000_001 },
        Attempts::Locked { until_us: i64::MAX },
    ] {
        commits(store, |tx| {
            tx.put_attempts(user, app, put).expect("put_attempts");
            assert_eq!(tx.attempts(user, app).expect("attempts"), put, "a transaction reads what it wrote");
        });
        assert_eq!(attempts(store, user, app), put, "as they were put last");
        assert_eq!(attempts(store, user, other_app), Attempts::NONE, "another app has attempts of its own");
        assert_eq!(attempts(store, other, app), Attempts::NONE, "another user has attempts of their own");
    }
    let two = Attempts::Open { failures: 2 };
    for (user, app) in [(user, other_app), (other, app)] {
        commits(store, |tx| tx.put_attempts(user, app, two).expect("put_attempts"));
    }
    commits(store, |tx| {
        assert!(tx.clear_attempts(user).expect("clear_attempts"), "there were some");
        assert!(!tx.clear_attempts(user).expect("clear_attempts"), "and are none any more");
    });
    for app in APP_IDS {
        assert_eq!(attempts(store, user, app), Attempts::NONE, "cleared in every app");
    }
    assert_eq!(attempts(store, other, app), two, "another user's stay");
    assert!(!clear(store, user), "there were none");

    commits(store, |tx| tx.put_attempts(other, app, Attempts::NONE).expect("put_attempts"));
    assert_eq!(attempts(store, other, app), Attempts::NONE, "a success clears");
    assert!(!clear(store, other), "NONE is as if there were none");
    commits(store, |tx| tx.put_attempts(other, app, Attempts::NONE).expect("put_attempts"));
    assert!(!clear(store, other), "also where there were none before");
}

fn recovery_codes_are_taken_once<F: Fixture>(store: &mut F) {
    let [_, _, _, user, other, _] = USER_IDS;
    for user in [user, other] {
        commits(store, |tx| tx.put_credential(user, &active(4, 1)).expect("put_credential"));
    }
    assert_eq!(codes_left(store, user), 0, "there are none at first");
    assert!(!take(store, user, 0), "so none is taken");

    // Users may have digests in common.
    replace(store, user, &[0, 1, 2, 3, 4, 5, 6, 7, 8, 255]);
    replace(store, other, &[0, 255]);
    assert_eq!(codes_left(store, user), 10, "ten were given");
    assert!(!take(store, user, 9), "one that was not given is not taken");
    commits(store, |tx| {
        assert!(tx.take_recovery_code(user, &digest(255)).expect("take_recovery_code"), "one that was given is");
        assert!(!tx.take_recovery_code(user, &digest(255)).expect("take_recovery_code"), "once in a transaction");
        assert_eq!(tx.recovery_codes_left(user).expect("recovery_codes_left"), 9, "a transaction reads what it wrote");
    });
    assert!(!take(store, user, 255), "and once for ever");
    assert!(take(store, user, 0), "and each of them");
    assert_eq!(codes_left(store, user), 8, "the others are left");
    assert_eq!(codes_left(store, other), 2, "another user's are not touched");

    replace(store, user, &[8, 20]);
    assert_eq!(codes_left(store, user), 2, "new ones replace what was left");
    assert!(!take(store, user, 1), "an old one is void");
    assert!(take(store, user, 8), "one that is given again is new");
    replace(store, user, &[255]);
    assert!(take(store, user, 255), "also when it was taken once");
    replace(store, user, &[30]);
    replace(store, user, &[]);
    assert_eq!(codes_left(store, user), 0, "none replace all");
    assert!(take(store, other, 255), "another user's are not touched");
}

fn users_are_counted_once_a_month<F: Fixture>(store: &mut F) {
    let [first, second, third, ..] = USER_IDS;
    let [november, december, january] = [NOVEMBER_US, DECEMBER_US, JANUARY_US].map(Month::at);
    assert_eq!(counted(store, november, 5), 0, "nobody at first");
    assert!(!is_counted(store, november, first), "so this one neither");
    commits(store, |tx| {
        tx.count(november, first).expect("count");
        assert!(tx.is_counted(november, first).expect("is_counted"), "a transaction reads what it wrote");
        assert_eq!(tx.counted(november, 5).expect("counted"), 1, "a transaction reads what it wrote");
        tx.count(november, first).expect("a user is counted again in the same transaction");
    });
    commits(store, |tx| tx.count(november, first).expect("a user is counted again"));
    assert_eq!(counted(store, november, 5), 1, "a user counts once");
    assert!(is_counted(store, november, first), "this one is counted");
    assert!(!is_counted(store, november, second), "another one is not");

    for user in [second, third] {
        commits(store, |tx| tx.count(november, user).expect("count"));
    }
    commits(store, |tx| tx.count(january, second).expect("count"));
    for (at_most, expected) in [(0, 0), (1, 1), (2, 2), (3, 3), (4, 3), (i64::MAX, 3)] {
        assert_eq!(counted(store, november, at_most), expected, "at most {at_most}");
    }
    assert_eq!(counted(store, december, 5), 0, "a month counts for itself");
    assert_eq!(counted(store, january, 5), 1, "a month counts for itself, over the turn of the year too");
    assert!(is_counted(store, january, second), "in the month that the user was counted in");
    assert!(!is_counted(store, december, second), "and in no other");
    assert!(!is_counted(store, january, first), "and no other user");
}

fn what_is_not_committed_is_gone<F: Fixture>(store: &mut F) {
    let [.., user] = USER_IDS;
    let [app, other_app] = APP_IDS;
    let march = Month::at(MARCH_US);
    let locked = Attempts::Locked { until_us: 9 };
    commits(store, |tx| {
        tx.put_credential(user, &active(5, 2)).expect("put_credential");
        tx.replace_recovery_codes(user, &[digest(1), digest(2)]).expect("replace_recovery_codes");
        tx.put_attempts(user, app, locked).expect("put_attempts");
    });
    refuses(store, "the work's own error is handed on", |tx| {
        tx.put_credential(user, &active(5, 3)).map_err(text)?;
        tx.take_recovery_code(user, &digest(1)).map_err(text)?;
        tx.put_attempts(user, app, Attempts::NONE).map_err(text)?;
        tx.put_attempts(user, other_app, locked).map_err(text)?;
        tx.count(march, user).map_err(text)?;
        Err("changed my mind".to_string())
    });
    refuses(store, "the work's own error is handed on", |tx| {
        tx.remove_credential(user).map_err(text)?;
        tx.clear_attempts(user).map_err(text)?;
        Err("changed my mind".to_string())
    });
    refuses(store, "the work's own error is handed on", |tx| {
        tx.replace_recovery_codes(user, &[digest(3)]).map_err(text)?;
        Err("changed my mind".to_string())
    });
    assert_eq!(credential(store, user), Some(active(5, 2)), "the credential is as it was committed");
    assert_eq!(attempts(store, user, app), locked, "the attempts are as they were committed");
    assert_eq!(attempts(store, user, other_app), Attempts::NONE, "in either app");
    assert_eq!(codes_left(store, user), 2, "the recovery codes are those that were committed");
    assert!(!take(store, user, 3), "and no others");
    assert!(take(store, user, 1), "and what was not used up is good");
    assert!(!is_counted(store, march, user), "nobody was counted");
    assert_eq!(counted(store, march, 5), 0, "nobody was counted");
}

/// 2026-11-15, and the months after it; each function of the suite counts in months of its own.
const NOVEMBER_US: i64 = 1_794_700_800_000_000;
const DECEMBER_US: i64 = NOVEMBER_US + 30 * DAY_US;
const JANUARY_US: i64 = NOVEMBER_US + 61 * DAY_US;
const MARCH_US: i64 = NOVEMBER_US + 120 * DAY_US;
const DAY_US: i64 = 86_400_000_000;

/// Runs work that must succeed, and commits it.
fn commits<F: Fixture, R>(store: &mut F, work: impl FnOnce(&mut F::Store<'_>) -> R) -> R {
    store.transact(|tx| Ok(work(tx))).expect("commit")
}

/// Runs work that must fail, in the work or at the commit.
fn refuses<F: Fixture>(store: &mut F, promise: &str, work: impl FnOnce(&mut F::Store<'_>) -> Result<(), String>) {
    assert!(store.transact(work).is_err(), "{promise}");
}

fn credential<F: Fixture>(store: &mut F, user_id: i64) -> Option<Credential> {
    commits(store, |tx| tx.credential(user_id).expect("credential"))
}

fn attempts<F: Fixture>(store: &mut F, user_id: i64, app_id: i64) -> Attempts {
    commits(store, |tx| tx.attempts(user_id, app_id).expect("attempts"))
}

fn clear<F: Fixture>(store: &mut F, user_id: i64) -> bool {
    commits(store, |tx| tx.clear_attempts(user_id).expect("clear_attempts"))
}

fn replace<F: Fixture>(store: &mut F, user_id: i64, seeds: &[u8]) {
    let digests: Vec<[u8; 32]> = seeds.iter().copied().map(digest).collect();
    commits(store, |tx| tx.replace_recovery_codes(user_id, &digests).expect("replace_recovery_codes"));
}

fn take<F: Fixture>(store: &mut F, user_id: i64, seed: u8) -> bool {
    commits(store, |tx| tx.take_recovery_code(user_id, &digest(seed)).expect("take_recovery_code"))
}

fn codes_left<F: Fixture>(store: &mut F, user_id: i64) -> u32 {
    commits(store, |tx| tx.recovery_codes_left(user_id).expect("recovery_codes_left"))
}

fn is_counted<F: Fixture>(store: &mut F, month: Month, user_id: i64) -> bool {
    commits(store, |tx| tx.is_counted(month, user_id).expect("is_counted"))
}

fn counted<F: Fixture>(store: &mut F, month: Month, at_most: i64) -> i64 {
    commits(store, |tx| tx.counted(month, at_most).expect("counted"))
}

/// One of the seeds' secrets, with the default parameters.
fn secret(seed: u8) -> Secret {
    Secret::new(&[seed; 20], Parameters::default()).expect("a seed")
}

fn active(seed: u8, last_step: i64) -> Credential {
    Credential::Active { secret: secret(seed), last_step }
}

/// Digests that differ in the last byte alone.
const fn digest(seed: u8) -> [u8; 32] {
    let mut digest = [0; 32];
    let [.., last] = &mut digest;
    *last = seed;
    digest
}

fn text(error: impl Debug) -> String {
    format!("{error:?}")
}
