//! Users, as an app manages them: only those that are linked to it.

use std::collections::HashMap;

use actix_web::web::{self, Data, Path};
use actix_web::{HttpRequest, HttpResponse};
use osaycore_directory::{
    AppScope, DisplayName, Email, ExternalId, Link, Name, Permit, PermitChange, Role, Storage as _, User, UserChange,
    UserPage, Username,
};
use serde::{Deserialize, Serialize};
use utoipa::{OpenApi, ToSchema};
use uuid::Uuid;

use crate::admin::users::{self, NewUserInput};
use crate::error::{ApiError, Code, Failure};
use crate::extract::{Body, Caller, Nonce};
use crate::group_commit::Work;
use crate::posting::app_scope;
use crate::routes::query::Query;
use crate::routes::{answer, json, resource, signed, timestamp, to_json};
use crate::schemas;
use crate::server::State;
use crate::store::permits;
use crate::store::tx::Tx;

pub(crate) fn configure(config: &mut web::ServiceConfig) {
    config
        .service(
            resource("/users", "GET, POST").route(signed(web::post().to(create))).route(signed(web::get().to(list))),
        )
        .service(
            resource("/users/{id}", "GET, PATCH, DELETE")
                .route(signed(web::get().to(show)))
                .route(signed(web::patch().to(change)))
                .route(signed(web::delete().to(delete))),
        );
}

#[derive(OpenApi)]
#[openapi(paths(create, list, show, change, delete))]
pub(super) struct Api;

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = CreateUserRequest, examples(json!({"username": "carol", "email": "carol@example.com", "external_id": "user-3"})))]
struct CreateRequest {
    #[schema(value_type = schemas::Username)]
    username: Username,
    #[schema(value_type = Option<schemas::Email>)]
    email: Option<Email>,
    #[schema(value_type = Option<schemas::DisplayName>)]
    display_name: Option<DisplayName>,
    #[schema(value_type = Option<schemas::Role>)]
    role: Option<Role>,
    #[schema(value_type = Option<schemas::Username>)]
    directory: Option<Name>,
    #[schema(value_type = Option<schemas::ExternalId>)]
    external_id: Option<ExternalId>,
    #[serde(rename = "nonce")]
    #[schema(inline)]
    _nonce: Option<Nonce>,
}

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = ChangeUserRequest, examples(json!({"display_name": "Carol C."})))]
struct ChangeRequest {
    #[schema(value_type = Option<schemas::Username>)]
    username: Option<Username>,
    #[schema(value_type = Option<schemas::Email>)]
    email: Option<Email>,
    #[schema(value_type = Option<schemas::DisplayName>)]
    display_name: Option<DisplayName>,
    #[schema(value_type = Option<schemas::Role>)]
    role: Option<Role>,
    #[schema(value_type = Option<schemas::ExternalId>)]
    external_id: Option<ExternalId>,
    #[serde(rename = "nonce")]
    #[schema(inline)]
    _nonce: Option<Nonce>,
}

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = DeleteUserRequest, examples(json!({"nonce": "7c1f"})))]
struct DeleteRequest {
    #[serde(rename = "nonce")]
    #[schema(inline)]
    _nonce: Option<Nonce>,
}

#[derive(Serialize, ToSchema)]
#[schema(examples(schemas::user_example))]
struct UserResponse<'a> {
    success: bool,
    #[serde(flatten)]
    user: UserView<'a>,
}

#[derive(Serialize, ToSchema)]
#[schema(as = UsersResponse, examples(schemas::users_example))]
struct ListResponse<'a> {
    success: bool,
    users: Vec<UserView<'a>>,
    /// None: that was the last page.
    #[schema(required = true)]
    next_cursor: Option<String>,
}

#[derive(Serialize, ToSchema)]
#[schema(as = User)]
struct UserView<'a> {
    user_id: Uuid,
    oasis_user_id: i64,
    username: &'a str,
    #[schema(required = true)]
    directory: Option<&'a str>,
    #[schema(required = true)]
    email: Option<&'a str>,
    email_verified: bool,
    #[schema(required = true)]
    display_name: Option<&'a str>,
    role: &'a str,
    status: &'a str,
    #[schema(required = true)]
    external_id: Option<&'a str>,
    #[schema(format = DateTime)]
    created_at: String,
    #[schema(format = DateTime)]
    updated_at: String,
}

/// `POST /api/users`: makes a user that is linked to the app.
#[utoipa::path(
    post, path = "/api/users", operation_id = "createUser", tag = "Users",
    security(("signature" = [])),
    request_body = CreateRequest,
    responses((
        status = 200, description = "The user", body = UserResponse,
        links(
            ("user" = (operation_id = "user", parameters(("id" = "$response.body#/user_id")))),
            ("changeUser" = (operation_id = "changeUser", parameters(("id" = "$response.body#/user_id")))),
            ("deleteUser" = (operation_id = "deleteUser", parameters(("id" = "$response.body#/user_id"))))
        )
    )),
    extensions(("x-error-codes" = json!([Code::ScopeMissing, Code::ReferenceConflict])))
)]
async fn create(
    state: Data<State>,
    caller: Caller,
    Body(request): Body<CreateRequest>,
) -> Result<HttpResponse, ApiError> {
    let app = caller.app().clone();
    let input = NewUserInput {
        username: request.username,
        email: request.email,
        display_name: request.display_name,
        role: request.role.unwrap_or_default(),
        directory: request.directory,
        link: Some(Link { app_id: app.id, external_id: request.external_id }),
    };
    let work = Work::Call(Box::new(move |tx, by| {
        app_scope(&app, AppScope::ManageUsers)?;
        let user = users::create(tx, by, input.clone())?;
        let permit = tx.permit(user.id, app.id)?;
        Ok(response(&user, permit.as_ref())?)
    }));
    caller.run(&state, None, false, work).await.map(answer)
}

/// `GET /api/users?cursor&limit`: the users that are linked to the app.
#[utoipa::path(
    get, path = "/api/users", operation_id = "users", tag = "Users",
    security(("signature" = [])),
    params(
        ("cursor" = Option<schemas::Cursor>, Query, description = "`next_cursor` of the page before"),
        ("limit" = Option<i64>, Query, description = "How many at most; 50 unless given", minimum = 1, maximum = 200),
    ),
    responses((status = 200, description = "A page of them, oldest first", body = ListResponse)),
    extensions(("x-error-codes" = json!([Code::ScopeMissing])))
)]
async fn list(state: Data<State>, caller: Caller, request: HttpRequest) -> Result<HttpResponse, ApiError> {
    let query = Query::parse(request.query_string(), &["cursor", "limit"])?;
    let limit = query.number("limit", 1..=200)?.unwrap_or(50);
    let after_id = query.number("cursor", 1..=i64::MAX)?.unwrap_or(0);
    app_scope(caller.app(), AppScope::ManageUsers)?;
    let app_id = caller.app().id;
    let page = UserPage {
        after_id,
        limit: u32::try_from(limit.saturating_add(1)).unwrap_or(u32::MAX),
        linked_to: Some(app_id),
        with_deleted: false,
    };
    let mut linked = state
        .read(caller.app().tenant_id, move |tx| {
            let users = tx.users(page)?;
            let ids: Vec<i64> = users.iter().map(|user| user.id).collect();
            let permits = permits::of_users(tx, app_id, &ids)?;
            let mut permits: HashMap<i64, Permit> =
                permits.into_iter().map(|permit| (permit.user_id, permit)).collect();
            Ok::<_, Failure>(users.into_iter().map(|user| (permits.remove(&user.id), user)).collect::<Vec<_>>())
        })
        .await?;
    let limit = usize::try_from(limit).unwrap_or(usize::MAX);
    let more = linked.len() > limit;
    linked.truncate(limit);
    let next_cursor = linked.last().filter(|_| more).map(|(_, user)| user.id.to_string());
    let users = linked.iter().map(|(permit, user)| UserView::of(user, permit.as_ref())).collect();
    json(&ListResponse { success: true, users, next_cursor })
}

/// `GET /api/users/{id}`: one of them.
#[utoipa::path(
    get, path = "/api/users/{id}", operation_id = "user", tag = "Users",
    security(("signature" = [])),
    params(("id" = schemas::UserId, Path, description = "The UUID, or your own id")),
    responses((status = 200, description = "The user", body = UserResponse)),
    extensions(("x-error-codes" = json!([Code::ScopeMissing, Code::UserInactive, Code::UserNotFound])))
)]
async fn show(state: Data<State>, caller: Caller, id: Path<String>) -> Result<HttpResponse, ApiError> {
    let (app, id) = (caller.app().clone(), id.into_inner());
    let (user, permit) = state
        .read(caller.app().tenant_id, move |tx| {
            let found = linked(tx, app.id, &id)?;
            app_scope(&app, AppScope::ManageUsers)?;
            Ok::<_, Failure>(found)
        })
        .await?;
    json(&UserResponse { success: true, user: UserView::of(&user, Some(&permit)) })
}

/// `PATCH /api/users/{id}`: what is named is changed.
#[utoipa::path(
    patch, path = "/api/users/{id}", operation_id = "changeUser", tag = "Users",
    security(("signature" = [])),
    params(("id" = schemas::UserId, Path, description = "The UUID, or your own id")),
    request_body = ChangeRequest,
    responses((status = 200, description = "The user as changed", body = UserResponse)),
    extensions(("x-error-codes" = json!([
        Code::ScopeMissing, Code::UserInactive, Code::UserNotFound, Code::ReferenceConflict
    ])))
)]
async fn change(
    state: Data<State>,
    caller: Caller,
    id: Path<String>,
    Body(request): Body<ChangeRequest>,
) -> Result<HttpResponse, ApiError> {
    let (app, id) = (caller.app().clone(), id.into_inner());
    let change = UserChange {
        username: request.username,
        email: request.email,
        display_name: request.display_name,
        role: request.role,
        ..UserChange::default()
    };
    let external_id = request.external_id;
    let work = Work::Call(Box::new(move |tx, by| {
        let (user, mut permit) = linked(tx, app.id, &id)?;
        app_scope(&app, AppScope::ManageUsers)?;
        let user = users::change(tx, by, &user, change.clone())?;
        if external_id.is_some() {
            let change = PermitChange { external_id: external_id.clone(), ..PermitChange::default() };
            permit = users::permit(tx, by, &user, app.id, change)?;
        }
        Ok(response(&user, Some(&permit))?)
    }));
    caller.run(&state, None, false, work).await.map(answer)
}

/// `DELETE /api/users/{id}`: for the time being; an operator can restore.
#[utoipa::path(
    delete, path = "/api/users/{id}", operation_id = "deleteUser", tag = "Users",
    security(("signature" = [])),
    params(("id" = schemas::UserId, Path, description = "The UUID, or your own id")),
    request_body = DeleteRequest,
    responses((status = 200, description = "The user as deleted", body = UserResponse)),
    extensions(("x-error-codes" = json!([Code::ScopeMissing, Code::UserInactive, Code::UserNotFound])))
)]
async fn delete(
    state: Data<State>,
    caller: Caller,
    id: Path<String>,
    Body(_): Body<DeleteRequest>,
) -> Result<HttpResponse, ApiError> {
    let (app, id) = (caller.app().clone(), id.into_inner());
    let work = Work::Call(Box::new(move |tx, by| {
        let (user, permit) = linked(tx, app.id, &id)?;
        app_scope(&app, AppScope::ManageUsers)?;
        let user = users::delete(tx, by, &user)?;
        Ok(response(&user, Some(&permit))?)
    }));
    caller.run(&state, None, false, work).await.map(answer)
}

/// The user whom the app means, if the two are linked: a permit is the link.
fn linked(tx: &mut Tx<'_>, app_id: i64, id: &str) -> Result<(User, Permit), Failure> {
    let user = users::active_by_api_id(tx, app_id, id)?;
    let permit = tx.permit(user.id, app_id)?.ok_or(Code::UserNotFound)?;
    Ok((user, permit))
}

fn response(user: &User, permit: Option<&Permit>) -> Result<Vec<u8>, ApiError> {
    to_json(&UserResponse { success: true, user: UserView::of(user, permit) })
}

impl<'a> UserView<'a> {
    fn of(user: &'a User, permit: Option<&'a Permit>) -> Self {
        Self {
            user_id: user.uuid,
            oasis_user_id: user.id,
            username: user.username.as_str(),
            directory: user.directory.as_ref().map(AsRef::as_ref),
            email: user.email.as_ref().map(AsRef::as_ref),
            email_verified: user.email_verified,
            display_name: user.display_name.as_ref().map(AsRef::as_ref),
            role: user.role.as_str(),
            status: user.status.as_str(),
            external_id: permit.and_then(|permit| permit.external_id.as_ref()).map(AsRef::as_ref),
            created_at: timestamp(user.created_at_us),
            updated_at: timestamp(user.updated_at_us),
        }
    }
}
