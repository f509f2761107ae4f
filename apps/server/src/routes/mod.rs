//! One file per capability: its routes, request and response types, handlers.

mod admin;
mod assets;
mod context;
mod credits;
pub(crate) mod description;
mod enroll;
mod health;
mod oasis;
mod oauth;
mod ofrep;
mod payments;
mod query;
mod sessions;
mod tokens;
mod users;

use actix_web::http::header::HeaderName;
use actix_web::middleware::from_fn;
use actix_web::{HttpResponse, Resource, Route, web};

use crate::error::{ApiError, Code};
use crate::extract::signed;
use crate::group_commit::Done;
use crate::statement::timestamp;

pub(crate) use health::metrics_only;

/// Tells that an answer is the outcome of an earlier, equal request.
const REPLAYED: HeaderName = HeaderName::from_static("idempotent-replayed");

/// Everything under `/api`, and what watches the server.
pub(crate) fn configure(config: &mut web::ServiceConfig, with_metrics: bool) {
    if with_metrics {
        metrics_only(config);
    }
    config
        .service(
            web::scope("/api")
                .configure(tokens::configure)
                .configure(credits::configure)
                .configure(context::configure)
                .configure(payments::configure)
                .configure(users::configure)
                .configure(oasis::configure)
                .configure(oauth::configure)
                .configure(sessions::configure)
                .configure(description::configure)
                .configure(admin::configure)
                .default_service(web::to(not_found)),
        )
        .configure(health::configure)
        .configure(ofrep::configure)
        .configure(enroll::configure)
        .configure(assets::configure)
        .configure(description::configure_pages)
        .configure(sessions::configure_keys)
        .default_service(web::to(not_found));
}

/// A path; methods other than those in `allow` are 405.
pub(crate) fn resource(path: &str, allow: &'static str) -> Resource {
    let refuse = move || async move { Err::<HttpResponse, _>(ApiError::method_not_allowed(allow)) };
    web::resource(path).default_service(web::to(refuse))
}

/// Only for signed requests.
fn signed(route: Route) -> Route {
    route.wrap(from_fn(signed::layer))
}

async fn not_found() -> Result<HttpResponse, ApiError> {
    Err(Code::NotFound.into())
}

/// The answer of a state-changing request whose outcome is its body.
fn answer(done: Done) -> HttpResponse {
    let mut response = HttpResponse::Ok();
    if done.replayed {
        response.insert_header((REPLAYED, "true"));
    }
    response.insert_header(("Content-Type", "application/json")).body(done.outcome)
}

/// An answer that is not stored.
fn json(body: &impl serde::Serialize) -> Result<HttpResponse, ApiError> {
    Ok(HttpResponse::Ok().content_type("application/json").body(to_json(body)?))
}

fn to_json(body: &impl serde::Serialize) -> Result<Vec<u8>, ApiError> {
    serde_json::to_vec(body).map_err(|_| Code::Internal.into())
}
