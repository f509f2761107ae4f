//! Flags of other systems.

use serde_json::json;

use crate::support::{Deployment, text};

fn unleash() -> String {
    let constraint = json!({"contextName": "country", "operator": "IN", "values": ["de"]});
    let rollout = json!({"rollout": "50", "stickiness": "userId", "groupId": "Half.Users"});
    json!({"version": 2, "features": [
        {"name": "Half.Users", "enabled": true, "strategies": [
            {"name": "flexibleRollout", "parameters": rollout, "constraints": [constraint]}]},
        {"name": "odd", "enabled": true, "strategies": [{"name": "myOwn", "parameters": {}}]}]})
    .to_string()
}

#[test]
fn flags_of_unleash_are_taken_over_with_everybody_in_their_place() {
    let deployment = Deployment::new();
    let app = text(&deployment.app("Shop"), "app_id");
    deployment.write("unleash.json", &unleash());
    let import = ["flag", "import", "unleash.json", "--from", "unleash", "--app", &app];
    let printed = deployment.run(&[&import[..], &["--dry-run"]].concat());
    assert_eq!(printed.code, 0);
    assert!(printed.out.contains("\"salt\": \"Half.Users\""), "{}", printed.out);
    assert!(printed.err.contains("unleash.json: `Half.Users` is `half.users` here"), "{}", printed.err);
    assert!(printed.err.contains("flag `odd`") && printed.err.contains("myOwn"), "{}", printed.err);
    assert_eq!(deployment.json(&["flag", "versions", "--app", &app]), json!([]), "nothing is written");
    deployment.write("flags.json", &printed.out);

    let done = deployment.json(&import);
    assert_eq!((&done["flags"], &done["version"]), (&json!(2), &json!(1)));
    assert_eq!(done["renamed"], json!([{"name": "Half.Users", "key": "half.users"}]));
    assert!(done["notes"][0].as_str().unwrap().contains("myOwn"), "{done}");
    let version = deployment.json(&["flag", "versions", "--app", &app])[0].clone();
    assert_eq!((&version["change"], &version["author"]), (&json!("import"), &json!("operator tester")));
    let other = Deployment::new();
    std::fs::copy(deployment.path("flags.json"), other.path("flags.json")).unwrap();
    other.text(&["flag", "apply", "flags.json"]);
    assert_eq!(deployment.json(&["flag", "export", "--app", &app]), other.json(&["flag", "export"]));
    // murmur3_x86_32("Half.Users:u-1") % 100 and the rest of the bucket, by Unleash's own normalization.
    for user in ["u-1", "u-2"] {
        let context = ["flag", "explain", "half.users", user, "--app", &app, "--context", r#"{"country":"de"}"#];
        let rollout = deployment.json(&context)["rules"][0]["rollout"].clone();
        assert_eq!(rollout["bucket"], osaycore_flags::bucket("Half.Users", user), "{user}");
        assert_eq!(rollout["threshold"], 50_000);
    }
    assert_eq!(deployment.text(&import), "imported 2 flags and 0 segments; nothing is different\n");
}

#[test]
fn flags_of_growthbook_and_launchdarkly_are_taken_over() {
    let deployment = Deployment::new();
    let growthbook = json!({"features": {"feature": {"defaultValue": "off", "rules": [
        {"coverage": 0.25, "hashVersion": 2, "seed": "foo", "hashAttribute": "id", "force": "some"}]}}});
    deployment.write("growthbook.json", &growthbook.to_string());
    deployment.text(&["flag", "import", "growthbook.json", "--from", "growthbook"]);
    let launchdarkly = json!({"flags": {"ld": {"key": "ld", "on": true, "variations": [true, false], "offVariation": 1,
        "salt": "s", "fallthrough": {"rollout": {"variations": [
            {"variation": 0, "weight": 30_000}, {"variation": 1, "weight": 70_000}]}}}}, "segments": {}});
    deployment.write("launchdarkly.json", &launchdarkly.to_string());
    deployment.text(&["flag", "import", "launchdarkly.json", "--from", "launchdarkly"]);
    let exported = deployment.json(&["flag", "export"]);
    let rollout = &exported["flags"][0]["rules"][0]["rollout"];
    assert_eq!((&rollout["hash"], &rollout["salt"]), (&json!("growthbook_v2"), &json!("foo")));
    assert!(exported["flags"][1].to_string().contains("launchdarkly"), "{exported}");
    assert_eq!(deployment.json(&["flag", "versions"])[0]["version"], 2);
}

#[test]
fn what_is_no_export_is_refused_and_nothing_written() {
    let deployment = Deployment::new();
    deployment.write("bad.json", r#"{"features": 7}"#);
    for system in ["unleash", "growthbook", "launchdarkly"] {
        deployment.write("text.json", "flags");
        let error = deployment.refused(&["flag", "import", "text.json", "--from", system], 1);
        assert!(error.contains("text.json"), "{error}");
    }
    let error = deployment.refused(&["flag", "import", "bad.json", "--from", "unleash"], 1);
    assert!(error.contains("bad.json") && error.contains("features"), "{error}");
    deployment.refused(&["flag", "import", "bad.json", "--from", "statsig"], 2);
    assert_eq!(deployment.json(&["flag", "versions"]), json!([]));
}
