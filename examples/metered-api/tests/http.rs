//! The service over a socket.

use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::sync::Arc;

use metered_api::http::{Outside, Service};
use tiny_http::Server;
use uuid::Uuid;

/// A service on a free port, for as long as the value lives. Its clock stands still.
struct Running {
    server: Arc<Server>,
    thread: Option<std::thread::JoinHandle<()>>,
}

impl Running {
    fn new() -> Self {
        let server = Arc::new(Server::http("127.0.0.1:0").unwrap());
        let service = Service::new(Outside { now_us: || 1_767_225_600_000_000, id: Uuid::now_v7 }).unwrap();
        let serving = Arc::clone(&server);
        let thread = Some(std::thread::spawn(move || service.serve(&serving)));
        Self { server, thread }
    }

    /// Status, body, and whether it was a replay.
    fn call(&self, method: &str, path: &str, key: &str, reference: Option<&str>, body: &str) -> (u16, String, bool) {
        let address: SocketAddr = self.server.server_addr().to_ip().unwrap();
        let mut stream = TcpStream::connect(address).unwrap();
        let reference = reference.map_or_else(String::new, |it| format!("Idempotency-Key: {it}\r\n"));
        let length = body.len();
        write!(
            stream,
            "{method} {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\nAuthorization: Bearer {key}\r\n\
             {reference}Content-Length: {length}\r\n\r\n{body}"
        )
        .unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        let (head, body) = answer.split_once("\r\n\r\n").unwrap();
        let status = head.split(' ').nth(1).unwrap().parse().unwrap();
        (status, body.to_owned(), head.contains("Idempotent-Replayed: true"))
    }

    fn count(&self, key: &str, reference: Option<&str>) -> (u16, String, bool) {
        self.call("POST", "/count", key, reference, "To be. Or not to be.")
    }

    fn balance(&self, key: &str) -> String {
        self.call("GET", "/balance", key, None, "").1
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.server.unblock();
        self.thread.take().unwrap().join().unwrap();
    }
}

#[test]
fn a_request_is_charged_and_a_feature_is_for_those_who_have_it() {
    let running = Running::new();
    let (status, body, _) = running.count("alice-key", None);
    assert_eq!(status, 200);
    assert_eq!(body, r#"{"words":6,"sentences":2,"balance":9.75}"#);
    let (_, body, _) = running.count("bob-key", None);
    assert_eq!(body, r#"{"words":6,"balance":0.25}"#);
}

#[test]
fn who_cannot_pay_is_told_what_is_missing_and_loses_nothing() {
    let running = Running::new();
    assert_eq!([running.count("bob-key", None).0, running.count("bob-key", None).0], [200, 200]);
    let (status, body, _) = running.count("bob-key", None);
    assert_eq!(status, 402);
    assert!(body.contains(r#""shortfall":0.25"#), "{body}");
    assert_eq!(running.balance("bob-key"), r#"{"balance":0.00}"#);
}

#[test]
fn a_retry_is_charged_once() {
    let running = Running::new();
    let first = running.count("alice-key", Some("order 17"));
    let again = running.count("alice-key", Some("order 17"));
    assert_eq!((first.0, &first.1, first.2), (200, &again.1, false));
    assert!(again.2);
    assert_eq!(running.balance("alice-key"), r#"{"balance":9.75}"#);
    assert_eq!(running.call("POST", "/count", "alice-key", Some("order 17"), "Another text").0, 409);
    // Another caller's key of the same name is another request.
    assert!(!running.count("bob-key", Some("order 17")).2);
}

#[test]
fn strangers_and_other_paths_are_refused_and_cost_nothing() {
    let running = Running::new();
    assert_eq!(running.count("nobody", None).0, 401);
    assert_eq!(running.call("GET", "/other", "alice-key", None, "").0, 404);
    assert_eq!(running.balance("alice-key"), r#"{"balance":10.00}"#);
}
