//! Keys rotate, and what was sealed still opens.

use crate::support::{Deployment, contains, text};

#[test]
fn a_new_master_key_opens_what_the_old_one_sealed() {
    let deployment = Deployment::new();
    let before = text(&deployment.app("Shop"), "oasis_api_key");
    let old = deployment.bytes("osaycore.db.key");
    assert!(deployment.json(&["key", "rotate", "master"])["resealed"].as_i64().unwrap() >= 4);
    let new = deployment.bytes("osaycore.db.key");
    assert_ne!(old, new);
    assert_eq!(new.len(), old.len(), "one key, the new one");
    assert_eq!(text(&deployment.app("Next"), "oasis_api_key"), before);
    deployment.write("old.key", &String::from_utf8(old).unwrap());
    let error = deployment.refused(&["app", "create", "--name", "x", "--master-key-file", "old.key"], 1);
    assert!(error.contains("another master key"), "{error}");
}

#[test]
fn a_master_key_from_the_environment_is_written_where_it_is_asked_for() {
    let deployment = Deployment::new();
    let run = |arguments: &[&str], variable: &str, value: &str| {
        let output = deployment.command(arguments).env(variable, value).output().unwrap();
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        (output.status.code().unwrap(), text(&output.stdout), text(&output.stderr))
    };
    let old = "ab".repeat(32);
    let key = "OSAYCORE_MASTER_KEY";
    assert_eq!(run(&["app", "create", "--name", "a"], key, &old).0, 0);
    assert!(!deployment.path("osaycore.db.key").exists());
    let (code, _, error) = run(&["key", "rotate", "master"], key, &old);
    assert!(code == 1 && error.contains("--new-key-file"), "{error}");
    let (code, _, said) = run(&["key", "rotate", "master", "--new-key-file", "new.key"], key, &old);
    assert!(code == 0 && said.contains("OSAYCORE_MASTER_KEY_FILE=new.key"), "{said}");
    assert_eq!(run(&["app", "create", "--name", "b"], key, &old).0, 1);
    assert_eq!(run(&["app", "create", "--name", "b"], "OSAYCORE_MASTER_KEY_FILE", "new.key").0, 0);
    assert_eq!(run(&["config"], key, "abc").0, 1, "not 64 digits");
}

#[test]
fn a_new_token_key_issues_and_the_old_one_retires() {
    let deployment = Deployment::new();
    let first = deployment.json(&["key", "list"])[0]["kid"].clone();
    let kid = deployment.json(&["key", "rotate", "jwt", "--lead-seconds", "0"])["kid"].clone();
    let keys = deployment.json(&["key", "list"]);
    let state = |kid: &serde_json::Value| {
        let found = keys.as_array().unwrap().iter().find(|key| key["kid"] == *kid).unwrap();
        (found["state"].clone(), found["drop_after_us"].is_i64())
    };
    assert_eq!(state(&first), ("retiring".into(), true));
    assert_eq!(state(&kid), ("active".into(), false));
    // One that is published first issues later: a server lets it.
    let next = deployment.json(&["key", "rotate", "jwt", "--algorithm", "EdDSA"])["kid"].clone();
    let keys = deployment.json(&["key", "list"]);
    let listed = keys.as_array().unwrap().iter().find(|key| key["kid"] == next).unwrap();
    assert_eq!((&listed["state"], &listed["algorithm"]), (&"next".into(), &"EdDSA".into()), "{keys}");
    assert!(listed["active_from_us"].as_i64().unwrap() > listed["created_at_us"].as_i64().unwrap(), "{keys}");
}

#[test]
fn one_key_is_next_and_the_one_that_issues_is_not_dropped() {
    let deployment = Deployment::new();
    let first = text(&deployment.json(&["key", "list"])[0], "kid");
    let refused = deployment.refused(&["key", "drop", &first], 1);
    assert!(refused.contains(&first) && refused.contains("key rotate jwt --lead-seconds 0"), "{refused}");
    let next = text(&deployment.json(&["key", "rotate", "jwt"]), "kid");
    deployment.text(&["tenant", "create", "--name", "other"]);
    for tenant in ["default", "other"] {
        let refused = deployment.refused(&["key", "rotate", "jwt", "--lead-seconds", "0", "--tenant", tenant], 1);
        assert!(refused.contains(&format!("osaycore key drop {next}")), "{refused}");
    }
    assert_eq!(deployment.json(&["key", "drop", &next])["dropped"], next.as_str());
    assert!(deployment.refused(&["key", "drop", &next], 1).contains("there is no key"));
    let new = text(&deployment.json(&["key", "rotate", "jwt", "--lead-seconds", "0"]), "kid");
    deployment.text(&["key", "drop", &first]);
    let keys = deployment.json(&["key", "list"]);
    assert!(keys.as_array().unwrap().len() == 1 && keys[0]["kid"] == new.as_str(), "{keys}");
    let dropped = deployment.json(&["audit", "list", "--action", "key.dropped"]);
    let targets: Vec<_> = dropped.as_array().unwrap().iter().map(|event| event["target"]["id"].clone()).collect();
    assert_eq!(targets, [first, next], "newest first: {dropped}");
}

#[test]
fn no_secret_is_in_the_files_in_clear() {
    let deployment = Deployment::new();
    let app = deployment.app("Shop");
    let rotated = deployment.json(&["app", "rotate-secret", &text(&app, "app_id")]);
    deployment.text(&["key", "rotate", "jwt"]);
    deployment.text(&["backup", "copy.db"]);
    let key = String::from_utf8(deployment.bytes("osaycore.db.key")).unwrap();
    let mut secrets = vec![key.trim().to_owned(), text(&rotated, "secret_key")];
    secrets.extend(["secret_key", "oasis_application_key", "oasis_api_key"].map(|name| text(&app, name)));
    for file in ["osaycore.db", "osaycore.db-wal", "copy.db"] {
        let bytes = deployment.bytes(file);
        for secret in &secrets {
            assert!(!contains(&bytes, secret), "{file}");
        }
        // The public key is there: the search finds what is in clear.
        assert!(file.ends_with("wal") || contains(&bytes, &text(&app, "api_key")), "{file}");
    }
}
