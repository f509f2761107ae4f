//! Version 1 of the API's own signature (the contract, "Signed requests"): hex HMAC-SHA256 over `{timestamp}.{body}`,
//! keyed with the app's secret as UTF-8 bytes.

use alloc::string::{String, ToString};

use crate::{Mac, SigningKey};

/// How many whole seconds a timestamp may lie to either side of the server's clock, inclusive; the default.
pub const WINDOW_S: i64 = 300;

/// The most digits that a timestamp has.
const TIMESTAMP_DIGITS: usize = 12;

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

    fn is_active(&self, now_s: i64) -> bool {
        self.expires_at_s.is_none_or(|expires_at_s| now_s < expires_at_s)
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
    let (timestamp_s, head) = parse_timestamp(request.timestamp).ok_or(Refusal::InvalidTimestamp)?;
    let age_s = now_s.saturating_sub(timestamp_s);
    if age_s > window_s || age_s < window_s.saturating_neg() {
        return Err(Refusal::TimestampOutOfWindow);
    }
    let mac = parse_signature(request.signature).ok_or(Refusal::InvalidSignature)?;
    let message = [head.bytes(), body];
    let signed_by = |secret: &Secret| secret.key.authenticates(&message, &mac);
    secrets
        .iter()
        .enumerate()
        .filter(|(_, secret)| secret.is_active(now_s))
        .fold(None, |found, (index, secret)| if signed_by(secret) { Some(index) } else { found })
        .map(|secret_index| Verified { mac, timestamp_s, secret_index })
        .ok_or(Refusal::InvalidSignature)
}

/// `{timestamp}.` as it was signed: the header's own text, not the number printed again.
struct Head {
    bytes: [u8; TIMESTAMP_DIGITS + 1],
    length: usize,
}

impl Head {
    fn bytes(&self) -> &[u8] {
        self.bytes.get(..self.length).unwrap_or_default()
    }
}

/// `^[1-9][0-9]{0,11}$`
fn parse_timestamp(text: &str) -> Option<(i64, Head)> {
    let mut head = Head { bytes: [b'.'; TIMESTAMP_DIGITS + 1], length: text.len().checked_add(1)? };
    let plain = (1..=TIMESTAMP_DIGITS).contains(&text.len()) && !text.starts_with('0');
    let mut timestamp_s: i64 = 0;
    for (to, byte) in head.bytes.iter_mut().zip(text.bytes()).filter(|_| plain) {
        let digit = byte.checked_sub(b'0').filter(|digit| *digit < 10)?;
        timestamp_s = timestamp_s.checked_mul(10)?.checked_add(digit.into())?;
        *to = byte;
    }
    plain.then_some((timestamp_s, head))
}

fn parse_signature(text: &str) -> Option<Mac> {
    let mut bytes = [0; 32];
    // Two digits a byte, so none is left for a prefix.
    let digits = Some(text).filter(|text| text.len() == 2 * bytes.len())?;
    hex::decode_to_slice(digits, &mut bytes).ok()?;
    Some(Mac::from_bytes(bytes))
}
