//! The audit trail.

use actix_web::web::{self, Data};
use actix_web::{HttpRequest, HttpResponse};
use osaycore_audit::{Action, Log as _};
use osaycore_directory::AdminScope;
use serde_json::value::RawValue;
use utoipa::OpenApi;

use super::streamed::{Written, stream};
use super::{List, PageQuery, asked, list_query, scoped};
use crate::error::{ApiError, Code, Failure};
use crate::extract::admin::Admin;
use crate::routes::query::Query;
use crate::routes::resource;
use crate::schemas;
use crate::server::State;
use crate::store::lists::audit::Events;
use crate::store::lists::{self, Asked, Page};
use crate::store::tx::Tx;

const READ: AdminScope = AdminScope::AuditRead;

pub(super) fn configure(config: &mut web::ServiceConfig) {
    config
        .service(resource("/admin/v1/audit", "GET").route(scoped(web::get().to(list), READ)))
        .service(resource("/admin/v1/audit.ndjson", "GET").route(scoped(web::get().to(export), READ)));
}

#[derive(OpenApi)]
#[openapi(paths(list, export))]
pub(super) struct Api;

const NARROWED_BY: [&str; 6] = ["action", "actor", "app", "user", "from", "to"];

/// Which events a query asks for; users and apps are found in the transaction.
#[derive(Clone)]
struct Meant {
    events: Events,
    user: Option<String>,
    app: Option<String>,
}

/// `GET /api/admin/v1/audit`: the audit trail, newest first. An event is its canonical text: what is hashed is what is
/// told.
#[utoipa::path(
    get, path = "/api/admin/v1/audit", operation_id = "adminAudit", tag = "Admin: audit",
    security(("admin" = ["audit:read"])),
    params(
        PageQuery,
        ("action" = Option<schemas::QueryText>, Query, description = "The action, or its beginning: `user.`"),
        ("actor" = Option<schemas::QueryText>, Query, description = "Who did it: `token deploy`, `operator ada`, `app 1001`"),
        ("app" = Option<schemas::admin::WhichApp>, Query, description = "Of this app alone"),
        ("user" = Option<schemas::admin::WhichUser>, Query, description = "Of this user alone"),
        ("from" = Option<schemas::Time>, Query, description = "From this moment on"),
        ("to" = Option<schemas::Time>, Query, description = "Before this moment"),
    ),
    responses((status = 200, description = "A page of them", body = List<schemas::admin::AuditEvent>))
)]
async fn list(state: Data<State>, admin: Admin, request: HttpRequest) -> Result<HttpResponse, ApiError> {
    let query = list_query(request.query_string(), &NARROWED_BY)?;
    let (asked, meant) = (asked(&query)?, Meant::of(&query)?);
    super::read(&state, &admin, move |tx| {
        let found = meant.found(tx)?;
        let Page { items, next } = lists::audit::list(tx, &found, &asked)?;
        let texts = items.iter().map(|record| RawValue::from_string(record.canonical()));
        let items = texts.collect::<Result<Vec<_>, _>>().map_err(|_| Code::Internal)?;
        Ok(List { items, next_cursor: next })
    })
    .await
}

/// `GET /api/admin/v1/audit.ndjson`: the audit trail, an event a line. That it was exported is an event itself.
#[utoipa::path(
    get, path = "/api/admin/v1/audit.ndjson", operation_id = "adminAuditExport", tag = "Admin: audit",
    security(("admin" = ["audit:read"])),
    params(
        ("action" = Option<schemas::QueryText>, Query, description = "The action, or its beginning: `user.`"),
        ("actor" = Option<schemas::QueryText>, Query, description = "Who did it: `token deploy`, `operator ada`, `app 1001`"),
        ("app" = Option<schemas::admin::WhichApp>, Query, description = "Of this app alone"),
        ("user" = Option<schemas::admin::WhichUser>, Query, description = "Of this user alone"),
        ("from" = Option<schemas::Time>, Query, description = "From this moment on"),
        ("to" = Option<schemas::Time>, Query, description = "Before this moment"),
    ),
    responses((
        status = 200, description = "An event a line; one that is cut off lacks its last line",
        body = schemas::admin::Lines, content_type = "application/x-ndjson", example = "{\"v\":1,\"id\":7}\n"
    )),
    extensions(("x-error-codes" = json!([Code::StorageFull])))
)]
async fn export(state: Data<State>, admin: Admin, request: HttpRequest) -> Result<HttpResponse, ApiError> {
    let meant = Meant::of(&Query::parse(request.query_string(), &NARROWED_BY)?)?;
    let noted = admin.run(&state, |tx, by| {
        tx.append(by.event(Action::AuditExported, None))?;
        Ok(Vec::new())
    });
    noted.await?;
    // Once: whoever is called so later is somebody else.
    let found = state.read_aside(admin.tenant_id(), move |tx| meant.found(tx)).await?;
    let write = move |tx: &mut Tx<'_>, asked: &Asked| -> Result<Written, Failure> {
        let page = lists::audit::list(tx, &found, asked)?;
        let lines = page.items.iter().flat_map(|record| [record.canonical(), "\n".to_owned()]);
        Ok((lines.collect::<String>().into_bytes(), page.next))
    };
    stream(state, &admin, "application/x-ndjson", Vec::new(), write).await
}

impl Meant {
    fn of(query: &Query<'_>) -> Result<Self, ApiError> {
        let text = |name: &str| query.text(name).map(str::to_owned);
        let events = Events {
            action: text("action"),
            actor: text("actor"),
            from_us: query.time("from")?,
            to_us: query.time("to")?,
            ..Events::default()
        };
        Ok(Self { events, user: text("user"), app: text("app") })
    }

    /// With the user and the app, by number.
    fn found(&self, tx: &mut Tx<'_>) -> Result<Events, Failure> {
        let user = self.user.as_ref().map(|named| super::look_up(tx, named)).transpose()?;
        let app = super::optional_app(tx, self.app.as_ref())?;
        let (app_id, user_id) = (app.map(|app| app.id), user.map(|user| user.id));
        Ok(Events { app_id, user_id, ..self.events.clone() })
    }
}
