//! The audit trail: table `audit_events`.

use diesel::prelude::*;
use osaycore_audit::{Action, Event, Filter, Log, Record, leaf_hash};
use osaycore_ledger::Entry;

use super::bulk::write_all;
use super::db::StoreError;
use super::schema::{audit_events, entries};
use super::tx::Tx;

/// Events of a transaction that have yet to be written.
#[derive(Default)]
pub(crate) struct Pending {
    events: Vec<New>,
}

struct New {
    id: i64,
    event: Event,
    /// The entry that the event tells of names it, so the index of users need not.
    of_entry: bool,
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

#[cfg(feature = "postgres")]
mod bulk {
    use diesel::sql_types::{BigInt, Binary, Nullable, Text};

    use super::super::unnest::insert_unnest;
    use super::NewRow;

    insert_unnest!(
        InsertEvents of NewRow {
            tenant_id: BigInt, id: BigInt, at_us: BigInt, action: Text, app_id: Nullable<BigInt>,
            user_id: Nullable<BigInt>, canonical: Text, leaf_hash: Binary,
        },
        "audit_events",
        ""
    );
}

/// The texts of the events that meet every condition of the filter but the user.
macro_rules! narrowed {
    ($from:expr, $tenant_id:expr, $filter:expr) => {{
        let mut query = $from
            .filter(audit_events::tenant_id.eq($tenant_id))
            .limit($filter.limit.into())
            .select(audit_events::canonical)
            .into_boxed();
        if let Some(app_id) = $filter.app_id {
            query = query.filter(audit_events::app_id.eq(app_id));
        }
        if let Some(action) = $filter.action {
            query = query.filter(audit_events::action.eq(action.as_str()));
        }
        if let Some(from_us) = $filter.from_us {
            query = query.filter(audit_events::at_us.ge(from_us));
        }
        if let Some(to_us) = $filter.to_us {
            query = query.filter(audit_events::at_us.lt(to_us));
        }
        if let Some(before_id) = $filter.before_id {
            query = query.filter(audit_events::id.lt(before_id));
        }
        query
    }};
}

impl Tx<'_> {
    pub(super) fn flush_audit(&mut self) -> Result<(), StoreError> {
        let events = std::mem::take(&mut self.audit.events);
        let rows: Vec<NewRow> = events.iter().map(|new| row(self.tenant_id, new)).collect();
        write_all!(
            &mut *self.connection,
            &rows,
            |inner| bulk::InsertEvents::new(&rows).execute(inner),
            |row, inner| { diesel::insert_into(audit_events::table).values(row).execute(inner) }
        );
        Ok(())
    }
}

impl Tx<'_> {
    /// Appends the event that tells of an entry of this transaction.
    pub(crate) fn append_posted(&mut self, entry: &Entry, event: Event) -> Result<(), StoreError> {
        let id = self.append(event)?;
        let of_entry = self.link_event(entry, id);
        if let Some(new) = self.audit.events.last_mut() {
            new.of_entry = of_entry;
        }
        Ok(())
    }

    /// The newest events, found by their own columns.
    fn listed(&mut self, filter: &Filter) -> Result<Vec<Record>, StoreError> {
        let mut query = narrowed!(audit_events::table, self.tenant_id, filter).order(audit_events::id.desc());
        if let Some(user_id) = filter.user_id {
            query = query.filter(audit_events::user_id.eq(user_id));
        }
        records(&query.load(&mut *self.connection)?)
    }

    /// The newest events of the entries of a user's account. The sequence of an account's entries is the order of
    /// their events.
    fn listed_by_entry(&mut self, account_id: i64, filter: &Filter) -> Result<Vec<Record>, StoreError> {
        let of_entry =
            entries::tenant_id.eq(audit_events::tenant_id).and(entries::event_id.eq(audit_events::id.nullable()));
        let query = narrowed!(entries::table.inner_join(audit_events::table.on(of_entry)), self.tenant_id, filter)
            .filter(entries::tenant_id.eq(self.tenant_id))
            .filter(entries::account_id.eq(account_id))
            .order(entries::sequence.desc());
        records(&query.load(&mut *self.connection)?)
    }
}

fn records(texts: &[String]) -> Result<Vec<Record>, StoreError> {
    let read = |text: &String| Record::from_canonical(text).map_err(|_| StoreError::Corrupt("audit event"));
    texts.iter().map(read).collect()
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
        self.audit.events.push(New { id, event, of_entry: false });
        Ok(id)
    }

    fn list(&mut self, filter: &Filter) -> Result<Vec<Record>, StoreError> {
        self.flush()?;
        let mut found = self.listed(filter)?;
        let of_entries = [None, Some(Action::CreditsDeducted), Some(Action::CreditsAdded)];
        if let Some(user_id) = filter.user_id.filter(|_| of_entries.contains(&filter.action)) {
            found.append(&mut self.listed_by_entry(user_id, filter)?);
            found.sort_unstable_by_key(|record| std::cmp::Reverse(record.id));
            found.truncate(usize::try_from(filter.limit).unwrap_or(usize::MAX));
        }
        Ok(found)
    }
}

fn row(tenant_id: i64, New { id, event, of_entry }: &New) -> NewRow {
    let canonical = event.canonical(*id);
    NewRow {
        tenant_id,
        id: *id,
        at_us: event.at_us,
        action: event.action.as_str(),
        app_id: event.app_id,
        user_id: event.user_id.filter(|_| !of_entry),
        leaf_hash: leaf_hash(canonical.as_bytes()).to_vec(),
        canonical,
    }
}
