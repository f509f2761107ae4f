//! How a flow ends in the browser: at the app, in the manner that it asked for, or on a page.

use std::collections::BTreeMap;

use actix_web::HttpResponse;
use actix_web::http::StatusCode;
use actix_web::http::header::{CACHE_CONTROL, LOCATION, REFERRER_POLICY};
use askama::Template;
use url::Url;

use super::Begun;
use crate::error::{ApiError, Code};
use crate::oauth::flow::FlowError;
use crate::pages::{message, page};
use crate::store::flows::ResponseMode;

pub(super) fn to(url: &Url) -> HttpResponse {
    redirect(url.as_str())
}

fn redirect(location: &str) -> HttpResponse {
    HttpResponse::Found()
        .insert_header((LOCATION, location))
        .insert_header((CACHE_CONTROL, "no-store"))
        .insert_header((REFERRER_POLICY, "no-referrer"))
        .finish()
}

/// Whatever is wrong with a flow that is not known: never a redirect.
pub(super) fn over() -> HttpResponse {
    message(
        StatusCode::BAD_REQUEST,
        "This sign-in is over",
        "It was finished already, took too long, or was begun in another browser. Close this window and sign in again.",
    )
}

/// Back to the app with an error.
pub(super) fn failed(begun: &Begun, code: &str) -> Result<HttpResponse, ApiError> {
    back(begun, ("osaycore_error", code))
}

#[derive(Template)]
#[template(path = "web_message.html")]
struct WebMessage<'a> {
    origin: &'a str,
    message: &'a str,
}

/// Back to the app, in the manner that it asked for.
pub(super) fn back(begun: &Begun, parameter: (&str, &str)) -> Result<HttpResponse, ApiError> {
    let uri = begun.flow.redirect_uri.as_str();
    let state = begun.sealed.app_state.as_deref().map(|state| ("osaycore_state", state));
    let parameters = std::iter::once(parameter).chain(state);
    let encoded = form_urlencoded::Serializer::new(String::new()).extend_pairs(parameters.clone()).finish();
    Ok(match begun.flow.response_mode {
        ResponseMode::Fragment => redirect(&format!("{uri}#{encoded}")),
        ResponseMode::Query | ResponseMode::Code => {
            let separator = if uri.contains('?') { '&' } else { '?' };
            redirect(&format!("{uri}{separator}{encoded}"))
        }
        ResponseMode::WebMessage => {
            let origin = uri.parse::<Url>().map_err(|_| Code::Internal)?.origin().ascii_serialization();
            let message: BTreeMap<_, _> = parameters.collect();
            let message = serde_json::to_string(&message).map_err(|_| Code::Internal)?;
            page(StatusCode::OK, &WebMessage { origin: &origin, message: &message })
        }
    })
}

/// What an app is told of a failure at the provider.
pub(super) fn code_of(error: &FlowError) -> &'static str {
    match error {
        FlowError::Denied => "access_denied",
        FlowError::Unreachable(_) | FlowError::Resting => "provider_unreachable",
        FlowError::Foreign | FlowError::WrongIssuer => "wrong_issuer",
        FlowError::CodeRefused => "code_refused",
        FlowError::IdToken(_) => "invalid_id_token",
        FlowError::Provider(_) | FlowError::Senseless(_) => "provider_error",
    }
}

/// What an app is told of a login that is not let in.
pub(super) fn refusal_of(error: &ApiError) -> &'static str {
    match error.code {
        Code::UserInactive => "user_inactive",
        Code::UserNotFound => "user_deleted",
        code => {
            tracing::error!(code = code.as_str(), %error, "a sign-in failed");
            "server_error"
        }
    }
}
