//! Second factors of users: their state, reset, unlocked, recovered.

use std::sync::Arc;

use actix_web::HttpResponse;
use actix_web::web::{self, Data, Path};
use osaycore_directory::{AdminScope, Refused, User};
use serde::Serialize;

use super::{Changed, scoped};
use crate::admin::otp;
use crate::admin::views::{UserDetails, WrongCodes};
use crate::error::{ApiError, Code, Failure};
use crate::extract::admin::{Admin, AdminBody};
use crate::routes::resource;
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

/// The state of a second factor.
#[derive(Serialize)]
struct SecondFactor {
    /// `none`, `pending` or `enrolled`.
    state: &'static str,
    recovery_codes_left: u32,
    wrong_codes: Vec<WrongCodes>,
}

/// Each is good once; told once.
#[derive(Serialize)]
struct RecoveryCodes {
    recovery_codes: Vec<String>,
}

/// `GET /api/admin/v1/users/{user}/second-factor`
async fn show(state: Data<State>, admin: Admin, user: Path<String>) -> Result<HttpResponse, ApiError> {
    super::read(&state, &admin, move |tx| {
        let user = super::user(tx, &user)?;
        let details = UserDetails::read(tx, &user)?;
        Ok(SecondFactor {
            state: details.second_factor,
            recovery_codes_left: details.recovery_codes_left,
            wrong_codes: details.wrong_codes,
        })
    })
    .await
}

/// `DELETE /api/admin/v1/users/{user}/second-factor`: the user enrols anew.
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
async fn unlock(state: Data<State>, admin: Admin, user: Path<String>) -> Result<HttpResponse, ApiError> {
    super::change(&state, &admin, move |tx, by| {
        let user = super::user(tx, &user)?;
        Ok(Changed { changed: otp::unlock(tx, by, &user)? })
    })
    .await
}

/// `POST /api/admin/v1/users/{user}/recovery-codes`: ten new ones in the place of the old.
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
