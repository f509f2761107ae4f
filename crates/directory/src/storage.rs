//! Where a tenant's directory is kept.

use alloc::vec::Vec;
use core::fmt::Debug;

use crate::{
    App, AppRef, Email, ExternalId, Group, GroupRef, Identity, Issuer, Permit, ProviderName, Subject, User, UserRef,
};

/// What a write did. A value that is taken is an answer, not an error.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[must_use]
pub enum Write {
    /// Written.
    Done,
    /// Nothing was written: another row has this value.
    Taken(Unique),
}

/// A value that only one row may have.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unique {
    /// A username in its directory, or a group's name in the tenant.
    Name,
    /// An external id in its app.
    ExternalId,
}

/// Which users to list.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct UserPage {
    /// Users with a greater id; 0 begins.
    pub after_id: i64,
    /// At most so many.
    pub limit: u32,
    /// Only users with a permit in this app.
    pub linked_to: Option<i64>,
    /// Deleted ones as well.
    pub with_deleted: bool,
}

/// The directory of one tenant within one open transaction: reads see the transaction's own writes, nothing of another
/// tenant is ever returned or touched, and whoever opened the transaction commits or drops it.
///
/// Ids, UUIDs and API keys are the caller's to draw. A row that is repeated, that belongs to another tenant or that
/// refers to a row which does not exist is the caller's mistake, and may be any `Error`; nothing is written then.
///
/// A deleted user stays, with permits and memberships, and is found by id and UUID; the name and the external ids are
/// free for others until the user is restored.
pub trait Storage {
    /// A failure of the storage itself, or a mistake of the caller's.
    type Error: Debug;

    /// The app, disabled or not.
    fn app(&mut self, app: AppRef) -> Result<Option<App>, Self::Error>;
    /// Every app, by ascending id.
    fn apps(&mut self) -> Result<Vec<App>, Self::Error>;
    /// Adds an app.
    fn insert_app(&mut self, app: &App) -> Result<(), Self::Error>;
    /// Replaces everything of the app with this id but its id, UUID, tenant and time of making.
    fn update_app(&mut self, app: &App) -> Result<(), Self::Error>;

    /// The user; by name only while not deleted.
    fn user(&mut self, user: &UserRef) -> Result<Option<User>, Self::Error>;
    /// The user, not deleted, whom the app knows by this id.
    fn user_by_external_id(&mut self, app_id: i64, external_id: &ExternalId) -> Result<Option<User>, Self::Error>;
    /// The users, not deleted, who have this address verified, ASCII case ignored ([`Email::same_as`]): the first two
    /// by ascending id, as it matters only whether there is one.
    fn users_by_verified_email(&mut self, email: &Email) -> Result<Vec<User>, Self::Error>;
    /// Users by ascending id.
    fn users(&mut self, page: UserPage) -> Result<Vec<User>, Self::Error>;
    /// Adds a user; `Taken(Name)` when another who is not deleted has the name in the directory.
    fn insert_user(&mut self, user: &User) -> Result<Write, Self::Error>;
    /// Replaces everything of the user with this id but id, UUID, tenant and time of making. A deletion frees the name
    /// and the external ids; a restoration claims them again: `Taken(Name)`, else `Taken(ExternalId)`, when it cannot.
    fn update_user(&mut self, user: &User) -> Result<Write, Self::Error>;

    /// The identity; its user may be deleted.
    fn identity(
        &mut self,
        provider: &ProviderName,
        issuer: &Issuer,
        subject: &Subject,
    ) -> Result<Option<Identity>, Self::Error>;
    /// The identities of the user, by ascending provider, issuer, subject.
    fn identities_of(&mut self, user_id: i64) -> Result<Vec<Identity>, Self::Error>;
    /// Adds the identity, or replaces everything of it but whose it is and when it was first seen.
    fn put_identity(&mut self, identity: &Identity) -> Result<(), Self::Error>;

    /// The user's permit in the app.
    fn permit(&mut self, user_id: i64, app_id: i64) -> Result<Option<Permit>, Self::Error>;
    /// All permits of the user, by ascending app id.
    fn permits(&mut self, user_id: i64) -> Result<Vec<Permit>, Self::Error>;
    /// Adds or replaces the permit; `Taken(ExternalId)` when another user who is not deleted has that id in the app.
    fn put_permit(&mut self, permit: &Permit) -> Result<Write, Self::Error>;

    /// The group.
    fn group(&mut self, group: &GroupRef) -> Result<Option<Group>, Self::Error>;
    /// Every group, by ascending id.
    fn groups(&mut self) -> Result<Vec<Group>, Self::Error>;
    /// Adds a group; `Taken(Name)` when another has the name.
    fn insert_group(&mut self, group: &Group) -> Result<Write, Self::Error>;
    /// Gives the group of that id another name; `Taken(Name)` when another has it.
    fn rename_group(&mut self, group: &Group) -> Result<Write, Self::Error>;
    /// The groups that the user is in, by ascending id.
    fn groups_of_user(&mut self, user_id: i64) -> Result<Vec<i64>, Self::Error>;
    /// Puts the user into the group; false when already in it.
    fn add_member(&mut self, group_id: i64, user_id: i64) -> Result<bool, Self::Error>;
    /// Takes the user out of the group; false when not in it.
    fn remove_member(&mut self, group_id: i64, user_id: i64) -> Result<bool, Self::Error>;
    /// The groups that are allowed on the app, by ascending id.
    fn groups_of_app(&mut self, app_id: i64) -> Result<Vec<i64>, Self::Error>;
    /// Allows the group on the app; false when it already is.
    fn allow_app(&mut self, group_id: i64, app_id: i64) -> Result<bool, Self::Error>;
    /// Takes the allowance back; false when there is none.
    fn disallow_app(&mut self, group_id: i64, app_id: i64) -> Result<bool, Self::Error>;
    /// Whether the user is in a group that is allowed on the app.
    fn shares_group(&mut self, user_id: i64, app_id: i64) -> Result<bool, Self::Error>;
}
