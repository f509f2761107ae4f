//! Credits that an operator adds, and whether all wallets are right.

use osaycore_audit::{Action, Details, Event, Field, Target, TargetKind, Value};
use osaycore_directory::User;
use osaycore_ledger::{Add, AddKind, Amount, Audit, Command, Entry, EntryKind, Error, Outcome, Rejection, execute};

use super::By;
use crate::error::{ApiError, Code, Failure};
use crate::store::tx::Tx;
use crate::store::{ledger, verification};
use crate::system;

/// The app of entries that no app posted.
pub(crate) const OPERATOR: i64 = 0;

/// What is added to a wallet.
#[derive(Clone, Debug)]
pub(crate) struct Addition {
    pub(crate) amount: Amount,
    pub(crate) kind: AddKind,
    pub(crate) description: Option<String>,
    /// Of whoever asks: the same again adds nothing.
    pub(crate) reference: Option<String>,
}

/// Adds credits to a user's wallet; → the entry, and whether it was there before under its reference.
pub(crate) fn add(tx: &mut Tx<'_>, by: &By, user: &User, addition: Addition) -> Result<(Entry, bool), Failure> {
    if user.is_deleted() {
        return Err(ApiError::from(osaycore_directory::Refused::Deleted).into());
    }
    let command = Command::Add(Add {
        account_id: user.id,
        app_id: OPERATOR,
        transaction_id: system::ordered_uuid(by.now_us),
        amount: addition.amount,
        kind: addition.kind,
        description: addition.description,
        reference: addition.reference,
        payment_id: None,
    });
    let entry = match execute(tx, &command, by.now_us) {
        Ok(Outcome::Replayed(entry)) => return Ok((entry, true)),
        Ok(Outcome::Posted(entry)) => entry,
        Err(Error::Storage(error)) => return Err(error.into()),
        Err(Error::Rejected(Rejection::BalanceLimit)) => return Err(Code::BalanceLimit.into()),
        Err(Error::Rejected(Rejection::ReferenceConflict { field })) => {
            let sentence = format!("client_reference_id: it was used with another {field}");
            return Err(ApiError::field(Code::ReferenceConflict, field, sentence).into());
        }
        Err(Error::Rejected(rejection)) => return Err(ApiError::invalid("amount", rejection).into()),
        Err(_) => return Err(Code::UserNotFound.into()),
    };
    tx.append_posted(&entry, posted(by, &entry, by.now_us))?;
    Ok((entry, false))
}

/// What is wrong with a wallet.
pub(crate) struct Finding {
    /// The user's numeric id.
    pub(crate) account_id: i64,
    pub(crate) what: String,
}

/// How many wallets there are.
pub(crate) fn accounts(tx: &mut Tx<'_>) -> Result<u64, Failure> {
    Ok(verification::count_accounts(tx)?)
}

/// Rebuilds every balance of the tenant from its entries and compares; → the first difference. `checked` is told after
/// each wallet how many entries it has.
pub(crate) fn verify(tx: &mut Tx<'_>, mut checked: impl FnMut(u64)) -> Result<Option<Finding>, Failure> {
    const ACCOUNTS: i64 = 1000;
    const ENTRIES: i64 = 5000;
    let mut after_id = i64::MIN;
    loop {
        let accounts = ledger::accounts_after(tx, after_id, ACCOUNTS)?;
        let Some(last) = accounts.last() else { break };
        after_id = last.id;
        for account in &accounts {
            let mut audit = Audit::new(account.id);
            let mut after_sequence = i64::MIN;
            let mut seen: u64 = 0;
            let mut difference = None;
            while difference.is_none() {
                let entries = ledger::entries_after(tx, account.id, after_sequence, ENTRIES)?;
                let Some(last) = entries.last() else { break };
                after_sequence = last.sequence;
                seen = seen.saturating_add(u64::try_from(entries.len()).unwrap_or(u64::MAX));
                difference = entries.iter().find_map(|entry| audit.observe(entry).err());
            }
            if let Some(difference) = difference.or_else(|| audit.finish(account).err()) {
                return Ok(Some(Finding { account_id: account.id, what: difference.to_string() }));
            }
            checked(seen);
        }
    }
    let stray = verification::entry_without_account(tx)?;
    Ok(stray.map(|account_id| Finding { account_id, what: "there are entries, but no wallet".to_owned() }))
}

/// The event of a posted entry, whoever asked for it.
pub(crate) fn posted(by: &By, entry: &Entry, now_us: i64) -> Event {
    let action = match entry.kind {
        EntryKind::Deduction => Action::CreditsDeducted,
        _ => Action::CreditsAdded,
    };
    let before = entry.balance_after.micros().saturating_sub(entry.amount.micros());
    let mut after = Details::new()
        .with(Field::Kind, entry.kind.as_str())
        .with(Field::Amount, Value::credits(entry.amount.micros()))
        .with(Field::Balance, Value::credits(entry.balance_after.micros()));
    if let Some(reference) = &entry.reference {
        after.set(Field::Reference, reference.as_str());
    }
    Event {
        target: Some(Target::new(TargetKind::Transaction, entry.transaction_id.to_string())),
        at_us: now_us,
        before: Details::new().with(Field::Balance, Value::credits(before)),
        after,
        ..by.event(action, Some(entry.account_id))
    }
}

#[cfg(test)]
mod tests {
    use osaycore_ledger::{Account, Credits, EntryKind, Posting, Storage as _};

    use super::*;
    use crate::store::db::Database;
    use crate::store::migrations::migrate;
    use crate::store::tx::transact;

    #[test]
    fn verification_finds_the_wallet_that_its_entries_do_not_make() {
        let folder = tempfile::tempdir().unwrap();
        let url = format!("sqlite://{}", folder.path().join("test.db").display());
        let database = Database::open(&url.parse().unwrap(), 1).unwrap();
        migrate(&database).unwrap();
        let credits = |micros| Credits::from_micros(micros).unwrap();
        // (what the account says, what its only entry says) → the account that is found
        for (id, balance, amount, found) in [(1, 5, 5, None), (2, 7, 6, Some(2)), (3, 5, 5, Some(2))] {
            let posting = Posting {
                entry: Entry {
                    account_id: id,
                    sequence: 1,
                    transaction_id: uuid::Uuid::from_u128(id.unsigned_abs().into()),
                    app_id: OPERATOR,
                    kind: EntryKind::Bonus,
                    amount: credits(amount),
                    units: None,
                    balance_after: credits(amount),
                    description: None,
                    reference: None,
                    payment_id: None,
                    created_at_us: 1,
                },
                account: Account {
                    balance: credits(balance),
                    lifetime_earned: credits(balance),
                    entries: 1,
                    ..Account::new(id)
                },
                payment: None,
            };
            let mut seen = 0;
            let finding = transact::<_, Failure>(&mut database.writer(), 1, |tx| {
                tx.insert_account(&Account::new(id))?;
                tx.post(&posting)?;
                tx.flush()?;
                verify(tx, |entries| seen += entries)
            });
            assert_eq!(finding.unwrap().map(|finding| finding.account_id), found, "after wallet {id}");
            assert_eq!(seen, 1, "only the first wallet is right or comes before the wrong one");
        }
    }
}
