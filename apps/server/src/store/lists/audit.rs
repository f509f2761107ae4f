//! The audit trail, newest first.

use diesel::dsl::sql;
use diesel::prelude::*;
use diesel::sql_types::Bool;
use osaycore_audit::{Action, Filter, Log as _, Record};

use super::{Asked, Page, history, page};
use crate::store::db::StoreError;
use crate::store::schema::{audit_events, tenant_heads};
use crate::store::tx::Tx;

/// Which events.
#[derive(Clone, Debug, Default)]
pub(crate) struct Events {
    /// Actions that begin so: `credits.deducted`, `user.`.
    pub(crate) action: Option<String>,
    /// Done by this actor, as it is shown: `operator ada`, `app 1001`.
    pub(crate) actor: Option<String>,
    pub(crate) app_id: Option<i64>,
    /// Of this user's trail.
    pub(crate) user_id: Option<i64>,
    /// At this time or later, microseconds since the epoch.
    pub(crate) from_us: Option<i64>,
    /// Before this.
    pub(crate) to_us: Option<i64>,
}

/// The events that are meant.
pub(crate) fn list(tx: &mut Tx<'_>, meant: &Events, asked: &Asked) -> Result<Page<Record>, StoreError> {
    tx.flush()?;
    let actions = meant.action.as_ref().map(|prefix| {
        let of_prefix = |action: &&Action| action.as_str().starts_with(prefix.as_str());
        Action::ALL.iter().filter(of_prefix).copied().collect::<Vec<_>>()
    });
    let first = match meant.to_us {
        Some(to_us) if asked.cursor.is_none() => Some(first_before(tx, to_us)?),
        _ => None,
    };
    let read = |after: Option<&i64>, at_most: i64| {
        let below = after.copied().or(first);
        let records = match (&actions, meant.user_id) {
            (_, Some(user_id)) => of_user(tx, user_id, below, at_most)?,
            (Some(actions), None) if !actions.contains(&Action::CreditsDeducted) => {
                of_actions(tx, actions, below, at_most)?
            }
            _ => of_tenant(tx, below, at_most)?,
        };
        let young = |record: &Record| !history::is_before(record.event.at_us, meant.from_us);
        Ok(records.into_iter().take_while(young).map(|record| (record.id, record)).collect())
    };
    let matches = |record: &Record| {
        meant.matches(record) && actions.as_ref().is_none_or(|actions| actions.contains(&record.event.action))
    };
    page(asked, read, |rows| Ok(rows.into_iter().filter(|(_, record)| matches(record)).collect()))
}

impl Events {
    /// But for the action.
    fn matches(&self, record: &Record) -> bool {
        let event = &record.event;
        self.actor.as_ref().is_none_or(|actor| event.actor.to_string() == *actor)
            && self.app_id.is_none_or(|app_id| event.app_id == Some(app_id))
            && self.user_id.is_none_or(|user_id| event.user_id == Some(user_id))
            && self.from_us.is_none_or(|from_us| event.at_us >= from_us)
            && self.to_us.is_none_or(|to_us| event.at_us < to_us)
    }
}

fn of_user(tx: &mut Tx<'_>, user_id: i64, below: Option<i64>, at_most: i64) -> Result<Vec<Record>, StoreError> {
    let limit = u32::try_from(at_most).unwrap_or(u32::MAX);
    tx.list(&Filter { user_id: Some(user_id), before_id: below, limit, ..Filter::default() })
}

fn of_tenant(tx: &mut Tx<'_>, below: Option<i64>, at_most: i64) -> Result<Vec<Record>, StoreError> {
    let limit = u32::try_from(at_most).unwrap_or(u32::MAX);
    tx.list(&Filter { before_id: below, limit, ..Filter::default() })
}

/// The newest of each action, merged.
fn of_actions(
    tx: &mut Tx<'_>,
    actions: &[Action],
    below: Option<i64>,
    at_most: i64,
) -> Result<Vec<Record>, StoreError> {
    let mut found: Vec<(i64, String)> = Vec::new();
    for action in actions {
        let mut query = audit_events::table
            .filter(audit_events::tenant_id.eq(tx.tenant_id))
            .filter(audit_events::action.eq(action.as_str()))
            // In the words of the index `audit_events_by_action`, so that it is used.
            .filter(sql::<Bool>("action <> 'credits.deducted'"))
            .order(audit_events::id.desc())
            .limit(at_most)
            .select((audit_events::id, audit_events::canonical))
            .into_boxed();
        if let Some(below) = below {
            query = query.filter(audit_events::id.lt(below));
        }
        found.append(&mut query.load(&mut *tx.connection)?);
    }
    found.sort_unstable_by_key(|(id, _)| std::cmp::Reverse(*id));
    found.truncate(usize::try_from(at_most).unwrap_or(usize::MAX));
    let read = |(_, text): &(i64, String)| Record::from_canonical(text).map_err(|_| StoreError::Corrupt("audit event"));
    found.iter().map(read).collect()
}

/// The position below which the events of before a time are: positions have no gaps.
fn first_before(tx: &mut Tx<'_>, to_us: i64) -> Result<i64, StoreError> {
    let last: Option<i64> = tenant_heads::table
        .find(tx.tenant_id)
        .select(tenant_heads::last_event_id)
        .get_result(&mut *tx.connection)
        .optional()?;
    let bound = history::upper_bound(last.unwrap_or(0), to_us, |id| {
        Ok(audit_events::table
            .find((tx.tenant_id, id))
            .select(audit_events::at_us)
            .get_result(&mut *tx.connection)
            .optional()?)
    })?;
    Ok(bound.saturating_add(1))
}
