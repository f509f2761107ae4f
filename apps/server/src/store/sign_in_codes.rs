//! Codes that an app gets in the place of a token and exchanges for one, once: table `sign_in_codes`.

use diesel::dsl::exists;
use diesel::prelude::*;
use osaycore_directory::Login;

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
        link: code.link.as_ref().map(serde_json::to_string).transpose().map_err(|_| StoreError::Corrupt("login"))?,
        expires_at_us: code.expires_at_us,
    };
    diesel::insert_into(sign_in_codes::table).values(row).execute(&mut *tx.connection)?;
    Ok(())
}

/// What the app may have for a code, expired or not, which nobody gets after this. Another app's code stays.
pub(crate) fn take(tx: &mut Tx<'_>, app_id: i64, code_hash: &[u8; 32]) -> Result<Option<SignInCode>, StoreError> {
    let theirs =
        sign_in_codes::table.find((tx.tenant_id, code_hash.as_slice())).filter(sign_in_codes::app_id.eq(app_id));
    let taken: Option<Row> =
        diesel::delete(theirs).returning(row::<Row>()).get_result(&mut *tx.connection).optional()?;
    taken.map(Row::read).transpose()
}

/// Drops the codes that would begin a session of the user.
pub(crate) fn drop_of_user(tx: &mut Tx<'_>, user_id: i64) -> Result<(), StoreError> {
    let theirs = sign_in_codes::table
        .filter(sign_in_codes::tenant_id.eq(tx.tenant_id))
        .filter(sign_in_codes::user_id.eq(user_id));
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

/// Drops the codes of the tenant that expired before `now_us`: few, as an app takes its own at once.
pub(crate) fn forget(tx: &mut Tx<'_>, now_us: i64) -> Result<(), StoreError> {
    let old = sign_in_codes::table
        .filter(sign_in_codes::tenant_id.eq(tx.tenant_id))
        .filter(sign_in_codes::expires_at_us.le(now_us));
    diesel::delete(old).execute(&mut *tx.connection)?;
    Ok(())
}

impl Row {
    fn read(self) -> Result<SignInCode, StoreError> {
        let link = self.link.map(|login| serde_json::from_str(&login));
        Ok(SignInCode {
            code_hash: tx::fixed(&self.code_hash, "hash of a code")?,
            app_id: self.app_id,
            user_id: self.user_id,
            link: link.transpose().map_err(|_| StoreError::Corrupt("login"))?,
            expires_at_us: self.expires_at_us,
        })
    }
}
