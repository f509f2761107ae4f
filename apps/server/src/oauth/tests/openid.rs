//! What goes well with OpenID Connect, and how often the issuer is asked.

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use serde_json::json;
use sha2::{Digest as _, Sha256};

use super::fake::KEYS;
use super::*;
use crate::oauth::flow::{IdTokenFault, Kept};

pub(super) const DISCOVERY: &str = "/.well-known/openid-configuration";

#[tokio::test]
async fn the_browser_is_sent_to_the_provider_with_everything_that_protects_the_flow() {
    let world = World::of_openid();
    let begun = world.begin().await;
    assert!(begun.url.as_str().starts_with(&format!("{}/authorize?", world.fake.url())));
    assert_eq!(begun.state, STATE);
    let challenge = URL_SAFE_NO_PAD.encode(Sha256::digest(VERIFIER));
    let expected = [
        ("client_id", CLIENT_ID),
        ("code_challenge", &challenge),
        ("code_challenge_method", "S256"),
        ("nonce", NONCE),
        ("prompt", "login"),
        ("redirect_uri", REDIRECT_URI),
        ("response_type", "code"),
        ("scope", "openid email profile"),
        ("state", STATE),
    ];
    let expected = expected.map(|(name, value)| (name.to_owned(), value.to_owned()));
    assert_eq!(parameters(begun.url.query().unwrap()), expected.into());
}

#[tokio::test]
async fn a_flow_ends_in_who_it_was() {
    let world = World::of_openid();
    let begun = world.begin().await;
    world.give(&KEYS[0].token(&KEYS[0].header(), &world.claims()));
    // What is kept goes through the database, sealed.
    let kept: Kept = serde_json::from_slice(&serde_json::to_vec(&begun.kept).unwrap()).unwrap();
    assert_eq!(format!("{kept:?}"), "Kept");
    let found = world.client.finish(&world.provider, &kept, &world.callback(&begun), NOW_S).await.unwrap();
    let expected = Identity {
        subject: "248289761001".parse().unwrap(),
        email: Some("ada@example.com".parse().unwrap()),
        email_verified: true,
        display_name: Some("Ada Lovelace".parse().unwrap()),
        avatar_url: Some("https://example.com/ada.png".parse().unwrap()),
    };
    assert_eq!(found, expected);

    let [exchange] = &world.fake.seen("/token")[..] else { panic!("one exchange") };
    let sent = parameters(&exchange.body);
    let expected = [
        ("code", "the+code"),
        ("code_verifier", VERIFIER),
        ("grant_type", "authorization_code"),
        ("redirect_uri", REDIRECT_URI),
    ];
    assert_eq!(sent, expected.map(|(name, value)| (name.to_owned(), value.to_owned())).into());
    let basic = format!("Basic {}", STANDARD.encode("our-id:our_secret_is_%25%3A%2B"));
    assert!(exchange.headers.iter().any(|header| header.ends_with(&basic)), "{:?}", exchange.headers);
    assert!(world.fake.seen("/userinfo").is_empty());
}

#[tokio::test]
async fn all_asymmetric_algorithms_of_the_provider_are_accepted() {
    let world = World::of_openid();
    world.fake.answer("/jwks", 200, &json!({"keys": KEYS.iter().map(fake::Key::jwk).collect::<Vec<_>>()}));
    let begun = world.begin().await;
    for key in KEYS.iter() {
        world.give(&key.token(&key.header(), &world.claims()));
        world.finish(&begun).await.unwrap();
    }
}

#[tokio::test]
async fn a_provider_may_want_the_secret_in_the_form_and_may_not_send_iss() {
    let world = World::of_openid();
    let mut metadata = metadata(&world.fake.url());
    metadata["token_endpoint_auth_methods_supported"] = json!(["client_secret_post", "private_key_jwt"]);
    metadata["authorization_response_iss_parameter_supported"] = json!(false);
    world.fake.answer(DISCOVERY, 200, &metadata);
    let begun = world.begin().await;
    world.give(&KEYS[0].token(&KEYS[0].header(), &world.claims()));
    let callback = Callback { iss: None, ..world.callback(&begun) };
    world.finish_at(&begun, &callback, NOW_S).await.unwrap();
    let sent = parameters(&world.fake.seen("/token")[0].body);
    assert_eq!((sent["client_id"].as_str(), sent["client_secret"].as_str()), (CLIENT_ID, "our_secret_is_%:+"));
    let callback = Callback { iss: Some("https://other.example".to_owned()), ..callback };
    assert!(matches!(world.finish_at(&begun, &callback, NOW_S).await, Err(FlowError::WrongIssuer)));
}

#[tokio::test]
async fn an_address_that_the_id_token_lacks_is_asked_for_and_must_be_of_the_same_subject() {
    let world = World::of_openid();
    let begun = world.begin().await;
    let claims = json!({
        "iss": world.fake.url(), "sub": "1", "aud": [CLIENT_ID], "iat": NOW_S, "exp": NOW_S + 300, "nonce": NONCE,
        "azp": CLIENT_ID, "email_verified": true, "picture": "https://example.com/a.png",
    });
    world.give(&KEYS[0].token(&KEYS[0].header(), &claims));
    let told =
        json!({"sub": "1", "email": "a@example.com", "preferred_username": "ada", "picture": "https://b.example/"});
    world.fake.answer("/userinfo", 200, &told);
    let found = world.finish(&begun).await.unwrap();
    assert_eq!(found.email, Some("a@example.com".parse().unwrap()));
    assert!(!found.email_verified, "said of no address");
    assert_eq!(found.display_name, Some("ada".parse().unwrap()));
    assert_eq!(found.avatar_url, Some("https://example.com/a.png".parse().unwrap()));
    let seen = world.fake.seen("/userinfo");
    assert!(seen[0].headers.iter().any(|header| header.eq_ignore_ascii_case("authorization: Bearer access")));

    world.fake.answer("/userinfo", 200, &json!({"sub": "1", "email": "a@example.com", "email_verified": "true"}));
    assert!(world.finish(&begun).await.unwrap().email_verified);
    world.fake.answer("/userinfo", 200, &json!({"sub": "2", "email": "a@example.com", "email_verified": true}));
    assert!(matches!(world.finish(&begun).await, Err(FlowError::Senseless(_))));
    world.fake.answer("/userinfo", 503, "");
    assert!(matches!(world.finish(&begun).await, Err(FlowError::Unreachable(_))));
}

#[tokio::test]
async fn what_does_not_fit_our_rules_is_left_out() {
    let world = World::of_openid();
    let begun = world.begin().await;
    let mut claims = world.claims();
    claims["email"] = json!("no address");
    claims["name"] = json!("x".repeat(257));
    claims["picture"] = json!("javascript:alert(1)");
    world.give(&KEYS[0].token(&KEYS[0].header(), &claims));
    let found = world.finish(&begun).await.unwrap();
    assert_eq!((found.email, found.email_verified, found.display_name, found.avatar_url), (None, false, None, None));
}

#[tokio::test]
async fn an_issuer_is_asked_about_itself_once_an_hour() {
    let world = World::of_openid();
    for (at_s, times) in [(0, 1), (1, 1), (3599, 1), (3600, 2), (3601, 2), (7200, 3)] {
        world.begin_at(NOW_S + at_s).await.unwrap();
        assert_eq!(world.fake.seen(DISCOVERY).len(), times, "after {at_s} s");
        assert_eq!(world.fake.seen("/jwks").len(), times, "after {at_s} s");
    }
}

#[tokio::test]
async fn an_unknown_key_makes_the_keys_be_read_again_once_a_minute_at_most() {
    let world = World::of_openid();
    let begun = world.begin().await;
    let callback = world.callback(&begun);
    world.give(&KEYS[1].token(&KEYS[1].header(), &world.claims()));
    // The first reading is within the minute; then one that finds nothing new; then one that does.
    let unknown = Err(IdTokenFault::UnknownKey);
    let (new, old) = (json!({"keys": [KEYS[1].jwk()]}), json!({"keys": [KEYS[0].jwk()]}));
    for (at_s, keys, outcome, readings) in [
        (59, &new, unknown, 1),
        (60, &old, unknown, 2),
        (61, &new, unknown, 2),
        (119, &new, unknown, 2),
        (120, &new, Ok(()), 3),
        (121, &old, Ok(()), 3),
    ] {
        world.fake.answer("/jwks", 200, keys);
        let found = match world.finish_at(&begun, &callback, NOW_S + at_s).await {
            Err(FlowError::IdToken(fault)) => Err(fault),
            other => other.map(drop).map_err(|error| panic!("{error}")),
        };
        assert_eq!(found, outcome, "after {at_s} s");
        assert_eq!(world.fake.seen("/jwks").len(), readings, "after {at_s} s");
    }
    world.give(&KEYS[0].token(&KEYS[0].header(), &world.claims()));
    world.fake.answer("/jwks", 503, "");
    assert!(matches!(world.finish_at(&begun, &callback, NOW_S + 200).await, Err(FlowError::Unreachable(_))));
}

#[tokio::test]
async fn a_discovery_document_is_the_issuers_own_and_sends_browsers_to_the_web_alone() {
    let world = World::of_openid();
    let mut other = metadata(&world.fake.url());
    other["issuer"] = json!(format!("{}/", world.fake.url()));
    world.fake.answer(DISCOVERY, 200, &other);
    assert!(matches!(world.begin_at(NOW_S).await, Err(FlowError::Senseless(_))));
    let mut script = metadata(&world.fake.url());
    script["authorization_endpoint"] = json!("javascript:alert(1)");
    world.fake.answer(DISCOVERY, 200, &script);
    assert!(matches!(world.begin_at(NOW_S).await, Err(FlowError::Unreachable(_))));
    assert!(matches!(world.begin_at(NOW_S + 4).await, Err(FlowError::Resting)), "it is not asked again at once");
    for (status, body) in [(404, ""), (200, "{"), (200, "{}"), (302, "/elsewhere")] {
        world.fake.answer(DISCOVERY, status, body);
        assert!(matches!(world.begin_at(NOW_S + 5).await, Err(FlowError::Senseless(_))), "{status} {body}");
    }
    assert!(world.fake.seen("/elsewhere").is_empty());
    world.fake.answer(DISCOVERY, 200, &json!({"issuer": "x\n".repeat(9999)}));
    let text = world.begin_at(NOW_S + 5).await.map(drop).unwrap_err().to_string();
    assert!(text.len() < 300 && !text.contains('\n'), "{text}");
    world.fake.answer(DISCOVERY, 502, "");
    assert!(matches!(world.begin_at(NOW_S + 5).await, Err(FlowError::Unreachable(_))));
}
