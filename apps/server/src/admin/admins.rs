//! Console logins: who may sign in to the console, and as what.

use osaycore_audit::{Action, Details, Field, Log as _, Target, TargetKind};
use osaycore_directory::Email;
use osaycore_otp::{self as otp, Attempts};

use super::{By, differences};
use crate::error::{ApiError, Code, Failure};
use crate::sealing::Sealer;
use crate::store::admin_factors::AdminFactors;
use crate::store::admins::{self, Admin, Role};
use crate::store::deployment::Numbered;
use crate::store::tx::Tx;
use crate::store::{admin_sessions, sign_in_attempts};

/// A login by its numeric id or its address.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum AdminRef {
    Id(i64),
    Email(Email),
}

impl std::str::FromStr for AdminRef {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text.parse() {
            Ok(id) => Ok(Self::Id(id)),
            Err(_) => text.parse().map(Self::Email).map_err(|_| "not a numeric id or an e-mail address".to_owned()),
        }
    }
}

impl std::fmt::Display for AdminRef {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Id(id) => id.fmt(formatter),
            Self::Email(email) => email.fmt(formatter),
        }
    }
}

/// The login of the tenant that is meant.
pub(crate) fn find(tx: &mut Tx<'_>, reference: &AdminRef) -> Result<Admin, Failure> {
    let tenant_id = tx.tenant_id();
    let id = match reference {
        AdminRef::Id(id) => Some(*id),
        AdminRef::Email(email) => {
            admins::by_email(tx.connection(), email)?.filter(|(tenant, _)| *tenant == tenant_id).map(|(_, id)| id)
        }
    };
    let found = id.map(|id| admins::find(tx, id)).transpose()?.flatten();
    let sentence = || ApiError::from(Code::NotFound).detail(format!("there is no console login {reference}"));
    Ok(found.ok_or_else(sentence)?)
}

/// A login that is to be made.
#[derive(Clone, Debug)]
pub(crate) struct NewAdmin {
    pub(crate) email: Email,
    pub(crate) role: Role,
    /// Of [`crate::passwords::hash`].
    pub(crate) password_hash: String,
}

/// Makes a login.
pub(crate) fn create(tx: &mut Tx<'_>, by: &By, new: &NewAdmin) -> Result<Admin, Failure> {
    let admin = Admin {
        id: tx.next_id(Numbered::Admin)?,
        email: new.email.clone(),
        password_hash: new.password_hash.clone(),
        role: new.role,
        disabled: false,
        created_at_us: by.now_us,
        password_set_at_us: by.now_us,
        signed_in_at_us: None,
    };
    if !admins::insert(tx, &admin)? {
        let sentence = "email: there is a console login with this address already";
        return Err(ApiError::field(Code::ReferenceConflict, "email", sentence).into());
    }
    // Whoever guessed at the address before has locked nobody out.
    sign_in_attempts::put(tx.connection(), &sign_in_attempts::hash(&admin.email), Attempts::NONE, by.now_us)?;
    audit(tx, by, Action::AdminCreated, &admin, (Details::new(), details(&admin)))?;
    Ok(admin)
}

/// What a login may do from now on, or that it may not be used: who is signed in by it is signed out. The last owner of
/// a tenant stays one.
pub(crate) fn set(
    tx: &mut Tx<'_>,
    by: &By,
    admin: &Admin,
    role: Option<Role>,
    disabled: Option<bool>,
) -> Result<Admin, Failure> {
    let next =
        Admin { role: role.unwrap_or(admin.role), disabled: disabled.unwrap_or(admin.disabled), ..admin.clone() };
    if (next.role, next.disabled) == (admin.role, admin.disabled) {
        return Ok(next);
    }
    let is_owner = |admin: &Admin| admin.role == Role::Owner && !admin.disabled;
    if is_owner(admin) && !is_owner(&next) && admins::count_owners(tx)? <= 1 {
        let field = if next.role == Role::Owner { "disabled" } else { "role" };
        let sentence = format!("{field}: {} is the last owner; make another one first", admin.email);
        return Err(ApiError::field(Code::ReferenceConflict, field, sentence).into());
    }
    admins::update(tx, &next)?;
    admin_sessions::remove_all(tx, admin.id)?;
    let changed = differences(&details(admin), &details(&next));
    audit(tx, by, Action::AdminUpdated, &next, changed)?;
    Ok(next)
}

/// Gives a login another password: whoever is signed in by it is signed out, and a lock is over.
pub(crate) fn set_password(tx: &mut Tx<'_>, by: &By, admin: &Admin, password_hash: String) -> Result<Admin, Failure> {
    let next = Admin { password_hash, password_set_at_us: by.now_us, ..admin.clone() };
    admins::update(tx, &next)?;
    admin_sessions::remove_all(tx, admin.id)?;
    sign_in_attempts::put(tx.connection(), &sign_in_attempts::hash(&admin.email), Attempts::NONE, by.now_us)?;
    audit(tx, by, Action::AdminPasswordSet, &next, (Details::new(), Details::new()))?;
    Ok(next)
}

/// Takes a login's second factor away, with the recovery codes: the password alone signs in, and whoever is signed in is
/// signed out. False if there was none.
pub(crate) fn reset_otp(tx: &mut Tx<'_>, sealer: &Sealer, by: &By, admin: &Admin) -> Result<bool, Failure> {
    let had_one = otp::reset(&mut AdminFactors::new(tx, sealer, admin, by.now_us), admin.id)?;
    if had_one {
        admin_sessions::remove_all(tx, admin.id)?;
        audit(tx, by, Action::OtpReset, admin, (Details::new(), Details::new()))?;
    }
    Ok(had_one)
}

/// Appends what happened to a login.
pub(super) fn audit(
    tx: &mut Tx<'_>,
    by: &By,
    action: Action,
    admin: &Admin,
    (before, after): (Details, Details),
) -> Result<(), Failure> {
    let mut event = by.event(action, None);
    event.target = Some(target(admin));
    (event.before, event.after) = (before, after);
    tx.append(event)?;
    Ok(())
}

/// A login as the trail names it.
pub(super) fn target(admin: &Admin) -> Target {
    Target::new(TargetKind::Admin, admin.id.to_string())
}

fn details(admin: &Admin) -> Details {
    Details::new()
        .with(Field::Email, admin.email.as_str())
        .with(Field::Role, admin.role.as_str())
        .with(Field::Disabled, admin.disabled)
}
