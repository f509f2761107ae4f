//! Groups, who is in them, and which apps they open.

use actix_web::web::{self, Data, Path};
use actix_web::{HttpRequest, HttpResponse};
use osaycore_directory::{AdminScope, Group, Name};
use serde::{Deserialize, Serialize};

use super::{Changed, List, asked, list_query, scoped};
use crate::admin::groups;
use crate::admin::views::UserRow;
use crate::error::ApiError;
use crate::extract::admin::{Admin, AdminBody};
use crate::routes::{resource, timestamp};
use crate::server::State;
use crate::store::lists;

const READ: AdminScope = AdminScope::UsersRead;
const WRITE: AdminScope = AdminScope::UsersWrite;

pub(super) fn configure(config: &mut web::ServiceConfig) {
    config
        .service(
            resource("/admin/v1/groups", "GET, POST")
                .route(scoped(web::get().to(list), READ))
                .route(scoped(web::post().to(create), WRITE)),
        )
        .service(resource("/admin/v1/groups/{group}", "GET").route(scoped(web::get().to(show), READ)))
        .service(resource("/admin/v1/groups/{group}/members", "GET").route(scoped(web::get().to(members), READ)))
        .service(
            resource("/admin/v1/groups/{group}/members/{user}", "PUT, DELETE")
                .route(scoped(web::put().to(add), WRITE))
                .route(scoped(web::delete().to(remove), WRITE)),
        )
        .service(
            resource("/admin/v1/groups/{group}/apps/{app}", "PUT, DELETE")
                .route(scoped(web::put().to(allow), WRITE))
                .route(scoped(web::delete().to(disallow), WRITE)),
        );
}

/// A group. Members are counted up to a thousand.
#[derive(Serialize)]
struct GroupView {
    group_id: i64,
    name: String,
    members: i64,
    /// There are more members than were counted.
    more_members: bool,
    created_at: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct CreateGroup {
    name: Name,
}

/// `GET /api/admin/v1/groups`: by name.
async fn list(state: Data<State>, admin: Admin, request: HttpRequest) -> Result<HttpResponse, ApiError> {
    let asked = asked(&list_query(request.query_string(), &[])?)?;
    super::read(&state, &admin, move |tx| {
        let page = lists::groups::list(tx, &asked)?;
        Ok(List::from(page.map(|counted| GroupView::of(counted.group, counted.members))))
    })
    .await
}

/// `POST /api/admin/v1/groups`
async fn create(
    state: Data<State>,
    admin: Admin,
    AdminBody(new): AdminBody<CreateGroup>,
) -> Result<HttpResponse, ApiError> {
    super::make(&state, &admin, move |tx, by| Ok(GroupView::of(groups::create(tx, by, new.name.clone())?, 0))).await
}

/// `GET /api/admin/v1/groups/{group}`
async fn show(state: Data<State>, admin: Admin, group: Path<String>) -> Result<HttpResponse, ApiError> {
    super::read(&state, &admin, move |tx| {
        let group = super::group(tx, &group)?;
        let members = lists::groups::count(tx, group.id)?;
        Ok(GroupView::of(group, members))
    })
    .await
}

/// `GET /api/admin/v1/groups/{group}/members`: newest users first.
async fn members(
    state: Data<State>,
    admin: Admin,
    group: Path<String>,
    request: HttpRequest,
) -> Result<HttpResponse, ApiError> {
    let asked = asked(&list_query(request.query_string(), &[])?)?;
    super::read(&state, &admin, move |tx| {
        let group_id = Some(super::group(tx, &group)?.id);
        let meant = lists::users::Users { group_id, ..lists::users::Users::default() };
        Ok(List::from(lists::users::list(tx, &meant, &asked)?.map(|user| UserRow::of(&user))))
    })
    .await
}

/// `PUT /api/admin/v1/groups/{group}/members/{user}`
async fn add(state: Data<State>, admin: Admin, path: Path<(String, String)>) -> Result<HttpResponse, ApiError> {
    set_member(&state, &admin, path.into_inner(), true).await
}

/// `DELETE /api/admin/v1/groups/{group}/members/{user}`
async fn remove(state: Data<State>, admin: Admin, path: Path<(String, String)>) -> Result<HttpResponse, ApiError> {
    set_member(&state, &admin, path.into_inner(), false).await
}

/// `PUT /api/admin/v1/groups/{group}/apps/{app}`
async fn allow(state: Data<State>, admin: Admin, path: Path<(String, String)>) -> Result<HttpResponse, ApiError> {
    set_allowed(&state, &admin, path.into_inner(), true).await
}

/// `DELETE /api/admin/v1/groups/{group}/apps/{app}`
async fn disallow(state: Data<State>, admin: Admin, path: Path<(String, String)>) -> Result<HttpResponse, ApiError> {
    set_allowed(&state, &admin, path.into_inner(), false).await
}

async fn set_member(
    state: &Data<State>,
    admin: &Admin,
    (group, user): (String, String),
    member: bool,
) -> Result<HttpResponse, ApiError> {
    super::change(state, admin, move |tx, by| {
        let (group, user) = (super::group(tx, &group)?, super::user(tx, &user)?);
        Ok(Changed { changed: groups::set_member(tx, by, &group, &user, member)? })
    })
    .await
}

async fn set_allowed(
    state: &Data<State>,
    admin: &Admin,
    (group, app): (String, String),
    allowed: bool,
) -> Result<HttpResponse, ApiError> {
    super::change(state, admin, move |tx, by| {
        let (group, app) = (super::group(tx, &group)?, super::app(tx, &app)?);
        Ok(Changed { changed: groups::set_allowed(tx, by, &group, &app, allowed)? })
    })
    .await
}

impl GroupView {
    fn of(group: Group, members: i64) -> Self {
        Self {
            group_id: group.id,
            name: group.name.into(),
            members: members.min(lists::groups::COUNTED),
            more_members: members > lists::groups::COUNTED,
            created_at: timestamp(group.created_at_us),
        }
    }
}
