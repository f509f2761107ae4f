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

#[cfg(test)]
mod tests {
    use osaycore_ledger::{Account, Add, AddKind, Amount, Command, Storage as _, execute};

    use super::*;
    use crate::store::db::Database;
    use crate::store::migrations::migrate;
    use crate::store::tx::transact;

    #[test]
    fn entries_whose_wallet_is_gone_are_found() {
        let folder = tempfile::tempdir().unwrap();
        let url = format!("sqlite://{}", folder.path().join("test.db").display());
        let database = Database::open(&url.parse().unwrap(), 1).unwrap();
        migrate(&database).unwrap();
        let found = transact::<_, StoreError>(&mut database.writer(), 1, |tx| {
            tx.insert_account(&Account::new(7))?;
            let bonus = Command::Add(Add {
                account_id: 7,
                app_id: 0,
                transaction_id: uuid::Uuid::from_u128(1),
                amount: Amount::ONE,
                kind: AddKind::Bonus,
                description: None,
                reference: None,
                payment_id: None,
            });
            execute(tx, &bonus, 1).unwrap();
            tx.flush()?;
            let before = (count_accounts(tx)?, entry_without_account(tx)?);
            diesel::delete(accounts::table).execute(&mut *tx.connection)?;
            Ok((before, (count_accounts(tx)?, entry_without_account(tx)?)))
        });
        assert_eq!(found.unwrap(), ((1, None), (0, Some(7))));
    }
}
