//! Where users are signed in, and by which logins: listed and ended.

use actix_web::web::{self, Data, Path};
use actix_web::{HttpRequest, HttpResponse};
use osaycore_directory::{AdminScope, ProviderName, Subject, parse_uuid};
use serde::Serialize;
use utoipa::{OpenApi, ToSchema};

use super::{List, PageQuery, asked, list_query, scoped};
use crate::admin::views::{IdentityView, SessionView};
use crate::admin::{identities, sessions};
use crate::error::{ApiError, Code};
use crate::extract::admin::Admin;
use crate::routes::query::Query;
use crate::routes::resource;
use crate::schemas;
use crate::server::State;
use crate::store::lists;
use crate::system;

const READ: AdminScope = AdminScope::UsersRead;
const WRITE: AdminScope = AdminScope::UsersWrite;

pub(super) fn configure(config: &mut web::ServiceConfig) {
    config
        .service(
            resource("/admin/v1/users/{user}/sessions", "GET, DELETE")
                .route(scoped(web::get().to(list), READ))
                .route(scoped(web::delete().to(end_all), WRITE)),
        )
        .service(
            resource("/admin/v1/users/{user}/sessions/{session}", "DELETE").route(scoped(web::delete().to(end), WRITE)),
        )
        .service(
            resource("/admin/v1/users/{user}/identities/{provider}", "DELETE")
                .route(scoped(web::delete().to(unlink), WRITE)),
        );
}

#[derive(OpenApi)]
#[openapi(paths(list, end_all, end, unlink))]
pub(super) struct Api;

#[derive(Serialize, ToSchema)]
#[schema(as = EndedSessions, examples(json!({"sessions_ended": 1})))]
struct Ended {
    sessions_ended: u64,
}

/// `GET /api/admin/v1/users/{user}/sessions`: the sessions of a user, newest first.
#[utoipa::path(
    get, path = "/api/admin/v1/users/{user}/sessions", operation_id = "adminSessions", tag = "Admin: users",
    security(("admin" = ["users:read"])),
    params(("user" = schemas::admin::WhichUser, Path), PageQuery),
    responses((status = 200, description = "A page of them", body = List<SessionView>))
)]
async fn list(
    state: Data<State>,
    admin: Admin,
    user: Path<String>,
    request: HttpRequest,
) -> Result<HttpResponse, ApiError> {
    let asked = asked(&list_query(request.query_string(), &[])?)?;
    super::read(&state, &admin, move |tx| {
        let user = super::look_up(tx, &user)?;
        let page = lists::sessions::list(tx, user.uuid, system::now_s(), &asked)?;
        let items = page.items.iter().map(|session| SessionView::read(tx, session)).collect::<Result<_, _>>()?;
        Ok(List { items, next_cursor: page.next })
    })
    .await
}

/// `DELETE /api/admin/v1/users/{user}/sessions`: ends all sessions of a user, with every token.
#[utoipa::path(
    delete, path = "/api/admin/v1/users/{user}/sessions", operation_id = "adminEndSessions", tag = "Admin: users",
    security(("admin" = ["users:write"])),
    params(("user" = schemas::admin::WhichUser, Path)),
    responses((status = 200, description = "How many ended", body = Ended))
)]
async fn end_all(state: Data<State>, admin: Admin, user: Path<String>) -> Result<HttpResponse, ApiError> {
    super::change(&state, &admin, move |tx, by| {
        let user = super::user(tx, &user)?;
        Ok(Ended { sessions_ended: sessions::sign_out(tx, by, &user, None)? })
    })
    .await
}

/// `DELETE /api/admin/v1/users/{user}/sessions/{session}`: ends a session, with its tokens.
#[utoipa::path(
    delete, path = "/api/admin/v1/users/{user}/sessions/{session}", operation_id = "adminEndSession", tag = "Admin: users",
    security(("admin" = ["users:write"])),
    params(("user" = schemas::admin::WhichUser, Path), ("session" = Uuid, Path, description = "The `session_id`")),
    responses((status = 200, description = "How many ended", body = Ended))
)]
async fn end(state: Data<State>, admin: Admin, path: Path<(String, String)>) -> Result<HttpResponse, ApiError> {
    let session = parse_uuid(&path.1).ok_or_else(|| ApiError::invalid("session", "must be a UUID"))?;
    super::change(&state, &admin, move |tx, by| {
        let user = super::user(tx, &path.0)?;
        Ok(Ended { sessions_ended: u64::from(sessions::sign_out_of(tx, by, &user, session)?) })
    })
    .await
}

/// `DELETE /api/admin/v1/users/{user}/identities/{provider}`: takes a provider's login from a user, who stays.
#[utoipa::path(
    delete, path = "/api/admin/v1/users/{user}/identities/{provider}", operation_id = "adminUnlinkIdentity", tag = "Admin: users",
    security(("admin" = ["users:write"])),
    params(
        ("user" = schemas::admin::WhichUser, Path), ("provider" = schemas::admin::WhichProvider, Path),
        ("subject" = Option<schemas::admin::Subject>, Query, description = "Which, where there are several"),
    ),
    responses((status = 200, description = "What was taken", body = List<IdentityView>))
)]
async fn unlink(
    state: Data<State>,
    admin: Admin,
    path: Path<(String, String)>,
    request: HttpRequest,
) -> Result<HttpResponse, ApiError> {
    let query = Query::parse(request.query_string(), &["subject"])?;
    let subject = query.text("subject").map(str::parse::<Subject>).transpose();
    let subject = subject.map_err(|error| ApiError::invalid("subject", error))?;
    let provider: ProviderName = path.1.parse().map_err(|error| ApiError::invalid("provider", error))?;
    super::change(&state, &admin, move |tx, by| {
        let user = super::user(tx, &path.0)?;
        let taken = match identities::unlink(tx, by, &user, &provider, subject.as_ref()) {
            // A repeat finds it done.
            Err(crate::error::Failure::Refused(error)) if error.code == Code::NotFound => Vec::new(),
            taken => taken?,
        };
        Ok(List { items: taken.iter().map(IdentityView::of).collect(), next_cursor: None })
    })
    .await
}
