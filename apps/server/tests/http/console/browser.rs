//! The console in a real browser: a person's task, and every screen as it looks and as assistive technology has it.

use tempfile::TempDir;

use super::town::{HOSTILE, Town};
use super::{PASSWORD, login, owned};
use crate::support::authenticator::Authenticator;
use crate::support::browser::Script;
use crate::support::programs::python;
use crate::support::{World, now_s, on_postgres};

#[test]
fn the_first_owner_signs_in_sets_up_a_second_factor_and_signs_in_with_it() {
    if on_postgres() {
        return eprintln!("not run on PostgreSQL too: it is about the pages");
    }
    let (world, email) = owned();
    let folder = TempDir::new().unwrap();
    let path = folder.path().to_str().unwrap();
    let mut person = Script::start("console_first.mjs", &[&world.base_url(), &email, PASSWORD, path]);
    let phone = Authenticator::scan(&person.file(&folder.path().join("qr.png")));
    assert!(phone.uri.starts_with("otpauth://totp/OsayCore%20console:ada%40example.com?"), "{}", phone.uri);
    let now = now_s();
    person.say(&phone.code_at(now));
    person.say(&phone.code_at(now + 30));
    let seen = person.end();
    let codes: Vec<&str> =
        seen["recovery_codes"].as_array().unwrap().iter().map(|code| code.as_str().unwrap()).collect();
    assert_eq!(codes.len(), 10, "{seen}");
    assert_eq!(seen["clipboard"].as_str().unwrap().lines().collect::<Vec<_>>(), codes, "copied as they are shown");
    all_is_well(&seen);
}

/// Opens pages of a town as somebody; → what the script has seen. `followed`: what it follows, instead of looking.
fn look_around(town: &Town, who: &str, screens: &[String], followed: &[&str]) -> serde_json::Value {
    let base = town.world().base_url();
    let mut script = Script::start("console_screens.mjs", &[&[base.as_str(), who, PASSWORD], followed].concat());
    for path in screens {
        script.say(path);
    }
    script.end()
}

#[test]
fn every_screen_is_for_everybody() {
    if on_postgres() {
        return eprintln!("not run on PostgreSQL too: it is about the pages");
    }
    let town = Town::new();
    let seen = look_around(&town, &town.owner, &town.screens(), &[]);
    assert!(seen["statuses"].as_array().unwrap().len() >= 90, "{seen}");
    all_is_well(&seen);
    // What refuses somebody is a screen too.
    let lose =
        "import sqlite3, sys; sqlite3.connect(sys.argv[1], timeout=30).execute('ALTER TABLE payments RENAME TO lost')";
    assert!(python("sqlite3").args(["-c", lose]).arg(town.world().database()).status().unwrap().success());
    let refused = ["/console/apps/new", "/console/credits/payments", "/console/credits/0"].map(str::to_owned);
    let seen = look_around(&town, &town.viewer, &refused, &[]);
    assert_eq!(seen["statuses"], serde_json::json!([403, 503, 404]), "{seen}");
    all_is_well(&seen);
}

#[test]
fn nothing_that_others_have_written_runs_on_any_screen() {
    if on_postgres() {
        return eprintln!("not run on PostgreSQL too: it is about the pages");
    }
    let town = Town::hostile();
    let seen = look_around(&town, &town.owner, &town.screens(), &[HOSTILE]);
    assert!(seen["shown"].as_u64().unwrap() >= 50, "the screens show what was stored: {}", seen["shown"]);
    all_is_well(&seen);
}

#[test]
fn a_person_finds_out_who_spent_and_who_changed_the_settings() {
    if on_postgres() {
        return eprintln!("not run on PostgreSQL too: it is about the pages");
    }
    let mut world = World::new();
    let email = login(&world, "vera", "viewer");
    let (shop, ada, bob) = (world.app_of_every_scope(), world.rich_user("ada", "50"), world.rich_user("bob", "50"));
    world.run(&["app", "set", &shop.id, "--default-credit-rate", "3"]);
    world.serve();
    for (user, amount) in [(&ada, "12.5"), (&ada, "7.25"), (&bob, "0.25")] {
        let token = world.token(&shop, user);
        world.deduct(&shop, &token, &format!(r#""amount":{amount}"#)).ok();
    }
    let name = format!("app ({})", shop.oasis_app_id);
    let seen = Script::start("console_money.mjs", &[&world.base_url(), &email, PASSWORD, &name]).end();
    assert_eq!(seen["spent"], serde_json::json!({ "ada": 19.75, "bob": 0.25 }), "{seen}");
    assert_eq!(seen["figure"], "20.00 spent, 100.00 issued", "{seen}");
    assert_eq!(seen["change"], serde_json::json!(["Default credits per unit", "none", "3.00"]), "{seen}");
    assert_eq!(seen["actor"], "cli", "{seen}");
    all_is_well(&seen);
}

/// A world with a login, and with the flag checkout, whose rule `some` takes nobody yet.
fn with_checkout() -> (World, String) {
    let mut world = World::new();
    let email = login(&world, "ada", "admin");
    let flags =
        r#"{"flags": [{"key": "checkout", "rules": [{"name": "some", "rollout": {"percent": 0}, "serve": true}]}]}"#;
    std::fs::write(world.folder().join("flags.json"), flags).unwrap();
    world.run(&["flag", "apply", "flags.json"]);
    world.serve();
    (world, email)
}

/// The percentage that the rule `some` of checkout takes by now.
fn percent(world: &World) -> serde_json::Value {
    world.run_json(&["flag", "export"])["flags"][0]["rules"][0]["rollout"]["percent"].clone()
}

#[test]
fn the_keyboard_alone_suffices() {
    if on_postgres() {
        return eprintln!("not run on PostgreSQL too: it is about the pages");
    }
    let (world, email) = with_checkout();
    let seen = Script::start("console_keyboard.mjs", &[&world.base_url(), &email, PASSWORD]).end();
    all_is_well(&seen);
    assert_eq!(percent(&world), 5, "{seen}");
    let secrets = seen["secrets"].as_array().unwrap();
    assert!(secrets.len() == 2 && secrets[0] != secrets[1], "{seen}");
    assert!(seen["stops"].as_u64().unwrap() > 100, "{seen}");
    assert_eq!(world.run_json(&["app", "list"])[0]["name"], "By hand");
}

#[test]
fn no_script_is_needed() {
    if on_postgres() {
        return eprintln!("not run on PostgreSQL too: it is about the pages");
    }
    let (world, email) = with_checkout();
    all_is_well(&Script::start("console_no_script.mjs", &[&world.base_url(), &email, PASSWORD]).end());
    assert_eq!(percent(&world), 5);
    assert_eq!(world.run_json(&["user", "list", "--deleted"])[0]["username"], "paul");
}

#[track_caller]
pub(super) fn all_is_well(seen: &serde_json::Value) {
    for what in ["wrong", "console_errors", "csp_violations"] {
        assert_eq!(seen[what], serde_json::json!([]), "{what}: {:#}", seen[what]);
    }
}
