//! The rotation of signing keys: next → active → retiring → gone, each step a function of what is stored and the time.
//!
//! The stages overlap, so that nobody meets a token whose key is unknown to them: a key is published before it issues,
//! and verifies until the last of its tokens has expired. Whoever keeps the keys stores what a step returns, in the
//! transaction that it was loaded in, and lets nobody else take a step meanwhile. Times are Unix microseconds.

use std::collections::BTreeMap;

use crate::{KeyState, MAX_LIFETIME_S};

/// For how long after a step another server may still act on what was before it: its clock and its copy of the keys
/// together are late by less.
pub const SLACK_S: i64 = 60;

/// Where a key stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stage {
    /// Published, and not issuing yet.
    Next {
        /// When it will issue.
        active_from_us: i64,
    },
    /// Issuing.
    Active {
        /// When it began to.
        since_us: i64,
    },
    /// Issuing no more.
    Retiring {
        /// When every token of it has expired, also those that a late server issued.
        drop_after_us: i64,
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
}

/// Why a step is not taken.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum RotationError {
    /// The operator's fault: a key has this name already.
    #[error("there is a key {0} already")]
    DuplicateKid(String),
    /// The operator's fault: another key, which this names, is to be the next one.
    #[error("the key {0} is published and does not issue yet")]
    NextExists(String),
    /// The operator's fault: there is no key of this name.
    #[error("there is no key {0}")]
    Unknown(String),
    /// The operator's fault: without this key none would issue.
    #[error("the key {0} is the one that issues")]
    Issues(String),
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
    /// What was stored. Names are unique there.
    pub fn load(stages: impl IntoIterator<Item = (String, Stage)>) -> Result<Self, RotationError> {
        let stages: BTreeMap<_, _> = stages.into_iter().collect();
        let count = |state| stages.values().filter(|stage| stage.state() == state).count();
        if count(KeyState::Active) == 1 && count(KeyState::Next) <= 1 {
            Ok(Self { stages })
        } else {
            Err(RotationError::Inconsistent)
        }
    }

    /// Adds a next key, unless there is one: it is in the JWKS document and verifies from now on, and is to issue from
    /// `active_from_us`. That is [`SLACK_S`] ahead or more for other servers that may be so late, and for whoever else
    /// verifies as long as they keep the document. Now is for a key in the place of one that must issue no more: until
    /// the others have read the new one they refuse its tokens.
    pub fn publish(mut self, kid: &str, active_from_us: i64) -> Result<Self, RotationError> {
        if self.stages.contains_key(kid) {
            return Err(RotationError::DuplicateKid(kid.to_owned()));
        }
        if let Some((next, _)) = self.stages().find(|(_, stage)| stage.state() == KeyState::Next) {
            return Err(RotationError::NextExists(next.to_owned()));
        }
        self.stages.insert(kid.to_owned(), Stage::Next { active_from_us });
        Ok(self)
    }

    /// Lets the next key issue if its time has come; the active one retires then.
    #[must_use]
    pub fn promote(mut self, now_us: i64) -> Self {
        let due = |stage: &Stage| matches!(*stage, Stage::Next { active_from_us } if active_from_us <= now_us);
        if self.stages.values().any(due) {
            let good_for_us = MAX_LIFETIME_S.saturating_add(SLACK_S).saturating_mul(1_000_000);
            for stage in self.stages.values_mut() {
                *stage = match *stage {
                    Stage::Next { .. } => Stage::Active { since_us: now_us },
                    Stage::Active { .. } => Stage::Retiring { drop_after_us: now_us.saturating_add(good_for_us) },
                    retiring @ Stage::Retiring { .. } => retiring,
                };
            }
        }
        self
    }

    /// Without the keys of which no token can be unexpired at `now_us`.
    #[must_use]
    pub fn without_gone(mut self, now_us: i64) -> Self {
        self.stages.retain(|_, stage| !matches!(*stage, Stage::Retiring { drop_after_us } if drop_after_us <= now_us));
        self
    }

    /// Without a key, whatever tokens of it there are: it leaked. The one that issues stays until another does.
    pub fn without(mut self, kid: &str) -> Result<Self, RotationError> {
        match self.stages.remove(kid) {
            None => Err(RotationError::Unknown(kid.to_owned())),
            Some(Stage::Active { .. }) => Err(RotationError::Issues(kid.to_owned())),
            Some(Stage::Next { .. } | Stage::Retiring { .. }) => Ok(self),
        }
    }

    /// The stage of a key; `None`: there is no such key.
    pub fn stage(&self, kid: &str) -> Option<Stage> {
        self.stages.get(kid).copied()
    }

    /// Every key and its stage, by name.
    pub fn stages(&self) -> impl Iterator<Item = (&str, Stage)> {
        self.stages.iter().map(|(kid, stage)| (kid.as_str(), *stage))
    }
}
