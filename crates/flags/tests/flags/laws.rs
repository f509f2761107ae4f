//! Laws over random files and contexts.

use crate::{
    DAY_US, NEW_YEAR_US, Person, compile, line,
    model::{Model, VERSIONS},
    object, set,
};
use osaycore_flags::{FlagFile, Percent, Reason, RuleExplanation, RuleOutcome};
use proptest::{collection::vec, option, prelude::*, sample::select};
use serde_json::{Map, Value as Json, json};

const TEXTS: [&str; 7] = ["u1", "u2", "de", "DE", "fr", "Admin", "d"];
const NUMBERS: [f64; 6] = [-2.0, 0.0, 0.1, 1.5, 1000.0, 1_000.000_001];

fn text() -> impl Strategy<Value = Json> {
    select(&TEXTS[..]).prop_map(Json::from)
}

fn number() -> impl Strategy<Value = Json> {
    select(&NUMBERS[..]).prop_map(Json::from)
}

fn version() -> impl Strategy<Value = Json> {
    select(&VERSIONS[..]).prop_map(Json::from)
}

fn time() -> impl Strategy<Value = Json> {
    (1..10).prop_map(|day| json!(format!("2026-01-{day:02}T00:00:00Z")))
}

fn now() -> impl Strategy<Value = i64> {
    (0..40_i64).prop_map(|quarter| NEW_YEAR_US + quarter * DAY_US / 4)
}

fn context() -> impl Strategy<Value = Map<String, Json>> {
    let address = select(&["10.1.2.3", "192.168.0.1", "nowhere"][..]).prop_map(Json::from);
    let unit = prop_oneof![text(), (0..9_i64).prop_map(Json::from)];
    let members: Vec<(&str, BoxedStrategy<Json>)> = vec![
        ("user_id", text().boxed()),
        ("external_id", text().boxed()),
        ("role", text().boxed()),
        ("groups", vec(text(), 0..3).prop_map(Json::from).boxed()),
        ("lifetime_spent", number().boxed()),
        ("email_verified", any::<bool>().prop_map(Json::from).boxed()),
        ("created_at", time().boxed()),
        ("version", version().boxed()),
        ("address", address.boxed()),
        ("company", unit.boxed()),
    ];
    let members: Vec<_> = members
        .into_iter()
        .map(|(name, value)| option::weighted(0.8, value).prop_map(move |value| (name, value)))
        .collect();
    members.prop_map(|members| {
        let present = members.into_iter().filter_map(|(name, value)| Some((name, value?)));
        present.map(|(name, value)| (name.to_owned(), value)).collect()
    })
}

fn person() -> impl Strategy<Value = Person> {
    let variant = select(&["on", "off", "blue", "green", "gone"][..]);
    let assignment = (0..4_u32, 1..4_u32, variant)
        .prop_map(|(flag, rule, variant)| ((format!("f{flag}"), format!("rule {rule}")), variant.to_owned()));
    (context(), vec(assignment, 0..6))
        .prop_map(|(attributes, assignments)| Person { attributes, assignments: assignments.into_iter().collect() })
}

/// A condition; on one of the first `segments` segments, too.
fn condition(segments: usize) -> BoxedStrategy<Json> {
    let with = |attribute: &'static str, op, member: &'static str, value| json!({"attribute": attribute, "op": op, member: value});
    let texts = (
        select(&["user_id", "role", "groups", "company"][..]),
        select(&["=", "!=", "contains", "starts_with", "ends_with"][..]),
        text(),
    )
        .prop_map(move |(attribute, op, value)| with(attribute, op, "value", value));
    let lists = (select(&["role", "groups"][..]), select(&["in", "not_in", "in"][..]), vec(text(), 1..4))
        .prop_map(move |(attribute, op, values)| with(attribute, op, "values", values.into()));
    let cased = (prop_oneof![texts, lists], any::<bool>()).prop_map(|(mut condition, fold)| {
        if fold {
            condition["case_insensitive"] = json!(true);
        }
        condition
    });
    let patterns = (select(&["role", "groups", "company"][..]), select(&["^[a-z]+$", r"u\d"][..]))
        .prop_map(move |(attribute, pattern)| with(attribute, "matches", "value", pattern.into()));
    let numbers = (select(&["=", "!=", "<", "<=", ">", ">="][..]), number())
        .prop_map(move |(op, value)| with("lifetime_spent", op, "value", value));
    let booleans = (select(&["=", "!="][..]), any::<bool>())
        .prop_map(move |(op, value)| with("email_verified", op, "value", value.into()));
    let times =
        (select(&["before", "after"][..]), time()).prop_map(move |(op, value)| with("created_at", op, "value", value));
    let versions = (select(&["semver_=", "semver_<", "semver_>="][..]), version())
        .prop_map(move |(op, value)| with("version", op, "value", value));
    let others = select(vec![
        json!({"attribute": "address", "op": "cidr", "value": "10.0.0.0/8"}),
        json!({"attribute": "company", "op": "exists"}),
        json!({"attribute": "groups", "op": "exists"}),
    ]);
    let mut all =
        prop_oneof![8 => cased, 1 => patterns, 4 => numbers, 2 => booleans, 2 => times, 2 => versions, 2 => others]
            .boxed();
    if segments > 0 {
        let nested = (0..segments).prop_map(|n| json!({"segment": format!("s{n}")}));
        all = prop_oneof![4 => all, 1 => nested].boxed();
    }
    (all, any::<bool>())
        .prop_map(|(mut condition, negate)| {
            if negate {
                condition["negate"] = json!(true);
            }
            condition
        })
        .boxed()
}

fn percent() -> impl Strategy<Value = Json> {
    prop_oneof![Just(json!(0)), Just(json!(100)), (0..=1000_u32).prop_map(|p| json!(f64::from(p) / 10.0))]
}

fn rollout() -> impl Strategy<Value = Json> {
    let schedule = option::of((percent(), percent(), 1..5, 5..10)).prop_map(|schedule| {
        schedule.map(|(p, q, from, to)| {
            json!([{"at": format!("2026-01-{from:02}T00:00:00Z"), "percent": p},
                   {"at": format!("2026-01-{to:02}T00:00:00Z"), "percent": q}])
        })
    });
    let hash = option::weighted(0.3, select(&["unleash", "growthbook_v1", "growthbook_v2", "launchdarkly"][..]));
    (percent(), option::of(unit()), option::of(text()), hash, schedule).prop_map(
        |(percent, unit, salt, hash, schedule)| {
            let hash = hash.map(Json::from);
            let members = [("unit", unit), ("salt", salt), ("hash", hash), ("schedule", schedule)];
            with_present(json!({ "percent": percent }), members)
        },
    )
}

fn unit() -> impl Strategy<Value = Json> {
    select(vec![json!("user_id"), json!("company"), json!(["external_id", "company"])])
}

fn with_present<const N: usize>(mut base: Json, members: [(&str, Option<Json>); N]) -> Json {
    for (name, value) in members {
        if let Some(value) = value {
            base[name] = value;
        }
    }
    base
}

/// A window that is not empty, or none.
fn window() -> impl Strategy<Value = (Option<Json>, Option<Json>)> {
    let at = |day: u32| json!(format!("2026-01-{day:02}T00:00:00Z"));
    (option::weighted(0.2, 1..5_u32), option::weighted(0.2, 5..10_u32))
        .prop_map(move |(from, to)| (from.map(at), to.map(at)))
}

fn rule(flag: usize, variants: &'static [&'static str]) -> impl Strategy<Value = Json> {
    let one = select(variants).prop_map(Json::from);
    let weights = vec(1..4_u32, variants.len())
        .prop_map(|weights| variants.iter().zip(weights).map(|(n, w)| (*n, w)).collect::<Vec<_>>())
        .prop_map(|weights| weights.into_iter().map(|(n, w)| (n.to_owned(), json!(w))).collect());
    let serve = prop_oneof![3 => one, 1 => weights.prop_map(Json::Object)];
    // Each flag has its own part of the group.
    let exclusion = (0..25_usize, 0..25_usize)
        .prop_map(move |(a, b)| json!({"group": "g", "from": flag * 25 + a.min(b), "to": flag * 25 + a.max(b) + 1}));
    let split = (option::of(unit()), option::of(text()))
        .prop_map(|(unit, salt)| with_present(json!({}), [("unit", unit), ("salt", salt)]));
    (
        vec(condition(3), 0..3),
        option::of(rollout()),
        option::weighted(0.2, exclusion),
        (serve, option::weighted(0.3, split)),
        any::<bool>(),
        window(),
    )
        .prop_map(|(when, rollout, exclusion, (serve, split), sticky, (starts_at, ends_at))| {
            let has_weights = serve.is_object();
            let one_line =
                rollout.as_ref().is_some_and(|rollout| !matches!(rollout["hash"].as_str(), None | Some("unleash")));
            let sticky = (sticky && (rollout.is_some() || has_weights)).then_some(json!(true));
            with_present(
                json!({"when": when, "serve": serve}),
                [
                    ("rollout", rollout),
                    ("exclusion", exclusion),
                    ("split", split.filter(|_| has_weights && !one_line)),
                    ("sticky", sticky),
                    ("starts_at", starts_at),
                    ("ends_at", ends_at),
                ],
            )
        })
}

fn flag(index: usize) -> impl Strategy<Value = Json> {
    // Even flags are boolean, odd ones have three variants.
    let variants: &[&str] = if index.is_multiple_of(2) { &["off", "on"] } else { &["blue", "green", "old"] };
    let parent = (0..index.max(1), any::<prop::sample::Index>()).prop_map(move |(parent, pick)| {
        let names: &[&str] = if parent.is_multiple_of(2) { &["off", "on"] } else { &["blue", "green", "old"] };
        let at = pick.index(names.len());
        let flag = format!("f{parent}");
        let one = json!({"flag": flag, "value": names[at]});
        let several = json!({"flag": flag, "values": names[..=at]});
        (index > 0).then(|| json!([if at == 0 { one } else { several }]))
    });
    let overrides = option::weighted(0.2, (text(), select(variants)))
        .prop_map(|o| o.map(|(user, variant)| json!({ user.as_str().unwrap(): variant })));
    (
        prop::bool::weighted(0.9),
        prop::bool::weighted(0.9),
        select(variants),
        option::of(select(variants).prop_map(Json::from)),
        option::weighted(0.3, parent),
        overrides,
        (vec(rule(index, variants), 0..4), option::weighted(0.2, 0..3_u32)),
        window(),
    )
        .prop_map(move |(active, enabled, default, off, parent, overrides, (rules, holdout), window)| {
            let holdouts = holdout.map(|n| json!([format!("s{n}")]));
            let mut flag = with_present(
                json!({"key": format!("f{index}"), "active": active, "enabled": enabled, "default": default}),
                [
                    ("off", off),
                    ("prerequisites", parent.flatten()),
                    ("overrides", overrides),
                    ("holdouts", holdouts),
                    ("starts_at", window.0),
                    ("ends_at", window.1),
                ],
            );
            if index % 2 == 1 {
                flag["type"] = json!("string");
                flag["variants"] = json!({"blue": "b", "green": "g", "old": "o"});
            }
            if !rules.is_empty() {
                flag["rules"] = named(rules);
            }
            flag
        })
}

/// With the names that the rules have in answers, so that dropping one renames none.
fn named(mut rules: Vec<Json>) -> Json {
    for (index, rule) in rules.iter_mut().enumerate() {
        rule["name"] = json!(format!("rule {}", index + 1));
    }
    rules.into()
}

/// The file without the rules that are refused because nobody ever comes to them.
fn reachable(mut file: Json) -> Json {
    let read: FlagFile = serde_json::from_value(file.clone()).unwrap();
    for fault in compile(&read).err().unwrap_or_default() {
        assert!(fault.what.starts_with("is never reached: "), "{fault}\n{file}");
        let (key, rule) = (fault.flag.unwrap(), fault.rule.unwrap());
        let flags = file["flags"].as_array_mut().unwrap();
        let flag = flags.iter_mut().find(|flag| flag["key"] == *key).unwrap();
        flag["rules"].as_array_mut().unwrap().retain(|other| other["name"] != *rule);
    }
    file
}

fn segment(index: usize) -> impl Strategy<Value = Json> {
    (vec(condition(index), 0..3), option::weighted(0.3, rollout()), vec(text(), 1..3)).prop_map(
        move |(when, rollout, users)| {
            with_present(json!({"key": format!("s{index}"), "when": when, "users": users}), [("rollout", rollout)])
        },
    )
}

fn file() -> impl Strategy<Value = Json> {
    let flags = [flag(0).boxed(), flag(1).boxed(), flag(2).boxed(), flag(3).boxed()];
    let segments = [segment(0).boxed(), segment(1).boxed(), segment(2).boxed()];
    (flags, segments).prop_map(|(flags, segments)| reachable(json!({"flags": flags, "segments": segments})))
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(10_000))]

    #[test]
    fn the_model_and_explain_agree(file in file(), people in vec(person(), 3), now_us in now()) {
        let set = set(&file);
        for person in &people {
            let model = Model { file: &file, person, now_us };
            for key in ["f0", "f1", "f2", "f3"] {
                let answer = set.evaluate(key, person, now_us);
                prop_assert_eq!(answer.as_ref().map(line), model.line(key), "{} {:?}", key, person);
                prop_assert_eq!(set.evaluate(key, person, now_us), answer);
                let explanation = set.explain(key, person, now_us);
                prop_assert_eq!(explanation.is_some(), answer.is_some());
                let (Some(explanation), Some(answer)) = (explanation, answer) else { continue };
                prop_assert_eq!(explanation.value, answer.value);
                prop_assert_eq!(explanation.enabled, answer.enabled);
                prop_assert_eq!(explanation.reason, answer.reason);
                let decides = |r: &&RuleExplanation<'_>| matches!(r.outcome, RuleOutcome::Matched | RuleOutcome::Assigned);
                prop_assert_eq!(explanation.rules.iter().find(decides).map(|rule| rule.name), answer.rule);
                for rule in &explanation.rules {
                    let missed = !decides(&rule) && rule.outcome != RuleOutcome::NotTried;
                    prop_assert_eq!(missed, !rule.needs.is_empty(), "{:?}", rule);
                    let fails = rule.conditions.iter().any(|condition| !condition.holds);
                    prop_assert!(!fails || matches!(rule.outcome,
                        RuleOutcome::ConditionFailed | RuleOutcome::OutsideTime));
                    let taken = rule.rollout.as_ref().and_then(|r| Some(r.bucket? < r.threshold));
                    prop_assert!(rule.outcome != RuleOutcome::Matched || taken != Some(false));
                    prop_assert!(rule.outcome != RuleOutcome::NotInRollout || taken == Some(false));
                }
                let is_off = answer.reason == Reason::Disabled || explanation.holdout.is_some();
                prop_assert_eq!(is_off, !explanation.needs.is_empty());
            }
        }
    }

}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    #[test]
    fn an_export_is_the_file(file in file(), context in person(), now_us in now()) {
        let read: FlagFile = osaycore_flags::parse(&file.to_string()).unwrap();
        let export = serde_json::to_string(&read).unwrap();
        let again = osaycore_flags::parse(&export).unwrap();
        prop_assert_eq!(&again, &read);
        prop_assert_eq!(serde_json::to_string(&again).unwrap(), export);
        let (one, two) = (compile(&read).unwrap(), compile(&again).unwrap());
        let one: Vec<_> = one.evaluate_all(&context, now_us).map(|(k, a)| (k.to_owned(), line(&a))).collect();
        let two: Vec<_> = two.evaluate_all(&context, now_us).map(|(k, a)| (k.to_owned(), line(&a))).collect();
        prop_assert_eq!(one, two);
    }

    #[test]
    fn every_percentage_survives(thousandths in 0..=100_000_u32) {
        let percent = Percent::from_thousandths(thousandths).unwrap();
        let text = serde_json::to_string(&percent).unwrap();
        prop_assert_eq!(serde_json::from_str::<Percent>(&text).unwrap(), percent);
    }

    #[test]
    fn widening_takes_nobody_out_and_moves_nobody(p in 0..=100_000_u32, q in 0..=100_000_u32, ids in vec("[a-z0-9-]{1,36}", 40)) {
        let with_percent = |thousandths: u32| {
            let percent = serde_json::to_value(Percent::from_thousandths(thousandths).unwrap()).unwrap();
            set(&json!({"flags": [{"key": "f", "type": "string", "default": "old",
                "variants": {"old": "o", "blue": "b", "green": "g"},
                "rules": [{"rollout": {"percent": percent}, "serve": {"blue": 1, "green": 2}}]}]}))
        };
        let (narrow, wide) = (with_percent(p.min(q)), with_percent(p.max(q)));
        let (none, all) = (with_percent(0), with_percent(100_000));
        for id in ids {
            let context = object(json!({ "user_id": id }));
            let variant = |set: &osaycore_flags::FlagSet| {
                let answer = set.evaluate("f", &context, NEW_YEAR_US).unwrap();
                answer.variant.map(str::to_owned).filter(|_| answer.enabled)
            };
            prop_assert_eq!(variant(&none), None);
            prop_assert!(variant(&all).is_some());
            if let Some(before) = variant(&narrow) {
                prop_assert_eq!(variant(&wide), Some(before.clone()));
                // The same question has the same answer.
                prop_assert_eq!(variant(&narrow), Some(before));
            }
        }
    }

    #[test]
    fn a_scheduled_share_never_shrinks_on_its_way_up(id in "[a-z0-9]{1,20}", times in vec(0..3 * DAY_US, 8)) {
        let set = set(&json!({"flags": [{"key": "f", "rules": [{"serve": true, "rollout": {"schedule": [
            {"at": "2026-01-01T00:00:00Z", "percent": 0.5}, {"at": "2026-01-03T00:00:00Z", "percent": 100}]}}]}]}));
        let context = object(json!({ "user_id": id }));
        let mut times = times;
        times.sort_unstable();
        let on: Vec<bool> = times.iter()
            .map(|at| set.evaluate("f", &context, NEW_YEAR_US + at).unwrap().enabled)
            .collect();
        prop_assert!(on.is_sorted(), "{:?}", on);
    }
}
