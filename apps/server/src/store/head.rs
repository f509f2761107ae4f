//! The head of each tenant: table `tenant_heads`. Whoever writes to a tenant locks its row first, so that writers of one
//! tenant, on whatever server, come one after the other.

use diesel::prelude::*;

use super::db::{StoreError, each_backend};
use super::schema::tenant_heads;
use super::tx::Tx;

/// What every write transaction of a tenant begins with.
#[derive(Clone, Copy, Debug)]
pub(super) struct Head {
    /// The last position of the audit log.
    pub(super) last_event_id: i64,
    /// From which signed second on no signature was ever forgotten.
    pub(super) remembers_from_s: i64,
}

impl Tx<'_> {
    /// Locks the tenant until the commit, if this transaction has not yet.
    pub(super) fn head(&mut self) -> Result<&mut Head, StoreError> {
        let head = match self.head {
            Some(head) => head,
            None => self.lock_head()?,
        };
        Ok(self.head.insert(head))
    }

    /// Stores what this transaction changed of the head.
    pub(super) fn write_head(&mut self) -> Result<(), StoreError> {
        let Some(Head { last_event_id, remembers_from_s }) = self.head else { return Ok(()) };
        diesel::update(tenant_heads::table.find(self.tenant_id))
            .set((tenant_heads::last_event_id.eq(last_event_id), tenant_heads::remembers_from_s.eq(remembers_from_s)))
            .execute(&mut *self.connection)?;
        Ok(())
    }

    fn lock_head(&mut self) -> Result<Head, StoreError> {
        if let Some(head) = self.locked_head()? {
            return Ok(head);
        }
        let first = (
            tenant_heads::tenant_id.eq(self.tenant_id),
            tenant_heads::last_event_id.eq(0),
            tenant_heads::remembers_from_s.eq(0),
        );
        each_backend!(&mut *self.connection, |inner| {
            diesel::insert_into(tenant_heads::table).values(first).on_conflict_do_nothing().execute(inner)
        })?;
        self.locked_head()?.ok_or(StoreError::Corrupt("head of a tenant"))
    }

    /// On SQLite BEGIN IMMEDIATE has locked everything already.
    fn locked_head(&mut self) -> Result<Option<Head>, StoreError> {
        let head = tenant_heads::table
            .find(self.tenant_id)
            .select((tenant_heads::last_event_id, tenant_heads::remembers_from_s));
        let found: Option<(i64, i64)> = match &mut *self.connection {
            #[cfg(feature = "postgres")]
            super::db::AnyConnection::Postgres(inner) => head.for_update().get_result(inner),
            connection @ super::db::AnyConnection::Sqlite(_) => head.get_result(connection),
        }
        .optional()?;
        Ok(found.map(|(last_event_id, remembers_from_s)| Head { last_event_id, remembers_from_s }))
    }
}
