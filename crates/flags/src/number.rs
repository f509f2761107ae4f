//! Numbers compared exactly: no binary fraction ever decides whether 0.1 equals 0.1.

use core::fmt::{self, Write};

/// Decimals kept.
const DECIMALS: u32 = 18;

/// A number in units of 10⁻¹⁸. Every `i64` and every amount of the ledger is exact; floats are
/// read as the shortest decimal that stands for them, further decimals are cut off, and what
/// lies beyond ±1.7 × 10²⁰ is held there.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Number(i128);

impl Number {
    /// No product of an `i64` and a power that small overflows.
    pub(crate) fn from_integer(value: i64) -> Self {
        Self(i128::from(value) * const { 10_i128.pow(DECIMALS) })
    }

    pub(crate) fn from_millionths(value: i64) -> Self {
        Self(i128::from(value) * const { 10_i128.pow(DECIMALS - 6) })
    }

    /// None for NaN and the infinities.
    pub(crate) fn from_float(value: f64) -> Option<Self> {
        let mut digits = Digits::default();
        write!(digits, "{value}").ok()?;
        digits.number().map(|(number, _)| number)
    }

    /// Digits with at most one sign before and at most one point between them; no exponent.
    pub(crate) fn from_text(text: &str) -> Option<Self> {
        let mut digits = Digits::default();
        digits.write_str(text).ok()?;
        digits.number().map(|(number, _)| number)
    }

    /// None if the number would have to be cut: what a file states is compared as stated.
    pub(crate) fn from_json_exactly(value: &serde_json::Number) -> Option<Self> {
        if let Some(integer) = value.as_i64() {
            return Some(Self::from_integer(integer));
        }
        let mut digits = Digits::default();
        write!(digits, "{}", value.as_f64()?).ok()?;
        digits.number().and_then(|(number, exact)| exact.then_some(number))
    }

    /// In thousandths, if it is a whole number of them and not negative.
    pub(crate) fn thousandths(self) -> Option<u32> {
        let unit = 10_i128.pow(DECIMALS - 3);
        if self.0 % unit == 0 { u32::try_from(self.0 / unit).ok() } else { None }
    }
}

/// Reads a decimal piece by piece, so that `write!` can feed it without a buffer.
#[derive(Default)]
struct Digits {
    magnitude: i128,
    negative: bool,
    /// The character before.
    last: Option<char>,
    /// How many digits after the point; None before it.
    decimals: Option<u32>,
    cut: bool,
}

impl Digits {
    /// The number, and whether it is exact. None unless the last character was a digit.
    fn number(&self) -> Option<(Number, bool)> {
        if !self.last?.is_ascii_digit() {
            return None;
        }
        let scale = 10_i128.pow(DECIMALS.saturating_sub(self.decimals.unwrap_or(0)));
        let scaled = self.magnitude.checked_mul(scale);
        let magnitude = scaled.unwrap_or(i128::MAX);
        let signed = if self.negative { magnitude.saturating_neg() } else { magnitude };
        Some((Number(signed), scaled.is_some() && !self.cut))
    }

    fn push(&mut self, digit: u32) {
        if self.decimals == Some(DECIMALS) {
            self.cut |= digit != 0;
            return;
        }
        self.decimals = self.decimals.map(|decimals| decimals.saturating_add(1));
        let next = self.magnitude.checked_mul(10).and_then(|m| m.checked_add(i128::from(digit)));
        self.cut |= next.is_none();
        self.magnitude = next.unwrap_or(i128::MAX);
    }
}

impl fmt::Write for Digits {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        for character in text.chars() {
            match (character, character.to_digit(10)) {
                (_, Some(digit)) => self.push(digit),
                ('-' | '+', _) if self.last.is_none() => self.negative = character == '-',
                ('.', _) if self.decimals.is_none() && self.last.is_some_and(|c| c.is_ascii_digit()) => {
                    self.decimals = Some(0);
                }
                _ => return Err(fmt::Error),
            }
            self.last = Some(character);
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts() {
        let unit = 10_i128.pow(DECIMALS);
        for (text, expected) in [
            ("0", Some(0)),
            ("-12", Some(-12 * unit)),
            ("+3", Some(3 * unit)),
            ("1.5", Some(3 * unit / 2)),
            ("0.0000000000000000019", Some(1)),
            ("999999999999999999999999999999999999999999", Some(i128::MAX)),
            ("", None),
            ("-", None),
            (".5", None),
            ("5.", None),
            ("1.2.3", None),
            ("1e5", None),
            ("1-", None),
            (" 1", None),
            ("NaN", None),
        ] {
            assert_eq!(Number::from_text(text), expected.map(Number), "{text}");
        }
    }

    #[test]
    fn floats_are_their_shortest_decimal() {
        assert_eq!(Number::from_float(0.1), Number::from_text("0.1"));
        assert_eq!(Number::from_float(-1.0), Some(Number::from_integer(-1)));
        assert_eq!(Number::from_float(0.000_001), Some(Number::from_millionths(1)));
        assert_eq!(Number::from_float(f64::NAN), None);
        assert_eq!(Number::from_float(f64::INFINITY), None);
        assert!(Number::from_float(1e300) > Some(Number::from_integer(i64::MAX)));
    }

    #[test]
    fn thousandths() {
        for (text, expected) in
            [("0", Some(0)), ("0.001", Some(1)), ("99.999", Some(99_999)), ("0.0001", None), ("-1", None)]
        {
            assert_eq!(Number::from_text(text).and_then(Number::thousandths), expected, "{text}");
        }
    }
}
