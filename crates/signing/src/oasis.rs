//! OASIS's signatures (the contract of its API, "Signed requests" and "Signed responses"): Base64 HMAC-SHA256.
//!
//! A request's message is `{app id}:{epoch}:{application key}:{content}`, with `:{ip}` behind it if `X-OASIS-IP` is
//! sent, keyed with the account's API key. A response's is `{data1}:{data2}:{random token}:{signed time}`, keyed with
//! the application key.
//!
//! Neither message keeps its parts apart: `{…}` from 192.0.2.1 has the MAC of `{…}:192.0.2.1` from nobody, `a:b` and
//! `c` that of `a` and `b:c`. So callers take no content but JSON or none at all, and sign no data with a colon in it.

use alloc::{
    boxed::Box,
    format,
    string::{String, ToString},
    vec,
    vec::Vec,
};
use core::{fmt, net::IpAddr};

use base64::{Engine, engine::general_purpose::STANDARD};
use zeroize::Zeroizing;

use crate::{Mac, SigningKey, timestamp};

pub use crate::timestamp::WINDOW_S;

/// The length of the application keys that we give out. An unknown app's is as long, as hashing it takes as long then.
const DECOY_LENGTH: usize = 72;

/// What requests to an app are verified with.
#[derive(Clone, Debug)]
pub struct Keys {
    /// The API key of the app's account, which keys the requests' MACs.
    pub api_key: SigningKey,
    /// The app's application keys, of which a request names one in its message. An app has several while it rotates.
    pub application_keys: Vec<ApplicationKey>,
}

impl Keys {
    /// The keys of an app that nobody has: verifying against them costs what one application key costs, and refuses.
    pub fn decoy() -> Self {
        Self { api_key: SigningKey::decoy(), application_keys: vec![ApplicationKey::new(&[b'0'; DECOY_LENGTH], None)] }
    }
}

/// An application key: as text a part of the requests' messages, and the key of the responses.
///
/// It has no `Display` and no `Serialize`, its `Debug` prints the type's name, and it is wiped when dropped.
#[derive(Clone)]
pub struct ApplicationKey {
    text: Zeroizing<Box<[u8]>>,
    signing_key: SigningKey,
    /// The Unix second from which it is good no more; `None`: it does not expire.
    pub expires_at_s: Option<i64>,
}

impl ApplicationKey {
    /// The application key of a text, as its UTF-8 bytes.
    pub fn new(text: &[u8], expires_at_s: Option<i64>) -> Self {
        Self { text: Zeroizing::new(text.into()), signing_key: SigningKey::new(text), expires_at_s }
    }

    /// What the responses are signed with ([`sign_response`]): the key that the request named.
    pub fn signing_key(&self) -> &SigningKey {
        &self.signing_key
    }
}

impl fmt::Debug for ApplicationKey {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("ApplicationKey")
    }
}

/// What a request says of itself: the text of its headers, exactly as received.
#[derive(Clone, Copy, Debug)]
pub struct Headers<'a> {
    /// `X-OASIS-APPID`.
    pub app_id: &'a str,
    /// `X-OASIS-EPOCH`.
    pub epoch: &'a str,
    /// `X-OASIS-REQSECRET`.
    pub request_secret: &'a str,
    /// `X-OASIS-IP`; `None`: not sent, which is another message than an empty one.
    pub ip: Option<&'a str>,
}

/// The number of an app, 1 ..= [`i64::MAX`] in plain decimal: no sign, no leading zero, nothing around it.
pub fn parse_app_id(text: &str) -> Option<i64> {
    // What follows a digit can be no sign.
    if text.starts_with(|first| matches!(first, '1'..='9')) { text.parse().ok() } else { None }
}

/// A request whose signature is right.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Verified {
    /// The MAC, which the replay guard knows the request by.
    pub mac: Mac,
    /// The signed epoch, Unix seconds.
    pub timestamp_s: i64,
    /// Which of the given application keys it named.
    pub key_index: usize,
    /// The end user's address, if it was sent.
    pub ip: Option<IpAddr>,
}

/// Why a request is refused, in the order of the checks. All five are the caller's fault (401).
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Refusal {
    /// The app id is none ([`parse_app_id`]).
    #[error("the app id is not a number")]
    InvalidAppId,
    /// The epoch is not `^[1-9][0-9]{0,11}$`.
    #[error("the epoch is not a number of Unix seconds")]
    InvalidTimestamp,
    /// The epoch lies outside of the window.
    #[error("the epoch lies outside of the window")]
    TimestampOutOfWindow,
    /// The IP header is there and is no IPv4 or IPv6 address. A port, brackets, a prefix length or a zone
    /// (`fe80::1%eth0`) make it none.
    #[error("the IP header is not an address")]
    InvalidAddress,
    /// The signature is not the Base64 of 32 bytes, or not that of this request by the API key and an active
    /// application key.
    #[error("the signature is not one of this request by these keys")]
    InvalidSignature,
}

/// Verifies a request to the app whose keys are given: [`Keys::decoy`] where no app has the id.
///
/// `content` is the raw body of a POST, and empty for GET and DELETE, whatever body those have. Every application key
/// that is active at `now_s` (Unix seconds) is tried, and none less because another one matched. The window is
/// `window_s` whole seconds to either side of `now_s`, inclusive; a negative one accepts nothing.
///
/// Of the Base64 spellings of a MAC only the one that encoders write is accepted: with its padding, its unused bits
/// zero, in the standard alphabet, without white space.
pub fn verify(
    keys: &Keys,
    headers: &Headers<'_>,
    content: &[u8],
    window_s: i64,
    now_s: i64,
) -> Result<Verified, Refusal> {
    parse_app_id(headers.app_id).ok_or(Refusal::InvalidAppId)?;
    let (timestamp_s, epoch) = timestamp::parse(headers.epoch, b':').ok_or(Refusal::InvalidTimestamp)?;
    if !timestamp::in_window(timestamp_s, window_s, now_s) {
        return Err(Refusal::TimestampOutOfWindow);
    }
    let ip = headers.ip.map(str::parse).transpose().map_err(|_| Refusal::InvalidAddress)?;
    let mac = parse_mac(headers.request_secret).ok_or(Refusal::InvalidSignature)?;
    let names = |key: &ApplicationKey| {
        let message = request_message(headers.app_id, epoch.bytes(), &key.text, content, headers.ip);
        keys.api_key.authenticates(&message, &mac)
    };
    keys.application_keys
        .iter()
        .enumerate()
        .filter(|(_, key)| timestamp::is_active(key.expires_at_s, now_s))
        .fold(None, |found, (index, key)| if names(key) { Some(index) } else { found })
        .map(|key_index| Verified { mac, timestamp_s, key_index, ip })
        .ok_or(Refusal::InvalidSignature)
}

/// The signature of a request, as a client makes it: Base64.
///
/// `epoch_s` is in Unix seconds, `ip` the text of `X-OASIS-IP` if that is sent, `content` as for [`verify`]. An app id
/// below 1 and an epoch outside of 1 ..= 999,999,999,999 make a signature that is never accepted.
pub fn sign_request(
    api_key: &SigningKey,
    application_key: &[u8],
    app_id: i64,
    epoch_s: i64,
    content: &[u8],
    ip: Option<&str>,
) -> String {
    let (app_id, epoch) = (app_id.to_string(), format!("{epoch_s}:"));
    let message = request_message(&app_id, epoch.as_bytes(), application_key, content, ip);
    STANDARD.encode(api_key.mac(&message).as_bytes())
}

/// The signature of a response: Base64. `key` is that of the application key which the request named.
///
/// What `data1` and `data2` are depends on the response; neither may contain a colon. `random_token` has at least 128
/// random bits, and `signed_time_s` is in Unix seconds; both are sent beside the signature.
pub fn sign_response(key: &SigningKey, data1: &str, data2: &str, random_token: &str, signed_time_s: i64) -> String {
    let message = format!("{data1}:{data2}:{random_token}:{signed_time_s}");
    STANDARD.encode(key.mac(&[message.as_bytes()]).as_bytes())
}

/// `epoch` has its colon.
fn request_message<'a>(
    app_id: &'a str,
    epoch: &'a [u8],
    application_key: &'a [u8],
    content: &'a [u8],
    ip: Option<&'a str>,
) -> [&'a [u8]; 8] {
    let (colon, ip): (&[u8], _) = ip.map_or((b"", ""), |ip| (b":", ip));
    [app_id.as_bytes(), b":", epoch, application_key, b":", content, colon, ip.as_bytes()]
}

fn parse_mac(text: &str) -> Option<Mac> {
    let mut bytes = [0; 32];
    let length = STANDARD.decode_slice(text, &mut bytes).ok()?;
    (length == bytes.len()).then_some(Mac::from_bytes(bytes))
}
