//! `OpenFeature`'s own clients, as they come from their registries, against the server.

use std::path::Path;

use serde_json::{Value, json};

use super::{apply, world};
use crate::support::browser::Script;
use crate::support::programs::{output, program, python};
use crate::support::{on_postgres, unique};

/// What each client asks for, and what it must be told: value, variant, reason, error.
fn calls() -> (Value, Value) {
    let somebody = json!({"targetingKey": "somebody", "country": "de"});
    let rows = [
        (json!(["boolean", "plain", false, somebody]), json!([true, "on", "STATIC", null])),
        (json!(["boolean", "switched_off", true, somebody]), json!([false, "off", "DISABLED", null])),
        (json!(["boolean", "rich", true, somebody]), json!([false, "off", "DEFAULT", null])),
        (json!(["boolean", "split", false, somebody]), json!([true, "on", "SPLIT", null])),
        (json!(["string", "text", "none", somebody]), json!(["v2", "new", "TARGETING_MATCH", null])),
        (json!(["string", "text", "none", {}]), json!(["v1", "old", "DEFAULT", null])),
        (json!(["integer", "whole", 0, somebody]), json!([3, "few", "STATIC", null])),
        (json!(["float", "real", 0, somebody]), json!([1.0, "one", "STATIC", null])),
        (json!(["object", "object", {}, somebody]), json!([{"color": "red", "sizes": [1, 2.5]}, "a", "STATIC", null])),
        (json!(["boolean", "unknown", true, somebody]), json!([true, null, "ERROR", "FLAG_NOT_FOUND"])),
        (json!(["boolean", "inactive", false, somebody]), json!([false, null, "ERROR", "FLAG_NOT_FOUND"])),
        (json!(["string", "plain", "none", somebody]), json!(["none", null, "ERROR", "TYPE_MISMATCH"])),
        (json!(["boolean", "split", false, {}]), json!([false, null, "ERROR", "TARGETING_KEY_MISSING"])),
    ];
    let call = |row: &Value| json!({"type": row[0], "key": row[1], "default": row[2], "context": row[3]});
    let (asked, told): (Vec<Value>, Vec<Value>) = rows.into_iter().map(|(asked, told)| (call(&asked), told)).unzip();
    (asked.into(), told.into())
}

/// Details as a script prints them, in the order of [`calls`]; numbers of JSON have one type in JavaScript.
#[track_caller]
fn compare(told: &Value, expected: &Value) {
    let rows = told.as_array().unwrap().iter().zip(expected.as_array().unwrap());
    for (position, (told, expected)) in rows.enumerate() {
        let row = json!([told["value"], told["variant"], told["reason"], told["error"]]);
        let same =
            |one: &Value, other: &Value| one == other || one.as_f64().is_some_and(|it| Some(it) == other.as_f64());
        let equal = (0..4).all(|column| same(&row[column], &expected[column]));
        assert!(equal, "call {position}: {row} and not {expected}");
    }
    assert_eq!(told.as_array().map(Vec::len), expected.as_array().map(Vec::len));
}

#[test]
fn the_server_sdks_are_told_what_the_flags_are() {
    let (world, _, key) = world();
    let (calls, expected) = calls();
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests");
    let mut of_python = python("openfeature.contrib.provider.ofrep");
    of_python.arg(folder.join("http/clients/evaluate.py")).env("NO_PROXY", "*");
    let mut of_node = program("node");
    of_node.arg(folder.join("browser/openfeature.mjs"));
    for mut command in [of_python, of_node] {
        command.args([world.base_url(), key.clone(), calls.to_string()]);
        compare(&serde_json::from_str(&output(command)).unwrap(), &expected);
    }
}

#[test]
fn the_web_sdk_polls_and_listens_from_a_page_of_another_origin() {
    if on_postgres() {
        return eprintln!("not run on PostgreSQL too: it is about the protocol");
    }
    let (world, _, key) = world();
    let (calls, expected) = calls();
    let file = world.folder().join(unique("listening"));
    let (url, asked) = (world.base_url(), calls.to_string());
    let mut script = Script::start("openfeature_web.mjs", &[&url, &key, &asked, file.to_str().unwrap()]);
    script.file(&file);
    let changing = json!({"key": "changing", "type": "integer", "variants": {"n": 7}, "default": "n"});
    apply(&world, &json!({"flags": [changing]}));
    let told = script.end();
    compare(&told["told"], &expected);
    assert_eq!(told["statuses"], json!([200, 304]), "the second poll has nothing new");
    assert_eq!(told["changed"], json!({"keys": ["changing"], "value": 7}), "told by the stream");
    assert_eq!((&told["console_errors"], &told["csp_violations"]), (&json!([]), &json!([])));
}
