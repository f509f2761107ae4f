//! The audit trail.

use actix_web::web::{self, Data};
use actix_web::{HttpRequest, HttpResponse};
use osaycore_audit::{Action, Log as _, Record};
use osaycore_directory::AdminScope;
use serde_json::value::RawValue;

use super::csv::{Written, stream};
use super::{List, asked, list_query, scoped};
use crate::error::{ApiError, Code, Failure};
use crate::extract::admin::Admin;
use crate::routes::query::Query;
use crate::routes::resource;
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

const NARROWED_BY: [&str; 6] = ["action", "actor", "app", "user", "from", "to"];

/// Which events a query asks for; users and apps are found in the transaction.
#[derive(Clone)]
struct Meant {
    events: Events,
    user: Option<String>,
    app: Option<String>,
}

/// `GET /api/admin/v1/audit`: newest first. An event is its canonical text: what is hashed is what is told.
async fn list(state: Data<State>, admin: Admin, request: HttpRequest) -> Result<HttpResponse, ApiError> {
    let query = list_query(request.query_string(), &NARROWED_BY)?;
    let (asked, meant) = (asked(&query)?, Meant::of(&query)?);
    super::read(&state, &admin, move |tx| {
        let Page { items, next } = meant.page(tx, &asked)?;
        let texts = items.iter().map(|record| RawValue::from_string(record.canonical()));
        let items = texts.collect::<Result<Vec<_>, _>>().map_err(|_| Code::Internal)?;
        Ok(List { items, next_cursor: next })
    })
    .await
}

/// `GET /api/admin/v1/audit.ndjson`: all of them, an event a line. That it was exported is an event itself.
async fn export(state: Data<State>, admin: Admin, request: HttpRequest) -> Result<HttpResponse, ApiError> {
    let meant = Meant::of(&Query::parse(request.query_string(), &NARROWED_BY)?)?;
    let noted = admin.run(&state, |tx, by| {
        tx.append(by.event(Action::AuditExported, None))?;
        Ok(Vec::new())
    });
    noted.await?;
    let write = move |tx: &mut Tx<'_>, asked: &Asked| -> Result<Written, Failure> {
        let page = meant.page(tx, asked)?;
        let lines = page.items.iter().flat_map(|record| [record.canonical(), "\n".to_owned()]);
        Ok((lines.collect::<String>().into_bytes(), page.next))
    };
    stream(state, &admin, "application/x-ndjson", "", write).await
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

    fn page(&self, tx: &mut Tx<'_>, asked: &Asked) -> Result<Page<Record>, Failure> {
        let user = self.user.as_ref().map(|named| super::user(tx, named)).transpose()?;
        let app = super::optional_app(tx, self.app.as_ref())?;
        let (app_id, user_id) = (app.map(|app| app.id), user.map(|user| user.id));
        Ok(lists::audit::list(tx, &Events { app_id, user_id, ..self.events.clone() }, asked)?)
    }
}
