//! What the tests need beside Rust: found, installed where that disturbs nobody, or named.

use crate::{
    postgres::{self, is_root},
    tree,
};
use std::{
    env,
    ffi::OsString,
    fmt::Write as _,
    fs,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

/// A program, how to see that it is there, and what brings it.
struct Need {
    what: &'static str,
    probe: fn() -> bool,
    /// Debian packages; empty where apt is not the way.
    debian: &'static [&'static str],
    how: &'static str,
}

const NEEDS: &[Need] = &[
    Need {
        what: "rustfmt",
        probe: || succeeds(&["cargo", "fmt", "--version"]),
        debian: &[],
        how: "rustup component add rustfmt",
    },
    Need {
        what: "clippy",
        probe: || succeeds(&["cargo", "clippy", "--version"]),
        debian: &[],
        how: "rustup component add clippy",
    },
    Need {
        what: "a C compiler (it builds SQLite)",
        probe: || succeeds(&["cc", "--version"]),
        debian: &["gcc", "libc6-dev"],
        how: "Debian, Ubuntu: apt-get install -y gcc libc6-dev; Fedora: dnf install gcc; \
              macOS: xcode-select --install",
    },
    Need {
        what: "git",
        probe: || succeeds(&["git", "--version"]),
        debian: &["git"],
        how: "install git: https://git-scm.com/downloads",
    },
    Need {
        what: "Python 3 (the client tests call the server with `requests`)",
        probe: || succeeds(&["python3", "--version"]),
        debian: &["python3", "python3-venv"],
        how: "Debian, Ubuntu: apt-get install -y python3 python3-venv; \
              others: https://www.python.org/downloads/",
    },
    Need {
        what: "zbarimg (tests read QR images as a camera does)",
        probe: || succeeds(&["zbarimg", "--version"]),
        debian: &["zbar-tools"],
        how: "Debian, Ubuntu: apt-get install -y zbar-tools; Fedora: dnf install zbar; macOS: brew install zbar",
    },
];

const POSTGRES_NEEDS: &[Need] = &[
    Need {
        what: "the server programs of PostgreSQL 15 or newer (initdb, pg_ctl, postgres)",
        probe: || postgres::programs().is_some(),
        debian: &["postgresql"],
        how: postgres::INSTALL,
    },
    Need {
        what: "libpq with its headers (the server is built with PostgreSQL)",
        // What the build asks too; Debian has a pg_config without libpq, hence the header.
        probe: || {
            let found = "pkg-config --exists libpq || test -e \"$(pg_config --includedir)/libpq-fe.h\"";
            env::var_os("PQ_LIB_DIR").is_some() || succeeds(&["sh", "-c", found])
        },
        debian: &["libpq-dev"],
        how: postgres::INSTALL,
    },
];

/// Sees to everything and answers the `PATH` to run the tests with: its `python3` has `requests`.
///
/// As root on Debian, missing packages are installed by apt. `requests` goes into a private
/// environment in the target folder unless the system's Python has it already. PostgreSQL and libpq
/// are looked for where `with_postgres` says so.
///
/// # Errors
/// What is missing, and the command that installs it.
pub fn ensure(with_postgres: bool) -> Result<OsString, String> {
    let needs = NEEDS.iter().chain(if with_postgres { POSTGRES_NEEDS } else { &[] });
    let mut missing: Vec<&Need> = needs.filter(|need| !(need.probe)()).collect();
    let packages: Vec<&str> = missing.iter().flat_map(|need| need.debian).copied().collect();
    if !packages.is_empty() && is_root() && succeeds(&["apt-get", "--version"]) {
        apt_install(&packages);
        missing.retain(|need| !(need.probe)());
    }
    if !missing.is_empty() {
        let mut said = String::from("these are missing:\n");
        for need in missing {
            let _ = writeln!(said, "  {}\n      {}", need.what, need.how);
        }
        if with_postgres {
            said.push_str("or without PostgreSQL and libpq: cargo xtask test --no-postgres\n");
        }
        return Err(said);
    }
    with_requests()
}

/// `PATH`, with the private environment in front where it is needed.
fn with_requests() -> Result<OsString, String> {
    const IMPORT: [&str; 2] = ["-c", "import requests; print('requests', requests.__version__)"];
    if succeeds(&["python3", IMPORT[0], IMPORT[1]]) {
        return Ok(env::var_os("PATH").unwrap_or_default());
    }
    let folder = tree::target_folder().join("python");
    let programs = folder.join(if cfg!(windows) { "Scripts" } else { "bin" });
    let python = programs.join("python3");
    if !runs(Command::new(&python).args(IMPORT).stdout(Stdio::null())) {
        create_environment(&folder, &python)?;
    }
    postgres::with_front(&programs)
}

fn create_environment(folder: &Path, python: &PathBuf) -> Result<(), String> {
    println!("requests is not there: a private Python environment in {}", folder.display());
    let create = || runs(Command::new("python3").args(["-m", "venv", "--clear"]).arg(folder));
    // Debian's Python comes without its venv module.
    let created = create() || (is_root() && apt_install(&["python3", "python3-venv"]) && create());
    if !created {
        return Err("python3 -m venv failed; Debian, Ubuntu: apt-get install -y python3-venv".to_owned());
    }
    let pip = ["-m", "pip", "install", "--quiet", "--disable-pip-version-check", "requests"];
    if runs(Command::new(python).args(pip)) {
        return Ok(());
    }
    Err("pip install requests failed: it needs PyPI or a mirror of it (PIP_INDEX_URL); or install \
         it for the system's Python: apt-get install -y python3-requests"
        .to_owned())
}

fn apt_install(packages: &[&str]) -> bool {
    println!("apt-get install -y {}", packages.join(" "));
    let install = || {
        let mut apt = Command::new("apt-get");
        apt.args(["install", "-y", "-q", "--no-install-recommends"]).args(packages);
        runs(apt.env("DEBIAN_FRONTEND", "noninteractive"))
    };
    let _without = packages.contains(&"postgresql").then(WithoutMainCluster::say);
    install() || (runs(Command::new("apt-get").args(["update", "-q"])) && install())
}

/// While it lives, Debian's package of PostgreSQL makes and starts no cluster of its own.
struct WithoutMainCluster;

impl WithoutMainCluster {
    const FOLDER: &str = "/etc/postgresql-common/createcluster.d";
    const FILE: &str = "/etc/postgresql-common/createcluster.d/osaycore-tests.conf";

    /// Where it cannot be said, the cluster is made: it does no harm.
    fn say() -> Self {
        let _ = fs::create_dir_all(Self::FOLDER);
        let _ = fs::write(Self::FILE, "create_main_cluster = false\n");
        Self
    }
}

impl Drop for WithoutMainCluster {
    fn drop(&mut self) {
        let _ = fs::remove_file(Self::FILE);
    }
}

/// Whether the command runs and succeeds, its output unseen.
fn succeeds(command: &[&str]) -> bool {
    let Some((program, arguments)) = command.split_first() else { return false };
    runs(Command::new(program).args(arguments).stdout(Stdio::null()).stderr(Stdio::null()))
}

fn runs(command: &mut Command) -> bool {
    command.status().is_ok_and(|status| status.success())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_missing_program_is_noticed() {
        assert!(succeeds(&["git", "--version"]));
        assert!(!succeeds(&["git", "no-such-verb"]));
        assert!(!succeeds(&["no-such-program-at-all"]));
    }
}
