//! Sessions: listed, ended, and known to every server.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;

use super::{Browser, PASSWORD, form, login, login_of, owned};
use crate::support::{Answer, Call, World};

#[test]
fn a_session_is_known_to_every_server_and_over_at_every_server() {
    let (world, email) = owned();
    let other = world.another();
    let mut here = Browser::signed_in(&world, &email);
    let mut there = Browser { world: &other, ..here.clone() };
    assert!(there.page("/console").contains(&email));
    here.page("/console/profile");
    here.post("/console/sign-out", &[]);
    assert_eq!(there.get("/console").status, 303);
}

#[test]
fn sessions_are_listed_and_ended_by_their_own_person_only() {
    let mut world = World::new();
    let (ada, eve) = (login(&world, "ada", "owner"), login(&world, "eve", "owner"));
    world.run(&["tenant", "create", "--name", "Elsewhere"]);
    let stranger = login_of(&world, "sam", "owner", "Elsewhere");
    world.serve();
    let mut desk = Browser::new(&world).called("Mozilla/5.0 (X11; Linux x86_64) Gecko/20100101 Firefox/140.0");
    desk.sign_in(&ada, PASSWORD);
    let mut phone = Browser::signed_in(&world, &ada);
    let page = phone.page("/console/profile");
    assert!(page.contains("Firefox on Linux") && page.contains("From 127.0.0.1"), "{page}");
    let handle = page.split_once("name=\"session\" value=\"").unwrap().1.split('"').next().unwrap().to_owned();
    assert_ne!(handle, desk.session(), "what is listed signs nobody in");

    for other in [&eve, &stranger] {
        let mut browser = Browser::signed_in(&world, other);
        let page = browser.page("/console/profile");
        assert!(!page.contains("Firefox on Linux"), "nobody sees another's sessions: {page}");
        browser.post("/console/profile/sessions/end", &[("session", &handle)]);
        assert!(browser.page("/console/profile").contains("signed out already"));
        browser.cookies.insert("osaycore_console".to_owned(), handle.clone());
        assert_eq!(browser.get("/console").status, 303, "nor is the handle a cookie");
    }
    assert_eq!(desk.get("/console").status, 200);
    phone.page("/console/profile");
    phone.post("/console/profile/sessions/end", &[("session", &handle)]);
    assert_eq!(desk.get("/console").status, 303);
    assert_eq!(phone.get("/console").status, 200);
}

#[test]
fn who_is_shut_out_while_a_form_arrives_changes_nothing() {
    let mut world = World::new();
    let (ada, _) = (login(&world, "ada", "owner"), login(&world, "eve", "owner"));
    world.serve();
    for shut_out in [["--disabled", "true"], ["--role", "viewer"]] {
        world.run(&["admin", "set", &ada, "--disabled", "false", "--role", "owner"]);
        let mut browser = Browser::signed_in(&world, &ada);
        browser.page("/console/groups/new");
        let name = format!("late-{}", shut_out[1]);
        let cookie = format!("osaycore_console={}", browser.session());
        let fields = [("name", name.as_str()), ("form_token", browser.token.as_str())];
        let bytes = form("/console/groups/new", &fields).set("Cookie", &cookie).bytes();
        let (sent, rest) = bytes.split_at(bytes.len() - 3);
        let mut stream = TcpStream::connect(world.address()).unwrap();
        stream.write_all(sent).unwrap();
        // By the end of a command the server has long looked who it is.
        world.run(&[&["admin", "set", ada.as_str()], &shut_out[..]].concat());
        stream.write_all(rest).unwrap();
        let mut received = Vec::new();
        stream.read_to_end(&mut received).unwrap();
        let answer = Answer::parse(&received).unwrap();
        let is_told = answer.status == 422 && answer.text().contains("You were signed out, or given another role");
        assert!(is_told || answer.header("location") == Some("/console/sign-in"), "{}", answer.text());
        let groups = world.run_json(&["group", "list"]).to_string();
        assert!(!groups.contains(&name), "{groups}");
    }
}

#[test]
fn another_password_signs_every_other_browser_out() {
    let (world, email) = owned();
    let mut desk = Browser::signed_in(&world, &email);
    let mut phone = Browser::signed_in(&world, &email);
    phone.page("/console/profile");
    let change = |browser: &mut Browser<'_>, now: &str, next: &str, again: &str| {
        browser.page("/console/profile");
        let fields = [("password", now), ("new_password", next), ("new_password_again", again)];
        browser.post("/console/profile/password", &fields)
    };
    let next = "two walruses in the pantry";
    for (now, new, again, problem) in [
        ("a walrus in the kitchen", next, next, "This is not your password."),
        (PASSWORD, "short", "short", "The password must have 12 characters or more."),
        (
            PASSWORD,
            &email.to_uppercase(),
            &email.to_uppercase(),
            "The password must be another than the e-mail address.",
        ),
        (PASSWORD, next, "two walruses in the attic", "The two differ."),
    ] {
        let answer = change(&mut phone, now, new, again);
        assert!(answer.status == 422 && answer.text().contains(problem), "{problem}: {}", answer.text());
        assert!(!answer.text().contains("walrus"), "no password is shown again");
    }
    assert_eq!(desk.get("/console").status, 200);
    let before = phone.session().to_owned();
    assert_eq!(change(&mut phone, PASSWORD, next, next).status, 303);
    assert_ne!(phone.session(), before);
    assert!(phone.page("/console/profile").contains("Your password was changed"));
    assert!(!phone.page("/console/profile").contains("Your password was changed"), "it is told once");
    assert_eq!(desk.get("/console").status, 303);
    assert_eq!(Browser::new(&world).sign_in(&email, PASSWORD).status, 422);
    assert_eq!(Browser::new(&world).sign_in(&email, next).status, 303);
}

#[test]
fn every_other_browser_is_signed_out_at_once() {
    let (world, email) = owned();
    let mut others = [Browser::signed_in(&world, &email), Browser::signed_in(&world, &email)];
    let mut this = Browser::signed_in(&world, &email);
    this.page("/console/profile");
    this.post("/console/profile/sessions/end-others", &[]);
    assert!(this.page("/console/profile").contains("signed out: 2."));
    for other in &mut others {
        assert_eq!(other.get("/console").status, 303);
    }
}

#[test]
fn who_is_signed_in_at_a_locked_address_is_told_so() {
    let (world, email) = owned();
    let mut browser = Browser::signed_in(&world, &email);
    for _ in 0..10 {
        Browser::new(&world).sign_in(&email, "a guess by somebody");
    }
    browser.page("/console/profile");
    let next = "two walruses in the pantry";
    let fields = [("password", PASSWORD), ("new_password", next), ("new_password_again", next)];
    let answer = browser.post("/console/profile/password", &fields);
    assert!(answer.status == 422 && answer.text().contains("Too many wrong attempts"), "{}", answer.text());
}

#[test]
fn what_was_typed_outlives_the_session_it_was_typed_in() {
    let (world, email) = owned();
    let mut browser = Browser::signed_in(&world, &email);
    browser.page("/console/groups/new");
    let old = form("/console/groups/new", &[("name", "tea & <b>"), ("form_token", browser.token.as_str())]);
    browser.post("/console/sign-out", &[]);
    let typed = "name=\"name\" value=\"tea &#38; &#60;b&#62;\"";
    let ours = |call: &Call| call.clone().set("Sec-Fetch-Site", "same-origin");

    assert_eq!(browser.send(old.clone()).status, 303, "a form that nobody vouches for is not shown again");
    let answer = browser.send(ours(&old));
    assert!(answer.status == 403 && answer.text().contains(typed), "{}", answer.text());
    assert!(answer.text().contains("sign in in another tab"), "{}", answer.text());
    let page = answer.text().to_owned();

    let mut browser = Browser::signed_in(&world, &email);
    assert_eq!(browser.send(form("/console/groups/new", &[("name", "tea & <b>")])).status, 403, "nor a forged one");
    let answer = browser.send(ours(&old));
    assert!(answer.status == 403 && answer.text().contains(typed), "{}", answer.text());
    assert_ne!(answer.text(), page);
    let again = browser.post("/console/groups/new", &[("name", "tea & <b>")]);
    assert_eq!(again.status, 303, "{}", again.text());

    let secret = form("/console/profile/password", &[("password", "hush-hush"), ("new_password", "x")]);
    let answer = browser.send(ours(&secret));
    assert!(answer.status == 403 && !answer.text().contains("hush-hush"), "{}", answer.text());
}

#[test]
fn nobody_has_much_read_or_sent_back_who_is_not_signed_in() {
    let (world, email) = owned();
    let mut browser = Browser::new(&world);
    let large = |size: usize| {
        Call::post("/console/groups/new", format!("name={}", "x".repeat(size)))
            .set("Content-Type", "application/x-www-form-urlencoded")
            .set("Sec-Fetch-Site", "same-origin")
    };
    assert_eq!(browser.send(large(200 << 10)).status, 403, "this is kept");
    assert_eq!(browser.send(large(300 << 10)).status, 413);
    let fields = "a&".repeat(2_000);
    let many = |path: &str| {
        Call::post(path, fields.clone().into_bytes())
            .set("Content-Type", "application/x-www-form-urlencoded")
            .set("Sec-Fetch-Site", "same-origin")
    };
    assert_eq!(browser.send(many("/console/groups/new")).header("location"), Some("/console/sign-in"));
    assert_eq!(browser.send(many("/console/sign-out")).header("location"), Some("/console/sign-in"));
    let mut browser = Browser::signed_in(&world, &email);
    let answer = browser.send(
        many("/console/groups/new").body("a&".repeat(10_001)).set("Content-Type", "application/x-www-form-urlencoded"),
    );
    assert!(answer.status == 413 && answer.text().contains("10000 fields"), "{}", answer.text());
    browser.page("/console/profile");
    browser.post("/console/sign-out", &[]);
    let again = browser.send(form("/console/sign-out", &[("form_token", "x")]).set("Sec-Fetch-Site", "same-origin"));
    assert_eq!(again.header("location"), Some("/console/sign-in"), "there is nothing to be kept");
}
