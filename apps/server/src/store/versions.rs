//! The version that tells a server that its snapshot is stale, and the blocks that numeric ids come from.

use diesel::prelude::*;

use super::db::{AnyConnection, StoreError};
use super::schema::{id_blocks, versions};

/// What has a version.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// Tenants, apps and their secrets, token keys, flags, providers.
    Configuration,
    /// Revoked tokens.
    Revocations,
}

impl Kind {
    fn as_str(self) -> &'static str {
        match self {
            Self::Configuration => "configuration",
            Self::Revocations => "revocations",
        }
    }
}

/// Tells every server on this database to read again.
pub(crate) fn bump(connection: &mut AnyConnection, kind: Kind) -> Result<(), StoreError> {
    diesel::update(versions::table.find(kind.as_str()))
        .set(versions::version.eq(versions::version + 1))
        .execute(connection)?;
    Ok(())
}

/// The versions of configuration and revocations, in one query.
pub(crate) fn current(connection: &mut AnyConnection) -> Result<(i64, i64), StoreError> {
    let rows: Vec<(String, i64)> = versions::table.load(connection)?;
    let of = |kind: Kind| rows.iter().find(|row| row.0 == kind.as_str()).map_or(0, |(_, version)| *version);
    Ok((of(Kind::Configuration), of(Kind::Revocations)))
}

/// The next numeric id: `tenant`, `app`, `user`, `group` or `secret`.
pub(crate) fn next_id(connection: &mut AnyConnection, kind: &str) -> Result<i64, StoreError> {
    let next: i64 = diesel::update(id_blocks::table.find(kind))
        .set(id_blocks::next.eq(id_blocks::next + 1))
        .returning(id_blocks::next)
        .get_result(connection)?;
    Ok(next - 1)
}
