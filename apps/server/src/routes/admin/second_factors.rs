//! Second factors of users: their state, reset, unlocked, recovered.

use std::sync::Arc;

use actix_web::HttpResponse;
use actix_web::web::{self, Data, Path};
use osaycore_directory::{AdminScope, Refused, User};
use serde::Serialize;
use utoipa::{OpenApi, ToSchema};

use super::{Changed, scoped};
use crate::admin::otp;
use crate::admin::views::{UserDetails, WrongCodes};
use crate::error::{ApiError, Code, Failure};
use crate::extract::admin::{Admin, AdminBody};
use crate::routes::resource;
use crate::schemas;
use crate::server::State;
use crate::store::tx::Tx;

const WRITE: AdminScope = AdminScope::UsersWrite;

pub(super) fn configure(config: &mut web::ServiceConfig) {
    config
        .service(
            resource("/admin/v1/users/{user}/second-factor", "GET, DELETE")
                .route(scoped(web::get().to(show), AdminScope::UsersRead))
                .route(scoped(web::delete().to(reset), WRITE)),
        )
        .service(resource("/admin/v1/users/{user}/lock", "DELETE").route(scoped(web::delete().to(unlock), WRITE)))
        .service(
            resource("/admin/v1/users/{user}/recovery-codes", "POST").route(scoped(web::post().to(recover), WRITE)),
        );
}

#[derive(OpenApi)]
#[openapi(paths(show, reset, unlock, recover))]
pub(super) struct Api;

/// The state of a second factor.
#[derive(Serialize, ToSchema)]
#[schema(examples(json!({
    "state": "enrolled", "recovery_codes_left": 9, "wrong_codes": [{"oasis_app_id": 1001, "failures": 2, "locked_until": null}]
})))]
struct SecondFactor {
    /// `none`, `pending` or `enrolled`.
    state: &'static str,
    recovery_codes_left: u32,
    wrong_codes: Vec<WrongCodes>,
}

/// Each is good once; told once.
#[derive(Serialize, ToSchema)]
#[schema(examples(json!({"recovery_codes": ["7KQM-4XPD-T2WA", "B9CH-6RVE-3NZY"]})))]
struct RecoveryCodes {
    recovery_codes: Vec<String>,
}

/// `GET /api/admin/v1/users/{user}/second-factor`: the state of a user's second factor.
#[utoipa::path(
    get, path = "/api/admin/v1/users/{user}/second-factor", operation_id = "adminSecondFactor", tag = "Admin: users",
    security(("admin" = ["users:read"])),
    params(("user" = schemas::admin::WhichUser, Path)),
    responses((status = 200, description = "Its state", body = SecondFactor))
)]
async fn show(state: Data<State>, admin: Admin, user: Path<String>) -> Result<HttpResponse, ApiError> {
    super::read(&state, &admin, move |tx| {
        let user = super::look_up(tx, &user)?;
        let details = UserDetails::read(tx, &user)?;
        Ok(SecondFactor {
            state: details.second_factor,
            recovery_codes_left: details.recovery_codes_left,
            wrong_codes: details.wrong_codes,
        })
    })
    .await
}

/// `DELETE /api/admin/v1/users/{user}/second-factor`: resets a second factor: the user enrols anew.
#[utoipa::path(
    delete, path = "/api/admin/v1/users/{user}/second-factor", operation_id = "adminResetSecondFactor", tag = "Admin: users",
    security(("admin" = ["users:write"])),
    params(("user" = schemas::admin::WhichUser, Path)),
    responses((status = 200, description = "Whether there was one", body = Changed))
)]
async fn reset(state: Data<State>, admin: Admin, user: Path<String>) -> Result<HttpResponse, ApiError> {
    let snapshots = Arc::clone(&state.snapshots);
    super::change(&state, &admin, move |tx, by| {
        let user = live(tx, &user)?;
        let changed = snapshots.with_sealer(tx, |tx, sealer| otp::reset(tx, sealer, by, &user))?;
        Ok(Changed { changed })
    })
    .await
}

/// `DELETE /api/admin/v1/users/{user}/lock`: ends what wrong codes have locked, in every app.
#[utoipa::path(
    delete, path = "/api/admin/v1/users/{user}/lock", operation_id = "adminUnlock", tag = "Admin: users",
    security(("admin" = ["users:write"])),
    params(("user" = schemas::admin::WhichUser, Path)),
    responses((status = 200, description = "Whether there was a lock", body = Changed))
)]
async fn unlock(state: Data<State>, admin: Admin, user: Path<String>) -> Result<HttpResponse, ApiError> {
    super::change(&state, &admin, move |tx, by| {
        let user = super::user(tx, &user)?;
        Ok(Changed { changed: otp::unlock(tx, by, &user)? })
    })
    .await
}

/// `POST /api/admin/v1/users/{user}/recovery-codes`: ten new recovery codes in the place of the old.
#[utoipa::path(
    post, path = "/api/admin/v1/users/{user}/recovery-codes", operation_id = "adminReplaceRecoveryCodes", tag = "Admin: users",
    security(("admin" = ["users:write"])),
    params(("user" = schemas::admin::WhichUser, Path)),
    request_body = super::Nothing,
    responses((status = 201, description = "Them, told once", body = RecoveryCodes)),
    extensions(("x-error-codes" = json!([Code::NotFound])))
)]
async fn recover(
    state: Data<State>,
    admin: Admin,
    user: Path<String>,
    AdminBody(_): AdminBody<super::Nothing>,
) -> Result<HttpResponse, ApiError> {
    let snapshots = Arc::clone(&state.snapshots);
    super::make(&state, &admin, move |tx, by| {
        let user = live(tx, &user)?;
        let codes = snapshots.with_sealer(tx, |tx, sealer| otp::replace_recovery_codes(tx, sealer, by, &user))?;
        let sentence =
            || ApiError::from(Code::NotFound).detail("the user has not enrolled: there is nothing to recover");
        let codes = codes.ok_or_else(sentence)?;
        Ok(RecoveryCodes { recovery_codes: codes.iter().map(|code| code.to_text().to_string()).collect() })
    })
    .await
}

fn live(tx: &mut Tx<'_>, user: &str) -> Result<User, Failure> {
    let user = super::user(tx, user)?;
    if user.is_deleted() { Err(ApiError::from(Refused::Deleted).into()) } else { Ok(user) }
}
