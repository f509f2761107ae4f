//! What was done to a user, and by the user, newest first.

use actix_web::web::{self, Path};
use actix_web::{HttpRequest, HttpResponse};
use askama::Template;
use osaycore_audit::{Details, Event, Field, Record, Value};
use osaycore_directory::{App, Storage as _};

use super::wallet::poster;
use super::{Frame, Pages, Section, Shell, Tab, When, asked, read, resource};
use crate::extract::console::{Person, Refused};
use crate::store::lists;
use crate::store::lists::audit::Events;

pub(super) fn configure(config: &mut web::ServiceConfig) {
    config.service(resource("/users/{id}/audit", "GET").route(web::get().to(show)));
}

/// A value that changed.
struct Changed {
    label: String,
    before: Option<String>,
    after: Option<String>,
}

/// An event as it is listed.
struct Row {
    id: i64,
    when: When,
    label: &'static str,
    action: &'static str,
    count: u64,
    reason: Option<String>,
    actor: String,
    app: Option<String>,
    address: Option<String>,
    changes: Vec<Changed>,
}

#[derive(Template)]
#[template(path = "console/users/audit.html")]
struct AuditPage<'a> {
    shell: Shell<'a>,
    frame: Frame<'a>,
    rows: Vec<Row>,
    pages: Pages,
}

/// `GET /console/users/{id}/audit`
async fn show(person: Person, request: HttpRequest, id: Path<i64>) -> Result<HttpResponse, Refused> {
    let (page, _) = asked(&request)?;
    let wanted = page.clone();
    let (user, (events, apps)) = read(&person, *id, move |tx, user| {
        let meant = Events { user_id: Some(user.id), ..Events::default() };
        Ok((lists::audit::list(tx, &meant, &wanted)?, tx.apps()?))
    })
    .await?;
    let page = AuditPage {
        shell: Shell::new(&person, Section::Users, user.username.as_str()),
        frame: Frame::new(&person, &user, Tab::Audit),
        rows: events.items.into_iter().map(|record| Row::of(record, &apps)).collect(),
        pages: Pages::new(&Tab::Audit.path(*id), &[], &page, events.next),
    };
    Ok(person.show(&page))
}

impl Row {
    fn of(Record { id, event }: Record, apps: &[App]) -> Self {
        let changes = changes(&event);
        Self {
            id,
            when: When(event.at_us),
            label: event.action.label(),
            action: event.action.as_str(),
            count: event.count,
            reason: event.reason.map(std::borrow::Cow::into_owned),
            actor: event.actor.to_string(),
            app: event.app_id.map(|app_id| poster(apps, app_id)),
            address: event.address,
            changes,
        }
    }
}

/// What was before and what became, field by field.
fn changes(event: &Event) -> Vec<Changed> {
    let known = |details: &Details, field| details.value(field).map(|value| shown(field, value));
    // What was made without a value says nothing by it.
    let says = |field: &Field| {
        event.before.value(*field).is_some() || event.after.value(*field).is_some_and(|value| *value != Value::Null)
    };
    let before = event.before.iter().map(|(field, _)| field).filter(|field| event.after.value(*field).is_none());
    let fields = before.chain(event.after.iter().map(|(field, _)| field));
    fields
        .filter(says)
        .map(|field| Changed {
            label: field.label().trim_end_matches(MICROSECONDS).to_owned(),
            before: known(&event.before, field),
            after: known(&event.after, field),
        })
        .collect()
}

/// How the labels of times end.
const MICROSECONDS: &str = ", in microseconds";

fn shown(field: Field, value: &Value) -> String {
    match value {
        Value::Null => "nothing".to_owned(),
        Value::Boolean(true) => "yes".to_owned(),
        Value::Boolean(false) => "no".to_owned(),
        Value::Integer(at_us) if field.label().ends_with(MICROSECONDS) => When(*at_us).text(),
        Value::Integer(number) => number.to_string(),
        Value::Text(text) if text.is_empty() => "nothing".to_owned(),
        Value::Text(text) => text.clone(),
    }
}
