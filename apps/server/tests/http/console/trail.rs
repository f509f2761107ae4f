//! The audit trail as people look through it.

use super::{Browser, login, login_of};
use crate::support::World;

const NASTY: &str = "<script>alert(1)</script>";

/// The paths of the events that a page links to, in its order.
fn listed(page: &str) -> Vec<String> {
    let links = page.split("<th scope=\"row\"><a href=\"/console/audit/").skip(1);
    links.map(|rest| format!("/console/audit/{}", rest.split('"').next().unwrap())).collect()
}

#[test]
fn who_changed_what_is_found_with_what_it_was_before() {
    let mut world = World::new();
    let email = login(&world, "vera", "viewer");
    world.run(&["tenant", "create", "--name", "Elsewhere"]);
    let stranger = login_of(&world, "sam", "owner", "Elsewhere");
    let shop = world.app(NASTY, &[]);
    let user = world.rich_user("ada", "5");
    world.run(&["app", "set", &shop.id, "--default-credit-rate", "3"]);
    world.serve();
    let mut vera = Browser::signed_in(&world, &email);
    let (app, operator) = (shop.oasis_app_id, operator(&world));
    let page = vera.page(&format!("/console/audit?action=app.updated&app={app}"));
    let events = listed(&page);
    assert_eq!(events.len(), 1, "{page}");
    assert!(page.contains("Settings of the app changed") && page.contains(&format!("<td>{operator}</td>")), "{page}");
    assert!(!page.contains("<script>alert") && page.contains("&#60;script&#62;alert(1)"), "{page}");
    let event = vera.page(&events[0]);
    let (before, after) = ("<td>none</td>", "<td>3.00</td>");
    assert!(event.contains("Default credits per unit") && event.contains(before) && event.contains(after), "{event}");
    assert!(event.contains(&format!("href=\"/console/apps/{app}\"")) && !event.contains("<script>alert"), "{event}");

    for (query, at_least, only) in [
        ("action=app.".to_owned(), 2, "app."),
        ("action=credits.added".to_owned(), 1, "credits.added"),
        (format!("user={}", user.id), 2, ""),
        (format!("user=ada&action=user.&actor={operator}"), 1, "user.created"),
        ("from=2020-01-01".to_owned(), 5, ""),
    ] {
        let file = vera.page(&format!("/console/audit/events.ndjson?{query}"));
        assert!(file.lines().count() >= at_least, "{query}: {file}");
        for line in file.lines() {
            let event: serde_json::Value = serde_json::from_str(line).unwrap();
            assert!(event["action"].as_str().unwrap().starts_with(only), "{query}: {line}");
        }
        assert!(listed(&vera.page(&format!("/console/audit?{query}"))).len() >= at_least, "{query}");
    }
    for query in ["to=2020-01-01", "actor=nobody@example.com", "app=999999"] {
        assert!(listed(&vera.page(&format!("/console/audit?{query}"))).is_empty(), "{query}");
    }
    for (query, problem) in [
        ("action=app.exploded", "There is no such action."),
        ("user=nobody", "There is no such user."),
        ("from=2026-13-01", "A day is like 2026-01-31."),
    ] {
        let answer = vera.get(&format!("/console/audit?{query}"));
        assert!(answer.status == 422 && answer.text().contains(problem), "{query}: {}", answer.text());
        assert_eq!(vera.get(&format!("/console/audit/events.ndjson?{query}")).status, 303, "{query}");
    }
    let exported = world.run_json(&["audit", "list", "--action", "audit.exported"]);
    assert_eq!(exported.as_array().unwrap().len(), 5, "each file left its event: {exported}");
    assert_eq!(exported[0]["actor"]["operator"], email);

    let mut sam = Browser::signed_in(&world, &stranger);
    let theirs = sam.page("/console/audit/events.ndjson");
    assert!(!theirs.contains("default_credit_rate") && !theirs.contains("\"ada"), "{theirs}");
    for path in ["/console/audit/0", "/console/audit/-1", "/console/audit/999999", "/console/audit/x"] {
        assert_eq!(vera.get(path).status, 404, "{path}");
    }
    assert_eq!(Browser::new(&world).get("/console/audit/events.ndjson").status, 303, "nobody gets the file");
}

/// Who the commands of these tests are.
fn operator(world: &World) -> String {
    let events = world.run_json(&["audit", "list", "--action", "app.updated"]);
    events[0]["actor"]["operator"].as_str().unwrap().to_owned()
}
