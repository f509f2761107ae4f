//! Tokens of the admin API: table `admin_tokens`. Every change but that of use moves the version that servers poll.

use diesel::prelude::*;
use osaycore_directory::{AdminScopes, Name};

use super::db::{AnyConnection, StoreError, row};
use super::schema::admin_tokens;
use super::tx::{self, Tx};
use super::versions::{self, Kind};

/// A token as it is kept: whoever reads the table cannot use it.
#[derive(Clone, Debug)]
pub(crate) struct AdminToken {
    pub(crate) tenant_id: i64,
    pub(crate) id: i64,
    /// Unique within the tenant.
    pub(crate) name: Name,
    /// SHA-256.
    pub(crate) token_hash: [u8; 32],
    pub(crate) scopes: AdminScopes,
    /// Who made it, as the audit trail shows it.
    pub(crate) creator: String,
    pub(crate) created_at_us: i64,
    /// None: it does not expire.
    pub(crate) expires_at_us: Option<i64>,
    /// To the minute.
    pub(crate) last_used_at_us: Option<i64>,
}

#[derive(Queryable, Selectable, Insertable)]
#[diesel(table_name = admin_tokens, treat_none_as_default_value = false)]
struct Row {
    tenant_id: i64,
    id: i64,
    name: String,
    token_hash: Vec<u8>,
    scopes: String,
    creator: String,
    created_at_us: i64,
    expires_at_us: Option<i64>,
    last_used_at_us: Option<i64>,
}

/// Every token of every tenant, for the snapshot.
pub(crate) fn all(connection: &mut AnyConnection) -> Result<Vec<AdminToken>, StoreError> {
    let rows: Vec<Row> = admin_tokens::table.select(row::<Row>()).load(connection)?;
    rows.into_iter().map(Row::read).collect()
}

/// The tenant's tokens, in the order in which they were made.
pub(crate) fn list(tx: &mut Tx<'_>) -> Result<Vec<AdminToken>, StoreError> {
    let rows: Vec<Row> = admin_tokens::table
        .filter(admin_tokens::tenant_id.eq(tx.tenant_id))
        .order(admin_tokens::id)
        .select(row::<Row>())
        .load(&mut *tx.connection)?;
    rows.into_iter().map(Row::read).collect()
}

/// Adds a token.
pub(crate) fn insert(tx: &mut Tx<'_>, token: &AdminToken) -> Result<(), StoreError> {
    let row = Row {
        tenant_id: tx.tenant_id,
        id: token.id,
        name: token.name.as_str().to_owned(),
        token_hash: token.token_hash.to_vec(),
        scopes: token.scopes.to_string(),
        creator: token.creator.clone(),
        created_at_us: token.created_at_us,
        expires_at_us: token.expires_at_us,
        last_used_at_us: token.last_used_at_us,
    };
    diesel::insert_into(admin_tokens::table).values(row).execute(&mut *tx.connection)?;
    versions::bump(tx.connection, Kind::Configuration)
}

/// Removes a token.
pub(crate) fn remove(tx: &mut Tx<'_>, id: i64) -> Result<(), StoreError> {
    diesel::delete(admin_tokens::table.find((tx.tenant_id, id))).execute(&mut *tx.connection)?;
    versions::bump(tx.connection, Kind::Configuration)
}

/// Notes that a token was used; a token that was removed meanwhile stays so.
pub(crate) fn used(tx: &mut Tx<'_>, id: i64, at_us: i64) -> Result<(), StoreError> {
    let earlier = admin_tokens::last_used_at_us.is_null().or(admin_tokens::last_used_at_us.lt(at_us));
    diesel::update(admin_tokens::table.find((tx.tenant_id, id)).filter(earlier))
        .set(admin_tokens::last_used_at_us.eq(at_us))
        .execute(&mut *tx.connection)?;
    Ok(())
}

impl Row {
    fn read(self) -> Result<AdminToken, StoreError> {
        Ok(AdminToken {
            tenant_id: self.tenant_id,
            id: self.id,
            name: self.name.parse().map_err(|_| StoreError::Corrupt("admin token"))?,
            token_hash: tx::fixed(&self.token_hash, "admin token")?,
            scopes: self.scopes.parse().map_err(|_| StoreError::Corrupt("admin token"))?,
            creator: self.creator,
            created_at_us: self.created_at_us,
            expires_at_us: self.expires_at_us,
            last_used_at_us: self.last_used_at_us,
        })
    }
}
