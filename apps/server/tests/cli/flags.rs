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
fn one_flag_is_switched_and_rolled_out_and_keeps_all_else() {
    let deployment = Deployment::new();
    let app = text(&deployment.app("Shop"), "app_id");
    deployment.write("flags.json", FILE);
    deployment.text(&["flag", "apply", "flags.json"]);
    let flag = |key: &str| {
        let file = deployment.json(&["flag", "export"]);
        file["flags"].as_array().unwrap().iter().find(|flag| flag["key"] == key).cloned().unwrap()
    };
    let mut expected = flag("checkout");
    assert_eq!(deployment.json(&["flag", "disable", "checkout"])["version"], 2);
    assert_eq!(deployment.text(&["flag", "disable", "checkout"]), "checkout is off, as it was already\n");
    expected["enabled"] = false.into();
    assert_eq!(flag("checkout"), expected);
    assert_eq!(deployment.text(&["flag", "enable", "checkout"]), "checkout is on\n");
    assert_eq!(deployment.text(&["flag", "rollout", "checkout", "50%"]), "rule some of checkout takes 50 %\n");
    let again = deployment.json(&["flag", "rollout", "checkout", "50", "--rule", "some"]);
    assert_eq!(again, serde_json::json!({ "rule": "some", "percent": 50, "version": null }));
    expected.as_object_mut().unwrap().remove("enabled");
    expected["rules"][0]["rollout"]["percent"] = 50.into();
    assert_eq!(flag("checkout"), expected);
    // A flag without rules gets one.
    deployment.write("more.json", r#"{"flags": [{"key": "beta"}]}"#);
    deployment.text(&["flag", "apply", "more.json"]);
    deployment.text(&["flag", "rollout", "beta", "0.125"]);
    assert_eq!(
        flag("beta")["rules"][0],
        serde_json::json!({ "name": "rollout", "rollout": { "percent": 0.125 }, "serve": true })
    );
    deployment.write(
        "own.json",
        r#"{"flags": [{"key": "two", "rules": [{"when": [{"attribute": "role", "op": "=", "value": "staff"}], "serve": true},
            {"name": "slow", "rollout": {"schedule": [{"at": "2026-01-01T00:00:00Z", "percent": 5}]}, "serve": true}]}]}"#,
    );
    deployment.text(&["flag", "apply", "own.json", "--app", &app]);
    for (arguments, code, says) in [
        (&["rollout", "two", "5", "--app", &app][..], 1, "name one by --rule, of rule 1, slow"),
        (&["rollout", "two", "5", "--app", &app, "--rule", "fast"], 1, "no rule fast; there are rule 1, slow"),
        (&["rollout", "two", "5", "--app", &app, "--rule", "slow"], 1, "moves by a schedule"),
        (&["rollout", "two", "101", "--app", &app, "--rule", "slow"], 2, "from 0 to 100"),
        (&["rollout", "two", "5"], 1, "there is one with --app"),
        (&["rollout", "new_ui", "5"], 1, "give it rules in a file"),
        (&["disable", "gone"], 1, "there is no flag gone for every app"),
        (&["enable", "checkout", "--app", &app], 1, "leave out --app"),
    ] {
        let said = deployment.refused(&[&["flag"], arguments].concat(), code);
        assert!(said.contains(says), "{arguments:?}: {said}");
    }
    let rolled = deployment.json(&["flag", "rollout", "two", "5", "--app", &app, "--rule", "rule 1"]);
    assert_eq!((&rolled["rule"], &rolled["version"]), (&"rule 1".into(), &2.into()), "{rolled}");
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
