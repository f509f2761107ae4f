//! What a user may do in an app, and what the app calls the user: table `permits`.

use diesel::prelude::*;
use diesel::upsert::excluded;
use osaycore_directory::{ExternalId, Permit, Rate, Unique, User, Write};

use super::bulk::load_all;
use super::db::{StoreError, each_backend, row};
use super::schema::{permits, users};
use super::terms;
use super::tx::Tx;
use super::users::Row as UserRow;

#[derive(Queryable, Selectable, Insertable)]
#[diesel(table_name = permits, treat_none_as_default_value = false)]
struct Row {
    tenant_id: i64,
    user_id: i64,
    app_id: i64,
    external_id: Option<String>,
    can_use: bool,
    credit_rate: Option<i64>,
    scopes: Option<String>,
    custom: String,
    dormant: bool,
}

pub(super) fn find(tx: &mut Tx<'_>, user_id: i64, app_id: i64) -> Result<Option<Permit>, StoreError> {
    let found: Option<Row> = permits::table
        .find((tx.tenant_id, user_id, app_id))
        .select(row::<Row>())
        .get_result(&mut *tx.connection)
        .optional()?;
    found.map(Row::read).transpose()
}

pub(super) fn of_user(tx: &mut Tx<'_>, user_id: i64) -> Result<Vec<Permit>, StoreError> {
    let rows: Vec<Row> = permits::table
        .filter(permits::tenant_id.eq(tx.tenant_id))
        .filter(permits::user_id.eq(user_id))
        .order(permits::app_id)
        .select(row::<Row>())
        .load(&mut *tx.connection)?;
    rows.into_iter().map(Row::read).collect()
}

/// The permits of these users in the app.
pub(crate) fn of_users(tx: &mut Tx<'_>, app_id: i64, user_ids: &[i64]) -> Result<Vec<Permit>, StoreError> {
    let tenant_id = tx.tenant_id;
    let rows: Vec<Row> = load_all!(
        &mut *tx.connection,
        user_ids,
        |inner| permits::table
            .filter(permits::tenant_id.eq(tenant_id))
            .filter(permits::app_id.eq(app_id))
            .filter(permits::user_id.eq_any(user_ids))
            .select(Row::as_select())
            .load(inner),
        |user_id, inner| permits::table.find((tenant_id, user_id, app_id)).select(Row::as_select()).load(inner)
    );
    rows.into_iter().map(Row::read).collect()
}

pub(super) fn user_by_external_id(
    tx: &mut Tx<'_>,
    app_id: i64,
    external_id: &ExternalId,
) -> Result<Option<User>, StoreError> {
    let found: Option<UserRow> = users::table
        .inner_join(permits::table.on(permits::tenant_id.eq(users::tenant_id).and(permits::user_id.eq(users::id))))
        .filter(permits::tenant_id.eq(tx.tenant_id))
        .filter(permits::app_id.eq(app_id))
        .filter(permits::external_id.eq(external_id.as_str()))
        .filter(permits::dormant.eq(false))
        .select(row::<UserRow>())
        .get_result(&mut *tx.connection)
        .optional()?;
    found.map(UserRow::read).transpose()
}

pub(super) fn put(tx: &mut Tx<'_>, permit: &Permit) -> Result<Write, StoreError> {
    if let Some(external_id) = &permit.external_id
        && claimed(tx, permit.app_id, external_id.as_str(), permit.user_id)?
    {
        return Ok(Write::Taken(Unique::ExternalId));
    }
    let row = Row {
        tenant_id: tx.tenant_id,
        user_id: permit.user_id,
        app_id: permit.app_id,
        external_id: permit.external_id.as_ref().map(|id| id.as_str().to_owned()),
        can_use: permit.can_use,
        credit_rate: permit.credit_rate.map(Rate::micros),
        scopes: permit.scopes.as_ref().and_then(|scopes| serde_json::to_string(scopes).ok()),
        custom: permit.custom.as_str().to_owned(),
        dormant: false,
    };
    each_backend!(&mut *tx.connection, |inner| {
        diesel::insert_into(permits::table)
            .values(&row)
            .on_conflict((permits::tenant_id, permits::user_id, permits::app_id))
            .do_update()
            .set((
                permits::external_id.eq(excluded(permits::external_id)),
                permits::can_use.eq(excluded(permits::can_use)),
                permits::credit_rate.eq(excluded(permits::credit_rate)),
                permits::scopes.eq(excluded(permits::scopes)),
                permits::custom.eq(excluded(permits::custom)),
            ))
            .execute(inner)
    })?;
    terms::write_by_id(tx, permit.user_id)?;
    tx.directory_changed()?;
    Ok(Write::Done)
}

/// Whether an external id of this user went to somebody else meanwhile.
pub(super) fn external_id_taken(tx: &mut Tx<'_>, user_id: i64) -> Result<bool, StoreError> {
    let own: Vec<(i64, String)> = permits::table
        .filter(permits::tenant_id.eq(tx.tenant_id))
        .filter(permits::user_id.eq(user_id))
        .filter(permits::external_id.is_not_null())
        .select((permits::app_id, permits::external_id.assume_not_null()))
        .load(&mut *tx.connection)?;
    for (app_id, external_id) in own {
        if claimed(tx, app_id, &external_id, user_id)? {
            return Ok(true);
        }
    }
    Ok(false)
}

/// Frees the external ids of a deleted user, or claims them again.
pub(super) fn set_dormant(tx: &mut Tx<'_>, user_id: i64, dormant: bool) -> Result<(), StoreError> {
    let other = permits::table
        .filter(permits::tenant_id.eq(tx.tenant_id))
        .filter(permits::user_id.eq(user_id))
        .filter(permits::dormant.ne(dormant));
    diesel::update(other).set(permits::dormant.eq(dormant)).execute(&mut *tx.connection)?;
    Ok(())
}

/// Whether another user who is not deleted has the external id in the app. The unique index stands behind it.
fn claimed(tx: &mut Tx<'_>, app_id: i64, external_id: &str, user_id: i64) -> Result<bool, StoreError> {
    let other = permits::table
        .filter(permits::tenant_id.eq(tx.tenant_id))
        .filter(permits::app_id.eq(app_id))
        .filter(permits::external_id.eq(external_id))
        .filter(permits::dormant.eq(false))
        .filter(permits::user_id.ne(user_id));
    Ok(diesel::select(diesel::dsl::exists(other)).get_result(&mut *tx.connection)?)
}

impl Row {
    fn read(self) -> Result<Permit, StoreError> {
        let corrupt = || StoreError::Corrupt("permit");
        Ok(Permit {
            user_id: self.user_id,
            app_id: self.app_id,
            external_id: self.external_id.map(ExternalId::try_from).transpose().map_err(|_| corrupt())?,
            can_use: self.can_use,
            credit_rate: match self.credit_rate {
                Some(micros) => Some(Rate::from_micros(micros).ok_or_else(corrupt)?),
                None => None,
            },
            scopes: match self.scopes {
                Some(scopes) => Some(serde_json::from_str(&scopes).map_err(|_| corrupt())?),
                None => None,
            },
            custom: self.custom.parse().map_err(|_| corrupt())?,
        })
    }
}
