//! Users in the console: found and made, permitted, charged and refunded, locked, deleted; and what is refused.

mod access;
mod keeping;
mod person;
mod wallet;

use serde_json::{Value, json};

use super::{Browser, login};
use crate::support::authenticator::Authenticator;
use crate::support::oasis::{LOGIN, Library, NewUser, REGISTRATION};
use crate::support::{App, User, World, now_s, unique};

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
pub(super) fn enrolled(world: &World, app: &App, username: &str) -> (Authenticator, User) {
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
fn a_user_is_deleted_by_name_and_restored_unless_the_name_is_taken() {
    let (world, app, ann, email) = stage();
    let token = world.token(&app, &ann);
    let mut browser = Browser::signed_in(&world, &email);
    let at = path(&ann, "");
    browser.page(&at);
    done(&mut browser, &format!("{at}/delete"), &[("confirm", "an")]);
    let charged = || world.deduct(&app, &token, &format!(r#""amount":1,"description":"{}""#, unique("c"))).code();
    assert_eq!(charged(), "ok");
    let open_elsewhere = value(&browser.page(&format!("{at}/apps/{}", app.oasis_app_id)), "read");
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
        (format!("{at}/wallet/add"), &[("amount", "1"), ("kind", "BONUS"), ("reference", "late")][..]),
        (format!("{at}/wallet/floor"), &[("floor", "1")]),
        (app_page, &[("read", &open_elsewhere), ("can_use", "yes")]),
    ] {
        let answer = browser.post(&path, fields);
        let for_another_reason = ["Without one", "changed meanwhile"].iter().any(|text| answer.text().contains(text));
        assert!(answer.status == 422 && !for_another_reason, "{path}: {}", answer.text());
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
    let app_page = path(&ann, &format!("/apps/{}", app.oasis_app_id));
    let read = value(&browser.page(&app_page), "read");
    done(&mut browser, &app_page, &[("read", &read), ("can_use", "yes"), ("credit_rate", "2")]);
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
        let number = number.to_string();
        done(&mut browser, &path(&ann, "/wallet/add"), &[("amount", "1"), ("kind", "BONUS"), ("reference", &number)]);
    }
    let page = browser.page(&path(&ann, "/audit"));
    assert!(!page.contains("User disabled"), "{page}");
    let next = page.split("<a href=\"").find(|rest| rest.contains("rel=\"next\"")).unwrap();
    assert!(browser.page(next.split('"').next().unwrap()).contains("User disabled"));
}
