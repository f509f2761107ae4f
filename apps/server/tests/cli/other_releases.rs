//! Flags that another release wrote, or that this one does not compile.

use diesel::prelude::*;
use diesel::sqlite::SqliteConnection;
use serde_json::{Value, json};

use crate::support::{Deployment, text};

const FILE: &str = r#"{"flags": [{"key": "fine"}, {"key": "odd", "default": true}],
    "segments": [{"key": "group", "users": ["ada"]}]}"#;

#[derive(QueryableByName)]
struct Text {
    #[diesel(sql_type = diesel::sql_types::Text)]
    text: String,
}

fn database(deployment: &Deployment) -> SqliteConnection {
    SqliteConnection::establish(deployment.path("osaycore.db").to_str().unwrap()).unwrap()
}

fn doctor(deployment: &Deployment, sql: &str) {
    let changed = diesel::sql_query(sql).execute(&mut database(deployment)).unwrap();
    assert_ne!(changed, 0, "{sql}");
}

/// What a query has as `text`, of its first row.
fn stored(deployment: &Deployment, sql: &str) -> String {
    diesel::sql_query(sql).get_result::<Text>(&mut database(deployment)).unwrap().text
}

fn apply(deployment: &Deployment, content: &str) -> Value {
    deployment.write("flags.json", content);
    deployment.json(&["flag", "apply", "flags.json"])
}

/// Has a later release write the flag `odd`.
fn write_odd(deployment: &Deployment) {
    doctor(deployment, r#"UPDATE flags SET definition = '{"key": "odd", "of_tomorrow": 1}' WHERE key = 'odd'"#);
}

#[test]
fn what_cannot_be_read_is_told_and_archived_or_removed() {
    let deployment = Deployment::new();
    let app = text(&deployment.app("Shop"), "app_id");
    apply(&deployment, FILE);
    let salt = || stored(&deployment, "SELECT salt AS text FROM flags WHERE key = 'odd'");
    let before = salt();
    write_odd(&deployment);
    doctor(&deployment, r#"UPDATE segments SET definition = '{"key": "group", "of_tomorrow": 1}'"#);
    for command in [["flag", "list"], ["flag", "export"]] {
        let answer = deployment.run(&command);
        assert!(answer.code == 0 && answer.out.contains("fine") && !answer.out.contains("odd"), "{}", answer.out);
        for said in ["flag `odd`", "segment `group`", "of_tomorrow"] {
            assert!(answer.err.contains(said), "{command:?}: {said}: {}", answer.err);
        }
        let own = deployment.run(&[&command[..], &["--app", &app]].concat());
        assert_eq!((own.code, own.err.as_str()), (0, ""), "an app has none of its own");
    }
    for command in [["archive", "odd"], ["remove-segment", "group"]] {
        let said = deployment.refused(&["flag", command[0], command[1], "--app", &app], 1);
        assert!(said.contains("there is one for every app"), "{said}");
    }
    assert_eq!(deployment.json(&["flag", "archive", "odd"]), json!({ "archived": "odd", "version": 2 }));
    assert_eq!(deployment.json(&["flag", "remove-segment", "group"]), json!({ "removed": "group", "version": 3 }));
    assert_eq!(deployment.run(&["flag", "list"]).err, "");
    for command in [["archive", "odd"], ["remove-segment", "group"]] {
        let said = deployment.refused(&["flag", command[0], command[1]], 1);
        assert!(said.contains(&format!("{} for every app", command[1])), "{said}");
    }
    let trail = deployment.json(&["audit", "list"]).to_string();
    assert!(trail.contains("flag.archived") && trail.contains("segment.removed"), "{trail}");
    apply(&deployment, FILE);
    assert_eq!(deployment.json(&["flag", "export"])["flags"][1]["key"], "odd");
    assert_eq!(salt(), before, "nobody changes buckets");
    let content = stored(&deployment, "SELECT content AS text FROM flag_versions ORDER BY version DESC LIMIT 1");
    assert!(content.contains(&before), "{content}");
}

#[test]
fn what_a_file_names_is_refused_unless_it_is_served_then() {
    let wrong = r#"{"key": "odd", "off": "gone"}"#;
    let deployment = Deployment::new();
    apply(&deployment, FILE);
    doctor(&deployment, &format!("UPDATE flags SET definition = '{wrong}' WHERE key = 'odd'"));
    doctor(&deployment, r#"UPDATE segments SET definition = '{"key": "group", "of_tomorrow": 1}'"#);
    let needs = r#"{"key": "needs", "prerequisites": [{"flag": "odd", "value": true}]}"#;
    let asks = r#"{"key": "asks", "rules": [{"name": "r", "when": [{"segment": "group"}], "serve": true}]}"#;
    let deep = r#"{"key": "deep", "prerequisites": [{"flag": "needs", "value": true}]}"#;
    for (flags, named) in [
        (wrong.to_owned(), &["flag `odd`", "gone"][..]),
        (needs.to_owned(), &["flag `needs`", "odd", "is stored"]),
        (asks.to_owned(), &["flag `asks`", "rule `r`", "group"]),
        (format!("{needs}, {deep}"), &["flag `needs`", "flag `deep`"]),
    ] {
        deployment.write("bad.json", &format!("{{\"flags\": [{flags}]}}"));
        let said = deployment.refused(&["flag", "apply", "bad.json"], 1);
        for word in [&["bad.json"], named].concat() {
            assert!(said.contains(word), "{flags}: {word}: {said}");
        }
    }
    assert_eq!(apply(&deployment, r#"{"flags": [{"key": "new"}]}"#)["version"], 2, "nothing else is held up");
    assert_eq!(apply(&deployment, &format!(r#"{{"flags": [{{"key": "odd"}}, {needs}, {deep}]}}"#))["version"], 3);
}

#[test]
fn versions_keep_what_cannot_be_read_and_no_rollback_takes_it_for_gone() {
    let deployment = Deployment::new();
    apply(&deployment, FILE);
    write_odd(&deployment);
    assert_eq!(apply(&deployment, r#"{"flags": [{"key": "new"}]}"#)["version"], 2);
    assert_eq!(apply(&deployment, r#"{"flags": [{"key": "newer"}]}"#)["version"], 3);
    let odd = || {
        let archived = "CASE WHEN archived THEN ' archived' ELSE '' END";
        stored(&deployment, &format!("SELECT definition || {archived} AS text FROM flags WHERE key = 'odd'"))
    };
    let is_written = |text: &str| text == r#"{"key": "odd", "of_tomorrow": 1}"#;
    assert_eq!(deployment.json(&["flag", "rollback"])["version"], 4);
    assert!(is_written(&odd()), "it is as it was in that version: {}", odd());
    assert_eq!(deployment.json(&["flag", "rollback", "--to", "0"])["version"], 5);
    assert!(odd().ends_with("of_tomorrow\": 1} archived"), "it was not there then: {}", odd());
    assert_eq!(deployment.json(&["flag", "rollback", "--to", "3"])["version"], 6);
    assert!(is_written(&odd()), "{}", odd());
    // The version before has one that can be read; to come back from there takes the release that can write the other.
    assert_eq!(deployment.json(&["flag", "rollback", "--to", "1"])["version"], 7);
    assert!(!odd().contains("of_tomorrow"), "{}", odd());
    let said = deployment.refused(&["flag", "rollback", "--to", "3"], 1);
    assert!(said.contains("version 3") && said.contains("flag `odd`") && said.contains("of_tomorrow"), "{said}");
    let compared = deployment.json(&["flag", "diff", "--from", "1", "--to", "3"]).to_string();
    assert!(compared.contains("newer") && compared.contains("odd"), "{compared}");
}
