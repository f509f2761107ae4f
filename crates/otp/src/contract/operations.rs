//! What the crate does over a store: it enrols, lets in, refuses and locks.

use alloc::{
    format,
    string::{String, ToString},
    vec::Vec,
};

use super::{
    APP_IDS, DAY_US, Fixture, MARCH_US, USER_IDS, active, attempts, codes_left, commits, credential, refuses, secret,
    text,
};
use crate::{
    AppPolicy, Attempts, Credential, Factor, Lockout, Purpose, RECOVERY_CODES, RecoveryCode, Secret, State, Storage,
    Subject, Verdict, pending, replace_recovery_codes, reset, state_of, verify,
};

const LOCKOUT: Lockout = Lockout { threshold: 3, lock_us: 60_000_000 };
/// A month in which the suite has counted nobody: June 2027.
const NOW_US: i64 = MARCH_US + 92 * DAY_US;
const STEP_US: i64 = 30_000_000;

pub(super) fn run<F: Fixture>(store: &mut F) {
    let [app, other_app] = APP_IDS;
    for user in USER_IDS {
        commits(store, |tx| reset(tx, user).expect("reset"));
    }
    a_first_code_enrols(store);
    a_step_is_good_once_in_all_apps(store, app, other_app);
    what_is_rolled_back_used_nothing_up(store);
    guesses_lock_in_one_app(store, app, other_app);
    recovery_codes_let_in_once(store);
    the_limit_of_the_month_holds(store);
    a_reset_takes_all_away(store);
}

fn a_first_code_enrols<F: Fixture>(store: &mut F) {
    let [user, ..] = USER_IDS;
    assert_eq!(state(store, user, Purpose::Login), State::PendingEnrollment, "without a credential");
    let made = commits(store, |tx| pending(tx, user, || secret(40)).expect("pending"));
    assert_eq!(made, Some(secret(40)), "a secret is made where there is none");
    let again = commits(store, |tx| pending(tx, user, || secret(41)).expect("pending"));
    assert_eq!(again, Some(secret(40)), "and is the same from then on");
    assert_eq!(state(store, user, Purpose::Registration), State::PendingEnrollment, "with a pending one");

    let none = commits(store, |tx| replace_recovery_codes(tx, user, &random(9)).expect("replace_recovery_codes"));
    assert_eq!(none, None, "who is pending has no recovery codes");

    let code = secret(40).code(step(0));
    let refused = tries(store, user, Purpose::Login, &code, 0);
    assert_eq!(refused, looked_at_nothing(State::PendingEnrollment), "nobody signs in before enrolment");
    let enrolled = tries(store, user, Purpose::Registration, &code, 0);
    assert_eq!(enrolled, let_in(Factor::FirstCode), "the first right code enrols");
    let expected = Credential::Active { secret: secret(40), last_step: step(0) };
    assert_eq!(credential(store, user), Some(expected), "and is used up");
    assert_eq!(tries(store, user, Purpose::Registration, &code, 0), invalid(), "for registrations too");
    assert_eq!(state(store, user, Purpose::Login), State::Authenticate, "enrolled");
    let none = commits(store, |tx| pending(tx, user, || secret(41)).expect("pending"));
    assert_eq!(none, None, "who is enrolled has no pending secret");
}

/// The user is enrolled by step 0.
fn a_step_is_good_once_in_all_apps<F: Fixture>(store: &mut F, app: i64, other_app: i64) {
    let [user, ..] = USER_IDS;
    let code = secret(40).code(step(1));
    let of_both = |store: &mut F, at| {
        [app, other_app].map(|app| {
            let policy = AppPolicy { app_id: app, ..policy() };
            commits(store, |tx| verify(tx, Some(&subject(user)), &policy, Purpose::Login, &code, at).expect("verify"))
        })
    };
    assert_eq!(of_both(store, NOW_US + STEP_US), [let_in(Factor::Code), invalid()], "one app, not the other");
    assert_eq!(of_both(store, NOW_US + 2 * STEP_US), [invalid(), invalid()], "nor later");
}

/// The user has used step 1.
fn what_is_rolled_back_used_nothing_up<F: Fixture>(store: &mut F) {
    let [user, ..] = USER_IDS;
    let code = secret(40).code(step(3));
    refuses(store, "the work's own error is handed on", |tx| {
        let verdict = verify(tx, Some(&subject(user)), &policy(), Purpose::Login, &code, NOW_US + 3 * STEP_US);
        assert_eq!(verdict.map_err(text)?, let_in(Factor::Code), "let in, as far as the transaction goes");
        Err("changed my mind".to_string())
    });
    assert_eq!(tries(store, user, Purpose::Login, &code, 3), let_in(Factor::Code), "the code is still good");
}

fn guesses_lock_in_one_app<F: Fixture>(store: &mut F, app: i64, other_app: i64) {
    let [_, user, ..] = USER_IDS;
    enrol(store, user, 50);
    let wrong = wrong_code(&secret(50));
    let right = secret(50).code(step(1));
    let here = |store: &mut F, app_id, code: &str, now_us| {
        let policy = AppPolicy { app_id, ..policy() };
        commits(store, |tx| verify(tx, Some(&subject(user)), &policy, Purpose::Login, code, now_us).expect("verify"))
    };
    let at = NOW_US + STEP_US;
    let until_us = at + LOCKOUT.lock_us;
    let locks = Verdict { is_guess: true, locked_until_us: Some(until_us), ..invalid() };
    assert_eq!(here(store, app, &wrong, at), guess(), "a first guess");
    assert_eq!(here(store, app, "no code", at), invalid(), "what has no form of a code is no guess");
    assert_eq!(here(store, app, &wrong, at), guess(), "a second guess");
    assert_eq!(here(store, app, &wrong, at), locks, "a third guess, which locks");
    let locked = looked_at_nothing(State::Locked);
    assert_eq!(here(store, app, &right, at), locked, "a right code is not looked at");
    assert_eq!(here(store, app, &right, until_us - 1), locked, "to the last microsecond");
    assert_eq!(here(store, other_app, &right, at), let_in(Factor::Code), "another app is open");
    assert_eq!(here(store, app, &wrong, until_us), guess(), "the lock is over, and the count at 0");
    let next = secret(50).code(step(3));
    assert_eq!(here(store, app, &next, until_us), let_in(Factor::Code), "so a right code lets in");
    for _ in 0..2 {
        assert_eq!(here(store, app, &wrong, until_us), guess(), "a success clears the count");
    }
}

fn recovery_codes_let_in_once<F: Fixture>(store: &mut F) {
    let [_, _, user, unenrolled, ..] = USER_IDS;
    enrol(store, user, 60);
    let none = commits(store, |tx| replace_recovery_codes(tx, unenrolled, &random(1)).expect("replace_recovery_codes"));
    assert_eq!(none, None, "who is not enrolled has none");
    let old = give(store, user, 1);
    let new = give(store, user, 2);
    let first = |codes: &[RecoveryCode]| codes.first().expect("ten codes").to_text();
    assert_eq!(tries(store, user, Purpose::Login, &first(&old), 1), guess(), "old ones are void");
    let code = first(&new).to_uppercase();
    assert_eq!(tries(store, user, Purpose::Login, &code, 1), let_in(Factor::RecoveryCode), "new ones are good");
    assert_eq!(codes_left(store, user), 9, "one is used up");
    assert_eq!(tries(store, user, Purpose::Login, &code, 1), guess(), "and good once");
}

/// Of this month are the three users before.
fn the_limit_of_the_month_holds<F: Fixture>(store: &mut F) {
    let [counted, _, _, user, ..] = USER_IDS;
    commits(store, |tx| tx.put_credential(user, &active(70, 0)).expect("put_credential"));
    let limited = |monthly_limit| AppPolicy { monthly_limit: Some(monthly_limit), ..policy() };
    let ask = |store: &mut F, user, policy: &AppPolicy, code: &str| {
        let at = NOW_US + 5 * STEP_US;
        commits(store, |tx| verify(tx, Some(&subject(user)), policy, Purpose::Login, code, at).expect("verify"))
    };
    let code = secret(70).code(step(5));
    let reached = looked_at_nothing(State::MaxUsersReached);
    assert_eq!(ask(store, user, &limited(0), &code), reached, "a limit of none");
    assert_eq!(ask(store, user, &limited(3), &code), reached, "three of three");
    let own = secret(40).code(step(5));
    assert_eq!(ask(store, counted, &limited(3), &own), let_in(Factor::Code), "who is among the three is let in");
    assert_eq!(ask(store, user, &limited(4), &code), let_in(Factor::Code), "a fourth of four, with the same code");
    let again = secret(70).code(step(6));
    assert_eq!(ask(store, user, &limited(4), &again), let_in(Factor::Code), "who is among them from then on");
}

/// The user has entered a wrong code last.
fn a_reset_takes_all_away<F: Fixture>(store: &mut F) {
    let [_, _, user, ..] = USER_IDS;
    let [app, _] = APP_IDS;
    assert_eq!(attempts(store, user, app), Attempts::Open { failures: 1 }, "one guess");
    for expected in [true, false] {
        assert_eq!(commits(store, |tx| reset(tx, user).expect("reset")), expected, "there was one, and is none");
        assert_eq!(credential(store, user), None, "the credential is gone");
        assert_eq!(codes_left(store, user), 0, "with its recovery codes");
        assert_eq!(attempts(store, user, app), Attempts::NONE, "and the attempts");
        assert_eq!(state(store, user, Purpose::Login), State::PendingEnrollment, "to be enrolled anew");
    }
}

/// Enrols by the code of step 0.
fn enrol<F: Fixture>(store: &mut F, user: i64, seed: u8) {
    commits(store, |tx| pending(tx, user, || secret(seed)).expect("pending"));
    let code = secret(seed).code(step(0));
    assert_eq!(tries(store, user, Purpose::Registration, &code, 0), let_in(Factor::FirstCode), "enrolled");
}

fn give<F: Fixture>(store: &mut F, user: i64, seed: u8) -> Vec<RecoveryCode> {
    let codes = commits(store, |tx| replace_recovery_codes(tx, user, &random(seed)).expect("replace_recovery_codes"));
    let codes = codes.expect("who is enrolled gets codes");
    assert_eq!(codes.len(), RECOVERY_CODES, "ten codes");
    assert_eq!(codes_left(store, user), 10, "which are kept");
    codes
}

/// Ten different codes.
fn random(seed: u8) -> [[u8; 10]; RECOVERY_CODES] {
    let mut letter = 0_u8;
    [(); RECOVERY_CODES].map(|()| {
        letter = letter.wrapping_add(1);
        [seed, letter, seed, seed, seed, seed, seed, seed, seed, seed]
    })
}

/// A code of none of the steps that the suite comes to.
fn wrong_code(secret: &Secret) -> String {
    let codes: Vec<_> = (-2..10).map(|n| secret.code(step(n))).collect();
    let is_wrong = |code: &String| codes.iter().all(|right| **right != *code);
    (0..20).map(|n| format!("{n:06}")).find(is_wrong).expect("most codes are wrong")
}

fn state<F: Fixture>(store: &mut F, user: i64, purpose: Purpose) -> State {
    commits(store, |tx| state_of(tx, Some(&subject(user)), &policy(), purpose, NOW_US).expect("state_of"))
}

/// Enters a code in the first app, so many steps after the beginning.
fn tries<F: Fixture>(store: &mut F, user: i64, purpose: Purpose, code: &str, steps: i64) -> Verdict {
    let at = NOW_US + steps * STEP_US;
    commits(store, |tx| verify(tx, Some(&subject(user)), &policy(), purpose, code, at).expect("verify"))
}

const fn step(steps: i64) -> i64 {
    NOW_US / STEP_US + steps
}

const fn subject(user_id: i64) -> Subject {
    Subject { user_id, is_active: true, is_admitted: true, bypasses: false }
}

const fn policy() -> AppPolicy {
    let [app_id, _] = APP_IDS;
    AppPolicy { app_id, allows_bypass: false, lockout: LOCKOUT, monthly_limit: None }
}

const fn let_in(factor: Factor) -> Verdict {
    Verdict { state: State::Valid, factor: Some(factor), is_guess: false, locked_until_us: None }
}

const fn guess() -> Verdict {
    Verdict { is_guess: true, ..invalid() }
}

const fn invalid() -> Verdict {
    looked_at_nothing(State::Invalid)
}

const fn looked_at_nothing(state: State) -> Verdict {
    Verdict { state, factor: None, is_guess: false, locked_until_us: None }
}
