//! Mail that is yet to be sent: table `outbox`, sealed, as there are links in it.

use diesel::dsl::exists;
use diesel::prelude::*;
use uuid::Uuid;
use zeroize::Zeroizing;

use super::db::{AnyConnection, StoreError, row};
use super::schema::{outbox, tenants};
use super::tx::{self, Tx};
use crate::sealing::{Place, Sealer, SealingError};

#[derive(Queryable, Selectable, Insertable)]
#[diesel(table_name = outbox)]
struct Row {
    tenant_id: i64,
    id: Vec<u8>,
    user_id: i64,
    mail: Vec<u8>,
    attempts: i64,
    due_at_us: i64,
    expires_at_us: i64,
}

/// A mail whose time has come.
pub(crate) struct Due {
    pub(crate) id: Uuid,
    /// One that does not open must not keep the others from being sent.
    pub(crate) mail: Result<Zeroizing<Vec<u8>>, SealingError>,
    /// Which attempt at it is next, from 1.
    pub(crate) attempt: i64,
    /// From when on it is of no use.
    pub(crate) expires_at_us: i64,
}

/// What the outbox holds.
pub(crate) struct Waiting {
    pub(crate) count: i64,
    /// When the oldest of it was written; none where there is none.
    pub(crate) oldest_us: Option<i64>,
}

/// How long a mail is of use: as long as the link in it.
pub(crate) const USE_US: i64 = 24 * 3600 * 1_000_000;

/// What waits, of all tenants.
pub(crate) fn waiting(connection: &mut AnyConnection) -> Result<Waiting, StoreError> {
    let (count, expires_at_us): (i64, Option<i64>) = outbox::table
        .select((diesel::dsl::count_star(), diesel::dsl::min(outbox::expires_at_us)))
        .get_result(connection)?;
    Ok(Waiting { count, oldest_us: expires_at_us.map(|expires_at_us| expires_at_us.saturating_sub(USE_US)) })
}

/// How many mails of the tenant wait although so many attempts at them were made.
pub(crate) fn failing(tx: &mut Tx<'_>, attempts: i64) -> Result<i64, StoreError> {
    let failing = outbox::table.filter(outbox::tenant_id.eq(tx.tenant_id)).filter(outbox::attempts.ge(attempts));
    Ok(failing.count().get_result(&mut *tx.connection)?)
}

/// Puts a mail about a user in, in the place of an earlier one that was not sent yet.
pub(crate) fn put(
    tx: &mut Tx<'_>,
    sealer: &Sealer,
    id: Uuid,
    user_id: i64,
    mail: &[u8],
    now_us: i64,
    expires_at_us: i64,
) -> Result<(), StoreError> {
    remove_of_user(tx, user_id)?;
    let row = Row {
        tenant_id: tx.tenant_id,
        id: id.as_bytes().to_vec(),
        user_id,
        mail: sealer.seal(place(&row_name(tx.tenant_id, id)), mail)?,
        attempts: 0,
        due_at_us: now_us,
        expires_at_us,
    };
    diesel::insert_into(outbox::table).values(row).execute(&mut *tx.connection)?;
    Ok(())
}

/// Drops what was not sent to a user yet.
pub(crate) fn remove_of_user(tx: &mut Tx<'_>, user_id: i64) -> Result<(), StoreError> {
    let mine = outbox::table.filter(outbox::tenant_id.eq(tx.tenant_id)).filter(outbox::user_id.eq(user_id));
    diesel::delete(mine).execute(&mut *tx.connection)?;
    Ok(())
}

/// The next tenant after `after_id` that has mail which is due; the first of all where there is none.
pub(crate) fn tenant_with_due(
    connection: &mut AnyConnection,
    after_id: i64,
    now_us: i64,
) -> Result<Option<i64>, StoreError> {
    for after_id in [after_id, i64::MIN] {
        let due = outbox::table.filter(outbox::tenant_id.eq(tenants::id)).filter(outbox::due_at_us.le(now_us));
        let found = tenants::table.filter(tenants::id.gt(after_id)).filter(exists(due)).order(tenants::id);
        if let Some(found) = found.select(tenants::id).limit(1).get_result(connection).optional()? {
            return Ok(Some(found));
        }
    }
    Ok(None)
}

/// The tenant's mail that has been due longest.
pub(crate) fn next_due(tx: &mut Tx<'_>, sealer: &Sealer, now_us: i64) -> Result<Option<Due>, StoreError> {
    let found: Option<Row> = outbox::table
        .filter(outbox::tenant_id.eq(tx.tenant_id))
        .filter(outbox::due_at_us.le(now_us))
        .order((outbox::due_at_us, outbox::id))
        .select(row::<Row>())
        .limit(1)
        .get_result(&mut *tx.connection)
        .optional()?;
    let Some(row) = found else { return Ok(None) };
    let id = tx::uuid(&row.id)?;
    Ok(Some(Due {
        id,
        mail: sealer.open(place(&row_name(tx.tenant_id, id)), &row.mail),
        attempt: row.attempts.saturating_add(1),
        expires_at_us: row.expires_at_us,
    }))
}

/// Counts an attempt at a mail, and says when it is to be tried again if nothing more is heard of this one.
pub(crate) fn claim(tx: &mut Tx<'_>, due: &Due, due_at_us: i64) -> Result<(), StoreError> {
    diesel::update(outbox::table.find((tx.tenant_id, due.id.as_bytes().as_slice())))
        .set((outbox::attempts.eq(due.attempt), outbox::due_at_us.eq(due_at_us)))
        .execute(&mut *tx.connection)?;
    Ok(())
}

/// Puts off a mail whose attempt failed, unless another attempt has begun since.
pub(crate) fn put_off(tx: &mut Tx<'_>, due: &Due, due_at_us: i64) -> Result<(), StoreError> {
    let mine = outbox::table.find((tx.tenant_id, due.id.as_bytes().as_slice()));
    diesel::update(mine.filter(outbox::attempts.eq(due.attempt)))
        .set(outbox::due_at_us.eq(due_at_us))
        .execute(&mut *tx.connection)?;
    Ok(())
}

/// Drops what was of use until before `now_us`.
pub(crate) fn forget(tx: &mut Tx<'_>, now_us: i64) -> Result<(), StoreError> {
    let old = outbox::table.filter(outbox::tenant_id.eq(tx.tenant_id)).filter(outbox::expires_at_us.le(now_us));
    diesel::delete(old).execute(&mut *tx.connection)?;
    Ok(())
}

/// Drops a mail: it was sent, by whatever attempt, or is of no use any more.
pub(crate) fn remove(tx: &mut Tx<'_>, id: Uuid) -> Result<(), StoreError> {
    diesel::delete(outbox::table.find((tx.tenant_id, id.as_bytes().as_slice()))).execute(&mut *tx.connection)?;
    Ok(())
}

/// Seals all mail anew: the master key is rotated.
pub(crate) fn reseal(connection: &mut AnyConnection, sealer: &Sealer) -> Result<usize, StoreError> {
    let rows: Vec<Row> = outbox::table.select(row::<Row>()).load(connection)?;
    for row in &rows {
        let name = row_name(row.tenant_id, tx::uuid(&row.id)?);
        let sealed = sealer.seal(place(&name), &sealer.open(place(&name), &row.mail)?)?;
        diesel::update(outbox::table.find((row.tenant_id, row.id.as_slice())))
            .set(outbox::mail.eq(sealed))
            .execute(connection)?;
    }
    Ok(rows.len())
}

fn row_name(tenant_id: i64, id: Uuid) -> String {
    format!("{tenant_id}/{id}")
}

fn place(row: &str) -> Place<'_> {
    Place { table: "outbox", row, column: "mail" }
}
