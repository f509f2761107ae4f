//! What watches the server: liveness, readiness, metrics. Public, and never signed.

use std::sync::Arc;
use std::time::Duration;

use actix_web::HttpResponse;
use actix_web::web::{self, Data};
use utoipa::{OpenApi, ToSchema};

use crate::routes::{json, resource};
use crate::server::State;
use crate::store::migrations::Standing;

/// How long the database may take to answer a probe.
const PATIENCE: Duration = Duration::from_secs(2);

pub(crate) fn configure(config: &mut web::ServiceConfig) {
    config
        .service(resource("/healthz", "GET, HEAD").route(web::get().to(alive)).route(web::head().to(alive)))
        .service(resource("/readyz", "GET, HEAD").route(web::get().to(ready)).route(web::head().to(ready)));
}

/// Apart from the rest: a deployment may put it on a second address.
pub(crate) fn metrics_only(config: &mut web::ServiceConfig) {
    config.service(resource("/metrics", "GET, HEAD").route(web::get().to(metrics)).route(web::head().to(metrics)));
}

#[derive(OpenApi)]
#[openapi(paths(alive, ready, metrics))]
pub(super) struct Api;

/// `GET /healthz`: the process answers.
#[utoipa::path(
    method(get, head), path = "/healthz", operation_id = "health", tag = "Watching",
    responses((status = 200, description = "It answers", body = String, content_type = "text/plain", example = "ok\n"))
)]
async fn alive() -> HttpResponse {
    HttpResponse::Ok().content_type("text/plain").body("ok\n")
}

#[derive(serde::Serialize, ToSchema)]
#[schema(examples(json!({"ready": true, "database": "ok", "migrations": "current", "draining": false})))]
struct Readiness {
    ready: bool,
    database: &'static str,
    migrations: &'static str,
    draining: bool,
}

/// `GET /readyz`: requests may be sent here: the database answers, its schema is ours, and we are not stopping.
#[utoipa::path(
    method(get, head), path = "/readyz", operation_id = "readiness", tag = "Watching",
    responses(
        (status = 200, description = "It is ready", body = Readiness),
        (status = 503, description = "It is not", body = Readiness,
            example = json!({"ready": false, "database": "unreachable", "migrations": "unknown", "draining": false})),
    )
)]
async fn ready(state: Data<State>) -> HttpResponse {
    let snapshots = Arc::clone(&state.snapshots);
    let found = tokio::time::timeout(PATIENCE, web::block(move || snapshots.standing())).await;
    let (database, migrations) = match found {
        _ if !state.writer.is_alive() => ("not written to: restart osaycore", "unknown"),
        Ok(Ok(Ok(Standing::Current))) => ("ok", "current"),
        Ok(Ok(Ok(Standing::Behind(_)))) => ("ok", "behind: run `osaycore migrate`"),
        Ok(Ok(Ok(Standing::Ahead(_)))) => ("ok", "ahead: use a newer osaycore"),
        _ => ("unreachable", "unknown"),
    };
    let draining = state.is_draining();
    let readiness = Readiness { ready: migrations == "current" && !draining, database, migrations, draining };
    match json(&readiness) {
        Ok(response) if readiness.ready => response,
        Ok(response) => HttpResponse::ServiceUnavailable().content_type("application/json").body(response.into_body()),
        Err(_) => HttpResponse::InternalServerError().finish(),
    }
}

/// `GET /metrics`: Prometheus text.
#[utoipa::path(
    method(get, head), path = "/metrics", operation_id = "metrics", tag = "Watching",
    responses((
        status = 200, description = "OpenMetrics; elsewhere where `--metrics-listen` says so", body = String,
        content_type = "application/openmetrics-text", example = "# EOF\n"
    ))
)]
async fn metrics(state: Data<State>) -> HttpResponse {
    let text = state.metrics.render(state.measured());
    HttpResponse::Ok().content_type("application/openmetrics-text; version=1.0.0; charset=utf-8").body(text)
}
