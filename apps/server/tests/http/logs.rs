//! Logs in a pipe, and a stop that answers what was accepted.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::time::Duration;

use serde_json::Value;

use crate::support::collector::Collector;
use crate::support::oasis::{LOGIN, Library};
use crate::support::{Answer, Call, World, patiently};

#[test]
fn a_line_of_the_log_is_json_in_a_pipe() {
    let (mut world, app) = World::served();
    let refused = Call::post("/api/users", "{").signed(&app).also("X-Request-Id", "trace-me").send(&world);
    refused.refused(400, "invalid_json");
    world.stop();
    let log = world.log();
    let lines: Vec<&str> = log.lines().collect();
    // One line is for scripts, and plain in every format.
    let (plain, structured): (Vec<&str>, Vec<&str>) =
        lines.iter().copied().partition(|line| line.starts_with("listening on http://"));
    assert_eq!(plain.len(), 1, "{log}");
    assert!(!structured.is_empty());
    let mut traced = false;
    for line in structured {
        let json: Value = match serde_json::from_str(line) {
            Ok(json) => json,
            Err(error) => panic!("{error}: {line}"),
        };
        assert!(json["level"].is_string() && json["timestamp"].is_string(), "{line}");
        traced |= json["request_id"] == "trace-me" && json["code"] == "invalid_json" && json["status"] == 400;
    }
    assert!(traced, "{log}");
}

#[test]
fn a_line_tells_whose_request_it_was() {
    let collector = Collector::start();
    let mut world = World::new();
    let app = world.app_of_every_scope();
    let user = world.rich_user("ann", "1");
    world.variable("OSAYCORE_LOG", "debug");
    world.variable("OSAYCORE_OTLP_ENDPOINT", &collector.endpoint);
    world.variable("OSAYCORE_TRACE_SAMPLE", "0");
    world.serve();
    let token = world.token(&app, &user);
    let deduct = |id: &str, amount: u32| {
        let call =
            Call::post("/api/action/deduct-credits", format!(r#"{{"amount":{amount}}}"#)).bearer(&token).signed(&app);
        call.set("X-Request-Id", id)
    };
    deduct("paid", 1).send(&world).ok();
    deduct("poor", 2).send(&world).refused(402, "insufficient_credits");
    let traced = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
    deduct("traced", 3).set("traceparent", traced).send(&world).refused(402, "insufficient_credits");
    deduct("forged", 4).set("Authorization", "Bearer x").send(&world).refused(401, "token_invalid");
    deduct("unsigned", 5).set("X-OSAYCORE-SIGNATURE", "00").send(&world).refused(401, "invalid_signature");
    let library = Library::of(&app);
    let asked = library.sign(&library.request_authentication_state("ann", LOGIN)).set("X-Request-Id", "factor");
    asked.send(&world).ok();
    world.stop();
    let line = |id: &str| -> Value {
        let log = world.log();
        let lines = log.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok());
        let mut mine = lines.filter(|line| line["request_id"] == id && line["route"].is_string());
        let found = mine.next().unwrap_or_else(|| panic!("no line of {id} in {log}"));
        assert!(mine.next().is_none(), "one line for each request");
        found
    };
    let (app_id, user_id) = (Value::from(app.id.clone()), Value::from(user.id.clone()));
    for (id, app, user, code) in [
        ("paid", &app_id, &user_id, &Value::Null),
        ("poor", &app_id, &user_id, &"insufficient_credits".into()),
        ("forged", &app_id, &Value::Null, &"token_invalid".into()),
        // Whose key it is nobody has shown.
        ("unsigned", &Value::Null, &Value::Null, &"invalid_signature".into()),
        ("factor", &app_id, &user_id, &Value::Null),
    ] {
        let line = line(id);
        assert_eq!((&line["app"], &line["user"], &line["code"]), (app, user, code), "{line}");
        assert_eq!(line["trace_id"], Value::Null, "{line}");
    }
    assert_eq!(line("traced")["trace_id"], "4bf92f3577b34da6a3ce929d0e0e4736");
}

#[test]
fn logs_are_text_where_that_is_asked_for() {
    let mut world = World::new();
    let app = world.app("app", &[]);
    world.variable("OSAYCORE_LOG_FORMAT", "text");
    world.serve();
    Call::post("/api/users", "{").signed(&app).send(&world);
    world.stop();
    let log = world.log();
    assert!(log.contains("invalid_json"), "{log}");
    assert!(!log.lines().any(|line| line.starts_with('{')), "{log}");
}

#[test]
fn a_stopping_server_answers_what_it_accepted() {
    let (mut world, app) = World::served();
    let user = world.rich_user("ann", "100");
    let token = world.token(&app, &user);
    // Eight requests whose bodies are still on the way, and whose heads were read: that is what a 100 says.
    let mut under_way: Vec<(TcpStream, Vec<u8>)> = (0..8)
        .map(|n| {
            let body = format!(r#"{{"amount":1,"client_reference_id":"{n}"}}"#);
            let call = Call::post("/api/action/deduct-credits", body).bearer(&token).signed(&app);
            let bytes = call.also("Expect", "100-continue").bytes();
            let (sent, rest) = bytes.split_at(bytes.len() - 5);
            let mut stream = TcpStream::connect(world.address()).unwrap();
            stream.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
            stream.write_all(sent).unwrap();
            let mut go_on = [0; b"HTTP/1.1 100 Continue\r\n\r\n".len()];
            stream.read_exact(&mut go_on).unwrap();
            assert_eq!(&go_on, b"HTTP/1.1 100 Continue\r\n\r\n");
            (stream, rest.to_vec())
        })
        .collect();
    world.terminate();
    assert!(patiently(Duration::from_secs(10), || world.log().contains("stopping")), "{}", world.log());
    for (stream, rest) in &mut under_way {
        stream.write_all(rest).unwrap();
        let mut received = Vec::new();
        stream.read_to_end(&mut received).unwrap();
        let answer = Answer::parse(&received).unwrap();
        answer.ok();
    }
    let status = world.wait();
    assert_eq!(status.code(), Some(0), "{}", world.log());
    // New ones are not accepted any more, and what was answered is there.
    assert!(TcpStream::connect(world.address()).is_err());
    world.serve();
    assert_eq!(world.balance(&app, &token), "92.00");
    world.stop();
}

#[test]
fn a_server_that_listens_can_be_stopped_at_once() {
    let mut world = World::new();
    world.app("app", &[]);
    for _ in 0..8 {
        world.serve();
        world.stop();
    }
}

#[test]
fn a_stop_in_the_middle_of_a_storm_loses_no_answer() {
    let (mut world, app) = World::served();
    let user = world.rich_user("ann", "1000");
    let token = world.token(&app, &user);
    let paid = std::sync::atomic::AtomicUsize::new(0);
    let relaxed = std::sync::atomic::Ordering::Relaxed;
    std::thread::scope(|scope| {
        for n in 0..8 {
            let (world, app, token, paid) = (&world, &app, &token, &paid);
            scope.spawn(move || {
                for m in 0.. {
                    let body = format!(r#"{{"amount":1,"client_reference_id":"{n}-{m}"}}"#);
                    let call = Call::post("/api/action/deduct-credits", body).bearer(token).signed(app);
                    let Some(answer) = call.try_send(world) else { return };
                    answer.ok();
                    paid.fetch_add(1, relaxed);
                }
            });
        }
        assert!(patiently(Duration::from_secs(20), || paid.load(relaxed) > 30));
        world.terminate();
    });
    assert_eq!(world.wait().code(), Some(0));
    world.serve();
    let posted = 1000 - world.balance(&app, &token).trim_end_matches(".00").parse::<usize>().unwrap();
    // An accepted request is answered, unless its connection was not accepted yet.
    assert_eq!(posted, paid.load(relaxed));
    world.run(&["credits", "verify"]);
}
