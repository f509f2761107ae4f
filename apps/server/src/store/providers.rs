//! Providers of logins: table `providers`. Every change moves the version that servers poll.

use diesel::prelude::*;
use diesel::upsert::excluded;
use osaycore_directory::ProviderName;
use zeroize::Zeroizing;

use super::db::{AnyConnection, StoreError, each_backend, row};
use super::schema::providers;
use super::tx::Tx;
use super::versions::{self, Kind};
use crate::sealing::{Place, Sealer};

/// A provider as it is kept.
#[derive(Clone)]
pub(crate) struct StoredProvider {
    pub(crate) name: ProviderName,
    pub(crate) kind: ProviderKind,
    pub(crate) client_id: String,
    pub(crate) client_secret: Zeroizing<String>,
    /// With spaces between them; empty: those that its kind asks for.
    pub(crate) scopes: String,
    /// It may be at a private address, and without TLS: for development.
    pub(crate) private_network: bool,
    pub(crate) created_at_us: i64,
    pub(crate) updated_at_us: i64,
}

/// What a provider speaks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum ProviderKind {
    /// OpenID Connect.
    OpenId { issuer: String },
    /// OAuth 2.0 and GitHub's API.
    GitHub,
}

#[derive(Queryable, Selectable, Insertable)]
#[diesel(table_name = providers, treat_none_as_default_value = false)]
struct Row {
    tenant_id: i64,
    name: String,
    kind: String,
    issuer: Option<String>,
    client_id: String,
    client_secret: Vec<u8>,
    scopes: String,
    private_network: bool,
    created_at_us: i64,
    updated_at_us: i64,
}

/// Every provider of every tenant, with the tenant's id, for the snapshot.
pub(crate) fn list(connection: &mut AnyConnection, sealer: &Sealer) -> Result<Vec<(i64, StoredProvider)>, StoreError> {
    let rows: Vec<Row> =
        providers::table.order((providers::tenant_id, providers::name)).select(row::<Row>()).load(connection)?;
    rows.into_iter().map(|row| Ok((row.tenant_id, row.read(sealer)?))).collect()
}

/// Adds or replaces a provider; one that is replaced keeps the time when it was made.
pub(crate) fn put(tx: &mut Tx<'_>, sealer: &Sealer, provider: &StoredProvider) -> Result<(), StoreError> {
    let (kind, issuer) = match &provider.kind {
        ProviderKind::OpenId { issuer } => ("openid", Some(issuer.clone())),
        ProviderKind::GitHub => ("github", None),
    };
    let name = row_name(tx.tenant_id, provider.name.as_str());
    let row = Row {
        tenant_id: tx.tenant_id,
        name: provider.name.as_str().to_owned(),
        kind: kind.to_owned(),
        issuer,
        client_id: provider.client_id.clone(),
        client_secret: sealer.seal(place(&name), provider.client_secret.as_bytes())?,
        scopes: provider.scopes.clone(),
        private_network: provider.private_network,
        created_at_us: provider.created_at_us,
        updated_at_us: provider.updated_at_us,
    };
    each_backend!(&mut *tx.connection, |inner| {
        diesel::insert_into(providers::table)
            .values(&row)
            .on_conflict((providers::tenant_id, providers::name))
            .do_update()
            .set((
                providers::kind.eq(excluded(providers::kind)),
                providers::issuer.eq(excluded(providers::issuer)),
                providers::client_id.eq(excluded(providers::client_id)),
                providers::client_secret.eq(excluded(providers::client_secret)),
                providers::scopes.eq(excluded(providers::scopes)),
                providers::private_network.eq(excluded(providers::private_network)),
                providers::updated_at_us.eq(excluded(providers::updated_at_us)),
            ))
            .execute(inner)
    })?;
    versions::bump(tx.connection, Kind::Configuration)
}

/// Removes a provider; false when there is none of this name. Its identities stay.
pub(crate) fn remove(tx: &mut Tx<'_>, name: &ProviderName) -> Result<bool, StoreError> {
    let removed =
        diesel::delete(providers::table.find((tx.tenant_id, name.as_str()))).execute(&mut *tx.connection)? > 0;
    if removed {
        versions::bump(tx.connection, Kind::Configuration)?;
    }
    Ok(removed)
}

/// Seals every client secret anew: the master key is rotated.
pub(crate) fn reseal(connection: &mut AnyConnection, sealer: &Sealer) -> Result<usize, StoreError> {
    let rows: Vec<Row> = providers::table.select(row::<Row>()).load(connection)?;
    for row in &rows {
        let name = row_name(row.tenant_id, &row.name);
        let sealed = sealer.seal(place(&name), &sealer.open(place(&name), &row.client_secret)?)?;
        diesel::update(providers::table.find((row.tenant_id, &row.name)))
            .set(providers::client_secret.eq(sealed))
            .execute(connection)?;
    }
    Ok(rows.len())
}

fn row_name(tenant_id: i64, name: &str) -> String {
    format!("{tenant_id}/{name}")
}

fn place(row: &str) -> Place<'_> {
    Place { table: "providers", row, column: "client_secret" }
}

impl Row {
    fn read(self, sealer: &Sealer) -> Result<StoredProvider, StoreError> {
        let corrupt = || StoreError::Corrupt("provider");
        let secret = sealer.open(place(&row_name(self.tenant_id, &self.name)), &self.client_secret)?;
        let kind = match (self.kind.as_str(), self.issuer) {
            ("openid", Some(issuer)) => ProviderKind::OpenId { issuer },
            ("github", None) => ProviderKind::GitHub,
            _ => return Err(corrupt()),
        };
        Ok(StoredProvider {
            name: self.name.parse().map_err(|_| corrupt())?,
            kind,
            client_id: self.client_id,
            client_secret: Zeroizing::new(std::str::from_utf8(&secret).map_err(|_| corrupt())?.to_owned()),
            scopes: self.scopes,
            private_network: self.private_network,
            created_at_us: self.created_at_us,
            updated_at_us: self.updated_at_us,
        })
    }
}
