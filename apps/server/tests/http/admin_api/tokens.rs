//! Tokens: made, used, refused, removed.

use super::{ALL, Script};
use crate::support::{Call, World, within_a_second};

#[test]
fn only_a_token_that_is_there_opens() {
    let (world, app) = World::served();
    let script = Script::new(&world);
    let open = |token: &str| Call::get("/api/admin/v1/settings").bearer(token).send(&world);
    open(&script.token).ok();
    Call::get("/api/admin/v1/settings").send(&world).refused(401, "missing_token");
    let changed = script.token.replace("oat_", "oat_0");
    for token in ["x", "oat_", &changed, &app.secret_key, &app.api_key] {
        open(token).refused(401, "token_invalid");
    }
    let refused = Call::get("/api/admin/v1/settings").signed(&app).send(&world);
    refused.refused(401, "missing_token");
    assert_eq!(refused.header("www-authenticate"), Some("Bearer"));
    Call::get("/api/credits/balance").bearer(&script.token).signed(&app).send(&world).refused(401, "token_invalid");
    script.send("PUT", "/settings", "{}").refused(405, "method_not_allowed");
    script.get("/nothing").refused(404, "not_found");
    assert!(!world.log().contains(&script.token));
}

#[test]
fn what_tokens_are_refused_for_is_counted_in_the_trail() {
    let (mut world, _) = World::served();
    let reader = Script::with(&world, &["--name", "reader", "--scopes", "settings:read"]);
    for _ in 0..3 {
        reader.get("/users").refused(403, "scope_missing");
    }
    Call::get("/api/admin/v1/users").bearer("oat_x").send(&world).refused(401, "token_invalid");
    drop(reader);
    world.stop();
    for (action, reason, count) in [("access.refused", "scope_missing", 3), ("token.refused", "token_invalid", 1)] {
        let events = world.run_json(&["audit", "list", "--action", action]);
        let events = events.as_array().unwrap();
        assert!(events.iter().all(|event| event["reason"] == reason), "{events:?}");
        let counted: i64 = events.iter().map(|event| event["count"].as_i64().unwrap()).sum();
        // A new token may be unknown for a moment.
        assert!(if action == "access.refused" { counted == count } else { counted >= count }, "{events:?}");
    }
}

#[test]
fn a_removed_token_is_refused_by_every_server_within_a_second() {
    let (world, _) = World::served();
    let script = Script::new(&world);
    let second = world.another();
    let status = |server: &World| script.call("GET", "/settings").send(server).status;
    assert!([&world, &second].into_iter().all(|server| status(server) == 200));
    let listed = world.run_json(&["admin-token", "list"]);
    assert!(!listed.to_string().contains(&script.token));
    let removed = world.run_json(&["admin-token", "remove", "deploy"]);
    assert_eq!(removed["name"], "deploy");
    for server in [&second, &world] {
        within_a_second("the token is refused", || status(server) == 401);
    }
    let again = world.cli(&["admin-token", "remove", "deploy"]);
    assert_eq!(again.status.code(), Some(1), "{}", String::from_utf8_lossy(&again.stderr));
    let trail = world.run_json(&["audit", "list"]).to_string();
    assert!(trail.contains("admin_token.created") && trail.contains("admin_token.removed"));
    assert!(!trail.contains(&script.token));
}

#[test]
fn an_expired_token_is_refused_and_use_is_noted() {
    let (world, _) = World::served();
    let short = Script::with(&world, &["--name", "short", "--scopes", "settings:read", "--expires-in", "3s"]);
    within_a_second("its use is noted", || {
        let listed = world.run_json(&["admin-token", "list"]);
        assert_eq!(listed[0]["scopes"], serde_json::json!(["settings:read"]));
        listed[0]["last_used_at"].is_string()
    });
    let expired =
        crate::support::patiently(std::time::Duration::from_secs(10), || short.get("/settings").status == 401);
    assert!(expired);
    short.get("/settings").refused(401, "token_expired");
    let made = |arguments: &[&str]| world.cli(&[&["admin-token", "create"], arguments].concat()).status.code();
    assert_eq!(made(&["--name", "short", "--scopes", ALL]), Some(1), "the name is taken");
    assert_eq!(made(&["--name", "other", "--scopes", "everything"]), Some(2));
    assert_eq!(made(&["--name", "other", "--scopes", ALL, "--expires-in", "soon"]), Some(2));
    assert_eq!(made(&["--name", "other"]), Some(2));
}

#[test]
fn a_token_has_a_rate_limit_of_its_own() {
    let (world, _) = World::served();
    let (busy, other) = (Script::new(&world), Script::with(&world, &["--name", "other", "--scopes", "settings:read"]));
    let refused =
        (0..2000).map(|_| busy.call("GET", "/settings").send(&world)).find(|answer| answer.status != 200).unwrap();
    refused.refused(429, "rate_limited");
    assert!(refused.header("retry-after").is_some());
    other.get("/settings").ok();
}
