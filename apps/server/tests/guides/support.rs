//! A server as the guides have it, and the files of the examples.

use std::io::{BufRead as _, BufReader};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::Value;
use tempfile::TempDir;

/// What a program finds in its environment.
pub(crate) type Variables = Vec<(&'static str, String)>;

/// The folder of an example.
pub(crate) fn example(folder: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../examples").join(folder)
}

/// The files of an example, those of its folders too: name and text.
pub(crate) fn code_files(folder: &str) -> Vec<(String, String)> {
    let mut files = vec![];
    let mut folders = vec![example(folder)];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else {
                let name = path.file_name().unwrap().to_str().unwrap().to_owned();
                files.push((name, std::fs::read_to_string(&path).unwrap()));
            }
        }
    }
    files
}

/// Whether the machine can run it; says so if it cannot.
pub(crate) fn runs_here(probe: &str) -> bool {
    let probed = Command::new("sh").args(["-c", probe]).stdout(Stdio::null()).stderr(Stdio::null()).status();
    let runs = probed.is_ok_and(|status| status.success());
    if !runs {
        println!("did not run: `{probe}` fails here");
    }
    runs
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
        std::thread::sleep(Duration::from_millis(50));
    }
}

/// A demo server on a database of its own; killed with the value.
pub(crate) struct Quickstart {
    process: Child,
    demo: Value,
    folder: TempDir,
}

impl Quickstart {
    pub(crate) fn start() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let (process, demo) = serve(&folder, "127.0.0.1:0");
        Self { process, demo, folder }
    }

    /// A member of what it printed, as text.
    pub(crate) fn printed(&self, name: &str) -> String {
        let value = &self.demo[name];
        value.as_str().map_or_else(|| value.to_string(), str::to_owned)
    }

    /// As in `127.0.0.1:40417`.
    pub(crate) fn address(&self) -> String {
        self.printed("base_url").replace("http://", "")
    }

    pub(crate) fn stop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }

    /// After `stop`: the same data, keys and address.
    pub(crate) fn start_again(&mut self) {
        (self.process, self.demo) = serve(&self.folder, &self.address());
    }

    /// What a command answers with `--json`, which is run beside the server.
    pub(crate) fn command(&self, arguments: &[&str]) -> Value {
        let mut command = Command::new(env!("CARGO_BIN_EXE_osaycore"));
        command.args(arguments).arg("--json").current_dir(self.folder.path());
        let output = command.env("OSAYCORE_DATABASE_URL", "sqlite://osaycore-data/osaycore.db").output().unwrap();
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{arguments:?}: {said}");
        serde_json::from_slice(&output.stdout).unwrap_or_else(|error| panic!("{arguments:?}: {error}"))
    }

    /// A new file in the server's folder.
    pub(crate) fn write(&self, name: &str, text: &str) {
        std::fs::write(self.folder.path().join(name), text).unwrap();
    }
}

impl Drop for Quickstart {
    fn drop(&mut self) {
        self.stop();
    }
}

/// → the server and what it printed.
fn serve(folder: &TempDir, address: &str) -> (Child, Value) {
    let mut process = Command::new(env!("CARGO_BIN_EXE_osaycore"))
        .args(["quickstart", "--json", "--listen", address])
        .current_dir(folder.path())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let mut printed = String::new();
    BufReader::new(process.stdout.take().unwrap()).read_line(&mut printed).unwrap();
    (process, serde_json::from_str(&printed).unwrap_or_else(|error| panic!("quickstart: {error}: {printed}")))
}
