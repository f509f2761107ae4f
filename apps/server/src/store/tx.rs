//! One open transaction of one tenant, as the storage traits of the domain crates see it.
//!
//! The traits read and write row by row; the database wants few, large statements. So a transaction keeps what it
//! was asked to preload and what it is to write, and `flush` writes all of it in bulk before the commit.

use super::db::{self, AnyConnection, AsStoreError, Link, StoreError};
use super::head::Locked;
use super::{audit, ledger, revocations, signatures};

/// One open transaction of one tenant.
pub(crate) struct Tx<'c> {
    pub(super) connection: &'c mut AnyConnection,
    pub(super) tenant_id: i64,
    /// Once the tenant is locked.
    pub(super) head: Option<Locked>,
    /// Nothing of the directory was changed in this transaction.
    pub(super) directory_stands: bool,
    /// A token was revoked: every server is to be told at the end of the transaction.
    pub(super) revoked: bool,
    pub(super) ledger: ledger::Pending,
    pub(super) signatures: signatures::Pending,
    pub(super) audit: audit::Pending,
}

impl<'c> Tx<'c> {
    /// For writing, on a connection whose write transaction is open: writers of one tenant come one after the other,
    /// so that what they read stays as it is until they commit.
    pub(crate) fn lock(connection: &'c mut AnyConnection, tenant_id: i64) -> Result<Self, StoreError> {
        let mut tx = Self::new(connection, tenant_id);
        tx.head()?;
        Ok(tx)
    }

    /// For reading, on a connection whose transaction is open.
    pub(crate) fn new(connection: &'c mut AnyConnection, tenant_id: i64) -> Self {
        Self {
            connection,
            tenant_id,
            head: None,
            directory_stands: true,
            revoked: false,
            ledger: ledger::Pending::default(),
            signatures: signatures::Pending::default(),
            audit: audit::Pending::default(),
        }
    }

    /// Whose rows it sees.
    pub(crate) fn tenant_id(&self) -> i64 {
        self.tenant_id
    }

    /// Whether a token was revoked, which [`super::revocations::tell_everybody`] is to tell before the commit.
    pub(crate) fn has_revoked(&self) -> bool {
        self.revoked
    }

    /// Writes what is pending. The commit must come after it.
    pub(crate) fn flush(&mut self) -> Result<(), StoreError> {
        self.flush_ledger()?;
        self.flush_signatures()?;
        self.flush_audit()?;
        self.write_head()
    }

    /// Runs `work` so that its failure undoes what it did and nothing else.
    pub(crate) fn nested<T, E: From<StoreError>>(
        &mut self,
        work: impl FnOnce(&mut Tx<'_>) -> Result<T, E>,
    ) -> Result<T, E> {
        self.flush()?;
        let tenant_id = self.tenant_id;
        let (mut result, mut revoked) = (None, false);
        let outcome = diesel::Connection::transaction(&mut *self.connection, |connection| {
            let mut tx = Tx::new(connection, tenant_id);
            // What was changed before, in this transaction, may yet be undone.
            tx.directory_stands = false;
            let done = work(&mut tx).and_then(|value| {
                tx.flush()?;
                Ok(value)
            });
            let undo = done.is_err();
            revoked |= tx.revoked && !undo;
            result = Some(done);
            if undo { Err(diesel::result::Error::RollbackTransaction) } else { Ok(()) }
        });
        // What was read before may have changed underneath.
        self.head = None;
        self.directory_stands = false;
        self.revoked |= revoked;
        self.ledger = ledger::Pending::default();
        self.signatures = signatures::Pending::default();
        self.audit = audit::Pending::default();
        match (outcome, result) {
            (Ok(()) | Err(diesel::result::Error::RollbackTransaction), Some(done)) => done,
            (Err(error), _) => Err(StoreError::Query(error).into()),
            (Ok(()), None) => Err(StoreError::Query(diesel::result::Error::NotInTransaction).into()),
        }
    }
}

/// Runs `work` in one write transaction of the tenant, flushes and commits.
pub(crate) fn transact<T, E: From<StoreError> + AsStoreError>(
    link: &mut Link,
    tenant_id: i64,
    mut work: impl FnMut(&mut Tx<'_>) -> Result<T, E>,
) -> Result<T, E> {
    db::write(link, |connection| {
        let mut tx = Tx::lock(connection, tenant_id)?;
        let value = work(&mut tx)?;
        tx.flush()?;
        if tx.has_revoked() {
            revocations::tell_everybody(connection)?;
        }
        Ok(value)
    })
}

/// The bytes of a UUID or a digest, as they are stored.
pub(super) fn fixed<const N: usize>(bytes: &[u8], what: &'static str) -> Result<[u8; N], StoreError> {
    bytes.try_into().map_err(|_| StoreError::Corrupt(what))
}

/// A UUID as it is stored.
pub(super) fn uuid(bytes: &[u8]) -> Result<uuid::Uuid, StoreError> {
    fixed(bytes, "UUID").map(uuid::Uuid::from_bytes)
}
