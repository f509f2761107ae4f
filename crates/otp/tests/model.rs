//! Random days of a tenant, beside a second implementation that was written from the sentences of the contract: lists of
//! what has happened, and nothing kept that can be found in them.

#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test fails by panicking")]

use std::{cell::RefCell, collections::BTreeSet};

use osaycore_otp::{
    Algorithm, AppPolicy, Factor, Lockout, Parameters, Purpose, RecoveryCode, Secret, State, Storage, Subject,
    memory::Memory, pending, replace_recovery_codes, reset, state_of, verify,
};
use proptest::{
    prelude::*,
    test_runner::{Config, TestRunner},
};

/// 2026-11-30 23:40:00: December comes soon.
const BEGIN_US: i64 = DECEMBER_US - 1_200 * SECOND_US;
const DECEMBER_US: i64 = 1_796_083_200_000_000;
const SECOND_US: i64 = 1_000_000;
const USERS: usize = 3;
const APPS: usize = 2;

#[derive(Clone, Debug)]
enum Event {
    Clock {
        by_us: i64,
    },
    Setting {
        app: usize,
        allows_bypass: bool,
        threshold: u32,
        lock_s: i64,
        monthly_limit: Option<i64>,
    },
    User {
        user: usize,
        is_active: bool,
        is_admitted: bool,
        bypasses: bool,
    },
    Pending {
        user: usize,
    },
    Reset {
        user: usize,
    },
    RecoveryCodes {
        user: usize,
    },
    /// Nobody is known by that name.
    Stranger {
        app: usize,
        purpose: Purpose,
    },
    Entered {
        user: usize,
        app: usize,
        purpose: Purpose,
        code: Code,
    },
}

#[derive(Clone, Copy, Debug)]
enum Code {
    /// Of the step so many from now.
    Step(i64),
    /// The n-th of the recovery codes that were ever given to the user, in some spelling.
    Recovery(usize),
    NeverGiven,
    Malformed(usize),
}

const MALFORMED: [&str; 6] = ["", "12345", "1234567890", "１２３４５６７", "12 45 7", "abcde-fgh2"];

fn events() -> impl Strategy<Value = Vec<Event>> {
    let clock = prop_oneof![0..60 * SECOND_US, -40 * SECOND_US..0, 0..300 * SECOND_US];
    let clock = clock.prop_map(|by_us| Event::Clock { by_us });
    let monthly_limit = prop_oneof![2 => Just(None), 3 => (0_i64..4).prop_map(Some)];
    let setting = (0..APPS, any::<bool>(), 0_u32..5, 0_i64..120, monthly_limit).prop_map(
        |(app, allows_bypass, threshold, lock_s, monthly_limit)| Event::Setting {
            app,
            allows_bypass,
            threshold,
            lock_s,
            monthly_limit,
        },
    );
    let mostly = || prop_oneof![4 => Just(true), 1 => Just(false)];
    let user = (0..USERS, mostly(), mostly(), mostly()).prop_map(|(user, is_active, is_admitted, no_bypass)| {
        Event::User { user, is_active, is_admitted, bypasses: !no_bypass }
    });
    let purpose = || prop_oneof![Just(Purpose::Login), Just(Purpose::Registration)];
    let code = prop_oneof![
        8 => (-2_i64..=2).prop_map(Code::Step),
        2 => (0_usize..40).prop_map(Code::Recovery),
        1 => Just(Code::NeverGiven),
        1 => (0..MALFORMED.len()).prop_map(Code::Malformed),
    ];
    let entered = (0..USERS, 0..APPS, purpose(), code).prop_map(|(user, app, purpose, code)| Event::Entered {
        user,
        app,
        purpose,
        code,
    });
    let event = prop_oneof![
        6 => clock,
        1 => setting,
        1 => user,
        3 => (0..USERS).prop_map(|user| Event::Pending { user }),
        1 => (0..USERS).prop_map(|user| Event::Reset { user }),
        2 => (0..USERS).prop_map(|user| Event::RecoveryCodes { user }),
        1 => (0..APPS, purpose()).prop_map(|(app, purpose)| Event::Stranger { app, purpose }),
        24 => entered,
    ];
    prop::collection::vec(event, 1..120)
}

/// What has happened to a user, in order.
#[derive(Clone, Debug)]
enum Past {
    Secret(u8),
    /// The code of a step let the user in.
    Step(i64),
    CodesGiven(Vec<String>),
    CodeTaken(String),
    Right {
        app: usize,
    },
    Wrong {
        app: usize,
        locked_until_us: Option<i64>,
    },
    Reset,
}

#[derive(Clone, Debug)]
struct User {
    is_active: bool,
    is_admitted: bool,
    bypasses: bool,
    past: Vec<Past>,
    /// Those of before a reset as well: who was counted stays so.
    let_in_us: Vec<i64>,
}

impl User {
    /// Since the last reset.
    fn present(&self) -> &[Past] {
        let begin = self.past.iter().rposition(|past| matches!(past, Past::Reset)).map_or(0, |reset| reset + 1);
        &self.past[begin..]
    }

    fn seed(&self) -> Option<u8> {
        self.present().iter().find_map(|past| if let Past::Secret(seed) = past { Some(*seed) } else { None })
    }

    fn steps(&self) -> Vec<i64> {
        self.present().iter().filter_map(|past| if let Past::Step(step) = past { Some(*step) } else { None }).collect()
    }

    fn is_enrolled(&self) -> bool {
        !self.steps().is_empty()
    }

    /// The recovery codes that are good.
    fn codes(&self) -> Vec<String> {
        let mut good = vec![];
        for past in self.present() {
            match past {
                Past::CodesGiven(codes) => good.clone_from(codes),
                Past::CodeTaken(code) => good.retain(|known| known != code),
                _ => {}
            }
        }
        good
    }

    /// Wrong codes in a row, and the lock that ended the row.
    fn attempts(&self, app: usize) -> (u32, Option<i64>) {
        let (mut guesses, mut lock) = (0, None);
        for past in self.present() {
            match past {
                Past::Right { app: of } if *of == app => (guesses, lock) = (0, None),
                Past::Wrong { app: of, locked_until_us } if *of == app => {
                    guesses = if lock.is_some() { 1 } else { guesses + 1 };
                    lock = *locked_until_us;
                }
                _ => {}
            }
        }
        (guesses, lock)
    }

    fn was_let_in_this_month(&self, now_us: i64) -> bool {
        self.let_in_us.iter().any(|at| (*at < DECEMBER_US) == (now_us < DECEMBER_US))
    }
}

#[derive(Clone, Debug)]
struct App {
    allows_bypass: bool,
    threshold: u32,
    lock_us: i64,
    monthly_limit: Option<usize>,
}

/// The second implementation.
struct Tenant {
    users: Vec<User>,
    apps: Vec<App>,
    now_us: i64,
}

impl Tenant {
    fn new() -> Self {
        let user = User { is_active: true, is_admitted: true, bypasses: false, past: vec![], let_in_us: vec![] };
        let app = App { allows_bypass: false, threshold: 3, lock_us: 60 * SECOND_US, monthly_limit: None };
        Self { users: vec![user; USERS], apps: vec![app; APPS], now_us: BEGIN_US }
    }

    fn state(&self, user: usize, app: usize, is_login: bool) -> &'static str {
        let (of_user, of_app) = (&self.users[user], &self.apps[app]);
        let this_month = self.users.iter().filter(|other| other.was_let_in_this_month(self.now_us)).count();
        let is_full = of_app.monthly_limit.is_some_and(|limit| this_month >= limit);
        if !of_user.is_active {
            return "DISABLED";
        }
        if of_user.attempts(app).1.is_some_and(|until_us| until_us > self.now_us) {
            return "LOCKED";
        }
        if !of_user.is_admitted {
            return "NOGROUPMEMBERSHIP";
        }
        if of_user.bypasses {
            return if of_app.allows_bypass { "SKIPAUTHENTICATION" } else { "NOTALLOWEDTOBYPASS" };
        }
        if !of_user.is_enrolled() {
            return "PENDINGENROLLMENT";
        }
        if is_login && is_full && !of_user.was_let_in_this_month(self.now_us) {
            return "MAXUSERSREACHED";
        }
        "AUTHENTICATE"
    }

    fn enter(&mut self, user: usize, app: usize, is_login: bool, entered: &str) -> Said {
        let is_enrolled = self.users[user].is_enrolled();
        let state = self.state(user, app, is_login || is_enrolled);
        let completes = state == "PENDINGENROLLMENT" && !is_login;
        let Some(seed) = self.users[user].seed().filter(|_| completes || state == "AUTHENTICATE") else {
            return Said::plain(state);
        };
        let now_us = self.now_us;
        let of_user = &mut self.users[user];
        let let_in = |by: Factor, happened: Past, of_user: &mut User| {
            of_user.past.extend([happened, Past::Right { app }]);
            // An enrolment is no sign-in of the month.
            if by != Factor::FirstCode {
                of_user.let_in_us.push(now_us);
            }
            Said { state: "VALID", by: Some(by), is_guess: false, locked_until_us: None }
        };
        let spelled: String = entered.chars().filter(|letter| *letter != '-').collect::<String>().to_lowercase();
        let is_recovery = spelled.len() == 10 && spelled.chars().all(|it| matches!(it, 'a'..='z' | '2'..='7'));
        let secret = secret(seed);
        if entered.len() == 7 && entered.chars().all(|digit| digit.is_ascii_digit()) {
            let now = now_us / SECOND_US / 45;
            let fitting = (now - 1..=now + 1).filter(|step| *secret.code(*step) == entered);
            let newest = of_user.steps().into_iter().max();
            let (good, used): (Vec<_>, Vec<_>) = fitting.partition(|step| newest.is_none_or(|newest| *step > newest));
            if let Some(step) = good.first() {
                let by = if is_enrolled { Factor::Code } else { Factor::FirstCode };
                return let_in(by, Past::Step(*step), of_user);
            }
            if !used.is_empty() {
                return Said::plain("INVALID");
            }
        } else if is_recovery {
            if of_user.codes().contains(&spelled) {
                return let_in(Factor::RecoveryCode, Past::CodeTaken(spelled), of_user);
            }
        } else {
            return Said::plain("INVALID");
        }
        let (guesses, lock) = of_user.attempts(app);
        let guesses = if lock.is_some() { 1 } else { guesses + 1 };
        let locked_until_us = (guesses >= self.apps[app].threshold).then_some(now_us + self.apps[app].lock_us);
        of_user.past.push(Past::Wrong { app, locked_until_us });
        Said { is_guess: true, locked_until_us, ..Said::plain("INVALID") }
    }
}

#[derive(Debug, PartialEq)]
struct Said {
    state: &'static str,
    by: Option<Factor>,
    is_guess: bool,
    locked_until_us: Option<i64>,
}

impl Said {
    const fn plain(state: &'static str) -> Self {
        Self { state, by: None, is_guess: false, locked_until_us: None }
    }
}

fn secret(seed: u8) -> Secret {
    Secret::new(&[seed; 32], Parameters::new(Algorithm::Sha256, 7, 45).unwrap()).unwrap()
}

fn id(user: usize) -> i64 {
    i64::try_from(user).unwrap()
}

fn subject(user: usize, of_user: &User) -> Subject {
    let User { is_active, is_admitted, bypasses, .. } = *of_user;
    Subject { user_id: id(user), is_active, is_admitted, bypasses }
}

fn policy(app: usize, of_app: &App) -> AppPolicy {
    let App { allows_bypass, threshold, lock_us, monthly_limit } = *of_app;
    let monthly_limit = monthly_limit.map(|limit| i64::try_from(limit).unwrap());
    AppPolicy { app_id: id(app), allows_bypass, lockout: Lockout { threshold, lock_us }, monthly_limit }
}

/// Plays the events to both, and notes what the answers were.
fn play(events: &[Event], answers: &RefCell<BTreeSet<String>>) -> Result<(), TestCaseError> {
    let mut tenant = Tenant::new();
    let mut store = Memory::new();
    let mut seeds = 0_u8..;
    let mut given: Vec<Vec<String>> = vec![vec![]; USERS];
    for event in events {
        match event.clone() {
            Event::Clock { by_us } => tenant.now_us += by_us,
            Event::Setting { app, allows_bypass, threshold, lock_s, monthly_limit } => {
                let monthly_limit = monthly_limit.map(|limit| usize::try_from(limit).unwrap());
                tenant.apps[app] = App { allows_bypass, threshold, lock_us: lock_s * SECOND_US, monthly_limit };
            }
            Event::User { user, is_active, is_admitted, bypasses } => {
                let User { past, let_in_us, .. } = tenant.users[user].clone();
                tenant.users[user] = User { is_active, is_admitted, bypasses, past, let_in_us };
            }
            Event::Pending { user } => {
                let seed = seeds.next().unwrap();
                let of_user = &mut tenant.users[user];
                if of_user.seed().is_none() {
                    of_user.past.push(Past::Secret(seed));
                }
                let expected = of_user.seed().filter(|_| !of_user.is_enrolled()).map(secret);
                prop_assert_eq!(pending(&mut store, id(user), || secret(seed)).unwrap(), expected);
            }
            Event::Reset { user } => {
                let had_one = tenant.users[user].seed().is_some();
                tenant.users[user].past.push(Past::Reset);
                prop_assert_eq!(reset(&mut store, id(user)).unwrap(), had_one);
            }
            Event::RecoveryCodes { user } => {
                let seed = seeds.next().unwrap();
                // Five bits of each count.
                let random = [0, 1, 2, 3, 4, 5, 6, 7, 8, 9].map(|n| [seed >> 5, seed, n, 3, 4, 5, 6, 7, 8, 9]);
                let codes = replace_recovery_codes(&mut store, id(user), &random).unwrap();
                prop_assert_eq!(codes.is_some(), tenant.users[user].is_enrolled());
                let codes: Vec<String> = codes.iter().flatten().map(|code| code.to_text().replace('-', "")).collect();
                if !codes.is_empty() {
                    given[user].extend(codes.clone());
                    tenant.users[user].past.push(Past::CodesGiven(codes));
                }
            }
            Event::Stranger { app, purpose } => {
                let policy = policy(app, &tenant.apps[app]);
                let state = state_of(&mut store, None, &policy, purpose, tenant.now_us).unwrap();
                let verdict = verify(&mut store, None, &policy, purpose, "1234567", tenant.now_us).unwrap();
                prop_assert_eq!((state, verdict.state), (State::NotRegistered, State::NotRegistered));
                answers.borrow_mut().insert("NOTREGISTERED".to_owned());
            }
            Event::Entered { user, app, purpose, code } => {
                let entered = match code {
                    Code::Step(offset) => {
                        let secret = secret(tenant.users[user].seed().unwrap_or(0));
                        secret.code(tenant.now_us / SECOND_US / 45 + offset).to_string()
                    }
                    Code::Recovery(n) => match given[user].get(n) {
                        Some(code) if n % 2 == 0 => code.to_uppercase(),
                        Some(code) => code.parse::<RecoveryCode>().unwrap().to_text().to_string(),
                        None => continue,
                    },
                    Code::NeverGiven => "77777-77777".to_owned(),
                    Code::Malformed(n) => MALFORMED[n].to_owned(),
                };
                let (subject, policy) = (subject(user, &tenant.users[user]), policy(app, &tenant.apps[app]));
                let now_us = tenant.now_us;
                let is_login = purpose == Purpose::Login;
                let state = state_of(&mut store, Some(&subject), &policy, purpose, now_us).unwrap();
                prop_assert_eq!(state.as_str(), tenant.state(user, app, is_login), "{:?}", event);

                let verdict = verify(&mut store, Some(&subject), &policy, purpose, &entered, now_us).unwrap();
                let expected = tenant.enter(user, app, is_login, &entered);
                let state = verdict.state.as_str();
                let said = Said {
                    state,
                    by: verdict.factor,
                    is_guess: verdict.is_guess,
                    locked_until_us: verdict.locked_until_us,
                };
                prop_assert_eq!(&said, &expected, "{:?} {}", event, entered);
                let left = store.recovery_codes_left(id(user)).unwrap();
                prop_assert_eq!(usize::try_from(left).unwrap(), tenant.users[user].codes().len());
                let locks = if said.locked_until_us.is_some() { " locks" } else { "" };
                answers.borrow_mut().insert(format!("{state}{locks} {:?}", said.by));
            }
        }
    }
    Ok(())
}

#[test]
fn two_implementations_agree() {
    let answers = RefCell::default();
    let mut runner = TestRunner::new(Config { cases: 1_000, failure_persistence: None, ..Config::default() });
    runner.run(&events(), |events| play(&events, &answers)).unwrap();
    let expected = [
        "DISABLED None",
        "INVALID None",
        "INVALID locks None",
        "LOCKED None",
        "MAXUSERSREACHED None",
        "NOGROUPMEMBERSHIP None",
        "NOTALLOWEDTOBYPASS None",
        "NOTREGISTERED",
        "PENDINGENROLLMENT None",
        "SKIPAUTHENTICATION None",
        "VALID Some(Code)",
        "VALID Some(FirstCode)",
        "VALID Some(RecoveryCode)",
    ];
    let answers: Vec<String> = answers.into_inner().into_iter().collect();
    assert_eq!(answers, expected, "the events came to everything that can be answered");
}
