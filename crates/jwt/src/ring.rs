//! The key ring: issues and verifies user tokens (the contract, "User tokens").

use jsonwebtoken::jwk::Jwk;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::{Key, KeyError, KeyState, jws::Jws};

/// The longest life of a token: 30 days.
pub const MAX_LIFETIME_S: i64 = 30 * 24 * 60 * 60;

/// A longer token is refused unseen; the longest that a ring issues is far shorter.
pub const MAX_TOKEN_BYTES: usize = 8 * 1024;

/// The most bytes of an issuer's name.
pub const MAX_ISSUER_BYTES: usize = 255;

/// What a token says (RFC 7519 §4.1). Times are Unix seconds.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Claims {
    /// The deployment that issued it.
    pub iss: String,
    /// The user.
    pub sub: Uuid,
    /// The one app it is good with.
    pub aud: Uuid,
    /// The token's own name.
    pub jti: Uuid,
    /// Issued at: what revoking a user compares; see [`Grant::iat_s`].
    pub iat: i64,
    /// The first second at which it is good.
    pub nbf: i64,
    /// The first second at which it is good no more.
    pub exp: i64,
    /// The session that it belongs to, where there is one that can be refreshed: its id (IANA's registry names OpenID
    /// Connect Front-Channel Logout §3 for it).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sid: Option<Uuid>,
}

/// What to issue a token for. An equal grant gives an equal token, under the same active key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Grant {
    /// The user.
    pub sub: Uuid,
    /// The app.
    pub aud: Uuid,
    /// The token's own name, never used before.
    pub jti: Uuid,
    /// Now, Unix seconds: becomes `nbf`.
    pub now_s: i64,
    /// [`Revocations::first_free_iat_s`](crate::Revocations::first_free_iat_s) of the user at `now_s`; never smaller
    /// than `now_s`.
    pub iat_s: i64,
    /// 1 ..= [`MAX_LIFETIME_S`], counted from `now_s`.
    pub expires_in_s: i64,
    /// The session that it belongs to, by which it can be revoked.
    pub sid: Option<Uuid>,
}

/// Why a token is not issued.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum IssueError {
    /// The caller's fault: `expires_in_s` is out of range.
    #[error("a token lives 1 to {MAX_LIFETIME_S} seconds")]
    Lifetime,
    /// The program's fault: `iat_s` is smaller than `now_s`, so that forgetting revocations in time would be unsafe.
    #[error("a token cannot be issued in the past")]
    IssuedInThePast,
    /// The backend's fault.
    #[error("the token could not be signed")]
    Signing(#[source] jsonwebtoken::errors::Error),
}

/// Why a token is refused, in the order of the checks. All are the bearer's fault (401); [`Refused::Expired`] alone is
/// told apart on the wire.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Refused {
    /// Not a JWS with our claims, too long, of an algorithm that is unknown, with `crit`, or with a `typ` other than
    /// `JWT`.
    #[error("the token is malformed")]
    Malformed,
    /// `kid` is missing or names no key of the ring.
    #[error("the token's key is unknown")]
    UnknownKey,
    /// The key did not sign it, or the header names another algorithm than the key's.
    #[error("the token's signature is wrong")]
    BadSignature,
    /// Another deployment issued it.
    #[error("the token is of another issuer")]
    WrongIssuer,
    /// It was made for another app.
    #[error("the token is for another app")]
    WrongAudience,
    /// `nbf` lies ahead.
    #[error("the token is not valid yet")]
    NotYetValid,
    /// `exp` is reached, and everything else is right. Whether it was revoked is not looked at here.
    #[error("the token has expired")]
    Expired,
}

/// A JWK Set (RFC 7517 §5): the document under `/.well-known/jwks.json`. Of each key `kty`, `use`, `alg` and `kid`, with
/// `crv` and `x` of Ed25519 (RFC 8037 §2), `n` and `e` of RSA (RFC 7518 §6.3.1).
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Jwks {
    keys: Vec<Jwk>,
}

/// The keys of a deployment: one issues, all verify, each by its own algorithm alone.
#[derive(Clone, Debug)]
pub struct KeyRing {
    issuer: String,
    active: Key,
    others: Vec<Key>,
}

impl KeyRing {
    /// A ring of keys with different names, of which exactly one is [`KeyState::Active`]. The issuer is a constant of
    /// the deployment, 1 ..= [`MAX_ISSUER_BYTES`] bytes.
    pub fn new(issuer: impl Into<String>, keys: Vec<Key>) -> Result<Self, KeyError> {
        let issuer = issuer.into();
        if issuer.is_empty() || issuer.len() > MAX_ISSUER_BYTES {
            return Err(KeyError::IssuerLength);
        }
        let mut kids: Vec<&str> = keys.iter().map(Key::kid).collect();
        kids.sort_unstable();
        if kids.windows(2).any(|pair| pair.first() == pair.last()) {
            return Err(KeyError::DuplicateKid);
        }
        let (mut active, others): (Vec<Key>, Vec<Key>) =
            keys.into_iter().partition(|key| key.state == KeyState::Active);
        match (active.pop(), active.is_empty()) {
            (Some(active), true) => Ok(Self { issuer, active, others }),
            _ => Err(KeyError::NotOneActive),
        }
    }

    /// The `iss` of every token that it issues and accepts.
    pub fn issuer(&self) -> &str {
        &self.issuer
    }

    /// The public keys, the active one first: whoever has them verifies what is issued now, and from the moment that
    /// the next key issues. A secret that is shared (HS256) is not among them.
    pub fn jwks(&self) -> Jwks {
        Jwks { keys: self.keys().filter_map(|key| key.public.clone()).collect() }
    }

    /// Issues a token under the active key.
    pub fn issue(&self, grant: &Grant) -> Result<String, IssueError> {
        let Grant { sub, aud, jti, now_s, iat_s, expires_in_s, sid } = *grant;
        if !(1..=MAX_LIFETIME_S).contains(&expires_in_s) {
            return Err(IssueError::Lifetime);
        }
        if iat_s < now_s {
            return Err(IssueError::IssuedInThePast);
        }
        let exp = now_s.checked_add(expires_in_s).ok_or(IssueError::Lifetime)?;
        let iss = self.issuer.clone();
        let claims = Claims { iss, sub, aud, jti, iat: iat_s, nbf: now_s, exp, sid };
        let Key { header, encoding, .. } = &self.active;
        jsonwebtoken::encode(header, &claims, encoding).map_err(IssueError::Signing)
    }

    /// Verifies a token for an app at `now_s` (Unix seconds), without leeway: good while `nbf <= now_s < exp`.
    ///
    /// Revocation is the caller's next question: [`Revocations::is_revoked`](crate::Revocations::is_revoked).
    pub fn verify(&self, token: &str, audience: Uuid, now_s: i64) -> Result<Claims, Refused> {
        if token.len() > MAX_TOKEN_BYTES {
            return Err(Refused::Malformed);
        }
        let jws = Jws::parse(token)?;
        let key = jws.kid().and_then(|kid| self.key(kid)).ok_or(Refused::UnknownKey)?;
        let payload = jws.verified_payload(key)?;
        let claims: Claims = serde_json::from_slice(&payload).map_err(|_| Refused::Malformed)?;
        if claims.iss != self.issuer {
            Err(Refused::WrongIssuer)
        } else if claims.aud != audience {
            Err(Refused::WrongAudience)
        } else if claims.nbf > now_s {
            Err(Refused::NotYetValid)
        } else if claims.exp <= now_s {
            Err(Refused::Expired)
        } else {
            Ok(claims)
        }
    }

    fn key(&self, kid: &str) -> Option<&Key> {
        self.keys().find(|key| key.kid() == kid)
    }

    fn keys(&self) -> impl Iterator<Item = &Key> {
        std::iter::once(&self.active).chain(&self.others)
    }
}
