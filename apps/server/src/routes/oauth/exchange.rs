//! A code for tokens: the end of a flow that an app's backend sees.

use std::sync::Arc;

use actix_web::web::Data;
use actix_web::{HttpRequest, HttpResponse};
use osaycore_directory::{Storage as _, UserRef};
use serde::Deserialize;
use utoipa::ToSchema;

use super::hash;
use crate::admin::sign_in::sign_in;
use crate::admin::tokens::DEFAULT_LIFETIME_S;
use crate::admin::{sessions, users};
use crate::error::{ApiError, Code};
use crate::extract::{Body, Caller, Nonce, Text, bearer};
use crate::group_commit::telling;
use crate::routes::sessions as tokens_of;
use crate::routes::sessions::TokensResponse;
use crate::server::State;
use crate::store::sign_in_codes;

type CodeText = Text<1, 128>;

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(examples(json!({"code": "qZ3v0Jm2n5YxE1uB8cT4wL7rK9sD6fG0hP2aN4mV1iQ"})))]
pub(super) struct ExchangeRequest {
    #[schema(inline)]
    code: CodeText,
    #[serde(rename = "nonce")]
    #[schema(inline)]
    _nonce: Option<Nonce>,
}

/// `POST /api/auth/oauth/exchange`: the tokens of a code, once; where it links, with a token of the user who asked for it.
#[utoipa::path(
    post, path = "/api/auth/oauth/exchange", operation_id = "exchange", tag = "Sign-in",
    security(("signature" = []), ("signature" = [], "token" = [])),
    request_body = ExchangeRequest,
    responses((status = 200, description = "The tokens of the session", body = TokensResponse))
)]
pub(super) async fn exchange(
    state: Data<State>,
    caller: Caller,
    request: HttpRequest,
    Body(asked): Body<ExchangeRequest>,
) -> Result<HttpResponse, ApiError> {
    let (app, code_hash) = (caller.app().clone(), hash(&asked.code.0));
    // Wanted only where the code links, and that only the database knows.
    let bearer = bearer::verify(&request);
    let snapshots = Arc::clone(&state.snapshots);
    let (work, told) = telling(move |tx, by| {
        let code = sign_in_codes::find(tx, app.id, &code_hash)?.filter(|code| code.expires_at_us > by.now_us);
        let code = code.ok_or_else(unknown)?;
        if let Some(session_id) = code.session_id {
            // Two have it, and nobody can tell who is the thief (RFC 6749 §4.1.2).
            sessions::end_reused(tx, by, session_id, code.user_id, "code_reused")?;
            return Ok((b"", None));
        }
        let user = users::active(tx.user(&UserRef::Id(code.user_id))?)?;
        if let Some(login) = &code.link {
            let bearer = bearer.clone()?;
            if bearer.sub != user.uuid {
                return Err(ApiError::from(Code::TokenInvalid).detail("The token is not of the user who links").into());
            }
            sign_in(tx, by, login, Some(user.id), app.id)?;
        }
        let begun = snapshots.with_sealer(tx, |tx, _| sessions::begin(tx, by, &app, &user, DEFAULT_LIFETIME_S))?;
        if !sign_in_codes::exchange(tx, &code_hash, begun.session_id)? {
            return Err(unknown().into());
        }
        Ok((b"done", Some(begun)))
    });
    if caller.run(&state, None, false, work).await?.replayed {
        return Err(
            ApiError::from(Code::ReplayedRequest).detail("The code was exchanged before; its tokens are told once")
        );
    }
    let Some(begun) = told.take()? else {
        state.refresh().await;
        return Err(unknown());
    };
    tokens_of::answer(&state, caller.app().uuid, &begun.minted, Some(&begun.refresh_token))
}

fn unknown() -> ApiError {
    ApiError::field(Code::InvalidField, "code", "code: unknown, used or too old")
}
