//! What operators watch: Prometheus text with bounded labels.

use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::time::Duration;

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::encoding::text::encode;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::{Histogram, exponential_buckets};
use prometheus_client::registry::{Registry, Unit};

/// The route as it is registered, never the path as it was sent: a client cannot make labels.
#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct RouteLabels {
    route: String,
    method: &'static str,
    status: u16,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct CodeLabels {
    code: &'static str,
}

/// A task and how its run ended.
#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct RunLabels {
    task: &'static str,
    outcome: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct TaskLabels {
    task: &'static str,
}

/// Every metric of the server. Clones share them.
#[derive(Clone)]
pub(crate) struct Metrics {
    registry: Arc<Registry>,
    requests: Family<RouteLabels, Counter>,
    latency: Histogram,
    refusals: Family<CodeLabels, Counter>,
    group_size: Histogram,
    group_commit: Histogram,
    queue: Gauge,
    snapshot_age: Gauge<f64, AtomicU64>,
    servers: Gauge,
    flag_evaluations: Counter,
    flag_listeners: Gauge,
    task_runs: Family<RunLabels, Counter>,
    task_success: Family<TaskLabels, Gauge>,
}

impl Metrics {
    pub(crate) fn new() -> Self {
        let mut registry = Registry::with_prefix("osaycore");
        let requests = Family::default();
        let latency = Histogram::new(exponential_buckets(0.0001, 2.0, 16));
        let refusals = Family::default();
        let group_size = Histogram::new(exponential_buckets(1.0, 2.0, 9));
        let group_commit = Histogram::new(exponential_buckets(0.0001, 2.0, 14));
        let queue = Gauge::default();
        let snapshot_age = Gauge::default();
        let servers = Gauge::default();
        let flag_evaluations = Counter::default();
        let flag_listeners = Gauge::default();
        let task_runs = Family::default();
        let task_success = Family::<TaskLabels, Gauge>::default();
        registry.register("http_requests", "Requests by route, method and status", requests.clone());
        registry.register_with_unit("http_request_duration", "Time to answer", Unit::Seconds, latency.clone());
        registry.register("refusals", "Requests refused, by error code", refusals.clone());
        registry.register("group_size", "Requests of one commit", group_size.clone());
        registry.register_with_unit("group_commit", "Time of one commit", Unit::Seconds, group_commit.clone());
        registry.register("group_queue", "Requests that wait for the next commit", queue.clone());
        registry.register_with_unit("snapshot_age", "Age of the cached snapshot", Unit::Seconds, snapshot_age.clone());
        registry.register("servers", "Servers on this database", servers.clone());
        registry.register("flag_evaluations", "Feature flags evaluated", flag_evaluations.clone());
        registry.register("flag_listeners", "Streams of changes that are open", flag_listeners.clone());
        registry.register("task_runs", "Runs of background tasks on this server", task_runs.clone());
        registry.register_with_unit(
            "task_last_success_timestamp",
            "When a background task last succeeded on this server, Unix time",
            Unit::Seconds,
            task_success.clone(),
        );
        Self {
            registry: Arc::new(registry),
            requests,
            latency,
            refusals,
            group_size,
            group_commit,
            queue,
            snapshot_age,
            servers,
            flag_evaluations,
            flag_listeners,
            task_runs,
            task_success,
        }
    }

    /// One answered request.
    pub(crate) fn request(&self, route: String, method: &'static str, status: u16, took: Duration) {
        self.requests.get_or_create(&RouteLabels { route, method, status }).inc();
        self.latency.observe(took.as_secs_f64());
    }

    /// One refused request.
    pub(crate) fn refusal(&self, code: &'static str) {
        self.refusals.get_or_create(&CodeLabels { code }).inc();
    }

    /// One group.
    pub(crate) fn group(&self, size: usize, took: Duration) {
        self.group_size.observe(f64::from(u32::try_from(size).unwrap_or(u32::MAX)));
        self.group_commit.observe(took.as_secs_f64());
    }

    /// Flags evaluated for one request.
    pub(crate) fn flags(&self, count: usize) {
        self.flag_evaluations.inc_by(u64::try_from(count).unwrap_or(u64::MAX));
    }

    /// A run of a background task that came to its end.
    pub(crate) fn task_done(&self, task: &'static str, now_us: i64) {
        self.task_runs.get_or_create(&RunLabels { task, outcome: "done" }).inc();
        self.task_success.get_or_create(&TaskLabels { task }).set(now_us.div_euclid(1_000_000));
    }

    /// A run that did not.
    pub(crate) fn task_failed(&self, task: &'static str) {
        self.task_runs.get_or_create(&RunLabels { task, outcome: "failed" }).inc();
    }

    /// The whole of it, as Prometheus reads it; the gauges are given at this moment.
    pub(crate) fn render(&self, queue: usize, snapshot_age: Duration, servers: u32, listeners: usize) -> String {
        self.queue.set(i64::try_from(queue).unwrap_or(i64::MAX));
        self.servers.set(servers.into());
        self.flag_listeners.set(i64::try_from(listeners).unwrap_or(i64::MAX));
        self.snapshot_age.set(snapshot_age.as_secs_f64());
        let mut text = String::new();
        // Writing to a String cannot fail.
        let _ = encode(&mut text, &self.registry);
        text
    }
}
