//! Rebuilding an account from its entries.

use crate::{Account, Credits, Entry, EntryKind};

/// Rebuilds an account from all of its entries (oldest first) and compares: the first difference, if there is one.
///
/// Where the entries come in pages of a store that can fail, feed an [`Audit`] instead.
pub fn verify(account: &Account, entries: impl IntoIterator<Item = Entry>) -> Result<(), Difference> {
    let mut audit = Audit::new(account.id);
    for entry in entries {
        audit.observe(&entry)?;
    }
    audit.finish(account)
}

/// An account that is being rebuilt from its entries.
#[derive(Clone, Debug)]
pub struct Audit {
    rebuilt: Account,
}

impl Audit {
    /// Of an account, before its first entry.
    pub const fn new(account_id: i64) -> Self {
        Self { rebuilt: Account::new(account_id) }
    }

    /// Adds the next entry, oldest first.
    pub fn observe(&mut self, entry: &Entry) -> Result<(), Difference> {
        let rebuilt = &mut self.rebuilt;
        let sequence = entry.sequence;
        if entry.account_id != rebuilt.id {
            return Err(Difference::Stray { account_id: entry.account_id, sequence });
        }
        let expected = rebuilt.entries.saturating_add(1);
        if sequence != expected {
            return Err(Difference::Sequence { expected, found: sequence });
        }
        let (sum, change) = if entry.kind == EntryKind::Deduction {
            (&mut rebuilt.lifetime_spent, Credits::ZERO.checked_sub(entry.amount))
        } else {
            (&mut rebuilt.lifetime_earned, Some(entry.amount))
        };
        let change = change
            .filter(|&change| change > Credits::ZERO)
            .ok_or(Difference::Amount { sequence, found: entry.amount })?;
        *sum = sum.checked_add(change).ok_or(Difference::Limit { sequence })?;
        rebuilt.balance = rebuilt.balance.checked_add(entry.amount).ok_or(Difference::Limit { sequence })?;
        rebuilt.entries = sequence;
        if entry.balance_after != rebuilt.balance {
            let (expected, found) = (rebuilt.balance, entry.balance_after);
            return Err(Difference::BalanceAfter { sequence, expected, found });
        }
        Ok(())
    }

    /// Compares with the account as it is stored. Its floor follows from no entry, and may be past the balance where
    /// it was raised later.
    pub fn finish(self, account: &Account) -> Result<(), Difference> {
        let rebuilt = self.rebuilt;
        if account.entries != rebuilt.entries {
            let (expected, found) = (rebuilt.entries, account.entries);
            return Err(Difference::Entries { expected, found });
        }
        for (field, expected, found) in [
            ("balance", rebuilt.balance, account.balance),
            ("lifetime_earned", rebuilt.lifetime_earned, account.lifetime_earned),
            ("lifetime_spent", rebuilt.lifetime_spent, account.lifetime_spent),
        ] {
            if expected != found {
                return Err(Difference::Sum { field, expected, found });
            }
        }
        Ok(())
    }
}

/// Where an account and its entries disagree. `expected` is what the entries come to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Difference {
    /// An entry of another account.
    #[error("entry {sequence} is account {account_id}'s")]
    Stray {
        /// The other account.
        account_id: i64,
        /// The entry's sequence there.
        sequence: i64,
    },
    /// An entry is missing, or there twice.
    #[error("entry {expected} should come next, {found} does")]
    Sequence {
        /// The sequence that should come next.
        expected: i64,
        /// The one that does.
        found: i64,
    },
    /// A deduction that adds, another entry that takes, or one that does neither.
    #[error("entry {sequence} has the amount {found}, which its kind cannot have")]
    Amount {
        /// The entry's sequence.
        sequence: i64,
        /// Its amount.
        found: Credits,
    },
    /// A sum that no account can reach.
    #[error("a sum passes 1000000000000 credits at entry {sequence}")]
    Limit {
        /// The entry's sequence.
        sequence: i64,
    },
    /// An entry that tells another balance.
    #[error("entry {sequence} left the balance {expected} and says {found}")]
    BalanceAfter {
        /// The entry's sequence.
        sequence: i64,
        /// The balance that it left.
        expected: Credits,
        /// The balance that it says it left.
        found: Credits,
    },
    /// The account counts other entries.
    #[error("there are {expected} entries, the account counts {found}")]
    Entries {
        /// How many there are.
        expected: i64,
        /// How many the account says there are.
        found: i64,
    },
    /// A sum of the account is another.
    #[error("the entries come to {field} {expected}, the account has {found}")]
    Sum {
        /// `balance`, `lifetime_earned` or `lifetime_spent`.
        field: &'static str,
        /// What the entries come to.
        expected: Credits,
        /// What the account has.
        found: Credits,
    },
}
