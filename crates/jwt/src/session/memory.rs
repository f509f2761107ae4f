//! [`Memory`], the [`Storage`] without a database: for documentation, tests and small programs.

use std::{collections::BTreeMap, convert::Infallible};

use uuid::Uuid;

use super::{Place, Session, Storage, Successor, TokenHash};

/// One tenant's sessions in memory. There is no rollback: who may have to give up a transaction works on a clone.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Memory {
    sessions: BTreeMap<Uuid, Session>,
    /// Every token that was ever issued for one of them.
    tokens: BTreeMap<TokenHash, (Uuid, Place)>,
}

impl Memory {
    /// Nobody has a session.
    pub const fn new() -> Self {
        Self { sessions: BTreeMap::new(), tokens: BTreeMap::new() }
    }
}

impl Storage for Memory {
    type Error = Infallible;

    fn insert(&mut self, session: &Session, first: &TokenHash) -> Result<(), Infallible> {
        self.sessions.insert(session.id, *session);
        self.tokens.insert(*first, (session.id, Place::Live));
        Ok(())
    }

    fn find(&mut self, token: &TokenHash) -> Result<Option<(Session, Place)>, Infallible> {
        let found = self.tokens.get(token);
        Ok(found.and_then(|(id, place)| Some((*self.sessions.get(id)?, place.clone()))))
    }

    fn rotate(
        &mut self,
        session_id: Uuid,
        from: &TokenHash,
        successor: &Successor<'_>,
        now_s: i64,
    ) -> Result<(), Infallible> {
        for (id, place) in self.tokens.values_mut() {
            if *id == session_id {
                *place = Place::Older;
            }
        }
        let previous = Place::Previous { replaced_at_s: now_s, sealed: successor.sealed.to_vec() };
        self.tokens.insert(*from, (session_id, previous));
        self.tokens.insert(successor.hash, (session_id, Place::Live));
        Ok(())
    }

    fn session(&mut self, session_id: Uuid) -> Result<Option<Session>, Infallible> {
        Ok(self.sessions.get(&session_id).copied())
    }

    fn revoke(&mut self, session_id: Uuid, now_s: i64) -> Result<(), Infallible> {
        if let Some(session) = self.sessions.get_mut(&session_id) {
            session.revoked_at_s.get_or_insert(now_s);
        }
        Ok(())
    }

    fn revoke_all(&mut self, sub: Uuid, now_s: i64) -> Result<u64, Infallible> {
        let mut revoked = 0_u64;
        for session in self.sessions.values_mut().filter(|session| session.sub == sub) {
            if session.revoked_at_s.is_none() && session.expires_at_s > now_s {
                revoked = revoked.saturating_add(1);
            }
            session.revoked_at_s.get_or_insert(now_s);
        }
        Ok(revoked)
    }

    fn forget(&mut self, now_s: i64) -> Result<u64, Infallible> {
        let before = self.sessions.len();
        self.sessions.retain(|_, session| session.expires_at_s > now_s);
        self.tokens.retain(|_, (id, _)| self.sessions.contains_key(id));
        Ok(u64::try_from(before.saturating_sub(self.sessions.len())).unwrap_or(u64::MAX))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::session::contract;

    impl contract::Fixture for Memory {
        type Storage<'t> = Memory;

        fn transact<R>(&mut self, work: impl FnOnce(&mut Memory) -> R) -> R {
            work(self)
        }
    }

    #[test]
    fn memory_keeps_the_contract() {
        contract::run(&mut Memory::new());
    }
}
