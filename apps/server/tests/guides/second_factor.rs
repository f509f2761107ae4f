//! The clients of `docs/guides/second-factor.md`, and its login.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::iter::repeat_with;
use std::net::TcpListener;
use std::process::{Command, Output, Stdio};
use std::thread;
use std::time::SystemTime;

use base64::Engine as _;
use osaycore_signing::SigningKey;
use osaycore_signing::oasis::sign_response;
use serde_json::Value;

use crate::support::{Quickstart, Variables, code_files, example, runs_here};

/// A client: how it is run, what tells that this machine can run it, and what it calls two of the operations.
struct Client {
    program: &'static [&'static str],
    probe: &'static str,
    request_state: &'static str,
    verify_code: &'static str,
}

const CLIENTS: [Client; 3] = [
    Client {
        program: &["python3", "client.py"],
        probe: "command -v python3",
        request_state: "request_state",
        verify_code: "verify_code",
    },
    Client {
        program: &["node", "client.mjs"],
        probe: "node -e 'if (typeof fetch !== \"function\") process.exit(1)'",
        request_state: "requestState",
        verify_code: "verifyCode",
    },
    Client {
        program: &["php", "client.php"],
        probe: "php -r 'exit(function_exists(\"curl_init\") ? 0 : 1);'",
        request_state: "requestState",
        verify_code: "verifyCode",
    },
];

impl Client {
    fn run(&self, variables: &Variables, arguments: &[&str]) -> Output {
        let [program, file] = self.program else { panic!("a program and a file") };
        let mut command = Command::new(program);
        command
            .arg(example("second-factor").join(file))
            .args(arguments)
            .envs(variables.clone())
            .env("PYTHONDONTWRITEBYTECODE", "1");
        command.output().unwrap()
    }

    /// The answer to a call that succeeds.
    fn answer(&self, variables: &Variables, arguments: &[&str]) -> Value {
        let output = self.run(variables, arguments);
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{:?} {arguments:?}: {said}", self.program);
        serde_json::from_slice(&output.stdout).unwrap()
    }

    fn state(&self, variables: &Variables, username: &str, purpose: &str) -> Value {
        self.answer(variables, &[self.request_state, username, purpose])
    }

    fn verify(&self, variables: &Variables, username: &str, code: &str, purpose: &str) -> Value {
        self.answer(variables, &[self.verify_code, username, code, purpose])
    }

    /// What the program says of a call that fails.
    fn failure(&self, variables: &Variables, arguments: &[&str]) -> String {
        let output = self.run(variables, arguments);
        assert!(!output.status.success(), "{:?} {arguments:?} succeeded", self.program);
        String::from_utf8_lossy(&output.stderr).into_owned() + &String::from_utf8_lossy(&output.stdout)
    }
}

/// Where the clients find the server and their keys.
fn variables(server: &Quickstart) -> Variables {
    vec![
        ("OASIS_BASE_URL", format!("{}/api/ApplicationAPI", server.printed("base_url"))),
        ("OASIS_APP_ID", server.printed("oasis_app_id")),
        ("OASIS_APPLICATION_KEY", server.printed("oasis_application_key")),
        ("OASIS_API_KEY", server.printed("oasis_api_key")),
    ]
}

/// What a program prints that is given `input`.
fn piped(program: &str, arguments: &[&str], input: &[u8]) -> String {
    let mut command = Command::new(program);
    command.args(arguments).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null());
    let mut child = command.spawn().unwrap_or_else(|error| panic!("{program}: {error}"));
    child.stdin.take().unwrap().write_all(input).unwrap();
    let output = child.wait_with_output().unwrap();
    assert!(output.status.success(), "{program} {arguments:?}");
    String::from_utf8(output.stdout).unwrap().trim().to_owned()
}

/// RFC 6238 with what every authenticator app does: SHA-1, 6 digits, 30 seconds; so many seconds from now.
const AUTHENTICATOR: &str = "
import base64, hmac, sys, time
key, step = base64.b32decode(sys.argv[1]), int(time.time() + int(sys.argv[2])) // 30
mac = hmac.new(key, step.to_bytes(8, 'big'), 'sha1').digest()
at = mac[19] & 15
print('%06d' % ((int.from_bytes(mac[at:at + 4], 'big') & 0x7fffffff) % 1000000))
";

/// The key in a QR image, as a camera reads it.
fn key_of(image: &Value) -> String {
    let png = base64::engine::general_purpose::STANDARD.decode(image.as_str().unwrap()).unwrap();
    let uri = piped("zbarimg", &["--quiet", "--raw", "-"], &png);
    let key = uri.split_once("?secret=").unwrap_or_else(|| panic!("no key in {uri}")).1;
    key.split('&').next().unwrap().to_owned()
}

fn code(key: &str, seconds_from_now: &str) -> String {
    piped("python3", &["-c", AUTHENTICATOR, key, seconds_from_now], b"")
}

#[test]
fn the_clients_of_the_guide_enrol_a_user_and_let_in_whom_they_should() {
    let server = Quickstart::start();
    let at = &variables(&server);
    for client in CLIENTS.iter().filter(|client| runs_here(client.probe)) {
        // Names are signed and sent as they are, whatever a URL or JSON makes of them.
        let user = &format!("zoë & {}+#/%41", client.program.join(" "));
        assert_eq!(client.answer(at, &["hello"])["Message"], "Hello World");
        assert_eq!(client.state(at, user, "0")["State"], "NOTREGISTERED");
        let registered = client.answer(at, &["register", user]);
        let key = key_of(&registered["UserQRCode"]);
        assert_eq!(client.state(at, user, "0")["State"], "PENDINGENROLLMENT");
        let pending = client.state(at, user, "1");
        assert_eq!((&pending["State"], &pending["UserID"]), (&"PENDINGENROLLMENT".into(), &registered["UserID"]));
        assert_eq!(key_of(&pending["UserQRCode"]), key);
        let first = code(&key, "0");
        assert_eq!(client.verify(at, user, &first, "1")["State"], "VALID");

        assert_eq!(client.state(at, user, "0")["State"], "AUTHENTICATE");
        assert_eq!(client.verify(at, user, &first, "0")["State"], "INVALID", "it was used");
        let let_in = client.verify(at, user, &code(&key, "30"), "0");
        assert_eq!(let_in["State"], "VALID");
        assert!(let_in["UserToken"].is_string());
        let refused = client.verify(at, user, &code(&key, "3000"), "0");
        assert_eq!((&refused["State"], &refused["UserToken"]), (&"INVALID".into(), &Value::Null));
        // In the second of the first it is the same request.
        let again = repeat_with(|| client.failure(at, &["register", user]));
        let said = again.take(1000).find(|said| !said.contains("replayed_request")).unwrap();
        assert!(said.contains("already_enrolled"), "{said}");

        // The second has the signature of the first if it comes in the same second, and is sent again.
        assert_eq!(client.answer(at, &["delete", user])["UserID"], registered["UserID"]);
        assert!(client.failure(at, &["delete", user]).contains("user_not_found"));
        assert_eq!(client.state(at, user, "0")["State"], "NOTREGISTERED");
    }
}

/// Answers one request with a state that somebody signed, or not; → where.
fn impostor(state: u8, signed_response: String, signed_time_s: i64) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        let (mut request, mut part) = (Vec::new(), [0; 4096]);
        while !request.ends_with(b"}") {
            let read = stream.read(&mut part).unwrap();
            request.extend(part.iter().take(read));
        }
        let body = serde_json::json!({ "State": state, "UserID": 7, "UserQRCode": null, "RandomToken": "token",
            "SignedTime": signed_time_s, "SignedResponse": signed_response })
        .to_string();
        let head = format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\nConnection: close\r\n\r\n", body.len());
        stream.write_all((head + &body).as_bytes()).unwrap();
    });
    format!("http://{address}")
}

#[test]
fn the_clients_of_the_guide_believe_nothing_that_is_not_signed() {
    let now_s = i64::try_from(SystemTime::UNIX_EPOCH.elapsed().unwrap().as_secs()).unwrap();
    let sign = |key: &str, user: &str, state: &str, at_s: i64| {
        (sign_response(&SigningKey::new(key.as_bytes()), user, state, "token", at_s), at_s)
    };
    for client in CLIENTS.iter().filter(|client| runs_here(client.probe)) {
        for (signed, believed) in [
            (sign("application key", "alice", "SKIPAUTHENTICATION", now_s), true),
            (sign("application key", "alice", "AUTHENTICATE", now_s), false),
            (sign("application key", "bob", "SKIPAUTHENTICATION", now_s), false),
            (sign("another key", "alice", "SKIPAUTHENTICATION", now_s), false),
            (sign("application key", "alice", "SKIPAUTHENTICATION", now_s - 400), false),
            (sign("application key", "alice", "SKIPAUTHENTICATION", now_s + 400), false),
            ((String::new(), now_s), false),
        ] {
            let at = vec![
                ("OASIS_BASE_URL", impostor(5, signed.0, signed.1)),
                ("OASIS_APP_ID", "1".to_owned()),
                ("OASIS_APPLICATION_KEY", "application key".to_owned()),
                ("OASIS_API_KEY", "api key".to_owned()),
            ];
            if believed {
                assert_eq!(client.state(&at, "alice", "0")["State"], "SKIPAUTHENTICATION");
            } else {
                let said = client.failure(&at, &[client.request_state, "alice", "0"]);
                assert!(said.contains("the answer's signature is wrong") || said.contains("too old"), "{said}");
            }
        }
    }
}

/// A browser at the login of the example. It has Flask's own client, so that no port is needed.
const BROWSER: &str = r#"
import json, os, re, sys
from login import app, oasis
browser = app.test_client()
for line in sys.stdin:
    path, form = json.loads(line)
    if path == "key":
        oasis.application_key = form
        continue
    answer = browser.post(path, data=form) if form else browser.get(path)
    print(json.dumps({"status": answer.status_code, "location": answer.location, "text": answer.text}), flush=True)
"#;

#[test]
fn the_login_of_the_guide_asks_for_the_code_and_opens_nothing_before() {
    if !runs_here("python3 -c 'import flask'") {
        return;
    }
    let server = Quickstart::start();
    let mut command = Command::new("python3");
    command.args(["-c", BROWSER]).envs(variables(&server)).env("SESSION_KEY", "a key");
    command.env("PYTHONPATH", example("second-factor")).env("PYTHONDONTWRITEBYTECODE", "1");
    let mut python = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
    let mut asked = python.stdin.take().unwrap();
    let mut answers = BufReader::new(python.stdout.take().unwrap()).lines();
    let mut browse = |path: &str, form: Value| -> Value {
        writeln!(asked, "{}", serde_json::json!([path, form])).unwrap();
        if path == "key" { Value::Null } else { serde_json::from_str(&answers.next().unwrap().unwrap()).unwrap() }
    };
    let password = |word: &str| serde_json::json!({ "username": "alice", "password": word });
    let entered = |code: &str| serde_json::json!({ "code": code });
    let says = |page: &Value, text: &str| page["text"].as_str().unwrap().contains(text);

    assert!(says(&browse("/login", password("wrong")), "Wrong name or password"));
    assert_eq!(browse("/code", Value::Null)["location"], "/login");
    assert_eq!(browse("/login", password("wonderland"))["location"], "/enroll");
    assert_eq!(browse("/", Value::Null)["location"], "/login", "half a login opens nothing");
    let page = browse("/enroll", Value::Null)["text"].as_str().unwrap().to_owned();
    let image = page.split_once("base64,").unwrap().1.split('"').next().unwrap().to_owned();
    let key = key_of(&image.as_str().into());
    let refused = browse("/enroll", entered(&code(&key, "3000")));
    assert!(says(&refused, "That code is not right") && says(&refused, &image));
    let first = code(&key, "0");
    assert_eq!(browse("/enroll", entered(&first))["location"], "/");
    assert!(says(&browse("/", Value::Null), "Hello alice"));

    assert_eq!(browse("/login", password("wonderland"))["location"], "/code");
    assert_eq!(browse("/", Value::Null)["location"], "/login", "half a login opens nothing");
    assert!(says(&browse("/code", entered(&first)), "That code is not right"));
    assert_eq!(browse("/code", entered(&code(&key, "30")))["location"], "/");
    assert!(says(&browse("/", Value::Null), "Hello alice"));

    browse("key", "another".into());
    assert_eq!(browse("/login", password("wonderland"))["status"], 503);
    drop(server);
    assert_eq!(browse("/login", password("wonderland"))["status"], 503);
    assert_eq!(browse("/", Value::Null)["location"], "/login");
    drop(asked);
    python.wait().unwrap();
}

#[test]
fn all_clients_of_the_guide_sign_and_verify_the_same_messages() {
    let clients: Vec<_> = code_files("second-factor")
        .into_iter()
        .filter(|(name, _)| name.to_lowercase().starts_with("client."))
        .collect();
    assert_eq!(clients.len(), 4, "Client.cs, client.mjs, client.php, client.py");
    for (name, text) in clients {
        // What is left of `f"{self.app_id}:{epoch}:…"`, `$"{appId}:{epoch}:…"` and the like.
        let bare = text.replace("self.", "").replace("this", "").to_lowercase();
        let bare: String = bare.chars().filter(|letter| letter.is_alphanumeric() || *letter == ':').collect();
        for message in ["appid:epoch:applicationkey:", "username:data2:answerrandomtoken:answersignedtime"] {
            assert!(bare.contains(message), "{name} does not sign {message}");
        }
        assert!(text.lines().count() <= 80, "{name} has grown");
    }
}
