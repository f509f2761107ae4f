//! Sessions: begun with a sign-in, refreshed, ended.

use osaycore_audit::{Action, Log as _, Target, TargetKind};
use osaycore_directory::{App, Storage as _, User, UserRef};
use osaycore_jwt::MAX_LIFETIME_S;
use osaycore_jwt::revocation::{self, Revocation};
use osaycore_jwt::session::{self, DEFAULT_GRACE_S, Presented, RefreshToken, Refreshed, Session, Storage, Successor};
use uuid::Uuid;

use super::tokens::{self, DEFAULT_LIFETIME_S, Minted};
use super::{By, users};
use crate::error::{Code, Failure};
use crate::sealing::Sealer;
use crate::store::sessions::{row_name, sealed_at};
use crate::store::tx::Tx;
use crate::system;

/// A session's tokens, told once.
pub(crate) struct Tokens {
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
    Ok(Tokens { minted, refresh_token })
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
            revocation::Storage::revoke(tx, &session.revocation(now_s))?;
            audit(tx, by, Action::TokenRevoked, &session, "refresh_token_reused")?;
            return Ok(None);
        }
        Refreshed::Refused(_) => return Ok(None),
    };
    let user = users::active(tx.user(&UserRef::Uuid(session.sub))?)?;
    let lifetime_s = session.access_lifetime_s(DEFAULT_LIFETIME_S, now_s);
    let minted = tokens::mint(tx, by, &user, Some(session.id), lifetime_s)?;
    Ok(Some(Tokens { minted, refresh_token }))
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

fn audit(tx: &mut Tx<'_>, by: &By, action: Action, session: &Session, reason: &'static str) -> Result<(), Failure> {
    let user = tx.user(&UserRef::Uuid(session.sub))?;
    let mut event = by.event(action, user.map(|user| user.id));
    event.target = Some(Target::new(TargetKind::Token, session.id.to_string()));
    event.reason = Some(reason.into());
    tx.append(event)?;
    Ok(())
}
