//! Unleash's client specification: every case through the import, `explain` beside `evaluate`.
//!
//! `OSAYCORE_UNLEASH_SPECIFICATION` names the folder of the npm package
//! `@unleash/client-specification`, version 6.1.0; without it nothing is run.
#![expect(clippy::unwrap_used, reason = "a test stops at what it did not expect")]
#![expect(clippy::indexing_slicing, reason = "a test stops at what it did not expect")]

use osaycore_flags::{FlagSet, FlagType, Source, Value, import};
use serde_json::{Map, Value as Json, json};
use std::{fs, path::Path};

/// Those of version 6.1.0.
const CASES: usize = 279;
/// Of cases without a time of their own: 2026-01-01T00:00:00Z.
const NOW_US: i64 = 1_767_225_600_000_000;

#[test]
fn every_case_of_unleashs_specification() {
    let Some(folder) = std::env::var_os("OSAYCORE_UNLEASH_SPECIFICATION") else {
        println!("not run: OSAYCORE_UNLEASH_SPECIFICATION is not set");
        return;
    };
    let folder = Path::new(&folder);
    let folder = [folder.join("package/specifications"), folder.join("specifications"), folder.to_owned()]
        .into_iter()
        .find(|folder| folder.join("index.json").exists())
        .unwrap();
    let read = |name: &str| -> Json { serde_json::from_str(&fs::read_to_string(folder.join(name)).unwrap()).unwrap() };
    let mut failed = Vec::new();
    let mut cases = 0;
    for name in read("index.json").as_array().unwrap() {
        let suite = read(name.as_str().unwrap());
        let unleash = Unleash::new(&suite["state"]);
        for case in suite["tests"].as_array().into_iter().flatten() {
            cases += 1;
            let actual = json!(unleash.variant(case)["feature_enabled"]);
            if actual != case["expectedResult"] {
                failed.push(format!("{name}: {}: {actual}", case["description"]));
            }
        }
        for case in suite["variantTests"].as_array().into_iter().flatten() {
            cases += 1;
            let actual = unleash.variant(case);
            if actual != numeric(case["expectedResult"].clone()) {
                failed.push(format!("{name}: {}: {actual}", case["description"]));
            }
        }
    }
    assert!(failed.is_empty(), "{}", failed.join("\n"));
    assert_eq!(cases, CASES);
}

/// A set made from a state of Unleash, asked as an SDK of Unleash is.
struct Unleash {
    import: import::Import,
    set: FlagSet,
}

impl Unleash {
    fn new(state: &Json) -> Self {
        let import = import::unleash(&state.to_string()).unwrap();
        let sources = import.file.flags.iter().map(|definition| Source { definition, salt: "" });
        let set = FlagSet::compile(sources, &import.file.segments).unwrap();
        let written = serde_json::to_string(&import.file).unwrap();
        assert_eq!(osaycore_flags::parse(&written).unwrap(), import.file);
        Self { import, set }
    }

    fn variant(&self, case: &Json) -> Json {
        let nothing = json!({"name": "disabled", "enabled": false, "feature_enabled": false});
        let name = case["toggleName"].as_str().unwrap();
        let Some((_, key)) = self.import.keys.iter().find(|(other, _)| other == name) else { return nothing };
        let (context, now_us) = context(&case["context"]);
        let answer = self.set.evaluate(key.as_str(), &context, now_us).unwrap();
        let explained = self.set.explain(key.as_str(), &context, now_us).unwrap();
        assert_eq!((explained.variant, explained.reason, explained.rule), (answer.variant, answer.reason, answer.rule));
        let definition = self.import.file.flags.iter().find(|flag| flag.key == *key).unwrap();
        let on_without_variant = json!({"name": "disabled", "enabled": false, "feature_enabled": true});
        if definition.flag_type == FlagType::Boolean {
            return if answer.enabled { on_without_variant } else { nothing };
        }
        let kind = match definition.flag_type {
            FlagType::Integer | FlagType::Float => "number",
            FlagType::Object => "json",
            _ => "string",
        };
        let value = match answer.value {
            Value::String(text) => json!(text),
            value => serde_json::to_value(value).unwrap(),
        };
        match answer.variant.unwrap() {
            "disabled" => nothing,
            "enabled" => on_without_variant,
            name => numeric(json!({"name": name, "enabled": true, "feature_enabled": true,
                "payload": {"type": kind, "value": value}})),
        }
    }
}

/// The payload of a number as the number.
fn numeric(mut variant: Json) -> Json {
    let payload = &variant["payload"];
    if payload["type"] == "number" {
        let text = payload["value"].as_str().map_or_else(|| payload["value"].to_string(), str::to_owned);
        variant["payload"]["value"] = json!(text.parse::<f64>().unwrap());
    }
    variant
}

/// Unleash's context as attributes, and its time.
fn context(context: &Json) -> (Map<String, Json>, i64) {
    let mut attributes = context["properties"].as_object().cloned().unwrap_or_default();
    let fields = context.as_object().unwrap().iter().filter(|(name, _)| *name != "properties");
    attributes.extend(
        fields.map(|(name, value)| (if name == "userId" { "user_id".to_owned() } else { name.clone() }, value.clone())),
    );
    let now = attributes.remove("currentTime").map(|text| {
        let format = &time::format_description::well_known::Rfc3339;
        let at = time::OffsetDateTime::parse(text.as_str().unwrap(), format).unwrap();
        at.unix_timestamp() * 1_000_000
    });
    (attributes, now.unwrap_or(NOW_US))
}
