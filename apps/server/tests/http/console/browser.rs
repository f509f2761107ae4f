//! The console in a real browser: a person's task, and every screen as it looks and as assistive technology has it.

use tempfile::TempDir;

use super::{PASSWORD, login, owned};
use crate::support::authenticator::Authenticator;
use crate::support::browser::Script;
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

#[test]
fn every_screen_is_for_everybody() {
    if on_postgres() {
        return eprintln!("not run on PostgreSQL too: it is about the pages");
    }
    let mut world = World::new();
    let email = login(&world, "ada", "owner");
    login(&world, "vera.with.a.rather.long.address.that.wants.to.be.broken", "viewer");
    world.run(&["admin", "set", "2", "--disabled", "true"]);
    world.serve();
    let seen = Script::start(
        "console_screens.mjs",
        &[&world.base_url(), &email, PASSWORD, "login=/console/settings/logins/2"],
    )
    .end();
    assert!(seen["screens"].as_u64().unwrap() >= 6, "{seen}");
    all_is_well(&seen);
}

#[track_caller]
pub(super) fn all_is_well(seen: &serde_json::Value) {
    for what in ["wrong", "console_errors", "csp_violations"] {
        assert_eq!(seen[what], serde_json::json!([]), "{what}: {:#}", seen[what]);
    }
}
