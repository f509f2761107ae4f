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
    world.user("ann");
    let screens = money(&mut world);
    let screens: Vec<&str> = screens.iter().map(String::as_str).collect();
    let base = world.base_url();
    let arguments = [&[&base, &email, PASSWORD, "login=/console/settings/logins/2"], screens.as_slice()].concat();
    let seen = Script::start("console_screens.mjs", &arguments).end();
    assert!(seen["screens"].as_u64().unwrap() >= 14, "{seen}");
    all_is_well(&seen);
}

/// Serves, and has credits spent and paid, and something refused; → the screens of single things.
fn money(world: &mut World) -> Vec<String> {
    let (shop, ada) = (world.app_of_every_scope(), world.rich_user("ada", "1200"));
    let secret = world.folder().join("client.secret");
    std::fs::write(&secret, "of-the-console").unwrap();
    let secret = secret.to_str().unwrap();
    let google = ["provider", "set", "google", "--preset", "google", "--client-id", "shop", "--client-secret-file"];
    world.run(&[&google[..], &[secret]].concat());
    world.run(&["app", "set", &shop.id, "--default-credit-rate", "3"]);
    world.run(&["key", "rotate", "jwt", "--algorithm", "EdDSA"]);
    world.serve();
    let token = world.token(&shop, &ada);
    let spend = |amount: &str| world.deduct(&shop, &token, &format!(r#""amount":{amount},"description":"A report""#));
    let spent = spend("12.5").ok();
    assert_eq!(spend("9999").status, 402);
    let payment =
        format!(r#"{{"user_id":"{}","amount":9.99,"currency":"EUR","credits":100,"status":"succeeded"}}"#, ada.id);
    let payment = world.call(&shop, "POST", "/api/payments", &payment).ok();
    world.run(&["app", "rotate-secret", &shop.id, "--grace-seconds", "3600"]);
    world.stop();
    world.serve();
    let event = world.run_json(&["audit", "list", "--action", "app.updated"])[0]["id"].clone();
    vec![
        format!("transaction=/console/credits/{}", spent["transaction_id"].as_str().unwrap()),
        format!("payment=/console/credits/payments/{}", payment["payment_id"].as_str().unwrap()),
        format!("event=/console/audit/{event}"),
        "provider=/console/settings/providers/google".to_owned(),
    ]
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

#[track_caller]
pub(super) fn all_is_well(seen: &serde_json::Value) {
    for what in ["wrong", "console_errors", "csp_violations"] {
        assert_eq!(seen[what], serde_json::json!([]), "{what}: {:#}", seen[what]);
    }
}
