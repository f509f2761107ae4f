//! What a tenant's transaction reaches beyond the tenant: numeric ids, and the tables of the whole deployment.

use super::db::{AnyConnection, StoreError};
use super::tx::Tx;
use super::versions;

/// What is numbered; ids are unique in the deployment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Numbered {
    Tenant,
    App,
    User,
    Group,
    Admin,
}

impl Numbered {
    fn as_str(self) -> &'static str {
        match self {
            Self::Tenant => "tenant",
            Self::App => "app",
            Self::User => "user",
            Self::Group => "group",
            Self::Admin => "admin",
        }
    }
}

impl Tx<'_> {
    /// A numeric id that was not given before.
    pub(crate) fn next_id(&mut self, kind: Numbered) -> Result<i64, StoreError> {
        versions::next_id(self.connection, kind.as_str())
    }

    /// The connection, for the tables that belong to no tenant: tenants, token keys, versions.
    pub(crate) fn connection(&mut self) -> &mut AnyConnection {
        self.connection
    }
}
