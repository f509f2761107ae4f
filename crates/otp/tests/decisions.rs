//! The decisions, row by row: the order of states, the lock, what becomes of an entered code.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::collections::BTreeSet;

use osaycore_otp::{
    Algorithm, AppPolicy, Attempts, Credential, Factor, Lockout, Month, Parameters, Purpose, RecoveryCode, Secret,
    Standing, State, Storage, Subject, Tried, Verdict, decide, memory::Memory, state_of, verify,
};

const PURPOSES: [Purpose; 2] = [Purpose::Login, Purpose::Registration];
/// The first second of step 60,000,000.
const NOW_S: i64 = 1_800_000_000;
const NOW_US: i64 = NOW_S * 1_000_000;
const STEP: i64 = 60_000_000;

fn secret() -> Secret {
    Secret::new(&[1; 20], Parameters::default()).unwrap()
}

const fn active(secret: Secret, last_step: i64) -> Credential {
    Credential::Active { secret, last_step }
}

/// The contract's "Decision order", sentence by sentence; each presumes that none before it holds.
type Sentence = (fn(&Standing, Purpose) -> bool, State);
const ORDER: [Sentence; 8] = [
    (|user, _| !user.is_active, State::Disabled),
    (|user, _| user.is_locked, State::Locked),
    (|user, _| !user.is_admitted, State::NoGroupMembership),
    (|user, _| user.bypasses && user.may_bypass, State::SkipAuthentication),
    (|user, _| user.bypasses && !user.may_bypass, State::NotAllowedToBypass),
    (|user, _| !user.is_enrolled, State::PendingEnrollment),
    (|user, purpose| purpose == Purpose::Login && user.exceeds_quota, State::MaxUsersReached),
    (|_, _| true, State::Authenticate),
];

#[test]
fn the_first_state_that_fits_is_the_answer() {
    let mut states = BTreeSet::new();
    for bits in 0_u8..128 {
        let bit = |place: u8| bits & (1 << place) != 0;
        let standing = Standing {
            is_active: bit(0),
            is_locked: bit(1),
            is_admitted: bit(2),
            bypasses: bit(3),
            may_bypass: bit(4),
            is_enrolled: bit(5),
            exceeds_quota: bit(6),
        };
        for purpose in PURPOSES {
            let expected = ORDER.iter().find(|(fits, _)| fits(&standing, purpose)).unwrap().1;
            assert_eq!(decide(Some(&standing), purpose), expected, "{standing:?} {purpose:?}");
            states.insert(expected.number());
        }
    }
    for purpose in PURPOSES {
        assert_eq!(decide(None, purpose), State::NotRegistered);
        states.insert(State::NotRegistered.number());
    }
    let before_a_code = [0, 1, 2, 3, 4, 5, 6, 9, 10];
    assert_eq!(states, BTreeSet::from(before_a_code), "all that can be said before a code is looked at");
}

/// A user of whom nothing is special, or one thing.
#[derive(Clone)]
struct Situation {
    subject: Option<Subject>,
    policy: AppPolicy,
    credential: Option<Credential>,
    attempts: Attempts,
}

const SUBJECT: Subject = Subject { user_id: 7, is_active: true, is_admitted: true, bypasses: false };
const LOCKOUT: Lockout = Lockout { threshold: 5, lock_us: 900_000_000 };
const POLICY: AppPolicy = AppPolicy { app_id: 1, allows_bypass: false, lockout: LOCKOUT, monthly_limit: None };

impl Situation {
    fn enrolled() -> Self {
        let credential = Some(active(secret(), STEP - 1));
        Self { subject: Some(SUBJECT), policy: POLICY, credential, attempts: Attempts::NONE }
    }

    /// With another user counted this month.
    fn store(&self) -> Memory {
        let mut store = Memory::new();
        if let Some(credential) = &self.credential {
            store.put_credential(SUBJECT.user_id, credential).unwrap();
        }
        store.put_attempts(SUBJECT.user_id, POLICY.app_id, self.attempts).unwrap();
        store.count(Month::at(NOW_US), 8).unwrap();
        store
    }

    fn state(&self, purpose: Purpose) -> State {
        state_of(&mut self.store(), self.subject.as_ref(), &self.policy, purpose, NOW_US).unwrap()
    }

    /// Also says whether anything was stored.
    fn verdict(&self, purpose: Purpose, code: &str) -> (Verdict, bool) {
        let mut store = self.store();
        let before = format!("{store:?}");
        let verdict = verify(&mut store, self.subject.as_ref(), &self.policy, purpose, code, NOW_US).unwrap();
        (verdict, format!("{store:?}") != before)
    }
}

#[test]
fn every_state_is_reached() {
    let subject = |change: fn(&mut Subject)| {
        let mut subject = SUBJECT;
        change(&mut subject);
        Some(subject)
    };
    let it = Situation::enrolled;
    let bypass = AppPolicy { allows_bypass: true, ..POLICY };
    let full = AppPolicy { monthly_limit: Some(1), ..POLICY };
    let locked = Attempts::Locked { until_us: NOW_US + 1 };
    // What both answer, whatever was asked for and entered, as it is before a code is looked at.
    let before_a_code = [
        (State::NotRegistered, Situation { subject: None, ..it() }),
        (State::Disabled, Situation { subject: subject(|user| user.is_active = false), ..it() }),
        (State::Locked, Situation { attempts: locked, ..it() }),
        (State::NoGroupMembership, Situation { subject: subject(|user| user.is_admitted = false), ..it() }),
        (State::NotAllowedToBypass, Situation { subject: subject(|user| user.bypasses = true), ..it() }),
        (
            State::SkipAuthentication,
            Situation { subject: subject(|user| user.bypasses = true), policy: bypass, ..it() },
        ),
        (State::PendingEnrollment, Situation { credential: None, ..it() }),
    ];
    let (right, wrong) = (secret().code(STEP), "000000");
    for (state, situation) in before_a_code {
        for purpose in PURPOSES {
            assert_eq!(situation.state(purpose), state, "{purpose:?}");
            for code in [right.as_str(), wrong, "", "abcde-fgh27"] {
                let looked_at_nothing = Verdict { state, factor: None, is_guess: false, locked_until_us: None };
                assert_eq!(situation.verdict(purpose, code), (looked_at_nothing, false), "{state} {purpose:?} {code}");
            }
        }
    }

    // Where the purpose matters: state, and verdict of a right and of a wrong code.
    let [login, registration] = PURPOSES;
    let pending = Situation { credential: Some(Credential::Pending(secret())), ..it() };
    let full_and_pending = Situation { policy: full, ..pending.clone() };
    let full = Situation { policy: full, ..it() };
    let table = [
        (it(), login, State::Authenticate, State::Valid, State::Invalid),
        (it(), registration, State::Authenticate, State::Valid, State::Invalid),
        (pending.clone(), login, State::PendingEnrollment, State::PendingEnrollment, State::PendingEnrollment),
        (pending, registration, State::PendingEnrollment, State::Valid, State::Invalid),
        (full.clone(), login, State::MaxUsersReached, State::MaxUsersReached, State::MaxUsersReached),
        // A registration is no login: the state shows that the user is enrolled, and the code is refused all the same.
        (full, registration, State::Authenticate, State::MaxUsersReached, State::MaxUsersReached),
        (full_and_pending.clone(), login, State::PendingEnrollment, State::PendingEnrollment, State::PendingEnrollment),
        (full_and_pending, registration, State::PendingEnrollment, State::Valid, State::Invalid),
    ];
    for (row, (situation, purpose, state, of_right, of_wrong)) in table.into_iter().enumerate() {
        assert_eq!(situation.state(purpose), state, "row {row}");
        for (code, expected) in [(right.as_str(), of_right), (wrong, of_wrong)] {
            let (verdict, is_stored) = situation.verdict(purpose, code);
            assert_eq!(verdict.state, expected, "row {row}");
            assert_eq!(verdict.factor.is_some(), expected == State::Valid, "row {row}: {verdict:?}");
            let is_looked_at = matches!(expected, State::Valid | State::Invalid);
            assert_eq!(is_stored, is_looked_at, "row {row}: an answer before the code was looked at uses nothing up");
        }
    }
}

#[test]
fn wrong_codes_lock_at_the_threshold() {
    for (threshold, guesses) in [(0, 1), (1, 1), (2, 2), (5, 5)] {
        let lockout = Lockout { threshold, lock_us: 10 };
        let mut attempts = Attempts::NONE;
        for failures in 1..guesses {
            attempts = attempts.failed(lockout, 100);
            assert_eq!(attempts, Attempts::Open { failures }, "threshold {threshold}");
            assert!(!attempts.is_locked(100), "threshold {threshold}");
        }
        attempts = attempts.failed(lockout, 100);
        assert_eq!(attempts, Attempts::Locked { until_us: 110 }, "threshold {threshold}");
        assert_eq!(attempts.failed(lockout, 109), attempts, "nothing is looked at, so nothing changes");

        for (now_us, is_locked) in [(i64::MIN, true), (0, true), (109, true), (110, false), (i64::MAX, false)] {
            assert_eq!(attempts.is_locked(now_us), is_locked, "at {now_us}");
            assert_eq!(attempts.at(now_us), if is_locked { attempts } else { Attempts::NONE }, "at {now_us}");
        }
        let after = Attempts::NONE.failed(lockout, 110);
        assert_eq!(attempts.failed(lockout, 110), after, "after the lock the count starts at 0");
    }
}

#[test]
fn a_lowered_threshold_locks_at_the_next_wrong_code() {
    let lockout = |threshold| Lockout { threshold, lock_us: 10 };
    let four = Attempts::Open { failures: 4 };
    assert!(!four.is_locked(100), "lowering it locks nobody by itself");
    for threshold in [0, 1, 2, 4, 5] {
        assert_eq!(four.failed(lockout(threshold), 100), Attempts::Locked { until_us: 110 }, "to {threshold}");
    }
    assert_eq!(four.failed(lockout(6), 100), Attempts::Open { failures: 5 }, "raised");
    let most = Attempts::Open { failures: u32::MAX };
    assert!(most.failed(lockout(u32::MAX), 100).is_locked(100), "the count ends in a lock");
    let for_ever = Attempts::NONE.failed(Lockout { threshold: 1, lock_us: i64::MAX }, 100);
    assert_eq!(for_ever, Attempts::Locked { until_us: i64::MAX });
}

#[test]
fn a_code_is_good_one_step_to_either_side() {
    let untried = active(secret(), 0);
    for (offset, is_good) in [(-3, false), (-2, false), (-1, true), (0, true), (1, true), (2, false), (3, false)] {
        let code = secret().code(STEP + offset);
        for now_s in [NOW_S, NOW_S + 29] {
            let expected = if is_good { Tried::Accepted(active(secret(), STEP + offset)) } else { Tried::Wrong };
            assert_eq!(untried.try_code(&code, now_s), expected, "{offset} at {now_s}");
        }
    }
}

#[test]
fn the_first_right_code_makes_a_pending_credential_active() {
    let pending = Credential::Pending(secret());
    assert!(!pending.is_active());
    for offset in [-1, 0, 1] {
        let Tried::Accepted(enrolled) = pending.try_code(&secret().code(STEP + offset), NOW_S) else {
            panic!("the first right code");
        };
        assert_eq!(enrolled, active(secret(), STEP + offset));
        assert!(enrolled.is_active());
        assert_eq!(enrolled.try_code(&secret().code(STEP + offset), NOW_S), Tried::Used, "the enrolment code too");
    }
    assert_eq!(pending.try_code(&secret().code(STEP + 2), NOW_S), Tried::Wrong);
    assert_eq!(pending.secret(), &secret());
}

#[test]
fn a_code_is_good_once_and_none_before_it() {
    for used in [-1, 0, 1] {
        let credential = active(secret(), STEP + used);
        for entered in [-1, 0, 1] {
            let tried = credential.try_code(&secret().code(STEP + entered), NOW_S);
            let expected = if entered > used { Tried::Accepted(active(secret(), STEP + entered)) } else { Tried::Used };
            assert_eq!(tried, expected, "{entered} after {used}");
        }
        assert_eq!(credential.try_code(&secret().code(STEP + 2), NOW_S), Tried::Wrong);
    }
    let ahead = active(secret(), i64::MAX);
    assert_eq!(ahead.try_code(&secret().code(STEP), NOW_S), Tried::Used, "a clock that went back");
}

/// Two steps of one code, found by trying: adjacent ones, and two apart.
#[test]
fn a_code_of_two_steps_is_good_once_for_each() {
    for (older, newer, now, code) in
        [(1_980_728, 1_980_729, 1_980_729, "843484"), (888_811, 888_813, 888_812, "433535")]
    {
        assert_eq!((&**secret().code(older), &**secret().code(newer)), (code, code));
        let tried = active(secret(), 0).try_code(code, now * 30);
        assert_eq!(tried, Tried::Accepted(active(secret(), older)), "the older of them first");
        let tried = active(secret(), older).try_code(code, now * 30);
        assert_eq!(tried, Tried::Accepted(active(secret(), newer)), "then the newer");
        assert_eq!(active(secret(), newer).try_code(code, now * 30), Tried::Used, "and then no more");
    }
}

#[test]
fn no_step_is_before_the_epoch() {
    let pending = Credential::Pending(secret());
    let first = secret().code(0);
    assert_eq!(pending.try_code(&first, 0), Tried::Accepted(active(secret(), 0)), "step 0 is one");
    assert_eq!(pending.try_code(&first, -1), Tried::Accepted(active(secret(), 0)), "one step of drift");
    for now_s in [-31, i64::MIN] {
        assert_eq!(pending.try_code(&first, now_s), Tried::Wrong, "at {now_s}");
    }
    for now_s in [i64::MAX, i64::MAX - 60] {
        let code = secret().code(secret().step_at(now_s));
        assert!(matches!(pending.try_code(&code, now_s), Tried::Accepted(_)), "at {now_s}");
    }
}

#[test]
fn what_has_no_form_of_a_code_is_no_guess() {
    let long = "1".repeat(5_000);
    let of_the_step = secret().code(STEP);
    let (first, second) = of_the_step.split_at(3);
    let (spaced, newline) = (format!("{first} {second}"), format!("{first}{second}\n"));
    let full_width =
        |digit: char| "０１２３４５６７８９".chars().zip('0'..='9').find(|pair| pair.1 == digit).unwrap().0;
    let full_width: String = of_the_step.chars().map(full_width).collect();
    for entered in [
        "",
        " ",
        "abcdef",
        "12345",
        "1234567",
        "12345678",
        "+12345",
        "-12345",
        "12345 ",
        " 12345",
        "123-456",
        "1234.5",
        "12345\0",
        "12345a",
        "１２",
        "１２３４５６",
        "١٢٣",
        "é1234",
        "abcde-fgh2",
        "abcde-fgh20",
        &long,
        &spaced,
        &newline,
        &full_width,
    ] {
        for credential in [active(secret(), 0), Credential::Pending(secret())] {
            assert_eq!(credential.try_code(entered, NOW_S), Tried::Malformed, "{entered:?}");
        }
        let guessed_4 = Attempts::Open { failures: 4 };
        let situation = Situation { attempts: guessed_4, ..Situation::enrolled() };
        let invalid = Verdict { state: State::Invalid, factor: None, is_guess: false, locked_until_us: None };
        assert_eq!(situation.verdict(Purpose::Login, entered), (invalid, false), "{entered:?}");
    }
}

#[test]
fn a_code_has_the_digits_of_its_credential() {
    for digits in [6, 7, 8] {
        let secret = Secret::new(&[1; 20], Parameters::new(Algorithm::Sha1, digits, 30).unwrap()).unwrap();
        let credential = active(secret.clone(), 0);
        let whole = Secret::new(&[1; 20], Parameters::new(Algorithm::Sha1, 8, 30).unwrap()).unwrap().code(STEP);
        let right = secret.code(STEP);
        assert!(whole.ends_with(&**right));
        for entered in [2, 1, 0].map(|from| whole.split_at(from).1) {
            let expected =
                if entered == &**right { Tried::Accepted(active(secret.clone(), STEP)) } else { Tried::Malformed };
            assert_eq!(credential.try_code(entered, NOW_S), expected, "{entered} of {digits} digits");
        }
    }
}

#[test]
fn recovery_codes_are_told_by_their_form() {
    for entered in ["abcde-fgh27", "ABCDEFGH27", "22222-33333", "2222233333"] {
        let code: RecoveryCode = entered.parse().unwrap();
        assert_eq!(active(secret(), 0).try_code(entered, NOW_S), Tried::Recovery(code.clone()), "{entered}");
        assert_eq!(Credential::Pending(secret()).try_code(entered, NOW_S), Tried::Recovery(code), "{entered}");
    }
}

#[test]
fn a_recovery_code_enrols_nobody() {
    let code: RecoveryCode = "abcde-fgh27".parse().unwrap();
    let pending = Situation { credential: Some(Credential::Pending(secret())), ..Situation::enrolled() };
    let mut store = pending.store();
    // Left over, as when the credential was put back to pending.
    store.replace_recovery_codes(SUBJECT.user_id, &[code.digest(&secret())]).unwrap();
    let entered = code.to_text();
    let verdict = verify(&mut store, Some(&SUBJECT), &POLICY, Purpose::Registration, &entered, NOW_US).unwrap();
    assert_eq!(verdict.state, State::Invalid);
    assert_eq!(store.credential(SUBJECT.user_id).unwrap(), pending.credential);
    assert_eq!(store.attempts(SUBJECT.user_id, POLICY.app_id).unwrap(), Attempts::Open { failures: 1 }, "a guess");
    assert_eq!(store.recovery_codes_left(SUBJECT.user_id).unwrap(), 1, "nothing is used up");
}

#[test]
fn the_guess_that_locks_says_until_when() {
    let table = [
        (Attempts::NONE, None),
        (Attempts::Open { failures: 3 }, None),
        (Attempts::Open { failures: 4 }, Some(NOW_US + LOCKOUT.lock_us)),
        (Attempts::Locked { until_us: NOW_US }, None),
    ];
    for (attempts, locked_until_us) in table {
        for guess in ["000000", "abcde-fgh27"] {
            let situation = Situation { attempts, ..Situation::enrolled() };
            let expected = Verdict { state: State::Invalid, factor: None, is_guess: true, locked_until_us };
            assert_eq!(situation.verdict(Purpose::Login, guess), (expected, true), "{attempts:?} {guess}");
        }
        let used = secret().code(STEP - 1);
        let situation = Situation { attempts, ..Situation::enrolled() };
        let invalid = Verdict { state: State::Invalid, factor: None, is_guess: false, locked_until_us: None };
        assert_eq!(situation.verdict(Purpose::Login, &used), (invalid, false), "a used code is no guess");
        let right = Verdict { state: State::Valid, factor: Some(Factor::Code), is_guess: false, locked_until_us: None };
        assert_eq!(situation.verdict(Purpose::Login, &secret().code(STEP)), (right, true), "{attempts:?}");
    }
}
