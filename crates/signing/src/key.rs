//! The key and the MAC that every scheme of this crate stands on: HMAC-SHA256 (RFC 2104, FIPS 180-4).

use core::fmt;

use hmac::{Hmac, KeyInit, Mac as _, digest::Key};
use sha2::{Digest, Sha256};
use subtle::{Choice, ConstantTimeEq};

type HmacSha256 = Hmac<Sha256>;

/// A secret, as the keyed state of HMAC-SHA256.
///
/// The state is as good as the secret: it has no `Display` and no `Serialize`, its `Debug` prints the type's name,
/// and it is wiped when dropped.
#[derive(Clone)]
pub struct SigningKey {
    keyed: HmacSha256,
    /// False for the decoy, which computes and never authenticates.
    authentic: bool,
}

impl SigningKey {
    /// The key of a secret of any length; a text secret is its UTF-8 bytes.
    pub fn new(secret: &[u8]) -> Self {
        // RFC 2104 §2: a key longer than a block is hashed, a shorter one is padded with zeros. Done here because
        // the slice constructor returns an error that cannot happen.
        let mut block = Key::<HmacSha256>::default();
        if secret.len() <= block.len() {
            block.iter_mut().zip(secret).for_each(|(to, from)| *to = *from);
        } else {
            block.iter_mut().zip(Sha256::digest(secret)).for_each(|(to, from)| *to = from);
        }
        Self { keyed: HmacSha256::new(&block), authentic: true }
    }

    /// A key nobody has: it does the work of any other key and authenticates nothing.
    ///
    /// Checking a request of an unknown API key against it makes the refusal cost what a known key's costs.
    pub fn decoy() -> Self {
        Self { authentic: false, ..Self::new(b"") }
    }

    /// The MAC of a message, which is given in parts and authenticated as their concatenation.
    pub fn mac(&self, message: &[&[u8]]) -> Mac {
        let mut state = self.keyed.clone();
        for part in message {
            state.update(part);
        }
        Mac(state.finalize().into_bytes().into())
    }

    /// Whether `claimed` is the MAC of the message under this key, in a time that does not depend on where they
    /// differ. Always false for the decoy.
    pub fn authenticates(&self, message: &[&[u8]], claimed: &Mac) -> bool {
        let equal = self.mac(message).0.ct_eq(&claimed.0);
        (equal & Choice::from(u8::from(self.authentic))).into()
    }
}

impl fmt::Debug for SigningKey {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("SigningKey")
    }
}

/// An HMAC-SHA256 value.
///
/// `Eq`, `Ord` and `Hash` make it a key of maps and tables; they do not run in constant time, and authenticating is
/// [`SigningKey::authenticates`]'s work.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Mac([u8; 32]);

impl Mac {
    /// A MAC that was stored or received.
    pub const fn from_bytes(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    /// Its 32 bytes.
    pub const fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }
}

impl fmt::Debug for Mac {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write_prefix(formatter, "Mac", &self.0)
    }
}

/// `Name(0123abcd…)`: enough to tell two values apart in a log, too little to send one again.
pub(crate) fn write_prefix(formatter: &mut fmt::Formatter<'_>, name: &str, bytes: &[u8; 32]) -> fmt::Result {
    let [a, b, c, d, ..] = bytes;
    write!(formatter, "{name}({a:02x}{b:02x}{c:02x}{d:02x}…)")
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::format;

    #[test]
    fn a_decoy_authenticates_nothing_not_even_its_own_mac() {
        let decoy = SigningKey::decoy();
        assert!(!decoy.authenticates(&[b"m"], &decoy.mac(&[b"m"])));
        assert!(!decoy.authenticates(&[b"m"], &SigningKey::new(b"").mac(&[b"m"])));
        assert!(!decoy.clone().authenticates(&[b"m"], &decoy.mac(&[b"m"])));
    }

    #[test]
    fn parts_are_authenticated_as_their_concatenation() {
        let key = SigningKey::new(b"key");
        assert_eq!(key.mac(&[b"ab", b"", b"c"]), key.mac(&[b"abc"]));
        assert_ne!(key.mac(&[b"ab", b"c"]), key.mac(&[b"ab"]));
    }

    #[test]
    fn debug_shows_no_secret() {
        assert_eq!(format!("{:?}", SigningKey::new(b"osk_secret")), "SigningKey");
        assert_eq!(format!("{:?}", Mac::from_bytes([0xab; 32])), "Mac(abababab…)");
    }
}
