//! What can be asked of the ledger.

use alloc::string::String;
use core::{fmt, str::FromStr};

use uuid::Uuid;

use crate::{Amount, AmountError, EntryKind, NameError};

/// One change that is asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Command {
    /// Takes credits.
    Deduct(Deduct),
    /// Adds credits.
    Add(Add),
}

impl Command {
    /// The account that it is to change.
    pub const fn account_id(&self) -> i64 {
        match self {
            Self::Deduct(deduct) => deduct.account_id,
            Self::Add(add) => add.account_id,
        }
    }

    /// The app that asks.
    pub const fn app_id(&self) -> i64 {
        match self {
            Self::Deduct(deduct) => deduct.app_id,
            Self::Add(add) => add.app_id,
        }
    }

    /// The client's reference, unique among the entries of the app.
    pub fn reference(&self) -> Option<&str> {
        match self {
            Self::Deduct(deduct) => deduct.reference.as_deref(),
            Self::Add(add) => add.reference.as_deref(),
        }
    }

    /// The payment that it names.
    pub const fn payment_id(&self) -> Option<Uuid> {
        match self {
            Self::Deduct(_) => None,
            Self::Add(add) => add.payment_id,
        }
    }
}

/// Takes credits from an account.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Deduct {
    /// The account.
    pub account_id: i64,
    /// The app that asks.
    pub app_id: i64,
    /// The public id of the entry, if one is posted.
    pub transaction_id: Uuid,
    /// How much.
    pub charge: Charge,
    /// What for; up to 1,000 characters, which the caller checks.
    pub description: Option<String>,
    /// The client's own reference; 1–255 characters, which the caller checks.
    pub reference: Option<String>,
}

/// How much a deduction takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Charge {
    /// So many credits.
    Amount(Amount),
    /// So many units, each at the user's rate.
    Units {
        /// How many; a member of the request, so a repeat must have it equal.
        units: Amount,
        /// Credits per unit at this moment; not a member of the request, so it is not compared.
        rate: Amount,
    },
}

impl Charge {
    /// The credits that it comes to: exact, or [`AmountError::TooPrecise`] or [`AmountError::TooLarge`].
    pub fn amount(self) -> Result<Amount, AmountError> {
        match self {
            Self::Amount(amount) => Ok(amount),
            Self::Units { units, rate } => units.checked_mul(rate),
        }
    }

    /// The units, where it was asked for in units.
    pub const fn units(self) -> Option<Amount> {
        match self {
            Self::Amount(_) => None,
            Self::Units { units, .. } => Some(units),
        }
    }
}

/// Adds credits to an account.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Add {
    /// The account.
    pub account_id: i64,
    /// The app that asks.
    pub app_id: i64,
    /// The public id of the entry, if one is posted.
    pub transaction_id: Uuid,
    /// How much.
    pub amount: Amount,
    /// Why.
    pub kind: AddKind,
    /// What for; up to 1,000 characters, which the caller checks.
    pub description: Option<String>,
    /// The client's own reference; 1–255 characters, which the caller checks.
    pub reference: Option<String>,
    /// The payment that pays for it; only with [`AddKind::Purchase`].
    pub payment_id: Option<Uuid>,
}

/// Why credits are added: `transaction_type` of the contract.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum AddKind {
    /// `PURCHASE`: they were bought; may name the payment.
    Purchase,
    /// `BONUS`: they are given.
    Bonus,
    /// `REFUND`: they are given back.
    Refund,
    /// `ADJUSTMENT`: they put something right.
    Adjustment,
    /// `EARNED`: they were earned.
    Earned,
}

impl AddKind {
    /// Its name on the wire.
    pub const fn as_str(self) -> &'static str {
        self.entry_kind().as_str()
    }

    /// What the entry will be.
    pub const fn entry_kind(self) -> EntryKind {
        match self {
            Self::Purchase => EntryKind::Purchase,
            Self::Bonus => EntryKind::Bonus,
            Self::Refund => EntryKind::Refund,
            Self::Adjustment => EntryKind::Adjustment,
            Self::Earned => EntryKind::Earned,
        }
    }
}

impl fmt::Display for AddKind {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.as_str())
    }
}

impl FromStr for AddKind {
    type Err = NameError;

    fn from_str(name: &str) -> Result<Self, NameError> {
        [Self::Purchase, Self::Bonus, Self::Refund, Self::Adjustment, Self::Earned]
            .into_iter()
            .find(|kind| kind.as_str() == name)
            .ok_or(NameError { expected: "one of PURCHASE, BONUS, REFUND, ADJUSTMENT, EARNED" })
    }
}
