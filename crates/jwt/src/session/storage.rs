//! Where sessions are kept.

use uuid::Uuid;

use super::{Place, Session, Successor, TokenHash};

/// The sessions of one tenant. One value is one open transaction: reads see the transaction's own writes, and all of it
/// is kept if the transaction commits and none of it if not.
///
/// A false answer is a breach: a replaced token that is found live forks the chain, so that a thief and the owner both go
/// on and no reuse is ever seen; a session that is found unrevoked goes on. So from [`find`](Storage::find) to the end of
/// the transaction no other one may change that session: it waits, or one of the two fails and is tried again whole.
pub trait Storage {
    /// What can go wrong in the store.
    type Error;

    /// Adds a session with the first token of its chain, which is live. Neither was there before.
    fn insert(&mut self, session: &Session, first: &TokenHash) -> Result<(), Self::Error>;

    /// The session that this token was ever a token of, and where in the chain it stands now; `None`: there is none.
    ///
    /// A store may drop what is sealed once the grace is over, and say [`Place::Older`]: that comes to the same.
    fn find(&mut self, token: &TokenHash) -> Result<Option<(Session, Place)>, Self::Error>;

    /// The live token `from` of a session becomes the previous one, replaced at `now_s`; the successor is live; the one
    /// that was previous so far is older, and what was sealed for it is dropped.
    fn rotate(
        &mut self,
        session_id: Uuid,
        from: &TokenHash,
        successor: &Successor<'_>,
        now_s: i64,
    ) -> Result<(), Self::Error>;

    /// The session of this id; `None`: there is none.
    fn session(&mut self, session_id: Uuid) -> Result<Option<Session>, Self::Error>;

    /// Revokes a session. One that was revoked before stays revoked since then; of none nothing happens.
    fn revoke(&mut self, session_id: Uuid, now_s: i64) -> Result<(), Self::Error>;

    /// Revokes the sessions of a user, of whatever app, and says how many were neither revoked nor expired.
    fn revoke_all(&mut self, sub: Uuid, now_s: i64) -> Result<u64, Self::Error>;

    /// Drops the sessions that are expired at `now_s`, revoked or not, with their tokens; says how many they were.
    fn forget(&mut self, now_s: i64) -> Result<u64, Self::Error>;
}
