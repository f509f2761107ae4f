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
    path::Path,
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
        what: "Python 3 (client tests call the server with `requests`; `aiosmtpd` takes its mail)",
        probe: || succeeds(&["python3", "--version"]),
        debian: &["python3", "python3-venv"],
        how: "Debian, Ubuntu: apt-get install -y python3 python3-venv; \
              others: https://www.python.org/downloads/",
    },
    Need {
        what: "Node.js and npm (they drive the browser)",
        probe: || succeeds(&["node", "--version"]) && succeeds(&["npm", "--version"]),
        debian: &["nodejs", "npm"],
        how: "Debian 13, Ubuntu 25.10: apt-get install -y nodejs npm; others: https://nodejs.org/",
    },
    Need {
        what: "Node.js 20 or newer",
        probe: || succeeds(&["node", "-e", "process.exit(parseInt(process.versions.node) < 20 ? 1 : 0)"]),
        debian: &[],
        how: "https://nodejs.org/ (Debian 12 and Ubuntu 24.04 have 18)",
    },
    Need {
        what: "Chromium (pages are tried in it)",
        probe: || {
            let named = env::var("OSAYCORE_TEST_CHROMIUM");
            named.iter().map(String::as_str).chain(CHROMIUM).any(|it| succeeds(&[it, "--version"]))
        },
        // Without a font its screenshots have no letters.
        debian: &["chromium", "fonts-dejavu-core"],
        how: "Debian: apt-get install -y chromium fonts-dejavu-core; Fedora: dnf install chromium; \
              or name one: OSAYCORE_TEST_CHROMIUM=<program>",
    },
    Need {
        what: "zbarimg (it reads QR codes)",
        probe: || succeeds(&["zbarimg", "--version"]),
        debian: &["zbar-tools"],
        how: "Debian, Ubuntu: apt-get install -y zbar-tools; Fedora: dnf install zbar; macOS: brew install zbar",
    },
    Need {
        what: "oathtool (the authenticator app of the tests)",
        probe: || succeeds(&["oathtool", "--version"]),
        debian: &["oathtool"],
        how: "Debian, Ubuntu: apt-get install -y oathtool; Fedora: dnf install oathtool; \
              macOS: brew install oath-toolkit",
    },
];

/// What is tried where it is. It is installed as the others are, and the tests do without it where that does not go.
const WELCOME: &[Need] = &[
    Need {
        what: "PHP with curl (clients and a backend in PHP are tried)",
        probe: || succeeds(&["php", "-r", "exit(function_exists('curl_init') ? 0 : 1);"]),
        debian: &["php-cli", "php-curl"],
        how: "Debian, Ubuntu: apt-get install -y php-cli php-curl; Fedora: dnf install php-cli; macOS: brew install php",
    },
    Need {
        what: "Laravel as Debian has it (the guide's files for it are tried)",
        probe: || succeeds(&["php", "-r", "exit(stream_resolve_include_path('Illuminate/autoload.php') ? 0 : 1);"]),
        debian: &["php-laravel-framework"],
        how: "Debian, Ubuntu: apt-get install -y php-laravel-framework",
    },
];

/// What Chromium is called; `apps/server/tests/browser/chromium.mjs` looks for the same.
const CHROMIUM: [&str; 2] = ["chromium", "chromium-browser"];

/// Of Python: the modules, and the packages that bring them.
const PYTHON_PACKAGES: [(&str, &str); 10] = [
    ("requests", "requests"),
    ("aiosmtpd", "aiosmtpd"),
    ("flask", "flask"),
    ("django", "django"),
    ("jwt", "pyjwt"),
    ("cryptography", "cryptography"),
    ("openfeature", "openfeature-sdk"),
    ("openfeature.contrib.provider.ofrep", "openfeature-provider-ofrep"),
    ("openapi_spec_validator", "openapi-spec-validator==0.9.0"),
    // Another version draws other requests from the same seed.
    ("schemathesis", "schemathesis==4.32.5"),
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

/// Sees to everything and answers the variables to run the tests with: a `PATH` whose `python3` has
/// the packages, and where those of Node.js are.
///
/// As root on Debian, missing programs are installed by apt. Packages of Python go into a private
/// environment in the target folder unless the system's Python has them all, those of npm always.
/// PostgreSQL and libpq are looked for where `with_postgres` says so.
///
/// # Errors
/// What is missing, and the command that installs it.
pub fn ensure(with_postgres: bool) -> Result<Vec<(&'static str, OsString)>, String> {
    let needs = NEEDS.iter().chain(if with_postgres { POSTGRES_NEEDS } else { &[] });
    let mut missing: Vec<&Need> = needs.filter(|need| !(need.probe)()).collect();
    if is_root() && succeeds(&["apt-get", "--version"]) {
        let welcome = WELCOME.iter().filter(|need| !(need.probe)());
        for need in missing.iter().copied().chain(welcome).filter(|need| !need.debian.is_empty()) {
            apt_install(need.debian);
        }
        missing.retain(|need| !(need.probe)());
    }
    for need in WELCOME.iter().filter(|need| !(need.probe)()) {
        println!("without {}: {}", need.what, need.how);
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
    let modules = node_modules()?;
    let unleash = Path::new(&modules).join("@unleash/client-specification");
    Ok(vec![
        ("PATH", with_python_packages()?),
        ("OSAYCORE_TEST_NODE_MODULES", modules),
        ("OSAYCORE_UNLEASH_SPECIFICATION", unleash.into()),
    ])
}

/// `PATH`, with the private environment in front where it is needed.
fn with_python_packages() -> Result<OsString, String> {
    let import = format!("import {}", PYTHON_PACKAGES.map(|(module, _)| module).join(", "));
    let has_packages = |python: &Path| {
        let mut command = Command::new(python);
        runs(command.args(["-c", &import]).stderr(Stdio::null()))
    };
    if has_packages(Path::new("python3")) {
        return Ok(env::var_os("PATH").unwrap_or_default());
    }
    let folder = tree::target_folder().join("python");
    let programs = folder.join(if cfg!(windows) { "Scripts" } else { "bin" });
    let python = programs.join("python3");
    // One that was made for a shorter list is made again.
    if !has_packages(&python) {
        create_environment(&folder, &python)?;
    }
    postgres::with_front(&programs)
}

fn create_environment(folder: &Path, python: &Path) -> Result<(), String> {
    let packages = PYTHON_PACKAGES.map(|(_, package)| package);
    let named = packages.join(" ");
    println!("{named}: a private Python environment in {}", folder.display());
    let create = || runs(Command::new("python3").args(["-m", "venv", "--clear"]).arg(folder));
    // Debian's Python comes without its venv module.
    let created = create() || (is_root() && apt_install(&["python3", "python3-venv"]) && create());
    if !created {
        return Err("python3 -m venv failed; Debian, Ubuntu: apt-get install -y python3-venv".to_owned());
    }
    let pip = ["-m", "pip", "install", "--quiet", "--disable-pip-version-check"];
    if runs(Command::new(python).args(pip).args(packages)) {
        return Ok(());
    }
    Err(format!(
        "pip install {named} failed: it needs PyPI or a mirror of it (PIP_INDEX_URL); or install \
         them for the system's Python: apt-get install -y python3-requests python3-aiosmtpd"
    ))
}

/// The folder of the npm packages that the tests name, in the versions of their lock file.
fn node_modules() -> Result<OsString, String> {
    let named = tree::root().join("apps/server/tests/browser");
    let folder = tree::target_folder().join("browser");
    let modules = folder.join("node_modules");
    let manifests = ["package.json", "package-lock.json"];
    let same = |name: &&str| fs::read(named.join(name)).ok() == fs::read(folder.join(name)).ok();
    // npm writes this file last.
    if manifests.iter().all(same) && modules.join(".package-lock.json").exists() {
        return Ok(modules.into());
    }
    println!("npm ci in {}", folder.display());
    let _ = fs::remove_dir_all(&modules);
    fs::create_dir_all(&folder).map_err(|error| format!("{}: {error}", folder.display()))?;
    for name in manifests {
        fs::copy(named.join(name), folder.join(name)).map_err(|error| format!("{name}: {error}"))?;
    }
    let npm = ["ci", "--ignore-scripts", "--no-audit", "--no-fund"];
    if runs(Command::new("npm").args(npm).current_dir(&folder)) {
        return Ok(modules.into());
    }
    Err("npm ci failed: it needs the npm registry or a mirror of it (npm_config_registry)".to_owned())
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
