//! What a new database gets once: the token issuer, the first token key, the tenant `default`.

use super::{By, keys, tenants};
use crate::error::{Code, Failure};
use crate::sealing::Sealer;
use crate::store::db::{AnyConnection, StoreError};
use crate::store::jwt_keys;
use crate::system;

/// The tenant that is made with the database.
pub(crate) const DEFAULT_TENANT: &str = "default";
/// Its id: the first that is given.
const DEFAULT_TENANT_ID: i64 = 1;

/// Whether [`run`] has been here.
pub(crate) fn is_done(connection: &mut AnyConnection) -> Result<bool, StoreError> {
    Ok(jwt_keys::issuer(connection)?.is_some())
}

/// Makes what is missing, in the caller's write transaction; a second time it does nothing.
pub(crate) fn run(connection: &mut AnyConnection, sealer: &Sealer, now_us: i64) -> Result<(), Failure> {
    if is_done(connection)? {
        return Ok(());
    }
    let by = By::system(DEFAULT_TENANT_ID, now_us);
    jwt_keys::set_issuer(connection, &format!("urn:uuid:{}", system::uuid()))?;
    keys::add_first_jwt_key(connection, sealer, now_us)?;
    let name = DEFAULT_TENANT.parse().map_err(|_| Code::Internal)?;
    tenants::create(connection, sealer, &by, name)?;
    Ok(())
}
