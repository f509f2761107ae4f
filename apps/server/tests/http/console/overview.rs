//! What went on and what needs attention.

use std::time::Duration;

use diesel::prelude::*;
use diesel::sqlite::SqliteConnection;

use super::users::locked;
use super::{Browser, login, login_of};
use crate::support::mail::Sink;
use crate::support::oasis::{Library, NewUser};
use crate::support::{Call, World, on_postgres, patiently, within_a_second};

/// The task of the trail begins at once; on a busy machine it takes its time.
const COUNTED: Duration = Duration::from_secs(20);

/// What is said above a chart.
fn figure(page: &str, id: &str) -> String {
    let chart = page.split_once(&format!("id=\"{id}-title\"")).unwrap().1;
    let text = chart.split_once("<div class=\"figure\">").unwrap().1.split('<').next().unwrap();
    text.replace('\u{202f}', " ")
}

#[test]
fn what_went_on_is_counted_once_over_restarts_and_servers_and_told_in_figures_and_tables() {
    let mut world = World::new();
    let email = login(&world, "vera", "viewer");
    world.run(&["tenant", "create", "--name", "Elsewhere"]);
    let stranger = login_of(&world, "sam", "viewer", "Elsewhere");
    let (shop, ada) = (world.app_of_every_scope(), world.rich_user("ada", "100"));
    world.serve();
    let token = world.token(&shop, &ada);
    for amount in ["2.5", "1"] {
        world.deduct(&shop, &token, &format!(r#""amount":{amount}"#)).ok();
    }
    world.deduct(&shop, &token, r#""amount":5000"#).refused(402, "insufficient_credits");
    // A clean stop loses nothing; here are the token's request and three more.
    world.stop();
    world.serve();
    let mut vera = Browser::signed_in(&world, &email);
    for (range, active) in
        [("24h", "1 at most in an hour"), ("7d", "1 at most in a day"), ("30d", "1 at most in a day")]
    {
        let path = format!("/console?range={range}");
        let credits = |browser: &mut Browser<'_>| figure(&browser.page(&path), "credits");
        assert!(patiently(COUNTED, || credits(&mut vera) == "3.50 spent, 100.00 issued"), "{}", credits(&mut vera));
        let page = vera.page(&path);
        assert_eq!(figure(&page, "requests"), "4 requests, 1 refused, 0 failed", "{page}");
        assert_eq!(figure(&page, "active"), active);
        assert!(figure(&page, "sign-ins").ends_with(", 1 refusal"), "{}", figure(&page, "sign-ins"));
        assert!(page.contains("<td class=\"number\">3.50</td>"), "the table says the same: {page}");
        assert!(page.contains(&format!("range={range}#activity\" aria-current=\"true\"")), "{page}");
    }
    // Another server counts on, and nothing anew.
    let second = world.another();
    let token = second.token(&shop, &ada);
    second.deduct(&shop, &token, r#""amount":0.5"#).ok();
    world.kill();
    let mut there = Browser::signed_in(&second, &email);
    let credits = |browser: &mut Browser<'_>| figure(&browser.page("/console"), "credits");
    assert!(patiently(COUNTED, || credits(&mut there) == "4.00 spent, 100.00 issued"), "{}", credits(&mut there));
    let mut sam = Browser::signed_in(&second, &stranger);
    assert_eq!(credits(&mut sam), "0.00 spent, 0.00 issued", "another tenant's are its own");
    assert_eq!(sam.get("/console?range=nonsense").status, 200);
}

#[test]
fn what_needs_attention_is_told_with_the_way_there() {
    let mut world = World::new();
    let email = login(&world, "vera", "viewer");
    let shop = world.app("<script>alert(1)</script>", &[]);
    world.run(&["app", "rotate-secret", &shop.id, "--grace-seconds", "3600"]);
    world.serve();
    let mut vera = Browser::signed_in(&world, &email);
    let page = vera.page("/console");
    assert!(page.contains("A replaced secret of &#60;script&#62;alert(1)&#60;/script&#62; ends"), "{page}");
    assert!(page.contains(&format!("href=\"/console/apps/{}\"", shop.oasis_app_id)), "{page}");
    assert!(!page.contains("<script>alert"), "{page}");
    for absent in ["keeps failing", "locked out", "Stale flags"] {
        assert!(!page.contains(absent), "{absent}: {page}");
    }
    let file = world.folder().join("flags.yaml");
    let expired = "flags:\n  - key: old-checkout\n    expires_at: 2020-01-01T00:00:00Z\n";
    std::fs::write(&file, expired).unwrap();
    world.run(&["flag", "apply", file.to_str().unwrap()]);
    let page = vera.page("/console");
    assert!(page.contains("Stale flags") && page.contains("old-checkout"), "{page}");
}

/// Does something to the SQLite file of a world.
fn doctor(world: &World, sql: &str) {
    let mut database = SqliteConnection::establish(world.database().to_str().unwrap()).unwrap();
    diesel::sql_query("PRAGMA busy_timeout = 10000").execute(&mut database).unwrap();
    diesel::sql_query(sql).execute(&mut database).unwrap();
}

#[test]
fn who_is_locked_out_is_told_until_the_lock_ends() {
    let (world, app) = World::served();
    let email = login(&world, "ada", "admin");
    let mut ada = Browser::signed_in(&world, &email);
    locked(&world, &app, "liz");
    let page = ada.page("/console");
    assert!(page.contains("Users are locked out") && page.contains("liz: too many wrong codes"), "{page}");
    assert!(page.contains("href=\"/console/users?locked=yes\""), "{page}");
    assert!(ada.page("/console/users?locked=yes").contains(">liz</a>"));
    world.run(&["user", "unlock", "liz"]);
    let page = ada.page("/console");
    assert!(!page.contains("Users are locked out") && !page.contains("liz"), "{page}");
}

#[test]
fn mail_that_keeps_failing_is_told_until_it_is_sent() {
    if on_postgres() {
        return eprintln!("not run on PostgreSQL: it has attempts made at once in the SQLite file");
    }
    let mut sink = Sink::refusing_first(4);
    let mut world = World::new();
    let library = Library::of(&world.app("Shop", &[]));
    let email = login(&world, "vera", "viewer");
    world.variable("OSAYCORE_SMTP_URL", &format!("smtp://127.0.0.1:{}", sink.port()));
    world.variable("OSAYCORE_MAIL_FROM", "room@example.com");
    world.serve();
    let mut vera = Browser::signed_in(&world, &email);
    let new =
        NewUser { username: "ann", email: Some("ann@example.com"), send_enrollment_email: true, ..NewUser::default() };
    library.send(&world, &library.register_user(&new)).ok();
    let mut fails = |attempts: i64| {
        doctor(&world, &format!("UPDATE outbox SET due_at_us = 1 WHERE attempts < {attempts}"));
        vera.page("/console").contains("A mail keeps failing")
    };
    assert!(!fails(0), "nothing was refused three times yet");
    assert!(patiently(COUNTED, || fails(3)));
    assert!(patiently(COUNTED, || !fails(9)));
    assert_eq!(sink.receive().to, "ann@example.com");
}

#[test]
fn a_fault_of_ours_looks_like_the_console_and_says_nothing_of_the_inside() {
    if on_postgres() {
        return eprintln!("not run on PostgreSQL: it takes a table out of the SQLite file");
    }
    let mut world = World::new();
    let email = login(&world, "vera", "viewer");
    world.serve();
    let mut vera = Browser::signed_in(&world, &email);
    world.run(&["group", "create", "--name", "staff"]);
    let missing = vera.get("/console/nothing");
    let style = |page: &str| {
        let (_, rest) = page.split_once("rel=\"stylesheet\" href=\"").unwrap_or_else(|| panic!("no style: {page}"));
        rest.split('"').next().unwrap().to_owned()
    };
    for (path, status, fault, repair, inside) in [
        (
            "/console",
            503,
            "ALTER TABLE tallies RENAME TO gone",
            "ALTER TABLE gone RENAME TO tallies",
            "no such table: tallies",
        ),
        (
            "/console/groups",
            500,
            "UPDATE user_groups SET name = ''",
            "UPDATE user_groups SET name = 'staff'",
            "a stored group does not read",
        ),
    ] {
        doctor(&world, fault);
        let answer = vera.send(Call::get(path).set("X-Request-Id", "of-the-fault"));
        let page = answer.text();
        assert_eq!((answer.status, answer.header("x-request-id")), (status, Some("of-the-fault")), "{page}");
        assert!(answer.header("content-type").is_some_and(|kind| kind.starts_with("text/html")), "{path}");
        assert_eq!(answer.header("cache-control"), Some("no-store"));
        assert!(page.starts_with("<!doctype html>") && page.contains("Please try again in a minute."), "{page}");
        assert_eq!(style(page), style(missing.text()), "it looks like the console's other pages");
        for word in ["tallies", "table", "SELECT", "sqlite", "stored"] {
            assert!(!page.contains(word), "{word}: {page}");
        }
        within_a_second("the log says what it is", || world.log().contains(inside));
        doctor(&world, repair);
        vera.page(path);
    }
}

#[test]
fn flags_of_another_release_hold_up_nothing_and_are_told_until_they_are_put_right() {
    if on_postgres() {
        return eprintln!("not run on PostgreSQL: it writes flags into the SQLite file that no release takes");
    }
    let mut world = World::new();
    let (app, ann) = (world.app_of_every_scope(), world.user("ann"));
    let email = login(&world, "vera", "viewer");
    let file = world.folder().join("flags.json");
    let apply = |world: &World, flags: &str| {
        std::fs::write(&file, format!("{{\"flags\": [{flags}]}}")).unwrap();
        world.run(&["flag", "apply", "flags.json"]);
    };
    let needs = r#"{"key": "needs", "prerequisites": [{"flag": "wrong", "value": true}], "default": true}"#;
    let on = |key: &str| format!(r#"{{"key": "{key}", "default": true}}"#);
    apply(&world, &[on("fine"), on("wrong"), on("odd"), needs.to_owned()].join(","));
    let salt = |world: &World| {
        let mut database = SqliteConnection::establish(world.database().to_str().unwrap()).unwrap();
        let row = diesel::sql_query("SELECT salt FROM flags WHERE key = 'odd'").get_result::<Salt>(&mut database);
        row.unwrap().salt
    };
    let before = salt(&world);
    let write = |definition: &str, key: &str| {
        doctor(&world, &format!("UPDATE flags SET definition = '{definition}' WHERE key = '{key}'"));
    };
    write(r#"{"key": "wrong", "off": "gone"}"#, "wrong");
    write(r#"{"key": "odd", "of_tomorrow": 1}"#, "odd");
    world.serve();
    let token = world.token(&app, &ann);
    let features = |world: &World| world.read(&app, &token, "/api/user/context").ok()["enabled_features"].clone();
    assert_eq!(features(&world), serde_json::json!({ "fine": true }), "the rest is served");
    for said in ["every app of tenant default", "flag `wrong`", "flag `odd`", "of_tomorrow", "put them right"] {
        assert!(world.log().contains(said), "{said}: {}", world.log());
    }
    let mut vera = Browser::signed_in(&world, &email);
    let page = vera.page("/console");
    for said in ["Flags are not served", "flag `wrong`", "flag `odd`", "flag `needs`"] {
        assert!(page.contains(said), "{said}: {page}");
    }
    vera.page("/console/flags/all/flags/wrong");
    // What is wrong is nobody's fault who changes something else; to touch it is to put it right.
    apply(&world, &on("new"));
    within_a_second("another flag", || features(&world)["new"] == true);
    let refused = world.cli(&["flag", "archive", "wrong"]);
    assert!(!refused.status.success() && String::from_utf8_lossy(&refused.stderr).contains("`needs`"), "{refused:?}");
    apply(&world, &on("wrong"));
    within_a_second("what was wrong", || features(&world)["needs"] == true);
    assert!(vera.page("/console").contains("flag `odd`"));
    apply(&world, &on("odd"));
    within_a_second("what could not be read", || features(&world)["odd"] == true);
    assert_eq!(salt(&world), before, "nobody changes buckets");
    assert!(!vera.page("/console").contains("Flags are not served"));
}

#[derive(QueryableByName)]
struct Salt {
    #[diesel(sql_type = diesel::sql_types::Text)]
    salt: String,
}
