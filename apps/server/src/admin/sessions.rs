//! Sessions: begun with a sign-in, refreshed, ended.

use osaycore_audit::{Action, Log as _, Target, TargetKind};
use osaycore_directory::{App, Storage as _, User, UserRef};
use osaycore_jwt::MAX_LIFETIME_S;
use osaycore_jwt::revocation::{self, Revocation, Storage as _, first_free_iat_s};
use osaycore_jwt::session::{self, DEFAULT_GRACE_S, Presented, RefreshToken, Refreshed, Session, Storage, Successor};
use uuid::Uuid;

use super::tokens::{self, DEFAULT_LIFETIME_S, Minted};
use super::{By, users};
use crate::error::{ApiError, Code, Failure};
use crate::sealing::Sealer;
use crate::store::db::StoreError;
use crate::store::sessions::{row_name, sealed_at};
use crate::store::sign_in_codes;
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

/// Ends a session with its access tokens.
pub(crate) fn end(tx: &mut Tx<'_>, id: Uuid, sub: Uuid, now_s: i64) -> Result<(), Failure> {
    Storage::revoke(tx, id, now_s)?;
    let tokens = Revocation::Token { jti: id, sub, expires_at_s: now_s.saturating_add(MAX_LIFETIME_S) };
    revocation::Storage::revoke(tx, &tokens)?;
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
    end(tx, id, user.uuid, by.now_us.div_euclid(1_000_000))?;
    audit(tx, by, user_id, Target::new(TargetKind::Token, id.to_string()), Some(reason))
}

/// Ends a session of the user; false: it was over before.
///
/// # Errors
/// 404: the user has no such session, or it expired so long ago that it is forgotten.
pub(crate) fn sign_out_of(tx: &mut Tx<'_>, by: &By, user: &User, id: Uuid) -> Result<bool, Failure> {
    let now_s = by.now_us.div_euclid(1_000_000);
    let session = tx
        .session(id)?
        .filter(|session| session.sub == user.uuid)
        .ok_or_else(|| ApiError::from(Code::NotFound).detail(format!("user {} has no session {id}", user.username)))?;
    if session.revoked_at_s.is_some() || session.expires_at_s <= now_s {
        return Ok(false);
    }
    end(tx, id, user.uuid, now_s)?;
    audit(tx, by, user.id, Target::new(TargetKind::Token, id.to_string()), None)?;
    Ok(true)
}

/// Ends every session and every token of the user, and what waits to become one; → how many sessions it were.
pub(crate) fn sign_out(tx: &mut Tx<'_>, by: &By, user: &User, reason: Option<&'static str>) -> Result<u64, Failure> {
    let now_s = by.now_us.div_euclid(1_000_000);
    sign_in_codes::drop_of_user(tx, user.id)?;
    let ended = Storage::revoke_all(tx, user.uuid, now_s)?;
    let up_to_iat_s = first_free_iat_s(tx.user_cutoff(user.uuid)?, now_s);
    revocation::Storage::revoke(tx, &Revocation::User { sub: user.uuid, up_to_iat_s })?;
    audit(tx, by, user.id, users::target(user), reason)?;
    Ok(ended)
}

/// Ends the sessions that a user had before an operator shut the user out: those who may act again sign in again. Until
/// then their tokens are good and their user is refused, which is what the wire says of it. Tokens without a session
/// are the app's word, for as long as it gave it.
pub(crate) fn end_before_return(tx: &mut Tx<'_>, by: &By, user: &User) -> Result<(), Failure> {
    let now_s = by.now_us.div_euclid(1_000_000);
    sign_in_codes::drop_of_user(tx, user.id)?;
    let live = tx.live_sessions(user.uuid, now_s)?;
    for session in &live {
        end(tx, session.id, user.uuid, now_s)?;
    }
    if live.is_empty() { Ok(()) } else { audit(tx, by, user.id, users::target(user), Some("user_returned")) }
}

fn audit(tx: &mut Tx<'_>, by: &By, user_id: i64, target: Target, reason: Option<&'static str>) -> Result<(), Failure> {
    let mut event = by.event(Action::TokenRevoked, Some(user_id));
    event.target = Some(target);
    event.reason = reason.map(Into::into);
    tx.append(event)?;
    Ok(())
}
