//! Users: made, changed, deleted, restored, permitted.

use osaycore_audit::{Action, Details, Field, Log, Target, TargetKind};
use osaycore_directory::{
    self as directory, DisplayName, Email, Link, Name, NewUser, Permit, PermitChange, Role, User, UserChange,
    UserStatus, Username,
};
use osaycore_ledger::{Account, Storage as _};

use super::By;
use crate::error::{ApiError, Code, Failure};
use crate::store::db::StoreError;
use crate::store::tx::Tx;
use crate::system;

/// A user to be made.
#[derive(Clone, Debug)]
pub(crate) struct NewUserInput {
    pub(crate) username: Username,
    pub(crate) email: Option<Email>,
    pub(crate) display_name: Option<DisplayName>,
    pub(crate) role: Role,
    pub(crate) directory: Option<Name>,
    /// The app that the user is linked to.
    pub(crate) link: Option<Link>,
}

/// Makes a user with an empty wallet.
pub(crate) fn create(tx: &mut Tx<'_>, by: &By, input: NewUserInput) -> Result<User, Failure> {
    let new = NewUser {
        id: tx.next_id("user")?,
        uuid: system::uuid(),
        tenant_id: tx.tenant_id(),
        directory: input.directory,
        username: input.username,
        email: input.email,
        display_name: input.display_name,
        role: input.role,
    };
    let user = directory::create_user(tx, new, input.link, by.now_us).map_err(refused)?;
    tx.insert_account(&Account::new(user.id))?;
    let mut event = event(by, Action::UserCreated, &user);
    event.after = summary(&user);
    tx.append(event)?;
    Ok(user)
}

/// Changes what is named.
pub(crate) fn change(tx: &mut Tx<'_>, by: &By, user: &User, change: UserChange) -> Result<User, Failure> {
    let action = match change.status {
        Some(UserStatus::Active) if user.status != UserStatus::Active => Action::UserEnabled,
        Some(UserStatus::Disabled | UserStatus::Suspended) if user.status == UserStatus::Active => Action::UserDisabled,
        _ => Action::UserUpdated,
    };
    let changed = directory::change_user(tx, user, change, by.now_us).map_err(refused)?;
    let mut event = event(by, action, &changed);
    event.before = summary(user);
    event.after = summary(&changed);
    tx.append(event)?;
    Ok(changed)
}

/// Deletes a user for the time being.
pub(crate) fn delete(tx: &mut Tx<'_>, by: &By, user: &User) -> Result<User, Failure> {
    let deleted = directory::delete_user(tx, user, by.now_us).map_err(refused)?;
    tx.append(event(by, Action::UserDeleted, &deleted))?;
    Ok(deleted)
}

/// Takes a deletion back.
pub(crate) fn restore(tx: &mut Tx<'_>, by: &By, user: &User) -> Result<User, Failure> {
    let restored = directory::restore_user(tx, user, by.now_us).map_err(refused)?;
    tx.append(event(by, Action::UserRestored, &restored))?;
    Ok(restored)
}

/// Changes what a user may do in an app.
pub(crate) fn permit(
    tx: &mut Tx<'_>,
    by: &By,
    user: &User,
    app_id: i64,
    change: PermitChange,
) -> Result<Permit, Failure> {
    let before = directory::Storage::permit(tx, user.id, app_id)?;
    let permit = directory::permit_user(tx, user, app_id, change).map_err(refused)?;
    let mut event = event(by, Action::UserPermitted, user);
    event.app_id = Some(app_id);
    event.before = before.as_ref().map(permissions).unwrap_or_default();
    event.after = permissions(&permit);
    tx.append(event)?;
    Ok(permit)
}

fn event(by: &By, action: Action, user: &User) -> osaycore_audit::Event {
    let mut event = by.event(action, Some(user.id));
    event.target = Some(Target::new(TargetKind::User, user.uuid.to_string()));
    event
}

fn summary(user: &User) -> Details {
    Details::new()
        .with(Field::Username, user.username.as_str())
        .with(Field::Directory, user.directory.as_ref().map(Name::as_str))
        .with(Field::Email, user.email.as_ref().map(Email::as_str))
        .with(Field::EmailVerified, user.email_verified)
        .with(Field::DisplayName, user.display_name.as_ref().map(DisplayName::as_str))
        .with(Field::Role, user.role.as_str())
        .with(Field::Status, user.status.as_str())
        .with(Field::BypassOtp, user.bypass_otp)
}

fn permissions(permit: &Permit) -> Details {
    Details::new()
        .with(Field::ExternalId, permit.external_id.as_ref().map(directory::ExternalId::as_str))
        .with(Field::CanUse, permit.can_use)
        .with(Field::CreditRate, permit.credit_rate.map(|rate| rate.to_string()))
        .with(Field::Scopes, permit.scopes.as_ref().map(ToString::to_string))
        .with(Field::Custom, permit.custom.as_str())
}

/// A refusal of the directory as the wire says it.
pub(crate) fn refused(failure: directory::Failure<StoreError>) -> Failure {
    match failure {
        directory::Failure::Storage(error) => error.into(),
        directory::Failure::Refused(refused) => match refused.field() {
            Some(field) => ApiError::field(Code::ReferenceConflict, field, format!("{field}: {refused}")).into(),
            None => ApiError::from(Code::UserNotFound).into(),
        },
        _ => Code::Internal.into(),
    }
}
