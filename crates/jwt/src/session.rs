//! Sessions: a user signed in to an app until the session ends, by a chain of refresh tokens (RFC 6749 §1.5).
//!
//! Each refresh token is good once; refreshing replaces it by a successor (rotation, RFC 9700 §4.14.2). Whoever presents
//! one that was replaced is a thief, or its owner after a theft: nobody can tell, so the session ends, and with it the
//! family of its tokens. Except for a short grace, in which the token that was replaced last gives the *same* successor
//! again: the answer was lost on the way, or two tabs asked at once.
//!
//! [`decide`] decides; [`refresh`] loads, decides and keeps. Access tokens stay stateless: they name their session
//! (`sid`), and [`Session::revocation`] ends those of one that has ended.

use std::fmt;

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use sha2::{Digest, Sha256};
use uuid::Uuid;
use zeroize::Zeroizing;

use crate::{MAX_LIFETIME_S, Revocation};

#[cfg(any(test, feature = "contract"))]
pub mod contract;
mod memory;
mod storage;

pub use memory::Memory;
pub use storage::Storage;

/// The grace, unless said otherwise: 10 seconds.
pub const DEFAULT_GRACE_S: i64 = 10;

/// The age at which a session ends, unless said otherwise: 30 days.
pub const DEFAULT_MAX_AGE_S: i64 = 30 * 24 * 60 * 60;

/// A refresh token: 32 random bytes that nobody else has. `Debug` shows none of them; they are wiped when dropped.
#[derive(Clone, PartialEq, Eq)]
pub struct RefreshToken(Zeroizing<[u8; 32]>);

impl RefreshToken {
    /// The token of 32 bytes from a cryptographic generator.
    pub fn new(random: [u8; 32]) -> Self {
        Self(Zeroizing::new(random))
    }

    /// A token as it was told; `None` for what is none.
    pub fn parse(text: &str) -> Option<Self> {
        let bytes = Zeroizing::new(URL_SAFE_NO_PAD.decode(text).ok()?);
        bytes.as_slice().try_into().ok().map(Self::new)
    }

    /// As the client is told it: 43 characters of base64url.
    pub fn to_text(&self) -> Zeroizing<String> {
        Zeroizing::new(URL_SAFE_NO_PAD.encode(self.0.as_slice()))
    }

    /// What is kept of it.
    pub fn hash(&self) -> TokenHash {
        TokenHash(Sha256::digest(self.0.as_slice()).into())
    }
}

impl fmt::Debug for RefreshToken {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("RefreshToken")
    }
}

/// The SHA-256 of a refresh token, from which the token cannot be had.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TokenHash([u8; 32]);

impl TokenHash {
    /// A hash that was stored.
    pub const fn from_bytes(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    /// Its 32 bytes.
    pub const fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }
}

/// A session. Times are Unix seconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Session {
    /// Its name, drawn for it: the `sid` of its access tokens.
    pub id: Uuid,
    /// The user.
    pub sub: Uuid,
    /// The one app that may refresh it.
    pub aud: Uuid,
    /// When it began.
    pub created_at_s: i64,
    /// The first second at which it is over, however often it was refreshed.
    pub expires_at_s: i64,
    /// When it was revoked; `None`: it was not.
    pub revoked_at_s: Option<i64>,
}

impl Session {
    /// A session that begins now and lives for `max_age_s`.
    pub const fn new(id: Uuid, sub: Uuid, aud: Uuid, max_age_s: i64, now_s: i64) -> Self {
        let expires_at_s = now_s.saturating_add(max_age_s);
        Self { id, sub, aud, created_at_s: now_s, expires_at_s, revoked_at_s: None }
    }

    /// The life of an access token that does not outlive the session: `wanted_s`, or what is left.
    pub fn access_lifetime_s(&self, wanted_s: i64, now_s: i64) -> i64 {
        wanted_s.min(self.expires_at_s.saturating_sub(now_s))
    }

    /// What revokes every access token of the session. Made where the session is revoked, in the same transaction: after
    /// it none is issued.
    pub const fn revocation(&self, now_s: i64) -> Revocation {
        Revocation::Token { jti: self.id, sub: self.sub, expires_at_s: now_s.saturating_add(MAX_LIFETIME_S) }
    }
}

/// Where a refresh token stands in the chain of its session.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Place {
    /// At the end: the only one that is good. A session has exactly one.
    Live,
    /// Replaced by the live one.
    Previous {
        /// When, Unix seconds.
        replaced_at_s: i64,
        /// The live token, sealed by the caller.
        sealed: Vec<u8>,
    },
    /// Further back.
    Older,
}

/// Why a refresh token is refused (`invalid_grant`, RFC 6749 §5.2), in the order of the checks. All are the bearer's
/// fault, and the same on the wire.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Refused {
    /// It is of no session, or of one that ended so long ago that it is forgotten.
    #[error("the refresh token is unknown")]
    Unknown,
    /// Another app presents it. The session goes on: only its own app can show that a token was stolen from it.
    #[error("the refresh token was issued to another app")]
    WrongAudience,
    /// Its session was revoked.
    #[error("the session was revoked")]
    Revoked,
    /// Its session has reached its age.
    #[error("the session has expired")]
    Expired,
}

/// What a presented refresh token comes to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Decision<'a> {
    /// It is replaced by a successor.
    Rotate,
    /// It was replaced just now: this is its successor, sealed by the caller.
    Repeat(&'a [u8]),
    /// It was replaced before: the session is revoked.
    Revoke,
    /// Nothing happens.
    Refuse(Refused),
}

/// Decides about a refresh token of this session and place that the app `aud` presents. The grace ends `grace_s` after the
/// token was replaced; 0: there is none. Seconds are cut off, so it may be a second shorter, never longer.
pub fn decide<'a>(session: &Session, place: &'a Place, aud: Uuid, grace_s: i64, now_s: i64) -> Decision<'a> {
    if session.aud != aud {
        return Decision::Refuse(Refused::WrongAudience);
    }
    if session.revoked_at_s.is_some() {
        return Decision::Refuse(Refused::Revoked);
    }
    if session.expires_at_s <= now_s {
        return Decision::Refuse(Refused::Expired);
    }
    match place {
        Place::Live => Decision::Rotate,
        Place::Previous { replaced_at_s, sealed } if now_s < replaced_at_s.saturating_add(grace_s) => {
            Decision::Repeat(sealed)
        }
        Place::Previous { .. } | Place::Older => Decision::Revoke,
    }
}

/// Who presents which refresh token, and when.
#[derive(Clone, Copy, Debug)]
pub struct Presented<'a> {
    /// The token.
    pub token: &'a RefreshToken,
    /// The app.
    pub aud: Uuid,
    /// For how long after it was replaced a token gives its successor again, in seconds; see [`decide`].
    pub grace_s: i64,
    /// Now, Unix seconds.
    pub now_s: i64,
}

/// The token that replaces the presented one, if it comes to that; drawn anew for each call.
#[derive(Clone, Copy, Debug)]
pub struct Successor<'a> {
    /// Its hash.
    pub hash: TokenHash,
    /// The token, sealed by the caller, for the grace. Never empty.
    pub sealed: &'a [u8],
}

/// What became of a presented refresh token. Only the first two are answered with tokens.
#[derive(Clone, Debug, PartialEq, Eq)]
#[must_use]
pub enum Refreshed {
    /// It was replaced by the successor that came with the call.
    Rotated(Session),
    /// It was replaced just before: the client gets that successor again.
    Repeated {
        /// The session.
        session: Session,
        /// The successor, as it was sealed.
        sealed: Vec<u8>,
    },
    /// It was used before, and its session is revoked now. The transaction has to commit, with an audit event and
    /// [`Session::revocation`] in it; the client is refused.
    Reused(Session),
    /// It is refused, and nothing has changed.
    Refused(Refused),
}

/// Refreshes a session: decides about the presented token and keeps what comes of it.
pub fn refresh<S: Storage>(
    storage: &mut S,
    presented: &Presented<'_>,
    successor: &Successor<'_>,
) -> Result<Refreshed, S::Error> {
    let Presented { token, aud, grace_s, now_s } = *presented;
    let hash = token.hash();
    let Some((session, place)) = storage.find(&hash)? else { return Ok(Refreshed::Refused(Refused::Unknown)) };
    Ok(match decide(&session, &place, aud, grace_s, now_s) {
        Decision::Rotate => {
            storage.rotate(session.id, &hash, successor, now_s)?;
            Refreshed::Rotated(session)
        }
        Decision::Repeat(sealed) => Refreshed::Repeated { session, sealed: sealed.to_vec() },
        Decision::Revoke => {
            storage.revoke(session.id, now_s)?;
            Refreshed::Reused(Session { revoked_at_s: Some(now_s), ..session })
        }
        Decision::Refuse(refused) => Refreshed::Refused(refused),
    })
}
