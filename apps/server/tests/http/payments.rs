//! Payments: recorded, settled, read. What one pays for is in `credits`.

use serde_json::{Value, json};

use crate::support::{Answer, App, User, World};

const PAYMENTS: &str = "/api/payments";

fn stage() -> (World, App, User) {
    let (world, app) = World::served();
    let user = world.user("ann");
    (world, app, user)
}

/// With the members given as JSON text after `user_id`.
fn create(world: &World, app: &App, user: &User, members: &str) -> Answer {
    world.call(app, "POST", PAYMENTS, &format!(r#"{{"user_id":"{}",{members}}}"#, user.id))
}

fn id(answer: &Answer) -> String {
    answer.ok()["payment_id"].as_str().unwrap().to_owned()
}

#[test]
fn a_payment_is_recorded_and_read() {
    let (world, app, user) = stage();
    let answer = create(
        &world,
        &app,
        &user,
        r#""amount":9.99,"currency":"EUR","credits":100,"status":"pending","external_id":"pi_1""#,
    );
    let made = answer.ok();
    assert_eq!((&made["success"], &made["user_id"]), (&json!(true), &json!(user.id)));
    assert_eq!(
        (&made["status"], &made["currency"], &made["external_id"]),
        (&json!("pending"), &json!("EUR"), &json!("pi_1"))
    );
    assert_eq!((answer.number("amount"), answer.number("credits")), ("9.99".to_owned(), "100.00".to_owned()));
    let path = format!("{PAYMENTS}/{}", id(&answer));
    assert_eq!(world.call(&app, "GET", &path, "").ok(), made);
    let bare = create(&world, &app, &user, r#""amount":1,"currency":"USD","status":"failed""#).ok();
    assert_eq!((&bare["credits"], &bare["external_id"]), (&Value::Null, &Value::Null));
}

#[test]
fn only_a_pending_payment_is_settled_and_only_once() {
    let (world, app, user) = stage();
    let settle = |id: &str, status: &str, nonce: u32| {
        world.call(&app, "PATCH", &format!("{PAYMENTS}/{id}"), &format!(r#"{{"status":"{status}","nonce":"{nonce}"}}"#))
    };
    for (nonce, (end, other)) in (0..).step_by(4).zip([("succeeded", "failed"), ("failed", "succeeded")]) {
        let payment = id(&create(
            &world,
            &app,
            &user,
            &format!(r#""amount":1,"currency":"EUR","status":"pending","nonce":"{nonce}""#),
        ));
        assert_eq!(settle(&payment, "pending", nonce).ok()["status"], "pending");
        assert_eq!(settle(&payment, end, nonce + 1).ok()["status"], end);
        assert_eq!(settle(&payment, end, nonce + 2).ok()["status"], end, "what it is already is no change");
        for wrong in [other, "pending"] {
            assert_eq!(
                settle(&payment, wrong, nonce + 3).refused(409, "reference_conflict")["field"],
                "status",
                "{end} to {wrong}"
            );
        }
        assert_eq!(world.call(&app, "GET", &format!("{PAYMENTS}/{payment}"), "").ok()["status"], end);
    }
}

#[test]
fn an_external_id_names_one_payment() {
    let (world, app, user) = stage();
    let other = world.user("bob");
    let members = r#""amount":9.99,"currency":"EUR","credits":100,"status":"succeeded","external_id":"pi_1""#;
    let first = id(&create(&world, &app, &user, members));
    let again = create(&world, &app, &user, &format!(r#"{members},"nonce":"2""#));
    assert_eq!(id(&again), first, "the same payment told twice");
    for (user, members, field) in [
        (&other, members.to_owned(), "user_id"),
        (&user, members.replace("9.99", "9.98"), "amount"),
        (&user, members.replace("EUR", "USD"), "currency"),
        (&user, members.replace("\"credits\":100", "\"credits\":101"), "credits"),
    ] {
        let conflict = create(&world, &app, user, &members).refused(409, "reference_conflict");
        assert_eq!(conflict["field"], field);
    }
}

#[test]
fn a_payment_belongs_to_its_app_and_needs_the_scope() {
    let mut world = World::new();
    let scopes = ["manage_payments"];
    let (app, other, bare) =
        (world.app("app", &scopes), world.app("other", &scopes), world.app("bare", &["add_credits"]));
    let user = world.user("ann");
    world.serve();
    let members = r#""amount":1,"currency":"EUR","status":"pending""#;
    let path = format!("{PAYMENTS}/{}", id(&create(&world, &app, &user, members)));
    world.call(&other, "GET", &path, "").refused(404, "not_found");
    world.call(&other, "PATCH", &path, r#"{"status":"failed"}"#).refused(404, "not_found");
    world.call(&bare, "GET", &path, "").refused(403, "scope_missing");
    world.call(&bare, "PATCH", &path, r#"{"status":"failed"}"#).refused(403, "scope_missing");
    create(&world, &bare, &user, members).refused(403, "scope_missing");
    for id in ["nonsense", "9b2b0f0e-0000-4000-8000-000000000000", "1"] {
        world.call(&app, "GET", &format!("{PAYMENTS}/{id}"), "").refused(404, "not_found");
    }
    assert_eq!(world.call(&app, "GET", &path, "").ok()["status"], "pending");
}

#[test]
fn each_faulty_member_is_named() {
    let (world, app, user) = stage();
    for (members, code, field) in [
        (r#""currency":"EUR","status":"pending""#, "missing_field", "amount"),
        (r#""amount":1,"status":"pending""#, "missing_field", "currency"),
        (r#""amount":1,"currency":"EUR""#, "missing_field", "status"),
        (r#""amount":0,"currency":"EUR","status":"pending""#, "invalid_field", "amount"),
        (r#""amount":1e-9,"currency":"EUR","status":"pending""#, "amount_scale", "amount"),
        (r#""amount":1e13,"currency":"EUR","status":"pending""#, "amount_range", "amount"),
        (r#""amount":1,"currency":"","status":"pending""#, "invalid_field", "currency"),
        (r#""amount":1,"currency":"EUR","status":"done""#, "invalid_field", "status"),
        (r#""amount":1,"currency":"EUR","status":"pending","credits":0"#, "invalid_field", "credits"),
        (r#""amount":1,"currency":"EUR","status":"pending","external_id":"""#, "invalid_field", "external_id"),
        (r#""amount":1,"currency":"EUR","status":"pending","paid":true"#, "unknown_field", "paid"),
    ] {
        assert_eq!(create(&world, &app, &user, members).refused(400, code)["field"], field, "{members}");
    }
    let nobody = User { id: "nobody".to_owned(), oasis_id: 0 };
    create(&world, &app, &nobody, r#""amount":1,"currency":"EUR","status":"pending""#).refused(404, "user_not_found");
    world.run(&["user", "disable", &user.id]);
    create(&world, &app, &user, r#""amount":1,"currency":"EUR","status":"pending""#).refused(403, "user_inactive");
}

#[test]
fn a_payment_of_a_user_who_is_gone_or_disabled_is_not_to_be_had() {
    let (world, app) = World::served();
    let user = world.user("ann");
    let body = format!(r#"{{"user_id":"{}","amount":1,"currency":"EUR","status":"pending"}}"#, user.id);
    let made = world.call(&app, "POST", "/api/payments", &body).ok();
    let path = format!("/api/payments/{}", made["payment_id"].as_str().unwrap());
    let succeed =
        |nonce: &str| world.call(&app, "PATCH", &path, &format!(r#"{{"status":"succeeded","nonce":"{nonce}"}}"#));
    for (verb, status, code) in [("disable", 403, "user_inactive"), ("delete", 404, "user_not_found")] {
        world.run(&["user", verb, &user.id]);
        world.call(&app, "GET", &path, "").refused(status, code);
        succeed(verb).refused(status, code);
    }
    world.run(&["user", "restore", &user.id]);
    world.run(&["user", "enable", &user.id]);
    assert_eq!(world.call(&app, "GET", &path, "").ok()["status"], "pending");
    assert_eq!(succeed("at last").ok()["status"], "succeeded");
}
