//! The API's own signature (contract, "Signed requests"): verified over the raw body.

use std::sync::Arc;

use actix_web::Error;
use actix_web::body::{BoxBody, MessageBody};
use actix_web::dev::{ServiceRequest, ServiceResponse};
use actix_web::middleware::Next;
use osaycore_signing::v1::{self, Refusal, Secret, Signature};

use crate::error::{ApiError, Code};
use crate::extract::caller::{Purpose, Scheme, Signed, guard, refused, single};
use crate::extract::request_id::Origin;
use crate::server::State;
use crate::store::apps::SecretKind;
use crate::system;

pub(super) const API_KEY: &str = "x-osaycore-api-key";
const TIMESTAMP: &str = "x-osaycore-timestamp";
const SIGNATURE: &str = "x-osaycore-signature";

/// Wraps a route: nothing behind it runs for a request that is not signed.
pub(crate) async fn layer(
    request: ServiceRequest,
    next: Next<impl MessageBody + 'static>,
) -> Result<ServiceResponse<BoxBody>, Error> {
    guard(request, next, verify, Purpose::Change).await
}

/// Headers, key, timestamp, signature, in this order. Each refusal is counted for the audit trail.
pub(super) fn verify(
    state: &State,
    request: &ServiceRequest,
    body: &[u8],
    origin: &Origin,
) -> Result<Signed, ApiError> {
    let now_s = system::now_s();
    let headers = request.headers();
    let (Some(api_key), Some(timestamp), Some(signature)) =
        (single(headers, API_KEY), single(headers, TIMESTAMP), single(headers, SIGNATURE))
    else {
        return Err(refused(state, origin, Code::MissingAuthHeaders, None));
    };
    let claimed = Signature { timestamp, signature };
    let configuration = state.snapshots.configuration();
    let served = configuration.app(api_key).filter(|served| !served.app.disabled);
    let Some(served) = served else {
        // The same work as for a known key, so that the time does not tell which keys exist.
        let _ = v1::verify(&[Secret::decoy()], &claimed, body, state.window_s, now_s);
        return Err(refused(state, origin, Code::InvalidApiKey, None));
    };
    let verified = v1::verify(&served.secrets, &claimed, body, state.window_s, now_s).map_err(|refusal| {
        let code = match refusal {
            Refusal::InvalidTimestamp => Code::InvalidTimestamp,
            Refusal::TimestampOutOfWindow => Code::TimestampOutOfWindow,
            _ => Code::InvalidSignature,
        };
        refused(state, origin, code, Some(&served.app))
    })?;
    Ok(Signed {
        served: Arc::clone(served),
        mac: verified.mac,
        timestamp_s: verified.timestamp_s,
        scheme: Scheme::OsayCore,
        secret: (SecretKind::Signing, verified.secret_index),
    })
}
