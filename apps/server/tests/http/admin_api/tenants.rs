//! A token of one tenant neither sees nor changes what is another's.

use super::{ALL, Script};
use crate::support::World;

#[test]
fn another_tenants_token_sees_nothing_and_changes_nothing() {
    let (world, app) = World::served();
    let ada = world.rich_user("ada", "5");
    let group = world.run_json(&["group", "create", "--name", "staff"]);
    let key = world.run_json(&["app", "eval-key", &app.id, "--name", "web"]);
    std::fs::write(world.folder().join("flags.json"), r#"{"flags":[{"key":"new_ui","default":true}]}"#).unwrap();
    world.run(&["flag", "apply", "flags.json"]);
    world.run(&["tenant", "create", "--name", "other"]);
    let owner = Script::new(&world);
    let transaction = owner.does("GET", "/transactions", "")["items"][0]["transaction_id"].as_str().unwrap().to_owned();
    let stranger = Script::with(&world, &["--tenant", "other", "--name", "deploy", "--scopes", ALL]);

    let before = owner.get("/audit?limit=1").ok();
    for list in
        ["/apps", "/users", "/users?search=ada", "/groups", "/transactions", "/payments", "/flags", "/providers"]
    {
        assert_eq!(stranger.get(list).ok()["items"].as_array().map(Vec::len), Some(0), "{list}");
    }
    let trail = stranger.get("/audit").ok().to_string();
    assert!(!trail.contains(&ada.id) && !trail.contains(&app.id), "{trail}");
    assert_eq!(stranger.get("/settings").ok()["name"], "other");
    let (app_id, group_id) = (app.oasis_app_id, group["group_id"].as_i64().unwrap());
    for (method, path, body) in [
        ("GET", format!("/apps/{}", app.id), ""),
        ("GET", format!("/apps/{app_id}"), ""),
        ("PATCH", format!("/apps/{}", app.id), r#"{"disabled":true}"#),
        ("POST", format!("/apps/{}/secrets", app.id), "{}"),
        ("GET", format!("/apps/{}/eval-keys", app.id), ""),
        ("DELETE", format!("/apps/{}/eval-keys/{}", app.id, key["id"]), ""),
        ("GET", format!("/users/{}", ada.id), ""),
        ("GET", format!("/users/{}", ada.oasis_id), ""),
        ("PATCH", format!("/users/{}", ada.id), r#"{"status":"disabled"}"#),
        ("DELETE", format!("/users/{}", ada.id), ""),
        ("DELETE", format!("/users/{}/sessions", ada.id), ""),
        ("DELETE", format!("/users/{}/second-factor", ada.id), ""),
        ("GET", format!("/users/{}/wallet", ada.id), ""),
        ("POST", format!("/users/{}/credits", ada.id), r#"{"amount":1,"transaction_type":"BONUS"}"#),
        ("PUT", format!("/users/{}/floor", ada.id), r#"{"floor":-1}"#),
        ("GET", format!("/transactions/{transaction}"), ""),
        ("GET", format!("/groups/{group_id}"), ""),
        ("PUT", format!("/groups/{group_id}/members/{}", ada.id), ""),
        ("PUT", format!("/flag-file?app={}", app.id), r#"{"flags":[]}"#),
        ("GET", "/flag-diff?to=1".to_owned(), ""),
    ] {
        let refused = stranger.send(method, &path, body);
        assert_eq!(refused.status, 404, "{method} {path}: {}", refused.text());
    }
    // The same names are free there, and another's by these are not touched.
    stranger.does("POST", "/users", r#"{"username":"ada"}"#);
    assert_eq!(stranger.does("DELETE", "/flags/new_ui", "")["changed"], false);
    // Whose address is private is the deployment's to say.
    for (address, is_private) in
        [("http://127.0.0.1:9200", false), ("https://[::1]", false), ("https://10.0.0.7", true)]
    {
        let provider =
            format!(r#"{{"issuer":"{address}","client_id":"a","client_secret":"b","private_network":{is_private}}}"#);
        stranger.send("PUT", "/providers/inside", &provider).refused(403, "scope_missing");
    }
    stranger.send("POST", "/settings/token-keys", "{}").refused(403, "scope_missing");
    stranger.send("DELETE", "/settings/token-keys/x", "").refused(403, "scope_missing");

    assert_eq!(owner.get("/audit?limit=1").ok(), before, "nothing was done");
    assert_eq!(owner.get("/users/ada/wallet").number("balance"), "5.00");
}
