//! Rows 1, 2, 4 and 5: the path that matters, a signed deduction over HTTP, durable when it is answered.

use std::time::Duration;

use crate::bench::Bench;
use crate::load::{self, Exhausted};
use crate::measure::{Extent, Figure, Sample, float};
use crate::reference::sqlite::{RawCommit, RawLedger};
use crate::rows::Measured;
use crate::target::Target;

/// Unless a row says otherwise.
pub(super) const CONNECTIONS: usize = 64;

/// Row 1.
pub(super) fn against_ceiling(bench: &mut Bench) -> anyhow::Result<Measured> {
    let (deployment, ceiling) = (bench.deployment()?, bench.ceiling()?);
    let (extent, users) = (bench.extent, bench.extent.users);
    let bench = std::cell::RefCell::new(bench);
    let (mut ours, mut theirs) = (Pace::default(), Pace::default());
    let (ours, reference) = extent.by_turns(
        |limit| ours.round(&mut bench.borrow_mut(), &deployment.target, users, CONNECTIONS, limit),
        |limit| theirs.round(&mut bench.borrow_mut(), &ceiling.target, users, CONNECTIONS, limit),
    )?;
    deployment.verify()?;
    Ok(Measured { ours: Figure::throughput(&ours)?, reference: Some(Figure::throughput(&reference)?), note: None })
}

/// Row 2.
pub(super) fn against_raw_sqlite(bench: &mut Bench) -> anyhow::Result<Measured> {
    let deployment = bench.deployment()?;
    let (extent, users) = (bench.extent, bench.extent.users);
    let mut raw = RawLedger::create(&bench.folder().join("raw-ledger.db"), users)?;
    let mut pace = Pace::default();
    let (ours, reference) = extent.by_turns(
        |limit| pace.round(bench, &deployment.target, users, CONNECTIONS, limit),
        |limit| raw.deductions(limit),
    )?;
    Ok(Measured { ours: Figure::throughput(&ours)?, reference: Some(Figure::throughput(&reference)?), note: None })
}

/// Row 4.
pub(super) fn one_hot_account(bench: &mut Bench) -> anyhow::Result<Measured> {
    let deployment = bench.deployment()?;
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
    let deployment = bench.deployment()?;
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

/// How many deductions a round takes, learnt from the rounds before it: they are signed before the clock starts.
#[derive(Default)]
struct Pace {
    per_second: Option<f64>,
}

/// What is prepared for a second of the first round, and at the least for any: more than any server here answers.
const FIRST_PER_SECOND: f64 = 80_000.0;

impl Pace {
    fn round(
        &mut self,
        bench: &mut Bench,
        target: &Target,
        users: usize,
        connections: usize,
        limit: Duration,
    ) -> anyhow::Result<Sample> {
        let expected = self.per_second.map_or(FIRST_PER_SECOND, |rate| rate * 2.0 + 1_000.0) * limit.as_secs_f64();
        let count = format!("{expected:.0}").parse()?;
        let requests = target.deductions(users, bench.references(count));
        let sample = load::closed_loop(target.address, connections, requests, Exhausted::Stop, limit)?;
        self.per_second = Some(float(sample.done) / sample.elapsed.as_secs_f64());
        Ok(sample)
    }
}
