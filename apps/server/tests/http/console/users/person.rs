//! Users in the console in a real browser: the tasks of somebody who helps them, and every screen.

use super::super::browser::all_is_well;
use super::super::{PASSWORD, login};
use super::{lock, locked};
use crate::support::browser::Script;
use crate::support::{Call, User, World, on_postgres};

#[test]
fn somebody_helps_users_who_call() {
    if on_postgres() {
        return eprintln!("not run on PostgreSQL too: it is about the pages");
    }
    let mut world = World::new();
    let shop = world.app("Shop", &["add_credits", "manage_users"]);
    let bob = world.rich_user("bob", "100");
    let ann = world.user_with("ann", &["--app", &shop.id, "--external-id", "customer-7"]);
    world.credit(&ann, "5");
    world.run(&["user", "permit", "ann", &shop.id, "--can-use", "false"]);
    world.run(&["user", "disable", "ann"]);
    world.run(&["group", "create", "--name", "staff"]);
    world.run(&["group", "allow", "staff", &shop.id]);
    let email = login(&world, "ada", "admin");
    world.serve();
    world.deduct(&shop, &world.token(&shop, &bob), r#""amount":10,"description":"a book""#).ok();
    locked(&world, &shop, "liz");
    world.run(&["app", "set", &shop.id, "--restrict-to-groups", "true"]);
    let seen = Script::start("console_users.mjs", &[&world.base_url(), &email, PASSWORD]).end();
    assert_eq!(seen["refunded"], 1, "{seen}");
    all_is_well(&seen);
    let ann = world.run_json(&["user", "show", "ann"]);
    assert_eq!((&ann["status"], &ann["permits"][0]["credit_rate"]), (&"active".into(), &"0.50".into()), "{ann}");
    let bob = world.run_json(&["user", "show", "bob"]);
    assert_eq!((&bob["deleted"], bob["balance"].as_f64()), (&false.into(), Some(94.0)), "{bob}");
    // Whoever was unlocked may guess again.
    world.run(&["group", "add", "staff", "liz"]);
    lock(&world, &shop, "liz");
}

#[test]
fn every_screen_of_a_user_is_for_everybody() {
    if on_postgres() {
        return eprintln!("not run on PostgreSQL too: it is about the pages");
    }
    let mut world = World::new();
    let shop = world.app("A shop with a rather long name that wants to be broken somewhere", &["add_credits"]);
    let name = "ann.with.a.rather.long.name@department.example.com";
    let ann = world.user_with(name, &["--display-name", "Ann Onymous", "--email", "ann@example.com"]);
    world.credit(&ann, "1000");
    world.run(&["user", "permit", &ann.id, &shop.id, "--custom", r#"{"seats":3}"#, "--external-id", "customer-7"]);
    let gone = world.user("gone");
    world.run(&["user", "delete", "gone"]);
    world.run(&["group", "create", "--name", "staff"]);
    world.run(&["group", "create", "--name", "board"]);
    world.run(&["group", "add", "staff", &ann.id]);
    let email = login(&world, "ada", "owner");
    world.serve();
    let token = world.token(&shop, &ann);
    let charge = world.deduct(&shop, &token, r#""amount":12.345678,"description":"a book""#).ok();
    let body = format!(r#"{{"user_id":"{}","refresh_token":true,"expires_in_seconds":900}}"#, ann.id);
    Call::post("/api/auth/generate-user-jwt", body).signed(&shop).send(&world).ok();
    let liz = locked(&world, &shop, "liz");
    let at = |name: &str, user: &User, rest: &str| format!("{name}=/console/users/{}{rest}", user.oasis_id);
    let screens = [
        "only".to_owned(),
        at("user", &ann, ""),
        at("user-gone", &gone, ""),
        at("user-edit", &ann, "/edit"),
        at("user-apps", &ann, "/apps"),
        at("user-app", &liz, &format!("/apps/{}", shop.oasis_app_id)),
        at("user-groups", &ann, "/groups"),
        at("user-wallet", &ann, "/wallet"),
        at("user-charge", &ann, &format!("/wallet/{}", charge["transaction_id"].as_str().unwrap())),
        at("user-second-factor", &liz, "/second-factor"),
        at("user-sessions", &ann, "/sessions"),
        at("user-audit", &ann, "/audit"),
    ];
    let base = world.base_url();
    let arguments = [&base, &email, PASSWORD].into_iter().chain(screens.iter().map(String::as_str));
    let seen = Script::start("console_screens.mjs", &arguments.collect::<Vec<_>>()).end();
    assert_eq!(seen["screens"], screens.len(), "{seen}");
    all_is_well(&seen);
}
