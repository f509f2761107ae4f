//! Keys: those that sign user tokens, and the master key that everything secret is sealed under.

use osaycore_audit::{Action, Details, Field, Log as _, Target, TargetKind};
use osaycore_jwt::Algorithm;
use osaycore_jwt::rotation::{Rotation, RotationError, Stage};
use zeroize::Zeroizing;

use super::By;
use crate::error::{ApiError, Code, Failure};
use crate::sealing::Sealer;
use crate::store::db::{AnyConnection, StoreError};
use crate::store::jwt_keys::NewKey;
use crate::store::tx::Tx;
use crate::store::{admin_factors, apps, flows, jwt_keys, otp, outbox, providers, sessions, tenants, versions};
use crate::system;

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
    let (kid, secret) = generate(Algorithm::Hs256)?;
    let stage = Stage::Active { since_us: now_us };
    let key = NewKey { kid: &kid, algorithm: Algorithm::Hs256, secret: &secret, stage };
    Ok(jwt_keys::insert(connection, sealer, &key, now_us)?)
}

/// A token key that is not published yet.
pub(crate) struct Made {
    algorithm: Algorithm,
    kid: String,
    secret: Zeroizing<Vec<u8>>,
}

impl Made {
    /// Before any transaction: a key pair takes its time.
    pub(crate) fn new(algorithm: Algorithm) -> Result<Self, Failure> {
        let (kid, secret) = generate(algorithm)?;
        Ok(Self { algorithm, kid, secret })
    }
}

/// Publishes a token key, which issues `lead_s` later; → its name. The one before it verifies until its last token has
/// expired. Refused while another one is published and does not issue yet.
pub(crate) fn rotate_jwt(
    tx: &mut Tx<'_>,
    sealer: &Sealer,
    by: &By,
    made: &Made,
    lead_s: Option<i64>,
) -> Result<String, Failure> {
    let Made { algorithm, kid, secret } = made;
    let lead_s = lead_s.unwrap_or_else(|| default_lead_s(*algorithm));
    let active_from_us = by.now_us.saturating_add(lead_s.saturating_mul(1_000_000));
    let step = |keys: Rotation| Ok::<_, Failure>(keys.publish(kid, active_from_us)?.promote(by.now_us));
    let after = jwt_keys::step(tx.connection(), step)?;
    let stage = after.stage(kid).ok_or(Code::Internal)?;
    let key = NewKey { kid, algorithm: *algorithm, secret, stage };
    jwt_keys::insert(tx.connection(), sealer, &key, by.now_us)?;
    let mut event = by.event(Action::KeyRotated, None);
    event.target = Some(Target::new(TargetKind::Key, kid.clone()));
    event.after = Details::new().with(Field::Kind, algorithm.name()).with(Field::Kid, kid.as_str());
    tx.append(event)?;
    Ok(kid.clone())
}

/// What the key that issues now signs with.
pub(crate) fn current_algorithm(tx: &mut Tx<'_>) -> Result<Algorithm, Failure> {
    Ok(jwt_keys::algorithm(tx.connection())?.unwrap_or(Algorithm::Hs256))
}

/// Drops a token key that does not issue, with whatever tokens of it there are: it leaked.
pub(crate) fn drop_jwt(tx: &mut Tx<'_>, by: &By, kid: &str) -> Result<(), Failure> {
    jwt_keys::step(tx.connection(), |keys| Ok::<_, Failure>(keys.without(kid)?))?;
    let mut event = by.event(Action::KeyDropped, None);
    event.target = Some(Target::new(TargetKind::Key, kid));
    event.before = Details::new().with(Field::Kid, kid);
    tx.append(event)?;
    Ok(())
}

/// Whether [`advance`] has something to do.
pub(crate) fn any_due(connection: &mut AnyConnection, now_us: i64, expired_us: i64) -> Result<bool, StoreError> {
    let keys = jwt_keys::rotation(connection)?;
    Ok(keys.clone().promote(now_us).without_gone(expired_us) != keys)
}

/// What time brings: a published token key issues whose time has come, and one is dropped whose last token expired before
/// `expired_us`.
pub(crate) fn advance(connection: &mut AnyConnection, now_us: i64, expired_us: i64) -> Result<(), StoreError> {
    jwt_keys::step(connection, |keys| Ok(keys.promote(now_us).without_gone(expired_us))).map(drop)
}

/// A name, and what a key of this algorithm is made of.
fn generate(algorithm: Algorithm) -> Result<(String, Zeroizing<Vec<u8>>), Failure> {
    let secret = system::token_key(algorithm).ok_or(Code::Internal)?;
    Ok((hex::encode(system::random::<8>()), secret))
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
        admin_factors::reseal(connection, sealer)?,
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

/// What the crate refuses, with what to do instead.
impl From<RotationError> for Failure {
    fn from(error: RotationError) -> Self {
        let (code, instead) = match &error {
            RotationError::NextExists(kid) => {
                (Code::ReferenceConflict, format!(": wait until it does, or drop it first (`osaycore key drop {kid}`)"))
            }
            RotationError::Issues(_) => (
                Code::ReferenceConflict,
                ": let another one issue first (`osaycore key rotate jwt --lead-seconds 0`)".to_owned(),
            ),
            RotationError::Unknown(_) => (Code::NotFound, "; see `osaycore key list`".to_owned()),
            // The enum may grow; what is not known is not told.
            _ => return Code::Internal.into(),
        };
        ApiError::from(code).detail(format!("{error}{instead}")).into()
    }
}
