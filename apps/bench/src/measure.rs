//! How things are measured: by turns, and what comes of it.

use std::hint::black_box;
use std::time::{Duration, Instant};

use hdrhistogram::Histogram;
use serde::Serialize;

/// How long, how often, how many users.
#[derive(Clone, Copy, Debug, Serialize)]
pub(crate) struct Extent {
    /// Of each side, thrown away.
    #[serde(rename = "warm_up_s", serialize_with = "seconds")]
    pub(crate) warm_up: Duration,
    /// Of each side.
    pub(crate) rounds: usize,
    #[serde(rename = "round_s", serialize_with = "seconds")]
    pub(crate) round: Duration,
    /// Of the deployment under load.
    pub(crate) users: usize,
    /// Stored before row 11's reference is measured.
    pub(crate) few_entries: u64,
    /// Stored before row 11 is measured.
    pub(crate) many_entries: u64,
    /// Users, and entries, that are stored before rows 15 and 16 are measured.
    pub(crate) many_rows: u64,
}

fn seconds<S: serde::Serializer>(duration: &Duration, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_f64(duration.as_secs_f64())
}

impl Extent {
    /// Whether it runs, not how fast.
    pub(crate) const QUICK: Self = Self {
        warm_up: Duration::from_millis(200),
        rounds: 2,
        round: Duration::from_millis(500),
        users: 100,
        few_entries: 1_000,
        many_entries: 20_000,
        many_rows: 20_000,
    };

    /// What the goals are about.
    pub(crate) fn of_seconds(rounds: usize) -> Self {
        Self {
            warm_up: Duration::from_secs(1),
            rounds,
            round: Duration::from_secs(1),
            users: 1_000,
            few_entries: 10_000,
            many_entries: 10_000_000,
            many_rows: 1_000_000,
        }
    }

    /// Warms both sides up, then measures them by turns, A B A B …: what disturbs the machine for longer than a
    /// round disturbs both.
    pub(crate) fn by_turns<A, B>(
        &self,
        mut ours: impl FnMut(Duration) -> anyhow::Result<A>,
        mut reference: impl FnMut(Duration) -> anyhow::Result<B>,
    ) -> anyhow::Result<(Vec<A>, Vec<B>)> {
        ours(self.warm_up)?;
        reference(self.warm_up)?;
        let (mut a, mut b) = (Vec::with_capacity(self.rounds), Vec::with_capacity(self.rounds));
        for _ in 0..self.rounds {
            a.push(ours(self.round)?);
            b.push(reference(self.round)?);
        }
        Ok((a, b))
    }
}

/// One round of work that was counted.
#[derive(Clone, Debug)]
pub(crate) struct Sample {
    /// Pieces of work that were done, each checked.
    pub(crate) done: u64,
    pub(crate) elapsed: Duration,
    /// Nanoseconds each.
    pub(crate) latency: Histogram<u64>,
}

impl Sample {
    /// Work a second.
    pub(crate) fn per_second(&self) -> f64 {
        rate(self.done, self.elapsed)
    }
}

fn rate(done: u64, elapsed: Duration) -> f64 {
    float(done) / elapsed.as_secs_f64()
}

/// From 100 ns to a minute, to three digits.
pub(crate) fn latencies() -> anyhow::Result<Histogram<u64>> {
    Ok(Histogram::new_with_bounds(100, 60_000_000_000, 3)?)
}

/// The whole nanoseconds of a duration.
pub(crate) fn nanoseconds(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX)
}

/// What a figure counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Unit {
    PerSecond,
    Microseconds,
    Nanoseconds,
    Milliseconds,
    Mebibytes,
}

/// One measured number.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Figure {
    pub(crate) value: f64,
    pub(crate) unit: Unit,
    /// The same, of each round.
    pub(crate) rounds: Vec<f64>,
    /// Under the load, where there was one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) latency: Option<Latency>,
}

/// Percentiles of the time of a request, in microseconds.
#[derive(Clone, Copy, Debug, Serialize)]
pub(crate) struct Latency {
    pub(crate) p50_us: f64,
    pub(crate) p99_us: f64,
    pub(crate) max_us: f64,
}

impl Figure {
    /// Work a second over all rounds.
    pub(crate) fn throughput(samples: &[Sample]) -> anyhow::Result<Self> {
        let done = samples.iter().map(|sample| sample.done).sum();
        let elapsed = samples.iter().map(|sample| sample.elapsed).sum();
        Ok(Self {
            value: rate(done, elapsed),
            unit: Unit::PerSecond,
            rounds: samples.iter().map(Sample::per_second).collect(),
            latency: Some(Latency::of(&merged(samples)?)),
        })
    }

    /// The median time of a piece of work over all rounds.
    pub(crate) fn median_latency(samples: &[Sample]) -> anyhow::Result<Self> {
        let latency = Latency::of(&merged(samples)?);
        Ok(Self {
            value: latency.p50_us,
            unit: Unit::Microseconds,
            rounds: samples.iter().map(|sample| Latency::of(&sample.latency).p50_us).collect(),
            latency: Some(latency),
        })
    }

    /// The mean of rounds of one length.
    pub(crate) fn mean(unit: Unit, rounds: Vec<f64>) -> Self {
        let count = u32::try_from(rounds.len()).unwrap_or(u32::MAX);
        Self { value: rounds.iter().sum::<f64>() / f64::from(count), unit, rounds, latency: None }
    }

    /// The median of several measurements.
    pub(crate) fn median(unit: Unit, rounds: Vec<f64>) -> Self {
        let mut sorted = rounds.clone();
        sorted.sort_by(f64::total_cmp);
        let value = sorted.get(sorted.len() / 2).copied().unwrap_or(f64::NAN);
        Self { value, unit, rounds, latency: None }
    }
}

impl Latency {
    pub(crate) fn of(histogram: &Histogram<u64>) -> Self {
        let us = |nanoseconds: u64| float(nanoseconds) / 1_000.0;
        Self {
            p50_us: us(histogram.value_at_quantile(0.50)),
            p99_us: us(histogram.value_at_quantile(0.99)),
            max_us: us(histogram.max()),
        }
    }
}

fn merged(samples: &[Sample]) -> anyhow::Result<Histogram<u64>> {
    let mut all = latencies()?;
    for sample in samples {
        all.add(&sample.latency)?;
    }
    Ok(all)
}

/// How long one batch of an in-process measurement takes.
const BATCH: Duration = Duration::from_millis(20);

/// Median nanoseconds of a call of each, in-process, by turns.
pub(crate) fn in_process<A, B>(
    extent: &Extent,
    mut ours: impl FnMut() -> A,
    mut reference: impl FnMut() -> B,
) -> (Figure, Figure) {
    let (our_batch, reference_batch) = (batch_size(extent, &mut ours), batch_size(extent, &mut reference));
    let (mut a, mut b) = (Vec::new(), Vec::new());
    let until = Instant::now() + extent.round.saturating_mul(u32::try_from(extent.rounds).unwrap_or(u32::MAX)) * 2;
    while a.is_empty() || Instant::now() < until {
        a.push(nanoseconds_per_call(our_batch, &mut ours));
        b.push(nanoseconds_per_call(reference_batch, &mut reference));
    }
    (Figure::median(Unit::Nanoseconds, a), Figure::median(Unit::Nanoseconds, b))
}

/// Calls of one batch, found while warming up.
fn batch_size<T>(extent: &Extent, work: &mut impl FnMut() -> T) -> u32 {
    let (started, mut calls) = (Instant::now(), 0_u32);
    while calls < 1_000 || started.elapsed() < extent.warm_up / 2 {
        black_box(work());
        calls = calls.saturating_add(1);
    }
    let per_call = started.elapsed() / calls;
    u32::try_from(BATCH.as_nanos() / per_call.as_nanos().max(1)).unwrap_or(u32::MAX).max(1)
}

fn nanoseconds_per_call<T>(calls: u32, work: &mut impl FnMut() -> T) -> f64 {
    let started = Instant::now();
    for _ in 0..calls {
        black_box(work());
    }
    started.elapsed().as_secs_f64() * 1e9 / f64::from(calls)
}

/// A count as a float; exact below 2^53, and no count here comes near.
pub(crate) fn float(count: u64) -> f64 {
    let low = u32::try_from(count & u64::from(u32::MAX)).unwrap_or(u32::MAX);
    let high = u32::try_from(count >> 32).unwrap_or(u32::MAX);
    f64::from(high) * 4_294_967_296.0 + f64::from(low)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_become_floats() {
        for (count, expected) in [(0, 0.0), (7, 7.0), (1 << 32, 4_294_967_296.0), ((1 << 40) + 5, 1_099_511_627_781.0)]
        {
            assert!((float(count) - expected).abs() < f64::EPSILON, "{count}");
        }
    }

    #[test]
    fn throughput_is_of_all_rounds_together() {
        let sample = |done, millis| {
            let mut latency = latencies().unwrap();
            latency.record(millis * 1_000).unwrap();
            Sample { done, elapsed: Duration::from_millis(millis), latency }
        };
        let figure = Figure::throughput(&[sample(100, 1_000), sample(100, 3_000)]).unwrap();
        assert!((figure.value - 50.0).abs() < 1e-9);
        assert_eq!(figure.rounds.len(), 2);
    }

    #[test]
    fn sides_take_turns_after_a_warm_up() {
        let extent = Extent { warm_up: Duration::ZERO, round: Duration::from_millis(1), ..Extent::QUICK };
        let order = std::cell::RefCell::new(String::new());
        let note = |name: char| {
            order.borrow_mut().push(name);
            Ok(())
        };
        let (a, b) = extent.by_turns(|_| note('a'), |_| note('b')).unwrap();
        assert_eq!((a.len(), b.len(), order.into_inner().as_str()), (2, 2, "ababab"));
    }
}
