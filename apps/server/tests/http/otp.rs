//! Second factors: the eleven states, single use, lockout, recovery, whoever asks at the same time.

use std::collections::BTreeMap;
use std::sync::Barrier;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use crate::support::authenticator::Authenticator;
use crate::support::oasis::{LOGIN, Library, NewUser, REGISTRATION, STATES};
use crate::support::{Answer, App, Call, World, now_s, on_postgres, within_a_second};

fn state(answer: &Answer) -> &'static str {
    STATES[usize::try_from(answer.ok()["State"].as_u64().unwrap()).unwrap()]
}

/// A server, an app and what speaks for it.
struct Asked {
    world: World,
    app: App,
    library: Library,
}

impl Asked {
    fn new() -> Self {
        let (world, app) = World::served();
        let library = Library::of(&app);
        Self { world, app, library }
    }

    #[track_caller]
    fn state(&self, username: &str) -> &'static str {
        state(&self.library.send(&self.world, &self.library.request_authentication_state(username, LOGIN)))
    }

    #[track_caller]
    fn enter(&self, username: &str, code: &str) -> &'static str {
        state(&self.library.send(&self.world, &self.library.verify_user_otp(username, code, LOGIN)))
    }

    /// The app on the phone of a new user who has not enrolled.
    #[track_caller]
    fn registered(&self, username: &str) -> Authenticator {
        let new = self.library.register_user(&NewUser { username, ..NewUser::default() });
        let made = self.library.send(&self.world, &new).ok();
        Authenticator::scan(&STANDARD.decode(made["QRData"].as_str().unwrap()).unwrap())
    }

    /// A new user who has enrolled by the code of this moment: that of the next step is the next that is good.
    #[track_caller]
    fn enrolled(&self, username: &str) -> Authenticator {
        let phone = self.registered(username);
        let call = self.library.verify_user_otp(username, &phone.code_at(now_s()), REGISTRATION);
        assert_eq!(state(&self.library.send(&self.world, &call)), "VALID");
        phone
    }

    #[track_caller]
    fn set(&self, settings: &[&str]) {
        self.world.run(&[&["app", "set", &self.app.id], settings].concat());
    }

    fn actions(&self, username: &str) -> Vec<String> {
        let trail = self.world.run_json(&["audit", "list", "--user", &format!("\\{username}")]);
        trail.as_array().unwrap().iter().map(|event| event["action"].as_str().unwrap().to_owned()).collect()
    }
}

/// The code of the next step, which drift lets through.
fn next(phone: &Authenticator) -> String {
    phone.code_at(now_s() + i64::from(phone.period_s))
}

#[test]
fn all_eleven_states_are_reached_by_configuration() {
    let asked = Asked::new();
    let Asked { world, app, .. } = &asked;
    let mut reached = BTreeMap::new();
    let mut see = |state: &'static str| *reached.entry(state).or_insert(0) += 1;

    see(asked.state("nobody"));
    let phone = asked.registered("ann");
    see(asked.state("ann"));
    let first = asked.library.verify_user_otp("ann", &phone.code_at(now_s()), REGISTRATION);
    see(state(&asked.library.send(world, &first)));
    see(asked.state("ann"));
    see(asked.enter("ann", "not a code"));

    world.run(&["user", "set", "\\ann", "--status", "suspended"]);
    see(asked.state("ann"));
    assert_eq!(asked.enter("ann", &next(&phone)), "DISABLED", "nothing is looked at");
    world.run(&["user", "enable", "\\ann"]);

    asked.set(&["--restrict-to-groups", "true"]);
    within_a_second("restricted to groups", || asked.state("ann") == "NOGROUPMEMBERSHIP");
    see(asked.state("ann"));
    let group = world.run_json(&["group", "create", "--name", "staff"])["group_id"].as_i64().unwrap();
    world.run(&["group", "allow", "staff", &app.id]);
    world.run(&["group", "add", "staff", "\\ann"]);
    assert_eq!(asked.state("ann"), "AUTHENTICATE");
    let new = NewUser { username: "joe", user_groups: &[group], ..NewUser::default() };
    asked.library.send(world, &asked.library.register_user(&new)).ok();
    assert_eq!(asked.state("joe"), "PENDINGENROLLMENT", "registered into the group");

    world.run(&["user", "set", "\\ann", "--bypass-otp", "true"]);
    see(asked.state("ann"));
    asked.set(&["--allow-bypass", "true"]);
    within_a_second("bypass is allowed", || asked.state("ann") == "SKIPAUTHENTICATION");
    see(asked.state("ann"));
    world.run(&["user", "set", "\\ann", "--bypass-otp", "false"]);

    asked.set(&["--restrict-to-groups", "false"]);
    within_a_second("open to all", || asked.state("nobody") == "NOTREGISTERED" && asked.state("ann") == "AUTHENTICATE");
    asked.set(&["--monthly-user-limit", "0"]);
    within_a_second("nobody may sign in any more", || asked.state("ann") == "MAXUSERSREACHED");
    see(asked.state("ann"));
    asked.set(&["--monthly-user-limit", "none"]);
    within_a_second("no limit", || asked.state("ann") == "AUTHENTICATE");

    asked.set(&["--lockout-threshold", "2"]);
    within_a_second("two wrong codes lock", || {
        asked.enter("ann", "000000");
        asked.state("ann") == "LOCKED"
    });
    see(asked.state("ann"));
    assert_eq!(asked.enter("ann", &next(&phone)), "LOCKED", "not even a right code is looked at");
    assert!(STATES.iter().all(|state| reached.contains_key(state)), "{reached:?}");
}

#[test]
fn the_users_of_a_month_are_as_many_as_the_limit_says() {
    let asked = Asked::new();
    let [ann, bob, eve] = ["ann", "bob", "eve"];
    let [ann_phone, bob_phone, eve_phone] = [ann, bob, eve].map(|name| asked.enrolled(name));
    assert_eq!(asked.enter(ann, &next(&ann_phone)), "VALID");
    assert_eq!(asked.enter(bob, &next(&bob_phone)), "VALID");
    assert_eq!(asked.state(eve), "AUTHENTICATE");
    asked.set(&["--monthly-user-limit", "2"]);
    within_a_second("who has enrolled has not signed in", || asked.state(eve) == "MAXUSERSREACHED");
    let code = next(&eve_phone);
    assert_eq!(asked.enter(eve, &code), "MAXUSERSREACHED");
    assert_eq!(asked.state(ann), "AUTHENTICATE", "who is among them comes again");
    let call = asked.library.verify_user_otp(eve, &code, REGISTRATION);
    assert_eq!(state(&asked.library.send(&asked.world, &call)), "MAXUSERSREACHED", "there is no way around it");
    asked.set(&["--monthly-user-limit", "none"]);
    within_a_second("no limit", || asked.state(eve) == "AUTHENTICATE");
    assert_eq!(asked.enter(eve, &code), "VALID", "the code was not used up");
}

/// All of these at once, each signed for a second of its own; → how often each state was answered.
fn at_once(worlds: &[&World], library: &Library, calls: &[Call]) -> BTreeMap<&'static str, usize> {
    let calls: Vec<Call> = calls.iter().map(|call| library.sign(call)).collect();
    let ready = Barrier::new(calls.len());
    let mut states = BTreeMap::new();
    std::thread::scope(|scope| {
        let asking: Vec<_> = calls
            .iter()
            .enumerate()
            .map(|(n, call)| {
                let (ready, world) = (&ready, worlds[n % worlds.len()]);
                scope.spawn(move || {
                    ready.wait();
                    state(&call.send(world))
                })
            })
            .collect();
        for thread in asking {
            *states.entry(thread.join().unwrap()).or_insert(0) += 1;
        }
    });
    states
}

#[test]
fn one_of_many_simultaneous_right_codes_is_accepted() {
    let asked = Asked::new();
    let second = asked.world.another();
    for (username, worlds) in [("one", vec![&asked.world]), ("two", vec![&asked.world, &second])] {
        let phone = asked.enrolled(username);
        let code = next(&phone);
        let calls: Vec<_> = (0..32).map(|_| asked.library.verify_user_otp(username, &code, LOGIN)).collect();
        let states = at_once(&worlds, &asked.library, &calls);
        assert_eq!(states, BTreeMap::from([("VALID", 1), ("INVALID", 31)]), "{username}");
        assert_eq!(asked.state(username), "AUTHENTICATE", "what is used up is no guess");
    }
}

#[test]
fn of_many_simultaneous_guesses_no_more_than_the_threshold_is_looked_at() {
    let asked = Asked::new();
    let second = asked.world.another();
    for (username, worlds) in [("one", vec![&asked.world]), ("two", vec![&asked.world, &second])] {
        let phone = asked.enrolled(username);
        let right: Vec<String> = (-2..=3).map(|step| phone.code_at(now_s() + step * 30)).collect();
        let wrong = (0..).map(|n| format!("{n:06}")).filter(|code| !right.contains(code));
        let calls: Vec<_> = wrong.take(64).map(|code| asked.library.verify_user_otp(username, &code, LOGIN)).collect();
        let states = at_once(&worlds, &asked.library, &calls);
        assert_eq!(states, BTreeMap::from([("INVALID", 5), ("LOCKED", 59)]), "{username}");
        assert_eq!(asked.enter(username, &next(&phone)), "LOCKED");
        let actions = asked.actions(username);
        assert_eq!(actions.iter().filter(|action| *action == "user.locked").count(), 1, "{actions:?}");
    }
}

#[test]
fn one_app_locks_a_user_out_of_itself_alone_and_an_operator_unlocks() {
    let asked = Asked::new();
    let phone = asked.enrolled("ann");
    let other = Library::of(&asked.world.app("other", &[]));
    within_a_second("the other app", || other.sign(&Library::hello_world()).send(&asked.world).status == 200);
    for _ in 0..5 {
        assert_eq!(asked.enter("ann", "000000"), "INVALID");
    }
    assert_eq!(asked.state("ann"), "LOCKED");
    let code = next(&phone);
    let elsewhere = |code: &str| state(&other.send(&asked.world, &other.verify_user_otp("ann", code, LOGIN)));
    assert_eq!(elsewhere(&code), "VALID");
    assert_eq!(elsewhere(&code), "INVALID", "a code is used once");
    let shown = asked.world.run_json(&["user", "show", "\\ann"]);
    assert_eq!(shown["second_factor"], "enrolled", "{shown}");
    assert!(shown["wrong_codes"][0]["locked_until"].is_string(), "{shown}");
    assert_eq!(asked.world.run_json(&["user", "unlock", "\\ann"])["changed"], true);
    assert_eq!(asked.world.run_json(&["user", "unlock", "\\ann"])["changed"], false);
    assert_eq!(asked.state("ann"), "AUTHENTICATE");
    assert_eq!(asked.enter("ann", &code), "INVALID", "and across apps");
    for malformed in ["", "12345", "1234567", "１２３４５６", "12 456", &"1".repeat(5000)] {
        assert_eq!(asked.enter("ann", malformed), "INVALID", "{malformed}");
    }
    assert_eq!(asked.world.run_json(&["user", "show", "\\ann"])["wrong_codes"], serde_json::json!([]));
}

#[test]
fn recovery_codes_let_in_once_each_and_a_reset_takes_all_away() {
    let asked = Asked::new();
    let codes_of = |user: &str| {
        let told = asked.world.run_json(&["otp", "recovery-codes", user]);
        let codes: Vec<String> =
            told["recovery_codes"].as_array().unwrap().iter().map(|code| code.as_str().unwrap().to_owned()).collect();
        assert_eq!(codes.len(), 10);
        codes
    };
    let phone = asked.enrolled("ann");
    let void = codes_of("\\ann");
    let codes = codes_of("\\ann");
    assert_eq!(asked.enter("ann", &codes[0]), "VALID");
    assert_eq!(asked.enter("ann", &codes[0]), "INVALID", "each is good once");
    assert_eq!(asked.enter("ann", &codes[1].replace('-', "").to_uppercase()), "VALID");
    assert_eq!(asked.enter("ann", &void[2]), "INVALID", "the ones before are void");
    let shown = asked.world.run_json(&["user", "show", "\\ann"]);
    assert_eq!(shown["recovery_codes_left"], 8);
    assert_eq!(shown["wrong_codes"][0]["failures"], 1, "a wrong one is a guess");

    assert_eq!(asked.world.run_json(&["otp", "reset", "\\ann"])["changed"], true);
    assert_eq!(asked.state("ann"), "PENDINGENROLLMENT");
    assert_eq!(asked.world.cli(&["otp", "recovery-codes", "\\ann"]).status.code(), Some(1));
    let anew = asked.enrolled("ann");
    assert_ne!(anew.secret, phone.secret);
    assert_eq!(asked.enter("ann", &codes[3]), "INVALID");
    assert_eq!(asked.enter("ann", &next(&anew)), "VALID");
    let mut told = asked.actions("ann");
    told.sort_unstable();
    told.dedup();
    for action in [
        "otp.enrolled",
        "otp.enrollment_started",
        "otp.recovery_codes_replaced",
        "otp.refused",
        "otp.reset",
        "otp.verified",
        "token.issued",
        "user.created",
    ] {
        assert!(told.iter().any(|known| known == action), "{action} is not in {told:?}");
    }
}

#[test]
fn a_credential_keeps_the_parameters_that_it_was_made_with() {
    let asked = Asked::new();
    asked.set(&["--totp-digits", "8", "--totp-period", "60", "--totp-algorithm", "sha512"]);
    let mut n = 0;
    within_a_second("eight digits", || {
        n += 1;
        asked.registered(&format!("ann{n}")).digits == 8
    });
    let username = format!("ann{n}");
    let phone = asked.registered(&username);
    assert_eq!((phone.period_s, phone.algorithm.as_str()), (60, "sha512"));
    asked.set(&["--totp-digits", "6", "--totp-period", "30", "--totp-algorithm", "sha1"]);
    within_a_second("six digits", || asked.registered("bob").digits == 6);
    let first = asked.library.verify_user_otp(&username, &phone.code_at(now_s()), REGISTRATION);
    assert_eq!(state(&asked.library.send(&asked.world, &first)), "VALID");
    assert_eq!(asked.enter(&username, &next(&phone)), "VALID");
    assert_eq!(asked.enter(&username, "123456"), "INVALID");
    assert_eq!(asked.world.run_json(&["user", "show", &format!("\\{username}")])["wrong_codes"], serde_json::json!([]));
}

#[test]
fn a_name_is_one_user_of_its_directory_and_a_deleted_one_comes_back_only_to_a_free_name() {
    let asked = Asked::new();
    let acme = asked.library.clone().in_directory("Acme");
    let id = |library: &Library| {
        let new = library.register_user(&NewUser { username: "bob", ..NewUser::default() });
        library.send(&asked.world, &new).ok()["UserID"].as_i64().unwrap()
    };
    let (plain, in_acme) = (id(&asked.library), id(&acme));
    assert_ne!(plain, in_acme);
    assert_eq!(id(&acme), in_acme, "who has not enrolled begins anew");
    assert_eq!(acme.send(&asked.world, &acme.delete_user("bob")).ok()["UserID"], in_acme);
    assert_eq!(asked.state("bob"), "PENDINGENROLLMENT");
    let successor = id(&acme);
    assert_ne!(successor, in_acme);
    let refused = asked.world.cli(&["user", "restore", &in_acme.to_string()]);
    assert_eq!(refused.status.code(), Some(1), "the name is taken");
    acme.send(&asked.world, &acme.delete_user("bob")).ok();
    asked.world.run(&["user", "restore", &in_acme.to_string()]);
    let asked_again = acme.send(&asked.world, &acme.request_authentication_state("bob", LOGIN));
    assert_eq!(asked_again.ok()["UserID"], in_acme);
}

#[test]
fn guesses_are_counted_where_no_image_can_be_drawn() {
    let asked = Asked::new();
    let long = "😀".repeat(250);
    let made = asked.library.register_user(&NewUser { username: &long, ..NewUser::default() });
    let made = asked.library.send(&asked.world, &made).ok();
    assert!(made["QRData"].is_null() && made["UserID"].as_i64().unwrap() > 0, "{made}");
    let guess = || {
        let call = asked.library.verify_user_otp(&long, "000000", REGISTRATION);
        state(&asked.library.send(&asked.world, &call))
    };
    let states: Vec<&str> = (0..6).map(|_| guess()).collect();
    assert_eq!(states, ["INVALID", "INVALID", "INVALID", "INVALID", "INVALID", "LOCKED"]);
}

/// Replaces the master key, which came from the environment, by one in a file that the server is not told of.
#[test]
fn who_was_not_given_the_new_master_key_seals_nothing_under_the_old_one() {
    if on_postgres() {
        return eprintln!("not run on PostgreSQL too: the key has a file there");
    }
    let key = "42".repeat(32);
    let mut world = World::new();
    let with_key = |world: &World, arguments: &[&str]| {
        let output = world.command().env("OSAYCORE_MASTER_KEY", &key).args(arguments).output().unwrap();
        assert!(output.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
        serde_json::from_slice::<serde_json::Value>(&output.stdout).unwrap()
    };
    let made = with_key(&world, &["app", "create", "--name", "app", "--json"]);
    let app = App {
        id: made["app_id"].as_str().unwrap().to_owned(),
        api_key: made["api_key"].as_str().unwrap().to_owned(),
        secret_key: made["secret_key"].as_str().unwrap().to_owned(),
        oasis_app_id: made["oasis_app_id"].as_i64().unwrap(),
        oasis_application_key: made["oasis_application_key"].as_str().unwrap().to_owned(),
        oasis_api_key: made["oasis_api_key"].as_str().unwrap().to_owned(),
    };
    world.variable("OSAYCORE_MASTER_KEY", &key);
    world.serve();
    let library = Library::of(&app);
    let mut asked = Asked { world, app, library };
    let phone = asked.enrolled("ann");
    with_key(&asked.world, &["key", "rotate", "master", "--new-key-file", "new.key", "--json"]);
    let register = |username: &str| {
        let new = asked.library.register_user(&NewUser { username, ..NewUser::default() });
        asked.library.sign(&new).send(&asked.world)
    };
    register("bob").oasis_refused(500, "internal");
    assert_eq!(asked.library.sign(&Library::hello_world()).send(&asked.world).status, 200, "nobody else is held up");
    asked.world.kill();
    asked.world.variable("OSAYCORE_MASTER_KEY", "");
    let file = asked.world.folder().join("new.key").display().to_string();
    asked.world.variable("OSAYCORE_MASTER_KEY_FILE", &file);
    asked.world.serve();
    assert_eq!(asked.enter("ann", &next(&phone)), "VALID");
    asked.enrolled("bob");
}

#[test]
fn second_factors_outlive_a_crash_and_a_new_master_key() {
    let mut asked = Asked::new();
    let phone = asked.enrolled("ann");
    let pending = asked.registered("bob");
    asked.world.crash();
    assert_eq!(asked.enter("ann", &phone.code_at(now_s())), "INVALID", "what was used up stays used up");
    asked.world.run(&["key", "rotate", "master"]);
    // At once, before the server has looked for the new key by itself.
    assert_eq!(asked.enter("ann", &next(&phone)), "VALID");
    let first = asked.library.verify_user_otp("bob", &pending.code_at(now_s()), REGISTRATION);
    assert_eq!(state(&asked.library.send(&asked.world, &first)), "VALID");
    asked.enrolled("eve");
    asked.world.crash();
    assert_eq!(asked.state("eve"), "AUTHENTICATE", "what was sealed meanwhile opens with the new key");
}
