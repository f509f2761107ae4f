//! The wallet's history: pages, filters, odd queries.

use std::sync::atomic::{AtomicBool, Ordering};

use serde_json::Value;

use crate::support::{App, World, unique};

const PATH: &str = "/api/credits/transactions";

/// All pages of a query.
fn pages(world: &World, app: &App, token: &str, query: &str, mut between: impl FnMut()) -> Vec<Value> {
    let mut all = Vec::new();
    let mut cursor = String::new();
    loop {
        let page = world.read(app, token, &format!("{PATH}?{query}{cursor}")).ok();
        assert_eq!(page["success"], true);
        all.extend(page["transactions"].as_array().unwrap().iter().cloned());
        let Some(next) = page["next_cursor"].as_str() else { return all };
        cursor = format!("&cursor={next}");
        between();
    }
}

#[test]
fn an_entry_has_every_member() {
    let mut world = World::new();
    let (app, other) = (world.app("app", &["add_credits", "manage_payments"]), world.app("other", &[]));
    let user = world.user("ann");
    world.serve();
    let pay = format!(r#"{{"user_id":"{}","amount":1,"currency":"EUR","status":"succeeded"}}"#, user.id);
    let payment = world.call(&app, "POST", "/api/payments", &pay).ok()["payment_id"].as_str().unwrap().to_owned();
    let add = format!(r#""amount":10,"transaction_type":"PURCHASE","payment_id":"{payment}","description":"ten""#);
    let bought = world.add(&app, &user, &add).ok();
    let (token, other_token) = (world.token(&app, &user), world.token(&other, &user));
    let spent = world.deduct(&other, &other_token, r#""amount":0.5,"client_reference_id":"r""#).ok();
    let answer = world.read(&app, &token, PATH);
    let body = answer.ok();
    assert_eq!(body["next_cursor"], Value::Null);
    let [newest, oldest] = body["transactions"].as_array().unwrap().as_slice() else { panic!("{body}") };
    let keys: Vec<_> = newest.as_object().unwrap().keys().map(String::as_str).collect();
    assert_eq!(
        keys,
        [
            "amount",
            "app_id",
            "balance_after",
            "client_reference_id",
            "created_at",
            "description",
            "payment_id",
            "transaction_id",
            "type"
        ]
    );
    assert_eq!((&newest["type"], &oldest["type"]), (&"DEDUCTION".into(), &"PURCHASE".into()));
    assert_eq!(
        (&newest["transaction_id"], &oldest["transaction_id"]),
        (&spent["transaction_id"], &bought["transaction_id"])
    );
    assert_eq!((&newest["client_reference_id"], &oldest["client_reference_id"]), (&"r".into(), &Value::Null));
    assert_eq!((&newest["description"], &oldest["description"]), (&Value::Null, &"ten".into()));
    assert_eq!((&newest["payment_id"], &oldest["payment_id"]), (&Value::Null, &payment.into()));
    assert_eq!((&newest["app_id"], &oldest["app_id"]), (&other.id.into(), &app.id.into()));
    assert!(newest["created_at"].as_str().is_some_and(|time| time.ends_with('Z') && time.contains('T')), "{newest}");
    for exact in [r#""amount":-0.50"#, r#""balance_after":9.50"#, r#""amount":10.00"#] {
        assert!(answer.text().contains(exact), "{exact}: {}", answer.text());
    }
}

#[test]
fn pages_are_complete_and_stable_while_others_write() {
    let (world, app) = World::served();
    let user = world.rich_user("ann", "1000");
    let token = world.token(&app, &user);
    for n in 0..24 {
        world.deduct(&app, &token, &format!(r#""amount":1,"client_reference_id":"before-{n}""#)).ok();
    }
    let (mut n, stop) = (0, AtomicBool::new(false));
    let seen = std::thread::scope(|scope| {
        scope.spawn(|| {
            while !stop.load(Ordering::Relaxed) {
                let reference = unique("during");
                world.deduct(&app, &token, &format!(r#""amount":1,"client_reference_id":"{reference}""#)).ok();
            }
        });
        let seen = pages(&world, &app, &token, "limit=4", || {
            n += 1;
            world.deduct(&app, &token, &format!(r#""amount":1,"client_reference_id":"between-{n}""#)).ok();
        });
        stop.store(true, Ordering::Relaxed);
        seen
    });
    let references: Vec<_> = seen.iter().filter_map(|entry| entry["client_reference_id"].as_str()).collect();
    let before: Vec<_> =
        references.iter().filter(|name| name.starts_with("before-")).map(ToString::to_string).collect();
    let expected: Vec<_> = (0..24).rev().map(|n| format!("before-{n}")).collect();
    assert_eq!(before, expected, "newest first, none twice, none missing");
    let mut distinct: Vec<_> = seen.iter().map(|entry| entry["transaction_id"].to_string()).collect();
    distinct.sort();
    distinct.dedup();
    assert_eq!(distinct.len(), seen.len());
    // Each balance follows from the one before it.
    let micros = |value: &Value| (value.as_f64().unwrap() * 1e6).round();
    for pair in seen.windows(2) {
        let (newer, older) = (&pair[0], &pair[1]);
        assert!(
            (micros(&newer["balance_after"]) - micros(&older["balance_after"]) - micros(&newer["amount"])).abs() < 0.5,
            "{newer} after {older}"
        );
    }
}

#[test]
fn filters_select() {
    let (world, app) = World::served();
    let user = world.user("ann");
    let token = world.token(&app, &user);
    let add = |kind: &str| world.add(&app, &user, &format!(r#""amount":10,"transaction_type":"{kind}""#)).ok();
    add("BONUS");
    add("EARNED");
    for n in 0..3 {
        world.deduct(&app, &token, &format!(r#""amount":1,"client_reference_id":"r {n}+é""#)).ok();
    }
    let count = |query: &str| pages(&world, &app, &token, query, || {}).len();
    let all = pages(&world, &app, &token, "limit=2", || {});
    assert_eq!(all.len(), 5);
    assert_eq!(count("type=DEDUCTION&limit=2"), 3);
    assert_eq!(count("type=BONUS"), 1);
    assert_eq!(count("type=REFUND"), 0);
    assert_eq!(count("reference=r%201%2B%C3%A9"), 1);
    assert_eq!(count("reference=r"), 0);
    let time = |at: usize| all[at]["created_at"].as_str().unwrap().to_owned();
    // From inclusive, to exclusive.
    let since = |time: &str| all.iter().filter(|entry| entry["created_at"].as_str().unwrap() >= time).count();
    assert_eq!(count(&format!("from={}", time(2))), since(&time(2)));
    assert_eq!(count(&format!("to={}", time(2))), 5 - since(&time(2)));
    assert_eq!(count(&format!("from={}&to={}", time(4), time(0))), 5 - since(&time(0)));
    assert_eq!(count("from=2001-01-01T00:00:00%2B01:00&to=2002-01-01T00:00:00Z"), 0);
    assert_eq!(count(&format!("from={}&type=DEDUCTION&limit=200", time(4))), 3);
}

#[test]
fn odd_queries_are_refused() {
    let (world, app) = World::served();
    let token = world.token(&app, &world.user("ann"));
    for query in [
        "limit=0",
        "limit=201",
        "limit=-1",
        "limit=%2B5",
        "limit=1.0",
        "limit=",
        "limit=ten",
        "limit=5&limit=5",
        "limit=99999999999999999999",
        "cursor=x",
        "cursor=",
        "cursor=-1",
        "type=deduction",
        "type=GIFT",
        "type=",
        "from=yesterday",
        "from=2026-01-31",
        "from=2026-02-30T00:00:00Z",
        "to=1767225600",
        "reference=",
        "reference=%00",
        "reference=%ff",
        "page=2",
        "LIMIT=5",
        "x",
    ] {
        let answer = world.read(&app, &token, &format!("{PATH}?{query}"));
        assert_eq!(answer.status, 400, "{query}: {}", answer.text());
        assert!(answer.json()["field"].is_string(), "{query}: {}", answer.text());
    }
    for query in ["", "limit=1", "limit=200", "limit=50&type=BONUS"] {
        world.read(&app, &token, &format!("{PATH}?{query}")).ok();
    }
}

#[test]
fn a_history_is_the_bearers_own() {
    let (world, app) = World::served();
    let (ann, bob) = (world.rich_user("ann", "5"), world.rich_user("bob", "7"));
    for (user, amount) in [(&ann, 5.0), (&bob, 7.0)] {
        let token = world.token(&app, user);
        let body = world.read(&app, &token, PATH).ok();
        let entries = body["transactions"].as_array().unwrap();
        assert_eq!(entries.len(), 1);
        assert_eq!(entries[0]["amount"], amount);
    }
}
