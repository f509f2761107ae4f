//! [`Account`]: what one user's wallet adds up to.

use crate::Credits;

/// A wallet: one per user of a tenant, shared by its apps. Always `balance = lifetime_earned − lifetime_spent`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Account {
    /// Its id, the user's.
    pub id: i64,
    /// What can be spent, before the floor; negative where an overdraft was used.
    pub balance: Credits,
    /// All that was ever added; not negative.
    pub lifetime_earned: Credits,
    /// All that was ever deducted; not negative.
    pub lifetime_spent: Credits,
    /// What no deduction may take the balance below: 0 as a rule, negative an overdraft, positive a reserve.
    pub floor: Credits,
    /// How many entries it has; the next one's sequence is one more.
    pub entries: i64,
}

impl Account {
    /// An account without entries, with floor 0.
    pub const fn new(id: i64) -> Self {
        Self {
            id,
            balance: Credits::ZERO,
            lifetime_earned: Credits::ZERO,
            lifetime_spent: Credits::ZERO,
            floor: Credits::ZERO,
            entries: 0,
        }
    }
}
