//! Revoked tokens.

use std::collections::HashMap;

use osaycore_jwt::{Claims, Revocations, revocation};

use crate::store::db::{Database, StoreError};
use crate::store::tx::Tx;
use crate::store::{tenants, versions};
use crate::system;

/// Revoked tokens, by tenant.
#[derive(Default)]
pub(crate) struct Revoked {
    pub(super) version: i64,
    tenants: HashMap<i64, Revocations>,
}

impl Revoked {
    pub(super) fn read(database: &Database) -> Result<Self, StoreError> {
        database.read(|connection| {
            let (_, version) = versions::current(connection)?;
            let mut by_tenant = HashMap::new();
            for tenant in tenants::list(connection)? {
                let revocations =
                    revocation::Storage::revocations(&mut Tx::new(connection, tenant.id), system::now_s())?;
                by_tenant.insert(tenant.id, revocations.into_iter().collect());
            }
            Ok(Self { version, tenants: by_tenant })
        })
    }

    pub(crate) fn contains(&self, tenant_id: i64, claims: &Claims) -> bool {
        self.tenants.get(&tenant_id).is_some_and(|revocations| revocations.is_revoked(claims))
    }
}
