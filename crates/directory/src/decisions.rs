//! What may be done to users, decided on what the storage holds and then written.
//!
//! Each function is one step of a transaction of the caller's: after a [`Failure`] the caller drops the transaction.

use crate::{ExternalId, NewUser, Permit, PermitChange, Storage, Unique, User, UserChange, UserRef, Write, parse_uuid};

/// Why a change is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Refused {
    /// Another user has the name in the directory, or another group has it.
    #[error("the name is taken")]
    NameTaken,
    /// Another user has the external id in the app.
    #[error("the external id is taken in this app")]
    ExternalIdTaken,
    /// The external id equals the UUID of a user of the tenant: whom it names would depend on who looks.
    #[error("the external id is the id of a user")]
    ExternalIdIsUserId,
    /// A deleted user is restored before anything else.
    #[error("the user is deleted")]
    Deleted,
    /// Only a deleted user can be restored.
    #[error("the user is not deleted")]
    NotDeleted,
    /// Nobody signs in to a user who is disabled or suspended.
    #[error("the user is not active")]
    Inactive,
    /// Another user has the identity at the provider.
    #[error("the identity belongs to another user")]
    IdentityTaken,
}

impl Refused {
    /// The member that is at fault, for an error's `field`; none: the state of the user is.
    pub const fn field(self) -> Option<&'static str> {
        match self {
            Self::NameTaken => Some("username"),
            Self::ExternalIdTaken | Self::ExternalIdIsUserId => Some("external_id"),
            Self::Deleted | Self::NotDeleted | Self::Inactive | Self::IdentityTaken => None,
        }
    }
}

/// Why nothing was done.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Failure<E> {
    /// The command's fault.
    #[error("{0}")]
    Refused(#[from] Refused),
    /// The storage's fault.
    #[error("the storage failed: {0:?}")]
    Storage(E),
}

/// The app that a user is made through.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Link {
    /// The app.
    pub app_id: i64,
    /// The app's own id of the user.
    pub external_id: Option<ExternalId>,
}

/// Makes a user and, where an app asks for it, the permit that links the two.
pub fn create_user<S: Storage>(
    storage: &mut S,
    user: NewUser,
    link: Option<Link>,
    now_us: i64,
) -> Result<User, Failure<S::Error>> {
    let user = user.into_user(now_us);
    accept(storage.insert_user(&user))?;
    if let Some(Link { app_id, external_id }) = link {
        permit_user(storage, &user, app_id, PermitChange { external_id, ..PermitChange::default() })?;
    }
    Ok(user)
}

/// Changes a user who is not deleted.
pub fn change_user<S: Storage>(
    storage: &mut S,
    user: &User,
    change: UserChange,
    now_us: i64,
) -> Result<User, Failure<S::Error>> {
    edit_user(storage, user, user.changed(change, now_us), now_us)
}

/// Replaces what can change of a user who is not deleted: unlike a change, it can take a value away. Ids, tenant,
/// directory and the time of making stay.
pub fn edit_user<S: Storage>(
    storage: &mut S,
    user: &User,
    edited: User,
    now_us: i64,
) -> Result<User, Failure<S::Error>> {
    require_live(user)?;
    let User { id, uuid, tenant_id, directory, deleted_at_us, created_at_us, .. } = user.clone();
    let edited = User { id, uuid, tenant_id, directory, deleted_at_us, created_at_us, updated_at_us: now_us, ..edited };
    write_user(storage, edited)
}

/// Deletes a user, for the time being: the name and the external ids are free for others.
pub fn delete_user<S: Storage>(storage: &mut S, user: &User, now_us: i64) -> Result<User, Failure<S::Error>> {
    require_live(user)?;
    write_user(storage, User { deleted_at_us: Some(now_us), updated_at_us: now_us, ..user.clone() })
}

/// Takes a deletion back, unless the name or an external id went to somebody else.
pub fn restore_user<S: Storage>(storage: &mut S, user: &User, now_us: i64) -> Result<User, Failure<S::Error>> {
    if !user.is_deleted() {
        return Err(Refused::NotDeleted.into());
    }
    write_user(storage, User { deleted_at_us: None, updated_at_us: now_us, ..user.clone() })
}

/// Changes what a user may do in an app; with an empty change it links the two and nothing else.
pub fn permit_user<S: Storage>(
    storage: &mut S,
    user: &User,
    app_id: i64,
    change: PermitChange,
) -> Result<Permit, Failure<S::Error>> {
    require_live(user)?;
    require_no_user_id(storage, change.external_id.as_ref())?;
    let permit = storage.permit(user.id, app_id).map_err(Failure::Storage)?;
    let permit = permit.unwrap_or_else(|| Permit::new(user.id, app_id)).changed(change);
    accept(storage.put_permit(&permit))?;
    Ok(permit)
}

/// Replaces the permit in its app as a whole: unlike a change, it can take a value away.
pub fn replace_permit<S: Storage>(storage: &mut S, user: &User, permit: Permit) -> Result<Permit, Failure<S::Error>> {
    require_live(user)?;
    let permit = Permit { user_id: user.id, ..permit };
    let before = storage.permit(user.id, permit.app_id).map_err(Failure::Storage)?;
    if permit.external_id != before.and_then(|before| before.external_id) {
        require_no_user_id(storage, permit.external_id.as_ref())?;
    }
    accept(storage.put_permit(&permit))?;
    Ok(permit)
}

/// The user, not deleted, whom an app means by a `user_id`: the UUID of a user of the tenant; if there is none, the
/// app's own id of the user, whatever its shape.
pub fn user_by_api_id<S: Storage>(storage: &mut S, app_id: i64, user_id: &str) -> Result<Option<User>, S::Error> {
    if let Some(uuid) = parse_uuid(user_id)
        && let Some(user) = storage.user(&UserRef::Uuid(uuid))?
    {
        return Ok(Some(user).filter(|user| !user.is_deleted()));
    }
    match user_id.parse() {
        Ok(external_id) => storage.user_by_external_id(app_id, &external_id),
        Err(_) => Ok(None),
    }
}

fn require_live(user: &User) -> Result<(), Refused> {
    if user.is_deleted() { Err(Refused::Deleted) } else { Ok(()) }
}

/// Refuses an external id that is the UUID of a user.
fn require_no_user_id<S: Storage>(storage: &mut S, id: Option<&ExternalId>) -> Result<(), Failure<S::Error>> {
    match id.and_then(ExternalId::as_uuid) {
        Some(uuid) if storage.user(&UserRef::Uuid(uuid)).map_err(Failure::Storage)?.is_some() => {
            Err(Refused::ExternalIdIsUserId.into())
        }
        _ => Ok(()),
    }
}

fn write_user<S: Storage>(storage: &mut S, user: User) -> Result<User, Failure<S::Error>> {
    accept(storage.update_user(&user))?;
    Ok(user)
}

fn accept<E>(written: Result<Write, E>) -> Result<(), Failure<E>> {
    match written.map_err(Failure::Storage)? {
        Write::Done => Ok(()),
        Write::Taken(Unique::Name) => Err(Refused::NameTaken.into()),
        Write::Taken(Unique::ExternalId) => Err(Refused::ExternalIdTaken.into()),
    }
}
