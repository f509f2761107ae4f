//! A guard that remembers in the process, for docs, tests and embedders.

use alloc::{collections::BTreeMap, vec::Vec};
use core::convert::Infallible;

use super::{ReplayGuard, Sight, Sighting};
use crate::Mac;

/// The sightings of one tenant, in memory. Every call commits at once, and nothing survives the process: good where
/// there is one instance and effects do not survive it either.
#[derive(Clone, Debug, Default)]
pub struct Memory {
    /// Ordered by timestamp first, so that forgetting is one cut.
    sightings: BTreeMap<(i64, i64, Mac, i64), Sighting>,
    /// One more than the greatest timestamp that was forgotten.
    remembers_from_s: Option<i64>,
}

impl Memory {
    /// A memory without sightings.
    pub const fn new() -> Self {
        Self { sightings: BTreeMap::new(), remembers_from_s: None }
    }
}

impl ReplayGuard for Memory {
    type Error = Infallible;

    fn sightings(&mut self, app_id: i64, timestamp_s: i64, mac: &Mac) -> Result<Vec<Sighting>, Infallible> {
        let of = |ordinal| (timestamp_s, app_id, *mac, ordinal);
        let found = self.sightings.range(of(i64::MIN)..=of(i64::MAX));
        Ok(found.map(|(_, sighting)| sighting.clone()).collect())
    }

    fn record(&mut self, sight: &Sight, sighting: &Sighting) -> Result<(), Infallible> {
        let key = (sight.timestamp_s, sight.app_id, sight.mac, sighting.ordinal);
        self.sightings
            .entry(key)
            .and_modify(|known| known.outcome.clone_from(&sighting.outcome))
            .or_insert_with(|| sighting.clone());
        Ok(())
    }

    fn remembers_from_s(&mut self) -> Result<i64, Infallible> {
        Ok(self.remembers_from_s.unwrap_or(i64::MIN))
    }

    fn forget(&mut self, before_timestamp_s: i64) -> Result<u64, Infallible> {
        let first_kept = (before_timestamp_s, i64::MIN, Mac::from_bytes([0; 32]), i64::MIN);
        let kept = self.sightings.split_off(&first_kept);
        let forgotten = core::mem::replace(&mut self.sightings, kept);
        let last = forgotten.last_key_value().map(|((timestamp_s, ..), _)| timestamp_s.saturating_add(1));
        self.remembers_from_s = self.remembers_from_s.max(last);
        Ok(u64::try_from(forgotten.len()).unwrap_or(u64::MAX))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::replay::contract::{self, Fixture};

    impl Fixture for Memory {
        type Guard<'t> = Memory;

        fn transact<R>(&mut self, work: impl FnOnce(&mut Memory) -> R) -> R {
            work(self)
        }
    }

    #[test]
    fn memory_keeps_the_contract() {
        contract::run(&mut Memory::new());
    }
}
