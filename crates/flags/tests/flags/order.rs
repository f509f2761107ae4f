//! Off → prerequisites → overrides → rules → default.

use crate::{DAY_US, NEW_YEAR_US, line, object, set};
use core::cell::RefCell;
use osaycore_flags::{Attribute, Context, Value};
use serde_json::{Map, Value as Json, json};

/// A flag where every step has its own variant; members are replaced per row.
fn flag(changes: Json) -> Json {
    let mut flag = object(json!({"key": "f", "type": "string",
        "variants": {"off": "o", "default": "d", "override": "u", "first": "1", "second": "2"},
        "off": "off", "default": "default", "overrides": {"special": "override"},
        "prerequisites": [{"flag": "parent", "value": true}],
        "rules": [
            {"name": "staff", "when": [{"attribute": "role", "op": "=", "value": "staff"}], "serve": "first"},
            {"when": [{"segment": "eu"}], "rollout": {"percent": 100}, "serve": "second"}]}));
    flag.extend(object(changes));
    Json::Object(flag)
}

#[test]
fn order_table() {
    let nobody = json!({});
    let staff = json!({"user_id": "special", "role": "staff", "country": "de"});
    for (changes, parent, context, expected, enabled) in [
        (json!({}), true, staff.clone(), "override TARGETING_MATCH", true),
        (json!({"enabled": false}), true, staff.clone(), "off DISABLED", false),
        (json!({}), false, staff.clone(), "off DISABLED", false),
        (json!({"starts_at": "2026-01-01T00:00:00Z"}), true, staff.clone(), "override TARGETING_MATCH", true),
        (json!({"starts_at": "2026-01-01T00:00:01Z"}), true, staff.clone(), "off DISABLED", false),
        (json!({"ends_at": "2026-01-01T00:00:00Z"}), true, staff.clone(), "off DISABLED", false),
        (json!({"overrides": {}}), true, staff.clone(), "first TARGETING_MATCH staff", true),
        (json!({}), true, json!({"user_id": "u", "external_id": "special"}), "override TARGETING_MATCH", true),
        (json!({}), true, json!({"user_id": "u", "country": "de"}), "second SPLIT rule 2", true),
        (json!({}), true, json!({"user_id": "listed"}), "second SPLIT rule 2", true),
        (json!({}), true, json!({"country": "de"}), "default DEFAULT", false),
        (json!({"off": "second"}), true, json!({"user_id": "listed"}), "second SPLIT rule 2", false),
        (json!({}), true, nobody.clone(), "default DEFAULT", false),
        (json!({"rules": []}), true, nobody.clone(), "default DEFAULT", false),
        (json!({"rules": [], "overrides": {}}), true, nobody, "default STATIC", false),
    ] {
        let set = set(&json!({
            "flags": [flag(changes.clone()), {"key": "parent", "default": parent}],
            "segments": [
                {"key": "eu", "when": [{"segment": "german"}], "users": ["listed"]},
                {"key": "german", "when": [{"attribute": "country", "op": "=", "value": "de"}]}]}));
        let context = object(context);
        let answer = set.evaluate("f", &context, NEW_YEAR_US).unwrap();
        assert_eq!(line(&answer), expected, "{changes} {context:?}");
        assert_eq!(answer.enabled, enabled, "{changes} {context:?}");
    }
}

#[test]
fn inactive_flags_are_absent_and_meet_nothing() {
    let set = set(&json!({"flags": [
        {"key": "z", "default": true}, {"key": "gone", "active": false, "default": true},
        {"key": "child", "default": true, "prerequisites": [{"flag": "gone", "value": false}]}]}));
    let nobody = object(json!({}));
    assert_eq!(set.evaluate("gone", &nobody, 0), None);
    assert_eq!(set.evaluate("unknown", &nobody, 0), None);
    assert_eq!(set.explain("gone", &nobody, 0), None);
    let all: Vec<_> = set.evaluate_all(&nobody, 0).map(|(key, a)| (key, a.enabled)).collect();
    assert_eq!(all, [("child", false), ("z", true)]);
    let explanation = set.explain("child", &nobody, 0).unwrap();
    assert_eq!(explanation.sentence, "`child` is `off` because its prerequisite `gone` is inactive, not `off`.");
}

#[test]
fn overrides_in_any_order_and_user_id_first() {
    let text = r#"{"flags": [{"key": "f", "overrides": {"c": true, "a": false, "d": true, "b": true}}]}"#;
    let file = osaycore_flags::parse(text).unwrap();
    let set = crate::compile(&file).unwrap();
    for (context, expected) in [
        (json!({"user_id": "a"}), "off TARGETING_MATCH"),
        (json!({"user_id": "b"}), "on TARGETING_MATCH"),
        (json!({"user_id": "c"}), "on TARGETING_MATCH"),
        (json!({"user_id": "d"}), "on TARGETING_MATCH"),
        (json!({"user_id": "a", "external_id": "b"}), "off TARGETING_MATCH"),
        (json!({"user_id": "b", "external_id": "a"}), "on TARGETING_MATCH"),
        (json!({"user_id": "e", "external_id": "a"}), "off TARGETING_MATCH"),
        (json!({"user_id": "e"}), "off DEFAULT"),
    ] {
        let answer = set.evaluate("f", &object(context.clone()), 0).unwrap();
        assert_eq!(line(&answer), expected, "{context}");
    }
}

#[test]
fn values_of_every_type() {
    let set = set(&json!({"flags": [
        {"key": "b", "default": "on"},
        {"key": "f", "type": "float", "variants": {"x": 1}, "default": "x"},
        {"key": "i", "type": "integer", "variants": {"x": -3}, "default": "x"},
        {"key": "o", "type": "object", "variants": {"x": {"a": [1]}}, "default": "x"},
        {"key": "s", "type": "string", "variants": {"x": "text"}, "default": "x"}]}));
    let nobody = object(json!({}));
    let all: Vec<_> = set.evaluate_all(&nobody, 0).map(|(_, answer)| answer.value).collect();
    let inner = json!({"a": [1]});
    assert_eq!(
        all,
        [Value::Boolean(true), Value::Float(1.0), Value::Integer(-3), Value::Object(&inner), Value::String("text"),]
    );
    let text = serde_json::to_string(&all).unwrap();
    assert_eq!(text, r#"[true,1.0,-3,{"a":[1]},"text"]"#);
}

#[test]
fn rules_in_their_time() {
    let set = set(&json!({"flags": [{"key": "f", "rules": [
        {"starts_at": "2026-01-02T00:00:00Z", "ends_at": "2026-01-03T00:00:00Z", "serve": true}]}]}));
    let at = |days: i64, micros: i64| NEW_YEAR_US + days * DAY_US + micros;
    for (now_us, expected) in [(at(1, -1), false), (at(1, 0), true), (at(2, -1), true), (at(2, 0), false)] {
        let answer = set.evaluate("f", &object(json!({})), now_us).unwrap();
        assert_eq!(answer.enabled, expected, "{now_us}");
    }
}

#[test]
fn the_example_of_the_contract() {
    let text = r#"{"flags": [
  {"key": "new_ui", "default": true},
  {"key": "premium_analytics", "description": "…", "type": "boolean", "active": true, "enabled": true, "default": false,
   "prerequisites": [{"flag": "new_ui", "value": true}],
   "overrides": {"7b0c1b9e-6d0a-4a7e-9a57-0d8a0f8f3f55": true},
   "rules": [
     {"name": "staff", "when": [{"attribute": "role", "op": "in", "values": ["admin", "staff"]}], "serve": true},
     {"name": "loyal", "when": [{"attribute": "lifetime_spent", "op": ">=", "value": 1000}, {"segment": "eu", "negate": true}], "serve": true},
     {"name": "five percent", "rollout": {"percent": 5, "unit": "user_id"}, "serve": true}]},
  {"key": "checkout", "type": "string", "variants": {"old": "v1", "blue": "v2-blue", "green": "v2-green"}, "default": "old",
   "rules": [{"name": "test", "rollout": {"percent": 40}, "serve": {"blue": 50, "green": 50}}]}],
 "segments": [{"key": "eu", "when": [{"attribute": "country", "op": "in", "values": ["de", "fr"]}], "users": ["…"]}]}"#;
    let file = osaycore_flags::parse(text).unwrap();
    let set = crate::compile(&file).unwrap();
    for (context, expected) in [
        (json!({"user_id": "7b0c1b9e-6d0a-4a7e-9a57-0d8a0f8f3f55"}), "on TARGETING_MATCH"),
        (json!({"role": "staff"}), "on TARGETING_MATCH staff"),
        (json!({"lifetime_spent": 1000}), "on TARGETING_MATCH loyal"),
        (json!({"lifetime_spent": 1000, "country": "de"}), "off DEFAULT"),
        (json!({}), "off DEFAULT"),
    ] {
        let answer = set.evaluate("premium_analytics", &object(context.clone()), 0).unwrap();
        assert_eq!(line(&answer), expected, "{context}");
    }
}

#[test]
fn an_explanation_names_everything() {
    let set = set(&json!({"flags": [{"key": "f", "rules": [
        {"name": "staff", "when": [{"attribute": "role", "op": "in", "values": ["staff"]}], "serve": true},
        {"name": "some", "rollout": {"percent": 0}, "serve": true},
        {"name": "rest", "serve": false}]}]}));
    let context = object(json!({"user_id": "u", "role": "basic"}));
    let explanation = set.explain("f", &context, 0).unwrap();
    let bucket = osaycore_flags::bucket(crate::SALT, "u");
    let sentences: Vec<_> = explanation.rules.iter().map(|rule| rule.sentence.clone()).collect();
    assert_eq!(
        sentences,
        [
            "Missed: `role in [\"staff\"]` does not hold of basic.".to_owned(),
            format!("Missed: bucket {bucket} of `user_id` is not below 0."),
            "Matched.".to_owned(),
        ]
    );
    assert_eq!(explanation.sentence, "`f` is `off` because rule `rest` matched.");
    let json = serde_json::to_value(&explanation).unwrap();
    assert_eq!(json["reason"], "TARGETING_MATCH");
    assert_eq!(json["rules"][1]["outcome"], "not_in_rollout");
    assert_eq!(json["rules"][1]["rollout"]["bucket"], bucket);
}

#[test]
fn json_attributes() {
    assert_eq!(Attribute::from_json(&json!(null)), None);
    assert_eq!(Attribute::from_json(&json!({})), None);
    assert_eq!(Attribute::from_json(&json!(7)), Some(Attribute::Integer(7)));
    assert_eq!(Attribute::from_json(&json!(7.0)), Some(Attribute::Float(7.0)));
}

#[test]
fn the_examples_of_the_documentation_compile() {
    let page = include_str!("../../../../docs/flags.md");
    let examples = page.split("```json\n").skip(1).map(|rest| rest.split("```").next().unwrap());
    // The other JSON of the page is what a client sends and gets.
    let files: Vec<&str> = examples.filter(|example| example.contains("\"flags\": [")).collect();
    assert!(!files.is_empty());
    for example in files {
        let file = osaycore_flags::parse(example).unwrap();
        crate::compile(&file).unwrap_or_else(|faults| panic!("{faults:?}"));
    }
}

/// A context that writes down what was hashed in vain.
struct Noticing(Map<String, Json>, RefCell<Vec<String>>);

impl Context for Noticing {
    fn attribute(&self, name: &str) -> Option<Attribute<'_>> {
        self.0.attribute(name)
    }

    fn unit_missing(&self, units: &[String]) {
        self.1.borrow_mut().push(units.join(" "));
    }
}

#[test]
fn a_unit_that_is_missing_is_told_where_it_is_hashed_and_only_if_it_comes_to_that() {
    let set = set(&json!({
        "flags": [
            {"key": "plain", "overrides": {"u": true}, "rules": [{"when": [{"segment": "listed"}], "serve": true}]},
            {"key": "rollout", "rules": [{"rollout": {"percent": 100}, "serve": true}]},
            {"key": "weights", "rules": [{"serve": {"on": 1, "off": 1}}]},
            {"key": "group", "rules": [{"exclusion": {"group": "g", "from": 0, "to": 50}, "serve": true}]},
            {"key": "held_out", "holdouts": ["some"], "rules": [{"serve": true}]},
            {"key": "child", "prerequisites": [{"flag": "rollout", "value": true}]},
            {"key": "either", "rules": [{"rollout": {"percent": 100, "unit": ["company", "user_id"]}, "serve": true}]},
            {"key": "staff", "rules": [
                {"when": [{"attribute": "role", "op": "=", "value": "staff"}], "rollout": {"percent": 1}, "serve": true}]},
            {"key": "decided", "rules": [
                {"when": [{"attribute": "company", "op": "=", "value": "acme"}], "serve": true},
                {"rollout": {"percent": 50}, "serve": true}]}],
        "segments": [{"key": "listed", "users": ["u"]}, {"key": "some", "rollout": {"percent": 5}}]}));
    for (key, context, missed) in [
        ("plain", json!({}), ""),
        ("rollout", json!({}), "user_id"),
        ("rollout", json!({"user_id": "u"}), ""),
        ("weights", json!({}), "user_id"),
        ("group", json!({}), "user_id"),
        ("held_out", json!({}), "user_id"),
        ("child", json!({}), "user_id"),
        ("either", json!({}), "company user_id"),
        ("either", json!({"company": "acme"}), ""),
        ("staff", json!({}), ""),
        ("staff", json!({"role": "staff"}), "user_id"),
        ("decided", json!({"company": "acme"}), ""),
        ("decided", json!({}), "user_id"),
    ] {
        let context = Noticing(object(context), RefCell::default());
        set.evaluate(key, &context, NEW_YEAR_US).unwrap();
        assert_eq!(context.1.take().join(", "), missed, "{key} {:?}", context.0);
    }
}

#[test]
fn what_decides_a_flag_is_found_however_far_and_once() {
    let needs = |key: &str, flags: &[&str]| {
        let wanted: Vec<_> = flags.iter().map(|flag| json!({"flag": flag, "value": true})).collect();
        json!({"key": key, "prerequisites": wanted})
    };
    let off = json!({"key": "off", "active": false, "prerequisites": [{"flag": "base", "value": true}]});
    let flags = [needs("base", &[]), needs("left", &["base"]), needs("right", &["base"]), off];
    let flags = [flags.as_slice(), &[needs("top", &["left", "right", "off"]), needs("apart", &[])]].concat();
    let set = set(&json!({"flags": flags}));
    let found = |key: &str| {
        let mut found = set.prerequisites(key);
        found.sort_unstable();
        found
    };
    assert_eq!(found("top"), ["base", "left", "off", "right"]);
    assert_eq!(found("left"), ["base"]);
    for key in ["base", "apart", "off", "none"] {
        assert!(found(key).is_empty(), "{key}");
    }
}
