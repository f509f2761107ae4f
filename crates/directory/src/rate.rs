//! What one unit costs.

use alloc::{
    format,
    string::{String, ToString},
};
use core::{fmt, str::FromStr};

use serde::{Deserialize, Serialize};

use crate::text::{Flaw, ParseError};

/// Credits per unit: more than 0, at most 10^12, exact to a millionth. Its text is decimal: digits with at most one
/// point, written with two to six places.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Rate(i64);

impl Rate {
    /// One credit per unit: what counts where nobody set a rate.
    pub const ONE: Self = Self(MICROS_PER_CREDIT);

    /// The rate of so many millionths of a credit per unit; none when that is outside 1 to 10^18.
    pub const fn from_micros(micros: i64) -> Option<Self> {
        if micros >= 1 && micros <= MAX_MICROS { Some(Self(micros)) } else { None }
    }

    /// Millionths of a credit per unit, 1 to 10^18.
    pub const fn micros(self) -> i64 {
        self.0
    }
}

const MICROS_PER_CREDIT: i64 = 1_000_000;
const MAX_MICROS: i64 = 1_000_000_000_000 * MICROS_PER_CREDIT;
const PLACES: usize = 6;

impl FromStr for Rate {
    type Err = ParseError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        micros(text).map(Self).map_err(|flaw| ParseError { what: "rate", flaw })
    }
}

impl TryFrom<String> for Rate {
    type Error = ParseError;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        text.parse()
    }
}

impl From<Rate> for String {
    fn from(rate: Rate) -> Self {
        rate.to_string()
    }
}

impl fmt::Display for Rate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let places = format!("{:06}", self.0 % MICROS_PER_CREDIT);
        write!(f, "{}.{:0<2}", self.0 / MICROS_PER_CREDIT, places.trim_end_matches('0'))
    }
}

fn micros(text: &str) -> Result<i64, Flaw> {
    const OUT_OF_RANGE: Flaw = Flaw::NotA("more than 0 and at most 1000000000000");
    let (whole, fraction) = text.split_once('.').unwrap_or((text, "0"));
    let is_digits = |part: &str| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit());
    if !is_digits(whole) || !is_digits(fraction) {
        return Err(Flaw::NotA("a decimal number such as 0.25"));
    }
    let fraction = fraction.trim_end_matches('0');
    if fraction.len() > PLACES {
        return Err(Flaw::NotA("a number of at most six decimal places"));
    }
    format!("{whole}{fraction:0<PLACES$}")
        .parse()
        .ok()
        .and_then(Rate::from_micros)
        .map(Rate::micros)
        .ok_or(OUT_OF_RANGE)
}
