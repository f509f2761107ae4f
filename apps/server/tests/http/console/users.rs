//! Users in the console: found and made, permitted, charged and refunded, locked, deleted; and what is refused.

use serde_json::{Value, json};

use super::{Browser, login, login_of};
use crate::support::authenticator::Authenticator;
use crate::support::oasis::{LOGIN, Library, NewUser, REGISTRATION};
use crate::support::{App, Call, User, World, now_s, on_postgres, unique, within_a_second};

/// A server with an app, a user who has credits, and an admin who is not an owner.
fn stage() -> (World, App, User, String) {
    let mut world = World::new();
    let app = world.app_of_every_scope();
    let user = world.rich_user("ann", "100");
    let email = login(&world, "ada", "admin");
    world.serve();
    (world, app, user, email)
}

fn path(user: &User, rest: &str) -> String {
    format!("/console/users/{}{rest}", user.oasis_id)
}

/// What a form field of the page has in it.
#[track_caller]
fn value(page: &str, name: &str) -> String {
    let (_, rest) = page.split_once(&format!("name=\"{name}\"")).unwrap_or_else(|| panic!("no {name}: {page}"));
    rest.split_once("value=\"").unwrap().1.split('"').next().unwrap().to_owned()
}

/// A form that must be taken; → the page after it.
#[track_caller]
fn done(browser: &mut Browser<'_>, path: &str, fields: &[(&str, &str)]) -> String {
    let answer = browser.post(path, fields);
    assert_eq!(answer.status, 303, "{path}: {}", answer.text());
    browser.page(answer.header("location").unwrap())
}

/// A form that must be refused with this beside it.
#[track_caller]
fn refused(browser: &mut Browser<'_>, path: &str, fields: &[(&str, &str)], problem: &str) -> String {
    let answer = browser.post(path, fields);
    assert!(answer.status == 422 && answer.text().contains(problem), "{fields:?}: {} {}", answer.status, answer.text());
    answer.text().to_owned()
}

/// A balance, as it is written.
fn balance(world: &World, user: &str) -> String {
    let shown = world.run(&["credits", "balance", user]);
    shown.lines().next().unwrap().split_whitespace().last().unwrap().to_owned()
}

/// A user who has enrolled, with the phone.
fn enrolled(world: &World, app: &App, username: &str) -> (Authenticator, User) {
    use base64::Engine as _;
    let library = Library::of(app);
    let new = library.register_user(&NewUser { username, ..NewUser::default() });
    let made = library.send(world, &new).ok();
    let image = base64::engine::general_purpose::STANDARD.decode(made["QRData"].as_str().unwrap()).unwrap();
    let phone = Authenticator::scan(&image);
    library.send(world, &library.verify_user_otp(username, &phone.code_at(now_s()), REGISTRATION)).ok();
    let shown = world.run_json(&["user", "show", username]);
    let id = shown["user_id"].as_str().unwrap().to_owned();
    (phone, User { id, oasis_id: shown["oasis_user_id"].as_i64().unwrap() })
}

/// Enters wrong codes until the user is locked.
pub(super) fn lock(world: &World, app: &App, username: &str) {
    let library = Library::of(app);
    for code in ["000001", "000002", "000003", "000004", "000005"] {
        library.send(world, &library.verify_user_otp(username, code, LOGIN));
    }
    let state = library.send(world, &library.request_authentication_state(username, LOGIN)).ok();
    assert_eq!(state["State"], 2, "{username} is locked: {state}");
}

/// A user who has enrolled and is locked in the app.
pub(super) fn locked(world: &World, app: &App, username: &str) -> User {
    let (_, user) = enrolled(world, app, username);
    lock(world, app, username);
    user
}

#[test]
fn users_are_found_by_whatever_is_known_of_them() {
    let (world, app, ann, email) = stage();
    world.run(&["user", "set", "ann", "--email", "ann@example.com", "--display-name", "Ann Onymous"]);
    world.run(&["user", "permit", "ann", &app.id, "--external-id", "customer-7"]);
    let bob = world.user("bob");
    let gone = world.user("gone");
    world.run(&["user", "disable", "bob"]);
    world.run(&["user", "delete", "gone"]);
    let group = world.run_json(&["group", "create", "--name", "staff"])["group_id"].to_string();
    world.run(&["group", "add", "staff", "bob"]);
    locked(&world, &app, "liz");
    let mut browser = Browser::signed_in(&world, &email);
    let number = ann.oasis_id.to_string();
    for (query, found) in [
        (String::new(), &["liz", "bob", "ann"][..]),
        ("search=onym".to_owned(), &["ann"]),
        ("search=ANN@EX".to_owned(), &["ann"]),
        ("search=customer-7".to_owned(), &["ann"]),
        (format!("search={}", ann.id), &["ann"]),
        (format!("search={number}"), &["ann"]),
        ("search=nobody".to_owned(), &[]),
        ("status=disabled".to_owned(), &["bob"]),
        (format!("group={group}"), &["bob"]),
        (format!("group={group}&status=active"), &[]),
        ("locked=yes".to_owned(), &["liz"]),
        ("search=gone".to_owned(), &[]),
        ("search=gone&deleted=yes".to_owned(), &["gone"]),
    ] {
        let page = browser.page(&format!("/console/users?{query}"));
        let rows: Vec<&str> = page
            .split("<th scope=\"row\"><a href=\"/console/users/")
            .skip(1)
            .map(|rest| rest.split_once('>').unwrap().1.split('<').next().unwrap())
            .collect();
        assert_eq!(rows, found, "{query}");
    }
    assert!(browser.page("/console/users?search=x&locked=yes").contains("value=\"x\""), "the filter stays");
    assert!(
        browser.page("/console/users?status=king").contains("Status must be one of active, disabled and suspended.")
    );
    assert_eq!(browser.get("/console/users?after=nonsense").status, 400);
    for user in [&bob, &gone] {
        browser.page(&path(user, ""));
    }
}

#[test]
fn a_list_of_more_than_a_page_is_gone_through_whole() {
    let (world, _, _, email) = stage();
    let mut browser = Browser::signed_in(&world, &email);
    browser.page("/console/users/new");
    for number in 0..60 {
        let name = format!("many-{number:02}");
        assert_eq!(browser.post("/console/users/new", &[("username", &name)]).status, 303);
    }
    let (mut next, mut seen, mut pages) = (Some("/console/users?search=many".to_owned()), Vec::new(), 0);
    while let Some(path) = next {
        let page = browser.page(&path);
        seen.extend(page.split(">many-").skip(1).map(|rest| rest.split('<').next().unwrap().to_owned()));
        pages += 1;
        let link = page.split("<a href=\"").find(|rest| rest.contains("rel=\"next\"") && rest.contains(">Next page"));
        next = link.map(|link| link.split('"').next().unwrap().replace("&#38;", "&"));
    }
    assert_eq!((seen.len(), pages), (60, 2));
    seen.dedup();
    assert_eq!(seen.len(), 60, "each once");
}

#[test]
fn a_user_is_made_and_edited() {
    let (world, app, _, email) = stage();
    world.run(&["user", "permit", "ann", &app.id, "--external-id", "c1"]);
    let mut browser = Browser::signed_in(&world, &email);
    browser.page("/console/users/new");
    let number = app.oasis_app_id.to_string();
    for (fields, problem) in [
        (&[("username", "")][..], "Username must not be empty."),
        (&[("username", "ann")], "The name is taken."),
        (&[("username", "eve"), ("email", "nowhere")], "E-mail address must be like name@example.com."),
        (&[("username", "eve"), ("external_id", "c2")], "Choose the app that calls the user so."),
        (&[("username", "eve"), ("external_id", "c1"), ("app", &number)], "The external id is taken in this app."),
    ] {
        let page = refused(&mut browser, "/console/users/new", fields, problem);
        for (name, typed) in fields.iter().filter(|(name, _)| *name != "app") {
            assert_eq!(value(&page, name), *typed, "what was typed stays");
        }
    }
    let fields = [("username", "eve"), ("email", "eve@example.com"), ("external_id", "c2"), ("app", &number)];
    let answer = browser.post("/console/users/new", &fields);
    let eve = answer.header("location").unwrap().to_owned();
    let page = browser.page(&eve);
    assert!(page.contains("eve@example.com") && page.contains("not verified"), "{page}");

    browser.post(&format!("{eve}/email-verified"), &[("email", "other@example.com"), ("verified", "yes")]);
    assert!(browser.page(&eve).contains("another address by now"));
    let page =
        done(&mut browser, &format!("{eve}/email-verified"), &[("email", "eve@example.com"), ("verified", "yes")]);
    assert!(page.contains("counts as verified"), "{page}");
    assert_eq!(world.run_json(&["user", "show", "eve"])["email_verified"], true);

    let edit = format!("{eve}/edit");
    let read_at = value(&browser.page(&edit), "read_at");
    let same = [("username", "eve"), ("role", "basic"), ("email", "eve@example.com"), ("read_at", &read_at)];
    for (field, text, problem) in [
        ("username", "ann", "The name is taken."),
        ("username", "1234", "Username"),
        ("role", "", "Role must not be empty."),
        ("avatar_url", "javascript:alert(1)", "vatar"),
        ("email", "x", "E-mail address"),
    ] {
        let fields: Vec<_> = same.iter().copied().filter(|(name, _)| *name != field).chain([(field, text)]).collect();
        let page = refused(&mut browser, &edit, &fields, problem);
        assert_eq!(value(&page, field), text);
    }
    done(&mut browser, &edit, &[&same[..], &[("display_name", "Eve")]].concat());
    let shown = world.run_json(&["user", "show", "eve"]);
    assert_eq!((&shown["display_name"], &shown["email_verified"]), (&json!("Eve"), &json!(true)));
    refused(&mut browser, &edit, &same, "The user was changed meanwhile");
    let read_at = value(&browser.page(&edit), "read_at");
    done(&mut browser, &edit, &[("username", "eva"), ("role", "basic"), ("read_at", &read_at)]);
    let shown = world.run_json(&["user", "show", "eva"]);
    assert_eq!((&shown["display_name"], &shown["email"]), (&Value::Null, &Value::Null), "what is empty is taken away");
    let trail = world.run_json(&["audit", "list", "--user", "eva", "--action", "user.updated"]);
    assert_eq!(trail[0]["actor"]["operator"], email.as_str(), "{trail}");
}

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
    browser.page(&at);
    for (field, text, problem) in [
        ("credit_rate", "-1", "Rate must be"),
        ("credit_rate", "0.0000001", "at most six decimal places"),
        ("scopes", "READ", "Scope"),
        ("custom", "[1]", "Custom permissions must be a JSON object"),
        ("custom", r#"{"a":1,"a":2}"#, "Custom permissions must be a JSON object"),
        ("external_id", "taken", "The external id is taken in this app."),
        ("external_id", &bob.id, "The external id is the id of a user."),
    ] {
        let page = refused(&mut browser, &at, &[("scopes_of", "own"), (field, text)], problem);
        assert!(page.contains(&text.replace('"', "&#34;")), "what was typed stays: {page}");
    }
    assert_eq!(world.run_json(&["user", "show", "ann"])["permits"], json!([]), "nothing of it had an effect");
    let custom = r#"{"seats":12345678901234567890123}"#;
    let fields =
        [("credit_rate", "0.25"), ("scopes_of", "own"), ("scopes", ""), ("custom", custom), ("external_id", " c 1 ")];
    done(&mut browser, &at, &fields);
    let permit = &world.run(&["user", "show", "ann", "--json"]);
    assert!(permit.contains("12345678901234567890123"), "every digit is kept: {permit}");
    let permit = &world.run_json(&["user", "show", "ann"])["permits"][0];
    assert_eq!((&permit["can_use"], &permit["scopes"]), (&json!(false), &json!([])));
    assert_eq!((&permit["credit_rate"], &permit["external_id"]), (&json!("0.25"), &json!(" c 1 ")));
    let page = browser.page(&at);
    assert_eq!((value(&page, "external_id").as_str(), value(&page, "credit_rate").as_str()), (" c 1 ", "0.25"));
    done(&mut browser, &at, &[("can_use", "yes"), ("scopes_of", "everyone"), ("scopes", "x")]);
    let permit = &world.run_json(&["user", "show", "ann"])["permits"][0];
    for field in ["credit_rate", "scopes", "external_id"] {
        assert_eq!(permit[field], Value::Null, "{field} is taken away");
    }
    assert_eq!((&permit["can_use"], &permit["custom"]), (&json!(true), &json!({})));
}

#[test]
fn a_charge_is_refunded_once_and_never_for_more() {
    let (world, app, ann, email) = stage();
    let token = world.token(&app, &ann);
    let charge = world.deduct(&app, &token, r#""amount":10,"description":"ten""#).ok();
    let charge = charge["transaction_id"].as_str().unwrap();
    let bonus = world.add(&app, &ann, r#""amount":1,"transaction_type":"BONUS""#).ok();
    let bonus = bonus["transaction_id"].as_str().unwrap();
    let mut browser = Browser::signed_in(&world, &email);
    let at = path(&ann, &format!("/wallet/{charge}"));
    assert!(browser.page(&path(&ann, "/wallet")).contains(&at));
    let page = browser.page(&at);
    assert_eq!((value(&page, "amount").as_str(), value(&page, "number").as_str()), ("10.00", "1"));
    let refund = format!("{at}/refund");
    for (amount, problem) in [
        ("10.000001", "Of this charge 10.00 is left to refund."),
        ("0", "Not greater than zero."),
        ("-1", "Not a decimal number."),
        ("1e", "Not a decimal number."),
        ("", "Not a decimal number."),
    ] {
        let page = refused(&mut browser, &refund, &[("amount", amount), ("number", "1")], problem);
        assert_eq!(value(&page, "amount"), amount);
    }
    let balance = || balance(&world, "ann");
    assert_eq!(balance(), "91.00");
    let fields = [("amount", "4"), ("number", "1"), ("description", "sorry")];
    assert!(done(&mut browser, &refund, &fields).contains("4.00 credits were refunded. The balance is 95.00."));
    let page = done(&mut browser, &refund, &fields);
    assert!(page.contains("were refunded before: nothing was given back again"), "{page}");
    assert_eq!(balance(), "95.00");
    for number in ["1", "3", "0"] {
        refused(&mut browser, &refund, &[("amount", "6"), ("number", number)], "This charge was refunded meanwhile");
    }
    refused(&mut browser, &refund, &[("amount", "6.1"), ("number", "2")], "Of this charge 6.00 is left to refund.");
    let page = browser.page(&at);
    assert_eq!((value(&page, "amount").as_str(), value(&page, "number").as_str()), ("6.00", "2"));
    let page = done(&mut browser, &refund, &[("amount", "6"), ("number", "2")]);
    assert!(page.contains("All of this charge was given back.") && !page.contains("name=\"amount\""), "{page}");
    refused(&mut browser, &refund, &[("amount", "1"), ("number", "3")], "All of this charge was given back.");
    assert_eq!(balance(), "101.00");
    let given = page.split("/wallet/").find(|rest| rest.contains("4.00 credits were given back")).unwrap();
    let given = given.split('"').next().unwrap();
    assert!(browser.page(&path(&ann, &format!("/wallet/{given}"))).contains(&at), "a refund leads to its charge");
    let history = world.run_json(&["credits", "history", "ann", "--limit", "1"]);
    assert_eq!((&history[0]["type"], &history[0]["app_id"]), (&json!("REFUND"), &Value::Null));

    let bob = world.user("bob");
    browser.page(&path(&bob, ""));
    let fields = [("amount", "1"), ("number", "1")];
    for (user, transaction) in [(&bob, charge), (&ann, bonus), (&ann, "00000000-0000-4000-8000-000000000000")] {
        let answer = browser.post(&path(user, &format!("/wallet/{transaction}/refund")), &fields);
        assert_eq!(answer.status, 404, "{transaction} is no charge of {}: {}", user.id, answer.text());
    }
    assert_eq!(browser.get(&path(&bob, &format!("/wallet/{charge}"))).status, 404);
    world.run(&["credits", "verify"]);
}

#[test]
fn refunds_at_once_never_come_to_more_than_was_charged() {
    let (world, app, ann, email) = stage();
    let other = world.another();
    let token = world.token(&app, &ann);
    let charge = world.deduct(&app, &token, r#""amount":10"#).ok();
    let at = path(&ann, &format!("/wallet/{}", charge["transaction_id"].as_str().unwrap()));
    let mut first = Browser::signed_in(&world, &email);
    first.page(&at);
    let there = Browser { world: &other, ..first.clone() };
    let browsers: Vec<Browser<'_>> = (0..8).map(|n| if n % 2 == 0 { first.clone() } else { there.clone() }).collect();
    std::thread::scope(|scope| {
        for (number, mut browser) in browsers.into_iter().enumerate() {
            let refund = format!("{at}/refund");
            // Half of them ask for the same, half for something of their own.
            let amount = if number < 4 { "3".to_owned() } else { format!("3.{number}") };
            scope.spawn(move || {
                let answer = browser.post(&refund, &[("amount", &amount), ("number", "1")]);
                assert!(matches!(answer.status, 303 | 422), "{} {}", answer.status, answer.text());
            });
        }
    });
    let refunds = world.run_json(&["credits", "history", "ann"]);
    let refunds: Vec<_> = refunds.as_array().unwrap().iter().filter(|entry| entry["type"] == "REFUND").collect();
    assert_eq!(refunds.len(), 1, "{refunds:?}");
    world.run(&["credits", "verify"]);
}

#[test]
fn credits_are_added_once_under_a_reference() {
    let (world, _, ann, email) = stage();
    let mut browser = Browser::signed_in(&world, &email);
    let wallet = path(&ann, "/wallet");
    let reference = value(&browser.page(&wallet), "reference");
    assert_ne!(value(&browser.page(&wallet), "reference"), reference, "every form has one of its own");
    let add = path(&ann, "/wallet/add");
    let long = "x".repeat(1001);
    for (fields, problem) in [
        (&[("amount", "1.0000001"), ("kind", "BONUS")][..], "More than six decimal places."),
        (&[("amount", "5"), ("kind", "DEDUCTION")], "Not one of PURCHASE, BONUS"),
        (&[("amount", "5"), ("kind", "BONUS"), ("description", &long)], "At most 1000 characters."),
        (&[("amount", "5"), ("kind", "BONUS"), ("reference", &long)], "At most 255 characters."),
        (&[("amount", "1000000000000"), ("kind", "BONUS")], "would pass 1000000000000"),
    ] {
        let page = refused(&mut browser, &add, fields, problem);
        assert!(page.contains("<details open>"), "the form is in sight: {page}");
    }
    let fields = [("amount", "5"), ("kind", "ADJUSTMENT"), ("description", "ticket 7"), ("reference", &reference)];
    assert!(done(&mut browser, &add, &fields).contains("5.00 credits were added. The balance is 105.00."));
    assert!(done(&mut browser, &add, &fields).contains("nothing was added again"));
    let others = [("amount", "6"), ("kind", "ADJUSTMENT"), ("reference", &reference)];
    refused(&mut browser, &add, &others, "Other credits were added under this reference");
    let page = browser.page(&wallet);
    assert!(page.contains("105.00") && page.contains("ticket 7") && page.contains("An operator"), "{page}");
    refused(&mut browser, &path(&ann, "/wallet/floor"), &[("floor", "much")], "Not a decimal number.");
    assert!(done(&mut browser, &path(&ann, "/wallet/floor"), &[("floor", "-20")]).contains("The floor is -20.00 now."));
    for number in 0..50 {
        let answer =
            browser.post(&add, &[("amount", "0.5"), ("kind", "BONUS"), ("description", &format!("n{number}"))]);
        assert_eq!(answer.status, 303);
    }
    let page = browser.page(&wallet);
    let next = page.split("<a href=\"").find(|rest| rest.contains("rel=\"next\"")).unwrap();
    let older = browser.page(next.split('"').next().unwrap());
    assert!(!page.contains("ticket 7") && older.contains("ticket 7") && older.contains("First page"), "{older}");
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

#[test]
fn a_user_is_deleted_by_name_and_restored_unless_the_name_is_taken() {
    let (world, app, ann, email) = stage();
    let token = world.token(&app, &ann);
    let mut browser = Browser::signed_in(&world, &email);
    let at = path(&ann, "");
    browser.page(&at);
    done(&mut browser, &format!("{at}/delete"), &[("confirm", "an")]);
    let charged = || world.deduct(&app, &token, &format!(r#""amount":1,"description":"{}""#, unique("c"))).code();
    assert_eq!(charged(), "ok");
    let page = done(&mut browser, &format!("{at}/delete"), &[("confirm", "ann")]);
    assert!(page.contains("ann is deleted.") && page.contains("Restore the user"), "{page}");
    for gone in ["Edit the profile", "Disable the user", "Delete the user"] {
        assert!(!page.contains(gone), "{gone}");
    }
    assert_eq!(charged(), "user_not_found");
    // What a page that is still open elsewhere may send.
    let app_page = format!("{at}/apps/{}", app.oasis_app_id);
    for (path, fields) in [
        ("/status", &[("status", "disabled")][..]),
        ("/delete", &[("confirm", "ann")]),
        ("/second-factor/unlock", &[]),
        ("/second-factor/recovery-codes", &[]),
        ("/second-factor/reset", &[("confirm", "ann")]),
        ("/second-factor/bypass", &[("bypass", "yes")]),
    ] {
        let page = done(&mut browser, &format!("{at}{path}"), fields);
        assert!(
            page.contains("The user is deleted; restore the user first") || page.contains("the user is deleted"),
            "{path}: {page}"
        );
    }
    for (path, fields) in [
        (format!("{at}/wallet/add"), &[("amount", "1"), ("kind", "BONUS")][..]),
        (format!("{at}/wallet/floor"), &[("floor", "1")]),
        (app_page, &[("can_use", "yes")]),
    ] {
        assert_eq!(browser.post(&path, fields).status, 422, "{path}");
    }
    assert_eq!(world.run_json(&["user", "show", &ann.id])["balance"], json!(99.0), "nothing was added");

    let usurper = world.user("ann");
    browser.page(&at);
    let page = done(&mut browser, &format!("{at}/restore"), &[]);
    assert!(page.contains("the name is taken") && page.contains("Restore the user"), "{page}");
    world.run(&["user", "set", &usurper.id, "--username", "anne"]);
    let page = done(&mut browser, &format!("{at}/restore"), &[]);
    assert!(page.contains("ann is there again") && page.contains("Edit the profile"), "{page}");
    assert_eq!(charged(), "ok");
}

#[test]
fn the_trail_of_a_user_is_paged_and_says_who_did_what() {
    let (world, app, ann, email) = stage();
    let mut browser = Browser::signed_in(&world, &email);
    browser.page(&path(&ann, ""));
    done(&mut browser, &path(&ann, "/status"), &[("status", "suspended")]);
    done(&mut browser, &path(&ann, "/status"), &[("status", "active")]);
    done(
        &mut browser,
        &path(&ann, &format!("/apps/{}", app.oasis_app_id)),
        &[("can_use", "yes"), ("credit_rate", "2")],
    );
    let page = browser.page(&path(&ann, "/audit"));
    for told in [
        "User disabled",
        "user.disabled",
        "active → suspended",
        &format!("operator {email}"),
        "from 127.0.0.1",
        "in app",
    ] {
        assert!(page.contains(told), "{told}: {page}");
    }
    for number in 0..55 {
        browser.post(
            &path(&ann, "/wallet/add"),
            &[("amount", "1"), ("kind", "BONUS"), ("description", &number.to_string())],
        );
    }
    let page = browser.page(&path(&ann, "/audit"));
    assert!(!page.contains("User disabled"), "{page}");
    let next = page.split("<a href=\"").find(|rest| rest.contains("rel=\"next\"")).unwrap();
    assert!(browser.page(next.split('"').next().unwrap()).contains("User disabled"));
}

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
