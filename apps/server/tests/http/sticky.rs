//! Sticky rules over HTTP: once seen, always seen, at every server and whatever becomes of the rollout.

use std::sync::Barrier;

use serde_json::{Value, json};

use crate::support::{App, User, World, within_a_second};

const PATH: &str = "/api/user/context";

fn features(world: &World, app: &App, token: &str) -> Value {
    world.read(app, token, PATH).ok()["enabled_features"].clone()
}

/// Applies a flag `test` with one sticky rule, and a flag `step` of this value, which tells what a server has seen.
fn apply(world: &World, step: bool, rule: &Value, further: &[&str]) {
    let mut rule = rule.clone();
    rule["name"] = json!("seen");
    rule["sticky"] = json!(true);
    let file = json!({"flags": [{"key": "test", "rules": [rule]}, {"key": "step", "default": step}]});
    std::fs::write(world.folder().join("flags.json"), file.to_string()).unwrap();
    world.run(&[&["flag", "apply", "flags.json"], further].concat());
}

fn percent(percent: u32) -> Value {
    json!({"rollout": {"percent": percent}, "serve": true})
}

/// Waits until every server has seen the step.
fn seen_by(servers: &[&World], app: &App, token: &str, step: bool) {
    within_a_second("the flags are seen", || servers.iter().all(|server| features(server, app, token)["step"] == step));
}

fn users(world: &World, app: &App, names: impl Iterator<Item = String>) -> Vec<String> {
    let made = |name: String| {
        let made = world.call(app, "POST", "/api/users", &format!(r#"{{"username":"{name}"}}"#)).ok();
        world.token(app, &User { id: made["user_id"].as_str().unwrap().to_owned(), oasis_id: 0 })
    };
    names.map(made).collect()
}

#[test]
fn once_seen_always_seen_at_every_server_whatever_becomes_of_the_rollout() {
    let (mut first, app) = World::served();
    let second = first.another();
    let tokens = users(&first, &app, ["seen", "late", "watcher"].into_iter().map(str::to_owned));
    let [seen, late, watcher] = tokens.as_slice() else { panic!("three users") };
    let explain = |user: &str| first.run_json(&["flag", "explain", "test", user, "--app", &app.id]);

    apply(&first, true, &percent(100), &[]);
    seen_by(&[&first, &second], &app, watcher, true);
    assert_eq!(explain("seen")["rules"][0]["outcome"], "matched", "to explain is not to serve");
    assert_eq!(features(&first, &app, seen)["test"], true);
    assert_eq!(explain("seen")["rules"][0]["outcome"], "assigned");

    apply(&first, false, &percent(0), &[]);
    seen_by(&[&first, &second], &app, watcher, false);
    for server in [&first, &second] {
        assert_eq!(features(server, &app, seen)["test"], true, "the rollout shrank");
        assert_eq!(features(server, &app, late)["test"], false, "who came later is not in it");
    }
    first.crash();
    assert_eq!(features(&first, &app, seen)["test"], true, "it is on disk");

    // An app's own flag of the same key is another flag.
    apply(&first, true, &percent(0), &["--app", &app.id]);
    seen_by(&[&first, &second], &app, watcher, true);
    assert_eq!(features(&second, &app, seen)["test"], false);
    first.run(&["flag", "archive", "test", "--app", &app.id]);
    within_a_second("every app's again", || features(&second, &app, seen)["test"] == true);

    // Taken out of use and back again.
    first.run(&["flag", "archive", "test"]);
    within_a_second("it is gone", || features(&second, &app, seen).get("test").is_none());
    first.run(&["flag", "rollback"]);
    within_a_second("it is back", || {
        features(&second, &app, seen)["test"] == true && features(&first, &app, late)["test"] == false
    });
}

#[test]
fn a_variant_that_is_gone_is_forgotten_and_the_next_one_kept() {
    let (world, app) = World::served();
    let token = users(&world, &app, ["ann".to_owned()].into_iter()).remove(0);
    let apply = |variants: Value, serve: Value| {
        let file = json!({"flags": [{"key": "test", "type": "string", "variants": variants, "default": "old",
            "rules": [{"name": "seen", "sticky": true, "serve": serve}]}]});
        std::fs::write(world.folder().join("flags.json"), file.to_string()).unwrap();
        world.run(&["flag", "apply", "flags.json"]);
    };
    let variant = || {
        // The answer keeps it, and says no more than that it is not the default.
        features(&world, &app, &token);
        world.run_json(&["flag", "explain", "test", "ann", "--app", &app.id])["variant"].clone()
    };
    apply(json!({"old": "0", "blue": "1"}), json!({"blue": 1}));
    within_a_second("the flag", || features(&world, &app, &token)["test"] == true);
    apply(json!({"old": "0", "blue": "1", "green": "2"}), json!({"green": 1}));
    within_a_second("kept", || variant() == "blue");
    apply(json!({"old": "0", "green": "2", "red": "3"}), json!({"green": 1}));
    within_a_second("another is served, and kept", || {
        variant() == "green"
            && world.run_json(&["flag", "explain", "test", "ann", "--app", &app.id])["rules"][0]["outcome"]
                == "assigned"
    });
    apply(json!({"old": "0", "green": "2", "red": "3"}), json!({"red": 1}));
    assert_eq!(variant(), "green");
}

/// While the flag turns from serving `on` to serving `off`, servers differ about it for a moment, and yet never about
/// one user.
#[test]
fn sixteen_first_evaluations_at_once_give_one_variant_even_while_servers_differ() {
    const CLIENTS: usize = 16;
    const USERS: usize = 32;
    let (first, app) = World::served();
    let second = first.another();
    let watcher = users(&first, &app, ["watcher".to_owned()].into_iter()).remove(0);
    let tokens = users(&first, &app, (0..USERS).map(|n| format!("user-{n}")));
    apply(&first, true, &json!({"serve": {"on": 1}}), &[]);
    seen_by(&[&first, &second], &app, &watcher, true);
    let barrier = Barrier::new(CLIENTS + 1);
    let answers: Vec<Vec<bool>> = std::thread::scope(|scope| {
        let clients: Vec<_> = (0..CLIENTS)
            .map(|client| {
                let (barrier, app, tokens) = (&barrier, &app, &tokens);
                let server = if client % 2 == 0 { &first } else { &second };
                scope.spawn(move || {
                    let answer = |token: &String| {
                        barrier.wait();
                        features(server, app, token)["test"] == true
                    };
                    tokens.iter().map(answer).collect::<Vec<bool>>()
                })
            })
            .collect();
        for user in 0..USERS {
            if user == 1 {
                apply(&first, false, &json!({"serve": {"off": 1}}), &[]);
            }
            barrier.wait();
        }
        clients.into_iter().map(|client| client.join().unwrap()).collect()
    });
    seen_by(&[&first, &second], &app, &watcher, false);
    for (user, token) in tokens.iter().enumerate() {
        let told: Vec<bool> = answers.iter().map(|of_client| of_client[user]).collect();
        assert!(told.iter().all(|one| *one == told[0]), "user {user} was told {told:?}");
        for server in [&first, &second] {
            assert_eq!(features(server, &app, token)["test"], told[0], "user {user}, from then on");
        }
    }
    assert!(answers[0][0], "before the change");
}
