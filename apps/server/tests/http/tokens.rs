//! User tokens: what is in them, and what is wrong with one.

use std::time::Duration;

use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use serde_json::{Value, json};

use crate::support::{Answer, App, Call, World, now_s, unique};

const GENERATE: &str = "/api/auth/generate-user-jwt";
const REVOKE: &str = "/api/auth/revoke";
const CONTEXT: &str = "/api/user/context";

/// A part of a token, unverified.
pub(crate) fn part(token: &str, at: usize) -> Value {
    let part = token.split('.').nth(at).unwrap();
    serde_json::from_slice(&BASE64_URL_SAFE_NO_PAD.decode(part).unwrap()).unwrap()
}

/// The claims of a token, unverified.
pub(crate) fn claims(token: &str) -> Value {
    part(token, 1)
}

fn generate(world: &World, app: &App, members: &str) -> Answer {
    world.call(app, "POST", GENERATE, &format!("{{{members}}}"))
}

#[test]
fn a_token_is_what_the_document_shows() {
    let mut world = World::new();
    let app = world.app("app", &[]);
    let user = world.user_with("ann", &["--external-id", "internal-7", "--app", &app.id]);
    world.serve();
    let before = now_s();
    let made = generate(&world, &app, &format!(r#""user_id":"{}""#, user.id)).ok();
    assert_eq!(made.as_object().unwrap().keys().collect::<Vec<_>>(), ["expires_at", "jwt_token"]);
    let token = made["jwt_token"].as_str().unwrap();
    assert!(token.starts_with("eyJhbGciOiJIUzI1Ni"), "as the document's example begins: {token}");
    let header = part(token, 0);
    assert_eq!((&header["alg"], header["kid"].is_string()), (&json!("HS256"), true));
    let claims = claims(token);
    let names: Vec<_> = claims.as_object().unwrap().keys().map(String::as_str).collect();
    assert_eq!(names, ["aud", "exp", "iat", "iss", "jti", "nbf", "sub"]);
    assert_eq!((&claims["sub"], &claims["aud"]), (&json!(user.id), &json!(app.id)));
    let [iat, nbf, exp] = ["iat", "nbf", "exp"].map(|name| claims[name].as_i64().unwrap());
    assert!((before..=now_s()).contains(&iat), "{iat}");
    assert_eq!((nbf, exp), (iat, iat.saturating_add(3600)));
    let expires_at = time::OffsetDateTime::from_unix_timestamp(exp).unwrap();
    let (date, clock) = (expires_at.date(), expires_at.time());
    let expected = format!("{date}T{:02}:{:02}:{:02}Z", clock.hour(), clock.minute(), clock.second());
    assert_eq!(made["expires_at"], expected.as_str());
    // By the app's own id of the user; and the issuer is the deployment's, whatever the app.
    let own = generate(&world, &app, r#""user_id":"internal-7","expires_in_seconds":60"#).ok();
    let own = self::claims(own["jwt_token"].as_str().unwrap());
    assert_eq!((&own["sub"], &own["iss"]), (&claims["sub"], &claims["iss"]));
    assert_ne!(own["jti"], claims["jti"]);
}

#[test]
fn a_token_is_made_for_an_active_user_and_a_lifetime_in_range() {
    let (world, app) = World::served();
    let user = world.user("ann");
    let id = format!(r#""user_id":"{}""#, user.id);
    for lifetime in ["1", "2592000"] {
        let made = generate(&world, &app, &format!(r#"{id},"expires_in_seconds":{lifetime}"#)).ok();
        let claims = claims(made["jwt_token"].as_str().unwrap());
        let lived = claims["exp"].as_i64().unwrap() - claims["iat"].as_i64().unwrap();
        assert_eq!(lived.to_string(), lifetime);
    }
    generate(&world, &app, &format!(r#"{id},"expires_in_seconds":null"#)).ok();
    for lifetime in ["0", "-1", "2592001", "1.5", "\"60\"", "1e99", "true"] {
        let refused = generate(&world, &app, &format!(r#"{id},"expires_in_seconds":{lifetime}"#));
        assert_eq!(refused.refused(400, "invalid_field")["field"], "expires_in_seconds", "{lifetime}");
    }
    assert_eq!(generate(&world, &app, "").refused(400, "missing_field")["field"], "user_id");
    assert_eq!(generate(&world, &app, r#""user_id":7"#).refused(400, "invalid_field")["field"], "user_id");
    assert_eq!(generate(&world, &app, &format!(r#"{id},"scope":"x""#)).refused(400, "unknown_field")["field"], "scope");
    let nobody = generate(&world, &app, r#""user_id":"9b2b0f0e-0000-4000-8000-000000000000""#);
    assert_eq!(nobody.refused(404, "user_not_found")["error"], "User not found");
    let again = |n: u32| generate(&world, &app, &format!(r#"{id},"expires_in_seconds":{n}"#));
    world.run(&["user", "disable", &user.id]);
    again(100).refused(403, "user_inactive");
    world.run(&["user", "delete", &user.id]);
    again(101).refused(404, "user_not_found");
}

#[test]
fn there_is_exactly_one_bearer() {
    let (world, app) = World::served();
    let token = world.token(&app, &world.user("ann"));
    let call = Call::get(CONTEXT).signed(&app);
    for authorization in
        [format!("Bearer {token}"), format!("bearer {token}"), format!("BEARER {token}"), format!("Bearer   {token}")]
    {
        call.clone().set("Authorization", &authorization).send(&world).ok();
    }
    for authorization in
        ["", "Bearer", "Bearer ", &token, &format!("Token {token}"), &format!("Bearer {token} {token}"), "Basic YTpi"]
    {
        let refused = call.clone().set("Authorization", authorization).send(&world).refused(401, "missing_token");
        assert_eq!(refused["error"], "Unauthorized", "{authorization}");
    }
    assert_eq!(call.send(&world).refused(401, "missing_token")["error"], "Unauthorized");
    let good = format!("Bearer {token}");
    for second in [good.as_str(), "", "Basic YTpi"] {
        let twice = call.clone().set("Authorization", &good).also("Authorization", second);
        twice.send(&world).refused(401, "missing_token");
    }
    // Not from anywhere else.
    let elsewhere = call.clone().to("GET", &format!("{CONTEXT}?access_token={token}"));
    elsewhere.send(&world).refused(401, "missing_token");
}

#[test]
fn a_token_that_anything_is_wrong_with_is_invalid() {
    let mut world = World::new();
    let (app, other) = (world.app("app", &[]), world.app("other", &[]));
    let user = world.user("ann");
    world.serve();
    let token = world.token(&app, &user);
    let foreign = world.token(&other, &user);
    let [header, payload, signature] = token.split('.').collect::<Vec<_>>()[..] else { panic!("{token}") };
    let encode = |json: &Value| BASE64_URL_SAFE_NO_PAD.encode(json.to_string());
    let with = |base: &str, name: &str, value: Value| {
        let mut json: Value = serde_json::from_slice(&BASE64_URL_SAFE_NO_PAD.decode(base).unwrap()).unwrap();
        json[name] = value;
        encode(&json)
    };
    let tampered: String = signature
        .chars()
        .enumerate()
        .map(|(at, c)| if at == 5 { if c == 'A' { 'B' } else { 'A' } } else { c })
        .collect();
    for (what, token) in [
        ("another app's", foreign.clone()),
        ("its signature changed", format!("{header}.{payload}.{tampered}")),
        ("its signature missing", format!("{header}.{payload}.")),
        ("without a signature", format!("{header}.{payload}")),
        ("another token's signature", format!("{header}.{payload}.{}", foreign.split('.').nth(2).unwrap())),
        ("alg none", format!("{}.{payload}.", with(header, "alg", json!("none")))),
        ("alg HS512", format!("{}.{payload}.{signature}", with(header, "alg", json!("HS512")))),
        ("alg RS256", format!("{}.{payload}.{signature}", with(header, "alg", json!("RS256")))),
        ("an unknown kid", format!("{}.{payload}.{signature}", with(header, "kid", json!("x")))),
        ("another subject", format!("{header}.{}.{signature}", with(payload, "sub", json!(app.id)))),
        ("a later end", format!("{header}.{}.{signature}", with(payload, "exp", json!(9_999_999_999_i64)))),
        ("padding", format!("{header}.{payload}.{signature}=")),
        ("nothing readable", "nonsense".to_owned()),
        ("dots", "..".to_owned()),
        ("five parts", format!("{token}.a.b")),
        ("length", "a".repeat(5000)),
    ] {
        let answer = world.read(&app, &token, CONTEXT);
        assert_eq!(answer.code(), "token_invalid", "{what}");
        assert_eq!(answer.refused(401, "token_invalid")["error"], "Authentication token invalid");
        let deduct = format!(r#""amount":1,"description":"{}""#, unique("d"));
        world.deduct(&app, &token, &deduct).refused(401, "token_invalid");
    }
    world.read(&app, &token, CONTEXT).ok();
}

#[test]
fn a_token_serves_its_user_as_the_user_is_now() {
    let (world, app) = World::served();
    let user = world.user("ann");
    let token = world.token(&app, &user);
    let reads = [CONTEXT, "/api/credits/balance", "/api/credits/transactions"];
    let each = |status: u16, code: &str| {
        for path in reads {
            let answer = world.read(&app, &token, path);
            assert_eq!((answer.status, answer.code().as_str()), (status, code), "{path}");
        }
    };
    each(200, "ok");
    world.run(&["user", "disable", &user.id]);
    each(403, "user_inactive");
    world.run(&["user", "set", &user.id, "--status", "suspended"]);
    each(403, "user_inactive");
    world.run(&["user", "enable", &user.id]);
    each(200, "ok");
    world.run(&["user", "delete", &user.id]);
    each(404, "user_not_found");
    world.run(&["user", "restore", &user.id]);
    each(200, "ok");
}

#[test]
fn a_revoked_session_is_over_and_the_others_are_not() {
    let (mut world, app) = World::served();
    let (ann, bob) = (world.user("ann"), world.user("bob"));
    let tokens = [world.token(&app, &ann), world.token(&app, &ann), world.token(&app, &bob)];
    let works = |world: &World| tokens.each_ref().map(|token| world.read(&app, token, CONTEXT).code());
    let revoke =
        |world: &World, token: &str, body: &str| Call::post(REVOKE, body).bearer(token).signed(&app).send(world);
    assert_eq!(revoke(&world, &tokens[0], "{}").ok(), json!({"success": true}));
    assert_eq!(works(&world), ["token_invalid", "ok", "ok"]);
    revoke(&world, &tokens[0], r#"{"all":true}"#).refused(401, "token_invalid");
    revoke(&world, &tokens[1], r#"{"all":"yes"}"#).refused(400, "invalid_field");
    revoke(&world, &tokens[1], r#"{"everything":true}"#).refused(400, "unknown_field");
    revoke(&world, &tokens[1], r#"{"all":true,"nonce":"n"}"#).ok();
    assert_eq!(works(&world), ["token_invalid", "token_invalid", "ok"]);
    world.crash();
    assert_eq!(works(&world), ["token_invalid", "token_invalid", "ok"]);
    // Whoever signs in afterwards is in, even within the same second.
    let fresh = world.token(&app, &ann);
    world.read(&app, &fresh, CONTEXT).ok();
}

/// The one test that waits: a token of one second ends, and a captured sign-in is no longer answered.
#[test]
fn time_ends_a_token_and_what_a_captured_sign_in_gets() {
    let (world, app) = World::served();
    let user = world.user("ann");
    let sign_in = Call::post(GENERATE, format!(r#"{{"user_id":"{}","expires_in_seconds":1}}"#, user.id)).signed(&app);
    let token = sign_in.send(&world).ok()["jwt_token"].as_str().unwrap().to_owned();
    std::thread::sleep(Duration::from_millis(2_050));
    let expired = world.read(&app, &token, CONTEXT).refused(401, "token_expired");
    assert_eq!(expired["error"], "Authentication token expired");
    sign_in.send(&world).refused(409, "replayed_request");
    // What is wrong otherwise is not told to be merely old.
    let forged = format!("{token}x");
    world.read(&app, &forged, CONTEXT).refused(401, "token_invalid");
}

#[test]
fn tokens_outlive_a_rotation_of_their_key() {
    let (mut world, app) = World::served();
    let user = world.user("ann");
    let old = world.token(&app, &user);
    world.run(&["key", "rotate", "jwt", "--lead-seconds", "1"]);
    // It is published, then issues: the background looks every five seconds.
    let issued = crate::support::patiently(Duration::from_secs(20), || {
        part(&world.token(&app, &user), 0)["kid"] != part(&old, 0)["kid"]
    });
    assert!(issued, "the new key never issued");
    world.read(&app, &old, CONTEXT).ok();
    world.run(&["key", "rotate", "master"]);
    world.crash();
    world.read(&app, &old, CONTEXT).ok();
    world.read(&app, &world.token(&app, &user), CONTEXT).ok();
}
