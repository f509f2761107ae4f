//! Keys of three algorithms: what each issues, what each refuses, what is published of them.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::sync::LazyLock;

use aws_lc_rs::encoding::{AsDer, Pkcs8V1Der, PublicKeyX509Der};
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::rsa::{KeyPair, KeySize};
use aws_lc_rs::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, Ed25519KeyPair, KeyPair as _};
use base64::{Engine, engine::general_purpose::STANDARD, engine::general_purpose::URL_SAFE_NO_PAD};
use jsonwebtoken::jwk::JwkSet;
use jsonwebtoken::{DecodingKey, EncodingKey, Validation, crypto};
use osaycore_jwt::{Algorithm, Claims, Grant, Key, KeyError, KeyRing, KeyState, Refused};
use serde_json::{Value, json};
use uuid::Uuid;

const ISSUER: &str = "https://osaycore.example";
const NOW_S: i64 = 1_678_886_400;
const AUD: Uuid = Uuid::from_u128(2);
const SECRET: [u8; 32] = [0xa5; 32];

/// What keys are made of, as the documentation of `Key::new` says.
static ED25519: LazyLock<Vec<u8>> =
    LazyLock::new(|| Ed25519KeyPair::generate_pkcs8v1(&SystemRandom::new()).unwrap().as_ref().to_vec());
static RSA: LazyLock<Vec<u8>> = LazyLock::new(rsa);

/// 1024 bits.
const SHORT_RSA: &str = "\
    MIICdgIBADANBgkqhkiG9w0BAQEFAASCAmAwggJcAgEAAoGBALFwidFAcg/bFek8P5xBdiTkJJocrBjuE5E1+DGU8yqHu1GybB+A\
    wjU2N/1SWK6gTWP0Ou/Kc6CdwfmMDPvOY09jVO01eZBcp2UveoicIS2HIU+l6RPdwT953ULDmO4vySstSIQ9vbxW9szh/j088aof\
    YQIt7v5lXPuMWM1QcqUVAgMBAAECgYAJLacTWeAMjeqeO+2WaZRw6BQ0nJMSXw5IDqCd//RsGMVJvo71OjXRhtJymhXYQpZ+Ox3p\
    VXGRt1dXTzVEuTJNzN8WF5RrJjOAucEIEQzwHUXchTJN89q/qTAyT/EMl/mDkKbFuTRAboGapcmaieurU94DMd8hsvxfvQP70bsa\
    gQJBAONmrn5tWdiwfIvtStGSGWz/TQHCcAR2sVVZxXZ16yPkqsDM8lOcK+zXsk05kwmtzQbrJ3T6MNwwnmb8JzgmlSUCQQDHwVDJ\
    42EPUXVOY0SU3dRZuCb1zBW3Gt2XKHRhRbV9T1D8sXXTBmfhbzcFa2FJmijy5zMV0QpknjAIiSPtLuUxAkEAle8fADcDdW8wP2Zu\
    3W0yHH7cfFuCVj8YP4lYO/oV1u2vdD3tTRl8kMXLR0W94DTbKUOlGWjZDGV2G7sH9OrjjQJAJvl1/N4riuSW4cOGlxEtJJBEscKv\
    HfnU8HBJPM1wGtIF+DfbyF/AlwCvGJSZ99VnVfV8Ry5xO66NqqyvYNC8kQJALFwrowe2Mn7fXNMLwW4jxez0b07T5QfPPgtnH6nn\
    vKDML1KZvBzSi8m5T0m2adL5R0Kjqwti5RjOtt4RsaJvkw==";

fn rsa() -> Vec<u8> {
    let der: Pkcs8V1Der<'_> = KeyPair::generate(KeySize::Rsa2048).unwrap().as_der().unwrap();
    der.as_ref().to_vec()
}

fn secret(algorithm: Algorithm) -> &'static [u8] {
    match algorithm {
        Algorithm::Hs256 => &SECRET,
        Algorithm::EdDsa => &ED25519,
        Algorithm::Rs256 => &RSA,
    }
}

/// Named like its algorithm.
fn key(algorithm: Algorithm, state: KeyState) -> Key {
    Key::new(algorithm, algorithm.name(), secret(algorithm), state).unwrap()
}

/// A ring of all three, of which this one issues.
fn ring(active: Algorithm) -> KeyRing {
    let state = |algorithm| if algorithm == active { KeyState::Active } else { KeyState::Retiring };
    KeyRing::new(ISSUER, Algorithm::ALL.map(|algorithm| key(algorithm, state(algorithm))).to_vec()).unwrap()
}

fn grant() -> Grant {
    let (sub, jti) = (Uuid::from_u128(1), Uuid::from_u128(3));
    Grant { sub, aud: AUD, jti, now_s: NOW_S, iat_s: NOW_S, expires_in_s: 60, sid: Some(Uuid::from_u128(4)) }
}

fn header(token: &str) -> Value {
    let (header, _) = token.split_once('.').unwrap();
    serde_json::from_slice(&URL_SAFE_NO_PAD.decode(header).unwrap()).unwrap()
}

fn message(alg: &str, kid: &str) -> String {
    let (sub, jti) = (Uuid::from_u128(1), Uuid::from_u128(3));
    let header = json!({"alg": alg, "kid": kid, "typ": "JWT"}).to_string();
    let claims =
        Claims { iss: ISSUER.to_owned(), sub, aud: AUD, jti, iat: NOW_S, nbf: NOW_S, exp: i64::MAX, sid: None };
    let payload = serde_json::to_string(&claims).unwrap();
    format!("{}.{}", URL_SAFE_NO_PAD.encode(header), URL_SAFE_NO_PAD.encode(payload))
}

#[test]
fn every_algorithm_issues_and_is_verified_by_a_ring_of_all() {
    for active in Algorithm::ALL {
        let token = ring(active).issue(&grant()).unwrap();
        assert_eq!(header(&token), json!({"alg": active.name(), "kid": active.name()}));
        assert!(token.starts_with("eyJhbGciOi"), "{token}");
        for other in Algorithm::ALL {
            let claims = ring(other).verify(&token, AUD, NOW_S).unwrap();
            assert_eq!((claims.jti, claims.sid), (grant().jti, grant().sid), "{active:?} by a ring of {other:?}");
        }
        assert_eq!(ring(active).verify(&token, Uuid::nil(), NOW_S), Err(Refused::WrongAudience));
        assert_eq!(ring(active).verify(&token, AUD, NOW_S + 60), Err(Refused::Expired));
        assert_eq!(token, ring(active).issue(&grant()).unwrap(), "an equal grant gives an equal token: {active:?}");
    }
}

#[test]
fn another_key_of_the_same_name_and_algorithm_is_refused() {
    let other = [
        (Algorithm::Hs256, vec![1; 32]),
        (Algorithm::EdDsa, Ed25519KeyPair::generate_pkcs8v1(&SystemRandom::new()).unwrap().as_ref().to_vec()),
        (Algorithm::Rs256, rsa()),
    ];
    for (algorithm, secret) in other {
        let key = Key::new(algorithm, algorithm.name(), &secret, KeyState::Active).unwrap();
        let token = KeyRing::new(ISSUER, vec![key]).unwrap().issue(&grant()).unwrap();
        assert_eq!(ring(algorithm).verify(&token, AUD, NOW_S), Err(Refused::BadSignature), "{algorithm:?}");
    }
}

/// Every key of the ring, under every name of an algorithm, signed with everything at hand: only the key itself, by its
/// own algorithm, is accepted. Among what is at hand are MACs keyed with what is public.
#[test]
fn the_algorithm_is_never_chosen_by_the_token() {
    const NAMES: [&str; 16] = [
        "HS256", "HS384", "HS512", "RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "EdDSA",
        "Ed25519", "none", "None", "",
    ];
    let rsa_pair = KeyPair::from_pkcs8(&RSA).unwrap();
    let rsa_spki: PublicKeyX509Der<'_> = rsa_pair.public_key().as_der().unwrap();
    let ed_pair = Ed25519KeyPair::from_pkcs8(&ED25519).unwrap();
    let ed_spki: PublicKeyX509Der<'_> = ed_pair.public_key().as_der().unwrap();
    let document = serde_json::to_string(&ring(Algorithm::Hs256).jwks()).unwrap();
    let pem = |der: &[u8]| format!("-----BEGIN PUBLIC KEY-----\n{}\n-----END PUBLIC KEY-----\n", STANDARD.encode(der));
    let (rsa_pem, ed_pem) = (pem(rsa_spki.as_ref()), pem(ed_spki.as_ref()));
    let public: [&[u8]; 9] = [
        rsa_spki.as_ref(),
        rsa_pair.public_key().as_ref(),
        rsa_pem.as_bytes(),
        ed_spki.as_ref(),
        ed_pair.public_key().as_ref(),
        ed_pem.as_bytes(),
        document.as_bytes(),
        b"",
        &[0; 32],
    ];
    let rsa = EncodingKey::from_rsa_der(RSA.get(26..).unwrap());
    let mut signers = vec![
        (EncodingKey::from_secret(&SECRET), vec![jsonwebtoken::Algorithm::HS256, jsonwebtoken::Algorithm::HS512]),
        (EncodingKey::from_ed_der(&ED25519), vec![jsonwebtoken::Algorithm::EdDSA]),
        (rsa, vec![jsonwebtoken::Algorithm::RS256, jsonwebtoken::Algorithm::RS512, jsonwebtoken::Algorithm::PS256]),
    ];
    signers.extend(public.map(|bytes| (EncodingKey::from_secret(bytes), vec![jsonwebtoken::Algorithm::HS256])));
    let ring = ring(Algorithm::EdDsa);
    let (mut refused, mut accepted) = (0, Vec::new());
    for kid in Algorithm::ALL.map(Algorithm::name) {
        for alg in NAMES {
            let message = message(alg, kid);
            assert!(ring.verify(&format!("{message}."), AUD, NOW_S).is_err(), "unsigned: {kid} {alg}");
            for (key, algorithms) in &signers {
                for algorithm in algorithms {
                    let signature = crypto::sign(message.as_bytes(), key, *algorithm).unwrap();
                    match ring.verify(&format!("{message}.{signature}"), AUD, NOW_S) {
                        Ok(_) => accepted.push((kid, alg, format!("{algorithm:?}"))),
                        Err(refusal) => {
                            assert!(matches!(refusal, Refused::Malformed | Refused::BadSignature), "{refusal}");
                            refused += 1;
                        }
                    }
                }
            }
        }
    }
    let own = Algorithm::ALL.map(|algorithm| (algorithm.name(), algorithm.name(), algorithm.name().to_owned()));
    assert_eq!(accepted, own);
    assert_eq!(refused, 3 * 16 * 15 - 3);
}

#[test]
fn the_document_has_the_public_keys_of_every_state_and_no_secret() {
    let keys = |states: [KeyState; 2]| {
        let [ed25519, rsa] = states;
        let mut keys = vec![key(Algorithm::EdDsa, ed25519), key(Algorithm::Rs256, rsa)];
        if !states.contains(&KeyState::Active) {
            keys.push(key(Algorithm::Hs256, KeyState::Active));
        }
        serde_json::to_value(KeyRing::new(ISSUER, keys).unwrap().jwks()).unwrap()
    };
    let x = Ed25519KeyPair::from_pkcs8(&ED25519).unwrap().public_key().as_ref().to_vec();
    let ed25519 = json!({
        "kty": "OKP", "crv": "Ed25519", "use": "sig", "alg": "EdDSA", "kid": "EdDSA", "x": URL_SAFE_NO_PAD.encode(x),
    });
    let document = keys([KeyState::Active, KeyState::Next]);
    let n = document["keys"][1]["n"].clone();
    assert_eq!(n.as_str().map(str::len), Some(342), "2048 bits without a zero in front");
    let rsa = json!({"kty": "RSA", "use": "sig", "alg": "RS256", "kid": "RS256", "n": n, "e": "AQAB"});
    assert_eq!(document, json!({"keys": [ed25519, rsa]}));
    assert_eq!(keys([KeyState::Next, KeyState::Active]), json!({"keys": [rsa, ed25519]}), "the active one first");
    assert_eq!(keys([KeyState::Next, KeyState::Retiring]), json!({"keys": [ed25519, rsa]}), "HS256 never");
    let shared = KeyRing::new(ISSUER, vec![key(Algorithm::Hs256, KeyState::Active)]).unwrap();
    assert_eq!(serde_json::to_string(&shared.jwks()).unwrap(), r#"{"keys":[]}"#);
}

#[test]
fn who_has_the_document_alone_verifies() {
    for algorithm in [Algorithm::EdDsa, Algorithm::Rs256] {
        let ring = ring(algorithm);
        let document: JwkSet = serde_json::from_str(&serde_json::to_string(&ring.jwks()).unwrap()).unwrap();
        let token = ring.issue(&grant()).unwrap();
        let read = jsonwebtoken::decode_header(&token).unwrap();
        let jwk = document.find(read.kid.as_deref().unwrap()).unwrap();
        assert!(jwk.is_supported());
        let mut validation = Validation::new(read.alg);
        validation.set_audience(&[AUD]);
        validation.set_issuer(&[ISSUER]);
        validation.validate_exp = false;
        let key = DecodingKey::from_jwk(jwk).unwrap();
        let claims = jsonwebtoken::decode::<Claims>(&token, &key, &validation).unwrap().claims;
        assert_eq!(claims, ring.verify(&token, AUD, NOW_S).unwrap());
    }
}

#[test]
fn keys_that_are_refused() {
    let refusal = |algorithm, secret: &[u8]| Key::new(algorithm, "k", secret, KeyState::Active).err();
    let rng = SystemRandom::new();
    let ec = EcdsaKeyPair::generate_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, &rng).unwrap();
    let version_2 = Ed25519KeyPair::generate_pkcs8(&rng).unwrap();
    let short = STANDARD.decode(SHORT_RSA).unwrap();
    let table: [(&str, Algorithm, &[u8]); 11] = [
        ("nothing", Algorithm::EdDsa, &[]),
        ("nothing", Algorithm::Rs256, &[]),
        ("a secret", Algorithm::EdDsa, &SECRET),
        ("a secret", Algorithm::Rs256, &SECRET),
        ("RSA", Algorithm::EdDsa, &RSA),
        ("Ed25519", Algorithm::Rs256, &ED25519),
        ("version 2", Algorithm::EdDsa, version_2.as_ref()),
        ("P-256", Algorithm::EdDsa, ec.as_ref()),
        ("P-256", Algorithm::Rs256, ec.as_ref()),
        ("no PKCS#8", Algorithm::Rs256, RSA.get(26..).unwrap()),
        ("1024 bits", Algorithm::Rs256, &short),
    ];
    for (what, algorithm, secret) in table {
        assert_eq!(refusal(algorithm, secret), Some(KeyError::NotPkcs8), "{what} for {algorithm:?}");
    }
    for (algorithm, key) in [(Algorithm::EdDsa, ED25519.clone()), (Algorithm::Rs256, RSA.clone())] {
        assert_eq!(refusal(algorithm, &key), None);
        assert_eq!(refusal(algorithm, &[key.as_slice(), &[0]].concat()), Some(KeyError::NotPkcs8), "a byte too many");
        for length in (0..key.len()).step_by(7) {
            assert_eq!(refusal(algorithm, &key[..length]), Some(KeyError::NotPkcs8), "{length} bytes of {algorithm:?}");
        }
        assert_eq!(Key::new(algorithm, "", &key, KeyState::Active).err(), Some(KeyError::KidLength));
    }
    let mut changed = RSA.clone();
    changed[200] ^= 1;
    assert_eq!(refusal(Algorithm::Rs256, &changed), Some(KeyError::NotPkcs8), "numbers that do not fit together");
}

#[test]
fn names_are_exact() {
    for algorithm in Algorithm::ALL {
        assert_eq!(Algorithm::named(algorithm.name()), Some(algorithm));
    }
    for name in ["", "hs256", "none", "EDDSA", "Ed25519", "RS512"] {
        assert_eq!(Algorithm::named(name), None, "{name}");
    }
}

#[test]
fn debug_shows_no_private_key() {
    for algorithm in Algorithm::ALL {
        let expected = format!("Key {{ kid: {0:?}, algorithm: {algorithm:?}, state: Active, .. }}", algorithm.name());
        assert_eq!(format!("{:?}", key(algorithm, KeyState::Active)), expected);
    }
}
