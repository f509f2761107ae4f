//! Transactions of wallets, newest first: of a tenant, or of a user.

use diesel::dsl::sql;
use diesel::prelude::*;
use diesel::sql_types::Bool;
use osaycore_ledger::{Entry, EntryKind, Storage as _};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::{Asked, Page, history, page};
use crate::store::db::{StoreError, row};
use crate::store::ledger::EntryRow;
use crate::store::schema::entries;
use crate::store::tx::Tx;

/// Which of them.
#[derive(Clone, Debug, Default)]
pub(crate) struct Entries {
    /// Of this user.
    pub(crate) account_id: Option<i64>,
    /// 0: an operator's.
    pub(crate) app_id: Option<i64>,
    pub(crate) kind: Option<EntryKind>,
    /// With this reference of a client's.
    pub(crate) reference: Option<String>,
    /// Posted at this time or later, microseconds since the epoch.
    pub(crate) from_us: Option<i64>,
    /// Posted before this.
    pub(crate) to_us: Option<i64>,
}

/// Where a page ends: in the tenant, or in a user's wallet.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
enum Key {
    Transaction(Uuid),
    Sequence(i64),
}

/// The entries that are meant. `apps` are all of the tenant's and the operator's 0, by whose references one may be looked
/// for.
pub(crate) fn list(tx: &mut Tx<'_>, meant: &Entries, apps: &[i64], asked: &Asked) -> Result<Page<Entry>, StoreError> {
    tx.flush_ledger()?;
    let first = match (meant.account_id, meant.to_us) {
        (Some(account_id), Some(to_us)) if asked.cursor.is_none() => Some(first_before(tx, account_id, to_us)?),
        _ => None,
    };
    let read = |after: Option<&Key>, at_most: i64| match (&meant.reference, meant.account_id, after) {
        (Some(reference), _, None) => by_reference(tx, apps, reference, None, at_most),
        (Some(reference), _, Some(Key::Transaction(id))) => by_reference(tx, apps, reference, Some(*id), at_most),
        (None, Some(account_id), None) => of_account(tx, account_id, first, meant, at_most),
        (None, Some(account_id), Some(Key::Sequence(below))) => {
            of_account(tx, account_id, Some(*below), meant, at_most)
        }
        (None, None, None) => of_tenant(tx, meant, None, at_most),
        (None, None, Some(Key::Transaction(id))) => of_tenant(tx, meant, Some(*id), at_most),
        _ => Err(StoreError::Cursor),
    };
    page(asked, read, |rows| Ok(rows.into_iter().filter(|(_, entry)| meant.matches(entry)).collect()))
}

/// The entry of a transaction's public id.
pub(crate) fn find(tx: &mut Tx<'_>, transaction_id: Uuid) -> Result<Option<Entry>, StoreError> {
    tx.flush_ledger()?;
    let found: Option<EntryRow> = entries::table
        .filter(entries::tenant_id.eq(tx.tenant_id))
        .filter(entries::transaction_id.eq(transaction_id.as_bytes().to_vec()))
        .select(row::<EntryRow>())
        .first(&mut *tx.connection)
        .optional()?;
    found.map(EntryRow::read).transpose()
}

impl Entries {
    fn matches(&self, entry: &Entry) -> bool {
        self.account_id.is_none_or(|account_id| entry.account_id == account_id)
            && self.app_id.is_none_or(|app_id| entry.app_id == app_id)
            && self.kind.is_none_or(|kind| entry.kind == kind)
            && self.from_us.is_none_or(|from_us| entry.created_at_us >= from_us)
            && self.to_us.is_none_or(|to_us| entry.created_at_us < to_us)
    }
}

/// By the transaction's id, which is of the entry's millisecond (decision 5).
fn of_tenant(
    tx: &mut Tx<'_>,
    meant: &Entries,
    below: Option<Uuid>,
    at_most: i64,
) -> Result<Vec<(Key, Entry)>, StoreError> {
    let mut query = entries::table
        .filter(entries::tenant_id.eq(tx.tenant_id))
        .order(entries::transaction_id.desc())
        .limit(at_most)
        .select(row::<EntryRow>())
        .into_boxed();
    if meant.kind.is_some_and(|kind| kind != EntryKind::Deduction) {
        // In the words of the index `entries_added`, so that it is used.
        query = query.filter(sql::<Bool>("kind <> 'DEDUCTION'"));
    }
    if let Some(from_us) = meant.from_us {
        query = query.filter(entries::transaction_id.ge(first_id(from_us).as_bytes().to_vec()));
    }
    let until = meant.to_us.map(|to_us| first_id(to_us.saturating_add(1000)));
    if let Some(below) = below.into_iter().chain(until).min() {
        query = query.filter(entries::transaction_id.lt(below.as_bytes().to_vec()));
    }
    let rows: Vec<EntryRow> = query.load(&mut *tx.connection)?;
    let keyed = |row: EntryRow| row.read().map(|entry| (Key::Transaction(entry.transaction_id), entry));
    rows.into_iter().map(keyed).collect()
}

/// The least id that a transaction of this millisecond may have.
fn first_id(us: i64) -> Uuid {
    let millis = u128::try_from(us.div_euclid(1000)).unwrap_or(0);
    Uuid::from_u128(millis << 80)
}

fn of_account(
    tx: &mut Tx<'_>,
    account_id: i64,
    below: Option<i64>,
    meant: &Entries,
    at_most: i64,
) -> Result<Vec<(Key, Entry)>, StoreError> {
    let mut query = entries::table
        .filter(entries::tenant_id.eq(tx.tenant_id))
        .filter(entries::account_id.eq(account_id))
        .order(entries::sequence.desc())
        .limit(at_most)
        .select(row::<EntryRow>())
        .into_boxed();
    if let Some(below) = below {
        query = query.filter(entries::sequence.lt(below));
    }
    let rows: Vec<EntryRow> = query.load(&mut *tx.connection)?;
    let keyed = |row: EntryRow| row.read().map(|entry| (Key::Sequence(entry.sequence), entry));
    let young = |entry: &Result<(Key, Entry), _>| {
        entry.as_ref().map_or(true, |(_, entry)| !history::is_before(entry.created_at_us, meant.from_us))
    };
    rows.into_iter().map(keyed).take_while(young).collect()
}

/// The sequence below which an account's entries of before a time are.
fn first_before(tx: &mut Tx<'_>, account_id: i64, to_us: i64) -> Result<i64, StoreError> {
    let last = tx.account(account_id)?.map_or(0, |account| account.entries);
    let bound = history::upper_bound(last, to_us, |sequence| {
        Ok(entries::table
            .find((tx.tenant_id, account_id, sequence))
            .select(entries::created_at_us)
            .get_result(&mut *tx.connection)
            .optional()?)
    })?;
    Ok(bound.saturating_add(1))
}

/// Each app has at most one.
fn by_reference(
    tx: &mut Tx<'_>,
    apps: &[i64],
    reference: &str,
    below: Option<Uuid>,
    at_most: i64,
) -> Result<Vec<(Key, Entry)>, StoreError> {
    let mut found = Vec::new();
    tx.preload_references(apps.iter().map(|app_id| (*app_id, reference)))?;
    for app_id in apps {
        found.extend(tx.entry_by_reference(*app_id, reference)?);
    }
    found.retain(|entry| below.is_none_or(|below| entry.transaction_id < below));
    found.sort_unstable_by_key(|entry| std::cmp::Reverse(entry.transaction_id));
    found.truncate(usize::try_from(at_most).unwrap_or(usize::MAX));
    Ok(found.into_iter().map(|entry| (Key::Transaction(entry.transaction_id), entry)).collect())
}
