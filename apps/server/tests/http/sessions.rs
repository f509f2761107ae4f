//! Sessions that an operator sees and ends, and what becomes of them when a user is shut out and comes back.

use serde_json::{Value, json};

use crate::support::{Answer, App, Call, User, World, unique, within_a_second};

const CONTEXT: &str = "/api/user/context";

/// A session of the user: its tokens, as they were told.
struct Signed {
    access: String,
    refresh: String,
}

impl Signed {
    #[track_caller]
    fn in_as(world: &World, app: &App, user: &User) -> Self {
        static LIFETIME: std::sync::atomic::AtomicU64 = std::sync::atomic::AtomicU64::new(1000);
        let lifetime = LIFETIME.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
        let body = format!(r#"{{"user_id":"{}","refresh_token":true,"expires_in_seconds":{lifetime}}}"#, user.id);
        Self::told(&Call::post("/api/auth/generate-user-jwt", body).signed(app).send(world).ok())
    }

    fn told(tokens: &Value) -> Self {
        let text = |member: &str| tokens[member].as_str().unwrap().to_owned();
        Self { access: text("jwt_token"), refresh: text("refresh_token") }
    }

    fn refreshed(&self, world: &World, app: &App) -> Answer {
        let body = format!(r#"{{"refresh_token":"{}","nonce":"{}"}}"#, self.refresh, unique("nonce"));
        world.call(app, "POST", "/api/auth/refresh", &body)
    }

    fn id(&self) -> String {
        crate::tokens::claims(&self.access)["sid"].as_str().unwrap().to_owned()
    }
}

/// What the context says to the token.
fn code(world: &World, app: &App, token: &str) -> String {
    world.read(app, token, CONTEXT).code()
}

#[test]
fn an_operator_sees_the_sessions_of_a_user_and_ends_one_or_all() {
    let (world, app) = World::served();
    let second = world.another();
    let (ann, bob) = (world.user("ann"), world.user("bob"));
    let (one, two) = (Signed::in_as(&world, &app, &ann), Signed::in_as(&world, &app, &ann));
    let (his, plain) = (Signed::in_as(&world, &app, &bob), world.token(&app, &ann));
    let two_later = Signed::told(&two.refreshed(&world, &app).ok());
    let shown = world.run_json(&["user", "show", &ann.id]);
    let sessions = shown["sessions"].as_array().unwrap();
    assert_eq!(sessions.len(), 2, "{shown}");
    for (signed, was_refreshed) in [(&one, false), (&two, true)] {
        let session = sessions.iter().find(|session| session["session_id"] == signed.id().as_str()).unwrap();
        assert_eq!((&session["app_id"], &session["app_name"]), (&json!(app.id), &json!("app")), "{session}");
        assert_eq!(session["refreshed_at"].is_string(), was_refreshed, "{session}");
        assert!(session["expires_at"].as_str() > session["created_at"].as_str(), "{session}");
    }
    assert!(world.run(&["user", "show", &ann.id]).contains(&format!("session       {}\n", one.id())));

    let end = |id: &str| world.run_json(&["user", "sign-out", &ann.id, "--session", id])["sessions_ended"].clone();
    assert_eq!(end(&one.id()), 1);
    one.refreshed(&second, &app).refused(401, "token_invalid");
    within_a_second("its access tokens are refused at both servers", || {
        [&world, &second].iter().all(|server| code(server, &app, &one.access) == "token_invalid")
    });
    assert_eq!(end(&one.id()), 0, "it was over before");
    for foreign in [his.id(), "9b2b0f0e-0000-4000-8000-000000000000".to_owned()] {
        let refused = world.cli(&["user", "sign-out", &ann.id, "--session", &foreign]);
        let said = String::from_utf8_lossy(&refused.stderr).into_owned();
        assert!(refused.status.code() == Some(1) && said.contains("user ann has no session"), "{said}");
    }
    for token in [&two_later.access, &plain, &his.access] {
        assert_eq!(code(&second, &app, token), "ok", "the others go on");
    }

    assert_eq!(world.run_json(&["user", "sign-out", "ann"])["sessions_ended"], 1);
    two_later.refreshed(&second, &app).refused(401, "token_invalid");
    within_a_second("every token is refused at both servers", || {
        let tokens = [&two.access, &two_later.access, &plain];
        let refused = |server: &World| tokens.iter().all(|token| code(server, &app, token) == "token_invalid");
        refused(&world) && refused(&second)
    });
    assert_eq!(code(&second, &app, &his.access), "ok");
    his.refreshed(&second, &app).ok();
    assert_eq!(world.run_json(&["user", "show", "ann"])["sessions"], json!([]));
    let trail = world.run_json(&["audit", "list", "--action", "token.revoked", "--user", &ann.id]);
    let targets: Vec<&Value> = trail.as_array().unwrap().iter().map(|event| &event["target"]["id"]).collect();
    assert_eq!(targets, [&json!(ann.id), &json!(one.id())], "{trail}");

    // Whoever signs in afterwards is in.
    let fresh = Signed::in_as(&second, &app, &ann);
    assert_eq!(code(&second, &app, &fresh.access), "ok");
    fresh.refreshed(&world, &app).ok();
}

#[test]
fn sessions_of_a_user_who_was_shut_out_do_not_come_back() {
    let (world, app) = World::served();
    let user = world.user("ann");
    let plain = world.token(&app, &user);
    for (out, back, status, refusal) in [
        (["disable", ""], ["enable", ""], 403, "user_inactive"),
        (["set", "suspended"], ["set", "active"], 403, "user_inactive"),
        (["delete", ""], ["restore", ""], 404, "user_not_found"),
    ] {
        let (one, two) = (Signed::in_as(&world, &app, &user), Signed::in_as(&world, &app, &user));
        let turn = |[verb, status]: [&str; 2]| {
            let further: &[&str] = if status.is_empty() { &[] } else { &["--status", status] };
            world.run(&[&["user", verb, &user.id], further].concat());
        };
        turn(out);
        one.refreshed(&world, &app).refused(status, refusal);
        assert_eq!(code(&world, &app, &one.access), refusal);
        turn(back);
        for signed in [&one, &two] {
            signed.refreshed(&world, &app).refused(401, "token_invalid");
            within_a_second("its access tokens are refused", || code(&world, &app, &signed.access) == "token_invalid");
        }
        assert_eq!(code(&world, &app, &plain), "ok", "a token without a session is the app's word");
        assert_eq!(code(&world, &app, &Signed::in_as(&world, &app, &user).access), "ok");
        // What changes nothing ends nothing.
        let later = Signed::in_as(&world, &app, &user);
        world.run(&["user", "enable", &user.id]);
        later.refreshed(&world, &app).ok();
    }
    let trail = world.run_json(&["audit", "list", "--action", "token.revoked", "--user", &user.id]);
    let reasons: Vec<&Value> = trail.as_array().unwrap().iter().map(|event| &event["reason"]).collect();
    assert_eq!(reasons, [&json!("user_returned"); 3], "{trail}");
}
