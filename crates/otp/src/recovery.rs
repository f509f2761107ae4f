//! Recovery codes: for whoever has lost the phone.

use alloc::{format, string::String};
use core::{fmt, str::FromStr};

use hmac::{Hmac, KeyInit as _, Mac as _};
use sha2::Sha256;
use zeroize::Zeroizing;

use crate::Secret;

/// How many a user has.
pub const RECOVERY_CODES: usize = 10;

const LENGTH: usize = 10;
/// RFC 4648 §6, as people write it.
const ALPHABET: &[u8; 32] = b"abcdefghijklmnopqrstuvwxyz234567";

/// Ten characters of base32, 50 random bits, written `xxxxx-xxxxx`. `Debug` prints the type's name.
#[derive(Clone, PartialEq, Eq)]
pub struct RecoveryCode(Zeroizing<String>);

/// A text that is no recovery code.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a recovery code has ten characters of a-z and 2-7")]
pub struct NotARecoveryCode;

impl RecoveryCode {
    /// The code of ten random bytes, of which five bits each count.
    pub fn from_random(bytes: &[u8; LENGTH]) -> Self {
        let letter = |byte: &u8| ALPHABET.get(usize::from(byte & 31)).copied().map_or('a', char::from);
        // Room for all of them: a text that grows leaves copies behind that nobody wipes.
        let mut letters = Zeroizing::new(String::with_capacity(LENGTH));
        letters.extend(bytes.iter().map(letter));
        Self(letters)
    }

    /// What is kept of the code instead of it: HMAC-SHA256 keyed with the user's seed. Who has the database and not the
    /// master key cannot try codes, and a new seed voids them.
    pub fn digest(&self, secret: &Secret) -> [u8; 32] {
        // An HMAC takes a key of any length.
        let Ok(mut mac) = Hmac::<Sha256>::new_from_slice(secret.seed()) else { return [0; 32] };
        mac.update(b"osaycore recovery code ");
        mac.update(self.0.as_bytes());
        mac.finalize().into_bytes().into()
    }

    /// As it is shown to the user: `xxxxx-xxxxx`.
    pub fn to_text(&self) -> Zeroizing<String> {
        let (first, second) = self.0.split_at_checked(LENGTH / 2).unwrap_or((&self.0, ""));
        Zeroizing::new(format!("{first}-{second}"))
    }
}

/// Hyphens and case are ignored.
impl FromStr for RecoveryCode {
    type Err = NotARecoveryCode;

    fn from_str(text: &str) -> Result<Self, NotARecoveryCode> {
        let mut letters = Zeroizing::new(String::with_capacity(LENGTH));
        for byte in text.bytes().filter(|byte| *byte != b'-').map(|byte| byte.to_ascii_lowercase()) {
            if letters.len() == LENGTH || !ALPHABET.contains(&byte) {
                return Err(NotARecoveryCode);
            }
            letters.push(char::from(byte));
        }
        if letters.len() == LENGTH { Ok(Self(letters)) } else { Err(NotARecoveryCode) }
    }
}

impl fmt::Debug for RecoveryCode {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("RecoveryCode")
    }
}
