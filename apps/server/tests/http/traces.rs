//! Traces: what goes to a collector of a request and what does not, and that nobody waits for one.

use std::collections::BTreeSet;
use std::io::{Read as _, Write as _};
use std::net::TcpListener;
use std::sync::mpsc;
use std::time::Duration;

use crate::support::collector::{Collector, Span};
use crate::support::mail::Sink;
use crate::support::oasis::{Library, NewUser};
use crate::support::{App, Call, World, on_postgres, unique};

const PARENT: &str = "00f067aa0ba902b7";

/// A `traceparent` of a trace of this number.
fn traceparent(number: u32, sampled: bool) -> (String, String) {
    let trace = format!("{:032x}", 0x4bf9_2f35_0000_0000_u64 + u64::from(number));
    let flags = if sampled { "01" } else { "00" };
    (format!("00-{trace}-{PARENT}-{flags}"), trace)
}

/// A server that traces what its callers trace, and this share of the rest.
fn traced(collector: &Collector, sample: &str) -> (World, App) {
    let mut world = World::new();
    let app = world.app_of_every_scope();
    world.variable("OSAYCORE_OTLP_ENDPOINT", &collector.endpoint);
    world.variable("OSAYCORE_TRACE_SAMPLE", sample);
    world.serve();
    (world, app)
}

#[track_caller]
fn one<'s>(spans: &'s [Span], name: &str) -> &'s Span {
    let mut found = spans.iter().filter(|span| span.name == name);
    let Some(span) = found.next() else { panic!("no {name} in {spans:#?}") };
    assert!(found.next().is_none(), "several {name} in {spans:#?}");
    span
}

#[test]
fn a_deduction_is_one_trace_under_its_callers() {
    let collector = Collector::start();
    let (mut world, app) = traced(&collector, "0");
    let user = world.rich_user("ann", "10");
    let token = world.token(&app, &user);
    let (header, trace) = traceparent(1, true);
    let call = Call::post("/api/action/deduct-credits", r#"{"amount":1}"#).bearer(&token).signed(&app);
    let answer = call.set("traceparent", &header).set("X-Request-Id", "mine").send(&world);
    answer.ok();
    let spans = collector.trace(&trace, "POST /api/action/deduct-credits");

    let request = one(&spans, "POST /api/action/deduct-credits");
    assert_eq!(request.parent, PARENT);
    let told = answer.header("traceresponse").unwrap();
    assert_eq!(told, format!("00-{trace}-{}-01", request.id));
    let attributes: Vec<(&str, &str)> =
        request.attributes.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
    let expected = [
        ("http.request.method", "POST"),
        ("http.response.status_code", "200"),
        ("http.route", "/api/action/deduct-credits"),
        ("osaycore.app", app.id.as_str()),
        ("osaycore.request_id", "mine"),
    ];
    assert_eq!(attributes, expected);

    let (queue, group) = (one(&spans, "queue"), one(&spans, "group commit"));
    assert_eq!((&queue.parent, &queue.links), (&request.id, &vec![group.id.clone()]));
    assert_eq!((&group.parent, &group.links), (&request.id, &vec![request.id.clone()]));
    assert_eq!(group.attributes["osaycore.group.size"], "1");
    let write = one(&spans, "sql write");
    assert_eq!(write.parent, group.id);
    let system = if on_postgres() { "postgresql" } else { "sqlite" };
    assert_eq!(write.attributes["db.system.name"], system);
    assert_eq!(write.attributes["osaycore.tries"], "1");
    for (inner, outer) in [(queue, request), (group, request), (write, group)] {
        assert!(inner.start_ns <= inner.end_ns, "{inner:?}");
        // A clock of microseconds begins the queue's.
        assert!(outer.start_ns <= inner.start_ns + 1_000_000 && inner.end_ns <= outer.end_ns, "{inner:?} {outer:?}");
    }

    // A repeat reads what the first was told, and a read is one of its own.
    let (header, trace) = traceparent(2, true);
    world.read(&app, &token, "/api/credits/balance").ok();
    Call::get("/api/credits/balance").bearer(&token).signed(&app).set("traceparent", &header).send(&world).ok();
    let spans = collector.trace(&trace, "GET /api/credits/balance");
    let read = spans.iter().find(|span| span.name.starts_with("sql ")).unwrap();
    assert_eq!(read.parent, one(&spans, "GET /api/credits/balance").id);

    world.stop();
    let (services, heads) = collector.senders();
    assert!(services.iter().all(|service| service == "osaycore"), "{services:?}");
    for head in heads {
        assert!(head.starts_with("post /v1/traces http/1.1\r\n") && head.contains("application/x-protobuf"), "{head}");
    }
    // Of those that no caller has traced none came, and nothing that anybody should not read.
    let spans = collector.spans("all", |_| true);
    let traces: BTreeSet<&str> = spans.iter().map(|span| span.trace.as_str()).collect();
    assert_eq!(traces.len(), 2, "{spans:#?}");
    let all = format!("{spans:?}");
    for secret in [&token, &app.secret_key, &app.api_key, &user.id, "127.0.0.1"] {
        assert!(!all.contains(secret), "{secret} in {all}");
    }
}

#[test]
fn those_of_a_group_are_linked_to_it() {
    let collector = Collector::start();
    let (world, app) = traced(&collector, "0");
    let user = world.rich_user("ann", "100");
    let token = world.token(&app, &user);
    std::thread::scope(|scope| {
        for number in 100..116 {
            let (world, app, token) = (&world, &app, &token);
            scope.spawn(move || {
                let body = format!(r#"{{"amount":1,"client_reference_id":"{number}"}}"#);
                let call = Call::post("/api/action/deduct-credits", body).bearer(token).signed(app);
                call.set("traceparent", &traceparent(number, true).0).send(world).ok();
            });
        }
    });
    let named =
        |spans: &[Span], name: &str| -> Vec<Span> { spans.iter().filter(|span| span.name == name).cloned().collect() };
    let spans = collector.spans("the requests", |spans| {
        named(spans, "POST /api/action/deduct-credits").len() == 16
            && named(spans, "group commit").iter().map(|group| group.links.len()).sum::<usize>() == 16
    });
    let requests: BTreeSet<String> =
        named(&spans, "POST /api/action/deduct-credits").into_iter().map(|span| span.id).collect();
    let groups = named(&spans, "group commit");
    let linked: BTreeSet<String> = groups.iter().flat_map(|group| group.links.clone()).collect();
    assert_eq!(linked, requests, "each is in one group");
    for queue in named(&spans, "queue") {
        let group = groups.iter().find(|group| queue.links == [group.id.as_str()]).unwrap();
        assert!(group.links.contains(&queue.parent), "{queue:?} {group:?}");
        assert_eq!(group.attributes["osaycore.group.size"], group.links.len().to_string());
    }
}

#[test]
fn who_is_traced_is_the_callers_to_say_and_else_the_ratios() {
    let collector = Collector::start();
    let (mut world, _) = traced(&collector, "1");
    let ask = |headers: &[(&str, &str)]| {
        let call = headers.iter().fold(Call::get("/healthz"), |call, (name, value)| call.also(name, value));
        call.send(&world).header("traceresponse").map(str::to_owned)
    };
    let (sampled, trace) = traceparent(1, true);
    assert!(ask(&[("traceparent", &sampled)]).unwrap().contains(&trace));
    assert_eq!(ask(&[("traceparent", &traceparent(2, false).0)]), None);
    // What is no traceparent, or is there twice, is none: a trace of our own begins.
    for odd in ["", "x", "00-0-0-01", "00-00000000000000000000000000000000-00f067aa0ba902b7-01", "ff-x"] {
        assert!(ask(&[("traceparent", odd)]).is_some(), "{odd}");
    }
    let twice = ask(&[("traceparent", &sampled), ("traceparent", &sampled)]).unwrap();
    assert!(!twice.contains(&trace), "{twice}");
    world.stop();
    let spans = collector.spans("the last, at the stop", |spans| spans.len() == 7);
    assert!(spans.iter().all(|span| span.name == "GET /healthz"), "{spans:?}");
}

#[test]
fn a_collector_that_is_away_costs_nothing_and_is_told_once() {
    let nobody = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let mut world = World::new();
    let app = world.app("app", &["manage_users"]);
    world.variable("OSAYCORE_OTLP_ENDPOINT", &format!("http://{nobody}"));
    world.variable("OSAYCORE_TRACE_SAMPLE", "1");
    world.serve();
    for _ in 0..3 {
        for _ in 0..20 {
            world.call(&app, "POST", "/api/users", &format!(r#"{{"username":"{}"}}"#, unique("u"))).ok();
        }
        // Another batch fails.
        let failed = || world.metric::<u64>(r#"osaycore_spans_total{outcome="failed"}"#).unwrap_or(0);
        let before = failed();
        assert!(crate::support::patiently(Duration::from_secs(30), || failed() > before));
    }
    world.stop();
    let log = world.log();
    let told: Vec<&str> = log.lines().filter(|line| line.contains("does not take the traces")).collect();
    assert_eq!(told.len(), 1, "{log}");
}

#[test]
fn without_a_collector_nothing_is_traced() {
    let (mut world, _) = World::served();
    let answer = Call::get("/healthz").set("traceparent", &traceparent(1, true).0).send(&world);
    assert_eq!(answer.header("traceresponse"), None);
    assert!(!Call::get("/metrics").send(&world).text().contains("osaycore_spans_total{"));
    world.stop();
    for (variable, value, said) in [
        ("OSAYCORE_OTLP_ENDPOINT", "collector:4317", "--otlp-endpoint"),
        ("OSAYCORE_TRACE_SAMPLE", "1.5", "--trace-sample"),
    ] {
        let output = world.command().env(variable, value).args(["serve", "--listen", "127.0.0.1:0"]).output().unwrap();
        let stderr = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.code() == Some(1) && stderr.contains(said), "{stderr}");
    }
    let shown = world.command().env("OSAYCORE_OTLP_ENDPOINT", "http://me:hidden@collector:4318").arg("config").output();
    let shown = String::from_utf8(shown.unwrap().stdout).unwrap();
    assert!(shown.contains("otlp_endpoint = \"http://me:***@collector:4318\"\ntrace_sample = 0.01\n"), "{shown}");
}

#[test]
fn a_provider_is_asked_within_the_trace_and_is_told_of_it() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let issuer = format!("http://{}", listener.local_addr().unwrap());
    let (tell, told) = mpsc::channel();
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let Ok(mut stream) = stream else { return };
            let mut head = [0; 8192];
            let length = stream.read(&mut head).unwrap_or(0);
            let _ = tell.send(String::from_utf8_lossy(&head[..length]).to_ascii_lowercase());
            let _ = stream.write_all(b"HTTP/1.1 503 No\r\nContent-Length: 0\r\nConnection: close\r\n\r\n");
        }
    });
    let collector = Collector::start();
    let mut world = World::new();
    let app = world.app_of_every_scope();
    world.run(&["app", "set", &app.id, "--redirect-uris", "http://127.0.0.1:9/done"]);
    std::fs::write(world.folder().join("client.secret"), "a-secret-of-the-provider").unwrap();
    let file = world.folder().join("client.secret").display().to_string();
    let set =
        ["provider", "set", "local", "--client-id", "osaycore", "--client-secret-file", &file, "--issuer", &issuer];
    world.run(&set);
    world.variable("OSAYCORE_OTLP_ENDPOINT", &collector.endpoint);
    world.serve();
    let (header, trace) = traceparent(7, true);
    let call =
        Call::post("/api/auth/oauth/initiate", r#"{"provider":"local","redirect_uri":"http://127.0.0.1:9/done"}"#);
    let refused = call.signed(&app).set("traceparent", &header).send(&world);
    assert_eq!(refused.code(), "provider_unreachable");
    let spans = collector.trace(&trace, "POST /api/auth/oauth/initiate");
    let (request, asked) = (one(&spans, "POST /api/auth/oauth/initiate"), one(&spans, "provider"));
    assert_eq!((&asked.parent, asked.failed), (&request.id, true));
    assert_eq!(request.attributes["osaycore.code"], "provider_unreachable");
    let names: Vec<&str> = asked.attributes.keys().map(String::as_str).collect();
    assert_eq!(names, ["http.request.method", "server.address"], "no path, no query");
    let head = told.recv_timeout(Duration::from_secs(10)).unwrap();
    assert!(head.contains(&format!("\r\ntraceparent: 00-{trace}-{}-01\r\n", asked.id)), "{head}");
    assert_eq!(world.metric(r#"osaycore_sign_ins_total{provider="openid",outcome="provider_unreachable"}"#), Some(1));
}

#[test]
fn a_mail_is_a_trace_of_its_own_that_names_nobody() {
    let mut sink = Sink::start();
    let collector = Collector::start();
    let mut world = World::new();
    let library = Library::of(&world.app("app", &[]));
    world.variable("OSAYCORE_SMTP_URL", &format!("smtp://127.0.0.1:{}", sink.port()));
    world.variable("OSAYCORE_OTLP_ENDPOINT", &collector.endpoint);
    world.variable("OSAYCORE_TRACE_SAMPLE", "1");
    world.serve();
    let eve =
        NewUser { username: "eve", email: Some("eve@example.com"), send_enrollment_email: true, ..NewUser::default() };
    library.send(&world, &library.register_user(&eve)).ok();
    sink.receive();
    let spans = collector.spans("the mail", |spans| spans.iter().any(|span| span.name == "mail"));
    let mail = one(&spans, "mail");
    assert_eq!((mail.parent.as_str(), mail.failed), ("", false));
    let attributes: Vec<_> = mail.attributes.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
    assert_eq!(attributes, [("osaycore.mail.attempt", "1")]);
    let all = format!("{spans:?}");
    assert!(!all.contains("eve"), "{all}");
}
