//! Providers that people sign in by.

use osaycore_audit::{Action, Details, Field, Log as _};
use osaycore_directory::ProviderName;
use url::Host;
use zeroize::Zeroizing;

use super::By;
use crate::error::{ApiError, Failure};
use crate::oauth::provider::{Kind, Provider};
use crate::sealing::Sealer;
use crate::store::providers::{self, ProviderKind, StoredProvider};
use crate::store::tx::Tx;

/// A provider as an operator sets it.
#[derive(Clone, Debug)]
pub(crate) struct NewProvider {
    pub(crate) name: ProviderName,
    pub(crate) kind: Kind,
    pub(crate) client_id: String,
    pub(crate) client_secret: Zeroizing<String>,
    /// None: the usual ones.
    pub(crate) scopes: Vec<String>,
    pub(crate) private_network: bool,
}

/// Adds or replaces a provider; → as it is kept.
pub(crate) fn set(tx: &mut Tx<'_>, sealer: &Sealer, by: &By, new: &NewProvider) -> Result<StoredProvider, Failure> {
    let (kind, issuer) = match &new.kind {
        Kind::OpenId { issuer } => (ProviderKind::OpenId { issuer: issuer.clone() }, Some(issuer.as_str())),
        Kind::GitHub { .. } => (ProviderKind::GitHub, None),
    };
    let stored = StoredProvider {
        name: new.name.clone(),
        kind,
        client_id: new.client_id.clone(),
        client_secret: new.client_secret.clone(),
        scopes: new.scopes.join(" "),
        // Who names an address of this machine means it.
        private_network: new.private_network || issuer.is_some_and(is_of_this_machine),
        created_at_us: by.now_us,
        updated_at_us: by.now_us,
    };
    // What a server could not read or would not reach is refused here.
    provider(&stored)?;
    if !stored.private_network && issuer.is_some_and(|issuer| !issuer.starts_with("https:")) {
        return Err(ApiError::invalid(
            "issuer",
            "without TLS it has to be marked as in a private network (--private-network)",
        )
        .into());
    }
    providers::put(tx, sealer, &stored)?;
    let mut event = by.event(Action::ProviderSet, None);
    event.after = Details::new().with(Field::Provider, stored.name.as_str()).with(Field::Issuer, issuer);
    tx.append(event)?;
    Ok(stored)
}

/// Removes a provider; false if there was none.
pub(crate) fn remove(tx: &mut Tx<'_>, by: &By, name: &ProviderName) -> Result<bool, Failure> {
    let removed = providers::remove(tx, name)?;
    if removed {
        let mut event = by.event(Action::ProviderRemoved, None);
        event.before = Details::new().with(Field::Provider, name.as_str());
        tx.append(event)?;
    }
    Ok(removed)
}

/// The providers of the tenant.
pub(crate) fn list_for(tx: &mut Tx<'_>, _: &By, sealer: &Sealer) -> Result<Vec<StoredProvider>, Failure> {
    let tenant_id = tx.tenant_id();
    let all = providers::list(tx.connection(), sealer)?;
    Ok(all.into_iter().filter(|(of, _)| *of == tenant_id).map(|(_, provider)| provider).collect())
}

/// A stored provider as the client of providers wants it.
pub(crate) fn provider(stored: &StoredProvider) -> Result<Provider, ApiError> {
    let invalid = |error| ApiError::invalid("provider", error);
    let kind = match &stored.kind {
        ProviderKind::OpenId { issuer } => Kind::open_id(issuer),
        ProviderKind::GitHub => Kind::preset("github"),
    };
    let scopes = stored.scopes.split_whitespace();
    Provider::new(stored.name.clone(), kind.map_err(invalid)?, &stored.client_id, stored.client_secret.clone(), scopes)
        .map_err(invalid)
}

/// Whether an issuer is reached at this machine itself.
pub(crate) fn is_of_this_machine(issuer: &str) -> bool {
    let Ok(url) = issuer.parse::<url::Url>() else { return false };
    match url.host() {
        Some(Host::Ipv4(address)) => address.is_loopback(),
        Some(Host::Ipv6(address)) => address.is_loopback(),
        Some(Host::Domain(name)) => name == "localhost",
        None => false,
    }
}
