//! `cargo xtask test`: the steps, in the order in which they fail soonest.

use crate::{gate, postgres::Cluster, prerequisites, rules, tree::Tree};
use std::{
    env,
    ffi::OsString,
    io::{BufRead as _, BufReader},
    path::{Path, PathBuf},
    process::{Command, Stdio},
    time::Instant,
};

/// How much is run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Extent {
    /// Clippy and the documentation too; `--quick` leaves them out.
    pub lints: bool,
    /// On PostgreSQL too, a private one; `--no-postgres` leaves it out, and libpq with it.
    pub postgres: bool,
}

impl Extent {
    /// From the options behind `test`; `None` where one of them is unknown.
    pub fn parse(options: &[String]) -> Option<Self> {
        let mut extent = Self { lints: true, postgres: true };
        for option in options {
            match option.as_str() {
                "--quick" => extent.lints = false,
                "--no-postgres" => extent.postgres = false,
                _ => return None,
            }
        }
        Some(extent)
    }
}

/// The cargo that runs this program, else the one on the `PATH`.
pub fn cargo() -> OsString {
    env::var_os("CARGO").unwrap_or_else(|| "cargo".into())
}

/// Runs the steps, stops at the first that fails and prints what to do next; answers whether all
/// passed. The last line printed is `N passed, N failed`.
///
/// # Errors
/// The repository cannot be read, or `OSAYCORE_VECTORS` names no folder.
pub fn run(extent: Extent) -> Result<bool, String> {
    let mut suite = Suite::new(extent)?;
    let outcome = suite.steps();
    println!("\n== summary");
    for (title, seconds) in &suite.durations {
        println!("{seconds:>5} s  {title}");
    }
    if let Err(why) = &outcome {
        println!("\nfailed: {why}");
    }
    if !extent.postgres {
        println!("\nnot run: the tests on PostgreSQL (--no-postgres)");
    }
    let Tally { passed, failed } = suite.tally;
    // A step without tests of its own counts as one failure: the line must not look green.
    println!("\n{passed} passed, {} failed", failed.max(usize::from(outcome.is_err())));
    Ok(outcome.is_ok())
}

struct Suite {
    extent: Extent,
    tree: Tree,
    /// Which lead the tests to what they need beside Rust.
    variables: Vec<(&'static str, OsString)>,
    vectors: Option<PathBuf>,
    /// `--features crate/contract,…`: the same for all steps, so that nothing is built twice.
    features: Vec<String>,
    /// Stopped and removed with the suite.
    cluster: Option<Cluster>,
    durations: Vec<(&'static str, u64)>,
    tally: Tally,
}

impl Suite {
    fn new(extent: Extent) -> Result<Self, String> {
        let tree = Tree::read()?;
        let features = features(&tree, extent.postgres);
        let vectors = vectors()?;
        let (variables, durations) = (Vec::new(), Vec::new());
        let cluster = None;
        Ok(Self { extent, tree, variables, vectors, features, cluster, durations, tally: Tally::default() })
    }

    fn steps(&mut self) -> Result<(), String> {
        self.step("prerequisites", "install what is named above", |suite| {
            suite.variables = prerequisites::ensure(suite.extent.postgres)?;
            match &suite.vectors {
                Some(folder) => println!("test vectors: {}", folder.display()),
                None => {
                    println!("OSAYCORE_VECTORS is not set: tests that read vectors will say so");
                }
            }
            Ok(())
        })?;
        self.step("format", "run `cargo fmt --all`", |suite| suite.cargo(&["fmt", "--all", "--check"]))?;
        self.step("architecture", "the rules are explained in docs/architecture.md", |suite| {
            match rules::report(&suite.tree) {
                0 => Ok(()),
                findings => Err(format!("{findings} findings")),
            }
        })?;
        self.step("no_std gate", "find what links std: `cargo tree -p <crate> -e normal`", |suite| {
            gate::run(&suite.tree)
        })?;
        self.step("licences, bans, sources", "see deny.toml", |suite| {
            if suite.cargo_command(&["deny", "--version"]).output().is_ok_and(|it| it.status.success()) {
                suite.cargo(&["deny", "--offline", "check", "licenses", "bans", "sources"])
            } else {
                println!("cargo-deny is not installed (`cargo install --locked cargo-deny`): its");
                println!("rules were tried by the architecture step, from the same deny.toml");
                Ok(())
            }
        })?;
        if self.extent.postgres {
            self.step("PostgreSQL", "mend it, or leave it out: --no-postgres", |suite| {
                let cluster = Cluster::start()?;
                println!("a private one, removed in the end: {}", cluster.url());
                suite.cluster = Some(cluster);
                Ok(())
            })?;
        }
        if self.extent.lints {
            self.step("clippy", "mend it, or #[expect(…, reason = \"…\")]", |suite| {
                let lint = ["clippy", "--workspace", "--all-targets"];
                suite.cargo_with_features(&lint, &["--", "-D", "warnings"])
            })?;
            self.step("documentation", "mend the links and examples above", |suite| {
                suite.cargo_with_features(&["doc", "--workspace", "--no-deps"], &[])
            })?;
        }
        self.step("tests", "run one alone: `cargo test -p <package> <name>`", |suite| {
            let mut command = suite.cargo_command(&["test", "--workspace"]);
            command.args(&suite.features);
            suite.tally.count(command)
        })?;
        if self.extent.postgres {
            self.step("HTTP tests on PostgreSQL", "the same tests with OSAYCORE_TEST_DATABASE=postgres", |suite| {
                let mut command = suite.cargo_command(&["test", "--workspace", "--test", "http"]);
                command.args(&suite.features).env("OSAYCORE_TEST_DATABASE", "postgres");
                suite.tally.count(command)
            })?;
        }
        self.step("examples", "run `cargo test` in the folder named above", |suite| {
            for folder in examples(&suite.tree) {
                println!("{folder}");
                let folder = suite.tree.root.join(folder);
                let mut command = suite.cargo_command(&["test"]);
                let target = crate::tree::target_folder().join("examples");
                command.current_dir(folder).env("CARGO_TARGET_DIR", target);
                suite.tally.count(command)?;
            }
            Ok(())
        })
    }

    /// Prints the heading, runs the step, keeps its time; a failure says what to do `next`.
    #[expect(clippy::disallowed_methods, reason = "steps are timed for the summary only")]
    fn step(
        &mut self,
        title: &'static str,
        next: &str,
        work: impl FnOnce(&mut Self) -> Result<(), String>,
    ) -> Result<(), String> {
        println!("\n== {title}");
        let started = Instant::now();
        let outcome = work(self);
        self.durations.push((title, started.elapsed().as_secs()));
        outcome.map_err(|why| format!("{title}: {}\nnext: {next}", why.trim_end()))
    }

    fn cargo(&self, arguments: &[&str]) -> Result<(), String> {
        succeed(self.cargo_command(arguments))
    }

    fn cargo_with_features(&self, arguments: &[&str], rest: &[&str]) -> Result<(), String> {
        let mut command = self.cargo_command(arguments);
        command.args(&self.features).args(rest).env("RUSTDOCFLAGS", "-D warnings");
        succeed(command)
    }

    fn cargo_command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(cargo());
        command.args(arguments).current_dir(&self.tree.root).envs(self.variables.iter().cloned());
        if let Some(folder) = &self.vectors {
            command.env("OSAYCORE_VECTORS", folder);
        }
        // Nobody else's: without the feature the tests could not reach it.
        match &self.cluster {
            Some(cluster) => command.env("OSAYCORE_TEST_POSTGRES", cluster.url()),
            None => command.env_remove("OSAYCORE_TEST_POSTGRES"),
        };
        command
    }
}

fn succeed(mut command: Command) -> Result<(), String> {
    println!("{}", line(&command));
    let status = command.status().map_err(|error| format!("cargo did not start: {error}"))?;
    if status.success() { Ok(()) } else { Err(format!("cargo ended with {status}")) }
}

/// The command as one would type it.
fn line(command: &Command) -> String {
    let arguments = command.get_args().map(|argument| argument.to_string_lossy());
    arguments.fold("cargo".to_owned(), |line, argument| format!("{line} {argument}"))
}

/// The folder of test vectors, absolute: tests run in the folders of their packages.
fn vectors() -> Result<Option<PathBuf>, String> {
    let Some(named) = env::var_os("OSAYCORE_VECTORS").filter(|it| !it.is_empty()) else {
        return Ok(None);
    };
    Path::new(&named)
        .canonicalize()
        .map(Some)
        .map_err(|error| format!("OSAYCORE_VECTORS: {}: {error}", named.display()))
}

/// The contract suites of the domain crates, of those that have one, and the server's PostgreSQL.
fn features(tree: &Tree, postgres: bool) -> Vec<String> {
    let with_suite = |name: &&str| {
        let manifest = format!("crates/{name}/Cargo.toml");
        let file = tree.files.iter().find(|file| file.path == manifest);
        file.is_some_and(|file| file.text.lines().any(|line| line.starts_with("contract = ")))
    };
    let names = tree.domain_crates().into_iter().filter(with_suite);
    let suites = names.map(|name| format!("osaycore-{name}/contract"));
    let features: Vec<String> = suites.chain(postgres.then(|| "osaycore-server/postgres".to_owned())).collect();
    if features.is_empty() {
        return Vec::new();
    }
    vec!["--features".to_owned(), features.join(",")]
}

/// The folders of the example packages: outside the workspace, as an embedder's would be.
fn examples(tree: &Tree) -> Vec<&str> {
    tree.files
        .iter()
        .filter(|file| file.path.starts_with("examples/"))
        .filter_map(|file| file.path.strip_suffix("/Cargo.toml"))
        .collect()
}

/// Tests that passed and failed, over all test programs.
#[derive(Debug, Default, PartialEq, Eq)]
struct Tally {
    passed: usize,
    failed: usize,
}

impl Tally {
    /// Runs `cargo test`, shows its output as it comes and adds up its closing lines.
    fn count(&mut self, mut command: Command) -> Result<(), String> {
        println!("{}", line(&command));
        let started = command.stdout(Stdio::piped()).spawn();
        let mut child = started.map_err(|error| format!("cargo did not start: {error}"))?;
        if let Some(output) = child.stdout.take() {
            for line in BufReader::new(output).split(b'\n') {
                let line = line.map_err(|error| format!("the output of cargo: {error}"))?;
                let line = String::from_utf8_lossy(&line);
                println!("{line}");
                self.add(&line);
            }
        }
        let status = child.wait().map_err(|error| format!("cargo: {error}"))?;
        if status.success() { Ok(()) } else { Err(format!("cargo ended with {status}")) }
    }

    /// `test result: ok. 3 passed; 0 failed; …`
    fn add(&mut self, line: &str) {
        let Some(result) = line.strip_prefix("test result: ") else { return };
        let mut words = result.split([' ', ';']).filter(|word| !word.is_empty()).peekable();
        while let Some(word) = words.next() {
            let Ok(number) = word.parse::<usize>() else { continue };
            match words.peek() {
                Some(&"passed") => self.passed = self.passed.saturating_add(number),
                Some(&"failed") => self.failed = self.failed.saturating_add(number),
                _ => {}
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tree::File;

    #[test]
    fn closing_lines_are_added_up() {
        let mut tally = Tally::default();
        for line in [
            "running 3 tests",
            "test result: ok. 3 passed; 0 failed; 1 ignored; 0 measured; 2 filtered out; finished",
            "test result: FAILED. 4 passed; 2 failed; 0 ignored; 0 measured; 0 filtered out;",
            "7 passed",
        ] {
            tally.add(line);
        }
        assert_eq!(tally, Tally { passed: 7, failed: 2 });
    }

    #[test]
    fn options_are_read_in_any_order() {
        let parse = |options: &[&str]| Extent::parse(&options.iter().map(ToString::to_string).collect::<Vec<_>>());
        let extent = |lints, postgres| Some(Extent { lints, postgres });
        assert_eq!(parse(&[]), extent(true, true));
        assert_eq!(parse(&["--quick"]), extent(false, true));
        assert_eq!(parse(&["--no-postgres", "--quick"]), extent(false, false));
        assert_eq!(parse(&["--quick", "--postgres"]), None);
    }

    #[test]
    fn contract_suites_and_examples_are_found() {
        let tree = Tree {
            root: PathBuf::new(),
            files: vec![
                File::new("crates/a/Cargo.toml", "[features]\ncontract = []\n"),
                File::new("crates/b/Cargo.toml", "[features]\n"),
                File::new("examples/c/Cargo.toml", ""),
                File::new("examples/flask/app.py", ""),
            ],
        };
        assert_eq!(features(&tree, false), ["--features", "osaycore-a/contract"]);
        assert_eq!(features(&tree, true), ["--features", "osaycore-a/contract,osaycore-server/postgres"]);
        assert_eq!(examples(&tree), ["examples/c"]);
    }
}
