//! Flag files.

use crate::support::{Deployment, text};

const FILE: &str = r#"{"flags": [
  {"key": "new_ui", "default": true},
  {"key": "checkout", "type": "string", "variants": {"old": "v1", "z": "v2", "b": "v3"}, "default": "old",
   "rules": [{"name": "some", "rollout": {"percent": 12.125}, "serve": {"z": 1, "b": 3}}]},
  {"key": "premium", "prerequisites": [{"flag": "new_ui", "value": true}],
   "rules": [{"name": "rich", "when": [{"attribute": "credit_balance", "op": ">=", "value": 10.5}], "serve": true}]}],
 "segments": [{"key": "eu", "when": [{"attribute": "custom.country", "op": "in", "values": ["de", "fr"]}]}]}"#;

#[test]
fn a_file_comes_back_as_it_was_in_both_formats() {
    let deployment = Deployment::new();
    deployment.write("flags.json", FILE);
    assert_eq!(
        deployment.json(&["flag", "apply", "flags.json"]),
        serde_json::json!({ "flags": 3, "segments": 1, "version": 1 })
    );
    let exported = deployment.text(&["flag", "export"]);
    deployment.write("flags.yaml", &deployment.text(&["flag", "export", "--format", "yaml"]));
    let other = Deployment::new();
    std::fs::copy(deployment.path("flags.yaml"), other.path("flags.yaml")).unwrap();
    other.text(&["flag", "apply", "flags.yaml"]);
    assert_eq!(other.text(&["flag", "export"]), exported, "the order of weights and variants too");
    assert!(exported.find("\"z\": 1").unwrap() < exported.find("\"b\": 3").unwrap(), "{exported}");
}

#[test]
fn a_segment_of_an_app_is_removed_and_every_apps_is_the_apps_again() {
    let deployment = Deployment::new();
    let app = text(&deployment.app("Shop"), "app_id");
    deployment.write("flags.json", FILE);
    deployment.text(&["flag", "apply", "flags.json"]);
    deployment.write(
        "own.json",
        r#"{"flags": [{"key": "local", "rules": [{"when": [{"segment": "eu"}], "serve": true}]}],
            "segments": [{"key": "eu", "users": ["ada"]}]}"#,
    );
    deployment.text(&["flag", "apply", "own.json", "--app", &app]);
    let said = deployment.refused(&["flag", "remove-segment", "us"], 1);
    assert!(said.contains("there is no segment us for every app"), "{said}");
    let removed = deployment.json(&["flag", "remove-segment", "eu", "--app", &app]);
    assert_eq!(removed, serde_json::json!({ "removed": "eu", "version": 2 }));
    let said = deployment.refused(&["flag", "remove-segment", "eu", "--app", &app], 1);
    assert!(said.contains("there is one for every app: leave out --app"), "{said}");
    let said = deployment.refused(&["flag", "remove-segment", "eu"], 1);
    assert!(said.contains("in app Shop: flag `local`, rule `rule 1`"), "{said}");
}

#[test]
fn one_fault_and_nothing_is_applied() {
    let deployment = Deployment::new();
    deployment.write("flags.json", FILE);
    deployment.text(&["flag", "apply", "flags.json"]);
    let before = deployment.text(&["flag", "export"]);
    for (file, said) in [
        (r#"{"flags": [{"key": "fine"}, {"key": "bad", "colour": 1}]}"#, &["flag `bad`", "colour"][..]),
        (
            r#"{"flags": [{"key": "fine"}, {"key": "bad", "rules": [{"name": "r", "when": [{"segment": "mars"}], "serve": true}]}]}"#,
            &["flag `bad`", "rule `r`", "mars"],
        ),
        (r#"{"flags": [{"key": "twice"}, {"key": "twice"}]}"#, &["flag `twice`"]),
        (r#"{"flags": [{"key": "new_ui", "type": "string"}]}"#, &["flag `new_ui`"]),
        (r#"{"flags": ["#, &["EOF"]),
    ] {
        deployment.write("bad.json", file);
        let error = deployment.refused(&["flag", "apply", "bad.json"], 1);
        for words in [&["bad.json"], said].concat() {
            assert!(error.contains(words), "{file}: {error}");
        }
        assert_eq!(deployment.text(&["flag", "export"]), before, "{file}");
    }
    deployment.write("bad.yaml", "flags:\n- key: a\n  key: b\n");
    assert!(deployment.refused(&["flag", "apply", "bad.yaml"], 1).contains("bad.yaml"));
}

#[test]
fn an_apps_flag_wins_and_gives_way_again_when_archived() {
    let deployment = Deployment::new();
    let (shop, other) = (text(&deployment.app("Shop"), "app_id"), text(&deployment.app("Other"), "app_id"));
    deployment.user("alice");
    deployment.write("flags.json", FILE);
    deployment.text(&["flag", "apply", "flags.json"]);
    deployment.write("own.json", r#"{"flags": [{"key": "new_ui", "default": false}]}"#);
    deployment.text(&["flag", "apply", "own.json", "--app", &shop]);
    let enabled =
        |key: &str, app: &str| deployment.json(&["flag", "explain", key, "alice", "--app", app])["enabled"].clone();
    assert_eq!((enabled("new_ui", &shop), enabled("new_ui", &other)), (false.into(), true.into()));
    assert_eq!(deployment.json(&["flag", "list"]).as_array().unwrap().len(), 4);
    assert_eq!(deployment.json(&["flag", "list", "--app", &shop])[0]["app_id"], shop.as_str());
    // The tenant's flag would no longer compile for an app that makes its own of another type.
    deployment.write(
        "own.json",
        r#"{"flags": [{"key": "new_ui", "type": "string", "variants": {"a": "1"}, "default": "a"}]}"#,
    );
    deployment.refused(&["flag", "apply", "own.json", "--app", &shop], 1);
    deployment.write("single.json", r#"{"flags": [{"key": "single"}]}"#);
    assert_eq!(deployment.text(&["flag", "apply", "single.json", "--app", &shop]), "applied 1 flag and 0 segments\n");
    let error = deployment.refused(&["flag", "archive", "single"], 1);
    assert!(error.contains("no flag single for every app; there is one with --app 1001"), "{error}");
    deployment.text(&["flag", "archive", "single", "--app", "1001"]);
    let error = deployment.refused(&["flag", "archive", "premium", "--app", &shop], 1);
    assert!(error.contains("no flag premium of app Shop; there is one for every app: leave out --app"), "{error}");
    deployment.text(&["flag", "archive", "new_ui", "--app", &shop]);
    assert_eq!(enabled("new_ui", &shop), true);
    deployment.refused(&["flag", "archive", "new_ui", "--app", &shop], 1);
    assert!(deployment.refused(&["flag", "archive", "new_ui"], 1).contains("premium"), "another flag needs it");
    deployment.text(&["flag", "archive", "premium"]);
    deployment.refused(&["flag", "explain", "premium", "alice", "--app", &shop], 1);
    assert_eq!(deployment.json(&["flag", "list"]).as_array().unwrap().len(), 2);
    assert_eq!(deployment.json(&["flag", "list", "--archived"]).as_array().unwrap().len(), 5);
}

#[test]
fn explanations_see_the_user_and_buckets_survive_replacement() {
    let deployment = Deployment::new();
    let app = text(&deployment.app("Shop"), "app_id");
    deployment.user("alice");
    deployment.write("flags.json", FILE);
    deployment.text(&["flag", "apply", "flags.json"]);
    let explain = |key: &str| deployment.json(&["flag", "explain", key, "alice", "--app", &app]);
    assert_eq!(explain("premium")["reason"], "DEFAULT");
    deployment.text(&["credits", "add", "alice", "10.5", "--type", "BONUS"]);
    assert_eq!(
        (&explain("premium")["reason"], &explain("premium")["rule"]),
        (&"TARGETING_MATCH".into(), &"rich".into())
    );
    let bucket = explain("checkout")["rules"][0]["rollout"]["bucket"].clone();
    assert!(bucket.is_u64(), "{bucket}");
    deployment.text(&["flag", "archive", "checkout"]);
    deployment.text(&["flag", "apply", "flags.json"]);
    assert_eq!(explain("checkout")["rules"][0]["rollout"]["bucket"], bucket);
}
