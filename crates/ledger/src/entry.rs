//! [`Entry`]: one posted change of one account.

use alloc::string::String;
use core::{fmt, str::FromStr};

use uuid::Uuid;

use crate::{AddKind, Amount, Credits, NameError};

/// A posted change of an account. Never altered and never removed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// The account.
    pub account_id: i64,
    /// Its place among the account's entries: 1, 2, 3, without gaps.
    pub sequence: i64,
    /// Its public id.
    pub transaction_id: Uuid,
    /// The app that posted it.
    pub app_id: i64,
    /// What it is.
    pub kind: EntryKind,
    /// What it changed the balance by: negative for a deduction, else positive.
    pub amount: Credits,
    /// The units that were asked for, where a deduction was asked for in units instead of an amount.
    pub units: Option<Amount>,
    /// The balance that it left.
    pub balance_after: Credits,
    /// The description that was asked for.
    pub description: Option<String>,
    /// The client's own reference; unique among the entries of the app.
    pub reference: Option<String>,
    /// The payment that paid for it.
    pub payment_id: Option<Uuid>,
    /// When it was posted, Unix microseconds.
    pub created_at_us: i64,
}

impl Entry {
    /// Where it is stored.
    pub const fn key(&self) -> EntryKey {
        EntryKey { account_id: self.account_id, sequence: self.sequence }
    }
}

/// What names an entry: its account and its place there.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct EntryKey {
    /// The account.
    pub account_id: i64,
    /// The entry's sequence, from 1.
    pub sequence: i64,
}

/// What an entry is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum EntryKind {
    /// `DEDUCTION`: credits were spent.
    Deduction,
    /// `PURCHASE`: credits were bought.
    Purchase,
    /// `BONUS`: credits were given.
    Bonus,
    /// `REFUND`: credits were given back.
    Refund,
    /// `ADJUSTMENT`: credits were added to put something right.
    Adjustment,
    /// `EARNED`: credits were earned.
    Earned,
}

impl EntryKind {
    /// Its name on the wire and in the store.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Deduction => "DEDUCTION",
            Self::Purchase => "PURCHASE",
            Self::Bonus => "BONUS",
            Self::Refund => "REFUND",
            Self::Adjustment => "ADJUSTMENT",
            Self::Earned => "EARNED",
        }
    }
}

impl fmt::Display for EntryKind {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.as_str())
    }
}

impl FromStr for EntryKind {
    type Err = NameError;

    fn from_str(name: &str) -> Result<Self, NameError> {
        if name == Self::Deduction.as_str() {
            return Ok(Self::Deduction);
        }
        name.parse().map(AddKind::entry_kind).map_err(|_: NameError| NameError {
            expected: "one of DEDUCTION, PURCHASE, BONUS, REFUND, ADJUSTMENT, EARNED",
        })
    }
}
