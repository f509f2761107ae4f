//! A user's credential: none → pending → active.

use crate::{RecoveryCode, Secret};

/// How many steps a clock may be off, to either side (RFC 6238 §5.2).
const DRIFT: i64 = 1;

/// What a user has of a second factor. Who has none is not enrolled, as is who is pending.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Credential {
    /// The secret was made, and no code of it was entered yet.
    Pending(Secret),
    /// Enrolled.
    Active {
        /// The secret.
        secret: Secret,
        /// The newest time step whose code was accepted, 0 or more: none up to it is accepted any more.
        last_step: i64,
    },
}

/// What became of an entered code.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Tried {
    /// It is right: the credential as it is from now on, active.
    Accepted(Credential),
    /// It was right once, and is used up; no guess.
    Used,
    /// It is of neither form that codes have; no guess.
    Malformed,
    /// It has the form of a recovery code, which is looked up elsewhere.
    Recovery(RecoveryCode),
    /// It is wrong.
    Wrong,
}

impl Credential {
    /// The secret, enrolled or not.
    pub const fn secret(&self) -> &Secret {
        match self {
            Self::Pending(secret) | Self::Active { secret, .. } => secret,
        }
    }

    /// Whether a code was ever accepted.
    pub const fn is_active(&self) -> bool {
        matches!(self, Self::Active { .. })
    }

    /// Tries what was entered at `now_s`, Unix seconds: the codes of this step and of one to either side, each good once
    /// and none that is older than the newest used. The first right code of a pending credential makes it active.
    pub fn try_code(&self, entered: &str, now_s: i64) -> Tried {
        let secret = self.secret();
        if !is_code(entered, secret.parameters().digits()) {
            return entered.parse().map_or(Tried::Malformed, Tried::Recovery);
        }
        let last_step = match self {
            Self::Pending(_) => i64::MIN,
            Self::Active { last_step, .. } => *last_step,
        };
        let now = secret.step_at(now_s);
        let (mut fresh, mut used) = (None, false);
        // All of them, so that the time does not tell which one it was; the oldest that is still good is used up.
        for step in [now.saturating_add(DRIFT), now, now.saturating_sub(DRIFT)] {
            if secret.is_code_of(entered, step) {
                if step > last_step {
                    fresh = Some(step);
                } else {
                    used = true;
                }
            }
        }
        match fresh {
            Some(step) => Tried::Accepted(Self::Active { secret: secret.clone(), last_step: step }),
            None if used => Tried::Used,
            None => Tried::Wrong,
        }
    }
}

fn is_code(entered: &str, digits: u8) -> bool {
    entered.len() == usize::from(digits) && entered.bytes().all(|byte| byte.is_ascii_digit())
}
