//! What happened in an hour, added up: tables `tallies`, `tally_marks` and `active_users`.

use std::collections::BTreeSet;

use diesel::prelude::*;
use osaycore_audit::Record;

use super::bulk::{load_all, write_all};
use super::db::{AnyConnection, StoreError, each_backend};
use super::schema::{active_users, audit_events, tallies, tally_marks, tenant_heads};
use super::tx::Tx;

pub(crate) const HOUR_US: i64 = 3_600_000_000;
/// For so long tallies are kept.
const KEPT_HOURS: i64 = 100 * 24;
/// For so long it is kept who was counted as active: events that late are counted anew.
const ACTIVE_KEPT_HOURS: i64 = 48;

/// What is added up.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Tally {
    /// Signed requests, whatever they were answered with.
    Requests,
    /// Of those, the ones that were answered 4xx.
    Refused,
    /// And 5xx.
    Failed,
    /// Credits, in millionths.
    Spent,
    /// Credits, in millionths.
    Issued,
    SignIns,
    /// Whatever the audit trail calls refused.
    Refusals,
    /// Different users within the hour.
    ActiveUsers,
    /// Different users within the day that begins with the hour.
    ActiveUsersOfDay,
}

impl Tally {
    const ALL: [Self; 9] = [
        Self::Requests,
        Self::Refused,
        Self::Failed,
        Self::Spent,
        Self::Issued,
        Self::SignIns,
        Self::Refusals,
        Self::ActiveUsers,
        Self::ActiveUsersOfDay,
    ];

    fn as_str(self) -> &'static str {
        match self {
            Self::Requests => "requests",
            Self::Refused => "refused",
            Self::Failed => "failed",
            Self::Spent => "spent",
            Self::Issued => "issued",
            Self::SignIns => "sign_ins",
            Self::Refusals => "refusals",
            Self::ActiveUsers => "active_users",
            Self::ActiveUsersOfDay => "active_users_of_day",
        }
    }
}

/// How long somebody is active at once, and so counted once.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Span {
    Hour,
    Day,
}

impl Span {
    fn hours(self) -> i64 {
        match self {
            Self::Hour => 1,
            Self::Day => 24,
        }
    }

    /// The first hour of the span that an hour is in.
    pub(crate) fn first(self, hour: i64) -> i64 {
        hour.saturating_sub(hour.rem_euclid(self.hours()))
    }
}

/// Adds to an hour of the tenant, which is locked.
pub(crate) fn add(tx: &mut Tx<'_>, hour: i64, tally: Tally, more: i64) -> Result<(), StoreError> {
    let row = tallies::table.find((tx.tenant_id, hour, tally.as_str()));
    let before: Option<i64> = row.select(tallies::value).get_result(&mut *tx.connection).optional()?;
    let value = before.unwrap_or(0).saturating_add(more);
    if before.is_some() {
        diesel::update(row).set(tallies::value.eq(value)).execute(&mut *tx.connection)?;
    } else {
        let row = (
            tallies::tenant_id.eq(tx.tenant_id),
            tallies::hour.eq(hour),
            tallies::kind.eq(tally.as_str()),
            tallies::value.eq(value),
        );
        diesel::insert_into(tallies::table).values(row).execute(&mut *tx.connection)?;
    }
    Ok(())
}

/// What is added up from an hour on.
pub(crate) fn since(tx: &mut Tx<'_>, hour: i64) -> Result<Vec<(i64, Tally, i64)>, StoreError> {
    let rows: Vec<(i64, String, i64)> = tallies::table
        .filter(tallies::tenant_id.eq(tx.tenant_id))
        .filter(tallies::hour.ge(hour))
        .order((tallies::hour, tallies::kind))
        .select((tallies::hour, tallies::kind, tallies::value))
        .load(&mut *tx.connection)?;
    let known = |(hour, kind, value): (i64, String, i64)| {
        Some((hour, Tally::ALL.into_iter().find(|tally| tally.as_str() == kind)?, value))
    };
    Ok(rows.into_iter().filter_map(known).collect())
}

/// The next tenant, by number, whose trail goes on after what is counted, and how far that is.
pub(crate) fn behind(connection: &mut AnyConnection, after_id: i64) -> Result<Option<(i64, i64)>, StoreError> {
    let found: Option<(i64, Option<i64>)> = tenant_heads::table
        .left_join(tally_marks::table.on(tally_marks::tenant_id.eq(tenant_heads::tenant_id)))
        .filter(tenant_heads::tenant_id.gt(after_id))
        .filter(tenant_heads::last_event_id.gt(0))
        .filter(tally_marks::last_event_id.is_null().or(tally_marks::last_event_id.lt(tenant_heads::last_event_id)))
        .order(tenant_heads::tenant_id)
        .select((tenant_heads::tenant_id, tally_marks::last_event_id.nullable()))
        .first(connection)
        .optional()?;
    Ok(found.map(|(tenant_id, mark)| (tenant_id, mark.unwrap_or(0))))
}

/// The events after a position, in their order.
pub(crate) fn events_after(tx: &mut Tx<'_>, id: i64, at_most: usize) -> Result<Vec<Record>, StoreError> {
    let texts: Vec<String> = audit_events::table
        .filter(audit_events::tenant_id.eq(tx.tenant_id))
        .filter(audit_events::id.gt(id))
        .order(audit_events::id)
        .limit(i64::try_from(at_most).unwrap_or(i64::MAX))
        .select(audit_events::canonical)
        .load(&mut *tx.connection)?;
    let read = |text: &String| Record::from_canonical(text).map_err(|_| StoreError::Corrupt("audit event"));
    texts.iter().map(read).collect()
}

/// Moves the mark from where it was; false: it was elsewhere, so that all of it is counted already.
pub(crate) fn advance(tx: &mut Tx<'_>, from_id: i64, to_id: i64) -> Result<bool, StoreError> {
    let mark = tally_marks::table.find(tx.tenant_id);
    let known: Option<i64> = mark.select(tally_marks::last_event_id).get_result(&mut *tx.connection).optional()?;
    if known.unwrap_or(0) != from_id {
        return Ok(false);
    }
    if known.is_some() {
        diesel::update(mark).set(tally_marks::last_event_id.eq(to_id)).execute(&mut *tx.connection)?;
    } else {
        let row = (tally_marks::tenant_id.eq(tx.tenant_id), tally_marks::last_event_id.eq(to_id));
        each_backend!(&mut *tx.connection, |inner| {
            diesel::insert_into(tally_marks::table).values(row).execute(inner)
        })?;
    }
    Ok(true)
}

/// Which of these users were not counted yet in the span that begins with the hour.
pub(crate) fn not_yet_active(
    tx: &mut Tx<'_>,
    span: Span,
    hour: i64,
    users: &BTreeSet<i64>,
) -> Result<Vec<i64>, StoreError> {
    let of_span = || {
        active_users::table
            .filter(active_users::tenant_id.eq(tx.tenant_id))
            .filter(active_users::hours.eq(span.hours()))
            .filter(active_users::hour.eq(hour))
            .select(active_users::user_id)
    };
    let known: Vec<i64> = load_all!(
        &mut *tx.connection,
        users,
        |inner| of_span().filter(active_users::user_id.eq_any(users)).load(inner),
        |user_id, inner| of_span().filter(active_users::user_id.eq(user_id)).load(inner)
    );
    let known: BTreeSet<i64> = known.into_iter().collect();
    Ok(users.difference(&known).copied().collect())
}

#[derive(Insertable)]
#[diesel(table_name = active_users)]
struct Active {
    tenant_id: i64,
    hours: i64,
    hour: i64,
    user_id: i64,
}

/// Notes that these users, who were not counted yet, are.
pub(crate) fn activate(tx: &mut Tx<'_>, span: Span, hour: i64, users: &[i64]) -> Result<(), StoreError> {
    let (tenant_id, hours) = (tx.tenant_id, span.hours());
    let rows: Vec<Active> = users.iter().map(|user_id| Active { tenant_id, hours, hour, user_id: *user_id }).collect();
    write_all!(
        &mut *tx.connection,
        &rows,
        |inner| diesel::insert_into(active_users::table).values(&rows).execute(inner),
        |row, inner| { diesel::insert_into(active_users::table).values(row).execute(inner) }
    );
    Ok(())
}

/// Drops what is too old for what is counted at an hour.
pub(crate) fn forget(tx: &mut Tx<'_>, hour: i64) -> Result<(), StoreError> {
    let old = tallies::table
        .filter(tallies::tenant_id.eq(tx.tenant_id))
        .filter(tallies::hour.lt(hour.saturating_sub(KEPT_HOURS)));
    diesel::delete(old).execute(&mut *tx.connection)?;
    for span in [Span::Hour, Span::Day] {
        let old = active_users::table
            .filter(active_users::tenant_id.eq(tx.tenant_id))
            .filter(active_users::hours.eq(span.hours()))
            .filter(active_users::hour.lt(hour.saturating_sub(ACTIVE_KEPT_HOURS)));
        diesel::delete(old).execute(&mut *tx.connection)?;
    }
    Ok(())
}
