//! What operators watch: Prometheus text with bounded labels.
//!
//! A label has values that the program or the operator decides: registered routes, methods, status codes, and the words of
//! enums. Never what a request brings, nor apps or users, of which there may be any number: of those the logs, the traces
//! and the audit trail tell.

use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::time::Duration;

use osaycore_flags::Reason;
use osaycore_otp::State;
use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::encoding::text::encode;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::{Histogram, exponential_buckets};
use prometheus_client::metrics::info::Info;
use prometheus_client::registry::{Metric, Registry, Unit};

/// The route as it is registered, never the path as it was sent: a client cannot make labels.
#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct RouteLabels {
    route: String,
    method: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct AnswerLabels {
    route: String,
    method: &'static str,
    status: u16,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct CodeLabels {
    code: &'static str,
}

/// What was asked of a second factor, and the state that was answered.
#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct FactorLabels {
    asked: &'static str,
    state: &'static str,
}

/// The kind of the provider; its name is the operator's, and each tenant has its own.
#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct SignInLabels {
    provider: &'static str,
    outcome: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct FlagLabels {
    surface: &'static str,
    reason: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct OutcomeLabels {
    outcome: &'static str,
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

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct ReaderLabels {
    state: &'static str,
}

/// What was asked of a second factor.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Asked {
    /// Whether a code is wanted.
    State,
    /// Whether a code is right.
    Verify,
    /// The same of a first code, on the page of a mailed link.
    Enrolment,
}

/// Where flags were evaluated for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Surface {
    /// A user's context.
    Context,
    /// `OpenFeature`'s protocol.
    Ofrep,
}

/// What became of a try at a mail.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Mailed {
    Sent,
    /// It is tried again.
    Failed,
    /// Its time was over: it is not tried again.
    Expired,
}

/// What is measured at the moment of asking.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Now {
    /// Requests that wait for the next commit.
    pub(crate) queue: usize,
    pub(crate) snapshot_age: Duration,
    pub(crate) servers: u32,
    /// Streams of changes that are open.
    pub(crate) listeners: usize,
    /// Requests that read, or wait to, from a database elsewhere.
    pub(crate) reads: usize,
    pub(crate) busy_readers: u32,
    pub(crate) idle_readers: u32,
}

type Timings = Family<RouteLabels, Histogram, fn() -> Histogram>;

/// Every metric of the server. Clones share them.
#[derive(Clone, Debug)]
pub(crate) struct Metrics {
    registry: Arc<Registry>,
    requests: Family<AnswerLabels, Counter>,
    latency: Timings,
    refusals: Family<CodeLabels, Counter>,
    group_size: Histogram,
    group_wait: Histogram,
    group_commit: Histogram,
    queue: Gauge,
    reads: Gauge,
    readers: Family<ReaderLabels, Gauge>,
    snapshot_age: Gauge<f64, AtomicU64>,
    servers: Gauge,
    factors: Family<FactorLabels, Counter>,
    sign_ins: Family<SignInLabels, Counter>,
    flag_evaluations: Family<FlagLabels, Counter>,
    flag_listeners: Gauge,
    mails: Family<OutcomeLabels, Counter>,
    mails_waiting: Gauge,
    mail_oldest: Gauge,
    task_runs: Family<RunLabels, Counter>,
    task_success: Family<TaskLabels, Gauge>,
    spans: Family<OutcomeLabels, Counter>,
}

/// A registry that is being filled: what it is told of it gives back.
struct Filling(Registry);

impl Filling {
    fn add<M: Metric + Clone>(&mut self, name: &str, help: &str, metric: M) -> M {
        self.0.register(name, help, metric.clone());
        metric
    }

    fn add_seconds<M: Metric + Clone>(&mut self, name: &str, help: &str, metric: M) -> M {
        self.0.register_with_unit(name, help, Unit::Seconds, metric.clone());
        metric
    }
}

impl Metrics {
    /// Those of a server on `database` (`sqlite` or `postgresql`) that started at `now_us`.
    pub(crate) fn new(database: &'static str, now_us: i64) -> Self {
        let mut all = Filling(Registry::with_prefix("osaycore"));
        let build = Info::new([("version", env!("CARGO_PKG_VERSION")), ("database", database)]);
        all.0.register("build", "The program and the kind of its database", build);
        let start: Gauge = all.add_seconds("start_time", "When the server started, Unix time", Gauge::default());
        start.set(now_us.div_euclid(1_000_000));
        let latency: Timings = Family::new_with_constructor(|| Histogram::new(exponential_buckets(0.0001, 2.0, 16)));
        Self {
            requests: all.add("http_requests", "Requests by route, method and status", Family::default()),
            latency: all.add_seconds("http_request_duration", "Time to answer", latency),
            refusals: all.add("refusals", "Requests refused, by error code", Family::default()),
            group_size: all.add(
                "group_size",
                "Requests of one commit",
                Histogram::new(exponential_buckets(1.0, 2.0, 9)),
            ),
            group_wait: all.add_seconds("group_wait", "Time that a request waited for its group", timing()),
            group_commit: all.add_seconds("group_commit", "Time of one commit", timing()),
            queue: all.add("group_queue", "Requests that wait for the next commit", Gauge::default()),
            reads: all.add("reads", "Requests that read off the event loop, or wait to", Gauge::default()),
            readers: all.add("readers", "Connections that read", Family::default()),
            snapshot_age: all.add_seconds("snapshot_age", "Age of the cached snapshot", Gauge::default()),
            servers: all.add("servers", "Servers on this database", Gauge::default()),
            factors: all.add("otp_answers", "Answers about second factors", Family::default()),
            sign_ins: all.add("sign_ins", "Sign-ins that came to an end", Family::default()),
            flag_evaluations: all.add("flag_evaluations", "Feature flags evaluated", Family::default()),
            flag_listeners: all.add("flag_listeners", "Streams of changes that are open", Gauge::default()),
            mails: all.add("mails", "Tries to send a mail, on this server", Family::default()),
            mails_waiting: all.add("mails_waiting", "Mails that wait, in the database", Gauge::default()),
            mail_oldest: all.add_seconds("mail_oldest", "Age of the oldest mail that waits", Gauge::default()),
            task_runs: all.add("task_runs", "Runs of background tasks on this server", Family::default()),
            task_success: all.add_seconds(
                "task_last_success_timestamp",
                "When a background task last succeeded on this server, Unix time",
                Family::default(),
            ),
            spans: all.add("spans", "Spans of traces, by what became of them", Family::default()),
            registry: Arc::new(all.0),
        }
    }

    /// One answered request.
    pub(crate) fn request(&self, route: String, method: &'static str, status: u16, took: Duration) {
        self.latency.get_or_create(&RouteLabels { route: route.clone(), method }).observe(took.as_secs_f64());
        self.requests.get_or_create(&AnswerLabels { route, method, status }).inc();
    }

    /// One refused request.
    pub(crate) fn refusal(&self, code: &'static str) {
        self.refusals.get_or_create(&CodeLabels { code }).inc();
    }

    /// One request that a group has taken.
    pub(crate) fn waited(&self, time: Duration) {
        self.group_wait.observe(time.as_secs_f64());
    }

    /// One group.
    pub(crate) fn group(&self, size: usize, took: Duration) {
        self.group_size.observe(f64::from(u32::try_from(size).unwrap_or(u32::MAX)));
        self.group_commit.observe(took.as_secs_f64());
    }

    /// One answer about a second factor.
    pub(crate) fn second_factor(&self, asked: Asked, state: State) {
        let asked = match asked {
            Asked::State => "state",
            Asked::Verify => "verify",
            Asked::Enrolment => "enrolment",
        };
        self.factors.get_or_create(&FactorLabels { asked, state: state.as_str() }).inc();
    }

    /// A sign-in that ended, or could not begin. Both words are of enums.
    pub(crate) fn sign_in(&self, provider: &'static str, outcome: &'static str) {
        self.sign_ins.get_or_create(&SignInLabels { provider, outcome }).inc();
    }

    /// Flags evaluated for one request, and why each is what it is.
    pub(crate) fn flags(&self, surface: Surface, reasons: impl Iterator<Item = Reason>) {
        let surface = match surface {
            Surface::Context => "context",
            Surface::Ofrep => "ofrep",
        };
        let mut counts = REASONS.map(|reason| (reason, 0_u64));
        for found in reasons {
            let mine = counts.iter_mut().filter(|(reason, _)| *reason == found);
            mine.for_each(|(_, count)| *count = count.saturating_add(1));
        }
        for (reason, count) in counts.into_iter().filter(|(_, count)| *count > 0) {
            self.flag_evaluations.get_or_create(&FlagLabels { surface, reason: reason.as_str() }).inc_by(count);
        }
    }

    /// One try at a mail.
    pub(crate) fn mail(&self, mailed: Mailed) {
        let outcome = match mailed {
            Mailed::Sent => "sent",
            Mailed::Failed => "failed",
            Mailed::Expired => "expired",
        };
        self.mails.get_or_create(&OutcomeLabels { outcome }).inc();
    }

    /// What is in the outbox: how many, and the age of the oldest in seconds.
    pub(crate) fn outbox(&self, waiting: i64, oldest_s: i64) {
        self.mails_waiting.set(waiting);
        self.mail_oldest.set(oldest_s);
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

    /// Spans that a collector took, or did not.
    pub(crate) fn spans(&self, count: usize, taken: bool) {
        let outcome = if taken { "sent" } else { "failed" };
        self.spans.get_or_create(&OutcomeLabels { outcome }).inc_by(u64::try_from(count).unwrap_or(u64::MAX));
    }

    /// The whole of it, as Prometheus reads it.
    pub(crate) fn render(&self, now: Now) -> String {
        self.queue.set(gauged(now.queue));
        self.reads.set(gauged(now.reads));
        self.readers.get_or_create(&ReaderLabels { state: "busy" }).set(now.busy_readers.into());
        self.readers.get_or_create(&ReaderLabels { state: "idle" }).set(now.idle_readers.into());
        self.servers.set(now.servers.into());
        self.flag_listeners.set(gauged(now.listeners));
        self.snapshot_age.set(now.snapshot_age.as_secs_f64());
        let mut text = String::new();
        // Writing to a String cannot fail.
        let _ = encode(&mut text, &self.registry);
        text
    }
}

const REASONS: [Reason; 6] =
    [Reason::Disabled, Reason::TargetingMatch, Reason::Split, Reason::Static, Reason::Default, Reason::Error];

/// From 0.1 ms to 0.8 s.
fn timing() -> Histogram {
    Histogram::new(exponential_buckets(0.0001, 2.0, 14))
}

fn gauged(count: usize) -> i64 {
    i64::try_from(count).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn flags_are_counted_by_reason() {
        let metrics = Metrics::new("sqlite", 5_999_999);
        metrics.flags(Surface::Ofrep, [Reason::Split, Reason::Static, Reason::Split].into_iter());
        let text = metrics.render(Now { busy_readers: 2, ..Now::default() });
        for line in [
            r#"osaycore_flag_evaluations_total{surface="ofrep",reason="SPLIT"} 2"#,
            r#"osaycore_flag_evaluations_total{surface="ofrep",reason="STATIC"} 1"#,
            r#"osaycore_readers{state="busy"} 2"#,
            "osaycore_start_time_seconds 5",
            concat!(r#"osaycore_build_info{version=""#, env!("CARGO_PKG_VERSION"), r#"",database="sqlite"} 1"#),
        ] {
            assert!(text.lines().any(|found| found == line), "{line} is not in {text}");
        }
        assert!(!text.contains("DISABLED"), "{text}");
    }
}
