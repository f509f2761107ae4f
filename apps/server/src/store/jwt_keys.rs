//! The keys that sign user tokens, and the issuer's name: tables `jwt_keys`, `deployment`.

use diesel::dsl::exists;
use diesel::prelude::*;
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
        let state = match row.state.as_str() {
            "next" => KeyState::Next,
            "active" => KeyState::Active,
            _ => KeyState::Retiring,
        };
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

/// A key pair, or a shared secret, that is to be published.
pub(crate) struct NewKey<'a> {
    pub(crate) kid: &'a str,
    pub(crate) algorithm: Algorithm,
    pub(crate) secret: &'a [u8],
    /// When it issues.
    pub(crate) active_from_us: i64,
}

/// Publishes a key, in the place of one that was published and has not issued yet.
pub(crate) fn publish(
    connection: &mut AnyConnection,
    sealer: &Sealer,
    key: &NewKey<'_>,
    now_us: i64,
) -> Result<(), StoreError> {
    diesel::delete(jwt_keys::table.filter(jwt_keys::state.eq("next"))).execute(connection)?;
    let row = Row {
        kid: key.kid.to_owned(),
        algorithm: key.algorithm.name().to_owned(),
        secret: sealer.seal(place(key.kid), key.secret)?,
        state: "next".to_owned(),
        created_at_us: now_us,
        active_from_us: key.active_from_us,
        drop_after_us: None,
    };
    each_backend!(&mut *connection, |inner| diesel::insert_into(jwt_keys::table).values(row).execute(inner))?;
    versions::bump(connection, Kind::Configuration)
}

/// Whether a published key is to issue by now.
pub(crate) fn any_to_promote(connection: &mut AnyConnection, now_us: i64) -> Result<bool, StoreError> {
    let due = jwt_keys::table.filter(jwt_keys::state.eq("next")).filter(jwt_keys::active_from_us.le(now_us));
    Ok(diesel::select(exists(due)).get_result(connection)?)
}

/// Lets a published key issue whose time has come; the one that did so far verifies until `drop_after_us`, when the last of
/// its tokens has expired.
pub(crate) fn promote(connection: &mut AnyConnection, now_us: i64, drop_after_us: i64) -> Result<(), StoreError> {
    if !any_to_promote(connection, now_us)? {
        return Ok(());
    }
    diesel::update(jwt_keys::table.filter(jwt_keys::state.eq("active")))
        .set((jwt_keys::state.eq("retiring"), jwt_keys::drop_after_us.eq(drop_after_us)))
        .execute(connection)?;
    diesel::update(jwt_keys::table.filter(jwt_keys::state.eq("next")))
        .set((jwt_keys::state.eq("active"), jwt_keys::active_from_us.eq(now_us)))
        .execute(connection)?;
    versions::bump(connection, Kind::Configuration)
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

/// Seals every key anew: the master key is rotated.
pub(crate) fn reseal(connection: &mut AnyConnection, sealer: &Sealer) -> Result<usize, StoreError> {
    let rows: Vec<Row> = jwt_keys::table.select(row::<Row>()).load(connection)?;
    for row in &rows {
        let sealed = sealer.seal(place(&row.kid), &sealer.open(place(&row.kid), &row.secret)?)?;
        diesel::update(jwt_keys::table.find(&row.kid)).set(jwt_keys::secret.eq(sealed)).execute(connection)?;
    }
    Ok(rows.len())
}

/// Whether a key of which the last token has expired is still there.
pub(crate) fn any_retired(connection: &mut AnyConnection, now_us: i64) -> Result<bool, StoreError> {
    let retired = jwt_keys::table.filter(jwt_keys::state.eq("retiring")).filter(jwt_keys::drop_after_us.le(now_us));
    Ok(diesel::select(exists(retired)).get_result(connection)?)
}

/// Drops the keys of which the last token has expired.
pub(crate) fn drop_retired(connection: &mut AnyConnection, now_us: i64) -> Result<(), StoreError> {
    let retired = jwt_keys::table.filter(jwt_keys::state.eq("retiring")).filter(jwt_keys::drop_after_us.le(now_us));
    if diesel::delete(retired).execute(connection)? > 0 {
        versions::bump(connection, Kind::Configuration)?;
    }
    Ok(())
}

fn place(kid: &str) -> Place<'_> {
    Place { table: "jwt_keys", row: kid, column: "secret" }
}
