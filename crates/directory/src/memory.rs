//! A directory in memory: for documentation, tests and small embedders.

use alloc::{
    collections::{BTreeMap, BTreeSet},
    vec::Vec,
};

use crate::{
    App, AppRef, Email, ExternalId, Group, GroupRef, Identity, Issuer, Permit, ProviderName, Storage, Subject, Unique,
    User, UserPage, UserRef, Write,
};

/// The directory of one tenant. A clone is a snapshot to roll back to.
#[derive(Debug, Clone)]
pub struct Memory {
    tenant_id: i64,
    apps: BTreeMap<i64, App>,
    users: BTreeMap<i64, User>,
    groups: BTreeMap<i64, Group>,
    identities: BTreeMap<(ProviderName, Issuer, Subject), Identity>,
    /// By user and app.
    permits: BTreeMap<(i64, i64), Permit>,
    /// User and group.
    members: BTreeSet<(i64, i64)>,
    /// App and group.
    allowed: BTreeSet<(i64, i64)>,
}

/// A mistake of the caller's.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// An id, UUID or API key that another row has.
    #[error("another row has this id")]
    Repeated,
    /// A row that does not exist, or belongs to another tenant.
    #[error("no such row in this tenant")]
    Unknown,
}

impl Memory {
    /// An empty directory.
    pub const fn new(tenant_id: i64) -> Self {
        Self {
            tenant_id,
            apps: BTreeMap::new(),
            users: BTreeMap::new(),
            groups: BTreeMap::new(),
            identities: BTreeMap::new(),
            permits: BTreeMap::new(),
            members: BTreeSet::new(),
            allowed: BTreeSet::new(),
        }
    }

    fn is_live(&self, user_id: i64) -> bool {
        self.users.get(&user_id).is_some_and(|user| !user.is_deleted())
    }

    fn name_is_free(&self, wanted: &User) -> bool {
        !self.users.values().any(|user| {
            user.id != wanted.id
                && !user.is_deleted()
                && (&user.directory, &user.username) == (&wanted.directory, &wanted.username)
        })
    }

    fn external_id_is_free(&self, wanted: &Permit) -> bool {
        wanted.external_id.is_none()
            || !self.permits.values().any(|permit| {
                permit.user_id != wanted.user_id
                    && (permit.app_id, &permit.external_id) == (wanted.app_id, &wanted.external_id)
                    && self.is_live(permit.user_id)
            })
    }

    fn known(&self, tenant_id: i64) -> Result<(), Error> {
        if tenant_id == self.tenant_id { Ok(()) } else { Err(Error::Unknown) }
    }
}

impl Storage for Memory {
    type Error = Error;

    fn app(&mut self, app: AppRef) -> Result<Option<App>, Error> {
        Ok(match app {
            AppRef::Id(id) => self.apps.get(&id).cloned(),
            AppRef::Uuid(uuid) => self.apps.values().find(|app| app.uuid == uuid).cloned(),
        })
    }

    fn apps(&mut self) -> Result<Vec<App>, Error> {
        Ok(self.apps.values().cloned().collect())
    }

    fn insert_app(&mut self, app: &App) -> Result<(), Error> {
        self.known(app.tenant_id)?;
        let same = |other: &App| other.id == app.id || other.uuid == app.uuid || other.api_key == app.api_key;
        if self.apps.values().any(same) {
            return Err(Error::Repeated);
        }
        self.apps.insert(app.id, app.clone());
        Ok(())
    }

    fn update_app(&mut self, app: &App) -> Result<(), Error> {
        self.known(app.tenant_id)?;
        let kept = self.apps.get_mut(&app.id).ok_or(Error::Unknown)?;
        *kept = App { uuid: kept.uuid, created_at_us: kept.created_at_us, ..app.clone() };
        Ok(())
    }

    fn user(&mut self, user: &UserRef) -> Result<Option<User>, Error> {
        let users = || self.users.values();
        Ok(match user {
            UserRef::Id(id) => self.users.get(id),
            UserRef::Uuid(uuid) => users().find(|user| user.uuid == *uuid),
            UserRef::Name { directory, username } => {
                users().find(|user| !user.is_deleted() && (&user.directory, &user.username) == (directory, username))
            }
        }
        .cloned())
    }

    fn user_by_external_id(&mut self, app_id: i64, external_id: &ExternalId) -> Result<Option<User>, Error> {
        let holder = self.permits.values().find(|permit| {
            permit.app_id == app_id && permit.external_id.as_ref() == Some(external_id) && self.is_live(permit.user_id)
        });
        Ok(holder.and_then(|permit| self.users.get(&permit.user_id)).cloned())
    }

    fn users_by_verified_email(&mut self, email: &Email) -> Result<Vec<User>, Error> {
        let has_it = |user: &&User| !user.is_deleted() && user.verified_email().is_some_and(|own| own.same_as(email));
        Ok(self.users.values().filter(has_it).take(2).cloned().collect())
    }

    fn users(&mut self, page: UserPage) -> Result<Vec<User>, Error> {
        let listed = |user: &&User| {
            user.id > page.after_id
                && (page.with_deleted || !user.is_deleted())
                && page.linked_to.is_none_or(|app_id| self.permits.contains_key(&(user.id, app_id)))
        };
        let limit = usize::try_from(page.limit).unwrap_or(usize::MAX);
        Ok(self.users.values().filter(listed).take(limit).cloned().collect())
    }

    fn insert_user(&mut self, user: &User) -> Result<Write, Error> {
        self.known(user.tenant_id)?;
        if self.users.values().any(|other| other.id == user.id || other.uuid == user.uuid) {
            return Err(Error::Repeated);
        }
        if !user.is_deleted() && !self.name_is_free(user) {
            return Ok(Write::Taken(Unique::Name));
        }
        self.users.insert(user.id, user.clone());
        Ok(Write::Done)
    }

    fn update_user(&mut self, user: &User) -> Result<Write, Error> {
        self.known(user.tenant_id)?;
        let old = self.users.get(&user.id).ok_or(Error::Unknown)?;
        if !user.is_deleted() && !self.name_is_free(user) {
            return Ok(Write::Taken(Unique::Name));
        }
        let mut permits = self.permits.values().filter(|permit| permit.user_id == user.id);
        if !user.is_deleted() && !permits.all(|permit| self.external_id_is_free(permit)) {
            return Ok(Write::Taken(Unique::ExternalId));
        }
        let new = User { uuid: old.uuid, created_at_us: old.created_at_us, ..user.clone() };
        self.users.insert(user.id, new);
        Ok(Write::Done)
    }

    fn identity(
        &mut self,
        provider: &ProviderName,
        issuer: &Issuer,
        subject: &Subject,
    ) -> Result<Option<Identity>, Error> {
        Ok(self.identities.get(&(provider.clone(), issuer.clone(), subject.clone())).cloned())
    }

    fn identities_of(&mut self, user_id: i64) -> Result<Vec<Identity>, Error> {
        Ok(self.identities.values().filter(|identity| identity.user_id == user_id).cloned().collect())
    }

    fn put_identity(&mut self, identity: &Identity) -> Result<(), Error> {
        let key = (identity.provider.clone(), identity.issuer.clone(), identity.subject.clone());
        let new = match self.identities.get(&key) {
            Some(kept) => Identity { user_id: kept.user_id, created_at_us: kept.created_at_us, ..identity.clone() },
            None if self.users.contains_key(&identity.user_id) => identity.clone(),
            None => return Err(Error::Unknown),
        };
        self.identities.insert(key, new);
        Ok(())
    }

    fn permit(&mut self, user_id: i64, app_id: i64) -> Result<Option<Permit>, Error> {
        Ok(self.permits.get(&(user_id, app_id)).cloned())
    }

    fn permits(&mut self, user_id: i64) -> Result<Vec<Permit>, Error> {
        Ok(self.permits.values().filter(|permit| permit.user_id == user_id).cloned().collect())
    }

    fn put_permit(&mut self, permit: &Permit) -> Result<Write, Error> {
        if !self.users.contains_key(&permit.user_id) || !self.apps.contains_key(&permit.app_id) {
            return Err(Error::Unknown);
        }
        if self.is_live(permit.user_id) && !self.external_id_is_free(permit) {
            return Ok(Write::Taken(Unique::ExternalId));
        }
        self.permits.insert((permit.user_id, permit.app_id), permit.clone());
        Ok(Write::Done)
    }

    fn group(&mut self, group: &GroupRef) -> Result<Option<Group>, Error> {
        Ok(match group {
            GroupRef::Id(id) => self.groups.get(id),
            GroupRef::Name(name) => self.groups.values().find(|group| group.name == *name),
        }
        .cloned())
    }

    fn groups(&mut self) -> Result<Vec<Group>, Error> {
        Ok(self.groups.values().cloned().collect())
    }

    fn insert_group(&mut self, group: &Group) -> Result<Write, Error> {
        self.known(group.tenant_id)?;
        if self.groups.contains_key(&group.id) {
            return Err(Error::Repeated);
        }
        if self.groups.values().any(|other| other.name == group.name) {
            return Ok(Write::Taken(Unique::Name));
        }
        self.groups.insert(group.id, group.clone());
        Ok(Write::Done)
    }

    fn rename_group(&mut self, group: &Group) -> Result<Write, Error> {
        if self.groups.values().any(|other| other.name == group.name && other.id != group.id) {
            return Ok(Write::Taken(Unique::Name));
        }
        let stored = self.groups.get_mut(&group.id).ok_or(Error::Unknown)?;
        stored.name = group.name.clone();
        Ok(Write::Done)
    }

    fn groups_of_user(&mut self, user_id: i64) -> Result<Vec<i64>, Error> {
        Ok(of(&self.members, user_id))
    }

    fn add_member(&mut self, group_id: i64, user_id: i64) -> Result<bool, Error> {
        if !self.groups.contains_key(&group_id) || !self.users.contains_key(&user_id) {
            return Err(Error::Unknown);
        }
        Ok(self.members.insert((user_id, group_id)))
    }

    fn remove_member(&mut self, group_id: i64, user_id: i64) -> Result<bool, Error> {
        Ok(self.members.remove(&(user_id, group_id)))
    }

    fn groups_of_app(&mut self, app_id: i64) -> Result<Vec<i64>, Error> {
        Ok(of(&self.allowed, app_id))
    }

    fn allow_app(&mut self, group_id: i64, app_id: i64) -> Result<bool, Error> {
        if !self.groups.contains_key(&group_id) || !self.apps.contains_key(&app_id) {
            return Err(Error::Unknown);
        }
        Ok(self.allowed.insert((app_id, group_id)))
    }

    fn disallow_app(&mut self, group_id: i64, app_id: i64) -> Result<bool, Error> {
        Ok(self.allowed.remove(&(app_id, group_id)))
    }

    fn shares_group(&mut self, user_id: i64, app_id: i64) -> Result<bool, Error> {
        Ok(of(&self.members, user_id).iter().any(|group_id| self.allowed.contains(&(app_id, *group_id))))
    }
}

/// The groups of a user or an app.
fn of(pairs: &BTreeSet<(i64, i64)>, id: i64) -> Vec<i64> {
    pairs.range((id, i64::MIN)..=(id, i64::MAX)).map(|(_, group_id)| *group_id).collect()
}
