//! Users: found, made, changed, deleted, restored, permitted.

use actix_web::web::{self, Data, Path};
use actix_web::{HttpRequest, HttpResponse};
use osaycore_directory::{
    AdminScope, AvatarUrl, Custom, DisplayName, Email, ExternalId, Link, Name, PermitChange, Rate, Role, Scope,
    Storage as _, User, UserChange, UserStatus, Username,
};
use serde::{Deserialize, Deserializer};
use serde_json::value::RawValue;

use super::{List, asked, flag, list_query, scoped};
use crate::admin::users::{self, NewUserInput};
use crate::admin::views::{PermitView, UserDetails, UserRow};
use crate::error::{ApiError, Code};
use crate::extract::admin::{Admin, AdminBody};
use crate::routes::resource;
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

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct CreateUser {
    username: Username,
    email: Option<Email>,
    display_name: Option<DisplayName>,
    role: Option<Role>,
    directory: Option<Name>,
    /// The app to link the user to, by id or name.
    app: Option<String>,
    /// What that app calls the user.
    external_id: Option<ExternalId>,
}

/// What is named is set, the rest stays.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ChangeUser {
    username: Option<Username>,
    email: Option<Email>,
    email_verified: Option<bool>,
    display_name: Option<DisplayName>,
    avatar_url: Option<AvatarUrl>,
    role: Option<Role>,
    status: Option<UserStatus>,
    bypass_otp: Option<bool>,
}

/// What a user may do in an app: what is named is set, the rest stays.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct PermitRequest {
    external_id: Option<ExternalId>,
    can_use: Option<bool>,
    /// Credits per unit: a number, or its digits as text.
    #[serde(default, deserialize_with = "rate")]
    credit_rate: Option<Rate>,
    scopes: Option<Vec<Scope>>,
    /// A JSON object.
    #[serde(default, deserialize_with = "custom")]
    custom: Option<Custom>,
}

/// `GET /api/admin/v1/users`: by what is searched for, or newest first.
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

/// `POST /api/admin/v1/users`
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

/// `GET /api/admin/v1/users/{user}`
async fn show(state: Data<State>, admin: Admin, user: Path<String>) -> Result<HttpResponse, ApiError> {
    super::read_versioned(&state, &admin, move |tx| {
        let user = super::user(tx, &user)?;
        Ok((UserDetails::read(tx, &user)?, version(&user)))
    })
    .await
}

/// `PATCH /api/admin/v1/users/{user}`
async fn change(
    state: Data<State>,
    admin: Admin,
    user: Path<String>,
    AdminBody(asked): AdminBody<ChangeUser>,
) -> Result<HttpResponse, ApiError> {
    let change = UserChange {
        username: asked.username,
        email: asked.email,
        email_verified: asked.email_verified,
        display_name: asked.display_name,
        avatar_url: asked.avatar_url,
        role: asked.role,
        status: asked.status,
        bypass_otp: asked.bypass_otp,
    };
    let precondition = admin.precondition();
    super::change(&state, &admin, move |tx, by| {
        let user = super::user(tx, &user)?;
        precondition.holds(&version(&user))?;
        let user = users::change(tx, by, &user, change.clone())?;
        UserDetails::read(tx, &user)
    })
    .await
}

/// `DELETE /api/admin/v1/users/{user}`: for the time being; a repeat by id finds it done.
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

/// `POST /api/admin/v1/users/{user}/restore`: by name as well, where one deleted user alone had it.
async fn restore(
    state: Data<State>,
    admin: Admin,
    user: Path<String>,
    AdminBody(_): AdminBody<super::Nothing>,
) -> Result<HttpResponse, ApiError> {
    super::change(&state, &admin, move |tx, by| {
        let reference = user.parse().map_err(|error| ApiError::invalid("user", error))?;
        let mut user = users::to_restore(tx, &reference)?;
        if user.is_deleted() {
            user = users::restore(tx, by, &user)?;
        }
        Ok(UserRow::of(&user))
    })
    .await
}

/// `GET /api/admin/v1/users/{user}/permits/{app}`
async fn show_permit(state: Data<State>, admin: Admin, path: Path<(String, String)>) -> Result<HttpResponse, ApiError> {
    super::read(&state, &admin, move |tx| {
        let (user, app) = (super::user(tx, &path.0)?, super::app(tx, &path.1)?);
        let missing =
            || ApiError::from(Code::NotFound).detail(format!("{} has no link to {}", user.username, app.name));
        let permit = tx.permit(user.id, app.id)?.ok_or_else(missing)?;
        Ok(PermitView::of(&app, &permit))
    })
    .await
}

/// `PUT /api/admin/v1/users/{user}/permits/{app}`: links the two where they are not yet.
async fn permit(
    state: Data<State>,
    admin: Admin,
    path: Path<(String, String)>,
    AdminBody(asked): AdminBody<PermitRequest>,
) -> Result<HttpResponse, ApiError> {
    let change = PermitChange {
        external_id: asked.external_id,
        can_use: asked.can_use,
        credit_rate: asked.credit_rate,
        scopes: asked.scopes.map(Into::into),
        custom: asked.custom,
    };
    super::change(&state, &admin, move |tx, by| {
        let (user, app) = (super::user(tx, &path.0)?, super::app(tx, &path.1)?);
        let permit = users::permit(tx, by, &user, app.id, change.clone())?;
        Ok(PermitView::of(&app, &permit))
    })
    .await
}

/// Another with every change of the user's own values.
fn version(user: &User) -> String {
    user.updated_at_us.to_string()
}

fn rate<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Rate>, D::Error> {
    let Some(token) = Option::<&RawValue>::deserialize(deserializer)? else { return Ok(None) };
    token.get().trim_matches('"').parse().map(Some).map_err(serde::de::Error::custom)
}

fn custom<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Custom>, D::Error> {
    let Some(object) = Option::<&RawValue>::deserialize(deserializer)? else { return Ok(None) };
    object.get().parse().map(Some).map_err(serde::de::Error::custom)
}
