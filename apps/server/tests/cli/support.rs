//! Running `osaycore` in a folder of its own.

use std::path::PathBuf;
use std::process::{Command, Output, Stdio};

use serde_json::Value;
use tempfile::TempDir;

/// A folder with a database, made by the first command.
pub(crate) struct Deployment {
    folder: TempDir,
}

/// What a command said.
pub(crate) struct Answer {
    pub(crate) code: i32,
    pub(crate) out: String,
    pub(crate) err: String,
}

impl Deployment {
    pub(crate) fn new() -> Self {
        Self { folder: tempfile::tempdir().unwrap() }
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    pub(crate) fn write(&self, name: &str, text: &str) {
        std::fs::write(self.path(name), text).unwrap();
    }

    pub(crate) fn bytes(&self, name: &str) -> Vec<u8> {
        std::fs::read(self.path(name)).unwrap_or_default()
    }

    /// The command, nothing of this process's environment in it but the path.
    pub(crate) fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_osaycore"));
        command.args(arguments).current_dir(self.folder.path()).env_clear().env("USER", "tester");
        command.env("PATH", std::env::var_os("PATH").unwrap_or_default()).stdin(Stdio::null());
        command
    }

    pub(crate) fn run(&self, arguments: &[&str]) -> Answer {
        Answer::of(&self.command(arguments).output().unwrap())
    }

    /// The standard output of a command that succeeds.
    pub(crate) fn text(&self, arguments: &[&str]) -> String {
        let answer = self.run(arguments);
        assert_eq!(answer.code, 0, "{arguments:?}: {}", answer.err);
        answer.out
    }

    /// The one JSON value that a command prints with `--json`, and nothing else.
    pub(crate) fn json(&self, arguments: &[&str]) -> Value {
        let out = self.text(&[arguments, &["--json"]].concat());
        serde_json::from_str(&out).unwrap_or_else(|error| panic!("{arguments:?}: {error}: {out}"))
    }

    /// Standard error of a command that fails with this code and prints no answer.
    pub(crate) fn refused(&self, arguments: &[&str], code: i32) -> String {
        let answer = self.run(arguments);
        assert_eq!(answer.code, code, "{arguments:?}: {}{}", answer.out, answer.err);
        assert_eq!(answer.out, "", "{arguments:?}");
        assert!(answer.err.contains("error"), "{arguments:?}: {}", answer.err);
        answer.err
    }

    pub(crate) fn app(&self, name: &str) -> Value {
        self.json(&["app", "create", "--name", name])
    }

    /// → the UUID.
    pub(crate) fn user(&self, username: &str) -> String {
        text(&self.json(&["user", "create", "--username", username]), "user_id")
    }
}

impl Answer {
    fn of(output: &Output) -> Self {
        let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
        Self { code: output.status.code().unwrap(), out: text(&output.stdout), err: text(&output.stderr) }
    }
}

/// A member that is text.
pub(crate) fn text(value: &Value, member: &str) -> String {
    value[member].as_str().unwrap_or_else(|| panic!("no text {member} in {value}")).to_owned()
}

/// The names of an object's members, sorted.
pub(crate) fn members(value: &Value) -> Vec<&str> {
    value.as_object().unwrap().keys().map(String::as_str).collect()
}

pub(crate) fn contains(haystack: &[u8], needle: &str) -> bool {
    haystack.windows(needle.len()).any(|window| window == needle.as_bytes())
}
