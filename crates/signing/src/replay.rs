//! Whether a verified request was seen before (the contract, "Signed requests").
//!
//! A signature of `v1` or `oasis` covers neither method nor path and has no nonce. So the first verified sight of a
//! MAC binds it to its [`Target`]; any other target is refused. The same request of the same subject again is the same
//! request: if it had an effect, its outcome is told once more, else it is evaluated anew. Only the *verified* user
//! tells equal bytes apart.
//!
//! [`recognise`] decides; a [`ReplayGuard`] remembers, in the transaction that stores the effect.

use alloc::vec::Vec;
use core::fmt;

use sha2::{Digest, Sha256};
use uuid::Uuid;

use crate::{Mac, key::write_prefix};

#[cfg(any(test, feature = "contract"))]
pub mod contract;
mod memory;

pub use memory::Memory;

/// What a request is addressed to: the SHA-256 of `METHOD path?query`.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Target([u8; 32]);

impl Target {
    /// The target of a request. `method` as HTTP has it (it is case-sensitive), `path_and_query` exactly as received.
    pub fn new(method: &str, path_and_query: &str) -> Self {
        let digest = Sha256::new()
            .chain_update(method.as_bytes())
            .chain_update(b" ")
            .chain_update(path_and_query.as_bytes())
            .finalize();
        Self(digest.into())
    }

    /// A target that was stored.
    pub const fn from_bytes(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    /// Its 32 bytes.
    pub const fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }
}

impl fmt::Debug for Target {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write_prefix(formatter, "Target", &self.0)
    }
}

/// A verified state-changing request, as the guard sees it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sight {
    /// The app that signed it.
    pub app_id: i64,
    /// Its signed timestamp, Unix seconds.
    pub timestamp_s: i64,
    /// Its MAC.
    pub mac: Mac,
    /// The verified user, where the endpoint takes a token; `None` where it takes none, whatever the request carries.
    pub subject: Option<Uuid>,
    /// What it is addressed to.
    pub target: Target,
}

impl Sight {
    /// What is recorded of this sight. `ordinal` is [`Recognition::First`]'s; `first_seen_us` is now, in Unix
    /// microseconds.
    pub fn sighting(&self, ordinal: i64, first_seen_us: i64, outcome: Option<Vec<u8>>) -> Sighting {
        Sighting { ordinal, subject: self.subject, target: self.target, first_seen_us, outcome }
    }
}

/// What was recorded of one MAC of one app and second. The first binds the target; each further one is another
/// subject.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sighting {
    /// Counts the sightings of a MAC, from 0.
    pub ordinal: i64,
    /// The verified user, if the endpoint takes a token.
    pub subject: Option<Uuid>,
    /// What the request was addressed to; the same in every sighting of a MAC.
    pub target: Target,
    /// When it was first seen, Unix microseconds.
    pub first_seen_us: i64,
    /// What the caller needs to tell the outcome of the effect once more; `None`: there was no effect.
    pub outcome: Option<Vec<u8>>,
}

/// What a request is, given what was seen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Recognition<'a> {
    /// Not seen before by this subject.
    First {
        /// The ordinal to record it with.
        ordinal: i64,
    },
    /// Seen before, and it had no effect: it is evaluated anew.
    Again {
        /// What was recorded; with its outcome set, it is what to record.
        sighting: &'a Sighting,
    },
    /// Seen before, and it had an effect, whose outcome is told once more.
    Done {
        /// What was recorded.
        sighting: &'a Sighting,
        /// Its outcome.
        outcome: &'a [u8],
    },
    /// The MAC is bound to another target: refused, whoever sends it.
    Elsewhere,
}

/// Recognises a request among the sightings of its app, second and MAC.
pub fn recognise<'a>(sight: &Sight, seen: &'a [Sighting]) -> Recognition<'a> {
    if seen.iter().any(|sighting| sighting.target != sight.target) {
        return Recognition::Elsewhere;
    }
    match seen.iter().find(|sighting| sighting.subject == sight.subject) {
        Some(sighting) => match &sighting.outcome {
            Some(outcome) => Recognition::Done { sighting, outcome },
            None => Recognition::Again { sighting },
        },
        None => Recognition::First { ordinal: next_ordinal(seen) },
    }
}

/// The timestamp before which sightings may be forgotten: they are kept for twice the window, so that clocks of
/// several instances may disagree by as much as the window.
pub const fn forget_before_s(now_s: i64, window_s: i64) -> i64 {
    now_s.saturating_sub(window_s.saturating_mul(2))
}

/// The memory of verified requests. One value is one open transaction of one tenant: what it records is kept if and
/// only if the transaction commits, together with the effect of the request.
///
/// A false answer costs money: a sighting that is forgotten or not found lets a captured request charge a second
/// time; one that is made up refuses an honest request, or answers it with another's outcome.
pub trait ReplayGuard {
    /// What can go wrong in the store.
    type Error;

    /// All sightings of this MAC with this app and timestamp, by ordinal, from 0 without gaps. Includes those that
    /// this transaction recorded, and none of another app, timestamp or tenant.
    ///
    /// From here until the commit no other transaction may record a sighting of the same MAC: it waits, or one of
    /// the two fails and is retried whole.
    fn sightings(&mut self, app_id: i64, timestamp_s: i64, mac: &Mac) -> Result<Vec<Sighting>, Self::Error>;

    /// Records a sighting under the app, timestamp and MAC of `sight`. A new ordinal is inserted; of a known one the
    /// outcome is set and all else is left as it is, whatever `sighting` says. Callers record what [`recognise`] calls
    /// first or again: a subject has one ordinal, and an outcome is set once.
    fn record(&mut self, sight: &Sight, sighting: &Sighting) -> Result<(), Self::Error>;

    /// The first timestamp (Unix seconds) from which on nothing was ever forgotten; `i64::MIN` while nothing was. A
    /// request with a smaller one may have been seen before, whatever [`sightings`](Self::sightings) says: it is
    /// refused, though a window that was widened since, or a clock that was set back, would let it in.
    fn remembers_from_s(&mut self) -> Result<i64, Self::Error>;

    /// Drops the sightings whose timestamp (Unix seconds) is smaller than `before_timestamp_s`, of every app, and
    /// says how many they were. See [`forget_before_s`].
    fn forget(&mut self, before_timestamp_s: i64) -> Result<u64, Self::Error>;
}

fn next_ordinal(seen: &[Sighting]) -> i64 {
    seen.iter().map(|sighting| sighting.ordinal.saturating_add(1)).max().unwrap_or(0)
}
