//! [`Memory`], the [`Storage`] without a database: for documentation, tests and small programs.

use alloc::{collections::BTreeMap, string::String, vec::Vec};

use uuid::Uuid;

use crate::{Account, Credits, Entry, EntryKey, HistoryQuery, Payment, Posting, Storage};

/// One tenant's ledger in memory. There is no rollback: who may have to give up a transaction works on a clone.
#[derive(Clone, Debug, Default)]
pub struct Memory {
    accounts: BTreeMap<i64, Account>,
    entries: BTreeMap<EntryKey, Entry>,
    references: BTreeMap<(i64, String), EntryKey>,
    payments: BTreeMap<Uuid, Payment>,
}

impl Memory {
    /// A ledger with nothing in it.
    pub const fn new() -> Self {
        Self {
            accounts: BTreeMap::new(),
            entries: BTreeMap::new(),
            references: BTreeMap::new(),
            payments: BTreeMap::new(),
        }
    }
}

/// A write that breaks a promise of [`Storage`]. Nothing of it was stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Conflict {
    /// There is an account with this id.
    #[error("the account exists")]
    Account,
    /// The account has an entry with this sequence.
    #[error("the sequence is taken")]
    Sequence,
    /// The app has an entry with this reference.
    #[error("the reference is taken")]
    Reference,
    /// There is a payment with this id, or of this app with this external id.
    #[error("the payment exists")]
    Payment,
    /// What is to be changed does not exist.
    #[error("there is no such account or payment")]
    Missing,
}

impl Storage for Memory {
    type Error = Conflict;

    fn account(&mut self, account_id: i64) -> Result<Option<Account>, Conflict> {
        Ok(self.accounts.get(&account_id).cloned())
    }

    fn entry_by_reference(&mut self, app_id: i64, reference: &str) -> Result<Option<Entry>, Conflict> {
        let key = self.references.get(&(app_id, reference.into()));
        Ok(key.and_then(|key| self.entries.get(key)).cloned())
    }

    fn entry(&mut self, key: EntryKey) -> Result<Option<Entry>, Conflict> {
        Ok(self.entries.get(&key).cloned())
    }

    fn payment(&mut self, id: Uuid) -> Result<Option<Payment>, Conflict> {
        Ok(self.payments.get(&id).cloned())
    }

    fn insert_account(&mut self, account: &Account) -> Result<(), Conflict> {
        if self.accounts.contains_key(&account.id) {
            return Err(Conflict::Account);
        }
        self.accounts.insert(account.id, account.clone());
        Ok(())
    }

    fn set_floor(&mut self, account_id: i64, floor: Credits) -> Result<bool, Conflict> {
        let account = self.accounts.get_mut(&account_id);
        Ok(account.map(|account| account.floor = floor).is_some())
    }

    fn insert_payment(&mut self, payment: &Payment) -> Result<(), Conflict> {
        let same_external_id = |known: &Payment| {
            payment.external_id.is_some()
                && (known.app_id, &known.external_id) == (payment.app_id, &payment.external_id)
        };
        if self.payments.contains_key(&payment.id) || self.payments.values().any(same_external_id) {
            return Err(Conflict::Payment);
        }
        self.payments.insert(payment.id, payment.clone());
        Ok(())
    }

    fn update_payment(&mut self, payment: &Payment) -> Result<(), Conflict> {
        let known = self.payments.get_mut(&payment.id).ok_or(Conflict::Missing)?;
        known.status = payment.status;
        known.updated_at_us = payment.updated_at_us;
        Ok(())
    }

    fn post(&mut self, posting: &Posting) -> Result<(), Conflict> {
        let Posting { entry, account, payment } = posting;
        let reference = entry.reference.as_ref().map(|reference| (entry.app_id, reference.clone()));
        if self.entries.contains_key(&entry.key()) {
            return Err(Conflict::Sequence);
        }
        if reference.as_ref().is_some_and(|reference| self.references.contains_key(reference)) {
            return Err(Conflict::Reference);
        }
        if payment.is_some_and(|id| !self.payments.contains_key(&id)) {
            return Err(Conflict::Missing);
        }
        let known = self.accounts.get_mut(&account.id).ok_or(Conflict::Missing)?;
        *known = Account { floor: known.floor, ..account.clone() };
        if let Some(known) = payment.and_then(|id| self.payments.get_mut(&id)) {
            known.credited = Some(entry.key());
        }
        if let Some(reference) = reference {
            self.references.insert(reference, entry.key());
        }
        self.entries.insert(entry.key(), entry.clone());
        Ok(())
    }

    fn history(&mut self, account_id: i64, query: &HistoryQuery) -> Result<Vec<Entry>, Conflict> {
        let key = |sequence| EntryKey { account_id, sequence };
        let end = query.before_sequence.unwrap_or(i64::MAX);
        let limit = usize::try_from(query.limit).unwrap_or(usize::MAX);
        Ok(self
            .entries
            .range(key(i64::MIN)..key(end))
            .rev()
            .map(|(_, entry)| entry)
            .filter(|entry| query.kind.is_none_or(|kind| entry.kind == kind))
            .filter(|entry| query.from_us.is_none_or(|from_us| entry.created_at_us >= from_us))
            .filter(|entry| query.to_us.is_none_or(|to_us| entry.created_at_us < to_us))
            .filter(|entry| query.reference.is_none() || entry.reference == query.reference)
            .take(limit)
            .cloned()
            .collect())
    }
}

#[cfg(test)]
mod tests {
    use alloc::string::String;

    use super::Memory;
    use crate::contract::{self, Fixture};

    struct InMemory(Memory);

    impl Fixture for InMemory {
        type Store<'t> = Memory;

        fn transact<R>(&mut self, work: impl FnOnce(&mut Memory) -> Result<R, String>) -> Result<R, String> {
            let mut ahead = self.0.clone();
            let result = work(&mut ahead)?;
            self.0 = ahead;
            Ok(result)
        }
    }

    #[test]
    fn memory_keeps_the_contract() {
        contract::run(&mut InMemory(Memory::new()));
    }
}
