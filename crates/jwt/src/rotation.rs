//! The rotation of signing keys: next → active → retiring → gone, each step a function of what is stored and the time.
//!
//! The stages overlap, so that nobody meets a token whose key is unknown to them: a key is published before it issues,
//! and verifies until the last of its tokens has expired. Whoever keeps the keys stores what a step returns, in the
//! transaction that it was loaded in.

use std::collections::BTreeMap;

use crate::{KeyState, MAX_KID_BYTES, MAX_LIFETIME_S};

/// For how long after a step another server may still act on what was before it: its clock and its copy of the keys
/// together are late by less.
pub const SLACK_S: i64 = 60;

/// Where a key stands, and since when in Unix seconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stage {
    /// Published, and not issuing yet.
    Next {
        /// When it was published.
        since_s: i64,
    },
    /// Issuing.
    Active {
        /// When it began to.
        since_s: i64,
    },
    /// Issuing no more.
    Retiring {
        /// When it ceased to.
        since_s: i64,
    },
}

impl Stage {
    /// What a [`Key`](crate::Key) is made with.
    pub const fn state(self) -> KeyState {
        match self {
            Self::Next { .. } => KeyState::Next,
            Self::Active { .. } => KeyState::Active,
            Self::Retiring { .. } => KeyState::Retiring,
        }
    }

    /// When every token of a retiring key has expired, also those that a late server issued; `None` before it retires.
    pub const fn gone_from_s(self) -> Option<i64> {
        match self {
            Self::Retiring { since_s } => Some(since_s.saturating_add(MAX_LIFETIME_S).saturating_add(SLACK_S)),
            Self::Next { .. } | Self::Active { .. } => None,
        }
    }
}

/// Why a step is not taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum RotationError {
    /// The operator's fault: the key's name has not 1 ..= [`MAX_KID_BYTES`] bytes.
    #[error("the key's name (kid) must have 1 to {MAX_KID_BYTES} bytes")]
    KidLength,
    /// The operator's fault: a key has this name already.
    #[error("there is a key of this name (kid)")]
    DuplicateKid,
    /// The operator's fault: another key is to be the next one.
    #[error("there is a next key already")]
    NextExists,
    /// The operator's fault: no key is to be the next one.
    #[error("there is no next key")]
    NoNext,
    /// The operator's fault: the next key has not been published for long enough.
    #[error("the next key may become active from {from_s} on (Unix seconds)")]
    TooEarly {
        /// When it may.
        from_s: i64,
    },
    /// The store's fault: not exactly one key is active, or more than one is next.
    #[error("one key must be active, and at most one be next")]
    Inconsistent,
}

/// The keys of a ring by name, with their stages: one is active, at most one is next.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rotation {
    stages: BTreeMap<String, Stage>,
}

impl Rotation {
    /// A deployment's first key. It issues at once: nobody knows another.
    pub fn start(kid: impl Into<String>, now_s: i64) -> Result<Self, RotationError> {
        let active = (named(kid)?, Stage::Active { since_s: now_s });
        Ok(Self { stages: BTreeMap::from([active]) })
    }

    /// What was stored.
    pub fn load(stages: impl IntoIterator<Item = (String, Stage)>) -> Result<Self, RotationError> {
        let mut all = BTreeMap::new();
        for (kid, stage) in stages {
            if all.insert(named(kid)?, stage).is_some() {
                return Err(RotationError::DuplicateKid);
            }
        }
        let count = |state| all.values().filter(|stage| stage.state() == state).count();
        if count(KeyState::Active) == 1 && count(KeyState::Next) <= 1 {
            Ok(Self { stages: all })
        } else {
            Err(RotationError::Inconsistent)
        }
    }

    /// Adds a next key: it is in the JWKS document and verifies from now on.
    pub fn publish(mut self, kid: impl Into<String>, now_s: i64) -> Result<Self, RotationError> {
        let kid = named(kid)?;
        if self.stages.contains_key(&kid) {
            return Err(RotationError::DuplicateKid);
        }
        if self.next().is_some() {
            return Err(RotationError::NextExists);
        }
        self.stages.insert(kid, Stage::Next { since_s: now_s });
        Ok(self)
    }

    /// The next key becomes active, and the active one retires. Not before the next one was published for `lead_s`:
    /// [`SLACK_S`] or more for other servers, and for whoever else verifies as long as they keep the JWKS document. A
    /// lead of 0 is for a key that must issue no more; until the others have read the new one they refuse its tokens.
    pub fn promote(mut self, lead_s: i64, now_s: i64) -> Result<Self, RotationError> {
        let Some(Stage::Next { since_s }) = self.next() else { return Err(RotationError::NoNext) };
        let from_s = since_s.saturating_add(lead_s);
        if now_s < from_s {
            return Err(RotationError::TooEarly { from_s });
        }
        for stage in self.stages.values_mut() {
            *stage = match *stage {
                Stage::Next { .. } => Stage::Active { since_s: now_s },
                Stage::Active { .. } => Stage::Retiring { since_s: now_s },
                retiring @ Stage::Retiring { .. } => retiring,
            };
        }
        Ok(self)
    }

    /// Without the keys that are gone: no token of theirs can be unexpired at `now_s`.
    #[must_use]
    pub fn without_gone(mut self, now_s: i64) -> Self {
        self.stages.retain(|_, stage| stage.gone_from_s().is_none_or(|from_s| now_s < from_s));
        self
    }

    /// The stage of a key; `None`: there is no such key.
    pub fn stage(&self, kid: &str) -> Option<Stage> {
        self.stages.get(kid).copied()
    }

    /// Every key and its stage, by name.
    pub fn stages(&self) -> impl Iterator<Item = (&str, Stage)> {
        self.stages.iter().map(|(kid, stage)| (kid.as_str(), *stage))
    }

    fn next(&self) -> Option<Stage> {
        self.stages.values().copied().find(|stage| stage.state() == KeyState::Next)
    }
}

fn named(kid: impl Into<String>) -> Result<String, RotationError> {
    let kid = kid.into();
    if kid.is_empty() || kid.len() > MAX_KID_BYTES { Err(RotationError::KidLength) } else { Ok(kid) }
}
