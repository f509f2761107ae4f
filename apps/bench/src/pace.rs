//! Rounds of deductions, of which more are signed before the clock starts than the round will take.

use std::time::Duration;

use crate::bench::Bench;
use crate::load::{self, Exhausted};
use crate::measure::Sample;
use crate::target::Target;

/// How many deductions a round takes, learnt from the round before it.
#[derive(Default)]
pub(crate) struct Pace {
    per_second: Option<f64>,
    /// In all rounds, the warm-up's too.
    pub(crate) done: u64,
}

/// What is prepared for a second of the first round: more than any server here answers.
const FIRST_PER_SECOND: f64 = 80_000.0;

impl Pace {
    /// Keeps `connections` busy for `limit` with deductions from the first `users` users.
    pub(crate) fn round(
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
        self.per_second = Some(sample.per_second());
        self.done = self.done.saturating_add(sample.done);
        Ok(sample)
    }
}
