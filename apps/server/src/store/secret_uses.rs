//! When secrets that were replaced were used last: table `secret_uses`.

use diesel::dsl::exists;
use diesel::prelude::*;

use super::db::{AnyConnection, StoreError, each_backend};
use super::schema::{app_secrets, secret_uses};
use super::tx::Tx;

/// Notes that a secret was used; one that has gone meanwhile stays so.
pub(crate) fn used(tx: &mut Tx<'_>, app_id: i64, secret_id: i64, at_us: i64) -> Result<(), StoreError> {
    let tenant_id = tx.tenant_id;
    let secret = app_secrets::table.find((tenant_id, app_id, secret_id));
    if !diesel::select(exists(secret)).get_result::<bool>(&mut *tx.connection)? {
        return Ok(());
    }
    let row = (
        secret_uses::tenant_id.eq(tenant_id),
        secret_uses::app_id.eq(app_id),
        secret_uses::secret_id.eq(secret_id),
        secret_uses::used_at_us.eq(at_us),
    );
    let inserted = each_backend!(&mut *tx.connection, |inner| {
        diesel::insert_into(secret_uses::table).values(row).on_conflict_do_nothing().execute(inner)
    })?;
    if inserted == 0 {
        let known = secret_uses::table.find((tenant_id, app_id, secret_id));
        diesel::update(known.filter(secret_uses::used_at_us.lt(at_us)))
            .set(secret_uses::used_at_us.eq(at_us))
            .execute(&mut *tx.connection)?;
    }
    Ok(())
}

/// The last uses of the app's secrets, by their ids.
pub(crate) fn of_app(tx: &mut Tx<'_>, app_id: i64) -> Result<Vec<(i64, i64)>, StoreError> {
    Ok(secret_uses::table
        .filter(secret_uses::tenant_id.eq(tx.tenant_id))
        .filter(secret_uses::app_id.eq(app_id))
        .select((secret_uses::secret_id, secret_uses::used_at_us))
        .load(&mut *tx.connection)?)
}

/// Forgets the use of a secret that is to go.
pub(super) fn forget(connection: &mut AnyConnection, secret: (i64, i64, i64)) -> Result<(), StoreError> {
    diesel::delete(secret_uses::table.find(secret)).execute(connection)?;
    Ok(())
}
