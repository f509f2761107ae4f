//! Whose account a provider's login comes to.

use crate::sign_in::{APP, DONE, Deployment};
use crate::support::provider::Visitor;
use crate::support::{Call, unique, within_a_second};

#[test]
fn an_account_goes_to_nobody_by_an_address_that_was_not_verified() {
    let deployment = Deployment::new();
    let Deployment { world, .. } = &deployment;
    let squatter = world.user_with("squatter", &["--email", "ada@example.com"]);
    let friend = world.user_with("friend", &["--email", "bob@example.com"]);
    world.run(&["user", "set", &friend.id, "--email-verified", "true"]);
    let ada = deployment.summary(&deployment.token_of("ada-1"));
    assert_ne!(ada["id"], squatter.id.as_str(), "here the local address was not verified");
    let bob = deployment.summary(&deployment.token_of("bob-2"));
    assert_ne!(bob["id"], friend.id.as_str(), "here that of the provider was not");
    let squatter = world.run_json(&["user", "show", &squatter.id]);
    assert_eq!(squatter["email_verified"], false, "{squatter}");
}

#[test]
fn accounts_are_linked_by_an_address_that_both_sides_verified_or_by_their_owner() {
    let deployment = Deployment::new();
    let Deployment { world, app, .. } = &deployment;
    let ada = world.user_with("ada", &["--email", "ADA@example.com"]);
    world.run(&["user", "set", &ada.id, "--email-verified", "true"]);
    assert_eq!(deployment.summary(&deployment.token_of("ada-1"))["id"], ada.id.as_str());

    let eve = world.user("eve");
    let session = world.token(app, &eve);
    let initiate = |token: &str, mode: &str| {
        let nonce = unique("nonce");
        let asked = format!(r#""provider":"local","redirect_uri":"{DONE}","response_mode":"{mode}""#);
        let body = format!(r#"{{{asked},"link":true,"nonce":"{nonce}"}}"#);
        Call::post("/api/auth/oauth/initiate", body).bearer(token).signed(app).send(world)
    };
    for mode in ["query", "fragment", "web_message"] {
        initiate(&session, mode).refused(400, "invalid_field");
    }
    let code_of = |login: &str| {
        let auth_url = initiate(&session, "code").ok()["auth_url"].as_str().unwrap().to_owned();
        Visitor::default().sign_in(&auth_url, login, true, APP).parameter("osaycore_code").unwrap()
    };
    let exchange = |code: &str, token: Option<&str>| {
        let body = format!(r#"{{"code":"{code}","nonce":"{}"}}"#, unique("nonce"));
        let call = Call::post("/api/auth/oauth/exchange", body);
        token.map_or(call.clone(), |token| call.bearer(token)).signed(app).send(world)
    };
    // Somebody else was made to open the address: what they bring links nothing, in their session or in none.
    let mallet = world.user("mallet");
    let code = code_of("bob-2");
    exchange(&code, None).refused(401, "missing_token");
    exchange(&code, Some(&world.token(app, &mallet))).refused(401, "token_invalid");
    exchange(&code, Some(&deployment.token_of("ada-1"))).refused(401, "token_invalid");
    let shown = world.run_json(&["audit", "list", "--action", "user.linked", "--user", &eve.id]);
    assert_eq!(shown.as_array().unwrap().len(), 0, "{shown}");
    let linked = exchange(&code, Some(&session)).ok();
    assert_eq!(deployment.summary(linked["jwt_token"].as_str().unwrap())["id"], eve.id.as_str());
    assert_eq!(deployment.summary(&deployment.token_of("bob-2"))["id"], eve.id.as_str());
    // Ada's is hers, whoever asks for it.
    exchange(&code_of("ada-1"), Some(&session)).refused(409, "reference_conflict");
    assert_eq!(deployment.summary(&deployment.token_of("ada-1"))["id"], ada.id.as_str());
    world.run(&["user", "disable", &eve.id]);
    let refused = Visitor::default().sign_in(&deployment.initiate(""), "bob-2", true, APP);
    assert_eq!(refused.parameter("osaycore_error").as_deref(), Some("user_inactive"), "{refused:?}");
}

#[test]
fn a_subject_is_somebody_of_one_issuer_only() {
    let deployment = Deployment::new();
    let Deployment { world, provider, .. } = &deployment;
    let ada = deployment.summary(&deployment.token_of("ada-1"));
    // Another issuer under the same name, where the same subject is somebody with another address.
    let callback = format!("{}/api/auth/oauth/callback/local", world.base_url());
    let accounts = r#"[{"sub": "ada-1", "email": "mallory@evil.example", "email_verified": true, "name": "Mallory"}]"#;
    let other = crate::support::provider::Provider::start(&[callback], accounts);
    deployment.set_issuer(&other.issuer);
    let direct = || deployment.initiate(r#","direct":true"#);
    within_a_second("the other issuer", || direct().starts_with(&other.issuer));
    let mallory = deployment.summary(&deployment.token_of("ada-1"));
    assert_ne!(mallory["id"], ada["id"]);
    assert_eq!(mallory["email"], "mallory@evil.example");
    deployment.set_provider();
    within_a_second("the first issuer", || direct().starts_with(&provider.issuer));
    assert_eq!(deployment.summary(&deployment.token_of("ada-1")), ada, "hers is as it was");
}

#[test]
fn any_subject_of_the_standard_is_let_in() {
    let deployment = Deployment::new();
    let eve = deployment.summary(&deployment.token_of("eve@example.com"));
    assert_eq!(eve["username"], "eve@example.com", "{eve}");
    assert_eq!(deployment.summary(&deployment.token_of("eve@example.com"))["id"], eve["id"]);
}

#[test]
fn what_a_login_changes_is_in_the_trail_and_ends_what_was_there_before_the_address_was_proved() {
    let deployment = Deployment::new();
    let Deployment { world, app, .. } = &deployment;
    let ada = world.user_with("ada", &["--email", "ada@example.com", "--display-name", "A. L."]);
    world.run(&["user", "set", &ada.id, "--email-verified", "true"]);
    let before = world.token(app, &ada);
    assert_eq!(deployment.summary(&before)["id"], ada.id.as_str());
    let token = deployment.token_of("ada-1");
    assert_eq!(deployment.summary(&token)["id"], ada.id.as_str());
    within_a_second("sessions from before", || world.read(app, &before, "/api/user/context").status == 401);
    assert_eq!(deployment.summary(&deployment.token_of("ada-1"))["id"], ada.id.as_str());
    deployment.summary(&token);

    let trail = world.run_json(&["audit", "list", "--user", &ada.id]);
    let of = |action: &str| trail.as_array().unwrap().iter().filter(|event| event["action"] == action).count();
    let counts = ["user.linked", "user.permitted", "user.signed_in", "user.created"].map(of);
    assert_eq!(counts, [1, 1, 2, 1], "{trail}");
    let linked = trail.as_array().unwrap().iter().find(|event| event["action"] == "user.linked").unwrap();
    assert_eq!(linked["after"]["subject"], "ada-1", "{linked}");
    assert_eq!(linked["after"]["issuer"], deployment.provider.issuer.as_str(), "{linked}");

    let bob = deployment.summary(&deployment.token_of("bob-2"));
    let trail = world.run_json(&["audit", "list", "--user", bob["id"].as_str().unwrap(), "--action", "user.created"]);
    assert_eq!(trail[0]["after"]["email"], "bob@example.com", "{trail}");
}
