//! The way of spans to the collector: OTLP over HTTP, from a thread of its own. What does not fit its queue is dropped, so
//! nobody waits for a collector.

use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use anyhow::Context as _;
use opentelemetry::trace::TracerProvider as _;
use opentelemetry_otlp::{Protocol, SpanExporter as Otlp, WithExportConfig as _};
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::error::OTelSdkResult;
use opentelemetry_sdk::trace::{
    BatchConfigBuilder, BatchSpanProcessor, Sampler, SdkTracerProvider, SpanData, SpanExporter,
};

use super::TRACER;
use crate::metrics::Metrics;
use crate::system;

/// Spans that may wait to be sent, and how many are sent at once.
const QUEUE: usize = 8192;
const BATCH: usize = 1024;
/// How long a span waits for others.
const DELAY: Duration = Duration::from_secs(1);
/// How long the collector may take with a batch, and a stopping server with all that is left.
const TIMEOUT: Duration = Duration::from_secs(3);
const ENDING: Duration = Duration::from_secs(5);
/// As many as a group has requests.
const LINKS: u32 = 256;
/// How often it is said that the collector does not take them.
const TOLD: Duration = Duration::from_mins(1);

/// Where traces go.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Collector {
    /// The base of its OTLP receiver, `http` or `https`.
    pub(crate) endpoint: String,
    /// The share of requests that is traced, 0 to 1, where the caller has not decided.
    pub(crate) sample: f64,
}

/// The traces of a running server.
pub(crate) struct Traces(Option<SdkTracerProvider>);

/// Begins to trace, where there is a collector. It need not be there yet.
pub(crate) fn start(collector: Option<&Collector>, metrics: &Metrics) -> anyhow::Result<Traces> {
    let Some(collector) = collector else { return Ok(Traces(None)) };
    let exporter = Otlp::builder()
        .with_http()
        .with_endpoint(traces_url(&collector.endpoint)?)
        .with_protocol(Protocol::HttpBinary)
        .with_timeout(TIMEOUT)
        .build()
        .context("--otlp-endpoint")?;
    let exporter = Reporting { exporter, metrics: metrics.clone(), told: Mutex::default() };
    let batches = BatchConfigBuilder::default()
        .with_max_queue_size(QUEUE)
        .with_max_export_batch_size(BATCH)
        .with_scheduled_delay(DELAY);
    let resource = Resource::builder_empty()
        .with_service_name("osaycore")
        .with_attribute(opentelemetry::KeyValue::new("service.version", env!("CARGO_PKG_VERSION")))
        .build();
    let provider = SdkTracerProvider::builder()
        .with_span_processor(BatchSpanProcessor::builder(exporter).with_batch_config(batches.build()).build())
        .with_sampler(Sampler::ParentBased(Box::new(Sampler::TraceIdRatioBased(collector.sample))))
        .with_max_links_per_span(LINKS)
        .with_resource(resource)
        .build();
    let _ = TRACER.set(provider.tracer("osaycore"));
    Ok(Traces(Some(provider)))
}

impl Traces {
    /// Sends what is left; blocks for [`ENDING`] at most.
    pub(crate) fn finish(self) {
        let Some(provider) = self.0 else { return };
        if let Err(error) = provider.shutdown_with_timeout(ENDING) {
            tracing::warn!(%error, "the last spans were not sent");
        }
    }
}

/// The receiver's URL of traces (OpenTelemetry Protocol, "OTLP/HTTP Request").
fn traces_url(endpoint: &str) -> anyhow::Result<String> {
    let wrong = "--otlp-endpoint: use http://host:4318 or https://…, where an OTLP receiver listens for HTTP";
    let url: url::Url = endpoint.parse().context(wrong)?;
    anyhow::ensure!(matches!(url.scheme(), "http" | "https") && url.host().is_some() && url.query().is_none(), wrong);
    let has_user = !url.username().is_empty() || url.password().is_some();
    anyhow::ensure!(!has_user, "--otlp-endpoint: no password there; use OTEL_EXPORTER_OTLP_HEADERS=authorization=…");
    let base = url.as_str().trim_end_matches('/');
    Ok(if base.ends_with("/v1/traces") { base.to_owned() } else { format!("{base}/v1/traces") })
}

/// An exporter that counts, and says now and then that it does not get through.
#[derive(Debug)]
struct Reporting<E> {
    exporter: E,
    metrics: Metrics,
    /// When that was said last.
    told: Mutex<Option<Instant>>,
}

impl<E> Reporting<E> {
    /// Whether it is time to say it.
    fn may_tell(&self, now: Instant) -> bool {
        let mut told = self.told.lock().unwrap_or_else(PoisonError::into_inner);
        let is_due = told.is_none_or(|told| now.saturating_duration_since(told) >= TOLD);
        if is_due {
            *told = Some(now);
        }
        is_due
    }
}

impl<E: SpanExporter> SpanExporter for Reporting<E> {
    async fn export(&self, batch: Vec<SpanData>) -> OTelSdkResult {
        let count = batch.len();
        let exported = self.exporter.export(batch).await;
        self.metrics.spans(count, exported.is_ok());
        if let Err(error) = &exported
            && self.may_tell(system::monotonic())
        {
            tracing::warn!(%error, spans = count, "the collector of --otlp-endpoint does not take the traces");
        }
        exported
    }

    fn shutdown_with_timeout(&self, timeout: Duration) -> OTelSdkResult {
        self.exporter.shutdown_with_timeout(timeout)
    }

    fn force_flush(&self) -> OTelSdkResult {
        self.exporter.force_flush()
    }

    fn set_resource(&mut self, resource: &Resource) {
        self.exporter.set_resource(resource);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn that_the_collector_is_away_is_told_once_a_minute() {
        let exporter = Reporting { exporter: (), metrics: Metrics::new("sqlite", 0), told: Mutex::default() };
        let start = system::monotonic();
        let told: Vec<u64> = (0..=150).filter(|s| exporter.may_tell(start + Duration::from_secs(*s))).collect();
        assert_eq!(told, [0, 60, 120]);
    }

    #[test]
    fn an_endpoint_is_the_base_of_a_receiver() {
        for (endpoint, url) in [
            ("http://collector:4318", "http://collector:4318/v1/traces"),
            ("http://collector:4318/", "http://collector:4318/v1/traces"),
            ("https://example.com/otlp/", "https://example.com/otlp/v1/traces"),
            ("https://example.com/v1/traces", "https://example.com/v1/traces"),
        ] {
            assert_eq!(traces_url(endpoint).unwrap(), url);
        }
        for wrong in ["collector:4318", "grpc://collector:4317", "http://", "http://a/?b", ""] {
            let error = format!("{:#}", traces_url(wrong).unwrap_err());
            assert!(error.starts_with("--otlp-endpoint: use http://"), "{wrong}: {error}");
        }
        let error = traces_url("http://me:hidden@collector:4318").unwrap_err().to_string();
        assert!(error.contains("OTEL_EXPORTER_OTLP_HEADERS") && !error.contains("hidden"), "{error}");
    }
}
