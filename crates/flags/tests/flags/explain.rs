//! What would have to change, and what clients may see of it.

use crate::{DAY_US, NEW_YEAR_US, object, set};
use serde_json::{Value as Json, json};

fn flags() -> Json {
    json!({
        "flags": [
            {"key": "parent", "default": false, "enabled": false},
            {"key": "off", "enabled": false, "starts_at": "2026-02-01T00:00:00Z"},
            {"key": "child", "prerequisites": [{"flag": "parent", "value": true}]},
            {"key": "f", "rules": [
                {"name": "staff", "starts_at": "2026-01-05T00:00:00Z", "serve": true, "when": [
                    {"attribute": "role", "op": "in", "values": ["staff"]},
                    {"attribute": "email", "op": "ends_with", "value": "@corp", "negate": true},
                    {"attribute": "country", "op": "=", "value": "de"}]},
                {"name": "europe", "when": [{"segment": "eu"}], "serve": true},
                {"name": "test", "exclusion": {"group": "g", "from": 0, "to": 0.001}, "serve": true},
                {"name": "some", "rollout": {"percent": 5}, "serve": true},
                {"name": "soon", "serve": true, "rollout": {"salt": "x", "schedule": [
                    {"at": "2026-01-02T00:00:00Z", "percent": 0}, {"at": "2026-01-03T00:00:00Z", "percent": 100}]}},
                {"name": "companies", "rollout": {"percent": 100, "unit": "company"}, "serve": true}]}],
        "segments": [{"key": "eu", "when": [{"attribute": "country", "op": "in", "values": ["de", "fr"]}]}]})
}

#[test]
fn what_would_have_to_change() {
    let set = set(&flags());
    let context = object(json!({"user_id": "user-8", "role": "basic", "email": "a@corp"}));
    let needs = |key: &str| set.explain(key, &context, NEW_YEAR_US).unwrap().needs;
    assert_eq!(
        needs("off"),
        ["`enabled` would have to be true", "the time would have to be 2026-02-01T00:00:00.000000Z or later"]
    );
    assert_eq!(needs("child"), ["its prerequisite `parent` would have to be `on`; it is `off`"]);
    assert!(needs("f").is_empty());

    let explanation = set.explain("f", &context, NEW_YEAR_US).unwrap();
    let bucket = |salt: &str| osaycore_flags::bucket(salt, "user-8");
    let of = |rule: &str| explanation.rules.iter().find(|r| r.name == rule).unwrap().needs.clone();
    assert_eq!(
        of("staff"),
        [
            "the time would have to be 2026-01-05T00:00:00.000000Z or later",
            "`role in [\"staff\"]` would have to hold; it is basic",
            "`not email ends_with \"@corp\"` would have to hold; it is a@corp",
            "`country = \"de\"` would have to hold; there is none",
        ]
    );
    assert_eq!(
        of("europe"),
        ["`in segment eu` would have to hold: in it, `country in [\"de\",\"fr\"]` would have to hold; there is none"]
    );
    let percent = |bucket: u32| f64::from(bucket) / 1000.0;
    assert_eq!(of("test"), [format!("the part of group `g` would have to include {} %", percent(bucket("g")))]);
    let wanted = percent(bucket(crate::SALT) + 1);
    assert_eq!(of("some"), [format!("the percentage would have to be {wanted} % or more; it is 5 %")]);
    assert_eq!(of("companies"), ["the user would have to have a `company`"]);

    // The time that is named is the first at which the rule matches.
    let [soon] = of("soon").try_into().unwrap();
    let first = (0..=2 * DAY_US / 1_000_000)
        .map(|second| NEW_YEAR_US + second * 1_000_000)
        .find(|now_us| set.evaluate("f", &context, *now_us).unwrap().enabled)
        .unwrap();
    let before = format!("{}", osaycore_flags::Attribute::Time(first - 1_000_000));
    let after = format!("{}", osaycore_flags::Attribute::Time(first));
    let named = soon.rsplit(' ').next().unwrap();
    assert!(before.as_str() < named && named <= after.as_str(), "{before} {soon} {after}");
}

#[test]
fn the_redacted_form_says_nothing_of_user_rules_and_other_flags() {
    let set = set(&flags());
    let context = object(json!({"user_id": "user-8", "role": "basic", "email": "a@corp", "country": "fr"}));
    for (key, now_us) in [("f", NEW_YEAR_US), ("child", NEW_YEAR_US), ("f", NEW_YEAR_US + 5 * DAY_US)] {
        let explanation = set.explain(key, &context, now_us).unwrap();
        let redacted = serde_json::to_string(&explanation.redacted()).unwrap();
        for hidden in ["user-8", "basic", "corp", "role", "country", "fr", "parent", "eu\"", "staff", "%", "bucket"] {
            assert!(!redacted.contains(hidden), "{hidden} in {redacted}");
        }
    }
    let redacted = set.explain("f", &context, NEW_YEAR_US).unwrap().redacted();
    assert_eq!(
        serde_json::to_value(&redacted).unwrap(),
        json!({"flag": "f", "enabled": true, "value": true, "variant": "on", "reason": "TARGETING_MATCH",
            "sentence": "A rule or an override is for this user.",
            "rules": ["outside_time", "matched", "not_tried", "not_tried", "not_tried", "not_tried"]})
    );
}

#[test]
fn segments_are_explained_within() {
    let set = set(&flags());
    let context = object(json!({"user_id": "u", "country": "us"}));
    let explanation = set.explain("f", &context, NEW_YEAR_US).unwrap();
    let segment = explanation.rules[1].conditions[0].segment.as_ref().unwrap();
    assert_eq!((segment.key, segment.listed), ("eu", false));
    assert_eq!(segment.conditions[0].actual.as_deref(), Some("us"));
}
