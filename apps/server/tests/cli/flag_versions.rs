//! Versions of flags: kept, compared, put back.

use serde_json::{Value, json};

use crate::support::{Deployment, text};

/// A file with a flag `test` in a rollout of so many percent to a segment, and whatever else.
fn file(percent: u32, others: &[&str]) -> String {
    let mut flags = vec![json!({"key": "test", "owner": "web", "tags": ["ui", "new"],
        "rules": [{"name": "some", "when": [{"segment": "eu"}], "rollout": {"percent": percent}, "serve": true}]})];
    flags.extend(others.iter().map(|key| json!({ "key": key, "default": true })));
    let segment = json!({"key": "eu", "when": [{"attribute": "custom.country", "op": "=", "value": "de"}]});
    json!({ "flags": flags, "segments": [segment] }).to_string()
}

fn apply(deployment: &Deployment, content: &str, further: &[&str]) -> Value {
    deployment.write("flags.json", content);
    deployment.json(&[&["flag", "apply", "flags.json"], further].concat())
}

fn numbers(deployment: &Deployment, further: &[&str]) -> Vec<i64> {
    let listed = deployment.json(&[&["flag", "versions"], further].concat());
    listed.as_array().unwrap().iter().map(|version| version["version"].as_i64().unwrap()).collect()
}

/// What the audit trail says of flags, oldest first.
fn trail(deployment: &Deployment) -> Vec<String> {
    let listed = deployment.json(&["audit", "list"]);
    let flags = listed.as_array().unwrap().iter().rev().map(|event| {
        let id = event.pointer("/target/id").and_then(Value::as_str).unwrap_or("-");
        format!("{} {id}", event["action"].as_str().unwrap())
    });
    flags.filter(|event| event.starts_with("flag.") || event.starts_with("segment.")).collect()
}

#[test]
fn every_change_is_a_version_with_its_author() {
    let deployment = Deployment::new();
    let app = text(&deployment.app("Shop"), "app_id");
    assert_eq!(numbers(&deployment, &[]), [0; 0]);
    assert_eq!(apply(&deployment, &file(5, &["extra"]), &[])["version"], 1);
    assert_eq!(apply(&deployment, &file(5, &["extra"]), &[])["version"], Value::Null, "nothing is different");
    assert_eq!(deployment.text(&["flag", "apply", "flags.json"]).lines().count(), 1);
    assert_eq!(deployment.json(&["flag", "archive", "extra"])["version"], 2);
    assert_eq!(apply(&deployment, &file(5, &[]), &["--app", &app])["version"], 1, "an app's own are numbered apart");
    let listed = deployment.json(&["flag", "versions"]);
    assert_eq!(listed[0]["change"], "archive");
    assert_eq!((&listed[1]["author"], &listed[1]["change"]), (&json!("operator tester"), &json!("apply")));
    assert_eq!(numbers(&deployment, &["--app", &app]), [1]);
    assert_eq!(
        trail(&deployment),
        [
            "flag.applied extra",
            "flag.applied test",
            "segment.applied eu",
            "flag.archived extra",
            "flag.applied test",
            "segment.applied eu"
        ]
    );
    let list = deployment.json(&["flag", "list", "--archived"]);
    let versions: Vec<&Value> = list.as_array().unwrap().iter().map(|flag| &flag["version"]).collect();
    assert_eq!(versions, [&json!(2), &json!(1), &json!(1)], "extra, test, the app's test");
}

#[test]
fn of_many_changes_at_once_each_is_a_version() {
    const CHANGES: i64 = 8;
    let deployment = Deployment::new();
    deployment.app("Shop");
    std::thread::scope(|scope| {
        for n in 0..CHANGES {
            let deployment = &deployment;
            scope.spawn(move || {
                let name = format!("flags-{n}.json");
                deployment.write(&name, &format!(r#"{{"flags": [{{"key": "flag-{n}"}}]}}"#));
                deployment.text(&["flag", "apply", &name]);
            });
        }
    });
    assert_eq!(numbers(&deployment, &[]), (1..=CHANGES).rev().collect::<Vec<_>>());
    // Each has what was there before, and one more.
    for number in 1..=CHANGES {
        let (from, to) = ((number - 1).to_string(), number.to_string());
        let said = deployment.text(&["flag", "diff", "--from", &from, "--to", &to]);
        assert!(said.lines().count() == 2 && said.ends_with(": added\n"), "{said}");
    }
}

#[test]
fn a_difference_says_who_is_affected() {
    let deployment = Deployment::new();
    let shop = text(&deployment.app("Shop"), "app_id");
    apply(&deployment, &file(5, &["extra"]), &[]);
    deployment.write("next.json", &file(10, &[]));
    let widened = "flag `test`: rule `some`: the percentage: +5,000 of 100,000 buckets, none lose it\n";
    for command in [&["flag", "diff", "next.json"][..], &["flag", "apply", "next.json", "--dry-run"]] {
        assert_eq!(deployment.text(command), widened);
        let json = deployment.json(command);
        assert_eq!(json["flags"][0]["changes"][0]["buckets"], json!({"gained": 5000, "lost": 0, "moved": 0}));
    }
    assert_eq!(numbers(&deployment, &[]), [1], "nothing was written");
    deployment.text(&["flag", "apply", "next.json"]);
    assert_eq!(deployment.text(&["flag", "diff"]), format!("from version 1 to 2\n{widened}"));
    let back = deployment.json(&["flag", "diff", "--from", "2", "--to", "1"]);
    assert_eq!((&back["from"], &back["to"]), (&json!(2), &json!(1)));
    assert_eq!(back["flags"][0]["changes"][0]["buckets"], json!({"gained": 0, "lost": 5000, "moved": 0}));
    assert!(deployment.text(&["flag", "diff", "--from", "0", "--to", "2"]).contains("flag `extra`: added\n"));
    deployment.text(&["flag", "archive", "extra"]);
    assert_eq!(deployment.text(&["flag", "diff"]), "from version 2 to 3\nflag `extra`: removed\n");
    // For people only.
    deployment.write("next.json", &file(10, &[]).replace("\"owner\":\"web\"", "\"owner\":\"shop\""));
    assert_eq!(deployment.text(&["flag", "diff", "next.json"]), "nothing changes for any user\n");
    // An app that has its own is not concerned, but for the segment that it takes from the rest.
    apply(
        &deployment,
        r#"{"flags": [{"key": "test", "rules": [{"when": [{"segment": "eu"}], "serve": true}]}]}"#,
        &["--app", &shop],
    );
    deployment.write("next.json", &file(20, &[]));
    let said = deployment.text(&["flag", "diff", "next.json"]);
    assert!(said.ends_with("none lose it\nin app Shop: nothing, by flags of its own\n"), "{said}");
    deployment.write("next.json", &file(10, &[]).replace("\"de\"", "\"fr\""));
    let said = deployment.text(&["flag", "diff", "next.json"]);
    assert!(said.contains("segment `eu`: ") && said.contains("flag `test`: segment `eu` changed"), "{said}");
    // With the faults of `apply`, and the name of the file.
    deployment.write("bad.json", r#"{"flags": [{"key": "bad", "holdouts": ["mars"]}]}"#);
    for command in [&["flag", "diff", "bad.json"][..], &["flag", "apply", "bad.json", "--dry-run"]] {
        let error = deployment.refused(command, 1);
        assert!(error.contains("bad.json: flag `bad`") && error.contains("mars"), "{error}");
    }
    deployment.refused(&["flag", "diff", "--to", "9"], 1);
    deployment.refused(&["flag", "diff", "next.json", "--to", "1"], 2);
}

#[test]
fn a_rollback_puts_a_version_back_and_is_one_itself() {
    let deployment = Deployment::new();
    let app = text(&deployment.app("Shop"), "app_id");
    let ann = deployment.user("ann");
    deployment.text(&["user", "permit", &ann, &app, "--custom", r#"{"country":"de"}"#]);
    let error = deployment.refused(&["flag", "rollback"], 1);
    assert!(error.contains("no version yet"), "{error}");
    let exported = || deployment.text(&["flag", "export"]);
    let bucket =
        || deployment.json(&["flag", "explain", "test", &ann, "--app", &app])["rules"][0]["rollout"]["bucket"].clone();
    apply(&deployment, &file(5, &[]), &[]);
    let (first, place) = (exported(), bucket());
    assert!(place.is_u64(), "{place}");
    apply(
        &deployment,
        r#"{"flags": [{"key": "test", "holdouts": ["few"], "rules": []}, {"key": "extra"}], "segments": [{"key": "few", "users": ["x"]}]}"#,
        &[],
    );
    let second = exported();
    assert_eq!(deployment.json(&["flag", "rollback"]), json!({"restored": 1, "version": 3}));
    assert_eq!((exported(), bucket()), (first.clone(), place.clone()), "the salt is the same");
    let listed = deployment.json(&["flag", "list", "--archived"]);
    assert_eq!((&listed[0]["key"], &listed[0]["archived"]), (&json!("extra"), &json!(true)));
    let trail = trail(&deployment);
    let last = ["flag.archived extra", "flag.applied test", "segment.removed few", "flag.rolled_back -"];
    assert_eq!(trail[trail.len() - 4..], last);
    assert_eq!(deployment.json(&["flag", "versions"])[0]["restored"], 1);
    // One step back is the rollback taken back.
    assert_eq!(deployment.text(&["flag", "rollback"]), "version 4 is version 2 again\n");
    assert_eq!(exported(), second);
    assert_eq!(deployment.json(&["flag", "rollback", "--to", "2"]), json!({"restored": 2, "version": null}));
    assert_eq!(deployment.json(&["flag", "rollback", "--to", "0"])["version"], 5);
    assert_eq!(deployment.json(&["flag", "export"]), json!({"flags": []}));
    deployment.text(&["flag", "rollback", "--to", "1"]);
    assert_eq!((exported(), bucket()), (first, place));
    deployment.refused(&["flag", "rollback", "--to", "7"], 1);
    deployment.refused(&["flag", "rollback", "--to", "-1"], 2);
}

#[test]
fn a_rollback_that_would_break_an_app_is_refused() {
    let deployment = Deployment::new();
    let app = text(&deployment.app("Shop"), "app_id");
    apply(&deployment, r#"{"flags": [{"key": "base"}]}"#, &[]);
    apply(&deployment, r#"{"flags": [{"key": "top"}]}"#, &[]);
    let needs = r#"{"flags": [{"key": "own", "prerequisites": [{"flag": "top", "value": true}]}]}"#;
    apply(&deployment, needs, &["--app", &app]);
    let before = deployment.text(&["flag", "export"]);
    let error = deployment.refused(&["flag", "rollback"], 1);
    for words in ["version 1 does not go with what else there is now", "in app Shop: flag `own`", "top"] {
        assert!(error.contains(words), "{words}: {error}");
    }
    assert_eq!(deployment.refused(&["flag", "diff"], 1), error, "what is not, is not compared");
    assert_eq!(deployment.text(&["flag", "export"]), before);
    assert_eq!(numbers(&deployment, &[]), [2, 1]);
    deployment.text(&["flag", "rollback", "--app", &app]);
    assert_eq!(deployment.text(&["flag", "rollback"]), "version 3 is version 1 again\n");
}

#[test]
fn flags_that_may_go_are_told_and_flags_are_found_by_owner_and_tag() {
    let deployment = Deployment::new();
    let app = text(&deployment.app("Shop"), "app_id");
    apply(&deployment, &file(5, &["constant"]), &[]);
    apply(
        &deployment,
        r#"{"flags": [{"key": "constant", "overrides": {"x": true}, "owner": "web"},
            {"key": "expired", "overrides": {"x": true}, "expires_at": "2026-01-01T00:00:00Z", "tags": ["ui"]}]}"#,
        &["--app", &app],
    );
    let found = |further: &[&str]| -> Vec<String> {
        let listed = deployment.json(&[&["flag", "list"], further].concat());
        let name = |flag: &Value| format!("{} {}", flag["key"].as_str().unwrap(), flag["app_id"].is_null());
        listed.as_array().unwrap().iter().map(name).collect()
    };
    assert_eq!(found(&["--stale"]), ["constant true", "expired false"]);
    assert_eq!(found(&["--owner", "web"]), ["test true", "constant false"]);
    assert_eq!(found(&["--tag", "ui"]), ["test true", "expired false"]);
    assert_eq!(found(&["--tag", "ui", "--owner", "web", "--stale"]), [""; 0]);
    let stale = deployment.json(&["flag", "list", "--stale"]);
    assert_eq!(stale[0]["stale"], json!({"constant": "on", "expired": false}));
    assert_eq!(stale[1]["stale"], json!({"constant": null, "expired": true}));
    let shown = deployment.text(&["flag", "list"]);
    assert!(shown.contains("always on") && shown.contains("expired") && shown.contains("ui, new"), "{shown}");
}

#[test]
fn an_explanation_is_complete_in_text_and_tells_clients_nothing() {
    let deployment = Deployment::new();
    let app = text(&deployment.app("Shop"), "app_id");
    deployment.user("ann");
    apply(
        &deployment,
        r#"{"flags": [{"key": "base", "default": true}, {"key": "test", "prerequisites": [{"flag": "base", "value": true}],
            "rules": [{"name": "rich", "when": [{"attribute": "credit_balance", "op": ">=", "value": 10.5},
                {"segment": "eu"}], "serve": true}, {"name": "none", "rollout": {"percent": 0}, "serve": true}]}],
           "segments": [{"key": "eu", "when": [{"attribute": "country", "op": "in", "values": ["de", "fr"]}]}]}"#,
        &[],
    );
    let explain = |further: &[&str]| deployment.text(&[&["flag", "explain", "test"], further].concat());
    let whole = explain(&["ann", "--app", &app]);
    for line in [
        "`test` is `off` because no rule matched.",
        "value    false",
        "  base  met  is on  wanted on",
        "rule rich: Missed: `credit_balance >= 10.5` does not hold of 0.000000.",
        "  fails    credit_balance >= 10.5  it is 0.000000",
        "    fails  country in [\"de\",\"fr\"]  there is none",
        "  → `credit_balance >= 10.5` would have to hold; it is 0.000000",
        "; below 0 are taken",
    ] {
        assert!(whole.contains(line), "{line}: {whole}");
    }
    let redacted = explain(&["ann", "--app", &app, "--redacted"]);
    assert!(redacted.contains("rules    condition_failed, not_in_rollout"), "{redacted}");
    let json = deployment.json(&["flag", "explain", "test", "ann", "--app", &app, "--redacted"]).to_string();
    for secret in ["credit_balance", "country", "base", "rich", "bucket"] {
        assert!(!redacted.contains(secret) && !json.contains(secret), "{secret}: {redacted}{json}");
    }
    // What is given stands behind what is stored; and somebody of whom nothing is stored has nothing else.
    deployment.write("context.json", r#"{"country": "fr", "credit_balance": 11, "user_id": "x"}"#);
    let given = deployment.json(&["flag", "explain", "test", "ann", "--app", &app, "--context", "context.json"]);
    let conditions = &given["rules"][0]["conditions"];
    assert_eq!((&conditions[0]["actual"], &conditions[0]["holds"]), (&json!("0.000000"), &json!(false)));
    assert_eq!(conditions[1]["holds"], true);
    let anyone = ["flag", "explain", "test", "visitor:7", "--app", &app];
    let given =
        deployment.json(&[&anyone[..], &["--context", r#"{"country":"de","credit_balance":"10.50"}"#]].concat());
    assert_eq!((&given["rule"], &given["value"]), (&json!("rich"), &json!(true)));
    deployment.refused(&anyone, 2);
    assert!(deployment.refused(&[&anyone[..], &["--context", "[1]"]].concat(), 1).contains("[1]"));
    deployment.refused(&[&anyone[..], &["--context", "{1}"]].concat(), 1);
}
