//! Evaluation keys: table `eval_keys`. Every change moves the version that servers poll.

use diesel::prelude::*;
use osaycore_directory::Name;

use super::db::{AnyConnection, StoreError, row};
use super::schema::eval_keys;
use super::tx::Tx;
use super::versions::{self, Kind};

/// A key as it is kept: whoever reads the table cannot use it.
#[derive(Clone, Debug)]
pub(crate) struct EvalKey {
    pub(crate) app_id: i64,
    pub(crate) id: i64,
    /// Unique within the app.
    pub(crate) name: Name,
    /// SHA-256.
    pub(crate) key_hash: [u8; 32],
    pub(crate) created_at_us: i64,
}

#[derive(Queryable, Selectable, Insertable)]
#[diesel(table_name = eval_keys)]
struct Row {
    tenant_id: i64,
    app_id: i64,
    id: i64,
    name: String,
    key_hash: Vec<u8>,
    created_at_us: i64,
}

/// Every key of every app of every tenant, for the snapshot.
pub(crate) fn all(connection: &mut AnyConnection) -> Result<Vec<EvalKey>, StoreError> {
    let rows: Vec<Row> = eval_keys::table.select(row::<Row>()).load(connection)?;
    rows.into_iter().map(Row::read).collect()
}

/// The app's keys, in the order in which they were made.
pub(crate) fn of_app(tx: &mut Tx<'_>, app_id: i64) -> Result<Vec<EvalKey>, StoreError> {
    let rows: Vec<Row> = eval_keys::table
        .filter(eval_keys::tenant_id.eq(tx.tenant_id))
        .filter(eval_keys::app_id.eq(app_id))
        .order(eval_keys::id)
        .select(row::<Row>())
        .load(&mut *tx.connection)?;
    rows.into_iter().map(Row::read).collect()
}

/// Adds a key.
pub(crate) fn insert(tx: &mut Tx<'_>, key: &EvalKey) -> Result<(), StoreError> {
    let row = Row {
        tenant_id: tx.tenant_id,
        app_id: key.app_id,
        id: key.id,
        name: key.name.as_str().to_owned(),
        key_hash: key.key_hash.to_vec(),
        created_at_us: key.created_at_us,
    };
    diesel::insert_into(eval_keys::table).values(row).execute(&mut *tx.connection)?;
    versions::bump(tx.connection, Kind::Configuration)
}

/// Removes a key.
pub(crate) fn remove(tx: &mut Tx<'_>, key: &EvalKey) -> Result<(), StoreError> {
    diesel::delete(eval_keys::table.find((tx.tenant_id, key.app_id, key.id))).execute(&mut *tx.connection)?;
    versions::bump(tx.connection, Kind::Configuration)
}

impl Row {
    fn read(self) -> Result<EvalKey, StoreError> {
        let corrupt = StoreError::Corrupt("evaluation key");
        Ok(EvalKey {
            app_id: self.app_id,
            id: self.id,
            name: self.name.parse().map_err(|_| corrupt)?,
            key_hash: self.key_hash.try_into().map_err(|_| StoreError::Corrupt("evaluation key"))?,
            created_at_us: self.created_at_us,
        })
    }
}
