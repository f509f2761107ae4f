//! What requests are served with: apps, evaluation keys, tokens of the admin API, providers.

use std::num::NonZeroU32;
use std::sync::Arc;
use std::time::Duration;

use governor::clock::DefaultClock;
use osaycore_directory::App;
use osaycore_signing::{oasis, v1};

use super::configuration::Configuration;
use crate::error::{ApiError, Code};
use crate::limit::{Limiter, Share};
use crate::noted::Noted;
use crate::oauth::flow::Client;
use crate::oauth::provider::Provider;
use crate::served_flags::ServedFlags;
use crate::store::admin_tokens::AdminToken;
use crate::store::apps::{AppSecret, SecretKind};
use crate::store::assignments::Sticky;

/// Requests a second that a token of the admin API may make.
const REQUESTS_OF_A_TOKEN: u32 = 100;

/// An app as requests need it.
pub(crate) struct ServedApp {
    pub(crate) app: Arc<App>,
    pub(crate) secrets: Vec<v1::Secret>,
    /// Those of the secrets and application keys that were replaced.
    pub(super) retiring: Vec<Retiring>,
    /// What requests of the one-time passcode API are verified with.
    pub(crate) oasis: oasis::Keys,
    /// The tenant's, of distinct users that pass a second factor in a month.
    pub(crate) monthly_user_limit: Option<i64>,
    pub(crate) limiter: Arc<Limiter>,
    pub(crate) flags: Arc<ServedFlags>,
    /// Those of the flags whose answers are kept.
    pub(crate) sticky: Arc<Sticky>,
    /// Where who signs hears of changes of the flags: that of the newest secret; empty without any.
    pub(crate) channel: Arc<str>,
}

impl ServedApp {
    /// Accepts one request within the app's rate limit; else 429, with when to try again.
    pub(crate) fn within_limit(&self) -> Result<(), ApiError> {
        within(&self.limiter)
    }
}

/// A secret that was replaced and still works. Whether somebody uses it is written down.
pub(crate) struct Retiring {
    kind: SecretKind,
    /// Which of the secrets of its kind it is.
    index: usize,
    pub(crate) id: i64,
    noted: Arc<Noted>,
}

impl ServedApp {
    /// The secret of this kind and place among the app's, where it was replaced and its use is to be noted.
    pub(crate) fn retiring_to_note(&self, kind: SecretKind, index: usize, now_us: i64) -> Option<&Retiring> {
        let mut all = self.retiring.iter();
        let used = all.find(|retiring| (retiring.kind, retiring.index) == (kind, index))?;
        used.noted.is_due(now_us).then_some(used)
    }
}

fn within(limiter: &Limiter) -> Result<(), ApiError> {
    let refused = |wait: Duration| ApiError::from(Code::RateLimited).retry_after(wait.as_secs().saturating_add(1));
    limiter.check().map_err(refused)
}

/// What an evaluation key opens.
#[derive(Clone)]
pub(crate) struct Evaluations {
    pub(crate) served: Arc<ServedApp>,
    pub(crate) channel: Arc<str>,
}

/// A token of the admin API as requests need it.
pub(crate) struct ServedToken {
    pub(crate) token: AdminToken,
    limiter: Arc<Limiter>,
    noted: Arc<Noted>,
}

impl ServedToken {
    /// Accepts one request within the token's rate limit; else 429, with when to try again.
    pub(crate) fn within_limit(&self) -> Result<(), ApiError> {
        within(&self.limiter)
    }

    /// Whether this use is to be noted: one in a minute.
    pub(crate) fn is_to_be_noted(&self, now_us: i64) -> bool {
        self.noted.is_due(now_us)
    }

    /// With what was counted of it so far.
    pub(super) fn new(token: AdminToken, share: Share, before: Option<&Configuration>) -> Self {
        let per_second = share.of_limit(REQUESTS_OF_A_TOKEN, token.id);
        let before = before.and_then(|before| before.by_admin_token.get(&token.token_hash));
        let limiter = limiter_after(before.map(|served| &served.limiter), per_second);
        let new = || Arc::new(Noted::new(token.last_used_at_us));
        let noted = before.map_or_else(new, |served| Arc::clone(&served.noted));
        Self { token, limiter, noted }
    }
}

/// A provider that people sign in by, with the client that asks it: one that reaches private addresses, or one that does
/// not.
pub(crate) struct ServedProvider {
    pub(crate) provider: Provider,
    pub(crate) client: Arc<Client>,
}

impl Retiring {
    /// With what was noted of it so far.
    pub(super) fn new(secret: &AppSecret, index: usize, before: Option<&Configuration>) -> Self {
        let known = before.and_then(|before| before.by_id.get(&secret.app_id));
        let known = known.and_then(|served| served.retiring.iter().find(|retiring| retiring.id == secret.id));
        let noted = known.map_or_else(|| Arc::new(Noted::new(None)), |known| Arc::clone(&known.noted));
        Self { kind: secret.kind, index, id: secret.id, noted }
    }
}

/// The app's limiter, with what it has counted so far; another one only where the limit or our share of it is another.
pub(super) fn limiter(app: &App, share: Share, before: Option<&Configuration>) -> Arc<Limiter> {
    let before = before.and_then(|before| before.by_id.get(&app.id));
    limiter_after(before.map(|served| &served.limiter), share.of_limit(app.settings.requests_per_second, app.id))
}

fn limiter_after(before: Option<&Arc<Limiter>>, per_second: NonZeroU32) -> Arc<Limiter> {
    match before {
        Some(limiter) if limiter.per_second() == per_second => Arc::clone(limiter),
        Some(limiter) => Arc::new(Limiter::succeeding(limiter, per_second, DefaultClock::default())),
        None => Arc::new(Limiter::new(per_second, DefaultClock::default())),
    }
}
