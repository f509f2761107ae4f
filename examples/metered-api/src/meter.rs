//! Charging: what a request costs is taken from its caller's account, once.

use osaycore_ledger::memory::{Conflict, Memory};
use osaycore_ledger::{
    Account, Add, AddKind, Amount, Charge, Command, Credits, Deduct, Error, Outcome, Rejection, Storage, execute,
};
use uuid::Uuid;

/// This service, in the ledger's `app_id`: references of different apps do not meet.
const APP_ID: i64 = 1;

/// What became of a charge.
#[derive(Debug, PartialEq, Eq)]
pub enum Charged {
    /// It was made now.
    Now { balance: Credits },
    /// The same request was charged before; this is what the balance was then.
    Before { balance: Credits },
    /// It was not made: so much is missing.
    CannotPay { shortfall: Credits },
    /// The reference belongs to another request.
    OtherRequest,
}

/// The accounts of all callers.
#[derive(Debug, Default)]
pub struct Meter(Memory);

impl Meter {
    /// An account with credits to begin with.
    pub fn open_account(&mut self, account_id: i64, credits: Amount, id: Uuid, now_us: i64) -> anyhow::Result<()> {
        self.0.insert_account(&Account::new(account_id))?;
        let first = Command::Add(Add {
            account_id,
            app_id: APP_ID,
            transaction_id: id,
            amount: credits,
            kind: AddKind::Bonus,
            description: Some("A first balance".to_owned()),
            reference: None,
            payment_id: None,
        });
        execute(&mut self.0, &first, now_us)?;
        Ok(())
    }

    /// Takes `price` from the account. `reference` is the caller's name for the request: sent twice, charged once.
    /// `what` tells requests apart: the same reference for something else is refused.
    pub fn charge(
        &mut self,
        account_id: i64,
        price: Amount,
        what: String,
        reference: Option<&str>,
        id: Uuid,
        now_us: i64,
    ) -> Result<Charged, Error<Conflict>> {
        let deduct = Command::Deduct(Deduct {
            account_id,
            app_id: APP_ID,
            transaction_id: id,
            charge: Charge::Amount(price),
            description: Some(what),
            reference: reference.map(|reference| format!("{account_id}/{reference}")),
        });
        match execute(&mut self.0, &deduct, now_us) {
            Ok(Outcome::Posted(entry)) => Ok(Charged::Now { balance: entry.balance_after }),
            Ok(Outcome::Replayed(entry)) => Ok(Charged::Before { balance: entry.balance_after }),
            Err(Error::Rejected(
                Rejection::InsufficientCredits { shortfall, .. } | Rejection::MinimumBalance { shortfall, .. },
            )) => Ok(Charged::CannotPay { shortfall }),
            Err(Error::Rejected(Rejection::ReferenceConflict { .. })) => Ok(Charged::OtherRequest),
            Err(error) => Err(error),
        }
    }

    /// What the account holds; none if there is no such account.
    pub fn balance(&mut self, account_id: i64) -> Result<Option<Credits>, Conflict> {
        Ok(self.0.account(account_id)?.map(|account| account.balance))
    }
}
