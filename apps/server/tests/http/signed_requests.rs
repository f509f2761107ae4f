//! Signed requests: headers, key, window, signature, rotation.

use crate::support::{Answer, App, Call, World, now_s, sign, within_a_second};

const KEY: &str = "X-OSAYCORE-API-KEY";
const TIMESTAMP: &str = "X-OSAYCORE-TIMESTAMP";
const SIGNATURE: &str = "X-OSAYCORE-SIGNATURE";
const CONTEXT: &str = "/api/user/context";

/// A world, its app, and a token with which the context can be read.
fn stage() -> (World, App, String) {
    let (world, app) = World::served();
    let token = world.token(&app, &world.user("ann"));
    (world, app, token)
}

fn context(app: &App, token: &str) -> Call {
    Call::get(CONTEXT).bearer(token).signed(app)
}

#[test]
fn each_header_is_there_once_and_not_empty() {
    let (world, app, token) = stage();
    for name in [KEY, TIMESTAMP, SIGNATURE] {
        let call = context(&app, &token);
        let (_, value) = call.headers.iter().find(|(known, _)| known == name).unwrap().clone();
        for (what, call) in [
            ("missing", call.clone().without(name)),
            ("empty", call.clone().set(name, "")),
            ("twice", call.clone().also(name, &value)),
            ("twice, one empty", call.clone().also(name, "")),
        ] {
            let answer = call.send(&world);
            assert_eq!(answer.code(), "missing_auth_headers", "{name} {what}");
            assert_eq!(answer.refused(401, "missing_auth_headers")["error"], "Missing API authentication headers");
        }
        let lower = call.without(name).also(&name.to_ascii_lowercase(), &value);
        lower.send(&world).ok();
    }
}

#[test]
fn unknown_and_disabled_keys_are_told_alike() {
    let (world, app, token) = stage();
    let unknown = context(&app, &token).set(KEY, "ok_nobody").send(&world).refused(401, "invalid_api_key");
    assert_eq!(unknown["error"], "Invalid API key");
    context(&app, &token).set(KEY, &app.id).send(&world).refused(401, "invalid_api_key");
    world.run(&["app", "disable", &app.id]);
    within_a_second("a disabled app", || context(&app, &token).send(&world).status == 401);
    let disabled = context(&app, &token).send(&world).refused(401, "invalid_api_key");
    assert_eq!(disabled["error"], unknown["error"]);
    world.run(&["app", "enable", &app.id]);
    within_a_second("an enabled app", || context(&app, &token).send(&world).status == 200);
}

/// Sends at `now + offset` until the second did not change in between.
fn at_offset(world: &World, app: &App, token: &str, offset: i64) -> Answer {
    loop {
        let now = now_s();
        let timestamp = now.saturating_add(offset).to_string();
        let answer = Call::get(CONTEXT).bearer(token).signed_at(app, &timestamp).send(world);
        if now_s() == now {
            return answer;
        }
    }
}

#[test]
fn the_window_is_300_seconds_to_either_side_inclusive() {
    let (world, app, token) = stage();
    for offset in [-300, -299, 0, 299, 300] {
        assert_eq!(at_offset(&world, &app, &token, offset).status, 200, "{offset}");
    }
    for offset in [-86_400, -301, 301, 86_400] {
        let refused = at_offset(&world, &app, &token, offset).refused(401, "timestamp_out_of_window");
        assert_eq!(refused["error"], "Invalid API signature", "{offset}");
        let server_time = refused["server_time"].as_i64().unwrap();
        assert!((server_time - now_s()).abs() <= 1, "{server_time}");
    }
}

#[test]
fn the_window_can_be_configured() {
    let mut world = World::new();
    let app = world.app("app", &[]);
    let user = world.user("ann");
    world.variable("OSAYCORE_SIGNATURE_WINDOW_SECONDS", "60");
    world.serve();
    let token = world.token(&app, &user);
    assert_eq!(at_offset(&world, &app, &token, 60).status, 200);
    at_offset(&world, &app, &token, 61).refused(401, "timestamp_out_of_window");
    at_offset(&world, &app, &token, -61).refused(401, "timestamp_out_of_window");
}

#[test]
fn a_timestamp_is_canonical_decimal_digits() {
    let (world, app, token) = stage();
    let now = now_s();
    for timestamp in [
        format!("0{now}"),
        format!("+{now}"),
        format!("-{now}"),
        format!("{now}.0"),
        format!("{now}e0"),
        format!("{now},"),
        format!("{now}000"),
        "0".to_owned(),
        "1000000000000".to_owned(),
        "99999999999999999999999".to_owned(),
        "now".to_owned(),
        "0x10".to_owned(),
    ] {
        let call = Call::get(CONTEXT).bearer(&token).signed_at(&app, &timestamp);
        let answer = call.send(&world);
        assert_eq!(answer.code(), "invalid_timestamp", "{timestamp}");
        assert_eq!(answer.refused(401, "invalid_timestamp")["error"], "Invalid API signature");
    }
    for timestamp in ["1", "999999999999"] {
        let call = Call::get(CONTEXT).bearer(&token).signed_at(&app, timestamp);
        call.send(&world).refused(401, "timestamp_out_of_window");
    }
}

#[test]
fn the_signature_is_hexadecimal_in_either_case() {
    let (world, app, token) = stage();
    let call = context(&app, &token);
    let (_, signature) = call.headers.iter().find(|(name, _)| name == SIGNATURE).unwrap().clone();
    let mixed: String =
        signature.char_indices().map(|(at, c)| if at % 2 == 0 { c.to_ascii_uppercase() } else { c }).collect();
    for good in [signature.clone(), signature.to_ascii_uppercase(), mixed] {
        call.clone().set(SIGNATURE, &good).send(&world).ok();
    }
    let flipped: String = signature.chars().rev().collect();
    for bad in [
        flipped,
        signature.chars().take(62).collect(),
        signature.chars().take(63).collect(),
        format!("{signature}00"),
        format!("0x{signature}"),
        format!("sha256={signature}"),
        "g".repeat(64),
        "0".repeat(64),
        "é".repeat(32),
    ] {
        let answer = call.clone().set(SIGNATURE, &bad).send(&world);
        assert_eq!(answer.status, 401, "{bad}");
        // A header that is no ASCII text is as if it were missing.
        if bad.is_ascii() {
            assert_eq!(answer.refused(401, "invalid_signature")["error"], "Invalid API signature", "{bad}");
        }
    }
}

#[test]
fn what_is_signed_are_the_raw_bytes() {
    let (world, app, token) = stage();
    world.credit(&world.user("bob"), "1");
    let user = world.rich_user("carl", "100");
    let carl = world.token(&app, &user);
    let spaced = "{\n  \"amount\" : 1.0,\t\"description\": \"caf\u{e9} \u{1f600} \\u00e9\" }\n";
    let call = Call::post("/api/action/deduct-credits", spaced).bearer(&carl).signed(&app);
    // The same JSON in other bytes is another body.
    for other in [r#"{"amount":1.0,"description":"café 😀 é"}"#, spaced.trim_end()] {
        let mut altered = call.clone();
        altered.body = other.as_bytes().to_vec();
        altered.send(&world).refused(401, "invalid_signature");
    }
    call.send(&world).ok();
    assert_eq!(world.balance(&app, &carl), "99.00");
    // A GET signs the empty body, and nothing else.
    for other in ["{}", "null", "\n"] {
        let now = now_s().to_string();
        let signature = sign(&app.secret_key, &now, other.as_bytes());
        let call = context(&app, &token).set(TIMESTAMP, &now).set(SIGNATURE, &signature);
        call.send(&world).refused(401, "invalid_signature");
    }
}

#[test]
fn only_the_apps_own_secret_is_good() {
    let mut world = World::new();
    let (app, other) = (world.app("app", &[]), world.app("other", &[]));
    let user = world.user("ann");
    world.serve();
    let token = world.token(&app, &user);
    for secret in [&other.secret_key, &app.api_key, &app.oasis_application_key, &app.secret_key.to_uppercase()] {
        if *secret == app.secret_key {
            continue;
        }
        let call = context(&App { secret_key: secret.clone(), ..app.clone() }, &token);
        call.send(&world).refused(401, "invalid_signature");
    }
    // Another app's good signature does not open with this app's token.
    context(&other, &token).send(&world).refused(401, "token_invalid");
}

#[test]
fn a_rotated_secret_works_beside_the_old_one_for_its_grace() {
    let (world, app, token) = stage();
    let works = |secret: &str| {
        let app = App { secret_key: secret.to_owned(), ..app.clone() };
        context(&app, &token).send(&world).status == 200
    };
    let rotate = |grace: &str| {
        let made = world.run_json(&["app", "rotate-secret", &app.id, "--grace-seconds", grace]);
        made["secret_key"].as_str().unwrap().to_owned()
    };
    let second = rotate("3600");
    assert_ne!(second, app.secret_key);
    within_a_second("the new secret", || works(&second));
    assert!(works(&app.secret_key), "the old secret in its grace");
    let third = rotate("0");
    within_a_second("the newest secret", || works(&third));
    within_a_second("the end of the second secret", || !works(&second));
    assert!(works(&third));
}

#[test]
fn a_get_may_say_a_content_type_without_a_body() {
    let (world, app, token) = stage();
    for content_type in ["application/json", "application/json; charset=utf-8", "text/plain"] {
        context(&app, &token).set("Content-Type", content_type).send(&world).ok();
    }
    context(&app, &token).send(&world).ok();
}

#[test]
fn a_get_with_a_body_is_refused() {
    let (world, app, token) = stage();
    let mut call = Call::get(CONTEXT).bearer(&token);
    call.body = b"{}".to_vec();
    call.signed(&app).send(&world).refused(400, "invalid_field");
}

#[test]
fn what_changes_something_has_a_body() {
    let (world, app, token) = stage();
    let user = world.user("bob");
    for (method, path) in [
        ("POST", "/api/auth/generate-user-jwt".to_owned()),
        ("POST", "/api/action/deduct-credits".to_owned()),
        ("POST", "/api/credits/add-credits".to_owned()),
        ("POST", "/api/auth/revoke".to_owned()),
        ("POST", "/api/payments".to_owned()),
        ("POST", "/api/users".to_owned()),
        ("PATCH", format!("/api/users/{}", user.id)),
        ("DELETE", format!("/api/users/{}", user.id)),
        ("PATCH", "/api/payments/9b2b0f0e-0000-4000-8000-000000000000".to_owned()),
    ] {
        let answer = Call::new(method, &path).bearer(&token).signed(&app).send(&world);
        // All of these sign the same bytes: from the second on they are also reused.
        assert!([400, 401].contains(&answer.status), "{method} {path}: {}", answer.text());
    }
    world.read(&app, &token, CONTEXT).ok();
    // With a signature of its own second each is 400.
    let alone = Call::new("DELETE", &format!("/api/users/{}", user.id));
    alone.signed_at(&app, &now_s().saturating_sub(9).to_string()).send(&world).refused(400, "invalid_json");
}

#[test]
fn a_body_is_json_whatever_its_content_type_is_called() {
    let (world, app, _) = stage();
    let user = world.user("bob");
    let call = |n: u32| {
        Call::post("/api/auth/generate-user-jwt", format!(r#"{{"user_id":"{}","expires_in_seconds":{n}}}"#, user.id))
    };
    call(1000).without("Content-Type").signed(&app).send(&world).ok();
    call(1001).set("Content-Type", "Application/JSON;charset=UTF-8").signed(&app).send(&world).ok();
    for (n, other) in
        (1002..).zip(["text/plain", "application/x-www-form-urlencoded", "application/jsonp", "multipart/form-data"])
    {
        let answer = call(n).set("Content-Type", other).signed(&app).send(&world);
        answer.refused(415, "unsupported_media_type");
    }
}
