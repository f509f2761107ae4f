//! The side-by-side benchmark: each figure beside its reference, measured by turns in one run, so that the ratio says
//! something on whatever machine this is. See `docs/performance.md` of the repository.
#![expect(clippy::disallowed_methods, reason = "a benchmark reads the clock")]

mod bench;
mod deployment;
mod http;
mod load;
mod machine;
mod measure;
mod pace;
mod picture;
mod postgres;
mod reference;
mod report;
mod rows;
mod server;
mod stored;
mod target;
mod visitor;

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::Context as _;
use clap::{Parser, Subcommand};

use crate::bench::Bench;
use crate::measure::Extent;
use crate::rows::{Needs, ROWS, Row};
use crate::server::Engine;

/// Measures the server and the crates beside their references, and prints one table.
#[derive(Debug, Parser)]
#[command(name = "osaycore-bench", bin_name = "cargo xtask bench")]
struct Arguments {
    /// Only this row of the table; repeat for several
    #[arg(long = "row", value_name = "N")]
    rows: Vec<u8>,
    /// Seconds of measuring on each side, after a second of warm-up
    #[arg(long, value_name = "N", default_value_t = 5, value_parser = clap::value_parser!(u32).range(1..=3600))]
    seconds: u32,
    /// A second in all on each side, and few users: whether it runs, not how fast
    #[arg(long)]
    quick: bool,
    /// Draws throughput and latency over the number of connections, as SVG; instead of the rows, unless some are named
    #[arg(long, value_name = "FILE")]
    picture: Option<PathBuf>,
    /// Leaves out what needs PostgreSQL and libpq
    #[arg(long)]
    no_postgres: bool,
    /// Writes the figures as JSON too
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
    /// This server instead of the one that is built now; for PostgreSQL it must be built with it
    #[arg(long, value_name = "FILE")]
    server: Option<PathBuf>,
    #[command(subcommand)]
    own_process: Option<OwnProcess>,
}

/// References that the benchmark runs as processes of their own, by starting itself.
#[derive(Clone, Copy, Debug, Subcommand)]
enum OwnProcess {
    /// The protocol ceiling.
    #[command(hide = true)]
    Ceiling,
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let done = match arguments.own_process {
        Some(OwnProcess::Ceiling) => reference::ceiling::serve(),
        None => run(&arguments),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("bench: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run(arguments: &Arguments) -> anyhow::Result<()> {
    let rows = match &arguments.picture {
        Some(_) if arguments.rows.is_empty() => Vec::new(),
        _ => chosen(&arguments.rows, !arguments.no_postgres)?,
    };
    let engines = engines(arguments, &rows)?;
    let extent = if arguments.quick { Extent::QUICK } else { Extent::of_seconds(usize::try_from(arguments.seconds)?) };
    let binary = match &arguments.server {
        Some(path) => path.canonicalize().with_context(|| path.display().to_string())?,
        None if engines.is_empty() => PathBuf::new(),
        None => server::build(engines.contains(&Engine::Postgres))?,
    };
    let mut bench = Bench::new(binary, extent)?;
    let lines = measured(&mut bench, &rows)?;
    let machine = machine::describe(bench.folder());
    if !lines.is_empty() {
        print!("{}", report::table(&machine, &extent, &lines));
    }
    let mut curves = Vec::new();
    if let Some(path) = &arguments.picture {
        let rounds = if arguments.quick { picture::Rounds::QUICK } else { picture::Rounds::USUAL };
        curves = picture::measure(&mut bench, &engines, rounds)?;
        write(path, picture::draw(&machine, u32::try_from(extent.users)?, &curves).as_bytes())?;
    }
    if let Some(path) = &arguments.json {
        write(path, &serde_json::to_vec_pretty(&report::json(&machine, &extent, &lines, &curves))?)?;
    }
    Ok(())
}

/// The databases that servers are measured on. A picture goes without PostgreSQL where that is not installed.
fn engines(arguments: &Arguments, rows: &[&Row]) -> anyhow::Result<Vec<Engine>> {
    let mut engines = BTreeSet::new();
    if arguments.picture.is_some() || rows.iter().any(|row| row.needs != Needs::Nothing) {
        engines.insert(Engine::Sqlite);
    }
    let installed = postgres::ensure_installed();
    if rows.iter().any(|row| row.needs == Needs::Postgres) {
        installed?;
        engines.insert(Engine::Postgres);
    } else if arguments.picture.is_some() && !arguments.no_postgres {
        match installed {
            Ok(()) => drop(engines.insert(Engine::Postgres)),
            Err(error) => eprintln!("bench: the picture shows SQLite alone: {error:#}"),
        }
    }
    Ok(engines.into_iter().collect())
}

fn measured(bench: &mut Bench, rows: &[&'static Row]) -> anyhow::Result<Vec<report::Line>> {
    let progress = report::rows_bar(rows.len());
    let mut lines = Vec::with_capacity(rows.len());
    for row in rows {
        progress.set_message(row.work);
        let measured = (row.measure)(bench).with_context(|| format!("row {}: {}", row.number, row.work))?;
        lines.push(report::Line::new(row, measured));
        progress.inc(1);
    }
    progress.finish_and_clear();
    Ok(lines)
}

fn write(path: &Path, bytes: &[u8]) -> anyhow::Result<()> {
    std::fs::write(path, bytes).with_context(|| format!("writing {}", path.display()))
}

/// The named rows, or all, in the order of the table.
fn chosen(numbers: &[u8], with_postgres: bool) -> anyhow::Result<Vec<&'static Row>> {
    for number in numbers {
        let known = ROWS.iter().any(|row| row.number == *number);
        anyhow::ensure!(known, "there is no row {number} yet; rows: {}", report::numbers(ROWS));
    }
    let wanted = |row: &&Row| numbers.is_empty() || numbers.contains(&row.number);
    let rows: Vec<&Row> =
        ROWS.iter().filter(wanted).filter(|row| with_postgres || row.needs != Needs::Postgres).collect();
    anyhow::ensure!(!rows.is_empty(), "without PostgreSQL nothing is left to measure");
    Ok(rows)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_are_chosen_by_number_in_the_tables_order() {
        let numbers = |wanted: &[u8], with_postgres| {
            chosen(wanted, with_postgres).map(|rows| rows.iter().map(|row| row.number).collect::<Vec<_>>())
        };
        assert_eq!(numbers(&[9, 3, 1], true).unwrap(), [1, 3, 9]);
        assert_eq!(numbers(&[9, 3, 1], false).unwrap(), [1, 9]);
        assert_eq!(numbers(&[], true).unwrap().len(), ROWS.len());
        assert!(!numbers(&[], false).unwrap().contains(&3));
        assert_eq!(numbers(&[11], true).unwrap(), [11, 11]);
        assert_eq!(numbers(&[11], false).unwrap(), [11]);
        assert!(numbers(&[3], false).is_err());
        assert!(numbers(&[1, 99], true).unwrap_err().to_string().contains("no row 99"));
    }
}
