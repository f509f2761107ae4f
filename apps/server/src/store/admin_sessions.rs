//! Browsers that are signed in to the console: table `admin_sessions`.

use diesel::dsl::exists;
use diesel::prelude::*;

use super::db::{AnyConnection, StoreError, row};
use super::schema::{admin_sessions, tenants};
use super::tx::{self, Tx};

/// A browser that is signed in, or halfway there.
#[derive(Clone, Debug)]
pub(crate) struct AdminSession {
    /// SHA-256 of the cookie.
    pub(crate) token_hash: [u8; 32],
    pub(crate) admin_id: i64,
    /// The password was right, and the second factor is still asked for.
    pub(crate) halfway: bool,
    pub(crate) created_at_us: i64,
    /// To the minute.
    pub(crate) used_at_us: i64,
    pub(crate) expires_at_us: i64,
    /// Where it began.
    pub(crate) address: Option<String>,
    /// What the browser calls itself.
    pub(crate) agent: Option<String>,
}

#[derive(Queryable, Selectable, Insertable)]
#[diesel(table_name = admin_sessions, treat_none_as_default_value = false)]
struct Row {
    tenant_id: i64,
    token_hash: Vec<u8>,
    admin_id: i64,
    halfway: bool,
    created_at_us: i64,
    used_at_us: i64,
    expires_at_us: i64,
    address: Option<String>,
    agent: Option<String>,
}

/// The session of a cookie, expired or not.
pub(crate) fn find(tx: &mut Tx<'_>, token_hash: &[u8; 32]) -> Result<Option<AdminSession>, StoreError> {
    let found: Option<Row> = admin_sessions::table
        .find((tx.tenant_id, token_hash.as_slice()))
        .select(row::<Row>())
        .get_result(&mut *tx.connection)
        .optional()?;
    found.map(Row::read).transpose()
}

/// The login's sessions that have not expired, the one that was used last first.
pub(crate) fn of_admin(tx: &mut Tx<'_>, admin_id: i64, now_us: i64) -> Result<Vec<AdminSession>, StoreError> {
    let rows: Vec<Row> = admin_sessions::table
        .filter(admin_sessions::tenant_id.eq(tx.tenant_id))
        .filter(admin_sessions::admin_id.eq(admin_id))
        .filter(admin_sessions::halfway.eq(false))
        .filter(admin_sessions::expires_at_us.gt(now_us))
        .order((admin_sessions::used_at_us.desc(), admin_sessions::token_hash))
        .select(row::<Row>())
        .load(&mut *tx.connection)?;
    rows.into_iter().map(Row::read).collect()
}

pub(crate) fn insert(tx: &mut Tx<'_>, session: &AdminSession) -> Result<(), StoreError> {
    let row = Row {
        tenant_id: tx.tenant_id,
        token_hash: session.token_hash.to_vec(),
        admin_id: session.admin_id,
        halfway: session.halfway,
        created_at_us: session.created_at_us,
        used_at_us: session.used_at_us,
        expires_at_us: session.expires_at_us,
        address: session.address.clone(),
        agent: session.agent.clone(),
    };
    diesel::insert_into(admin_sessions::table).values(row).execute(&mut *tx.connection)?;
    Ok(())
}

/// Notes that a session is in use; one that has ended meanwhile stays so.
pub(crate) fn touch(
    tx: &mut Tx<'_>,
    token_hash: &[u8; 32],
    used_at_us: i64,
    expires_at_us: i64,
) -> Result<(), StoreError> {
    diesel::update(admin_sessions::table.find((tx.tenant_id, token_hash.as_slice())))
        .set((admin_sessions::used_at_us.eq(used_at_us), admin_sessions::expires_at_us.eq(expires_at_us)))
        .execute(&mut *tx.connection)?;
    Ok(())
}

/// Ends a session; false if there is none.
pub(crate) fn remove(tx: &mut Tx<'_>, token_hash: &[u8; 32]) -> Result<bool, StoreError> {
    let session = admin_sessions::table.find((tx.tenant_id, token_hash.as_slice()));
    Ok(diesel::delete(session).execute(&mut *tx.connection)? > 0)
}

/// Ends every session of the login; → how many there were.
pub(crate) fn remove_all(tx: &mut Tx<'_>, admin_id: i64) -> Result<usize, StoreError> {
    let all = admin_sessions::table
        .filter(admin_sessions::tenant_id.eq(tx.tenant_id))
        .filter(admin_sessions::admin_id.eq(admin_id));
    Ok(diesel::delete(all).execute(&mut *tx.connection)?)
}

/// The tenants that have a session which expired before `now_us`, the first so many of them.
pub(crate) fn tenants_with_old(
    connection: &mut AnyConnection,
    now_us: i64,
    at_most: i64,
) -> Result<Vec<i64>, StoreError> {
    let old = admin_sessions::table
        .filter(admin_sessions::tenant_id.eq(tenants::id))
        .filter(admin_sessions::expires_at_us.le(now_us));
    Ok(tenants::table.filter(exists(old)).order(tenants::id).select(tenants::id).limit(at_most).load(connection)?)
}

/// Drops the sessions of the tenant that expired before `now_us`.
pub(crate) fn forget(tx: &mut Tx<'_>, now_us: i64) -> Result<(), StoreError> {
    let old = admin_sessions::table
        .filter(admin_sessions::tenant_id.eq(tx.tenant_id))
        .filter(admin_sessions::expires_at_us.le(now_us));
    diesel::delete(old).execute(&mut *tx.connection)?;
    Ok(())
}

impl Row {
    fn read(self) -> Result<AdminSession, StoreError> {
        Ok(AdminSession {
            token_hash: tx::fixed(&self.token_hash, "session of the console")?,
            admin_id: self.admin_id,
            halfway: self.halfway,
            created_at_us: self.created_at_us,
            used_at_us: self.used_at_us,
            expires_at_us: self.expires_at_us,
            address: self.address,
            agent: self.agent,
        })
    }
}
