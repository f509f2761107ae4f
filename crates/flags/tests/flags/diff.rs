//! What changes between two versions, and for whom.

use crate::{NEW_YEAR_US, object, set};
use osaycore_flags::{BUCKETS, Percent, bucket};
use proptest::prelude::*;
use serde_json::{Value as Json, json};

fn lines(before: &Json, after: &Json) -> Vec<String> {
    let diff = set(before).diff(&set(after), NEW_YEAR_US);
    diff.segments
        .iter()
        .chain(&diff.flags)
        .flat_map(|c| c.to_string().lines().map(str::to_owned).collect::<Vec<_>>())
        .collect()
}

/// The lines for a flag `f` that changes from the one to the other.
fn of_flag(before: Json, after: Json) -> Vec<String> {
    let file = |members: Json| {
        let mut flag = object(json!({"key": "f"}));
        flag.extend(object(members));
        json!({"flags": [flag, {"key": "other"}],
            "segments": [{"key": "s", "users": ["u"]}, {"key": "t", "users": ["u"]}]})
    };
    lines(&file(before), &file(after))
}

#[test]
fn flags_table() {
    let variants = json!({"a": "1", "b": "2"});
    for (before, after, expected) in [
        (json!({}), json!({"description": "x", "owner": "y"}), vec![]),
        (json!({}), json!({"enabled": false}), vec!["`f`: `enabled` is false"]),
        (json!({}), json!({"active": false}), vec!["`f`: `active` is false"]),
        (json!({}), json!({"default": true}), vec!["`f`: `default` is `on`, not `off`"]),
        (json!({}), json!({"starts_at": "2026-01-01T00:00:00Z"}), vec!["`f`: from 2026-01-01T00:00:00.000000Z"]),
        (json!({}), json!({"prerequisites": [{"flag": "other", "value": true}]}), vec!["`f`: other prerequisites"]),
        (json!({}), json!({"holdouts": ["s"]}), vec!["`f`: `holdouts`: +1 (s)"]),
        (
            json!({"overrides": {"u": true, "v": true}}),
            json!({"overrides": {"u": false, "v": true}}),
            vec!["`f`: `overrides`: +1 (u: off), −1 (u: on)"],
        ),
        (
            json!({"type": "string", "variants": variants, "default": "a"}),
            json!({"type": "string", "variants": {"a": "1", "b": "3"}, "default": "b"}),
            vec!["`f`: `default` is `b`, not `a`", "`f`: `off` is `b`, not `a`", "`f`: variant `b` has another value"],
        ),
    ] {
        assert_eq!(of_flag(before.clone(), after.clone()), expected, "{before} {after}");
        assert!(of_flag(after.clone(), after).is_empty());
    }
}

#[test]
fn rules_table() {
    let one = |members: Json| {
        let mut rule = object(json!({"name": "r", "serve": true}));
        rule.extend(object(members));
        json!({ "rules": [rule] })
    };
    let percent = |percent: Json| one(json!({"rollout": {"percent": percent}}));
    let weights = |weights: Json| one(json!({ "serve": weights }));
    let when = |when: Json| one(json!({ "when": [when] }));
    for (before, after, expected) in [
        (percent(json!(5)), percent(json!(10)), "the percentage: +5,000 of 100,000 buckets, none lose it"),
        (percent(json!(10)), percent(json!(9.999)), "the percentage: +0 of 100,000 buckets, 1 lose it"),
        (one(json!({})), percent(json!(10)), "the percentage: +0 of 100,000 buckets, 90,000 lose it"),
        (
            percent(json!(10)),
            one(json!({"rollout": {"percent": 10, "salt": "x"}})),
            "the rollout has another salt, unit or hash: everybody is spread anew",
        ),
        (
            percent(json!(10)),
            one(json!({"rollout": {"percent": 10, "schedule": [{"at": "2026-02-01T00:00:00Z", "percent": 50}]}})),
            "another schedule, the same now",
        ),
        (one(json!({})), one(json!({"serve": false})), "serves `off`, not `on`"),
        (
            weights(json!({"off": 50, "on": 50})),
            weights(json!({"off": 40, "on": 60})),
            "the weights: +0 of 100,000 buckets, none lose it, 10,000 get another variant",
        ),
        (
            weights(json!({"off": 50, "on": 50})),
            weights(json!({"off": 50, "on": 51})),
            "the weights have another sum: everybody is spread anew",
        ),
        (when(json!({"attribute": "x", "op": "=", "value": 1})), one(json!({})), "no longer asks for `x = 1`"),
        (
            when(json!({"attribute": "user_id", "op": "in", "values": ["a", "b"]})),
            when(json!({"attribute": "user_id", "op": "in", "values": ["b", "c", "d"]})),
            "`user_id`: +2 (c, d), −1 (a)",
        ),
        (
            when(json!({"segment": "s"})),
            when(json!({"segment": "t"})),
            "asks for `in segment t`\n`f`: rule `r`: no longer asks for `in segment s`",
        ),
        (
            one(json!({"exclusion": {"group": "g", "from": 0, "to": 30}})),
            one(json!({"exclusion": {"group": "g", "from": 10, "to": 50}})),
            "the part of the group: +20,000 of 100,000 buckets, 10,000 lose it",
        ),
        (json!({}), percent(json!(7)), "added: +7,000 of 100,000 buckets, none lose it"),
        (percent(json!(7)), json!({}), "removed: +0 of 100,000 buckets, 7,000 lose it"),
    ] {
        let actual = of_flag(before.clone(), after.clone()).join("\n");
        assert_eq!(actual, format!("`f`: rule `r`: {expected}"), "{before} {after}");
    }
}

#[test]
fn sets() {
    let segment = |users: Json| json!({"key": "s", "users": users});
    let flag = json!({"key": "f", "rules": [{"name": "r", "when": [{"segment": "t"}], "serve": true}]});
    let file =
        |users: Json| json!({"flags": [flag], "segments": [segment(users), {"key": "t", "when": [{"segment": "s"}]}]});
    assert_eq!(
        lines(&file(json!(["a"])), &file(json!(["a", "b"]))),
        ["`s`: `users`: +1 (b)", "`f`: segment `s` changed"]
    );
    assert_eq!(lines(&json!({"flags": []}), &json!({"flags": [{"key": "f"}]})), ["`f`: added"]);
    assert_eq!(lines(&json!({"flags": [{"key": "f"}]}), &json!({"flags": []})), ["`f`: removed"]);
    let two = |a: &str, b: &str| {
        let rule = |name: &str| json!({"name": name, "serve": true, "when": [{"attribute": name, "op": "exists"}]});
        json!({"flags": [{"key": "f", "rules": [rule(a), rule(b)]}]})
    };
    assert_eq!(lines(&two("x", "y"), &two("y", "x")), ["`f`: the rules have another order"]);
}

proptest! {
    #[test]
    fn exactly_those_buckets_change(p in 0..=BUCKETS, q in 0..=BUCKETS, ids in proptest::collection::vec("[a-z0-9]{1,12}", 30)) {
        let with = |thousandths: u32| {
            let percent = serde_json::to_value(Percent::from_thousandths(thousandths).unwrap()).unwrap();
            set(&json!({"flags": [{"key": "f", "rules": [{"rollout": {"percent": percent}, "serve": true}]}]}))
        };
        let (before, after) = (with(p), with(q));
        let diff = before.diff(&after, NEW_YEAR_US);
        let buckets = diff.flags.first().and_then(|flag| flag.changes.first()).and_then(|change| change.buckets);
        let (gained, lost) = buckets.map_or((0, 0), |buckets| (buckets.gained, buckets.lost));
        prop_assert_eq!((gained, lost), (q.saturating_sub(p), p.saturating_sub(q)));
        for id in ids {
            let context = object(json!({ "user_id": id }));
            let on = |set: &osaycore_flags::FlagSet| set.evaluate("f", &context, NEW_YEAR_US).unwrap().enabled;
            let bucket = bucket(crate::SALT, &id);
            prop_assert_eq!(on(&before) != on(&after), (p.min(q)..p.max(q)).contains(&bucket));
        }
    }
}
