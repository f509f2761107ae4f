//! Scripts of `tests/browser`, which do in Chromium what a user would.

use std::io::Write as _;
use std::path::Path;
use std::process::{Child, Stdio};
use std::time::Duration;

use serde_json::Value;

use super::patiently;
use super::programs::program;

/// For a page on a busy machine; the scripts have deadlines of their own.
const PATIENCE: Duration = Duration::from_mins(2);

/// A running script.
pub(crate) struct Script {
    name: String,
    /// None once it was waited for.
    process: Option<Child>,
}

impl Script {
    #[track_caller]
    pub(crate) fn start(name: &str, arguments: &[&str]) -> Self {
        assert!(
            std::env::var_os("OSAYCORE_TEST_NODE_MODULES").is_some(),
            "playwright-core is needed: run `cargo xtask test`, which brings it"
        );
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/browser").join(name);
        let mut command = program("node");
        command.arg(script).args(arguments);
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        Self { name: name.to_owned(), process: Some(command.spawn().unwrap()) }
    }

    /// The content of a file that the script writes; waits for it.
    #[track_caller]
    pub(crate) fn file(&mut self, path: &Path) -> Vec<u8> {
        let mut ended = false;
        patiently(PATIENCE, || {
            // In this order: it may write the file and end.
            ended = self.process.as_mut().unwrap().try_wait().unwrap().is_some();
            ended || path.exists()
        });
        match std::fs::read(path) {
            Ok(content) => content,
            Err(_) if ended => self.fail(&format!("ended without {}", path.display())),
            Err(error) => panic!("{} did not come from {}: {error}", path.display(), self.name),
        }
    }

    /// Writes a line to its standard input.
    #[track_caller]
    pub(crate) fn say(&mut self, line: &str) {
        let input = self.process.as_mut().unwrap().stdin.as_mut().unwrap();
        if let Err(error) = writeln!(input, "{line}") {
            self.fail(&format!("does not listen ({error})"));
        }
    }

    /// Waits for its end, which must be good; → the line of JSON that it prints.
    #[track_caller]
    pub(crate) fn end(mut self) -> Value {
        let said = self.wait();
        match said.lines().next().map(serde_json::from_str) {
            Some(Ok(told)) => told,
            _ => panic!("{}: {said}", self.name),
        }
    }

    #[track_caller]
    fn fail(&mut self, why: &str) -> ! {
        let said = self.wait();
        panic!("{} {why}: {said}", self.name)
    }

    /// Closes its standard input; → standard output of a good end, else everything.
    fn wait(&mut self) -> String {
        let output = self.process.take().unwrap().wait_with_output().unwrap();
        let stdout = String::from_utf8_lossy(&output.stdout);
        if output.status.success() {
            return stdout.into_owned();
        }
        format!("{}\n{stdout}{}", output.status, String::from_utf8_lossy(&output.stderr))
    }
}

impl Drop for Script {
    fn drop(&mut self) {
        if let Some(mut process) = self.process.take() {
            let _ = process.kill();
            let _ = process.wait();
        }
    }
}
