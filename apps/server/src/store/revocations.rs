//! Revoked tokens: table `revocations`. Each change moves the version that servers poll.

use diesel::dsl::exists;
use diesel::prelude::*;
use diesel::sql_types::BigInt;
use diesel::upsert::excluded;
use osaycore_jwt::{MAX_LIFETIME_S, Revocation, revocation};
use uuid::Uuid;

use super::db::{AnyConnection, StoreError, each_backend};
use super::schema::{revocations, tenants};
use super::tx::{self, Tx};
use super::versions::{self, Kind};

#[derive(Insertable)]
#[diesel(table_name = revocations)]
struct NewRow {
    tenant_id: i64,
    user_uuid: Vec<u8>,
    jti: Vec<u8>,
    up_to_iat_s: i64,
    expires_at_s: i64,
}

/// Tells every server that a token was revoked. The last thing of a transaction: the row is everybody's.
pub(crate) fn tell_everybody(connection: &mut AnyConnection) -> Result<(), StoreError> {
    versions::bump(connection, Kind::Revocations)
}

impl revocation::Storage for Tx<'_> {
    type Error = StoreError;

    fn revoke(&mut self, revocation: &Revocation) -> Result<(), StoreError> {
        let (sub, jti, up_to_iat_s, expires_at_s) = match *revocation {
            Revocation::Token { jti, sub, expires_at_s } => (sub, jti.as_bytes().to_vec(), 0, expires_at_s),
            Revocation::User { sub, up_to_iat_s } => {
                (sub, vec![], up_to_iat_s, up_to_iat_s.saturating_add(MAX_LIFETIME_S))
            }
        };
        let key = revocations::table.find((self.tenant_id, sub.as_bytes().as_slice(), &jti));
        let known: Option<(i64, i64)> = key
            .select((revocations::up_to_iat_s, revocations::expires_at_s))
            .get_result(&mut *self.connection)
            .optional()?;
        let (known_iat_s, known_expiry_s) = known.unwrap_or((0, 0));
        let row = NewRow {
            tenant_id: self.tenant_id,
            user_uuid: sub.as_bytes().to_vec(),
            jti: jti.clone(),
            up_to_iat_s: up_to_iat_s.max(known_iat_s),
            expires_at_s: expires_at_s.max(known_expiry_s),
        };
        each_backend!(&mut *self.connection, |inner| {
            diesel::insert_into(revocations::table)
                .values(&row)
                .on_conflict((revocations::tenant_id, revocations::user_uuid, revocations::jti))
                .do_update()
                .set((
                    revocations::up_to_iat_s.eq(excluded(revocations::up_to_iat_s)),
                    revocations::expires_at_s.eq(excluded(revocations::expires_at_s)),
                ))
                .execute(inner)
        })?;
        self.revoked = true;
        Ok(())
    }

    fn revocations(&mut self, now_s: i64) -> Result<Vec<Revocation>, StoreError> {
        let rows: Vec<(Vec<u8>, Vec<u8>, i64, i64)> = revocations::table
            .filter(revocations::tenant_id.eq(self.tenant_id))
            .filter(revocations::expires_at_s.gt(now_s))
            .select((revocations::user_uuid, revocations::jti, revocations::up_to_iat_s, revocations::expires_at_s))
            .load(&mut *self.connection)?;
        rows.into_iter()
            .map(|(sub, jti, up_to_iat_s, expires_at_s)| {
                let sub = tx::uuid(&sub)?;
                if jti.is_empty() {
                    return Ok(Revocation::User { sub, up_to_iat_s });
                }
                Ok(Revocation::Token { jti: tx::uuid(&jti)?, sub, expires_at_s })
            })
            .collect()
    }

    fn user_cutoff(&mut self, sub: Uuid) -> Result<Option<i64>, StoreError> {
        let everything: &[u8] = &[];
        Ok(revocations::table
            .find((self.tenant_id, sub.as_bytes().as_slice(), everything))
            .select(revocations::up_to_iat_s)
            .get_result(&mut *self.connection)
            .optional()?)
    }

    fn forget(&mut self, now_s: i64) -> Result<u64, StoreError> {
        Ok(u64::try_from(self.forget_revocations(now_s, i64::MAX)?).unwrap_or(0))
    }
}

impl Tx<'_> {
    /// Drops revocations that are not needed at `now_s`, at most so many; → how many.
    pub(crate) fn forget_revocations(&mut self, now_s: i64, at_most: i64) -> Result<i64, StoreError> {
        let rows = diesel::sql_query(
            "DELETE FROM revocations WHERE tenant_id = $1 AND (user_uuid, jti) IN ( \
             SELECT user_uuid, jti FROM revocations WHERE tenant_id = $2 AND expires_at_s <= $3 LIMIT $4)",
        )
        .bind::<BigInt, _>(self.tenant_id)
        .bind::<BigInt, _>(self.tenant_id)
        .bind::<BigInt, _>(now_s)
        .bind::<BigInt, _>(at_most)
        .execute(&mut *self.connection)?;
        Ok(i64::try_from(rows).unwrap_or(i64::MAX))
    }
}

/// The tenants that have a revocation that is not needed at `now_s`, the first so many of them.
pub(crate) fn tenants_with_old(
    connection: &mut AnyConnection,
    now_s: i64,
    at_most: i64,
) -> Result<Vec<i64>, StoreError> {
    let old =
        revocations::table.filter(revocations::tenant_id.eq(tenants::id)).filter(revocations::expires_at_s.le(now_s));
    let found = tenants::table.filter(exists(old)).order(tenants::id).select(tenants::id).limit(at_most);
    Ok(found.load(connection)?)
}
