//! Keys: those that sign user tokens, and the master key that everything secret is sealed under.

use osaycore_audit::{Action, Details, Field, Log as _, Target, TargetKind};
use osaycore_jwt::{Algorithm, MAX_LIFETIME_S};

use super::By;
use crate::error::{Code, Failure};
use crate::sealing::Sealer;
use crate::store::db::{AnyConnection, StoreError};
use crate::store::jwt_keys::NewKey;
use crate::store::tx::Tx;
use crate::store::{apps, flows, jwt_keys, otp, outbox, providers, sessions, tenants, versions};
use crate::system;

/// For how long after a step another server may still act on what was before it.
const SLACK_S: i64 = 60;

/// For so long a key is published before it issues, unless said otherwise: servers read it within a second; who verifies by
/// the document of public keys may keep that for five minutes.
pub(crate) const fn default_lead_s(algorithm: Algorithm) -> i64 {
    match algorithm {
        Algorithm::Hs256 => 5,
        Algorithm::EdDsa | Algorithm::Rs256 => 600,
    }
}

/// The first token key: it issues at once.
pub(crate) fn add_first_jwt_key(connection: &mut AnyConnection, sealer: &Sealer, now_us: i64) -> Result<(), Failure> {
    publish(connection, sealer, Algorithm::Hs256, 0, now_us)?;
    Ok(promote(connection, now_us)?)
}

/// Publishes a token key, which issues `lead_s` later; → its name. The one before it verifies until its last token has
/// expired. No algorithm: that of the key that issues now.
pub(crate) fn rotate_jwt(
    tx: &mut Tx<'_>,
    sealer: &Sealer,
    by: &By,
    algorithm: Option<Algorithm>,
    lead_s: Option<i64>,
) -> Result<String, Failure> {
    let current = jwt_keys::algorithm(tx.connection())?.unwrap_or(Algorithm::Hs256);
    let algorithm = algorithm.unwrap_or(current);
    let lead_s = lead_s.unwrap_or_else(|| default_lead_s(algorithm));
    let kid = publish(tx.connection(), sealer, algorithm, lead_s, by.now_us)?;
    promote(tx.connection(), by.now_us)?;
    let mut event = by.event(Action::KeyRotated, None);
    event.target = Some(Target::new(TargetKind::Key, kid.clone()));
    event.after = Details::new().with(Field::Kind, algorithm.name()).with(Field::Kid, kid.as_str());
    tx.append(event)?;
    Ok(kid)
}

/// Lets a published token key issue whose time has come.
pub(crate) fn promote(connection: &mut AnyConnection, now_us: i64) -> Result<(), StoreError> {
    let drop_after_us = now_us.saturating_add(MAX_LIFETIME_S.saturating_add(SLACK_S).saturating_mul(1_000_000));
    jwt_keys::promote(connection, now_us, drop_after_us)
}

fn publish(
    connection: &mut AnyConnection,
    sealer: &Sealer,
    algorithm: Algorithm,
    lead_s: i64,
    now_us: i64,
) -> Result<String, Failure> {
    let kid = hex::encode(system::random::<8>());
    let secret = system::token_key(algorithm).ok_or(Code::Internal)?;
    let active_from_us = now_us.saturating_add(lead_s.saturating_mul(1_000_000));
    let key = NewKey { kid: &kid, algorithm, secret: &secret, active_from_us };
    jwt_keys::publish(connection, sealer, &key, now_us)?;
    Ok(kid)
}

/// Seals every secret anew under the sealer's first key; → how many. Servers read again at once, and with it the key.
///
/// Every tenant is locked first: whatever another transaction seals is there to be sealed anew, or it sees the new key.
pub(crate) fn reseal(connection: &mut AnyConnection, sealer: &Sealer, by: &By) -> Result<usize, Failure> {
    for tenant in tenants::list(connection)? {
        Tx::lock(connection, tenant.id)?;
    }
    let sealed = [
        tenants::reseal(connection, sealer)?,
        apps::reseal_secrets(connection, sealer)?,
        jwt_keys::reseal(connection, sealer)?,
        otp::reseal(connection, sealer)?,
        outbox::reseal(connection, sealer)?,
        sessions::reseal(connection, sealer)?,
        providers::reseal(connection, sealer)?,
        flows::reseal(connection, sealer)?,
    ]
    .into_iter()
    .sum();
    versions::bump(connection, versions::Kind::Configuration)?;
    let mut event = by.event(Action::KeyRotated, None);
    event.after =
        Details::new().with(Field::Kind, "master").with(Field::Rows, i64::try_from(sealed).unwrap_or(i64::MAX));
    let mut tx = Tx::lock(connection, by.tenant_id)?;
    tx.append(event)?;
    tx.flush()?;
    Ok(sealed)
}
