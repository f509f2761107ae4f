//! Rows 1 to 5: the path that matters, a signed deduction over HTTP, durable when it is answered.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::bench::Bench;
use crate::measure::{Extent, Figure, Sample, Unit, float};
use crate::pace::Pace;
use crate::reference::pgbench::PgBench;
use crate::reference::sqlite::{RawCommit, RawLedger};
use crate::rows::Measured;
use crate::server::Engine;
use crate::target::Target;

/// Unless a row says otherwise.
pub(super) const CONNECTIONS: usize = 64;

/// Row 1.
pub(super) fn against_ceiling(bench: &mut Bench) -> anyhow::Result<Measured> {
    let (deployment, ceiling) = (bench.deployment(Engine::Sqlite)?, bench.ceiling()?);
    let (extent, users) = (bench.extent, bench.extent.users);
    let bench = std::cell::RefCell::new(bench);
    let (mut our_pace, mut their_pace) = (Pace::default(), Pace::default());
    let (our_cpu, their_cpu) = (deployment.process.cpu()?, ceiling.process.cpu()?);
    let (ours, reference) = extent.by_turns(
        |limit| our_pace.round(&mut bench.borrow_mut(), &deployment.target, users, CONNECTIONS, limit),
        |limit| their_pace.round(&mut bench.borrow_mut(), &ceiling.target, users, CONNECTIONS, limit),
    )?;
    let note = format!(
        "processor time of a request: {}; of the ceiling: {}",
        spent(&our_cpu, &deployment.process.cpu()?, our_pace.done),
        spent(&their_cpu, &ceiling.process.cpu()?, their_pace.done),
    );
    deployment.verify()?;
    let reference = Some(Figure::throughput(&reference)?);
    Ok(Measured { ours: Figure::throughput(&ours)?, reference, note: Some(note) })
}

/// What each kind of thread spent on one of `requests`; leaves out what is less than a tenth of a microsecond.
pub(super) fn spent(before: &BTreeMap<String, Duration>, after: &BTreeMap<String, Duration>, requests: u64) -> String {
    let each = |(name, total): (&String, &Duration)| {
        let spent = total.saturating_sub(before.get(name).copied().unwrap_or_default());
        let microseconds = spent.as_secs_f64() * 1e6 / float(requests.max(1));
        (microseconds >= 0.1).then(|| format!("{name} {microseconds:.1} µs"))
    };
    after.iter().filter_map(each).collect::<Vec<_>>().join(", ")
}

/// Row 2.
pub(super) fn against_raw_sqlite(bench: &mut Bench) -> anyhow::Result<Measured> {
    let deployment = bench.deployment(Engine::Sqlite)?;
    let (extent, users) = (bench.extent, bench.extent.users);
    let mut raw = RawLedger::create(&bench.folder().join("raw-ledger.db"), users)?;
    let mut pace = Pace::default();
    let (ours, reference) = extent.by_turns(
        |limit| pace.round(bench, &deployment.target, users, CONNECTIONS, limit),
        |limit| raw.deductions(limit),
    )?;
    Ok(Measured { ours: Figure::throughput(&ours)?, reference: Some(Figure::throughput(&reference)?), note: None })
}

/// Row 3. Both on the one private cluster, whose autovacuum and checkpoints disturb whoever's turn it is.
pub(super) fn against_pgbench(bench: &mut Bench) -> anyhow::Result<Measured> {
    let deployment = bench.deployment(Engine::Postgres)?;
    let (extent, users) = (bench.extent, bench.extent.users);
    let pgbench = PgBench::create(&bench.installation(Engine::Postgres, "pgbench")?, users)?;
    let mut pace = Pace::default();
    let our_cpu = deployment.process.cpu()?;
    let (ours, reference) = extent.by_turns(
        |limit| pace.round(bench, &deployment.target, users, CONNECTIONS, limit),
        |limit| pgbench.deductions(limit),
    )?;
    let spent = spent(&our_cpu, &deployment.process.cpu()?, pace.done);
    let note = format!("PostgreSQL {}; processor time of a request, without PostgreSQL's: {spent}", pgbench.version()?);
    deployment.verify()?;
    let reference = Some(Figure::mean(Unit::PerSecond, reference));
    Ok(Measured { ours: Figure::throughput(&ours)?, reference, note: Some(note) })
}

/// Row 4.
pub(super) fn one_hot_account(bench: &mut Bench) -> anyhow::Result<Measured> {
    let deployment = bench.deployment(Engine::Sqlite)?;
    let (extent, users) = (bench.extent, bench.extent.users);
    let bench = std::cell::RefCell::new(bench);
    let (mut hot, mut spread) = (Pace::default(), Pace::default());
    let (ours, reference) = extent.by_turns(
        |limit| hot.round(&mut bench.borrow_mut(), &deployment.target, 1, CONNECTIONS, limit),
        |limit| spread.round(&mut bench.borrow_mut(), &deployment.target, users, CONNECTIONS, limit),
    )?;
    deployment.verify()?;
    Ok(Measured { ours: Figure::throughput(&ours)?, reference: Some(Figure::throughput(&reference)?), note: None })
}

/// Row 5.
pub(super) fn latency(bench: &mut Bench) -> anyhow::Result<Measured> {
    let deployment = bench.deployment(Engine::Sqlite)?;
    let (extent, users) = (bench.extent, bench.extent.users);
    let mut raw = RawCommit::create(&bench.folder().join("raw-commit.db"))?;
    let mut pace = Pace::default();
    let (ours, reference) =
        extent.by_turns(|limit| pace.round(bench, &deployment.target, users, 1, limit), |limit| raw.commits(limit))?;
    let reference = Figure::median_latency(&reference)?;
    Ok(Measured { ours: Figure::median_latency(&ours)?, reference: Some(reference), note: None })
}

/// Row 1's load for a while, for what is measured beside it.
pub(super) fn load(bench: &mut Bench, target: &Target, extent: &Extent) -> anyhow::Result<Vec<Sample>> {
    let mut pace = Pace::default();
    (0..extent.rounds).map(|_| pace.round(bench, target, target.tokens.len(), CONNECTIONS, extent.round)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn processor_time_is_of_the_requests_alone() {
        let times = |times: &[(&str, u64)]| {
            times.iter().map(|(name, us)| ((*name).to_owned(), Duration::from_micros(*us))).collect::<BTreeMap<_, _>>()
        };
        let before = times(&[("writer", 1_000), ("idle", 5)]);
        let after = times(&[("writer", 3_000), ("idle", 6), ("worker", 500)]);
        assert_eq!(spent(&before, &after, 100), "worker 5.0 µs, writer 20.0 µs");
        assert_eq!(spent(&after, &after, 0), "");
    }
}
