//! Every page and every form: whom they serve, and whom they do not. Those who are not meant are other roles, other tenants,
//! other sites, and nobody.

use std::collections::BTreeSet;

use super::markup::{Sheet, sheets};
use super::routes::{self, Least, Route};
use super::town::Town;
use super::{Browser, form};
use crate::support::programs::python;
use crate::support::{Answer, World, on_postgres};

/// One of each role, signed in.
struct People<'w> {
    nobody: Browser<'w>,
    stranger: Browser<'w>,
    /// From the least to the most.
    roles: Vec<(Least, Browser<'w>)>,
}

impl<'w> People<'w> {
    fn of(town: &'w Town) -> Self {
        let signed_in = |email: &str| {
            let mut browser = Browser::signed_in(town.world(), email);
            browser.page("/console/profile");
            browser.post("/console/profile/second-factor/start", &[]);
            browser.page("/console/profile/second-factor");
            browser
        };
        let roles = vec![
            (Least::Halfway, town.halfway()),
            (Least::Viewer, signed_in(&town.viewer)),
            (Least::Admin, signed_in(&town.admin)),
            (Least::FirstOwner, signed_in(&town.owner)),
        ];
        Self { nobody: Browser::new(town.world()), stranger: signed_in(&town.stranger), roles }
    }

    /// Whoever is just enough for a route.
    fn least(&mut self, route: &Route) -> &mut Browser<'w> {
        &mut self.roles.iter_mut().find(|(role, _)| *role >= route.least).unwrap().1
    }
}

/// The forms of these pages, each once.
fn all_sheets(browser: &mut Browser<'_>, pages: &[String]) -> Vec<Sheet> {
    let mut found: Vec<Sheet> = Vec::new();
    for path in pages {
        for sheet in sheets(path, browser.get(path).text()) {
            if !found.iter().any(|known| known.action == sheet.action) {
                found.push(sheet);
            }
        }
    }
    found
}

/// Whether the path is of something that one tenant has and another has not.
fn is_a_tenants(route: &Route, path: &str) -> bool {
    route.path.contains('{')
        && !(route.path.starts_with("/flags/{scope}") && path.contains("/flags/all") && !route.path.contains("{key}"))
}

#[test]
fn every_page_opens_for_its_role_and_for_nobody_else() {
    let town = Town::new();
    let mut people = People::of(&town);
    for route in routes::all().iter().filter(|route| route.method == "GET" && route.least >= Least::Viewer) {
        for path in town.paths(route) {
            for (role, browser) in &mut people.roles {
                let answer = browser.get(&path);
                let expected = match *role {
                    Least::Halfway => 303,
                    role if role >= route.least => 200,
                    _ => 403,
                };
                assert_eq!(answer.status, expected, "{role:?} at {path}");
            }
            let away = people.nobody.get(&path);
            let to_sign_in = away.header("location").is_some_and(|to| to.starts_with("/console/sign-in"));
            assert!(away.status == 303 && to_sign_in, "nobody at {path}: {}", away.status);
            let answer = people.stranger.get(&path);
            let is_theirs_alone = is_a_tenants(route, &path) || route.least == Least::FirstOwner;
            assert_eq!(answer.status, if is_theirs_alone { 404 } else { 200 }, "a stranger at {path}");
            for theirs in ["A shop", "customer 7", "The new checkout", &town.admin] {
                assert!(!answer.text().contains(theirs), "a stranger reads {theirs} at {path}");
            }
        }
    }
}

#[test]
fn every_form_works_for_its_role_and_for_nobody_else() {
    let town = Town::new();
    let mut people = People::of(&town);
    let (_, owner) = people.roles.last_mut().unwrap();
    let forms = all_sheets(owner, &town.screens());
    let routes = routes::all();
    let forms: Vec<(&Route, Vec<Sheet>)> = routes
        .iter()
        .filter(|route| route.method == "POST")
        .map(|route| {
            let paths = town.paths(route);
            let of: Vec<Sheet> = forms.iter().filter(|sheet| paths.contains(&sheet.action)).cloned().collect();
            assert!(!of.is_empty() || route.least <= Least::Viewer, "no screen has a form for {}", route.path);
            let bare = Sheet { page: String::new(), action: paths[0].clone(), fields: vec![] };
            (route, if of.is_empty() { vec![bare] } else { of })
        })
        .collect();

    let mut trail = Browser::signed_in(town.world(), &town.owner);
    let before = state(town.world(), &mut trail);
    for (route, of) in &forms {
        for sheet in of {
            refuses_strangers(&mut people, route, sheet);
        }
        refuses_roles(&mut people, route, &of[0]);
        refuses_sites(&mut people, route, &of[0]);
    }
    let after = state(town.world(), &mut trail);
    let changed: Vec<_> = before.symmetric_difference(&after).collect();
    assert!(changed.is_empty(), "who may not has changed {changed:#?}");

    // And each has its effect for who may: in the order of the table, as some are the end of others.
    for (route, of) in forms.iter().filter(|(route, _)| route.least >= Least::Admin) {
        let browser = people.least(route);
        let taken = of.iter().find_map(|sheet| {
            // Of the page as it is by now.
            let page = browser.get(&sheet.page);
            let now = sheets(&sheet.page, page.text()).into_iter().find(|it| it.action == sheet.action)?;
            let (head, fields) = (head(&mut trail), filled(route, &now));
            let answer = browser.send(form(&sheet.action, &with_token(&fields, &browser.token)));
            assert!(
                matches!(answer.status, 200 | 303),
                "{}: {fields:?}: {} {}",
                sheet.action,
                answer.status,
                answer.text()
            );
            Some((head, answer, fields))
        });
        let (head, answer, fields) = taken.unwrap_or_else(|| panic!("the form of {} has gone", route.path));
        let told = || answer.header("location").map_or_else(|| answer.text().to_owned(), str::to_owned);
        assert_ne!(head, self::head(&mut trail), "{} with {fields:?} had no effect: {}", route.path, told());
    }
}

#[test]
fn what_another_tenant_has_is_nothing_in_a_form_either() {
    let town = Town::new();
    let mut owner = Browser::signed_in(town.world(), &town.owner);
    let theirs = all_sheets(&mut owner, &town.screens());
    let of_theirs = |end: &str, field: &str| {
        let sheet = theirs.iter().find(|sheet| sheet.action.ends_with(end) && !value(sheet, field).is_empty());
        value(sheet.unwrap_or_else(|| panic!("no {field} for {end}")), field)
    };
    let mut stranger = Browser::signed_in(town.world(), &town.stranger);
    stranger.page("/console/profile");
    stranger.post("/console/apps/new", &[("name", "own")]);
    for (kind, field) in [("users", "username"), ("groups", "name")] {
        assert_eq!(stranger.post(&format!("/console/{kind}/new"), &[(field, "own")]).status, 303);
    }
    let mut own = |kind: &str| {
        let page = stranger.page(&format!("/console/{kind}"));
        let path = page.split_once("<th scope=\"row\"><a href=\"").unwrap().1.split('"').next().unwrap().to_owned();
        (path.clone(), path.rsplit('/').next().unwrap().to_owned())
    };
    let [(app, app_id), (user, user_id), (group, group_id)] = ["apps", "users", "groups"].map(&mut own);
    let charge = theirs.iter().find(|sheet| sheet.action.ends_with("/refund")).unwrap().action.clone();
    let (_, charge) = charge.split_once("/wallet/").unwrap();
    let forms = [
        (format!("{user}/groups/add"), "group", of_theirs("/groups/add", "group")),
        (format!("{user}/sessions/end"), "session", of_theirs("/sessions/end", "session")),
        (format!("{user}/wallet/{charge}"), "amount", "1".to_owned()),
        (format!("{user}/apps/{}", of_theirs("/apps/disallow", "app")), "can_use", "yes".to_owned()),
        (format!("{group}/apps/allow"), "app", of_theirs("/apps/disallow", "app")),
        (format!("{group}/members/add"), "user", of_theirs("/members/remove", "member")),
        (format!("{group}/members/remove"), "member", of_theirs("/members/remove", "member")),
        (format!("{app}/groups/allow"), "group", of_theirs("/groups/add", "group")),
        (format!("{app}/evaluation-keys/remove"), "key", of_theirs("/evaluation-keys/remove", "key")),
    ];
    let (before, ours) = (head(&mut stranger), state(town.world(), &mut owner));
    for (path, field, value) in &forms {
        assert!(
            ![&app_id, &user_id, &group_id].contains(&value),
            "{value} is both tenants', which tells nothing: {path}"
        );
        let answer = stranger.post(path, &[(field, value)]);
        assert!(matches!(answer.status, 303 | 400 | 404 | 422), "{path}: {}", answer.status);
        assert_eq!(head(&mut stranger), before, "{path} with {field}={value} had an effect");
    }
    let after = state(town.world(), &mut owner);
    assert!(after == ours, "{:#?}", after.symmetric_difference(&ours).collect::<Vec<_>>());
}

/// What stands in a field of a form; nothing: it has no such field.
fn value(sheet: &Sheet, field: &str) -> String {
    sheet.fields.iter().find(|(name, _)| name == field).map(|(_, value)| value.clone()).unwrap_or_default()
}

/// The form, as owners of another tenant would send it.
fn refuses_strangers(people: &mut People<'_>, route: &Route, sheet: &Sheet) {
    if is_a_tenants(route, &sheet.action) || route.least == Least::FirstOwner {
        let answer = send(&mut people.stranger, route, sheet);
        assert_eq!(answer.status, 404, "a stranger to {}: {}", sheet.action, answer.text());
    }
}

/// The form, as nobody would send it, and as those who may less.
fn refuses_roles(people: &mut People<'_>, route: &Route, sheet: &Sheet) {
    let path = &sheet.action;
    if route.least >= Least::Halfway {
        let away = send(&mut people.nobody, route, sheet);
        assert_eq!((away.status, away.header("location")), (303, Some("/console/sign-in")), "nobody to {path}");
    }
    for (role, browser) in &mut people.roles {
        if *role < route.least && *role >= Least::Viewer {
            let answer = send(browser, route, sheet);
            let is_refused = answer.status == 403 && answer.text().contains("You may not do this");
            assert!(is_refused, "{role:?} to {path}: {}", answer.status);
        }
    }
}

fn send(browser: &mut Browser<'_>, route: &Route, sheet: &Sheet) -> Answer {
    let (filled, token) = (filled(route, sheet), browser.token.clone());
    browser.send(form(&sheet.action, &with_token(&filled, &token)))
}

/// The form, as other sites would have it sent by the browser of who may.
fn refuses_sites(people: &mut People<'_>, route: &Route, sheet: &Sheet) {
    let (filled, path) = (filled(route, sheet), &sheet.action);
    let foreign = people.stranger.token.clone();
    let browser = people.least(route);
    if route.least == Least::Anybody {
        browser.get(path);
    }
    let token = browser.token.clone();
    assert_ne!(token, foreign, "one for each session");
    let send = |token: &str| form(path, &with_token(&filled, token));
    let bare: Vec<(&str, &str)> = filled.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
    for (what, call) in [
        ("no token", form(path, &bare)),
        ("an empty token", send("")),
        ("another session's token", send(&foreign)),
        ("a wrong token", send(&"0".repeat(64))),
        ("another site", send(&token).set("Sec-Fetch-Site", "cross-site")),
        ("a neighbour", send(&token).set("Sec-Fetch-Site", "same-site")),
        ("another origin", send(&token).set("Origin", "https://evil.example")),
    ] {
        let answer = browser.send(call);
        let is_refused = answer.status == 403 && answer.text().contains("This form is out of date");
        assert!(is_refused, "{what} to {path}: {}", answer.status);
    }
}

/// The fields of a form, with something in those that have to be filled in to have an effect.
fn filled(route: &Route, sheet: &Sheet) -> Vec<(String, String)> {
    let typed: &[(&str, &str)] = match route.path {
        "/apps/new" | "/groups/new" | "/apps/{id}/evaluation-keys" => &[("name", "Fresh")],
        "/apps/{id}/settings" => &[("requests_per_second", "77")],
        "/apps/{id}/redirect-uris" => &[("uri", "https://fresh.example/in")],
        "/groups/{id}/rename" => &[("name", "Renamed")],
        "/groups/{id}/members/add" => &[("user", "out")],
        "/users/new" => &[("username", "fresh")],
        "/users/{id}/edit" => &[("display_name", "Fresh")],
        "/users/{id}/apps/{app}" => &[("credit_rate", "0.5")],
        "/users/{id}/wallet/add" => &[("amount", "1")],
        "/users/{id}/wallet/floor" => &[("floor", "-7")],
        "/flags/{scope}/new" => &[("key", "fresh")],
        "/flags/{scope}/flags/{key}/edit" => &[("description", "Fresh"), ("do", "save")],
        "/flags/{scope}/flags/{key}/rollout" => &[("percent", "33"), ("do", "save")],
        "/flags/{scope}/segments/edit" => &[("text", r#"{"key": "fresh", "users": ["u"]}"#), ("do", "save")],
        "/flags/{scope}/segments/edit/{key}" => &[("text", r#"{"key": "eu", "users": ["u"]}"#), ("do", "save")],
        "/flags/{scope}/import" => &[("text", r#"{"flags": [{"key": "imported"}]}"#), ("do", "save")],
        "/settings/logins/new" => &[("email", "fresh@example.com")],
        "/settings/logins/{id}" => &[("role", "admin")],
        "/settings/providers/new" => {
            &[("name", "fresh"), ("issuer", "https://fresh.example"), ("client_id", "a"), ("client_secret", "b")]
        }
        "/settings/providers/{name}" => &[("client_id", "another")],
        "/settings/limit" => &[("monthly_user_limit", "77")],
        _ => &[],
    };
    let mut fields = sheet.fields.clone();
    for (name, value) in typed {
        fields.retain(|(known, _)| known != name);
        fields.push(((*name).to_owned(), (*value).to_owned()));
    }
    fields
}

fn with_token<'f>(fields: &'f [(String, String)], token: &'f str) -> Vec<(&'f str, &'f str)> {
    let fields = fields.iter().map(|(name, value)| (name.as_str(), value.as_str()));
    fields.chain([("form_token", token)]).collect()
}

/// The newest event of the trail: whatever changes something leaves one.
#[track_caller]
fn head(browser: &mut Browser<'_>) -> String {
    let page = browser.page("/console/audit");
    page.split_once("<th scope=\"row\"><a href=\"").unwrap().1.split('"').next().unwrap().to_owned()
}

/// What is stored, but for what passes or counts: each row behind the name of its table; on PostgreSQL how far the trail is.
fn state(world: &World, trail: &mut Browser<'_>) -> BTreeSet<String> {
    const DUMP: &str = "import sqlite3, sys
database = sqlite3.connect(sys.argv[1])
passing = {'leases', 'tallies', 'tally_marks', 'active_users', 'secret_uses', 'signatures', 'admin_sessions'}
for (table,) in database.execute(\"SELECT name FROM sqlite_master WHERE type = 'table'\").fetchall():
    if table not in passing:
        for row in database.execute(f'SELECT * FROM {table}'):
            print(table, row)";
    let mut rows = BTreeSet::from([head(trail)]);
    if !on_postgres() {
        let dump = python("sqlite3").args(["-c", DUMP]).arg(world.database()).output().unwrap();
        assert!(dump.status.success(), "{}", String::from_utf8_lossy(&dump.stderr));
        rows.extend(String::from_utf8(dump.stdout).unwrap().lines().map(str::to_owned));
    }
    rows
}
