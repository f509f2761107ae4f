//! The audit trail: table `audit_events`.

use diesel::prelude::*;
use osaycore_audit::{Event, Filter, Log, Record, leaf_hash};

use super::db::{StoreError, insert_all};
use super::schema::audit_events;
use super::tx::Tx;

/// Events of a transaction that have yet to be written.
#[derive(Default)]
pub(crate) struct Pending {
    events: Vec<(i64, Event)>,
}

#[derive(Insertable)]
#[diesel(table_name = audit_events, treat_none_as_default_value = false)]
struct NewRow {
    tenant_id: i64,
    id: i64,
    at_us: i64,
    action: &'static str,
    app_id: Option<i64>,
    user_id: Option<i64>,
    canonical: String,
    leaf_hash: Vec<u8>,
}

impl Tx<'_> {
    pub(super) fn flush_audit(&mut self) -> Result<(), StoreError> {
        let events = std::mem::take(&mut self.audit.events);
        let rows: Vec<NewRow> = events.iter().map(|(id, event)| row(self.tenant_id, *id, event)).collect();
        insert_all!(&mut *self.connection, &rows, |rows, inner| {
            diesel::insert_into(audit_events::table).values(rows).execute(inner)
        });
        Ok(())
    }
}

impl Log for Tx<'_> {
    type Error = StoreError;

    fn append(&mut self, event: Event) -> Result<i64, StoreError> {
        if event.tenant_id != self.tenant_id {
            return Err(StoreError::Corrupt("audit event of another tenant"));
        }
        let head = self.head()?;
        head.last_event_id = head.last_event_id.saturating_add(1);
        let id = head.last_event_id;
        self.audit.events.push((id, event));
        Ok(id)
    }

    fn list(&mut self, filter: &Filter) -> Result<Vec<Record>, StoreError> {
        self.flush_audit()?;
        let mut query = audit_events::table
            .filter(audit_events::tenant_id.eq(self.tenant_id))
            .order(audit_events::id.desc())
            .limit(filter.limit.into())
            .select(audit_events::canonical)
            .into_boxed();
        if let Some(app_id) = filter.app_id {
            query = query.filter(audit_events::app_id.eq(app_id));
        }
        if let Some(user_id) = filter.user_id {
            query = query.filter(audit_events::user_id.eq(user_id));
        }
        if let Some(action) = filter.action {
            query = query.filter(audit_events::action.eq(action.as_str()));
        }
        if let Some(from_us) = filter.from_us {
            query = query.filter(audit_events::at_us.ge(from_us));
        }
        if let Some(to_us) = filter.to_us {
            query = query.filter(audit_events::at_us.lt(to_us));
        }
        if let Some(before_id) = filter.before_id {
            query = query.filter(audit_events::id.lt(before_id));
        }
        let texts: Vec<String> = query.load(&mut *self.connection)?;
        let read = |text: &String| Record::from_canonical(text).map_err(|_| StoreError::Corrupt("audit event"));
        texts.iter().map(read).collect()
    }
}

fn row(tenant_id: i64, id: i64, event: &Event) -> NewRow {
    let canonical = event.canonical(id);
    NewRow {
        tenant_id,
        id,
        at_us: event.at_us,
        action: event.action.as_str(),
        app_id: event.app_id,
        user_id: event.user_id,
        leaf_hash: leaf_hash(canonical.as_bytes()).to_vec(),
        canonical,
    }
}
