//! Encryption at rest of the secrets that must be read again.
//!
//! XChaCha20-Poly1305 under the master key; the associated data names table, row and column, so that a sealed
//! value moved elsewhere does not open. Layout: key id (4 bytes) ‖ nonce (24) ‖ ciphertext and tag.

use chacha20poly1305::aead::{Aead, KeyInit, Payload};
use chacha20poly1305::{Key, XChaCha20Poly1305, XNonce};
use sha2::{Digest, Sha256};
use zeroize::Zeroizing;

use crate::system;

const KEY_ID_BYTES: usize = 4;
const NONCE_BYTES: usize = 24;

/// Where a sealed value lives. A value opens only under the place it was sealed for.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Place<'a> {
    pub(crate) table: &'a str,
    pub(crate) row: &'a str,
    pub(crate) column: &'a str,
}

impl Place<'_> {
    fn associated_data(self) -> Vec<u8> {
        format!("{}\n{}\n{}", self.table, self.row, self.column).into_bytes()
    }
}

/// Why a sealed value did not open.
#[derive(Debug, thiserror::Error)]
pub(crate) enum SealingError {
    /// The value names a key that is not among ours.
    #[error("sealed under another master key (id {0}); give the right --master-key-file")]
    UnknownKey(String),
    /// Damaged, or moved from another place.
    #[error("a sealed value in table {0} does not open: damaged, or moved from another row")]
    Damaged(String),
    /// A master key must be 64 hexadecimal digits.
    #[error("a master key is 64 hexadecimal digits")]
    Malformed,
}

/// One master key.
#[derive(Clone)]
pub(crate) struct MasterKey {
    id: [u8; KEY_ID_BYTES],
    bytes: Zeroizing<[u8; 32]>,
}

impl std::fmt::Debug for MasterKey {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str("MasterKey")
    }
}

impl MasterKey {
    /// A new random key.
    pub(crate) fn generate() -> Self {
        Self::new(system::random())
    }

    /// Reads 64 hexadecimal digits.
    pub(crate) fn from_hex(text: &str) -> Result<Self, SealingError> {
        let mut bytes = [0; 32];
        let digits = Some(text.trim()).filter(|text| text.len() == 2 * bytes.len());
        hex::decode_to_slice(digits.unwrap_or_default(), &mut bytes).map_err(|_| SealingError::Malformed)?;
        Ok(Self::new(bytes))
    }

    /// For the key file.
    pub(crate) fn to_hex(&self) -> Zeroizing<String> {
        Zeroizing::new(hex::encode(self.bytes.as_slice()))
    }

    fn new(bytes: [u8; 32]) -> Self {
        let digest = Sha256::digest([b"osaycore master key id".as_slice(), &bytes].concat());
        let mut id = [0; KEY_ID_BYTES];
        id.iter_mut().zip(digest.iter()).for_each(|(to, from)| *to = *from);
        Self { id, bytes: Zeroizing::new(bytes) }
    }

    fn cipher(&self) -> XChaCha20Poly1305 {
        XChaCha20Poly1305::new(&Key::from(*self.bytes))
    }
}

/// Seals under the first key, opens under any: during a rotation there are two.
#[derive(Clone, Debug)]
pub(crate) struct Sealer {
    keys: Vec<MasterKey>,
}

impl Sealer {
    /// `current` seals; `previous` still open.
    pub(crate) fn new(current: MasterKey, previous: Vec<MasterKey>) -> Self {
        let mut keys = vec![current];
        keys.extend(previous);
        Self { keys }
    }

    /// Encrypts `plain` for `place`.
    pub(crate) fn seal(&self, place: Place<'_>, plain: &[u8]) -> Result<Vec<u8>, SealingError> {
        let damaged = || SealingError::Damaged(place.table.to_owned());
        let key = self.keys.first().ok_or_else(damaged)?;
        let nonce: [u8; NONCE_BYTES] = system::random();
        let payload = Payload { msg: plain, aad: &place.associated_data() };
        let sealed = key.cipher().encrypt(&XNonce::from(nonce), payload).map_err(|_| damaged())?;
        Ok([key.id.as_slice(), &nonce, &sealed].concat())
    }

    /// Decrypts what [`Sealer::seal`] made for the same place.
    pub(crate) fn open(&self, place: Place<'_>, sealed: &[u8]) -> Result<Zeroizing<Vec<u8>>, SealingError> {
        let damaged = || SealingError::Damaged(place.table.to_owned());
        let (id, rest) = sealed.split_at_checked(KEY_ID_BYTES).ok_or_else(damaged)?;
        let (nonce, ciphertext) = rest.split_first_chunk::<NONCE_BYTES>().ok_or_else(damaged)?;
        let key = self.keys.iter().find(|key| key.id == id).ok_or_else(|| SealingError::UnknownKey(hex::encode(id)))?;
        let payload = Payload { msg: ciphertext, aad: &place.associated_data() };
        let plain = key.cipher().decrypt(&XNonce::from(*nonce), payload).map_err(|_| damaged())?;
        Ok(Zeroizing::new(plain))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HERE: Place<'_> = Place { table: "app_secrets", row: "1/2", column: "secret" };

    #[test]
    fn a_value_opens_only_in_its_place_under_its_key_and_undamaged() {
        let sealer = Sealer::new(MasterKey::generate(), vec![]);
        let sealed = sealer.seal(HERE, b"secret").unwrap();
        assert_eq!(sealer.open(HERE, &sealed).unwrap().as_slice(), b"secret");
        for elsewhere in
            [Place { table: "tenants", ..HERE }, Place { row: "1/3", ..HERE }, Place { column: "key", ..HERE }]
        {
            assert!(matches!(sealer.open(elsewhere, &sealed), Err(SealingError::Damaged(_))));
        }
        let other = Sealer::new(MasterKey::generate(), vec![]);
        assert!(matches!(other.open(HERE, &sealed), Err(SealingError::UnknownKey(_))));
        for index in 0..sealed.len() {
            let mut damaged = sealed.clone();
            damaged[index] ^= 1;
            assert!(sealer.open(HERE, &damaged).is_err(), "byte {index}");
            assert!(sealer.open(HERE, &sealed[..index]).is_err(), "cut at {index}");
        }
    }

    #[test]
    fn a_rotation_opens_the_old_and_seals_with_the_new() {
        let (old, new) = (MasterKey::generate(), MasterKey::generate());
        let sealed = Sealer::new(old.clone(), vec![]).seal(HERE, b"x").unwrap();
        let rotating = Sealer::new(new.clone(), vec![old]);
        assert_eq!(rotating.open(HERE, &sealed).unwrap().as_slice(), b"x");
        let again = rotating.seal(HERE, b"x").unwrap();
        assert_eq!(Sealer::new(new, vec![]).open(HERE, &again).unwrap().as_slice(), b"x");
    }

    #[test]
    fn equal_values_are_sealed_differently_and_keys_read_back() {
        let key = MasterKey::generate();
        let sealer = Sealer::new(MasterKey::from_hex(&key.to_hex()).unwrap(), vec![]);
        let (one, two) = (sealer.seal(HERE, b"x").unwrap(), sealer.seal(HERE, b"x").unwrap());
        assert_ne!(one, two);
        assert!(Sealer::new(key, vec![]).open(HERE, &one).is_ok());
        assert!(matches!(MasterKey::from_hex("abc"), Err(SealingError::Malformed)));
    }
}
