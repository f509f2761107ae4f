//! HTTP/1.1 over a plain socket, so that a test can send what no library would, and the signature of version 1 as the
//! document describes it, apart from the crate that the server uses.

use std::io::{ErrorKind, Read as _, Write as _};
use std::net::{Shutdown, TcpStream};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use hmac::{Hmac, KeyInit as _, Mac as _};
use serde_json::Value;
use sha2::Sha256;

use super::{App, World, described};

const PATIENCE: Duration = Duration::from_secs(30);

/// Unix seconds.
#[expect(clippy::disallowed_methods, reason = "a client signs the real time")]
pub(crate) fn now_s() -> i64 {
    i64::try_from(SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs()).unwrap()
}

/// Hexadecimal HMAC-SHA256 of `{timestamp}.{body}`.
pub(crate) fn sign(secret: &str, timestamp: &str, body: &[u8]) -> String {
    let mut mac = Hmac::<Sha256>::new_from_slice(secret.as_bytes()).unwrap();
    mac.update(timestamp.as_bytes());
    mac.update(b".");
    mac.update(body);
    hex::encode(mac.finalize().into_bytes())
}

/// One request, which may be sent any number of times.
#[derive(Clone, Debug)]
pub(crate) struct Call {
    pub(crate) method: String,
    pub(crate) path: String,
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: Vec<u8>,
}

impl Call {
    pub(crate) fn new(method: &str, path: &str) -> Self {
        Self { method: method.to_owned(), path: path.to_owned(), headers: Vec::new(), body: Vec::new() }
    }

    pub(crate) fn get(path: &str) -> Self {
        Self::new("GET", path)
    }

    pub(crate) fn post(path: &str, body: impl Into<Vec<u8>>) -> Self {
        Self::new("POST", path).body(body)
    }

    /// With a JSON body.
    pub(crate) fn body(mut self, body: impl Into<Vec<u8>>) -> Self {
        self.body = body.into();
        self.set("Content-Type", "application/json")
    }

    /// The same bytes and headers at another place.
    pub(crate) fn to(mut self, method: &str, path: &str) -> Self {
        method.clone_into(&mut self.method);
        path.clone_into(&mut self.path);
        self
    }

    /// One more header, even if there is one of its name.
    pub(crate) fn also(mut self, name: &str, value: &str) -> Self {
        self.headers.push((name.to_owned(), value.to_owned()));
        self
    }

    pub(crate) fn without(mut self, name: &str) -> Self {
        self.headers.retain(|(known, _)| !known.eq_ignore_ascii_case(name));
        self
    }

    /// This header and no other of its name.
    pub(crate) fn set(self, name: &str, value: &str) -> Self {
        self.without(name).also(name, value)
    }

    pub(crate) fn bearer(self, token: &str) -> Self {
        self.set("Authorization", &format!("Bearer {token}"))
    }

    /// Signed for the app at this moment.
    pub(crate) fn signed(self, app: &App) -> Self {
        self.signed_at(app, &now_s().to_string())
    }

    pub(crate) fn signed_at(self, app: &App, timestamp: &str) -> Self {
        let signature = sign(&app.secret_key, timestamp, &self.body);
        self.set("X-OSAYCORE-API-KEY", &app.api_key)
            .set("X-OSAYCORE-TIMESTAMP", timestamp)
            .set("X-OSAYCORE-SIGNATURE", &signature)
    }

    /// As it goes over the wire.
    pub(crate) fn bytes(&self) -> Vec<u8> {
        let mut head =
            format!("{} {} HTTP/1.1\r\nHost: osaycore.test\r\nConnection: close\r\n", self.method, self.path);
        for (name, value) in &self.headers {
            head.extend([name, ": ", value, "\r\n"]);
        }
        if !self.body.is_empty() || self.method != "GET" {
            head.extend(["Content-Length: ", &self.body.len().to_string(), "\r\n"]);
        }
        head.push_str("\r\n");
        [head.into_bytes(), self.body.clone()].concat()
    }

    /// Sends it; none if the server went away before it answered.
    pub(crate) fn try_send(&self, world: &World) -> Option<Answer> {
        Answer::parse(&talk(world, &self.bytes()).ok()?)
    }

    /// What the admin API answers must be described.
    #[track_caller]
    pub(crate) fn send(&self, world: &World) -> Answer {
        let Some(answer) = self.try_send(world) else { panic!("no answer to {} {}", self.method, self.path) };
        if self.path.starts_with("/api/admin/") {
            described::must_fit(self, &answer);
        }
        answer
    }
}

/// Sends bytes and reads what comes until the server closes.
pub(crate) fn talk(world: &World, bytes: &[u8]) -> std::io::Result<Vec<u8>> {
    let mut stream = TcpStream::connect(world.address())?;
    stream.set_nodelay(true)?;
    stream.set_read_timeout(Some(PATIENCE))?;
    // A server may answer and close before it has read everything.
    let sent = stream.write_all(bytes);
    let mut received = Vec::new();
    match stream.read_to_end(&mut received) {
        Ok(_) => {}
        Err(error) if error.kind() == ErrorKind::ConnectionReset && !received.is_empty() => {}
        Err(error) => return Err(error),
    }
    if received.is_empty() {
        sent?;
    }
    let _ = stream.shutdown(Shutdown::Both);
    Ok(received)
}

/// A response.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: Vec<u8>,
}

/// What was sent in chunks (RFC 9112 §7.1); none where the last one is missing.
fn whole(mut chunks: &[u8]) -> Option<Vec<u8>> {
    let mut body = Vec::new();
    loop {
        let end = chunks.windows(2).position(|window| window == b"\r\n")?;
        let length = usize::from_str_radix(std::str::from_utf8(chunks.get(..end)?).ok()?, 16).ok()?;
        let from = end + 2;
        body.extend_from_slice(chunks.get(from..from + length)?);
        chunks = chunks.get(from + length..)?.strip_prefix(b"\r\n")?;
        if length == 0 {
            return Some(body);
        }
    }
}

impl Answer {
    /// None if it is not whole.
    pub(crate) fn parse(bytes: &[u8]) -> Option<Self> {
        let end = bytes.windows(4).position(|window| window == b"\r\n\r\n")?;
        let head = std::str::from_utf8(bytes.get(..end)?).ok()?;
        let mut lines = head.split("\r\n");
        let status = lines.next()?.split(' ').nth(1)?.parse().ok()?;
        let headers: Vec<(String, String)> = lines
            .filter_map(|line| line.split_once(':'))
            .map(|(name, value)| (name.to_ascii_lowercase(), value.trim().to_owned()))
            .collect();
        let body = bytes.get(end.saturating_add(4)..)?.to_vec();
        let mut answer = Self { status, headers, body };
        if answer.header("transfer-encoding") == Some("chunked") {
            answer.body = whole(&answer.body)?;
        }
        let length: Option<usize> = answer.header("content-length").and_then(|length| length.parse().ok());
        length.is_none_or(|length| length == answer.body.len()).then_some(answer)
    }

    /// The header, if it is there once.
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        let mut values = self.headers.iter().filter(|(known, _)| known == name).map(|(_, value)| value.as_str());
        values.next().filter(|_| values.next().is_none())
    }

    pub(crate) fn text(&self) -> &str {
        std::str::from_utf8(&self.body).unwrap()
    }

    #[track_caller]
    pub(crate) fn json(&self) -> Value {
        match serde_json::from_slice(&self.body) {
            Ok(json) => json,
            Err(error) => panic!("{error}: {} {:?}", self.status, String::from_utf8_lossy(&self.body)),
        }
    }

    /// Whether it is the outcome of an earlier, equal request.
    pub(crate) fn is_replayed(&self) -> bool {
        self.header("idempotent-replayed") == Some("true")
    }

    /// The status must be 200; → the body.
    #[track_caller]
    pub(crate) fn ok(&self) -> Value {
        assert_eq!(self.status, 200, "{}", String::from_utf8_lossy(&self.body));
        self.json()
    }

    /// The status and code must be these, and the body have the members of every error; → the body.
    #[track_caller]
    pub(crate) fn refused(&self, status: u16, code: &str) -> Value {
        let body = self.json();
        assert_eq!((self.status, body["code"].as_str()), (status, Some(code)), "{body}");
        assert_eq!(body["success"], false, "{body}");
        assert!(body["error"].as_str().is_some_and(|sentence| !sentence.is_empty()), "{body}");
        assert_eq!(body["request_id"].as_str(), self.header("x-request-id"), "{body}");
        body
    }

    /// The error's machine code, or `ok`.
    pub(crate) fn code(&self) -> String {
        if self.status == 200 {
            return "ok".to_owned();
        }
        self.json()["code"].as_str().unwrap_or("no code").to_owned()
    }

    /// The text of a number as the body has it, which a parser may round.
    pub(crate) fn number(&self, member: &str) -> String {
        let text = self.text();
        let start = format!("\"{member}\":");
        let Some((_, rest)) = text.split_once(&start) else { panic!("{member} is not in {text}") };
        rest.trim_start().chars().take_while(|c| c.is_ascii_digit() || "+-.eE".contains(*c)).collect()
    }
}
