//! The apps, by name.

use diesel::prelude::*;
use osaycore_directory::App;

use super::{Asked, Page, page};
use crate::store::apps::Row;
use crate::store::db::{StoreError, row};
use crate::store::schema::apps;
use crate::store::tx::Tx;

/// By name, then by id.
type Key = (String, i64);

/// All apps of the tenant.
pub(crate) fn list(tx: &mut Tx<'_>, asked: &Asked) -> Result<Page<App>, StoreError> {
    let read = |after: Option<&Key>, at_most: i64| {
        let mut query = apps::table
            .filter(apps::tenant_id.eq(tx.tenant_id))
            .order((apps::name, apps::id))
            .limit(at_most)
            .select(row::<Row>())
            .into_boxed();
        if let Some((name, id)) = after {
            let same_name = apps::name.eq(name.clone()).and(apps::id.gt(*id));
            query = query.filter(apps::name.ge(name.clone())).filter(apps::name.gt(name.clone()).or(same_name));
        }
        let rows: Vec<Row> = query.load(&mut *tx.connection)?;
        let apps =
            rows.into_iter().map(Row::read).map(|app| app.map(|app| ((app.name.as_str().to_owned(), app.id), app)));
        apps.collect()
    };
    page(asked, read, Ok)
}

/// The apps of this name, at most two: it matters whether there is one.
pub(crate) fn by_name(tx: &mut Tx<'_>, name: &str) -> Result<Vec<App>, StoreError> {
    let rows: Vec<Row> = apps::table
        .filter(apps::tenant_id.eq(tx.tenant_id))
        .filter(apps::name.eq(name))
        .order(apps::id)
        .limit(2)
        .select(row::<Row>())
        .load(&mut *tx.connection)?;
    rows.into_iter().map(Row::read).collect()
}
