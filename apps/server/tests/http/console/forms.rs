//! What pages load, and what is no form.

use super::{Browser, owned};
use crate::support::Call;

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
    let huge = browser.send(send(format!("a={}", "x".repeat(1 << 20)).into_bytes()));
    assert!(
        huge.status == 413 && huge.text().contains("64 KiB") && huge.text().starts_with("<!doctype html>"),
        "{}",
        huge.status
    );
    let wrong = browser.send(Call::new("DELETE", "/console/profile"));
    assert_eq!((wrong.status, wrong.header("allow")), (405, Some("GET")));
    assert!(wrong.text().contains("/console/assets/console-"), "it looks like the console: {}", wrong.text());
    assert_eq!(browser.get("/console/nothing/here").status, 404);
}
