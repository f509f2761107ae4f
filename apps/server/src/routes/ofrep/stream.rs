//! `GET /ofrep/v1/changes`: Server-Sent Events that say "ask again" (the protocol's ADR 8), and nothing else.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use actix_web::http::header::CACHE_CONTROL;
use actix_web::rt::time::{Interval, interval};
use actix_web::web::{Bytes, Data};
use actix_web::{HttpRequest, HttpResponse};
use futures_util::StreamExt as _;
use futures_util::stream::{once, unfold};
use tokio::sync::watch;

use crate::error::{ApiError, Code};
use crate::routes::query::Query;
use crate::schemas;
use crate::server::State;
use crate::snapshot::{ServedApp, Snapshots};
use crate::streams::Place;

/// How often something is sent, so that proxies keep the connection and a client that is gone is noticed.
const KEEP_ALIVE: Duration = Duration::from_secs(10);
/// When to try again where every place is taken, seconds.
const FULL_S: u64 = 30;
/// A comment, which clients pass over.
const COMMENT: &str = ":\n\n";

/// One listener.
struct Listener {
    snapshots: Arc<Snapshots>,
    channel: String,
    /// Of the flags that the client knows.
    version: String,
    changes: watch::Receiver<()>,
    stopping: watch::Receiver<bool>,
    keep_alive: Interval,
    _place: Place,
}

/// `GET /ofrep/v1/changes`: tells when to ask again, for as long as the client listens.
#[utoipa::path(
    get, path = "/ofrep/v1/changes", operation_id = "changes", tag = "OpenFeature",
    params(
        ("channel" = schemas::QueryText, Query, description = "As `eventStreams` names it"),
        ("Last-Event-Id" = Option<String>, Header, description = "The last event that came"),
    ),
    responses((status = 200, description = "Server-Sent Events", body = String, content_type = "text/event-stream",
        example = "event: message\ndata: {\"type\":\"refetchEvaluation\",\"etag\":\"5f1c\"}\n\n")),
    extensions(("x-error-codes" = json!([
        Code::MissingField, Code::UnknownField, Code::InvalidField, Code::InvalidApiKey, Code::Unavailable
    ])))
)]
pub(super) async fn changes(state: Data<State>, request: HttpRequest) -> Result<HttpResponse, ApiError> {
    let query = Query::parse(request.query_string(), &["channel", "version"])?;
    let missing = || ApiError::field(Code::MissingField, "channel", "channel is missing");
    let channel = query.text("channel").ok_or_else(missing)?.to_owned();
    // Before the flags are looked at: what changes from now on is told.
    let changes = state.snapshots.changes();
    let served = open(&state.snapshots, &channel).ok_or(Code::InvalidApiKey)?;
    served.within_limit()?;
    let full = || ApiError::from(Code::Unavailable).detail("too many listen; poll instead").retry_after(FULL_S);
    let place = state.streams.enter(served.app.id).ok_or_else(full)?;
    // Who lost the connection says what it was told last, if that was anything; else the address says what was known when
    // it was given. Who says neither may know anything, and is told at once.
    let last = request.headers().get("last-event-id").and_then(|id| id.to_str().ok()).filter(|id| !id.is_empty());
    let version = last.or_else(|| query.text("version")).unwrap_or_default().to_owned();
    let mut listener = Listener {
        snapshots: Arc::clone(&state.snapshots),
        channel,
        version,
        changes,
        stopping: state.streams.stopping(),
        keep_alive: interval(KEEP_ALIVE),
        _place: place,
    };
    listener.keep_alive.reset();
    listener.changes.mark_changed();
    let events = unfold(listener, |mut listener| async { Some((listener.next().await?, listener)) });
    // Something at once: now the client knows that it will be told.
    let pieces = once(async { COMMENT.to_owned() }).chain(events);
    Ok(HttpResponse::Ok()
        .content_type("text/event-stream")
        .insert_header((CACHE_CONTROL, "no-store"))
        // nginx would keep events until its buffer is full.
        .insert_header(("X-Accel-Buffering", "no"))
        .streaming(pieces.map(|piece| Ok::<_, Infallible>(Bytes::from(piece)))))
}

/// The app of a channel that is open.
fn open(snapshots: &Snapshots, channel: &str) -> Option<Arc<ServedApp>> {
    snapshots.configuration().app_of_channel(channel).filter(|served| !served.app.disabled).cloned()
}

impl Listener {
    /// What is sent next; none: the channel is closed, or the server stops.
    async fn next(&mut self) -> Option<String> {
        loop {
            tokio::select! {
                _ = self.stopping.wait_for(|stopping| *stopping) => return None,
                _ = self.keep_alive.tick() => return Some(COMMENT.to_owned()),
                changed = self.changes.changed() => {
                    changed.ok()?;
                    let served = open(&self.snapshots, &self.channel)?;
                    let version = &served.flags.version;
                    if *version != self.version {
                        self.version.clone_from(version);
                        return Some(refetch(version));
                    }
                }
            }
        }
    }
}

/// The event that makes clients ask again.
fn refetch(version: &str) -> String {
    let data = format!(r#"{{"type":"refetchEvaluation","etag":"{version}"}}"#);
    format!("id: {version}\nevent: message\ndata: {data}\n\n")
}
