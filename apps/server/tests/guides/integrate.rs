//! The backends of `docs/guides/integrate.md`: each is asked the same, as a phone would ask it.

use std::io::{Read as _, Write as _};
use std::net::TcpListener;
use std::thread;
use std::time::Duration;

use serde_json::json;

use crate::backend::{Answer, Backend, Program, secrets};
use crate::support::{Quickstart, code_files, patiently, runs_here};

/// What the command line changes is in force within a second; as much again for a busy machine.
const A_SECOND: Duration = Duration::from_secs(2);

#[test]
fn on_flask_a_phone_is_charged_once_and_never_sees_a_secret() {
    serves_a_phone(&Program {
        folder: "flask",
        run: "exec python3 -m flask --app app run --port $PORT",
        probe: "python3 -c 'import flask'",
        invalid: 400,
    });
}

#[test]
fn on_django_a_phone_is_charged_once_and_never_sees_a_secret() {
    serves_a_phone(&Program {
        folder: "django",
        run: "exec python3 app.py runserver --noreload $PORT",
        probe: "python3 -c 'import django'",
        invalid: 400,
    });
}

#[test]
fn on_node_a_phone_is_charged_once_and_never_sees_a_secret() {
    serves_a_phone(&Program {
        folder: "node",
        run: "exec node app.mjs",
        probe: "node -e 'if (typeof fetch !== \"function\") process.exit(1)'",
        invalid: 400,
    });
}

#[test]
fn on_php_a_phone_is_charged_once_and_never_sees_a_secret() {
    serves_a_phone(&Program {
        folder: "php",
        run: "exec php -d session.save_path=\"$STORAGE\" -S 127.0.0.1:$PORT -t public public/index.php",
        probe: "php -r 'exit(function_exists(\"curl_init\") ? 0 : 1);'",
        invalid: 400,
    });
}

/// Debian's package of Laravel, around which `laravel.php` is an application.
#[test]
fn on_laravel_a_phone_is_charged_once_and_never_sees_a_secret() {
    serves_a_phone(&Program {
        folder: "php",
        run: "exec php -S 127.0.0.1:$PORT \"$HARNESS\"",
        probe: "php -r 'exit(function_exists(\"curl_init\") && stream_resolve_include_path(\"Illuminate/autoload.php\") ? 0 : 1);'",
        invalid: 422,
    });
}

fn serves_a_phone(program: &Program) {
    if !runs_here(program.probe) {
        return;
    }
    let mut server = Quickstart::start();
    let backend = Backend::start(program, &server);
    let token = signs_in(&backend);
    charges_once(&backend, &server, &token, program.invalid);
    a_flag_opens_and_closes(&backend, &server, &token);
    what_an_operator_does_is_seen(&backend, &server, &token);
    survives_a_server_that_is_gone(&backend, &mut server, &token);
    let log = backend.log();
    assert!(log.contains("503 unreachable"), "the log says nothing of a server that is gone:\n{log}");
    for secret in secrets(&server, &token) {
        assert!(!log.contains(&secret), "the log has {secret}:\n{log}");
    }
}

fn report(backend: &Backend, token: &str, reference: &str, pages: u32) -> Answer {
    backend.post("/reports", token, &json!({ "reference": reference, "pages": pages }))
}

/// In the wallet, as the server has it.
fn balance(server: &Quickstart) -> f64 {
    server.command(&["user", "show", "alice"])["balance"].as_f64().unwrap()
}

fn signs_in(backend: &Backend) -> String {
    let login = |username: &str, password: &str| {
        backend.post("/login", "", &json!({ "username": username, "password": password }))
    };
    login("alice", "wonder").refused(401, "wrong_login");
    login("mallory", "wonderland").refused(401, "wrong_login");
    let token = login("alice", "wonderland").ok()["token"].as_str().unwrap().to_owned();
    let (first, rest) = token.split_at(1);
    let altered = format!("{}{rest}", if first == "a" { "b" } else { "a" });
    for wrong in ["", "nonsense", &altered] {
        assert_eq!(backend.get("/me", wrong).status, 401, "{wrong}");
        assert_eq!(report(backend, wrong, "a-reference", 1).status, 401, "{wrong}");
    }
    let me = backend.get("/me", &token).ok();
    assert_eq!((&me["name"], me["balance"].as_f64()), (&"alice".into(), Some(100.0)), "{me}");
    assert_eq!(me["features"]["new_dashboard"], true, "{me}");
    token
}

fn charges_once(backend: &Backend, server: &Quickstart, token: &str, invalid: u16) {
    for members in [
        json!({}),
        json!({ "reference": "short", "pages": 1 }),
        json!({ "reference": "a-reference\n", "pages": 1 }),
        json!({ "reference": 12_345_678, "pages": 1 }),
        json!({ "reference": "a-reference", "pages": 0 }),
        json!({ "reference": "a-reference", "pages": 101 }),
        json!({ "reference": "a-reference", "pages": 1.5 }),
    ] {
        let answer = backend.post("/reports", token, &members);
        assert_eq!(answer.status, invalid, "{members}: {answer:?}");
    }
    let first = report(backend, token, "a-reference", 3).ok();
    assert_eq!((&first["report"], first["balance"].as_f64()), (&"3 pages".into(), Some(94.0)), "{first}");
    assert_eq!(report(backend, token, "a-reference", 3).ok(), first);
    report(backend, token, "a-reference", 4).refused(409, "reference_conflict");
    let poor = report(backend, token, "b-reference", 90).refused(402, "insufficient_credits").body;
    assert_eq!((poor["shortfall"].as_f64(), &poor["buy"]), (Some(86.0), &200.into()), "{poor}");
    assert!((balance(server) - 94.0).abs() < f64::EPSILON);
}

fn a_flag_opens_and_closes(backend: &Backend, server: &Quickstart, token: &str) {
    let switch = |on: bool| {
        server.write("flags.json", &json!({ "flags": [{ "key": "new_dashboard", "default": on }] }).to_string());
        server.command(&["flag", "apply", "flags.json"]);
        let seen = || backend.get("/me", token).ok()["features"]["new_dashboard"] == on;
        assert!(patiently(A_SECOND, seen), "the flag is {on} and nobody sees it");
    };
    switch(false);
    report(backend, token, "c-reference", 1).refused(403, "not_switched_on");
    report(backend, token, "a-reference", 3).ok();
    report(backend, token, "a-reference", 4).refused(409, "reference_conflict");
    switch(true);
    assert!((balance(server) - 94.0).abs() < f64::EPSILON);
}

fn what_an_operator_does_is_seen(backend: &Backend, server: &Quickstart, token: &str) {
    let issued = || server.command(&["audit", "list", "--user", "alice", "--action", "token.issued"]);
    let issued = || issued().as_array().map_or(0, Vec::len);
    assert_eq!(issued(), 1, "the token is kept");
    server.command(&["user", "sign-out", "alice"]);
    let renewed = || {
        // Asked for in the second of the first, the second token is the same request: 409 at OsayCore.
        let answer = backend.get("/me", token);
        assert!([200, 503].contains(&answer.status), "{answer:?}");
        answer.status == 200 && issued() == 2
    };
    assert!(patiently(2 * A_SECOND, renewed), "a token that was revoked is not renewed");

    server.command(&["user", "disable", "alice"]);
    let shut_out = || backend.get("/me", token).status == 403;
    assert!(patiently(A_SECOND, shut_out), "a user who is disabled is served");
    report(backend, token, "d-reference", 1).refused(403, "user_inactive");
    server.command(&["user", "enable", "alice"]);
    assert!(patiently(A_SECOND, || backend.get("/me", token).status == 200));
}

fn survives_a_server_that_is_gone(backend: &Backend, server: &mut Quickstart, token: &str) {
    server.stop();
    let gone = report(backend, token, "e-reference", 2).refused(503, "unavailable");
    assert_eq!(gone.retry_after.as_deref(), Some("5"));
    for (sent, passed_on) in [("application/json", "7"), ("text/html", "8")] {
        let busy = busy(&server.address(), sent, passed_on);
        let answer = report(backend, token, "e-reference", 2).refused(503, "unavailable");
        assert_eq!(answer.retry_after.as_deref(), Some(passed_on), "{sent}");
        busy.join().unwrap();
    }
    server.start_again();
    for _ in 0..2 {
        assert_eq!(report(backend, token, "e-reference", 2).ok()["balance"].as_f64(), Some(90.0));
    }
    assert!((balance(server) - 90.0).abs() < f64::EPSILON);
}

/// Where the server was: answers one request with 503, or a proxy's page.
fn busy(address: &str, content_type: &'static str, retry_after: &'static str) -> thread::JoinHandle<()> {
    let listener = TcpListener::bind(address).unwrap();
    thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        let mut request = [0; 4096];
        let _ = stream.read(&mut request).unwrap();
        let json = json!({ "success": false, "error": "The service is busy; try again", "code": "unavailable", "request_id": "r" });
        let body = if content_type == "text/html" { "<h1>503</h1>".to_owned() } else { json.to_string() };
        let length = body.len();
        let head = format!(
            "HTTP/1.1 503 Service Unavailable\r\nContent-Type: {content_type}\r\nRetry-After: {retry_after}\r\n\
             Content-Length: {length}\r\nConnection: close\r\n\r\n"
        );
        stream.write_all((head + &body).as_bytes()).unwrap();
    })
}

#[test]
fn the_backends_are_small_and_those_in_python_have_one_client() {
    let client = |folder: &str| -> Option<String> {
        let files = code_files(folder).into_iter();
        files.filter(|(name, _)| name == "osaycore.py").map(|(_, text)| text).next()
    };
    assert!(client("backends/flask").is_some_and(|text| Some(text) == client("backends/django")));
    let files = code_files("backends");
    assert!(files.len() > 10, "the backends were not found");
    for (name, text) in files {
        assert!(text.lines().count() <= 130, "{name} has grown");
    }
}

/// What no call of this guide can be answered.
const ELSEWHERE: [&str; 9] = [
    "already_enrolled",
    "flag_not_found",
    "mail_not_configured",
    "payment_used",
    "precondition_failed",
    "provider_unreachable",
    "redirect_not_registered",
    "targeting_key_missing",
    "unsupported_provider",
];

#[test]
fn the_guide_says_what_to_do_about_every_error() {
    let guide = include_str!("../../../../docs/guides/integrate.md");
    let api = include_str!("../../../../docs/api.md");
    let section = guide.split_once("## When it goes wrong").unwrap().1.split_once("\n| what else").unwrap().0;
    let rows = section.lines().filter(|line| line.starts_with("| `") && !line.starts_with("| `code`"));
    let mut advised: Vec<(&str, &str)> = vec![];
    for row in rows {
        let mut cells = row.split('|').skip(1);
        let (codes, statuses) = (cells.next().unwrap(), cells.next().unwrap());
        let codes: Vec<&str> = codes.split('`').skip(1).step_by(2).collect();
        let statuses: Vec<&str> = statuses.split(',').map(str::trim).collect();
        // One status for all of the row, or one each.
        advised.extend(codes.iter().enumerate().map(|(at, code)| (*statuses.get(at).unwrap_or(&statuses[0]), *code)));
    }
    let table = api.split_once("| status | code | sentence |").unwrap().1.split_once("\n\n").unwrap().0;
    let errors = table.lines().filter_map(|line| {
        let mut cells = line.split('|').skip(1).map(str::trim);
        Some((cells.next()?, cells.next()?.trim_matches('`')))
    });
    let mut errors: Vec<(&str, &str)> =
        errors.filter(|(status, code)| status.parse::<u16>().is_ok() && !ELSEWHERE.contains(code)).collect();
    errors.sort_unstable();
    advised.sort_unstable();
    assert!(errors.len() > 20, "the table of the API was not found");
    assert_eq!(advised, errors);
}
