//! Several servers on one database: what one has seen, the others know.

use std::collections::HashSet;
use std::sync::Barrier;
use std::time::{Duration, Instant};

use crate::support::{Answer, App, Call, World, on_postgres, within_a_second};

const DEDUCT: &str = "/api/action/deduct-credits";

fn deduction(app: &App, token: &str, reference: &str) -> Call {
    let body = format!(r#"{{"amount":1,"client_reference_id":"{reference}"}}"#);
    Call::post(DEDUCT, body).bearer(token).signed(app)
}

/// The first world with so many more servers beside it.
fn with_servers(first: &World, count: usize) -> Vec<World> {
    (1..count).map(|_| first.another()).collect()
}

#[test]
fn a_storm_over_all_servers_spends_exactly_what_there_is_and_each_reference_once() {
    const CLIENTS: usize = 32;
    const ROUNDS: usize = 4;
    // Servers, and wallets of fifty credits in all.
    let sizes: &[(usize, usize)] = if on_postgres() { &[(2, 1), (2, 5), (4, 5)] } else { &[(2, 1), (2, 5)] };
    for (size, wallets) in sizes {
        let (first, app) = World::served();
        let others = with_servers(&first, *size);
        let servers: Vec<&World> = std::iter::once(&first).chain(&others).collect();
        let user = |n: usize| first.rich_user(&format!("user-{n}"), &(50 / wallets).to_string());
        let tokens: Vec<String> = (0..*wallets).map(|n| first.token(&app, &user(n))).collect();
        let barrier = Barrier::new(CLIENTS);
        let answers: Vec<(String, Answer)> = std::thread::scope(|scope| {
            let clients: Vec<_> = (0..CLIENTS)
                .map(|client| {
                    let (servers, barrier, app, tokens) = (&servers, &barrier, &app, &tokens);
                    scope.spawn(move || {
                        barrier.wait();
                        let call = |round: usize| {
                            // Two clients have each reference, and most pairs are at different servers.
                            let reference = format!("{}-{round}", client / 2);
                            let server = servers[(client + round) % servers.len()];
                            // Every server has every wallet of its own order.
                            let token = &tokens[(client / 2 + round) % tokens.len()];
                            let answer = deduction(app, token, &reference).send(server);
                            (reference, answer)
                        };
                        (0..ROUNDS).map(call).collect::<Vec<_>>()
                    })
                })
                .collect();
            clients.into_iter().flat_map(|client| client.join().unwrap()).collect()
        });
        let mut transactions = HashSet::new();
        let mut references = HashSet::new();
        for (reference, answer) in &answers {
            match answer.status {
                200 => {
                    transactions.insert(answer.json()["transaction_id"].to_string());
                    references.insert(reference);
                }
                _ => drop(answer.refused(402, "insufficient_credits")),
            }
        }
        assert_eq!(transactions.len(), 50, "{size} servers, {wallets} wallets");
        assert_eq!(references.len(), 50, "each reference has one transaction");
        for (server, token) in servers.iter().flat_map(|server| tokens.iter().map(move |token| (server, token))) {
            assert_eq!(server.balance(&app, token), "0.00");
            assert!(!server.log().contains("deadlock"), "the tenant is locked before anything of it");
        }
        first.run(&["credits", "verify"]);
    }
}

#[test]
fn a_captured_request_is_known_at_every_server() {
    let (first, app) = World::served();
    let second = first.another();
    let user = first.rich_user("ann", "10");
    let token = first.token(&app, &user);
    let captured = Call::post(DEDUCT, r#"{"amount":3}"#).bearer(&token).signed(&app);
    let original = captured.send(&first);
    original.ok();
    let again = captured.send(&second);
    assert_eq!((again.status, &again.body, again.is_replayed()), (200, &original.body, true));
    captured.clone().to("POST", "/api/auth/revoke").send(&second).refused(401, "signature_reused");
    assert_eq!(second.balance(&app, &token), "7.00");

    first.run(&["app", "set", &app.id, "--replay-protection", "strict"]);
    within_a_second("both servers are strict", || {
        [&first, &second].iter().all(|server| captured.send(server).status == 409)
    });
    assert_eq!(first.balance(&app, &token), "7.00");
}

#[test]
fn what_one_server_changes_the_others_see_within_a_second() {
    let (first, app) = World::served();
    let second = first.another();
    let user = first.rich_user("ann", "10");
    let token = first.token(&app, &user);
    second.read(&app, &token, "/api/user/context").ok();
    Call::post("/api/auth/revoke", "{}").bearer(&token).signed(&app).send(&first).ok();
    first.read(&app, &token, "/api/user/context").refused(401, "token_invalid");
    within_a_second("the token is revoked at the other server", || {
        second.read(&app, &token, "/api/user/context").status == 401
    });
    let made = second.call(&app, "POST", "/api/users", r#"{"username":"bob"}"#).ok();
    let id = made["user_id"].as_str().unwrap();
    first.call(&app, "GET", &format!("/api/users/{id}"), "").ok();
    first.run(&["app", "disable", &app.id]);
    within_a_second("the app is disabled at both servers", || {
        [&first, &second].iter().all(|server| server.call(&app, "GET", "/api/users", "").status == 401)
    });
}

/// Each answer is judged by what the server said of its snapshot before: what was changed before the age that it told
/// must be in force. With an age below a second, that is the second; however busy the machine, the promise is kept.
#[test]
#[expect(clippy::disallowed_methods, reason = "a promise about time")]
fn a_server_never_serves_what_is_older_than_the_age_that_it_tells() {
    const ROUNDS: usize = 6;
    let (first, app) = World::served();
    let second = first.another();
    let age = |server: &World| server.metric::<f64>("osaycore_snapshot_age_seconds").unwrap();
    let mut ages = Vec::new();
    for round in 0..ROUNDS {
        let verb = if round % 2 == 0 { "disable" } else { "enable" };
        first.run(&["app", verb, &app.id]);
        let changed = Instant::now();
        let status = if round % 2 == 0 { 401 } else { 200 };
        for server in [&first, &second] {
            within_a_second("the change is in force", || {
                let asked = Instant::now();
                let told = age(server);
                let in_force = server.call(&app, "GET", "/api/users", "").status == status;
                let promised = asked.checked_sub(Duration::from_secs_f64(told)).is_some_and(|then| then > changed);
                assert!(in_force || !promised, "older than {told} s");
                ages.push(told);
                in_force
            });
        }
    }
    ages.sort_by(f64::total_cmp);
    let usual = ages[ages.len() * 9 / 10];
    assert!(usual < 1.0, "of ten ages one may come from a busy machine: {ages:?}");
}

/// What is known of a user is kept in memory by every server, and not for a moment longer than it is true.
#[test]
fn what_changes_of_a_user_is_true_at_every_server_at_once() {
    let (first, app) = World::served();
    let second = on_postgres().then(|| first.another());
    let other = second.as_ref().unwrap_or(&first);
    let user = first.rich_user("ann", "100");
    let token = first.token(&app, &user);
    let context = || other.read(&app, &token, "/api/user/context");
    let charged = |reference: &str| deduction(&app, &token, reference).send(other);
    let group = first.run_json(&["group", "create", "--name", "staff"])["group_id"].to_string();
    first.run(&["app", "set", &app.id, "--restrict-to-groups", "true"]);
    first.run(&["group", "allow", &group, &app.id]);
    let of_crew = r#"{"flags": [{"key": "of-crew", "rules": [
        {"when": [{"attribute": "groups", "op": "contains", "value": "crew"}], "serve": true}]}]}"#;
    std::fs::write(first.folder().join("flags.json"), of_crew).unwrap();
    first.run(&["flag", "apply", "flags.json"]);
    within_a_second("the app is restricted, and the flag is there", || {
        let context = context().ok();
        context["app_context"]["app_permissions"]["is_authorized"] == false
            && context["enabled_features"]["of-crew"] == false
    });
    charged("kept").ok();
    // Each is asked for at the other server without waiting: nothing of it may come from what was kept.
    first.run(&["group", "add", &group, &user.id]);
    assert_eq!(context().ok()["app_context"]["app_permissions"]["is_authorized"], true);
    assert_eq!(context().ok()["enabled_features"]["of-crew"], false);
    first.run(&["group", "rename", &group, "crew"]);
    assert_eq!(context().ok()["enabled_features"]["of-crew"], true);
    first.run(&["group", "disallow", &group, &app.id]);
    assert_eq!(context().ok()["app_context"]["app_permissions"]["is_authorized"], false);
    first.run(&["user", "permit", &user.id, &app.id, "--can-use", "false"]);
    charged("forbidden").refused(403, "not_permitted");
    assert_eq!(context().ok()["app_context"]["app_permissions"]["can_use"], false);
    first.run(&["user", "permit", &user.id, &app.id, "--can-use", "true"]);
    charged("permitted").ok();
    first.run(&["user", "set", &user.id, "--role", "staff"]);
    assert_eq!(context().ok()["user_summary"]["role"], "staff");
    first.run(&["user", "disable", &user.id]);
    charged("disabled").refused(403, "user_inactive");
    context().refused(403, "user_inactive");
    first.run(&["user", "enable", &user.id]);
    charged("enabled").ok();
    first.run(&["user", "delete", &user.id]);
    charged("deleted").refused(404, "user_not_found");
    context().refused(404, "user_not_found");
    first.run(&["user", "restore", &user.id]);
    charged("restored").ok();
    assert_eq!(other.balance(&app, &token), "96.00");
}
