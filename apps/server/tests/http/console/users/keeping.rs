//! What viewers, other tenants and chosen texts come to on the pages of users.

use serde_json::json;

use super::super::{Browser, login, login_of};
use super::{done, path, refused};
use crate::support::{World, on_postgres};

#[test]
fn who_may_look_sees_no_form_and_another_tenant_sees_nothing() {
    let mut world = World::new();
    let app = world.app_of_every_scope();
    let ann = world.rich_user("ann", "100");
    let viewer = login(&world, "vera", "viewer");
    world.run(&["tenant", "create", "--name", "Elsewhere"]);
    let stranger = login_of(&world, "sam", "owner", "Elsewhere");
    world.serve();
    let token = world.token(&app, &ann);
    let charge = world.deduct(&app, &token, r#""amount":10"#).ok()["transaction_id"].as_str().unwrap().to_owned();
    let pages = [
        "",
        "/apps",
        &format!("/apps/{}", app.oasis_app_id),
        "/groups",
        "/wallet",
        &format!("/wallet/{charge}"),
        "/second-factor",
        "/sessions",
        "/audit",
    ]
    .map(|rest| path(&ann, rest));
    let mut vera = Browser::signed_in(&world, &viewer);
    for at in pages.iter().map(String::as_str).chain(["/console/users"]) {
        let page = vera.page(at);
        let forms: Vec<&str> = page.split("<form method=\"post\"").skip(1).collect();
        assert_eq!(forms.len(), 1, "only the way out: {at} {page}");
        assert!(forms[0].contains("Sign out") && !page.contains("New user"), "{at}");
    }
    for at in ["/console/users/new".to_owned(), path(&ann, "/edit")] {
        assert_eq!(vera.get(&at).status, 403, "{at}");
    }
    let mut sam = Browser::signed_in(&world, &stranger);
    assert!(sam.page("/console/users").contains("There are no users yet."));
    for at in &pages {
        assert_eq!(sam.get(at).status, 404, "{at}");
    }
    assert_eq!(sam.get(&path(&ann, "/edit")).status, 404);
    for (rest, fields) in [
        ("/edit", &[("username", "x"), ("role", "basic")][..]),
        ("/status", &[("status", "disabled")]),
        ("/email-verified", &[("verified", "yes")]),
        ("/delete", &[("confirm", "ann")]),
        ("/restore", &[]),
        ("/identities/unlink", &[("provider", "x"), ("subject", "y")]),
        ("/groups/add", &[("group", "1")]),
        ("/groups/remove", &[("group", "1")]),
        (&format!("/apps/{}", app.oasis_app_id), &[("can_use", "yes")]),
        (&format!("/apps/{}/allow", app.oasis_app_id), &[]),
        ("/wallet/add", &[("amount", "1"), ("kind", "BONUS")]),
        ("/wallet/floor", &[("floor", "5")]),
        (&format!("/wallet/{charge}/refund"), &[("amount", "1"), ("number", "1")]),
        ("/second-factor/unlock", &[]),
        ("/second-factor/reset", &[("confirm", "ann")]),
        ("/second-factor/bypass", &[("bypass", "yes")]),
        ("/second-factor/recovery-codes", &[]),
        ("/sessions/end", &[("session", "00000000-0000-4000-8000-000000000000")]),
        ("/sessions/end-all", &[]),
    ] {
        let answer = sam.post(&path(&ann, rest), fields);
        assert_eq!(answer.status, 404, "{rest}: {}", answer.text());
    }
    for nowhere in [
        "/console/users/x",
        "/console/users/-1",
        "/console/users/1e3",
        &path(&ann, "/nothing"),
        &path(&ann, "/wallet/x"),
        &path(&ann, "/apps/99"),
    ] {
        assert_eq!(vera.get(nowhere).status, 404, "{nowhere}");
    }
    let shown = world.run_json(&["user", "show", "ann"]);
    assert_eq!((&shown["status"], &shown["balance"]), (&json!("active"), &json!(90.0)));
}

#[test]
fn texts_that_others_have_chosen_stay_texts_on_the_pages_of_a_user() {
    const NASTY: &str = "<script>alert(1)</script>\"'><img src=x onerror=alert(1)>";
    if on_postgres() {
        return eprintln!("not run on PostgreSQL too: it is about the pages");
    }
    let mut world = World::new();
    let app = world.app(NASTY, &["add_credits", "manage_users"]);
    let name = NASTY.to_owned();
    let ann = world.user_with(&name, &["--display-name", NASTY, "--directory", NASTY]);
    world.run(&[
        "user",
        "permit",
        &ann.id,
        &app.id,
        "--external-id",
        NASTY,
        "--custom",
        r#"{"</textarea><script>":"</script>"}"#,
    ]);
    world.run(&["group", "create", "--name", NASTY]);
    world.run(&["group", "allow", NASTY, &app.id]);
    world.run(&["app", "set", &app.id, "--restrict-to-groups", "true"]);
    world.run(&["credits", "add", &ann.id, "5", "--type", "BONUS", "--description", NASTY]);
    let email = login(&world, "ada", "admin");
    world.serve();
    let charge = world
        .deduct(
            &app,
            &world.token(&app, &ann),
            r#""amount":1,"description":"</p><script>alert(1)</script>","client_reference_id":"<script>""#,
        )
        .ok();
    let charge = charge["transaction_id"].as_str().unwrap().to_owned();
    let mut browser = Browser::signed_in(&world, &email);
    let app_page = format!("/apps/{}", app.oasis_app_id);
    let mut pages: Vec<String> = [
        "",
        "/edit",
        "/apps",
        &app_page,
        "/groups",
        "/wallet",
        &format!("/wallet/{charge}"),
        "/second-factor",
        "/sessions",
        "/audit",
    ]
    .iter()
    .map(|rest| path(&ann, rest))
    .collect();
    pages.extend([
        "/console/users".to_owned(),
        "/console/users/new".to_owned(),
        "/console/users?search=%3Cscript%3E&group=%3Cscript%3E".to_owned(),
    ]);
    for at in pages {
        let page = browser.page(&at);
        assert!(
            !page.contains("<script>") && !page.contains("<img src=x") && !page.contains("</textarea><"),
            "{at}: {page}"
        );
        assert!(
            page.contains("&#60;script&#62;") || at.ends_with("/second-factor") && page.contains("&#60;"),
            "{at}: {page}"
        );
    }
    let page = refused(
        &mut browser,
        &path(&ann, "/wallet/add"),
        &[("amount", NASTY), ("reference", NASTY)],
        "Not a decimal number.",
    );
    assert!(!page.contains("<script>"), "{page}");
    let page = done(&mut browser, &path(&ann, "/groups/add"), &[("group", "1"), ("app", NASTY)]);
    assert!(!page.contains("<script>"), "{page}");
}
