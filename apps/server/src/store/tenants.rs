//! Tenants: table `tenants`.

use diesel::prelude::*;
use osaycore_directory::{Name, Tenant};
use zeroize::Zeroizing;

use super::db::{AnyConnection, StoreError, each_backend, row};
use super::schema::tenants;
use super::versions::{self, Kind};
use crate::sealing::{Place, Sealer};

#[derive(Queryable, Selectable, Insertable)]
#[diesel(table_name = tenants, treat_none_as_default_value = false)]
struct Row {
    id: i64,
    name: String,
    api_key: Vec<u8>,
    monthly_user_limit: Option<i64>,
    created_at_us: i64,
}

pub(crate) fn list(connection: &mut AnyConnection) -> Result<Vec<Tenant>, StoreError> {
    let rows: Vec<Row> = tenants::table.order(tenants::id).select(row::<Row>()).load(connection)?;
    rows.into_iter().map(Row::read).collect()
}

pub(crate) fn find(connection: &mut AnyConnection, name: &Name) -> Result<Option<Tenant>, StoreError> {
    let found: Option<Row> = tenants::table
        .filter(tenants::name.eq(name.as_str()))
        .select(row::<Row>())
        .get_result(connection)
        .optional()?;
    found.map(Row::read).transpose()
}

/// The tenant of this id.
pub(crate) fn by_id(connection: &mut AnyConnection, id: i64) -> Result<Option<Tenant>, StoreError> {
    let found: Option<Row> = tenants::table.find(id).select(row::<Row>()).get_result(connection).optional()?;
    found.map(Row::read).transpose()
}

/// Adds a tenant with its API key.
pub(crate) fn insert(
    connection: &mut AnyConnection,
    sealer: &Sealer,
    tenant: &Tenant,
    api_key: &str,
) -> Result<(), StoreError> {
    let row = Row {
        id: tenant.id,
        name: tenant.name.as_str().to_owned(),
        api_key: sealer.seal(place(&tenant.id.to_string()), api_key.as_bytes())?,
        monthly_user_limit: tenant.monthly_user_limit,
        created_at_us: tenant.created_at_us,
    };
    each_backend!(&mut *connection, |inner| diesel::insert_into(tenants::table).values(row).execute(inner))?;
    versions::bump(connection, Kind::Configuration)
}

/// Replaces the API key.
pub(crate) fn set_api_key(
    connection: &mut AnyConnection,
    sealer: &Sealer,
    tenant_id: i64,
    api_key: &str,
) -> Result<(), StoreError> {
    let sealed = sealer.seal(place(&tenant_id.to_string()), api_key.as_bytes())?;
    diesel::update(tenants::table.find(tenant_id)).set(tenants::api_key.eq(sealed)).execute(connection)?;
    versions::bump(connection, Kind::Configuration)
}

/// Sets how many distinct users a month the tenant has; `None`: as many as there are.
pub(crate) fn set_monthly_user_limit(
    connection: &mut AnyConnection,
    tenant_id: i64,
    limit: Option<i64>,
) -> Result<(), StoreError> {
    diesel::update(tenants::table.find(tenant_id)).set(tenants::monthly_user_limit.eq(limit)).execute(connection)?;
    versions::bump(connection, Kind::Configuration)
}

/// The tenant's API key, opened.
pub(crate) fn api_key(
    connection: &mut AnyConnection,
    sealer: &Sealer,
    tenant_id: i64,
) -> Result<Zeroizing<Vec<u8>>, StoreError> {
    let sealed: Vec<u8> = tenants::table.find(tenant_id).select(tenants::api_key).get_result(connection)?;
    Ok(sealer.open(place(&tenant_id.to_string()), &sealed)?)
}

/// Seals every API key anew: the master key is rotated.
pub(crate) fn reseal(connection: &mut AnyConnection, sealer: &Sealer) -> Result<usize, StoreError> {
    let ids: Vec<i64> = tenants::table.select(tenants::id).load(connection)?;
    for id in &ids {
        let plain = api_key(connection, sealer, *id)?;
        let sealed = sealer.seal(place(&id.to_string()), &plain)?;
        diesel::update(tenants::table.find(id)).set(tenants::api_key.eq(sealed)).execute(connection)?;
    }
    Ok(ids.len())
}

fn place(row: &str) -> Place<'_> {
    Place { table: "tenants", row, column: "api_key" }
}

impl Row {
    fn read(self) -> Result<Tenant, StoreError> {
        Ok(Tenant {
            id: self.id,
            name: self.name.parse().map_err(|_| StoreError::Corrupt("tenant"))?,
            monthly_user_limit: self.monthly_user_limit,
            created_at_us: self.created_at_us,
        })
    }
}
