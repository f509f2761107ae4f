//! Users as an app sees them, kept in memory for as long as the tenant's directory stands as it was when they were read.

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

use osaycore_directory::{App, Effective, Permit, User, effective};
use quick_cache::sync::Cache;
use uuid::Uuid;

use super::db::StoreError;
use super::tx::Tx;
use super::{groups, permits, users};

/// How many are kept; a thousand take about a mebibyte.
const KEPT: usize = 20_000;

/// A user who is not deleted, and what an app knows of them.
#[derive(Debug)]
pub(crate) struct Member {
    pub(crate) user: User,
    pub(crate) permit: Option<Permit>,
    /// The names of the user's groups.
    pub(crate) groups: Vec<String>,
    /// One of them is allowed on the app.
    shares_group: bool,
}

impl Member {
    /// What counts in the app, which is the one that the member was read for.
    pub(crate) fn effective(&self, app: &App) -> Effective {
        effective(app, self.permit.as_ref(), self.shares_group)
    }
}

/// Tenant, revision of its directory, app, user. A revision is in force or past and never comes again, so nothing that
/// is found needs to be doubted, and nothing has to be taken out.
type Key = (i64, i64, i64, Uuid);

/// Those that were read.
pub(crate) struct Members(Cache<Key, Arc<Member>>);

impl Members {
    pub(crate) fn new() -> Self {
        Self(Cache::new(KEPT))
    }

    /// The user of this public id.
    pub(crate) fn find(&self, tx: &mut Tx<'_>, app_id: i64, uuid: Uuid) -> Result<Option<Arc<Member>>, StoreError> {
        Ok(self.load(tx, app_id, &BTreeSet::from([uuid]))?.pop())
    }

    /// Those of these users that there are.
    pub(crate) fn load(
        &self,
        tx: &mut Tx<'_>,
        app_id: i64,
        uuids: &BTreeSet<Uuid>,
    ) -> Result<Vec<Arc<Member>>, StoreError> {
        let revision = tx.directory_revision()?;
        let key = |uuid: Uuid| revision.map(|revision| (tx.tenant_id(), revision, app_id, uuid));
        let (mut found, mut missing) = (Vec::with_capacity(uuids.len()), Vec::new());
        for uuid in uuids {
            match key(*uuid).and_then(|key| self.0.get(&key)) {
                Some(member) => found.push(member),
                None => missing.push(*uuid),
            }
        }
        if missing.is_empty() {
            return Ok(found);
        }
        for member in read(tx, app_id, &missing)? {
            let member = Arc::new(member);
            if let Some(revision) = revision {
                self.0.insert((tx.tenant_id(), revision, app_id, member.user.uuid), Arc::clone(&member));
            }
            found.push(member);
        }
        Ok(found)
    }
}

fn read(tx: &mut Tx<'_>, app_id: i64, uuids: &[Uuid]) -> Result<Vec<Member>, StoreError> {
    let users: Vec<User> = users::by_uuids(tx, uuids)?.into_iter().filter(|user| !user.is_deleted()).collect();
    let ids: Vec<i64> = users.iter().map(|user| user.id).collect();
    let mut permits: HashMap<i64, Permit> =
        permits::of_users(tx, app_id, &ids)?.into_iter().map(|permit| (permit.user_id, permit)).collect();
    let mut names: HashMap<i64, Vec<String>> = HashMap::new();
    for (user_id, name) in groups::names_of(tx, &ids)? {
        names.entry(user_id).or_default().push(name);
    }
    let sharing = groups::sharing(tx, app_id, &ids)?;
    let member = |user: User| Member {
        permit: permits.remove(&user.id),
        groups: names.remove(&user.id).unwrap_or_default(),
        shares_group: sharing.contains(&user.id),
        user,
    };
    Ok(users.into_iter().map(member).collect())
}
