//! Whatever a form shows it reads back as the same.

use osaycore_flags::{ConditionDefinition, Members, Percent, RolloutDefinition, RuleDefinition, SchedulePoint, Serve};
use proptest::prelude::*;
use proptest::{collection::vec, option};

use super::*;

const FILE: &str = r#"{"flags": [{"key": "checkout", "type": "string", "owner": "pay", "tags": ["a", "b, c"],
    "variants": {"old": "o", "new": "n, = 5", "a=b": "x", "true": "t"}, "default": "true", "starts_at": "2026-01-01T00:00:00Z",
    "holdouts": ["held"], "prerequisites": [{"flag": "x", "values": ["one"]}], "overrides": {"ada": "new", "abc==": "old"},
    "rules": [
      {"name": "staff", "serve": "new", "sticky": true, "when": [
        {"attribute": "role", "op": "in", "values": ["staff", "5", 5, "a,b"], "negate": true},
        {"attribute": "email", "op": "ends_with", "value": "@example.com", "case_insensitive": true},
        {"attribute": "age", "op": ">", "value": 17}, {"attribute": "x", "op": "exists"}, {"segment": "beta"}]},
      {"serve": {"old": 1, "a, b": 2}, "rollout": {"percent": 0.125, "unit": "company", "salt": "s"}},
      {"name": "later", "serve": "a:b", "rollout": {"schedule": [{"at": "2026-01-01T00:00:00Z", "percent": 5}]},
       "exclusion": {"group": "g", "from": 0, "to": 50}}]}]}"#;

fn flag() -> FlagDefinition {
    osaycore_flags::parse(FILE).unwrap().flags.remove(0)
}

/// The form as a browser sends it: lines end as MS-DOS has them.
fn sent(draft: &Draft) -> Filled {
    let fields = draft.fields();
    let pairs = fields.iter().map(|(name, value)| (name, value.replace('\n', "\r\n")));
    let body = form_urlencoded::Serializer::new(String::new()).extend_pairs(pairs).finish();
    Filled::read(body.as_bytes()).ok().unwrap()
}

/// What a form makes; nothing is wrong with it.
#[track_caller]
fn made(draft: &Draft) -> FlagDefinition {
    let mut sent = sent(draft);
    let flag = Draft::read(&sent).definition(&mut sent).ok().unwrap();
    assert!(!sent.has_problems(), "{:?}", sent.problems().collect::<Vec<_>>());
    flag
}

fn set(texts: &mut Texts, field: &'static str, text: &str) {
    texts.0.retain(|(known, _)| *known != field);
    texts.0.push((field, text.to_owned()));
}

#[test]
fn nothing_is_lost_on_the_way_through_a_form() {
    assert_eq!(made(&Draft::of(&flag())), flag());
}

#[test]
fn names_with_what_separates_them_are_quoted_and_read_as_they_are_typed() {
    let mut draft = Draft::of(&flag());
    for (field, text) in [
        ("tags", r#"plain, "b, c", "say \"hi\"","#),
        ("overrides", "\"a=b\" = new\nabc = \"true\"\nado = x = y"),
        ("variants", "\"a=b\" = {\"x\": 1}\nold = \"o\""),
        ("prerequisites", "x = one\nplan = gold, \"a, b\", \"true\", true"),
        ("default", "a=b, c:d"),
    ] {
        set(&mut draft.texts, field, text);
    }
    let rule = draft.rules.first_mut().unwrap();
    set(&mut rule.texts, "serve", r#""a:b": 1, "c, d" : 2, plain name: 3"#);
    set(&mut rule.texts, "schedule", "2026-01-01T00:00:00Z = 5 %\n\n2026-02-01T00:00:00Z=100");
    let condition = rule.conditions.first_mut().unwrap();
    set(&mut condition.texts, "value", r#"Berlin, "a, b", 5, "5", "#);
    let flag = serde_json::to_value(made(&draft)).unwrap();
    for (at, expected) in [
        ("/tags", r#"["plain", "b, c", "say \"hi\""]"#),
        ("/overrides", r#"{"a=b": "new", "abc": "true", "ado": "x = y"}"#),
        ("/variants", r#"{"a=b": {"x": 1}, "old": "o"}"#),
        (
            "/prerequisites",
            r#"[{"flag": "x", "values": ["one"]}, {"flag": "plan", "values": ["gold", "a, b", "true", true]}]"#,
        ),
        ("/default", r#""a=b, c:d""#),
        ("/rules/0/serve", r#"{"a:b": 1, "c, d": 2, "plain name": 3}"#),
        ("/rules/0/when/0/values", r#"["Berlin", "a, b", 5, "5"]"#),
        (
            "/rules/0/rollout/schedule",
            r#"[{"at": "2026-01-01T00:00:00Z", "percent": 5}, {"at": "2026-02-01T00:00:00Z", "percent": 100}]"#,
        ),
    ] {
        let expected: Json = serde_json::from_str(expected).unwrap();
        assert_eq!(flag.pointer(at), Some(&expected), "{at}");
    }
}

#[test]
fn buttons_add_move_and_remove_and_keep_what_is_typed() {
    let mut draft = Draft::of(&flag());
    for button in ["add-rule", "up.3", "add-condition.2", "remove-condition.0.0", "remove-rule.1", "down.0"] {
        assert!(draft.press(button), "{button}");
    }
    let names: Vec<&str> = draft.rules.iter().map(|rule| rule.texts.of("name")).collect();
    assert_eq!(names, ["", "staff", "later"]);
    assert_eq!(draft.rules.iter().map(|rule| rule.conditions.len()).collect::<Vec<_>>(), [1, 4, 0]);
    for button in ["up.0", "down.9", "remove-rule.9", "remove-condition.0.9", "add-condition.9", "up"] {
        assert!(draft.press(button), "{button} does nothing");
    }
    assert_eq!(draft.rules.len(), 3);
    assert!(!draft.press("save"));
    assert!(Draft::read(&sent(&draft)).rules.iter().any(|rule| rule.texts.of("name") == "staff"));
}

#[test]
fn what_is_no_value_is_told_beside_its_field() {
    let wrong = |change: &dyn Fn(&mut Draft), field: &str| {
        let mut draft = Draft::of(&flag());
        draft.rules.truncate(1);
        draft.rules.first_mut().unwrap().conditions.truncate(1);
        change(&mut draft);
        let mut sent = sent(&draft);
        Draft::read(&sent).definition(&mut sent).ok().unwrap();
        let told: Vec<(&str, &str)> = sent.problems().collect();
        assert!(told.len() == 1 && told.iter().all(|(name, _)| *name == field), "{field}: {told:?}");
    };
    for (field, text) in [
        ("overrides", "ada"),
        ("overrides", "ada = new\nada = old"),
        ("overrides", "\"ada = new"),
        ("variants", "old = o"),
        ("tags", "\"a\" b"),
        ("tags", "a, \"b"),
        ("holdouts", "\"a"),
        ("prerequisites", "x"),
        ("prerequisites", "x = \"a"),
        ("type", "text"),
    ] {
        wrong(&|draft| set(&mut draft.texts, field, text), field);
    }
    let of_rule = |field: &'static str, text: &str| {
        wrong(&|draft| set(&mut draft.rules.first_mut().unwrap().texts, field, text), &format!("rule.0.{field}"));
    };
    of_rule("percent", "101");
    of_rule("schedule", "2026-01-01T00:00:00Z = 101");
    of_rule("schedule", "2026-01-01T00:00:00Z 5");
    for serve in ["", "new: x", "new: 1, new: 2", "a, b: 1", "new: 1, old", "a:b", "\"a", "\"a\" b", "new: \"1\""] {
        of_rule("serve", serve);
    }
    let of_condition = |set_to: &[(&'static str, &str)], field: &str| {
        let change = |draft: &mut Draft| {
            let condition = draft.rules.first_mut().and_then(|rule| rule.conditions.first_mut()).unwrap();
            for (field, text) in set_to {
                set(&mut condition.texts, field, text);
            }
        };
        wrong(&change, &format!("rule.0.when.0.{field}"));
    };
    of_condition(&[("op", "like")], "op");
    of_condition(&[("attribute", " ")], "attribute");
    of_condition(&[("value", "\"a")], "value");
    of_condition(&[("op", "="), ("value", "")], "value");
    of_condition(&[("op", "segment"), ("value", "")], "value");
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(400) })]

    /// Of a form that has nothing but what is shown: what it was made of is not there to be taken instead.
    #[test]
    fn whatever_is_shown_is_read_back_as_the_same(flag in flags()) {
        let mut draft = Draft::of(&flag);
        set(&mut draft.texts, "definition", r#"{"key": "any"}"#);
        for rule in &mut draft.rules {
            set(&mut rule.texts, "rest", "");
        }
        for (name, text) in draft.fields() {
            let is_area = ["overrides", "variants", "prerequisites", "schedule"].iter().any(|area| name.ends_with(area));
            prop_assert!(is_area || !text.contains(['\n', '\r']), "{} is of one line: {:?}", name, text);
        }
        prop_assert_eq!(&made(&draft), &flag);
        // Nor is anything different in a form that has it.
        let whole = Draft::of(&flag);
        prop_assert_eq!(Draft::of(&made(&whole)), whole);
    }
}

/// Texts that could be taken for something else, and any others.
fn texts() -> impl Strategy<Value = String> {
    let odd = [
        "",
        " ",
        "true",
        "false",
        "null",
        "5",
        "-0.5",
        "1e3",
        "a=b",
        "a:b",
        "a, b",
        ",",
        ":",
        "=",
        "\"",
        "\"a\"",
        "\"a",
        "a\"",
        "[]",
        "[1",
        "{}",
        "{\"a\":1}",
        " a",
        "a\t",
        "a\nb",
        "\r",
        "\u{85}",
        "\u{feff}a",
        "\u{fffd}",
        "a: 1, b: 2",
        "\\",
        "🌍",
    ];
    prop_oneof![
        prop::sample::select(odd.to_vec()).prop_map(str::to_owned),
        r#"[a"\\\[\]{}=:, \n]{0,6}"#,
        "[^\0]{0,6}",
        "[a-z]{1,4}",
    ]
}

fn choices() -> impl Strategy<Value = Choice> {
    prop_oneof![any::<bool>().prop_map(Choice::Boolean), texts().prop_map(Choice::Variant)]
}

fn scalars() -> impl Strategy<Value = Json> {
    prop_oneof![
        Just(Json::Null),
        any::<bool>().prop_map(Json::from),
        any::<i64>().prop_map(Json::from),
        any::<i32>().prop_map(|eighths| Json::from(f64::from(eighths) / 8.0)),
        texts().prop_map(Json::from),
    ]
}

fn values() -> impl Strategy<Value = Json> {
    prop_oneof![
        4 => scalars(),
        1 => vec(scalars(), 0..3).prop_map(Json::from),
        1 => vec((texts(), scalars()), 0..3).prop_map(|pairs| pairs.into_iter().collect()),
    ]
}

fn percents() -> impl Strategy<Value = Percent> {
    (0_u32..=100_000).prop_map(|thousandths| Percent::from_thousandths(thousandths).unwrap())
}

fn members<V: std::fmt::Debug>(values: impl Strategy<Value = V>, least: usize) -> impl Strategy<Value = Members<V>> {
    vec((texts(), values), least..4).prop_map(|pairs| pairs.into_iter().collect())
}

fn conditions() -> impl Strategy<Value = ConditionDefinition> {
    let ops = OPERATORS.map(|(op, _)| op);
    let compared = (
        texts(),
        prop::sample::select(ops.to_vec()).prop_map(str::to_owned),
        scalars(),
        vec(values(), 0..4),
        any::<bool>(),
    );
    (compared, any::<(bool, bool)>()).prop_map(|((text, op, one, several, has_one), (case_insensitive, negate))| {
        let condition = ConditionDefinition { case_insensitive, negate, ..ConditionDefinition::default() };
        if op == "segment" {
            return ConditionDefinition { segment: Some(text), ..condition };
        }
        let (value, values) = match op.as_str() {
            "exists" => (None, None),
            "in" | "not_in" => (None, Some(several)),
            _ if has_one => (Some(one), None),
            _ => (None, Some(several)),
        };
        let op = serde_json::from_value(Json::String(op)).unwrap();
        ConditionDefinition { attribute: Some(text), op: Some(op), value, values, ..condition }
    })
}

fn rules() -> impl Strategy<Value = RuleDefinition> {
    let serve = prop_oneof![choices().prop_map(Serve::Choice), members(any::<u64>(), 1).prop_map(Serve::Weights)];
    let schedule = vec((texts(), percents()).prop_map(|(at, percent)| SchedulePoint { at, percent }), 0..3);
    let rollout = (option::of(percents()), schedule).prop_map(|(percent, schedule)| {
        let is_none = percent.is_none() && schedule.is_empty();
        (!is_none).then(|| RolloutDefinition { percent, schedule, ..RolloutDefinition::default() })
    });
    let window = (option::of(texts()), option::of(texts()));
    (option::of(texts()), serve, rollout, window, any::<bool>(), vec(conditions(), 0..3)).prop_map(
        |(name, serve, rollout, (starts_at, ends_at), sticky, when)| RuleDefinition {
            name,
            when,
            rollout,
            sticky,
            serve,
            starts_at,
            ends_at,
            ..RuleDefinition::default()
        },
    )
}

fn flags() -> impl Strategy<Value = FlagDefinition> {
    use FlagType::{Boolean, Float, Integer, Object, String};
    let people = (option::of(texts()), option::of(texts()), vec(texts(), 0..3), option::of(texts()));
    let served = (
        prop::sample::select(vec![Boolean, String, Integer, Float, Object]),
        members(values(), 0),
        option::of(choices()),
        option::of(choices()),
        members(choices(), 0),
    );
    let needs = (texts(), vec(choices(), 1..3)).prop_map(|(flag, wanted)| super::needs(flag, wanted));
    let times = (any::<bool>(), option::of(texts()), option::of(texts()));
    (people, served, times, vec(needs, 0..3), vec(texts(), 0..3), vec(rules(), 0..3)).prop_map(
        |(people, served, (enabled, starts_at, ends_at), prerequisites, holdouts, rules)| {
            let (description, owner, tags, expires_at) = people;
            let (flag_type, variants, default, off, overrides) = served;
            FlagDefinition {
                description,
                owner,
                tags,
                expires_at,
                flag_type,
                enabled,
                variants,
                default,
                off,
                starts_at,
                ends_at,
                prerequisites,
                holdouts,
                overrides,
                rules,
                ..FlagDefinition::new("any".parse().unwrap())
            }
        },
    )
}
