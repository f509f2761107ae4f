//! A log in memory: for tests, and as the model that other logs are compared with.

use alloc::vec::Vec;

use crate::{Error, Event, Filter, Log, Record};

/// The log of one tenant in a `Vec`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Memory {
    tenant_id: i64,
    records: Vec<Record>,
}

impl Memory {
    /// The empty log of the tenant.
    pub const fn new(tenant_id: i64) -> Self {
        Self { tenant_id, records: Vec::new() }
    }
}

impl Log for Memory {
    type Error = Error;

    fn append(&mut self, event: Event) -> Result<i64, Error> {
        if event.tenant_id != self.tenant_id {
            return Err(Error::OtherTenant { event: event.tenant_id, log: self.tenant_id });
        }
        let id = self.records.last().map_or(1, |last| last.id.saturating_add(1));
        self.records.push(Record { id, event });
        Ok(id)
    }

    fn list(&mut self, filter: &Filter) -> Result<Vec<Record>, Error> {
        let limit = usize::try_from(filter.limit).unwrap_or(usize::MAX);
        let newest_first = self.records.iter().rev();
        Ok(newest_first.filter(|record| filter.matches(record)).take(limit).cloned().collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    struct InMemory(Memory);

    impl crate::contract::Fixture for InMemory {
        type Log<'t> = Memory;

        fn tenant_id(&self) -> i64 {
            self.0.tenant_id
        }

        fn transact<R>(&mut self, work: impl FnOnce(&mut Memory) -> R) -> R {
            work(&mut self.0)
        }
    }

    #[test]
    fn keeps_the_contract() {
        crate::contract::run(|| InMemory(Memory::new(7)));
    }
}
