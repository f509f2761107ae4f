//! The directory of a tenant: apps, users, permits, groups.

use osaycore_directory::{
    App, AppRef, Email, ExternalId, Group, GroupRef, Identity, Issuer, Permit, ProviderName, Storage, Subject, User,
    UserPage, UserRef, Write,
};

use super::db::StoreError;
use super::tx::Tx;
use super::{apps, groups, identities, permits, users};

impl Storage for Tx<'_> {
    type Error = StoreError;

    fn app(&mut self, app: AppRef) -> Result<Option<App>, StoreError> {
        apps::find(self, app)
    }

    fn apps(&mut self) -> Result<Vec<App>, StoreError> {
        apps::list(self)
    }

    fn insert_app(&mut self, app: &App) -> Result<(), StoreError> {
        apps::insert(self, app)
    }

    fn update_app(&mut self, app: &App) -> Result<(), StoreError> {
        apps::update(self, app)
    }

    fn user(&mut self, user: &UserRef) -> Result<Option<User>, StoreError> {
        users::find(self, user)
    }

    fn user_by_external_id(&mut self, app_id: i64, external_id: &ExternalId) -> Result<Option<User>, StoreError> {
        permits::user_by_external_id(self, app_id, external_id)
    }

    fn users_by_verified_email(&mut self, email: &Email) -> Result<Vec<User>, StoreError> {
        users::by_verified_email(self, email)
    }

    fn users(&mut self, page: UserPage) -> Result<Vec<User>, StoreError> {
        users::list(self, page)
    }

    fn insert_user(&mut self, user: &User) -> Result<Write, StoreError> {
        users::insert(self, user)
    }

    fn update_user(&mut self, user: &User) -> Result<Write, StoreError> {
        users::update(self, user)
    }

    fn identity(
        &mut self,
        provider: &ProviderName,
        issuer: &Issuer,
        subject: &Subject,
    ) -> Result<Option<Identity>, StoreError> {
        identities::find(self, provider, issuer, subject)
    }

    fn identities_of(&mut self, user_id: i64) -> Result<Vec<Identity>, StoreError> {
        identities::of_user(self, user_id)
    }

    fn put_identity(&mut self, identity: &Identity) -> Result<(), StoreError> {
        identities::put(self, identity)
    }

    fn permit(&mut self, user_id: i64, app_id: i64) -> Result<Option<Permit>, StoreError> {
        permits::find(self, user_id, app_id)
    }

    fn permits(&mut self, user_id: i64) -> Result<Vec<Permit>, StoreError> {
        permits::of_user(self, user_id)
    }

    fn put_permit(&mut self, permit: &Permit) -> Result<Write, StoreError> {
        permits::put(self, permit)
    }

    fn group(&mut self, group: &GroupRef) -> Result<Option<Group>, StoreError> {
        groups::find(self, group)
    }

    fn groups(&mut self) -> Result<Vec<Group>, StoreError> {
        groups::list(self)
    }

    fn insert_group(&mut self, group: &Group) -> Result<Write, StoreError> {
        groups::insert(self, group)
    }

    fn rename_group(&mut self, group: &Group) -> Result<Write, StoreError> {
        groups::rename(self, group)
    }

    fn groups_of_user(&mut self, user_id: i64) -> Result<Vec<i64>, StoreError> {
        groups::of_user(self, user_id)
    }

    fn add_member(&mut self, group_id: i64, user_id: i64) -> Result<bool, StoreError> {
        groups::add_member(self, group_id, user_id)
    }

    fn remove_member(&mut self, group_id: i64, user_id: i64) -> Result<bool, StoreError> {
        groups::remove_member(self, group_id, user_id)
    }

    fn groups_of_app(&mut self, app_id: i64) -> Result<Vec<i64>, StoreError> {
        groups::of_app(self, app_id)
    }

    fn allow_app(&mut self, group_id: i64, app_id: i64) -> Result<bool, StoreError> {
        groups::allow_app(self, group_id, app_id)
    }

    fn disallow_app(&mut self, group_id: i64, app_id: i64) -> Result<bool, StoreError> {
        groups::disallow_app(self, group_id, app_id)
    }

    fn shares_group(&mut self, user_id: i64, app_id: i64) -> Result<bool, StoreError> {
        groups::sharing(self, app_id, &[user_id]).map(|users| users.contains(&user_id))
    }
}
