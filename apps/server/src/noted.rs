//! How often a use is written down: once a minute, by each server.

use std::sync::atomic::{AtomicI64, Ordering};

/// The time between two notes, microseconds.
const EVERY_US: i64 = 60_000_000;

/// When a use was written down last, microseconds since the epoch.
#[derive(Debug)]
pub(crate) struct Noted(AtomicI64);

impl Noted {
    /// `last_us`: as it is stored; none: never.
    pub(crate) fn new(last_us: Option<i64>) -> Self {
        Self(last_us.unwrap_or(i64::MIN).into())
    }

    /// Whether a use at this moment is to be written down: whoever is told so does it.
    pub(crate) fn is_due(&self, now_us: i64) -> bool {
        let last_us = self.0.load(Ordering::Relaxed);
        now_us.saturating_sub(last_us) >= EVERY_US
            && self.0.compare_exchange(last_us, now_us, Ordering::Relaxed, Ordering::Relaxed).is_ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_use_is_due_once_a_minute() {
        let noted = Noted::new(None);
        let due: Vec<i64> = (0..200).filter(|second| noted.is_due(second * 1_000_000)).collect();
        assert_eq!(due, [0, 60, 120, 180]);
        assert!(!Noted::new(Some(1_000_000)).is_due(60_999_999));
    }
}
