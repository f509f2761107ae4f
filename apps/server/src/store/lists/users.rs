//! Users: found by what is typed, or newest first.

use std::collections::HashSet;

use diesel::dsl::{exists, not, sql};
use diesel::prelude::*;
use diesel::sql_types::Bool;
use osaycore_directory::{User, UserRef, UserStatus, parse_uuid};
use serde::{Deserialize, Serialize};

use super::{Asked, Page, groups, page};
use crate::store::bulk::load_all;
use crate::store::db::StoreError;
use crate::store::schema::{group_members, otp_attempts, user_terms, users};
use crate::store::terms::{after, normal};
use crate::store::tx::Tx;
use crate::store::users::{Row, find};

/// Which users.
#[derive(Clone, Debug, Default)]
pub(crate) struct Users {
    /// The beginning of a username, of a word of a display name, of an address or of an app's id, whatever the case; or a
    /// whole UUID or numeric id.
    pub(crate) search: Option<String>,
    pub(crate) status: Option<UserStatus>,
    /// Whose second factor is locked in some app at this time, microseconds since the epoch.
    pub(crate) locked_at_us: Option<i64>,
    /// In this group.
    pub(crate) group_id: Option<i64>,
    /// Deleted ones as well.
    pub(crate) with_deleted: bool,
}

/// Where a page ends: at whom the text names, at what of a user begins with it, or at a user's id.
#[derive(Clone, Debug, Serialize, Deserialize)]
enum Key {
    Exact(i64),
    Term(Vec<u8>, i64),
    Id(i64),
}

impl Key {
    fn user_id(&self) -> i64 {
        match self {
            Self::Exact(id) | Self::Term(_, id) | Self::Id(id) => *id,
        }
    }
}

/// The users that are meant: by what they were found by, or newest first.
pub(crate) fn list(tx: &mut Tx<'_>, meant: &Users, asked: &Asked) -> Result<Page<User>, StoreError> {
    let search = meant.search.as_deref().map(normal).filter(|prefix| !prefix.is_empty());
    let exact = match &meant.search {
        Some(text) => exact(tx, text.trim())?.map(|user| user.id),
        None => None,
    };
    let keys = |tx: &mut Tx<'_>, from: Option<&Key>, at_most: i64| match (&search, from) {
        (Some(prefix), None) => {
            let first = exact.map(Key::Exact);
            let rest = at_most.saturating_sub(i64::from(first.is_some()));
            Ok(first.into_iter().chain(by_term(tx, prefix, None, rest)?).collect())
        }
        (Some(prefix), Some(Key::Exact(_))) => by_term(tx, prefix, None, at_most),
        (Some(prefix), Some(Key::Term(term, id))) => by_term(tx, prefix, Some((term, *id)), at_most),
        (None, None) => by_id(tx, meant, None, at_most),
        (None, Some(Key::Id(below))) => by_id(tx, meant, Some(*below), at_most),
        _ => Err(StoreError::Cursor),
    };
    // Two closures read by turns.
    let tx = std::cell::RefCell::new(tx);
    let read = |from: Option<&Key>, at_most: i64| {
        Ok(keys(&mut tx.borrow_mut(), from, at_most)?.into_iter().map(|key| (key, ())).collect())
    };
    let keep = |rows: Vec<(Key, ())>| {
        let mut keys: Vec<Key> = rows.into_iter().map(|(key, ())| key).collect();
        keys.retain(|key| !matches!(key, Key::Term(_, id) if exact == Some(*id)));
        // Locked in several apps, a user is found several times.
        keys.dedup_by_key(|key| key.user_id());
        kept(&mut tx.borrow_mut(), meant, keys)
    };
    page(asked, read, keep)
}

/// Whom a text names by a UUID or a numeric id.
fn exact(tx: &mut Tx<'_>, text: &str) -> Result<Option<User>, StoreError> {
    match (parse_uuid(text), text.parse::<i64>()) {
        (Some(uuid), _) => find(tx, &UserRef::Uuid(uuid)),
        (None, Ok(id)) => find(tx, &UserRef::Id(id)),
        (None, Err(_)) => Ok(None),
    }
}

/// What begins with the text, each user once: by what comes first.
fn by_term(
    tx: &mut Tx<'_>,
    prefix: &[u8],
    from: Option<(&Vec<u8>, i64)>,
    at_most: i64,
) -> Result<Vec<Key>, StoreError> {
    let earlier = diesel::alias!(user_terms as earlier);
    let found_before = earlier
        .filter(earlier.field(user_terms::tenant_id).eq(user_terms::tenant_id))
        .filter(earlier.field(user_terms::user_id).eq(user_terms::user_id))
        .filter(earlier.field(user_terms::term).ge(prefix.to_vec()))
        .filter(earlier.field(user_terms::term).lt(user_terms::term));
    let mut query = user_terms::table
        .filter(user_terms::tenant_id.eq(tx.tenant_id))
        .filter(user_terms::term.lt(after(prefix)))
        .filter(not(exists(found_before)))
        .order((user_terms::term, user_terms::user_id))
        .limit(at_most)
        .select((user_terms::term, user_terms::user_id))
        .into_boxed();
    query = match from {
        None => query.filter(user_terms::term.ge(prefix.to_vec())),
        Some((term, user_id)) => {
            let same_term = user_terms::term.eq(term.clone()).and(user_terms::user_id.gt(user_id));
            query.filter(user_terms::term.ge(term.clone())).filter(user_terms::term.gt(term.clone()).or(same_term))
        }
    };
    let rows: Vec<(Vec<u8>, i64)> = query.load(&mut *tx.connection)?;
    Ok(rows.into_iter().map(|(term, user_id)| Key::Term(term, user_id)).collect())
}

/// By the rarest of what is asked for, newest first.
fn by_id(tx: &mut Tx<'_>, meant: &Users, below: Option<i64>, at_most: i64) -> Result<Vec<Key>, StoreError> {
    let below = below.unwrap_or(i64::MAX);
    let ids: Vec<i64> = if meant.locked_at_us.is_some() {
        otp_attempts::table
            .filter(otp_attempts::tenant_id.eq(tx.tenant_id))
            .filter(otp_attempts::locked_until_us.is_not_null())
            .filter(otp_attempts::user_id.lt(below))
            .order(otp_attempts::user_id.desc())
            .limit(at_most)
            .select(otp_attempts::user_id)
            .load(&mut *tx.connection)?
    } else if let Some(group_id) = meant.group_id {
        groups::members(tx, group_id, Some(below), at_most)?
    } else {
        let mut query = users::table
            .filter(users::tenant_id.eq(tx.tenant_id))
            .filter(users::id.lt(below))
            .order(users::id.desc())
            .limit(at_most)
            .select(users::id)
            .into_boxed();
        if meant.status.is_some_and(|status| status != UserStatus::Active) {
            // In the words of the index `users_not_active`, so that it is used.
            query = query.filter(sql::<Bool>("status <> 'active'"));
        }
        query.load(&mut *tx.connection)?
    };
    Ok(ids.into_iter().map(Key::Id).collect())
}

/// The users of these keys who meet every condition.
fn kept(tx: &mut Tx<'_>, meant: &Users, keys: Vec<Key>) -> Result<Vec<(Key, User)>, StoreError> {
    let ids: Vec<i64> = keys.iter().map(Key::user_id).collect();
    let locked = meant.locked_at_us.map(|at_us| locked(tx, &ids, at_us)).transpose()?;
    let members = meant.group_id.map(|group_id| members(tx, &ids, group_id)).transpose()?;
    let is_meant = |user: &User| {
        (meant.with_deleted || !user.is_deleted())
            && meant.status.is_none_or(|status| user.status == status)
            && locked.as_ref().is_none_or(|locked| locked.contains(&user.id))
            && members.as_ref().is_none_or(|members| members.contains(&user.id))
    };
    let mut users: std::collections::HashMap<i64, User> =
        by_ids(tx, &ids)?.into_iter().map(|user| (user.id, user)).collect();
    let found = keys.into_iter().filter_map(|key| users.remove(&key.user_id()).map(|user| (key, user)));
    Ok(found.filter(|(_, user)| is_meant(user)).collect())
}

/// The users of these numeric ids, deleted ones as well, in whatever order.
pub(crate) fn by_ids(tx: &mut Tx<'_>, ids: &[i64]) -> Result<Vec<User>, StoreError> {
    let tenant_id = tx.tenant_id;
    let rows: Vec<Row> = load_all!(
        &mut *tx.connection,
        ids,
        |inner| users::table
            .filter(users::tenant_id.eq(tenant_id))
            .filter(users::id.eq_any(ids))
            .select(Row::as_select())
            .load(inner),
        |id, inner| users::table.find((tenant_id, id)).select(Row::as_select()).load(inner)
    );
    rows.into_iter().map(Row::read).collect()
}

fn locked(tx: &mut Tx<'_>, ids: &[i64], at_us: i64) -> Result<HashSet<i64>, StoreError> {
    let tenant_id = tx.tenant_id;
    let of_tenant = || {
        otp_attempts::table
            .filter(otp_attempts::tenant_id.eq(tenant_id))
            .filter(otp_attempts::locked_until_us.gt(at_us))
            .select(otp_attempts::user_id)
    };
    let found: Vec<i64> = load_all!(
        &mut *tx.connection,
        ids,
        |inner| of_tenant().filter(otp_attempts::user_id.eq_any(ids)).load(inner),
        |id, inner| of_tenant().filter(otp_attempts::user_id.eq(id)).load(inner)
    );
    Ok(found.into_iter().collect())
}

fn members(tx: &mut Tx<'_>, ids: &[i64], group_id: i64) -> Result<HashSet<i64>, StoreError> {
    let tenant_id = tx.tenant_id;
    let of_group = || {
        group_members::table
            .filter(group_members::tenant_id.eq(tenant_id))
            .filter(group_members::group_id.eq(group_id))
            .select(group_members::user_id)
    };
    let found: Vec<i64> = load_all!(
        &mut *tx.connection,
        ids,
        |inner| of_group().filter(group_members::user_id.eq_any(ids)).load(inner),
        |id, inner| of_group().filter(group_members::user_id.eq(id)).load(inner)
    );
    Ok(found.into_iter().collect())
}
