//! The API's description against the server: Schemathesis reads it and asks whatever it allows and forbids, and a reader
//! tries calls on its page.

use std::collections::BTreeSet;
use std::path::Path;
use std::process::{Child, Command, Stdio};

use serde_json::{Value, json};
use tempfile::TempDir;

use crate::admin_api::{ALL, Script};
use crate::support::browser;
use crate::support::programs::{output, python};
use crate::support::{App, Call, User, World, on_postgres};

/// What the runs ask at least, together, and of the admin API.
const REQUESTS: [u64; 2] = [7_000, 2_000];
/// The paths of the admin API.
const ADMIN: &str = "^/api/admin/";

/// What signs, as the hooks read it.
fn keys(world: &World, app: &App, spender: &User, leaver: &User, admin: &Script<'_>) -> String {
    json!({
        "base_url": world.base_url(), "api_key": app.api_key, "secret_key": app.secret_key,
        "oasis_app_id": app.oasis_app_id, "oasis_application_key": app.oasis_application_key,
        "oasis_api_key": app.oasis_api_key, "user_id": spender.id, "other_user_id": leaver.id, "admin_token": admin.token
    })
    .to_string()
}

/// One run. One thread each: Python's own parser fails now and then in several.
fn run(world: &World, folder: &Path, keys: &str, arguments: &[&str]) -> Child {
    let clients = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/http/clients");
    let mut command: Command = python("schemathesis");
    command
        .args(["-m", "schemathesis.cli", "--config-file"])
        .arg(clients.join("schemathesis.toml"))
        .arg("run")
        .arg(format!("{}/api/openapi.json", world.base_url()))
        .args(["--checks", "all", "--continue-on-failure", "--no-color"])
        .args(arguments)
        .args(["--request-timeout", "30", "--generation-database", "none", "--suppress-health-check", "all"])
        .current_dir(folder)
        .env("SCHEMATHESIS_HOOKS", "schemathesis_hooks")
        .env("PYTHONPATH", &clients)
        .env("PYTHONDONTWRITEBYTECODE", "1")
        .env("OSAYCORE_API", keys)
        .env("NO_PROXY", "*")
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    command.spawn().unwrap()
}

/// Requests so far, those of them to the admin API, and the statuses that they were answered with.
fn answered(world: &World) -> ([u64; 2], BTreeSet<String>) {
    let metrics = Call::get("/metrics").send(world);
    let rows: Vec<(String, bool, u64)> = metrics
        .text()
        .lines()
        .filter_map(|line| {
            let (labels, count) = line.strip_prefix("osaycore_http_requests_total{")?.split_once("} ")?;
            let status = labels.split_once("status=\"")?.1.split('"').next()?;
            Some((status.to_owned(), labels.contains("\"/api/admin/"), count.parse().ok()?))
        })
        .collect();
    let all = rows.iter().map(|(.., count)| count).sum();
    let of_admins = rows.iter().filter(|(_, of_admins, _)| *of_admins).map(|(.., count)| count).sum();
    ([all, of_admins], rows.into_iter().map(|(status, ..)| status).collect())
}

/// A tenant of its own, in which there is something, and a token with every scope there.
fn administered(world: &World) -> Script<'_> {
    world.run(&["tenant", "create", "--name", "administered"]);
    let admin = Script::with(world, &["--tenant", "administered", "--name", "fuzz", "--scopes", ALL]);
    for (method, path, body) in [
        ("POST", "/apps", r#"{"name":"shop","scopes":["add_credits"]}"#),
        ("POST", "/apps/shop/eval-keys", r#"{"name":"web"}"#),
        ("POST", "/users", r#"{"username":"ada","app":"shop","external_id":"c-1"}"#),
        ("POST", "/users/ada/credits", r#"{"amount":5,"transaction_type":"BONUS"}"#),
        ("POST", "/groups", r#"{"name":"staff"}"#),
        ("PUT", "/flag-file", r#"{"flags":[{"key":"new_ui","rules":[{"rollout":{"percent":50},"serve":true}]}]}"#),
    ] {
        admin.does(method, path, body);
    }
    admin
}

#[test]
fn schemathesis_finds_nothing_in_seven_thousand_requests() {
    let mut world = World::new();
    let app = world.app_of_every_scope();
    // Neither is the app's to delete: the tokens are theirs.
    let (spender, leaver) = (world.rich_user("spender", "1000000"), world.user("leaver"));
    world.user_with("carol", &["--external-id", "user-1", "--app", &app.id]);
    std::fs::write(world.folder().join("flags.json"), r#"{"flags": [{"key": "new_ui", "default": true}]}"#).unwrap();
    world.run(&["flag", "apply", "flags.json"]);
    // Mail waits for ever: nobody listens there.
    world.variable("OSAYCORE_SMTP_URL", "smtp://127.0.0.1:9");
    world.variable("OSAYCORE_MAIL_FROM", "room@example.com");
    world.serve();
    let admin = administered(&world);
    let keys = keys(&world, &app, &spender, &leaver, &admin);
    let folder = TempDir::new().unwrap();
    let wide = ["--seed", "1", "--max-examples", "30", "--exclude-path-regex", ADMIN];
    let deep = ["--seed", "2", "--max-examples", "65", "--phases", "fuzzing,stateful", "--exclude-path-regex", ADMIN];
    let of_admins =
        ["--seed", "3", "--max-examples", "3", "--phases", "examples,coverage,fuzzing", "--include-path-regex", ADMIN];
    let runs: [(&str, &[&str]); 3] = [("wide", &wide), ("deep", &deep), ("admin", &of_admins)];
    let start = |(name, arguments)| {
        let folder = folder.path().join(name);
        std::fs::create_dir(&folder).unwrap();
        run(&world, &folder, &keys, arguments)
    };
    for run in runs.map(start) {
        let output = run.wait_with_output().unwrap();
        let said = String::from_utf8_lossy(&output.stdout);
        assert!(output.status.success(), "{said}{}", String::from_utf8_lossy(&output.stderr));
    }
    let (requests, statuses) = answered(&world);
    assert!(requests.iter().zip(REQUESTS).all(|(asked, least)| *asked >= least), "{requests:?} requests");
    assert!(statuses.iter().all(|status| !status.starts_with('5')), "{statuses:?}");
    for status in ["200", "201", "400", "401", "402", "404", "405", "409", "412"] {
        assert!(statuses.contains(status), "{status} is not among {statuses:?}");
    }
}

#[test]
fn the_page_signs_and_sends_in_a_real_browser() {
    if on_postgres() {
        return eprintln!("not run on PostgreSQL too: it is about the page");
    }
    let mut world = World::new();
    let app = world.app_of_every_scope();
    let user = world.rich_user("alice", "100");
    let admin = world.run_json(&["admin-token", "create", "--name", "docs", "--scopes", "users:read"]);
    let admin = admin["admin_token"].as_str().unwrap();
    world.serve();
    let folder = TempDir::new().unwrap();
    let kept = std::env::var("OSAYCORE_TEST_SCREENSHOTS").ok();
    let pictures = kept.as_deref().unwrap_or_else(|| folder.path().to_str().unwrap());
    let arguments = [&world.base_url(), &app.api_key, &app.secret_key, &user.id, pictures, admin];
    let seen = browser::Script::start("docs.mjs", &arguments).end();
    assert_eq!((&seen["axe"], &seen["wide"]), (&json!([]), &json!([])));
    assert_eq!((&seen["console_errors"], &seen["csp_violations"]), (&json!([]), &json!([])));
    assert_eq!((&seen["secrets_sent"], &seen["kept"]), (&json!(false), &json!([0, 0, ""])));
    assert!(seen["no_admin_token"].as_str().unwrap().contains("admin token"), "{seen}");
    let users: Value = serde_json::from_str(seen["users"].as_str().unwrap()).unwrap();
    assert_eq!((&users["items"][0]["username"], &seen["admin_signed"]), (&json!("alice"), &json!(false)));
    assert!(seen["unsigned"].as_str().unwrap().contains("API key"), "{seen}");
    let charged: Value = serde_json::from_str(seen["charged"].as_str().unwrap()).unwrap();
    assert_eq!(charged["new_balance"], 97.5, "{charged}");
    let token = seen["token"].as_str().unwrap();
    assert_eq!(world.balance(&app, token), "97.50");

    // The command that the page shows is the same request, quotes in its body included.
    let mut shell = Command::new("sh");
    shell.args(["-c", seen["curl"].as_str().unwrap()]).env("NO_PROXY", "*");
    assert_eq!(serde_json::from_str::<Value>(&output(shell)).unwrap(), charged);
    assert_eq!(world.balance(&app, token), "97.50");
}
