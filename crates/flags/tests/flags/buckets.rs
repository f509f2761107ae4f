//! Rollouts and weights against a second murmur3 and the rules of Unleash.

use crate::{NEW_YEAR_US, SALT, model::murmur3, object, set};
use osaycore_flags::{BUCKETS, bucket};
use proptest::prelude::*;
use serde_json::json;

/// Values of `MurmurHash3_x86_32` as published with its implementations.
#[test]
fn the_reference_is_murmur3() {
    for (text, seed, expected) in [
        ("", 0, 0),
        ("", 1, 0x514e_28b7),
        ("", 0xffff_ffff, 0x81f1_6f39),
        ("test", 0, 0xba6b_d213),
        ("test", 0x9747_b28c, 0x704b_81dc),
        ("Hello, world!", 0, 0xc036_3e43),
        ("Hello, world!", 0x9747_b28c, 0x2488_4cba),
        ("aaaa", 0x9747_b28c, 0x5a97_808a),
        ("abc", 0, 0xb3dd_93fa),
        ("The quick brown fox jumps over the lazy dog", 0, 0x2e4f_f723),
    ] {
        assert_eq!(murmur3(text.as_bytes(), seed), expected, "{text} {seed}");
    }
}

/// Unleash's published pairs: `normalizedStrategyValue("123", "gr1")` is 73 and of ("999",
/// "groupX") 25, where its key is `group:id`.
#[test]
fn unleash_pairs() {
    for (group, id, normalized) in [("gr1", "123", 73), ("groupX", "999", 25)] {
        assert_eq!(bucket(group, id) / 1000 + 1, normalized, "{group}:{id}");
    }
}

proptest! {
    #[test]
    fn equal_to_unleash_at_whole_percents(salt in "\\PC{0,12}", unit in "\\PC{1,40}", percent in 0_u32..=100) {
        let hash = murmur3(format!("{salt}:{unit}").as_bytes(), 0);
        let normalized = hash % 100 + 1;
        prop_assert!(bucket(&salt, &unit) < BUCKETS);
        prop_assert_eq!(normalized <= percent, bucket(&salt, &unit) < percent * 1000);
    }

    #[test]
    fn integers_hash_as_their_digits(unit in any::<i64>()) {
        let set = set(&json!({"flags": [{"key": "f", "rules": [
            {"rollout": {"percent": 50, "unit": "company"}, "serve": true}]}]}));
        let answer = |company| {
            let context = object(json!({ "company": company }));
            set.evaluate("f", &context, NEW_YEAR_US).unwrap().enabled
        };
        prop_assert_eq!(answer(json!(unit)), answer(json!(unit.to_string())));
        prop_assert_eq!(answer(json!(unit)), bucket(SALT, &unit.to_string()) < 50_000);
    }
}

#[test]
fn shares_are_what_they_say() {
    // 0.001 % of all buckets is one; of 20,000 users 5 % are 1,000, give or take 4 σ (123).
    let taken = (0..20_000).filter(|n| bucket("s", &format!("user-{n}")) < 5_000).count();
    assert!((877..=1_123).contains(&taken), "{taken}");
}

#[test]
fn salts_are_independent() {
    // A quarter of 20,000 is in both halves, give or take 4 σ (245).
    let in_half = |salt: &str, n: u32| bucket(salt, &format!("user-{n}")) < 50_000;
    let both = (0..20_000).filter(|n| in_half("one", *n) && in_half("two", *n)).count();
    assert!((4_755..=5_245).contains(&both), "{both}");
}

#[test]
fn weights_hash_with_unleashs_seed_in_the_order_of_the_file() {
    let set = set(&json!({"flags": [{"key": "f", "type": "string",
        "variants": {"b": "1", "a": "2", "off": "3"}, "default": "off",
        "rules": [{"serve": "off", "when": [{"attribute": "no", "op": "exists"}]},
                  {"serve": {"b": 1, "a": 3}}]}]}));
    // The file above passes through a map that sorts, so `a` comes first.
    for n in 0..500 {
        let id = format!("user-{n}");
        let point = murmur3(format!("{SALT}:{id}").as_bytes(), 86_028_157) % 4 + 1;
        let expected = if point <= 3 { "a" } else { "b" };
        let context = object(json!({ "user_id": id }));
        let answer = set.evaluate("f", &context, NEW_YEAR_US).unwrap();
        assert_eq!(answer.variant, Some(expected), "{id}");
    }
    let text = r#"{"flags": [{"key": "f", "rules": [{"serve": {"on": 1, "off": 3}}]}]}"#;
    let file = osaycore_flags::parse(text).unwrap();
    let set = crate::compile(&file).unwrap();
    for n in 0..500 {
        let id = format!("user-{n}");
        let point = murmur3(format!("{SALT}:{id}").as_bytes(), 86_028_157) % 4 + 1;
        let context = object(json!({ "user_id": id }));
        let answer = set.evaluate("f", &context, NEW_YEAR_US).unwrap();
        assert_eq!(answer.enabled, point <= 1, "{id}");
    }
}

/// The worked example of `docs/flags.md`.
#[test]
fn the_documented_example() {
    let text = r#"{"flags": [{"key": "f", "type": "string", "default": "old",
        "variants": {"old": "v1", "blue": "v2-blue", "green": "v2-green"},
        "rules": [{"rollout": {"percent": 40, "salt": "k3v9"}, "serve": {"blue": 50, "green": 50}}]}]}"#;
    let file = osaycore_flags::parse(text).unwrap();
    let set = crate::compile(&file).unwrap();
    for (user, expected, variant) in
        [("user-3", 2_690, "blue"), ("user-7", 12_485, "green"), ("user-8", 13_873, "green"), ("user-4", 95_591, "old")]
    {
        assert_eq!(bucket("k3v9", user), expected, "{user}");
        let answer = set.evaluate("f", &object(json!({ "user_id": user })), NEW_YEAR_US).unwrap();
        assert_eq!(answer.variant, Some(variant), "{user}");
    }
}

/// Bucket 13,873 is taken from 13.874 % on.
#[test]
fn the_threshold_itself_is_not_taken() {
    for (percent, expected) in [(13.872, false), (13.873, false), (13.874, true)] {
        let set = set(&json!({"flags": [{"key": "f", "rules": [
            {"rollout": {"percent": percent, "salt": "k3v9"}, "serve": true}]}]}));
        let answer = set.evaluate("f", &object(json!({"user_id": "user-8"})), NEW_YEAR_US).unwrap();
        assert_eq!(answer.enabled, expected, "{percent}");
    }
}

#[test]
fn a_unit_is_needed() {
    let file = json!({"flags": [
        {"key": "all", "rules": [{"rollout": {"percent": 100}, "serve": true}]},
        {"key": "none", "rules": [{"rollout": {"percent": 0}, "serve": true}]},
        {"key": "weighted", "rules": [{"serve": {"on": 1}}]}]});
    let set = set(&file);
    for (context, has_unit) in [
        (json!({}), false),
        (json!({"user_id": ""}), false),
        (json!({"user_id": true}), false),
        (json!({"user_id": 1.5}), false),
        (json!({"user_id": ["u"]}), false),
        (json!({"user_id": "u"}), true),
        (json!({"user_id": 7}), true),
    ] {
        let context = object(context);
        for (key, expected) in [("all", has_unit), ("none", false), ("weighted", has_unit)] {
            let answer = set.evaluate(key, &context, NEW_YEAR_US).unwrap();
            assert_eq!(answer.enabled, expected, "{key} {context:?}");
        }
        let explanation = set.explain("all", &context, NEW_YEAR_US).unwrap();
        assert_eq!(explanation.rules[0].sentence.contains("no `user_id` that could be a unit"), !has_unit);
    }
}
