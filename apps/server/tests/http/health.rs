//! What watches the server, request ids, the shape of errors, and that nothing odd brings it down.

use crate::support::{Answer, Call, World, talk};

#[test]
fn a_server_is_alive_ready_and_measured() {
    let (world, app) = World::served();
    assert_eq!(Call::get("/healthz").send(&world).status, 200);
    let ready = Call::get("/readyz").send(&world).ok();
    assert_eq!(ready["ready"], true, "{ready}");
    world.call(&app, "POST", "/api/users", r#"{"username":"ann"}"#).ok();
    Call::post("/api/users", "{}").send(&world).refused(401, "missing_auth_headers");
    Call::get("/api/made-up/by-a-client").send(&world).refused(404, "not_found");
    let metrics = Call::get("/metrics").send(&world);
    assert_eq!(metrics.status, 200);
    let text = metrics.text();
    let line = |parts: &[&str]| text.lines().any(|line| parts.iter().all(|part| line.contains(part)));
    assert!(line(&["osaycore", "/api/users", "200"]), "{text}");
    assert!(line(&["missing_auth_headers"]), "{text}");
    assert!(!text.contains("made-up"), "a client makes no labels: {text}");
    for secret in [&app.secret_key, &app.api_key] {
        assert!(!text.contains(secret.as_str()));
    }
}

#[test]
fn metrics_move_to_an_address_of_their_own() {
    let mut world = World::new();
    world.app("app", &[]);
    world.variable("OSAYCORE_METRICS_LISTEN", "127.0.0.1:0");
    world.serve();
    assert_eq!(Call::get("/metrics").send(&world).status, 404);
    assert_eq!(Call::get("/healthz").send(&world).status, 200);
}

#[test]
fn a_request_id_is_kept_if_it_is_safe_and_else_made() {
    let (world, _) = World::served();
    let id = |call: Call| call.send(&world).header("x-request-id").unwrap().to_owned();
    let longest = "a".repeat(128);
    for kept in ["x", "Request-1._-", longest.as_str()] {
        assert_eq!(id(Call::get("/healthz").also("X-Request-Id", kept)), kept);
        let refused = Call::get("/api/none").also("X-Request-Id", kept).send(&world).refused(404, "not_found");
        assert_eq!(refused["request_id"], kept);
    }
    let mut made = vec![id(Call::get("/healthz")), id(Call::get("/healthz"))];
    let longer = "a".repeat(129);
    for unsafe_id in ["", "a b", "a/b", "é", "a\"b", "{}", longer.as_str()] {
        made.push(id(Call::get("/healthz").also("X-Request-Id", unsafe_id)));
        assert_ne!(made.last().unwrap(), unsafe_id);
    }
    let count = made.len();
    made.sort();
    made.dedup();
    assert_eq!(made.len(), count, "made ids differ");
}

#[test]
fn every_error_has_the_same_shape_and_says_nothing_of_the_inside() {
    let (world, app) = World::served();
    let token = world.token(&app, &world.user("ann"));
    for (call, status, code) in [
        (Call::get("/api"), 404, "not_found"),
        (Call::get("/api/"), 404, "not_found"),
        (Call::get("/"), 404, "not_found"),
        (Call::post("/healthz", "{}"), 405, "method_not_allowed"),
        (Call::get("/api/action/deduct-credits"), 405, "method_not_allowed"),
        (Call::new("DELETE", "/api/user/context"), 405, "method_not_allowed"),
        (Call::new("BREW", "/api/user/context"), 405, "method_not_allowed"),
        (Call::get("/api/user/context"), 401, "missing_auth_headers"),
        (Call::post("/api/users", "x".repeat(64 * 1024 + 1)), 413, "body_too_large"),
    ] {
        let answer = call.bearer(&token).send(&world);
        let body = answer.refused(status, code);
        let members: Vec<_> = body.as_object().unwrap().keys().map(String::as_str).collect();
        assert_eq!(members, ["code", "error", "request_id", "success"], "{body}");
        assert!(answer.header("content-type").is_some_and(|it| it.starts_with("application/json")), "{code}");
        if status == 405 {
            assert!(answer.text().len() < 300);
        }
    }
}

#[test]
fn a_body_may_have_64_kib() {
    let (world, app) = World::served();
    let sized = |size: usize| {
        let mut body = br#"{"username":"ann"}"#.to_vec();
        body.resize(size, b' ');
        Call::post("/api/users", body).signed(&app).send(&world)
    };
    sized(64 * 1024).ok();
    sized(64 * 1024 + 1).refused(413, "body_too_large");
}

#[test]
fn odd_bytes_do_not_bring_it_down() {
    let (mut world, _) = World::served();
    let get = |path: &str| format!("GET {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n").into_bytes();
    let post = |head: &str, body: &str| {
        format!("POST /api/users HTTP/1.1\r\nHost: x\r\nConnection: close\r\n{head}\r\n\r\n{body}").into_bytes()
    };
    let mut odd = vec![
        get("/%ff"),
        get("/%00"),
        get("/api/users/%00"),
        get("/api/users/%ff%fe"),
        get("/api/users/%"),
        get("/api/users/%zz"),
        get("/api/users/%2e%2e%2f%2e%2e%2fetc%2fpasswd"),
        get("/api/../api/users"),
        get("//api//users"),
        get("/api/users/\u{1f600}"),
        get("/api/users?%ff=%ff&&&==&a"),
        get("/api/credits/transactions?cursor=%F0%9F%98%80"),
        get(&format!("/{}", "a".repeat(20_000))),
        get(&format!("/api/users/{}", "%41".repeat(5_000))),
        get("http://elsewhere/api/users"),
        get("*"),
        get("no-slash"),
        post("Transfer-Encoding: chunked", "zz\r\nnonsense\r\n0\r\n\r\n"),
        post("Transfer-Encoding: chunked", "ffffffffffffffffff\r\n"),
        post("Content-Length: -1", "{}"),
        post("Content-Length: 2\r\nContent-Length: 3", "{}"),
        post("Content-Length: 18446744073709551616", "{}"),
        post("Content-Length: 2\r\nTransfer-Encoding: chunked", "0\r\n\r\n"),
        post("Content-Encoding: gzip\r\nContent-Length: 4", "gzip"),
        post("Expect: 100-continue\r\nContent-Length: 2", "{}"),
        post(
            "X-OSAYCORE-API-KEY: \u{fe}\r\nX-OSAYCORE-TIMESTAMP: \u{fe}\r\nX-OSAYCORE-SIGNATURE: \u{fe}\r\nContent-Length: 2",
            "{}",
        ),
        b"GET / HTTP/0.9\r\n\r\n".to_vec(),
        b"GET / HTTP/9.9\r\n\r\n".to_vec(),
        b"GET /healthz HTTP/1.0\r\n\r\n".to_vec(),
        b"\r\n\r\n\r\n\r\n".to_vec(),
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03".repeat(20),
        b"\0".repeat(500),
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\nnonsense nonsense".to_vec(),
    ];
    let headers = (0..300).map(|n| format!("X-{n}: {n}")).collect::<Vec<_>>().join("\r\n");
    odd.push(format!("GET /healthz HTTP/1.1\r\nHost: x\r\nConnection: close\r\n{headers}\r\n\r\n").into_bytes());
    for bytes in odd {
        // Nothing follows: what waits for more is told to by closing our side.
        let answered = send_and_close(&world, &bytes);
        if let Some(answer) = Answer::parse(&answered) {
            let shown = String::from_utf8_lossy(bytes.get(..60).unwrap_or(&bytes)).into_owned();
            assert!(answer.status < 500 || answer.status == 505, "{shown:?}: {}", answer.status);
        }
        assert_eq!(Call::get("/healthz").send(&world).status, 200);
    }
    world.stop();
    assert!(!world.log().contains("panicked"), "{}", world.log());
}

fn send_and_close(world: &World, bytes: &[u8]) -> Vec<u8> {
    use std::io::{Read as _, Write as _};
    let mut stream = std::net::TcpStream::connect(world.address()).unwrap();
    stream.set_read_timeout(Some(std::time::Duration::from_secs(10))).unwrap();
    let _ = stream.write_all(bytes);
    let _ = stream.shutdown(std::net::Shutdown::Write);
    let mut received = Vec::new();
    let _ = stream.read_to_end(&mut received);
    received
}

#[test]
fn a_connection_takes_several_requests() {
    let (world, _) = World::served();
    let once = b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n".to_vec();
    let last = b"GET /healthz HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n".to_vec();
    let received = talk(&world, &[once.clone(), once, last].concat()).unwrap();
    let text = String::from_utf8_lossy(&received).into_owned();
    assert_eq!(text.matches("HTTP/1.1 200").count(), 3, "{text}");
}
