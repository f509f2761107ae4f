//! What must hold whatever happens, in whatever order: steps are good once, guesses are few.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use osaycore_otp::{
    AppPolicy, Credential, Lockout, Parameters, Purpose, Secret, State, Storage, Subject, memory::Memory, pending,
    verify,
};
use proptest::prelude::*;

const BEGIN_US: i64 = 1_800_000_000_000_000;
const SECOND_US: i64 = 1_000_000;
const USERS: usize = 2;
const APPS: usize = 2;

/// Of these seeds no two steps that can meet in a test have the same code.
fn secret(user: usize) -> Secret {
    Secret::new(&[u8::try_from(user).unwrap(); 20], Parameters::default()).unwrap()
}

fn subject(user: usize) -> Subject {
    Subject { user_id: i64::try_from(user).unwrap(), is_active: true, is_admitted: true, bypasses: false }
}

fn policy(app: usize, lockout: Lockout) -> AppPolicy {
    AppPolicy { app_id: i64::try_from(app).unwrap(), allows_bypass: false, lockout, monthly_limit: None }
}

fn purposes() -> impl Strategy<Value = Purpose> {
    prop_oneof![Just(Purpose::Login), Just(Purpose::Registration)]
}

/// Somebody enters the code of the step so many from now.
#[derive(Clone, Debug)]
struct Entry {
    clock_s: i64,
    user: usize,
    app: usize,
    purpose: Purpose,
    offset: i64,
}

fn entries() -> impl Strategy<Value = Vec<Entry>> {
    let clock_s = prop_oneof![4 => Just(0), 3 => 0_i64..40, 1 => -60_i64..0, 1 => 0_i64..400];
    let entry = (clock_s, 0..USERS, 0..APPS, purposes(), -2_i64..=2)
        .prop_map(|(clock_s, user, app, purpose, offset)| Entry { clock_s, user, app, purpose, offset });
    prop::collection::vec(entry, 1..80)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 1_000, failure_persistence: None, ..ProptestConfig::default() })]

    /// Whatever the clock does. Nobody is locked, so that steps alone decide.
    #[test]
    fn a_time_step_is_accepted_once_and_accepted_steps_only_increase(entries in entries()) {
        let never = Lockout { threshold: u32::MAX, lock_us: 0 };
        let mut store = Memory::new();
        let mut now_us = BEGIN_US;
        let mut accepted: Vec<Vec<i64>> = vec![vec![]; USERS];
        for Entry { clock_s, user, app, purpose, offset } in entries {
            now_us += clock_s * SECOND_US;
            let subject = subject(user);
            pending(&mut store, subject.user_id, || secret(user)).unwrap();
            let step = secret(user).step_at(now_us / SECOND_US) + offset;
            let code = secret(user).code(step);
            let verdict = verify(&mut store, Some(&subject), &policy(app, never), purpose, &code, now_us).unwrap();

            let steps = &mut accepted[user];
            let is_fresh = steps.iter().all(|known| *known < step);
            let may_enter = !steps.is_empty() || purpose == Purpose::Registration;
            let is_right = is_fresh && may_enter && offset.abs() <= 1;
            prop_assert_eq!(verdict.state == State::Valid, is_right, "step {} after {:?}", step, steps);
            if is_right {
                let stored = store.credential(subject.user_id).unwrap();
                prop_assert_eq!(stored, Some(Credential::Active { secret: secret(user), last_step: step }));
                steps.push(step);
            }
            prop_assert!(steps.is_sorted_by(|older, newer| older < newer), "{:?}", steps);
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Code {
    /// Of the newest step that is good.
    Right,
    Used,
    Malformed,
    Wrong,
    WrongRecovery,
}

#[derive(Clone, Debug)]
enum Event {
    Clock { by_s: i64 },
    Setting { app: usize, threshold: u32, lock_s: i64 },
    Entered { user: usize, app: usize, purpose: Purpose, code: Code },
}

fn events() -> impl Strategy<Value = Vec<Event>> {
    let clock = prop_oneof![0_i64..60, -60_i64..0, 0_i64..400].prop_map(|by_s| Event::Clock { by_s });
    let setting =
        (0..APPS, 0_u32..7, 0_i64..200).prop_map(|(app, threshold, lock_s)| Event::Setting { app, threshold, lock_s });
    let code = prop_oneof![
        1 => Just(Code::Right),
        1 => Just(Code::Used),
        1 => Just(Code::Malformed),
        6 => Just(Code::Wrong),
        2 => Just(Code::WrongRecovery),
    ];
    let entered = (0..USERS, 0..APPS, purposes(), code).prop_map(|(user, app, purpose, code)| Event::Entered {
        user,
        app,
        purpose,
        code,
    });
    prop::collection::vec(prop_oneof![2 => clock, 1 => setting, 10 => entered], 1..120)
}

/// What somebody with pencil and paper would note of a user in an app.
#[derive(Clone, Default)]
struct Sheet {
    /// Wrong codes that were looked at since the last right one and the last lock.
    guesses: u32,
    locked_until_us: Option<i64>,
    /// The highest threshold that was in force at one of these guesses.
    threshold: u32,
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 1_000, failure_persistence: None, ..ProptestConfig::default() })]

    /// Whoever enters what, where, when, and whatever the setting is changed to meanwhile.
    #[test]
    fn guesses_never_exceed_the_threshold(events in events()) {
        let mut store = Memory::new();
        let mut now_us = BEGIN_US;
        let mut settings = [Lockout { threshold: 5, lock_us: 90 * SECOND_US }; APPS];
        let mut sheets = vec![Sheet::default(); USERS * APPS];
        for user in 0..USERS {
            // A time ago, so that there are used codes and good ones.
            let last_step = secret(user).step_at(BEGIN_US / SECOND_US) - 1;
            let enrolled = Credential::Active { secret: secret(user), last_step };
            store.put_credential(subject(user).user_id, &enrolled).unwrap();
        }
        for event in events {
            let (user, app, purpose, code) = match event {
                Event::Clock { by_s } => {
                    now_us += by_s * SECOND_US;
                    continue;
                }
                Event::Setting { app, threshold, lock_s } => {
                    settings[app] = Lockout { threshold, lock_us: lock_s * SECOND_US };
                    continue;
                }
                Event::Entered { user, app, purpose, code } => (user, app, purpose, code),
            };
            let step = secret(user).step_at(now_us / SECOND_US);
            let Some(Credential::Active { last_step, .. }) = store.credential(subject(user).user_id).unwrap() else {
                panic!("enrolled");
            };
            let entered = match code {
                Code::Right if last_step > step => continue,
                Code::Right => secret(user).code(step + 1),
                Code::Used if (step - 1..=step + 1).contains(&last_step) => secret(user).code(last_step),
                Code::Used => continue,
                Code::Malformed => "１２３４５６".to_owned().into(),
                Code::Wrong => secret(user).code(step + 1_000),
                Code::WrongRecovery => "abcde-fgh27".to_owned().into(),
            };
            let lockout = settings[app];
            let verdict =
                verify(&mut store, Some(&subject(user)), &policy(app, lockout), purpose, &entered, now_us).unwrap();

            let sheet = &mut sheets[user * APPS + app];
            if sheet.locked_until_us.is_some_and(|until_us| now_us < until_us) {
                prop_assert_eq!(verdict.state, State::Locked, "no code is looked at");
                continue;
            }
            let is_guess = matches!(code, Code::Wrong | Code::WrongRecovery);
            if !is_guess {
                prop_assert_eq!(verdict.state == State::Valid, code == Code::Right);
                prop_assert_eq!(verdict.locked_until_us, None, "what is no guess locks nobody");
            }
            if is_guess || code == Code::Right {
                // A lock that is over is over for good once a code was judged after it.
                if sheet.locked_until_us.is_some() || code == Code::Right {
                    *sheet = Sheet::default();
                }
            }
            if is_guess {
                prop_assert_eq!(verdict.state, State::Invalid);
                let threshold = lockout.threshold.max(1);
                sheet.guesses += 1;
                sheet.threshold = sheet.threshold.max(threshold);
                prop_assert!(sheet.guesses <= sheet.threshold, "{} guesses of {}", sheet.guesses, sheet.threshold);
                let until_us = (sheet.guesses >= threshold).then_some(now_us + lockout.lock_us);
                prop_assert_eq!(verdict.locked_until_us, until_us, "the guess that reaches the threshold locks");
                sheet.locked_until_us = until_us;
            }
        }
    }
}
