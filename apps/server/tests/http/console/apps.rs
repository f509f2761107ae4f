//! Apps and groups, as a browser without scripts meets them.

use super::{Browser, login, login_of};
use crate::admin_api::Script;
use crate::support::oasis::Library;
use crate::support::{Answer, App, World, within_a_second};

const NASTY: &str = "<script>alert(1)</script>\"'><img src=x onerror=alert(1)>";

/// What stands in a read-only field of this id.
#[track_caller]
fn shown(page: &str, id: &str) -> String {
    let (_, rest) = page.split_once(&format!("id=\"{id}\" value=\"")).unwrap_or_else(|| panic!("no {id}: {page}"));
    rest.split('"').next().unwrap().to_owned()
}

/// What the page says beside a field.
#[track_caller]
fn problem<'p>(page: &'p str, field: &str) -> &'p str {
    let (_, rest) = page.split_once(&format!("id=\"{field}-problem\">")).unwrap_or_else(|| panic!("{field}: {page}"));
    rest.split('<').next().unwrap()
}

/// Whether the server takes what the app signs.
fn signs(world: &World, app: &App) -> bool {
    let answer = world.call(app, "POST", "/api/auth/generate-user-jwt", r#"{"user_id":"nobody"}"#);
    assert!(matches!(answer.code().as_str(), "user_not_found" | "invalid_signature" | "invalid_api_key"));
    answer.code() == "user_not_found"
}

#[test]
fn an_app_is_made_found_disabled_and_enabled() {
    let mut world = World::new();
    let email = login(&world, "ada", "owner");
    world.serve();
    let mut browser = Browser::signed_in(&world, &email);
    assert!(browser.page("/console/apps").contains("There are no apps yet."));
    browser.page("/console/apps/new");
    let refused = browser.post("/console/apps/new", &[("name", " "), ("scope", "add_credits")]);
    assert_eq!(refused.status, 422);
    assert!(!problem(refused.text(), "name").is_empty() && refused.text().contains("value=\"add_credits\" checked"));
    assert_eq!(browser.post("/console/apps/new", &[("name", "Shop"), ("scope", "king")]).status, 400);
    let made = browser.post("/console/apps/new", &[("name", "Shop"), ("scope", "add_credits")]);
    assert_eq!(made.status, 200, "{}", made.text());
    let app = App {
        id: shown(made.text(), "app-id"),
        api_key: shown(made.text(), "api-key"),
        secret_key: shown(made.text(), "secret-key"),
        oasis_app_id: shown(made.text(), "oasis-app-id").parse().unwrap(),
        oasis_application_key: shown(made.text(), "oasis-application-key"),
        oasis_api_key: shown(made.text(), "oasis-api-key"),
    };
    within_a_second("the app signs", || signs(&world, &app));
    let hello = Library::of(&app).request_authentication_state("nobody", 0);
    assert_eq!(Library::of(&app).send(&world, &hello).status, 200);
    let kept = world.run_json(&["app", "show", &app.id]);
    assert_eq!(kept["scopes"], serde_json::json!(["add_credits"]), "{kept}");
    let twice = browser.post("/console/apps/new", &[("name", "Shop")]);
    assert_eq!(problem(twice.text(), "name"), "There is an app Shop already.");
    assert_eq!(world.run_json(&["app", "list"]).as_array().unwrap().len(), 1);

    world.app("Other", &[]);
    for (query, found) in [
        ("", vec!["Other", "Shop"]),
        ("?search=sHO", vec!["Shop"]),
        (&format!("?search={}", app.api_key), vec!["Shop"]),
        (&format!("?search={}", app.oasis_app_id), vec!["Shop"]),
        ("?state=disabled", vec![]),
        ("?search=nothing", vec![]),
    ] {
        let page = browser.page(&format!("/console/apps{query}"));
        let names: Vec<&str> =
            ["Other", "Shop"].into_iter().filter(|name| page.contains(&format!(">{name}</a>"))).collect();
        assert_eq!(names, found, "{query}");
    }

    let path = format!("/console/apps/{}", app.oasis_app_id);
    let page = browser.page(&path);
    for secret in [&app.secret_key, &app.oasis_application_key, &app.oasis_api_key] {
        assert!(!page.contains(secret.as_str()), "shown once");
    }
    browser.post(&format!("{path}/disable"), &[("confirm", "shop")]);
    assert!(browser.page(&path).contains("That was another name") && signs(&world, &app));
    browser.post(&format!("{path}/disable"), &[("confirm", "Shop")]);
    assert!(browser.page("/console/apps?state=disabled").contains(">Shop</a>"));
    within_a_second("the app is refused", || !signs(&world, &app));
    browser.post(&format!("{path}/enable"), &[]);
    within_a_second("the app is let in again", || signs(&world, &app));
    let events = world.run_json(&["audit", "list", "--action", "app.disabled"]);
    assert_eq!(events[0]["actor"]["operator"], email, "{events}");
}

/// The fields of the form that replaces a secret, as the page has them now.
fn replacement<'f>(browser: &mut Browser<'_>, path: &str, kind: &'f str, grace: &'f str) -> [(&'f str, String); 3] {
    let page = browser.page(path);
    let form = page.split_once(&format!("name=\"kind\" value=\"{kind}\"")).unwrap().1;
    let newest = form.split_once("name=\"newest\" value=\"").unwrap().1.split('"').next().unwrap();
    [("kind", kind.to_owned()), ("grace", grace.to_owned()), ("newest", newest.to_owned())]
}

fn replace(browser: &mut Browser<'_>, path: &str, fields: &[(&str, String); 3]) -> Answer {
    let fields: Vec<_> = fields.iter().map(|(name, value)| (*name, value.as_str())).collect();
    browser.post(&format!("{path}/secret"), &fields)
}

#[test]
fn an_admin_who_makes_an_app_is_not_told_the_key_of_the_tenant() {
    let (world, app) = World::served();
    let email = login(&world, "ada", "admin");
    let mut browser = Browser::signed_in(&world, &email);
    browser.page("/console/apps/new");
    let made = browser.post("/console/apps/new", &[("name", "Shop")]);
    assert!(made.status == 200 && !shown(made.text(), "secret-key").is_empty(), "{}", made.text());
    assert!(!made.text().contains(&app.oasis_api_key) && !made.text().contains("ok_tenant_"), "{}", made.text());
    assert!(made.text().contains("An owner has it"), "{}", made.text());
}

#[test]
fn a_replaced_secret_works_for_its_grace_and_the_page_tells_of_its_use() {
    let mut world = World::new();
    let email = login(&world, "ada", "admin");
    let old = world.app("Shop", &[]);
    world.serve();
    let mut browser = Browser::signed_in(&world, &email);
    let path = format!("/console/apps/{}", old.oasis_app_id);
    assert!(!browser.page(&path).contains("retiring"));
    for fields in [[("kind", "other"), ("grace", "3600")], [("kind", "signing"), ("grace", "1")]] {
        assert_eq!(browser.post(&format!("{path}/secret"), &fields).status, 400, "{fields:?}");
    }
    let fields = replacement(&mut browser, &path, "signing", "3600");
    let rotated = replace(&mut browser, &path, &fields);
    let reloaded = replace(&mut browser, &path, &fields);
    assert_eq!(reloaded.status, 303, "who reloads the page makes no other one");
    assert!(browser.page(&path).contains("There is a newer one already"));
    let new = App { secret_key: shown(rotated.text(), "secret"), ..old.clone() };
    within_a_second("the new secret signs", || signs(&world, &new));
    assert!(browser.page(&path).contains("not used since it was replaced"), "nobody has used the old one");
    assert!(signs(&world, &old), "the old one signs too");
    within_a_second("the use is told", || browser.page(&path).contains("last used"));

    let fields = replacement(&mut browser, &path, "oasis", "3600");
    let rotated = replace(&mut browser, &path, &fields);
    let new = App { oasis_application_key: shown(rotated.text(), "secret"), ..new };
    let ask = |app| Library::of(app).request_authentication_state("nobody", 0);
    within_a_second("the new key signs", || Library::of(&new).send(&world, &ask(&new)).status == 200);
    assert_eq!(browser.page(&path).matches("last used").count(), 1);
    assert_eq!(Library::of(&old).send(&world, &ask(&old)).status, 200, "the old one signs too");
    within_a_second("its use is told", || browser.page(&path).matches("last used").count() == 2);

    let fields = replacement(&mut browser, &path, "signing", "0");
    replace(&mut browser, &path, &fields);
    within_a_second("both old ones are refused", || !signs(&world, &old) && !signs(&world, &new));
    let page = browser.page(&path);
    assert_eq!((page.matches("retiring").count(), page.matches("last used").count()), (1, 1), "{page}");
}

#[test]
fn settings_are_saved_together_or_refused_beside_each_field() {
    let mut world = World::new();
    let email = login(&world, "ada", "admin");
    let app = world.app("Shop", &["add_credits"]);
    world.app("Other", &[]);
    world.serve();
    let mut browser = Browser::signed_in(&world, &email);
    let path = format!("/console/apps/{}/settings", app.oasis_app_id);
    let read = |page: &str| {
        let text = page.split_once("name=\"read\" value=\"").unwrap().1.split('"').next().unwrap().to_owned();
        text.replace("&#34;", "\"").replace("&quot;", "\"")
    };
    let before = read(&browser.page(&path));
    let with = |changed: &[(&'static str, &'static str)]| {
        let mut fields = vec![
            ("name", "Shop"),
            ("scope", "read_audit"),
            ("default_credit_rate", "2.5"),
            ("requests_per_second", "50"),
            ("session_lifetime_seconds", "600"),
            ("replay_protection", "strict"),
            ("lockout_threshold", "3"),
            ("lockout_seconds", "60"),
            ("totp_digits", "8"),
            ("totp_period", "60"),
            ("totp_algorithm", "SHA256"),
            ("oasis_response_signature", "guide"),
            ("allow_bypass", "yes"),
        ];
        for (name, value) in changed {
            fields.retain(|(known, _)| known != name);
            fields.push((name, value));
        }
        fields
    };
    let send = |browser: &mut Browser<'_>, before: &str, changed: &[(&'static str, &'static str)]| {
        let mut fields = with(changed);
        fields.push(("read", before));
        browser.post(&path, &fields)
    };
    let wrong = [("default_credit_rate", "cheap"), ("lockout_threshold", "0"), ("totp_period", "1"), ("name", "")];
    let refused = send(&mut browser, &before, &wrong);
    assert_eq!(refused.status, 422);
    for (field, value) in wrong {
        assert!(!problem(refused.text(), field).is_empty(), "{field}");
        assert!(refused.text().contains(&format!("name=\"{field}\" type=\"text\" value=\"{value}\"")), "{field} stays");
    }
    assert_eq!(problem(refused.text(), "lockout_seconds"), "", "what is right says nothing");
    assert!(refused.text().contains("value=\"guide\" selected"), "{}", refused.text());
    assert_eq!(world.run_json(&["app", "show", &app.id])["settings"]["lockout_seconds"], 900, "nothing was saved");
    let taken = send(&mut browser, &before, &[("name", "Other")]);
    assert_eq!(problem(taken.text(), "name"), "There is an app Other already.");

    assert_eq!(send(&mut browser, &before, &[]).status, 303);
    let kept = world.run_json(&["app", "show", &app.id]);
    let settings = &kept["settings"];
    assert_eq!(kept["scopes"], serde_json::json!(["read_audit"]));
    for (key, value) in [
        ("default_credit_rate", serde_json::json!("2.50")),
        ("requests_per_second", 50.into()),
        ("session_lifetime_seconds", 600.into()),
        ("replay_protection", "strict".into()),
        ("lockout_threshold", 3.into()),
        ("lockout_seconds", 60.into()),
        ("totp_digits", 8.into()),
        ("totp_period", 60.into()),
        ("totp_algorithm", "SHA256".into()),
        ("oasis_response_signature", "guide".into()),
        ("allow_bypass", true.into()),
        ("require_signature_v2", false.into()),
        ("restrict_to_groups", false.into()),
    ] {
        assert_eq!(settings[key], value, "{key}: {kept}");
    }
    let stale = send(&mut browser, &before, &[("name", "Store")]);
    assert!(stale.status == 422 && stale.text().contains("The app was changed meanwhile"), "{}", stale.text());
    let now = read(&browser.page(&path));
    assert_eq!(send(&mut browser, &now, &[("name", "Store"), ("default_credit_rate", "")]).status, 303);
    let kept = world.run_json(&["app", "show", &app.id]);
    assert_eq!((&kept["name"], &kept["settings"]["default_credit_rate"]), (&"Store".into(), &serde_json::Value::Null));
    // What scripts go by is another version each time.
    let script = Script::new(&world);
    let version = || script.get(&format!("/apps/{}", app.id)).header("etag").unwrap().to_owned();
    let mut seen = vec![version()];
    for changed in
        [[("name", "Market"), ("default_credit_rate", "")], [("scope", "add_credits"), ("default_credit_rate", "")]]
    {
        let now = read(&browser.page(&path));
        let changed = [&changed[..], &[("name", "Market")]].concat();
        assert_eq!(send(&mut browser, &now, &changed).status, 303);
        assert!(!seen.contains(&version()), "{changed:?}");
        seen.push(version());
    }
}

#[test]
fn redirect_uris_and_evaluation_keys_come_and_go() {
    let mut world = World::new();
    let email = login(&world, "ada", "admin");
    let app = world.app("Shop", &[]);
    world.serve();
    let mut browser = Browser::signed_in(&world, &email);
    let path = format!("/console/apps/{}", app.oasis_app_id);
    let uris = format!("{path}/redirect-uris");
    browser.page(&uris);
    for bad in ["shop.example/in", "https://shop.example/#in", "javascript:alert(1)", ""] {
        let refused = browser.post(&uris, &[("uri", bad)]);
        assert_eq!(refused.status, 422, "{bad}");
        assert!(!problem(refused.text(), "uri").is_empty(), "{bad}");
        assert!(refused.text().contains(&format!("value=\"{bad}\"")), "{bad} stays");
    }
    for good in ["https://shop.example/in", "com.example.shop:/in"] {
        assert_eq!(browser.post(&uris, &[("uri", good)]).status, 303, "{good}");
    }
    let twice = browser.post(&uris, &[("uri", "https://shop.example/in")]);
    assert_eq!(problem(twice.text(), "uri"), "It is registered already.");
    let kept = || world.run_json(&["app", "show", &app.id])["settings"]["redirect_uris"].clone();
    assert_eq!(kept(), serde_json::json!(["https://shop.example/in", "com.example.shop:/in"]));
    browser.post(&format!("{uris}/remove"), &[("uri", "https://shop.example/in")]);
    assert_eq!(kept(), serde_json::json!(["com.example.shop:/in"]));
    browser.post(&format!("{uris}/remove"), &[("uri", "com.example.shop:/in")]);
    assert_eq!(kept(), serde_json::json!([]));

    let keys = format!("{path}/evaluation-keys");
    let made = browser.post(&keys, &[("name", "web")]);
    let key = shown(made.text(), "key");
    assert!(key.starts_with("ek_live_") && !browser.page(&keys).contains(&key), "shown once");
    let twice = browser.post(&keys, &[("name", "web")]);
    assert_eq!(problem(twice.text(), "name"), "The app has an evaluation key web already.");
    let page = browser.page(&keys);
    let id = page.split_once("name=\"key\" value=\"").unwrap().1.split('"').next().unwrap().to_owned();
    assert_eq!(browser.post(&format!("{keys}/remove"), &[("key", &id)]).status, 303);
    assert!(browser.page(&keys).contains("No evaluation key yet."));
    browser.post(&format!("{keys}/remove"), &[("key", &id)]);
    assert!(browser.page(&keys).contains("the app has no evaluation key"), "and a second time");
}

#[test]
fn a_group_has_members_and_opens_apps() {
    let mut world = World::new();
    let email = login(&world, "ada", "admin");
    let app = world.app("Shop", &[]);
    for at in 0..51 {
        world.user(&format!("user{at:02}"));
    }
    world.serve();
    let mut browser = Browser::signed_in(&world, &email);
    assert!(browser.page("/console/groups").contains("There are no groups yet."));
    browser.page("/console/groups/new");
    assert!(!problem(browser.post("/console/groups/new", &[("name", "")]).text(), "name").is_empty());
    let made = browser.post("/console/groups/new", &[("name", "Staff")]);
    let path = made.header("location").unwrap().to_owned();
    assert!(browser.page(&path).contains("Nobody is in it yet."));
    let taken = browser.post("/console/groups/new", &[("name", "Staff")]);
    assert_eq!((taken.status, problem(taken.text(), "name").is_empty()), (422, false), "{}", taken.text());

    let add = format!("{path}/members/add");
    let unknown = browser.post(&add, &[("user", "nobody")]);
    assert_eq!((unknown.status, problem(unknown.text(), "user")), (422, "There is no user nobody."));
    assert!(unknown.text().contains("name=\"user\" type=\"text\" value=\"nobody\""));
    for at in 0..51 {
        assert_eq!(browser.post(&add, &[("user", &format!("user{at:02}"))]).status, 303);
    }
    assert!(browser.page(&path).contains("user50 is in Staff."));
    browser.post(&add, &[("user", "user50")]);
    let first = browser.page(&path);
    assert!(first.contains("user50 was already in Staff."), "{first}");
    let next = first.split("href=\"").find(|rest| rest.contains("rel=\"next\"")).unwrap().split('"').next().unwrap();
    let second = browser.page(&next.replace("&#38;", "&"));
    let on = |page: &str| (0..51).filter(|at| page.contains(&format!(">user{at:02}</a>"))).count();
    assert_eq!((on(&first), on(&second)), (50, 1));
    assert!(browser.page("/console/groups").contains("<td class=\"number\">51</td>"));

    browser.post(&format!("{path}/apps/allow"), &[("app", &app.oasis_app_id.to_string())]);
    assert!(browser.page(&path).contains("Open to everybody as it stands"));
    let group_id = path.rsplit('/').next().unwrap().to_owned();
    let groups = || world.run_json(&["app", "show", &app.id])["groups"].clone();
    assert_eq!(groups(), serde_json::json!([group_id.parse::<i64>().unwrap()]));
    let of_app = format!("/console/apps/{}/groups", app.oasis_app_id);
    assert!(browser.page(&of_app).contains(">Staff</a>"));
    browser.post(&format!("{of_app}/disallow"), &[("group", &group_id)]);
    assert_eq!(groups(), serde_json::json!([]));
    browser.post(&format!("{of_app}/allow"), &[("group", &group_id)]);
    browser.post(&format!("{path}/apps/disallow"), &[("app", &app.oasis_app_id.to_string())]);
    assert_eq!(groups(), serde_json::json!([]));
    let rename = format!("{path}/rename");
    world.run(&["group", "create", "--name", "Others"]);
    browser.page(&path);
    for (name, says) in [("Others", "The name is taken."), ("", "")] {
        let refused = browser.post(&rename, &[("name", name)]);
        assert_eq!(refused.status, 422, "{name}");
        let problem = problem(refused.text(), "name");
        assert!(!problem.is_empty() && (says.is_empty() || problem == says), "{problem}");
    }
    assert_eq!(browser.post(&rename, &[("name", "Crew <b>")]).status, 303);
    let renamed = browser.page(&path);
    assert!(renamed.contains("The group is called Crew &#60;b&#62;.") && !renamed.contains("<b>"), "{renamed}");
    let event = world.run_json(&["audit", "list", "--action", "group.updated"])[0].clone();
    assert_eq!((&event["before"]["name"], &event["after"]["name"]), (&"Staff".into(), &"Crew <b>".into()), "{event}");
    assert_eq!(world.run_json(&["user", "show", "user00"])["groups"], serde_json::json!(["Crew <b>"]));
    let member = second.split_once("name=\"member\" value=\"").unwrap().1.split('"').next().unwrap();
    browser.post(&format!("{path}/members/remove"), &[("member", member)]);
    assert!(browser.page("/console/groups").contains("<td class=\"number\">50</td>"));
    let events = world.run_json(&["audit", "list", "--action", "group.member_removed"]);
    assert_eq!(events[0]["actor"]["operator"], email, "{events}");
}

#[test]
fn a_viewer_looks_another_tenant_sees_nothing_and_texts_stay_texts() {
    let mut world = World::new();
    let viewer = login(&world, "vera", "viewer");
    world.run(&["tenant", "create", "--name", "Elsewhere"]);
    let stranger = login_of(&world, "sam", "owner", "Elsewhere");
    let name = NASTY.replace(':', "");
    let app = world.app(&name, &[]);
    let uri = "https://shop.example/?a='b'";
    world.run(&["app", "set", &app.id, "--redirect-uris", uri, "--restrict-to-groups", "true"]);
    world.run(&["app", "eval-key", &app.id, "--name", &name]);
    world.user_with("ann", &["--display-name", &name]);
    let group = world.run_json(&["group", "create", "--name", &name])["group_id"].to_string();
    world.run(&["group", "add", &group, "ann"]);
    world.run(&["group", "allow", &group, &app.id]);
    world.serve();
    let (app_path, group_path) = (format!("/console/apps/{}", app.oasis_app_id), format!("/console/groups/{group}"));
    let pages: Vec<String> = ["", "/redirect-uris", "/settings", "/groups", "/evaluation-keys"]
        .into_iter()
        .map(|tab| format!("{app_path}{tab}"))
        .chain([group_path.clone(), "/console/apps".to_owned(), "/console/groups".to_owned()])
        .collect();
    let mut vera = Browser::signed_in(&world, &viewer);
    for path in &pages {
        let page = vera.page(path);
        assert!(page.contains("&#60;script&#62;alert(1)"), "{path}: {page}");
        assert!(!page.contains("<script>") && !page.contains("<img src=x"), "{path}: {page}");
        let buttons: Vec<&str> = page.split("type=\"submit\"").skip(1).collect();
        let allowed = if path == "/console/apps" { 2 } else { 1 };
        assert_eq!(buttons.len(), allowed, "to sign out, and to look: {path}: {page}");
    }
    let mut sam = Browser::signed_in(&world, &stranger);
    for path in &pages[..6] {
        assert_eq!(sam.get(path).status, 404, "{path}");
    }
    for path in ["/console/apps", "/console/groups"] {
        assert!(!sam.page(path).contains("&#60;script"), "{path}");
    }
    sam.page("/console/profile");
    for (path, fields) in [
        (format!("{app_path}/secret"), &[("kind", "signing"), ("grace", "0")][..]),
        (format!("{app_path}/disable"), &[("confirm", name.as_str())]),
        (format!("{app_path}/enable"), &[]),
        (format!("{app_path}/redirect-uris"), &[("uri", "https://evil.example/")]),
        (format!("{app_path}/redirect-uris/remove"), &[("uri", uri)]),
        (format!("{app_path}/settings"), &[("name", "Mine")]),
        (format!("{app_path}/groups/allow"), &[("group", &group)]),
        (format!("{app_path}/groups/disallow"), &[("group", &group)]),
        (format!("{app_path}/evaluation-keys"), &[]),
        (format!("{app_path}/evaluation-keys/remove"), &[("key", "1")]),
        (format!("{group_path}/members/add"), &[("user", "ann")]),
        (format!("{group_path}/members/remove"), &[("member", "1001")]),
        (format!("{group_path}/apps/allow"), &[("app", "1001")]),
        (format!("{group_path}/apps/disallow"), &[("app", "1001")]),
    ] {
        assert_eq!(sam.post(&path, fields).status, 404, "another tenant's is none: {path}");
        vera.page("/console/profile");
        assert_eq!(vera.post(&path, fields).status, 403, "a viewer changes nothing: {path}");
    }
    for path in ["/console/apps/new", "/console/groups/new"] {
        assert_eq!(vera.get(path).status, 403, "{path}");
    }
    for path in ["/console/apps/x", "/console/apps/99", "/console/groups/-1", "/console/apps/99/settings"] {
        assert_eq!(vera.get(path).status, 404, "{path}");
    }
    assert_eq!(vera.get("/console/apps?after=no").status, 400);
    assert!(signs(&world, &app), "nothing of it had an effect");
    assert_eq!(world.run_json(&["app", "show", &app.id])["groups"], serde_json::json!([group.parse::<i64>().unwrap()]));
}
