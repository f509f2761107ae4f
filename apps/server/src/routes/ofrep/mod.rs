//! `OpenFeature`'s Remote Evaluation Protocol 0.3.0: flags for any client that speaks it (open-feature/protocol,
//! `service/openapi.yaml`).

mod stream;

use std::time::Duration;

use actix_web::http::Method;
use actix_web::http::header::{
    ACCESS_CONTROL_ALLOW_HEADERS, ACCESS_CONTROL_ALLOW_METHODS, ACCESS_CONTROL_MAX_AGE, ETAG, HeaderMap, IF_NONE_MATCH,
};
use actix_web::middleware::from_fn;
use actix_web::web::{self, Data, Path};
use actix_web::{HttpRequest, HttpResponse, Route};
use osaycore_flags::{Evaluation, Reason, Value};
use serde::{Deserialize, Serialize};
use utoipa::{OpenApi, ToSchema};

use crate::context::{FlagContext, Given, Layers};
use crate::error::{ApiError, Code};
use crate::extract::ofrep::{self, Evaluator};
use crate::metrics::Surface;
use crate::routes::{json, resource, to_json};
use crate::schemas;
use crate::served_flags::digest;
use crate::server::State;
use crate::system;

/// A client that sits idle for so long (a tab in the background) closes its stream; seconds.
const INACTIVITY_S: u32 = 120;
/// How long a client that was told of a change waits for this server to see it, too.
const CATCHING_UP: Duration = Duration::from_secs(1);

pub(crate) fn configure(config: &mut web::ServiceConfig) {
    config
        .service(
            resource("/ofrep/v1/evaluate/flags", "POST")
                .route(evaluator(web::post().to(bulk)))
                .route(preflight().to(bulk_preflight)),
        )
        .service(
            resource("/ofrep/v1/evaluate/flags/{key}", "POST")
                .route(evaluator(web::post().to(single)))
                .route(preflight().to(single_preflight)),
        )
        .service(
            resource("/ofrep/v1/changes", "GET")
                .route(web::get().to(stream::changes))
                .route(preflight().to(changes_preflight)),
        );
}

#[derive(OpenApi)]
#[openapi(paths(bulk, single, bulk_preflight, single_preflight, changes_preflight, stream::changes))]
pub(super) struct Api;

/// Only for requests that are signed, or have an evaluation key.
fn evaluator(route: Route) -> Route {
    route.wrap(from_fn(ofrep::layer))
}

/// What a browser asks before it lets a page's script ask (Fetch, "CORS-preflight request").
fn preflight() -> Route {
    web::method(Method::OPTIONS)
}

/// `OPTIONS /ofrep/v1/evaluate/flags`: a browser's question before it lets a page's script ask.
#[utoipa::path(
    options, path = "/ofrep/v1/evaluate/flags", operation_id = "evaluateFlagsPreflight", tag = "OpenFeature",
    responses((status = 204, description = "It may"))
)]
async fn bulk_preflight() -> HttpResponse {
    allowed("POST")
}

/// `OPTIONS /ofrep/v1/evaluate/flags/{key}`: a browser's question before it lets a page's script ask.
#[utoipa::path(
    options, path = "/ofrep/v1/evaluate/flags/{key}", operation_id = "evaluateFlagPreflight", tag = "OpenFeature",
    params(("key" = String, Path, description = "The flag's", example = "new_ui")),
    responses((status = 204, description = "It may"))
)]
async fn single_preflight() -> HttpResponse {
    allowed("POST")
}

/// `OPTIONS /ofrep/v1/changes`: a browser's question before it lets a page's script listen.
#[utoipa::path(
    options, path = "/ofrep/v1/changes", operation_id = "changesPreflight", tag = "OpenFeature",
    responses((status = 204, description = "It may"))
)]
async fn changes_preflight() -> HttpResponse {
    allowed("GET")
}

fn allowed(methods: &'static str) -> HttpResponse {
    HttpResponse::NoContent()
        .insert_header((ACCESS_CONTROL_ALLOW_METHODS, methods))
        .insert_header((ACCESS_CONTROL_ALLOW_HEADERS, "authorization, x-api-key, content-type, if-none-match"))
        .insert_header((ACCESS_CONTROL_MAX_AGE, "86400"))
        .finish()
}

/// Members that later versions of the protocol add are passed over.
#[derive(Deserialize, ToSchema)]
#[schema(examples(json!({"context": {"targetingKey": "user-1", "country": "de"}})))]
struct EvaluationRequest {
    #[schema(value_type = schemas::EvaluationContext)]
    context: Given,
}

#[derive(Serialize, ToSchema)]
#[serde(untagged)]
#[schema(as = FlagAnswer)]
enum Answer<'a> {
    Success(Success<'a>),
    Failure(Failure<'a>),
}

/// Nothing that explains it: a key may be public, and what is stored of the user is not.
#[derive(Serialize, ToSchema)]
#[schema(as = FlagEvaluation, examples(json!({"key": "new_ui", "value": true, "variant": "on", "reason": "SPLIT"})))]
struct Success<'a> {
    key: &'a str,
    #[schema(value_type = schemas::FlagValue)]
    value: Value<'a>,
    #[schema(required = true)]
    variant: Option<&'a str>,
    #[schema(value_type = schemas::FlagReason)]
    reason: Reason,
}

#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = FlagFailure)]
struct Failure<'a> {
    key: &'a str,
    error_code: &'static str,
    error_details: String,
}

#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(examples(json!({
    "flags": [{"key": "new_ui", "value": true, "variant": "on", "reason": "SPLIT"}], "metadata": {"version": "5f1c"},
    "eventStreams": [{
        "type": "sse", "url": "https://osaycore.example.com/ofrep/v1/changes?channel=9a7e", "inactivityDelaySec": 120
    }]
})))]
struct BulkResponse<'a> {
    flags: Vec<Answer<'a>>,
    metadata: SetMetadata<'a>,
    #[schema(value_type = Vec<EventStream>)]
    event_streams: [EventStream; 1],
}

#[derive(Serialize, ToSchema)]
struct SetMetadata<'a> {
    version: &'a str,
}

#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct EventStream {
    r#type: &'static str,
    url: String,
    inactivity_delay_sec: u32,
}

/// `POST /ofrep/v1/evaluate/flags/{key}`: one flag.
#[utoipa::path(
    post, path = "/ofrep/v1/evaluate/flags/{key}", operation_id = "evaluateFlag", tag = "OpenFeature",
    security(("signature" = []), ("evaluationKey" = []), ("evaluationKeyHeader" = [])),
    params(("key" = String, Path, description = "The flag's", example = "new_ui")),
    request_body = EvaluationRequest,
    responses((status = 200, description = "What the flag is", body = Success)),
    extensions(("x-error-codes" = json!([Code::TargetingKeyMissing, Code::FlagNotFound])))
)]
async fn single(
    state: Data<State>,
    evaluator: Evaluator,
    request: HttpRequest,
    key: Path<String>,
) -> Result<HttpResponse, ApiError> {
    let EvaluationRequest { context } = evaluator.read(&request)?;
    let key = key.as_str();
    with_context(&state, &evaluator, &context, async |layers| {
        let served = &evaluator.served;
        let evaluation = match layers.unit() {
            Some(unit) => state.evaluate(served, key, layers, unit).await?,
            None => served.flags.set.evaluate(key, layers, system::now_us()),
        };
        let evaluation = evaluation
            .ok_or_else(|| ApiError::from(Code::FlagNotFound).detail(format!("there is no active flag {key}")))?;
        let lacked_key = layers.lacked_key();
        let reason = if lacked_key { Reason::Error } else { evaluation.reason };
        state.metrics.flags(Surface::Ofrep, std::iter::once(reason));
        if lacked_key {
            return Err(ApiError::from(Code::TargetingKeyMissing).detail(needs_key(key)));
        }
        json(&Success::of(key, &evaluation))
    })
    .await
}

/// `POST /ofrep/v1/evaluate/flags`: every active flag. 304 where the client has the same of the same context already.
#[utoipa::path(
    post, path = "/ofrep/v1/evaluate/flags", operation_id = "evaluateFlags", tag = "OpenFeature",
    security(("signature" = []), ("evaluationKey" = []), ("evaluationKeyHeader" = [])),
    params(
        ("If-None-Match" = Option<String>, Header, description = "The `ETag` of the answer before"),
        ("flagConfigEtag" = Option<String>, Query, description = "The version that a stream told"),
    ),
    request_body = EvaluationRequest,
    responses(
        (status = 200, description = "What they are", body = BulkResponse, headers(("ETag" = String))),
        (status = 304, description = "The same as before"),
    )
)]
async fn bulk(state: Data<State>, evaluator: Evaluator, request: HttpRequest) -> Result<HttpResponse, ApiError> {
    let EvaluationRequest { context } = evaluator.read(&request)?;
    let public_url = state.public_url()?.trim_end_matches('/');
    let evaluator = caught_up(&state, evaluator, &request).await;
    with_context(&state, &evaluator, &context, async |layers| {
        let flags = &evaluator.served.flags;
        let answers: Vec<_> = if let Some(unit) = layers.unit() {
            let evaluated = state.evaluate_all(&evaluator.served, layers, unit).await?;
            evaluated.iter().map(|(key, evaluation)| Answer::of(key, evaluation, false)).collect()
        } else {
            let evaluated = flags.set.evaluate_all(layers, system::now_us());
            evaluated.map(|(key, evaluation)| Answer::of(key, &evaluation, layers.lacked_key())).collect()
        };
        state.metrics.flags(Surface::Ofrep, answers.iter().map(Answer::reason));
        // With what this answer knows: whoever listens later than it changed is told.
        let (channel, version) = (&evaluator.channel, &flags.version);
        let url = format!("{public_url}/ofrep/v1/changes?channel={channel}&version={version}");
        let body = to_json(&BulkResponse {
            flags: answers,
            metadata: SetMetadata { version },
            event_streams: [EventStream { r#type: "sse", url, inactivity_delay_sec: INACTIVITY_S }],
        })?;
        // The version is in the body, and what is stored of the user and the time of schedules show in it.
        let tag = format!("\"{}\"", digest(&[&context.canonical(), &body]));
        if has_tag(request.headers(), &tag) {
            return Ok(HttpResponse::NotModified().insert_header((ETAG, tag)).finish());
        }
        Ok(HttpResponse::Ok().content_type("application/json").insert_header((ETAG, tag)).body(body))
    })
    .await
}

/// Evaluates for the user whom the context is about, known here or not.
async fn with_context<T>(
    state: &State,
    evaluator: &Evaluator,
    given: &Given,
    evaluate: impl AsyncFnOnce(&Layers<'_>) -> Result<T, ApiError>,
) -> Result<T, ApiError> {
    let app = &evaluator.served.app;
    let somebody = match given.targeting_key() {
        Some(key) => state.somebody(app, key).await?,
        None => None,
    };
    let app_id = app.uuid.to_string();
    let Some((member, account)) = &somebody else { return evaluate(&Layers::new(None, given, app_id)).await };
    let effective = member.effective(app);
    let stored = FlagContext::new(&member.user, member.permit.as_ref(), &effective, &member.groups, account);
    evaluate(&Layers::new(Some(stored.in_app(app.uuid)), given, app_id)).await
}

/// The evaluator with the flags of which another server told the client, where this one has yet to see them.
async fn caught_up(state: &State, evaluator: Evaluator, request: &HttpRequest) -> Evaluator {
    let query = form_urlencoded::parse(request.query_string().as_bytes());
    let told = query.into_iter().find(|(name, _)| name == "flagConfigEtag").map(|(_, version)| version);
    match told {
        Some(told) if told != evaluator.served.flags.version => {
            // Whoever waits longer gets what there is.
            let _ = tokio::time::timeout(CATCHING_UP, state.snapshots.caught_up()).await;
            evaluator.of_now(state)
        }
        _ => evaluator,
    }
}

/// Whether the client has this already (RFC 9110 §13.1.2: a weak comparison).
fn has_tag(headers: &HeaderMap, tag: &str) -> bool {
    let values = headers.get_all(IF_NONE_MATCH).filter_map(|value| value.to_str().ok());
    let mut tags = values.flat_map(|value| value.split(',')).map(str::trim);
    tags.any(|known| known == "*" || known.strip_prefix("W/").unwrap_or(known) == tag)
}

fn needs_key(key: &str) -> String {
    format!("targetingKey is missing in the context, and flag {key} is decided by it")
}

impl<'a> Answer<'a> {
    fn of(key: &'a str, evaluation: &Evaluation<'a>, lacked_key: bool) -> Self {
        if !lacked_key {
            return Self::Success(Success::of(key, evaluation));
        }
        Self::Failure(Failure { key, error_code: Code::TargetingKeyMissing.of_ofrep(), error_details: needs_key(key) })
    }

    fn reason(&self) -> Reason {
        match self {
            Self::Success(success) => success.reason,
            Self::Failure(_) => Reason::Error,
        }
    }
}

impl<'a> Success<'a> {
    fn of(key: &'a str, evaluation: &Evaluation<'a>) -> Self {
        let Evaluation { value, variant, reason, .. } = *evaluation;
        Self { key, value, variant, reason }
    }
}

#[cfg(test)]
mod tests {
    use actix_web::test::TestRequest;

    use super::*;

    #[test]
    fn tags_are_compared_weakly_one_by_one() {
        for (sent, has) in [
            (r#""a""#, true),
            (r#"W/"a""#, true),
            (r#""b", "a""#, true),
            ("*", true),
            (r#""b""#, false),
            ("a", false),
            ("", false),
        ] {
            let request = TestRequest::default().insert_header((IF_NONE_MATCH, sent)).to_http_request();
            assert_eq!(has_tag(request.headers(), r#""a""#), has, "{sent}");
        }
    }
}
