//! The real `osaycore`: built, set up by its own command line, started, watched and stopped.

use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::io::{BufRead as _, BufReader};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStderr, Command, Stdio};
use std::time::Duration;

use anyhow::Context as _;

use crate::postgres;

/// Of every server on PostgreSQL; it guards nothing.
const MASTER_KEY: &str = "0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b";

/// The release build of the server, up to date; with PostgreSQL where that is measured.
pub(crate) fn build(with_postgres: bool) -> anyhow::Result<PathBuf> {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let mut command = Command::new(cargo);
    command.args(["build", "--release", "--package", "osaycore-server"]);
    if with_postgres {
        command.args(["--features", "osaycore-server/postgres"]);
    }
    let status = command.status().context("cargo did not start; name a server with --server FILE")?;
    let hint = if with_postgres { ": with PostgreSQL it needs libpq; without: --no-postgres" } else { "" };
    anyhow::ensure!(status.success(), "the server does not build{hint}");
    let name = format!("osaycore{}", std::env::consts::EXE_SUFFIX);
    // `cargo run --release` has put this program there too.
    let path = std::env::current_exe()?.with_file_name(name);
    anyhow::ensure!(path.exists(), "{} is not there; run this by `cargo xtask bench`", path.display());
    Ok(path)
}

/// Which database a server has.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Engine {
    Sqlite,
    Postgres,
}

impl Engine {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Sqlite => "SQLite",
            Self::Postgres => "PostgreSQL",
        }
    }
}

/// Where a server's data is.
#[derive(Clone, Debug)]
pub(crate) enum Database {
    /// A file.
    Sqlite(PathBuf),
    /// Of the private cluster.
    Postgres(postgres::Database),
}

/// A binary, its folder and its database.
#[derive(Clone, Debug)]
pub(crate) struct Installation {
    binary: PathBuf,
    folder: PathBuf,
    database: Database,
    /// More arguments of `serve`.
    arguments: Vec<String>,
}

impl Installation {
    /// Migrates the database, which is its own.
    pub(crate) fn create(binary: PathBuf, folder: PathBuf, database: Database) -> anyhow::Result<Self> {
        std::fs::create_dir_all(&folder)?;
        let made = Self { binary, folder, database, arguments: Vec::new() };
        made.run(["migrate"])?;
        Ok(made)
    }

    /// The same, served with more arguments.
    pub(crate) fn with<A: Into<String>>(self, arguments: impl IntoIterator<Item = A>) -> Self {
        Self { arguments: arguments.into_iter().map(Into::into).collect(), ..self }
    }

    pub(crate) fn folder(&self) -> &Path {
        &self.folder
    }

    pub(crate) fn database(&self) -> &Database {
        &self.database
    }

    /// Runs a command of `osaycore`; → its standard output.
    pub(crate) fn run<A: AsRef<OsStr>>(&self, arguments: impl IntoIterator<Item = A>) -> anyhow::Result<Vec<u8>> {
        let mut command = self.command();
        let output = command.args(arguments).output().with_context(|| self.binary.display().to_string())?;
        anyhow::ensure!(output.status.success(), "{command:?}: {}", String::from_utf8_lossy(&output.stderr));
        Ok(output.stdout)
    }

    /// Serves on a free port. One client address sends the load of all: the limit per address is out of its way.
    pub(crate) fn serve(&self) -> anyhow::Result<Process> {
        let mut command = self.command();
        command.args(["serve", "--listen", "127.0.0.1:0", "--address-requests-per-second", "10000000"]);
        command.args(&self.arguments);
        Process::start(command)
    }

    /// With nothing of the caller's environment that would configure it.
    fn command(&self) -> Command {
        let mut command = Command::new(&self.binary);
        for (name, _) in std::env::vars_os() {
            if name.to_string_lossy().starts_with("OSAYCORE_") {
                command.env_remove(name);
            }
        }
        let url = match &self.database {
            Database::Sqlite(file) => format!("sqlite://{}", file.display()),
            Database::Postgres(database) => {
                // A file's key is beside the file.
                command.env("OSAYCORE_MASTER_KEY", MASTER_KEY);
                database.url.clone()
            }
        };
        command.arg("--database-url").arg(url).current_dir(&self.folder);
        command
    }
}

/// A server that runs, ours or a reference: it says `listening on http://ADDRESS` on standard error.
#[derive(Debug)]
pub(crate) struct Process {
    child: Child,
    pub(crate) address: SocketAddr,
}

/// What a process keeps in memory, in KiB.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Memory {
    pub(crate) resident_kib: u32,
    /// The most since it started.
    pub(crate) peak_kib: u32,
}

impl Process {
    /// Starts it and waits until it listens.
    pub(crate) fn start(mut command: Command) -> anyhow::Result<Self> {
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped());
        let mut child = command.spawn().with_context(|| format!("{command:?}"))?;
        let errors = child.stderr.take().context("no standard error")?;
        match listening(errors) {
            Ok(address) => Ok(Self { child, address }),
            Err(said) => {
                // It may have ended by itself.
                let _ = child.kill();
                let _ = child.wait();
                anyhow::bail!("{command:?} does not listen: {said}")
            }
        }
    }

    /// As Linux counts it.
    pub(crate) fn memory(&self) -> anyhow::Result<Memory> {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.child.id()))?;
        Ok(Memory { resident_kib: kib(&status, "VmRSS:")?, peak_kib: kib(&status, "VmHWM:")? })
    }

    /// The processor time of its threads so far, by their names; threads of one name together. Of Linux's scheduler,
    /// so to the nanosecond.
    pub(crate) fn cpu(&self) -> anyhow::Result<BTreeMap<String, Duration>> {
        let mut by_name: BTreeMap<String, Duration> = BTreeMap::new();
        for thread in std::fs::read_dir(format!("/proc/{}/task", self.child.id()))? {
            let folder = thread?.path();
            let name = std::fs::read_to_string(folder.join("comm"))?.trim().to_owned();
            let spent = std::fs::read_to_string(folder.join("schedstat"))?;
            let spent = spent.split(' ').next().context("an empty schedstat")?.parse()?;
            let sum = by_name.entry(name).or_default();
            *sum = sum.saturating_add(Duration::from_nanos(spent));
        }
        Ok(by_name)
    }

    /// Asks it to stop, and waits until it has.
    pub(crate) fn stop(mut self) -> anyhow::Result<()> {
        let asked = Command::new("kill").args(["-TERM", &self.child.id().to_string()]).status()?;
        anyhow::ensure!(asked.success(), "the server could not be asked to stop");
        self.child.wait()?;
        Ok(())
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // After `stop` there is nothing left to end.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Reads up to the line that tells the address; the rest is read and dropped, so that the pipe never fills. An error
/// is what was said instead.
fn listening(errors: ChildStderr) -> Result<SocketAddr, String> {
    let mut lines = BufReader::new(errors).lines().map_while(Result::ok);
    let mut said = Vec::new();
    for line in lines.by_ref() {
        if let Some(address) = line.strip_prefix("listening on http://").and_then(|address| address.parse().ok()) {
            std::thread::spawn(move || lines.for_each(drop));
            return Ok(address);
        }
        said.push(line);
    }
    Err(said.join("\n"))
}

fn kib(status: &str, name: &str) -> anyhow::Result<u32> {
    let line = status.lines().find_map(|line| line.strip_prefix(name)).with_context(|| format!("no {name}"))?;
    Ok(line.trim().trim_end_matches(" kB").parse()?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn memory_is_read_from_the_status() {
        let status = "Name:\tx\nVmHWM:\t  12345 kB\nVmRSS:\t    678 kB\n";
        assert_eq!(kib(status, "VmHWM:").unwrap(), 12_345);
        assert_eq!(kib(status, "VmRSS:").unwrap(), 678);
        assert!(kib(status, "VmSwap:").is_err());
    }
}
