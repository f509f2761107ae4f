//! What a change meets and what it does not: users by name, secrets by scope, values that are taken away, versions.

use serde_json::{Value, json};

use super::{ALL, Script};
use crate::support::World;

#[test]
fn a_change_meets_nobody_by_what_an_app_calls_somebody() {
    let (world, app) = World::served();
    let script = Script::new(&world);
    let ada = world.user("ada");
    world.rich_user("bob", "100");
    world.run(&["user", "permit", "bob", &app.id, "--external-id", "ada"]);
    world.run(&["group", "create", "--name", "staff"]);
    let nobody = "9002";
    world.rich_user("cleo", "100");
    world.run(&["user", "permit", "cleo", &app.id, "--external-id", nobody]);
    assert_eq!(script.does("DELETE", "/users/ada", "")["deleted"], true);
    for name in ["ada", nobody] {
        for (method, rest, body) in [
            ("DELETE", "", ""),
            ("PATCH", "", r#"{"status":"disabled"}"#),
            ("PUT", "/permits/app", r#"{"can_use":false}"#),
            ("POST", "/credits", r#"{"amount":1,"transaction_type":"BONUS"}"#),
            ("PUT", "/floor", r#"{"floor":-1}"#),
            ("DELETE", "/sessions", ""),
            ("DELETE", "/sessions/00000000-0000-4000-8000-000000000000", ""),
            ("DELETE", "/identities/google", ""),
            ("DELETE", "/second-factor", ""),
            ("DELETE", "/lock", ""),
            ("POST", "/recovery-codes", "{}"),
        ] {
            let refused = script.send(method, &format!("/users/{name}{rest}"), body);
            assert_eq!(refused.code(), "user_not_found", "{method} {rest} of {name}: {}", refused.text());
        }
        for method in ["PUT", "DELETE"] {
            let path = format!("/groups/staff/members/{name}");
            script.send(method, &path, "").refused(404, "user_not_found");
        }
        script.get(&format!("/users/{name}")).ok();
        script.get(&format!("/users/{name}/wallet")).ok();
    }
    script.send("POST", &format!("/users/{nobody}/restore"), "{}").refused(404, "user_not_found");
    // The command line alike.
    for arguments in [
        &["user", "delete", "ada"][..],
        &["user", "disable", "ada"],
        &["user", "set", "ada", "--role", "staff"],
        &["user", "permit", "ada", &app.id, "--can-use", "false"],
        &["credits", "add", nobody, "5", "--type", "BONUS"],
        &["group", "add", "staff", "ada"],
        &["user", "sign-out", "ada"],
        &["otp", "reset", "ada"],
    ] {
        let refused = world.cli(arguments);
        let said = String::from_utf8_lossy(&refused.stderr).into_owned();
        assert!(!refused.status.success() && said.contains("there is no user"), "{arguments:?}: {said}");
    }
    let bob = world.run_json(&["user", "show", "ada"]);
    assert_eq!((&bob["username"], &bob["status"], &bob["balance"]), (&json!("bob"), &json!("active"), &json!(100.0)));
    assert_eq!(script.does("DELETE", &format!("/users/{}", ada.id), "")["deleted"], true, "a repeat by id");
}

#[test]
fn the_key_of_the_tenant_is_told_to_who_may_set_it() {
    let mut world = World::new();
    world.serve();
    let without = ALL.replace(",settings:write", "");
    let without = Script::with(&world, &["--name", "apps", "--scopes", &without]);
    let made = without.send("POST", "/apps", r#"{"name":"shop"}"#);
    assert!(made.status == 201 && !made.text().contains("ok_tenant_"), "{}", made.text());
    assert_eq!(made.json().get("oasis_api_key"), None);
    let made = Script::new(&world).does("POST", "/apps", r#"{"name":"office"}"#);
    assert!(made["oasis_api_key"].as_str().unwrap().starts_with("ok_tenant_"), "{made}");
}

#[test]
fn null_takes_a_value_away_or_is_refused() {
    let (world, _) = World::served();
    let script = Script::new(&world);
    world.user_with("ada", &["--email", "ada@example.com", "--display-name", "Ada"]);
    let picture = r#"{"email_verified":true,"avatar_url":"https://a.example/ada.png","role":"staff"}"#;
    assert_eq!(script.does("PATCH", "/users/ada", picture)["email_verified"], true);
    for member in ["username", "email_verified", "role", "status", "bypass_otp"] {
        let refused = script.send("PATCH", "/users/ada", &format!(r#"{{"display_name":"X","{member}":null}}"#));
        assert_eq!(refused.refused(400, "invalid_field")["field"], member);
    }
    let kept = script.does("PATCH", "/users/ada", r#"{"display_name":null}"#);
    assert_eq!((&kept["display_name"], &kept["email"]), (&Value::Null, &json!("ada@example.com")));
    let bare = script.does("PATCH", "/users/ada", r#"{"email":null,"avatar_url":null}"#);
    for (member, value) in [("email", Value::Null), ("avatar_url", Value::Null), ("email_verified", json!(false))] {
        assert_eq!(bare[member], value, "{member}: {bare}");
    }
    assert_eq!((&bare["role"], &bare["username"]), (&json!("staff"), &json!("ada")));

    let permit = |body: &str| script.send("PUT", "/users/ada/permits/app", body);
    let all = r#"{"external_id":"c-1","can_use":false,"credit_rate":2.5,"scopes":["read_profile"],"custom":{"a":1}}"#;
    permit(all).ok();
    assert_eq!(permit(r#"{"can_use":null}"#).refused(400, "invalid_field")["field"], "can_use");
    for (member, value) in
        [("external_id", Value::Null), ("credit_rate", Value::Null), ("scopes", Value::Null), ("custom", json!({}))]
    {
        let before = script.does("GET", "/users/ada/permits/app", "");
        assert_ne!(before[member], value, "{before}");
        let mut expected = before;
        expected[member] = value;
        assert_eq!(permit(&format!(r#"{{"{member}":null}}"#)).ok(), expected);
    }
    let refused = script.send("PATCH", "/apps/app", r#"{"disabled":null}"#).refused(400, "invalid_field");
    assert_eq!(refused["field"], "disabled");
}

#[test]
fn an_app_has_another_version_once_a_group_opens_it() {
    let (world, app) = World::served();
    let script = Script::new(&world);
    let path = format!("/apps/{}", app.id);
    let version = || script.get(&path).header("etag").unwrap().to_owned();
    let before = version();
    assert_eq!(version(), before);
    script.does("POST", "/groups", r#"{"name":"staff"}"#);
    script.does("PUT", &format!("/groups/staff{path}"), "");
    let change = |tag: &str| script.call("PATCH", &path).body(r#"{"disabled":true}"#).set("If-Match", tag).send(&world);
    change(&before).refused(412, "precondition_failed");
    change(&version()).ok();
}

#[test]
fn no_text_of_an_app_is_a_formula_in_the_table() {
    let (world, app) = World::served();
    let script = Script::new(&world);
    let ada = world.rich_user("ada", "100");
    let token = world.token(&app, &ada);
    world.deduct(&app, &token, r#""amount":1,"description":"=1+1","client_reference_id":"@x""#).ok();
    let table = script.get("/transactions.csv?user=ada");
    let charge = table.text().lines().nth(1).unwrap().to_owned();
    assert!(charge.contains(",DEDUCTION,-1.00,99.00,'@x,,'=1+1"), "{charge}");
}
