//! Apps, their keys and settings.

use osaycore_audit::{Action, Details, Field, Log as _, Target, TargetKind, Value};
use osaycore_directory::{App, AppRef, AppScopes, AppSettings, Name, RedirectUri, SettingError, Storage as _};
use zeroize::Zeroizing;

use super::{By, differences};
use crate::error::{ApiError, Code, Failure};
use crate::sealing::Sealer;
use crate::store::apps::{self, SecretKind};
use crate::store::deployment::Numbered;
use crate::store::lists::apps::by_name;
use crate::store::tx::Tx;
use crate::system;

const API_KEY_PREFIX: &str = "ok_live_";
const SECRET_PREFIX: &str = "sk_live_";
const OASIS_PREFIX: &str = "oa_live_";

/// What an app is made of.
#[derive(Clone, Debug)]
pub(crate) struct NewApp {
    pub(crate) name: Name,
    pub(crate) scopes: AppScopes,
    pub(crate) redirect_uris: Vec<RedirectUri>,
}

/// A new app with its secrets, which are told once.
pub(crate) struct CreatedApp {
    pub(crate) app: App,
    pub(crate) secret_key: String,
    pub(crate) oasis_application_key: String,
}

/// The app.
pub(crate) fn find(tx: &mut Tx<'_>, app: AppRef) -> Result<App, Failure> {
    match tx.app(app)? {
        Some(app) => Ok(app),
        None => Err(ApiError::from(Code::NotFound).detail(format!("there is no app {app}")).into()),
    }
}

/// 409 where an app has this name already: people could not tell the two apart.
pub(crate) fn must_be_new(tx: &mut Tx<'_>, name: &Name) -> Result<(), Failure> {
    if by_name(tx, name.as_str())?.is_empty() {
        return Ok(());
    }
    let sentence = format!("name: there is an app {name} already");
    Err(ApiError::field(Code::ReferenceConflict, "name", sentence).into())
}

/// Makes an app with a secret of each kind.
pub(crate) fn create(tx: &mut Tx<'_>, sealer: &Sealer, by: &By, new: NewApp) -> Result<CreatedApp, Failure> {
    let app = App {
        id: tx.next_id(Numbered::App)?,
        uuid: system::uuid(),
        tenant_id: tx.tenant_id(),
        name: new.name,
        api_key: system::credential(API_KEY_PREFIX),
        scopes: new.scopes,
        disabled: false,
        settings: AppSettings { redirect_uris: new.redirect_uris, ..AppSettings::default() },
        created_at_us: by.now_us,
    };
    tx.insert_app(&app)?;
    let (secret_key, oasis_application_key) = (system::credential(SECRET_PREFIX), system::credential(OASIS_PREFIX));
    apps::add_secret(tx, sealer, app.id, SecretKind::Signing, &secret_key, by.now_us)?;
    apps::add_secret(tx, sealer, app.id, SecretKind::Oasis, &oasis_application_key, by.now_us)?;
    audit(tx, by, Action::AppCreated, &app, (Details::new(), details(&app)))?;
    Ok(CreatedApp { app, secret_key, oasis_application_key })
}

/// Sets settings by name, all or none.
pub(crate) fn set(tx: &mut Tx<'_>, by: &By, app: &App, settings: &[(String, Vec<String>)]) -> Result<App, Failure> {
    let mut changed = app.clone();
    for (key, values) in settings {
        // The error's sentence names the key already.
        let invalid =
            |error: SettingError| ApiError::field(Code::InvalidField, &key.replace('-', "_"), error.to_string());
        changed.settings.set(key, values).map_err(invalid)?;
    }
    change(tx, by, Action::AppUpdated, app, changed)
}

/// Gives the app another name and other scopes.
pub(crate) fn edit(tx: &mut Tx<'_>, by: &By, app: &App, name: Name, scopes: AppScopes) -> Result<App, Failure> {
    if name != app.name {
        must_be_new(tx, &name)?;
    }
    change(tx, by, Action::AppUpdated, app, App { name, scopes, ..app.clone() })
}

/// Refuses the app's key as if it were unknown, or takes that back.
pub(crate) fn set_disabled(tx: &mut Tx<'_>, by: &By, app: &App, disabled: bool) -> Result<App, Failure> {
    let action = if disabled { Action::AppDisabled } else { Action::AppEnabled };
    change(tx, by, action, app, App { disabled, ..app.clone() })
}

/// Gives the app a new secret of a kind; → it. The ones before it work for `grace_s` more seconds.
pub(crate) fn rotate_secret(
    tx: &mut Tx<'_>,
    sealer: &Sealer,
    by: &By,
    app: &App,
    kind: SecretKind,
    grace_s: u32,
) -> Result<String, Failure> {
    let prefix = match kind {
        SecretKind::Signing => SECRET_PREFIX,
        SecretKind::Oasis => OASIS_PREFIX,
    };
    let secret = system::credential(prefix);
    let expires_at_us = by.now_us.saturating_add(i64::from(grace_s).saturating_mul(1_000_000));
    apps::expire_secrets(tx, app.id, kind, expires_at_us)?;
    apps::add_secret(tx, sealer, app.id, kind, &secret, by.now_us)?;
    let after = Details::new().with(Field::Kind, kind.as_str()).with(Field::GraceSeconds, grace_s);
    audit(tx, by, Action::AppSecretRotated, app, (Details::new(), after))?;
    Ok(secret)
}

/// The newest secret of a kind, opened.
pub(crate) fn secret(
    tx: &mut Tx<'_>,
    sealer: &Sealer,
    app: &App,
    kind: SecretKind,
    now_us: i64,
) -> Result<Option<Zeroizing<Vec<u8>>>, Failure> {
    let secrets = apps::secrets(tx.connection(), sealer, now_us)?;
    // Newest first; one that is to expire comes after the one that took its place.
    let mine = secrets.into_iter().find(|secret| secret.app_id == app.id && secret.kind == kind);
    Ok(mine.map(|secret| secret.secret))
}

fn change(tx: &mut Tx<'_>, by: &By, action: Action, before: &App, after: App) -> Result<App, Failure> {
    let (was, became) = differences(&details(before), &details(&after));
    if !became.is_empty() {
        tx.update_app(&after)?;
        audit(tx, by, action, &after, (was, became))?;
    }
    Ok(after)
}

fn audit(
    tx: &mut Tx<'_>,
    by: &By,
    action: Action,
    app: &App,
    (before, after): (Details, Details),
) -> Result<(), Failure> {
    let mut event = by.event(action, None);
    event.app_id = Some(app.id);
    event.target = Some(Target::new(TargetKind::App, app.uuid.to_string()));
    (event.before, event.after) = (before, after);
    tx.append(event)?;
    Ok(())
}

fn details(app: &App) -> Details {
    let settings = &app.settings;
    let uris: Vec<&str> = settings.redirect_uris.iter().map(RedirectUri::as_str).collect();
    Details::new()
        .with(Field::Name, app.name.as_str())
        .with(Field::Scopes, app.scopes.to_string())
        .with(Field::Disabled, app.disabled)
        .with(Field::RedirectUris, uris.join(" "))
        .with(Field::DefaultCreditRate, Value::from(settings.default_credit_rate.map(|rate| rate.to_string())))
        .with(Field::ReplayProtection, settings.replay_protection.as_str())
        .with(Field::RestrictToGroups, settings.restrict_to_groups)
        .with(Field::OasisResponseSignature, settings.oasis_response_signature.as_str())
        .with(Field::AllowBypass, settings.allow_bypass)
        .with(Field::LockoutThreshold, settings.lockout_threshold)
        .with(Field::LockoutSeconds, settings.lockout_seconds)
        .with(Field::RequireSignatureV2, settings.require_signature_v2)
        .with(Field::TotpDigits, settings.totp_digits)
        .with(Field::TotpPeriod, settings.totp_period)
        .with(Field::TotpAlgorithm, settings.totp_algorithm.as_str())
        .with(Field::RequestsPerSecond, settings.requests_per_second)
        .with(Field::SessionLifetimeSeconds, settings.session_lifetime_seconds)
}
