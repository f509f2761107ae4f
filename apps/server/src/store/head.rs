//! The head of each tenant: table `tenant_heads`. Whoever writes to a tenant locks its row first, so that writers of one
//! tenant, on whatever server, come one after the other.

use diesel::backend::Backend;
use diesel::prelude::*;
use diesel::query_builder::{AstPass, QueryFragment, QueryId};
use diesel::serialize::ToSql;
use diesel::sql_types::BigInt;

use super::db::{AnyConnection, StoreError, each_backend};
use super::schema::tenant_heads;
use super::tx::Tx;
use crate::system;

/// What every write transaction of a tenant begins with.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Queryable, Selectable)]
#[diesel(table_name = tenant_heads)]
pub(super) struct Head {
    /// The last position of the audit log.
    pub(super) last_event_id: i64,
    /// From which signed second on no signature was ever forgotten.
    pub(super) remembers_from_s: i64,
    /// Grows with every change of users, permits and groups.
    pub(super) directory_revision: i64,
}

/// As `UpdateAccount` of the ledger: prepared once.
struct UpdateHead {
    tenant_id: i64,
    head: Head,
}

impl QueryId for UpdateHead {
    type QueryId = Self;
    const HAS_STATIC_QUERY_ID: bool = true;
}

impl<DB: Backend> QueryFragment<DB> for UpdateHead
where
    i64: ToSql<BigInt, DB>,
{
    fn walk_ast<'b>(&'b self, mut out: AstPass<'_, 'b, DB>) -> QueryResult<()> {
        out.push_sql("UPDATE tenant_heads SET last_event_id = ");
        out.push_bind_param::<BigInt, _>(&self.head.last_event_id)?;
        out.push_sql(", remembers_from_s = ");
        out.push_bind_param::<BigInt, _>(&self.head.remembers_from_s)?;
        out.push_sql(", directory_revision = ");
        out.push_bind_param::<BigInt, _>(&self.head.directory_revision)?;
        out.push_sql(" WHERE tenant_id = ");
        out.push_bind_param::<BigInt, _>(&self.tenant_id)
    }
}

impl<C> RunQueryDsl<C> for UpdateHead {}

/// A head that is locked.
#[derive(Clone, Copy, Debug)]
pub(super) struct Locked {
    stored: Head,
    now: Head,
}

impl Tx<'_> {
    /// Locks the tenant until the commit, if this transaction has not yet.
    pub(super) fn head(&mut self) -> Result<&mut Head, StoreError> {
        let locked = match self.head {
            Some(locked) => locked,
            None => self.lock_head().map(|head| Locked { stored: head, now: head })?,
        };
        Ok(&mut self.head.insert(locked).now)
    }

    /// Tells everybody that what they know of users, permits and groups may be wrong from this commit on.
    pub(super) fn directory_changed(&mut self) -> Result<(), StoreError> {
        let head = self.head()?;
        // The time, so that one that a failover lost does not come again with another meaning.
        head.directory_revision = head.directory_revision.saturating_add(1).max(system::now_us());
        self.directory_stands = false;
        Ok(())
    }

    /// The revision that what this transaction reads of the directory belongs to; none once it may have changed
    /// something itself, as that may yet be undone.
    pub(super) fn directory_revision(&mut self) -> Result<Option<i64>, StoreError> {
        if !self.directory_stands {
            return Ok(None);
        }
        if let Some(locked) = &self.head {
            return Ok(Some(locked.now.directory_revision));
        }
        let tenant_id = self.tenant_id;
        let revision: Option<i64> = each_backend!(&mut *self.connection, |inner| {
            tenant_heads::table.find(tenant_id).select(tenant_heads::directory_revision).get_result(inner)
        })
        .optional()?;
        Ok(Some(revision.unwrap_or_default()))
    }

    /// Stores what this transaction changed of the head.
    pub(super) fn write_head(&mut self) -> Result<(), StoreError> {
        let Some(Locked { stored, now }) = &mut self.head else { return Ok(()) };
        if stored == now {
            return Ok(());
        }
        *stored = *now;
        let update = UpdateHead { tenant_id: self.tenant_id, head: *now };
        each_backend!(&mut *self.connection, |inner| update.execute(inner))?;
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
            tenant_heads::directory_revision.eq(0),
        );
        each_backend!(&mut *self.connection, |inner| {
            diesel::insert_into(tenant_heads::table).values(first).on_conflict_do_nothing().execute(inner)
        })?;
        self.locked_head()?.ok_or(StoreError::Corrupt("head of a tenant"))
    }

    /// On SQLite BEGIN IMMEDIATE has locked everything already.
    fn locked_head(&mut self) -> Result<Option<Head>, StoreError> {
        let head = tenant_heads::table.find(self.tenant_id);
        let found = match &mut *self.connection {
            #[cfg(feature = "postgres")]
            AnyConnection::Postgres(inner) => head.for_update().select(Head::as_select()).get_result(inner),
            AnyConnection::Sqlite(inner) => head.select(Head::as_select()).get_result(inner),
        };
        Ok(found.optional()?)
    }
}
