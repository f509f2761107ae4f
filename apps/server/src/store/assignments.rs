//! What sticky rules served first, and serve from then on: table `flag_assignments`.

use std::collections::BTreeMap;

use diesel::prelude::*;
use diesel::sql_types::BigInt;

use super::db::{AnyConnection, StoreError, each_backend};
use super::schema::{flag_assignments, flags, tenants};
use super::tx::Tx;

/// The flags of an app's set that have a sticky rule, and whose each is: the app's, or every app's.
pub(crate) type Sticky = BTreeMap<String, i64>;

/// What a unit was served: by flag and rule, the variant.
pub(crate) type Assigned = BTreeMap<String, BTreeMap<String, String>>;

/// What is to be kept of a unit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Assignment {
    /// The flag's: an app, or every app.
    pub(crate) app_id: i64,
    pub(crate) flag: String,
    pub(crate) rule: String,
    pub(crate) variant: String,
    /// What was kept so far, and is no variant of the flag any more.
    pub(crate) instead_of: Option<String>,
}

/// What a unit was served by these flags.
pub(crate) fn of_unit(tx: &mut Tx<'_>, sticky: &Sticky, unit: &str) -> Result<Assigned, StoreError> {
    let (flags, mut apps): (Vec<&String>, Vec<i64>) = sticky.iter().map(|(flag, app_id)| (flag, *app_id)).unzip();
    apps.sort_unstable();
    apps.dedup();
    let rows: Vec<(i64, String, String, String)> = flag_assignments::table
        .filter(flag_assignments::tenant_id.eq(tx.tenant_id))
        .filter(flag_assignments::app_id.eq_any(apps))
        .filter(flag_assignments::flag.eq_any(flags))
        .filter(flag_assignments::unit.eq(unit))
        .select((flag_assignments::app_id, flag_assignments::flag, flag_assignments::rule, flag_assignments::variant))
        .load(&mut *tx.connection)?;
    let mut assigned = Assigned::new();
    for (app_id, flag, rule, variant) in rows {
        if sticky.get(&flag) == Some(&app_id) {
            assigned.entry(flag).or_default().insert(rule, variant);
        }
    }
    Ok(assigned)
}

/// Keeps what a unit was served. Of several who do so for the first time the first is right: the others are to look
/// what there is now.
pub(crate) fn keep(
    tx: &mut Tx<'_>,
    unit: &str,
    assignments: &[Assignment],
    assigned_at_us: i64,
) -> Result<(), StoreError> {
    for assignment in assignments {
        let Assignment { app_id, flag, rule, variant, instead_of } = assignment;
        if let Some(gone) = instead_of {
            let row = flag_assignments::table
                .find((tx.tenant_id, app_id, flag, unit, rule))
                .filter(flag_assignments::variant.eq(gone));
            diesel::update(row)
                .set((flag_assignments::variant.eq(variant), flag_assignments::assigned_at_us.eq(assigned_at_us)))
                .execute(&mut *tx.connection)?;
        } else {
            let row = (
                flag_assignments::tenant_id.eq(tx.tenant_id),
                flag_assignments::app_id.eq(app_id),
                flag_assignments::flag.eq(flag),
                flag_assignments::unit.eq(unit),
                flag_assignments::rule.eq(rule),
                flag_assignments::variant.eq(variant),
                flag_assignments::assigned_at_us.eq(assigned_at_us),
            );
            each_backend!(&mut *tx.connection, |inner| diesel::insert_into(flag_assignments::table)
                .values(row)
                .on_conflict_do_nothing()
                .execute(inner))?;
        }
    }
    Ok(())
}

/// The tenants that have assignments of a flag that was archived before `archived_before_us`, the first so many of them.
pub(crate) fn tenants_with_old(
    connection: &mut AnyConnection,
    archived_before_us: i64,
    at_most: i64,
) -> Result<Vec<i64>, StoreError> {
    let old = flags::table
        .inner_join(
            flag_assignments::table.on(flag_assignments::tenant_id
                .eq(flags::tenant_id)
                .and(flag_assignments::app_id.eq(flags::app_id))
                .and(flag_assignments::flag.eq(flags::key))),
        )
        .filter(flags::tenant_id.eq(tenants::id))
        .filter(flags::archived.eq(true))
        .filter(flags::updated_at_us.le(archived_before_us));
    Ok(tenants::table
        .filter(diesel::dsl::exists(old))
        .order(tenants::id)
        .select(tenants::id)
        .limit(at_most)
        .load(connection)?)
}

/// Drops at most so many assignments of the tenant's flags that were archived before `archived_before_us`.
pub(crate) fn forget(tx: &mut Tx<'_>, archived_before_us: i64, at_most: i64) -> Result<(), StoreError> {
    let archived: Option<(i64, String)> = flags::table
        .inner_join(
            flag_assignments::table.on(flag_assignments::tenant_id
                .eq(flags::tenant_id)
                .and(flag_assignments::app_id.eq(flags::app_id))
                .and(flag_assignments::flag.eq(flags::key))),
        )
        .filter(flags::tenant_id.eq(tx.tenant_id))
        .filter(flags::archived.eq(true))
        .filter(flags::updated_at_us.le(archived_before_us))
        .select((flags::app_id, flags::key))
        .first(&mut *tx.connection)
        .optional()?;
    let Some((app_id, flag)) = archived else { return Ok(()) };
    diesel::sql_query(
        "DELETE FROM flag_assignments WHERE tenant_id = $1 AND app_id = $2 AND flag = $3 AND (unit, rule) IN ( \
         SELECT unit, rule FROM flag_assignments WHERE tenant_id = $4 AND app_id = $5 AND flag = $6 LIMIT $7)",
    )
    .bind::<BigInt, _>(tx.tenant_id)
    .bind::<BigInt, _>(app_id)
    .bind::<diesel::sql_types::Text, _>(&flag)
    .bind::<BigInt, _>(tx.tenant_id)
    .bind::<BigInt, _>(app_id)
    .bind::<diesel::sql_types::Text, _>(&flag)
    .bind::<BigInt, _>(at_most)
    .execute(&mut *tx.connection)?;
    Ok(())
}
