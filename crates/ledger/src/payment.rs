//! [`Payment`]: money that was asked for, and the entry that it paid for.

use alloc::string::String;
use core::{fmt, str::FromStr};

use uuid::Uuid;

use crate::{Amount, EntryKey, NameError};

/// A payment of money. It credits an account at most once, and only when it has succeeded.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Payment {
    /// Its public id.
    pub id: Uuid,
    /// The account it may credit.
    pub account_id: i64,
    /// The app that made it known.
    pub app_id: i64,
    /// The money, in units of `currency`.
    pub amount: Amount,
    /// The money's currency.
    pub currency: Currency,
    /// The credits it buys; `None`: as many as the purchase says.
    pub credits: Option<Amount>,
    /// How it stands.
    pub status: PaymentStatus,
    /// The payment provider's id; unique among the payments of the app.
    pub external_id: Option<String>,
    /// The entry that it paid for.
    pub credited: Option<EntryKey>,
    /// When it was made known, Unix microseconds.
    pub created_at_us: i64,
    /// When its status changed last, Unix microseconds.
    pub updated_at_us: i64,
}

impl Payment {
    /// The payment with another status: pending becomes succeeded or failed, and both are final. The status that it
    /// has already changes nothing, nor when it was updated.
    pub fn transition(self, status: PaymentStatus, now_us: i64) -> Result<Self, TransitionError> {
        match (self.status, status) {
            (from, to) if from == to => Ok(self),
            (PaymentStatus::Pending, _) => Ok(Self { status, updated_at_us: now_us, ..self }),
            (from, to) => Err(TransitionError { from, to }),
        }
    }
}

/// A payment that is settled changes no more.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a payment that is {from} cannot become {to}")]
pub struct TransitionError {
    /// The status it has.
    pub from: PaymentStatus,
    /// The status it was to get.
    pub to: PaymentStatus,
}

/// How a payment stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum PaymentStatus {
    /// `pending`: not settled.
    Pending,
    /// `succeeded`: the money is there. Final.
    Succeeded,
    /// `failed`: the money will not come. Final.
    Failed,
}

impl PaymentStatus {
    /// Its name on the wire and in the store.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Succeeded => "succeeded",
            Self::Failed => "failed",
        }
    }
}

impl fmt::Display for PaymentStatus {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.as_str())
    }
}

impl FromStr for PaymentStatus {
    type Err = NameError;

    fn from_str(name: &str) -> Result<Self, NameError> {
        [Self::Pending, Self::Succeeded, Self::Failed]
            .into_iter()
            .find(|status| status.as_str() == name)
            .ok_or(NameError { expected: "one of pending, succeeded, failed" })
    }
}

/// A currency's code in the shape of ISO 4217: three capital letters. Which codes exist is not known here.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Currency([u8; 3]);

impl Currency {
    /// Its three letters.
    pub fn as_str(&self) -> &str {
        // Never the default: a value is made of capital letters only.
        core::str::from_utf8(&self.0).unwrap_or_default()
    }
}

impl fmt::Display for Currency {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.as_str())
    }
}

impl fmt::Debug for Currency {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.as_str())
    }
}

impl FromStr for Currency {
    type Err = NameError;

    fn from_str(code: &str) -> Result<Self, NameError> {
        <[u8; 3]>::try_from(code.as_bytes())
            .ok()
            .filter(|letters| letters.iter().all(u8::is_ascii_uppercase))
            .map(Self)
            .ok_or(NameError { expected: "a currency of three capital letters" })
    }
}
