//! Users in the console in a real browser: the tasks of somebody who helps them.

use super::super::browser::all_is_well;
use super::super::{PASSWORD, login};
use super::{lock, locked};
use crate::support::browser::Script;
use crate::support::{World, on_postgres};

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
