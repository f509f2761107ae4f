//! Everything that is refused, with flag, rule and what.

use crate::compile;
use serde_json::{Value as Json, json};

/// The faults of a file, by line.
fn faults(text: &str) -> String {
    let file = match osaycore_flags::parse(text) {
        Err(fault) => return fault.to_string(),
        Ok(file) => file,
    };
    let faults = compile(&file).map_or_else(|faults| faults, |_| Vec::new());
    faults.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n")
}

#[test]
fn files_that_do_not_read() {
    for (text, expected) in [
        ("", "EOF while parsing a value at line 1 column 0"),
        ("[]", "`file` must be an object"),
        (r#"{"flags": [["a"]]}"#, "`file.flags[0]` must be an object"),
        (
            r#"{"flags": [{"key": "a", "rules": [{"serve": true, "rollout": [5]}]}]}"#,
            "`file.flags[0].rules[0].rollout` must be an object",
        ),
        (r#"{"flags": []} x"#, "trailing characters"),
        (r#"{"flag": []}"#, "unknown field `flag`"),
        (r#"{"flags": [{"key": "a", "colour": 1}]}"#, "flag `a`: `colour`: unknown field `colour`"),
        (r#"{"flags": [{}]}"#, "flag `flags[0]`: missing field `key`"),
        (r#"{"flags": [{"key": "A"}]}"#, "flag `A`: `key`: a key has 1 to 100 characters"),
        (r#"{"flags": [{"key": "a", "type": "text"}]}"#, "flag `a`: `type`: unknown variant `text`"),
        (r#"{"flags": [{"key": "a", "enabled": "yes"}]}"#, "flag `a`: `enabled`: invalid type"),
        (
            r#"{"flags": [{"key": "a", "default": 1}]}"#,
            "flag `a`: `default`: invalid type: integer `1`, expected true, false or the name of a variant",
        ),
        (
            r#"{"flags": [{"key": "a", "rules": [{"name": "r", "serve": true, "if": 1}]}]}"#,
            "flag `a`, rule `r`: `if`: unknown field `if`",
        ),
        (
            r#"{"flags": [{"key": "a", "rules": [{"serve": true}, {}]}]}"#,
            "flag `a`, rule `rule 2`: missing field `serve`",
        ),
        (
            r#"{"flags": [{"key": "a", "rules": [{"serve": true, "when": [{"attribute": "x", "op": "~"}]}]}]}"#,
            "flag `a`, rule `rule 1`: `when[0].op`: unknown variant `~`",
        ),
        (
            r#"{"flags": [{"key": "a", "rules": [{"serve": {"on": -1}}]}]}"#,
            "flag `a`, rule `rule 1`: `serve.on`: invalid value",
        ),
        (r#"{"flags": [{"key": "a", "rules": [{"serve": {"on": 1, "on": 2}}]}]}"#, "duplicate member `on`"),
        (r#"{"flags": [{"key": "a", "overrides": {"u": true, "u": false}}]}"#, "duplicate member `u`"),
        (
            r#"{"flags": [{"key": "a", "rules": [{"serve": true, "rollout": {"percent": 100.001}}]}]}"#,
            "`rollout.percent`: 100.001 is no percentage from 0 to 100 with up to three decimals",
        ),
        (
            r#"{"flags": [{"key": "a", "rules": [{"serve": true, "rollout": {"percent": 0.0001}}]}]}"#,
            "is no percentage",
        ),
        (r#"{"flags": [{"key": "a", "rules": [{"serve": true, "rollout": {"percent": -1}}]}]}"#, "is no percentage"),
        (r#"{"segments": [{"key": "s", "users": [1]}]}"#, "segment `s`: `users[0]`: invalid type"),
    ] {
        let actual = faults(text);
        assert!(actual.contains(expected), "{text}\n{actual}\n{expected}");
    }
}

fn of_condition(condition: &Json) -> String {
    faults(&json!({"flags": [{"key": "a", "rules": [{"name": "r", "when": [condition], "serve": true}]}]}).to_string())
}

#[test]
fn conditions() {
    for (condition, expected) in [
        (json!({}), "a condition has `attribute` and `op`, or `segment`"),
        (json!({"attribute": "x"}), "a condition has `attribute` and `op`, or `segment`"),
        (json!({"attribute": "", "op": "exists"}), "`attribute` is empty"),
        (json!({"segment": "none"}), "unknown segment `none`"),
        (json!({"segment": "s", "op": "="}), "a condition on segment `s` takes `negate` and no more"),
        (json!({"attribute": "x", "op": "="}), "`x` `=`: takes `value`"),
        (json!({"attribute": "x", "op": "=", "values": [1]}), "`x` `=`: takes `value`"),
        (json!({"attribute": "x", "op": "in", "value": 1}), "`x` `in`: takes `values`"),
        (json!({"attribute": "x", "op": "in", "values": []}), "`x` `in`: `values` is empty"),
        (json!({"attribute": "x", "op": "in", "values": [{}]}), "`x` `in`: {} is no text, number or boolean"),
        (
            json!({"attribute": "x", "op": "contains", "value": "a", "values": ["b"]}),
            "`x` `contains`: takes either `value` or `values`",
        ),
        (json!({"attribute": "x", "op": "contains", "value": ""}), "the empty text is part of every text"),
        (json!({"attribute": "x", "op": "contains", "value": 5}), "`x` `contains`: 5 is no text"),
        (json!({"attribute": "x", "op": "exists", "value": true}), "takes neither `value` nor `values`"),
        (json!({"attribute": "x", "op": "matches", "value": "(a"}), "`x` `matches`: \"(a\" is no regular expression"),
        (json!({"attribute": "x", "op": "matches", "value": "(a|b)*a(a|b){20}"}), "is too large"),
        (json!({"attribute": "x", "op": "matches", "values": vec!["a"; 17]}), "more than 16 regular expressions"),
        (json!({"attribute": "x", "op": "matches", "value": 5}), "5 is no text"),
        (json!({"attribute": "x", "op": "<", "value": "5"}), "`x` `<`: `value` must be a number"),
        (json!({"attribute": "x", "op": "<", "value": 1e-19}), "has more than 18 decimals"),
        (json!({"attribute": "x", "op": "<", "value": 1e21}), "is beyond"),
        (json!({"attribute": "x", "op": "before", "value": "2026-02-30T00:00:00Z"}), "must be an RFC 3339 time"),
        (json!({"attribute": "x", "op": "after", "value": 5}), "must be an RFC 3339 time"),
        (json!({"attribute": "x", "op": "semver_>", "value": "1.2"}), "must be a semantic version"),
        (json!({"attribute": "x", "op": "cidr", "value": "10.0.0.0/33"}), "is no address or network"),
        (json!({"attribute": "x", "op": "cidr", "value": "10.0.0.0/+8"}), "is no address or network"),
        (
            json!({"attribute": "x", "op": "<", "value": 1, "case_insensitive": true}),
            "`case_insensitive` is for comparing texts",
        ),
        (json!({"attribute": "credit_balance", "op": "=", "value": "5"}), "`credit_balance` `=`: \"5\" is no number"),
        (json!({"attribute": "credit_balance", "op": "contains", "value": "5"}), "`credit_balance` is a number; use"),
        (
            json!({"attribute": "created_at", "op": "<", "value": 5}),
            "`created_at` is a time; use `before`, `after` or `exists`",
        ),
        (json!({"attribute": "groups", "op": ">", "value": 5}), "`groups` is a list of texts; use"),
        (json!({"attribute": "email", "op": "before", "value": "2026-01-01T00:00:00Z"}), "`matches` or `exists`"),
        (json!({"attribute": "email_verified", "op": "=", "value": "true"}), "\"true\" is no boolean"),
        (json!({"attribute": "role", "op": "in", "values": ["a", 5]}), "5 is no text"),
    ] {
        let actual = of_condition(&condition);
        assert!(actual.starts_with("flag `a`, rule `r`: `when[0]`: "), "{condition}\n{actual}");
        assert!(actual.contains(expected), "{condition}\n{actual}\n{expected}");
        assert!(!actual.contains('\n'), "{actual}");
    }
}

#[test]
fn flags() {
    let of_flag = |members: Json| {
        let mut flag = crate::object(json!({"key": "a"}));
        flag.extend(crate::object(members));
        faults(&json!({"flags": [flag]}).to_string())
    };
    let rule = |members: Json| json!({"rules": [members]});
    for (members, expected) in [
        (json!({"default": "maybe"}), "flag `a`: `default`: unknown variant `maybe`"),
        (json!({"off": "maybe"}), "flag `a`: `off`: unknown variant `maybe`"),
        (json!({"variants": {"x": true}}), "flag `a`: a boolean flag has `on` and `off` and takes no `variants`"),
        (json!({"type": "string", "default": "x"}), "`variants` is required"),
        (json!({"type": "string", "variants": {"x": "1"}}), "flag `a`: `default` is required"),
        (json!({"type": "string", "variants": {"x": "1"}, "default": true}), "`default`: true is no variant"),
        (
            json!({"type": "string", "variants": {"x": 1}, "default": "x"}),
            "variant `x`: 1 does not fit the type \"string\"",
        ),
        (json!({"type": "integer", "variants": {"x": 1.5}, "default": "x"}), "does not fit the type \"integer\""),
        (json!({"type": "float", "variants": {"x": "1"}, "default": "x"}), "does not fit the type \"float\""),
        (json!({"type": "object", "variants": {"x": []}, "default": "x"}), "does not fit the type \"object\""),
        (json!({"starts_at": "tomorrow"}), "flag `a`: `starts_at`: \"tomorrow\" is no RFC 3339 time"),
        (
            json!({"starts_at": "2026-01-01T00:00:00Z", "ends_at": "2026-01-01T00:00:00Z"}),
            "flag `a`: `ends_at` is not after `starts_at`",
        ),
        (json!({"overrides": {"u": "x"}}), "flag `a`: override of `u`: unknown variant `x`"),
        (json!({"overrides": {"": true}}), "flag `a`: `overrides` has an empty id"),
        (json!({"prerequisites": [{"flag": "b", "value": true}]}), "flag `a`: prerequisite `b`: unknown flag"),
        (json!({"prerequisites": [{"flag": "a", "value": true}]}), "flag `a`: prerequisites in a circle: a → a"),
        (rule(json!({"serve": "x"})), "flag `a`, rule `rule 1`: `serve`: unknown variant `x`"),
        (rule(json!({"serve": {}})), "flag `a`, rule `rule 1`: `serve`: no weights"),
        (rule(json!({"serve": {"on": 0}})), "`serve`: the weight of `on` is not positive"),
        (rule(json!({"serve": {"on": u64::MAX, "off": 1}})), "`serve`: the weights are too large"),
        (rule(json!({"serve": {"x": 1}})), "`serve`: unknown variant `x`"),
        (rule(json!({"name": "", "serve": true})), "`name` is empty"),
        (rule(json!({"serve": true, "ends_at": "x"})), "flag `a`, rule `rule 1`: `ends_at`: \"x\" is no RFC 3339 time"),
        (rule(json!({"serve": true, "rollout": {}})), "`rollout` needs `percent` or `schedule`"),
        (
            rule(json!({"serve": true, "rollout": {"percent": 5, "unit": "groups"}})),
            "`rollout.unit`: `groups` is a list of texts",
        ),
        (rule(json!({"serve": true, "rollout": {"percent": 5, "unit": ""}})), "`rollout.unit`"),
        (
            rule(json!({"serve": true, "rollout": {"schedule": [{"at": "x", "percent": 5}]}})),
            "`rollout.schedule[0]`: \"x\" is no RFC 3339 time",
        ),
        (
            rule(
                json!({"serve": true, "rollout": {"schedule": [{"at": "2026-01-01T00:00:00Z", "percent": 5}, {"at": "2026-01-01T00:00:00Z", "percent": 6}]}}),
            ),
            "`rollout.schedule[1]` is not later than the one before",
        ),
        (json!({"expires_at": "soon"}), "flag `a`: `expires_at`: \"soon\" is no RFC 3339 time"),
        (json!({"holdouts": ["none"]}), "flag `a`: `holdouts`: unknown segment `none`"),
        (json!({"prerequisites": [{"flag": "a"}]}), "prerequisite `a`: takes either `value` or `values`"),
        (
            rule(json!({"serve": true, "exclusion": {"group": "", "from": 0, "to": 5}})),
            "flag `a`, rule `rule 1`: `exclusion.group` is empty",
        ),
        (
            rule(json!({"serve": true, "exclusion": {"group": "g", "from": 5, "to": 5}})),
            "`exclusion.to` is not above `exclusion.from`",
        ),
        (
            rule(json!({"serve": true, "exclusion": {"group": "g", "from": 0, "to": 5, "unit": ["x", "groups"]}})),
            "`exclusion.unit`: `groups` is a list of texts",
        ),
        (rule(json!({"serve": true, "split": {"salt": "x"}})), "`split` goes with weights"),
        (
            rule(json!({"serve": {"on": 1}, "split": {}, "rollout": {"percent": 5, "hash": "launchdarkly"}})),
            "`split` goes with the hash `unleash` alone",
        ),
        (rule(json!({"serve": true, "sticky": true})), "`sticky` goes with `rollout` or weights"),
        (
            rule(json!({"name": "x".repeat(201), "serve": {"on": 1}, "sticky": true})),
            "is `sticky`: its name and those of the variants may have 200 bytes, none of control",
        ),
        (
            json!({"type": "string", "variants": {"a\u{0}": "1"}, "default": "a\u{0}",
                "rules": [{"serve": {"a\u{0}": 1}, "sticky": true}]}),
            "is `sticky`: its name and those of the variants",
        ),
        (
            json!({"rules": [{"serve": true}, {"name": "late", "serve": false}]}),
            "flag `a`, rule `late`: is never reached: rule `rule 1` before it takes everybody",
        ),
        (
            json!({"rules": [{"when": [{}], "serve": true}, {"serve": false}]}),
            "flag `a`, rule `rule 1`: `when[0]`: a condition has",
        ),
        (
            json!({"rules": [{"name": "r", "serve": {"on": 1}}, {"name": "r", "serve": false}]}),
            "flag `a`, rule `r`: another rule has that name",
        ),
    ] {
        let actual = of_flag(members.clone());
        assert!(actual.contains(expected), "{members}\n{actual}\n{expected}");
        assert!(!actual.contains('\n'), "{members}\n{actual}");
    }
}

#[test]
fn rules_that_nobody_comes_to() {
    let with = |rules: Json| faults(&json!({"flags": [{"key": "a", "rules": rules}]}).to_string());
    let staff = json!({"attribute": "role", "op": "in", "values": ["staff"]});
    let named = json!({"attribute": "role", "op": "not_in", "values": ["staff"]});
    let adult = json!({"attribute": "age", "op": ">=", "value": 18});
    let rollout = |percent: u32| json!({ "percent": percent });
    let taken =
        "flag `a`, rule `rule 2`: is never reached: rule `rule 1` before it takes everybody that this one would";
    for (first, second, expected) in [
        (json!({"when": [staff]}), json!({"when": [staff, adult]}), taken),
        (json!({"when": [adult, staff]}), json!({"when": [staff]}), ""),
        (json!({"when": [staff], "starts_at": "2026-01-01T00:00:00Z"}), json!({"when": [staff]}), ""),
        (json!({"rollout": rollout(30)}), json!({"rollout": rollout(20)}), taken),
        (json!({"rollout": rollout(20)}), json!({"rollout": rollout(30)}), ""),
        (json!({"rollout": rollout(30)}), json!({"rollout": {"percent": 20, "salt": "x"}}), ""),
        // Who was served by it once may be above 30 %.
        (json!({"rollout": rollout(30)}), json!({"rollout": rollout(20), "sticky": true}), ""),
        (json!({"rollout": rollout(100)}), json!({"when": [staff]}), ""),
        (
            json!({"when": [staff, named]}),
            json!({}),
            "flag `a`, rule `rule 1`: is never reached: `role in [\"staff\"]` and `role not_in [\"staff\"]` never hold together",
        ),
    ] {
        let rule = |members: &Json| {
            let mut rule = crate::object(members.clone());
            rule.insert("serve".to_owned(), json!(true));
            Json::Object(rule)
        };
        assert_eq!(with(json!([rule(&first), rule(&second)])), expected, "{first} {second}");
    }
}

#[test]
fn parts_of_a_group_that_overlap() {
    let flag = |key: &str, from: u32, to: u32, unit: &str| {
        json!({"key": key, "rules": [{"name": "r", "serve": true,
            "exclusion": {"group": "g", "from": from, "to": to, "unit": unit}}]})
    };
    for (second, expected) in [
        (flag("b", 50, 100, "user_id"), ""),
        (flag("b", 49, 100, "user_id"), "flag `b`, rule `r`: exclusion group `g`: overlaps with rule `r` of flag `a`"),
        (
            flag("b", 50, 100, "company"),
            "flag `b`, rule `r`: exclusion group `g`: another `unit` than rule `r` of flag `a`",
        ),
    ] {
        assert_eq!(faults(&json!({"flags": [flag("a", 0, 50, "user_id"), second]}).to_string()), expected);
    }
}

#[test]
fn sets() {
    let chain = |length: usize, fan: usize| {
        let parents =
            |n: usize| (1..=fan.min(n)).map(move |back| json!({"flag": format!("f{:04}", n - back), "value": true}));
        let flags: Vec<_> = (0..length)
            .map(|n| json!({"key": format!("f{n:04}"), "prerequisites": parents(n).collect::<Vec<_>>()}))
            .collect();
        json!({ "flags": flags })
    };
    let exists = json!([{"attribute": "x", "op": "exists"}]);
    for (file, expected) in [
        (
            json!({"flags": [{"key": "a"}, {"key": "b"}, {"key": "a"}, {"key": "a"}]}),
            "flag `a`: defined more than once",
        ),
        (
            json!({"segments": [{"key": "s", "users": ["u"]}, {"key": "s", "users": ["u"]}]}),
            "segment `s`: defined more than once",
        ),
        (json!({"segments": [{"key": "s"}]}), "segment `s`: has neither `when` nor `users` nor `rollout`"),
        (json!({"segments": [{"key": "s", "users": [""]}]}), "segment `s`: `users` has an empty id"),
        (
            json!({"segments": [{"key": "s", "when": [{"segment": "t"}]}]}),
            "segment `s`: `when[0]`: unknown segment `t`",
        ),
        (
            json!({"segments": [{"key": "s", "when": [{"segment": "t"}]}, {"key": "t", "when": [{"segment": "s"}]}]}),
            "segment `s`: nested segments in a circle: s → t → s",
        ),
        (
            json!({"flags": [
            {"key": "a", "prerequisites": [{"flag": "b", "value": true}]},
            {"key": "b", "prerequisites": [{"flag": "c", "value": true}]},
            {"key": "c", "prerequisites": [{"flag": "b", "value": true}]}]}),
            "flag `b`: prerequisites in a circle: b → c → b",
        ),
        (
            json!({"flags": [{"key": "a", "prerequisites": [{"flag": "b", "value": "x"}]}, {"key": "b"}]}),
            "flag `a`: prerequisite `b`: `value`: unknown variant `x`",
        ),
        (
            json!({"flags": [{"key": "a", "prerequisites": [{"flag": "b", "value": true}, {"flag": "b", "value": false}]}, {"key": "b"}]}),
            "flag `a`: prerequisite `b`: named more than once",
        ),
        (chain(257, 1), "flag `f0256`: prerequisites lead to more than 256 evaluations"),
        (chain(10, 2), ""),
        (chain(256, 1), ""),
        (json!({"segments": [{"key": "s", "when": exists}]}), ""),
    ] {
        assert_eq!(faults(&file.to_string()), expected, "{file}");
    }
    assert!(faults(&chain(40, 2).to_string()).contains("more than 256 evaluations"));
}

#[test]
fn all_faults_are_named_at_once() {
    let file = json!({"flags": [
        {"key": "a", "default": "x", "rules": [{"serve": "y"}, {"name": "r", "serve": "z"}]},
        {"key": "b", "prerequisites": [{"flag": "c", "value": true}]}]});
    assert_eq!(
        faults(&file.to_string()),
        "flag `a`, rule `rule 1`: `serve`: unknown variant `y`\n\
         flag `a`, rule `r`: `serve`: unknown variant `z`\n\
         flag `a`: `default`: unknown variant `x`\n\
         flag `b`: prerequisite `c`: unknown flag"
    );
}

#[test]
fn a_deep_chain_evaluates() {
    // The deepest allowed, in a test thread's stack of 2 MiB and a debug build.
    let flags: Vec<_> = (0..256)
        .map(|n: usize| {
            let parent = n.checked_sub(1).map(|p| json!({"flag": format!("f{p}"), "value": true}));
            json!({"key": format!("f{n}"), "default": true, "prerequisites": parent.into_iter().collect::<Vec<_>>()})
        })
        .collect();
    let set = crate::set(&json!({ "flags": flags }));
    let nobody = crate::object(json!({}));
    assert!(set.evaluate("f255", &nobody, 0).unwrap().enabled);
    let mut depth = 0;
    let explanation = set.explain("f255", &nobody, 0).unwrap();
    let mut inner = &explanation.prerequisites;
    while let [one] = inner.as_slice() {
        depth += 1;
        inner = &one.prerequisites;
    }
    assert_eq!(depth, 255);
}
