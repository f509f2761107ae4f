//! Passwords, second factors, cookies, and what guessing comes to.

use super::{Browser, PASSWORD, form, login, owned, set_cookie};
use crate::support::{World, now_s};

const WRONG: &str = "a walrus in the kitchen";

#[test]
fn who_is_not_signed_in_signs_in_and_comes_back() {
    let (world, email) = owned();
    let mut browser = Browser::new(&world);
    let away = browser.get("/console/profile?x=1&y=2");
    assert_eq!(
        (away.status, away.header("location")),
        (303, Some("/console/sign-in?next=%2Fconsole%2Fprofile%3Fx%3D1%26y%3D2"))
    );
    let page = browser.page(away.header("location").unwrap());
    assert!(page.contains("name=\"next\" value=\"/console/profile?x=1&#38;y=2\""), "{page}");
    let next = ("next", "/console/profile?x=1&y=2");
    let done = browser.post("/console/sign-in", &[("email", "ADA@example.com"), ("password", PASSWORD), next]);
    assert_eq!((done.status, done.header("location")), (303, Some("/console/profile?x=1&y=2")));
    assert!(browser.page("/console/profile").contains(&email));
    let again = browser.get("/console/sign-in?next=//evil.example");
    assert_eq!((again.status, again.header("location")), (303, Some("/console")), "who is signed in goes on");
}

#[test]
fn next_never_leaves_the_console() {
    let (world, email) = owned();
    for next in ["//evil.example", "https://evil.example", "/\\evil.example", "/consoles", "javascript:alert(1)"] {
        let mut browser = Browser::new(&world);
        browser.page("/console/sign-in");
        let fields = [("email", email.as_str()), ("password", PASSWORD), ("next", next)];
        let done = browser.post("/console/sign-in", &fields);
        assert_eq!((done.status, done.header("location")), (303, Some("/console")), "{next}");
    }
}

#[test]
fn a_cookie_is_out_of_reach_of_scripts_and_other_sites() {
    let (world, email) = owned();
    let mut browser = Browser::new(&world);
    let done = browser.sign_in(&email, PASSWORD);
    let cookie = set_cookie(&done, "osaycore_console");
    for attribute in ["; HttpOnly", "; SameSite=Lax", "; Path=/"] {
        assert!(cookie.contains(attribute), "{cookie}");
    }
    assert!(!cookie.contains("Domain") && !cookie.contains("Secure"), "{cookie}");

    let mut world = World::new();
    let email = login(&world, "ada", "owner");
    world.variable("OSAYCORE_PUBLIC_URL", "https://console.example");
    world.serve();
    let mut browser = Browser::new(&world);
    let page = browser.get("/console/sign-in");
    assert!(set_cookie(&page, "__Host-osaycore_console_form").contains("; Secure"));
    let token = browser.token.clone();
    let fields = [("email", email.as_str()), ("password", PASSWORD), ("form_token", token.as_str())];
    let done = browser.send(form("/console/sign-in", &fields).set("Origin", "https://console.example"));
    let cookie = set_cookie(&done, "__Host-osaycore_console");
    for attribute in ["; HttpOnly", "; SameSite=Lax", "; Secure", "; Path=/"] {
        assert!(cookie.contains(attribute), "{cookie}");
    }
    assert!(!cookie.contains("Domain"), "{cookie}");
}

#[test]
fn a_session_that_was_there_before_is_never_the_one_that_is_signed_in() {
    let (world, email) = owned();
    let mut browser = Browser::new(&world);
    browser
        .cookies
        .insert("osaycore_console".to_owned(), "AAAAAAAAAAEAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA".to_owned());
    assert_eq!(browser.get("/console").status, 303, "a cookie that somebody has made up");
    let planted = browser.session().to_owned();
    browser.sign_in(&email, PASSWORD);
    let first = browser.session().to_owned();
    assert_ne!(first, planted);
    // Signing in once more ends the session that the browser had.
    let mut thief = browser.clone();
    assert_eq!(thief.get("/console").status, 200);
    browser.cookies.remove("osaycore_console_notice");
    let mut again = browser.clone();
    again.cookies.remove("osaycore_console");
    again.sign_in(&email, PASSWORD);
    assert_eq!(thief.get("/console").status, 200, "another browser's is its own");
    let (phone, _) = browser.enrol(now_s());
    let second = browser.session().to_owned();
    assert_ne!(second, first, "more is known of it now");
    assert_eq!(thief.get("/console").status, 303, "the one before is over");
    browser.post("/console/sign-out", &[]);
    let halfway = browser.sign_in(&email, PASSWORD);
    assert_eq!(halfway.header("location"), Some("/console/sign-in/code?next=%2Fconsole"));
    let half = browser.session().to_owned();
    for path in ["/console", "/console/profile"] {
        let answer = browser.get(path);
        assert_eq!(answer.header("location"), Some("/console/sign-in/code"), "half of it opens nothing");
    }
    browser.page("/console/sign-in/code");
    let done = browser.post("/console/sign-in/code", &[("code", &phone.code_at(now_s() + 30))]);
    assert_eq!((done.status, done.header("location")), (303, Some("/console")), "{}", done.text());
    assert_ne!(browser.session(), half);
    assert_eq!(browser.get("/console").status, 200);
    browser.cookies.insert("osaycore_console".to_owned(), half);
    assert_eq!(browser.get("/console/sign-in/code").header("location"), Some("/console/sign-in"), "it was taken once");
}

#[test]
fn a_session_that_somebody_else_has_planted_is_never_taken_over_and_one_that_was_ended_is_over() {
    let mut world = World::new();
    let (email, other) = (login(&world, "ada", "owner"), login(&world, "eve", "viewer"));
    world.serve();
    let mut thief = Browser::signed_in(&world, &other);
    let mut browser = Browser::new(&world);
    browser.page("/console/sign-in");
    browser.cookies.insert("osaycore_console".to_owned(), thief.session().to_owned());
    let done = browser.post("/console/sign-in", &[("email", &email), ("password", PASSWORD)]);
    assert_eq!(done.status, 303);
    assert_ne!(browser.session(), thief.session());
    assert!(browser.page("/console/profile").contains(&email));
    let theirs = thief.get("/console/profile");
    assert!(
        !theirs.text().contains(&email),
        "who has planted it is not signed in as who came after: {}",
        theirs.text()
    );
    let mut copy = browser.clone();
    assert_eq!(copy.get("/console").status, 200);
    assert_eq!(browser.post("/console/sign-out", &[]).status, 303);
    assert_eq!(copy.get("/console").status, 303, "the server ended it, not the browser alone");
}

#[test]
fn a_time_step_signs_in_once_and_a_recovery_code_too() {
    let (world, email) = owned();
    let now = now_s();
    let (phone, codes) = Browser::signed_in(&world, &email).enrol(now);
    assert_eq!(codes.len(), 10);
    let enter = |code: &str| {
        let mut browser = Browser::new(&world);
        browser.sign_in(&email, PASSWORD);
        browser.page("/console/sign-in/code");
        browser.post("/console/sign-in/code", &[("code", code)]).status
    };
    assert_eq!(enter(&phone.code_at(now)), 422, "the first code was used to set it up");
    let next = phone.code_at(now + 30);
    assert_eq!((enter(&next), enter(&next)), (303, 422));
    assert_eq!((enter(&codes[3]), enter(&codes[3])), (303, 422));
    assert_eq!(enter(&format!(" {} ", codes[4].to_uppercase())), 303);
    assert_eq!(enter("000000"), 422);
    let page = {
        let mut browser = Browser::new(&world);
        browser.sign_in(&email, PASSWORD);
        browser.page("/console/sign-in/code");
        browser.post("/console/sign-in/code", &[("code", &codes[5])]);
        browser.page("/console/profile")
    };
    assert!(page.contains("Recovery codes left: <strong>7</strong>"), "{page}");
    world.run(&["admin", "reset-otp", &email]);
    Browser::signed_in(&world, &email);
}

#[test]
fn guesses_lock_an_address_whether_it_is_somebodys_or_not() {
    let (world, email) = owned();
    let told = |email: &str| {
        let mut browser = Browser::new(&world);
        let answers: Vec<_> = (0..11).map(|_| browser.sign_in(email, WRONG)).collect();
        let statuses: Vec<u16> = answers.iter().map(|answer| answer.status).collect();
        let words: Vec<String> = answers.iter().map(|answer| problem(answer.text())).collect();
        (statuses, words)
    };
    let (known, unknown) = (told(&email), told("nobody@example.com"));
    assert_eq!(known, unknown, "nobody learns who may sign in");
    assert_eq!(known.0, [[422; 10].as_slice(), &[429]].concat());
    assert_eq!(Browser::new(&world).sign_in(&email, PASSWORD).status, 429, "not even the right password is looked at");
    let events = world.run_json(&["audit", "list", "--action", "admin.locked"]);
    assert_eq!(events.as_array().unwrap().len(), 1, "{events}");
    let refused = world.run_json(&["audit", "list", "--action", "sign_in.refused"]);
    let reasons: Vec<&str> =
        refused.as_array().unwrap().iter().map(|event| event["reason"].as_str().unwrap()).collect();
    assert_eq!(reasons.iter().filter(|reason| **reason == "wrong_password").count(), 10);
    assert_eq!(reasons.iter().filter(|reason| **reason == "unknown_email").count(), 10);
    world.run(&["admin", "reset-password", &email]);
    assert_eq!(Browser::new(&world).sign_in(&email, PASSWORD).status, 422, "the password is another, and looked at");
}

fn problem(page: &str) -> String {
    page.split_once("role=\"alert\">").unwrap().1.split('<').next().unwrap().to_owned()
}

#[test]
fn of_many_guesses_at_once_no_more_are_looked_at_than_the_threshold_says() {
    let (world, email) = owned();
    let statuses: Vec<u16> = std::thread::scope(|scope| {
        let guesses: Vec<_> =
            (0..24).map(|_| scope.spawn(|| Browser::new(&world).sign_in(&email, WRONG).status)).collect();
        guesses.into_iter().map(|guess| guess.join().unwrap()).collect()
    });
    assert_eq!(statuses.iter().filter(|status| **status == 422).count(), 10, "{statuses:?}");
    assert_eq!(statuses.iter().filter(|status| **status == 429).count(), 14, "{statuses:?}");
}

#[test]
fn who_knows_the_password_guesses_at_codes_no_longer_than_at_passwords() {
    let (world, email) = owned();
    let (phone, _) = Browser::signed_in(&world, &email).enrol(now_s());
    let mut statuses = Vec::new();
    for _ in 0..11 {
        let mut browser = Browser::new(&world);
        let halfway = browser.sign_in(&email, PASSWORD);
        if halfway.status != 303 {
            statuses.push(halfway.status);
            continue;
        }
        browser.page("/console/sign-in/code");
        statuses.push(browser.post("/console/sign-in/code", &[("code", "000000")]).status);
    }
    assert_eq!(statuses, [[422; 10].as_slice(), &[429]].concat(), "a right password forgets no wrong code");
    drop(phone);
}

#[test]
fn an_address_that_tries_too_often_waits() {
    let (world, _) = owned();
    let status = |at| Browser::new(&world).sign_in(&format!("nobody{at}@example.com"), WRONG).status;
    // A slow machine has some more by and by.
    let refused = (0..200).position(|at| status(at) == 429);
    assert!(refused.is_some_and(|taken| taken >= 30), "{refused:?}");
}

#[test]
fn who_is_disabled_is_out_at_once_and_stays_out() {
    let mut world = World::new();
    let (owner, email) = (login(&world, "ada", "owner"), login(&world, "vera", "viewer"));
    world.serve();
    let mut browser = Browser::signed_in(&world, &email);
    world.run(&["admin", "set", &email, "--disabled", "true"]);
    assert_eq!(browser.get("/console").status, 303);
    assert_eq!(Browser::new(&world).sign_in(&email, PASSWORD).status, 422);
    let last = world.cli(&["admin", "set", &owner, "--role", "viewer"]);
    assert!(!last.status.success() && String::from_utf8_lossy(&last.stderr).contains("last owner"));
    world.run(&["admin", "set", &email, "--disabled", "false"]);
    Browser::signed_in(&world, &email);
}

#[test]
fn an_event_tells_who_signed_in_and_from_where() {
    let (world, email) = owned();
    Browser::signed_in(&world, &email);
    let events = world.run_json(&["audit", "list", "--action", "admin.signed_in"]);
    let event = &events[0];
    assert_eq!(event["actor"]["operator"], email, "{event}");
    assert_eq!((&event["target"]["kind"], &event["address"]), (&"admin".into(), &"127.0.0.1".into()), "{event}");
}
