//! A certified OpenID Connect provider (npm oidc-provider), and a visitor who signs in there without a browser.

use std::collections::BTreeMap;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpStream;
use std::path::Path;
use std::process::{Child, Stdio};
use std::time::Duration;

use super::programs::program;
use super::{Answer, Call};

/// Killed with the value.
pub(crate) struct Provider {
    process: Child,
    pub(crate) issuer: String,
}

pub(crate) const CLIENT_ID: &str = "osaycore";
pub(crate) const CLIENT_SECRET: &str = "a-secret-of-the-provider";

impl Provider {
    /// `accounts` is JSON, as `provider.mjs` takes it.
    #[track_caller]
    pub(crate) fn start(redirect_uris: &[String], accounts: &str) -> Self {
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/browser/provider.mjs");
        let mut command = program("node");
        command.arg(script).args(["--client-id", CLIENT_ID, "--client-secret", CLIENT_SECRET, "--accounts", accounts]);
        for uri in redirect_uris {
            command.args(["--redirect-uri", uri]);
        }
        let mut process = command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
        let mut line = String::new();
        BufReader::new(process.stdout.take().unwrap()).read_line(&mut line).unwrap();
        assert!(line.starts_with("http://"), "the provider did not start, it said {line:?}");
        Self { process, issuer: line.trim().to_owned() }
    }

    pub(crate) fn stop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

impl Drop for Provider {
    fn drop(&mut self) {
        self.stop();
    }
}

/// Somebody with cookies who follows redirects, until one leads to the app.
#[derive(Default)]
pub(crate) struct Visitor {
    /// By host and port, then by name.
    cookies: BTreeMap<String, BTreeMap<String, String>>,
}

/// Where a visit ended.
#[derive(Debug)]
pub(crate) enum End {
    /// At a redirect to the app.
    App(String),
    /// At a page.
    Page(String, Answer),
}

impl End {
    /// The parameter that the app is given.
    #[track_caller]
    pub(crate) fn parameter(&self, name: &str) -> Option<String> {
        let Self::App(url) = self else { panic!("the visit did not come to the app: {self:?}") };
        let query = url.split_once(['?', '#']).map(|(_, query)| query).unwrap_or_default();
        form_urlencoded::parse(query.as_bytes()).find(|(known, _)| known == name).map(|(_, value)| value.into_owned())
    }

    #[track_caller]
    pub(crate) fn refused(&self) {
        match self {
            Self::Page(_, answer) if answer.status == 400 && answer.text().contains("This sign-in is over") => {}
            other => panic!("not refused by a page: {other:?}"),
        }
    }
}

impl Visitor {
    /// Opens an address. `app` is where the app is; there the visit ends.
    #[track_caller]
    pub(crate) fn open(&mut self, url: &str, app: &str) -> End {
        self.go("GET", url, String::new(), app)
    }

    /// Signs in at the provider with this name, and agrees; or denies in the end.
    #[track_caller]
    pub(crate) fn sign_in(&mut self, auth_url: &str, login: &str, agrees: bool, app: &str) -> End {
        let last = if agrees { "submit=1" } else { "deny=1" };
        let mut end = self.open(auth_url, app);
        for form in [format!("login={login}&submit=1"), last.to_owned()] {
            // Whoever is known there is not asked again.
            let End::Page(url, _) = end else { return end };
            end = self.go("POST", &url, form, app);
        }
        end
    }

    fn go(&mut self, method: &str, url: &str, form: String, app: &str) -> End {
        let (mut method, mut url, mut form) = (method.to_owned(), url.to_owned(), form);
        for _ in 0..12 {
            let answer = self.ask(&method, &url, &form);
            let Some(location) = answer.header("location").filter(|_| (300..400).contains(&answer.status)) else {
                return End::Page(url, answer);
            };
            let location = match location.strip_prefix('/') {
                Some(path) => format!("http://{}/{path}", host(&url)),
                None => location.to_owned(),
            };
            if location.starts_with(app) {
                return End::App(location);
            }
            (method, url, form) = ("GET".to_owned(), location, String::new());
        }
        panic!("too many redirects, the last to {url}")
    }

    fn ask(&mut self, method: &str, url: &str, form: &str) -> Answer {
        let host = host(url);
        let path = url.split_at(url.find(host).unwrap() + host.len()).1;
        let jar = self.cookies.entry(host.to_owned()).or_default();
        let cookies: Vec<String> = jar.iter().map(|(name, value)| format!("{name}={value}")).collect();
        let mut call = Call::new(method, if path.is_empty() { "/" } else { path });
        if method == "POST" {
            call = call.body(form).set("Content-Type", "application/x-www-form-urlencoded");
        }
        if !cookies.is_empty() {
            call = call.set("Cookie", &cookies.join("; "));
        }
        let bytes = String::from_utf8(call.bytes()).unwrap().replace("osaycore.test", host);
        let mut stream = TcpStream::connect(host).unwrap();
        stream.set_read_timeout(Some(Duration::from_secs(30))).unwrap();
        stream.write_all(bytes.as_bytes()).unwrap();
        let mut received = Vec::new();
        stream.read_to_end(&mut received).unwrap();
        let answer = Answer::parse(&unchunked(received)).unwrap();
        for (_, cookie) in answer.headers.iter().filter(|(name, _)| name == "set-cookie") {
            let (name, value) = cookie.split(';').next().unwrap().split_once('=').unwrap();
            if value.is_empty() {
                jar.remove(name);
            } else {
                jar.insert(name.to_owned(), value.to_owned());
            }
        }
        answer
    }

    /// Behind one name two servers are one to a browser.
    pub(crate) fn share(&mut self, one: std::net::SocketAddr, other: std::net::SocketAddr) {
        let cookies = self.cookies.get(&one.to_string()).cloned().unwrap_or_default();
        self.cookies.insert(other.to_string(), cookies);
    }

    /// Loses every cookie, as another browser has none.
    pub(crate) fn forget(&mut self) {
        self.cookies.clear();
    }
}

fn host(url: &str) -> &str {
    url.strip_prefix("http://").unwrap().split(['/', '?']).next().unwrap()
}

/// The provider answers in chunks; what is asserted of its pages needs no more than their text.
fn unchunked(bytes: Vec<u8>) -> Vec<u8> {
    let text = String::from_utf8_lossy(&bytes).into_owned();
    if !text.to_ascii_lowercase().contains("\r\ntransfer-encoding: chunked\r\n") {
        return bytes;
    }
    let (head, body) = text.split_once("\r\n\r\n").unwrap();
    let head: Vec<&str> =
        head.split("\r\n").filter(|line| !line.to_ascii_lowercase().starts_with("transfer-")).collect();
    format!("{}\r\n\r\n{body}", head.join("\r\n")).into_bytes()
}
