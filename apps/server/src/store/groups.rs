//! Groups, who is in them and which apps they open: tables `user_groups`, `group_members`, `group_apps`.

use std::collections::HashSet;

use diesel::prelude::*;
use osaycore_directory::{Group, GroupRef, Unique, Write};

use super::bulk::load_all;
use super::db::{StoreError, each_backend, row};
use super::schema::{group_apps, group_members, user_groups};
use super::tx::Tx;

#[derive(Queryable, Selectable, Insertable)]
#[diesel(table_name = user_groups)]
pub(super) struct Row {
    tenant_id: i64,
    id: i64,
    name: String,
    created_at_us: i64,
}

pub(super) fn find(tx: &mut Tx<'_>, group: &GroupRef) -> Result<Option<Group>, StoreError> {
    let mut query =
        user_groups::table.filter(user_groups::tenant_id.eq(tx.tenant_id)).select(row::<Row>()).into_boxed();
    query = match group {
        GroupRef::Id(id) => query.filter(user_groups::id.eq(*id)),
        GroupRef::Name(name) => query.filter(user_groups::name.eq(name.as_str().to_owned())),
    };
    query.get_result(&mut *tx.connection).optional()?.map(Row::read).transpose()
}

pub(super) fn list(tx: &mut Tx<'_>) -> Result<Vec<Group>, StoreError> {
    let rows: Vec<Row> = user_groups::table
        .filter(user_groups::tenant_id.eq(tx.tenant_id))
        .order(user_groups::id)
        .select(row::<Row>())
        .load(&mut *tx.connection)?;
    rows.into_iter().map(Row::read).collect()
}

pub(super) fn insert(tx: &mut Tx<'_>, group: &Group) -> Result<Write, StoreError> {
    if group.tenant_id != tx.tenant_id {
        return Err(StoreError::Corrupt("group of another tenant"));
    }
    if find(tx, &GroupRef::Name(group.name.clone()))?.is_some() {
        return Ok(Write::Taken(Unique::Name));
    }
    let row = Row {
        tenant_id: group.tenant_id,
        id: group.id,
        name: group.name.as_str().to_owned(),
        created_at_us: group.created_at_us,
    };
    diesel::insert_into(user_groups::table).values(row).execute(&mut *tx.connection)?;
    Ok(Write::Done)
}

/// What is kept of its members has the name.
pub(super) fn rename(tx: &mut Tx<'_>, group: &Group) -> Result<Write, StoreError> {
    if find(tx, &GroupRef::Name(group.name.clone()))?.is_some_and(|other| other.id != group.id) {
        return Ok(Write::Taken(Unique::Name));
    }
    let row = user_groups::table.find((tx.tenant_id, group.id));
    let rows = diesel::update(row).set(user_groups::name.eq(group.name.as_str())).execute(&mut *tx.connection)?;
    if rows != 1 {
        return Err(StoreError::Corrupt("group that is renamed"));
    }
    tx.directory_changed()?;
    Ok(Write::Done)
}

pub(super) fn of_user(tx: &mut Tx<'_>, user_id: i64) -> Result<Vec<i64>, StoreError> {
    Ok(group_members::table
        .filter(group_members::tenant_id.eq(tx.tenant_id))
        .filter(group_members::user_id.eq(user_id))
        .order(group_members::group_id)
        .select(group_members::group_id)
        .load(&mut *tx.connection)?)
}

impl Tx<'_> {
    /// The names of the groups that the user is in.
    pub(crate) fn group_names(&mut self, user_id: i64) -> Result<Vec<String>, StoreError> {
        Ok(names_of(self, &[user_id])?.into_iter().map(|(_, name)| name).collect())
    }
}

/// The names of the groups that these users are in, in the order of the groups' ids.
pub(super) fn names_of(tx: &mut Tx<'_>, user_ids: &[i64]) -> Result<Vec<(i64, String)>, StoreError> {
    let tenant_id = tx.tenant_id;
    let of_tenant = || {
        group_members::table
            .inner_join(user_groups::table.on(
                user_groups::tenant_id.eq(group_members::tenant_id).and(user_groups::id.eq(group_members::group_id)),
            ))
            .filter(group_members::tenant_id.eq(tenant_id))
            .order(group_members::group_id)
            .select((group_members::user_id, user_groups::name))
    };
    Ok(load_all!(
        &mut *tx.connection,
        user_ids,
        |inner| of_tenant().filter(group_members::user_id.eq_any(user_ids)).load(inner),
        |user_id, inner| of_tenant().filter(group_members::user_id.eq(user_id)).load(inner)
    ))
}

pub(super) fn add_member(tx: &mut Tx<'_>, group_id: i64, user_id: i64) -> Result<bool, StoreError> {
    let row = (
        group_members::tenant_id.eq(tx.tenant_id),
        group_members::user_id.eq(user_id),
        group_members::group_id.eq(group_id),
    );
    let rows = each_backend!(&mut *tx.connection, |inner| {
        diesel::insert_into(group_members::table).values(row).on_conflict_do_nothing().execute(inner)
    })?;
    changed(tx, rows)
}

pub(super) fn remove_member(tx: &mut Tx<'_>, group_id: i64, user_id: i64) -> Result<bool, StoreError> {
    let row = group_members::table.find((tx.tenant_id, user_id, group_id));
    let rows = diesel::delete(row).execute(&mut *tx.connection)?;
    changed(tx, rows)
}

pub(super) fn of_app(tx: &mut Tx<'_>, app_id: i64) -> Result<Vec<i64>, StoreError> {
    Ok(group_apps::table
        .filter(group_apps::tenant_id.eq(tx.tenant_id))
        .filter(group_apps::app_id.eq(app_id))
        .order(group_apps::group_id)
        .select(group_apps::group_id)
        .load(&mut *tx.connection)?)
}

pub(super) fn allow_app(tx: &mut Tx<'_>, group_id: i64, app_id: i64) -> Result<bool, StoreError> {
    let row =
        (group_apps::tenant_id.eq(tx.tenant_id), group_apps::app_id.eq(app_id), group_apps::group_id.eq(group_id));
    let rows = each_backend!(&mut *tx.connection, |inner| {
        diesel::insert_into(group_apps::table).values(row).on_conflict_do_nothing().execute(inner)
    })?;
    changed(tx, rows)
}

pub(super) fn disallow_app(tx: &mut Tx<'_>, group_id: i64, app_id: i64) -> Result<bool, StoreError> {
    let row = group_apps::table.find((tx.tenant_id, app_id, group_id));
    let rows = diesel::delete(row).execute(&mut *tx.connection)?;
    changed(tx, rows)
}

/// Whether that was a change.
fn changed(tx: &mut Tx<'_>, rows: usize) -> Result<bool, StoreError> {
    if rows == 1 {
        tx.directory_changed()?;
    }
    Ok(rows == 1)
}

/// Which of these users are in a group that is allowed on the app.
pub(super) fn sharing(tx: &mut Tx<'_>, app_id: i64, user_ids: &[i64]) -> Result<HashSet<i64>, StoreError> {
    let tenant_id = tx.tenant_id;
    let of_app = || {
        group_members::table
            .inner_join(
                group_apps::table.on(group_apps::tenant_id
                    .eq(group_members::tenant_id)
                    .and(group_apps::group_id.eq(group_members::group_id))),
            )
            .filter(group_members::tenant_id.eq(tenant_id))
            .filter(group_apps::app_id.eq(app_id))
            .select(group_members::user_id)
    };
    let members: Vec<i64> = load_all!(
        &mut *tx.connection,
        user_ids,
        |inner| of_app().filter(group_members::user_id.eq_any(user_ids)).load(inner),
        |user_id, inner| of_app().filter(group_members::user_id.eq(user_id)).load(inner)
    );
    Ok(members.into_iter().collect())
}

impl Row {
    pub(super) fn read(self) -> Result<Group, StoreError> {
        Ok(Group {
            id: self.id,
            tenant_id: self.tenant_id,
            name: self.name.parse().map_err(|_| StoreError::Corrupt("group"))?,
            created_at_us: self.created_at_us,
        })
    }
}
