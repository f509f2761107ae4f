//! The groups, by name, and who is in one.

use diesel::prelude::*;
use osaycore_directory::{App, AppRef, Group, Storage as _};

use super::{Asked, Page, page};
use crate::store::db::{StoreError, row};
use crate::store::groups::Row;
use crate::store::schema::{group_apps, group_members, user_groups};
use crate::store::tx::Tx;

/// Up to which members are counted.
pub(crate) const COUNTED: i64 = 1000;

/// A group, and how many are in it: at most [`COUNTED`] and one more, which says that there are more than are counted.
#[derive(Debug)]
pub(crate) struct Counted {
    pub(crate) group: Group,
    pub(crate) members: i64,
}

/// All groups of the tenant.
pub(crate) fn list(tx: &mut Tx<'_>, asked: &Asked) -> Result<Page<Counted>, StoreError> {
    let page = page(asked, |after: Option<&String>, at_most| groups(tx, after, at_most), Ok)?;
    let mut items = Vec::with_capacity(page.items.len());
    for group in page.items {
        let members = count(tx, group.id)?;
        items.push(Counted { group, members });
    }
    Ok(Page { items, next: page.next })
}

/// How many are in a group, at most [`COUNTED`] and one more.
pub(crate) fn count(tx: &mut Tx<'_>, group_id: i64) -> Result<i64, StoreError> {
    let members = members(tx, group_id, None, COUNTED.saturating_add(1))?;
    Ok(i64::try_from(members.len()).unwrap_or(i64::MAX))
}

/// The apps that a group opens, by their ids.
pub(crate) fn apps(tx: &mut Tx<'_>, group_id: i64) -> Result<Vec<App>, StoreError> {
    let ids: Vec<i64> = group_apps::table
        .filter(group_apps::tenant_id.eq(tx.tenant_id))
        .filter(group_apps::group_id.eq(group_id))
        .order(group_apps::app_id)
        .select(group_apps::app_id)
        .load(&mut *tx.connection)?;
    let mut apps = Vec::with_capacity(ids.len());
    for id in ids {
        apps.extend(tx.app(AppRef::Id(id))?);
    }
    Ok(apps)
}

fn groups(tx: &mut Tx<'_>, after: Option<&String>, at_most: i64) -> Result<Vec<(String, Group)>, StoreError> {
    let mut query = user_groups::table
        .filter(user_groups::tenant_id.eq(tx.tenant_id))
        .order(user_groups::name)
        .limit(at_most)
        .select(row::<Row>())
        .into_boxed();
    if let Some(name) = after {
        query = query.filter(user_groups::name.gt(name.clone()));
    }
    let rows: Vec<Row> = query.load(&mut *tx.connection)?;
    rows.into_iter().map(Row::read).map(|group| group.map(|group| (group.name.as_str().to_owned(), group))).collect()
}

/// The ids of a group's members, greatest first.
pub(super) fn members(
    tx: &mut Tx<'_>,
    group_id: i64,
    below: Option<i64>,
    at_most: i64,
) -> Result<Vec<i64>, StoreError> {
    let mut query = group_members::table
        .filter(group_members::tenant_id.eq(tx.tenant_id))
        .filter(group_members::group_id.eq(group_id))
        .order(group_members::user_id.desc())
        .limit(at_most)
        .select(group_members::user_id)
        .into_boxed();
    if let Some(below) = below {
        query = query.filter(group_members::user_id.lt(below));
    }
    Ok(query.load(&mut *tx.connection)?)
}
