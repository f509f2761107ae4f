//! What is the person's and the tenant's: keys, texts that others have chosen.

use super::{Browser, PASSWORD, login, login_of, owned};
use crate::support::World;
use crate::support::oasis::Library;

#[test]
fn an_owner_replaces_the_api_key_by_typing_the_name() {
    let mut world = World::new();
    let app = world.app("Shop", &[]);
    let email = login(&world, "ada", "owner");
    world.serve();
    let mut browser = Browser::signed_in(&world, &email);
    browser.page("/console/profile");
    browser.post("/console/profile/api-key", &[("confirm", "another")]);
    assert!(browser.page("/console/profile").contains("the API key stays"));
    let done = browser.post("/console/profile/api-key", &[("confirm", "default")]);
    assert_eq!(done.status, 200);
    let key = done.text().split_once("id=\"key\" value=\"").unwrap().1.split('"').next().unwrap().to_owned();
    assert!(key.starts_with("ok_tenant_") && key != app.oasis_api_key, "{key}");
    let events = world.run_json(&["audit", "list", "--action", "tenant.api_key_rotated"]);
    assert_eq!(events[0]["actor"]["operator"], email, "the person is the actor: {events}");
    let renewed = crate::support::App { oasis_api_key: key, ..app.clone() };
    let ask = |app| Library::of(app).request_authentication_state("nobody", 0);
    let works = || Library::of(&renewed).send(&world, &ask(&renewed)).status == 200;
    crate::support::within_a_second("the new key", works);
    assert_ne!(Library::of(&app).send(&world, &ask(&app)).status, 200);
}

#[test]
fn texts_that_others_have_chosen_stay_texts() {
    const NASTY: &str = "<script>alert(1)</script>\"'><img src=x onerror=alert(1)>";
    let mut world = World::new();
    world.run(&["tenant", "create", "--name", NASTY.replace(':', "").as_str()]);
    let email = login_of(&world, "ada", "owner", NASTY);
    world.serve();
    let agent = "Firefox/<img src=x onerror=alert(1)> Linux";
    let mut browser = Browser::new(&world).called(agent);
    browser.sign_in(&email, PASSWORD);
    for path in ["/console", "/console/profile"] {
        let page = browser.page(path);
        assert!(!page.contains("<script>") && !page.contains("<img src=x"), "{page}");
        assert!(page.contains("&#60;script&#62;alert(1)"), "{page}");
    }
    let notice = ".%3Cscript%3Ealert(1)%3C%2Fscript%3E";
    browser.cookies.insert("osaycore_console_notice".to_owned(), notice.to_owned());
    let page = browser.page("/console");
    assert!(page.contains("&#60;script&#62;") && !page.contains("<script>alert"), "{page}");
}

#[test]
fn no_password_or_cookie_is_in_the_database_the_log_or_the_trail() {
    let (mut world, email) = owned();
    let mut browser = Browser::signed_in(&world, &email);
    browser.page("/console/profile");
    let session = browser.session().to_owned();
    let trail = world.run(&["audit", "list", "--json"]);
    world.stop();
    let mut kept = world.log() + &trail;
    if !crate::support::on_postgres() {
        for entry in std::fs::read_dir(world.folder()).unwrap() {
            let path = entry.unwrap().path();
            if path.file_name().is_some_and(|name| name != "password") {
                kept.push_str(&String::from_utf8_lossy(&std::fs::read(path).unwrap()));
            }
        }
    }
    assert!(kept.contains(&email), "what is looked through is there");
    for secret in [PASSWORD, &session] {
        assert!(!kept.contains(secret), "{secret}");
    }
}

#[test]
fn an_owner_makes_logins_and_takes_them_back() {
    let mut world = World::new();
    let email = login(&world, "ada", "owner");
    world.run(&["tenant", "create", "--name", "Elsewhere"]);
    let stranger = login_of(&world, "sam", "owner", "Elsewhere");
    world.serve();
    let mut owner = Browser::signed_in(&world, &email);
    let make = |owner: &mut Browser<'_>, email: &str, role: &str| {
        owner.page("/console/settings/logins/new");
        owner.post("/console/settings/logins/new", &[("email", email), ("role", role)])
    };
    for (email, role, problem) in [
        ("no address", "viewer", "E-mail address must be like name@example.com."),
        ("eve@example.com", "king", "Must be owner, admin or viewer."),
        ("ADA@example.com", "viewer", "There is a console login with this address already."),
        (&stranger, "viewer", "There is a console login with this address already."),
    ] {
        let answer = make(&mut owner, email, role);
        assert!(answer.status == 422 && answer.text().contains(problem), "{email}: {}", answer.text());
        assert!(answer.text().contains(&format!("value=\"{email}\"")), "what was entered stays: {}", answer.text());
    }
    let made = make(&mut owner, "eve@example.com", "viewer");
    let shown =
        |page: &str| page.split_once("id=\"password\" value=\"").unwrap().1.split('"').next().unwrap().to_owned();
    let password = shown(made.text());
    let page = owner.page("/console/settings/logins");
    assert!(page.contains("eve@example.com") && !page.contains(&stranger), "{page}");
    let path = page.split("href=\"").find(|rest| rest.contains(">eve@example.com</a>")).unwrap();
    let path = path.split('"').next().unwrap().to_owned();

    let mut eve = Browser::new(&world);
    assert_eq!(eve.sign_in("eve@example.com", &password).status, 303);
    for path in [path.as_str(), "/console/settings/logins", "/console/settings/logins/new"] {
        assert_eq!(eve.get(path).status, 403, "{path}");
    }
    owner.page(&path);
    let answer = owner.post(&path, &[("role", "admin"), ("read", "viewer true")]);
    assert!(answer.status == 422 && answer.text().contains("was changed meanwhile"), "{}", answer.text());
    owner.page(&path);
    assert_eq!(owner.post(&path, &[("role", "admin"), ("read", "viewer false")]).status, 303);
    assert_eq!(eve.get("/console").status, 303, "another role is another session");
    owner.page(&path);
    owner.post(&format!("{path}/password"), &[("confirm", "eve")]);
    assert!(owner.page(&path).contains("the password stays"));
    let another = shown(owner.post(&format!("{path}/password"), &[("confirm", "eve@example.com")]).text());
    assert_eq!(Browser::new(&world).sign_in("eve@example.com", &password).status, 422);
    assert_eq!(eve.sign_in("eve@example.com", &another).status, 303);
    eve.enrol(crate::support::now_s());
    owner.page(&path);
    let removed = owner.post(&format!("{path}/second-factor"), &[("confirm", "eve@example.com")]);
    assert_eq!(removed.status, 303);
    assert_eq!(eve.get("/console").status, 303, "whoever had the phone is signed out");
    assert_eq!(Browser::new(&world).sign_in("eve@example.com", &another).header("location"), Some("/console"));

    let own =
        page.split("href=\"").find(|rest| rest.contains(">ada@example.com</a>")).unwrap().split('"').next().unwrap();
    owner.page(own);
    let answer = owner.post(own, &[("role", "viewer"), ("read", "owner false")]);
    assert!(answer.status == 422 && answer.text().contains("is the last owner"), "{}", answer.text());
    let answer = owner.post(own, &[("role", "owner"), ("disabled", "yes"), ("read", "owner false")]);
    assert!(answer.status == 422 && answer.text().contains("is the last owner"), "{}", answer.text());

    let mut sam = Browser::signed_in(&world, &stranger);
    assert_eq!(sam.get(&path).status, 404, "another tenant's login is none");
    let all = sam.page("/console/settings/logins");
    assert!(all.contains(&stranger) && !all.contains("eve@example.com"), "{all}");
    for path in [path.clone(), format!("{path}/password"), format!("{path}/second-factor")] {
        let fields = [("role", "viewer"), ("disabled", "yes"), ("confirm", "eve@example.com")];
        assert_eq!(sam.post(&path, &fields).status, 404, "{path}");
    }
    assert_eq!(Browser::new(&world).sign_in("eve@example.com", &another).status, 303);
    for path in ["/console/settings/logins/x", "/console/settings/logins/99", "/console/settings/logins/-1"] {
        assert_eq!(owner.get(path).status, 404, "{path}");
    }
}
