//! An evaluation allocates nothing, whatever the flags ask for.

use osaycore_flags::{Attribute, Context, FlagSet, Source, parse};
use serde_json::json;

struct User {
    groups: Vec<String>,
    items: Vec<serde_json::Value>,
}

impl Context for User {
    fn attribute(&self, name: &str) -> Option<Attribute<'_>> {
        Some(match name {
            "user_id" => Attribute::Text("user-7"),
            "email" => Attribute::Text("Ann@Example.com"),
            "groups" => Attribute::List(&self.groups),
            "items" => Attribute::JsonList(&self.items),
            "credit_balance" => Attribute::Millionths(12_500_000),
            "ratio" => Attribute::Float(0.1),
            "created_at" => Attribute::Time(1_700_000_000_000_000),
            "joined" => Attribute::Text("2026-01-31T12:00:00Z"),
            "version" => Attribute::Text("1.2.3-beta.1"),
            "address" => Attribute::Text("10.1.2.3"),
            "company" => Attribute::Integer(-42),
            "email_verified" => Attribute::Boolean(true),
            _ => return None,
        })
    }

    fn assignment(&self, _flag: &str, _rule: &str) -> Option<&str> {
        Some("on")
    }
}

#[test]
fn an_evaluation_allocates_nothing() {
    let users: Vec<String> = (0..10_000).map(|n| format!("other-{n}")).collect();
    // Each rule is tried to its end and missed, so that all are.
    let missed =
        |when: serde_json::Value| json!({"when": [when, {"attribute": "none", "op": "exists"}], "serve": true});
    let conditions = [
        json!({"attribute": "email", "op": "=", "value": "ann@example.com", "case_insensitive": true}),
        json!({"attribute": "user_id", "op": "in", "values": users, "negate": true}),
        json!({"attribute": "user_id", "op": "in", "values": users, "negate": true, "case_insensitive": true}),
        json!({"attribute": "email", "op": "contains", "value": "EXAMPLE", "case_insensitive": true}),
        json!({"attribute": "email", "op": "ends_with", "values": ["x", ".COM"], "case_insensitive": true}),
        json!({"attribute": "email", "op": "matches", "value": r"^\w+@[a-z]+\.com$", "case_insensitive": true}),
        json!({"attribute": "groups", "op": "contains", "value": "staff"}),
        json!({"attribute": "items", "op": "in", "values": [1, 2.5, "three"]}),
        json!({"attribute": "credit_balance", "op": ">=", "value": 12.5}),
        json!({"attribute": "ratio", "op": "=", "value": 0.1}),
        json!({"attribute": "created_at", "op": "before", "value": "2026-01-31T12:00:00Z"}),
        json!({"attribute": "joined", "op": "after", "value": "2020-01-31T12:00:00+02:00"}),
        json!({"attribute": "version", "op": "semver_<", "value": "1.2.3"}),
        json!({"attribute": "address", "op": "cidr", "values": ["192.168.0.0/16", "10.0.0.0/8"]}),
        json!({"attribute": "email_verified", "op": "=", "value": true}),
        json!({"segment": "s"}),
    ];
    let mut rules: Vec<_> = conditions.into_iter().map(missed).collect();
    for hash in ["unleash", "growthbook_v1", "growthbook_v2", "launchdarkly"] {
        for unit in ["user_id", "company"] {
            rules.push(json!({"rollout": {"percent": 0, "hash": hash, "unit": unit, "salt": hash}, "serve": true}));
            rules.push(json!({"rollout": {"percent": 0, "hash": hash, "unit": unit}, "serve": {"on": 1, "off": 2}}));
        }
    }
    let file = json!({
        "flags": [
            {"key": "f", "prerequisites": [{"flag": "parent", "value": true}], "holdouts": ["s"],
             "overrides": {"nobody": true}, "rules": rules},
            {"key": "parent", "rules": [{"exclusion": {"group": "g", "from": 0, "to": 100}, "serve": {"on": 1}}]},
            {"key": "sticky", "rules": [{"sticky": true, "rollout": {"percent": 0}, "serve": true}]},
            {"key": "object", "type": "object", "variants": {"x": {"a": [1]}}, "default": "x"}],
        "segments": [{"key": "s", "users": users, "rollout": {"percent": 0.001},
            "when": [{"attribute": "email", "op": "starts_with", "value": "Ann"}]}]});
    let file = parse(&file.to_string()).unwrap();
    let sources = file.flags.iter().map(|definition| Source { definition, salt: "k3v9" });
    let set = FlagSet::compile(sources, &file.segments).unwrap();
    let user = User { groups: vec!["staff".to_owned()], items: vec![json!(2.5), json!("x")] };

    let mut answers = 0;
    let counted = allocation_counter::measure(|| {
        for now_us in [0, 1_767_225_600_000_000] {
            let answer = set.evaluate("f", &user, now_us).unwrap();
            assert!(!answer.enabled && answer.rule.is_none());
            answers += set.evaluate_all(&user, now_us).filter(|(_, answer)| answer.enabled).count();
        }
    });
    assert_eq!(counted.count_total, 0);
    // The parent and the sticky one.
    assert_eq!(answers, 4);
    // The counter counts.
    assert!(allocation_counter::measure(|| drop(set.explain("f", &user, 0))).count_total > 0);
}
