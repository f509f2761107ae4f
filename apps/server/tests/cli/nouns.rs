//! Tenants, apps, users, groups, the audit trail.

use crate::support::{Deployment, members, text};

#[test]
fn an_app_is_created_with_all_its_keys_and_changed_by_name() {
    let deployment = Deployment::new();
    let app = deployment.json(&[
        "app",
        "create",
        "--name",
        "Shop",
        "--scope",
        "add_credits",
        "--scope",
        "manage_users",
        "--redirect-uri",
        "https://shop.example/done",
    ]);
    let keys = ["api_key", "app_id", "oasis_api_key", "oasis_app_id", "oasis_application_key", "secret_key"];
    assert_eq!(members(&app), keys);
    let id = text(&app, "app_id");
    let number = app["oasis_app_id"].as_i64().unwrap().to_string();
    let shown = deployment.json(&["app", "show", &number]);
    assert_eq!(shown, deployment.json(&["app", "show", &id]));
    assert_eq!(shown["scopes"], serde_json::json!(["add_credits", "manage_users"]));
    assert_eq!(shown["settings"]["redirect_uris"], serde_json::json!(["https://shop.example/done"]));

    let set = deployment.json(&[
        "app",
        "set",
        &id,
        "--redirect-uris",
        "https://a.example/x",
        "--redirect_uris",
        "https://b.example/y",
        "--allow-bypass",
        "true",
        "--default_credit_rate",
        "0.25",
        "--monthly-user-limit",
        "50",
    ]);
    assert_eq!(set["settings"]["redirect_uris"], serde_json::json!(["https://a.example/x", "https://b.example/y"]));
    assert_eq!(set["settings"]["allow_bypass"], true);
    assert_eq!(set["settings"]["default_credit_rate"], "0.25");
    assert_eq!(set["monthly_user_limit"], 50);
    assert_eq!(deployment.json(&["tenant", "list"])[0]["monthly_user_limit"], 50);
    // All or nothing.
    let error = deployment.refused(&["app", "set", &id, "--allow-bypass", "false", "--totp-digits", "9"], 1);
    assert_eq!(error, "error: totp_digits: must be a whole number from 6 to 8\n");
    for (setting, value, sentence) in [
        ("--default-credit-rate", "0", "default_credit_rate: rate must be more than 0 and at most 1000000000000"),
        ("--redirect-uris", "x", "redirect_uris: redirect URI must be an absolute URI"),
        (
            "--oasis-response-signature",
            "x",
            "oasis_response_signature: OASIS response signature must be library or guide",
        ),
    ] {
        assert_eq!(deployment.refused(&["app", "set", &id, setting, value], 1), format!("error: {sentence}\n"));
    }
    assert_eq!(deployment.json(&["app", "show", &id])["settings"]["allow_bypass"], true);
    deployment.text(&["app", "set", &id, "--monthly-user-limit", "none"]);

    let rotated = deployment.json(&["app", "rotate-secret", &id, "--grace-seconds", "0"]);
    assert_eq!(members(&rotated), ["secret_key"]);
    assert_ne!(rotated["secret_key"], app["secret_key"]);
    let shown = deployment.run(&["app", "rotate-secret", &id, "--grace-seconds", "0"]);
    assert!(shown.out.starts_with("secret_key  sk_live_"), "{}", shown.out);
    assert_eq!(shown.err, "the old secrets ended now\n");
    assert_eq!(deployment.json(&["app", "disable", &id])["disabled"], true);
    assert_eq!(deployment.json(&["app", "enable", &number])["disabled"], false);
    assert_eq!(deployment.json(&["app", "list"]).as_array().unwrap().len(), 1);
}

#[test]
fn a_user_is_found_by_every_name_and_changed_by_what_is_named() {
    let deployment = Deployment::new();
    let app = text(&deployment.app("Shop"), "app_id");
    let user = deployment.json(&[
        "user",
        "create",
        "--username",
        "alice",
        "--directory",
        "corp",
        "--email",
        "a@example.com",
        "--external-id",
        "x-1",
        "--app",
        &app,
    ]);
    assert_eq!(members(&user), ["oasis_user_id", "user_id"]);
    let (id, number) = (text(&user, "user_id"), user["oasis_user_id"].to_string());
    for name in [id.as_str(), &number, "corp\\alice", "x-1"] {
        assert_eq!(deployment.json(&["user", "show", name])["user_id"], id.as_str(), "{name}");
    }
    deployment.refused(&["user", "show", "alice"], 1);
    let plain = deployment.user("alice");
    for name in ["alice", "\\alice"] {
        assert_eq!(deployment.json(&["user", "show", name])["user_id"], plain.as_str(), "{name}");
    }
    let error = deployment.refused(&["user", "create", "--username", "alice"], 1);
    assert!(error.contains("username"), "{error}");
    let error = deployment.refused(&["user", "set", "alice", "--external-id", "x-1", "--app", &app], 1);
    assert!(error.contains("external_id"), "{error}");
    // What another app calls another user is of no use alone; a name is nobody's but its owner's.
    let other = text(&deployment.app("Office"), "app_id");
    deployment.json(&["user", "set", "alice", "--external-id", "x-1", "--app", &other]);
    let error = deployment.refused(&["user", "show", "x-1"], 1);
    assert!(error.contains("several users") && error.contains(&number), "{error}");
    deployment.json(&["user", "set", "alice", "--external-id", "bob", "--app", &other]);
    let bob = deployment.user("bob");
    assert_eq!(deployment.json(&["user", "show", "bob"])["user_id"], bob.as_str());

    let set = deployment.json(&[
        "user",
        "set",
        &id,
        "--role",
        "admin",
        "--status",
        "suspended",
        "--bypass-otp",
        "true",
        "--min-balance",
        "-10",
        "--email-verified",
        "true",
    ]);
    assert_eq!((&set["role"], &set["status"]), (&"admin".into(), &"suspended".into()));
    assert_eq!((&set["bypass_otp"], &set["email_verified"]), (&true.into(), &true.into()));
    assert_eq!((set["min_balance"].as_f64(), &set["email"]), (Some(-10.0), &"a@example.com".into()));
    assert_eq!(deployment.json(&["user", "enable", &id])["status"], "active");
    assert_eq!(deployment.json(&["user", "disable", &id])["status"], "disabled");
    assert_eq!(deployment.json(&["user", "list", "--app", &app]).as_array().unwrap().len(), 1);
    assert_eq!(deployment.json(&["user", "list"]).as_array().unwrap().len(), 3);
}

#[test]
fn a_deleted_users_name_is_free_until_somebody_takes_it() {
    let deployment = Deployment::new();
    let first = deployment.user("alice");
    deployment.text(&["user", "delete", "alice"]);
    deployment.refused(&["user", "show", "alice"], 1);
    assert_eq!(deployment.json(&["user", "show", &first])["deleted"], true);
    assert!(deployment.refused(&["user", "set", &first, "--role", "admin"], 1).contains("restore"));
    assert!(deployment.refused(&["credits", "add", &first, "1", "--type", "BONUS"], 1).contains("restore"));
    let second = deployment.user("alice");
    assert!(deployment.refused(&["user", "restore", &first], 1).contains("username"));
    deployment.text(&["user", "delete", &second]);
    deployment.text(&["user", "restore", &first]);
    assert_eq!(deployment.json(&["user", "show", "alice"])["user_id"], first.as_str());
    deployment.refused(&["user", "restore", &first], 1);
    assert_eq!(deployment.json(&["user", "list"]).as_array().unwrap().len(), 1);
    assert_eq!(deployment.json(&["user", "list", "--deleted"]).as_array().unwrap().len(), 2);
}

#[test]
fn a_deleted_user_is_restored_by_name_where_the_name_says_who() {
    let deployment = Deployment::new();
    let elsewhere = ["user", "create", "--username", "alice", "--directory", "corp"];
    let corp = text(&deployment.json(&elsewhere), "user_id");
    let first = deployment.json(&["user", "create", "--username", "alice"]);
    for (name, id) in
        [("alice", &text(&first, "user_id")), ("\\alice", &text(&first, "user_id")), ("corp\\alice", &corp)]
    {
        deployment.text(&["user", "delete", name]);
        deployment.text(&["user", "restore", name]);
        assert_eq!(deployment.json(&["user", "show", name])["user_id"], id.as_str(), "{name}");
    }
    // Whoever lives is meant before the dead, and has nothing to be restored.
    deployment.text(&["user", "delete", "alice"]);
    let second = deployment.json(&["user", "create", "--username", "alice"]);
    assert!(!deployment.refused(&["user", "restore", "alice"], 1).contains("several"));
    deployment.text(&["user", "delete", "alice"]);
    let error = deployment.refused(&["user", "restore", "\\alice"], 1);
    for user in [&first, &second] {
        assert!(error.contains(&user["oasis_user_id"].to_string()), "{error}");
    }
    deployment.text(&["user", "restore", &second["oasis_user_id"].to_string()]);
    assert_eq!(deployment.json(&["user", "show", "alice"])["user_id"], second["user_id"]);
    assert!(deployment.refused(&["user", "restore", "nobody"], 1).contains("no user nobody"));
}

#[test]
fn permissions_change_by_what_is_named() {
    let deployment = Deployment::new();
    let app = text(&deployment.app("Shop"), "app_id");
    deployment.user("alice");
    let permit = |arguments: &[&str]| deployment.json(&[&["user", "permit", "alice", &app], arguments].concat());
    let first = permit(&["--credit-rate", "0.5", "--scope", "read_profile", "--scope", "own:thing"]);
    assert_eq!(first["scopes"], serde_json::json!(["read_profile", "own:thing"]));
    assert_eq!((&first["can_use"], &first["credit_rate"]), (&true.into(), &"0.50".into()));
    let second = permit(&["--can-use", "false", "--custom", r#"{"tier": "gold"}"#]);
    assert_eq!(second["scopes"], first["scopes"]);
    assert_eq!((&second["can_use"], &second["custom"]["tier"]), (&false.into(), &"gold".into()));
    assert_eq!(permit(&["--scope", "none"])["scopes"], serde_json::json!([]));
    deployment.refused(&["user", "permit", "alice", &app, "--custom", "[]"], 2);
}

#[test]
fn groups_join_users_and_apps() {
    let deployment = Deployment::new();
    let app = text(&deployment.app("Shop"), "app_id");
    deployment.user("alice");
    let group = deployment.json(&["group", "create", "--name", "staff"]);
    assert_eq!(members(&group), ["group_id"]);
    let number = group["group_id"].as_i64().unwrap().to_string();
    deployment.refused(&["group", "create", "--name", "staff"], 1);
    for (verb, whom) in [("add", "alice"), ("allow", app.as_str())] {
        assert_eq!(deployment.json(&["group", verb, "staff", whom])["changed"], true, "{verb}");
        assert_eq!(deployment.json(&["group", verb, &number, whom])["changed"], false, "{verb}");
    }
    assert_eq!(deployment.json(&["user", "show", "alice"])["groups"], serde_json::json!(["staff"]));
    assert_eq!(deployment.json(&["app", "show", &app])["groups"], serde_json::json!([group["group_id"]]));
    for (verb, whom) in [("remove", "alice"), ("disallow", app.as_str())] {
        assert_eq!(deployment.json(&["group", verb, "staff", whom])["changed"], true, "{verb}");
    }
    deployment.json(&["group", "create", "--name", "others"]);
    deployment.refused(&["group", "rename", "staff", "others"], 1);
    assert_eq!(deployment.json(&["group", "rename", "staff", "crew"])["changed"], true);
    assert_eq!(
        deployment.text(&["group", "rename", &number, "crew"]),
        format!("{number} is crew, as it was already\n")
    );
    assert_eq!(deployment.json(&["group", "list"])[0]["name"], "crew");
    deployment.refused(&["group", "rename", "staff", "crew"], 1);
    assert_eq!(deployment.text(&["group", "rename", "crew", "staff"]), "crew is staff\n");
    for (verb, whom, said) in [
        ("add", "alice", "alice is in staff\n"),
        ("add", "alice", "alice is in staff, as it was already\n"),
        ("remove", "alice", "alice is not in staff\n"),
        ("allow", app.as_str(), "staff is allowed on Shop\n"),
        ("disallow", app.as_str(), "staff is not allowed on Shop\n"),
    ] {
        assert_eq!(deployment.text(&["group", verb, "staff", whom]), said, "{verb}");
    }
}

#[test]
fn tenants_do_not_see_each_other() {
    let deployment = Deployment::new();
    let tenant = deployment.json(&["tenant", "create", "--name", "acme"]);
    assert_eq!(members(&tenant), ["name", "oasis_api_key", "tenant_id"]);
    deployment.refused(&["tenant", "create", "--name", "acme"], 1);
    let app = deployment.json(&["app", "create", "--name", "Shop", "--tenant", "acme"]);
    assert_eq!(app["oasis_api_key"], tenant["oasis_api_key"]);
    deployment.refused(&["app", "show", &text(&app, "app_id")], 1);
    deployment.json(&["user", "create", "--username", "alice", "--tenant", "acme"]);
    deployment.user("alice");
    assert_eq!(deployment.json(&["user", "list", "--tenant", "acme"]).as_array().unwrap().len(), 1);
    let rotated = text(&deployment.json(&["tenant", "rotate-api-key", "--tenant", "acme"]), "oasis_api_key");
    assert_ne!(rotated, text(&tenant, "oasis_api_key"));
    let next = deployment.json(&["app", "create", "--name", "Next", "--tenant", "acme"]);
    assert_eq!(text(&next, "oasis_api_key"), rotated);
    assert_ne!(text(&deployment.app("Other"), "oasis_api_key"), rotated);
}

#[test]
fn every_change_is_in_the_trail_with_who_did_it_and_no_secret() {
    let deployment = Deployment::new();
    let app = deployment.app("Shop");
    let user = deployment.user("alice");
    deployment.text(&["user", "set", "alice", "--role", "admin"]);
    // What is so already is no change.
    deployment.text(&["user", "set", "alice", "--role", "admin"]);
    deployment.text(&["credits", "add", "alice", "5", "--type", "BONUS"]);
    let rotated = deployment.json(&["app", "rotate-secret", &text(&app, "app_id")]);
    let all = deployment.json(&["audit", "list"]);
    let actions: Vec<&str> = all.as_array().unwrap().iter().map(|event| event["action"].as_str().unwrap()).collect();
    let expected =
        ["app.secret_rotated", "credits.added", "user.updated", "user.created", "app.created", "tenant.created"];
    assert_eq!(actions, expected);
    assert_eq!(all[0]["actor"], serde_json::json!({ "operator": "tester" }));
    assert_eq!(all[2]["before"], serde_json::json!({ "role": "basic" }));
    assert_eq!(all[2]["after"], serde_json::json!({ "role": "admin" }));
    let trail = all.to_string();
    for secret in [&app["secret_key"], &app["oasis_application_key"], &app["oasis_api_key"], &rotated["secret_key"]] {
        assert!(!trail.contains(secret.as_str().unwrap()));
    }
    let of = |arguments: &[&str]| deployment.json(&[&["audit", "list"], arguments].concat()).as_array().unwrap().len();
    assert_eq!(of(&["--user", &user]), 3);
    assert_eq!(of(&["--app", &text(&app, "app_id")]), 2);
    assert_eq!(of(&["--action", "credits.added"]), 1);
    assert_eq!((of(&["--limit", "2"]), of(&["--before", "3"])), (2, 2));
    assert_eq!((of(&["--to", "2020-01-01"]), of(&["--from", "2020-01-01T00:00:00Z"])), (0, 6));
}

#[test]
fn a_user_without_logins_and_sessions_has_nothing_to_end() {
    let deployment = Deployment::new();
    let user = deployment.user("alice");
    let shown = deployment.json(&["user", "show", "alice"]);
    assert_eq!((&shown["identities"], &shown["sessions"]), (&serde_json::json!([]), &serde_json::json!([])));
    assert_eq!(deployment.json(&["user", "sign-out", "alice"])["sessions_ended"], 0);
    let session = "9b2b0f0e-0000-4000-8000-000000000000";
    let error = deployment.refused(&["user", "sign-out", "alice", "--session", session], 1);
    assert_eq!(error, format!("error: user alice has no session {session}\n"));
    deployment.refused(&["user", "sign-out", "alice", "--session", "nonsense"], 2);
    let error = deployment.refused(&["user", "unlink", "alice", "--provider", "google"], 1);
    assert_eq!(error, "error: user alice has no login of google; see `osaycore user show`\n");
    deployment.refused(&["user", "unlink", "alice"], 2);
    deployment.refused(&["user", "unlink", "alice", "--provider", "Google!"], 2);
    deployment.refused(&["user", "sign-out", "nobody"], 1);
    // Those who are deleted can be signed out for good, by id.
    deployment.text(&["user", "delete", "alice"]);
    assert_eq!(deployment.json(&["user", "sign-out", &user])["sessions_ended"], 0);
}

#[test]
fn an_issuer_without_tls_is_of_a_private_network() {
    let deployment = Deployment::new();
    deployment.write("client.secret", "secret");
    let set = |issuer: &'static str| {
        [
            "provider",
            "set",
            "lab",
            "--issuer",
            issuer,
            "--client-id",
            "osaycore",
            "--client-secret-file",
            "client.secret",
        ]
    };
    let error = deployment.refused(&set("http://10.0.0.7:8081"), 1);
    assert!(error.contains("--private-network"), "{error}");
    deployment.json(&[&set("http://10.0.0.7:8081")[..], &["--private-network"]].concat());
    deployment.json(&set("http://127.0.0.1:8081"));
    deployment.json(&set("https://id.example"));
}
