//! How often a user has entered a wrong code in an app, and the lock that follows.

/// When a user is locked, and for how long; the app's setting.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Lockout {
    /// Consecutive wrong codes that lock; 0 counts as 1.
    pub threshold: u32,
    /// How long the lock holds, microseconds.
    pub lock_us: i64,
}

/// The attempts of one user in one app. Counted for each app, so that one app cannot lock a user out of the others.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Attempts {
    /// Codes are looked at.
    Open {
        /// Consecutive wrong codes so far, fewer than the threshold.
        failures: u32,
    },
    /// No code is looked at.
    Locked {
        /// When the lock is over, Unix microseconds: from then on the count is 0.
        until_us: i64,
    },
}

impl Attempts {
    /// None was wrong so far.
    pub const NONE: Self = Self::Open { failures: 0 };

    /// As it is at this moment: a lock that is over is none.
    #[must_use]
    pub const fn at(self, now_us: i64) -> Self {
        match self {
            Self::Locked { until_us } if until_us <= now_us => Self::NONE,
            other => other,
        }
    }

    /// Whether the lock holds at this moment.
    pub const fn is_locked(self, now_us: i64) -> bool {
        matches!(self.at(now_us), Self::Locked { .. })
    }

    /// After one more wrong code. While the lock holds nothing is looked at, and nothing changes.
    #[must_use]
    pub const fn failed(self, lockout: Lockout, now_us: i64) -> Self {
        match self.at(now_us) {
            Self::Open { failures } => {
                let failures = failures.saturating_add(1);
                if failures < lockout.threshold {
                    Self::Open { failures }
                } else {
                    Self::Locked { until_us: now_us.saturating_add(lockout.lock_us) }
                }
            }
            locked @ Self::Locked { .. } => locked,
        }
    }
}
