//! A backend of `examples/backends` that runs, and a phone that asks it.

use std::fs::File;
use std::io::{Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use serde_json::Value;
use tempfile::TempDir;

use crate::support::{Quickstart, Variables, example, patiently};

/// Slow machines start Django slowly.
const START: Duration = Duration::from_mins(1);
const SESSION_KEY: &str = "a key of the test that is long enough to be one";

/// How a backend is run, in its folder, with `$PORT` in the environment; and what tells that this machine can run it.
pub(crate) struct Program {
    pub(crate) folder: &'static str,
    pub(crate) run: &'static str,
    pub(crate) probe: &'static str,
    /// The status of a request with a wrong member.
    pub(crate) invalid: u16,
}

/// Killed with the value.
pub(crate) struct Backend {
    process: Child,
    port: u16,
    folder: TempDir,
}

/// What the phone is answered.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) retry_after: Option<String>,
    pub(crate) body: Value,
}

impl Backend {
    /// → one that takes connections.
    pub(crate) fn start(program: &Program, server: &Quickstart) -> Self {
        // Somebody else may have taken the port meanwhile.
        let started = (0..3).find_map(|_| Self::try_start(program, server));
        started.unwrap_or_else(|| panic!("{} does not start", program.run))
    }

    fn try_start(program: &Program, server: &Quickstart) -> Option<Self> {
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let folder = tempfile::tempdir().unwrap();
        let log = || File::options().create(true).append(true).open(log_file(folder.path())).unwrap();
        let process = Command::new("sh")
            .args(["-c", program.run])
            .current_dir(example("backends").join(program.folder))
            .envs(variables(server))
            .env("PORT", port.to_string())
            .env("STORAGE", folder.path())
            .env("HARNESS", concat!(env!("CARGO_MANIFEST_DIR"), "/tests/guides/laravel.php"))
            .stdin(Stdio::null())
            .stdout(log())
            .stderr(log())
            .spawn()
            .unwrap();
        let mut backend = Self { process, port, folder };
        let mut up = false;
        patiently(START, || {
            up = TcpStream::connect(("127.0.0.1", port)).is_ok();
            up || backend.process.try_wait().unwrap().is_some()
        });
        if !up {
            println!("{}: {}", program.run, backend.log());
        }
        up.then_some(backend)
    }

    pub(crate) fn get(&self, path: &str, token: &str) -> Answer {
        self.ask("GET", path, token, "")
    }

    pub(crate) fn post(&self, path: &str, token: &str, members: &Value) -> Answer {
        self.ask("POST", path, token, &members.to_string())
    }

    /// In HTTP/1.0, whose answers end with the connection.
    fn ask(&self, method: &str, path: &str, token: &str, body: &str) -> Answer {
        let mut stream = TcpStream::connect(("127.0.0.1", self.port)).unwrap();
        let head = format!(
            "{method} {path} HTTP/1.0\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\nContent-Length: {}\r\n",
            body.len()
        );
        let bearer = if token.is_empty() { String::new() } else { format!("Authorization: Bearer {token}\r\n") };
        stream.write_all(format!("{head}{bearer}\r\n{body}").as_bytes()).unwrap();
        let mut text = String::new();
        stream.read_to_string(&mut text).unwrap();
        let (head, body) = text.split_once("\r\n\r\n").unwrap_or_else(|| panic!("{method} {path}: {text:?}"));
        let header = |line: &str| line.split_once(": ").map(|(name, value)| (name.to_lowercase(), value.to_owned()));
        let mut headers = head.lines().filter_map(header);
        Answer {
            status: head.split(' ').nth(1).unwrap().parse().unwrap(),
            retry_after: headers.find_map(|(name, value)| (name == "retry-after").then_some(value)),
            body: serde_json::from_str(body).unwrap_or_else(|error| panic!("{method} {path}: {error}: {text}")),
        }
    }

    /// What it wrote so far.
    pub(crate) fn log(&self) -> String {
        String::from_utf8_lossy(&std::fs::read(log_file(self.folder.path())).unwrap()).into_owned()
    }
}

impl Answer {
    /// The body of a 200.
    #[track_caller]
    pub(crate) fn ok(self) -> Value {
        assert_eq!(self.status, 200, "{self:?}");
        self.body
    }

    #[track_caller]
    pub(crate) fn refused(self, status: u16, code: &str) -> Self {
        assert_eq!((self.status, self.body["code"].as_str()), (status, Some(code)), "{self:?}");
        self
    }
}

impl Drop for Backend {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

fn log_file(folder: &Path) -> std::path::PathBuf {
    folder.join("backend.log")
}

fn variables(server: &Quickstart) -> Variables {
    vec![
        ("OSAYCORE_BASE_URL", format!("{}/api", server.printed("base_url"))),
        ("OSAYCORE_API_KEY", server.printed("api_key")),
        ("OSAYCORE_SECRET_KEY", server.printed("secret_key")),
        ("SESSION_KEY", SESSION_KEY.to_owned()),
        ("PYTHONDONTWRITEBYTECODE", "1".to_owned()),
    ]
}

/// What no log may have of a server's app, of the backend and of the user.
pub(crate) fn secrets(server: &Quickstart, token: &str) -> Vec<String> {
    // "eyJ" begins every token of OsayCore.
    let of_the_app = ["api_key", "secret_key"].map(|name| server.printed(name));
    of_the_app.into_iter().chain([SESSION_KEY, token, "wonderland", "eyJ"].map(str::to_owned)).collect()
}
