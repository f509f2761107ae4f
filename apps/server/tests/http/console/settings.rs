//! What owners set for the tenant and the deployment.

use super::{Browser, login, login_of, owned};
use crate::support::World;

const PROVIDERS: &str = "/console/settings/providers";

#[test]
fn an_owner_sets_a_provider_keeps_its_secret_and_removes_it() {
    let (world, email) = owned();
    let mut owner = Browser::signed_in(&world, &email);
    let new = format!("{PROVIDERS}/new");
    owner.page(&new);
    let whole = [
        ("name", "work"),
        ("kind", "openid"),
        ("issuer", "https://login.example.com"),
        ("client_id", "shop"),
        ("client_secret", "hush-hush"),
        ("scopes", ""),
    ];
    for (field, value, problem) in [
        ("name", "Work!", "1 to 32"),
        ("issuer", "login", "An issuer is an https URL"),
        ("issuer", "http://login.example.com", "Without TLS it has to be marked"),
        ("client_id", "", "What the provider calls this deployment."),
        ("client_secret", "", "The secret that came with the id."),
        ("kind", "myspace", "There are the presets"),
    ] {
        let fields: Vec<_> =
            whole.iter().map(|(name, old)| (*name, if *name == field { value } else { *old })).collect();
        let answer = owner.post(&new, &fields);
        assert!(answer.status == 422 && answer.text().contains(problem), "{field}={value}: {}", answer.text());
        assert!(!answer.text().contains("hush-hush"), "a secret is not sent back: {}", answer.text());
    }
    assert_eq!(owner.post(&new, &whole).header("location"), Some(PROVIDERS));
    assert_eq!(owner.post(&new, &whole).status, 422, "its name is taken");
    let path = format!("{PROVIDERS}/work");
    let page = owner.page(&path);
    assert!(page.contains("https://login.example.com") && !page.contains("hush-hush"), "{page}");
    assert!(page.contains("/api/auth/oauth/callback/work\""), "{page}");
    let changed = [("kind", "openid"), ("issuer", "https://login.example.com"), ("client_id", "another")];
    assert_eq!(owner.post(&path, &changed).status, 303, "without a secret the old one stays");
    let listed = world.run_json(&["provider", "list"]);
    assert_eq!(listed[0]["client_id"], "another", "{listed}");
    let events = world.run_json(&["audit", "list", "--action", "provider.set"]);
    assert_eq!(events[0]["actor"]["operator"], email, "{events}");
    let told = |event: &serde_json::Value, side: &str, field: &str| event[side][field].clone();
    assert_eq!(
        (told(&events[0], "before", "client_id"), told(&events[0], "after", "client_id")),
        ("shop".into(), "another".into())
    );
    assert_eq!(told(&events[0], "after", "credential_replaced"), false, "{events}");
    assert_eq!(told(&events[1], "after", "credential_replaced"), true, "{events}");
    assert_eq!(owner.post(&path, &changed).status, 303);
    assert_eq!(world.run_json(&["audit", "list", "--action", "provider.set"]), events, "nothing is changed");
    owner.page(&path);
    owner.post(&format!("{path}/remove"), &[("confirm", "other")]);
    assert!(owner.page(&path).contains("the provider stays"));
    assert_eq!(owner.post(&format!("{path}/remove"), &[("confirm", "work")]).status, 303);
    assert_eq!(owner.get(&path).status, 404);
}

#[test]
fn owners_of_another_tenant_reach_neither_the_private_network_nor_the_token_keys() {
    let mut world = World::new();
    world.run(&["tenant", "create", "--name", "Elsewhere"]);
    let email = login_of(&world, "sam", "owner", "Elsewhere");
    world.serve();
    let mut sam = Browser::signed_in(&world, &email);
    let new = format!("{PROVIDERS}/new");
    let page = sam.page(&new);
    assert!(!page.contains("private_network"), "it is not offered: {page}");
    for issuer in ["http://127.0.0.1:8081", "http://localhost", "https://[::1]/"] {
        let fields =
            [("name", "lab"), ("kind", "openid"), ("issuer", issuer), ("client_id", "a"), ("client_secret", "b")];
        let answer = sam.post(&new, &fields);
        assert!(answer.status == 422 && answer.text().contains("first tenant"), "{issuer}: {}", answer.text());
    }
    let fields = [
        ("name", "lab"),
        ("kind", "openid"),
        ("issuer", "https://lab.example.com"),
        ("client_id", "a"),
        ("client_secret", "b"),
        ("private_network", "yes"),
    ];
    assert_eq!(sam.post(&new, &fields).status, 422);
    assert_eq!(sam.get("/console/settings/keys").status, 404);
    assert_eq!(sam.post("/console/settings/keys", &[]).status, 404);
    assert!(!sam.page("/console/settings").contains("Token keys"));
}

#[test]
fn token_keys_are_rotated_and_dropped_by_typing() {
    let (world, email) = owned();
    let mut owner = Browser::signed_in(&world, &email);
    let keys = "/console/settings/keys";
    owner.page(keys);
    let state = |name: &str| {
        let listed = world.run_json(&["key", "list"]);
        let of = listed.as_array().unwrap().iter().find(|key| key["state"] == name).cloned();
        of.map(|key| key["kid"].as_str().unwrap().to_owned())
    };
    let first = state("active").unwrap();
    for (fields, problem) in [
        ([("algorithm", "none"), ("lead_seconds", "")], "HS256, EdDSA or RS256"),
        ([("algorithm", ""), ("lead_seconds", "soon")], "Invalid digit"),
        ([("algorithm", ""), ("lead_seconds", "604801")], "0 to 604800"),
    ] {
        let answer = owner.post(keys, &fields);
        assert!(answer.status == 422 && answer.text().contains(problem), "{fields:?}: {}", answer.text());
    }
    assert_eq!(owner.post(keys, &[("algorithm", "EdDSA"), ("lead_seconds", "3600")]).status, 303);
    let next = state("next").unwrap();
    let again = owner.post(keys, &[("algorithm", "")]);
    assert!(again.status == 422 && again.text().contains(&next), "one at a time: {}", again.text());
    owner.page(keys);
    owner.post(&format!("{keys}/{first}/drop"), &[("confirm", &first)]);
    assert!(owner.page(keys).contains(&first), "the one that issues stays");
    owner.post(&format!("{keys}/{next}/drop"), &[("confirm", "another")]);
    assert_eq!(state("next"), Some(next.clone()));
    owner.page(keys);
    assert_eq!(owner.post(&format!("{keys}/{next}/drop"), &[("confirm", &next)]).status, 303);
    assert_eq!(state("next"), None);
}

#[test]
fn the_limit_of_users_a_month_is_set_and_taken_away() {
    let (world, email) = owned();
    let mut owner = Browser::signed_in(&world, &email);
    let limit = "/console/settings/limit";
    owner.page(limit);
    for wrong in ["-1", "many", "1.5", "4294967296"] {
        assert_eq!(owner.post(limit, &[("monthly_user_limit", wrong)]).status, 422, "{wrong}");
    }
    owner.post(limit, &[("monthly_user_limit", "250")]);
    assert!(owner.page("/console/settings").contains("at most 250"));
    assert!(owner.page(limit).contains("value=\"250\""));
    owner.post(limit, &[("monthly_user_limit", "")]);
    assert!(owner.page("/console/settings").contains("as many as there are"));
    let events = world.run_json(&["audit", "list", "--action", "tenant.updated"]);
    assert_eq!(events.as_array().unwrap().len(), 2, "{events}");
}

#[test]
fn who_is_no_owner_is_offered_none_of_it() {
    let mut world = World::new();
    let email = login(&world, "eve", "admin");
    world.serve();
    let mut eve = Browser::signed_in(&world, &email);
    assert!(!eve.page("/console/settings").contains("class=\"button"));
    for path in ["providers", "providers/new", "providers/google", "keys", "limit"] {
        assert_eq!(eve.get(&format!("/console/settings/{path}")).status, 403, "{path}");
    }
}
