//! `/api/admin/v1`: what the command line can do, for scripts. One file a resource.
//!
//! A handler parses, and calls the functions that the command line calls, in one transaction of the group commit. A single
//! thing is answered as it is; a list as `items` and `next_cursor`.

mod apps;
mod audit;
mod credits;
mod flags;
mod given;
mod groups;
mod providers;
mod second_factors;
mod sessions;
mod settings;
mod streamed;
mod users;

use actix_web::http::StatusCode;
use actix_web::http::header::{CACHE_CONTROL, ETAG, HeaderValue};
use actix_web::middleware::from_fn;
use actix_web::web::{self, Data};
use actix_web::{HttpResponse, Route};
use osaycore_directory::{AdminScope, App, AppRef, GroupRef, Name, User, UserRef};
use serde::{Deserialize, Serialize};
use utoipa::openapi::OpenApi;
use utoipa::{IntoParams, OpenApi as _, ToSchema};

use crate::admin;
use crate::admin::By;
use crate::error::{ApiError, Code, Failure};
use crate::extract::admin::{Admin, layer};
use crate::routes::query::Query;
use crate::routes::{json, to_json};
use crate::schemas;
use crate::server::State;
use crate::store::lists::{self, Asked, Page};
use crate::store::tx::Tx;

pub(super) fn configure(config: &mut web::ServiceConfig) {
    config
        .configure(apps::configure)
        .configure(users::configure)
        .configure(sessions::configure)
        .configure(second_factors::configure)
        .configure(groups::configure)
        .configure(credits::configure)
        .configure(flags::configure)
        .configure(audit::configure)
        .configure(providers::configure)
        .configure(settings::configure);
}

/// All of it, described.
pub(super) fn described() -> [OpenApi; 10] {
    [
        apps::Api::openapi(),
        users::Api::openapi(),
        sessions::Api::openapi(),
        second_factors::Api::openapi(),
        groups::Api::openapi(),
        credits::Api::openapi(),
        flags::Api::openapi(),
        audit::Api::openapi(),
        providers::Api::openapi(),
        settings::Api::openapi(),
    ]
}

/// Only for tokens with the scope.
fn scoped(route: Route, scope: AdminScope) -> Route {
    route.wrap(from_fn(layer(scope)))
}

/// Names in a query that every list knows.
const PAGE: [&str; 2] = ["cursor", "limit"];

/// The same, described.
#[derive(IntoParams)]
#[into_params(parameter_in = Query)]
#[expect(dead_code, reason = "`asked` reads them")]
struct PageQuery {
    #[param(value_type = Option<schemas::admin::PageCursor>)]
    cursor: Option<String>,
    #[param(value_type = Option<schemas::admin::PageLimit>)]
    limit: Option<i64>,
}

/// A page of a list.
#[derive(Serialize, ToSchema)]
struct List<T> {
    items: Vec<T>,
    /// What asks for the next page; none: that is all.
    #[schema(required = true)]
    next_cursor: Option<String>,
}

/// Whether something was to be done: a repeat finds that it was done.
#[derive(Serialize, ToSchema)]
#[schema(examples(json!({"changed": true})))]
struct Changed {
    changed: bool,
}

/// A body in which nothing stands.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(examples(json!({})))]
struct Nothing {}

impl<T> From<Page<T>> for List<T> {
    fn from(page: Page<T>) -> Self {
        Self { items: page.items, next_cursor: page.next }
    }
}

/// Which page a query asks for: 50 things, at most 200.
fn asked(query: &Query<'_>) -> Result<Asked, ApiError> {
    let limit = query.number("limit", 1..=200)?.unwrap_or(50);
    Ok(Asked { cursor: query.text("cursor").map(str::to_owned), limit: u32::try_from(limit).unwrap_or(50) })
}

/// A query with a page and these further names.
fn list_query<'q>(query: &'q str, further: &[&str]) -> Result<Query<'q>, ApiError> {
    Query::parse(query, &[&PAGE, further].concat())
}

/// `true` or `false`, which is what is meant without.
fn flag(query: &Query<'_>, name: &str) -> Result<bool, ApiError> {
    match query.text(name) {
        None | Some("false") => Ok(false),
        Some("true") => Ok(true),
        Some(_) => Err(ApiError::invalid(name, "true or false")),
    }
}

/// Reads one consistent snapshot of the tenant.
async fn read<T: Serialize + Send + 'static>(
    state: &State,
    admin: &Admin,
    work: impl FnMut(&mut Tx<'_>) -> Result<T, Failure> + Send + 'static,
) -> Result<HttpResponse, ApiError> {
    json(&state.read_aside(admin.tenant_id(), work).await?)
}

/// The same of something that has a version, which `If-Match` may name.
async fn read_versioned<T: Serialize + Send + 'static>(
    state: &State,
    admin: &Admin,
    work: impl FnMut(&mut Tx<'_>) -> Result<(T, String), Failure> + Send + 'static,
) -> Result<HttpResponse, ApiError> {
    let (found, version) = state.read_aside(admin.tenant_id(), work).await?;
    let mut response = json(&found)?;
    if let Ok(tag) = HeaderValue::from_str(&format!("\"{version}\"")) {
        response.headers_mut().insert(ETAG, tag);
    }
    Ok(response)
}

/// Changes something, and tells what it became.
async fn change<T: Serialize>(
    state: &Data<State>,
    admin: &Admin,
    mut work: impl FnMut(&mut Tx<'_>, &By) -> Result<T, Failure> + Send + 'static,
) -> Result<HttpResponse, ApiError> {
    let body = admin.run(state, move |tx, by| Ok(to_json(&work(tx, by)?)?)).await?;
    // What the snapshot has of it is there for whoever asks next.
    state.refresh().await;
    Ok(answer(StatusCode::OK, body))
}

/// The same for what is made, perhaps with a secret that is told once.
async fn make<T: Serialize>(
    state: &Data<State>,
    admin: &Admin,
    work: impl FnMut(&mut Tx<'_>, &By) -> Result<T, Failure> + Send + 'static,
) -> Result<HttpResponse, ApiError> {
    let mut response = change(state, admin, work).await?;
    *response.status_mut() = StatusCode::CREATED;
    response.headers_mut().insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    Ok(response)
}

fn answer(status: StatusCode, body: Vec<u8>) -> HttpResponse {
    HttpResponse::build(status).content_type("application/json").body(body)
}

/// The user to change, by UUID, numeric id, `directory\username` or username; deleted or not.
fn user(tx: &mut Tx<'_>, named: &str) -> Result<User, Failure> {
    admin::users::find(tx, &reference(named)?)
}

/// The user to look at: where nobody has that name, by what an app calls the user.
fn look_up(tx: &mut Tx<'_>, named: &str) -> Result<User, Failure> {
    admin::users::look_up(tx, &reference(named)?)
}

fn reference(user: &str) -> Result<UserRef, ApiError> {
    user.parse().map_err(|error| ApiError::invalid("user", error))
}

/// An app by UUID, numeric id, or a name that one app alone has.
fn app(tx: &mut Tx<'_>, named: &str) -> Result<App, Failure> {
    if let Ok(reference) = named.parse::<AppRef>() {
        return admin::apps::find(tx, reference);
    }
    let name = named.parse::<Name>();
    let mut found = name.map_or_else(|_| Ok(Vec::new()), |name| lists::apps::by_name(tx, name.as_str()))?;
    match (found.pop(), found.pop()) {
        (Some(app), None) => Ok(app),
        (Some(_), Some(_)) => {
            let sentence = format!("app: several apps are named {named}: name one by its id");
            Err(ApiError::field(Code::ReferenceConflict, "app", sentence).into())
        }
        (None, _) => Err(ApiError::from(Code::NotFound).detail(format!("there is no app {named}")).into()),
    }
}

/// The app that a query names, if it names one.
fn optional_app(tx: &mut Tx<'_>, named: Option<&String>) -> Result<Option<App>, Failure> {
    named.map(|named| app(tx, named)).transpose()
}

/// A group by numeric id or name.
fn group(tx: &mut Tx<'_>, named: &str) -> Result<osaycore_directory::Group, Failure> {
    let reference: GroupRef = named.parse().map_err(|error| ApiError::invalid("group", error))?;
    admin::groups::find(tx, &reference)
}
