//! Enrolment by mail: a real mail server, a real browser, and what becomes of links and mail in between.

use std::time::Duration;

use serde_json::Value;
use tempfile::TempDir;

use crate::support::authenticator::Authenticator;
use crate::support::browser::Script;
use crate::support::mail::{Mail, Sink};
use crate::support::oasis::{LOGIN, Library, NewUser, REGISTRATION, STATES};
use crate::support::{Answer, Call, World, now_s, on_postgres, patiently};

fn state(answer: &Answer) -> &'static str {
    STATES[usize::try_from(answer.ok()["State"].as_u64().unwrap()).unwrap()]
}

/// A server that sends by the sink.
fn mailing(sink: &Sink) -> (World, Library) {
    let mut world = World::new();
    let library = Library::of(&world.app("Reading room", &[]));
    world.variable("OSAYCORE_SMTP_URL", &format!("smtp://127.0.0.1:{}", sink.port()));
    world.variable("OSAYCORE_MAIL_FROM", "Reading room <room@example.com>");
    world.serve();
    (world, library)
}

const ADA: NewUser<'_> = NewUser {
    username: "ada",
    fullname: Some("Ada <b>Lovelace</b>"),
    email: Some("ada@example.com"),
    send_enrollment_email: true,
    user_groups: &[],
};

/// Where the link of a mail leads, under whatever name the server is reached.
fn path(mail: &Mail) -> String {
    let link = mail.link();
    link.split_at(link.find("/enroll/").unwrap()).1.to_owned()
}

fn enter(world: &World, path: &str, code: &str) -> Answer {
    let form = format!("code={code}");
    Call::post(path, form).set("Content-Type", "application/x-www-form-urlencoded").send(world)
}

/// The key that a page shows.
fn key(page: &str) -> String {
    let shown = page.split_once(r#"<code id="key">"#).unwrap().1.split_once("</code>").unwrap().0;
    shown.replace("<span>", "").replace("</span>", "")
}

fn phone(page: &str) -> Authenticator {
    Authenticator::of(&format!("otpauth://totp/x?secret={}", key(page)))
}

#[test]
fn a_mailed_link_enrols_once_in_a_real_browser() {
    if on_postgres() {
        return eprintln!("not run on PostgreSQL too: it is about the pages");
    }
    let mut sink = Sink::start();
    let (world, library) = mailing(&sink);
    let registered = library.send(&world, &library.register_user(&ADA)).ok();
    assert_eq!(registered["QRData"], Value::Null, "the image goes by mail");
    let mail = sink.receive();
    assert_eq!((mail.from.as_str(), mail.to.as_str()), ("Reading room <room@example.com>", "ada@example.com"));
    assert_eq!(mail.subject, "Set up your second factor for Reading room");
    assert!(mail.text.contains("Ada <b>Lovelace</b>") && !mail.html.contains("<b>Lovelace"), "a name stays text");
    assert!(mail.html.contains(mail.link()), "both parts have the link");

    let folder = TempDir::new().unwrap();
    let kept = std::env::var("OSAYCORE_TEST_SCREENSHOTS").ok();
    let pictures = kept.as_deref().unwrap_or_else(|| folder.path().to_str().unwrap());
    let mut person = Script::start("enroll.mjs", &[mail.link(), pictures, "--wrong-first", "000000"]);
    let scanned = Authenticator::scan(&person.file(&std::path::Path::new(pictures).join("qr.png")));
    assert!(scanned.uri.starts_with("otpauth://totp/Reading%20room:ada?"), "{}", scanned.uri);
    person.say(&scanned.code_at(now_s()));
    let seen = person.end();
    assert_eq!(seen["key"].as_str().unwrap().replace(' ', ""), scanned.secret, "{seen}");
    let codes: Vec<&str> =
        seen["recovery_codes"].as_array().unwrap().iter().map(|code| code.as_str().unwrap()).collect();
    assert_eq!(codes.len(), 10, "{seen}");
    assert_eq!(seen["clipboard"].as_str().unwrap().lines().collect::<Vec<_>>(), codes, "copied as they are shown");
    assert_eq!(seen["second_status"], 410, "the link is used up: {seen}");
    assert_eq!(seen["csp_violations"], serde_json::json!([]), "{seen}");

    let login = |code: &str| state(&library.send(&world, &library.verify_user_otp("ada", code, LOGIN)));
    assert_eq!(login(&scanned.code_at(now_s() + 30)), "VALID");
    assert_eq!(login(codes[0]), "VALID");
    assert_eq!(login(codes[0]), "INVALID");
    assert_eq!(world.run_json(&["user", "show", "\\ada"])["email_verified"], true, "the link came by that address");
}

#[test]
fn opening_a_page_uses_nothing_up_and_completing_does() {
    let mut sink = Sink::start();
    let (world, library) = mailing(&sink);
    library.send(&world, &library.register_user(&ADA)).ok();
    let path = path(&sink.receive());
    let open = || Call::get(&path).send(&world);
    let page = open();
    assert_eq!(page.status, 200);
    assert_eq!(page.header("cache-control"), Some("no-store"));
    assert_eq!(page.header("referrer-policy"), Some("no-referrer"));
    assert!(page.header("content-security-policy").unwrap().contains("frame-ancestors 'none'"));
    assert_eq!(key(page.text()), key(open().text()), "the same each time");
    let refused = enter(&world, &path, "000000");
    assert!(refused.status == 422 && refused.text().contains(r#"role="alert""#), "{}", refused.status);
    let done = enter(&world, &path, &phone(page.text()).code_at(now_s()));
    assert_eq!((done.status, done.header("cache-control")), (200, Some("no-store")));
    assert_eq!(done.text().matches("<li><code>").count(), 10);
    for answer in [open(), enter(&world, &path, "000000")] {
        assert_eq!(answer.status, 410);
        assert!(!answer.text().contains("<form"), "{}", answer.text());
    }
    let huge = Call::post(&path, "x".repeat(1 << 20)).send(&world);
    assert_eq!((huge.status, huge.header("cache-control")), (413, Some("no-store")), "a person sees a page");
    assert!(huge.text().starts_with("<!doctype html>"), "{}", huge.text());
    assert_eq!(enter(&world, "/enroll/77/0000", "000000").status, 410);
    for nowhere in ["/enroll/1/0000", "/enroll/x/y", "/enroll/2/0000", "/enroll/-9/%00"] {
        assert_eq!(Call::get(nowhere).send(&world).status, 410, "{nowhere}");
    }
}

#[test]
fn a_newer_registration_an_enrolment_elsewhere_and_a_deletion_void_the_link() {
    let mut sink = Sink::start();
    let (world, library) = mailing(&sink);
    let register = || library.send(&world, &library.register_user(&ADA)).ok();
    let status = |path: &str| Call::get(path).send(&world).status;
    register();
    let first = path(&sink.receive());
    register();
    let second = path(&sink.receive());
    assert_eq!((status(&first), status(&second)), (410, 200));

    world.run(&["user", "disable", "\\ada"]);
    assert_eq!(status(&second), 410);
    world.run(&["user", "enable", "\\ada"]);
    let page = Call::get(&second).send(&world);
    let code = phone(page.text()).code_at(now_s());
    let elsewhere = library.send(&world, &library.verify_user_otp("ada", &code, REGISTRATION));
    assert_eq!(state(&elsewhere), "VALID");
    assert_eq!(status(&second), 410, "enrolled without it");

    world.run(&["otp", "reset", "\\ada"]);
    register();
    let third = path(&sink.receive());
    assert_eq!(status(&third), 200);
    library.send(&world, &library.delete_user("ada")).ok();
    assert_eq!(status(&third), 410);
}

#[test]
fn a_registration_rewrites_nobody_and_verifies_no_address_but_the_users_own() {
    let mut sink = Sink::start();
    let (world, library) = mailing(&sink);
    world.user_with("boss", &["--email", "boss@example.com", "--role", "admin"]);
    let new = NewUser { username: "boss", email: Some("eve@example.com"), fullname: Some("Eve"), ..ADA };
    library.send(&world, &library.register_user(&new)).ok();
    let mail = sink.receive();
    assert_eq!(mail.to, "eve@example.com");
    let path = path(&mail);
    let code = phone(Call::get(&path).send(&world).text()).code_at(now_s());
    assert_eq!(enter(&world, &path, &code).status, 200);
    let boss = world.run_json(&["user", "show", "\\boss"]);
    assert_eq!((&boss["email"], &boss["email_verified"]), (&"boss@example.com".into(), &false.into()), "{boss}");
    assert_eq!(boss["display_name"], Value::Null, "{boss}");
}

#[test]
fn who_was_deleted_gets_no_mail_any_more() {
    // The first attempt is refused; by the next there is nobody to write to.
    let mut sink = Sink::refusing_first(1);
    let (world, library) = mailing(&sink);
    library.send(&world, &library.register_user(&ADA)).ok();
    assert!(patiently(Duration::from_secs(20), || world.log().contains("a mail was not sent")), "{}", world.log());
    library.send(&world, &library.delete_user("ada")).ok();
    let joe = NewUser { username: "joe", email: Some("joe@example.com"), ..ADA };
    library.send(&world, &library.register_user(&joe)).ok();
    assert_eq!(sink.receive().to, "joe@example.com");
    assert_eq!(sink.accepted(), 1);
}

#[test]
fn guesses_at_a_page_are_counted_and_lock_like_any_others() {
    let mut sink = Sink::start();
    let (world, library) = mailing(&sink);
    library.send(&world, &library.register_user(&ADA)).ok();
    let path = path(&sink.receive());
    let phone = phone(Call::get(&path).send(&world).text());
    let statuses: Vec<u16> = (0..6).map(|_| enter(&world, &path, "000000").status).collect();
    assert_eq!(statuses, [422, 422, 422, 422, 422, 429]);
    assert_eq!(enter(&world, &path, &phone.code_at(now_s())).status, 429, "not even a right code is looked at");
    let asked = library.send(&world, &library.request_authentication_state("ada", REGISTRATION));
    assert_eq!(state(&asked), "LOCKED");
    world.run(&["user", "unlock", "\\ada"]);
    assert_eq!(enter(&world, &path, &phone.code_at(now_s())).status, 200);
}

#[test]
fn mail_is_tried_again_and_outlives_a_crash() {
    let mut sink = Sink::refusing_first(1);
    let (mut world, library) = mailing(&sink);
    library.send(&world, &library.register_user(&ADA)).ok();
    assert_eq!(sink.receive().to, "ada@example.com", "after a refusal");

    // The next is accepted by us while the mail server is away, and survives us.
    drop(sink);
    let eve = NewUser { username: "eve", email: Some("eve@example.com"), ..ADA };
    library.send(&world, &library.register_user(&eve)).ok();
    let tried = || world.log().contains("a mail was not sent");
    assert!(patiently(Duration::from_secs(20), tried), "{}", world.log());
    assert!(!world.log().contains("/enroll/1/"), "no link is logged");
    world.kill();
    let mut sink = Sink::start();
    world.variable("OSAYCORE_SMTP_URL", &format!("smtp://127.0.0.1:{}", sink.port()));
    world.serve();
    assert_eq!(sink.receive().to, "eve@example.com");
    let sent = sink.accepted();
    library
        .send(&world, &library.register_user(&NewUser { username: "joe", email: Some("joe@example.com"), ..ADA }))
        .ok();
    assert_eq!(sink.receive().to, "joe@example.com");
    assert_eq!(sink.accepted(), sent + 1, "nothing was sent twice");
}
