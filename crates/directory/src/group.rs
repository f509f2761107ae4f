//! Sets of users that an app can be restricted to.

use crate::Name;

/// A group of users; an app that is restricted to groups is for members of a group that is allowed on it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Group {
    /// Numeric id, as OASIS's `UserGroups` takes it.
    pub id: i64,
    /// The tenant that it belongs to.
    pub tenant_id: i64,
    /// Unique in the tenant.
    pub name: Name,
    /// When it was made, microseconds since the Unix epoch.
    pub created_at_us: i64,
}
