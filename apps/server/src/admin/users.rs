//! Users: made, changed, disabled, deleted, restored, permitted.

use osaycore_audit::{Action, Details, Field, Log as _, Target, TargetKind, Value};
use osaycore_directory::{
    self as directory, AvatarUrl, DisplayName, Email, ExternalId, Link, Name, NewUser, Permit, PermitChange, Role,
    Storage as _, User, UserChange, UserRef, UserStatus, Username,
};
use osaycore_ledger::{Account, Storage as _};

use super::{By, differences, otp, sessions};
use crate::error::{ApiError, Code, Failure};
use crate::store::deployment::Numbered;
use crate::store::tx::Tx;
use crate::store::users::deleted_by_name;
use crate::system;

/// What a user is made of.
#[derive(Clone, Debug)]
pub(crate) struct NewUserInput {
    pub(crate) username: Username,
    pub(crate) email: Option<Email>,
    pub(crate) display_name: Option<DisplayName>,
    pub(crate) role: Role,
    pub(crate) directory: Option<Name>,
    /// The app that the user is made through or for.
    pub(crate) link: Option<Link>,
}

/// The user to change, deleted or not: by id or name alone. What apps call users is no name here: what was meant for a user
/// who is gone would come to somebody else.
pub(crate) fn find(tx: &mut Tx<'_>, user: &UserRef) -> Result<User, Failure> {
    tx.user(user)?.ok_or_else(|| missing(user))
}

/// The user to look at, deleted or not: by id or name; where nobody has that, by what an app calls the user.
pub(crate) fn look_up(tx: &mut Tx<'_>, user: &UserRef) -> Result<User, Failure> {
    look_up_if_there(tx, user)?.ok_or_else(|| missing(user))
}

/// The same, where there is one. Two apps may call two users the same.
pub(crate) fn look_up_if_there(tx: &mut Tx<'_>, user: &UserRef) -> Result<Option<User>, Failure> {
    if let Some(found) = tx.user(user)? {
        return Ok(Some(found));
    }
    let text = named(user);
    let Ok(external_id) = text.parse::<ExternalId>() else { return Ok(None) };
    let mut called = Vec::new();
    for app in tx.apps()? {
        called.extend(tx.user_by_external_id(app.id, &external_id)?);
    }
    called.sort_by_key(|user| user.id);
    called.dedup_by_key(|user| user.id);
    if called.len() > 1 {
        let ids: Vec<String> = called.iter().map(|user| user.id.to_string()).collect();
        let sentence = format!("{text} is what apps call several users: say which, of {}", ids.join(", "));
        return Err(ApiError::from(Code::ReferenceConflict).detail(sentence).into());
    }
    Ok(called.pop())
}

fn missing(user: &UserRef) -> Failure {
    ApiError::from(Code::UserNotFound).detail(format!("there is no user {}", named(user))).into()
}

/// A reference as people write it: no backslash before the name of a user without a directory.
fn named(user: &UserRef) -> String {
    let text = user.to_string();
    text.strip_prefix('\\').unwrap_or(&text).to_owned()
}

/// The user whose deletion is to be taken back: by name, where nobody who lives has it, the only one who had it.
pub(crate) fn to_restore(tx: &mut Tx<'_>, reference: &UserRef) -> Result<User, Failure> {
    let mut deleted = match reference {
        UserRef::Name { directory, username } if tx.user(reference)?.is_none() => {
            deleted_by_name(tx, directory.as_ref(), username)?
        }
        _ => vec![],
    };
    match deleted.pop() {
        None => find(tx, reference),
        Some(only) if deleted.is_empty() => Ok(only),
        Some(last) => {
            let ids: Vec<String> = deleted.iter().chain([&last]).map(|user| user.id.to_string()).collect();
            let sentence =
                format!("several deleted users were {}: restore one by id, of {}", named(reference), ids.join(", "));
            Err(ApiError::from(Code::ReferenceConflict).detail(sentence).into())
        }
    }
}

/// The numeric id's user, deleted or not.
pub(crate) fn by_id(tx: &mut Tx<'_>, id: i64) -> Result<Option<User>, Failure> {
    Ok(tx.user(&UserRef::Id(id))?)
}

/// What holds everywhere: a deleted user is 404, one that is not active 403.
pub(crate) fn active(user: Option<User>) -> Result<User, Failure> {
    let user = user.filter(|user| !user.is_deleted()).ok_or(Code::UserNotFound)?;
    must_be_active(&user)?;
    Ok(user)
}

/// 403 unless the user, who is not deleted, is active.
pub(crate) fn must_be_active(user: &User) -> Result<(), ApiError> {
    if user.status == UserStatus::Active { Ok(()) } else { Err(Code::UserInactive.into()) }
}

/// The active user whom an app means by `user_id`.
pub(crate) fn active_by_api_id(tx: &mut Tx<'_>, app_id: i64, user_id: &str) -> Result<User, Failure> {
    active(directory::user_by_api_id(tx, app_id, user_id)?)
}

/// Makes a user with an empty wallet.
pub(crate) fn create(tx: &mut Tx<'_>, by: &By, input: NewUserInput) -> Result<User, Failure> {
    let user = NewUser {
        id: tx.next_id(Numbered::User)?,
        uuid: system::uuid(),
        tenant_id: tx.tenant_id(),
        directory: input.directory,
        username: input.username,
        email: input.email,
        display_name: input.display_name,
        role: input.role,
    };
    let link = input.link.clone();
    let user = directory::create_user(tx, user, input.link, by.now_us)?;
    tx.insert_account(&Account::new(user.id))?;
    let mut event = by.event(Action::UserCreated, Some(user.id));
    event.target = Some(target(&user));
    event.after = details(&user);
    if let Some(link) = link {
        event.app_id = Some(link.app_id);
        if let Some(external_id) = &link.external_id {
            event.after.set(Field::ExternalId, external_id.as_str());
        }
    }
    tx.append(event)?;
    Ok(user)
}

/// 409 for a user who is deleted: restored before anything else.
pub(crate) fn must_live(user: &User) -> Result<(), ApiError> {
    if user.is_deleted() { Err(directory::Refused::Deleted.into()) } else { Ok(()) }
}

/// Changes what is named; what is so already is no change.
pub(crate) fn change(tx: &mut Tx<'_>, by: &By, user: &User, change: UserChange) -> Result<User, Failure> {
    edit(tx, by, user, user.changed(change, by.now_us))
}

/// Makes the user what `edited` says, where users can change: unlike [`change`], it can take a value away.
pub(crate) fn edit(tx: &mut Tx<'_>, by: &By, user: &User, edited: User) -> Result<User, Failure> {
    let changed = directory::edit_user(tx, user, edited, by.now_us)?;
    let action = match changed.status {
        status if status == user.status => Action::UserUpdated,
        UserStatus::Active => Action::UserEnabled,
        _ => Action::UserDisabled,
    };
    audit(tx, by, action, user, &changed)?;
    if action == Action::UserEnabled {
        sessions::end_before_return(tx, by, &changed)?;
    }
    Ok(changed)
}

/// Lets the user act, or not.
pub(crate) fn set_status(tx: &mut Tx<'_>, by: &By, user: &User, status: UserStatus) -> Result<User, Failure> {
    change(tx, by, user, UserChange { status: Some(status), ..UserChange::default() })
}

/// Deletes the user for the time being: name and external ids are free for others.
pub(crate) fn delete(tx: &mut Tx<'_>, by: &By, user: &User) -> Result<User, Failure> {
    let deleted = directory::delete_user(tx, user, by.now_us)?;
    otp::close_link(tx, user)?;
    audit(tx, by, Action::UserDeleted, user, &deleted)?;
    Ok(deleted)
}

/// Takes a deletion back.
pub(crate) fn restore(tx: &mut Tx<'_>, by: &By, user: &User) -> Result<User, Failure> {
    let restored = directory::restore_user(tx, user, by.now_us)?;
    audit(tx, by, Action::UserRestored, user, &restored)?;
    sessions::end_before_return(tx, by, &restored)?;
    Ok(restored)
}

/// Changes what the user may do in an app; an empty change links the two.
pub(crate) fn permit(
    tx: &mut Tx<'_>,
    by: &By,
    user: &User,
    app_id: i64,
    change: PermitChange,
) -> Result<Permit, Failure> {
    let before = tx.permit(user.id, app_id)?;
    let permit = directory::permit_user(tx, user, app_id, change)?;
    audit_permit(tx, by, user, before.as_ref(), &permit)?;
    Ok(permit)
}

/// Makes what the user may do in the permit's app what it says, as a whole: unlike [`permit`], it can take a value away.
pub(crate) fn replace_permit(tx: &mut Tx<'_>, by: &By, user: &User, permit: Permit) -> Result<Permit, Failure> {
    let before = tx.permit(user.id, permit.app_id)?;
    let permit = directory::replace_permit(tx, user, permit)?;
    audit_permit(tx, by, user, before.as_ref(), &permit)?;
    Ok(permit)
}

/// Sets the least balance that deductions may leave.
pub(crate) fn set_floor(tx: &mut Tx<'_>, by: &By, user: &User, floor: osaycore_ledger::Credits) -> Result<(), Failure> {
    let account = tx.account(user.id)?.ok_or(Code::UserNotFound)?;
    if user.is_deleted() {
        return Err(ApiError::from(directory::Refused::Deleted).into());
    }
    if account.floor == floor {
        return Ok(());
    }
    tx.set_floor(user.id, floor)?;
    let mut event = by.event(Action::UserUpdated, Some(user.id));
    event.target = Some(target(user));
    event.before = Details::new().with(Field::MinBalance, Value::credits(account.floor.micros()));
    event.after = Details::new().with(Field::MinBalance, Value::credits(floor.micros()));
    tx.append(event)?;
    Ok(())
}

pub(super) fn audit(tx: &mut Tx<'_>, by: &By, action: Action, before: &User, after: &User) -> Result<(), Failure> {
    let (was, became) = differences(&details(before), &details(after));
    if became.is_empty() {
        return Ok(());
    }
    let mut event = by.event(action, Some(after.id));
    event.target = Some(target(after));
    (event.before, event.after) = (was, became);
    tx.append(event)?;
    Ok(())
}

fn audit_permit(
    tx: &mut Tx<'_>,
    by: &By,
    user: &User,
    before: Option<&Permit>,
    permit: &Permit,
) -> Result<(), Failure> {
    let old = before.map(permit_details).unwrap_or_default();
    let (was, became) = differences(&old, &permit_details(permit));
    if before.is_some() && became.is_empty() {
        return Ok(());
    }
    let mut event = by.event(Action::UserPermitted, Some(user.id));
    event.app_id = Some(permit.app_id);
    event.target = Some(target(user));
    (event.before, event.after) = (was, became);
    tx.append(event)?;
    Ok(())
}

pub(super) fn target(user: &User) -> Target {
    Target::new(TargetKind::User, user.uuid.to_string())
}

pub(super) fn details(user: &User) -> Details {
    Details::new()
        .with(Field::Username, user.username.as_str())
        .with(Field::Directory, user.directory.as_ref().map(Name::as_str))
        .with(Field::Email, user.email.as_ref().map(Email::as_str))
        .with(Field::EmailVerified, user.email_verified)
        .with(Field::DisplayName, user.display_name.as_ref().map(DisplayName::as_str))
        .with(Field::AvatarUrl, user.avatar_url.as_ref().map(AvatarUrl::as_str))
        .with(Field::Role, user.role.as_str())
        .with(Field::Status, user.status.as_str())
        .with(Field::BypassOtp, user.bypass_otp)
        .with(Field::DeletedAtUs, user.deleted_at_us)
}

fn permit_details(permit: &Permit) -> Details {
    Details::new()
        .with(Field::ExternalId, permit.external_id.as_ref().map(|id| id.as_str().to_owned()))
        .with(Field::CanUse, permit.can_use)
        .with(Field::CreditRate, permit.credit_rate.map(|rate| rate.to_string()))
        .with(Field::Scopes, permit.scopes.as_ref().map(ToString::to_string))
        .with(Field::Custom, permit.custom.as_str())
}
