//! Who a rule takes: exclusion groups, holdouts, sticky rules, units, other hashes.

use crate::{NEW_YEAR_US, Person, line, object, set};
use osaycore_flags::{BUCKETS, FlagSet, RuleOutcome};
use serde_json::{Value as Json, json};

fn person(id: &str) -> Person {
    Person { attributes: object(json!({ "user_id": id })), ..Person::default() }
}

fn answer(set: &FlagSet, key: &str, person: &Person) -> String {
    line(&set.evaluate(key, person, NEW_YEAR_US).unwrap())
}

#[test]
fn nobody_is_in_two_flags_of_a_group() {
    let flag = |key: &str, from: u32, to: u32| {
        json!({"key": key, "rules": [{"name": "test", "serve": true,
            "exclusion": {"group": "checkout", "from": from, "to": to}, "rollout": {"percent": 50}}]})
    };
    let set = set(&json!({"flags": [flag("a", 0, 40), flag("b", 40, 90)]}));
    let (mut a, mut b) = (0, 0);
    for n in 0..4_000 {
        let person = person(&format!("user-{n}"));
        let on = |key: &str| set.evaluate(key, &person, NEW_YEAR_US).unwrap().enabled;
        assert!(!(on("a") && on("b")));
        a += u32::from(on("a"));
        b += u32::from(on("b"));
    }
    // 20 % and 25 % of 4,000, give or take 4 σ (101, 110).
    assert!((699..=901).contains(&a) && (890..=1_110).contains(&b), "{a} {b}");
}

#[test]
fn who_is_held_out_gets_the_default_but_for_overrides() {
    let set = set(&json!({
        "flags": [
            {"key": "a", "holdouts": ["quarter"], "overrides": {"special": true}, "rules": [{"serve": true}]},
            {"key": "b", "holdouts": ["quarter"], "rules": [{"serve": true}]}],
        "segments": [{"key": "quarter", "rollout": {"percent": 5}, "users": ["listed", "special"]}]}));
    let mut held_out = 0;
    for n in 0..4_000 {
        let person = person(&format!("user-{n}"));
        let one = answer(&set, "a", &person);
        assert_eq!(one, answer(&set, "b", &person));
        held_out += u32::from(one == "off DEFAULT");
    }
    // 5 % of 4,000, give or take 4 σ (55).
    assert!((145..=255).contains(&held_out), "{held_out}");
    assert_eq!(answer(&set, "a", &person("listed")), "off DEFAULT");
    assert_eq!(answer(&set, "a", &person("special")), "on TARGETING_MATCH");
    let listed = person("listed");
    let explanation = set.explain("a", &listed, NEW_YEAR_US).unwrap();
    assert_eq!(explanation.sentence, "`a` is `off` because segment `quarter` is held out.");
    assert_eq!(explanation.holdout, Some("quarter"));
    assert_eq!(explanation.rules[0].outcome, RuleOutcome::NotTried);
}

#[test]
fn once_seen_always_seen() {
    let file = |percent: u32, weights: Json| {
        json!({"flags": [{"key": "f", "type": "string", "variants": {"old": "o", "blue": "b", "green": "g"},
            "default": "old", "rules": [{"name": "test", "sticky": true, "rollout": {"percent": percent},
            "when": [{"attribute": "country", "op": "=", "value": "de"}], "serve": weights}]}]})
    };
    let wide = set(&file(100, json!({"blue": 1, "green": 1})));
    let narrow = set(&file(0, json!({"green": 1})));
    let mut person = person("u-1");
    person.attributes.insert("country".to_owned(), json!("de"));
    let seen = wide.evaluate("f", &person, NEW_YEAR_US).unwrap();
    assert!(seen.sticky && seen.enabled);
    assert_eq!(answer(&narrow, "f", &person), "old DEFAULT");

    let place = ("f".to_owned(), seen.rule.unwrap().to_owned());
    person.assignments.insert(place.clone(), "blue".to_owned());
    assert_eq!(answer(&narrow, "f", &person), "blue SPLIT test");
    let explanation = narrow.explain("f", &person, NEW_YEAR_US).unwrap();
    assert_eq!(explanation.rules[0].outcome, RuleOutcome::Assigned);

    // For as long as its conditions hold and the variant is there.
    person.attributes.insert("country".to_owned(), json!("fr"));
    assert_eq!(answer(&narrow, "f", &person), "old DEFAULT");
    person.attributes.insert("country".to_owned(), json!("de"));
    person.assignments.insert(place, "gone".to_owned());
    assert_eq!(answer(&narrow, "f", &person), "old DEFAULT");
}

#[test]
fn a_set_names_its_flags_with_sticky_rules() {
    let rule = |sticky: bool| json!([{"name": "r", "sticky": sticky, "rollout": {"percent": 5}, "serve": true}]);
    let set = set(&json!({"flags": [
        {"key": "b", "rules": rule(true)}, {"key": "plain", "rules": rule(false)},
        {"key": "inactive", "active": false, "rules": rule(true)}, {"key": "a", "enabled": false, "rules": rule(true)}]}));
    assert_eq!(set.sticky().collect::<Vec<_>>(), ["a", "b"]);
}

#[test]
fn the_first_unit_that_is_there_counts() {
    let set = set(&json!({"flags": [{"key": "f", "rules": [
        {"name": "r", "rollout": {"percent": 100, "unit": ["user_id", "session"]}, "serve": true}]}]}));
    for (context, unit) in [
        (json!({"user_id": "u", "session": "s"}), Some("user_id")),
        (json!({"user_id": "", "session": "s"}), Some("session")),
        (json!({"session": 7}), Some("session")),
        (json!({}), None),
    ] {
        let person = Person { attributes: object(context), ..Person::default() };
        assert_eq!(set.evaluate("f", &person, NEW_YEAR_US).unwrap().enabled, unit.is_some());
        let explanation = set.explain("f", &person, NEW_YEAR_US).unwrap();
        let rollout = explanation.rules[0].rollout.as_ref().unwrap();
        assert_eq!(rollout.unit, unit.unwrap_or("user_id"));
        let missed = "Missed: the user has no `user_id` or `session` that could be a unit.";
        assert_eq!(explanation.rules[0].sentence == missed, unit.is_none());
    }
}

/// Widening keeps everybody in their variant, whatever the hash.
#[test]
fn one_line_for_share_and_weights() {
    for hash in ["unleash", "growthbook_v1", "growthbook_v2", "launchdarkly"] {
        let with_percent = |percent: u32| {
            set(&json!({"flags": [{"key": "f", "type": "string", "default": "old",
                "variants": {"old": "o", "blue": "b", "green": "g"},
                "rules": [{"rollout": {"percent": percent, "hash": hash}, "serve": {"blue": 1, "green": 3}}]}]}))
        };
        let sets: Vec<_> = [0, 20, 50, 100].into_iter().map(|p| (p, with_percent(p))).collect();
        let mut taken = [0_u32; 4];
        let mut blue = 0_u32;
        for n in 0..4_000 {
            let person = person(&format!("user-{n}"));
            let mut last = None;
            for (index, (_, set)) in sets.iter().enumerate() {
                let answer = set.evaluate("f", &person, NEW_YEAR_US).unwrap();
                let variant = answer.variant.filter(|_| answer.enabled);
                assert!(last.is_none() || variant == last, "{hash} {n}");
                last = variant;
                taken[index] += u32::from(variant.is_some());
            }
            assert!(last.is_some());
            blue += u32::from(last == Some("blue"));
        }
        // 800 and 2,000 of 4,000, a quarter in blue, give or take 4 σ (101, 126, 110).
        assert!(taken[0] == 0 && taken[3] == 4_000, "{hash} {taken:?}");
        assert!((699..=901).contains(&taken[1]) && (1_874..=2_126).contains(&taken[2]), "{hash} {taken:?}");
        assert!((890..=1_110).contains(&blue), "{hash} {blue}");
    }
}

#[test]
fn every_bucket_is_explained_as_it_is_evaluated() {
    for hash in ["unleash", "growthbook_v1", "growthbook_v2", "launchdarkly"] {
        let set = set(&json!({"flags": [{"key": "f", "rules": [
            {"rollout": {"percent": 30, "hash": hash}, "serve": true}]}]}));
        for n in 0..500 {
            let person = person(&format!("user-{n}"));
            let on = set.evaluate("f", &person, NEW_YEAR_US).unwrap().enabled;
            let explanation = set.explain("f", &person, NEW_YEAR_US).unwrap();
            let rollout = explanation.rules[0].rollout.as_ref().unwrap();
            let bucket = rollout.bucket.unwrap();
            assert!(bucket < BUCKETS);
            assert_eq!(bucket < rollout.threshold, on);
        }
    }
}

#[test]
fn a_long_list_is_searched_as_a_short_one() {
    let users: Vec<String> = (0..10_000).map(|n| format!("user-{n}")).collect();
    let set = set(&json!({
        "flags": [
            {"key": "listed", "rules": [{"when": [{"attribute": "user_id", "op": "in", "values": users}], "serve": true}]},
            {"key": "folded", "rules": [{"when": [
                {"attribute": "user_id", "op": "in", "values": users, "case_insensitive": true}], "serve": true}]},
            {"key": "segment", "rules": [{"when": [{"segment": "s"}], "serve": true}]}],
        "segments": [{"key": "s", "users": users}]}));
    for (id, listed, folded) in
        [("user-0", true, true), ("user-9999", true, true), ("user-10000", false, false), ("USER-7", false, true)]
    {
        let person = person(id);
        let on = |key: &str| set.evaluate(key, &person, NEW_YEAR_US).unwrap().enabled;
        assert_eq!((on("listed"), on("segment"), on("folded")), (listed, listed, folded), "{id}");
    }
}

/// The first bucket of a part is in it, the first after it is not.
#[test]
fn borders_of_a_part() {
    let bucket = osaycore_flags::bucket("g", "u-1");
    let percent = |bucket: u32| f64::from(bucket) / 1000.0;
    for (from, to, expected) in [
        (bucket, bucket + 1, true),
        (bucket - 1, bucket, false),
        (bucket + 1, bucket + 2, false),
        (0, bucket + 1, true),
        (bucket, BUCKETS, true),
    ] {
        let set = set(&json!({"flags": [{"key": "f", "rules": [
            {"exclusion": {"group": "g", "from": percent(from), "to": percent(to)}, "serve": true}]}]}));
        assert_eq!(set.evaluate("f", &person("u-1"), NEW_YEAR_US).unwrap().enabled, expected, "{from} {to}");
    }
}

/// GrowthBook takes who is exactly on the border: of seed `foo`, `ab` is at 0.2575. And of 0 % nobody.
#[test]
fn growthbooks_border() {
    for (percent, unit, expected) in
        [(25.749, "ab", false), (25.75, "ab", true), (0.0, "ab", false), (100.0, "ab", true)]
    {
        let set = set(&json!({"flags": [{"key": "f", "rules": [
            {"rollout": {"percent": percent, "hash": "growthbook_v2", "salt": "foo"}, "serve": true}]}]}));
        assert_eq!(set.evaluate("f", &person(unit), NEW_YEAR_US).unwrap().enabled, expected, "{percent}");
    }
}

/// U+212A, the sign of the kelvin, is a `k` without regard to case.
#[test]
fn what_folds_alike_is_found_alike() {
    let values = ["kilo", "mega", "giga", "tera", "peta", "straße", "ÉTÉ"];
    for (text, expected) in [("\u{212a}ilo", true), ("KILO", true), ("STRAßE", true), ("été", true), ("kil", false)]
    {
        for count in [1, 7] {
            let mut listed = values.to_vec();
            listed.rotate_left(values.iter().position(|v| v.to_lowercase() == text.to_lowercase()).unwrap_or(0));
            listed.truncate(count);
            let set = set(&json!({"flags": [{"key": "f", "rules": [{"serve": true, "when": [
                {"attribute": "user_id", "op": "in", "values": listed, "case_insensitive": true}]}]}]}));
            let on = set.evaluate("f", &person(text), NEW_YEAR_US).unwrap().enabled;
            assert_eq!(on, expected, "{text} of {count}");
        }
    }
}
