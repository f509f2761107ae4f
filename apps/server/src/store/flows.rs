//! Logins that have begun at a provider: table `flows`. Each is taken once, by whichever server the callback comes to.

use diesel::dsl::exists;
use diesel::prelude::*;
use diesel::sql_types::BigInt;
use osaycore_directory::{ProviderName, RedirectUri};
use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

use super::db::{AnyConnection, StoreError, row};
use super::schema::{flows, tenants};
use super::tx::{self, Tx};
use crate::sealing::{Place, Sealer};

/// A login that has begun.
#[derive(Clone)]
pub(crate) struct Flow {
    /// SHA-256 of what the provider gives back.
    pub(crate) state_hash: [u8; 32],
    /// The app that asked for it.
    pub(crate) app_id: i64,
    pub(crate) provider: ProviderName,
    /// Where it ends.
    pub(crate) redirect_uri: RedirectUri,
    pub(crate) response_mode: ResponseMode,
    /// Who asks for the identity to become theirs.
    pub(crate) link_user_id: Option<i64>,
    /// SHA-256 of the cookie of the browser that began it; none: no browser has yet.
    pub(crate) cookie_hash: Option<[u8; 32]>,
    /// What the client needs at the end of it; kept sealed.
    pub(crate) kept: Zeroizing<Vec<u8>>,
    pub(crate) expires_at_us: i64,
}

/// How an app gets the outcome.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum ResponseMode {
    /// The token in the query of the redirect URI.
    #[default]
    Query,
    /// The token in its fragment.
    Fragment,
    /// A code in its query, good once.
    Code,
    /// Posted to the window that opened the pop-up.
    WebMessage,
}

impl ResponseMode {
    const ALL: [Self; 4] = [Self::Query, Self::Fragment, Self::Code, Self::WebMessage];

    fn as_str(self) -> &'static str {
        match self {
            Self::Query => "query",
            Self::Fragment => "fragment",
            Self::Code => "code",
            Self::WebMessage => "web_message",
        }
    }
}

#[derive(Queryable, Selectable, Insertable)]
#[diesel(table_name = flows)]
struct Row {
    tenant_id: i64,
    state_hash: Vec<u8>,
    app_id: i64,
    provider: String,
    redirect_uri: String,
    response_mode: String,
    link_user_id: Option<i64>,
    cookie_hash: Option<Vec<u8>>,
    kept: Vec<u8>,
    expires_at_us: i64,
}

/// Keeps a flow; its state was not used before.
pub(crate) fn put(tx: &mut Tx<'_>, sealer: &Sealer, flow: &Flow) -> Result<(), StoreError> {
    let row = Row {
        tenant_id: tx.tenant_id,
        state_hash: flow.state_hash.to_vec(),
        app_id: flow.app_id,
        provider: flow.provider.as_str().to_owned(),
        redirect_uri: flow.redirect_uri.as_str().to_owned(),
        response_mode: flow.response_mode.as_str().to_owned(),
        link_user_id: flow.link_user_id,
        cookie_hash: flow.cookie_hash.map(Vec::from),
        kept: sealer.seal(place(&row_name(tx.tenant_id, &flow.state_hash)), &flow.kept)?,
        expires_at_us: flow.expires_at_us,
    };
    diesel::insert_into(flows::table).values(row).execute(&mut *tx.connection)?;
    Ok(())
}

/// The flow of a state, expired or not; it stays.
pub(crate) fn find(tx: &mut Tx<'_>, sealer: &Sealer, state_hash: &[u8; 32]) -> Result<Option<Flow>, StoreError> {
    let found: Option<Row> = flows::table
        .find((tx.tenant_id, state_hash.as_slice()))
        .select(row::<Row>())
        .get_result(&mut *tx.connection)
        .optional()?;
    found.map(|row| row.read(sealer)).transpose()
}

/// Says which browser has the flow; false when there is no such flow, or a browser has it.
pub(crate) fn set_cookie_hash(
    tx: &mut Tx<'_>,
    state_hash: &[u8; 32],
    cookie_hash: &[u8; 32],
) -> Result<bool, StoreError> {
    let open = flows::table.find((tx.tenant_id, state_hash.as_slice())).filter(flows::cookie_hash.is_null());
    let set = diesel::update(open).set(flows::cookie_hash.eq(cookie_hash.as_slice())).execute(&mut *tx.connection)?;
    Ok(set > 0)
}

/// Nobody gets the flow of a state after this; false: there is none.
pub(crate) fn remove(tx: &mut Tx<'_>, state_hash: &[u8; 32]) -> Result<bool, StoreError> {
    let flow = flows::table.find((tx.tenant_id, state_hash.as_slice()));
    Ok(diesel::delete(flow).execute(&mut *tx.connection)? > 0)
}

/// The tenants that have a flow which expired before `now_us`, the first so many of them.
pub(crate) fn tenants_with_old(
    connection: &mut AnyConnection,
    now_us: i64,
    at_most: i64,
) -> Result<Vec<i64>, StoreError> {
    let old = flows::table.filter(flows::tenant_id.eq(tenants::id)).filter(flows::expires_at_us.le(now_us));
    Ok(tenants::table.filter(exists(old)).order(tenants::id).select(tenants::id).limit(at_most).load(connection)?)
}

/// Drops flows of the tenant that expired before `now_us`, at most so many.
pub(crate) fn forget(tx: &mut Tx<'_>, now_us: i64, at_most: i64) -> Result<(), StoreError> {
    diesel::sql_query(
        "DELETE FROM flows WHERE tenant_id = $1 AND state_hash IN ( \
         SELECT state_hash FROM flows WHERE tenant_id = $2 AND expires_at_us <= $3 LIMIT $4)",
    )
    .bind::<BigInt, _>(tx.tenant_id)
    .bind::<BigInt, _>(tx.tenant_id)
    .bind::<BigInt, _>(now_us)
    .bind::<BigInt, _>(at_most)
    .execute(&mut *tx.connection)?;
    Ok(())
}

/// Seals what is kept of every flow anew, so that those who are at a provider meanwhile come back to it.
pub(crate) fn reseal(connection: &mut AnyConnection, sealer: &Sealer) -> Result<usize, StoreError> {
    let rows: Vec<Row> = flows::table.select(row::<Row>()).load(connection)?;
    for row in &rows {
        let name = row_name(row.tenant_id, &row.state_hash);
        let sealed = sealer.seal(place(&name), &sealer.open(place(&name), &row.kept)?)?;
        diesel::update(flows::table.find((row.tenant_id, row.state_hash.as_slice())))
            .set(flows::kept.eq(sealed))
            .execute(connection)?;
    }
    Ok(rows.len())
}

fn row_name(tenant_id: i64, state_hash: &[u8]) -> String {
    format!("{tenant_id}/{}", hex::encode(state_hash))
}

fn place(row: &str) -> Place<'_> {
    Place { table: "flows", row, column: "kept" }
}

impl Row {
    fn read(self, sealer: &Sealer) -> Result<Flow, StoreError> {
        let corrupt = || StoreError::Corrupt("flow");
        let fixed = |bytes: &[u8]| tx::fixed(bytes, "hash of a flow");
        Ok(Flow {
            state_hash: fixed(&self.state_hash)?,
            app_id: self.app_id,
            provider: self.provider.parse().map_err(|_| corrupt())?,
            redirect_uri: self.redirect_uri.parse().map_err(|_| corrupt())?,
            response_mode: ResponseMode::ALL
                .into_iter()
                .find(|mode| mode.as_str() == self.response_mode)
                .ok_or_else(corrupt)?,
            link_user_id: self.link_user_id,
            cookie_hash: self.cookie_hash.as_deref().map(fixed).transpose()?,
            kept: sealer.open(place(&row_name(self.tenant_id, &self.state_hash)), &self.kept)?,
            expires_at_us: self.expires_at_us,
        })
    }
}
