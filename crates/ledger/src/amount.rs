//! [`Amount`] and [`Credits`]: exact millionths of a credit.

use alloc::string::{String, ToString};
use core::{fmt, str::FromStr};

use rust_decimal::Decimal;
use serde::{Deserialize, Deserializer, Serialize, Serializer, de, ser};
use serde_json::value::RawValue;

use crate::token::{self, DECIMALS, MAX_MICROS};

/// A signed sum of credits, in millionths of a credit: −10^12 to 10^12 credits, exact.
///
/// Written with at least two and at most six decimals: `95.00`, `0.001`, `-10.50`. Serialises as a JSON number in
/// that spelling (through [`RawValue`], so for `serde_json`'s text writers only: a `serde_json::Value` holds floats).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Credits(i64);

impl Credits {
    /// No credits.
    pub const ZERO: Self = Self(0);
    /// The most that an account can have, earn or spend: 10^12 credits.
    pub const MAX: Self = Self(MAX_MICROS);

    /// From millionths; `None` beyond ±10^18.
    pub const fn from_micros(micros: i64) -> Option<Self> {
        if micros >= -MAX_MICROS && micros <= MAX_MICROS { Some(Self(micros)) } else { None }
    }

    /// A shortfall, which reaches 3 × 10^18 millionths: the only sum that no account has to hold.
    pub(crate) const fn shortfall(micros: i64) -> Self {
        Self(micros)
    }

    /// In millionths of a credit.
    pub const fn micros(self) -> i64 {
        self.0
    }

    /// The sum; `None` beyond ±10^12 credits.
    #[must_use]
    pub fn checked_add(self, other: Self) -> Option<Self> {
        self.0.checked_add(other.0).and_then(Self::from_micros)
    }

    /// The difference; `None` beyond ±10^12 credits.
    #[must_use]
    pub fn checked_sub(self, other: Self) -> Option<Self> {
        self.0.checked_sub(other.0).and_then(Self::from_micros)
    }
}

impl fmt::Display for Credits {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write_micros(formatter, self.0)
    }
}

/// Reads digits with at most one point and an optional minus sign before them. Never [`AmountError::NotPositive`].
impl FromStr for Credits {
    type Err = AmountError;

    fn from_str(text: &str) -> Result<Self, AmountError> {
        token::signed_decimal(text).map(Self)
    }
}

impl Serialize for Credits {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serialize_number(self.to_string(), serializer)
    }
}

impl From<Credits> for Decimal {
    fn from(credits: Credits) -> Self {
        Self::new(credits.0, DECIMALS)
    }
}

impl TryFrom<Decimal> for Credits {
    type Error = AmountError;

    fn try_from(decimal: Decimal) -> Result<Self, AmountError> {
        micros_of(decimal).map(Self)
    }
}

/// An amount to charge or to add, a rate or a count of units: more than 0, at most 10^12, at most six decimals of the
/// value (the contract, "Amounts").
///
/// Reads from the JSON *token* and never passes through a float: `0.30000000000000004` is refused, not rounded, and
/// `1e-05` is 0.00001. Deserialises from `serde_json`'s text readers over borrowed input; under `#[serde(flatten)]`
/// or an internally tagged enum, where serde has made a float of the number before, it fails.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Amount(i64);

impl Amount {
    /// One credit; as a rate, a credit per unit.
    pub const ONE: Self = Self(1_000_000);
    /// 10^12 credits.
    pub const MAX: Self = Self(MAX_MICROS);

    /// From millionths; `None` unless in `1..=10^18`.
    pub const fn from_micros(micros: i64) -> Option<Self> {
        if micros > 0 && micros <= MAX_MICROS { Some(Self(micros)) } else { None }
    }

    /// In millionths of a credit, `1..=10^18`.
    pub const fn micros(self) -> i64 {
        self.0
    }

    /// The same, as a sum.
    pub const fn credits(self) -> Credits {
        Credits(self.0)
    }

    /// Reads the text of one JSON value without white space around it: a number, or a string as [`FromStr`] reads it.
    /// Every other value is [`AmountError::NotANumber`].
    pub fn parse_json_token(token: &str) -> Result<Self, AmountError> {
        if token.starts_with('"') {
            // Through the JSON reader, because a string may be written with escapes.
            let text: String = serde_json::from_str(token).map_err(|_| AmountError::NotANumber)?;
            return text.parse();
        }
        if token.starts_with('-') {
            // A negative number is refused for its sign, whatever else it has too much of.
            return Err(match token::json_number(token) {
                Err(AmountError::NotANumber) => AmountError::NotANumber,
                _ => AmountError::NotPositive,
            });
        }
        token::json_number(token).and_then(Self::positive)
    }

    /// `self × rate`, exact: [`AmountError::TooPrecise`] if the product has more than six decimals,
    /// [`AmountError::TooLarge`] past 10^12.
    pub fn checked_mul(self, rate: Self) -> Result<Self, AmountError> {
        // At most 10^36, which an i128 holds.
        let product = i128::from(self.0).saturating_mul(i128::from(rate.0));
        if product % i128::from(Self::ONE.0) != 0 {
            return Err(AmountError::TooPrecise);
        }
        i64::try_from(product / i128::from(Self::ONE.0)).ok().and_then(Self::from_micros).ok_or(AmountError::TooLarge)
    }

    /// For millionths that are in range, but for the sign.
    fn positive(micros: i64) -> Result<Self, AmountError> {
        if micros > 0 { Ok(Self(micros)) } else { Err(AmountError::NotPositive) }
    }
}

impl fmt::Display for Amount {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write_micros(formatter, self.0)
    }
}

/// Reads digits with at most one point (`10.50`); no sign, no exponent, no white space.
impl FromStr for Amount {
    type Err = AmountError;

    fn from_str(text: &str) -> Result<Self, AmountError> {
        token::decimal(text).and_then(Self::positive)
    }
}

impl Serialize for Amount {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serialize_number(self.to_string(), serializer)
    }
}

/// Fails with the text of [`AmountError`], which [`AmountError::from_message`] knows again.
impl<'de> Deserialize<'de> for Amount {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let token = <&RawValue>::deserialize(deserializer)?;
        Self::parse_json_token(token.get()).map_err(de::Error::custom)
    }
}

impl From<Amount> for Decimal {
    fn from(amount: Amount) -> Self {
        Self::new(amount.0, DECIMALS)
    }
}

impl TryFrom<Decimal> for Amount {
    type Error = AmountError;

    fn try_from(decimal: Decimal) -> Result<Self, AmountError> {
        if decimal.is_sign_negative() {
            return Err(AmountError::NotPositive);
        }
        micros_of(decimal).and_then(Self::positive)
    }
}

/// Why a text or a product is not an [`Amount`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum AmountError {
    /// Neither a JSON number nor a string of digits with at most one point.
    #[error("not a decimal number")]
    NotANumber,
    /// Zero, or less.
    #[error("not greater than zero")]
    NotPositive,
    /// The value has more than six decimals.
    #[error("more than six decimal places")]
    TooPrecise,
    /// More than 10^12.
    #[error("greater than 1000000000000")]
    TooLarge,
}

impl AmountError {
    /// The error that a message of `serde_json` (its text first, a position perhaps behind it) was made of; `None`
    /// if it was made of something else.
    pub fn from_message(message: &str) -> Option<Self> {
        [Self::NotANumber, Self::NotPositive, Self::TooPrecise, Self::TooLarge]
            .into_iter()
            .find(|error| message.starts_with(&error.to_string()))
    }
}

/// Two decimals at least, six at most.
fn write_micros(formatter: &mut fmt::Formatter<'_>, micros: i64) -> fmt::Result {
    let sign = if micros < 0 { "-" } else { "" };
    let whole = micros.unsigned_abs() / 1_000_000;
    let mut fraction = micros.unsigned_abs() % 1_000_000;
    let mut width = 6;
    while width > 2 && fraction.is_multiple_of(10) {
        fraction /= 10;
        width -= 1;
    }
    write!(formatter, "{sign}{whole}.{fraction:0width$}")
}

fn serialize_number<S: Serializer>(text: String, serializer: S) -> Result<S::Ok, S::Error> {
    RawValue::from_string(text).map_err(ser::Error::custom)?.serialize(serializer)
}

fn micros_of(decimal: Decimal) -> Result<i64, AmountError> {
    let decimal = decimal.normalize();
    let missing = DECIMALS.checked_sub(decimal.scale()).ok_or(AmountError::TooPrecise)?;
    10_i128
        .checked_pow(missing)
        .and_then(|scale| decimal.mantissa().checked_mul(scale))
        .and_then(|micros| i64::try_from(micros).ok())
        .and_then(Credits::from_micros)
        .map(Credits::micros)
        .ok_or(AmountError::TooLarge)
}
