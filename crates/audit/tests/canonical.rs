//! The canonical text: typed-in bytes, a way back, one text per event, nothing else accepted.

use osaycore_audit::{Action, Actor, Details, Error, Event, Field, Record, Target, TargetKind, Value, leaf_hash};
use proptest::{collection::vec, option, prelude::*, sample::select};
use uuid::Uuid;

const BARE: &str = concat!(
    r#"{"v":1,"id":1,"tenant_id":1,"at_us":0,"action":"backup.created","count":1,"reason":null,"#,
    r#""actor":"system","app_id":null,"user_id":null,"target":null,"address":null,"#,
    r#""request_id":null,"before":{},"after":{}}"#
);

const FULL: &str = concat!(
    r#"{"v":1,"id":9223372036854775807,"tenant_id":-2,"at_us":1767225600000001,"#,
    r#""action":"credits.refused","count":18446744073709551615,"reason":"insufficient_credits","#,
    r#""actor":{"user":"7b0c1b9e-6d0a-4a7e-9a57-0d8a0f8f3f55"},"app_id":3,"user_id":42,"#,
    r#""target":{"kind":"transaction","id":"a\"b\\c/d"},"address":"2001:db8::1","#,
    r#""request_id":"\b\t\n\f\r\u0000\u001f","before":{"balance":"-10.50","disabled":false},"#,
    "\"after\":{\"name\":\"\u{7f}\u{e4}\u{1F600}\u{2028}\",\"role\":null,\"rows\":-7,\"enabled\":true}}"
);

fn bare() -> Event {
    Event::new(Action::BackupCreated, Actor::System, 1, 0)
}

fn full() -> Event {
    Event {
        action: Action::CreditsRefused,
        actor: Actor::User(Uuid::from_u128(0x7b0c_1b9e_6d0a_4a7e_9a57_0d8a_0f8f_3f55)),
        tenant_id: -2,
        app_id: Some(3),
        target: Some(Target::new(TargetKind::Transaction, "a\"b\\c/d")),
        user_id: Some(42),
        address: Some("2001:db8::1".into()),
        request_id: Some("\u{8}\t\n\u{c}\r\0\u{1f}".into()),
        at_us: 1_767_225_600_000_001,
        count: u64::MAX,
        reason: Some("insufficient_credits".into()),
        before: Details::new().with(Field::Balance, Value::credits(-10_500_000)).with(Field::Disabled, false),
        after: Details::new()
            .with(Field::Name, "\u{7f}ä😀\u{2028}")
            .with(Field::Role, Value::Null)
            .with(Field::Rows, -7_i64)
            .with(Field::Enabled, true),
    }
}

#[test]
fn golden_texts() {
    assert_eq!(bare().canonical(1), BARE);
    assert_eq!(full().canonical(i64::MAX), FULL);
    for text in [BARE, FULL] {
        assert_eq!(Record::from_canonical(text).unwrap().canonical(), text);
        // Any JSON reader reads it.
        serde_json::from_str::<serde::de::IgnoredAny>(text).unwrap();
    }
}

#[test]
fn each_actor_has_its_form() {
    for (actor, form) in [
        (Actor::App(-3), r#""actor":{"app":-3},"#),
        (Actor::User(Uuid::nil()), r#""actor":{"user":"00000000-0000-0000-0000-000000000000"},"#),
        (Actor::Operator("\"".into()), r#""actor":{"operator":"\""},"#),
        (Actor::Operator("system".into()), r#""actor":{"operator":"system"},"#),
        (Actor::Token("ci".into()), r#""actor":{"token":"ci"},"#),
        (Actor::System, r#""actor":"system","#),
    ] {
        let text = Event { actor: actor.clone(), ..bare() }.canonical(1);
        assert!(text.contains(form), "{text}");
        assert_eq!(Record::from_canonical(&text).unwrap().event.actor, actor);
    }
}

#[test]
fn another_text_of_the_same_event_is_refused() {
    for (from, to) in [
        (r#""id":1,"#, r#""id": 1,"#),
        (r#""after":{}}"#, "\"after\":{}}\n"),
        ("backup.created", r"backup\u002ecreated"),
        (r#""app_id":null,"#, ""),
        (r#""app_id":null,"user_id":null"#, r#""user_id":null,"app_id":null"#),
        (r#""before":{}"#, r#""before":{"name":"a","name":"b"}"#),
        (r#""actor":"system""#, r#""actor":{"system":null}"#),
        (r#""actor":"system""#, r#""actor":{"user":"00000000000000000000000000000000"}"#),
    ] {
        let text = BARE.replacen(from, to, 1);
        assert_ne!(text, BARE, "{from}");
        let result = Record::from_canonical(&text);
        assert!(matches!(result, Err(Error::NotCanonical)), "{text}: {result:?}");
    }
}

#[test]
fn what_is_no_event_is_refused() {
    for (from, to) in [
        ("backup.created", "backup.vanished"),
        (r#""at_us":0"#, r#""at_us":-0"#),
        (r#""at_us":0"#, r#""at_us":0.0"#),
        (r#""at_us":0"#, r#""at_us":0e0"#),
        (r#""at_us":0"#, r#""at_us":9223372036854775808"#),
        (r#""count":1"#, r#""count":-1"#),
        (r#""count":1,"#, ""),
        (r#""count":1,"#, r#""count":1,"count":1,"#),
        (r#""count":1,"#, r#""count":1,"extra":1,"#),
        (r#""before":{}"#, r#""before":{"secret_key":"x"}"#),
        (r#""before":{}"#, r#""before":{"balance":1.5}"#),
        (r#""before":{}"#, r#""before":{"balance":[]}"#),
        (r#""before":{}"#, r#""before":null"#),
        (r#""actor":"system""#, r#""actor":"root""#),
        (r#""target":null"#, r#""target":{"kind":"user"}"#),
        (r#""target":null"#, r#""target":{"kind":"user","id":"1","more":1}"#),
        (r#""after":{}}"#, r#""after":{}}}"#),
        (r#""after":{}}"#, r#""after":{}"#),
    ] {
        let text = BARE.replacen(from, to, 1);
        assert_ne!(text, BARE, "{from}");
        let result = Record::from_canonical(&text);
        assert!(matches!(result, Err(Error::Malformed(_))), "{text}: {result:?}");
    }
    for text in ["", "{}", "null", r#"{"v":2,"id":1}"#, r#"{"v":10,"id":1}"#, r#" {"v":1,"id":1}"#] {
        let result = Record::from_canonical(text);
        assert!(matches!(result, Err(Error::UnknownVersion)), "{text}: {result:?}");
    }
}

#[test]
fn leaf_hashes_are_those_of_rfc_6962() {
    // The empty leaf is SHA-256 of the one byte 0; the others are the leaves of the published
    // Certificate Transparency reference tree.
    for (leaf, hash) in [
        (&[][..], "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d"),
        (&[0x00][..], "96a296d224f285c67bee93c30f8a309157f0daa35dc5b87e410b78630a09cfc7"),
        (&[0x10][..], "0298d122906dcfc10892cb53a73992fc5b9f493ea4c9badb27b791b4127a7fe7"),
    ] {
        let hex = leaf_hash(leaf).map(|byte| format!("{byte:02x}")).concat();
        assert_eq!(hex, hash);
    }
}

fn text() -> impl Strategy<Value = String> {
    prop_oneof![".{0,12}", "[\\x00-\\x22\\\\\":,{}nul\\x7f]{0,12}", Just("null".into())]
}

fn number() -> impl Strategy<Value = i64> {
    prop_oneof![any::<i64>(), -2..3_i64, Just(i64::MIN), Just(i64::MAX)]
}

fn details() -> impl Strategy<Value = Details> {
    let value = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        number().prop_map(Value::from),
        text().prop_map(Value::from),
        number().prop_map(Value::credits),
    ];
    vec((select(Field::ALL), value), 0..5).prop_map(|fields| {
        fields.into_iter().fold(Details::new(), |details, (field, value)| details.with(field, value))
    })
}

prop_compose! {
    fn record()(
        ids in (number(), number(), number()),
        action in select(Action::ALL),
        actor in prop_oneof![
            number().prop_map(Actor::App),
            any::<u128>().prop_map(|bits| Actor::User(Uuid::from_u128(bits))),
            text().prop_map(Actor::Operator),
            text().prop_map(Actor::Token),
            Just(Actor::System),
        ],
        of in (option::of(number()), option::of(number())),
        target in option::of((select(TargetKind::ALL), text())),
        texts in (option::of(text()), option::of(text()), option::of(text())),
        count in any::<u64>(),
        changes in (details(), details()),
    ) -> Record {
        let event = Event {
            action,
            actor,
            tenant_id: ids.1,
            app_id: of.0,
            target: target.map(|(kind, id)| Target { kind, id }),
            user_id: of.1,
            address: texts.0,
            request_id: texts.1,
            at_us: ids.2,
            count,
            reason: texts.2.map(Into::into),
            before: changes.0,
            after: changes.1,
        };
        Record { id: ids.0, event }
    }
}

/// `record` with the member number `which` taken from `other`: two that differ in one place only.
fn mixed(record: &Record, other: &Record, which: usize) -> Record {
    let (mut mixed, other) = (record.clone(), other.clone());
    let event = &mut mixed.event;
    match which {
        0 => event.action = other.event.action,
        1 => event.actor = other.event.actor,
        2 => event.tenant_id = other.event.tenant_id,
        3 => event.app_id = other.event.app_id,
        4 => event.target = other.event.target,
        5 => event.user_id = other.event.user_id,
        6 => event.address = other.event.address,
        7 => event.request_id = other.event.request_id,
        8 => event.at_us = other.event.at_us,
        9 => event.count = other.event.count,
        10 => event.reason = other.event.reason,
        11 => event.before = other.event.before,
        12 => event.after = other.event.after,
        13 => mixed.id = other.id,
        _ => (event.before, event.after) = (event.after.clone(), event.before.clone()),
    }
    mixed
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(256) })]

    #[test]
    fn reading_undoes_writing(record in record()) {
        let text = record.canonical();
        prop_assert!(!text.bytes().any(|byte| byte < 0x20), "one line: {text:?}");
        prop_assert_eq!(Record::from_canonical(&text).unwrap(), record);
    }

    #[test]
    fn different_events_have_different_texts(a in record(), b in record(), which in 0..15_usize) {
        for other in [mixed(&a, &b, which), b] {
            prop_assert_eq!(a == other, a.canonical() == other.canonical());
        }
    }

    #[test]
    fn any_text_is_read_back_exactly_or_refused(
        record in record(), at in any::<prop::sample::Index>(), with in any::<char>(),
    ) {
        let mut characters: Vec<char> = record.canonical().chars().collect();
        let at = at.index(characters.len());
        characters[at] = with;
        let text: String = characters.into_iter().collect();
        if let Ok(read) = Record::from_canonical(&text) {
            prop_assert_eq!(read.canonical(), text);
        }
    }
}
