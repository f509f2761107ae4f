//! One event, with what it changed.

use actix_web::HttpResponse;
use actix_web::web::{self, Path};
use askama::Template;
use osaycore_audit::{Details, Event, Field, Filter, Log as _, TargetKind, Value};

use super::{Names, Row, Section, Shell, list, resource};
use crate::extract::console::{Person, Refused};

pub(super) fn configure(config: &mut web::ServiceConfig) {
    config.service(resource("/audit/{id}", "GET").route(web::get().to(show)));
}

/// A value before and after.
#[derive(Debug, PartialEq, Eq)]
struct Change {
    label: &'static str,
    before: Option<String>,
    after: Option<String>,
}

#[derive(Template)]
#[template(path = "console/audit/event.html")]
struct EventPage<'a> {
    shell: Shell<'a>,
    row: Row,
    action: &'static str,
    event: Event,
    /// Number and name of the user whose trail it belongs to.
    user: Option<(i64, String)>,
    target_path: Option<String>,
    /// The whole id of it.
    target_id: Option<String>,
    changes: Vec<Change>,
    canonical: String,
}

/// `GET /console/audit/{id}`
async fn show(person: Person, id: Path<i64>) -> Result<HttpResponse, Refused> {
    let id = *id;
    let found = person.read(move |tx| {
        let before_id = Some(id.saturating_add(1));
        let record = tx.list(&Filter { before_id, limit: 1, ..Filter::default() })?.pop();
        let Some(record) = record.filter(|record| record.id == id) else { return Ok(None) };
        let names = Names::of(tx, record.event.user_id)?;
        let row = Row::of(tx, &record, &names)?;
        Ok(Some((record, row, names)))
    });
    let (record, row, names) = list::found(found.await)?;
    let canonical = record.canonical();
    let event = record.event;
    let page = EventPage {
        shell: Shell::new(&person, Section::Audit, event.action.label()),
        action: event.action.as_str(),
        user: event.user_id.map(|id| (id, names.user(id))),
        target_path: path_of(&event),
        target_id: event.target.as_ref().map(|target| target.id.clone()),
        changes: changes(&event.before, &event.after),
        canonical,
        row,
        event,
    };
    Ok(person.show(&page))
}

/// Where the thing is looked at that an event is about.
fn path_of(event: &Event) -> Option<String> {
    let target = event.target.as_ref()?;
    match target.kind {
        TargetKind::App => event.app_id.map(|id| format!("/console/apps/{id}")),
        TargetKind::User => event.user_id.map(|id| format!("/console/users/{id}")),
        TargetKind::Transaction => Some(format!("/console/credits/{}", target.id)),
        TargetKind::Payment => Some(format!("/console/credits/payments/{}", target.id)),
        _ => None,
    }
}

/// Every field that is mentioned, in the order of first mention.
fn changes(before: &Details, after: &Details) -> Vec<Change> {
    let added = after.iter().filter(|(field, _)| before.value(*field).is_none());
    let fields: Vec<Field> = before.iter().chain(added).map(|(field, _)| field).collect();
    let text = |details: &Details, field: Field| details.value(field).map(shown);
    fields
        .into_iter()
        .map(|field| Change { label: field.label(), before: text(before, field), after: text(after, field) })
        .collect()
}

fn shown(value: &Value) -> String {
    match value {
        Value::Null => "none".to_owned(),
        Value::Boolean(true) => "yes".to_owned(),
        Value::Boolean(false) => "no".to_owned(),
        Value::Integer(number) => number.to_string(),
        Value::Text(text) => text.clone(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn before_and_after_stand_beside_each_other() {
        let before = Details::new().with(Field::Name, "Shop").with(Field::Disabled, false);
        let after = Details::new().with(Field::Disabled, true).with(Field::Rate, None::<i64>);
        let change = |label, before: Option<&str>, after: Option<&str>| Change {
            label,
            before: before.map(str::to_owned),
            after: after.map(str::to_owned),
        };
        let expected = vec![
            change("Name", Some("Shop"), None),
            change("Disabled", Some("no"), Some("yes")),
            change("Credits per unit in force", None, Some("none")),
        ];
        assert_eq!(changes(&before, &after), expected);
    }
}
