//! Settings by name, their ranges, and the stored document.

use osaycore_directory::{AppSettings, OasisResponseSignature, Rate, ReplayProtection, SettingError, TotpAlgorithm};
use proptest::prelude::*;

/// A legal value of each setting that is not its default.
const OTHER_VALUES: [(&str, &[&str]); 14] = [
    ("redirect_uris", &["https://a.example/", "https://b.example/"]),
    ("default_credit_rate", &["0.001"]),
    ("replay_protection", &["strict"]),
    ("restrict_to_groups", &["true"]),
    ("oasis_response_signature", &["guide"]),
    ("allow_bypass", &["true"]),
    ("lockout_threshold", &["3"]),
    ("lockout_seconds", &["60"]),
    ("require_signature_v2", &["true"]),
    ("totp_digits", &["8"]),
    ("totp_period", &["60"]),
    ("totp_algorithm", &["SHA256"]),
    ("requests_per_second", &["5"]),
    ("session_lifetime_seconds", &["3600"]),
];

#[test]
fn defaults_are_the_contracts() {
    let document = r#"{"redirect_uris":[],"default_credit_rate":null,"replay_protection":"idempotent","restrict_to_groups":false,"oasis_response_signature":"library","allow_bypass":false,"lockout_threshold":5,"lockout_seconds":900,"require_signature_v2":false,"totp_digits":6,"totp_period":30,"totp_algorithm":"SHA1","requests_per_second":10000,"session_lifetime_seconds":2592000}"#;
    assert_eq!(AppSettings::default().to_json().unwrap(), document);
    assert_eq!(AppSettings::from_json("{}").unwrap(), AppSettings::default());
}

#[test]
fn every_key_sets_its_own_setting_and_survives_the_document() {
    assert_eq!(OTHER_VALUES.map(|(key, _)| key), AppSettings::KEYS);
    let default: serde_json::Value = serde_json::from_str(&AppSettings::default().to_json().unwrap()).unwrap();
    for (key, values) in OTHER_VALUES {
        for key_as_given in [key.to_owned(), key.replace('_', "-")] {
            let mut settings = AppSettings::default();
            settings.set(&key_as_given, values).unwrap();
            let document = settings.to_json().unwrap();
            assert_eq!(AppSettings::from_json(&document).unwrap(), settings);
            let mut changed: serde_json::Value = serde_json::from_str(&document).unwrap();
            assert_ne!(changed[key], default[key], "{key}");
            changed[key] = default[key].clone();
            assert_eq!(changed, default, "{key} and nothing else");
        }
    }
}

#[test]
fn values_are_read_as_meant() {
    let mut settings = AppSettings::default();
    for (key, values) in OTHER_VALUES {
        settings.set(key, values).unwrap();
    }
    assert_eq!(settings.default_credit_rate.map(Rate::micros), Some(1_000));
    assert_eq!(settings.replay_protection, ReplayProtection::Strict);
    assert_eq!(settings.oasis_response_signature, OasisResponseSignature::Guide);
    assert_eq!(settings.totp_algorithm, TotpAlgorithm::Sha256);
    assert_eq!((settings.lockout_threshold, settings.lockout_seconds, settings.totp_digits), (3, 60, 8));
    assert_eq!((settings.totp_period, settings.requests_per_second, settings.session_lifetime_seconds), (60, 5, 3600));
    assert!(settings.restrict_to_groups && settings.allow_bypass && settings.require_signature_v2);

    settings.set("redirect-uris", &["https://c.example/"]).unwrap();
    assert_eq!(settings.redirect_uris.len(), 1, "a list is replaced whole");
    settings.set("redirect-uris", &[""]).unwrap();
    assert!(settings.redirect_uris.is_empty());
    settings.set("default-credit-rate", &["none"]).unwrap();
    assert_eq!(settings.default_credit_rate, None);
    settings.set("totp_algorithm", &["sha512"]).unwrap();
    assert_eq!(settings.totp_algorithm, TotpAlgorithm::Sha512);
}

#[test]
fn ranges_hold_by_name_and_in_the_document() {
    for (key, least, most) in [
        ("lockout_threshold", 1_u32, 100_u32),
        ("lockout_seconds", 1, 86_400),
        ("totp_digits", 6, 8),
        ("totp_period", 15, 120),
        ("requests_per_second", 1, 1_000_000),
        ("session_lifetime_seconds", 300, 2_592_000),
    ] {
        for (number, legal) in [(least, true), (most, true), (least - 1, false), (most + 1, false)] {
            let by_name = AppSettings::default().set(key, &[number.to_string()]);
            assert_eq!(by_name.is_ok(), legal, "{key} {number}");
            let by_document = AppSettings::from_json(&format!("{{\"{key}\":{number}}}"));
            assert_eq!(by_document.is_ok(), legal, "{key} {number}");
        }
        for text in ["", "+7", "-7", "7.0", "7s", "99999999999", " 7"] {
            let error = AppSettings::default().set(key, &[text]).unwrap_err();
            let sentence = format!("{key}: must be a whole number from {least} to {most}");
            assert_eq!(error.to_string(), sentence, "{text:?}");
        }
    }
}

#[test]
fn errors_name_the_key_and_change_nothing() {
    let mut settings = AppSettings::default();
    let unknown = settings.set("colour", &["red"]).unwrap_err();
    assert!(matches!(&unknown, SettingError::UnknownKey { key } if key == "colour"));
    assert!(unknown.to_string().contains("redirect_uris, default_credit_rate"));
    let monthly = settings.set("monthly-user-limit", &["5"]);
    assert!(matches!(monthly, Err(SettingError::UnknownKey { .. })), "kept on the tenant");
    for (key, values, sentence) in [
        ("allow-bypass", &["yes"][..], "allow_bypass: must be true or false"),
        ("allow-bypass", &[], "allow_bypass takes exactly one value"),
        ("allow-bypass", &["true", "true"], "allow_bypass takes exactly one value"),
        ("default_credit_rate", &["0"], "default_credit_rate: rate must be more than 0 and at most 1000000000000"),
        ("replay_protection", &["off"], "replay_protection: replay protection must be idempotent or strict"),
        ("totp_algorithm", &["MD5"], "totp_algorithm: TOTP algorithm must be SHA1, SHA256 or SHA512"),
        ("redirect_uris", &[], "redirect_uris: takes 1 to 100 values"),
        ("redirect_uris", &["https://a.example/", "nowhere"], "redirect_uris: redirect URI must be an absolute URI"),
    ] {
        assert_eq!(settings.set(key, values).unwrap_err().to_string(), sentence);
    }
    assert!(settings.set("redirect_uris", &vec!["https://a.example/"; 101]).is_err());
    assert_eq!(settings, AppSettings::default());
}

#[test]
fn documents_with_anything_else_are_refused() {
    for document in
        ["", "null", r#"{"colour":"red"}"#, r#"{"redirect_uris":["nowhere"]}"#, r#"{"default_credit_rate":0.5}"#]
    {
        assert!(matches!(AppSettings::from_json(document), Err(SettingError::Document(_))), "{document}");
    }
}

proptest! {
    #[test]
    fn settings_survive_the_document(choices in proptest::collection::vec(0..OTHER_VALUES.len(), 0..8), rate in 1..=i64::MAX) {
        let mut settings = AppSettings::default();
        for choice in choices {
            let (key, values) = OTHER_VALUES[choice];
            settings.set(key, values).unwrap();
        }
        settings.default_credit_rate = Rate::from_micros(rate);
        prop_assert_eq!(AppSettings::from_json(&settings.to_json().unwrap()).unwrap(), settings);
    }
}
