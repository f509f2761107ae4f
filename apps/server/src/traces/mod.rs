//! Traces: what a request waits for, as spans that a collector of OpenTelemetry is sent.
//!
//! The span that work belongs to goes along with it by OpenTelemetry's `Context`: within a future by [`Span::around`], to
//! another thread by [`current`]. Without a collector there is no tracer, and all of this comes to one look at that.
//! Nothing that a request brings becomes a name or an attribute, but for its id, whose characters are checked.

mod export;

use std::future::poll_fn;
use std::pin::pin;
use std::sync::OnceLock;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use actix_web::http::header::{HeaderMap, HeaderName};
use opentelemetry::propagation::{Extractor, TextMapPropagator as _};
use opentelemetry::trace::{Link, Span as _, SpanBuilder, SpanKind, Status, TraceContextExt as _, Tracer as _};
use opentelemetry::{Context, ContextGuard, KeyValue, Value};
use opentelemetry_sdk::propagation::TraceContextPropagator;
use opentelemetry_sdk::trace::SdkTracer;

use crate::system;

pub(crate) use export::{Collector, start};

/// Where spans begin, once there is a collector. Of a process that serves twice, as a test may, the first stays.
static TRACER: OnceLock<SdkTracer> = OnceLock::new();

/// A piece of work that is traced; or nothing, where it is not. It ends when it is dropped.
pub(crate) struct Span(Option<Context>);

impl Span {
    /// A request's, under the `traceparent` that it came with (W3C Trace Context §3.2), which decides whether it is traced.
    pub(crate) fn of_request(headers: &HeaderMap) -> Self {
        let Some(tracer) = TRACER.get() else { return Self(None) };
        let parent = TraceContextPropagator::new().extract_with_context(&Context::new(), &Headers(headers));
        Self::begin(tracer, tracer.span_builder("request").with_kind(SpanKind::Server), &parent)
    }

    /// Of work that the server does by itself, for somebody else to answer.
    pub(crate) fn apart(name: &'static str) -> Self {
        let Some(tracer) = TRACER.get() else { return Self(None) };
        Self::begin(tracer, tracer.span_builder(name).with_kind(SpanKind::Client), &Context::new())
    }

    /// Of what the span that goes on here waits for, and somebody else answers.
    pub(crate) fn within(name: &'static str) -> Self {
        let Some(tracer) = TRACER.get() else { return Self(None) };
        let Some(parent) = current().0 else { return Self(None) };
        Self::begin(tracer, tracer.span_builder(name).with_kind(SpanKind::Client), &parent)
    }

    /// A group's, under the first of its requests that is traced and linked to all that are; each of these gets a span of
    /// how long it waited. `waited`: the requests, and for how long they did.
    pub(crate) fn of_group(waited: &[(Carried, Duration)]) -> Self {
        let Some(tracer) = TRACER.get() else { return Self(None) };
        let traced = || waited.iter().filter_map(|(carried, time)| Some((carried.0.as_ref()?, *time)));
        let Some((first, _)) = traced().next() else { return Self(None) };
        let links = traced().map(|(context, _)| link(context)).collect();
        let size = i64::try_from(waited.len()).unwrap_or(i64::MAX);
        let builder = tracer
            .span_builder("group commit")
            .with_links(links)
            .with_attributes([KeyValue::new("osaycore.group.size", size)]);
        let group = Self::begin(tracer, builder, first);
        let now = now();
        for (context, time) in traced() {
            let builder = tracer
                .span_builder("queue")
                .with_start_time(now.checked_sub(time).unwrap_or(now))
                .with_links(group.0.as_ref().map(link).into_iter().collect());
            tracer.build_with_context(builder, context).end_with_timestamp(now);
        }
        group
    }

    fn begin(tracer: &SdkTracer, builder: SpanBuilder, parent: &Context) -> Self {
        let span = tracer.build_with_context(builder, parent);
        Self(span.span_context().is_sampled().then(|| parent.with_span(span)))
    }

    /// Says more of it; by the names of OpenTelemetry's semantic conventions, where there is one.
    pub(crate) fn set(&self, name: &'static str, value: impl Into<Value>) {
        if let Some(context) = &self.0 {
            context.span().set_attribute(KeyValue::new(name, value));
        }
    }

    /// Another name, now that more is known.
    pub(crate) fn rename(&self, name: impl FnOnce() -> String) {
        if let Some(context) = &self.0 {
            context.span().update_name(name());
        }
    }

    /// It did not come to what it was for.
    pub(crate) fn fail(&self) {
        if let Some(context) = &self.0 {
            context.span().set_status(Status::error(""));
        }
    }

    /// What is done on this thread until the answer is dropped is part of it.
    pub(crate) fn enter(&self) -> Option<ContextGuard> {
        self.0.clone().map(Context::attach)
    }

    /// `work` as part of it.
    pub(crate) async fn around<F: Future>(&self, work: F) -> F::Output {
        let mut work = pin!(work);
        poll_fn(|task| {
            let _entered = self.enter();
            work.as_mut().poll(task)
        })
        .await
    }

    /// The trace that it is in.
    pub(crate) fn trace_id(&self) -> Option<String> {
        self.0.as_ref().map(|context| context.span().span_context().trace_id().to_string())
    }

    /// Itself as a `traceparent`.
    pub(crate) fn traceparent(&self) -> Option<String> {
        let context = self.0.as_ref()?;
        let span = context.span();
        let known = span.span_context();
        Some(format!("00-{}-{}-01", known.trace_id(), known.span_id()))
    }
}

impl Drop for Span {
    fn drop(&mut self) {
        if let Some(context) = &self.0 {
            context.span().end();
        }
    }
}

/// A span as it goes to another thread.
#[derive(Clone)]
pub(crate) struct Carried(Option<Context>);

impl Carried {
    /// What is done on this thread until the answer is dropped is part of the span.
    pub(crate) fn enter(&self) -> Option<ContextGuard> {
        self.0.clone().map(Context::attach)
    }
}

/// The span that goes on here.
pub(crate) fn current() -> Carried {
    if TRACER.get().is_none() {
        return Carried(None);
    }
    Carried(Context::map_current(|context| context.has_active_span().then(|| context.clone())))
}

fn link(context: &Context) -> Link {
    Link::new(context.span().span_context().clone(), Vec::new(), 0)
}

fn now() -> SystemTime {
    let since = Duration::from_micros(u64::try_from(system::now_us()).unwrap_or(0));
    UNIX_EPOCH.checked_add(since).unwrap_or(UNIX_EPOCH)
}

/// Headers as the propagator reads them. Of two of a name neither is believed.
struct Headers<'a>(&'a HeaderMap);

impl Extractor for Headers<'_> {
    fn get(&self, key: &str) -> Option<&str> {
        let mut values = self.0.get_all(key);
        let value = values.next()?.to_str().ok()?;
        values.next().is_none().then_some(value)
    }

    fn keys(&self) -> Vec<&str> {
        self.0.keys().map(HeaderName::as_str).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn without_a_collector_there_is_nothing() {
        let span = Span::of_request(&HeaderMap::new());
        assert!(span.0.is_none() && span.trace_id().is_none() && span.traceparent().is_none());
        let _entered = span.enter();
        assert!(current().0.is_none() && Span::within("x").0.is_none() && Span::apart("x").0.is_none());
        assert!(Span::of_group(&[(current(), Duration::ZERO)]).0.is_none());
    }
}
