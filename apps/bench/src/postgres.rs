//! PostgreSQL for the rows that need it: a private cluster on a real disk, and what its own programs do in it.

use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use anyhow::Context as _;
use osaycore_xtask::postgres::{Cluster, INSTALL, OLDEST, programs};

use crate::machine;

/// A private cluster as it comes: fsync and `synchronous_commit` on, every other setting the default.
pub(crate) struct Postgres {
    cluster: Cluster,
}

/// A database of it.
#[derive(Clone, Debug)]
pub(crate) struct Database {
    pub(crate) url: String,
    programs: PathBuf,
}

/// Says how to install what is missing.
pub(crate) fn ensure_installed() -> anyhow::Result<()> {
    let missing = |what: &str| {
        format!("{what} missing; install it ({INSTALL}), or leave its rows out: cargo xtask bench --no-postgres")
    };
    let folder = programs().with_context(|| missing(&format!("PostgreSQL {OLDEST} or newer is")))?;
    for name in ["psql", "pgbench"] {
        let there = Command::new(program(&folder, name)).arg("--version").stdout(Stdio::null()).status();
        anyhow::ensure!(there.is_ok_and(|it| it.success()), missing(&format!("PostgreSQL's {name} is")));
    }
    Ok(())
}

impl Postgres {
    /// Starts one whose data is under the first of these folders that is on a disk and that its user can reach.
    pub(crate) fn start(parents: &[PathBuf]) -> anyhow::Result<Self> {
        let mut refused = Vec::new();
        for parent in parents {
            if machine::is_memory(parent) {
                refused.push(format!("{} is in memory", parent.display()));
                continue;
            }
            match Cluster::start_in(parent) {
                Ok(cluster) => return Ok(Self { cluster }),
                Err(error) => refused.push(error),
            }
        }
        anyhow::bail!("no private PostgreSQL: {}", refused.join("; "))
    }

    /// A new database without tables.
    pub(crate) fn create_database(&self, name: &str) -> anyhow::Result<Database> {
        self.database("postgres").run(&[&format!("CREATE DATABASE \"{name}\"")])?;
        Ok(self.database(name))
    }

    fn database(&self, name: &str) -> Database {
        Database { url: format!("{}/{name}", self.cluster.url()), programs: self.cluster.programs().to_owned() }
    }
}

impl Database {
    /// Runs statements over one connection, each in a transaction of its own; → the rows of their answers, a line
    /// each, the columns parted by tabs.
    pub(crate) fn run(&self, statements: &[&str]) -> anyhow::Result<String> {
        let mut command = self.psql();
        for statement in statements {
            command.arg("--command").arg(statement);
        }
        let output = command.stdin(Stdio::null()).output().context("psql did not start")?;
        let said = String::from_utf8_lossy(&output.stderr);
        anyhow::ensure!(output.status.success(), "psql: {}: {said}", statements.join("; "));
        Ok(String::from_utf8(output.stdout)?)
    }

    /// Runs `COPY … FROM STDIN`; the rows go to its standard input.
    pub(crate) fn copy(&self, statement: &str) -> anyhow::Result<Child> {
        let mut command = self.psql();
        command.arg("--command").arg(statement).stdin(Stdio::piped()).stdout(Stdio::null());
        command.spawn().context("psql did not start")
    }

    /// `pgbench`, connected to it, with these arguments; → what it printed.
    pub(crate) fn pgbench<A: AsRef<OsStr>>(&self, arguments: impl IntoIterator<Item = A>) -> anyhow::Result<String> {
        let mut command = self.program("pgbench");
        let output = command.args(arguments).arg(&self.url).output().context("pgbench did not start")?;
        anyhow::ensure!(output.status.success(), "{command:?}: {}", String::from_utf8_lossy(&output.stderr));
        Ok(String::from_utf8(output.stdout)?)
    }

    fn psql(&self) -> Command {
        let mut command = self.program("psql");
        command.args(["--no-psqlrc", "--quiet", "--tuples-only", "--no-align", "--field-separator", "\t"]);
        command.args(["--set", "ON_ERROR_STOP=1", "--dbname", &self.url]);
        command
    }

    /// With nothing of the caller's environment that libpq would heed.
    fn program(&self, name: &str) -> Command {
        let mut command = Command::new(program(&self.programs, name));
        for (variable, _) in std::env::vars_os() {
            if variable.to_string_lossy().starts_with("PG") {
                command.env_remove(variable);
            }
        }
        command
    }
}

/// Beside the server's programs, else on the `PATH`, where some packages keep those of the client.
fn program(folder: &Path, name: &str) -> PathBuf {
    let beside = folder.join(name);
    if beside.is_file() { beside } else { PathBuf::from(name) }
}
