//! Sessions and the chains of their refresh tokens: tables `sessions`, `refresh_tokens`.

use diesel::dsl::{exists, max};
use diesel::prelude::*;
use osaycore_jwt::session::{Place, Session, Storage, Successor, TokenHash};
use uuid::Uuid;

use super::db::{AnyConnection, StoreError, row};
use super::schema::{refresh_tokens, sessions, tenants};
use super::tx::{self, Tx};
use crate::sealing::{self, Sealer};

#[derive(Queryable, Selectable, Insertable)]
#[diesel(table_name = sessions, treat_none_as_default_value = false)]
pub(super) struct Row {
    tenant_id: i64,
    id: Vec<u8>,
    user_uuid: Vec<u8>,
    app_uuid: Vec<u8>,
    created_at_s: i64,
    expires_at_s: i64,
    revoked_at_s: Option<i64>,
}

#[derive(Queryable, Selectable, Insertable)]
#[diesel(table_name = refresh_tokens, treat_none_as_default_value = false)]
struct TokenRow {
    tenant_id: i64,
    token_hash: Vec<u8>,
    session_id: Vec<u8>,
    place: String,
    replaced_at_s: Option<i64>,
    sealed: Option<Vec<u8>>,
}

/// Sessions that are forgotten in one transaction.
const AT_ONCE: i64 = 200;
const LIVE: &str = "live";
const PREVIOUS: &str = "previous";
const OLDER: &str = "older";

impl Storage for Tx<'_> {
    type Error = StoreError;

    fn insert(&mut self, session: &Session, first: &TokenHash) -> Result<(), StoreError> {
        let row = Row {
            tenant_id: self.tenant_id,
            id: session.id.as_bytes().to_vec(),
            user_uuid: session.sub.as_bytes().to_vec(),
            app_uuid: session.aud.as_bytes().to_vec(),
            created_at_s: session.created_at_s,
            expires_at_s: session.expires_at_s,
            revoked_at_s: session.revoked_at_s,
        };
        diesel::insert_into(sessions::table).values(row).execute(&mut *self.connection)?;
        add_live(self, session.id, first)
    }

    fn find(&mut self, token: &TokenHash) -> Result<Option<(Session, Place)>, StoreError> {
        let found: Option<TokenRow> = refresh_tokens::table
            .find((self.tenant_id, token.as_bytes().as_slice()))
            .select(row::<TokenRow>())
            .get_result(&mut *self.connection)
            .optional()?;
        let Some(token) = found else { return Ok(None) };
        let session = self.session(tx::uuid(&token.session_id)?)?.ok_or(StoreError::Corrupt("session"))?;
        let place = match (token.place.as_str(), token.replaced_at_s, token.sealed) {
            (LIVE, ..) => Place::Live,
            (PREVIOUS, Some(replaced_at_s), Some(sealed)) => Place::Previous { replaced_at_s, sealed },
            _ => Place::Older,
        };
        Ok(Some((session, place)))
    }

    fn rotate(
        &mut self,
        session_id: Uuid,
        from: &TokenHash,
        successor: &Successor<'_>,
        now_s: i64,
    ) -> Result<(), StoreError> {
        let before = refresh_tokens::table
            .filter(refresh_tokens::tenant_id.eq(self.tenant_id))
            .filter(refresh_tokens::session_id.eq(session_id.as_bytes().as_slice()))
            .filter(refresh_tokens::place.eq(PREVIOUS));
        diesel::update(before)
            .set((refresh_tokens::place.eq(OLDER), refresh_tokens::sealed.eq(None::<Vec<u8>>)))
            .execute(&mut *self.connection)?;
        diesel::update(refresh_tokens::table.find((self.tenant_id, from.as_bytes().as_slice())))
            .set((
                refresh_tokens::place.eq(PREVIOUS),
                refresh_tokens::replaced_at_s.eq(Some(now_s)),
                refresh_tokens::sealed.eq(Some(successor.sealed)),
            ))
            .execute(&mut *self.connection)?;
        add_live(self, session_id, &successor.hash)
    }

    fn session(&mut self, session_id: Uuid) -> Result<Option<Session>, StoreError> {
        let found: Option<Row> = sessions::table
            .find((self.tenant_id, session_id.as_bytes().as_slice()))
            .select(row::<Row>())
            .get_result(&mut *self.connection)
            .optional()?;
        found.map(Row::read).transpose()
    }

    fn revoke(&mut self, session_id: Uuid, now_s: i64) -> Result<(), StoreError> {
        let mine = sessions::table.find((self.tenant_id, session_id.as_bytes().as_slice()));
        diesel::update(mine.filter(sessions::revoked_at_s.is_null()))
            .set(sessions::revoked_at_s.eq(now_s))
            .execute(&mut *self.connection)?;
        Ok(())
    }

    fn revoke_all(&mut self, sub: Uuid, now_s: i64) -> Result<u64, StoreError> {
        let open = sessions::table
            .filter(sessions::tenant_id.eq(self.tenant_id))
            .filter(sessions::user_uuid.eq(sub.as_bytes().as_slice()))
            .filter(sessions::revoked_at_s.is_null())
            .filter(sessions::expires_at_s.gt(now_s));
        let ended = diesel::update(open).set(sessions::revoked_at_s.eq(now_s)).execute(&mut *self.connection)?;
        Ok(u64::try_from(ended).unwrap_or(u64::MAX))
    }

    fn forget(&mut self, now_s: i64) -> Result<u64, StoreError> {
        let over: Vec<Vec<u8>> = sessions::table
            .filter(sessions::tenant_id.eq(self.tenant_id))
            .filter(sessions::expires_at_s.le(now_s))
            .select(sessions::id)
            .order(sessions::expires_at_s)
            .limit(AT_ONCE)
            .load(&mut *self.connection)?;
        for id in &over {
            let tokens = refresh_tokens::table
                .filter(refresh_tokens::tenant_id.eq(self.tenant_id))
                .filter(refresh_tokens::session_id.eq(id));
            diesel::delete(tokens).execute(&mut *self.connection)?;
            diesel::delete(sessions::table.find((self.tenant_id, id))).execute(&mut *self.connection)?;
        }
        Ok(u64::try_from(over.len()).unwrap_or(u64::MAX))
    }
}

impl Tx<'_> {
    /// The sessions of a user that are neither revoked nor expired, by their beginning.
    pub(crate) fn live_sessions(&mut self, sub: Uuid, now_s: i64) -> Result<Vec<Session>, StoreError> {
        let rows: Vec<Row> = sessions::table
            .filter(sessions::tenant_id.eq(self.tenant_id))
            .filter(sessions::user_uuid.eq(sub.as_bytes().as_slice()))
            .filter(sessions::revoked_at_s.is_null())
            .filter(sessions::expires_at_s.gt(now_s))
            .order((sessions::created_at_s, sessions::id))
            .select(row::<Row>())
            .load(&mut *self.connection)?;
        rows.into_iter().map(Row::read).collect()
    }

    /// When the session was last refreshed, Unix seconds; none: never.
    pub(crate) fn refreshed_at_s(&mut self, session_id: Uuid) -> Result<Option<i64>, StoreError> {
        Ok(refresh_tokens::table
            .filter(refresh_tokens::tenant_id.eq(self.tenant_id))
            .filter(refresh_tokens::session_id.eq(session_id.as_bytes().as_slice()))
            .select(max(refresh_tokens::replaced_at_s))
            .get_result(&mut *self.connection)?)
    }
}

/// The tenants that have a session which expired before `now_s`, the first so many of them.
pub(crate) fn tenants_with_old(
    connection: &mut AnyConnection,
    now_s: i64,
    at_most: i64,
) -> Result<Vec<i64>, StoreError> {
    let old = sessions::table.filter(sessions::tenant_id.eq(tenants::id)).filter(sessions::expires_at_s.le(now_s));
    Ok(tenants::table.filter(exists(old)).order(tenants::id).select(tenants::id).limit(at_most).load(connection)?)
}

fn add_live(tx: &mut Tx<'_>, session_id: Uuid, token: &TokenHash) -> Result<(), StoreError> {
    let row = TokenRow {
        tenant_id: tx.tenant_id,
        token_hash: token.as_bytes().to_vec(),
        session_id: session_id.as_bytes().to_vec(),
        place: LIVE.to_owned(),
        replaced_at_s: None,
        sealed: None,
    };
    diesel::insert_into(refresh_tokens::table).values(row).execute(&mut *tx.connection)?;
    Ok(())
}

impl Row {
    pub(super) fn read(self) -> Result<Session, StoreError> {
        Ok(Session {
            id: tx::uuid(&self.id)?,
            sub: tx::uuid(&self.user_uuid)?,
            aud: tx::uuid(&self.app_uuid)?,
            created_at_s: self.created_at_s,
            expires_at_s: self.expires_at_s,
            revoked_at_s: self.revoked_at_s,
        })
    }
}

/// Seals every successor anew: the master key is rotated. `place` is where it was sealed, by tenant and token.
pub(crate) fn reseal(connection: &mut AnyConnection, sealer: &Sealer) -> Result<usize, StoreError> {
    let rows: Vec<TokenRow> = refresh_tokens::table
        .filter(refresh_tokens::sealed.is_not_null())
        .select(row::<TokenRow>())
        .load(connection)?;
    for row in &rows {
        let name = row_name(row.tenant_id, &row.token_hash);
        let Some(sealed) = &row.sealed else { continue };
        let sealed = sealer.seal(sealed_at(&name), &sealer.open(sealed_at(&name), sealed)?)?;
        diesel::update(refresh_tokens::table.find((row.tenant_id, row.token_hash.as_slice())))
            .set(refresh_tokens::sealed.eq(Some(sealed)))
            .execute(connection)?;
    }
    Ok(rows.len())
}

/// The name of a token's row, for the seal of its successor.
pub(crate) fn row_name(tenant_id: i64, token_hash: &[u8]) -> String {
    format!("{tenant_id}/{}", hex::encode(token_hash))
}

/// Where a successor is sealed.
pub(crate) fn sealed_at(row: &str) -> sealing::Place<'_> {
    sealing::Place { table: "refresh_tokens", row, column: "sealed" }
}
