//! How the codes of a credential are made.

use core::{fmt, str::FromStr};

/// The hash under the HMAC (RFC 6238 §1.2).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Algorithm {
    /// HMAC-SHA-1: what authenticator apps support.
    #[default]
    Sha1,
    /// HMAC-SHA-256.
    Sha256,
    /// HMAC-SHA-512.
    Sha512,
}

impl Algorithm {
    /// How many random bytes a seed should have: as many as the hash gives (RFC 6238 §5.1).
    pub const fn seed_bytes(self) -> usize {
        match self {
            Self::Sha1 => 20,
            Self::Sha256 => 32,
            Self::Sha512 => 64,
        }
    }

    /// As a provisioning URI names it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Sha1 => "SHA1",
            Self::Sha256 => "SHA256",
            Self::Sha512 => "SHA512",
        }
    }
}

impl fmt::Display for Algorithm {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.as_str())
    }
}

/// By the exact name.
impl FromStr for Algorithm {
    type Err = InvalidParameters;

    fn from_str(text: &str) -> Result<Self, InvalidParameters> {
        [Self::Sha1, Self::Sha256, Self::Sha512]
            .into_iter()
            .find(|algorithm| algorithm.as_str() == text)
            .ok_or(InvalidParameters::Algorithm)
    }
}

/// Algorithm, digits and period of a credential, fixed when it is made: authenticator apps keep theirs too.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Parameters {
    algorithm: Algorithm,
    digits: u8,
    period_s: u32,
}

impl Parameters {
    /// `digits` from 6 to 8 (RFC 4226 §5.3), `period_s` from 15 to 120 seconds.
    pub const fn new(algorithm: Algorithm, digits: u32, period_s: u32) -> Result<Self, InvalidParameters> {
        let digits = match digits {
            6 => 6,
            7 => 7,
            8 => 8,
            _ => return Err(InvalidParameters::Digits),
        };
        if period_s < 15 || period_s > 120 {
            return Err(InvalidParameters::Period);
        }
        Ok(Self { algorithm, digits, period_s })
    }

    /// The hash.
    pub const fn algorithm(self) -> Algorithm {
        self.algorithm
    }

    /// Digits of a code, 6 to 8.
    pub const fn digits(self) -> u8 {
        self.digits
    }

    /// Seconds of a time step, 15 to 120.
    pub const fn period_s(self) -> u32 {
        self.period_s
    }
}

/// SHA-1, 6 digits, 30 seconds.
impl Default for Parameters {
    fn default() -> Self {
        Self { algorithm: Algorithm::Sha1, digits: 6, period_s: 30 }
    }
}

/// Parameters that no credential has.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum InvalidParameters {
    /// The name of the algorithm is not known.
    #[error("the algorithm is SHA1, SHA256 or SHA512")]
    Algorithm,
    /// RFC 4226 §5.3 has 6 to 8.
    #[error("a code has 6 to 8 digits")]
    Digits,
    /// A step that is too short or too long for a person.
    #[error("a period has 15 to 120 seconds")]
    Period,
}
