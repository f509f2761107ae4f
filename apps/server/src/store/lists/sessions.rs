//! The sessions of a user, newest first.

use diesel::prelude::*;
use osaycore_jwt::session::Session;
use uuid::Uuid;

use super::{Asked, Page, page};
use crate::store::db::{StoreError, row};
use crate::store::schema::sessions;
use crate::store::sessions::Row;
use crate::store::tx::Tx;

/// When it began, and its id.
type Key = (i64, Uuid);

/// The sessions of a user that are neither revoked nor expired.
pub(crate) fn list(tx: &mut Tx<'_>, sub: Uuid, now_s: i64, asked: &Asked) -> Result<Page<Session>, StoreError> {
    let read = |after: Option<&Key>, at_most: i64| {
        let mut query = sessions::table
            .filter(sessions::tenant_id.eq(tx.tenant_id))
            .filter(sessions::user_uuid.eq(sub.as_bytes().to_vec()))
            .order((sessions::created_at_s.desc(), sessions::id.desc()))
            .limit(at_most)
            .select(row::<Row>())
            .into_boxed();
        if let Some((at_s, id)) = after {
            let same_second = sessions::created_at_s.eq(*at_s).and(sessions::id.lt(id.as_bytes().to_vec()));
            query =
                query.filter(sessions::created_at_s.le(*at_s)).filter(sessions::created_at_s.lt(*at_s).or(same_second));
        }
        let rows: Vec<Row> = query.load(&mut *tx.connection)?;
        let sessions = rows.into_iter().map(Row::read);
        sessions.map(|session| session.map(|session| ((session.created_at_s, session.id), session))).collect()
    };
    let is_live = |session: &Session| session.revoked_at_s.is_none() && session.expires_at_s > now_s;
    page(asked, read, |rows| Ok(rows.into_iter().filter(|(_, session)| is_live(session)).collect()))
}
