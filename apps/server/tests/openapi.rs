//! The API's description: what the program makes is what `docs/openapi.json` holds, and it is true to itself.
#![expect(clippy::unwrap_used, clippy::panic, reason = "a test says what is wrong by panicking")]
#![expect(clippy::indexing_slicing, reason = "members of JSON that a test knows")]

use std::path::PathBuf;
use std::process::{Command, Stdio};

use serde_json::{Map, Value, json};

fn printed() -> String {
    let output = Command::new(env!("CARGO_BIN_EXE_osaycore")).arg("openapi").env_clear().output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

fn document() -> Value {
    serde_json::from_str(&printed()).unwrap()
}

#[test]
fn the_file_is_what_the_program_makes() {
    let file = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../docs/openapi.json");
    let kept = std::fs::read_to_string(&file).unwrap_or_default();
    assert!(
        kept == printed(),
        "docs/openapi.json is another: cargo run -p osaycore-server -- openapi > docs/openapi.json"
    );
}

/// Nothing that is written into the document is checked by itself: the specification's own schema does that.
#[test]
fn it_is_openapi_3_1() {
    let check = |document: &Value| {
        let script = "import json, sys; from openapi_spec_validator import OpenAPIV31SpecValidator; \
                      OpenAPIV31SpecValidator(json.load(open(sys.argv[1]))).validate()";
        let file = tempfile::NamedTempFile::new().unwrap();
        serde_json::to_writer(&file, document).unwrap();
        let mut command = Command::new("python3");
        command.args(["-c", script]).arg(file.path()).stdin(Stdio::null());
        command.output().unwrap()
    };
    let mut document = document();
    assert_eq!(document["openapi"], "3.1.0");
    let output = check(&document);
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(
        !said.contains("No module named"),
        "openapi-spec-validator is needed: run `cargo xtask test`, which brings it"
    );
    assert!(output.status.success(), "{said}");
    document["paths"]["/healthz"]["get"]["responses"]["200"]["headers"] = json!([]);
    assert!(!check(&document).status.success(), "nothing was checked");
}

/// What `$ref` leads to.
fn resolved<'d>(document: &'d Value, value: &'d Value) -> &'d Value {
    match value["$ref"].as_str() {
        Some(target) => {
            let target = document.pointer(target.strip_prefix('#').unwrap());
            resolved(document, target.unwrap_or_else(|| panic!("nothing is at {value}")))
        }
        None => value,
    }
}

/// Why the value does not fit the schema, in the document that has what the schema refers to.
fn misfit(document: &Value, schema: &Value, value: &Value) -> Option<String> {
    let schema = json!({"allOf": [schema], "components": document["components"]});
    let validator = jsonschema::draft202012::new(&schema).unwrap();
    let errors: Vec<String> = validator.iter_errors(value).map(|error| error.to_string()).collect();
    (!errors.is_empty()).then(|| errors.join("; "))
}

/// The examples of a media type: its own, else its schema's.
fn examples(document: &Value, media: &Value) -> Vec<Value> {
    if let Some(examples) = media["examples"].as_object() {
        return examples.values().map(|example| resolved(document, example)["value"].clone()).collect();
    }
    let own = media.get("example").cloned().into_iter();
    let of_schema = resolved(document, &media["schema"])["examples"].as_array().cloned().unwrap_or_default();
    own.chain(of_schema).collect()
}

/// `METHOD path` and operation.
fn operations(document: &Value) -> impl Iterator<Item = (String, &Value)> {
    let paths = document["paths"].as_object().unwrap().iter();
    paths.flat_map(|(path, item)| {
        let methods = item.as_object().unwrap().iter();
        methods.map(move |(method, operation)| (format!("{} {path}", method.to_uppercase()), operation))
    })
}

/// What is missing or wrong of the examples.
fn faults(document: &Value) -> Vec<String> {
    let mut faults = vec![];
    let mut content = |of: &str, content: &Value| {
        for (kind, media) in content.as_object().into_iter().flatten() {
            let examples = examples(document, media);
            if examples.is_empty() {
                faults.push(format!("{of} {kind}: no example"));
            }
            let wrong = examples.iter().filter_map(|example| misfit(document, &media["schema"], example));
            faults.extend(wrong.map(|wrong| format!("{of} {kind}: {wrong}")));
        }
    };
    for (name, operation) in operations(document) {
        content(&name, &operation["requestBody"]["content"]);
        for (status, response) in operation["responses"].as_object().unwrap() {
            content(&format!("{name} {status}"), &resolved(document, response)["content"]);
        }
    }
    for (name, schema) in document["components"]["schemas"].as_object().unwrap() {
        let examples = schema["examples"].as_array().into_iter().flatten();
        let wrong = examples.filter_map(|example| misfit(document, schema, example));
        faults.extend(wrong.map(|wrong| format!("{name}: {wrong}")));
        if schema == &json!({"type": "object"}) {
            faults.push(format!("{name} has no schema"));
        }
    }
    faults
}

#[test]
fn every_body_and_answer_has_an_example_that_fits_its_schema() {
    let mut document = document();
    assert!(operations(&document).count() > 90, "the operations were not found");
    assert_eq!(faults(&document), Vec::<String>::new());

    let schemas = document["components"]["schemas"].as_object_mut().unwrap();
    schemas["DeductRequest"]["examples"] = json!([{"amount": -1}]);
    schemas["BalanceResponse"].as_object_mut().unwrap().remove("examples");
    let examples = document["components"]["examples"].as_object_mut().unwrap();
    examples["Error.internal"]["value"]["success"] = true.into();
    let found = faults(&document).join("\n");
    for fault in ["POST /api/action/deduct-credits", "GET /api/credits/balance 200", "500"] {
        assert!(found.contains(fault), "{fault} is not among {found}");
    }
}

/// (status, code) of the table in `error.rs`, as `docs/api.md` has it, which is tested to be the same.
fn table() -> Vec<(String, String)> {
    let page = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../docs/api.md");
    let page = std::fs::read_to_string(page).unwrap();
    let row = |line: &str| {
        let mut cells = line.strip_prefix("| ")?.split(" | ");
        let (status, code) = (cells.next()?, cells.next()?);
        status.parse::<u16>().ok()?;
        Some((status.to_owned(), code.trim_matches('`').to_owned()))
    };
    page.lines().filter_map(row).collect()
}

#[test]
fn every_error_of_the_table_is_some_operations_and_has_its_status() {
    let (document, table) = (document(), table());
    assert!(table.len() > 30, "the table was not found: {table:?}");
    let mut named = Map::new();
    for (name, operation) in operations(&document) {
        for code in operation["x-error-codes"].as_array().unwrap() {
            let code = code.as_str().unwrap();
            let known = table.iter().find(|(_, known)| known == code);
            let (status, _) = known.unwrap_or_else(|| panic!("{name} names {code}"));
            assert!(operation["responses"][status].is_object(), "{name} has {code}, and no {status}");
            named.insert(code.to_owned(), true.into());
        }
    }
    // What no operation comes to: it is another method's.
    let missing = table.iter().filter(|(_, code)| !named.contains_key(code));
    let missing: Vec<&str> = missing.map(|(_, code)| code.as_str()).collect();
    assert_eq!(missing, ["method_not_allowed"]);
}
