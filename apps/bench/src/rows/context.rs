//! Row 6: everything an app needs to know of a user, in one GET.

use crate::bench::Bench;
use crate::load::{Exhausted, closed_loop};
use crate::measure::Figure;
use crate::rows::Measured;
use crate::rows::deductions::CONNECTIONS;
use crate::target::Target;

/// Row 6. A GET may repeat: each user's request goes round.
pub(super) fn against_ceiling(bench: &mut Bench) -> anyhow::Result<Measured> {
    let (deployment, ceiling) = (bench.deployment()?, bench.ceiling()?);
    let round =
        |target: &Target, limit| closed_loop(target.address, CONNECTIONS, target.contexts(), Exhausted::Repeat, limit);
    let (ours, reference) =
        bench.extent.by_turns(|limit| round(&deployment.target, limit), |limit| round(&ceiling.target, limit))?;
    Ok(Measured { ours: Figure::throughput(&ours)?, reference: Some(Figure::throughput(&reference)?), note: None })
}
