//! Where events are kept.

use alloc::vec::Vec;

use crate::{Action, Event, Record};

/// The log of one tenant inside one open transaction. `contract::run` (feature `contract`) tests
/// what is said here.
///
/// Committing and rolling back belong to the caller: an event appended in a transaction that is
/// rolled back was never there, and its position is given to the next one.
pub trait Log {
    /// What may go wrong with the store, besides an event of another tenant.
    type Error;

    /// Appends the event and returns its position: 1 for the first of the tenant, then one more
    /// each time, without a gap. An event of another tenant is refused, and nothing is written.
    fn append(&mut self, event: Event) -> Result<i64, Self::Error>;

    /// The records that match the filter, newest (highest position) first, at most
    /// [`Filter::limit`]; those appended in this transaction are among them.
    fn list(&mut self, filter: &Filter) -> Result<Vec<Record>, Self::Error>;
}

/// Which records to list. Conditions are joined by "and"; one that is `None` admits all.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Filter {
    /// Only events of this app.
    pub app_id: Option<i64>,
    /// Only events of this user's trail.
    pub user_id: Option<i64>,
    /// Only this action.
    pub action: Option<Action>,
    /// Only events at or after this, in microseconds since the Unix epoch.
    pub from_us: Option<i64>,
    /// Only events before this, in microseconds since the Unix epoch.
    pub to_us: Option<i64>,
    /// Only positions below this: the last one of the page before.
    pub before_id: Option<i64>,
    /// At most so many records; 0 gives none.
    pub limit: u32,
}

impl Filter {
    /// The limit unless another is set.
    pub const DEFAULT_LIMIT: u32 = 100;

    /// Whether the record meets every condition; the limit is no condition.
    pub fn matches(&self, record: &Record) -> bool {
        let event = &record.event;
        self.app_id.is_none_or(|app_id| event.app_id == Some(app_id))
            && self.user_id.is_none_or(|user_id| event.user_id == Some(user_id))
            && self.action.is_none_or(|action| event.action == action)
            && self.from_us.is_none_or(|from_us| event.at_us >= from_us)
            && self.to_us.is_none_or(|to_us| event.at_us < to_us)
            && self.before_id.is_none_or(|before_id| record.id < before_id)
    }
}

impl Default for Filter {
    fn default() -> Self {
        Self {
            app_id: None,
            user_id: None,
            action: None,
            from_us: None,
            to_us: None,
            before_id: None,
            limit: Self::DEFAULT_LIMIT,
        }
    }
}
