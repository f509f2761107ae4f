//! User tokens: what is kept of one, and how it is made of that.

use osaycore_audit::{Action, Details, Field, Log as _, Target, TargetKind};
use osaycore_directory::User;
use osaycore_jwt::revocation::{Storage as _, first_free_iat_s};
use osaycore_jwt::{Claims, Grant};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::By;
use crate::error::Failure;
use crate::store::tx::Tx;
use crate::system;

/// Unless said otherwise.
pub(crate) const DEFAULT_LIFETIME_S: i64 = 3600;

/// What is stored of a token: enough to make it again, which without the key is not the token.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Minted {
    sub: Uuid,
    jti: Uuid,
    now_s: i64,
    iat_s: i64,
    expires_in_s: i64,
    /// The session that it belongs to, where there is one that can be refreshed.
    #[serde(default)]
    sid: Option<Uuid>,
}

/// A token for a user, from now on.
pub(crate) fn mint(
    tx: &mut Tx<'_>,
    by: &By,
    user: &User,
    sid: Option<Uuid>,
    expires_in_s: i64,
) -> Result<Minted, Failure> {
    let now_s = by.now_us.div_euclid(1_000_000);
    let iat_s = first_free_iat_s(tx.user_cutoff(user.uuid)?, now_s);
    let minted = Minted { sub: user.uuid, jti: system::uuid(), now_s, iat_s, expires_in_s, sid };
    let mut event = by.event(Action::TokenIssued, Some(user.id));
    event.target = Some(Target::new(TargetKind::Token, minted.jti.to_string()));
    event.after = Details::new().with(Field::ExpiresAtUs, minted.expires_at_us());
    tx.append(event)?;
    Ok(minted)
}

impl Minted {
    /// What the key ring issues the token of. `aud` is the app.
    pub(crate) fn grant(&self, aud: Uuid) -> Grant {
        Grant {
            sub: self.sub,
            aud,
            jti: self.jti,
            now_s: self.now_s,
            iat_s: self.iat_s,
            expires_in_s: self.expires_in_s,
            sid: self.sid,
        }
    }

    /// As far as revocation looks at them.
    pub(crate) fn claims(&self, aud: Uuid) -> Claims {
        Claims {
            iss: String::new(),
            sub: self.sub,
            aud,
            jti: self.jti,
            iat: self.iat_s,
            nbf: self.now_s,
            exp: self.now_s.saturating_add(self.expires_in_s),
            sid: self.sid,
        }
    }

    /// When it expires, Unix microseconds.
    pub(crate) fn expires_at_us(&self) -> i64 {
        self.now_s.saturating_add(self.expires_in_s).saturating_mul(1_000_000)
    }
}
