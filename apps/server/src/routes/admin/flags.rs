//! Flags: applied as a file, listed, compared, taken back, explained.

use actix_web::web::{self, Data, Path};
use actix_web::{HttpRequest, HttpResponse};
use osaycore_directory::AdminScope;
use osaycore_flags::{FlagFile, FlagType, Key};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use serde_json::{Map, Value};
use utoipa::{OpenApi, ToSchema};

use super::{Changed, List, PageQuery, asked, flag, list_query, optional_app, scoped};
use crate::admin::flags::{self, Difference, Somebody};
use crate::error::{ApiError, Code, Failure};
use crate::extract::Text;
use crate::extract::admin::{Admin, AdminBody, AdminText};
use crate::routes::query::Query;
use crate::routes::{json, resource, timestamp};
use crate::schemas;
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

#[derive(OpenApi)]
#[openapi(paths(list, export, apply, archive, versions, diff, rollback, explain))]
pub(super) struct Api;

/// A flag in a list; `GET /flag-file` has what it says.
#[derive(Serialize, ToSchema)]
#[schema(as = FlagRow, examples(json!({
    "key": "new_ui", "type": "boolean", "active": true, "enabled": true, "archived": false, "description": "The new layout",
    "owner": null, "tags": [], "updated_at": "2026-11-23T23:13:03.925007Z"
})))]
struct FlagView {
    key: String,
    #[schema(value_type = schemas::flags::FlagType)]
    r#type: FlagType,
    active: bool,
    enabled: bool,
    archived: bool,
    #[schema(required = true)]
    description: Option<String>,
    #[schema(required = true)]
    owner: Option<String>,
    tags: Vec<String>,
    #[schema(format = DateTime)]
    updated_at: String,
}

/// One change of a scope's flags.
#[derive(Serialize, ToSchema)]
#[schema(as = FlagVersion, examples(json!({"version": 3, "at": "2026-11-23T23:13:03.925007Z", "author": "token deploy", "change": "rollback", "restored": 1})))]
struct VersionView {
    version: i64,
    #[schema(format = DateTime)]
    at: String,
    author: String,
    change: &'static str,
    /// Of a rollback: the version that it went back to.
    #[schema(required = true)]
    restored: Option<i64>,
}

/// What an applied file made.
#[derive(Serialize, ToSchema)]
#[schema(as = AppliedFlags, examples(json!({"flags": 1, "segments": 0, "version": 3})))]
struct Applied {
    flags: usize,
    segments: usize,
    /// None: everything was so already.
    #[schema(required = true)]
    version: Option<i64>,
}

/// What an applied file made, or would change.
#[derive(ToSchema)]
#[schema(examples(json!({"flags": 1, "segments": 0, "version": 3})))]
#[serde(untagged)]
#[expect(dead_code, reason = "what is answered, in the document's words")]
enum AppliedOrPreviewed {
    Applied(Applied),
    #[schema(value_type = schemas::flags::FlagDifference)]
    Previewed(Difference),
}

/// What changes between two versions.
#[derive(Serialize, ToSchema)]
#[schema(as = ComparedFlags, examples(json!({"from": 1, "to": 2, "difference": {"flags": [], "segments": []}})))]
struct Compared {
    from: i64,
    to: i64,
    #[schema(value_type = schemas::flags::FlagDifference)]
    difference: Difference,
}

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = RollbackFlags, examples(json!({"to": 1})))]
struct Rollback {
    /// Of this app's own flags; none: of those of every app.
    #[schema(value_type = Option<schemas::admin::WhichApp>)]
    app: Option<String>,
    /// To this version; 0: before the first; none: the one before the last.
    #[schema(maximum = 4_294_967_295_u32)]
    to: Option<u32>,
}

#[derive(Serialize, ToSchema)]
#[schema(as = RolledBackFlags, examples(json!({"restored": 1, "version": 3})))]
struct RolledBack {
    restored: i64,
    /// None: nothing was different.
    #[schema(required = true)]
    version: Option<i64>,
}

/// For a user; with a context for anyone's id.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = ExplainFlag, examples(json!({"app": "shop", "user": "ada", "context": {"country": "de"}})))]
struct Explain {
    #[schema(value_type = schemas::admin::WhichApp)]
    app: String,
    #[schema(inline)]
    user: Text<1, 520>,
    /// Further attributes; those that are stored win.
    #[schema(value_type = Option<schemas::flags::FlagAttributes>)]
    context: Option<Map<String, Value>>,
}

/// `GET /api/admin/v1/flags`: flags, by key; of an app's own, or of every app's.
#[utoipa::path(
    get, path = "/api/admin/v1/flags", operation_id = "adminFlags", tag = "Admin: flags",
    security(("admin" = ["flags:read"])),
    params(
        PageQuery,
        ("app" = Option<schemas::admin::WhichApp>, Query, description = "Of this app's own; of every app unless given"),
        ("archived" = Option<bool>, Query, description = "The archived ones instead"),
    ),
    responses((status = 200, description = "A page of them", body = List<FlagView>))
)]
async fn list(state: Data<State>, admin: Admin, request: HttpRequest) -> Result<HttpResponse, ApiError> {
    let query = list_query(request.query_string(), &["app", "archived"])?;
    let (asked, archived, app) = (asked(&query)?, flag(&query, "archived")?, named(&query));
    super::read(&state, &admin, move |tx| {
        let app_id = scope(tx, app.as_ref())?;
        Ok(List::from(lists::flags::list(tx, app_id, archived, &asked)?.map(FlagView::of)))
    })
    .await
}

/// `GET /api/admin/v1/flag-file`: what a file would say that makes the flags that there are.
#[utoipa::path(
    get, path = "/api/admin/v1/flag-file", operation_id = "adminFlagFile", tag = "Admin: flags",
    security(("admin" = ["flags:read"])),
    params(
        ("app" = Option<schemas::admin::WhichApp>, Query, description = "Of this app's own; of every app unless given"),
    ),
    responses((
        status = 200, description = "The file", body = schemas::flags::FlagFile,
        headers(("ETag" = String, description = "The version, as `If-Match` takes it"))
    ))
)]
async fn export(state: Data<State>, admin: Admin, request: HttpRequest) -> Result<HttpResponse, ApiError> {
    let app = named(&Query::parse(request.query_string(), &["app"])?);
    super::read_versioned(&state, &admin, move |tx| {
        let app = optional_app(tx, app.as_ref())?;
        let version = flag_versions::newest(tx, app.as_ref().map_or(EVERY_APP, |app| app.id))?;
        Ok((flags::export(tx, app.as_ref())?, version.to_string()))
    })
    .await
}

/// `PUT /api/admin/v1/flag-file`: creates or replaces what a file names, all or none; with `dry_run` tells what it
/// would change.
#[utoipa::path(
    put, path = "/api/admin/v1/flag-file", operation_id = "adminApplyFlags", tag = "Admin: flags",
    security(("admin" = ["flags:write"])),
    params(
        ("app" = Option<schemas::admin::WhichApp>, Query, description = "Of this app's own; of every app unless given"),
        ("dry_run" = Option<bool>, Query, description = "Nothing is changed; what would change is answered"),
        ("If-Match" = Option<schemas::admin::EntityTags>, Header),
    ),
    request_body = schemas::flags::FlagFile,
    responses((status = 200, description = "What it made; with `dry_run` what would change", body = AppliedOrPreviewed))
)]
async fn apply(
    state: Data<State>,
    admin: Admin,
    request: HttpRequest,
    AdminText(text): AdminText,
) -> Result<HttpResponse, ApiError> {
    let query = Query::parse(request.query_string(), &["app", "dry_run"])?;
    let (app, dry_run) = (named(&query), flag(&query, "dry_run")?);
    let file: FlagFile = osaycore_flags::parse(&text)
        .map_err(|fault| ApiError::field(Code::InvalidField, "flags", fault.to_string()))?;
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

/// `DELETE /api/admin/v1/flags/{flag}`: archives a flag; it comes back by a rollback, or applied again.
#[utoipa::path(
    delete, path = "/api/admin/v1/flags/{flag}", operation_id = "adminArchiveFlag", tag = "Admin: flags",
    security(("admin" = ["flags:write"])),
    params(
        ("flag" = schemas::flags::FlagKey, Path),
        ("app" = Option<schemas::admin::WhichApp>, Query, description = "Of this app's own; of every app unless given"),
    ),
    responses((status = 200, description = "Whether it was in use", body = Changed))
)]
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

/// `GET /api/admin/v1/flag-versions`: versions of the flags, newest first.
#[utoipa::path(
    get, path = "/api/admin/v1/flag-versions", operation_id = "adminFlagVersions", tag = "Admin: flags",
    security(("admin" = ["flags:read"])),
    params(
        PageQuery,
        ("app" = Option<schemas::admin::WhichApp>, Query, description = "Of this app's own; of every app unless given"),
    ),
    responses((status = 200, description = "A page of them", body = List<VersionView>))
)]
async fn versions(state: Data<State>, admin: Admin, request: HttpRequest) -> Result<HttpResponse, ApiError> {
    let query = list_query(request.query_string(), &["app"])?;
    let (asked, app) = (asked(&query)?, named(&query));
    super::read(&state, &admin, move |tx| {
        let app_id = scope(tx, app.as_ref())?;
        Ok(List::from(lists::flags::versions(tx, app_id, &asked)?.map(VersionView::of)))
    })
    .await
}

/// `GET /api/admin/v1/flag-diff`: what is different in two versions; by default in the last and the one before.
#[utoipa::path(
    get, path = "/api/admin/v1/flag-diff", operation_id = "adminFlagDiff", tag = "Admin: flags",
    security(("admin" = ["flags:read"])),
    params(
        ("app" = Option<schemas::admin::WhichApp>, Query, description = "Of this app's own; of every app unless given"),
        ("from" = Option<schemas::flags::FlagVersionNumber>, Query, description = "The earlier version; the one before `to` unless given"),
        ("to" = Option<schemas::flags::FlagVersionNumber>, Query, description = "The later version; the last unless given"),
    ),
    responses((status = 200, description = "What is different", body = Compared)),
    extensions(("x-error-codes" = json!([Code::NotFound])))
)]
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

/// `POST /api/admin/v1/flag-rollback`: makes the flags what they were at a version.
#[utoipa::path(
    post, path = "/api/admin/v1/flag-rollback", operation_id = "adminRollbackFlags", tag = "Admin: flags",
    security(("admin" = ["flags:write"])),
    request_body = Rollback,
    responses((status = 200, description = "What it became", body = RolledBack)),
    extensions(("x-error-codes" = json!([Code::NotFound, Code::ReferenceConflict])))
)]
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

/// `POST /api/admin/v1/flags/{flag}/explain`: what a flag is for somebody in an app, and why.
#[utoipa::path(
    post, path = "/api/admin/v1/flags/{flag}/explain", operation_id = "adminExplainFlag", tag = "Admin: flags",
    security(("admin" = ["flags:read"])),
    params(("flag" = schemas::flags::FlagKey, Path)),
    request_body = Explain,
    responses((status = 200, description = "The value, and why", body = schemas::flags::Explanation)),
    extensions(("x-error-codes" = json!([Code::UserNotFound, Code::NotFound, Code::ReferenceConflict])))
)]
async fn explain(
    state: Data<State>,
    admin: Admin,
    key: Path<String>,
    AdminBody(asked): AdminBody<Explain>,
) -> Result<HttpResponse, ApiError> {
    let key: Key = key.parse().map_err(|error| ApiError::invalid("flag", error))?;
    let somebody = Somebody { id: asked.user.0, given: asked.context };
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
