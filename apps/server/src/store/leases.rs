//! Leases: table `leases`. Each step is decided by the database in one statement: of several who ask at once, one is
//! told yes. Nobody waits for anybody, and who dies hands over by letting the time run out.

use diesel::prelude::*;
use uuid::Uuid;

use super::db::{AnyConnection, StoreError, each_backend};
use super::schema::leases;

/// Takes the lease until `until_us` if it is free by `now_us`, or goes on holding it; → whether `holder` has it.
pub(crate) fn acquire(
    connection: &mut AnyConnection,
    name: &str,
    holder: Uuid,
    now_us: i64,
    until_us: i64,
) -> Result<bool, StoreError> {
    let mine_or_free = leases::table
        .filter(leases::name.eq(name))
        .filter(leases::holder.eq(bytes(&holder)).or(leases::expires_at_us.le(now_us)));
    let taken = diesel::update(mine_or_free)
        .set((leases::holder.eq(bytes(&holder)), leases::expires_at_us.eq(until_us)))
        .execute(connection)?;
    if taken == 1 {
        return Ok(true);
    }
    let new = (leases::name.eq(name), leases::holder.eq(bytes(&holder)), leases::expires_at_us.eq(until_us));
    let inserted = each_backend!(connection, |inner| {
        diesel::insert_into(leases::table).values(new).on_conflict_do_nothing().execute(inner)
    })?;
    Ok(inserted == 1)
}

/// Goes on holding the lease until `until_us`, unless it is another's by now; → whether `holder` still has it. Until
/// the commit nobody else can take it: what is written in this transaction is written by the holder.
pub(crate) fn renew(
    connection: &mut AnyConnection,
    name: &str,
    holder: Uuid,
    until_us: i64,
) -> Result<bool, StoreError> {
    let mine = leases::table.filter(leases::name.eq(name)).filter(leases::holder.eq(bytes(&holder)));
    Ok(diesel::update(mine).set(leases::expires_at_us.eq(until_us)).execute(connection)? == 1)
}

/// Frees every lease of the holder: others need not wait for the time to run out.
pub(crate) fn release(connection: &mut AnyConnection, holder: Uuid) -> Result<(), StoreError> {
    diesel::delete(leases::table.filter(leases::holder.eq(bytes(&holder)))).execute(connection)?;
    Ok(())
}

/// The names of the leases that are held at `now_us` and begin with `prefix`, in order.
pub(crate) fn held(connection: &mut AnyConnection, prefix: &str, now_us: i64) -> Result<Vec<String>, StoreError> {
    let mut names: Vec<String> =
        leases::table.filter(leases::expires_at_us.gt(now_us)).select(leases::name).load(connection)?;
    names.retain(|name| name.starts_with(prefix));
    // In Rust: a database's order of texts depends on its collation, and all servers must have the same.
    names.sort_unstable();
    Ok(names)
}

/// Whether a lease ran out before `before_us` and nobody took it: a server that died.
pub(crate) fn any_abandoned(connection: &mut AnyConnection, before_us: i64) -> Result<bool, StoreError> {
    let old = leases::table.filter(leases::expires_at_us.lt(before_us));
    Ok(diesel::select(diesel::dsl::exists(old)).get_result(connection)?)
}

/// Drops the leases that ran out before `before_us`: whoever wants one of them makes it anew.
pub(crate) fn drop_abandoned(connection: &mut AnyConnection, before_us: i64) -> Result<(), StoreError> {
    diesel::delete(leases::table.filter(leases::expires_at_us.lt(before_us))).execute(connection)?;
    Ok(())
}

fn bytes(holder: &Uuid) -> &[u8] {
    holder.as_bytes()
}
