//! Flags of LaunchDarkly and GrowthBook, in the shape that their SDKs are given.
#![expect(clippy::unwrap_used, reason = "a test stops at what it did not expect")]
#![expect(clippy::panic, reason = "a test stops at what it did not expect")]

use osaycore_flags::{Fault, FlagSet, Source, import};
use serde_json::{Map, Value as Json, json};

type Read = fn(&str) -> Result<import::Import, Fault>;

fn object(value: Json) -> Map<String, Json> {
    let Json::Object(members) = value else { panic!("{value} is no object") };
    members
}

/// The set, which must be the same after it was written and read.
fn set(import: &import::Import) -> FlagSet {
    let written = serde_json::to_string(&import.file).unwrap();
    assert_eq!(osaycore_flags::parse(&written).unwrap(), import.file);
    let sources = import.file.flags.iter().map(|definition| Source { definition, salt: "" });
    FlagSet::compile(sources, &import.file.segments).unwrap_or_else(|faults| panic!("{faults:?}"))
}

fn value(set: &FlagSet, key: &str, context: Json) -> Json {
    serde_json::to_value(set.evaluate(key, &object(context), 0).unwrap().value).unwrap()
}

fn notes(import: &import::Import) -> Vec<String> {
    import.notes.iter().map(ToString::to_string).collect()
}

fn launchdarkly_document() -> Json {
    let clause = |attribute: &str, op: &str, values: Json| json!({"attribute": attribute, "op": op, "values": values});
    json!({
        "flags": {
            "Parent": {"key": "Parent", "on": true, "variations": [true, false], "offVariation": 1,
                "fallthrough": {"variation": 0}, "salt": "p"},
            "off-parent": {"key": "off-parent", "on": false, "variations": [true, false], "offVariation": 0,
                "fallthrough": {"variation": 0}},
            "child": {"key": "child", "on": true, "variations": [true, false], "offVariation": 1,
                "fallthrough": {"variation": 0}, "prerequisites": [{"key": "Parent", "variation": 0}]},
            "orphan": {"key": "orphan", "on": true, "variations": [true, false], "offVariation": 1,
                "fallthrough": {"variation": 0}, "prerequisites": [{"key": "off-parent", "variation": 0}]},
            "hashKey": {"key": "hashKey", "on": true, "variations": ["red", "green", "blue"], "offVariation": 2, "salt": "saltyA",
                "targets": [{"values": ["target"], "variation": 2}],
                "rules": [
                    {"id": "old", "variation": 2, "clauses": [clause("age", "greaterThan", json!([60, 90])),
                        clause("country", "in", json!(["de", "fr"]))]},
                    {"id": "not de", "variation": 2, "clauses": [
                        {"attribute": "lang", "op": "in", "values": ["de"], "negate": true}]},
                    {"id": "seg", "variation": 1, "clauses": [clause("", "segmentMatch", json!(["beta", "none"]))]},
                    {"id": "odd", "variation": 1, "clauses": [clause("x", "isLucky", json!([1]))]}],
                "fallthrough": {"rollout": {"variations": [
                    {"variation": 0, "weight": 42_157}, {"variation": 1, "weight": 30_000}, {"variation": 2, "weight": 27_843}]}}},
            "mixed": {"key": "mixed", "on": true, "variations": ["a", 1], "fallthrough": {"variation": 0}}},
        "segments": {
            "beta": {"key": "beta", "included": ["in", "both"], "excluded": ["out", "both"], "salt": "s",
                "rules": [{"clauses": [clause("email", "endsWith", json!(["@a.com"]))]},
                          {"clauses": [clause("email", "endsWith", json!(["@b.com"]))], "weight": 0}]},
            "none": {"key": "none"}}})
}

fn growthbook_document() -> Json {
    json!({
        "features": {
            "simple": {"defaultValue": false, "rules": [
                {"id": "fr_1", "condition": {"$or": [{"id": "u-1"}, {"country": {"$in": ["de", "fr"]}, "age": {"$gte": 18}}]}, "force": true},
                {"condition": {"$not": {"email": {"$regex": "@corp$"}}, "vip": true}, "force": true},
                {"condition": {"team": {"$inGroup": "g"}, "tags": {"$elemMatch": {"$eq": "x"}}}, "force": true},
                {"condition": {"a": {"$size": 1}}, "force": true},
                {"force": true, "range": [0, 0.5]}]},
            "feature": {"defaultValue": "off", "rules": [
                {"coverage": 0.25, "hashVersion": 2, "seed": "foo", "hashAttribute": "id", "force": "some"},
                {"key": "exp", "seed": "seed", "hashVersion": 2, "coverage": 0.5, "variations": ["a", "b"],
                 "weights": [0.5, 0.5], "hashAttribute": "id"}]},
            "gated": {"defaultValue": 3, "rules": [
                {"parentConditions": [{"id": "simple", "condition": {"value": true}, "gate": true}]},
                {"force": 4}]}},
        "savedGroups": {"g": ["red", "blue"]}})
}

#[test]
fn launchdarkly() {
    let document = launchdarkly_document();
    let import = import::launchdarkly(&document.to_string()).unwrap();
    let set = set(&import);
    assert_eq!(import.keys.iter().find(|(name, _)| name == "Parent").unwrap().1.as_str(), "parent");
    assert_eq!(
        notes(&import),
        [
            "flag `hashkey`, rule `odd`: left out: `isLucky` is an unknown operator",
            "flag `mixed`: left out: its values are not all of one type that a flag may have",
            "flag `orphan`: its prerequisite `off-parent` is off: never on",
        ]
    );
    for (key, context, expected) in [
        ("parent", json!({}), json!(true)),
        ("off-parent", json!({}), json!(true)),
        ("child", json!({}), json!(true)),
        ("orphan", json!({}), json!(false)),
        ("hashkey", json!({"user_id": "target"}), json!("blue")),
        ("hashkey", json!({"user_id": "userKeyC", "age": 61, "country": "fr"}), json!("blue")),
        ("hashkey", json!({"user_id": "userKeyC", "age": 60, "country": "fr"}), json!("red")),
        ("hashkey", json!({"user_id": "userKeyC", "lang": "fr"}), json!("blue")),
        ("hashkey", json!({"user_id": "userKeyC", "lang": "de"}), json!("red")),
        ("hashkey", json!({"user_id": "in"}), json!("green")),
        ("hashkey", json!({"user_id": "both"}), json!("green")),
        ("hashkey", json!({"user_id": "userKeyC", "email": "x@a.com"}), json!("green")),
        ("hashkey", json!({"user_id": "userKeyC", "email": "x@b.com"}), json!("red")),
        // Buckets 0.42157587, 0.6708485 and 0.10343106, as LaunchDarkly publishes them.
        ("hashkey", json!({"user_id": "userKeyA"}), json!("green")),
        ("hashkey", json!({"user_id": "userKeyB"}), json!("green")),
        ("hashkey", json!({"user_id": "userKeyC"}), json!("red")),
        ("hashkey", json!({}), json!("red")),
    ] {
        assert_eq!(value(&set, key, context.clone()), expected, "{key} {context}");
    }
}

#[test]
fn circles_are_cut_and_named() {
    let segment = |other: &str| json!({"included": ["listed"], "rules": [{"clauses": [{"attribute": "", "op": "segmentMatch", "values": [other]}]}]});
    let flag = |parent: &str| {
        json!({"on": true, "variations": [true, false], "offVariation": 1, "fallthrough": {"variation": 1},
            "prerequisites": [{"key": parent, "variation": 0}], "rules": [{"variation": 0, "clauses": [
                {"attribute": "", "op": "segmentMatch", "values": ["a"]}]}]})
    };
    let document =
        json!({"flags": {"x": flag("y"), "y": flag("x")}, "segments": {"a": segment("b"), "b": segment("a")}});
    let import = import::launchdarkly(&document.to_string()).unwrap();
    let notes = notes(&import).join("\n");
    assert!(notes.contains("segment `a`: nested segments in a circle: a → b → a"), "{notes}");
    assert!(notes.contains("flag `x`: prerequisites in a circle: x → y → x"), "{notes}");
    assert_eq!(import.file.flags.len(), 2);
    assert_eq!(value(&set(&import), "x", json!({"user_id": "listed"})), json!(false));
}

#[test]
fn growthbook() {
    let document = growthbook_document();
    let import = import::growthbook(&document.to_string()).unwrap();
    let set = set(&import);
    assert_eq!(
        notes(&import),
        [
            "flag `gated`: is its default where a gate is closed, not null",
            "flag `simple`, rule `rule 4`: left out: `$size` has no like here",
            "flag `simple`, rule `rule 5`: left out: `range` has no like here",
        ]
    );
    for (key, context, expected) in [
        ("simple", json!({"user_id": "u-1"}), json!(true)),
        ("simple", json!({"country": "fr", "age": 18}), json!(true)),
        ("simple", json!({"country": "fr", "age": 17}), json!(false)),
        ("simple", json!({"vip": true, "email": "a@b"}), json!(true)),
        ("simple", json!({"vip": true, "email": "a@corp"}), json!(false)),
        ("simple", json!({"team": "red", "tags": ["x", "y"]}), json!(true)),
        ("simple", json!({"team": "green", "tags": ["x", "y"]}), json!(false)),
        ("gated", json!({"user_id": "u-1"}), json!(4)),
        ("gated", json!({}), json!(3)),
        // Published: ("foo", "ab") is 0.2575, ("foo", "def") 0.2019, ("seed", "a") 0.0505, ("seed", "b") 0.2696.
        ("feature", json!({"user_id": "def"}), json!("some")),
        ("feature", json!({"user_id": "a"}), json!("a")),
        ("feature", json!({}), json!("off")),
    ] {
        assert_eq!(value(&set, key, context.clone()), expected, "{key} {context}");
    }
    // 0.2696 is in the first variation's half, but not in the covered half of it.
    assert_ne!(value(&set, "feature", json!({"user_id": "b"})), json!("a"));
}

#[test]
fn what_does_not_read_is_named() {
    let table: [(Read, &str, &str); 6] = [
        (import::unleash, "{\"features\": [{}]}", "`features[0]`: missing field `name`"),
        (import::growthbook, "[", "EOF while parsing"),
        (import::launchdarkly, "{\"flags\": {\"a\": {\"on\": 1}}}", "`flags.a.on`: invalid type"),
        // An error, or another system's.
        (import::unleash, "{\"message\": \"unauthorized\"}", "missing field `features`"),
        (import::growthbook, "{\"message\": \"unauthorized\"}", "missing field `features`"),
        (import::launchdarkly, "{\"items\": []}", "missing field `flags`"),
    ];
    for (read, text, expected) in table {
        let why = read(text).unwrap_err().to_string();
        assert!(why.contains(expected), "{why}");
    }
    let empty: [(Read, &str); 4] = [
        (import::unleash, "{\"features\": []}"),
        (import::unleash, "{\"events\": []}"),
        (import::growthbook, "{\"features\": {}}"),
        (import::launchdarkly, "{\"flags\": {}}"),
    ];
    for (read, text) in empty {
        assert_eq!(read(text).unwrap(), import::Import::default());
    }
}

/// One after the other, everything in the document is replaced by something else.
#[test]
fn whatever_reads_compiles() {
    let unleash = json!({"features": [
        {"name": "A", "enabled": true, "dependencies": [{"feature": "B", "variants": ["x"]}], "strategies": [
            {"name": "flexibleRollout", "parameters": {"rollout": "50", "stickiness": "default", "groupId": "g"},
             "segments": [1], "constraints": [{"contextName": "currentTime", "operator": "DATE_AFTER", "value": "2026-01-01T00:00:00Z"},
                {"contextName": "userId", "operator": "STR_CONTAINS", "values": ["u"], "inverted": true}],
             "variants": [{"name": "x", "weight": 1, "payload": {"type": "json", "value": "{}"}}, {"name": "y", "weight": 2}]}]},
        {"name": "B", "enabled": true, "strategies": [{"name": "userWithId", "parameters": {"userIds": "1, 2"}}],
         "variants": [{"name": "x", "weight": 1, "overrides": [{"contextName": "userId", "values": ["7"]}]}]}],
        "segments": [{"id": 1, "constraints": [{"contextName": "n", "operator": "NUM_GT", "value": "5"}]}]});
    let table: [(Read, Json); 3] = [
        (import::unleash, unleash),
        (import::launchdarkly, launchdarkly_document()),
        (import::growthbook, growthbook_document()),
    ];
    for (read, document) in table {
        let places = pointers(&document, "");
        assert!(places.len() > 50);
        let mut taken = 0;
        for place in &places {
            for other in [json!(null), json!(""), json!("x"), json!(0), json!(-1), json!([]), json!({}), json!(true)] {
                let mut changed = document.clone();
                *changed.pointer_mut(place).unwrap() = other;
                if let Ok(import) = read(&changed.to_string()) {
                    taken += 1;
                    set(&import);
                }
            }
        }
        assert!(taken > places.len());
    }
}

/// The places of everything in a value but itself.
fn pointers(value: &Json, place: &str) -> Vec<String> {
    let members: Vec<(String, &Json)> = match value {
        Json::Object(members) => {
            members.iter().map(|(name, inner)| (name.replace('~', "~0").replace('/', "~1"), inner)).collect()
        }
        Json::Array(items) => items.iter().enumerate().map(|(index, inner)| (index.to_string(), inner)).collect(),
        _ => Vec::new(),
    };
    let below = |(name, inner): (String, &Json)| {
        let place = format!("{place}/{name}");
        let mut all = pointers(inner, &place);
        all.push(place);
        all
    };
    members.into_iter().flat_map(below).collect()
}
