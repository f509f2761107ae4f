//! Revocation: of one token by its `jti`, of all tokens of a session by their `sid`, and of everything a user was issued
//! up to and including one second.

use std::{collections::BTreeMap, convert::Infallible};

use uuid::Uuid;

use crate::{Claims, MAX_LIFETIME_S};

#[cfg(any(test, feature = "contract"))]
pub mod contract;

/// What is revoked. Times are Unix seconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Revocation {
    /// One token, or all tokens of one session.
    Token {
        /// The token's name, or the session's: UUIDs of both are drawn alike and never meet.
        jti: Uuid,
        /// Its user.
        sub: Uuid,
        /// Its `exp`, or the last one of the session, from which it need not be remembered.
        expires_at_s: i64,
    },
    /// All tokens of a user with `iat <= up_to_iat_s`. To revoke all that were issued so far this is
    /// [`first_free_iat_s`] at the time: after an earlier revocation in the same second, tokens are already issued
    /// one second ahead.
    User {
        /// The user.
        sub: Uuid,
        /// The last second that is revoked.
        up_to_iat_s: i64,
    },
}

impl Revocation {
    /// Whether it revokes the token with these claims.
    pub fn revokes(&self, claims: &Claims) -> bool {
        match *self {
            Self::Token { jti, .. } => claims.jti == jti || claims.sid == Some(jti),
            Self::User { sub, up_to_iat_s } => claims.sub == sub && claims.iat <= up_to_iat_s,
        }
    }

    /// Whether a token that it revokes can be unexpired at `now_s`. None lives longer than [`MAX_LIFETIME_S`] after
    /// its `iat`.
    pub fn is_needed(&self, now_s: i64) -> bool {
        match *self {
            Self::Token { expires_at_s, .. } => expires_at_s > now_s,
            Self::User { up_to_iat_s, .. } => up_to_iat_s.saturating_add(MAX_LIFETIME_S) > now_s,
        }
    }
}

/// The `iat` for a token issued at `now_s` to a user who is revoked up to and including `cutoff_s`: now, or the first
/// second after the cutoff.
pub fn first_free_iat_s(cutoff_s: Option<i64>, now_s: i64) -> i64 {
    cutoff_s.map_or(now_s, |cutoff_s| now_s.max(cutoff_s.saturating_add(1)))
}

/// The revocations of one tenant. One value is one open transaction.
///
/// A false answer is a breach: a revocation that is lost lets a stolen token in; one that is made up locks a user
/// out.
pub trait Storage {
    /// What can go wrong in the store.
    type Error;

    /// Remembers a revocation. Repeating it changes nothing: of one user the latest second counts, of one `jti` the
    /// latest expiry, whatever the order they came in.
    fn revoke(&mut self, revocation: &Revocation) -> Result<(), Self::Error>;

    /// All revocations that are needed at `now_s` (see [`Revocation::is_needed`]), in any order, one for each `jti`
    /// and one for each user.
    fn revocations(&mut self, now_s: i64) -> Result<Vec<Revocation>, Self::Error>;

    /// The last `iat` second that is revoked for this user; `None` if there is none.
    ///
    /// Until the commit no other transaction may change it: the `iat` that is given to a token depends on it.
    fn user_cutoff(&mut self, sub: Uuid) -> Result<Option<i64>, Self::Error>;

    /// Drops the revocations that are not needed at `now_s` and says how many they were.
    fn forget(&mut self, now_s: i64) -> Result<u64, Self::Error>;
}

/// Revocations in memory: a value to ask for every token, and a [`Storage`] for docs, tests and embedders.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Revocations {
    /// `jti` or `sid` → user and `exp`.
    tokens: BTreeMap<Uuid, (Uuid, i64)>,
    /// User → last revoked second.
    users: BTreeMap<Uuid, i64>,
}

impl Revocations {
    /// Adds a revocation; see [`Storage::revoke`].
    pub fn revoke(&mut self, revocation: &Revocation) {
        match *revocation {
            Revocation::Token { jti, sub, expires_at_s } => {
                let (_, known_s) = self.tokens.entry(jti).or_insert((sub, expires_at_s));
                *known_s = expires_at_s.max(*known_s);
            }
            Revocation::User { sub, up_to_iat_s } => {
                let known_s = self.users.entry(sub).or_insert(up_to_iat_s);
                *known_s = up_to_iat_s.max(*known_s);
            }
        }
    }

    /// Whether a token with these claims is revoked. Asked for every request: two look-ups, or three.
    pub fn is_revoked(&self, claims: &Claims) -> bool {
        self.user_cutoff(claims.sub).is_some_and(|cutoff_s| claims.iat <= cutoff_s)
            || self.tokens.contains_key(&claims.jti)
            || claims.sid.is_some_and(|sid| self.tokens.contains_key(&sid))
    }

    /// The last `iat` second that is revoked for this user.
    pub fn user_cutoff(&self, sub: Uuid) -> Option<i64> {
        self.users.get(&sub).copied()
    }

    /// The `iat` for a token issued at `now_s` to this user; see [`first_free_iat_s`].
    pub fn first_free_iat_s(&self, sub: Uuid, now_s: i64) -> i64 {
        first_free_iat_s(self.user_cutoff(sub), now_s)
    }

    /// Drops what no token that is unexpired at `now_s` can need, and says how many they were.
    pub fn forget(&mut self, now_s: i64) -> u64 {
        let before = self.tokens.len().saturating_add(self.users.len());
        self.tokens
            .retain(|&jti, &mut (sub, expires_at_s)| Revocation::Token { jti, sub, expires_at_s }.is_needed(now_s));
        self.users.retain(|&sub, &mut up_to_iat_s| Revocation::User { sub, up_to_iat_s }.is_needed(now_s));
        let after = self.tokens.len().saturating_add(self.users.len());
        u64::try_from(before.saturating_sub(after)).unwrap_or(u64::MAX)
    }

    /// All of them, tokens first.
    pub fn iter(&self) -> impl Iterator<Item = Revocation> + '_ {
        let tokens =
            self.tokens.iter().map(|(&jti, &(sub, expires_at_s))| Revocation::Token { jti, sub, expires_at_s });
        let users = self.users.iter().map(|(&sub, &up_to_iat_s)| Revocation::User { sub, up_to_iat_s });
        tokens.chain(users)
    }
}

impl FromIterator<Revocation> for Revocations {
    fn from_iter<I: IntoIterator<Item = Revocation>>(revocations: I) -> Self {
        let mut all = Self::default();
        revocations.into_iter().for_each(|revocation| all.revoke(&revocation));
        all
    }
}

impl Storage for Revocations {
    type Error = Infallible;

    fn revoke(&mut self, revocation: &Revocation) -> Result<(), Infallible> {
        self.revoke(revocation);
        Ok(())
    }

    fn revocations(&mut self, now_s: i64) -> Result<Vec<Revocation>, Infallible> {
        Ok(self.iter().filter(|revocation| revocation.is_needed(now_s)).collect())
    }

    fn user_cutoff(&mut self, sub: Uuid) -> Result<Option<i64>, Infallible> {
        Ok(Self::user_cutoff(self, sub))
    }

    fn forget(&mut self, now_s: i64) -> Result<u64, Infallible> {
        Ok(self.forget(now_s))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    impl contract::Fixture for Revocations {
        type Storage<'t> = Revocations;

        fn transact<R>(&mut self, work: impl FnOnce(&mut Revocations) -> R) -> R {
            work(self)
        }
    }

    #[test]
    fn memory_keeps_the_contract() {
        contract::run(&mut Revocations::default());
    }
}
