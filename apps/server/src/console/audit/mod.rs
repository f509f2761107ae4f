//! The audit trail: who did what to whom, what it was before, and the whole of it as a file.

mod event;
mod export;
mod filters;

use actix_web::http::StatusCode;
use actix_web::{HttpRequest, HttpResponse, web};
use askama::Template;
use osaycore_audit::{Actor, Record, TargetKind};
use osaycore_directory::{Storage as _, UserRef, parse_uuid};

use super::list::List;
use super::list::Ways;
use super::names::{self, Names};
use super::text::When;
use super::{Section, Shell, download, list, resource};
use crate::error::Failure;
use crate::extract::console::{Filled, Person, Refused};
use crate::store::lists::{Page, audit};
use crate::store::tx::Tx;
use filters::FIELDS;

const AUDIT: &str = "/console/audit";

pub(super) fn configure(config: &mut web::ServiceConfig) {
    config
        .service(resource("/audit", "GET").route(web::get().to(show)))
        .configure(export::configure)
        .configure(event::configure);
}

/// An event as it is listed.
struct Row {
    id: i64,
    at: When,
    what: &'static str,
    times: u64,
    reason: Option<String>,
    actor: String,
    target: String,
    app: String,
}

#[derive(Template)]
#[template(path = "console/audit/list.html")]
struct ListPage<'a> {
    shell: Shell<'a>,
    form: &'a Filled,
    actions: Vec<(String, String)>,
    apps: Vec<(String, String)>,
    rows: Vec<Row>,
    ways: Ways,
}

/// `GET /console/audit`
async fn show(person: Person, request: HttpRequest) -> Result<HttpResponse, Refused> {
    let mut list = List::of(&request)?;
    let meant = filters::meant(&person, &mut list.filters).await?;
    let (is_wrong, asked) = (list.filters.has_problems(), list.page.clone());
    let read = move |tx: &mut Tx<'_>| {
        if is_wrong {
            return Ok((Vec::new(), None, Names::of(tx, [])?));
        }
        let Page { items, next } = audit::list(tx, &meant, &asked)?;
        let names = Names::of(tx, items.iter().filter_map(|record| record.event.user_id))?;
        let rows = items.iter().map(|record| Row::of(tx, record, &names)).collect::<Result<Vec<_>, Failure>>()?;
        Ok((rows, next, names))
    };
    let (rows, next, names) = person.read(read).await?;
    let page = ListPage {
        shell: Shell::new(&person, Section::Audit, "Audit"),
        ways: list.ways(AUDIT, &format!("{AUDIT}/events.ndjson"), &FIELDS, next),
        form: &list.filters,
        actions: filters::actions(),
        apps: names.app_choices(&[("", "Any")]),
        rows,
    };
    Ok(person.page(if is_wrong { StatusCode::UNPROCESSABLE_ENTITY } else { StatusCode::OK }, &page))
}

impl Row {
    fn of(tx: &mut Tx<'_>, record: &Record, names: &Names) -> Result<Self, Failure> {
        let event = &record.event;
        let actor = match &event.actor {
            Actor::App(id) => names.app(*id),
            Actor::User(uuid) => match tx.user(&UserRef::Uuid(*uuid))? {
                Some(user) => names::name(&user),
                None => event.actor.to_string(),
            },
            Actor::Operator(login) => login.clone(),
            Actor::Token(_) => event.actor.to_string(),
            Actor::System => "OsayCore itself".to_owned(),
        };
        let target = event.target.as_ref().map(|target| match (target.kind, event.user_id) {
            (TargetKind::User, Some(id)) => format!("user {}", names.user(id)),
            (TargetKind::App, _) if event.app_id.is_some() => {
                format!("app {}", event.app_id.map(|id| names.app(id)).unwrap_or_default())
            }
            _ => format!("{} {}", target.kind.as_str(), short(&target.id)),
        });
        Ok(Self {
            id: record.id,
            at: When(event.at_us),
            what: event.action.label(),
            times: event.count,
            reason: event.reason.as_ref().map(ToString::to_string),
            actor,
            target: target.unwrap_or_default(),
            app: event.app_id.map(|id| names.app(id)).unwrap_or_default(),
        })
    }
}

/// A UUID by its beginning, so that a row stays a line; the event's page has all of it.
fn short(id: &str) -> String {
    match parse_uuid(id) {
        Some(_) => format!("{}…", id.chars().take(8).collect::<String>()),
        None => id.to_owned(),
    }
}
