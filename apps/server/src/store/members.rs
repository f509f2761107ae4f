//! Users as an app sees them, kept in memory for as long as the tenant's directory stands as it was when they were read.

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

use osaycore_directory::{App, Effective, Permit, User, effective};
use quick_cache::Weighter;
use quick_cache::sync::Cache;
use uuid::Uuid;

use super::db::StoreError;
use super::tx::Tx;
use super::{groups, permits, users};

/// How many are expected, and how many bytes all of them may have: an app's own words on a permit alone may be 16 KiB.
const EXPECTED: usize = 20_000;
const KEPT_BYTES: u64 = 24 << 20;

/// A user who is not deleted, and what an app knows of them.
#[derive(Debug)]
pub(crate) struct Member {
    /// The directory's when it was read; none: what was read may yet be undone.
    pub(super) revision: Option<i64>,
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

/// Tenant, app, user.
type Key = (i64, i64, Uuid);

/// Those that were read. A revision of the directory is in force or past and never comes again: a member of the one in
/// force is as it would be read, any other is read anew.
pub(crate) struct Members(Cache<Key, Arc<Member>, Bytes>);

/// About what a member takes.
#[derive(Clone)]
struct Bytes;

impl Weighter<Key, Arc<Member>> for Bytes {
    fn weight(&self, _: &Key, member: &Arc<Member>) -> u64 {
        let words = member.permit.as_ref().map_or(0, |permit| permit.custom.as_str().len());
        let groups: usize = member.groups.iter().map(|name| name.len().saturating_add(24)).sum();
        let fixed = size_of::<Member>().saturating_add(512);
        u64::try_from(fixed.saturating_add(words).saturating_add(groups)).unwrap_or(u64::MAX)
    }
}

impl Members {
    pub(crate) fn new() -> Self {
        Self(Cache::with_weighter(EXPECTED, KEPT_BYTES, Bytes))
    }

    /// The user of this public id.
    pub(crate) fn find(&self, tx: &mut Tx<'_>, app_id: i64, uuid: Uuid) -> Result<Option<Arc<Member>>, StoreError> {
        Ok(self.load(tx, app_id, &BTreeSet::from([uuid]))?.pop())
    }

    /// As it was read once; whether that still holds is for [`super::ledger::account_under`] to say.
    pub(crate) fn kept(&self, tenant_id: i64, app_id: i64, uuid: Uuid) -> Option<Arc<Member>> {
        self.0.get(&(tenant_id, app_id, uuid))
    }

    /// Those of these users that there are.
    pub(crate) fn load(
        &self,
        tx: &mut Tx<'_>,
        app_id: i64,
        uuids: &BTreeSet<Uuid>,
    ) -> Result<Vec<Arc<Member>>, StoreError> {
        let revision = tx.directory_revision()?;
        let (mut found, mut missing) = (Vec::with_capacity(uuids.len()), Vec::new());
        for uuid in uuids {
            let kept = self.kept(tx.tenant_id(), app_id, *uuid);
            match kept.filter(|member| member.revision.is_some() && member.revision == revision) {
                Some(member) => found.push(member),
                None => missing.push(*uuid),
            }
        }
        if missing.is_empty() {
            return Ok(found);
        }
        for member in read(tx, revision, app_id, &missing)?.into_iter().map(Arc::new) {
            if revision.is_some() {
                self.0.insert((tx.tenant_id(), app_id, member.user.uuid), Arc::clone(&member));
            }
            found.push(member);
        }
        Ok(found)
    }
}

fn read(tx: &mut Tx<'_>, revision: Option<i64>, app_id: i64, uuids: &[Uuid]) -> Result<Vec<Member>, StoreError> {
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
        revision,
        permit: permits.remove(&user.id),
        groups: names.remove(&user.id).unwrap_or_default(),
        shares_group: sharing.contains(&user.id),
        user,
    };
    Ok(users.into_iter().map(member).collect())
}
