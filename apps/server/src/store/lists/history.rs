//! Where a time is among numbers that count up with it.

use crate::store::db::StoreError;

/// By so much the clocks of servers may differ, and a transaction may take: the number of a later time is above, but for
/// what lies closer together than this.
const SLACK_US: i64 = 600_000_000;

/// A number from 1 to `last` with which nothing that is older than `until_us` is missed by whoever looks at the lower ones:
/// all above it are younger. `time_at` tells the time of a number.
pub(super) fn upper_bound(
    last: i64,
    until_us: i64,
    mut time_at: impl FnMut(i64) -> Result<Option<i64>, StoreError>,
) -> Result<i64, StoreError> {
    let until_us = until_us.saturating_add(SLACK_US);
    let (mut low, mut high) = (0, last);
    // Everything above `high` is too young; `low` is not, or is nothing.
    while low < high {
        let middle = high.saturating_sub(high.saturating_sub(low) / 2);
        match time_at(middle)? {
            Some(at_us) if at_us >= until_us => high = middle.saturating_sub(1),
            _ => low = middle,
        }
    }
    Ok(high)
}

/// Whether nothing below a number of this time is as young as `from_us`.
pub(super) fn is_before(at_us: i64, from_us: Option<i64>) -> bool {
    from_us.is_some_and(|from_us| at_us < from_us.saturating_sub(SLACK_US))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_above_is_too_young_and_not_much_below() {
        let minute = 60_000_000;
        for last in [0, 1, 2, 99, 1000] {
            for until in [0, 1, 500, 1001] {
                let mut asked = 0;
                let bound = upper_bound(last, until * minute, |n| {
                    asked += 1;
                    Ok(Some(n * minute))
                });
                assert_eq!(bound.unwrap(), (until + 9).min(last), "{last} {until}");
                assert!(asked <= 11);
            }
        }
    }
}
