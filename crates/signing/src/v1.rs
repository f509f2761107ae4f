//! Version 1 of the API's own signature (the contract, "Signed requests"): hex HMAC-SHA256 over `{timestamp}.{body}`,
//! keyed with the app's secret as UTF-8 bytes.

use alloc::string::{String, ToString};

use crate::{Mac, SigningKey, timestamp};

pub use crate::timestamp::WINDOW_S;

/// The signature of a body: 64 lower-case hex digits.
///
/// `timestamp_s` is in Unix seconds; one outside of 1 ..= 999,999,999,999 makes a signature that is never accepted.
pub fn sign(key: &SigningKey, timestamp_s: i64, body: &[u8]) -> String {
    let timestamp = timestamp_s.to_string();
    hex::encode(key.mac(&[timestamp.as_bytes(), b".", body]).as_bytes())
}

/// What a request says of itself: the text of its two headers, exactly as received.
#[derive(Clone, Copy, Debug)]
pub struct Signature<'a> {
    /// `X-OSAYCORE-TIMESTAMP`.
    pub timestamp: &'a str,
    /// `X-OSAYCORE-SIGNATURE`.
    pub signature: &'a str,
}

/// One of an app's secrets. An app has several while it rotates.
#[derive(Clone, Debug)]
pub struct Secret {
    /// The secret's key.
    pub key: SigningKey,
    /// The Unix second from which it is good no more; `None`: it does not expire.
    pub expires_at_s: Option<i64>,
}

impl Secret {
    /// The only secret of an API key that nobody has: verifying against it costs the same and refuses.
    pub fn decoy() -> Self {
        Self { key: SigningKey::decoy(), expires_at_s: None }
    }
}

/// A request whose signature is right.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Verified {
    /// The MAC, which the replay guard knows the request by; the spelling of the header does not matter to it.
    pub mac: Mac,
    /// The signed timestamp, Unix seconds.
    pub timestamp_s: i64,
    /// Which of the given secrets signed it.
    pub secret_index: usize,
}

/// Why a signature is refused, in the order of the checks. All three are the caller's fault (401).
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Refusal {
    /// The timestamp is not `^[1-9][0-9]{0,11}$`.
    #[error("the timestamp is not a number of Unix seconds")]
    InvalidTimestamp,
    /// The timestamp lies outside of the window.
    #[error("the timestamp lies outside of the window")]
    TimestampOutOfWindow,
    /// The signature is not 64 hex digits (of either case), or no active secret made it.
    #[error("the signature is not one of this request by an active secret")]
    InvalidSignature,
}

/// Verifies the signature of a request with the raw bytes of its body.
///
/// Every secret that is active at `now_s` (Unix seconds) is tried, and none less because another one matched. The
/// window is `window_s` whole seconds to either side of `now_s`, inclusive; a negative one accepts nothing.
pub fn verify(
    secrets: &[Secret],
    request: &Signature<'_>,
    body: &[u8],
    window_s: i64,
    now_s: i64,
) -> Result<Verified, Refusal> {
    let (timestamp_s, head) = timestamp::parse(request.timestamp, b'.').ok_or(Refusal::InvalidTimestamp)?;
    if !timestamp::in_window(timestamp_s, window_s, now_s) {
        return Err(Refusal::TimestampOutOfWindow);
    }
    let mac = parse_signature(request.signature).ok_or(Refusal::InvalidSignature)?;
    let message = [head.bytes(), body];
    let signed_by = |secret: &Secret| secret.key.authenticates(&message, &mac);
    secrets
        .iter()
        .enumerate()
        .filter(|(_, secret)| timestamp::is_active(secret.expires_at_s, now_s))
        .fold(None, |found, (index, secret)| if signed_by(secret) { Some(index) } else { found })
        .map(|secret_index| Verified { mac, timestamp_s, secret_index })
        .ok_or(Refusal::InvalidSignature)
}

fn parse_signature(text: &str) -> Option<Mac> {
    let mut bytes = [0; 32];
    // Two digits a byte, so none is left for a prefix.
    let digits = Some(text).filter(|text| text.len() == 2 * bytes.len())?;
    hex::decode_to_slice(digits, &mut bytes).ok()?;
    Some(Mac::from_bytes(bytes))
}
