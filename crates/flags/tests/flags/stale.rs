//! Flags that may be taken out of the code.

use crate::{DAY_US, NEW_YEAR_US, set};
use serde_json::{Value as Json, json};

#[test]
fn constant_table() {
    let rules = |rules: Json| json!({ "rules": rules });
    let staff = json!([{"attribute": "role", "op": "=", "value": "staff"}]);
    let at = |day: u32| format!("2026-01-{day:02}T00:00:00Z");
    for (members, expected) in [
        (json!({}), Some("off")),
        (json!({"default": true}), Some("on")),
        (json!({"enabled": false, "rules": [{"when": staff, "serve": true}]}), Some("off")),
        (json!({"default": true, "starts_at": at(1)}), Some("on")),
        (json!({"default": true, "starts_at": at(9)}), None),
        (json!({"default": true, "ends_at": at(9)}), None),
        (json!({"default": true, "starts_at": "2025-01-01T00:00:00Z", "ends_at": at(1)}), Some("off")),
        (json!({"overrides": {"u": true}}), None),
        (json!({"overrides": {"u": false}}), Some("off")),
        (rules(json!([{"serve": true}])), Some("on")),
        (rules(json!([{"when": staff, "serve": true}])), None),
        (rules(json!([{"when": staff, "serve": false}])), Some("off")),
        (rules(json!([{"when": staff, "serve": true, "ends_at": at(1)}])), Some("off")),
        (rules(json!([{"serve": true, "starts_at": at(1)}])), Some("on")),
        (rules(json!([{"serve": true, "starts_at": at(2)}])), None),
        (rules(json!([{"serve": true, "rollout": {"percent": 0}}])), Some("off")),
        (rules(json!([{"serve": true, "rollout": {"percent": 5}}])), None),
        (rules(json!([{"serve": true, "rollout": {"percent": 100}}])), Some("on")),
        (rules(json!([{"serve": {"on": 1}, "rollout": {"percent": 100}}])), Some("on")),
        (rules(json!([{"serve": {"on": 1, "off": 1}}])), None),
        (rules(json!([{"serve": true, "sticky": true, "rollout": {"percent": 0}}])), None),
        (rules(json!([{"serve": {"on": 1}, "sticky": true}])), None),
        (rules(json!([{"serve": {"on": 1}, "sticky": true, "ends_at": at(1)}])), Some("off")),
        (rules(json!([{"serve": true, "exclusion": {"group": "g", "from": 0, "to": 100}}])), None),
        (
            rules(json!([{"serve": true, "rollout": {"schedule": [
            {"at": "2025-12-01T00:00:00Z", "percent": 5}, {"at": at(1), "percent": 100}]}}])),
            Some("on"),
        ),
        (rules(json!([{"serve": true, "rollout": {"schedule": [{"at": at(2), "percent": 100}]}}])), None),
        (json!({"holdouts": ["s"], "rules": [{"serve": true}]}), None),
        (json!({"default": true, "prerequisites": [{"flag": "on", "value": true}]}), Some("on")),
        (json!({"default": true, "prerequisites": [{"flag": "on", "value": false}]}), Some("off")),
        (json!({"default": true, "prerequisites": [{"flag": "some", "value": true}]}), None),
        (json!({"default": true, "prerequisites": [{"flag": "some", "values": [true, false]}]}), Some("on")),
        (json!({"default": true, "prerequisites": [{"flag": "gone", "value": true}]}), Some("off")),
    ] {
        let mut flag = crate::object(json!({"key": "f"}));
        flag.extend(crate::object(members.clone()));
        let set = set(&json!({"flags": [flag, {"key": "on", "default": true}, {"key": "gone", "active": false},
            {"key": "some", "rules": [{"when": staff, "serve": true}]}],
            "segments": [{"key": "s", "users": ["u"]}]}));
        let stale = set.stale(NEW_YEAR_US).find(|stale| stale.flag == "f");
        assert_eq!(stale.and_then(|stale| stale.constant), expected, "{members}");
        assert!(set.stale(NEW_YEAR_US).all(|stale| stale.flag != "gone" && stale.flag != "some"));
    }
}

#[test]
fn expired() {
    let set = set(&json!({"flags": [{"key": "f", "expires_at": "2026-01-02T00:00:00Z", "owner": "shop", "tags": ["a"],
        "rules": [{"serve": true, "rollout": {"percent": 5}}]}]}));
    assert_eq!(set.stale(NEW_YEAR_US).count(), 0);
    let stale: Vec<_> =
        set.stale(NEW_YEAR_US + DAY_US).map(|stale| (stale.flag, stale.constant, stale.expired)).collect();
    assert_eq!(stale, [("f", None, true)]);
}
