//! What a user is found by: table `user_terms`.

use std::collections::BTreeSet;

use diesel::prelude::*;
use osaycore_directory::{User, UserPage};

use super::db::{AnyConnection, StoreError, each_backend};
use super::schema::{deployment, permits, tenants, user_terms};
use super::tx::Tx;
use super::users;

/// Words of a display name that one is found by.
const WORDS: usize = 8;
/// The constant of the deployment that says that all users have their terms.
const FILLED: &str = "user_terms";
/// Users that are read at once to give them theirs.
const AT_ONCE: u32 = 1000;

/// A text as terms begin with it, whatever its case.
pub(super) fn normal(text: &str) -> Vec<u8> {
    text.trim().to_lowercase().into_bytes()
}

/// What is greater than everything that begins so: no UTF-8 has this byte.
pub(super) fn after(prefix: &[u8]) -> Vec<u8> {
    [prefix, &[u8::MAX]].concat()
}

/// Writes what a user is found by, where it is another than before.
pub(super) fn write(tx: &mut Tx<'_>, user: &User) -> Result<(), StoreError> {
    let external_ids: Vec<Option<String>> = permits::table
        .filter(permits::tenant_id.eq(tx.tenant_id))
        .filter(permits::user_id.eq(user.id))
        .select(permits::external_id)
        .load(&mut *tx.connection)?;
    let before: Vec<Vec<u8>> = user_terms::table
        .filter(user_terms::tenant_id.eq(tx.tenant_id))
        .filter(user_terms::user_id.eq(user.id))
        .select(user_terms::term)
        .load(&mut *tx.connection)?;
    let (before, now) = (before.into_iter().collect(), terms(user, external_ids.iter().flatten()));
    for gone in BTreeSet::difference(&before, &now) {
        diesel::delete(user_terms::table.find((tx.tenant_id, user.id, gone))).execute(&mut *tx.connection)?;
    }
    for new in now.difference(&before) {
        add(tx.connection, tx.tenant_id, user.id, new)?;
    }
    Ok(())
}

/// Gives a user whose permits alone changed the terms of now.
pub(super) fn write_by_id(tx: &mut Tx<'_>, user_id: i64) -> Result<(), StoreError> {
    match users::find(tx, &osaycore_directory::UserRef::Id(user_id))? {
        Some(user) => write(tx, &user),
        None => Ok(()),
    }
}

/// Gives every user terms, once in the life of a database: those who were there before there were any.
pub(super) fn fill(connection: &mut AnyConnection) -> Result<(), StoreError> {
    let filled: Option<String> =
        deployment::table.find(FILLED).select(deployment::value).get_result(connection).optional()?;
    if filled.is_some() {
        return Ok(());
    }
    let all: Vec<i64> = tenants::table.select(tenants::id).order(tenants::id).load(connection)?;
    for tenant_id in all {
        let mut tx = Tx::new(connection, tenant_id);
        let mut page = UserPage { after_id: i64::MIN, limit: AT_ONCE, linked_to: None, with_deleted: true };
        loop {
            let found = users::list(&mut tx, page)?;
            let Some(last) = found.last() else { break };
            page.after_id = last.id;
            for user in &found {
                write(&mut tx, user)?;
            }
        }
    }
    diesel::insert_into(deployment::table)
        .values((deployment::name.eq(FILLED), deployment::value.eq("filled")))
        .execute(connection)?;
    Ok(())
}

fn terms<'a>(user: &User, external_ids: impl Iterator<Item = &'a String>) -> BTreeSet<Vec<u8>> {
    let mut terms: BTreeSet<Vec<u8>> = external_ids.map(|id| normal(id)).collect();
    terms.insert(normal(user.username.as_str()));
    terms.extend(user.email.as_ref().map(|email| normal(email.as_str())));
    let name = user.display_name.as_ref().map_or("", |name| name.as_str());
    // From each word on, so that "lovelace" and "ada love" find "Ada Lovelace".
    let mut rest = name.trim_start();
    for _ in 0..WORDS {
        if rest.is_empty() {
            break;
        }
        terms.insert(normal(rest));
        rest = rest.split_once(char::is_whitespace).map_or("", |(_, rest)| rest.trim_start());
    }
    terms
}

fn add(connection: &mut AnyConnection, tenant_id: i64, user_id: i64, term: &[u8]) -> Result<(), StoreError> {
    let row = (user_terms::tenant_id.eq(tenant_id), user_terms::user_id.eq(user_id), user_terms::term.eq(term));
    each_backend!(connection, |inner| {
        diesel::insert_into(user_terms::table).values(row).on_conflict_do_nothing().execute(inner)
    })?;
    Ok(())
}
