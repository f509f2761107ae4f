//! The console, as a browser without scripts meets it.

mod apps;
mod apps_person;
mod browser;
mod flags;
mod forms;
mod markup;
mod money;
mod overview;
mod person;
mod privileges;
mod routes;
mod sessions;
mod settings;
mod sign_in;
mod town;
mod trail;
mod users;

use std::collections::BTreeMap;

use crate::support::authenticator::Authenticator;
use crate::support::{Answer, Call, World};

pub(crate) const PASSWORD: &str = "a walrus in the pantry";

/// A login of the tenant; → its e-mail address.
pub(crate) fn login(world: &World, name: &str, role: &str) -> String {
    login_of(world, name, role, "default")
}

pub(crate) fn login_of(world: &World, name: &str, role: &str, tenant: &str) -> String {
    let email = format!("{name}@example.com");
    let file = world.folder().join("password");
    std::fs::write(&file, format!("{PASSWORD}\n")).unwrap();
    let file = file.to_str().unwrap();
    let made = world.run_json(&[
        "admin",
        "create",
        "--email",
        &email,
        "--role",
        role,
        "--password-file",
        file,
        "--tenant",
        tenant,
    ]);
    assert_eq!((&made["email"], &made["role"]), (&email.as_str().into(), &role.into()), "{made}");
    assert!(made.get("password").is_none(), "a password that was given is not told: {made}");
    email
}

/// A server with an owner, and the owner signed in.
pub(crate) fn owned() -> (World, String) {
    let mut world = World::new();
    let email = login(&world, "ada", "owner");
    world.serve();
    (world, email)
}

/// Keeps cookies, and fills in the forms that it is shown.
#[derive(Clone)]
pub(crate) struct Browser<'w> {
    world: &'w World,
    pub(crate) cookies: BTreeMap<String, String>,
    /// Of the last page with a form.
    pub(crate) token: String,
    agent: String,
}

impl<'w> Browser<'w> {
    pub(crate) fn new(world: &'w World) -> Self {
        Self { world, cookies: BTreeMap::new(), token: String::new(), agent: "tests".to_owned() }
    }

    pub(crate) fn called(mut self, agent: &str) -> Self {
        agent.clone_into(&mut self.agent);
        self
    }

    /// Signed in with the password alone.
    #[track_caller]
    pub(crate) fn signed_in(world: &'w World, email: &str) -> Self {
        let mut browser = Self::new(world);
        let answer = browser.sign_in(email, PASSWORD);
        assert_eq!((answer.status, answer.header("location")), (303, Some("/console")), "{}", answer.text());
        browser
    }

    #[track_caller]
    pub(crate) fn sign_in(&mut self, email: &str, password: &str) -> Answer {
        self.get("/console/sign-in");
        self.post("/console/sign-in", &[("email", email), ("password", password)])
    }

    #[track_caller]
    pub(crate) fn get(&mut self, path: &str) -> Answer {
        self.send(Call::get(path))
    }

    /// A page that must be there.
    #[track_caller]
    pub(crate) fn page(&mut self, path: &str) -> String {
        let answer = self.get(path);
        assert_eq!(answer.status, 200, "{path}: {:?} {}", answer.header("location"), answer.text());
        answer.text().to_owned()
    }

    /// A form of the last page.
    #[track_caller]
    pub(crate) fn post(&mut self, path: &str, fields: &[(&str, &str)]) -> Answer {
        let token = self.token.clone();
        let fields: Vec<_> = fields.iter().copied().chain([("form_token", token.as_str())]).collect();
        self.send(form(path, &fields))
    }

    /// Whatever it is, with the cookies.
    #[track_caller]
    pub(crate) fn send(&mut self, call: Call) -> Answer {
        let path = &call.path.clone();
        let cookies: Vec<String> = self.cookies.iter().map(|(name, value)| format!("{name}={value}")).collect();
        let answer = call.set("Cookie", &cookies.join("; ")).set("User-Agent", &self.agent).send(self.world);
        for (_, value) in answer.headers.iter().filter(|(name, _)| name == "set-cookie") {
            let (name, rest) = value.split_once('=').unwrap();
            let value = rest.split(';').next().unwrap();
            if value.is_empty() {
                self.cookies.remove(name);
            } else {
                self.cookies.insert(name.to_owned(), value.to_owned());
            }
        }
        keeps_to_itself(path, &answer);
        if let Some((_, rest)) = answer.text().split_once("name=\"form_token\" value=\"") {
            rest.split('"').next().unwrap().clone_into(&mut self.token);
        }
        answer
    }

    pub(crate) fn session(&self) -> &str {
        &self.cookies["osaycore_console"]
    }

    /// Sets a second factor up; → the phone, and the recovery codes.
    #[track_caller]
    pub(crate) fn enrol(&mut self, now_s: i64) -> (Authenticator, Vec<String>) {
        self.page("/console/profile");
        self.post("/console/profile/second-factor/start", &[]);
        let page = self.page("/console/profile/second-factor");
        let key = page.split_once("class=\"key\">").unwrap().1.split_once("</code>").unwrap().0;
        let key = key.replace("<span>", "").replace("</span>", "");
        let phone = Authenticator::of(&format!("otpauth://totp/x?secret={key}"));
        let done = self.post("/console/profile/second-factor", &[("code", &phone.code_at(now_s))]);
        assert_eq!(done.status, 200, "{}", done.text());
        let codes = done.text().split("<li><code>").skip(1).map(|rest| rest.split('<').next().unwrap().to_owned());
        (phone, codes.collect())
    }
}

/// A form as browsers send it.
pub(crate) fn form(path: &str, fields: &[(&str, &str)]) -> Call {
    let body: Vec<String> = fields.iter().map(|(name, value)| format!("{name}={}", encoded(value))).collect();
    Call::post(path, body.join("&")).set("Content-Type", "application/x-www-form-urlencoded")
}

fn encoded(text: &str) -> String {
    text.bytes()
        .map(|byte| if byte.is_ascii_alphanumeric() { char::from(byte).to_string() } else { format!("%{byte:02X}") })
        .collect()
}

/// The `Set-Cookie` of this name.
#[track_caller]
pub(crate) fn set_cookie<'a>(answer: &'a Answer, name: &str) -> &'a str {
    let begin = format!("{name}=");
    let mut found = answer.headers.iter().filter(|(header, value)| header == "set-cookie" && value.starts_with(&begin));
    match (found.next(), found.next()) {
        (Some((_, value)), None) => value,
        _ => panic!("{name} is not set once: {:?}", answer.headers),
    }
}

/// What every answer has against other sites, whatever it is.
#[track_caller]
fn keeps_to_itself(path: &str, answer: &Answer) {
    let header = |name: &str| answer.header(name).unwrap_or_else(|| panic!("{path} has no {name}"));
    assert_eq!(header("x-frame-options"), "DENY", "{path}");
    assert_eq!(header("cross-origin-opener-policy"), "same-origin", "{path}");
    assert_eq!(header("x-content-type-options"), "nosniff", "{path}");
    assert_eq!(header("referrer-policy"), "no-referrer", "{path}");
    if !path.starts_with("/console/assets/") {
        assert_eq!(header("cache-control"), "no-store", "{path}");
    }
    let policy = header("content-security-policy");
    for part in
        ["default-src 'none'", "script-src 'self'", "style-src 'self'", "base-uri 'none'", "frame-ancestors 'none'"]
    {
        assert!(policy.contains(part), "{path}: {policy}");
    }
    assert!(!policy.contains("unsafe"), "{path}: {policy}");
    if answer.header("content-type").is_none_or(|kind| !kind.starts_with("text/html")) {
        return;
    }
    let page = answer.text();
    assert!(!page.contains("style=\"") && !page.contains(" onclick") && !page.contains("<script>"), "{path}: {page}");
}
