//! [`Memory`], the [`Storage`] without a database: for documentation, tests and small programs.

use alloc::{
    collections::{BTreeMap, BTreeSet},
    vec::Vec,
};
use core::convert::Infallible;

use crate::{Attempts, Credential, Month, Storage};

/// One tenant's second factors in memory. There is no rollback: who may have to give up a transaction works on a clone.
#[derive(Clone, Debug, Default)]
pub struct Memory {
    credentials: BTreeMap<i64, Credential>,
    attempts: BTreeMap<(i64, i64), Attempts>,
    recovery_codes: BTreeMap<i64, Vec<[u8; 32]>>,
    counted: BTreeMap<Month, BTreeSet<i64>>,
}

impl Memory {
    /// Nobody has a second factor.
    pub const fn new() -> Self {
        Self {
            credentials: BTreeMap::new(),
            attempts: BTreeMap::new(),
            recovery_codes: BTreeMap::new(),
            counted: BTreeMap::new(),
        }
    }
}

impl Storage for Memory {
    type Error = Infallible;

    fn credential(&mut self, user_id: i64) -> Result<Option<Credential>, Infallible> {
        Ok(self.credentials.get(&user_id).cloned())
    }

    fn put_credential(&mut self, user_id: i64, credential: &Credential) -> Result<(), Infallible> {
        self.credentials.insert(user_id, credential.clone());
        Ok(())
    }

    fn remove_credential(&mut self, user_id: i64) -> Result<bool, Infallible> {
        self.recovery_codes.remove(&user_id);
        Ok(self.credentials.remove(&user_id).is_some())
    }

    fn attempts(&mut self, user_id: i64, app_id: i64) -> Result<Attempts, Infallible> {
        Ok(self.attempts.get(&(user_id, app_id)).copied().unwrap_or(Attempts::NONE))
    }

    fn put_attempts(&mut self, user_id: i64, app_id: i64, attempts: Attempts) -> Result<(), Infallible> {
        if attempts == Attempts::NONE {
            self.attempts.remove(&(user_id, app_id));
        } else {
            self.attempts.insert((user_id, app_id), attempts);
        }
        Ok(())
    }

    fn clear_attempts(&mut self, user_id: i64) -> Result<bool, Infallible> {
        let before = self.attempts.len();
        self.attempts.retain(|(of, _), _| *of != user_id);
        Ok(self.attempts.len() != before)
    }

    fn replace_recovery_codes(&mut self, user_id: i64, digests: &[[u8; 32]]) -> Result<(), Infallible> {
        self.recovery_codes.insert(user_id, digests.to_vec());
        Ok(())
    }

    fn take_recovery_code(&mut self, user_id: i64, digest: &[u8; 32]) -> Result<bool, Infallible> {
        let codes = self.recovery_codes.entry(user_id).or_default();
        let before = codes.len();
        codes.retain(|code| code != digest);
        Ok(codes.len() != before)
    }

    fn recovery_codes_left(&mut self, user_id: i64) -> Result<u32, Infallible> {
        let left = self.recovery_codes.get(&user_id).map_or(0, Vec::len);
        Ok(u32::try_from(left).unwrap_or(u32::MAX))
    }

    fn is_counted(&mut self, month: Month, user_id: i64) -> Result<bool, Infallible> {
        Ok(self.counted.get(&month).is_some_and(|users| users.contains(&user_id)))
    }

    fn counted(&mut self, month: Month, at_most: i64) -> Result<i64, Infallible> {
        let users = self.counted.get(&month).map_or(0, BTreeSet::len);
        Ok(i64::try_from(users).unwrap_or(i64::MAX).min(at_most))
    }

    fn count(&mut self, month: Month, user_id: i64) -> Result<(), Infallible> {
        self.counted.entry(month).or_default().insert(user_id);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use alloc::string::String;

    use super::Memory;
    use crate::contract::{self, Fixture};

    struct InMemory(Memory);

    impl Fixture for InMemory {
        type Store<'t> = Memory;

        fn transact<R>(&mut self, work: impl FnOnce(&mut Memory) -> Result<R, String>) -> Result<R, String> {
            let mut ahead = self.0.clone();
            let result = work(&mut ahead)?;
            self.0 = ahead;
            Ok(result)
        }
    }

    #[test]
    fn memory_keeps_the_contract() {
        contract::run(&mut InMemory(Memory::new()));
    }
}
