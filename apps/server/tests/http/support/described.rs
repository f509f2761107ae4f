//! The API's description, held against what is answered.

use std::collections::HashMap;
use std::path::Path;
use std::sync::{Arc, LazyLock, Mutex};

use jsonschema::Validator;
use serde_json::{Value, json};

use super::{Answer, Call};

/// `docs/openapi.json`, which is tested to be what the program makes.
static DOCUMENT: LazyLock<Value> = LazyLock::new(|| {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/openapi.json");
    serde_json::from_str(&std::fs::read_to_string(file).unwrap()).unwrap()
});

pub(crate) fn document() -> &'static Value {
    &DOCUMENT
}

/// Panics unless the operation may answer so: status, content type, and every member of the body.
#[track_caller]
pub(crate) fn must_fit(call: &Call, answer: &Answer) {
    let path = call.path.split('?').next().unwrap();
    let Some((template, operation)) = operation(&call.method, path) else {
        return assert!([404, 405].contains(&answer.status), "{} {path} is not described", call.method);
    };
    let name = format!("{} {template} {}", call.method, answer.status);
    let response = resolved(&operation["responses"][answer.status.to_string()]);
    assert!(response.is_object(), "{name} is not described: {}", answer.text());
    let kind = answer.header("content-type").unwrap_or_default().split(';').next().unwrap();
    let media = &response["content"][kind];
    assert!(media.is_object(), "{name}: {kind} is not described");
    if kind == "application/json" {
        let body = answer.json();
        let wrong: Vec<String> =
            validator(&name, &media["schema"]).iter_errors(&body).map(|it| it.to_string()).collect();
        assert!(wrong.is_empty(), "{name}: {wrong:?} in {body}");
    }
}

/// The operation of a path, and the path with the names in it. A word that stands there is meant before a name is.
fn operation(method: &str, path: &str) -> Option<(&'static str, &'static Value)> {
    let parts: Vec<&str> = path.split('/').collect();
    let fits = |template: &str| {
        let names: Vec<&str> = template.split('/').collect();
        names.len() == parts.len() && names.iter().zip(&parts).all(|(name, part)| name == part || name.starts_with('{'))
    };
    let found = DOCUMENT["paths"].as_object().unwrap().iter().filter(|(template, _)| fits(template));
    let (template, item) = found.min_by_key(|(template, _)| template.matches('{').count())?;
    Some((template, item.get(method.to_lowercase())?))
}

fn resolved(value: &'static Value) -> &'static Value {
    let target = value["$ref"].as_str().and_then(|target| target.strip_prefix('#'));
    target.map_or(value, |target| DOCUMENT.pointer(target).unwrap())
}

/// Of a schema to which no member is unknown.
fn validator(name: &str, schema: &Value) -> Arc<Validator> {
    static KNOWN: LazyLock<Mutex<HashMap<String, Arc<Validator>>>> = LazyLock::new(Mutex::default);
    let make = || {
        let closed = json!({"allOf": [schema], "unevaluatedProperties": false, "components": DOCUMENT["components"]});
        Arc::new(jsonschema::draft202012::new(&closed).unwrap())
    };
    Arc::clone(KNOWN.lock().unwrap().entry(name.to_owned()).or_insert_with(make))
}
