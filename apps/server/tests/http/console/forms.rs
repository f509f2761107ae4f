//! Forms that are not the person's own, and what every page has against other sites.

use super::{Browser, form, login, owned, posts};
use crate::support::{Call, World};

/// A path with something in the place of its parameters.
fn filled_in(path: &str) -> String {
    path.split('/').map(|part| if part.starts_with('{') { "1" } else { part }).collect::<Vec<_>>().join("/")
}

#[test]
fn every_form_wants_the_token_of_its_session_and_our_own_page() {
    let (world, email) = owned();
    let mut browser = Browser::signed_in(&world, &email);
    browser.page("/console/profile");
    let mut other = Browser::signed_in(&world, &email);
    other.page("/console/profile");
    let (token, foreign) = (browser.token.clone(), other.token.clone());
    assert_ne!(token, foreign, "one for each session");
    for path in posts() {
        let path = filled_in(&path);
        for (what, call) in [
            ("no token", form(&path, &[])),
            ("an empty token", form(&path, &[("form_token", "")])),
            ("another session's token", form(&path, &[("form_token", &foreign)])),
            ("a wrong token", form(&path, &[("form_token", &"0".repeat(64))])),
            ("another site", form(&path, &[("form_token", &token)]).set("Sec-Fetch-Site", "cross-site")),
            ("a neighbour", form(&path, &[("form_token", &token)]).set("Sec-Fetch-Site", "same-site")),
            ("another origin", form(&path, &[("form_token", &token)]).set("Origin", "https://evil.example")),
        ] {
            let answer = browser.send(call);
            // The form of the second factor is for nobody who is signed in already.
            let is_to_sign_in = answer.status == 303 && path == "/console/sign-in/code";
            assert!(answer.status == 403 || is_to_sign_in, "{path}: {what}: {} {}", answer.status, answer.text());
        }
    }
    assert_eq!(browser.page("/console/profile").matches("this browser").count(), 1, "nothing of it had an effect");
    assert_eq!(browser.post("/console/sign-out", &[]).status, 303, "and the right one has");
}

#[test]
fn a_form_of_nobody_changes_nothing() {
    let (world, _) = owned();
    let mut nobody = Browser::new(&world);
    for path in posts().iter().map(|path| filled_in(path)).filter(|path| path != "/console/sign-in") {
        let answer = nobody.post(&path, &[]);
        assert_eq!((answer.status, answer.header("location")), (303, Some("/console/sign-in")), "{path}");
    }
}

#[test]
fn who_may_look_changes_nothing() {
    let mut world = World::new();
    login(&world, "ada", "owner");
    let viewer = login(&world, "vera", "viewer");
    world.serve();
    let mut browser = Browser::signed_in(&world, &viewer);
    browser.page("/console/profile");
    let own = ["/console/profile/", "/console/sign-in", "/console/sign-out"];
    let own = |path: &str| own.iter().any(|own| path.starts_with(own)) && path != "/console/profile/api-key";
    let others: Vec<String> = posts().into_iter().filter(|path| !own(path)).collect();
    assert!(!others.is_empty());
    for path in others {
        let answer = browser.post(&filled_in(&path), &[]);
        assert_eq!(answer.status, 403, "{path}: {}", answer.text());
        assert!(answer.text().contains("You may not do this") && answer.text().contains("viewer"), "{path}");
    }
    assert!(!browser.page("/console/profile").contains("Replace the API key"), "nor is it offered");
}

#[test]
fn every_page_keeps_to_itself() {
    let (world, email) = owned();
    let mut browser = Browser::signed_in(&world, &email);
    let mut nobody = Browser::new(&world);
    let answers = [
        browser.get("/console"),
        browser.get("/console/profile"),
        browser.get("/console/nothing/here"),
        nobody.get("/console/sign-in"),
        nobody.get("/console/profile"),
        nobody.post("/console/sign-out", &[]),
    ];
    for answer in answers {
        assert_eq!(answer.header("x-frame-options"), Some("DENY"));
        assert_eq!(answer.header("cache-control"), Some("no-store"));
        assert_eq!(answer.header("cross-origin-opener-policy"), Some("same-origin"));
        if answer.body.is_empty() {
            continue;
        }
        let policy = answer.header("content-security-policy").unwrap();
        for part in ["default-src 'none'", "script-src 'self'", "style-src 'self'", "frame-ancestors 'none'"] {
            assert!(policy.contains(part), "{policy}");
        }
        assert!(!policy.contains("unsafe"), "{policy}");
        assert_eq!(answer.header("referrer-policy"), Some("no-referrer"));
        assert_eq!(answer.header("x-content-type-options"), Some("nosniff"));
        let page = answer.text();
        assert!(!page.contains("style=\"") && !page.contains(" onclick") && !page.contains("<script>"), "{page}");
    }
}

#[test]
fn what_pages_load_is_kept_by_its_digest() {
    let (world, _) = owned();
    let page = Call::get("/console/sign-in").send(&world);
    let path = page.text().split_once("rel=\"stylesheet\" href=\"").unwrap().1.split('"').next().unwrap().to_owned();
    let style = Call::get(&path).send(&world);
    assert_eq!((style.status, style.header("content-type")), (200, Some("text/css; charset=utf-8")));
    assert_eq!(style.header("cache-control"), Some("public, max-age=31536000, immutable"));
    for gone in ["/console/assets/console-0000000000000000.css", "/console/assets/", "/console/assets/x/y"] {
        let answer = Call::get(gone).send(&world);
        assert!(matches!(answer.status, 303 | 404), "{gone}: {}", answer.status);
        assert_ne!(answer.header("cache-control"), Some("public, max-age=31536000, immutable"));
    }
}

#[test]
fn what_is_no_form_is_refused_in_words() {
    let (world, email) = owned();
    let mut browser = Browser::signed_in(&world, &email);
    browser.page("/console/profile");
    let send = |body: Vec<u8>| {
        Call::post("/console/profile/sessions/end", body).set("Content-Type", "application/x-www-form-urlencoded")
    };
    for body in [b"session=%00".to_vec(), b"session=%ff".to_vec(), b"\xff\xfe".to_vec()] {
        let answer = browser.send(send(body));
        assert!(answer.status == 400 && answer.text().starts_with("<!doctype html>"), "{}", answer.status);
    }
    assert_eq!(browser.post("/console/profile/sessions/end", &[("session", "xyz")]).status, 400);
    let huge = browser.send(send(format!("a={}", "x".repeat(5 << 20)).into_bytes()));
    assert!(
        huge.status == 413 && huge.text().contains("4 MiB") && huge.text().starts_with("<!doctype html>"),
        "{}",
        huge.status
    );
    let wrong = browser.send(Call::new("DELETE", "/console/profile"));
    assert_eq!((wrong.status, wrong.header("allow")), (405, Some("GET")));
    assert!(wrong.text().contains("/console/assets/console-"), "it looks like the console: {}", wrong.text());
    assert_eq!(browser.get("/console/nothing/here").status, 404);
}
