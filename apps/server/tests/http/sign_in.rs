//! Sign-in by pop-up, against a certified provider: the way there and back, who it is, and what is refused.

use std::io::{Read as _, Write as _};
use std::net::TcpListener;

use diesel::prelude::*;
use diesel::sqlite::SqliteConnection;
use serde_json::Value;
use tempfile::TempDir;

use crate::support::browser::Script;
use crate::support::provider::{CLIENT_ID, CLIENT_SECRET, End, Provider, Visitor};
use crate::support::{App, Call, World, now_s, on_postgres, unique, within_a_second};

/// Where nobody listens: the visit ends before it is opened.
pub(crate) const APP: &str = "http://127.0.0.1:9";
pub(crate) const DONE: &str = "http://127.0.0.1:9/done";

const ACCOUNTS: &str = r#"[
    {"sub": "ada-1", "email": "ada@example.com", "email_verified": true, "name": "Ada", "picture": "https://example.com/ada.png"},
    {"sub": "bob-2", "email": "bob@example.com", "email_verified": false, "name": "Bob"},
    {"sub": "CN=Eve Doe,O=x", "email": "eve@example.com", "email_verified": true, "name": "Eve"}
]"#;

pub(crate) struct Deployment {
    pub(crate) world: World,
    pub(crate) app: App,
    pub(crate) provider: Provider,
}

impl Deployment {
    pub(crate) fn new() -> Self {
        Self::with_redirects(&[DONE])
    }

    fn with_redirects(redirects: &[&str]) -> Self {
        let world = World::new();
        let app = world.app_of_every_scope();
        Self::of(world, app, redirects, ACCOUNTS)
    }

    /// Serves the world, whose app gets these redirect URIs, beside a provider with these accounts.
    pub(crate) fn of(mut world: World, app: App, redirects: &[&str], accounts: &str) -> Self {
        let mut arguments = vec!["app", "set", &app.id, "--redirect-uris"];
        for redirect in redirects {
            if arguments.len() > 4 {
                arguments.push("--redirect-uris");
            }
            arguments.push(redirect);
        }
        world.run(&arguments);
        world.serve();
        let callback = format!("{}/api/auth/oauth/callback/local", world.base_url());
        let provider = Provider::start(&[callback], accounts);
        let deployment = Self { world, app, provider };
        deployment.set_provider();
        within_a_second("the provider is known", || deployment.initiate_with("").status == 200);
        deployment
    }

    pub(crate) fn set_provider(&self) {
        self.set_issuer(&self.provider.issuer);
    }

    /// `local` is this issuer from now on.
    pub(crate) fn set_issuer(&self, issuer: &str) {
        let file = self.world.folder().join("client.secret");
        std::fs::write(&file, CLIENT_SECRET).unwrap();
        let file = file.display().to_string();
        self.world.run(&[
            "provider",
            "set",
            "local",
            "--client-id",
            CLIENT_ID,
            "--client-secret-file",
            &file,
            "--issuer",
            issuer,
        ]);
    }

    /// `further` are members of the body behind a comma.
    pub(crate) fn initiate_with(&self, further: &str) -> crate::support::Answer {
        let nonce = unique("nonce");
        let body = format!(r#"{{"provider":"local","redirect_uri":"{DONE}","nonce":"{nonce}"{further}}}"#);
        self.world.call(&self.app, "POST", "/api/auth/oauth/initiate", &body)
    }

    #[track_caller]
    pub(crate) fn initiate(&self, further: &str) -> String {
        self.initiate_with(further).ok()["auth_url"].as_str().unwrap().to_owned()
    }

    /// The token that somebody gets who signs in with a browser of their own.
    #[track_caller]
    pub(crate) fn token_of(&self, login: &str) -> String {
        let end = Visitor::default().sign_in(&self.initiate(""), login, true, APP);
        end.parameter("osaycore_jwt").unwrap_or_else(|| panic!("{end:?}"))
    }

    pub(crate) fn summary(&self, token: &str) -> Value {
        self.world.read(&self.app, token, "/api/user/context").ok()["user_summary"].clone()
    }
}

#[test]
fn a_person_signs_in_and_is_the_same_the_next_time() {
    let deployment = Deployment::new();
    let auth_url = deployment.initiate("");
    assert!(auth_url.starts_with(&deployment.world.base_url()), "{auth_url}");
    let mut ada = Visitor::default();
    let end = ada.sign_in(&auth_url, "ada-1", true, APP);
    let token = end.parameter("osaycore_jwt").unwrap();
    let summary = deployment.summary(&token);
    assert_eq!(summary["email"], "ada@example.com", "{summary}");
    assert_eq!(summary["email_verified"], true, "{summary}");
    assert_eq!(summary["display_name"], "Ada", "{summary}");
    assert_eq!(summary["avatar_url"], "https://example.com/ada.png", "{summary}");
    assert_eq!(deployment.summary(&deployment.token_of("ada-1"))["id"], summary["id"]);
    let bob = deployment.summary(&deployment.token_of("bob-2"));
    assert_ne!(bob["id"], summary["id"]);
    assert_eq!((&bob["email"], &bob["email_verified"]), (&"bob@example.com".into(), &false.into()), "{bob}");
    let trail = deployment.world.run_json(&["audit", "list", "--action", "user.signed_in"]);
    assert_eq!(trail.as_array().unwrap().len(), 3, "{trail}");

    // Nothing of it is good a second time, or in another browser.
    ada.open(&auth_url, APP).refused();
    Visitor::default().open(&auth_url, APP).refused();
}

#[test]
fn a_flow_belongs_to_the_browser_that_began_it_and_is_taken_once() {
    let deployment = Deployment::new();
    let auth_url = deployment.initiate("");
    let mut ada = Visitor::default();
    // As far as the provider's page: the flow has its browser now.
    assert!(matches!(ada.open(&auth_url, APP), End::Page(..)));
    Visitor::default().open(&auth_url, APP).refused();
    assert!(matches!(ada.open(&auth_url, APP), End::Page(..)), "the same browser may load it again");

    // The callback, caught before it is opened, in a browser without the cookie, then in the right one, then again.
    let callback = format!("{}/api/auth/oauth/callback/", deployment.world.base_url());
    let caught = ada.sign_in(&auth_url, "ada-1", true, &callback);
    let End::App(caught) = caught else { panic!("{caught:?}") };
    Visitor::default().open(&caught, APP).refused();
    for tampered in [
        caught.replace("state=", "state=x"),
        caught.replace("/callback/local", "/callback/other"),
        caught.replace("state=", "stat="),
        format!("{caught}&state=again"),
    ] {
        ada.open(&tampered, APP).refused();
    }
    assert!(ada.open(&caught, APP).parameter("osaycore_jwt").is_some());
    ada.open(&caught, APP).refused();

    // Who asks for the provider's own address goes without the cookie.
    let direct = deployment.initiate(r#","direct":true"#);
    assert!(direct.starts_with(&deployment.provider.issuer), "{direct}");
    let End::App(caught) = ada.sign_in(&direct, "ada-1", true, &callback) else { panic!("no callback") };
    ada.forget();
    assert!(ada.open(&caught, APP).parameter("osaycore_jwt").is_some());
}

#[test]
fn what_goes_wrong_at_the_provider_is_told_to_the_app() {
    let mut deployment = Deployment::new();
    let denied = Visitor::default().sign_in(&deployment.initiate(""), "ada-1", false, APP);
    assert_eq!(denied.parameter("osaycore_error").as_deref(), Some("access_denied"), "{denied:?}");
    let callback = format!("{}/api/auth/oauth/callback/", deployment.world.base_url());
    let mut ada = Visitor::default();
    let catch = |ada: &mut Visitor| match ada.sign_in(&deployment.initiate(""), "ada-1", true, &callback) {
        End::App(caught) => caught,
        other @ End::Page(..) => panic!("no callback: {other:?}"),
    };
    let (issuer, code) = (catch(&mut ada), catch(&mut ada));
    let issuer = ada.open(&issuer.replace("iss=http", "iss=https"), APP);
    assert_eq!(issuer.parameter("osaycore_error").as_deref(), Some("wrong_issuer"), "{issuer:?}");
    let code = ada.open(&code.replace("code=", "code=x"), APP);
    assert_eq!(code.parameter("osaycore_error").as_deref(), Some("code_refused"), "{code:?}");
    let late = catch(&mut ada);
    deployment.provider.stop();
    let late = ada.open(&late, APP);
    assert_eq!(late.parameter("osaycore_error").as_deref(), Some("provider_unreachable"), "{late:?}");
}

#[test]
fn what_is_not_registered_is_refused_before_it_begins() {
    let deployment = Deployment::new();
    let Deployment { world, app, .. } = &deployment;
    let initiate = |members: &str| {
        let body = format!(r#"{{{members},"nonce":"{}"}}"#, unique("nonce"));
        world.call(app, "POST", "/api/auth/oauth/initiate", &body)
    };
    initiate(r#""provider":"local""#).refused(400, "missing_field");
    initiate(r#""provider":"other","redirect_uri":"http://127.0.0.1:9/done""#).refused(400, "unsupported_provider");
    for uri in ["http://127.0.0.1:9/else", "http://127.0.0.1:9/done/", "https://127.0.0.1:9/done", "nonsense"] {
        initiate(&format!(r#""provider":"local","redirect_uri":"{uri}""#)).refused(403, "redirect_not_registered");
    }
    initiate(r#""provider":"local","redirect_uri":"http://127.0.0.1:9/done","response_mode":"x""#)
        .refused(400, "invalid_field");
    initiate(r#""provider":"local","redirect_uri":"http://127.0.0.1:9/done","link":true"#)
        .refused(401, "missing_token");
    // A window of an app that is no web page has no origin to post to.
    world.run(&["app", "set", &app.id, "--redirect-uris", DONE, "--redirect-uris", "com.example.app:/done"]);
    let native = r#""provider":"local","redirect_uri":"com.example.app:/done""#;
    within_a_second("the app's address is known", || initiate(native).status == 200);
    initiate(&format!(r#"{native},"response_mode":"web_message""#)).refused(400, "invalid_field");
    world.run(&["provider", "remove", "local"]);
    within_a_second("the provider is gone", || deployment.initiate_with("").status == 400);
}

#[test]
fn a_code_is_exchanged_once_and_its_session_is_refreshed_until_it_ends() {
    let deployment = Deployment::new();
    let Deployment { world, app, .. } = &deployment;
    let end = Visitor::default().sign_in(&deployment.initiate(r#","response_mode":"code""#), "ada-1", true, APP);
    assert_eq!(end.parameter("osaycore_jwt"), None);
    let code = end.parameter("osaycore_code").unwrap();
    let post = |path: &str, member: &str, value: &str| {
        let body = format!(r#"{{"{member}":"{value}","nonce":"{}"}}"#, unique("nonce"));
        world.call(app, "POST", path, &body)
    };
    let other = world.app("other", &[]);
    within_a_second("the other app", || world.call(&other, "GET", "/api/user/context", "").code() == "missing_token");
    let body = format!(r#"{{"code":"{code}"}}"#);
    world.call(&other, "POST", "/api/auth/oauth/exchange", &body).refused(400, "invalid_field");
    let first = post("/api/auth/oauth/exchange", "code", &code).ok();
    let text = |answer: &Value, member: &str| answer[member].as_str().unwrap().to_owned();
    let refresh = |token: &str| post("/api/auth/refresh", "refresh_token", token);
    let old = text(&first, "refresh_token");
    world
        .call(&other, "POST", "/api/auth/refresh", &format!(r#"{{"refresh_token":"{old}"}}"#))
        .refused(401, "token_invalid");
    let second = refresh(&old).ok();
    assert_eq!(refresh(&old).ok()["refresh_token"], second["refresh_token"], "within the grace it is the same one");
    let third = refresh(&text(&second, "refresh_token")).ok();
    let access = text(&third, "jwt_token");
    deployment.summary(&access);
    // The first again, two steps behind: somebody has a copy, and nobody can tell who.
    refresh(&old).refused(401, "token_invalid");
    refresh(&text(&third, "refresh_token")).refused(401, "token_invalid");
    within_a_second("its access tokens end with it", || world.read(app, &access, "/api/user/context").status == 401);

    // Signing out ends the session, and no other.
    let begin = || {
        let end = Visitor::default().sign_in(&deployment.initiate(r#","response_mode":"code""#), "ada-1", true, APP);
        post("/api/auth/oauth/exchange", "code", &end.parameter("osaycore_code").unwrap()).ok()
    };
    let (one, two) = (begin(), begin());
    let body = format!(r#"{{"nonce":"{}"}}"#, unique("nonce"));
    Call::post("/api/auth/revoke", body).bearer(&text(&one, "jwt_token")).signed(app).send(world).ok();
    refresh(&text(&one, "refresh_token")).refused(401, "token_invalid");
    refresh(&text(&two, "refresh_token")).ok();
    refresh("nonsense").refused(401, "token_invalid");

    // A code that comes twice is in two hands: what it was exchanged for ends.
    let end = Visitor::default().sign_in(&deployment.initiate(r#","response_mode":"code""#), "ada-1", true, APP);
    let code = end.parameter("osaycore_code").unwrap();
    let theirs = post("/api/auth/oauth/exchange", "code", &code).ok();
    deployment.summary(&text(&theirs, "jwt_token"));
    post("/api/auth/oauth/exchange", "code", &code).refused(400, "invalid_field");
    refresh(&text(&theirs, "refresh_token")).refused(401, "token_invalid");
    world.read(app, &text(&theirs, "jwt_token"), "/api/user/context").refused(401, "token_invalid");
}

#[test]
fn what_took_too_long_is_over() {
    if on_postgres() {
        return eprintln!("not run on PostgreSQL: it looks into the SQLite file");
    }
    let deployment = Deployment::new();
    let Deployment { world, app, .. } = &deployment;
    let age = |table: &str| {
        let mut database = SqliteConnection::establish(world.database().to_str().unwrap()).unwrap();
        let sql = format!("UPDATE {table} SET expires_at_us = 1");
        assert!(diesel::sql_query(sql).execute(&mut database).unwrap() > 0, "{table}");
    };
    let callback = format!("{}/api/auth/oauth/callback/", world.base_url());
    let auth_url = deployment.initiate("");
    let mut ada = Visitor::default();
    let End::App(caught) = ada.sign_in(&auth_url, "ada-1", true, &callback) else { panic!("no callback") };
    let unopened = deployment.initiate("");
    age("flows");
    ada.open(&caught, APP).refused();
    ada.open(&unopened, APP).refused();

    let end = Visitor::default().sign_in(&deployment.initiate(r#","response_mode":"code""#), "ada-1", true, APP);
    let code = end.parameter("osaycore_code").unwrap();
    age("sign_in_codes");
    let body = format!(r#"{{"code":"{code}"}}"#);
    let refused = world.call(app, "POST", "/api/auth/oauth/exchange", &body).refused(400, "invalid_field");
    assert_eq!(refused["field"], "code");
}

#[test]
fn a_fragment_stays_with_the_browser_and_the_seeds_query_is_the_default() {
    let deployment = Deployment::new();
    let end = Visitor::default().sign_in(&deployment.initiate(r#","response_mode":"fragment""#), "ada-1", true, APP);
    assert!(matches!(&end, End::App(url) if url.starts_with("http://127.0.0.1:9/done#osaycore_jwt=")), "{end:?}");
    let end = Visitor::default().sign_in(&deployment.initiate(""), "ada-1", true, APP);
    assert!(matches!(&end, End::App(url) if url.starts_with("http://127.0.0.1:9/done?osaycore_jwt=")), "{end:?}");
}

#[test]
fn an_app_gets_back_the_state_that_it_gave() {
    let deployment = Deployment::new();
    let state = "ours & = # 1";
    for (mode, agrees, what) in [
        ("code", true, "osaycore_code"),
        ("query", true, "osaycore_jwt"),
        ("fragment", true, "osaycore_jwt"),
        ("code", false, "osaycore_error"),
    ] {
        let further = format!(r#","response_mode":"{mode}","state":"{state}""#);
        let end = Visitor::default().sign_in(&deployment.initiate(&further), "ada-1", agrees, APP);
        assert!(end.parameter(what).is_some(), "{end:?}");
        assert_eq!(end.parameter("osaycore_state").as_deref(), Some(state), "{end:?}");
    }
    let end = Visitor::default().sign_in(&deployment.initiate(""), "ada-1", true, APP);
    assert_eq!(end.parameter("osaycore_state"), None);
    for state in [String::new(), "x".repeat(256)] {
        deployment.initiate_with(&format!(r#","state":"{state}""#)).refused(400, "invalid_field");
    }
}

#[test]
fn a_flow_may_end_at_another_server_and_equal_requests_are_two_flows() {
    let deployment = Deployment::new();
    let Deployment { world, app, .. } = &deployment;
    // One name for both, as behind a proxy.
    let second = world.another_with(vec![("OSAYCORE_PUBLIC_URL".to_owned(), world.base_url())]);
    let callback = format!("{}/api/auth/oauth/callback/", world.base_url());
    let body = format!(r#"{{"provider":"local","redirect_uri":"{DONE}"}}"#);
    let call = Call::post("/api/auth/oauth/initiate", body).signed_at(app, &now_s().to_string());
    let (one, two) = (call.send(world).ok(), call.send(&second).ok());
    assert_ne!(one["auth_url"], two["auth_url"]);
    for begun in [one, two] {
        let mut ada = Visitor::default();
        let End::App(caught) = ada.sign_in(begun["auth_url"].as_str().unwrap(), "ada-1", true, &callback) else {
            panic!("no callback")
        };
        ada.share(world.address(), second.address());
        let end = ada.open(&caught.replace(&world.base_url(), &second.base_url()), APP);
        assert!(end.parameter("osaycore_jwt").is_some(), "{end:?}");
    }
}

#[test]
fn a_real_browser_signs_in_by_pop_up() {
    if on_postgres() {
        return eprintln!("not run on PostgreSQL too: it is about the browser");
    }
    let site = Site::start();
    let done = format!("{}/done", site.url);
    let deployment = Deployment::with_redirects(&[DONE, &done]);
    let folder = TempDir::new().unwrap();
    let kept = std::env::var("OSAYCORE_TEST_SCREENSHOTS").ok();
    let pictures = kept.as_deref().unwrap_or_else(|| folder.path().to_str().unwrap());
    for (mode, denies) in [("query", false), ("web_message", false), ("query", true)] {
        let body = format!(
            r#"{{"provider":"local","redirect_uri":"{done}","response_mode":"{mode}","nonce":"{}"}}"#,
            unique("nonce")
        );
        let begun = deployment.world.call(&deployment.app, "POST", "/api/auth/oauth/initiate", &body).ok();
        let start: String = form_urlencoded::byte_serialize(begun["auth_url"].as_str().unwrap().as_bytes()).collect();
        let page = format!("{}/?start={start}", site.url);
        let arguments = [page.as_str(), "ada@example.com", pictures, "--deny"];
        let seen = Script::start("sign_in.mjs", &arguments[..if denies { 4 } else { 3 }]).end();
        assert_eq!(seen["popup_closed"], true, "{seen}");
        assert_eq!(seen["csp_violations"], serde_json::json!([]), "{seen}");
        if denies {
            assert_eq!(seen["outcome"]["osaycore_error"], "access_denied", "{seen}");
        } else {
            let token = seen["outcome"]["osaycore_jwt"].as_str().unwrap_or_else(|| panic!("{seen}"));
            assert_eq!(deployment.summary(token)["email"], "ada@example.com");
        }
    }
}

/// The app's web site: a page with a button, and the page at which the pop-up ends.
struct Site {
    url: String,
}

impl Site {
    const HOME: &str = r#"<!doctype html><title>App</title><link rel="icon" href="data:,">
<button id="start">Sign in</button><pre id="outcome"></pre>
<script>
const start = new URLSearchParams(location.search).get("start");
document.getElementById("start").onclick = () => window.open(start, "_blank", "width=600,height=700");
window.addEventListener("message", (event) => {
  if (![location.origin, new URL(start).origin].includes(event.origin)) return;
  document.getElementById("outcome").textContent = JSON.stringify(event.data);
});
</script>"#;
    const DONE: &str = r#"<!doctype html><title>Done</title><link rel="icon" href="data:,">
<script>
window.opener.postMessage(Object.fromEntries(new URLSearchParams(location.search)), location.origin);
window.close();
</script>"#;

    fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                let Ok(mut stream) = stream else { return };
                let mut head = [0; 8192];
                let length = stream.read(&mut head).unwrap_or(0);
                let page = if head[..length].starts_with(b"GET /done") { Self::DONE } else { Self::HOME };
                let _ = write!(
                    stream,
                    "HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{page}",
                    page.len()
                );
            }
        });
        Self { url }
    }
}
