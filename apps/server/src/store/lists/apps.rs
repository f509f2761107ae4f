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

/// Which apps.
#[derive(Clone, Debug, Default)]
pub(crate) struct Apps {
    /// A part of the name, in either case; or the numeric id, the public id or the API key.
    pub(crate) search: Option<String>,
    pub(crate) disabled: Option<bool>,
}

impl Apps {
    fn means(&self, app: &App) -> bool {
        let is_found = self.search.as_deref().is_none_or(|text| {
            let named = app.name.as_str().to_lowercase().contains(&text.to_lowercase());
            let (id, uuid) = (app.id.to_string(), app.uuid.to_string());
            named || [id.as_str(), &uuid, &app.api_key].iter().any(|known| known.eq_ignore_ascii_case(text))
        });
        is_found && self.disabled.is_none_or(|disabled| app.disabled == disabled)
    }
}

/// All apps of the tenant.
pub(crate) fn list(tx: &mut Tx<'_>, asked: &Asked) -> Result<Page<App>, StoreError> {
    found(tx, &Apps::default(), asked)
}

/// Those that are meant.
pub(crate) fn found(tx: &mut Tx<'_>, meant: &Apps, asked: &Asked) -> Result<Page<App>, StoreError> {
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
    page(asked, read, |rows| Ok(rows.into_iter().filter(|(_, app)| meant.means(app)).collect()))
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
