//! Programs outside of this repository that tests ask.

use std::process::{Command, Stdio};

/// `python3`, which must have the package.
#[track_caller]
pub(crate) fn python(package: &str) -> Command {
    let import = format!("import {package}");
    let found = Command::new("python3").args(["-c", &import]).output();
    assert!(
        found.is_ok_and(|found| found.status.success()),
        "python3 with the package {package} is needed: run `cargo xtask test`, which brings it"
    );
    Command::new("python3")
}

/// The program, which must be there.
#[track_caller]
pub(crate) fn program(name: &str) -> Command {
    let found = Command::new(name).arg("--version").stdin(Stdio::null()).output();
    assert!(
        found.is_ok_and(|found| found.status.success()),
        "{name} is needed: run `cargo xtask test`, which brings it"
    );
    Command::new(name)
}

/// Runs it to its end, which must be good; → standard output, without the line's end.
#[track_caller]
pub(crate) fn output(mut command: Command) -> String {
    let output = command.stdin(Stdio::null()).output().unwrap();
    let (stdout, stderr) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "{command:?}: {}: {stdout}{stderr}", output.status);
    stdout.trim_end().to_owned()
}
