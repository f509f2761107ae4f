//! Every text type: what parses, as what, and what is refused for which reason.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::fmt::Debug;

use osaycore_directory::{
    AppRef, AppScopes, AvatarUrl, Custom, DisplayName, Email, ExternalId, Flaw, GroupRef, Name, ParseError, Rate,
    RedirectUri, Role, Scope, Scopes, UserRef, UserStatus, Username, parse_uuid,
};
use proptest::prelude::*;

fn flaw<T: std::str::FromStr<Err = ParseError> + Debug>(text: &str) -> Flaw {
    text.parse::<T>().unwrap_err().flaw
}

fn accepted<T: std::str::FromStr<Err = ParseError>>(text: &str) -> bool {
    text.parse::<T>().is_ok()
}

#[test]
fn usernames_and_names() {
    for text in [
        "a",
        "7a",
        "a b",
        " a ",
        "\u{3000}a",
        "عدا",
        "Ada",
        "ada@example.com",
        "+&#/",
        "👩‍💻",
        "７",
        "it's",
        &"é".repeat(256),
    ] {
        assert_eq!(text.parse::<Username>().unwrap().as_str(), text);
        assert_eq!(text.parse::<Name>().unwrap().as_str(), text);
    }
    assert_eq!("A\u{30a}".parse::<Username>().unwrap().as_str(), "\u{c5}", "NFC");
    assert_eq!("A\u{30a}".parse::<Username>(), "\u{212b}".parse::<Username>(), "the Ångström sign is the letter");
    assert!(accepted::<Username>(&"e\u{301}".repeat(256)), "256 characters once joined");
    for (text, expected) in [
        ("", Flaw::Empty),
        ("a:b", Flaw::Forbidden(':')),
        ("a\\b", Flaw::Forbidden('\\')),
        ("a\0", Flaw::Forbidden('\0')),
        ("a\n", Flaw::Forbidden('\n')),
        ("a\u{7f}", Flaw::Forbidden('\u{7f}')),
        ("a\u{85}", Flaw::Forbidden('\u{85}')),
        ("7", Flaw::AllDigits),
        ("0123456789", Flaw::AllDigits),
        (" ", Flaw::Blank),
        (" \u{a0}\u{3000}\u{2003}", Flaw::Blank),
        ("\u{200e}", Flaw::Forbidden('\u{200e}')),
        ("ad\u{200f}a", Flaw::Forbidden('\u{200f}')),
        ("a\u{202a}", Flaw::Forbidden('\u{202a}')),
        ("\u{202e}ada", Flaw::Forbidden('\u{202e}')),
        ("a\u{2066}", Flaw::Forbidden('\u{2066}')),
        ("a\u{2069}", Flaw::Forbidden('\u{2069}')),
        (&"a".repeat(257), Flaw::TooLong { max: 256 }),
        (&"a".repeat(100_000), Flaw::TooLong { max: 256 }),
    ] {
        assert_eq!(flaw::<Username>(text), expected);
        assert_eq!(flaw::<Name>(text), expected);
    }
    let error = "7".parse::<Username>().unwrap_err();
    assert_eq!(error.to_string(), "username must not consist of digits alone");
}

#[test]
fn a_sentence_shows_the_character_itself_or_its_number() {
    for (text, sentence) in [
        ("a\\b", "username must not contain '\\'"),
        ("a:b", "username must not contain ':'"),
        ("a\n", "username must not contain U+000A"),
        ("a\u{202e}", "username must not contain U+202E"),
        ("  ", "username must not consist of white space alone"),
    ] {
        assert_eq!(text.parse::<Username>().unwrap_err().to_string(), sentence);
    }
    assert_eq!("it's".parse::<Role>().unwrap_err().to_string(), "role must not contain '''");
    assert_eq!("a b".parse::<Role>().unwrap_err().to_string(), "role must not contain ' '");
}

#[test]
fn e_mail_addresses() {
    let long_local = format!("{}@example.com", "a".repeat(64));
    for text in ["a@b", "ada.lovelace+tag@example.co.uk", "o'neil@x-y.example", "!#$%&*/=?^_`{|}~-@a", &long_local] {
        assert_eq!(text.parse::<Email>().unwrap().as_str(), text);
    }
    let too_long_local = format!("{}@example.com", "a".repeat(65));
    let too_long_label = format!("a@{}.com", "a".repeat(64));
    for text in [
        "a",
        "@b",
        "a@",
        "a@@b",
        "a@b@c",
        "a b@c",
        "a@b c",
        ".a@b",
        "a.@b",
        "a..b@c",
        "a@.b",
        "a@b.",
        "a@b..c",
        "a@-b",
        "a@b-",
        "a@b_c",
        "ä@b",
        "a@ä",
        "a@b\n",
        "a@b\r\nBcc: c@d",
        "\"a\"@b",
        "a@[127.0.0.1]",
        "<a@b>",
        &too_long_local,
        &too_long_label,
    ] {
        assert!(matches!(flaw::<Email>(text), Flaw::NotA(_)), "{text:?}");
    }
    assert!(accepted::<Email>(&format!("a@{}b", "b.".repeat(125))), "253 characters");
    assert_eq!(flaw::<Email>(&format!("a@{}bb", "b.".repeat(126))), Flaw::TooLong { max: 254 });
}

#[test]
fn small_texts() {
    assert!(
        accepted::<ExternalId>("7") && accepted::<ExternalId>("a:b\\c\n") && accepted::<ExternalId>(&"ü".repeat(255))
    );
    assert_eq!(flaw::<ExternalId>(""), Flaw::Empty);
    assert_eq!(flaw::<ExternalId>("a\0b"), Flaw::Forbidden('\0'));
    assert_eq!(flaw::<ExternalId>(&"a".repeat(256)), Flaw::TooLong { max: 255 });
    assert_eq!(Role::default().as_str(), "basic");
    assert!(accepted::<Role>("a-z_0") && accepted::<Role>(&"a".repeat(64)));
    assert_eq!(flaw::<Role>("Admin"), Flaw::Forbidden('A'));
    assert_eq!(flaw::<Role>(&"a".repeat(65)), Flaw::TooLong { max: 64 });
    assert!(accepted::<DisplayName>("Ada: 1815\\1852") && accepted::<DisplayName>("7"));
    assert_eq!(flaw::<DisplayName>("a\tb"), Flaw::Forbidden('\t'));
    assert_eq!(flaw::<DisplayName>(""), Flaw::Empty);
    assert!(accepted::<Scope>("beta:write.all-x_1"));
    assert_eq!(flaw::<Scope>("a b"), Flaw::Forbidden(' '));
    assert_eq!("suspended".parse(), Ok(UserStatus::Suspended));
    assert!(!accepted::<UserStatus>("Active"));
    assert!(accepted::<AvatarUrl>("https://example.com/a.png#x"));
    for text in ["javascript:alert(1)", "data:image/png;base64,AA", "//example.com", "a.png", "https://u@example.com/"]
    {
        assert!(!accepted::<AvatarUrl>(text), "{text:?}");
    }
}

#[test]
fn scope_sets_keep_order_and_drop_repetitions() {
    let scopes: Scopes = "b a b".parse().unwrap();
    assert_eq!(scopes.to_string(), "b a");
    assert!(scopes.contains("a") && !scopes.contains("c"));
    assert_eq!("".parse::<Scopes>().unwrap(), Scopes::default());
    assert_eq!(serde_json::to_string(&scopes).unwrap(), r#"["b","a"]"#);
    assert_eq!(serde_json::from_str::<Scopes>(r#"["b","a","b"]"#).unwrap(), scopes);
    assert!(serde_json::from_str::<Scopes>(r#"["B"]"#).is_err());
    assert_eq!("read_audit add_credits".parse::<AppScopes>().unwrap().to_string(), "read_audit add_credits");
    assert!(!accepted::<AppScopes>("add_credits everything"));
    assert_eq!(Scopes::of_everyone().to_string(), "read_profile deduct_credits");
}

#[test]
fn serde_goes_through_the_same_rules() {
    assert_eq!(serde_json::from_str::<Username>("\"A\u{30a}\"").unwrap().as_str(), "\u{c5}");
    assert!(serde_json::from_str::<Username>(r#""7""#).is_err());
    assert_eq!(serde_json::to_string(&"ada".parse::<Username>().unwrap()).unwrap(), r#""ada""#);
    assert!(serde_json::from_str::<Rate>("0.5").is_err(), "a JSON number would pass through a float");
    assert_eq!(serde_json::from_str::<Rate>(r#""0.5""#).unwrap().micros(), 500_000);
    assert_eq!(serde_json::from_str::<UserStatus>(r#""disabled""#).unwrap(), UserStatus::Disabled);
    assert_eq!(serde_json::to_string(&UserStatus::Active).unwrap(), r#""active""#);
}

#[test]
fn rates() {
    for (text, micros, written) in [
        ("1", 1_000_000, "1.00"),
        ("0.001", 1_000, "0.001"),
        ("0.000001", 1, "0.000001"),
        ("0.1000000000", 100_000, "0.10"),
        ("007.50", 7_500_000, "7.50"),
        ("1000000000000", 1_000_000_000_000_000_000, "1000000000000.00"),
        ("999999999999.999999", 999_999_999_999_999_999, "999999999999.999999"),
    ] {
        let rate: Rate = text.parse().unwrap();
        assert_eq!((rate.micros(), rate.to_string().as_str()), (micros, written), "{text}");
    }
    for text in [
        "",
        ".",
        "0",
        "0.0",
        "-1",
        "+1",
        "1.",
        ".5",
        "1e3",
        "1_000",
        " 1",
        "1,5",
        "1.2.3",
        "0.0000001",
        "0.0000000",
        "1000000000000.000001",
        "1000000000001",
        "99999999999999999999999999",
        "１",
        "NaN",
        "inf",
    ] {
        assert!(!accepted::<Rate>(text), "{text:?}");
    }
    assert_eq!(Rate::from_micros(0), None);
    assert_eq!(Rate::from_micros(1_000_000_000_000_000_001), None);
}

#[test]
fn references() {
    let uuid = "0190d5a4-7b1c-7def-8abc-0123456789ab";
    let name = |directory: Option<&str>, username: &str| UserRef::Name {
        directory: directory.map(|directory| directory.parse().unwrap()),
        username: username.parse().unwrap(),
    };
    for (text, expected) in [
        (uuid, UserRef::Uuid(parse_uuid(uuid).unwrap())),
        (&*uuid.to_uppercase(), UserRef::Uuid(parse_uuid(uuid).unwrap())),
        ("7", UserRef::Id(7)),
        ("007", UserRef::Id(7)),
        ("ada", name(None, "ada")),
        ("-7", name(None, "-7")),
        ("\\ada", name(None, "ada")),
        ("staff\\ada", name(Some("staff"), "ada")),
        (&*format!("\\{uuid}"), name(None, uuid)),
        ("0190d5a47b1c7def8abc0123456789ab", name(None, "0190d5a47b1c7def8abc0123456789ab")),
    ] {
        let parsed: UserRef = text.parse().unwrap();
        assert_eq!(parsed, expected, "{text}");
        assert_eq!(parsed.to_string().parse(), Ok(parsed), "{text}: what is shown finds the same user");
    }
    for text in ["", "\\", "staff\\", "a\\b\\c", "a:b", "7\\ada", "\\7", "99999999999999999999"] {
        assert!(!accepted::<UserRef>(text), "{text:?}");
    }
    assert_eq!("1001".parse(), Ok(AppRef::Id(1001)));
    assert_eq!(uuid.parse(), Ok(AppRef::Uuid(parse_uuid(uuid).unwrap())));
    assert!(!accepted::<AppRef>("My App") && !accepted::<AppRef>(""));
    assert_eq!("12".parse(), Ok(GroupRef::Id(12)));
    assert_eq!("staff".parse(), Ok(GroupRef::Name("staff".parse().unwrap())));
    for text in ["urn:uuid:0190d5a4-7b1c-7def-8abc-0123456789ab", "{0190d5a4-7b1c-7def-8abc-0123456789ab}"] {
        assert_eq!(parse_uuid(text), None, "{text}");
    }
}

#[test]
fn custom_permissions() {
    for text in
        ["{}", r#"{"a":1.10,"b":[null,true,{"a":"x"}],"c":12345678901234567890123}"#, r#"{"a":{"x":1},"b":{"x":1}}"#]
    {
        let custom: Custom = text.parse().unwrap();
        assert_eq!(custom.as_str(), text);
        assert_eq!(serde_json::to_string(&custom).unwrap(), text, "written as it was given");
        assert_eq!(serde_json::from_str::<Custom>(text).unwrap(), custom);
    }
    assert_eq!(" {} \n".parse::<Custom>().unwrap(), Custom::default());
    for text in [
        "",
        "1",
        "[]",
        "null",
        "\"{}\"",
        "{",
        "{}{}",
        "{} x",
        r#"{"a":1,"a":2}"#,
        r#"{"a":1,"\u0061":2}"#,
        r#"{"b":[{"a":1,"a":1}]}"#,
        r#"{"a":"\u0000"}"#,
        r#"{"\u0000":1}"#,
        "{\"a\":\"\0\"}",
        r#"{"a":01}"#,
        "{'a':1}",
    ] {
        assert!(!accepted::<Custom>(text), "{text:?}");
    }
    assert!(!accepted::<Custom>(&format!("{{\"a\":\"{}\"}}", "x".repeat(16 * 1024))));
    assert!(!accepted::<Custom>(&format!("{{\"a\":{}{}}}", "[".repeat(5000), "]".repeat(5000))), "depth is bounded");
}

proptest! {
    #[test]
    fn names_that_parse_keep_the_rules(text in "\\PC{0,20}|[0-9:\\\\a\u{301}\u{0}]{0,6}") {
        if let Ok(name) = text.parse::<Username>() {
            prop_assert!(!name.as_str().contains([':', '\\', '\0']));
            prop_assert!(name.as_str().contains(|c: char| !c.is_ascii_digit()));
            prop_assert_eq!(name.as_str().parse::<Username>(), Ok(name.clone()), "parsing again changes nothing");
        }
    }

    #[test]
    fn rates_round_trip(micros in 1..=1_000_000_000_000_000_000_i64) {
        let rate = Rate::from_micros(micros).unwrap();
        prop_assert_eq!(rate.to_string().parse(), Ok(rate));
    }

    #[test]
    fn no_text_breaks_a_parser(text in any::<String>()) {
        let _ = (accepted::<Rate>(&text), accepted::<UserRef>(&text), accepted::<Custom>(&text), accepted::<Email>(&text));
        let _ = (accepted::<RedirectUri>(&text), accepted::<AvatarUrl>(&text), accepted::<ExternalId>(&text));
    }
}
