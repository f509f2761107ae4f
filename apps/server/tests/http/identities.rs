//! The logins of providers that are a user's: what an operator sees of them, and takes away.

use serde_json::Value;

use crate::console::{Browser, login};
use crate::sign_in::{APP, DONE, Deployment};
use crate::support::provider::Visitor;
use crate::support::{Call, unique};

/// The one event of this action.
#[track_caller]
fn event(deployment: &Deployment, action: &str) -> Value {
    let events = deployment.world.run_json(&["audit", "list", "--action", action]);
    assert_eq!(events.as_array().unwrap().len(), 1, "{events}");
    events[0].clone()
}

fn exchange(deployment: &Deployment, code: &str, token: Option<&str>) -> crate::support::Answer {
    let body = format!(r#"{{"code":"{code}","nonce":"{}"}}"#, unique("nonce"));
    let call = Call::post("/api/auth/oauth/exchange", body);
    token.map_or(call.clone(), |token| call.bearer(token)).signed(&deployment.app).send(&deployment.world)
}

#[test]
fn a_login_that_is_taken_away_is_whoever_the_rules_say() {
    let deployment = Deployment::new();
    let world = &deployment.world;
    let id = |token: &str| deployment.summary(token)["id"].as_str().unwrap().to_owned();
    let token = deployment.token_of("bob-2");
    let bob = id(&token);
    let shown = world.run_json(&["user", "show", &bob]);
    let identity = &shown["identities"][0];
    assert_eq!(shown["identities"].as_array().unwrap().len(), 1, "{shown}");
    assert_eq!((&identity["provider"], &identity["subject"]), (&"local".into(), &"bob-2".into()), "{shown}");
    assert_eq!((&identity["email"], &identity["is_source"]), (&"bob@example.com".into(), &true.into()), "{shown}");
    assert_eq!(identity["created_at"], identity["used_at"], "{shown}");
    assert!(world.run(&["user", "show", &bob]).contains("identity    local bob-2\n"));

    for (further, lacks) in [
        (["--provider", "other"].as_slice(), "no login of other"),
        (&["--provider", "local", "--subject", "bob-3"], "no login of local bob-3"),
    ] {
        let refused = world.cli(&[&["user", "unlink", &bob], further].concat());
        let said = String::from_utf8_lossy(&refused.stderr).into_owned();
        assert!(refused.status.code() == Some(1) && said.contains(lacks), "{said}");
    }
    // A sign-in that is not finished yet is taken away too.
    let end = Visitor::default().sign_in(&deployment.initiate(r#","response_mode":"code""#), "bob-2", true, APP);
    let code = end.parameter("osaycore_code").unwrap();
    let taken = world.run_json(&["user", "unlink", &bob, "--provider", "local"]);
    assert_eq!((taken[0]["subject"].as_str(), taken.as_array().unwrap().len()), (Some("bob-2"), 1), "{taken}");
    exchange(&deployment, &code, None).refused(400, "invalid_field");
    let before = event(&deployment, "user.unlinked")["before"].clone();
    assert_eq!((&before["provider"], &before["subject"]), (&"local".into(), &"bob-2".into()), "{before}");
    assert_eq!(before["issuer"], deployment.provider.issuer.as_str(), "{before}");
    assert_eq!(world.run_json(&["user", "show", &bob])["identities"], serde_json::json!([]));
    assert_eq!(world.cli(&["user", "unlink", &bob, "--provider", "local"]).status.code(), Some(1));
    deployment.summary(&token);

    // No address that both sides verified: somebody new.
    let again = id(&deployment.token_of("bob-2"));
    assert_ne!(again, bob);
    // By one that both did, the same one again, until the user's is another or not verified.
    let ada = id(&deployment.token_of("ada-1"));
    world.run(&["user", "unlink", &ada, "--provider", "local", "--subject", "ada-1"]);
    assert_eq!(id(&deployment.token_of("ada-1")), ada);
    world.run(&["user", "unlink", &ada, "--provider", "local"]);
    world.run(&["user", "set", &ada, "--email-verified", "false"]);
    assert_ne!(id(&deployment.token_of("ada-1")), ada);
}

#[test]
fn a_login_that_is_unlinked_in_the_console_opens_the_users_account_no_more() {
    let deployment = Deployment::new();
    let world = &deployment.world;
    let id = |token: &str| deployment.summary(token)["id"].as_str().unwrap().to_owned();
    let bob = id(&deployment.token_of("bob-2"));
    let number = world.run_json(&["user", "show", &bob])["oasis_user_id"].to_string();
    let email = login(world, "ada", "admin");
    let mut browser = Browser::signed_in(world, &email);
    let path = format!("/console/users/{number}");
    let page = browser.page(&path);
    assert!(page.contains("bob-2") && page.contains("Unlink"), "{page}");
    let unlink = |browser: &mut Browser<'_>| {
        browser.post(&format!("{path}/identities/unlink"), &[("provider", "local"), ("subject", "bob-2")])
    };
    assert_eq!(unlink(&mut browser).status, 303);
    let page = browser.page(&path);
    assert!(page.contains("None. They come when the user signs in by a provider."), "{page}");
    assert_eq!(world.run_json(&["user", "show", &bob])["identities"], serde_json::json!([]));
    let by = world.run_json(&["audit", "list", "--action", "user.unlinked"])[0]["actor"].clone();
    assert_eq!(by["operator"], email.as_str(), "{by}");
    assert_ne!(id(&deployment.token_of("bob-2")), bob, "whoever signs in by it is somebody else");
    assert_eq!(unlink(&mut browser).status, 303);
    assert!(browser.page(&path).contains("has no login of local bob-2"));
}

#[test]
fn of_several_logins_of_one_provider_one_is_named() {
    let deployment = Deployment::new();
    let world = &deployment.world;
    let session = deployment.token_of("ada-1");
    let ada = deployment.summary(&session)["id"].as_str().unwrap().to_owned();
    let body = format!(r#"{{"provider":"local","redirect_uri":"{DONE}","response_mode":"code","link":true}}"#);
    let begun = Call::post("/api/auth/oauth/initiate", body).bearer(&session).signed(&deployment.app).send(world);
    let end = Visitor::default().sign_in(begun.ok()["auth_url"].as_str().unwrap(), "bob-2", true, APP);
    exchange(&deployment, &end.parameter("osaycore_code").unwrap(), Some(&session)).ok();
    let refused = world.cli(&["user", "unlink", &ada, "--provider", "local"]);
    let said = String::from_utf8_lossy(&refused.stderr).into_owned();
    assert!(refused.status.code() == Some(1) && said.contains("--subject, of ada-1, bob-2"), "{said}");
    world.run(&["user", "unlink", &ada, "--provider", "local", "--subject", "bob-2"]);
    let left = world.run_json(&["user", "show", &ada])["identities"].clone();
    assert_eq!((left.as_array().unwrap().len(), &left[0]["subject"]), (1, &"ada-1".into()), "{left}");
    assert_ne!(deployment.summary(&deployment.token_of("bob-2"))["id"], ada.as_str());
    assert_eq!(deployment.summary(&deployment.token_of("ada-1"))["id"], ada.as_str());
}
