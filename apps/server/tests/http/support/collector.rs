//! A collector of OpenTelemetry: takes traces by OTLP over HTTP, and keeps their spans.

use std::collections::BTreeMap;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::common::v1::any_value::Value;
use prost::Message as _;

use super::patiently;

/// For a batch, on a busy machine.
const PATIENCE: Duration = Duration::from_secs(20);

/// A span as it came.
#[derive(Clone, Debug)]
pub(crate) struct Span {
    pub(crate) trace: String,
    pub(crate) id: String,
    /// Empty where it is a root.
    pub(crate) parent: String,
    pub(crate) name: String,
    /// Numbers as text.
    pub(crate) attributes: BTreeMap<String, String>,
    /// The ids of the spans that it is linked to.
    pub(crate) links: Vec<String>,
    pub(crate) failed: bool,
    /// Unix nanoseconds.
    pub(crate) start_ns: u64,
    pub(crate) end_ns: u64,
}

#[derive(Default)]
struct Received {
    spans: Vec<Span>,
    services: Vec<String>,
    heads: Vec<String>,
}

pub(crate) struct Collector {
    pub(crate) endpoint: String,
    received: Arc<Mutex<Received>>,
}

impl Collector {
    pub(crate) fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let endpoint = format!("http://{}", listener.local_addr().unwrap());
        let received = Arc::<Mutex<Received>>::default();
        let kept = Arc::clone(&received);
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                let (Ok(stream), kept) = (stream, Arc::clone(&kept)) else { return };
                std::thread::spawn(move || while take(&stream, &kept).is_some() {});
            }
        });
        Self { endpoint, received }
    }

    /// The spans so far, once they are as they are waited for.
    #[track_caller]
    pub(crate) fn spans(&self, what: &str, complete: impl Fn(&[Span]) -> bool) -> Vec<Span> {
        let come = patiently(PATIENCE, || complete(&self.received.lock().unwrap().spans));
        let spans = self.received.lock().unwrap().spans.clone();
        assert!(come, "{what} did not come: {spans:#?}");
        spans
    }

    /// The spans of one trace, once there is one of this name whose parent is `parent`.
    #[track_caller]
    pub(crate) fn trace(&self, trace: &str, last: &str) -> Vec<Span> {
        let mine = |spans: &[Span]| spans.iter().filter(|span| span.trace == trace).cloned().collect::<Vec<_>>();
        let complete = |spans: &[Span]| mine(spans).iter().any(|span| span.name == last);
        mine(&self.spans(last, complete))
    }

    /// The service names, and the heads of the requests.
    pub(crate) fn senders(&self) -> (Vec<String>, Vec<String>) {
        let received = self.received.lock().unwrap();
        (received.services.clone(), received.heads.clone())
    }
}

/// Takes one request; none: the connection is over.
fn take(stream: &TcpStream, kept: &Mutex<Received>) -> Option<()> {
    let mut reader = BufReader::new(stream);
    let mut head = String::new();
    while !head.ends_with("\r\n\r\n") {
        if reader.read_line(&mut head).ok()? == 0 {
            return None;
        }
    }
    let lower = head.to_ascii_lowercase();
    let length: usize = lower.split_once("content-length: ")?.1.split("\r\n").next()?.parse().ok()?;
    let mut body = vec![0; length];
    reader.read_exact(&mut body).ok()?;
    let request = ExportTraceServiceRequest::decode(body.as_slice()).unwrap();
    let mut received = kept.lock().unwrap();
    received.heads.push(lower);
    for resource in request.resource_spans {
        let attributes = resource.resource.unwrap_or_default().attributes;
        let name = attributes.into_iter().find(|attribute| attribute.key == "service.name");
        received.services.extend(name.map(|name| shown(name.value.and_then(|value| value.value))));
        received.spans.extend(resource.scope_spans.into_iter().flat_map(|scope| scope.spans).map(|span| {
            Span {
                trace: hex::encode(span.trace_id),
                id: hex::encode(span.span_id),
                parent: hex::encode(span.parent_span_id),
                name: span.name,
                attributes: span
                    .attributes
                    .into_iter()
                    .map(|attribute| (attribute.key, shown(attribute.value.and_then(|value| value.value))))
                    .collect(),
                links: span.links.into_iter().map(|link| hex::encode(link.span_id)).collect(),
                failed: span.status.is_some_and(|status| status.code == 2),
                start_ns: span.start_time_unix_nano,
                end_ns: span.end_time_unix_nano,
            }
        }));
    }
    drop(received);
    let mut stream = stream;
    stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Type: application/x-protobuf\r\nContent-Length: 0\r\n\r\n").ok()
}

fn shown(value: Option<Value>) -> String {
    match value {
        Some(Value::StringValue(text)) => text,
        Some(Value::IntValue(number)) => number.to_string(),
        other => format!("{other:?}"),
    }
}
