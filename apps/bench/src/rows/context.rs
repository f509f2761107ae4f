//! Row 6: everything an app needs to know of a user, in one GET.

use crate::bench::Bench;
use crate::load::{Exhausted, closed_loop};
use crate::measure::Figure;
use crate::rows::Measured;
use crate::rows::deductions::{CONNECTIONS, spent};
use crate::server::Engine;
use crate::target::Target;

/// Row 6. A GET may repeat: each user's request goes round.
pub(super) fn against_ceiling(bench: &mut Bench) -> anyhow::Result<Measured> {
    let (deployment, ceiling) = (bench.deployment(Engine::Sqlite)?, bench.ceiling()?);
    let round =
        |target: &Target, limit| closed_loop(target.address, CONNECTIONS, target.contexts(), Exhausted::Repeat, limit);
    let (our_cpu, their_cpu) = (deployment.process.cpu()?, ceiling.process.cpu()?);
    let (mut our_done, mut their_done) = (0, 0);
    let (ours, reference) = bench.extent.by_turns(
        |limit| round(&deployment.target, limit).inspect(|sample| our_done += sample.done),
        |limit| round(&ceiling.target, limit).inspect(|sample| their_done += sample.done),
    )?;
    let note = format!(
        "processor time of a request: {}; of the ceiling: {}",
        spent(&our_cpu, &deployment.process.cpu()?, our_done),
        spent(&their_cpu, &ceiling.process.cpu()?, their_done),
    );
    let reference = Some(Figure::throughput(&reference)?);
    Ok(Measured { ours: Figure::throughput(&ours)?, reference, note: Some(note) })
}
