//! Console logins.

use crate::support::{Deployment, contains, members, text};

#[test]
fn a_login_is_made_with_a_password_that_is_told_once() {
    let deployment = Deployment::new();
    let made = deployment.json(&["admin", "create", "--email", "ada@example.com"]);
    assert_eq!(
        members(&made),
        ["admin_id", "created_at", "disabled", "email", "password", "role", "second_factor", "signed_in_at"]
    );
    assert_eq!((made["admin_id"].as_i64(), made["role"].as_str()), (Some(1), Some("owner")));
    let password = text(&made, "password");
    assert_eq!(password.len(), 23, "{password}");
    let listed = deployment.json(&["admin", "list"]);
    assert_eq!(listed[0]["email"], "ada@example.com");
    assert!(listed[0].get("password").is_none(), "{listed}");
    let trail = deployment.text(&["audit", "list", "--action", "admin.created", "--json"]);
    assert!(trail.contains("ada@example.com") && !trail.contains(&password), "{trail}");
    for name in ["osaycore.db", "osaycore.db-wal"] {
        assert!(!contains(&deployment.bytes(name), &password), "{name}");
    }
    let other = text(&deployment.json(&["admin", "reset-password", "1"]), "password");
    assert_ne!(other, password);
}

#[test]
fn an_address_is_one_persons_in_every_tenant() {
    let deployment = Deployment::new();
    deployment.text(&["admin", "create", "--email", "ada@example.com"]);
    deployment.text(&["tenant", "create", "--name", "Elsewhere"]);
    for tenant in ["default", "Elsewhere"] {
        let again = ["admin", "create", "--email", "ADA@Example.com", "--tenant", tenant];
        let error = deployment.refused(&again, 1);
        assert!(error.contains("there is a console login with this address already"), "{error}");
    }
    for command in [&["admin", "reset-otp"][..], &["admin", "reset-password"]] {
        let error = deployment.refused(&[command, &["ada@example.com", "--tenant", "Elsewhere"]].concat(), 1);
        assert!(error.contains("no console login ada@example.com"), "{error}");
    }
    assert_eq!(deployment.json(&["admin", "list", "--tenant", "Elsewhere"]), serde_json::json!([]));
}

#[test]
fn passwords_that_anybody_would_guess_are_refused() {
    let deployment = Deployment::new();
    for (password, problem) in [
        ("short\n", "must have 12 characters or more"),
        ("ada.lovelace@example.com\n", "must be another than the e-mail address"),
        ("aaaaaaaaaaaaaaaa", "must not be one character again and again"),
    ] {
        deployment.write("password", password);
        let create = ["admin", "create", "--email", "ada.lovelace@example.com", "--password-file", "password"];
        let error = deployment.refused(&create, 1);
        assert!(error.contains(problem), "{password}: {error}");
    }
    deployment.refused(&["admin", "create", "--email", "ada@example.com", "--password-file", "none"], 1);
    for wrong in [
        &["admin", "create"][..],
        &["admin", "create", "--email", "ada"],
        &["admin", "create", "--email", "ada@example.com", "--role", "king"],
        &["admin", "set", "ada@example.com"],
        &["admin", "reset-otp", "nobody at all"],
    ] {
        deployment.refused(wrong, 2);
    }
    assert_eq!(deployment.json(&["admin", "list"]), serde_json::json!([]));
}

#[test]
fn the_last_owner_stays_one() {
    let deployment = Deployment::new();
    deployment.text(&["admin", "create", "--email", "ada@example.com"]);
    for change in [["--role", "admin"], ["--disabled", "true"]] {
        let error = deployment.refused(&[&["admin", "set", "ada@example.com"], &change[..]].concat(), 1);
        assert!(error.contains("the last owner"), "{error}");
    }
    deployment.text(&["admin", "create", "--email", "eve@example.com"]);
    let changed = deployment.json(&["admin", "set", "ada@example.com", "--role", "viewer", "--disabled", "true"]);
    assert_eq!((&changed["role"], &changed["disabled"]), (&"viewer".into(), &true.into()), "{changed}");
    let events = deployment.json(&["audit", "list", "--action", "admin.updated"]);
    let expected = serde_json::json!({"role": "owner", "disabled": false});
    assert_eq!(events[0]["before"], expected, "{events}");
}
