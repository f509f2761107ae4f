//! What `credits verify` asks beyond accounts and their entries.

use diesel::prelude::*;
use diesel::sql_types::BigInt;

use super::db::StoreError;
use super::schema::accounts;
use super::tx::Tx;

/// How many accounts the tenant has.
pub(crate) fn count_accounts(tx: &mut Tx<'_>) -> Result<u64, StoreError> {
    let count: i64 =
        accounts::table.filter(accounts::tenant_id.eq(tx.tenant_id)).count().get_result(&mut *tx.connection)?;
    Ok(u64::try_from(count).unwrap_or(0))
}

/// An account id that has entries and is no account: no walk over the accounts comes by it.
pub(crate) fn entry_without_account(tx: &mut Tx<'_>) -> Result<Option<i64>, StoreError> {
    #[derive(QueryableByName)]
    struct Row {
        #[diesel(sql_type = BigInt)]
        account_id: i64,
    }
    let rows: Vec<Row> = diesel::sql_query(
        "SELECT entries.account_id FROM entries LEFT JOIN accounts \
         ON accounts.tenant_id = entries.tenant_id AND accounts.id = entries.account_id \
         WHERE entries.tenant_id = $1 AND accounts.id IS NULL LIMIT 1",
    )
    .bind::<BigInt, _>(tx.tenant_id)
    .load(&mut *tx.connection)?;
    Ok(rows.into_iter().next().map(|row| row.account_id))
}
