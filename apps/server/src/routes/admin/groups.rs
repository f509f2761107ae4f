//! Groups, who is in them, and which apps they open.

use actix_web::web::{self, Data, Path};
use actix_web::{HttpRequest, HttpResponse};
use osaycore_directory::{AdminScope, Group, Name};
use serde::{Deserialize, Serialize};
use utoipa::{OpenApi, ToSchema};

use super::{Changed, List, PageQuery, asked, list_query, scoped};
use crate::admin::groups;
use crate::admin::views::UserRow;
use crate::error::{ApiError, Code};
use crate::extract::admin::{Admin, AdminBody};
use crate::routes::{resource, timestamp};
use crate::schemas;
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

#[derive(OpenApi)]
#[openapi(paths(list, create, show, members, add, remove, allow, disallow))]
pub(super) struct Api;

/// A group. Members are counted up to a thousand.
#[derive(Serialize, ToSchema)]
#[schema(as = Group, examples(json!({"group_id": 1, "name": "staff", "members": 2, "more_members": false, "created_at": "2026-11-23T23:13:03.925007Z"})))]
struct GroupView {
    group_id: i64,
    name: String,
    members: i64,
    /// There are more members than were counted.
    more_members: bool,
    #[schema(format = DateTime)]
    created_at: String,
}

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(examples(json!({"name": "staff"})))]
struct CreateGroup {
    #[schema(value_type = schemas::admin::Name)]
    name: Name,
}

/// `GET /api/admin/v1/groups`: groups, by name.
#[utoipa::path(
    get, path = "/api/admin/v1/groups", operation_id = "adminGroups", tag = "Admin: groups",
    security(("admin" = ["users:read"])),
    params(PageQuery),
    responses((status = 200, description = "A page of them", body = List<GroupView>))
)]
async fn list(state: Data<State>, admin: Admin, request: HttpRequest) -> Result<HttpResponse, ApiError> {
    let asked = asked(&list_query(request.query_string(), &[])?)?;
    super::read(&state, &admin, move |tx| {
        let page = lists::groups::list(tx, &asked)?;
        Ok(List::from(page.map(|counted| GroupView::of(counted.group, counted.members))))
    })
    .await
}

/// `POST /api/admin/v1/groups`: makes a group.
#[utoipa::path(
    post, path = "/api/admin/v1/groups", operation_id = "adminCreateGroup", tag = "Admin: groups",
    security(("admin" = ["users:write"])),
    request_body = CreateGroup,
    responses((status = 201, description = "The group", body = GroupView)),
    extensions(("x-error-codes" = json!([Code::ReferenceConflict])))
)]
async fn create(
    state: Data<State>,
    admin: Admin,
    AdminBody(new): AdminBody<CreateGroup>,
) -> Result<HttpResponse, ApiError> {
    super::make(&state, &admin, move |tx, by| Ok(GroupView::of(groups::create(tx, by, new.name.clone())?, 0))).await
}

/// `GET /api/admin/v1/groups/{group}`: a group.
#[utoipa::path(
    get, path = "/api/admin/v1/groups/{group}", operation_id = "adminGroup", tag = "Admin: groups",
    security(("admin" = ["users:read"])),
    params(("group" = schemas::admin::WhichGroup, Path)),
    responses((status = 200, description = "The group", body = GroupView))
)]
async fn show(state: Data<State>, admin: Admin, group: Path<String>) -> Result<HttpResponse, ApiError> {
    super::read(&state, &admin, move |tx| {
        let group = super::group(tx, &group)?;
        let members = lists::groups::count(tx, group.id)?;
        Ok(GroupView::of(group, members))
    })
    .await
}

/// `GET /api/admin/v1/groups/{group}/members`: the members of a group, newest users first.
#[utoipa::path(
    get, path = "/api/admin/v1/groups/{group}/members", operation_id = "adminGroupMembers", tag = "Admin: groups",
    security(("admin" = ["users:read"])),
    params(("group" = schemas::admin::WhichGroup, Path), PageQuery),
    responses((status = 200, description = "A page of them", body = List<UserRow>))
)]
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

/// `PUT /api/admin/v1/groups/{group}/members/{user}`: puts a user in a group.
#[utoipa::path(
    put, path = "/api/admin/v1/groups/{group}/members/{user}", operation_id = "adminAddGroupMember", tag = "Admin: groups",
    security(("admin" = ["users:write"])),
    params(("group" = schemas::admin::WhichGroup, Path), ("user" = schemas::admin::WhichUser, Path)),
    responses((status = 200, description = "Whether there was something to do", body = Changed))
)]
async fn add(state: Data<State>, admin: Admin, path: Path<(String, String)>) -> Result<HttpResponse, ApiError> {
    set_member(&state, &admin, path.into_inner(), true).await
}

/// `DELETE /api/admin/v1/groups/{group}/members/{user}`: takes a user out of a group.
#[utoipa::path(
    delete, path = "/api/admin/v1/groups/{group}/members/{user}", operation_id = "adminRemoveGroupMember", tag = "Admin: groups",
    security(("admin" = ["users:write"])),
    params(("group" = schemas::admin::WhichGroup, Path), ("user" = schemas::admin::WhichUser, Path)),
    responses((status = 200, description = "Whether there was something to do", body = Changed))
)]
async fn remove(state: Data<State>, admin: Admin, path: Path<(String, String)>) -> Result<HttpResponse, ApiError> {
    set_member(&state, &admin, path.into_inner(), false).await
}

/// `PUT /api/admin/v1/groups/{group}/apps/{app}`: opens an app that is restricted to groups.
#[utoipa::path(
    put, path = "/api/admin/v1/groups/{group}/apps/{app}", operation_id = "adminOpenAppToGroup", tag = "Admin: groups",
    security(("admin" = ["users:write"])),
    params(("group" = schemas::admin::WhichGroup, Path), ("app" = schemas::admin::WhichApp, Path)),
    responses((status = 200, description = "Whether there was something to do", body = Changed))
)]
async fn allow(state: Data<State>, admin: Admin, path: Path<(String, String)>) -> Result<HttpResponse, ApiError> {
    set_allowed(&state, &admin, path.into_inner(), true).await
}

/// `DELETE /api/admin/v1/groups/{group}/apps/{app}`: closes an app to a group.
#[utoipa::path(
    delete, path = "/api/admin/v1/groups/{group}/apps/{app}", operation_id = "adminCloseAppToGroup", tag = "Admin: groups",
    security(("admin" = ["users:write"])),
    params(("group" = schemas::admin::WhichGroup, Path), ("app" = schemas::admin::WhichApp, Path)),
    responses((status = 200, description = "Whether there was something to do", body = Changed))
)]
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
