//! What a credential shares with an authenticator app.

use alloc::string::{String, ToString};
use core::fmt;

use totp_rs::{Builder, Totp};
use zeroize::Zeroizing;

use crate::{Algorithm, Parameters};

/// A seed with the parameters that its codes are made with. `Debug` prints the type's name; it is wiped when dropped.
#[derive(Clone)]
pub struct Secret {
    parameters: Parameters,
    totp: Totp,
}

/// The seed's length is none that RFC 4226 (§4, R6: at least 128 bits) and SHA-512 allow.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a seed has 16 to 64 bytes")]
pub struct InvalidSeed;

impl Secret {
    /// The secret of a seed of 16 to 64 random bytes; [`Algorithm::seed_bytes`] says how many are best.
    pub fn new(seed: &[u8], parameters: Parameters) -> Result<Self, InvalidSeed> {
        if !(16..=64).contains(&seed.len()) {
            return Err(InvalidSeed);
        }
        let totp = Self::builder(seed, parameters).build_noncompliant();
        Ok(Self { parameters, totp })
    }

    /// How its codes are made.
    pub const fn parameters(&self) -> Parameters {
        self.parameters
    }

    /// The seed's bytes, to be sealed and kept.
    pub fn seed(&self) -> &[u8] {
        self.totp.secret().as_bytes()
    }

    /// The seed as people type it into an authenticator app: base32 without padding (RFC 4648 §6).
    pub fn to_base32(&self) -> Zeroizing<String> {
        Zeroizing::new(self.totp.secret().to_base32())
    }

    /// The `otpauth://totp/…` URI that an authenticator app reads from a QR image. It shows `issuer` and `account`, which
    /// must not be empty and have no `:`, as names of the directory are; every other character is percent-encoded, so
    /// that a space is `%20`. `None` for other names.
    pub fn provisioning_uri(&self, issuer: &str, account: &str) -> Option<Zeroizing<String>> {
        if issuer.is_empty() || issuer.contains(':') {
            return None;
        }
        let totp = Self::builder(self.seed(), self.parameters)
            .with_issuer(Some(issuer))
            .with_account_name(account)
            .build_noncompliant();
        totp.to_url().ok().map(Zeroizing::new)
    }

    /// The code of a time step, counted from 0 at the Unix epoch; a negative one is step 0.
    pub fn code(&self, step: i64) -> Zeroizing<String> {
        Zeroizing::new(self.totp.generate(self.seconds(step)).to_string())
    }

    /// The time step of a moment in Unix seconds.
    pub const fn step_at(&self, now_s: i64) -> i64 {
        now_s.div_euclid(self.period_s())
    }

    /// Whether it is the code of the step, in a time that does not depend on where they differ.
    pub(crate) fn is_code_of(&self, code: &str, step: i64) -> bool {
        step >= 0 && self.totp.check(code, self.seconds(step)).is_some()
    }

    const fn period_s(&self) -> i64 {
        #[expect(clippy::as_conversions, reason = "u32 to i64 in a const fn, where From is not to be had")]
        let period_s = self.parameters.period_s() as i64;
        period_s
    }

    fn seconds(&self, step: i64) -> u64 {
        u64::try_from(step.saturating_mul(self.period_s())).unwrap_or(0)
    }

    /// No skew: which steps are tried is decided here.
    fn builder(seed: &[u8], parameters: Parameters) -> Builder {
        let algorithm = match parameters.algorithm() {
            Algorithm::Sha1 => totp_rs::Algorithm::SHA1,
            Algorithm::Sha256 => totp_rs::Algorithm::SHA256,
            Algorithm::Sha512 => totp_rs::Algorithm::SHA512,
        };
        Builder::new()
            .with_algorithm(algorithm)
            .with_digits(parameters.digits())
            .with_step_duration(parameters.period_s().into())
            .with_skew(0)
            .with_secret(seed.to_vec())
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("Secret")
    }
}

/// In constant time.
impl PartialEq for Secret {
    fn eq(&self, other: &Self) -> bool {
        self.totp == other.totp
    }
}

impl Eq for Secret {}
