//! Tenants and their OASIS API keys.

use osaycore_audit::{Action, Details, Field, Log as _, Target, TargetKind};
use osaycore_directory::{Name, Tenant};

use super::By;
use crate::error::{ApiError, Code, Failure};
use crate::sealing::Sealer;
use crate::store::db::{AnyConnection, StoreError};
use crate::store::deployment::Numbered;
use crate::store::tenants;
use crate::store::tx::Tx;
use crate::system;

const API_KEY_PREFIX: &str = "ok_tenant_";

/// Makes a tenant; → it and its API key. `by` stamps the first event of the tenant's own trail.
pub(crate) fn create(
    connection: &mut AnyConnection,
    sealer: &Sealer,
    by: &By,
    name: Name,
) -> Result<(Tenant, String), Failure> {
    if tenants::find(connection, &name)?.is_some() {
        return Err(ApiError::field(Code::ReferenceConflict, "name", "name: another tenant has it").into());
    }
    let id = Tx::new(connection, by.tenant_id).next_id(Numbered::Tenant)?;
    let tenant = Tenant { id, name, monthly_user_limit: None, created_at_us: by.now_us };
    let api_key = system::credential(API_KEY_PREFIX);
    tenants::insert(connection, sealer, &tenant, &api_key)?;
    let by = By { tenant_id: id, ..by.clone() };
    let mut event = by.event(Action::TenantCreated, None);
    event.target = Some(Target::new(TargetKind::Tenant, id.to_string()));
    event.after = Details::new().with(Field::Name, tenant.name.as_str());
    let mut tx = Tx::new(connection, id);
    tx.append(event)?;
    tx.flush()?;
    Ok((tenant, api_key))
}

/// Replaces the tenant's API key at once; → the new one.
pub(crate) fn rotate_api_key(tx: &mut Tx<'_>, sealer: &Sealer, by: &By) -> Result<String, Failure> {
    let tenant_id = tx.tenant_id();
    let api_key = system::credential(API_KEY_PREFIX);
    tenants::set_api_key(tx.connection(), sealer, tenant_id, &api_key)?;
    let mut event = by.event(Action::TenantApiKeyRotated, None);
    event.target = Some(Target::new(TargetKind::Tenant, tenant_id.to_string()));
    tx.append(event)?;
    Ok(api_key)
}

/// The tenant's API key.
pub(crate) fn api_key(tx: &mut Tx<'_>, sealer: &Sealer) -> Result<String, Failure> {
    let tenant_id = tx.tenant_id();
    let key = tenants::api_key(tx.connection(), sealer, tenant_id)?;
    Ok(std::str::from_utf8(&key).map_err(|_| StoreError::Corrupt("API key"))?.to_owned())
}

/// How many distinct users a month the tenant has; `None`: as many as there are.
pub(crate) fn set_monthly_user_limit(
    tx: &mut Tx<'_>,
    by: &By,
    before: Option<i64>,
    limit: Option<i64>,
) -> Result<(), Failure> {
    if before == limit {
        return Ok(());
    }
    let tenant_id = tx.tenant_id();
    tenants::set_monthly_user_limit(tx.connection(), tenant_id, limit)?;
    let mut event = by.event(Action::TenantUpdated, None);
    event.target = Some(Target::new(TargetKind::Tenant, tenant_id.to_string()));
    event.before = Details::new().with(Field::MonthlyUserLimit, before);
    event.after = Details::new().with(Field::MonthlyUserLimit, limit);
    tx.append(event)?;
    Ok(())
}
