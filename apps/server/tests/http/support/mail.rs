//! A mail server that keeps what it is given: `clients/mail_sink.py`.

use std::io::{BufRead as _, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Stdio};
use std::time::Duration;

use serde::Deserialize;
use tempfile::TempDir;

use super::patiently;
use super::programs::python;

/// For a message, with its retries, on a busy machine.
const PATIENCE: Duration = Duration::from_mins(1);

pub(crate) struct Sink {
    process: Child,
    port: u16,
    folder: TempDir,
    received: usize,
}

/// A message with its encodings undone.
#[derive(Clone, Debug, Deserialize)]
pub(crate) struct Mail {
    /// Of the header, as `to` and `subject`; empty where it is missing.
    pub(crate) from: String,
    pub(crate) to: String,
    pub(crate) subject: String,
    /// The part of type `text/plain`; empty if there is none.
    pub(crate) text: String,
    /// The part of type `text/html`; empty if there is none.
    pub(crate) html: String,
    /// Of the envelope.
    pub(crate) recipients: Vec<String>,
    /// As it came.
    #[serde(skip)]
    pub(crate) raw: String,
}

impl Sink {
    #[track_caller]
    pub(crate) fn start() -> Self {
        Self::refusing_first(0)
    }

    /// Answers 451 to that many messages before it accepts one.
    #[track_caller]
    pub(crate) fn refusing_first(refusals: u32) -> Self {
        let folder = TempDir::new().unwrap();
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/http/clients/mail_sink.py");
        let mut command = python("aiosmtpd");
        command.arg(script).arg(folder.path()).arg(refusals.to_string());
        let mut process = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
        let mut line = String::new();
        BufReader::new(process.stdout.take().unwrap()).read_line(&mut line).unwrap();
        let Ok(port) = line.trim().parse() else {
            let _ = process.kill();
            panic!("the mail server did not start, it said {line:?}");
        };
        Self { process, port, folder, received: 0 }
    }

    /// Of 127.0.0.1, without encryption and authentication.
    pub(crate) fn port(&self) -> u16 {
        self.port
    }

    /// The next message in the order in which they were accepted; waits for it.
    #[track_caller]
    pub(crate) fn receive(&mut self) -> Mail {
        self.received += 1;
        let decoded = self.file("json");
        assert!(patiently(PATIENCE, || decoded.exists()), "message {} did not come", self.received);
        let mut mail: Mail = serde_json::from_slice(&std::fs::read(decoded).unwrap()).unwrap();
        mail.raw = String::from_utf8_lossy(&std::fs::read(self.file("eml")).unwrap()).into_owned();
        mail
    }

    /// How many it has accepted so far.
    pub(crate) fn accepted(&self) -> usize {
        let names = std::fs::read_dir(self.folder.path()).unwrap().map(|entry| entry.unwrap().path());
        names.filter(|path| path.extension().is_some_and(|extension| extension == "json")).count()
    }

    fn file(&self, extension: &str) -> PathBuf {
        self.folder.path().join(format!("{}.{extension}", self.received))
    }
}

impl Drop for Sink {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

impl Mail {
    /// The first link of the plain text.
    #[track_caller]
    pub(crate) fn link(&self) -> &str {
        let mut words = self.text.split_whitespace();
        match words.find(|word| word.starts_with("http://") || word.starts_with("https://")) {
            Some(link) => link,
            None => panic!("no link in {:?}", self.text),
        }
    }
}
