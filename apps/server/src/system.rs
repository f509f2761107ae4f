//! The only real clock and the only real randomness; everything below takes them as arguments.

use std::time::{Instant, SystemTime, UNIX_EPOCH};

use aws_lc_rs::encoding::{AsDer as _, Pkcs8V1Der};
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::rsa::{KeyPair, KeySize};
use aws_lc_rs::signature::Ed25519KeyPair;
use osaycore_jwt::Algorithm;
use uuid::Uuid;
use zeroize::Zeroizing;

/// Microseconds since the Unix epoch, UTC.
#[expect(clippy::disallowed_methods, reason = "the one place that reads the wall clock")]
pub(crate) fn now_us() -> i64 {
    let elapsed = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(elapsed.as_micros()).unwrap_or(i64::MAX)
}

/// Whole seconds since the Unix epoch, UTC.
pub(crate) fn now_s() -> i64 {
    now_us().div_euclid(1_000_000)
}

/// For durations only.
#[expect(clippy::disallowed_methods, reason = "the one place that reads the monotonic clock")]
pub(crate) fn monotonic() -> Instant {
    Instant::now()
}

/// Bytes from the operating system's generator. A system without one cannot serve: the process ends.
#[expect(clippy::disallowed_methods, reason = "the one place that draws randomness")]
pub(crate) fn random<const N: usize>() -> [u8; N] {
    let mut bytes = [0; N];
    if let Err(error) = getrandom::fill(&mut bytes) {
        tracing::error!(%error, "the operating system gives no random bytes");
        std::process::abort();
    }
    bytes
}

/// A random UUID (RFC 9562 version 4): users, apps, tokens.
pub(crate) fn uuid() -> Uuid {
    uuid::Builder::from_random_bytes(random()).into_uuid()
}

/// A UUID that sorts by time (version 7): what is inserted often, so that its index grows at one end.
pub(crate) fn ordered_uuid(now_us: i64) -> Uuid {
    let millis = u64::try_from(now_us.div_euclid(1000)).unwrap_or(0);
    uuid::Builder::from_unix_timestamp_millis(millis, &random()).into_uuid()
}

/// What a token key of this algorithm is made of: 32 bytes, or a key pair as PKCS#8. None if none could be made.
pub(crate) fn token_key(algorithm: Algorithm) -> Option<Zeroizing<Vec<u8>>> {
    let bytes = match algorithm {
        Algorithm::Hs256 => random::<32>().to_vec(),
        Algorithm::EdDsa => Ed25519KeyPair::generate_pkcs8v1(&SystemRandom::new()).ok()?.as_ref().to_vec(),
        Algorithm::Rs256 => {
            let der: Pkcs8V1Der<'_> = KeyPair::generate(KeySize::Rsa2048).ok()?.as_der().ok()?;
            der.as_ref().to_vec()
        }
    };
    Some(Zeroizing::new(bytes))
}

/// A key for outside use: `prefix` and 256 random bits in hexadecimal.
pub(crate) fn credential(prefix: &str) -> String {
    format!("{prefix}{}", hex::encode(random::<32>()))
}
