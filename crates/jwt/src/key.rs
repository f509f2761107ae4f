//! One signing key.

use std::fmt;

use jsonwebtoken::{Algorithm, DecodingKey, EncodingKey, Header};

/// The least length of an HS256 secret, in bytes: that of the hash (RFC 7518 §3.2).
pub const MIN_SECRET_BYTES: usize = 32;

/// The most bytes of a key's name.
pub const MAX_KID_BYTES: usize = 128;

/// Where a key stands in its rotation. Keys of every state verify.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum KeyState {
    /// Known to all instances, not used for issuing yet.
    Next,
    /// Issues; a ring has exactly one.
    Active,
    /// Issues no more; its tokens are good until they expire.
    Retiring,
}

/// Why a key or a ring is refused. All are the operator's fault.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum KeyError {
    /// The secret is shorter than [`MIN_SECRET_BYTES`].
    #[error("the secret is shorter than {MIN_SECRET_BYTES} bytes")]
    ShortSecret,
    /// The key's name has not 1 ..= [`MAX_KID_BYTES`] bytes.
    #[error("the key's name (kid) must have 1 to {MAX_KID_BYTES} bytes")]
    KidLength,
    /// Two keys of a ring have the same name.
    #[error("two keys have the same name (kid)")]
    DuplicateKid,
    /// A ring has no active key, or more than one.
    #[error("exactly one key must be active")]
    NotOneActive,
    /// The issuer has not 1 ..= [`crate::MAX_ISSUER_BYTES`] bytes.
    #[error("the issuer must have 1 to {max} bytes", max = crate::MAX_ISSUER_BYTES)]
    IssuerLength,
}

/// A named key with its algorithm. `Debug` shows no secret; there is no `Display` and no `Serialize`.
#[derive(Clone)]
pub struct Key {
    pub(crate) state: KeyState,
    /// Made once: with the key's name and the algorithm that is pinned to it.
    pub(crate) header: Header,
    pub(crate) encoding: EncodingKey,
    pub(crate) decoding: DecodingKey,
}

impl Key {
    /// An HS256 key (RFC 7518 §3.2). `kid` has 1 ..= [`MAX_KID_BYTES`] bytes, the secret [`MIN_SECRET_BYTES`] or more.
    pub fn hs256(kid: impl Into<String>, secret: &[u8], state: KeyState) -> Result<Self, KeyError> {
        let kid = kid.into();
        if secret.len() < MIN_SECRET_BYTES {
            return Err(KeyError::ShortSecret);
        }
        if kid.is_empty() || kid.len() > MAX_KID_BYTES {
            return Err(KeyError::KidLength);
        }
        let mut header = Header::new(Algorithm::HS256);
        header.kid = Some(kid);
        // Optional (RFC 7515 §4.1.9), and without it a token begins as the document shows: `eyJhbGciOiJIUzI1Ni…`.
        header.typ = None;
        let (encoding, decoding) = (EncodingKey::from_secret(secret), DecodingKey::from_secret(secret));
        Ok(Self { state, header, encoding, decoding })
    }

    /// The key's name.
    pub fn kid(&self) -> &str {
        self.header.kid.as_deref().unwrap_or_default()
    }

    /// Where it stands in its rotation.
    pub fn state(&self) -> KeyState {
        self.state
    }
}

impl fmt::Debug for Key {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Key").field("kid", &self.kid()).field("state", &self.state).finish_non_exhaustive()
    }
}
