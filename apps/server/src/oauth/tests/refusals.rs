//! Callbacks, token answers and ID tokens that a flow must not end well with.

use hmac::{Hmac, KeyInit as _, Mac as _};
use serde_json::json;
use sha2::Sha256;

use super::fake::{KEYS, jws};
use super::openid::DISCOVERY;
use super::*;
use crate::oauth::flow::IdTokenFault;

#[tokio::test]
async fn a_callback_is_of_its_flow_and_from_its_provider() {
    let world = World::of_openid();
    world.give(&KEYS[0].token(&KEYS[0].header(), &world.claims()));
    let begun = world.begin().await;
    let good = world.callback(&begun);
    let text = |text: &str| Some(text.to_owned());
    let said = |error: &str| Callback { error: text(error), code: None, ..good.clone() };
    let cases = [
        (said("access_denied"), "access was denied at the provider"),
        (said("temporarily_unavailable"), "the provider says: temporarily_unavailable"),
        (said("a\r\nb\"\u{e4}"), "the provider says: ab"),
        // An error is no more believed than a code, and beats one.
        (
            Callback { iss: text("https://other.example"), ..said("access_denied") },
            "the callback comes from another issuer",
        ),
        (Callback { code: text("code"), ..said("access_denied") }, "access was denied at the provider"),
        (Callback { iss: text("https://other.example"), ..good.clone() }, "the callback comes from another issuer"),
        (
            Callback { iss: text(&format!("{}/", world.fake.url())), ..good.clone() },
            "the callback comes from another issuer",
        ),
        (Callback { iss: None, ..good.clone() }, "the callback comes from another issuer"),
        (Callback { state: None, ..good.clone() }, "the callback belongs to another flow"),
        (Callback { state: text(NONCE), ..good.clone() }, "the callback belongs to another flow"),
        (
            Callback { code: None, ..good.clone() },
            "the provider's answer makes no sense: callback: neither code nor error",
        ),
    ];
    for (callback, outcome) in cases {
        let error = world.finish_at(&begun, &callback, NOW_S).await.unwrap_err();
        assert_eq!(error.to_string(), outcome);
    }
    // The provider that the callback's path names is another, or was set anew.
    let elsewhere = Kind::open_id("https://other.example").unwrap();
    for other in [provider("other", world.provider.kind().clone()), provider("idp", elsewhere)] {
        let outcome = world.client.finish(&other, &begun.kept, &good, NOW_S).await;
        assert!(matches!(outcome, Err(FlowError::Foreign)));
    }
    assert!(world.fake.seen("/token").is_empty(), "no code was sent");
    world.finish_at(&begun, &good, NOW_S).await.unwrap();
}

#[tokio::test]
async fn the_token_endpoint_may_refuse_and_may_make_no_sense() {
    let world = World::of_openid();
    let begun = world.begin().await;
    let cases = [
        (400, json!({"error": "invalid_grant", "error_description": "used"}), "the provider refused the code"),
        (401, json!({"error": "invalid_client"}), "the provider says: invalid_client"),
        (200, json!({"access_token": "a", "token_type": "Bearer"}), "the ID token is missing"),
        (200, json!({"access_token": "a", "token_type": "Bearer", "id_token": "a.b.c"}), "the ID token is malformed"),
        (200, json!("what?"), "the provider's answer makes no sense: token endpoint: ."),
        (302, json!("/elsewhere"), "the provider's answer makes no sense: token endpoint: ."),
        (500, json!({"error": "invalid_grant"}), "the provider cannot be reached: the server answered 500"),
    ];
    for (status, answer, outcome) in cases {
        world.fake.answer("/token", status, &answer);
        assert_eq!(world.finish(&begun).await.unwrap_err().to_string(), outcome);
    }
}

#[tokio::test]
async fn an_issuer_is_asked_once_for_all_who_wait() {
    let world = World::of_openid();
    let begun = futures_util::future::join_all((0..8).map(|_| world.begin_at(NOW_S))).await;
    assert!(begun.iter().all(Result::is_ok));
    assert_eq!(world.fake.seen(DISCOVERY).len(), 1);
}

#[tokio::test]
async fn a_provider_that_is_down_is_unreachable() {
    let world = World::of_openid();
    let begun = world.begin().await;
    let callback = world.callback(&begun);
    let World { fake, client, provider } = world;
    drop(fake);
    let finished = client.finish(&provider, &begun.kept, &callback, NOW_S).await;
    assert!(matches!(finished, Err(FlowError::Unreachable(_))));
    // What it said of itself an hour ago is good for a day, if it says nothing now.
    let begin_at = async |at_s: i64| client.begin(&provider, &redirect_uri(), None, &drawn(), NOW_S + at_s).await;
    begin_at(3600).await.unwrap();
    begin_at(3601).await.unwrap();
    assert!(matches!(begin_at(86_400).await, Err(FlowError::Unreachable(_))));
    assert!(matches!(begin_at(86_401).await, Err(FlowError::Resting)));
}

/// The claims, one of them changed; `null` takes it away.
fn changed(claims: &Value, name: &str, value: Value) -> Value {
    let mut claims = claims.clone();
    match value {
        Value::Null => drop(claims.as_object_mut().unwrap().remove(name)),
        value => claims[name] = value,
    }
    claims
}

#[tokio::test]
async fn an_id_token_is_for_us_of_this_flow_and_of_this_moment() {
    let world = World::of_openid();
    let begun = world.begin().await;
    let cases = [
        ("iss", json!("https://other.example"), Some(IdTokenFault::Issuer)),
        ("iss", json!(format!("{}/", world.fake.url())), Some(IdTokenFault::Issuer)),
        ("iss", json!(null), Some(IdTokenFault::Malformed)),
        ("aud", json!("other"), Some(IdTokenFault::Audience)),
        ("aud", json!([CLIENT_ID, "other"]), Some(IdTokenFault::Audience)),
        ("aud", json!([]), Some(IdTokenFault::Audience)),
        ("aud", json!(null), Some(IdTokenFault::Audience)),
        ("azp", json!("other"), Some(IdTokenFault::Audience)),
        ("azp", json!(CLIENT_ID), None),
        ("nonce", json!(STATE), Some(IdTokenFault::Nonce)),
        ("nonce", json!(null), Some(IdTokenFault::Nonce)),
        ("exp", json!(NOW_S - 60), Some(IdTokenFault::Time)),
        ("exp", json!(NOW_S - 59), None),
        ("exp", json!(null), Some(IdTokenFault::Malformed)),
        ("exp", json!(1e300), Some(IdTokenFault::Malformed)),
        ("iat", json!(NOW_S + 60), None),
        ("iat", json!(NOW_S + 61), Some(IdTokenFault::Time)),
        ("sub", json!(""), Some(IdTokenFault::Subject)),
        ("sub", json!("x".repeat(256)), Some(IdTokenFault::Subject)),
        ("sub", json!("a\nb"), Some(IdTokenFault::Subject)),
        ("sub", json!(null), Some(IdTokenFault::Malformed)),
        ("at_hash", json!("AAAAAAAAAAAAAAAAAAAAAA"), Some(IdTokenFault::AccessToken)),
        // The left half of SHA-256("access").
        ("at_hash", json!(AT_HASH), None),
    ];
    for (name, value, fault) in cases {
        let claims = changed(&world.claims(), name, value.clone());
        world.give(&KEYS[0].token(&KEYS[0].header(), &claims));
        assert_eq!(outcome(world.finish(&begun).await), fault, "{name}: {value}");
    }
}

/// By `printf access | openssl sha256 -binary | head -c 16 | basenc --base64url`.
const AT_HASH: &str = "oFYf1knNtrqnhAVfBRuteQ";

#[tokio::test]
async fn an_id_token_is_signed_by_the_provider_and_by_nobody_else() {
    let world = World::of_openid();
    let begun = world.begin().await;
    let (key, other, claims) = (&KEYS[0], &KEYS[1], world.claims());
    let mac = |secret: &[u8]| {
        let header = json!({"alg": "HS256", "kid": key.kid});
        jws(&header, &claims, |message| {
            let mut mac = Hmac::<Sha256>::new_from_slice(secret).unwrap();
            mac.update(message);
            mac.finalize().into_bytes().to_vec()
        })
    };
    let with = |name: &str, value: Value| key.token(&changed(&key.header(), name, value), &claims);
    let good = key.token(&key.header(), &claims);
    let (signed, signature) = good.rsplit_once('.').unwrap();
    let elevated = key.token(&key.header(), &changed(&claims, "sub", json!("1")));
    let cases = [
        ("alg none", jws(&json!({"alg": "none"}), &claims, |_| vec![]), Some(IdTokenFault::Algorithm)),
        ("alg none, signed", with("alg", json!("none")), Some(IdTokenFault::Algorithm)),
        ("a MAC of the client secret", mac(b"our_secret_is_%:+"), Some(IdTokenFault::Algorithm)),
        ("a MAC of the public key", mac(key.jwk().to_string().as_bytes()), Some(IdTokenFault::Algorithm)),
        ("another algorithm of the key", with("alg", json!("RS512")), Some(IdTokenFault::Algorithm)),
        ("an algorithm of another key", with("alg", json!("ES256")), Some(IdTokenFault::UnknownKey)),
        ("an algorithm that nobody knows", with("alg", json!("XX999")), Some(IdTokenFault::Malformed)),
        ("another key under this kid", other.token(&key.header(), &claims), Some(IdTokenFault::Signature)),
        ("another key", other.token(&other.header(), &claims), Some(IdTokenFault::UnknownKey)),
        ("its own key along with it", with("jwk", other.jwk()), None),
        ("no kid, and one key alone", with("kid", json!(null)), None),
        ("no signature", format!("{signed}."), Some(IdTokenFault::Signature)),
        (
            "the signature of other claims",
            format!("{}.{signature}", elevated.rsplit_once('.').unwrap().0),
            Some(IdTokenFault::Signature),
        ),
        ("an extension that must be understood", with("crit", json!(["exp"])), Some(IdTokenFault::Malformed)),
        ("an access token", with("typ", json!("at+jwt")), Some(IdTokenFault::Malformed)),
        ("a JWT that says so", with("typ", json!("JWT")), None),
    ];
    for (case, token, fault) in cases {
        world.give(&token);
        assert_eq!(outcome(world.finish(&begun).await), fault, "{case}");
    }
}

#[tokio::test]
async fn an_access_token_that_no_header_can_hold_is_refused() {
    let world = World::of_openid();
    let begun = world.begin().await;
    let id_token = KEYS[0].token(&KEYS[0].header(), &changed(&world.claims(), "email", json!(null)));
    world.fake.answer("/token", 200, &json!({"access_token": "a\nb", "token_type": "Bearer", "id_token": id_token}));
    assert!(matches!(world.finish(&begun).await, Err(FlowError::Senseless(_))));
}

fn outcome(finished: Result<Identity, FlowError>) -> Option<IdTokenFault> {
    match finished {
        Ok(_) => None,
        Err(FlowError::IdToken(fault)) => Some(fault),
        Err(other) => panic!("{other}"),
    }
}
