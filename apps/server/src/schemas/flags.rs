//! Flag files (`docs/flags.md`), what changes between two of them, and why a flag is what it is.

use serde_json::{Value, json};
use utoipa::openapi::{Object, RefOr, Schema};
use utoipa::{PartialSchema, ToSchema};

use super::NO_NUL;

/// Of a flag or a segment.
const KEY: &str = "^[a-z0-9][a-z0-9_.-]{0,99}$";

shared! {
    FlagType: json!({"type": "string", "enum": ["boolean", "string", "integer", "float", "object"]});
    FlagVersionNumber: json!({"type": "integer", "minimum": 0, "maximum": (i64::MAX)});
    FlagAttributes: json!({"type": "object", "examples": [{"country": "de"}]});
    FlagKey: json!({"type": "string", "pattern": KEY, "examples": ["new_ui"]});
    FlagFile: json!({
        "type": "object", "additionalProperties": false,
        "properties": {
            "flags": {"type": "array", "items": of("FlagDefinition")},
            "segments": {"type": "array", "items": of("SegmentDefinition")}
        },
        "description": "Flags and segments; members that hold their default are left out. What the members mean, and which go \
                        together, is in the documentation of flag files.",
        "examples": [{"flags": [{
            "key": "new_ui", "description": "The new layout", "default": false,
            "rules": [
                {"name": "staff", "when": [{"attribute": "role", "op": "in", "values": ["admin", "staff"]}], "serve": true},
                {"name": "some", "rollout": {"percent": 12.5}, "serve": true}
            ]
        }]}]
    });
    FlagDifference: json!({
        "type": "object", "required": ["flags", "segments"],
        "properties": {
            "flags": changes(), "segments": changes(),
            "apps": {
                "type": "array", "description": "Apps with flags of their own to which it makes another difference",
                "items": object(&json!({
                    "app_id": {"type": "string", "format": "uuid"}, "name": {"type": "string"}, "flags": changes(), "segments": changes()
                }))
            }
        },
        "examples": [{"flags": [{"key": "new_ui", "changes": [{
            "rule": "some", "what": "the percentage", "buckets": {"gained": 12_500, "lost": 0, "moved": 0}
        }]}], "segments": []}]
    });
    Explanation: json!({"allOf": [object(&json!({
        "flag": {"type": "string"}, "enabled": {"type": "boolean"}, "value": of("FlagValue"), "variant": optional("string"),
        "reason": of("FlagReason"), "rule": optional("string"), "sentence": {"type": "string"}, "needs": texts(),
        "prerequisites": {"type": "array", "items": of("PrerequisiteExplanation")}, "holdout": optional("string"),
        "rules": {"type": "array", "items": of("RuleExplanation")}
    }))], "examples": [{
        "flag": "new_ui", "enabled": true, "value": true, "variant": "on", "reason": "TARGETING_MATCH", "rule": "staff",
        "sentence": "`new_ui` is `on` because rule `staff` matched.", "needs": [], "prerequisites": [], "holdout": null,
        "rules": [{
            "name": "staff", "outcome": "matched", "exclusion": null, "rollout": null, "needs": [], "sentence": "Matched.",
            "conditions": [{"condition": "role in [\"admin\", \"staff\"]", "actual": "staff", "holds": true, "segment": null}]
        }]
    }]});
}

/// What flag files are made of.
pub(super) fn parts_of_files() -> [(&'static str, Value); 9] {
    [
        (
            "FlagDefinition",
            closed(
                &["key"],
                &json!({
                    "key": of("FlagKey"), "description": optional("string"), "owner": optional("string"), "tags": texts(),
                    "expires_at": time(), "type": of("FlagType"),
                    "active": {"type": "boolean", "default": true}, "enabled": {"type": "boolean", "default": true},
                    "variants": {"type": "object", "additionalProperties": of("AttributeValue"), "propertyNames": {"pattern": NO_NUL}},
                    "default": choice_or_none(), "off": choice_or_none(), "starts_at": time(), "ends_at": time(),
                    "prerequisites": {"type": "array", "items": of("Prerequisite")}, "holdouts": texts(),
                    "overrides": {"type": "object", "additionalProperties": of("Choice")}, "rules": {"type": "array", "items": of("Rule")}
                }),
            ),
        ),
        (
            "Choice",
            json!({"type": ["boolean", "string"], "description": "A value of a boolean flag, or the name of a variant"}),
        ),
        (
            "Prerequisite",
            closed(
                &["flag"],
                &json!({
                    "flag": {"type": "string"}, "value": choice_or_none(), "values": {"type": "array", "items": of("Choice")}
                }),
            ),
        ),
        (
            "Rule",
            closed(
                &["serve"],
                &json!({
                    "name": optional("string"), "when": conditions(), "rollout": or_none(&of("Rollout")),
                    "exclusion": or_none(&closed(&["group", "from", "to"], &json!({
                        "group": {"type": "string"}, "from": of("Percent"), "to": of("Percent"), "unit": or_none(&of("Units"))
                    }))),
                    "sticky": {"type": "boolean"},
                    "serve": {
                        "oneOf": [of("Choice"), {"type": "object", "additionalProperties": {"type": "integer", "minimum": 0}}],
                        "description": "One value, or weights by variant"
                    },
                    "split": or_none(&closed(&[], &json!({"unit": or_none(&of("Units")), "salt": optional("string")}))),
                    "starts_at": time(), "ends_at": time()
                }),
            ),
        ),
        (
            "Condition",
            closed(
                &[],
                &json!({
                    "attribute": optional("string"),
                    "op": {"type": ["string", "null"], "enum": [
                        "=", "!=", "in", "not_in", "contains", "starts_with", "ends_with", "matches", "<", "<=", ">", ">=", "before", "after",
                        "semver_=", "semver_!=", "semver_<", "semver_<=", "semver_>", "semver_>=", "cidr", "exists", null
                    ]},
                    "value": of("AttributeValue"), "values": {"type": ["array", "null"], "items": of("AttributeValue")},
                    "segment": optional("string"), "case_insensitive": {"type": "boolean"}, "negate": {"type": "boolean"}
                }),
            ),
        ),
        (
            "Rollout",
            closed(
                &[],
                &json!({
                    "percent": or_none(&of("Percent")), "unit": or_none(&of("Units")), "salt": optional("string"),
                    "hash": {"type": "string", "enum": ["unleash", "growthbook_v1", "growthbook_v2", "launchdarkly"]},
                    "schedule": {"type": "array", "items": closed(&["at", "percent"], &json!({"at": {"type": "string", "format": "date-time"}, "percent": of("Percent")}))}
                }),
            ),
        ),
        (
            "SegmentDefinition",
            closed(
                &["key"],
                &json!({
                    "key": of("FlagKey"), "when": conditions(), "rollout": or_none(&of("Rollout")), "users": texts()
                }),
            ),
        ),
        ("Percent", json!({"type": "number", "minimum": 0, "maximum": 100, "multipleOf": 0.001})),
        (
            "Units",
            json!({
                "oneOf": [{"type": "string"}, {"type": "array", "minItems": 1, "items": {"type": "string"}}],
                "description": "The attribute that tells people apart, or several of which the first that is there counts"
            }),
        ),
    ]
}

/// What differences and explanations are made of.
pub(super) fn parts_of_answers() -> [(&'static str, Value); 5] {
    [
        (
            "FlagChange",
            object(&json!({
                "key": {"type": "string"},
                "changes": {"type": "array", "items": object(&json!({
                    "rule": optional("string"), "what": {"type": "string"},
                    "buckets": or_none(&object(&json!({"gained": bucket(), "lost": bucket(), "moved": bucket()})))
                }))}
            })),
        ),
        (
            "PrerequisiteExplanation",
            object(&json!({
                "flag": {"type": "string"}, "wanted": texts(), "actual": optional("string"), "met": {"type": "boolean"},
                "prerequisites": {"type": "array", "items": of("PrerequisiteExplanation")}
            })),
        ),
        (
            "RuleExplanation",
            object(&json!({
                "name": {"type": "string"},
                "outcome": {"type": "string", "enum": [
                    "matched", "assigned", "outside_time", "condition_failed", "unit_missing", "excluded", "not_in_rollout", "not_tried"
                ]},
                "conditions": {"type": "array", "items": of("ConditionExplanation")},
                "exclusion": or_none(&object(&json!({
                    "group": {"type": "string"}, "unit": {"type": "string"}, "bucket": optional("integer"), "from": bucket(), "to": bucket()
                }))),
                "rollout": or_none(&of("RolloutExplanation")), "needs": texts(), "sentence": {"type": "string"}
            })),
        ),
        (
            "ConditionExplanation",
            object(&json!({
                "condition": {"type": "string"}, "actual": optional("string"), "holds": {"type": "boolean"},
                "segment": or_none(&object(&json!({
                    "key": {"type": "string"}, "listed": {"type": "boolean"},
                    "conditions": {"type": "array", "items": of("ConditionExplanation")}, "rollout": or_none(&of("RolloutExplanation"))
                })))
            })),
        ),
        (
            "RolloutExplanation",
            object(&json!({
                "unit": {"type": "string"}, "actual": optional("string"), "bucket": optional("integer"), "threshold": bucket()
            })),
        ),
    ]
}

fn of(name: &str) -> Value {
    json!({"$ref": format!("#/components/schemas/{name}")})
}

fn or_none(schema: &Value) -> Value {
    json!({"oneOf": [schema, {"type": "null"}]})
}

fn optional(kind: &str) -> Value {
    json!({"type": [kind, "null"]})
}

fn choice_or_none() -> Value {
    json!({"type": ["boolean", "string", "null"]})
}

fn time() -> Value {
    json!({"type": ["string", "null"], "format": "date-time"})
}

fn texts() -> Value {
    json!({"type": "array", "items": {"type": "string"}})
}

fn conditions() -> Value {
    json!({"type": "array", "items": of("Condition"), "description": "All of which must hold"})
}

fn changes() -> Value {
    json!({"type": "array", "items": of("FlagChange")})
}

/// One of the 100,000, or how many of them.
fn bucket() -> Value {
    json!({"type": "integer", "minimum": 0, "maximum": 100_000})
}

/// An object that is sent: no further members.
fn closed(required: &[&str], properties: &Value) -> Value {
    json!({"type": "object", "additionalProperties": false, "required": required, "properties": properties})
}

/// An object that is answered: every member is there.
fn object(properties: &Value) -> Value {
    let names: Vec<&String> = properties.as_object().into_iter().flat_map(|members| members.keys()).collect();
    json!({"type": "object", "required": names, "properties": properties})
}
