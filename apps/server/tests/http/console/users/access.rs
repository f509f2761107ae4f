//! Why a user has no access, and what mends it: permissions, second factors, sessions.

use serde_json::{Value, json};

use super::super::Browser;
use super::{done, enrolled, lock, locked, path, refused, stage, value};
use crate::support::oasis::{LOGIN, Library};
use crate::support::{Call, now_s, unique, within_a_second};

#[test]
fn every_reason_for_no_access_is_told_and_mended() {
    let (world, app, ann, email) = stage();
    world.run(&["group", "create", "--name", "staff"]);
    world.run(&["group", "allow", "staff", &app.id]);
    let staff = world.run_json(&["group", "list"])[0]["group_id"].to_string();
    let other = locked(&world, &app, "liz");
    world.credit(&other, "1");
    let mut browser = Browser::signed_in(&world, &email);
    let at = path(&ann, &format!("/apps/{}", app.oasis_app_id));
    let page = browser.page(&at);
    assert!(page.contains("ann has access to app") && page.contains("Nothing stands in the way."), "{page}");
    let number = app.oasis_app_id.to_string();
    let token = world.token(&app, &ann);
    let charged = || world.deduct(&app, &token, &format!(r#""amount":1,"description":"{}""#, unique("c")));

    world.run(&["user", "disable", "ann"]);
    assert_eq!(charged().code(), "user_inactive");
    let page = browser.page(&at);
    assert!(page.contains("ann has no access to app") && page.contains("403 user_inactive"), "{page}");
    let page = done(&mut browser, &path(&ann, "/status"), &[("status", "active"), ("app", &number)]);
    assert!(page.contains("ann has access to app"), "{page}");

    world.run(&["user", "permit", "ann", &app.id, "--can-use", "false", "--scope", "read_profile"]);
    assert_eq!(charged().code(), "not_permitted");
    let page = browser.page(&at);
    assert!(page.contains("<strong>ann may not use app: charges are answered 403 not_permitted"), "{page}");
    assert!(page.contains("deduct_credits is missing"), "every check is told: {page}");
    let page = done(&mut browser, &format!("{at}/allow"), &[]);
    assert!(page.contains("ann has access to app"), "{page}");
    assert_eq!(charged().status, 200);

    world.run(&["app", "set", &app.id, "--restrict-to-groups", "true"]);
    let page = browser.page(&at);
    assert!(page.contains("ann has no access to app") && page.contains("Put into staff"), "{page}");
    let page = done(&mut browser, &path(&ann, "/groups/add"), &[("group", &staff), ("app", &number)]);
    assert!(page.contains("ann has access to app"), "{page}");
    let context = || world.read(&app, &token, &format!("/api/user/context?x={}", unique("x"))).ok();
    within_a_second("the app is told so", || context()["app_context"]["app_permissions"]["is_authorized"] == true);

    world.run(&["user", "set", "ann", "--bypass-otp", "true"]);
    let page = browser.page(&at);
    assert!(page.contains("ann has access to app") && page.contains("But: ann bypasses second factors"), "{page}");
    let page = done(&mut browser, &path(&ann, "/second-factor/bypass"), &[("bypass", "no"), ("app", &number)]);
    assert!(!page.contains("But:"), "{page}");

    world.run(&["user", "set", "ann", "--min-balance", "1000"]);
    assert!(browser.page(&at).contains("every charge is answered 402"));
    assert_eq!(charged().status, 402);
    done(&mut browser, &path(&ann, "/wallet/floor"), &[("floor", "0")]);
    assert!(browser.page(&at).contains("Nothing stands in the way."));

    world.run(&["app", "disable", &app.id]);
    let list = browser.page(&path(&ann, "/apps"));
    assert!(list.contains("no access") && list.contains("app is disabled"), "{list}");
    world.run(&["app", "enable", &app.id]);
    within_a_second("the app is there again", || charged().code() != "invalid_api_key");
    world.run(&["user", "delete", "ann"]);
    let page = browser.page(&at);
    assert!(page.contains("ann is deleted") && !page.contains("Save the permissions"), "{page}");

    done(&mut browser, &path(&other, "/groups/add"), &[("group", &staff)]);
    let at = path(&other, &format!("/apps/{}", app.oasis_app_id));
    assert!(browser.page(&at).contains("But: liz is locked in app after wrong codes"));
    let page = done(&mut browser, &path(&other, "/second-factor/unlock"), &[("app", &number)]);
    assert!(page.contains("liz is not locked in app"), "{page}");
}

#[test]
fn permissions_are_replaced_as_a_whole() {
    let (world, app, ann, email) = stage();
    let bob = world.user("bob");
    world.run(&["user", "permit", "bob", &app.id, "--external-id", "taken"]);
    let mut browser = Browser::signed_in(&world, &email);
    let at = path(&ann, &format!("/apps/{}", app.oasis_app_id));
    let read = |page: &str| value(page, "read");
    let before = read(&browser.page(&at));
    for (field, text, problem) in [
        ("credit_rate", "-1", "Rate must be"),
        ("credit_rate", "0.0000001", "at most six decimal places"),
        ("scopes", "READ", "Scope"),
        ("custom", "[1]", "Custom permissions must be a JSON object"),
        ("custom", r#"{"a":1,"a":2}"#, "Custom permissions must be a JSON object"),
        ("external_id", "taken", "The external id is taken in this app."),
        ("external_id", &bob.id, "The external id is the id of a user."),
    ] {
        let page =
            refused(&mut browser, &at, &[("read", before.as_str()), ("scopes_of", "own"), (field, text)], problem);
        assert!(page.contains(&text.replace('"', "&#34;")), "what was typed stays: {page}");
    }
    assert_eq!(world.run_json(&["user", "show", "ann"])["permits"], json!([]), "nothing of it had an effect");
    let custom = r#"{"seats":12345678901234567890123}"#;
    let fields = [
        ("read", before.as_str()),
        ("credit_rate", "0.25"),
        ("scopes_of", "own"),
        ("scopes", ""),
        ("custom", custom),
        ("external_id", " c 1 "),
    ];
    done(&mut browser, &at, &fields);
    refused(&mut browser, &at, &fields, "The permissions were changed meanwhile");
    let permit = &world.run(&["user", "show", "ann", "--json"]);
    assert!(permit.contains("12345678901234567890123"), "every digit is kept: {permit}");
    let permit = &world.run_json(&["user", "show", "ann"])["permits"][0];
    assert_eq!((&permit["can_use"], &permit["scopes"]), (&json!(false), &json!([])));
    assert_eq!((&permit["credit_rate"], &permit["external_id"]), (&json!("0.25"), &json!(" c 1 ")));
    let page = browser.page(&at);
    assert_eq!((value(&page, "external_id").as_str(), value(&page, "credit_rate").as_str()), (" c 1 ", "0.25"));
    let before = read(&page);
    let fields = [("read", before.as_str()), ("can_use", "yes"), ("scopes_of", "everyone"), ("scopes", "x")];
    // What the app sets meanwhile is not undone by who has not seen it.
    world.run(&["user", "permit", "ann", &app.id, "--external-id", "c-2"]);
    let page = refused(&mut browser, &at, &fields, "The permissions were changed meanwhile");
    assert_eq!(world.run_json(&["user", "show", "ann"])["permits"][0]["external_id"], "c-2");
    assert_eq!(read(&page), before, "the page that comes back is no look at what there is now");
    let now = read(&browser.page(&at));
    done(&mut browser, &at, &[("read", now.as_str()), fields[1], fields[2], fields[3]]);
    let permit = &world.run_json(&["user", "show", "ann"])["permits"][0];
    for field in ["credit_rate", "scopes", "external_id"] {
        assert_eq!(permit[field], Value::Null, "{field} is taken away");
    }
    assert_eq!((&permit["can_use"], &permit["custom"]), (&json!(true), &json!({})));
}

#[test]
fn a_second_factor_is_unlocked_replaced_and_reset() {
    let (world, app, ann, email) = stage();
    let (phone, liz) = enrolled(&world, &app, "liz");
    lock(&world, &app, "liz");
    let library = Library::of(&app);
    let state = || library.send(&world, &library.request_authentication_state("liz", LOGIN)).ok()["State"].clone();
    let mut browser = Browser::signed_in(&world, &email);
    let at = path(&liz, "/second-factor");
    let page = browser.page(&at);
    assert!(page.contains("enrolled") && page.contains("locked") && page.contains("Unlock the user"), "{page}");
    let page = done(&mut browser, &format!("{at}/unlock"), &[]);
    assert!(page.contains("liz is unlocked") && !page.contains(">locked<"), "{page}");
    assert_eq!(state(), 6, "a code is asked for again");
    assert!(done(&mut browser, &format!("{at}/unlock"), &[]).contains("was not locked"));

    let codes = browser.post(&format!("{at}/recovery-codes"), &[]);
    assert_eq!(codes.status, 200, "{}", codes.text());
    let codes: Vec<&str> =
        codes.text().split("<li><code>").skip(1).map(|rest| rest.split('<').next().unwrap()).collect();
    assert_eq!(codes.len(), 10);
    let entered = library.send(&world, &library.verify_user_otp("liz", codes[0], LOGIN)).ok();
    assert_eq!(entered["State"], 8, "{entered}");
    let page = browser.page(&at);
    assert!(page.contains("<strong>9</strong> of 10") && !page.contains(codes[1]), "they are shown once: {page}");

    browser.post(&format!("{at}/reset"), &[("confirm", "ann")]);
    assert!(browser.page(&at).contains("That was another name: the second factor stays."));
    assert_eq!(state(), 6);
    done(&mut browser, &format!("{at}/reset"), &[("confirm", "liz")]);
    assert_eq!(state(), 9, "the user enrols anew");
    let code = phone.code_at(now_s() + 30);
    let entered = library.send(&world, &library.verify_user_otp("liz", &code, LOGIN)).ok();
    assert_eq!(entered["State"], 9, "the old phone is none: {entered}");

    assert!(done(&mut browser, &format!("{at}/bypass"), &[("bypass", "yes")]).contains("is asked for no code"));
    assert_eq!(state(), 4, "this app does not allow it");
    let at = path(&ann, "/second-factor");
    done(&mut browser, &format!("{at}/recovery-codes"), &[]);
    let page = done(&mut browser, &format!("{at}/recovery-codes"), &[]);
    assert!(page.contains("ann has not enrolled: there is nothing to recover."), "{page}");
}

#[test]
fn sessions_and_tokens_end_at_once() {
    let (world, app, ann, email) = stage();
    let session = || {
        static LIFETIME: std::sync::atomic::AtomicU64 = std::sync::atomic::AtomicU64::new(1000);
        let lifetime = LIFETIME.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
        let body = format!(r#"{{"user_id":"{}","refresh_token":true,"expires_in_seconds":{lifetime}}}"#, ann.id);
        Call::post("/api/auth/generate-user-jwt", body).signed(&app).send(&world).ok()["jwt_token"]
            .as_str()
            .unwrap()
            .to_owned()
    };
    let (one, two) = (session(), session());
    let code = |token: &str| world.read(&app, token, &format!("/api/user/context?x={}", unique("x"))).code();
    let mut browser = Browser::signed_in(&world, &email);
    let at = path(&ann, "/sessions");
    let page = browser.page(&at);
    assert_eq!(page.matches("name=\"session\"").count(), 2, "{page}");
    let id = crate::tokens::claims(&one)["sid"].as_str().unwrap().to_owned();
    let bob = world.user("bob");
    let answer = browser.post(&path(&bob, "/sessions/end"), &[("session", &id)]);
    assert_eq!(answer.status, 303);
    assert!(browser.page(&path(&bob, "/sessions")).contains("has no session"), "another user's session is none");
    assert!(done(&mut browser, &format!("{at}/end"), &[("session", &id)]).contains("The session is over."));
    within_a_second("its tokens are refused", || code(&one) == "token_invalid");
    assert_eq!(code(&two), "ok");
    assert!(done(&mut browser, &format!("{at}/end"), &[("session", &id)]).contains("over before"));
    let page = done(&mut browser, &format!("{at}/end-all"), &[]);
    assert!(page.contains("Sessions that are over: 1.") && page.contains("Nowhere."), "{page}");
    within_a_second("every token is refused", || code(&two) == "token_invalid");
}
