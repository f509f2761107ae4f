//! Captured requests: resent anywhere, with anything added, they have no second effect.

use std::sync::Barrier;

use crate::support::{App, Call, User, World, now_s};

const DEDUCT: &str = "/api/action/deduct-credits";
const ADD: &str = "/api/credits/add-credits";
const GENERATE: &str = "/api/auth/generate-user-jwt";

/// Everything that could have changed, as text.
fn everything(world: &World, app: &App, user: &User) -> String {
    let users = world.call(app, "GET", "/api/users?limit=200", "").text().to_owned();
    let balance = world.run(&["credits", "balance", &user.id, "--json"]);
    let history = world.run(&["credits", "history", &user.id, "--json"]);
    format!("{users}\n{balance}\n{history}")
}

/// Every place that a signed request can go to.
fn places(user: &User, payment: &str) -> Vec<(&'static str, String)> {
    let mut places = vec![
        ("POST", DEDUCT.to_owned()),
        ("POST", format!("{DEDUCT}?again=1")),
        ("POST", ADD.to_owned()),
        ("POST", format!("{ADD}?again=1")),
        ("POST", GENERATE.to_owned()),
        ("POST", format!("{GENERATE}?again=1")),
        ("POST", "/api/auth/revoke".to_owned()),
        ("POST", "/api/payments".to_owned()),
        ("PATCH", format!("/api/payments/{payment}")),
        ("POST", "/api/users".to_owned()),
        ("PATCH", format!("/api/users/{}", user.id)),
        ("DELETE", format!("/api/users/{}", user.id)),
        ("GET", "/api/user/context".to_owned()),
        ("GET", "/api/credits/balance".to_owned()),
        ("GET", "/api/credits/transactions".to_owned()),
        ("GET", "/api/users".to_owned()),
        ("GET", format!("/api/users/{}", user.id)),
        ("GET", format!("/api/payments/{payment}")),
    ];
    // Other spellings of the same path: found or not, they are other targets.
    for path in ["/api/action/deduct%2Dcredits", "/api//action/deduct-credits", "/api/action/deduct-credits/"] {
        places.push(("POST", path.to_owned()));
    }
    places
}

#[test]
fn a_captured_request_opens_nothing_elsewhere_before_and_after_a_crash() {
    let (mut world, app) = World::served();
    let user = world.rich_user("ann", "100");
    world.run(&["user", "permit", &user.id, &app.id, "--can-use", "true"]);
    let token = world.token(&app, &user);
    let payment = world
        .call(
            &app,
            "POST",
            "/api/payments",
            &format!(r#"{{"user_id":"{}","amount":5,"currency":"EUR","status":"pending"}}"#, user.id),
        )
        .ok();
    let payment = payment["payment_id"].as_str().unwrap().to_owned();
    let add = format!(r#"{{"user_id":"{}","amount":3,"transaction_type":"BONUS"}}"#, user.id);
    // Bodies that other endpoints would take as well.
    let captured = [
        Call::post(DEDUCT, r#"{"amount":7}"#).bearer(&token).signed(&app),
        Call::post(ADD, add).signed(&app),
        Call::post(GENERATE, format!(r#"{{"user_id":"{}"}}"#, user.id)).signed(&app),
        Call::new("PATCH", &format!("/api/users/{}", user.id)).body(r#"{"display_name":"Ann"}"#).signed(&app),
        Call::new("PATCH", &format!("/api/payments/{payment}")).body(r#"{"status":"failed"}"#).signed(&app),
        Call::post("/api/auth/revoke", "{}").bearer(&world.token(&app, &user)).signed(&app),
    ];
    for call in &captured {
        call.send(&world).ok();
    }
    let before = everything(&world, &app, &user);
    for round in ["before", "after"] {
        for call in &captured {
            for (method, path) in places(&user, &payment) {
                if (method, &path) == (call.method.as_str(), &call.path) {
                    continue;
                }
                for authorization in [None, Some(&token)] {
                    let mut call = call.clone().to(method, &path).without("Authorization");
                    if let Some(token) = authorization {
                        call = call.bearer(token);
                    }
                    let answer = call.send(&world);
                    assert_ne!(answer.status, 200, "{round} the crash, {method} {path}: {}", answer.text());
                    let known = !path.contains("%2D") && !path.contains("//") && !path.ends_with('/');
                    if method != "GET" && known {
                        let body = answer.refused(401, "signature_reused");
                        assert_eq!(body["error"], "Invalid API signature");
                        assert!(body["server_time"].as_i64().is_some_and(|time| (time - now_s()).abs() <= 1), "{body}");
                    }
                }
            }
        }
        assert_eq!(everything(&world, &app, &user), before, "{round} the crash");
        world.crash();
    }
    world.run(&["credits", "verify"]);
}

#[test]
fn a_captured_read_changes_nothing() {
    let (world, app) = World::served();
    let user = world.rich_user("ann", "100");
    world.run(&["user", "permit", &user.id, &app.id, "--can-use", "true"]);
    let token = world.token(&app, &user);
    let call = Call::get("/api/user/context").bearer(&token).signed(&app);
    let first = call.send(&world);
    let before = everything(&world, &app, &user);
    for (method, path) in places(&user, "9b2b0f0e-0000-4000-8000-000000000000") {
        let answer = call.clone().to(method, &path).send(&world);
        if method != "GET" {
            assert!([400, 401, 404].contains(&answer.status), "{method} {path}: {}", answer.text());
        }
    }
    assert_eq!(everything(&world, &app, &user), before);
    // Reads may repeat.
    assert_eq!(call.send(&world).ok(), first.ok());
}

#[test]
fn the_same_request_again_is_the_same_request() {
    let (mut world, app) = World::served();
    let user = world.rich_user("ann", "100");
    let (token, second_token) = (world.token(&app, &user), world.token(&app, &user));
    let deduct = Call::post(DEDUCT, r#"{"amount":7}"#).bearer(&token).signed(&app);
    let body = format!(r#"{{"user_id":"{}","amount":3,"transaction_type":"BONUS"}}"#, user.id);
    let add = Call::post(ADD, body).signed(&app);
    let pay = format!(r#"{{"user_id":"{}","amount":5,"currency":"EUR","status":"pending"}}"#, user.id);
    let pay = Call::post("/api/payments", pay).signed(&app);
    let create = Call::post("/api/users", r#"{"username":"once"}"#).signed(&app);
    let calls = [deduct.clone(), add.clone(), pay, create];
    let firsts: Vec<_> = calls.iter().map(|call| call.send(&world)).collect();
    for first in &firsts {
        first.ok();
        assert!(!first.is_replayed());
    }
    for round in ["before", "after"] {
        for (call, first) in calls.iter().zip(&firsts) {
            let again = call.send(&world);
            assert_eq!(again.status, 200, "{round} the crash: {}", again.text());
            assert_eq!(again.text(), first.text(), "{round} the crash");
            assert!(again.is_replayed(), "{round} the crash: {:?}", again.headers);
        }
        // Another good token of the same user is no other user.
        let other_token = deduct.clone().bearer(&second_token).send(&world);
        assert_eq!((other_token.body.clone(), other_token.is_replayed()), (firsts[0].body.clone(), true));
        // Where no token is needed, one that is added is ignored.
        for authorization in [format!("Bearer {token}"), "Bearer nonsense".to_owned(), "Basic YTpi".to_owned()] {
            let added = add.clone().set("Authorization", &authorization).send(&world);
            assert_eq!((added.body.clone(), added.is_replayed()), (firsts[1].body.clone(), true), "{authorization}");
        }
        assert_eq!(world.balance(&app, &token), "96.00");
        world.crash();
    }
}

#[test]
fn a_foreign_broken_or_missing_token_makes_no_second_charge() {
    let mut world = World::new();
    let (app, other) = (world.app("app", &["add_credits"]), world.app("other", &[]));
    let user = world.rich_user("ann", "100");
    let victim = world.rich_user("bob", "100");
    world.serve();
    let token = world.token(&app, &user);
    let call = Call::post(DEDUCT, r#"{"amount":7}"#).bearer(&token).signed(&app);
    call.send(&world).ok();
    let foreign = world.token(&other, &victim);
    let broken: String = token.chars().rev().collect();
    for (authorization, code) in [
        (Some(format!("Bearer {foreign}")), "token_invalid"),
        (Some(format!("Bearer {broken}")), "token_invalid"),
        (Some(format!("Bearer {token}x")), "token_invalid"),
        (Some("Bearer".to_owned()), "missing_token"),
        (Some("Basic YTpi".to_owned()), "missing_token"),
        (None, "missing_token"),
    ] {
        let resent = call.clone().without("Authorization");
        let resent = match &authorization {
            Some(value) => resent.set("Authorization", value),
            None => resent,
        };
        let answer = resent.send(&world);
        assert_eq!(answer.code(), code, "{authorization:?}");
    }
    let twice = call.also("Authorization", &format!("Bearer {foreign}")).send(&world);
    twice.refused(401, "missing_token");
    assert_eq!(world.balance(&app, &token), "93.00");
    let balance = world.run_json(&["credits", "balance", &victim.id]);
    assert!(balance.to_string().contains("100"), "{balance}");
}

#[test]
fn two_users_charged_alike_in_one_second_are_two_charges() {
    let (world, app) = World::served();
    let users = [world.rich_user("ann", "100"), world.rich_user("bob", "100")];
    let tokens = users.each_ref().map(|user| world.token(&app, user));
    let now = now_s().to_string();
    let answers = tokens.each_ref().map(|token| {
        Call::post(DEDUCT, r#"{"amount":5,"description":"a picture"}"#).bearer(token).signed_at(&app, &now).send(&world)
    });
    assert_ne!(answers[0].ok()["transaction_id"], answers[1].ok()["transaction_id"]);
    assert!(answers.iter().all(|answer| !answer.is_replayed()));
    for token in &tokens {
        assert_eq!(world.balance(&app, token), "95.00");
    }
}

#[test]
fn two_sign_ins_of_one_user_in_one_second_get_the_same_token() {
    let (world, app) = World::served();
    let user = world.user("ann");
    let call = Call::post(GENERATE, format!(r#"{{"user_id":"{}"}}"#, user.id)).signed(&app);
    let (first, second) = (call.send(&world), call.send(&world));
    assert_eq!(first.ok(), second.ok());
    assert_eq!((first.is_replayed(), second.is_replayed()), (false, true));
    let token = first.json()["jwt_token"].as_str().unwrap().to_owned();
    world.read(&app, &token, "/api/user/context").ok();
    // A token that was revoked in between is not given again.
    Call::post("/api/auth/revoke", "{}").bearer(&token).signed(&app).send(&world).ok();
    call.send(&world).refused(409, "replayed_request");
}

#[test]
fn a_request_that_had_no_effect_is_evaluated_anew() {
    let (mut world, app) = World::served();
    let user = world.user("ann");
    let token = world.token(&app, &user);
    let call = Call::post(DEDUCT, r#"{"amount":7}"#).bearer(&token).signed(&app);
    call.send(&world).refused(402, "insufficient_credits");
    call.send(&world).refused(402, "insufficient_credits");
    // Refused, it is bound all the same.
    call.clone().to("POST", ADD).send(&world).refused(401, "signature_reused");
    world.crash();
    world.credit(&user, "10");
    let first = call.send(&world);
    first.ok();
    assert!(!first.is_replayed());
    let again = call.send(&world);
    assert_eq!((again.body.clone(), again.is_replayed()), (first.body, true));
    assert_eq!(world.balance(&app, &token), "3.00");
}

#[test]
fn sixteen_at_once_are_one() {
    let (world, app) = World::served();
    let user = world.rich_user("ann", "100");
    let token = world.token(&app, &user);
    let call = Call::post(DEDUCT, r#"{"amount":7}"#).bearer(&token).signed(&app);
    let barrier = Barrier::new(16);
    let answers: Vec<_> = std::thread::scope(|scope| {
        let threads: Vec<_> = (0..16)
            .map(|_| {
                scope.spawn(|| {
                    barrier.wait();
                    call.send(&world)
                })
            })
            .collect();
        threads.into_iter().map(|thread| thread.join().unwrap()).collect()
    });
    assert_eq!(answers.iter().filter(|answer| !answer.is_replayed()).count(), 1);
    for answer in &answers {
        answer.ok();
        assert_eq!(answer.body, answers[0].body);
    }
    assert_eq!(world.balance(&app, &token), "93.00");
}

#[test]
fn a_strict_app_tells_a_repeat_unless_it_carries_a_reference() {
    let mut world = World::new();
    let app = world.app("strict", &["add_credits"]);
    world.run(&["app", "set", &app.id, "--replay-protection", "strict"]);
    let user = world.rich_user("ann", "100");
    world.serve();
    let token = world.token(&app, &user);
    let bare = Call::post(DEDUCT, r#"{"amount":7}"#).bearer(&token).signed(&app);
    bare.send(&world).ok();
    let refused = bare.send(&world).refused(409, "replayed_request");
    assert!(refused["error"].as_str().unwrap().contains("client_reference_id"), "{refused}");
    let named = Call::post(DEDUCT, r#"{"amount":7,"client_reference_id":"r"}"#).bearer(&token).signed(&app);
    let (first, again) = (named.send(&world), named.send(&world));
    first.ok();
    assert_eq!((again.body.clone(), again.status, again.is_replayed()), (first.body, 200, true));
    assert_eq!(world.balance(&app, &token), "86.00");
    // The app sets it while the server runs.
    world.run(&["app", "set", &app.id, "--replay-protection", "idempotent"]);
    crate::support::within_a_second("replay_protection", || bare.send(&world).status == 200);
}
