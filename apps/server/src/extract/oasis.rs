//! The signature of the one-time passcode API (its contract, "Signed requests"), and its path.

use std::sync::Arc;

use actix_web::Error;
use actix_web::body::{BoxBody, MessageBody};
use actix_web::dev::{ServiceRequest, ServiceResponse};
use actix_web::http::{Method, Uri};
use actix_web::middleware::Next;
use osaycore_signing::oasis::{self, Headers, Keys, Refusal};

use crate::error::{ApiError, Code, Shape};
use crate::extract::caller::{Purpose, Scheme, Signed, guard, refused, single};
use crate::extract::ofrep;
use crate::extract::request_id::Origin;
use crate::group_commit::Repeat;
use crate::server::State;
use crate::store::apps::SecretKind;
use crate::system;

const APP_ID: &str = "x-oasis-appid";
const EPOCH: &str = "x-oasis-epoch";
const REQUEST_SECRET: &str = "x-oasis-reqsecret";
const IP: &str = "x-oasis-ip";

/// The path of the API, as it is registered.
const BASE: &str = "/api/ApplicationAPI/";
/// Its operations, and what a repeat of each gets. A state question that was answered with a QR image, which is an
/// outcome, is not answered again; any other has none.
const OPERATIONS: [(&str, Repeat); 5] = [
    ("HelloWorld", Repeat::Told),
    ("RequestAuthenticationState", Repeat::Refused),
    ("RegisterUser", Repeat::Never),
    ("VerifyUserOTP", Repeat::Never),
    ("DeleteUser", Repeat::Never),
];

/// Wraps a route: nothing behind it runs for a request that is not signed.
pub(crate) async fn layer(
    request: ServiceRequest,
    next: Next<impl MessageBody + 'static>,
) -> Result<ServiceResponse<BoxBody>, Error> {
    guard(request, next, verify, Purpose::Change).await
}

/// Headers, app, time, address, signature, in this order. Each refusal is counted for the audit trail.
fn verify(state: &State, request: &ServiceRequest, body: &[u8], origin: &Origin) -> Result<Signed, ApiError> {
    let headers = request.headers();
    let (Some(app_id), Some(epoch), Some(request_secret)) =
        (single(headers, APP_ID), single(headers, EPOCH), single(headers, REQUEST_SECRET))
    else {
        return Err(refused(state, origin, Code::MissingAuthHeaders, None));
    };
    let ip = if headers.contains_key(IP) { Some(single(headers, IP).unwrap_or_default()) } else { None };
    let claimed = Headers { app_id, epoch, request_secret, ip };
    let content = if request.method() == Method::POST { body } else { &[] };
    let configuration = state.snapshots.configuration();
    let served = oasis::parse_app_id(app_id).and_then(|id| configuration.app_by_id(id));
    let Some(served) = served.filter(|served| !served.app.disabled) else {
        // The same work as for a known app, so that the time does not tell which apps exist.
        let _ = oasis::verify(&Keys::decoy(), &claimed, content, state.window_s, system::now_s());
        return Err(refused(state, origin, Code::InvalidApiKey, None));
    };
    let verified =
        oasis::verify(&served.oasis, &claimed, content, state.window_s, system::now_s()).map_err(|refusal| {
            let code = match refusal {
                Refusal::InvalidTimestamp => Code::InvalidTimestamp,
                Refusal::TimestampOutOfWindow => Code::TimestampOutOfWindow,
                _ => Code::InvalidSignature,
            };
            refused(state, origin, code, Some(&served.app))
        })?;
    let operation = request.path().strip_prefix(BASE);
    let repeat = OPERATIONS.iter().find(|(name, _)| Some(*name) == operation).map_or(Repeat::Never, |known| known.1);
    Ok(Signed {
        served: Arc::clone(served),
        mac: verified.mac,
        timestamp_s: verified.timestamp_s,
        scheme: Scheme::Oasis { key_index: verified.key_index, ip: verified.ip, repeat },
        secret: (SecretKind::Oasis, verified.key_index),
    })
}

/// Gives a path of this API, which may be in any case, the case that it is registered with.
pub(crate) fn normalize(request: &mut ServiceRequest) {
    let path = request.path();
    let Some((base, name)) = path.split_at_checked(BASE.len()) else { return };
    if !base.eq_ignore_ascii_case(BASE) {
        return;
    }
    let name = OPERATIONS.iter().find(|(known, _)| known.eq_ignore_ascii_case(name)).map_or(name, |(known, _)| known);
    let query = request.uri().query().map_or_else(String::new, |query| format!("?{query}"));
    let Ok(path_and_query) = format!("{BASE}{name}{query}").parse() else { return };
    let mut parts = request.uri().clone().into_parts();
    parts.path_and_query = Some(path_and_query);
    let Ok(uri) = Uri::from_parts(parts) else { return };
    request.match_info_mut().get_mut().update(&uri);
    request.head_mut().uri = uri;
}

/// Where people are, and no programs.
const PAGES: [&str; 4] = ["/console", "/enroll/", "/api/auth/oauth/start", "/api/auth/oauth/callback/"];

/// The shape of the errors of a normalized path.
pub(crate) fn shape(path: &str) -> Shape {
    match path.strip_prefix(BASE) {
        None if PAGES.iter().any(|page| path.starts_with(page)) => Shape::Page,
        None if ofrep::is_of_ofrep(path) => Shape::Ofrep,
        None => Shape::OsayCore,
        Some("RegisterUser") => Shape::OasisRegistration,
        Some(_) => Shape::Oasis,
    }
}
