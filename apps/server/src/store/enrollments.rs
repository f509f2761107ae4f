//! Open links of enrolments by mail: table `enrollments`, at most one for each user.

use diesel::dsl::exists;
use diesel::prelude::*;
use osaycore_directory::Email;

use super::db::{AnyConnection, StoreError, row};
use super::schema::{enrollments, tenants};
use super::tx::Tx;

/// A link that was mailed. What it ends in is kept as a hash.
#[derive(Clone, Debug)]
pub(crate) struct Enrollment {
    pub(crate) user_id: i64,
    /// The app that asked for it.
    pub(crate) app_id: i64,
    pub(crate) token_hash: [u8; 32],
    /// Where the link was sent.
    pub(crate) email: Email,
    pub(crate) expires_at_us: i64,
}

#[derive(Queryable, Selectable, Insertable)]
#[diesel(table_name = enrollments)]
struct Row {
    tenant_id: i64,
    user_id: i64,
    app_id: i64,
    token_hash: Vec<u8>,
    email: String,
    expires_at_us: i64,
}

/// The enrolment of a token, expired or not.
pub(crate) fn find(tx: &mut Tx<'_>, token_hash: &[u8; 32]) -> Result<Option<Enrollment>, StoreError> {
    let found: Option<Row> = enrollments::table
        .filter(enrollments::tenant_id.eq(tx.tenant_id))
        .filter(enrollments::token_hash.eq(token_hash.as_slice()))
        .select(row::<Row>())
        .get_result(&mut *tx.connection)
        .optional()?;
    found.map(Row::read).transpose()
}

/// Opens a link, in the place of the user's earlier one.
pub(crate) fn put(tx: &mut Tx<'_>, enrollment: &Enrollment) -> Result<(), StoreError> {
    remove(tx, enrollment.user_id)?;
    let row = Row {
        tenant_id: tx.tenant_id,
        user_id: enrollment.user_id,
        app_id: enrollment.app_id,
        token_hash: enrollment.token_hash.to_vec(),
        email: enrollment.email.as_str().to_owned(),
        expires_at_us: enrollment.expires_at_us,
    };
    diesel::insert_into(enrollments::table).values(row).execute(&mut *tx.connection)?;
    Ok(())
}

/// Voids the user's link, if there is one.
pub(crate) fn remove(tx: &mut Tx<'_>, user_id: i64) -> Result<(), StoreError> {
    diesel::delete(enrollments::table.find((tx.tenant_id, user_id))).execute(&mut *tx.connection)?;
    Ok(())
}

/// The tenants that have a link which expired before `now_us`, the first so many of them.
pub(crate) fn tenants_with_old(
    connection: &mut AnyConnection,
    now_us: i64,
    at_most: i64,
) -> Result<Vec<i64>, StoreError> {
    let old =
        enrollments::table.filter(enrollments::tenant_id.eq(tenants::id)).filter(enrollments::expires_at_us.le(now_us));
    Ok(tenants::table.filter(exists(old)).order(tenants::id).select(tenants::id).limit(at_most).load(connection)?)
}

/// Drops the links of the tenant that expired before `now_us`.
pub(crate) fn forget(tx: &mut Tx<'_>, now_us: i64) -> Result<(), StoreError> {
    let old = enrollments::table
        .filter(enrollments::tenant_id.eq(tx.tenant_id))
        .filter(enrollments::expires_at_us.le(now_us));
    diesel::delete(old).execute(&mut *tx.connection)?;
    Ok(())
}

impl Row {
    fn read(self) -> Result<Enrollment, StoreError> {
        Ok(Enrollment {
            user_id: self.user_id,
            app_id: self.app_id,
            token_hash: super::tx::fixed(&self.token_hash, "hash of a link")?,
            email: self.email.parse().map_err(|_| StoreError::Corrupt("enrolment"))?,
            expires_at_us: self.expires_at_us,
        })
    }
}
