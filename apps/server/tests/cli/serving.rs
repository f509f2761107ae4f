//! `serve` and `quickstart`: what they print, and what other commands may do meanwhile.

use std::fmt::Write as _;
use std::io::{BufRead as _, BufReader, Lines, Read as _};
use std::process::{Child, ChildStderr, Command, Stdio};
use std::sync::mpsc;
use std::time::Duration;

use crate::support::{Deployment, text};

/// A running server; stopped with the value.
struct Server {
    child: Child,
    address: String,
}

impl Server {
    fn start(deployment: &Deployment, arguments: &[&str]) -> Self {
        let (server, lines) = Self::start_and_read(deployment, arguments);
        std::thread::spawn(move || lines.for_each(drop));
        server
    }

    /// Starts and waits for the line that says where it listens; → with what else it says.
    fn start_and_read(deployment: &Deployment, arguments: &[&str]) -> (Self, Lines<BufReader<ChildStderr>>) {
        let mut command = deployment.command(&[arguments, &["--listen", "127.0.0.1:0"]].concat());
        let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let mut lines = BufReader::new(child.stderr.take().unwrap()).lines();
        let mut said = String::new();
        let address = loop {
            let line = lines.next().unwrap_or_else(|| panic!("it ended: {said}")).unwrap();
            if let Some(address) = line.strip_prefix("listening on ") {
                break address.to_owned();
            }
            writeln!(said, "{line}").unwrap();
        };
        (Self { child, address }, lines)
    }

    /// Stops it; → what it had printed.
    fn stop(mut self) -> String {
        self.child.kill().unwrap();
        let mut printed = String::new();
        self.child.stdout.take().unwrap().read_to_string(&mut printed).unwrap();
        printed
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // Stopped already, or to be stopped: either is well.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[test]
fn commands_work_beside_a_server_but_for_restore() {
    let deployment = Deployment::new();
    let server = Server::start(&deployment, &["serve"]);
    assert!(server.address.starts_with("http://127.0.0.1:"), "{}", server.address);
    deployment.user("alice");
    deployment.text(&["backup", "copy.db"]);
    assert!(deployment.refused(&["restore", "copy.db"], 1).contains("in use"));
    deployment.text(&["key", "rotate", "master"]);
    deployment.text(&["credits", "verify"]);
    drop(server);
    deployment.text(&["restore", "copy.db"]);
}

#[test]
fn a_server_whose_log_nobody_reads_any_more_stops_when_it_is_told_to() {
    let deployment = Deployment::new();
    let (server, said) = Server::start_and_read(&deployment, &["serve"]);
    drop(said);
    let pid = server.child.id().to_string();
    assert!(Command::new("kill").args(["-TERM", &pid]).status().unwrap().success());
    let (ended, wait) = mpsc::channel();
    std::thread::spawn(move || {
        let mut server = server;
        let _ = ended.send(server.child.wait());
    });
    let status = wait.recv_timeout(Duration::from_mins(1));
    if status.is_err() {
        let _ = Command::new("kill").args(["-KILL", &pid]).status();
    }
    assert!(status.unwrap().unwrap().success());
}

#[test]
fn quickstart_makes_a_demo_once_and_prints_it_every_time() {
    let deployment = Deployment::new();
    let arguments = ["quickstart", "--data-dir", "data", "--json"];
    let printed = |server: Server| serde_json::from_str::<serde_json::Value>(&server.stop()).unwrap();
    let first = Server::start(&deployment, &arguments);
    let address = first.address.clone();
    let demo = printed(first);
    assert_eq!(text(&demo, "base_url"), address);
    assert_eq!(demo["users"].as_array().unwrap().len(), 2);
    let again = printed(Server::start(&deployment, &arguments));
    assert_eq!(text(&demo, "console_url"), format!("{address}/console"));
    assert_eq!(
        (text(&demo, "console_email").as_str(), text(&demo, "console_password").len()),
        ("owner@example.com", 23)
    );
    assert!(again.get("console_email").is_none(), "there is a login by now: {again}");
    for member in ["app_id", "api_key", "secret_key", "oasis_application_key", "oasis_api_key", "users"] {
        assert_eq!(demo[member], again[member], "{member}");
    }
    let database = ["--database-url", "sqlite://data/osaycore.db"];
    let at = |arguments: &[&str]| deployment.json(&[arguments, &database].concat());
    assert_eq!(at(&["app", "list"]).as_array().unwrap().len(), 1);
    assert_eq!(at(&["flag", "list"]).as_array().unwrap().len(), 2);
    assert_eq!(at(&["credits", "balance", "alice"])["balance"].as_f64(), Some(100.0));
    assert!(deployment.path("data/osaycore.db.key").exists() && !deployment.path("osaycore.db").exists());
}

#[test]
fn a_data_folder_wins_over_the_environment_and_is_never_ignored() {
    let deployment = Deployment::new();
    let both = ["quickstart", "--data-dir", "data", "--database-url", "sqlite://own.db"];
    let error = deployment.refused(&both, 2);
    assert!(error.contains("--data-dir and --database-url exclude each other"), "{error}");
    deployment.write("own.toml", "database_url = \"sqlite://own.db\"\n");
    let printed = Server::start(&deployment, &["quickstart", "--data-dir", "data", "--config", "own.toml"]).stop();
    let absolute = deployment.path("data/osaycore.db").canonicalize().unwrap();
    assert_eq!(
        printed.lines().last(),
        Some(format!("export OSAYCORE_DATABASE_URL=sqlite://{}", absolute.display()).as_str())
    );
    assert!(!deployment.path("own.db").exists());
    let mut command = deployment.command(&["quickstart", "--data-dir", "more", "--listen", "127.0.0.1:0"]);
    command.env("OSAYCORE_DATABASE_URL", "sqlite://own.db").stdout(Stdio::piped()).stderr(Stdio::null());
    let mut child = command.spawn().unwrap();
    let mut line = String::new();
    BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
    child.kill().unwrap();
    child.wait().unwrap();
    assert!(deployment.path("more/osaycore.db").exists() && !deployment.path("own.db").exists());
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt as _;
        let mode = std::fs::metadata(deployment.path("data")).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o700);
    }
}

#[test]
fn quickstart_leaves_a_database_with_other_apps_alone() {
    let deployment = Deployment::new();
    let database = ["--database-url", "sqlite://own.db"];
    deployment.text(&[&["app", "create", "--name", "Shop"], &database[..]].concat());
    let printed = Server::start(&deployment, &["quickstart", database[0], database[1]]).stop();
    assert!(printed.contains("app list") && !printed.contains("sk_live"), "{printed}");
    let apps = deployment.json(&[&["app", "list"], &database[..]].concat());
    assert_eq!(apps.as_array().unwrap().len(), 1);
}

#[test]
fn the_printed_shell_makes_a_first_call() {
    let there = |tool: &str| Command::new(tool).arg("--version").output().is_ok() || tool == "openssl";
    if !["bash", "curl", "openssl"].into_iter().all(there) {
        println!("did not run: needs bash, curl and openssl");
        return;
    }
    let deployment = Deployment::new();
    let mut server = Server::start(&deployment, &["quickstart", "--data-dir", "data"]);
    let mut shell = String::new();
    for line in BufReader::new(server.child.stdout.take().unwrap()).lines() {
        let line = line.unwrap();
        if line.starts_with("export OSAYCORE_BASE_URL=") || !shell.is_empty() {
            writeln!(shell, "{line}").unwrap();
        }
        if line.starts_with("call GET") {
            break;
        }
    }
    let output = Command::new("bash").args(["-c", &shell]).output().unwrap();
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(said.contains(r#""new_balance":98.50"#), "{said}{}", String::from_utf8_lossy(&output.stderr));
    assert!(said.contains(r#""new_dashboard":true"#), "{said}");
}
