//! Throughput and latency over the number of connections, as a picture.

mod chart;
mod scale;

use std::collections::BTreeMap;
use std::time::Duration;

use serde::Serialize;

use crate::bench::Bench;
use crate::measure::{Latency, Sample};
use crate::pace::Pace;
use crate::report;
use crate::server::Engine;

pub(crate) use chart::draw;

const CONNECTIONS: [u8; 8] = [1, 2, 4, 8, 16, 32, 64, 128];

/// How long each point is measured: after a warm-up, once.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Rounds {
    warm_up: Duration,
    point: Duration,
}

impl Rounds {
    pub(crate) const QUICK: Self = Self { warm_up: Duration::from_millis(100), point: Duration::from_millis(300) };
    pub(crate) const USUAL: Self = Self { warm_up: Duration::from_millis(500), point: Duration::from_secs(2) };
}

/// One database under more and more connections.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Curve {
    pub(crate) database: &'static str,
    pub(crate) points: Vec<Point>,
}

#[derive(Clone, Debug, Serialize)]
pub(crate) struct Point {
    pub(crate) connections: u8,
    pub(crate) per_second: f64,
    pub(crate) latency: Latency,
}

/// Measures every number of connections, on the databases by turns.
pub(crate) fn measure(bench: &mut Bench, engines: &[Engine], rounds: Rounds) -> anyhow::Result<Vec<Curve>> {
    let bar = report::steps_bar(CONNECTIONS.len().saturating_mul(engines.len()), "drawing");
    let mut curves: BTreeMap<Engine, (Pace, Vec<Point>)> = BTreeMap::new();
    for connections in CONNECTIONS {
        for engine in engines {
            let deployment = bench.deployment(*engine)?;
            let (pace, points) = curves.entry(*engine).or_default();
            let users = bench.extent.users;
            let mut round = |limit| pace.round(bench, &deployment.target, users, connections.into(), limit);
            round(rounds.warm_up)?;
            points.push(Point::of(connections, &round(rounds.point)?));
            bar.inc(1);
        }
    }
    bar.finish_and_clear();
    for engine in engines {
        bench.deployment(*engine)?.verify()?;
    }
    Ok(curves.into_iter().map(|(engine, (_, points))| Curve { database: engine.name(), points }).collect())
}

impl Point {
    fn of(connections: u8, sample: &Sample) -> Self {
        Self { connections, per_second: sample.per_second(), latency: Latency::of(&sample.latency) }
    }
}
