//! GitHub.

use serde_json::json;

use super::*;

fn world() -> World {
    let fake = Fake::start();
    let web: Url = fake.url().parse().unwrap();
    let api = web.join("/api/v3").unwrap();
    let token = json!({"access_token": "gho_1", "scope": "", "token_type": "bearer"});
    let user = json!({"id": 583_231, "login": "octocat", "name": null, "avatar_url": "https://a.example/1"});
    fake.answer("/login/oauth/access_token", 200, &token);
    fake.answer("/api/v3/user", 200, &user);
    fake.answer("/api/v3/user/emails", 200, &json!([]));
    World::of(fake, Kind::GitHub { web, api })
}

#[tokio::test]
async fn a_flow_ends_in_the_numeric_id() {
    let world = world();
    let begun = world.begin().await;
    assert_eq!(begun.url.path(), "/login/oauth/authorize");
    let sent = parameters(begun.url.query().unwrap());
    assert_eq!((sent["scope"].as_str(), sent["state"].as_str()), ("read:user user:email", STATE));
    assert_eq!(sent["code_challenge_method"], "S256");
    let found = world.finish(&begun).await.unwrap();
    let expected = Identity {
        subject: "583231".parse().unwrap(),
        email: None,
        email_verified: false,
        display_name: Some("octocat".parse().unwrap()),
        avatar_url: Some("https://a.example/1".parse().unwrap()),
    };
    assert_eq!(found, expected);

    let exchange = parameters(&world.fake.seen("/login/oauth/access_token")[0].body);
    assert_eq!(exchange["code_verifier"], VERIFIER);
    assert_eq!((exchange["client_id"].as_str(), exchange["client_secret"].as_str()), (CLIENT_ID, "our_secret_is_%:+"));
    let asked = world.fake.seen("/api/v3/user").remove(0).headers.join("\n");
    assert!(asked.contains("Bearer gho_1") && asked.contains("osaycore/"), "{asked}");
}

#[tokio::test]
async fn the_address_is_the_primary_one_if_it_is_verified() {
    let world = world();
    let begun = world.begin().await;
    let address = |email: &str, primary: bool, verified: bool| {
        let visibility = Value::Null;
        json!({"email": email, "primary": primary, "verified": verified, "visibility": visibility})
    };
    let cases = [
        (
            200,
            json!([address("b@example.com", false, true), address("a@example.com", true, true)]),
            Some("a@example.com"),
        ),
        (200, json!([address("b@example.com", false, true), address("a@example.com", true, false)]), None),
        (200, json!([address("b@example.com", false, true)]), None),
        (200, json!([]), None),
        // The scope was not granted.
        (403, json!({"message": "Resource not accessible by integration"}), None),
        (404, json!({"message": "Not Found"}), None),
    ];
    for (status, answer, email) in cases {
        world.fake.answer("/api/v3/user/emails", status, &answer);
        let found = world.finish(&begun).await.unwrap();
        assert_eq!(found.email.as_ref().map(osaycore_directory::Email::as_str), email, "{answer}");
        assert_eq!(found.email_verified, email.is_some(), "{answer}");
    }
}

#[tokio::test]
async fn an_error_of_github_comes_with_200() {
    let world = world();
    let begun = world.begin().await;
    for (code, outcome) in [
        ("bad_verification_code", "the provider refused the code"),
        ("incorrect_client_credentials", "the provider says: incorrect_client_credentials"),
    ] {
        world.fake.answer("/login/oauth/access_token", 200, &json!({"error": code, "error_description": "…"}));
        assert_eq!(world.finish(&begun).await.unwrap_err().to_string(), outcome);
    }
    let denied = Callback { error: Some("access_denied".to_owned()), code: None, ..world.callback(&begun) };
    assert!(matches!(world.finish_at(&begun, &denied, NOW_S).await, Err(FlowError::Denied)));
}
