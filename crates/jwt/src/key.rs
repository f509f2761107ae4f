//! One signing key.

use std::fmt;

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use jsonwebtoken::jwk::{AlgorithmParameters, Jwk, PublicKeyUse};
use jsonwebtoken::{DecodingKey, EncodingKey, Header};

/// The least length of an HS256 secret, in bytes: that of the hash (RFC 7518 §3.2).
pub const MIN_SECRET_BYTES: usize = 32;

/// The most bytes of a key's name.
pub const MAX_KID_BYTES: usize = 128;

/// The bits of an RSA modulus: no fewer by RFC 7518 §3.3, no more because the backends verify no more.
const RSA_BITS: std::ops::RangeInclusive<usize> = 2048..=8192;

/// What a key signs with. A key has one for its life.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Algorithm {
    /// HMAC with SHA-256 (RFC 7518 §3.2): who verifies can issue, so the key never leaves its owner.
    Hs256,
    /// Ed25519 (RFC 8037 §3.1).
    EdDsa,
    /// RSASSA-PKCS1-v1_5 with SHA-256 (RFC 7518 §3.3).
    Rs256,
}

impl Algorithm {
    /// Every algorithm.
    pub const ALL: [Self; 3] = [Self::Hs256, Self::EdDsa, Self::Rs256];

    /// As `alg` has it: `HS256`, `EdDSA`, `RS256`.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Hs256 => "HS256",
            Self::EdDsa => "EdDSA",
            Self::Rs256 => "RS256",
        }
    }

    /// The algorithm of this name, exactly as written.
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|algorithm| algorithm.name() == name)
    }

    const fn of_jws(self) -> jsonwebtoken::Algorithm {
        match self {
            Self::Hs256 => jsonwebtoken::Algorithm::HS256,
            Self::EdDsa => jsonwebtoken::Algorithm::EdDSA,
            Self::Rs256 => jsonwebtoken::Algorithm::RS256,
        }
    }
}

/// Where a key stands in its rotation ([`rotation`](crate::rotation)). Keys of every state verify.
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
    /// Not the PKCS#8 document that the algorithm wants.
    #[error("the key is not PKCS#8 (DER) of an Ed25519 key in version 1, or of an RSA key of 2048 to 8192 bits")]
    NotPkcs8,
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
    pub(crate) algorithm: Algorithm,
    pub(crate) state: KeyState,
    /// Made once: with the key's name and the algorithm that is pinned to it.
    pub(crate) header: Header,
    pub(crate) encoding: EncodingKey,
    pub(crate) decoding: DecodingKey,
    /// What others may verify with; none of a secret that is shared.
    pub(crate) public: Option<Jwk>,
}

impl Key {
    /// A key of 1 ..= [`MAX_KID_BYTES`] bytes of name, and of the bytes that the caller has drawn and keeps sealed:
    ///
    /// | algorithm | bytes | from aws-lc-rs |
    /// |---|---|---|
    /// | `Hs256` | [`MIN_SECRET_BYTES`] or more, random | `rand::fill` |
    /// | `EdDsa` | PKCS#8 (RFC 8410 §7), version 1 | `Ed25519KeyPair::generate_pkcs8v1` |
    /// | `Rs256` | PKCS#8 (RFC 8017 §A.1), 2048 to 8192 bits | `rsa::KeyPair::generate`, of that `as_der` |
    ///
    /// The public key is derived here, so that a key which does not fit together is refused. That is the work of
    /// jsonwebtoken's backend, without which this panics; a key of HS256 needs none.
    pub fn new(algorithm: Algorithm, kid: impl Into<String>, secret: &[u8], state: KeyState) -> Result<Self, KeyError> {
        let kid = kid.into();
        if kid.is_empty() || kid.len() > MAX_KID_BYTES {
            return Err(KeyError::KidLength);
        }
        let (encoding, decoding, public) = match algorithm {
            Algorithm::Hs256 if secret.len() < MIN_SECRET_BYTES => return Err(KeyError::ShortSecret),
            Algorithm::Hs256 => (EncodingKey::from_secret(secret), DecodingKey::from_secret(secret), None),
            Algorithm::EdDsa | Algorithm::Rs256 => {
                let (encoding, mut public) = key_pair(algorithm, secret).ok_or(KeyError::NotPkcs8)?;
                let decoding = DecodingKey::from_jwk(&public).map_err(|_| KeyError::NotPkcs8)?;
                public.common.public_key_use = Some(PublicKeyUse::Signature);
                public.common.key_id = Some(kid.clone());
                (encoding, decoding, Some(public))
            }
        };
        let mut header = Header::new(algorithm.of_jws());
        header.kid = Some(kid);
        // Optional (RFC 7515 §4.1.9), and without it a token begins as the document shows: `eyJhbGciOiJIUzI1Ni…`.
        header.typ = None;
        Ok(Self { algorithm, state, header, encoding, decoding, public })
    }

    /// [`Key::new`] with [`Algorithm::Hs256`].
    pub fn hs256(kid: impl Into<String>, secret: &[u8], state: KeyState) -> Result<Self, KeyError> {
        Self::new(Algorithm::Hs256, kid, secret, state)
    }

    /// The key's name.
    pub fn kid(&self) -> &str {
        self.header.kid.as_deref().unwrap_or_default()
    }

    /// What it signs with.
    pub fn algorithm(&self) -> Algorithm {
        self.algorithm
    }

    /// Where it stands in its rotation.
    pub fn state(&self) -> KeyState {
        self.state
    }
}

impl fmt::Debug for Key {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("Key")
            .field("kid", &self.kid())
            .field("algorithm", &self.algorithm)
            .field("state", &self.state)
            .finish_non_exhaustive()
    }
}

/// The private key as the backends want it, and the public one that belongs to it.
fn key_pair(algorithm: Algorithm, pkcs8: &[u8]) -> Option<(EncodingKey, Jwk)> {
    let encoding = match algorithm {
        Algorithm::Rs256 => EncodingKey::from_rsa_der(rsa_private_key(pkcs8)?),
        _ => EncodingKey::from_ed_der(pkcs8),
    };
    let public = Jwk::from_encoding_key(&encoding, algorithm.of_jws()).ok()?;
    match &public.algorithm {
        AlgorithmParameters::RSA(parameters) if !RSA_BITS.contains(&bits(&parameters.n)?) => None,
        _ => Some((encoding, public)),
    }
}

/// How many bits a number has that is written as base64url of its bytes.
fn bits(number: &str) -> Option<usize> {
    let bytes = URL_SAFE_NO_PAD.decode(number).ok()?;
    let significant = bytes.iter().position(|byte| *byte != 0).and_then(|at| bytes.get(at..))?;
    let zeros = usize::try_from(significant.first()?.leading_zeros()).ok()?;
    significant.len().checked_mul(8)?.checked_sub(zeros)
}

/// The `RSAPrivateKey` within PKCS#8 (RFC 5208 §5), which is what the backends take. From 2048 bits on every length
/// takes two bytes, so that nothing in front of it varies but them.
fn rsa_private_key(pkcs8: &[u8]) -> Option<&[u8]> {
    const SEQUENCE: [u8; 2] = [0x30, 0x82];
    const OCTET_STRING: [u8; 2] = [0x04, 0x82];
    /// `version` 0, then `rsaEncryption` (1.2.840.113549.1.1.1) with NULL.
    const RSA: [u8; 18] =
        [0x02, 0x01, 0x00, 0x30, 0x0d, 0x06, 0x09, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01, 0x01, 0x05, 0x00];
    all_of(all_of(pkcs8, SEQUENCE)?.strip_prefix(&RSA)?, OCTET_STRING)
}

/// The content of a DER element with this tag and a length of two bytes, behind which nothing follows.
fn all_of(der: &[u8], tag: [u8; 2]) -> Option<&[u8]> {
    let (length, content) = der.strip_prefix(&tag)?.split_first_chunk()?;
    (content.len() == usize::from(u16::from_be_bytes(*length))).then_some(content)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bits_are_counted_from_the_first_that_is_set() {
        for (number, expected) in [("", None), ("AA", None), ("AQ", Some(1)), ("gA", Some(8)), ("AQAB", Some(17))] {
            assert_eq!(bits(number), expected, "{number:?}");
        }
        assert_eq!(bits(&URL_SAFE_NO_PAD.encode([0xff; 257])), Some(2056));
        assert_eq!(bits(&URL_SAFE_NO_PAD.encode([[0; 9], [0x7f; 9]].concat())), Some(71), "zeros in front");
    }
}
