//! Row 11: whether a deduction costs more where many are stored.

use crate::bench::Bench;
use crate::deployment::Deployment;
use crate::measure::{Figure, float};
use crate::pace::Pace;
use crate::report;
use crate::rows::Measured;
use crate::rows::deductions::CONNECTIONS;
use crate::server::Engine;
use crate::stored::Loaded;

/// Row 11 on SQLite.
pub(super) fn on_sqlite(bench: &mut Bench) -> anyhow::Result<Measured> {
    measure(bench, Engine::Sqlite)
}

/// Row 11 on PostgreSQL.
pub(super) fn on_postgres(bench: &mut Bench) -> anyhow::Result<Measured> {
    measure(bench, Engine::Postgres)
}

fn measure(bench: &mut Bench, engine: Engine) -> anyhow::Result<Measured> {
    let extent = bench.extent;
    let (few, _) = deployment(bench, engine, "few-entries", extent.few_entries)?;
    few.verify()?;
    let (many, Loaded { took, bytes }) = deployment(bench, engine, "many-entries", extent.many_entries)?;
    let bench = std::cell::RefCell::new(bench);
    let (mut our_pace, mut their_pace) = (Pace::default(), Pace::default());
    let (ours, reference) = extent.by_turns(
        |limit| our_pace.round(&mut bench.borrow_mut(), &many.target, extent.users, CONNECTIONS, limit),
        |limit| their_pace.round(&mut bench.borrow_mut(), &few.target, extent.users, CONNECTIONS, limit),
    )?;
    let note = format!(
        "{}: {} against {} entries, each with its audit event; {:.1} GiB, stored in {:.0} s",
        engine.name(),
        report::thousands(float(extent.many_entries)),
        report::thousands(float(extent.few_entries)),
        float(bytes) / f64::from(1 << 30),
        took.as_secs_f64(),
    );
    // Gigabytes, which no later row needs.
    many.remove()?;
    let reference = Some(Figure::throughput(&reference)?);
    Ok(Measured { ours: Figure::throughput(&ours)?, reference, note: Some(note) })
}

/// A server whose users have that many deductions behind them.
fn deployment(bench: &mut Bench, engine: Engine, name: &str, entries: u64) -> anyhow::Result<(Deployment, Loaded)> {
    let users = bench.extent.users;
    bench.with_history(engine, name, users, entries)
}
