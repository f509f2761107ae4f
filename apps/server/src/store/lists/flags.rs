//! The flags of a scope by key, and its versions, newest first. A scope is an app, or every app.

use diesel::prelude::*;

use super::{Asked, Page, page};
use crate::store::db::{StoreError, row};
use crate::store::flag_versions::{self, Version};
use crate::store::flags::{FlagRow, StoredFlag};
use crate::store::schema::{flag_versions as versions_table, flags};
use crate::store::tx::Tx;

/// The flags of a scope: those in use, or those that are archived. Those of another release that cannot be read are left out.
pub(crate) fn list(
    tx: &mut Tx<'_>,
    app_id: i64,
    archived: bool,
    asked: &Asked,
) -> Result<Page<StoredFlag>, StoreError> {
    let read = |after: Option<&String>, at_most: i64| {
        let mut query = flags::table
            .filter(flags::tenant_id.eq(tx.tenant_id))
            .filter(flags::app_id.eq(app_id))
            .order(flags::key)
            .limit(at_most)
            .select(row::<FlagRow>())
            .into_boxed();
        if let Some(key) = after {
            query = query.filter(flags::key.gt(key.clone()));
        }
        let rows: Vec<FlagRow> = query.load(&mut *tx.connection)?;
        Ok(rows.into_iter().map(FlagRow::read).collect())
    };
    page(asked, read, |rows| {
        let flags = rows.into_iter().filter_map(|(key, flag)| Some((key, flag?)));
        Ok(flags.filter(|(_, flag)| flag.archived == archived).collect())
    })
}

/// The versions of a scope.
pub(crate) fn versions(tx: &mut Tx<'_>, app_id: i64, asked: &Asked) -> Result<Page<Version>, StoreError> {
    let read = |after: Option<&i64>, at_most: i64| {
        let mut query = versions_table::table
            .filter(versions_table::tenant_id.eq(tx.tenant_id))
            .filter(versions_table::app_id.eq(app_id))
            .order(versions_table::version.desc())
            .limit(at_most)
            .select(row::<flag_versions::Row>())
            .into_boxed();
        if let Some(number) = after {
            query = query.filter(versions_table::version.lt(*number));
        }
        let rows: Vec<flag_versions::Row> = query.load(&mut *tx.connection)?;
        let versions = rows.into_iter().map(flag_versions::Row::read);
        versions.map(|version| version.map(|version| (version.number, version))).collect()
    };
    page(asked, read, Ok)
}
