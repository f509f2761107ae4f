//! A deployment: a folder with a database, the command line on it, and a server that is started, stopped and killed.

use std::io::{BufRead as _, BufReader};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Output, Stdio};
use std::sync::mpsc;
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use serde_json::Value;
use tempfile::TempDir;

const BINARY: &str = env!("CARGO_BIN_EXE_osaycore");
/// How long a server may take to start or stop on a busy machine, in a debug build.
const PATIENCE: Duration = Duration::from_secs(45);

/// An app's keys, as `app create --json` prints them.
#[derive(Clone, Debug)]
pub(crate) struct App {
    pub(crate) id: String,
    pub(crate) api_key: String,
    pub(crate) secret_key: String,
    pub(crate) oasis_app_id: i64,
    /// Further secrets, of OASIS.
    pub(crate) oasis_application_key: String,
    pub(crate) oasis_api_key: String,
}

/// A user's ids.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct User {
    pub(crate) id: String,
    pub(crate) oasis_id: i64,
}

/// The folder and the server on it, if one runs.
pub(crate) struct World {
    folder: Arc<TempDir>,
    server: Option<Process>,
    address: Option<SocketAddr>,
    /// What earlier servers wrote to standard error.
    past_log: String,
    variables: Vec<(String, String)>,
    /// A database of its own on the PostgreSQL server of the tests; else a SQLite file in the folder.
    postgres: Option<String>,
}

/// Where this variable is `postgres`, the suite runs on the server that `OSAYCORE_TEST_POSTGRES` names.
pub(crate) fn on_postgres() -> bool {
    std::env::var("OSAYCORE_TEST_DATABASE").is_ok_and(|database| database == "postgres")
}

struct Process {
    child: Child,
    log: Arc<Mutex<String>>,
    reader: Option<JoinHandle<()>>,
}

impl World {
    /// An empty folder; the first command makes the database.
    pub(crate) fn new() -> Self {
        let server = on_postgres().then(|| {
            std::env::var("OSAYCORE_TEST_POSTGRES")
                .unwrap_or_else(|error| panic!("OSAYCORE_TEST_POSTGRES names a server: {error}"))
        });
        Self::on(server.as_deref())
    }

    /// The same on that PostgreSQL server, where one is given.
    pub(crate) fn on(postgres: Option<&str>) -> Self {
        let folder = Arc::new(TempDir::new().unwrap());
        let postgres = postgres.map(|server| postgres::new_database(server, folder.path()));
        let world =
            Self { folder, server: None, address: None, past_log: String::new(), variables: Vec::new(), postgres };
        if world.postgres.is_some() {
            // Only a SQLite file migrates itself and gets a key by itself.
            std::fs::write(world.folder().join("osaycore.key"), "5a".repeat(32)).unwrap();
            world.run(&["migrate"]);
        }
        world
    }

    #[cfg(feature = "postgres")]
    pub(crate) fn postgres(&self) -> &str {
        self.postgres.as_ref().unwrap()
    }

    /// Another way to the PostgreSQL database, for commands and servers from now on.
    #[cfg(feature = "postgres")]
    pub(crate) fn reach_postgres_by(&mut self, url: String) {
        self.postgres = Some(url);
    }

    /// With one app that has every scope.
    pub(crate) fn app_of_every_scope(&self) -> App {
        self.app("app", &["add_credits", "manage_users", "manage_payments"])
    }

    /// With one app that has every scope, and a server.
    pub(crate) fn served() -> (Self, App) {
        let mut world = Self::new();
        let app = world.app_of_every_scope();
        world.serve();
        (world, app)
    }

    /// One more server on the same database.
    pub(crate) fn another(&self) -> Self {
        self.another_with(Vec::new())
    }

    /// The same with variables of its environment.
    pub(crate) fn another_with(&self, variables: Vec<(String, String)>) -> Self {
        let (folder, postgres) = (Arc::clone(&self.folder), self.postgres.clone());
        let mut other = Self { folder, server: None, address: None, past_log: String::new(), variables, postgres };
        other.serve();
        other
    }

    /// One more variable of the environment of servers started from now on.
    pub(crate) fn variable(&mut self, name: &str, value: &str) {
        self.variables.push((name.to_owned(), value.to_owned()));
    }

    pub(crate) fn folder(&self) -> &Path {
        self.folder.path()
    }

    pub(crate) fn database(&self) -> PathBuf {
        self.folder().join("osaycore.db")
    }

    /// The program on this folder, with nothing else of our environment.
    pub(crate) fn command(&self) -> Command {
        let mut command = Command::new(BINARY);
        command.env_clear().current_dir(self.folder()).stdin(Stdio::null());
        if let Some(path) = std::env::var_os("PATH") {
            command.env("PATH", path);
        }
        match &self.postgres {
            Some(url) => command
                .env("OSAYCORE_DATABASE_URL", url)
                .env("OSAYCORE_MASTER_KEY_FILE", self.folder().join("osaycore.key")),
            None => command.env("OSAYCORE_DATABASE_URL", format!("sqlite://{}", self.database().display())),
        };
        command
    }

    /// Runs a command to its end, whatever that is.
    pub(crate) fn cli(&self, arguments: &[&str]) -> Output {
        self.command().args(arguments).output().unwrap()
    }

    /// Runs a command that must succeed; → standard output.
    #[track_caller]
    pub(crate) fn run(&self, arguments: &[&str]) -> String {
        let output = self.cli(arguments);
        let stderr = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "osaycore {}: {} {stderr}", arguments.join(" "), output.status);
        String::from_utf8(output.stdout).unwrap()
    }

    /// Runs a command with `--json`.
    #[track_caller]
    pub(crate) fn run_json(&self, arguments: &[&str]) -> Value {
        let stdout = self.run(&[arguments, &["--json"]].concat());
        match serde_json::from_str(&stdout) {
            Ok(json) => json,
            Err(error) => panic!("osaycore {} --json: {error}: {stdout:?}", arguments.join(" ")),
        }
    }

    #[track_caller]
    pub(crate) fn app(&self, name: &str, scopes: &[&str]) -> App {
        let mut arguments = vec!["app", "create", "--name", name];
        for scope in scopes {
            arguments.extend(["--scope", scope]);
        }
        let made = self.run_json(&arguments);
        let text = |member: &str| match made[member].as_str() {
            Some(text) => text.to_owned(),
            None => panic!("app create: {member} is no text in {made}"),
        };
        App {
            id: text("app_id"),
            api_key: text("api_key"),
            secret_key: text("secret_key"),
            oasis_app_id: made["oasis_app_id"].as_i64().unwrap(),
            oasis_application_key: text("oasis_application_key"),
            oasis_api_key: text("oasis_api_key"),
        }
    }

    #[track_caller]
    pub(crate) fn user(&self, username: &str) -> User {
        self.user_with(username, &[])
    }

    #[track_caller]
    pub(crate) fn user_with(&self, username: &str, further: &[&str]) -> User {
        let arguments: &[&str] = &["user", "create", "--username", username];
        let made = self.run_json(&[arguments, further].concat());
        User { id: made["user_id"].as_str().unwrap().to_owned(), oasis_id: made["oasis_user_id"].as_i64().unwrap() }
    }

    /// A user with a balance.
    #[track_caller]
    pub(crate) fn rich_user(&self, username: &str, credits: &str) -> User {
        let user = self.user(username);
        self.credit(&user, credits);
        user
    }

    #[track_caller]
    pub(crate) fn credit(&self, user: &User, credits: &str) {
        self.run_json(&["credits", "add", &user.id, credits, "--type", "BONUS"]);
    }

    /// Where the server listens, or did.
    pub(crate) fn address(&self) -> SocketAddr {
        self.address.unwrap()
    }

    pub(crate) fn base_url(&self) -> String {
        format!("http://{}", self.address())
    }

    /// Starts a server: on any port the first time, and on the same one later. → how long it took to listen.
    #[track_caller]
    #[expect(clippy::disallowed_methods, reason = "a start is timed")]
    pub(crate) fn serve(&mut self) -> Duration {
        assert!(self.server.is_none(), "a server is running");
        let listen = self.address.map_or_else(|| "127.0.0.1:0".to_owned(), |address| address.to_string());
        let mut command = self.command();
        for (name, value) in &self.variables {
            command.env(name, value);
        }
        command.args(["serve", "--listen", &listen]).stdout(Stdio::null()).stderr(Stdio::piped());
        let started = Instant::now();
        let mut child = command.spawn().unwrap();
        let log = Arc::new(Mutex::new(String::new()));
        let (tell, told) = mpsc::channel();
        let (stderr, written) = (child.stderr.take().unwrap(), Arc::clone(&log));
        let reader = std::thread::spawn(move || {
            for line in BufReader::new(stderr).lines() {
                let Ok(line) = line else { break };
                if let Some(address) = line.strip_prefix("listening on http://") {
                    let _ = tell.send(address.parse::<SocketAddr>().unwrap());
                }
                let mut written = written.lock().unwrap();
                written.push_str(&line);
                written.push('\n');
            }
        });
        self.server = Some(Process { child, log, reader: Some(reader) });
        match told.recv_timeout(PATIENCE) {
            Ok(address) => self.address = Some(address),
            Err(mpsc::RecvTimeoutError::Timeout | mpsc::RecvTimeoutError::Disconnected) => {
                panic!("the server does not listen; it says:\n{}", self.log())
            }
        }
        started.elapsed()
    }

    /// `kill -9` while others still use the world; [`World::kill`] follows.
    pub(crate) fn kill_running(&self) {
        let pid = self.server.as_ref().unwrap().child.id().to_string();
        assert!(Command::new("kill").args(["-KILL", &pid]).status().unwrap().success());
    }

    /// `kill -9`.
    pub(crate) fn kill(&mut self) {
        let mut server = self.server.take().unwrap();
        server.child.kill().unwrap();
        server.child.wait().unwrap();
        self.past_log.push_str(&server.finish());
    }

    /// `kill -9`, and a server on the same database and port.
    pub(crate) fn crash(&mut self) {
        self.kill();
        self.serve();
    }

    /// Asks the server to stop.
    pub(crate) fn terminate(&self) {
        let pid = self.server.as_ref().unwrap().child.id().to_string();
        assert!(Command::new("kill").args(["-TERM", &pid]).status().unwrap().success());
    }

    /// Waits for a server that was asked to stop.
    #[track_caller]
    pub(crate) fn wait(&mut self) -> ExitStatus {
        let mut server = self.server.take().unwrap();
        let mut status = None;
        let ended = patiently(PATIENCE, || {
            status = server.child.try_wait().unwrap();
            status.is_some()
        });
        if !ended {
            server.child.kill().unwrap();
            server.child.wait().unwrap();
            panic!("the server did not stop; it says:\n{}", server.finish());
        }
        self.past_log.push_str(&server.finish());
        status.unwrap()
    }

    /// Stops the server as an operator would.
    #[track_caller]
    pub(crate) fn stop(&mut self) {
        self.terminate();
        let status = self.wait();
        assert!(status.success(), "{status}: {}", self.log());
    }

    /// What the servers wrote to standard error so far.
    pub(crate) fn log(&self) -> String {
        let current = self.server.as_ref().map(|server| server.log.lock().unwrap().clone());
        format!("{}{}", self.past_log, current.unwrap_or_default())
    }
}

impl Drop for World {
    fn drop(&mut self) {
        if let Some(mut server) = self.server.take() {
            let _ = server.child.kill();
            let _ = server.child.wait();
            self.past_log.push_str(&server.finish());
        }
        if std::thread::panicking() {
            let lines: Vec<&str> = self.past_log.lines().collect();
            let last = lines.get(lines.len().saturating_sub(20)..).unwrap_or_default();
            eprintln!("the server said last:\n{}", last.join("\n"));
        }
    }
}

impl Process {
    /// The whole log of a process that has ended.
    fn finish(&mut self) -> String {
        if let Some(reader) = self.reader.take() {
            let _ = reader.join();
        }
        self.log.lock().map(|log| log.clone()).unwrap_or_default()
    }
}

/// Whether it comes true within the time.
#[expect(clippy::disallowed_methods, reason = "a deadline")]
pub(crate) fn patiently(time: Duration, mut it: impl FnMut() -> bool) -> bool {
    let deadline = Instant::now() + time;
    loop {
        if it() {
            return true;
        }
        if Instant::now() > deadline {
            return false;
        }
        std::thread::sleep(Duration::from_millis(10));
    }
}

/// What the command line changes, a running server sees within one second; as much again for a busy machine.
#[track_caller]
pub(crate) fn within_a_second(what: &str, it: impl FnMut() -> bool) {
    assert!(patiently(Duration::from_secs(2), it), "not within a second: {what}");
}

#[cfg(feature = "postgres")]
mod postgres {
    use diesel::{Connection as _, connection::SimpleConnection as _, pg::PgConnection};

    /// A database named as the folder of the test, which no other has; → its URL. The server is thrown away as a whole.
    pub(super) fn new_database(server: &str, folder: &std::path::Path) -> String {
        let name = format!("http{}", folder.file_name().unwrap().to_str().unwrap().replace('.', "_"));
        let mut connection = PgConnection::establish(&format!("{server}/postgres")).unwrap();
        connection.batch_execute(&format!("CREATE DATABASE \"{name}\"")).unwrap();
        format!("{server}/{name}")
    }
}

#[cfg(not(feature = "postgres"))]
mod postgres {
    pub(super) fn new_database(_: &str, _: &std::path::Path) -> String {
        panic!("build the tests with --features postgres")
    }
}
