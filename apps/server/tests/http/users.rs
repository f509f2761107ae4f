//! Users, as an app manages them: only those that are linked to it.

use serde_json::{Value, json};

use crate::support::{Answer, App, User, World, unique};

const USERS: &str = "/api/users";

fn path(id: &str) -> String {
    format!("{USERS}/{id}")
}

fn show(world: &World, app: &App, id: &str) -> Answer {
    world.call(app, "GET", &path(id), "")
}

#[test]
fn an_app_makes_reads_changes_and_deletes_its_user() {
    let (world, app) = World::served();
    let body = r#"{"username":"ann","email":"ann@example.com","display_name":"Ann A.","role":"editor",
        "directory":"corp","external_id":"customer-7","nonce":"n"}"#;
    let made = world.call(&app, "POST", USERS, body).ok();
    assert_eq!(made["success"], true);
    let user =
        User { id: made["user_id"].as_str().unwrap().to_owned(), oasis_id: made["oasis_user_id"].as_i64().unwrap() };
    for (member, value) in [
        ("username", "ann"),
        ("email", "ann@example.com"),
        ("display_name", "Ann A."),
        ("role", "editor"),
        ("directory", "corp"),
        ("external_id", "customer-7"),
        ("status", "active"),
    ] {
        assert_eq!(made[member], value, "{member}");
    }
    for id in [user.id.as_str(), "customer-7"] {
        assert_eq!(show(&world, &app, id).ok(), made, "{id}");
    }
    // What is named is changed, and nothing else.
    let changed = world.call(&app, "PATCH", &path("customer-7"), r#"{"display_name":"Ann B."}"#).ok();
    assert_eq!((&changed["display_name"], &changed["email"]), (&json!("Ann B."), &json!("ann@example.com")));
    let renamed = world.call(&app, "PATCH", &path(&user.id), r#"{"external_id":"customer 8/é"}"#).ok();
    assert_eq!(renamed["external_id"], "customer 8/é");
    show(&world, &app, "customer-7").refused(404, "user_not_found");
    show(&world, &app, "customer%208%2F%C3%A9").ok();
    let token = world.token(&app, &user);
    world.call(&app, "DELETE", &path(&user.id), "{}").ok();
    show(&world, &app, &user.id).refused(404, "user_not_found");
    world.read(&app, &token, "/api/user/context").refused(404, "user_not_found");
    world.run(&["user", "restore", &user.id]);
    assert_eq!(show(&world, &app, &user.id).ok()["user_id"], user.id.as_str());
    world.read(&app, &token, "/api/user/context").ok();
}

#[test]
fn a_new_user_is_basic_and_has_an_empty_wallet() {
    let (world, app) = World::served();
    let made = world.call(&app, "POST", USERS, r#"{"username":"plain","email":null}"#).ok();
    assert_eq!((&made["role"], &made["email"]), (&json!("basic"), &Value::Null));
    let user = User { id: made["user_id"].as_str().unwrap().to_owned(), oasis_id: 0 };
    assert_eq!(world.balance(&app, &world.token(&app, &user)), "0.00");
}

#[test]
fn only_linked_users_are_read_and_changed() {
    let mut world = World::new();
    let scopes = ["manage_users", "add_credits"];
    let (app, other) = (world.app("app", &scopes), world.app("other", &scopes));
    let stranger = world.user("stranger");
    world.serve();
    let made = world.call(&app, "POST", USERS, r#"{"username":"ann","external_id":"7"}"#).ok();
    let ann = made["user_id"].as_str().unwrap().to_owned();
    let refused = |app: &App, id: &str| {
        let gone = show(&world, app, id).refused(404, "user_not_found");
        assert_eq!(gone["error"], "User not found");
        // With a nonce: equal bodies in one second would be one signature used at several places.
        let change = format!(r#"{{"display_name":"x","nonce":"{}"}}"#, unique("n"));
        world.call(app, "PATCH", &path(id), &change).refused(404, "user_not_found");
        let delete = format!(r#"{{"nonce":"{}"}}"#, unique("n"));
        world.call(app, "DELETE", &path(id), &delete).refused(404, "user_not_found");
    };
    refused(&other, &ann);
    refused(&other, "7");
    refused(&app, &stranger.id);
    refused(&app, "9b2b0f0e-0000-4000-8000-000000000000");
    // Minting and adding work for every user of the tenant, and link nobody.
    world.token(&app, &stranger);
    world.add(&app, &stranger, r#""amount":1,"transaction_type":"BONUS""#).ok();
    show(&world, &app, &stranger.id).refused(404, "user_not_found");
    // A permit links.
    world.run(&["user", "permit", &stranger.id, &app.id, "--can-use", "true"]);
    show(&world, &app, &stranger.id).ok();
    let listed = world.call(&app, "GET", USERS, "").ok().to_string();
    assert!(listed.contains(&ann) && listed.contains(&stranger.id), "{listed}");
    let listed = world.call(&other, "GET", USERS, "").ok().to_string();
    assert!(!listed.contains(&ann) && !listed.contains(&stranger.id), "{listed}");
}

#[test]
fn the_scope_is_needed() {
    let mut world = World::new();
    let (app, bare) = (world.app("app", &["manage_users"]), world.app("bare", &["add_credits"]));
    let user = world.user_with("ann", &["--external-id", "7", "--app", &bare.id]);
    world.serve();
    world.call(&bare, "POST", USERS, r#"{"username":"x"}"#).refused(403, "scope_missing");
    show(&world, &bare, &user.id).refused(403, "scope_missing");
    world.call(&bare, "PATCH", &path("7"), r#"{"display_name":"x"}"#).refused(403, "scope_missing");
    world.call(&bare, "DELETE", &path("7"), "{}").refused(403, "scope_missing");
    world.call(&app, "POST", USERS, r#"{"username":"x"}"#).ok();
    assert!(!world.run(&["user", "list"]).contains("deleted"));
}

#[test]
fn names_and_ids_that_are_taken_are_conflicts() {
    let (world, app) = World::served();
    let make = |body: &str| world.call(&app, "POST", USERS, body);
    let first = make(r#"{"username":"ann","external_id":"7"}"#).ok();
    let second = make(r#"{"username":"ann","directory":"corp","external_id":"8"}"#).ok();
    let conflict = |answer: Answer| answer.refused(409, "reference_conflict")["field"].as_str().unwrap().to_owned();
    assert_eq!(conflict(make(r#"{"username":"ann"}"#)), "username");
    assert_eq!(conflict(make(r#"{"username":"ann","directory":"corp"}"#)), "username");
    assert_eq!(conflict(make(r#"{"username":"bob","external_id":"7"}"#)), "external_id");
    let uuid = first["user_id"].as_str().unwrap();
    let refused = make(&format!(r#"{{"username":"bob","external_id":"{uuid}"}}"#)).refused(400, "invalid_field");
    assert_eq!(refused["field"], "external_id", "what is a user's UUID cannot mean another user");
    let id = second["user_id"].as_str().unwrap();
    let change = |body: &str| world.call(&app, "PATCH", &path(id), body);
    assert_eq!(conflict(change(r#"{"external_id":"7"}"#)), "external_id");
    change(&format!(r#"{{"external_id":"{uuid}"}}"#)).refused(400, "invalid_field");
    change(r#"{"external_id":"8"}"#).ok();
    // Nobody was made on the way.
    make(r#"{"username":"bob"}"#).ok();
    assert_eq!(world.call(&app, "GET", USERS, "").ok()["users"].as_array().unwrap().len(), 3);
}

#[test]
fn each_faulty_member_is_named() {
    let (world, app) = World::served();
    let long = "x".repeat(256);
    for (body, code, field) in [
        ("{}".to_owned(), "missing_field", "username"),
        (r#"{"username":""}"#.to_owned(), "invalid_field", "username"),
        (r#"{"username":5}"#.to_owned(), "invalid_field", "username"),
        (r#"{"username":"a\u0000"}"#.to_owned(), "invalid_field", "username"),
        (r#"{"username":"a","email":"nonsense"}"#.to_owned(), "invalid_field", "email"),
        (r#"{"username":"a","password":"x"}"#.to_owned(), "unknown_field", "password"),
        (r#"{"username":"a","external_id":""}"#.to_owned(), "invalid_field", "external_id"),
        (format!(r#"{{"username":"a","external_id":"{long}"}}"#), "invalid_field", "external_id"),
        (r#"{"username":"a","user_id":"x"}"#.to_owned(), "unknown_field", "user_id"),
    ] {
        assert_eq!(world.call(&app, "POST", USERS, &body).refused(400, code)["field"], field, "{body}");
    }
    assert_eq!(world.call(&app, "GET", USERS, "").ok()["users"], json!([]));
}

#[test]
fn the_list_goes_page_by_page() {
    let (world, app) = World::served();
    for n in 0..7 {
        world.call(&app, "POST", USERS, &format!(r#"{{"username":"user{n}"}}"#)).ok();
    }
    let (mut names, mut cursor) = (Vec::new(), String::new());
    loop {
        let page = world.call(&app, "GET", &format!("{USERS}?limit=3{cursor}"), "").ok();
        let users = page["users"].as_array().unwrap();
        assert!(users.len() <= 3);
        names.extend(users.iter().map(|user| user["username"].as_str().unwrap().to_owned()));
        let Some(next) = page["next_cursor"].as_str() else { break };
        cursor = format!("&cursor={next}");
    }
    assert_eq!(names, (0..7).map(|n| format!("user{n}")).collect::<Vec<_>>());
    for query in ["limit=0", "limit=201", "cursor=x", "name=x"] {
        assert_eq!(world.call(&app, "GET", &format!("{USERS}?{query}"), "").status, 400, "{query}");
    }
}
