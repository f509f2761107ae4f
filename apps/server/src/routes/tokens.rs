//! User tokens: made for a user whom the app has signed in, and revoked.

use actix_web::HttpResponse;
use actix_web::http::header::HeaderValue;
use actix_web::web::{self, Data};
use osaycore_audit::{Action, Log, Target, TargetKind};
use osaycore_jwt::revocation::{self, Revocation};
use osaycore_jwt::{Claims, MAX_LIFETIME_S};
use serde::Deserialize;
use utoipa::{OpenApi, ToSchema};

use crate::admin::tokens::{self, DEFAULT_LIFETIME_S, Minted};
use crate::admin::{sessions, users};
use crate::error::{ApiError, Code, Failure};
use crate::extract::{Bearer, Body, Caller, Nonce, UserId};
use crate::group_commit::{Work, telling};
use crate::routes::sessions::{TokensResponse, answer as answer_tokens};
use crate::routes::{REPLAYED, answer, json, resource, signed, timestamp, to_json};
use crate::schemas;
use crate::server::State;
use crate::system;

pub(crate) fn configure(config: &mut web::ServiceConfig) {
    config
        .service(resource("/auth/generate-user-jwt", "POST").route(signed(web::post().to(generate))))
        .service(resource("/auth/revoke", "POST").route(signed(web::post().to(revoke))));
}

#[derive(OpenApi)]
#[openapi(paths(generate, revoke))]
pub(super) struct Api;

/// A repeat gets its token again only so soon after the first sight: later it may be somebody who captured it.
const REPEAT_US: i64 = 2_000_000;

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(examples(json!({"user_id": "user-1", "expires_in_seconds": 3600})))]
struct GenerateRequest {
    #[schema(value_type = schemas::UserId)]
    user_id: UserId,
    /// 3600 unless given.
    #[schema(minimum = 1, maximum = 2_592_000)]
    expires_in_seconds: Option<i64>,
    /// The token begins a session that can be refreshed.
    refresh_token: Option<bool>,
}

/// `POST /api/auth/generate-user-jwt`: a token for a user whom the app's own backend has signed in.
#[utoipa::path(
    post, path = "/api/auth/generate-user-jwt", operation_id = "generateUserJwt", tag = "Tokens",
    security(("signature" = [])),
    request_body = GenerateRequest,
    responses((status = 200, description = "The token; with a session also its refresh token", body = TokensResponse)),
    extensions(("x-error-codes" = json!([Code::UserInactive, Code::UserNotFound])))
)]
async fn generate(
    state: Data<State>,
    caller: Caller,
    Body(request): Body<GenerateRequest>,
) -> Result<HttpResponse, ApiError> {
    let expires_in_s = request.expires_in_seconds.unwrap_or(DEFAULT_LIFETIME_S);
    if !(1..=MAX_LIFETIME_S).contains(&expires_in_s) {
        return Err(ApiError::invalid("expires_in_seconds", format!("from 1 to {MAX_LIFETIME_S}")));
    }
    let app_id = caller.app().id;
    let user_id = request.user_id.0;
    if request.refresh_token == Some(true) {
        return with_session(state, caller, user_id, expires_in_s).await;
    }
    let mint = Work::Call(Box::new(move |tx, by| {
        let user = users::active_by_api_id(tx, app_id, &user_id)?;
        let minted = tokens::mint(tx, by, &user, None, expires_in_s)?;
        Ok(to_json(&minted)?)
    }));
    let done = caller.run(&state, None, false, mint).await?;
    let minted: Minted = serde_json::from_slice(&done.outcome).map_err(|_| Code::Internal)?;
    let configuration = state.snapshots.configuration();
    let grant = minted.grant(caller.app().uuid);
    if done.replayed {
        let claims = minted.claims(caller.app().uuid);
        let late = system::now_us().saturating_sub(done.first_seen_us) > REPEAT_US;
        if late || state.snapshots.revoked().contains(caller.app().tenant_id, &claims) {
            return Err(ApiError::from(Code::ReplayedRequest)
                .detail("This request was made before, and its token is told only once; send it in another second"));
        }
    }
    let jwt_token = configuration.ring.issue(&grant).map_err(|_| Code::Internal)?;
    let expires_at = timestamp(minted.expires_at_us());
    let mut response = json(&TokensResponse { jwt_token, expires_at, refresh_token: None })?;
    if done.replayed {
        response.headers_mut().insert(REPLAYED, HeaderValue::from_static("true"));
    }
    Ok(response)
}

/// A session for the user. Its refresh token is told once: a repeat is refused.
async fn with_session(
    state: Data<State>,
    caller: Caller,
    user_id: String,
    expires_in_s: i64,
) -> Result<HttpResponse, ApiError> {
    let app = caller.app().clone();
    let (work, told) = telling(move |tx, by| {
        let user = users::active_by_api_id(tx, app.id, &user_id)?;
        Ok((b"session", sessions::begin(tx, by, &app, &user, expires_in_s)?))
    });
    if caller.run(&state, None, false, work).await?.replayed {
        return Err(ApiError::from(Code::ReplayedRequest)
            .detail("This request was made before, and its tokens are told only once; send it in another second"));
    }
    let begun = told.take()?;
    answer_tokens(&state, caller.app().uuid, &begun.minted, Some(&begun.refresh_token))
}

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(examples(json!({"all": false})))]
struct RevokeRequest {
    /// All sessions of the user.
    all: Option<bool>,
    #[serde(rename = "nonce")]
    #[schema(inline)]
    _nonce: Option<Nonce>,
}

/// `POST /api/auth/revoke`: ends the bearer's session, or all of the user's.
#[utoipa::path(
    post, path = "/api/auth/revoke", operation_id = "revoke", tag = "Tokens",
    security(("signature" = [], "token" = [])),
    request_body = RevokeRequest,
    responses((status = 200, description = "Ended", body = schemas::Success))
)]
async fn revoke(
    state: Data<State>,
    caller: Caller,
    Bearer(claims): Bearer,
    Body(request): Body<RevokeRequest>,
) -> Result<HttpResponse, ApiError> {
    let all = request.all.unwrap_or(false);
    let Claims { sub, jti, exp, sid, .. } = claims;
    let work = Work::Call(Box::new(move |tx, by| {
        let user = State::active_user(tx, sub)?;
        let now_s = by.now_us.div_euclid(1_000_000);
        if all {
            sessions::sign_out(tx, by, &user, None)?;
        } else {
            match sid {
                Some(sid) => sessions::end(tx, sid, sub, now_s)?,
                None => revocation::Storage::revoke(tx, &Revocation::Token { jti, sub, expires_at_s: exp })?,
            }
            let mut event = by.event(Action::TokenRevoked, Some(user.id));
            event.target = Some(Target::new(TargetKind::Token, jti.to_string()));
            tx.append(event)?;
        }
        Ok::<_, Failure>(br#"{"success":true}"#.to_vec())
    }));
    let done = caller.run(&state, Some(sub), false, work).await?;
    state.refresh().await;
    Ok(answer(done))
}
