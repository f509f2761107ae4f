//! Row 17: what traces cost a deduction.

use std::cell::RefCell;

use crate::bench::Bench;
use crate::deployment::Deployment;
use crate::measure::{Figure, Sample};
use crate::pace::Pace;
use crate::rows::Measured;
use crate::rows::deductions::CONNECTIONS;
use crate::server::Engine;

/// Row 17. The note has the same with every request traced.
pub(super) fn some(bench: &mut Bench) -> anyhow::Result<Measured> {
    let untraced = bench.deployment(Engine::Sqlite)?;
    let some = traced(bench, "0.01")?;
    let all = traced(bench, "1")?;
    let (ours, reference) = compare(bench, &some, &untraced)?;
    let (every, none) = compare(bench, &all, &untraced)?;
    let (every, none) = (Figure::throughput(&every)?, Figure::throughput(&none)?);
    let note =
        format!("with every request traced {:.0}/s, {:.2} of none traced", every.value, every.value / none.value);
    let reference = Some(Figure::throughput(&reference)?);
    Ok(Measured { ours: Figure::throughput(&ours)?, reference, note: Some(note) })
}

/// A server that sends this share of its requests to a collector, which throws them away.
fn traced(bench: &mut Bench, share: &str) -> anyhow::Result<Deployment> {
    let collector = format!("http://{}", bench.ceiling()?.process.address);
    let (users, name) = (bench.extent.users, format!("traced-{share}"));
    let installation = bench.installation(Engine::Sqlite, &name)?;
    let arguments = ["--otlp-endpoint", &collector, "--trace-sample", share];
    Deployment::create(installation.with(arguments), users, users)
}

fn compare(bench: &mut Bench, ours: &Deployment, reference: &Deployment) -> anyhow::Result<(Vec<Sample>, Vec<Sample>)> {
    let (extent, users) = (bench.extent, bench.extent.users);
    let bench = RefCell::new(bench);
    let (mut our_pace, mut their_pace) = (Pace::default(), Pace::default());
    extent.by_turns(
        |limit| our_pace.round(&mut bench.borrow_mut(), &ours.target, users, CONNECTIONS, limit),
        |limit| their_pace.round(&mut bench.borrow_mut(), &reference.target, users, CONNECTIONS, limit),
    )
}
