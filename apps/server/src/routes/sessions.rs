//! Sessions that can be refreshed, and the keys that others verify tokens with.

use std::sync::Arc;

use actix_web::HttpResponse;
use actix_web::http::header::{CACHE_CONTROL, HeaderValue};
use actix_web::web::{self, Data};
use osaycore_jwt::session::RefreshToken;
use serde::{Deserialize, Serialize};
use utoipa::{OpenApi, ToSchema};
use uuid::Uuid;

use crate::admin::sessions;
use crate::admin::tokens::Minted;
use crate::error::{ApiError, Code};
use crate::extract::{Body, Caller, Nonce, Text};
use crate::group_commit::telling;
use crate::routes::{json, resource, signed, timestamp};
use crate::schemas;
use crate::server::State;

pub(crate) fn configure(config: &mut web::ServiceConfig) {
    config.service(resource("/auth/refresh", "POST").route(signed(web::post().to(refresh))));
}

/// Public, and outside of `/api`.
pub(crate) fn configure_keys(config: &mut web::ServiceConfig) {
    config.service(resource("/.well-known/jwks.json", "GET").route(web::get().to(keys)));
}

#[derive(OpenApi)]
#[openapi(paths(refresh, keys))]
pub(super) struct Api;

type RefreshTokenText = Text<1, 255>;

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(examples(json!({"refresh_token": "osr_V1StGXR8Z5jdHi6BmyTq3w7NcLkPqR0s"})))]
struct RefreshRequest {
    #[schema(inline)]
    refresh_token: RefreshTokenText,
    #[serde(rename = "nonce")]
    #[schema(inline)]
    _nonce: Option<Nonce>,
}

#[derive(Serialize, ToSchema)]
#[schema(examples(json!({
    "jwt_token": "eyJ0eXAiOiJKV1QiLCJhbGciOiJIUzI1NiJ9.e30.MEUCIQ", "expires_at": "2026-11-24T00:13:03Z"
})))]
pub(super) struct TokensResponse {
    pub(super) jwt_token: String,
    #[schema(format = DateTime)]
    pub(super) expires_at: String,
    /// Where there is a session.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) refresh_token: Option<String>,
}

/// `POST /api/auth/refresh`: new tokens for a refresh token, which is good once.
#[utoipa::path(
    post, path = "/api/auth/refresh", operation_id = "refresh", tag = "Tokens",
    security(("signature" = [])),
    request_body = RefreshRequest,
    responses((status = 200, description = "The next tokens of the session", body = TokensResponse)),
    extensions(("x-error-codes" = json!([Code::TokenInvalid, Code::TokenExpired, Code::UserInactive, Code::UserNotFound])))
)]
async fn refresh(
    state: Data<State>,
    caller: Caller,
    Body(asked): Body<RefreshRequest>,
) -> Result<HttpResponse, ApiError> {
    let token = RefreshToken::parse(&asked.refresh_token.0).ok_or(Code::TokenInvalid)?;
    let (app, snapshots) = (caller.app().clone(), Arc::clone(&state.snapshots));
    let (work, told) = telling(move |tx, by| {
        let tokens = snapshots.with_sealer(tx, |tx, sealer| sessions::refresh(tx, sealer, by, &app, &token))?;
        // Evaluated anew when it is sent again: within the grace that gives the same successor.
        Ok((b"", tokens))
    });
    caller.run(&state, None, false, work).await?;
    let Some(tokens) = told.take()? else {
        // Perhaps its session was ended with that.
        state.refresh().await;
        return Err(Code::TokenInvalid.into());
    };
    answer(&state, caller.app().uuid, &tokens.minted, Some(&tokens.refresh_token))
}

/// `GET /.well-known/jwks.json`: what others verify our tokens with; no keys where they are signed by a shared secret.
#[utoipa::path(
    get, path = "/.well-known/jwks.json", operation_id = "jwks", tag = "Tokens",
    responses((status = 200, description = "A JWK Set (RFC 7517 §5)", body = schemas::Jwks))
)]
async fn keys(state: Data<State>) -> Result<HttpResponse, ApiError> {
    let mut response = json(&state.snapshots.configuration().ring.jwks())?;
    response.headers_mut().insert(CACHE_CONTROL, HeaderValue::from_static("max-age=300"));
    Ok(response)
}

/// The tokens of a session, which nobody keeps on the way.
pub(super) fn answer(
    state: &State,
    aud: Uuid,
    minted: &Minted,
    refresh_token: Option<&RefreshToken>,
) -> Result<HttpResponse, ApiError> {
    let jwt_token = state.snapshots.configuration().ring.issue(&minted.grant(aud)).map_err(|_| Code::Internal)?;
    let refresh_token = refresh_token.map(|token| token.to_text().to_string());
    let mut response =
        json(&TokensResponse { jwt_token, expires_at: timestamp(minted.expires_at_us()), refresh_token })?;
    response.headers_mut().insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    Ok(response)
}
