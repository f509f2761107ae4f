//! Payments, newest first.

use diesel::prelude::*;
use osaycore_ledger::{Payment, PaymentStatus};
use uuid::Uuid;

use super::{Asked, Page, page};
use crate::store::db::{StoreError, row};
use crate::store::ledger::{PaymentRow, payment_by_external_id};
use crate::store::schema::payments;
use crate::store::tx::Tx;

/// Which of them.
#[derive(Clone, Debug, Default)]
pub(crate) struct Payments {
    /// Of this user.
    pub(crate) account_id: Option<i64>,
    pub(crate) app_id: Option<i64>,
    pub(crate) status: Option<PaymentStatus>,
    /// With this id of an app's.
    pub(crate) external_id: Option<String>,
    /// Made at this time or later, microseconds since the epoch.
    pub(crate) from_us: Option<i64>,
    /// Made before this.
    pub(crate) to_us: Option<i64>,
}

/// When it was made, and its id.
type Key = (i64, Uuid);

/// The tenant's payments that are meant. `apps` are all of its apps, by whose ids of a payment one may be looked for.
pub(crate) fn list(
    tx: &mut Tx<'_>,
    meant: &Payments,
    apps: &[i64],
    asked: &Asked,
) -> Result<Page<Payment>, StoreError> {
    let read = |after: Option<&Key>, at_most: i64| match &meant.external_id {
        Some(external_id) => by_external_id(tx, apps, external_id, after, at_most),
        None => by_time(tx, meant, after, at_most),
    };
    page(asked, read, |rows| Ok(rows.into_iter().filter(|(_, payment)| meant.matches(payment)).collect()))
}

impl Payments {
    fn matches(&self, payment: &Payment) -> bool {
        self.account_id.is_none_or(|account_id| payment.account_id == account_id)
            && self.app_id.is_none_or(|app_id| payment.app_id == app_id)
            && self.status.is_none_or(|status| payment.status == status)
            && self.from_us.is_none_or(|from_us| payment.created_at_us >= from_us)
            && self.to_us.is_none_or(|to_us| payment.created_at_us < to_us)
    }
}

fn by_time(
    tx: &mut Tx<'_>,
    meant: &Payments,
    after: Option<&Key>,
    at_most: i64,
) -> Result<Vec<(Key, Payment)>, StoreError> {
    let mut query = payments::table
        .filter(payments::tenant_id.eq(tx.tenant_id))
        .order((payments::created_at_us.desc(), payments::id.desc()))
        .limit(at_most)
        .select(row::<PaymentRow>())
        .into_boxed();
    if let Some(account_id) = meant.account_id {
        query = query.filter(payments::account_id.eq(account_id));
    }
    if let Some(from_us) = meant.from_us {
        query = query.filter(payments::created_at_us.ge(from_us));
    }
    if let Some(to_us) = meant.to_us {
        query = query.filter(payments::created_at_us.lt(to_us));
    }
    if let Some((at_us, id)) = after {
        let same_time = payments::created_at_us.eq(*at_us).and(payments::id.lt(id.as_bytes().to_vec()));
        query =
            query.filter(payments::created_at_us.le(*at_us)).filter(payments::created_at_us.lt(*at_us).or(same_time));
    }
    let rows: Vec<PaymentRow> = query.load(&mut *tx.connection)?;
    rows.into_iter().map(|row| Ok(keyed(row.read()?))).collect()
}

/// Each app has at most one.
fn by_external_id(
    tx: &mut Tx<'_>,
    apps: &[i64],
    external_id: &str,
    after: Option<&Key>,
    at_most: i64,
) -> Result<Vec<(Key, Payment)>, StoreError> {
    let mut found = Vec::new();
    for app_id in apps {
        if let Some(payment) = payment_by_external_id(tx, *app_id, external_id)? {
            found.push(keyed(payment));
        }
    }
    found.sort_unstable_by_key(|(key, _)| std::cmp::Reverse(*key));
    found.retain(|(key, _)| after.is_none_or(|after| key < after));
    found.truncate(usize::try_from(at_most).unwrap_or(usize::MAX));
    Ok(found)
}

fn keyed(payment: Payment) -> (Key, Payment) {
    ((payment.created_at_us, payment.id), payment)
}
