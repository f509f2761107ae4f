//! The private PostgreSQL goes away however its owner ends. Run where the tests have one, which is
//! where it can be started.
#![expect(clippy::unwrap_used, reason = "a test says what is wrong by panicking")]

use osaycore_xtask::postgres::Cluster;
use std::{
    env,
    io::{BufRead as _, BufReader, Read as _},
    net::TcpStream,
    path::Path,
    process::{Command, Stdio},
};

fn installed() -> bool {
    let installed = env::var_os("OSAYCORE_TEST_POSTGRES").is_some();
    if !installed {
        eprintln!("OSAYCORE_TEST_POSTGRES is not set: not run");
    }
    installed
}

fn listens(url: &str) -> bool {
    TcpStream::connect(url.trim_end().strip_prefix("postgres://postgres@").unwrap()).is_ok()
}

#[test]
fn it_lives_as_long_as_its_value() {
    if !installed() {
        return;
    }
    let cluster = Cluster::start().unwrap();
    let (url, folder) = (cluster.url().to_owned(), cluster.folder().to_owned());
    assert!(listens(&url) && folder.is_dir());
    drop(cluster);
    assert!(!listens(&url) && !folder.exists());
}

#[test]
fn it_does_not_survive_a_killed_owner() {
    if !installed() {
        return;
    }
    let mut command = Command::new(env!("CARGO_BIN_EXE_osaycore-xtask"));
    let mut owner = command.arg("postgres").stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let mut url = String::new();
    BufReader::new(owner.stdout.take().unwrap()).read_line(&mut url).unwrap();
    let mut notes = BufReader::new(owner.stderr.take().unwrap());
    let mut note = String::new();
    notes.read_line(&mut note).unwrap();
    let folder = Path::new(note.strip_prefix("in ").unwrap().split_once(';').unwrap().0);
    assert!(listens(&url) && folder.is_dir());

    owner.kill().unwrap();
    owner.wait().unwrap();
    // The keeper has the same standard error: it is at its end when the keeper is.
    notes.read_to_end(&mut Vec::new()).unwrap();
    assert!(!listens(&url) && !folder.exists());
}
