//! Providers that people sign in by.

use osaycore_audit::{Action, Details, Field, Log as _, Target, TargetKind};
use osaycore_directory::ProviderName;
use url::Host;
use zeroize::Zeroizing;

use super::{By, differences};
use crate::error::{ApiError, Code, Failure};
use crate::oauth::provider::{Kind, Provider};
use crate::refusals::FIRST_TENANT;
use crate::sealing::Sealer;
use crate::store::providers::{self, ProviderKind, StoredProvider};
use crate::store::tx::Tx;

/// A provider as an operator sets it.
#[derive(Clone, Debug)]
pub(crate) struct NewProvider {
    pub(crate) name: ProviderName,
    pub(crate) kind: Kind,
    pub(crate) client_id: String,
    /// None: the one that is kept.
    pub(crate) client_secret: Option<Zeroizing<String>>,
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
    let before = list_for(tx, by, sealer)?.into_iter().find(|stored| stored.name == new.name);
    let kept = || before.as_ref().map(|stored| stored.client_secret.clone());
    let client_secret = new.client_secret.clone().or_else(kept);
    let stored = StoredProvider {
        name: new.name.clone(),
        kind,
        client_id: new.client_id.clone(),
        client_secret: client_secret
            .ok_or_else(|| ApiError::field(Code::MissingField, "client_secret", "client_secret is missing"))?,
        scopes: new.scopes.join(" "),
        // Who names an address of this machine means it.
        private_network: new.private_network || issuer.is_some_and(is_of_this_machine),
        created_at_us: before.as_ref().map_or(by.now_us, |before| before.created_at_us),
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
    let (was, became) = differences(&before.as_ref().map(details).unwrap_or_default(), &details(&stored));
    let is_other_secret = before.as_ref().is_none_or(|before| before.client_secret != stored.client_secret);
    if let Some(before) = before.filter(|_| became == Details::new() && !is_other_secret) {
        return Ok(before);
    }
    providers::put(tx, sealer, &stored)?;
    let mut event = by.event(Action::ProviderSet, None);
    event.target = Some(Target::new(TargetKind::Provider, stored.name.as_str()));
    (event.before, event.after) = (was, became.with(Field::CredentialReplaced, is_other_secret));
    tx.append(event)?;
    Ok(stored)
}

/// What the trail tells of a provider: all but its secret.
fn details(stored: &StoredProvider) -> Details {
    let issuer = match &stored.kind {
        ProviderKind::OpenId { issuer } => issuer.as_str(),
        ProviderKind::GitHub => "github",
    };
    Details::new()
        .with(Field::Provider, stored.name.as_str())
        .with(Field::Issuer, issuer)
        .with(Field::ClientId, stored.client_id.as_str())
        .with(Field::Scopes, stored.scopes.as_str())
        .with(Field::PrivateNetwork, stored.private_network)
}

/// Refuses what would make this server ask an address of the private network, which is the deployment's: people and tokens
/// of its first tenant may set that, and whoever has its command line.
pub(crate) fn must_be_reachable_for(tenant_id: i64, kind: &Kind, private_network: bool) -> Result<(), ApiError> {
    let is_private = private_network || matches!(kind, Kind::OpenId { issuer } if is_of_this_machine(issuer));
    if is_private && tenant_id != FIRST_TENANT {
        let problem = "a provider in the private network is set by the deployment's first tenant";
        return Err(ApiError::from(Code::ScopeMissing).detail(problem));
    }
    Ok(())
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
