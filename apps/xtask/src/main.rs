//! `cargo xtask <task>`: see [`USAGE`].

use osaycore_xtask::{postgres::Cluster, rules, suite, tree::Tree};
use std::{
    env,
    process::{Command, ExitCode},
};

const USAGE: &str = "\
cargo xtask <task>

  test [--quick] [--no-postgres]
                   everything that continuous integration runs, in its order
                   (--quick leaves out clippy and the documentation; --no-postgres the tests on
                   PostgreSQL, which otherwise run on a private one, made and removed)
  check            the rules of the architecture alone, in seconds
  bench [args]     the load generator and the benchmarks, in release; arguments are passed on
  postgres         a private PostgreSQL as the tests have it, its URL printed, until Ctrl-C

OSAYCORE_VECTORS=<folder> names the folder of test vectors; without it the tests that read them say
that they did not run.";

fn main() -> ExitCode {
    let mut arguments = env::args().skip(1);
    let task = arguments.next().unwrap_or_default();
    let rest: Vec<String> = arguments.collect();
    let done = match (task.as_str(), rest.as_slice()) {
        ("test", options) if let Some(extent) = suite::Extent::parse(options) => suite::run(extent),
        ("check", []) => check(),
        ("bench", arguments) => bench(arguments),
        ("postgres", []) => postgres(),
        ("help" | "--help" | "-h", _) => {
            println!("{USAGE}");
            Ok(true)
        }
        _ => Err(format!("unknown task or option\n\n{USAGE}")),
    };
    match done {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(why) => {
            eprintln!("\ncargo xtask {task}: {why}");
            ExitCode::FAILURE
        }
    }
}

/// Each answers whether it went well, having said what did not; an error is what it could not try.
fn check() -> Result<bool, String> {
    Ok(rules::report(&Tree::read()?) == 0)
}

fn bench(arguments: &[String]) -> Result<bool, String> {
    let status = Command::new(suite::cargo())
        .args(["run", "--release", "-p", "osaycore-bench", "--features", "osaycore-bench/engines", "--"])
        .args(arguments)
        .status()
        .map_err(|error| format!("cargo did not start: {error}"))?;
    Ok(status.success())
}

fn postgres() -> Result<bool, String> {
    let mut cluster = Cluster::start()?;
    println!("{}", cluster.url());
    eprintln!("in {}; removed on Ctrl-C", cluster.folder().display());
    cluster.wait();
    Ok(true)
}
