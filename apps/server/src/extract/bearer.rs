//! The user's token (contract, "User tokens").

use std::future::{Ready, ready};

use actix_web::dev::Payload;
use actix_web::http::header::{AUTHORIZATION, HeaderMap};
use actix_web::{FromRequest, HttpMessage, HttpRequest, web};
use osaycore_jwt::{Claims, Refused};

use crate::error::{ApiError, Code};
use crate::extract::Caller;
use crate::server::State;
use crate::system;

/// The claims of a token that is good: with this app, at this time, not revoked.
pub(crate) struct Bearer(pub(crate) Claims);

impl FromRequest for Bearer {
    type Error = ApiError;
    type Future = Ready<Result<Self, ApiError>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        ready(verify(request).map(Bearer))
    }
}

/// The claims of the request's token, where it is wanted only sometimes.
pub(crate) fn verify(request: &HttpRequest) -> Result<Claims, ApiError> {
    let state = request.app_data::<web::Data<State>>().ok_or(Code::Internal)?;
    let extensions = request.extensions();
    let caller = extensions.get::<Caller>().ok_or(Code::Internal)?;
    let app = caller.app();
    let token = token(request.headers()).ok_or(Code::MissingToken)?;
    let claims =
        state.snapshots.configuration().ring.verify(token, app.uuid, system::now_s()).map_err(
            |refused| match refused {
                Refused::Expired => Code::TokenExpired,
                _ => Code::TokenInvalid,
            },
        )?;
    if state.snapshots.revoked().contains(app.tenant_id, &claims) {
        return Err(Code::TokenInvalid.into());
    }
    caller.is_about(claims.sub);
    Ok(claims)
}

/// What follows `Bearer` where there is exactly one (RFC 6750 §2.1; the scheme in any case, RFC 9110 §11.1).
pub(super) fn token(headers: &HeaderMap) -> Option<&str> {
    let mut values = headers.get_all(AUTHORIZATION);
    let value = values.next()?.to_str().ok()?;
    if values.next().is_some() {
        return None;
    }
    let (scheme, token) = value.split_once(' ')?;
    let token = token.trim_matches(' ');
    (scheme.eq_ignore_ascii_case("bearer") && !token.is_empty() && !token.contains([' ', ','])).then_some(token)
}
