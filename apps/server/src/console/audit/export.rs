//! The events that the filters mean, one a line, as they were hashed.

use actix_web::web;
use actix_web::{HttpRequest, HttpResponse};
use osaycore_audit::{Action, Details, Field, Log as _};

use super::{AUDIT, FIELDS, List, download, filters, resource};
use crate::extract::console::{Person, Refused, see_other};
use crate::store::lists::{Asked, audit};
use crate::store::tx::Tx;

pub(super) fn configure(config: &mut web::ServiceConfig) {
    config.service(resource("/audit/events.ndjson", "GET").route(web::get().to(export)));
}

/// `GET /console/audit/events.ndjson`: what leaves the house leaves an event.
async fn export(person: Person, request: HttpRequest) -> Result<HttpResponse, Refused> {
    let mut list = List::of(&request)?;
    let meant = filters::meant(&person, &mut list.filters).await?;
    if list.filters.has_problems() {
        // The list says what is wrong, beside the fields.
        return Ok(see_other(&list.ways(AUDIT, AUDIT, &FIELDS, None).export));
    }
    let (app_id, user_id) = (meant.app_id, meant.user_id);
    let noted = person.write(move |tx, by| {
        let mut event = by.event(Action::AuditExported, user_id);
        event.app_id = app_id;
        event.after = Details::new().with(Field::Kind, "ndjson");
        tx.append(event)?;
        Ok(())
    });
    noted.await?;
    let pieces = move |tx: &mut Tx<'_>, asked: &Asked| {
        Ok(audit::list(tx, &meant, asked)?.map(|record| format!("{}\n", record.canonical()).into_bytes()))
    };
    Ok(download::file(person, ("audit.ndjson", "application/x-ndjson"), Vec::new(), pieces))
}
