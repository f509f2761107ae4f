//! A server as its client sees it, and the requests that the client signs.

use std::io::Write as _;
use std::net::SocketAddr;
use std::time::{SystemTime, UNIX_EPOCH};

use osaycore_signing::{SigningKey, v1};

use crate::load::Requests;

/// What a deduction of the benchmark takes: so little that no balance ends before the run.
pub(crate) const DEDUCTION: &str = "0.01";

/// An address, an app's keys and the tokens of its users.
#[derive(Clone, Debug)]
pub(crate) struct Target {
    pub(crate) address: SocketAddr,
    pub(crate) api_key: String,
    pub(crate) key: SigningKey,
    pub(crate) tokens: Vec<String>,
}

impl Target {
    /// One deduction each under the numbers of `references`, spread over the first `users` users.
    pub(crate) fn deductions(&self, users: usize, references: std::ops::Range<u64>) -> Requests {
        let mut requests = Requests::default();
        let timestamp_s = now_s();
        let users = self.tokens.get(..users).unwrap_or(&self.tokens);
        for (reference, token) in references.zip(users.iter().cycle()) {
            let body = deduction_body(reference);
            requests.push(|bytes| {
                self.write(bytes, "POST", "/api/action/deduct-credits", Some(token), timestamp_s, &body);
            });
        }
        requests
    }

    /// Each user's context once.
    pub(crate) fn contexts(&self) -> Requests {
        let mut requests = Requests::default();
        let timestamp_s = now_s();
        for token in &self.tokens {
            requests.push(|bytes| self.write(bytes, "GET", "/api/user/context", Some(token), timestamp_s, ""));
        }
        requests
    }

    /// Requests of the app itself, one for each body.
    pub(crate) fn posts(&self, path: &str, bodies: impl IntoIterator<Item = String>) -> Requests {
        let mut requests = Requests::default();
        let timestamp_s = now_s();
        for body in bodies {
            requests.push(|bytes| self.write(bytes, "POST", path, None, timestamp_s, &body));
        }
        requests
    }

    fn write(&self, to: &mut Vec<u8>, method: &str, path: &str, token: Option<&str>, timestamp_s: i64, body: &str) {
        let signature = v1::sign(&self.key, timestamp_s, body.as_bytes());
        let Self { address, api_key, .. } = self;
        // Writing to memory does not fail.
        let _ = write!(
            to,
            "{method} {path} HTTP/1.1\r\nHost: {address}\r\nX-OSAYCORE-API-KEY: {api_key}\r\n\
             X-OSAYCORE-TIMESTAMP: {timestamp_s}\r\nX-OSAYCORE-SIGNATURE: {signature}\r\n"
        );
        if let Some(token) = token {
            let _ = write!(to, "Authorization: Bearer {token}\r\n");
        }
        let _ = match body {
            "" => write!(to, "\r\n"),
            _ => write!(to, "Content-Type: application/json\r\nContent-Length: {}\r\n\r\n{body}", body.len()),
        };
    }
}

/// The body of the deduction with this number. Its reference looks like a random UUID, as those of real clients do,
/// and is never twice the same.
pub(crate) fn deduction_body(number: u64) -> String {
    format!(
        r#"{{"amount": {DEDUCTION}, "description": "One unit of work", "client_reference_id": "{}"}}"#,
        reference(number)
    )
}

/// Different for different numbers, and in no order: `scatter` is a bijection.
pub(crate) fn reference(number: u64) -> uuid::Uuid {
    uuid::Uuid::from_u64_pair(scatter(number), number)
}

/// The finalizer of `SplitMix64`: invertible, every input bit moves every output bit.
fn scatter(number: u64) -> u64 {
    let mixed = (number ^ (number >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    mixed ^ (mixed >> 31)
}

/// Whole seconds since the Unix epoch.
pub(crate) fn now_s() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_secs()).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_is_signed_over_its_own_body() {
        let key = SigningKey::new(b"secret");
        let address = SocketAddr::from(([127, 0, 0, 1], 80));
        let target = Target { address, api_key: "k".to_owned(), key: key.clone(), tokens: vec![] };
        let mut bytes = Vec::new();
        target.write(&mut bytes, "POST", "/p", Some("t"), 1_700_000_000, "{}");
        let signature = v1::sign(&key, 1_700_000_000, b"{}");
        assert_eq!(
            String::from_utf8(bytes).unwrap(),
            format!(
                "POST /p HTTP/1.1\r\nHost: 127.0.0.1:80\r\nX-OSAYCORE-API-KEY: k\r\n\
                 X-OSAYCORE-TIMESTAMP: 1700000000\r\nX-OSAYCORE-SIGNATURE: {signature}\r\n\
                 Authorization: Bearer t\r\nContent-Type: application/json\r\nContent-Length: 2\r\n\r\n{{}}"
            )
        );
    }

    #[test]
    fn references_differ_and_are_in_no_order() {
        let references: Vec<_> = (0..1_000).map(reference).collect();
        let distinct: std::collections::BTreeSet<_> = references.iter().collect();
        assert_eq!(distinct.len(), references.len());
        assert!(!references.is_sorted());
    }
}
