//! The user context: every member of the document's example, flags, permissions, groups.

use serde_json::{Value, json};

use crate::support::{App, World, within_a_second};

const PATH: &str = "/api/user/context";

fn context(world: &World, app: &App, token: &str) -> Value {
    world.read(app, token, PATH).ok()
}

fn members(value: &Value) -> Vec<&str> {
    value.as_object().unwrap().keys().map(String::as_str).collect()
}

#[test]
fn every_member_of_the_documents_example_is_there() {
    let mut world = World::new();
    let app = world.app("My Integrated App", &["add_credits"]);
    let profile = ["--email", "user@example.com", "--display-name", "User 123"];
    let user = world.user_with("user123", &profile);
    world.run(&["user", "set", &user.id, "--email-verified", "true"]);
    world.run(&["user", "permit", &user.id, &app.id, "--credit-rate", "0.001"]);
    world.credit(&user, "150");
    world.serve();
    let token = world.token(&app, &user);
    world.deduct(&app, &token, r#""amount":55"#).ok();
    let answer = world.read(&app, &token, PATH);
    let body = answer.ok();
    assert_eq!(
        members(&body),
        ["api_session_id", "app_context", "credit_balance", "enabled_features", "success", "user_summary"]
    );
    assert_eq!(
        body["user_summary"],
        json!({
            "id": user.id, "email": "user@example.com", "username": "user123", "display_name": "User 123",
            "role": "basic", "status": "active", "avatar_url": null, "email_verified": true
        })
    );
    for exact in [
        r#""balance":95.00"#,
        r#""lifetime_earned":150.00"#,
        r#""lifetime_spent":55.00"#,
        r#""currency_unit":"credits""#,
        r#""effective_credit_rate":0.001"#,
    ] {
        assert!(answer.text().contains(exact), "{exact}: {}", answer.text());
    }
    assert_eq!(members(&body["credit_balance"]), ["balance", "currency_unit", "lifetime_earned", "lifetime_spent"]);
    let permissions = &body["app_context"]["app_permissions"];
    assert_eq!(body["app_context"]["app_id"], app.id.as_str());
    assert_eq!(body["app_context"]["app_name"], "My Integrated App");
    assert_eq!(
        members(permissions),
        ["can_use", "custom_permissions", "effective_credit_rate", "is_authorized", "scopes"]
    );
    assert_eq!((&permissions["can_use"], &permissions["is_authorized"]), (&json!(true), &json!(true)));
    assert_eq!(permissions["scopes"], json!(["read_profile", "deduct_credits"]));
    assert_eq!((&permissions["custom_permissions"], &body["enabled_features"]), (&json!({}), &json!({})));
    assert_eq!(body["success"], true);
    // The session is the token's jti.
    assert_eq!(body["api_session_id"], crate::tokens::claims(&token)["jti"]);
}

#[test]
fn a_new_user_has_the_defaults() {
    let (world, app) = World::served();
    let token = world.token(&app, &world.user("plain"));
    let body = context(&world, &app, &token);
    let summary = &body["user_summary"];
    assert_eq!((&summary["role"], &summary["email"]), (&json!("basic"), &Value::Null));
    assert_eq!((&summary["email_verified"], &summary["display_name"]), (&json!(false), &Value::Null));
    let answer = world.read(&app, &token, PATH);
    assert_eq!(answer.number("effective_credit_rate"), "1.00");
    assert_eq!((answer.number("balance"), answer.number("lifetime_earned")), ("0.00".to_owned(), "0.00".to_owned()));
}

#[test]
fn permissions_are_what_the_operator_set_last() {
    let (world, app) = World::served();
    let user = world.user("ann");
    let token = world.token(&app, &user);
    let permit = |further: &[&str]| {
        world.run(&[&["user", "permit", &user.id, &app.id], further].concat());
        context(&world, &app, &token)["app_context"]["app_permissions"].clone()
    };
    let set =
        permit(&["--custom", r#"{"tier":"gold","seats":3}"#, "--scope", "write_reports", "--scope", "read_profile"]);
    assert_eq!(set["custom_permissions"], json!({"tier": "gold", "seats": 3}));
    assert_eq!(set["scopes"], json!(["write_reports", "read_profile"]));
    // What is not named stays.
    let set = permit(&["--can-use", "false"]);
    assert_eq!((&set["can_use"], &set["is_authorized"]), (&json!(false), &json!(false)));
    assert_eq!(set["custom_permissions"]["tier"], "gold");
    let set = permit(&["--can-use", "true", "--scope", "none"]);
    assert_eq!((&set["scopes"], &set["is_authorized"]), (&json!([]), &json!(true)));
}

#[test]
fn an_app_restricted_to_groups_authorizes_their_members() {
    let mut world = World::new();
    let (app, open) = (world.app("closed", &[]), world.app("open", &[]));
    world.run(&["app", "set", &app.id, "--restrict-to-groups", "true"]);
    let user = world.user("ann");
    let group = world.run_json(&["group", "create", "--name", "staff"])["group_id"].to_string();
    world.serve();
    let (token, open_token) = (world.token(&app, &user), world.token(&open, &user));
    let authorized = |app: &App, token: &str| {
        context(&world, app, token)["app_context"]["app_permissions"]["is_authorized"].as_bool().unwrap()
    };
    assert!(!authorized(&app, &token), "in no group");
    assert!(authorized(&open, &open_token), "an app that is not restricted");
    world.run(&["group", "add", &group, &user.id]);
    assert!(!authorized(&app, &token), "in a group that is not allowed");
    world.run(&["group", "allow", &group, &app.id]);
    assert!(authorized(&app, &token), "in a group that is allowed");
    world.run(&["user", "permit", &user.id, &app.id, "--can-use", "false"]);
    assert!(!authorized(&app, &token), "in the group, and closed by the permit");
    world.run(&["user", "permit", &user.id, &app.id, "--can-use", "true"]);
    world.run(&["group", "remove", &group, &user.id]);
    assert!(!authorized(&app, &token), "no longer in the group");
    world.run(&["app", "set", &app.id, "--restrict-to-groups", "false"]);
    within_a_second("restrict_to_groups", || authorized(&app, &token));
}

#[test]
fn flags_of_a_file_are_in_force_within_a_second() {
    let mut world = World::new();
    let (app, other) = (world.app("app", &[]), world.app("other", &[]));
    let (ann, bob) = (world.user_with("ann", &["--role", "staff"]), world.rich_user("bob", "10"));
    world.serve();
    let (ann_token, bob_token) = (world.token(&app, &ann), world.token(&app, &bob));
    let other_token = world.token(&other, &ann);
    let features = |app: &App, token: &str| context(&world, app, token)["enabled_features"].clone();
    let apply = |file: &str, further: &[&str]| {
        std::fs::write(world.folder().join("flags.json"), file).unwrap();
        world.run(&[&["flag", "apply", "flags.json"], further].concat());
    };
    apply(r#"{"flags": [{"key": "everywhere", "default": true}]}"#, &[]);
    within_a_second("a flag of the tenant", || features(&other, &other_token) == json!({"everywhere": true}));
    let file = json!({"flags": [
        {"key": "on", "default": true},
        {"key": "off", "default": false},
        {"key": "switched_off", "default": true, "enabled": false},
        {"key": "inactive", "default": true, "active": false},
        {"key": "staff", "rules": [{"name": "staff", "when": [{"attribute": "role", "op": "=", "value": "staff"}], "serve": true}]},
        {"key": "rich", "rules": [{"name": "rich", "when": [{"attribute": "credit_balance", "op": ">=", "value": 10}], "serve": true}]},
        {"key": "named", "overrides": {(bob.id.clone()): true}},
        {"key": "nobody", "rules": [{"name": "none", "rollout": {"percent": 0}, "serve": true}]},
        {"key": "all", "rules": [{"name": "all", "rollout": {"percent": 100}, "serve": true}]},
        {"key": "variant", "type": "string", "variants": {"old": "v1", "new": "v2"}, "default": "old",
         "rules": [{"name": "staff", "when": [{"attribute": "role", "op": "=", "value": "staff"}], "serve": "new"}]},
        {"key": "everywhere", "default": false}
    ]});
    apply(&file.to_string(), &["--app", &app.id]);
    within_a_second("flags of the app", || features(&app, &ann_token).get("on").is_some());
    assert_eq!(
        features(&app, &ann_token),
        json!({"on": true, "off": false, "switched_off": false, "staff": true, "rich": false, "named": false,
               "nobody": false, "all": true, "variant": true, "everywhere": false})
    );
    assert_eq!(
        features(&app, &bob_token),
        json!({"on": true, "off": false, "switched_off": false, "staff": false, "rich": true, "named": true,
               "nobody": false, "all": true, "variant": false, "everywhere": false})
    );
    assert_eq!(features(&other, &other_token), json!({"everywhere": true}), "the app's flag is the app's");
    // The balance of this very moment decides.
    world.deduct(&app, &bob_token, r#""amount":1"#).ok();
    assert_eq!(features(&app, &bob_token)["rich"], false);
    world.run(&["flag", "archive", "on", "--app", &app.id]);
    within_a_second("an archived flag", || features(&app, &ann_token).get("on").is_none());
    // A faulty file changes nothing.
    std::fs::write(world.folder().join("bad.json"), r#"{"flags": [{"key": "good"}, {"key": "bad", "defualt": true}]}"#)
        .unwrap();
    let refused = world.cli(&["flag", "apply", "bad.json", "--app", &app.id]);
    assert_eq!(refused.status.code(), Some(1));
    let stderr = String::from_utf8_lossy(&refused.stderr);
    assert!(stderr.contains("bad.json") && stderr.contains("defualt"), "{stderr}");
    assert!(features(&app, &ann_token).get("good").is_none());
}

#[test]
fn the_details_of_the_flags_are_there_where_they_are_asked_for() {
    let (world, app) = World::served();
    let token = world.token(&app, &world.user("ann"));
    let file = json!({"flags": [
        {"key": "on", "default": true},
        {"key": "off", "default": true, "enabled": false},
        {"key": "inactive", "active": false},
        {"key": "real", "type": "float", "variants": {"one": 1.0}, "default": "one"},
        {"key": "split", "type": "object", "variants": {"a": {"x": 1}, "b": {"x": 2}}, "default": "a",
         "rules": [{"name": "a secret rule", "serve": {"b": 1}}]}
    ]});
    std::fs::write(world.folder().join("flags.json"), file.to_string()).unwrap();
    world.run(&["flag", "apply", "flags.json"]);
    let with_details = format!("{PATH}?include=feature_details");
    let read = || world.read(&app, &token, &with_details);
    within_a_second("the flags", || read().ok()["feature_details"].get("on").is_some());
    let answer = read();
    let body = answer.ok();
    assert_eq!(
        body["feature_details"],
        json!({
            "on": {"variant": "on", "value": true, "reason": "STATIC"},
            "off": {"variant": "off", "value": false, "reason": "DISABLED"},
            "real": {"variant": "one", "value": 1.0, "reason": "STATIC"},
            "split": {"variant": "b", "value": {"x": 2}, "reason": "SPLIT"}
        })
    );
    assert!(answer.text().contains(r#""value":1.0,"#) && !answer.text().contains("secret"), "{}", answer.text());
    assert_eq!(body["enabled_features"], json!({"on": true, "off": false, "real": false, "split": true}));
    assert_eq!(context(&world, &app, &token).get("feature_details"), None);
    for query in ["include=everything", "include=", "include=feature_details&include=everything"] {
        let refused = world.read(&app, &token, &format!("{PATH}?{query}")).refused(400, "invalid_field");
        assert_eq!(refused["field"], "include", "{query}");
    }
    let other = world.read(&app, &token, &format!("{PATH}?v=1")).ok();
    assert_eq!(other.get("feature_details"), None, "what is not ours is passed over");
}

#[test]
fn a_rollout_sticks_to_its_users_across_restarts() {
    let (mut world, app) = World::served();
    let file =
        r#"{"flags": [{"key": "half", "rules": [{"name": "half", "rollout": {"percent": 50}, "serve": true}]}]}"#;
    std::fs::write(world.folder().join("half.json"), file).unwrap();
    world.run(&["flag", "apply", "half.json", "--app", &app.id]);
    let made = |n: u32| {
        let made = world.call(&app, "POST", "/api/users", &format!(r#"{{"username":"user{n}"}}"#)).ok();
        let id = made["user_id"].as_str().unwrap().to_owned();
        world.token(&app, &crate::support::User { id, oasis_id: 0 })
    };
    let tokens: Vec<_> = (0..24).map(made).collect();
    within_a_second("the flag", || context(&world, &app, &tokens[0])["enabled_features"].get("half").is_some());
    let halves = |world: &World| -> Vec<bool> {
        tokens.iter().map(|token| context(world, &app, token)["enabled_features"]["half"] == true).collect()
    };
    let before = halves(&world);
    // One in eight million for each side.
    assert!(before.contains(&true) && before.contains(&false), "{before:?}");
    world.crash();
    assert_eq!(halves(&world), before);
}
