//! The catalogues are closed, their names are unique and plain, and none names a secret.

use std::collections::BTreeSet;

use osaycore_audit::{Action, Error, Field, TargetKind};

/// Words by which secrets are called; no field's name may contain one as a word.
const SECRET_WORDS: &[&str] = &[
    "secret",
    "secrets",
    "token",
    "tokens",
    "password",
    "passphrase",
    "passwd",
    "key",
    "keys",
    "hash",
    "hmac",
    "mac",
    "seed",
    "salt",
    "nonce",
    "code",
    "codes",
    "otp",
    "pin",
    "cookie",
    "authorization",
    "credential",
    "credentials",
    "private",
    "jwt",
];

/// Fields with such a word that hold no secret, each with why.
const HARMLESS: &[&str] = &[
    "bypass_otp",          // whether a one-time password is asked for, not one
    "credential_replaced", // whether it was
    "private_network",     // where a provider is
];

fn is_plain(name: &str) -> bool {
    name.bytes().all(|byte| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'_' | b'.'))
}

#[test]
fn actions_are_a_closed_set_of_unique_names() {
    for &action in Action::ALL {
        let name = action.as_str();
        assert_eq!(name.parse::<Action>().unwrap(), action);
        assert_eq!(action.to_string(), name);
        assert!(is_plain(name) && name.split('.').count() == 2, "{name}");
        assert!(!action.label().is_empty() && !action.label().ends_with('.'), "{name}");
        assert_eq!(action.is_refusal(), name.ends_with(".refused"), "{name}");
    }
    let names: BTreeSet<_> = Action::ALL.iter().map(|action| action.as_str()).collect();
    assert_eq!(names.len(), Action::ALL.len());
    for name in ["", "credits", "credits.Deducted", "credits.deducted ", "credits_deducted"] {
        assert!(matches!(name.parse::<Action>(), Err(Error::UnknownAction(n)) if n == name));
    }
}

#[test]
fn fields_are_a_closed_set_of_unique_names() {
    for &field in Field::ALL {
        assert_eq!(field.as_str().parse::<Field>().unwrap(), field);
        assert!(is_plain(field.as_str()), "{field}");
        assert!(!field.label().is_empty() && !field.label().ends_with('.'), "{field}");
    }
    let names: BTreeSet<_> = Field::ALL.iter().map(|field| field.as_str()).collect();
    assert_eq!(names.len(), Field::ALL.len());
}

#[test]
fn no_field_names_a_secret() {
    for field in Field::ALL {
        let name = field.as_str();
        let secret = name.split('_').any(|word| SECRET_WORDS.contains(&word));
        assert!(!secret || HARMLESS.contains(&name), "`{name}` names a secret");
    }
    for word in SECRET_WORDS.iter().copied().chain(["secret_key", "api_key", "jwt_token", ""]) {
        assert!(matches!(word.parse::<Field>(), Err(Error::UnknownField(name)) if name == word));
    }
}

#[test]
fn kinds_of_targets_have_unique_plain_names() {
    let names: BTreeSet<_> = TargetKind::ALL.iter().map(|kind| kind.as_str()).collect();
    assert_eq!(names.len(), TargetKind::ALL.len());
    assert!(names.into_iter().all(is_plain));
}
