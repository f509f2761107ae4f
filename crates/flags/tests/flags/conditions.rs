//! Every operator, one row per meaning.

use crate::{NEW_YEAR_US, object, set};
use osaycore_flags::{Attribute, Context};
use serde_json::{Value as Json, json};

fn holds(condition: &Json, context: &(impl Context + ?Sized)) -> bool {
    let set = set(&json!({"flags": [{"key": "f", "rules": [{"when": [condition], "serve": true}]}]}));
    set.evaluate("f", context, NEW_YEAR_US).unwrap().enabled
}

#[test]
fn operator_table() {
    let list = json!(["admins", "Staff"]);
    for (actual, op, value, expected) in [
        (json!("de"), "=", json!("de"), true),
        (json!("De"), "=", json!("de"), false),
        (json!(5), "=", json!(5), true),
        (json!(5), "=", json!(5.0), true),
        (json!("5"), "=", json!(5), true),
        (json!(5), "=", json!("5"), false),
        (json!(true), "=", json!(true), true),
        (json!(true), "=", json!(false), false),
        (json!("true"), "=", json!(true), false),
        (json!("de"), "!=", json!("fr"), true),
        (json!("de"), "!=", json!("de"), false),
        (json!(null), "=", json!("de"), false),
        (json!(null), "!=", json!("de"), true),
        (json!({"a": 1}), "!=", json!("de"), true),
        (json!("de"), "in", json!(["fr", "de"]), true),
        (json!("de"), "in", json!(["fr", 1]), false),
        (json!("de"), "not_in", json!(["fr"]), true),
        (json!(null), "not_in", json!(["fr"]), true),
        (json!(0.1), "in", json!([0.1, 0.2]), true),
        (json!(5), "in", json!([5, 4, 3, 2, 1]), true),
        (json!(1), "in", json!([5, 4, 3, 2, 1]), true),
        (list.clone(), "in", json!(["admins"]), true),
        (list.clone(), "not_in", json!(["admins"]), false),
        (list.clone(), "=", json!("Staff"), true),
        (list.clone(), "contains", json!("admins"), true),
        (list.clone(), "contains", json!("admin"), false),
        (list.clone(), "starts_with", json!("admin"), true),
        (json!("a@example.org"), "contains", json!("@ex"), true),
        (json!("a@example.org"), "contains", json!(["x@", "@e"]), true),
        (json!("a@example.org"), "starts_with", json!("a@"), true),
        (json!("a@example.org"), "ends_with", json!(".org"), true),
        (json!("a@example.org"), "ends_with", json!(".com"), false),
        (json!(5), "contains", json!("5"), false),
        (json!(999.999_999), "<", json!(1000), true),
        (json!(1000), "<", json!(1000), false),
        (json!(1000), "<=", json!(1000), true),
        (json!("1000.5"), ">", json!(1000), true),
        (json!("1e9"), ">", json!(1000), false),
        (json!(i64::MAX), ">", json!(i64::MAX - 1), true),
        (json!(0.1), ">=", json!(0.1), true),
        (json!(0.3), "<=", json!(0.300_000_000_000_000_04), true),
        (json!(true), ">", json!(0), false),
        (json!(null), "<", json!(0), false),
        (json!("2026-01-01T00:00:00Z"), "before", json!("2026-01-01T01:00:00+00:30"), true),
        (json!("2026-01-01T00:30:00Z"), "before", json!("2026-01-01T01:00:00+00:30"), false),
        (json!("2026-01-01T00:30:00.000001Z"), "after", json!("2026-01-01T00:30:00Z"), true),
        (json!("yesterday"), "before", json!("2026-01-01T00:30:00Z"), false),
        (json!("1.10.0"), "semver_>", json!("1.9.0"), true),
        (json!("1.0.0-rc.1"), "semver_<", json!("1.0.0"), true),
        (json!("1.0.0+b1"), "semver_=", json!("1.0.0"), true),
        (json!("1.0.0"), "semver_!=", json!("1.0.0"), false),
        (json!("1.0"), "semver_=", json!("1.0.0"), false),
        (json!("1.0"), "semver_!=", json!("1.0.0"), true),
        (json!("1.0.0"), "semver_<=", json!("1.0.0"), true),
        (json!("1.0.0"), "semver_>=", json!("1.0.1"), false),
        (json!("10.1.2.3"), "cidr", json!("10.0.0.0/8"), true),
        (json!("11.1.2.3"), "cidr", json!("10.0.0.0/8"), false),
        (json!("11.1.2.3"), "cidr", json!(["10.0.0.0/8", "11.1.2.3"]), true),
        (json!("::ffff:10.1.2.3"), "cidr", json!("10.0.0.0/8"), true),
        (json!("10.1.2.3"), "cidr", json!("::ffff:10.0.0.0/104"), true),
        (json!("1.2.3.4"), "cidr", json!("0.0.0.0/0"), true),
        (json!("::1"), "cidr", json!("0.0.0.0/0"), false),
        (json!("2001:db8::1"), "cidr", json!("2001:db8::/32"), true),
        (json!("2001:db9::1"), "cidr", json!("2001:db8::/32"), false),
        (json!("host"), "cidr", json!("::/0"), false),
    ] {
        let member = if value.is_array() { "values" } else { "value" };
        let condition = json!({"attribute": "x", "op": op, member: value});
        let negated = json!({"attribute": "x", "op": op, member: value, "negate": true});
        let context = object(json!({ "x": actual }));
        assert_eq!(holds(&condition, &context), expected, "{actual} {condition}");
        assert_eq!(holds(&negated, &context), !expected, "{actual} {negated}");
    }
}

#[test]
fn case_table() {
    for (actual, op, value, expected) in [
        (json!("ÄRGER"), "=", json!("ärger"), true),
        (json!("ärger"), "=", json!("ÄRGER"), true),
        (json!("xÄRger"), "contains", json!("äR"), true),
        (json!("ÄRGER"), "starts_with", json!("är"), true),
        (json!("ÄRGER"), "ends_with", json!("Er"), true),
        (json!("ÄRGER"), "ends_with", json!("ra"), false),
        (json!("B"), "in", json!(["c", "A", "b"]), true),
        (json!("D"), "in", json!(["c", "A", "b"]), false),
        (json!(["ADMIN"]), "contains", json!("admin"), true),
        (json!(["ADMINS"]), "contains", json!("admin"), false),
    ] {
        let member = if value.is_array() { "values" } else { "value" };
        let condition = json!({"attribute": "x", "op": op, member: value, "case_insensitive": true});
        let context = object(json!({ "x": actual }));
        assert_eq!(holds(&condition, &context), expected, "{actual} {condition}");
    }
}

#[test]
fn exists() {
    let condition = json!({"attribute": "x", "op": "exists"});
    for (context, expected) in [
        (json!({"x": ""}), true),
        (json!({"x": false}), true),
        (json!({"x": []}), true),
        (json!({"x": null}), false),
        (json!({}), false),
    ] {
        assert_eq!(holds(&condition, &object(context.clone())), expected, "{context}");
    }
}

/// What a stored user has, and JSON does not.
struct Stored {
    groups: Vec<String>,
}

impl Context for Stored {
    fn attribute(&self, name: &str) -> Option<Attribute<'_>> {
        match name {
            "credit_balance" => Some(Attribute::Millionths(100_001)),
            "created_at" => Some(Attribute::Time(NEW_YEAR_US)),
            "groups" => Some(Attribute::List(&self.groups)),
            _ => None,
        }
    }
}

#[test]
fn stored_attributes() {
    let stored = Stored { groups: Vec::from(["a".to_owned(), "b".to_owned()]) };
    for (condition, expected) in [
        (json!({"attribute": "credit_balance", "op": "=", "value": 0.100_001}), true),
        (json!({"attribute": "credit_balance", "op": ">", "value": 0.1}), true),
        (json!({"attribute": "credit_balance", "op": ">", "value": 0.100_001}), false),
        (json!({"attribute": "created_at", "op": "before", "value": "2026-01-01T00:00:00.000001Z"}), true),
        (json!({"attribute": "created_at", "op": "after", "value": "2026-01-01T00:00:00Z"}), false),
        (json!({"attribute": "groups", "op": "in", "values": ["b", "z"]}), true),
        (json!({"attribute": "groups", "op": "contains", "value": "z"}), false),
    ] {
        assert_eq!(holds(&condition, &stored), expected, "{condition}");
    }
    let set = set(&json!({"flags": [{"key": "f", "rules": [{"serve": true, "when": [
        {"attribute": "credit_balance", "op": "<", "value": 0},
        {"attribute": "created_at", "op": "exists"}, {"attribute": "groups", "op": "exists"}]}]}]}));
    let explanation = set.explain("f", &stored, NEW_YEAR_US).unwrap();
    let actual: Vec<_> = explanation.rules[0].conditions.iter().map(|c| c.actual.clone().unwrap()).collect();
    assert_eq!(actual, ["0.100001", "2026-01-01T00:00:00.000000Z", "[a, b]"]);
}
