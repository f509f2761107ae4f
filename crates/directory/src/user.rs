//! People with a wallet.

use uuid::Uuid;

use crate::{AvatarUrl, DisplayName, Email, Name, Role, UserRef, Username, scope::words};

words! {
    /// Whether a user may act. Anything but active is 403 everywhere; OASIS says DISABLED for both others.
    UserStatus, "status", "one of active, disabled and suspended":
    /// The user may act.
    Active = "active",
    /// Switched off by an operator.
    Disabled = "disabled",
    /// Held back for the time being.
    Suspended = "suspended"
}

/// A user of a tenant, the same one for all of its apps and for both APIs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct User {
    /// Numeric id, OASIS's `UserID`, and the id of the user's credit account.
    pub id: i64,
    /// Public id, the `sub` of the user's tokens.
    pub uuid: Uuid,
    /// The tenant that the user belongs to.
    pub tenant_id: i64,
    /// Where the username is unique; none is a place of its own.
    pub directory: Option<Name>,
    /// Unique in the directory among users that are not deleted.
    pub username: Username,
    /// Where mail goes; not unique.
    pub email: Option<Email>,
    /// Whether somebody vouched for the address.
    pub email_verified: bool,
    /// For people to read.
    pub display_name: Option<DisplayName>,
    /// A picture.
    pub avatar_url: Option<AvatarUrl>,
    /// What the user is to the deployment.
    pub role: Role,
    /// Whether the user may act.
    pub status: UserStatus,
    /// OASIS: second factors are skipped, in apps that allow that.
    pub bypass_otp: bool,
    /// When the user was deleted, microseconds since the Unix epoch; none: not deleted.
    pub deleted_at_us: Option<i64>,
    /// When the user was made, microseconds since the Unix epoch.
    pub created_at_us: i64,
    /// When the user was last changed, microseconds since the Unix epoch.
    pub updated_at_us: i64,
}

impl User {
    /// Whether the user is deleted: unknown to every endpoint, but restorable.
    pub const fn is_deleted(&self) -> bool {
        self.deleted_at_us.is_some()
    }

    /// The address, if somebody vouched for it.
    pub fn verified_email(&self) -> Option<&Email> {
        self.email.as_ref().filter(|_| self.email_verified)
    }

    /// The name that finds this user while not deleted.
    pub fn name_ref(&self) -> UserRef {
        UserRef::Name { directory: self.directory.clone(), username: self.username.clone() }
    }

    /// The user with what the change names. A new address is unverified unless the change says otherwise.
    #[must_use]
    pub fn changed(&self, change: UserChange, now_us: i64) -> Self {
        let old = self.clone();
        let same_email = change.email.as_ref().is_none_or(|email| Some(email) == old.email.as_ref());
        Self {
            username: change.username.unwrap_or(old.username),
            email_verified: change.email_verified.unwrap_or(old.email_verified && same_email),
            email: change.email.or(old.email),
            display_name: change.display_name.or(old.display_name),
            avatar_url: change.avatar_url.or(old.avatar_url),
            role: change.role.unwrap_or(old.role),
            status: change.status.unwrap_or(old.status),
            bypass_otp: change.bypass_otp.unwrap_or(old.bypass_otp),
            updated_at_us: now_us,
            ..old
        }
    }
}

/// What a user is made of; the caller draws both ids.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewUser {
    /// Numeric id, not used before in the tenant.
    pub id: i64,
    /// Random, not used before in the tenant.
    pub uuid: Uuid,
    /// The tenant.
    pub tenant_id: i64,
    /// Where the username is unique.
    pub directory: Option<Name>,
    /// Not taken in the directory.
    pub username: Username,
    /// Where mail goes.
    pub email: Option<Email>,
    /// For people to read.
    pub display_name: Option<DisplayName>,
    /// `basic` by default.
    pub role: Role,
}

impl NewUser {
    /// The user as it starts: active, unverified, without a bypass.
    #[must_use]
    pub fn into_user(self, now_us: i64) -> User {
        User {
            id: self.id,
            uuid: self.uuid,
            tenant_id: self.tenant_id,
            directory: self.directory,
            username: self.username,
            email: self.email,
            email_verified: false,
            display_name: self.display_name,
            avatar_url: None,
            role: self.role,
            status: UserStatus::Active,
            bypass_otp: false,
            deleted_at_us: None,
            created_at_us: now_us,
            updated_at_us: now_us,
        }
    }
}

/// What to change about a user: what is named is set, the rest stays.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct UserChange {
    /// A new name in the same directory.
    pub username: Option<Username>,
    /// A new address.
    pub email: Option<Email>,
    /// An administrator's word about the address.
    pub email_verified: Option<bool>,
    /// A new display name.
    pub display_name: Option<DisplayName>,
    /// A new picture.
    pub avatar_url: Option<AvatarUrl>,
    /// A new role.
    pub role: Option<Role>,
    /// A new status.
    pub status: Option<UserStatus>,
    /// Whether second factors are skipped.
    pub bypass_otp: Option<bool>,
}
