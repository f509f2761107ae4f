//! A login of a provider, decided and kept: the user, the identity, the link to the app.

use alloc::{format, vec::Vec};
use core::fmt::Write as _;

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use uuid::Uuid;

use crate::{
    Arrival, Email, Failure, Identity, Issuer, Link, NewUser, PermitChange, Profile, ProviderName, Refused, Role,
    Storage, Subject, User, UserChange, UserRef, Username, arrive, change_user, create_user, permit_user,
};

/// Somebody who proved to a provider who they are.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Login {
    /// The provider.
    pub provider: ProviderName,
    /// Whom the provider is.
    pub issuer: Issuer,
    /// Who it is there.
    pub subject: Subject,
    /// What the provider says of them.
    pub profile: Profile,
}

/// What the caller draws for a user who is to be made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Newcomer {
    /// Numeric id, not used before in the tenant.
    pub id: i64,
    /// Random, not used before in the tenant.
    pub uuid: Uuid,
    /// The tenant.
    pub tenant_id: i64,
}

/// Who a login was.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SignedIn {
    /// The user, as the login left them.
    pub user: User,
    /// The user, as the login found them; none who was made.
    pub before: Option<User>,
    /// It was the user's first in this app: the two are linked now.
    pub is_new_in_app: bool,
    /// The identity, as the login left it.
    pub identity: Identity,
    /// What became of the login.
    pub outcome: Outcome,
}

/// What became of a login, for the audit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// The identity was the user's.
    SignedIn,
    /// The identity became the user's.
    Linked,
    /// The user was made.
    Created,
}

/// The digits of a fallback name that are tried first: so many bytes of a digest.
const SHORT: usize = 6;

/// Signs a provider's login in to an app: finds, links or makes the user ([`arrive`]), links the user to the app and
/// keeps the profile up to date. `linking`: the id of the user who asks for the link. `draw` is called where a user is
/// to be made, and only there.
///
/// Name and picture follow the source identity. The address follows it to one that the provider vouches for, as long as
/// the user has none or the one that the identity had; and it is verified once any of the user's providers vouches for it. The
/// source is the identity that the user was made from, or the first that is linked to one without name and picture.
///
/// A new user has the address as username where the provider vouches for it and it is free without a directory: who is
/// found by that name is who has the address. Else it is the provider and the first 6 bytes of the subject's SHA-256
/// in hex, or as many more as make it free.
///
/// # Errors
/// Those of [`arrive`]. A `linking` that is nobody's is `Deleted`.
pub fn sign_in<S: Storage>(
    storage: &mut S,
    login: &Login,
    linking: Option<i64>,
    draw: impl FnOnce(&mut S) -> Result<Newcomer, S::Error>,
    app_id: i64,
    now_us: i64,
) -> Result<SignedIn, Failure<S::Error>> {
    let Login { provider, issuer, subject, profile } = login;
    let kept = storage.identity(provider, issuer, subject).map_err(Failure::Storage)?;
    let known = kept.as_ref().map(|identity| user_of(storage, identity.user_id)).transpose()?;
    let linking = linking.map(|user_id| user_of(storage, user_id)).transpose()?;
    let same_email = match profile.verified_email() {
        Some(email) => storage.users_by_verified_email(email).map_err(Failure::Storage)?,
        None => Vec::new(),
    };
    let (user, outcome) = match arrive(known.as_ref(), linking.as_ref(), profile, &same_email)? {
        Arrival::SignsIn(user) => (user.clone(), Outcome::SignedIn),
        Arrival::Links(user) => (user.clone(), Outcome::Linked),
        Arrival::Creates => {
            let drawn = draw(storage).map_err(Failure::Storage)?;
            (create(storage, login, drawn, app_id, now_us)?, Outcome::Created)
        }
    };
    let identity = match kept {
        Some(identity) => identity,
        None => Identity {
            provider: provider.clone(),
            issuer: issuer.clone(),
            subject: subject.clone(),
            user_id: user.id,
            email: None,
            is_source: outcome == Outcome::Created || wants_source(storage, &user)?,
            created_at_us: now_us,
            used_at_us: now_us,
        },
    };
    let before = (outcome != Outcome::Created).then(|| user.clone());
    let user = update(storage, user, &identity, profile, now_us)?;
    let identity = Identity { email: email_after(&identity, profile), used_at_us: now_us, ..identity };
    storage.put_identity(&identity).map_err(Failure::Storage)?;
    let is_new_in_app = before.is_none() || storage.permit(user.id, app_id).map_err(Failure::Storage)?.is_none();
    if is_new_in_app && before.is_some() {
        permit_user(storage, &user, app_id, PermitChange::default())?;
    }
    Ok(SignedIn { user, before, is_new_in_app, identity, outcome })
}

fn user_of<S: Storage>(storage: &mut S, user_id: i64) -> Result<User, Failure<S::Error>> {
    storage.user(&UserRef::Id(user_id)).map_err(Failure::Storage)?.ok_or(Failure::Refused(Refused::Deleted))
}

fn create<S: Storage>(
    storage: &mut S,
    login: &Login,
    drawn: Newcomer,
    app_id: i64,
    now_us: i64,
) -> Result<User, Failure<S::Error>> {
    let user = NewUser {
        id: drawn.id,
        uuid: drawn.uuid,
        tenant_id: drawn.tenant_id,
        directory: None,
        username: free_username(storage, login)?,
        email: login.profile.email.clone(),
        display_name: login.profile.display_name.clone(),
        role: Role::default(),
    };
    create_user(storage, user, Some(Link { app_id, external_id: None }), now_us)
}

fn free_username<S: Storage>(storage: &mut S, login: &Login) -> Result<Username, Failure<S::Error>> {
    let mut name = format!("{}-", login.provider);
    let by_subject = Sha256::digest(login.subject.as_str()).into_iter().enumerate().filter_map(|(index, byte)| {
        write!(name, "{byte:02x}").ok()?;
        (index.saturating_add(1) >= SHORT).then(|| name.clone())
    });
    let by_email = login.profile.verified_email().map(|email| email.as_str().into());
    for text in by_email.into_iter().chain(by_subject) {
        let Ok(username) = text.parse::<Username>() else { continue };
        let named = UserRef::Name { directory: None, username: username.clone() };
        if storage.user(&named).map_err(Failure::Storage)?.is_none() {
            return Ok(username);
        }
    }
    Err(Refused::NameTaken.into())
}

/// Whether the profile of the user may come from an identity that is linked now.
fn wants_source<S: Storage>(storage: &mut S, user: &User) -> Result<bool, Failure<S::Error>> {
    let has_none = user.display_name.is_none() && user.avatar_url.is_none();
    Ok(has_none && !storage.identities_of(user.id).map_err(Failure::Storage)?.iter().any(|other| other.is_source))
}

/// Brings the user's profile up to date; writes only what is new.
fn update<S: Storage>(
    storage: &mut S,
    user: User,
    identity: &Identity,
    profile: &Profile,
    now_us: i64,
) -> Result<User, Failure<S::Error>> {
    let change = news(&user, identity, profile);
    if user.changed(change.clone(), user.updated_at_us) == user {
        return Ok(user);
    }
    change_user(storage, &user, change, now_us)
}

/// What the profile says that the user is to have; `identity` is as the login found it.
fn news(user: &User, identity: &Identity, profile: &Profile) -> UserChange {
    let mut change = UserChange::default();
    if identity.is_source {
        change.display_name.clone_from(&profile.display_name);
        change.avatar_url.clone_from(&profile.avatar_url);
    }
    if let Some(email) = profile.verified_email() {
        let is_own = |own: &Email| !identity.email.as_ref().is_some_and(|old| own.same_as(old));
        if identity.is_source && !user.email.as_ref().is_some_and(is_own) {
            change.email = Some(email.clone());
        }
        if change.email.as_ref().or(user.email.as_ref()).is_some_and(|has| has.same_as(email)) {
            change.email_verified = Some(true);
        }
    }
    change
}

/// An address that nobody vouches for takes the place of none, so that the user can follow to the next that is verified.
fn email_after(identity: &Identity, profile: &Profile) -> Option<Email> {
    profile.verified_email().or(identity.email.as_ref()).or(profile.email.as_ref()).cloned()
}
