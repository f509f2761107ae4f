//! Codes that an app gets in the place of a token and exchanges for one, once: table `sign_in_codes`.

use diesel::dsl::exists;
use diesel::prelude::*;
use diesel::sql_types::BigInt;
use osaycore_directory::Login;
use uuid::Uuid;

use super::db::{AnyConnection, StoreError, row};
use super::schema::{sign_in_codes, tenants};
use super::tx::{self, Tx};

/// A login that an app may exchange for a token.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct SignInCode {
    /// SHA-256 of the code.
    pub(crate) code_hash: [u8; 32],
    /// The app that may exchange it.
    pub(crate) app_id: i64,
    pub(crate) user_id: i64,
    /// The session that it was exchanged for.
    pub(crate) session_id: Option<Uuid>,
    /// The login at a provider that is to become the user's.
    pub(crate) link: Option<Login>,
    pub(crate) expires_at_us: i64,
}

#[derive(Queryable, Selectable, Insertable)]
#[diesel(table_name = sign_in_codes)]
struct Row {
    tenant_id: i64,
    code_hash: Vec<u8>,
    app_id: i64,
    user_id: i64,
    session_id: Option<Vec<u8>>,
    link: Option<String>,
    expires_at_us: i64,
}

/// Keeps a code that was not used before.
pub(crate) fn put(tx: &mut Tx<'_>, code: &SignInCode) -> Result<(), StoreError> {
    let row = Row {
        tenant_id: tx.tenant_id,
        code_hash: code.code_hash.to_vec(),
        app_id: code.app_id,
        user_id: code.user_id,
        session_id: code.session_id.map(|id| id.as_bytes().to_vec()),
        link: code.link.as_ref().map(serde_json::to_string).transpose().map_err(|_| StoreError::Corrupt("login"))?,
        expires_at_us: code.expires_at_us,
    };
    diesel::insert_into(sign_in_codes::table).values(row).execute(&mut *tx.connection)?;
    Ok(())
}

/// What the app may have, or has had, for a code, expired or not. Another app's code is none.
pub(crate) fn find(tx: &mut Tx<'_>, app_id: i64, code_hash: &[u8; 32]) -> Result<Option<SignInCode>, StoreError> {
    let found: Option<Row> = sign_in_codes::table
        .find((tx.tenant_id, code_hash.as_slice()))
        .filter(sign_in_codes::app_id.eq(app_id))
        .select(row::<Row>())
        .get_result(&mut *tx.connection)
        .optional()?;
    found.map(Row::read).transpose()
}

/// Exchanges a code for a session; false: it was exchanged before.
pub(crate) fn exchange(tx: &mut Tx<'_>, code_hash: &[u8; 32], session_id: Uuid) -> Result<bool, StoreError> {
    let open =
        sign_in_codes::table.find((tx.tenant_id, code_hash.as_slice())).filter(sign_in_codes::session_id.is_null());
    let set = diesel::update(open)
        .set(sign_in_codes::session_id.eq(session_id.as_bytes().as_slice()))
        .execute(&mut *tx.connection)?;
    Ok(set > 0)
}

/// Drops the codes that would begin a session of the user. One that did stays, to be known if it comes again.
pub(crate) fn drop_of_user(tx: &mut Tx<'_>, user_id: i64) -> Result<(), StoreError> {
    let theirs = sign_in_codes::table
        .filter(sign_in_codes::tenant_id.eq(tx.tenant_id))
        .filter(sign_in_codes::user_id.eq(user_id))
        .filter(sign_in_codes::session_id.is_null());
    diesel::delete(theirs).execute(&mut *tx.connection)?;
    Ok(())
}

/// The tenants that have a code which expired before `now_us`, the first so many of them.
pub(crate) fn tenants_with_old(
    connection: &mut AnyConnection,
    now_us: i64,
    at_most: i64,
) -> Result<Vec<i64>, StoreError> {
    let old = sign_in_codes::table
        .filter(sign_in_codes::tenant_id.eq(tenants::id))
        .filter(sign_in_codes::expires_at_us.le(now_us));
    Ok(tenants::table.filter(exists(old)).order(tenants::id).select(tenants::id).limit(at_most).load(connection)?)
}

/// Drops codes of the tenant that expired before `now_us`, at most so many.
pub(crate) fn forget(tx: &mut Tx<'_>, now_us: i64, at_most: i64) -> Result<(), StoreError> {
    diesel::sql_query(
        "DELETE FROM sign_in_codes WHERE tenant_id = $1 AND code_hash IN ( \
         SELECT code_hash FROM sign_in_codes WHERE tenant_id = $2 AND expires_at_us <= $3 LIMIT $4)",
    )
    .bind::<BigInt, _>(tx.tenant_id)
    .bind::<BigInt, _>(tx.tenant_id)
    .bind::<BigInt, _>(now_us)
    .bind::<BigInt, _>(at_most)
    .execute(&mut *tx.connection)?;
    Ok(())
}

impl Row {
    fn read(self) -> Result<SignInCode, StoreError> {
        let link = self.link.map(|login| serde_json::from_str(&login));
        Ok(SignInCode {
            code_hash: tx::fixed(&self.code_hash, "hash of a code")?,
            app_id: self.app_id,
            user_id: self.user_id,
            session_id: self.session_id.map(|id| tx::fixed(&id, "session id").map(Uuid::from_bytes)).transpose()?,
            link: link.transpose().map_err(|_| StoreError::Corrupt("login"))?,
            expires_at_us: self.expires_at_us,
        })
    }
}
