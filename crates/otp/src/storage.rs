//! Where second factors are kept.

use core::fmt::Debug;

use time::OffsetDateTime;

use crate::{Attempts, Credential};

/// A calendar month in UTC, as `year × 100 + month`: 202611.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Month(i64);

impl Month {
    /// The month of a moment in Unix microseconds; that of 1970 for one that no calendar has.
    pub fn at(now_us: i64) -> Self {
        let moment = OffsetDateTime::from_unix_timestamp(now_us.div_euclid(1_000_000));
        let date = moment.unwrap_or(OffsetDateTime::UNIX_EPOCH).date();
        Self(i64::from(date.year()).saturating_mul(100).saturating_add(i64::from(u8::from(date.month()))))
    }

    /// `year × 100 + month`.
    pub const fn number(self) -> i64 {
        self.0
    }
}

/// The second factors of one tenant within one open transaction: reads see the transaction's own writes, nothing of
/// another tenant is ever found, and all of it is kept if the transaction commits and none of it if not.
///
/// A false answer lets somebody in: a step that is read while another transaction uses it up is accepted twice, a count
/// that is read so is guessed past. So from the first read on no other transaction may write what belongs to that user
/// until this one ends: it waits, or one of the two fails and is tried again whole. What belongs to all of them, the users
/// of a month, likewise from [`counted`](Storage::counted) on; else two at once are both the last one that the limit lets in.
pub trait Storage {
    /// A failure of the storage itself.
    type Error: Debug;

    /// The user's credential; `None`: there is none.
    fn credential(&mut self, user_id: i64) -> Result<Option<Credential>, Self::Error>;

    /// Adds or replaces the user's credential. Recovery codes stay.
    fn put_credential(&mut self, user_id: i64, credential: &Credential) -> Result<(), Self::Error>;

    /// Drops the user's credential and recovery codes; false if there was no credential.
    fn remove_credential(&mut self, user_id: i64) -> Result<bool, Self::Error>;

    /// The user's attempts in an app, as they were put last; [`Attempts::NONE`] at first.
    fn attempts(&mut self, user_id: i64, app_id: i64) -> Result<Attempts, Self::Error>;

    /// Keeps the user's attempts in an app.
    fn put_attempts(&mut self, user_id: i64, app_id: i64, attempts: Attempts) -> Result<(), Self::Error>;

    /// Forgets the user's attempts in every app; false if there were none but [`Attempts::NONE`].
    fn clear_attempts(&mut self, user_id: i64) -> Result<bool, Self::Error>;

    /// Replaces the recovery codes of a user who has a credential by these digests, of which no two are equal.
    fn replace_recovery_codes(&mut self, user_id: i64, digests: &[[u8; 32]]) -> Result<(), Self::Error>;

    /// Uses a recovery code up; false if the user has none of this digest.
    fn take_recovery_code(&mut self, user_id: i64, digest: &[u8; 32]) -> Result<bool, Self::Error>;

    /// How many recovery codes the user has left.
    fn recovery_codes_left(&mut self, user_id: i64) -> Result<u32, Self::Error>;

    /// Whether the user is among those of the month.
    fn is_counted(&mut self, month: Month, user_id: i64) -> Result<bool, Self::Error>;

    /// How many users the month has, or `at_most` if it has more.
    fn counted(&mut self, month: Month, at_most: i64) -> Result<i64, Self::Error>;

    /// Puts the user among those of the month, if not there already.
    fn count(&mut self, month: Month, user_id: i64) -> Result<(), Self::Error>;
}
