//! Users: found, made, changed, deleted, restored, permitted.

use actix_web::web::{self, Data, Path};
use actix_web::{HttpRequest, HttpResponse};
use osaycore_directory::{
    AdminScope, AvatarUrl, Custom, DisplayName, Email, ExternalId, Link, Name, Permit, Rate, Role, Scopes,
    Storage as _, User, UserStatus, Username,
};
use osaycore_ledger::Amount;
use serde::{Deserialize, Deserializer};
use serde_json::value::RawValue;
use utoipa::{OpenApi, ToSchema};

use super::given::{self, Given};
use super::{List, PageQuery, asked, flag, list_query, scoped};
use crate::admin::users::{self, NewUserInput};
use crate::admin::views::{PermitView, UserDetails, UserRow};
use crate::error::{ApiError, Code};
use crate::extract::admin::{Admin, AdminBody};
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
            resource("/admin/v1/users", "GET, POST")
                .route(scoped(web::get().to(list), READ))
                .route(scoped(web::post().to(create), WRITE)),
        )
        .service(
            resource("/admin/v1/users/{user}", "GET, PATCH, DELETE")
                .route(scoped(web::get().to(show), READ))
                .route(scoped(web::patch().to(change), WRITE))
                .route(scoped(web::delete().to(delete), WRITE)),
        )
        .service(resource("/admin/v1/users/{user}/restore", "POST").route(scoped(web::post().to(restore), WRITE)))
        .service(
            resource("/admin/v1/users/{user}/permits/{app}", "GET, PUT")
                .route(scoped(web::get().to(show_permit), READ))
                .route(scoped(web::put().to(permit), WRITE)),
        );
}

#[derive(OpenApi)]
#[openapi(paths(list, create, show, change, delete, restore, show_permit, permit))]
pub(super) struct Api;

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(examples(json!({"username": "ada", "email": "ada@example.com", "app": "shop", "external_id": "c-1"})))]
struct CreateUser {
    #[schema(value_type = schemas::Username)]
    username: Username,
    #[schema(value_type = Option<schemas::Email>)]
    email: Option<Email>,
    #[schema(value_type = Option<schemas::DisplayName>)]
    display_name: Option<DisplayName>,
    #[schema(value_type = Option<schemas::Role>)]
    role: Option<Role>,
    #[schema(value_type = Option<schemas::admin::Name>)]
    directory: Option<Name>,
    /// The app to link the user to, by id or name.
    #[schema(value_type = Option<schemas::admin::WhichApp>)]
    app: Option<String>,
    /// What that app calls the user.
    #[schema(value_type = Option<schemas::ExternalId>)]
    external_id: Option<ExternalId>,
}

/// What is named is set, what is null taken away, and the rest stays.
#[derive(Clone, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(examples(json!({"status": "disabled", "display_name": "Ada L."})))]
struct ChangeUser {
    #[serde(default, deserialize_with = "given::set")]
    #[schema(value_type = schemas::Username, required = false)]
    username: Option<Username>,
    #[serde(default)]
    #[schema(value_type = Option<schemas::Email>)]
    email: Given<Email>,
    #[serde(default, deserialize_with = "given::set")]
    #[schema(required = false, nullable = false)]
    email_verified: Option<bool>,
    #[serde(default)]
    #[schema(value_type = Option<schemas::DisplayName>)]
    display_name: Given<DisplayName>,
    #[serde(default)]
    #[schema(value_type = Option<schemas::admin::AvatarUrl>)]
    avatar_url: Given<AvatarUrl>,
    #[serde(default, deserialize_with = "given::set")]
    #[schema(value_type = schemas::Role, required = false)]
    role: Option<Role>,
    #[serde(default, deserialize_with = "given::set")]
    #[schema(value_type = schemas::admin::UserStatus, required = false)]
    status: Option<UserStatus>,
    #[serde(default, deserialize_with = "given::set")]
    #[schema(required = false, nullable = false)]
    bypass_otp: Option<bool>,
}

/// What a user may do in an app: what is named is set, what is null taken away, and the rest stays.
#[derive(Clone, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = SetPermit, examples(json!({"credit_rate": "2.5", "custom": {"plan": "pro"}, "scopes": ["deduct_credits"]})))]
struct PermitRequest {
    #[serde(default)]
    #[schema(value_type = Option<schemas::ExternalId>)]
    external_id: Given<ExternalId>,
    #[serde(default, deserialize_with = "given::set")]
    #[schema(required = false, nullable = false)]
    can_use: Option<bool>,
    /// Credits per unit: a number, or its digits as text. Null: the app's rate.
    #[serde(default, deserialize_with = "rate")]
    #[schema(value_type = Option<schemas::Amount>)]
    credit_rate: Given<Rate>,
    /// Null: what everyone grants.
    #[serde(default)]
    #[schema(value_type = Option<schemas::admin::UserScopes>)]
    scopes: Given<Scopes>,
    /// A JSON object. Null: the empty one.
    #[serde(default, deserialize_with = "custom")]
    #[schema(value_type = Option<schemas::admin::Custom>)]
    custom: Option<Custom>,
}

/// `GET /api/admin/v1/users`: users, by what is searched for, or newest first.
#[utoipa::path(
    get, path = "/api/admin/v1/users", operation_id = "adminUsers", tag = "Admin: users",
    security(("admin" = ["users:read"])),
    params(
        PageQuery,
        ("search" = Option<schemas::QueryText>, Query, description = "The beginning of a username, an address, a word of a display name or an app's id of the user; or a whole id"),
        ("status" = Option<schemas::admin::UserStatus>, Query, description = "Of this status alone"),
        ("locked" = Option<bool>, Query, description = "Locked by wrong codes alone"),
        ("group" = Option<schemas::admin::WhichGroup>, Query, description = "In this group alone"),
        ("deleted" = Option<bool>, Query, description = "Deleted ones as well"),
    ),
    responses((status = 200, description = "A page of them", body = List<UserRow>))
)]
async fn list(state: Data<State>, admin: Admin, request: HttpRequest) -> Result<HttpResponse, ApiError> {
    let query = list_query(request.query_string(), &["search", "status", "locked", "group", "deleted"])?;
    let (asked, group) = (asked(&query)?, query.text("group").map(str::to_owned));
    let status = query.text("status").map(str::parse::<UserStatus>).transpose();
    let mut meant = lists::users::Users {
        search: query.text("search").map(str::to_owned),
        status: status.map_err(|error| ApiError::invalid("status", error))?,
        locked_at_us: flag(&query, "locked")?.then(system::now_us),
        group_id: None,
        with_deleted: flag(&query, "deleted")?,
    };
    super::read(&state, &admin, move |tx| {
        meant.group_id = group.as_ref().map(|named| super::group(tx, named)).transpose()?.map(|group| group.id);
        Ok(List::from(lists::users::list(tx, &meant, &asked)?.map(|user| UserRow::of(&user))))
    })
    .await
}

/// `POST /api/admin/v1/users`: makes a user.
#[utoipa::path(
    post, path = "/api/admin/v1/users", operation_id = "adminCreateUser", tag = "Admin: users",
    security(("admin" = ["users:write"])),
    request_body = CreateUser,
    responses((status = 201, description = "The user", body = UserDetails)),
    extensions(("x-error-codes" = json!([Code::NotFound, Code::ReferenceConflict])))
)]
async fn create(
    state: Data<State>,
    admin: Admin,
    AdminBody(new): AdminBody<CreateUser>,
) -> Result<HttpResponse, ApiError> {
    if new.external_id.is_some() && new.app.is_none() {
        return Err(ApiError::field(Code::MissingField, "app", "app is missing: whose external_id is it?"));
    }
    super::make(&state, &admin, move |tx, by| {
        let app = super::optional_app(tx, new.app.as_ref())?;
        let input = NewUserInput {
            username: new.username.clone(),
            email: new.email.clone(),
            display_name: new.display_name.clone(),
            role: new.role.clone().unwrap_or_default(),
            directory: new.directory.clone(),
            link: app.map(|app| Link { app_id: app.id, external_id: new.external_id.clone() }),
        };
        let user = users::create(tx, by, input)?;
        UserDetails::read(tx, &user)
    })
    .await
}

/// `GET /api/admin/v1/users/{user}`: all that is known of a user.
#[utoipa::path(
    get, path = "/api/admin/v1/users/{user}", operation_id = "adminUser", tag = "Admin: users",
    security(("admin" = ["users:read"])),
    params(("user" = schemas::admin::WhichUser, Path)),
    responses((
        status = 200, description = "All that is known of the user", body = UserDetails,
        headers(("ETag" = String, description = "The version, as `If-Match` takes it"))
    ))
)]
async fn show(state: Data<State>, admin: Admin, user: Path<String>) -> Result<HttpResponse, ApiError> {
    super::read_versioned(&state, &admin, move |tx| {
        let user = super::look_up(tx, &user)?;
        Ok((UserDetails::read(tx, &user)?, version(&user)))
    })
    .await
}

/// `PATCH /api/admin/v1/users/{user}`: changes a user.
#[utoipa::path(
    patch, path = "/api/admin/v1/users/{user}", operation_id = "adminChangeUser", tag = "Admin: users",
    security(("admin" = ["users:write"])),
    params(("user" = schemas::admin::WhichUser, Path), ("If-Match" = Option<schemas::admin::EntityTags>, Header)),
    request_body = ChangeUser,
    responses((status = 200, description = "The user as changed", body = UserDetails))
)]
async fn change(
    state: Data<State>,
    admin: Admin,
    user: Path<String>,
    AdminBody(asked): AdminBody<ChangeUser>,
) -> Result<HttpResponse, ApiError> {
    let precondition = admin.precondition();
    super::change(&state, &admin, move |tx, by| {
        let user = super::user(tx, &user)?;
        precondition.holds(&version(&user))?;
        let user = users::edit(tx, by, &user, asked.clone().of(&user))?;
        UserDetails::read(tx, &user)
    })
    .await
}

/// `DELETE /api/admin/v1/users/{user}`: deletes a user for the time being; a repeat by id finds it done.
#[utoipa::path(
    delete, path = "/api/admin/v1/users/{user}", operation_id = "adminDeleteUser", tag = "Admin: users",
    security(("admin" = ["users:write"])),
    params(("user" = schemas::admin::WhichUser, Path)),
    responses((status = 200, description = "The user as deleted", body = UserRow))
)]
async fn delete(state: Data<State>, admin: Admin, user: Path<String>) -> Result<HttpResponse, ApiError> {
    super::change(&state, &admin, move |tx, by| {
        let mut user = super::user(tx, &user)?;
        if !user.is_deleted() {
            user = users::delete(tx, by, &user)?;
        }
        Ok(UserRow::of(&user))
    })
    .await
}

/// `POST /api/admin/v1/users/{user}/restore`: takes a deletion back; by name as well, where one deleted user alone had
/// it.
#[utoipa::path(
    post, path = "/api/admin/v1/users/{user}/restore", operation_id = "adminRestoreUser", tag = "Admin: users",
    security(("admin" = ["users:write"])),
    params(("user" = schemas::admin::WhichUser, Path)),
    request_body = super::Nothing,
    responses((status = 200, description = "The user as restored", body = UserRow))
)]
async fn restore(
    state: Data<State>,
    admin: Admin,
    user: Path<String>,
    AdminBody(_): AdminBody<super::Nothing>,
) -> Result<HttpResponse, ApiError> {
    super::change(&state, &admin, move |tx, by| {
        let mut user = users::to_restore(tx, &super::reference(&user)?)?;
        if user.is_deleted() {
            user = users::restore(tx, by, &user)?;
        }
        Ok(UserRow::of(&user))
    })
    .await
}

/// `GET /api/admin/v1/users/{user}/permits/{app}`: what a user may do in an app.
#[utoipa::path(
    get, path = "/api/admin/v1/users/{user}/permits/{app}", operation_id = "adminPermit", tag = "Admin: users",
    security(("admin" = ["users:read"])),
    params(("user" = schemas::admin::WhichUser, Path), ("app" = schemas::admin::WhichApp, Path)),
    responses((status = 200, description = "What the user may do there", body = PermitView))
)]
async fn show_permit(state: Data<State>, admin: Admin, path: Path<(String, String)>) -> Result<HttpResponse, ApiError> {
    super::read(&state, &admin, move |tx| {
        let (user, app) = (super::look_up(tx, &path.0)?, super::app(tx, &path.1)?);
        let missing =
            || ApiError::from(Code::NotFound).detail(format!("{} has no link to {}", user.username, app.name));
        let permit = tx.permit(user.id, app.id)?.ok_or_else(missing)?;
        Ok(PermitView::of(&app, &permit))
    })
    .await
}

/// `PUT /api/admin/v1/users/{user}/permits/{app}`: sets what a user may do in an app; links the two where they are not
/// yet.
#[utoipa::path(
    put, path = "/api/admin/v1/users/{user}/permits/{app}", operation_id = "adminSetPermit", tag = "Admin: users",
    security(("admin" = ["users:write"])),
    params(("user" = schemas::admin::WhichUser, Path), ("app" = schemas::admin::WhichApp, Path)),
    request_body = PermitRequest,
    responses((status = 200, description = "What the user may do there now", body = PermitView)),
    extensions(("x-error-codes" = json!([Code::AmountScale, Code::AmountRange])))
)]
async fn permit(
    state: Data<State>,
    admin: Admin,
    path: Path<(String, String)>,
    AdminBody(asked): AdminBody<PermitRequest>,
) -> Result<HttpResponse, ApiError> {
    super::change(&state, &admin, move |tx, by| {
        let (user, app) = (super::user(tx, &path.0)?, super::app(tx, &path.1)?);
        let before = tx.permit(user.id, app.id)?.unwrap_or_else(|| Permit::new(user.id, app.id));
        let permit = users::replace_permit(tx, by, &user, asked.clone().of(before))?;
        Ok(PermitView::of(&app, &permit))
    })
    .await
}

/// Another with every change of the user's own values.
fn version(user: &User) -> String {
    user.updated_at_us.to_string()
}

impl ChangeUser {
    /// The user with what is asked for. A new address is unverified unless it says otherwise; without one none is verified.
    fn of(self, before: &User) -> User {
        let User { username, email, display_name, avatar_url, role, .. } = before.clone();
        let email = self.email.or(email);
        let was_verified = before.email_verified && email == before.email;
        User {
            username: self.username.unwrap_or(username),
            email_verified: email.is_some() && self.email_verified.unwrap_or(was_verified),
            email,
            display_name: self.display_name.or(display_name),
            avatar_url: self.avatar_url.or(avatar_url),
            role: self.role.unwrap_or(role),
            status: self.status.unwrap_or(before.status),
            bypass_otp: self.bypass_otp.unwrap_or(before.bypass_otp),
            ..before.clone()
        }
    }
}

impl PermitRequest {
    /// The permit with what is asked for.
    fn of(self, before: Permit) -> Permit {
        Permit {
            external_id: self.external_id.or(before.external_id),
            can_use: self.can_use.unwrap_or(before.can_use),
            credit_rate: self.credit_rate.or(before.credit_rate),
            scopes: self.scopes.or(before.scopes),
            custom: self.custom.unwrap_or(before.custom),
            ..before
        }
    }
}

fn rate<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Given<Rate>, D::Error> {
    let Some(amount) = Option::<Amount>::deserialize(deserializer)? else { return Ok(Given::Null) };
    Rate::from_micros(amount.micros()).map(Given::Value).ok_or_else(|| serde::de::Error::custom("no rate"))
}

fn custom<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Custom>, D::Error> {
    let object = <&RawValue>::deserialize(deserializer)?.get();
    if object == "null" {
        return Ok(Some(Custom::default()));
    }
    object.parse().map(Some).map_err(serde::de::Error::custom)
}
