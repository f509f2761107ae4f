//! Issuing and verifying: every way in which a token can be wrong, the edges of its times, the ring, properties.

#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test fails by panicking")]

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use jsonwebtoken::{Algorithm, EncodingKey, crypto};
use osaycore_jwt::{
    Claims, Grant, IssueError, Key, KeyError, KeyRing, KeyState, MAX_ISSUER_BYTES, MAX_KID_BYTES, MAX_LIFETIME_S,
    MAX_TOKEN_BYTES, Refused,
};
use proptest::prelude::*;
use serde_json::{Value, json};
use uuid::Uuid;

const ISSUER: &str = "https://osaycore.example";
const NOW_S: i64 = 1_678_886_400;
const SUB: Uuid = Uuid::from_u128(0x3f0c_1b9e_6d0a_4a7e_9a57_0d8a_0f8f_3f55);
const AUD: Uuid = Uuid::from_u128(2);
const SECRET: [u8; 32] = [0xa5; 32];
const OTHER_SECRET: [u8; 32] = [0x5a; 32];

fn ring() -> KeyRing {
    let keys = vec![
        Key::hs256("next", &[1; 32], KeyState::Next).unwrap(),
        Key::hs256("active", &SECRET, KeyState::Active).unwrap(),
        Key::hs256("retiring", &OTHER_SECRET, KeyState::Retiring).unwrap(),
    ];
    KeyRing::new(ISSUER, keys).unwrap()
}

fn grant() -> Grant {
    let jti = Uuid::from_u128(3);
    Grant { sub: SUB, aud: AUD, jti, now_s: NOW_S, iat_s: NOW_S, expires_in_s: 3_600, sid: None }
}

fn header() -> Value {
    json!({"alg": "HS256", "kid": "active"})
}

fn payload() -> Value {
    json!({
        "iss": ISSUER, "sub": SUB, "aud": AUD, "jti": Uuid::from_u128(3),
        "iat": NOW_S, "nbf": NOW_S, "exp": NOW_S + 3_600,
    })
}

/// `base`, with a member set, or removed by `None`.
fn with(mut base: Value, member: &str, value: Option<Value>) -> String {
    match value {
        Some(value) => base[member] = value,
        None => drop(base.as_object_mut().unwrap().remove(member)),
    }
    base.to_string()
}

/// A token of these texts, rightly signed whatever they say.
fn signed(header: &str, payload: &str, algorithm: Algorithm, secret: &[u8]) -> String {
    let message = format!("{}.{}", URL_SAFE_NO_PAD.encode(header), URL_SAFE_NO_PAD.encode(payload));
    let key = EncodingKey::from_secret(secret);
    format!("{message}.{}", crypto::sign(message.as_bytes(), &key, algorithm).unwrap())
}

fn verify(header: &str, payload: &str) -> Result<Claims, Refused> {
    ring().verify(&signed(header, payload, Algorithm::HS256, &SECRET), AUD, NOW_S)
}

#[test]
fn an_issued_token_verifies_and_says_what_was_granted() {
    let token = ring().issue(&Grant { iat_s: NOW_S + 1, ..grant() }).unwrap();
    let expected = Claims {
        iss: ISSUER.to_owned(),
        sub: SUB,
        aud: AUD,
        jti: Uuid::from_u128(3),
        iat: NOW_S + 1,
        nbf: NOW_S,
        exp: NOW_S + 3_600,
        sid: None,
    };
    assert_eq!(ring().verify(&token, AUD, NOW_S), Ok(expected));
    assert!(token.starts_with("eyJhbGciOiJIUzI1Ni"), "as the document shows: {token}");
    let (header, _) = token.split_once('.').unwrap();
    let header: Value = serde_json::from_slice(&URL_SAFE_NO_PAD.decode(header).unwrap()).unwrap();
    assert_eq!(header, json!({"alg": "HS256", "kid": "active"}));
    let (message, _) = token.rsplit_once('.').unwrap();
    let (_, payload) = message.split_once('.').unwrap();
    let payload: Value = serde_json::from_slice(&URL_SAFE_NO_PAD.decode(payload).unwrap()).unwrap();
    let members: Vec<&str> = payload.as_object().unwrap().keys().map(String::as_str).collect();
    assert_eq!(members, ["aud", "exp", "iat", "iss", "jti", "nbf", "sub"], "`sid` only where there is a session");
}

#[test]
fn an_equal_grant_gives_an_equal_token() {
    assert_eq!(ring().issue(&grant()).unwrap(), ring().issue(&grant()).unwrap());
}

#[test]
fn keys_of_every_state_verify() {
    for (kid, secret) in [("next", [1; 32]), ("active", SECRET), ("retiring", OTHER_SECRET)] {
        let header = with(header(), "kid", Some(json!(kid)));
        let token = signed(&header, &payload().to_string(), Algorithm::HS256, &secret);
        assert!(ring().verify(&token, AUD, NOW_S).is_ok(), "{kid}");
    }
}

#[test]
fn headers_that_are_refused() {
    let table = [
        ("kid", None, Refused::UnknownKey),
        ("kid", Some(json!(null)), Refused::UnknownKey),
        ("kid", Some(json!("")), Refused::UnknownKey),
        ("kid", Some(json!("Active")), Refused::UnknownKey),
        ("kid", Some(json!("../../etc/passwd")), Refused::UnknownKey),
        ("kid", Some(json!(1)), Refused::Malformed),
        ("kid", Some(json!("retiring")), Refused::BadSignature),
        ("alg", None, Refused::Malformed),
        ("alg", Some(json!("none")), Refused::Malformed),
        ("alg", Some(json!("None")), Refused::Malformed),
        ("alg", Some(json!("hs256")), Refused::Malformed),
        ("alg", Some(json!("HS384")), Refused::BadSignature),
        ("alg", Some(json!("RS256")), Refused::BadSignature),
        ("alg", Some(json!("ES256")), Refused::BadSignature),
        ("typ", Some(json!("at+jwt")), Refused::Malformed),
        ("typ", Some(json!("application/at+jwt")), Refused::Malformed),
        ("typ", Some(json!("JWS")), Refused::Malformed),
        ("typ", Some(json!("JWT ")), Refused::Malformed),
        ("typ", Some(json!("")), Refused::Malformed),
        ("typ", Some(json!(null)), Refused::Malformed),
        ("typ", Some(json!(["JWT"])), Refused::Malformed),
        ("crit", Some(json!(["exp"])), Refused::Malformed),
        ("crit", Some(json!([])), Refused::Malformed),
        ("crit", Some(json!(null)), Refused::Malformed),
    ];
    for (member, value, refusal) in table {
        let header = with(header(), member, value);
        assert_eq!(verify(&header, &payload().to_string()), Err(refusal), "{header}");
    }
    let twice = r#"{"alg":"HS256","kid":"retiring","kid":"active"}"#;
    assert_eq!(verify(twice, &payload().to_string()), Err(Refused::Malformed));
    for header in ["", "{", "null", "[]", "\"HS256\""] {
        assert_eq!(verify(header, &payload().to_string()), Err(Refused::Malformed), "{header}");
    }
}

#[test]
fn a_type_may_say_that_it_is_a_jwt() {
    for typ in ["JWT", "jwt", "application/jwt"] {
        let header = with(header(), "typ", Some(json!(typ)));
        assert!(verify(&header, &payload().to_string()).is_ok(), "{header}");
    }
}

#[test]
fn a_key_that_the_header_brings_along_is_ignored() {
    let mut header = header();
    header["jwk"] = json!({"kty": "oct", "k": URL_SAFE_NO_PAD.encode(OTHER_SECRET)});
    header["jku"] = json!("https://evil.example/jwks.json");
    let token = signed(&header.to_string(), &payload().to_string(), Algorithm::HS256, &OTHER_SECRET);
    assert_eq!(ring().verify(&token, AUD, NOW_S), Err(Refused::BadSignature));
}

#[test]
fn the_algorithm_is_the_keys_even_when_the_secret_is_right() {
    for algorithm in [Algorithm::HS384, Algorithm::HS512] {
        for alg in ["HS256", "HS384", "HS512"] {
            let header = with(header(), "alg", Some(json!(alg)));
            let token = signed(&header, &payload().to_string(), algorithm, &SECRET);
            let refused = ring().verify(&token, AUD, NOW_S);
            assert_eq!(refused, Err(Refused::BadSignature), "{alg}, made with {algorithm:?}");
        }
    }
}

#[test]
fn payloads_that_are_refused() {
    for member in ["iss", "sub", "aud", "jti", "iat", "nbf", "exp"] {
        let without = with(payload(), member, None);
        assert_eq!(verify(&header().to_string(), &without), Err(Refused::Malformed), "{without}");
    }
    let table = [
        ("iss", json!("https://osaycore.example/"), Refused::WrongIssuer),
        ("iss", json!(""), Refused::WrongIssuer),
        ("iss", json!([ISSUER]), Refused::Malformed),
        ("aud", json!(SUB), Refused::WrongAudience),
        ("aud", json!([AUD, SUB]), Refused::Malformed),
        ("sub", json!("admin"), Refused::Malformed),
        ("jti", json!(1), Refused::Malformed),
        ("sid", json!("1"), Refused::Malformed),
        ("sid", json!([SUB]), Refused::Malformed),
        ("nbf", json!(NOW_S + 1), Refused::NotYetValid),
        ("nbf", json!(i64::MAX), Refused::NotYetValid),
        ("exp", json!(NOW_S), Refused::Expired),
        ("exp", json!(i64::MIN), Refused::Expired),
        ("exp", json!(u64::MAX), Refused::Malformed),
        ("exp", json!(1e18), Refused::Malformed),
        ("exp", json!("9999999999"), Refused::Malformed),
    ];
    for (member, value, refusal) in table {
        let payload = with(payload(), member, Some(value));
        assert_eq!(verify(&header().to_string(), &payload), Err(refusal), "{payload}");
    }
    let twice = payload().to_string().replacen('{', &format!("{{\"sub\":\"{AUD}\","), 1);
    assert_eq!(verify(&header().to_string(), &twice), Err(Refused::Malformed), "{twice}");
    for payload in ["", "{", "null", "[]"] {
        assert_eq!(verify(&header().to_string(), payload), Err(Refused::Malformed), "{payload}");
    }
}

#[test]
fn unknown_members_are_ignored() {
    let header = with(header(), "x", Some(json!({"a": 1})));
    let payload = with(payload(), "scope", Some(json!("all")));
    assert!(verify(&header, &payload).is_ok());
}

#[test]
fn a_token_is_expired_only_if_everything_else_is_right() {
    let mut expired = payload();
    expired["exp"] = json!(NOW_S - 1);
    for (member, value, refusal) in [
        ("iss", json!("x"), Refused::WrongIssuer),
        ("aud", json!(SUB), Refused::WrongAudience),
        ("nbf", json!(NOW_S + 1), Refused::NotYetValid),
        ("iat", json!(0), Refused::Expired),
    ] {
        let payload = with(expired.clone(), member, Some(value));
        assert_eq!(verify(&header().to_string(), &payload), Err(refusal), "{payload}");
    }
    let forged = signed(&header().to_string(), &expired.to_string(), Algorithm::HS256, &[9; 32]);
    assert_eq!(ring().verify(&forged, AUD, NOW_S), Err(Refused::BadSignature));
}

#[test]
fn a_token_is_good_from_its_first_second_to_the_one_before_its_last() {
    let token = ring().issue(&Grant { expires_in_s: 10, ..grant() }).unwrap();
    for (after_s, refusal) in [
        (i64::MIN, Some(Refused::NotYetValid)),
        (-1, Some(Refused::NotYetValid)),
        (0, None),
        (9, None),
        (10, Some(Refused::Expired)),
        (i64::MAX, Some(Refused::Expired)),
    ] {
        let result = ring().verify(&token, AUD, NOW_S.saturating_add(after_s));
        assert_eq!(result.err(), refusal, "{after_s} s after");
    }
}

#[test]
fn what_is_not_three_parts_is_malformed() {
    let token = ring().issue(&grant()).unwrap();
    let (message, signature) = token.rsplit_once('.').unwrap();
    let unsigned = format!("{message}.");
    assert_eq!(ring().verify(&unsigned, AUD, NOW_S), Err(Refused::BadSignature));
    let table = [
        String::new(),
        ".".to_owned(),
        "..".to_owned(),
        "é.é.é".to_owned(),
        message.to_owned(),
        format!("{token}."),
        format!("{token}.{signature}"),
        format!(".{token}"),
        format!(" {token}"),
        format!("{token}\n"),
        format!("Bearer {token}"),
        format!("{token}="),
        token.replacen('.', "=.", 1),
    ];
    for token in table {
        let refused = ring().verify(&token, AUD, NOW_S).unwrap_err();
        assert!(matches!(refused, Refused::Malformed | Refused::BadSignature), "{token:?}");
    }
}

#[test]
fn an_oversized_token_is_refused_unseen() {
    let padded = |bytes: usize| {
        let payload = with(payload(), "pad", Some(json!("x".repeat(bytes))));
        signed(&header().to_string(), &payload, Algorithm::HS256, &SECRET)
    };
    let fits = (0..=MAX_TOKEN_BYTES)
        .rev()
        .find(|&bytes| bytes.is_multiple_of(64) && padded(bytes).len() <= MAX_TOKEN_BYTES)
        .unwrap();
    assert!(ring().verify(&padded(fits), AUD, NOW_S).is_ok());
    assert!(padded(fits + 64).len() > MAX_TOKEN_BYTES);
    assert_eq!(ring().verify(&padded(fits + 64), AUD, NOW_S), Err(Refused::Malformed));
}

#[test]
fn the_longest_token_of_a_ring_fits() {
    let key = Key::hs256("\"".repeat(MAX_KID_BYTES), &SECRET, KeyState::Active).unwrap();
    let ring = KeyRing::new("\u{1}".repeat(MAX_ISSUER_BYTES), vec![key]).unwrap();
    let token = ring.issue(&grant()).unwrap();
    assert!(ring.verify(&token, AUD, NOW_S).is_ok(), "{} bytes", token.len());
}

#[test]
fn grants_out_of_range_are_refused() {
    for expires_in_s in [i64::MIN, -1, 0, MAX_LIFETIME_S + 1, i64::MAX] {
        let refused = ring().issue(&Grant { expires_in_s, ..grant() }).unwrap_err();
        assert!(matches!(refused, IssueError::Lifetime), "{expires_in_s}");
    }
    for expires_in_s in [1, MAX_LIFETIME_S] {
        assert!(ring().issue(&Grant { expires_in_s, ..grant() }).is_ok(), "{expires_in_s}");
    }
    let refused = ring().issue(&Grant { iat_s: NOW_S - 1, ..grant() }).unwrap_err();
    assert!(matches!(refused, IssueError::IssuedInThePast));
    let end = Grant { now_s: i64::MAX, iat_s: i64::MAX, ..grant() };
    assert!(matches!(ring().issue(&end).unwrap_err(), IssueError::Lifetime));
}

#[test]
fn keys_and_rings_that_are_refused() {
    let key = |kid: &str, state| Key::hs256(kid, &SECRET, state).unwrap();
    let refusal = |kid: &str, secret: &[u8]| Key::hs256(kid, secret, KeyState::Active).err();
    assert_eq!(refusal("k", &[1; 31]), Some(KeyError::ShortSecret));
    assert_eq!(refusal("k", &[1; 32]), None);
    assert_eq!(refusal("", &SECRET), Some(KeyError::KidLength));
    assert_eq!(refusal(&"k".repeat(MAX_KID_BYTES), &SECRET), None);
    assert_eq!(refusal(&"k".repeat(MAX_KID_BYTES + 1), &SECRET), Some(KeyError::KidLength));

    let (next, active, retiring) = (KeyState::Next, KeyState::Active, KeyState::Retiring);
    let table = [
        ("i", vec![], Some(KeyError::NotOneActive)),
        ("i", vec![key("a", next), key("b", retiring)], Some(KeyError::NotOneActive)),
        ("i", vec![key("a", active), key("b", active)], Some(KeyError::NotOneActive)),
        ("i", vec![key("a", active), key("b", next), key("a", retiring)], Some(KeyError::DuplicateKid)),
        ("", vec![key("a", active)], Some(KeyError::IssuerLength)),
        ("i", vec![key("b", next), key("a", active)], None),
    ];
    for (issuer, keys, refusal) in table {
        let what = format!("{keys:?}");
        assert_eq!(KeyRing::new(issuer, keys).err(), refusal, "{what}");
    }
    let long = "i".repeat(MAX_ISSUER_BYTES + 1);
    assert_eq!(KeyRing::new(long, vec![key("a", active)]).err(), Some(KeyError::IssuerLength));
}

#[test]
fn debug_shows_no_secret() {
    let key = Key::hs256("k1", b"0123456789abcdef0123456789abcdef", KeyState::Active).unwrap();
    let ring = KeyRing::new(ISSUER, vec![key.clone()]).unwrap();
    assert_eq!(format!("{key:?}"), "Key { kid: \"k1\", algorithm: Hs256, state: Active, .. }");
    for text in [format!("{ring:?}"), format!("{ring:#?}")] {
        assert!(!text.contains("0123456789abcdef") && !text.contains("48, 49, 50"), "{text}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(128))]

    #[test]
    fn what_is_issued_verifies(
        (sub, aud, jti) in any::<(u128, u128, u128)>(),
        sid in any::<Option<u128>>(),
        now_s in -10_000_000_000..1_000_000_000_000_i64,
        ahead_s in 0..3_i64,
        expires_in_s in 1..=MAX_LIFETIME_S,
        at in any::<prop::sample::Index>(),
    ) {
        let (sub, aud, jti) = (Uuid::from_u128(sub), Uuid::from_u128(aud), Uuid::from_u128(jti));
        let sid = sid.map(Uuid::from_u128);
        let grant = Grant { sub, aud, jti, now_s, iat_s: now_s + ahead_s, expires_in_s, sid };
        let token = ring().issue(&grant).unwrap();
        let age_s = i64::try_from(at.index(usize::try_from(expires_in_s).unwrap())).unwrap();
        let (iat, exp) = (now_s + ahead_s, now_s + expires_in_s);
        let claims = Claims { iss: ISSUER.to_owned(), sub, aud, jti, iat, nbf: now_s, exp, sid };
        prop_assert_eq!(ring().verify(&token, aud, now_s + age_s), Ok(claims));
    }

    #[test]
    fn any_changed_character_refuses(at in any::<prop::sample::Index>(), to in "[A-Za-z0-9_.-]|[ =+/é]") {
        let token = ring().issue(&grant()).unwrap();
        let (index, from) = token.char_indices().nth(at.index(token.len())).unwrap();
        prop_assume!(!to.starts_with(from));
        let mut changed = token;
        changed.replace_range(index..=index, &to);
        prop_assert!(ring().verify(&changed, AUD, NOW_S).is_err(), "{}", changed);
    }

    #[test]
    fn any_text_is_refused_without_a_panic(text in any::<String>(), parts in prop::array::uniform3("[A-Za-z0-9_-]{0,40}")) {
        prop_assert!(ring().verify(&text, AUD, NOW_S).is_err());
        prop_assert!(ring().verify(&parts.join("."), AUD, NOW_S).is_err());
    }
}
