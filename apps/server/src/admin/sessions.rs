//! Sessions: begun with a sign-in, refreshed, ended.

use osaycore_audit::{Action, Log as _, Target, TargetKind};
use osaycore_directory::{App, Storage as _, User, UserRef};
use osaycore_jwt::MAX_LIFETIME_S;
use osaycore_jwt::revocation::{self, Revocation, Storage as _, first_free_iat_s};
use osaycore_jwt::session::{self, DEFAULT_GRACE_S, Presented, RefreshToken, Refreshed, Session, Storage, Successor};
use uuid::Uuid;

use super::tokens::{self, DEFAULT_LIFETIME_S, Minted};
use super::{By, users};
use crate::error::{Code, Failure};
use crate::sealing::Sealer;
use crate::store::db::StoreError;
use crate::store::sessions::{row_name, sealed_at};
use crate::store::tx::Tx;
use crate::system;

/// A session's tokens, told once.
pub(crate) struct Tokens {
    /// The session.
    pub(crate) session_id: Uuid,
    pub(crate) minted: Minted,
    pub(crate) refresh_token: RefreshToken,
}

/// Begins a session of the user in the app, with an access token of so many seconds.
pub(crate) fn begin(tx: &mut Tx<'_>, by: &By, app: &App, user: &User, expires_in_s: i64) -> Result<Tokens, Failure> {
    let now_s = by.now_us.div_euclid(1_000_000);
    let max_age_s = i64::from(app.settings.session_lifetime_seconds);
    let session = Session::new(system::uuid(), user.uuid, app.uuid, max_age_s, now_s);
    let refresh_token = RefreshToken::new(system::random());
    Storage::insert(tx, &session, &refresh_token.hash())?;
    let lifetime_s = session.access_lifetime_s(expires_in_s, now_s);
    let minted = tokens::mint(tx, by, user, Some(session.id), lifetime_s)?;
    Ok(Tokens { session_id: session.id, minted, refresh_token })
}

/// New tokens for a refresh token; none: it is refused, and where it was used before, its session is over.
pub(crate) fn refresh(
    tx: &mut Tx<'_>,
    sealer: &Sealer,
    by: &By,
    app: &App,
    presented: &RefreshToken,
) -> Result<Option<Tokens>, Failure> {
    let now_s = by.now_us.div_euclid(1_000_000);
    let next = RefreshToken::new(system::random());
    let row = row_name(tx.tenant_id(), presented.hash().as_bytes());
    let sealed = sealer.seal(sealed_at(&row), next.to_text().as_bytes()).map_err(|_| Code::Internal)?;
    let presented = Presented { token: presented, aud: app.uuid, grace_s: DEFAULT_GRACE_S, now_s };
    let successor = Successor { hash: next.hash(), sealed: &sealed };
    let (session, refresh_token) = match session::refresh(tx, &presented, &successor)? {
        Refreshed::Rotated(session) => (session, next),
        Refreshed::Repeated { session, sealed } => {
            let text = sealer.open(sealed_at(&row), &sealed).map_err(|_| Code::Internal)?;
            let token = std::str::from_utf8(&text).ok().and_then(RefreshToken::parse).ok_or(Code::Internal)?;
            (session, token)
        }
        Refreshed::Reused(session) => {
            let user = tx.user(&UserRef::Uuid(session.sub))?.ok_or(StoreError::Corrupt("session of no user"))?;
            end_reused(tx, by, session.id, user.id, "refresh_token_reused")?;
            return Ok(None);
        }
        Refreshed::Refused(_) => return Ok(None),
    };
    let user = users::active(tx.user(&UserRef::Uuid(session.sub))?)?;
    let lifetime_s = session.access_lifetime_s(DEFAULT_LIFETIME_S, now_s);
    let minted = tokens::mint(tx, by, &user, Some(session.id), lifetime_s)?;
    Ok(Some(Tokens { session_id: session.id, minted, refresh_token }))
}

/// Ends a session; → what ends its access tokens.
pub(crate) fn end(tx: &mut Tx<'_>, id: Uuid, sub: Uuid, now_s: i64) -> Result<Revocation, Failure> {
    Storage::revoke(tx, id, now_s)?;
    Ok(Revocation::Token { jti: id, sub, expires_at_s: now_s.saturating_add(MAX_LIFETIME_S) })
}

/// Ends every session of a user.
pub(crate) fn end_all(tx: &mut Tx<'_>, sub: Uuid, now_s: i64) -> Result<(), Failure> {
    Storage::revoke_all(tx, sub, now_s)?;
    Ok(())
}

/// Ends a session whose secret somebody else has too.
pub(crate) fn end_reused(
    tx: &mut Tx<'_>,
    by: &By,
    id: Uuid,
    user_id: i64,
    reason: &'static str,
) -> Result<(), Failure> {
    let user = tx.user(&UserRef::Id(user_id))?.ok_or(StoreError::Corrupt("session of no user"))?;
    let revocation = end(tx, id, user.uuid, by.now_us.div_euclid(1_000_000))?;
    revocation::Storage::revoke(tx, &revocation)?;
    audit(tx, by, user_id, Target::new(TargetKind::Token, id.to_string()), reason)
}

/// Ends every session and every token of a user.
pub(crate) fn sign_out(tx: &mut Tx<'_>, by: &By, user: &User, reason: &'static str) -> Result<(), Failure> {
    let now_s = by.now_us.div_euclid(1_000_000);
    end_all(tx, user.uuid, now_s)?;
    let up_to_iat_s = first_free_iat_s(tx.user_cutoff(user.uuid)?, now_s);
    revocation::Storage::revoke(tx, &Revocation::User { sub: user.uuid, up_to_iat_s })?;
    audit(tx, by, user.id, Target::new(TargetKind::User, user.uuid.to_string()), reason)
}

fn audit(tx: &mut Tx<'_>, by: &By, user_id: i64, target: Target, reason: &'static str) -> Result<(), Failure> {
    let mut event = by.event(Action::TokenRevoked, Some(user_id));
    event.target = Some(target);
    event.reason = Some(reason.into());
    tx.append(event)?;
    Ok(())
}
