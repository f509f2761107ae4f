//! Credits that an operator adds.

use osaycore_audit::{Action, Details, Field, Log as _, Target, TargetKind, Value};
use osaycore_directory::User;
use osaycore_ledger::{Add, AddKind, Amount, Command, Entry, Error, execute};

use super::By;
use crate::error::{ApiError, Code, Failure};
use crate::store::tx::Tx;
use crate::system;

/// The app of entries that no app posted.
pub(crate) const OPERATOR: i64 = 0;

/// Adds credits to a user's wallet.
pub(crate) fn add(
    tx: &mut Tx<'_>,
    by: &By,
    user: &User,
    amount: Amount,
    kind: AddKind,
    description: Option<String>,
) -> Result<Entry, Failure> {
    if user.is_deleted() {
        return Err(ApiError::from(osaycore_directory::Refused::Deleted).into());
    }
    let command = Command::Add(Add {
        account_id: user.id,
        app_id: OPERATOR,
        transaction_id: system::ordered_uuid(by.now_us),
        amount,
        kind,
        description,
        reference: None,
        payment_id: None,
    });
    let entry = match execute(tx, &command, by.now_us) {
        Ok(outcome) => outcome.entry().clone(),
        Err(Error::Storage(error)) => return Err(error.into()),
        Err(Error::Rejected(osaycore_ledger::Rejection::BalanceLimit)) => return Err(Code::BalanceLimit.into()),
        Err(Error::Rejected(rejection)) => return Err(ApiError::invalid("amount", rejection).into()),
        Err(_) => return Err(Code::UserNotFound.into()),
    };
    let mut event = by.event(Action::CreditsAdded, Some(user.id));
    event.target = Some(Target::new(TargetKind::Transaction, entry.transaction_id.to_string()));
    let before = entry.balance_after.micros().saturating_sub(entry.amount.micros());
    event.before = Details::new().with(Field::Balance, Value::credits(before));
    event.after = Details::new()
        .with(Field::Kind, entry.kind.as_str())
        .with(Field::Amount, Value::credits(entry.amount.micros()))
        .with(Field::Balance, Value::credits(entry.balance_after.micros()));
    tx.append(event)?;
    Ok(entry)
}
