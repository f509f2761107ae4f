//! Keys: those that sign user tokens, and the master key that everything secret is sealed under.

use osaycore_audit::{Action, Details, Field, Log as _, Target, TargetKind};
use osaycore_jwt::MAX_LIFETIME_S;

use super::By;
use crate::error::Failure;
use crate::sealing::Sealer;
use crate::store::db::{AnyConnection, StoreError};
use crate::store::tx::Tx;
use crate::store::{apps, flows, jwt_keys, otp, outbox, providers, sessions, tenants, versions};
use crate::system;

/// For how long after a rotation another server may still issue under the old key, until it has read the new one.
const SLACK_S: i64 = 60;

/// Adds a token key that issues from now on; → its name. The one before it verifies until its last token has expired.
pub(crate) fn add_jwt_key(connection: &mut AnyConnection, sealer: &Sealer, now_us: i64) -> Result<String, StoreError> {
    let kid = hex::encode(system::random::<8>());
    let secret = zeroize::Zeroizing::new(system::random::<32>());
    let drop_after_us = now_us.saturating_add(MAX_LIFETIME_S.saturating_add(SLACK_S).saturating_mul(1_000_000));
    jwt_keys::activate(connection, sealer, &kid, secret.as_slice(), now_us, drop_after_us)?;
    Ok(kid)
}

/// Rotates the key that signs user tokens; → the new one's name.
pub(crate) fn rotate_jwt(tx: &mut Tx<'_>, sealer: &Sealer, by: &By) -> Result<String, Failure> {
    let kid = add_jwt_key(tx.connection(), sealer, by.now_us)?;
    let mut event = by.event(Action::KeyRotated, None);
    event.target = Some(Target::new(TargetKind::Key, kid.clone()));
    event.after = Details::new().with(Field::Kind, "jwt").with(Field::Kid, kid.as_str());
    tx.append(event)?;
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
