//! Rows 12 and 13: what the server costs to keep and to start.

use std::time::{Duration, Instant};

use crate::bench::Bench;
use crate::deployment::Deployment;
use crate::load::{self, Requests};
use crate::measure::{Figure, Unit};
use crate::rows::{Measured, deductions};
use crate::server::{Engine, Memory};

/// Users for each that is charged.
const IDLE_USERS: usize = 100;
const STARTS: usize = 10;

/// Row 12: as many charged users as row 1 has, spread evenly over a hundred times as many. The server starts afresh
/// before the load; the figure is the most it ever held.
pub(super) fn memory(bench: &mut Bench) -> anyhow::Result<Measured> {
    let active = bench.extent.users;
    let users = active.saturating_mul(IDLE_USERS);
    let deployment =
        Deployment::create(bench.installation(Engine::Sqlite, "many-users")?, users, active)?.restarted()?;
    let Memory { resident_kib: idle_kib, .. } = deployment.process.memory()?;
    let extent = bench.extent;
    let samples = deductions::load(bench, &deployment.target, &extent)?;
    let Memory { resident_kib, peak_kib } = deployment.process.memory()?;
    let mib = |kib: u32| f64::from(kib) / 1024.0;
    let note = format!(
        "{users} users; {:.1} MiB before the load, {:.1} MiB after it, at {:.0} deductions/s",
        mib(idle_kib),
        mib(resident_kib),
        Figure::throughput(&samples)?.value,
    );
    Ok(Measured { ours: Figure::median(Unit::Mebibytes, vec![mib(peak_kib)]), reference: None, note: Some(note) })
}

/// Row 13: from the start of the process to the first 200 of `/readyz`, which asks the database; the median of ten.
pub(super) fn start(bench: &mut Bench) -> anyhow::Result<Measured> {
    let installation = bench.installation(Engine::Sqlite, "start")?;
    let mut starts = Vec::with_capacity(STARTS);
    for _ in 0..STARTS {
        let started = Instant::now();
        let process = installation.serve()?;
        let mut request = Requests::default();
        request.push(|bytes| bytes.extend_from_slice(b"GET /readyz HTTP/1.1\r\nHost: bench\r\n\r\n"));
        load::each(process.address, 1, request)?;
        starts.push(milliseconds(started.elapsed()));
        process.stop()?;
    }
    Ok(Measured { ours: Figure::median(Unit::Milliseconds, starts), reference: None, note: None })
}

fn milliseconds(duration: Duration) -> f64 {
    duration.as_secs_f64() * 1_000.0
}
