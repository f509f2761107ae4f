//! What is a value and what is not: parameters, seeds, recovery codes, names and months.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::collections::BTreeSet;

use osaycore_otp::{
    Algorithm, Credential, InvalidParameters, InvalidSeed, Month, NotARecoveryCode, Parameters, Purpose, RecoveryCode,
    Secret, State, Tried, UnknownPurpose,
};

fn secret(seed: u8) -> Secret {
    Secret::new(&[seed; 20], Parameters::default()).unwrap()
}

#[test]
fn parameters_have_bounds() {
    let new = |digits, period_s| Parameters::new(Algorithm::Sha1, digits, period_s);
    for (digits, period_s) in [(6, 15), (7, 30), (8, 120)] {
        let parameters = new(digits, period_s).unwrap();
        assert_eq!((u32::from(parameters.digits()), parameters.period_s()), (digits, period_s));
    }
    for digits in [0, 5, 9, 10, 262, u32::MAX] {
        assert_eq!(new(digits, 30), Err(InvalidParameters::Digits), "{digits}");
    }
    for period_s in [0, 14, 121, u32::MAX] {
        assert_eq!(new(6, period_s), Err(InvalidParameters::Period), "{period_s}");
    }
    assert_eq!(new(6, 30), Ok(Parameters::default()), "what authenticator apps support");
}

#[test]
fn algorithms_go_by_their_exact_names() {
    for (name, algorithm) in [("SHA1", Algorithm::Sha1), ("SHA256", Algorithm::Sha256), ("SHA512", Algorithm::Sha512)] {
        assert_eq!(name.parse(), Ok(algorithm));
        assert_eq!(algorithm.to_string(), name);
        assert_eq!(Parameters::new(algorithm, 6, 30).unwrap().algorithm(), algorithm);
    }
    for name in ["", "sha1", "SHA-1", "SHA1 ", "MD5"] {
        assert_eq!(name.parse::<Algorithm>(), Err(InvalidParameters::Algorithm), "{name}");
    }
}

#[test]
fn a_seed_has_16_to_64_bytes() {
    for length in 0..=100 {
        let made = Secret::new(&vec![1; length], Parameters::default());
        if (16..=64).contains(&length) {
            assert_eq!(made.unwrap().seed().len(), length);
        } else {
            assert_eq!(made, Err(InvalidSeed), "{length}");
        }
    }
}

#[test]
fn secrets_are_equal_by_seed_and_parameters() {
    let other = |algorithm, digits, period_s| {
        Secret::new(&[1; 20], Parameters::new(algorithm, digits, period_s).unwrap()).unwrap()
    };
    assert_eq!(secret(1), other(Algorithm::Sha1, 6, 30));
    for different in [
        secret(2),
        Secret::new(&[1; 21], Parameters::default()).unwrap(),
        other(Algorithm::Sha256, 6, 30),
        other(Algorithm::Sha1, 8, 30),
        other(Algorithm::Sha1, 6, 60),
    ] {
        assert_ne!(secret(1), different);
    }
}

#[test]
fn recovery_codes_are_five_bits_of_each_byte() {
    let code = |bytes| RecoveryCode::from_random(&bytes);
    let table = [
        ([0; 10], "aaaaa-aaaaa"),
        ([255; 10], "77777-77777"),
        ([0, 1, 25, 26, 31, 32, 33, 57, 90, 224], "abz27-abz2a"),
    ];
    for (bytes, text) in table {
        assert_eq!(*code(bytes).to_text(), text);
        assert_eq!(text.parse(), Ok(code(bytes)), "what is shown is read");
    }
    let letters: BTreeSet<String> = (0..=u8::MAX).map(|byte| code([byte; 10]).to_text().to_string()).collect();
    assert_eq!(letters.len(), 32, "no letter is preferred");
}

#[test]
fn recovery_codes_are_read_in_any_case_and_with_hyphens_anywhere() {
    let code: RecoveryCode = "abcde-fgh27".parse().unwrap();
    for same in ["abcdefgh27", "ABCDE-FGH27", "aBcDeFgH27", "a-b-c-d-e-f-g-h-2-7", "-abcde--fgh27-"] {
        assert_eq!(same.parse(), Ok(code.clone()), "{same}");
    }
    for other in [
        "",
        "-",
        "abcde-fgh2",
        "abcde-fgh277",
        "abcde fgh27",
        " abcdefgh27",
        "abcdefgh27\n",
        "abcde_fgh27",
        "abcde–fgh27",
        "abcdefgh20",
        "abcdefgh21",
        "abcdefgh28",
        "abcdefgh29",
        "abcdefghé",
        "abcdefgh２７",
        "12345678",
        "\0abcdefgh2",
    ] {
        assert_eq!(other.parse::<RecoveryCode>(), Err(NotARecoveryCode), "{other:?}");
    }
    assert_eq!("a".repeat(5_000).parse::<RecoveryCode>(), Err(NotARecoveryCode));
}

#[test]
fn digests_are_of_code_and_seed() {
    let code: RecoveryCode = "abcde-fgh27".parse().unwrap();
    let other: RecoveryCode = "abcde-fgh22".parse().unwrap();
    let spelled: RecoveryCode = "ABCDEFGH27".parse().unwrap();
    assert_eq!(code.digest(&secret(1)), spelled.digest(&secret(1)), "a code has one digest, however it is spelled");
    assert_ne!(code.digest(&secret(1)), other.digest(&secret(1)), "another code");
    assert_ne!(code.digest(&secret(1)), code.digest(&secret(2)), "another seed");
    // printf 'osaycore recovery code abcdefgh27' | openssl dgst -sha256 -mac HMAC -macopt hexkey:0101…01 (20 bytes)
    let hex = code.digest(&secret(1)).iter().map(|byte| format!("{byte:02x}")).collect::<Vec<_>>().concat();
    assert_eq!(hex, "fc7de62b83566251d032270337322e2072417332bb030ad20e7cc789f3885983");
}

#[test]
fn states_and_purposes_have_the_numbers_and_names_of_the_wire() {
    let names = [
        "NOTREGISTERED",
        "DISABLED",
        "LOCKED",
        "NOGROUPMEMBERSHIP",
        "NOTALLOWEDTOBYPASS",
        "SKIPAUTHENTICATION",
        "AUTHENTICATE",
        "INVALID",
        "VALID",
        "PENDINGENROLLMENT",
        "MAXUSERSREACHED",
    ];
    for ((number, name), state) in (0..).zip(names).zip(State::ALL) {
        assert_eq!((state.number(), state.as_str(), state.to_string().as_str()), (number, name, name));
    }
    for (text, purpose) in [
        ("0", Purpose::Login),
        ("LOGIN", Purpose::Login),
        ("login", Purpose::Login),
        ("1", Purpose::Registration),
        ("REGISTRATION", Purpose::Registration),
        ("Registration", Purpose::Registration),
    ] {
        assert_eq!(text.parse(), Ok(purpose), "{text}");
    }
    for text in ["", "2", "-1", "00", "01", "+1", " 0", "1.0", "LOG IN", "VERIFY"] {
        assert_eq!(text.parse::<Purpose>(), Err(UnknownPurpose), "{text:?}");
    }
    assert_eq!(Purpose::default(), Purpose::Login);
}

#[test]
fn months_are_of_the_utc_calendar() {
    let table = [
        (0, 197_001),
        (-1, 196_912),
        (2_678_399_999_999, 197_001),
        (2_678_400_000_000, 197_002),
        (951_868_799_999_999, 200_002),
        (951_868_800_000_000, 200_003),
        (1_796_083_199_999_999, 202_611),
        (1_796_083_200_000_000, 202_612),
        (1_798_761_600_000_000, 202_701),
        (i64::MAX, 197_001),
        (i64::MIN, 197_001),
    ];
    for (now_us, number) in table {
        assert_eq!(Month::at(now_us).number(), number, "{now_us}");
    }
    assert!(Month::at(1_796_083_200_000_000) < Month::at(1_798_761_600_000_000));
}

#[test]
fn debug_of_a_secret_or_recovery_code_shows_nothing() {
    let secret = Secret::new(b"a seed of 20 letters", Parameters::default()).unwrap();
    let code: RecoveryCode = "abcde-fgh27".parse().unwrap();
    for (shown, expected) in [
        (format!("{secret:?}"), "Secret"),
        (format!("{secret:#?}"), "Secret"),
        (format!("{code:?}"), "RecoveryCode"),
        (format!("{code:#?}"), "RecoveryCode"),
        (format!("{:?}", Credential::Pending(secret.clone())), "Pending(Secret)"),
        (
            format!("{:?}", Credential::Active { secret: secret.clone(), last_step: 5 }),
            "Active { secret: Secret, last_step: 5 }",
        ),
        (format!("{:?}", Tried::Recovery(code)), "Recovery(RecoveryCode)"),
    ] {
        assert_eq!(shown, expected);
    }
}
