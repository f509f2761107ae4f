//! Flags: applied as a file, listed, compared, taken back, explained.

use actix_web::web::{self, Data, Path};
use actix_web::{HttpRequest, HttpResponse};
use osaycore_directory::AdminScope;
use osaycore_flags::{FlagFile, FlagType, Key};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use serde_json::{Map, Value};

use super::{Changed, List, asked, flag, list_query, optional_app, scoped};
use crate::admin::flags::{self, Difference, Somebody};
use crate::error::{ApiError, Code, Failure};
use crate::extract::admin::{Admin, AdminBody};
use crate::routes::query::Query;
use crate::routes::{json, resource, timestamp};
use crate::server::State;
use crate::store::flag_versions::{self, Change, Version};
use crate::store::flags::{EVERY_APP, StoredFlag};
use crate::store::lists;
use crate::store::tx::Tx;
use crate::system;

const READ: AdminScope = AdminScope::FlagsRead;
const WRITE: AdminScope = AdminScope::FlagsWrite;

pub(super) fn configure(config: &mut web::ServiceConfig) {
    config
        .service(resource("/admin/v1/flags", "GET").route(scoped(web::get().to(list), READ)))
        .service(resource("/admin/v1/flags/{flag}", "DELETE").route(scoped(web::delete().to(archive), WRITE)))
        .service(resource("/admin/v1/flags/{flag}/explain", "POST").route(scoped(web::post().to(explain), READ)))
        .service(
            resource("/admin/v1/flag-file", "GET, PUT")
                .route(scoped(web::get().to(export), READ))
                .route(scoped(web::put().to(apply), WRITE)),
        )
        .service(resource("/admin/v1/flag-versions", "GET").route(scoped(web::get().to(versions), READ)))
        .service(resource("/admin/v1/flag-diff", "GET").route(scoped(web::get().to(diff), READ)))
        .service(resource("/admin/v1/flag-rollback", "POST").route(scoped(web::post().to(rollback), WRITE)));
}

/// A flag in a list; `GET /flag-file` has what it says.
#[derive(Serialize)]
struct FlagView {
    key: String,
    r#type: FlagType,
    active: bool,
    enabled: bool,
    archived: bool,
    description: Option<String>,
    owner: Option<String>,
    tags: Vec<String>,
    updated_at: String,
}

/// One change of a scope's flags.
#[derive(Serialize)]
struct VersionView {
    version: i64,
    at: String,
    author: String,
    change: &'static str,
    /// Of a rollback: the version that it went back to.
    restored: Option<i64>,
}

/// What an applied file made.
#[derive(Serialize)]
struct Applied {
    flags: usize,
    segments: usize,
    /// None: everything was so already.
    version: Option<i64>,
}

/// What changes between two versions.
#[derive(Serialize)]
struct Compared {
    from: i64,
    to: i64,
    difference: Difference,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Rollback {
    /// Of this app's own flags; none: of those of every app.
    app: Option<String>,
    /// To this version; 0: before the first; none: the one before the last.
    to: Option<u32>,
}

#[derive(Serialize)]
struct RolledBack {
    restored: i64,
    /// None: nothing was different.
    version: Option<i64>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Explain {
    app: String,
    /// A user; with a context anyone's id.
    user: String,
    /// Further attributes; those that are stored win.
    context: Option<Map<String, Value>>,
}

/// `GET /api/admin/v1/flags`: by key; of an app's own, or of every app's.
async fn list(state: Data<State>, admin: Admin, request: HttpRequest) -> Result<HttpResponse, ApiError> {
    let query = list_query(request.query_string(), &["app", "archived"])?;
    let (asked, archived, app) = (asked(&query)?, flag(&query, "archived")?, named(&query));
    super::read(&state, &admin, move |tx| {
        let app_id = scope(tx, app.as_ref())?;
        Ok(List::from(lists::flags::list(tx, app_id, archived, &asked)?.map(FlagView::of)))
    })
    .await
}

/// `GET /api/admin/v1/flag-file`: what a file would say that makes what there is.
async fn export(state: Data<State>, admin: Admin, request: HttpRequest) -> Result<HttpResponse, ApiError> {
    let app = named(&Query::parse(request.query_string(), &["app"])?);
    super::read_versioned(&state, &admin, move |tx| {
        let app = optional_app(tx, app.as_ref())?;
        let version = flag_versions::newest(tx, app.as_ref().map_or(EVERY_APP, |app| app.id))?;
        Ok((flags::export(tx, app.as_ref())?, version.to_string()))
    })
    .await
}

/// `PUT /api/admin/v1/flag-file`: creates or replaces what the file names; with `dry_run` tells what it would change.
async fn apply(state: Data<State>, admin: Admin, request: HttpRequest) -> Result<HttpResponse, ApiError> {
    let query = Query::parse(request.query_string(), &["app", "dry_run"])?;
    let (app, dry_run) = (named(&query), flag(&query, "dry_run")?);
    let text = std::str::from_utf8(admin.body())
        .map_err(|_| ApiError::from(Code::InvalidJson).detail("The body is not UTF-8"))?;
    let file: FlagFile =
        osaycore_flags::parse(text).map_err(|fault| ApiError::field(Code::InvalidField, "flags", fault.to_string()))?;
    let precondition = admin.precondition();
    let held = move |tx: &mut Tx<'_>, app: Option<&osaycore_directory::App>| -> Result<(), Failure> {
        let newest = flag_versions::newest(tx, app.map_or(EVERY_APP, |app| app.id))?;
        Ok(precondition.holds(&newest.to_string())?)
    };
    if dry_run {
        let difference = state.read_aside(admin.tenant_id(), move |tx| {
            let app = optional_app(tx, app.as_ref())?;
            held(tx, app.as_ref())?;
            flags::preview(tx, app.as_ref(), &file, system::now_us())
        });
        return json(&difference.await?);
    }
    super::change(&state, &admin, move |tx, by| {
        let app = optional_app(tx, app.as_ref())?;
        held(tx, app.as_ref())?;
        let version = flags::apply(tx, by, app.as_ref(), &file, Change::Apply)?;
        Ok(Applied { flags: file.flags.len(), segments: file.segments.len(), version })
    })
    .await
}

/// `DELETE /api/admin/v1/flags/{flag}`: takes a flag out of use; it comes back by a rollback, or applied again.
async fn archive(
    state: Data<State>,
    admin: Admin,
    key: Path<String>,
    request: HttpRequest,
) -> Result<HttpResponse, ApiError> {
    let app = named(&Query::parse(request.query_string(), &["app"])?);
    let key: Key = key.parse().map_err(|error| ApiError::invalid("flag", error))?;
    super::change(&state, &admin, move |tx, by| {
        let app = optional_app(tx, app.as_ref())?;
        let changed = match flags::archive(tx, by, app.as_ref(), &key) {
            // A repeat finds it done.
            Err(Failure::Refused(error)) if error.code == Code::NotFound => false,
            archived => archived?.is_some(),
        };
        Ok(Changed { changed })
    })
    .await
}

/// `GET /api/admin/v1/flag-versions`: newest first.
async fn versions(state: Data<State>, admin: Admin, request: HttpRequest) -> Result<HttpResponse, ApiError> {
    let query = list_query(request.query_string(), &["app"])?;
    let (asked, app) = (asked(&query)?, named(&query));
    super::read(&state, &admin, move |tx| {
        let app_id = scope(tx, app.as_ref())?;
        Ok(List::from(lists::flags::versions(tx, app_id, &asked)?.map(VersionView::of)))
    })
    .await
}

/// `GET /api/admin/v1/flag-diff`: of two versions; by default the last and the one before.
async fn diff(state: Data<State>, admin: Admin, request: HttpRequest) -> Result<HttpResponse, ApiError> {
    let query = Query::parse(request.query_string(), &["app", "from", "to"])?;
    let between = (query.number("from", 0..=i64::MAX)?, query.number("to", 0..=i64::MAX)?);
    let app = named(&query);
    super::read(&state, &admin, move |tx| {
        let app = optional_app(tx, app.as_ref())?;
        let (from, to, difference) = flags::diff(tx, app.as_ref(), between, system::now_us())?;
        Ok(Compared { from, to, difference })
    })
    .await
}

/// `POST /api/admin/v1/flag-rollback`
async fn rollback(
    state: Data<State>,
    admin: Admin,
    AdminBody(asked): AdminBody<Rollback>,
) -> Result<HttpResponse, ApiError> {
    super::change(&state, &admin, move |tx, by| {
        let app = optional_app(tx, asked.app.as_ref())?;
        let (restored, version) = flags::rollback(tx, by, app.as_ref(), asked.to.map(i64::from))?;
        Ok(RolledBack { restored, version })
    })
    .await
}

/// `POST /api/admin/v1/flags/{flag}/explain`: what it is for somebody in an app, and why.
async fn explain(
    state: Data<State>,
    admin: Admin,
    key: Path<String>,
    AdminBody(asked): AdminBody<Explain>,
) -> Result<HttpResponse, ApiError> {
    let key: Key = key.parse().map_err(|error| ApiError::invalid("flag", error))?;
    let somebody = Somebody { id: asked.user, given: asked.context };
    super::read(&state, &admin, move |tx| {
        let app = super::app(tx, &asked.app)?;
        let told = flags::explain(tx, &app, &key, &somebody, system::now_us(), |explanation, _| {
            // Numbers as they are: not by way of a float.
            serde_json::to_string(explanation).and_then(RawValue::from_string)
        })?;
        told.map_err(|_| Code::Internal.into())
    })
    .await
}

fn named(query: &Query<'_>) -> Option<String> {
    query.text("app").map(str::to_owned)
}

fn scope(tx: &mut Tx<'_>, app: Option<&String>) -> Result<i64, Failure> {
    Ok(optional_app(tx, app)?.map_or(EVERY_APP, |app| app.id))
}

impl FlagView {
    fn of(flag: StoredFlag) -> Self {
        let definition = flag.definition;
        Self {
            key: definition.key.into(),
            r#type: definition.flag_type,
            active: definition.active,
            enabled: definition.enabled,
            archived: flag.archived,
            description: definition.description,
            owner: definition.owner,
            tags: definition.tags,
            updated_at: timestamp(flag.updated_at_us),
        }
    }
}

impl VersionView {
    fn of(version: Version) -> Self {
        Self {
            version: version.number,
            at: timestamp(version.at_us),
            author: version.author,
            change: version.change.as_str(),
            restored: version.change.restored(),
        }
    }
}
