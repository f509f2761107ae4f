//! The keys that sign user tokens, and the issuer's name: tables `jwt_keys`, `deployment`.

use diesel::prelude::*;
use osaycore_jwt::rotation::{Rotation, Stage};
use osaycore_jwt::{Algorithm, Key, KeyRing, KeyState};

use super::db::{AnyConnection, StoreError, each_backend, row};
use super::schema::{deployment, jwt_keys};
use super::versions::{self, Kind};
use crate::sealing::{Place, Sealer};

const ISSUER: &str = "token_issuer";

#[derive(Queryable, Selectable, Insertable)]
#[diesel(table_name = jwt_keys, treat_none_as_default_value = false)]
struct Row {
    kid: String,
    algorithm: String,
    secret: Vec<u8>,
    state: String,
    created_at_us: i64,
    active_from_us: i64,
    drop_after_us: Option<i64>,
}

/// What is told of a key: never its secret.
#[derive(Debug, serde::Serialize)]
pub(crate) struct KeyInfo {
    pub(crate) kid: String,
    pub(crate) algorithm: String,
    pub(crate) state: String,
    pub(crate) created_at_us: i64,
    pub(crate) active_from_us: i64,
    pub(crate) drop_after_us: Option<i64>,
}

/// The ring, as the deployment has it.
pub(crate) fn ring(connection: &mut AnyConnection, sealer: &Sealer) -> Result<KeyRing, StoreError> {
    let issuer = issuer(connection)?.ok_or(StoreError::Corrupt("token issuer"))?;
    let rows: Vec<Row> = jwt_keys::table.select(row::<Row>()).load(connection)?;
    let mut keys = Vec::with_capacity(rows.len());
    for row in rows {
        let secret = sealer.open(place(&row.kid), &row.secret)?;
        let state = stage(&row.state, row.active_from_us, row.drop_after_us)?.state();
        let algorithm = Algorithm::named(&row.algorithm).ok_or(StoreError::Corrupt("algorithm of a token key"))?;
        keys.push(Key::new(algorithm, row.kid, &secret, state).map_err(|_| StoreError::Corrupt("token key"))?);
    }
    KeyRing::new(issuer, keys).map_err(|_| StoreError::Corrupt("ring of token keys"))
}

/// Whether the sealer opens what is sealed here: a key that is stale, or another's, does not.
pub(crate) fn prove(connection: &mut AnyConnection, sealer: &Sealer) -> Result<(), StoreError> {
    let rows: Vec<Row> = jwt_keys::table.select(row::<Row>()).load(connection)?;
    rows.iter().try_for_each(|row| Ok(sealer.open(place(&row.kid), &row.secret).map(drop)?))
}

/// The `iss` of every token; none before the first start.
pub(crate) fn issuer(connection: &mut AnyConnection) -> Result<Option<String>, StoreError> {
    Ok(deployment::table.find(ISSUER).select(deployment::value).get_result(connection).optional()?)
}

/// Sets the issuer, once.
pub(crate) fn set_issuer(connection: &mut AnyConnection, issuer: &str) -> Result<(), StoreError> {
    diesel::insert_into(deployment::table)
        .values((deployment::name.eq(ISSUER), deployment::value.eq(issuer)))
        .execute(connection)?;
    Ok(())
}

/// Every key's stage, as it is committed by now.
pub(crate) fn rotation(connection: &mut AnyConnection) -> Result<Rotation, StoreError> {
    let columns = (jwt_keys::kid, jwt_keys::state, jwt_keys::active_from_us, jwt_keys::drop_after_us);
    let rows: Vec<(String, String, i64, Option<i64>)> = jwt_keys::table.select(columns).load(connection)?;
    let stages = rows.into_iter().map(|(kid, state, from_us, after_us)| Ok((kid, stage(&state, from_us, after_us)?)));
    Rotation::load(stages.collect::<Result<Vec<_>, StoreError>>()?)
        .map_err(|_| StoreError::Corrupt("ring of token keys"))
}

/// Takes a step of the rotation; → the stages after it. A key that it adds is to be inserted in the same transaction.
///
/// One step at a time, over all tenants and servers: the version is raised first, which locks its row. Every server reads
/// the keys again.
pub(crate) fn step<E: From<StoreError>>(
    connection: &mut AnyConnection,
    step: impl FnOnce(Rotation) -> Result<Rotation, E>,
) -> Result<Rotation, E> {
    versions::bump(connection, Kind::Configuration)?;
    let before = rotation(connection)?;
    let after = step(before.clone())?;
    save(connection, &before, &after)?;
    Ok(after)
}

fn save(connection: &mut AnyConnection, before: &Rotation, after: &Rotation) -> Result<(), StoreError> {
    let gone: Vec<&str> = before.stages().map(|(kid, _)| kid).filter(|kid| after.stage(kid).is_none()).collect();
    diesel::delete(jwt_keys::table.filter(jwt_keys::kid.eq_any(gone))).execute(connection)?;
    let changed = after.stages().filter(|(kid, stage)| before.stage(kid).is_some_and(|was| was != *stage));
    // The index lets one be active: it retires before another takes its place.
    let (retiring, others): (Vec<_>, Vec<_>) = changed.partition(|(_, stage)| stage.state() == KeyState::Retiring);
    for (kid, stage) in retiring.into_iter().chain(others) {
        let (state, active_from_us, drop_after_us) = columns(stage);
        diesel::update(jwt_keys::table.find(kid))
            .set((
                jwt_keys::state.eq(state),
                active_from_us.map(|from_us| jwt_keys::active_from_us.eq(from_us)),
                jwt_keys::drop_after_us.eq(drop_after_us),
            ))
            .execute(connection)?;
    }
    Ok(())
}

/// State, `active_from_us`, `drop_after_us`; of a key that retires it stays stored when it began to issue.
const fn columns(stage: Stage) -> (&'static str, Option<i64>, Option<i64>) {
    match stage {
        Stage::Next { active_from_us } => ("next", Some(active_from_us), None),
        Stage::Active { since_us } => ("active", Some(since_us), None),
        Stage::Retiring { drop_after_us } => ("retiring", None, Some(drop_after_us)),
    }
}

fn stage(state: &str, active_from_us: i64, drop_after_us: Option<i64>) -> Result<Stage, StoreError> {
    match (state, drop_after_us) {
        ("next", None) => Ok(Stage::Next { active_from_us }),
        ("active", None) => Ok(Stage::Active { since_us: active_from_us }),
        ("retiring", Some(drop_after_us)) => Ok(Stage::Retiring { drop_after_us }),
        _ => Err(StoreError::Corrupt("state of a token key")),
    }
}

/// A key pair, or a shared secret.
pub(crate) struct NewKey<'a> {
    pub(crate) kid: &'a str,
    pub(crate) algorithm: Algorithm,
    pub(crate) secret: &'a [u8],
    pub(crate) stage: Stage,
}

/// Adds a key, by a [`step`] or as the first.
pub(crate) fn insert(
    connection: &mut AnyConnection,
    sealer: &Sealer,
    key: &NewKey<'_>,
    now_us: i64,
) -> Result<(), StoreError> {
    let (state, active_from_us, drop_after_us) = columns(key.stage);
    let row = Row {
        kid: key.kid.to_owned(),
        algorithm: key.algorithm.name().to_owned(),
        secret: sealer.seal(place(key.kid), key.secret)?,
        state: state.to_owned(),
        created_at_us: now_us,
        active_from_us: active_from_us.unwrap_or(now_us),
        drop_after_us,
    };
    each_backend!(&mut *connection, |inner| diesel::insert_into(jwt_keys::table).values(row).execute(inner))?;
    Ok(())
}

/// What the active key signs with; none before the first start.
pub(crate) fn algorithm(connection: &mut AnyConnection) -> Result<Option<Algorithm>, StoreError> {
    let active = jwt_keys::table.filter(jwt_keys::state.eq("active")).select(jwt_keys::algorithm);
    let name: Option<String> = active.get_result(connection).optional()?;
    Ok(name.as_deref().and_then(Algorithm::named))
}

/// Every key without its secret.
pub(crate) fn list(connection: &mut AnyConnection) -> Result<Vec<KeyInfo>, StoreError> {
    let rows: Vec<Row> = jwt_keys::table.order(jwt_keys::created_at_us).select(row::<Row>()).load(connection)?;
    let info = |row: Row| KeyInfo {
        kid: row.kid,
        algorithm: row.algorithm,
        state: row.state,
        created_at_us: row.created_at_us,
        active_from_us: row.active_from_us,
        drop_after_us: row.drop_after_us,
    };
    Ok(rows.into_iter().map(info).collect())
}

/// Seals every key anew: the master key is rotated. Locks what a [`step`] locks, in its order.
pub(crate) fn reseal(connection: &mut AnyConnection, sealer: &Sealer) -> Result<usize, StoreError> {
    versions::bump(connection, Kind::Configuration)?;
    let rows: Vec<Row> = jwt_keys::table.select(row::<Row>()).load(connection)?;
    for row in &rows {
        let sealed = sealer.seal(place(&row.kid), &sealer.open(place(&row.kid), &row.secret)?)?;
        diesel::update(jwt_keys::table.find(&row.kid)).set(jwt_keys::secret.eq(sealed)).execute(connection)?;
    }
    Ok(rows.len())
}

fn place(kid: &str) -> Place<'_> {
    Place { table: "jwt_keys", row: kid, column: "secret" }
}
