//! Tallies as charts: an hour or a day a bar.

use crate::console::chart::{Chart, Series};
use crate::console::list;
use crate::console::text::{When, count, credits};
use crate::store::tallies::{HOUR_US, Tally};

/// A day in hours.
const DAY: i64 = 24;

/// How far back the charts look.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Range {
    Day,
    Week,
    Month,
}

impl Range {
    pub(super) const ALL: [Self; 3] = [Self::Day, Self::Week, Self::Month];

    pub(super) fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|range| range.name() == name)
    }

    pub(super) fn name(self) -> &'static str {
        self.row().0
    }

    pub(super) fn label(self) -> &'static str {
        self.row().1
    }

    fn row(self) -> (&'static str, &'static str) {
        match self {
            Self::Day => ("24h", "24 hours"),
            Self::Week => ("7d", "7 days"),
            Self::Month => ("30d", "30 days"),
        }
    }

    /// Hours of a bar, and how many bars there are.
    fn bars(self) -> (i64, i64) {
        match self {
            Self::Day => (1, 24),
            Self::Week => (DAY, 7),
            Self::Month => (DAY, 30),
        }
    }

    /// The hour that the first bar begins with: the last one has the present in it.
    pub(super) fn first_hour(self, now_us: i64) -> i64 {
        let (hours, bars) = self.bars();
        let now = now_us.div_euclid(HOUR_US);
        let last = now.saturating_sub(now.rem_euclid(hours));
        last.saturating_sub(bars.saturating_sub(1).saturating_mul(hours))
    }
}

/// Where the transactions of the spent credits are.
pub(super) fn spent_path(range: Range, now_us: i64) -> String {
    let from_us = range.first_hour(now_us).saturating_mul(HOUR_US);
    format!("/console/credits?kind=DEDUCTION&from={}&to={}", list::day(from_us), list::day(now_us))
}

/// Every chart of the range.
pub(super) fn of(tallies: &[(i64, Tally, i64)], range: Range, now_us: i64) -> Vec<Chart> {
    let bars = Bars { tallies, range, first: range.first_hour(now_us) };
    let (requests, refused, failed) =
        (bars.values(&[Tally::Requests]), bars.values(&[Tally::Refused]), bars.values(&[Tally::Failed]));
    let errors = bars.values(&[Tally::Refused, Tally::Failed]);
    let (spent, issued) = (bars.values(&[Tally::Spent]), bars.values(&[Tally::Issued]));
    let (sign_ins, refusals) = (bars.values(&[Tally::SignIns]), bars.values(&[Tally::Refusals]));
    let (active, each) = match range {
        Range::Day => (bars.values(&[Tally::ActiveUsers]), "an hour"),
        Range::Week | Range::Month => (bars.values(&[Tally::ActiveUsersOfDay]), "a day"),
    };
    let most = active.iter().copied().max().unwrap_or(0);
    let of = |name, values| Series { name, values };
    vec![
        bars.chart(
            ("requests", "Signed requests"),
            format!(
                "{}, {} refused, {} failed",
                total(&requests, "request"),
                count(sum(&refused)),
                count(sum(&failed))
            ),
            vec![of("Requests", requests), of("Errors", errors)],
            count,
        ),
        bars.chart(
            ("credits", "Credits"),
            format!("{} spent, {} issued", credits(sum(&spent)), credits(sum(&issued))),
            vec![of("Spent", spent), of("Issued", issued)],
            credits,
        ),
        bars.chart(
            ("active", "Active users"),
            format!("{} at most in {each}", count(most)),
            vec![of("Different users", active)],
            count,
        ),
        bars.chart(
            ("sign-ins", "Sign-ins and refusals"),
            format!("{}, {}", total(&sign_ins, "sign-in"), total(&refusals, "refusal")),
            vec![of("Sign-ins", sign_ins), of("Refusals", refusals)],
            count,
        ),
    ]
}

struct Bars<'t> {
    tallies: &'t [(i64, Tally, i64)],
    range: Range,
    first: i64,
}

impl Bars<'_> {
    /// The sums of each bar.
    fn values(&self, meant: &[Tally]) -> Vec<i64> {
        let (hours, bars) = self.range.bars();
        let sum_of = |bar: i64| {
            let from = self.first.saturating_add(bar.saturating_mul(hours));
            let within = from..from.saturating_add(hours);
            let rows = self.tallies.iter().filter(|(hour, tally, _)| within.contains(hour) && meant.contains(tally));
            rows.fold(0_i64, |sum, (_, _, value)| sum.saturating_add(*value))
        };
        (0..bars).map(sum_of).collect()
    }

    fn chart(
        &self,
        name: (&'static str, &'static str),
        figure: String,
        series: Vec<Series>,
        shown: impl Fn(i64) -> String,
    ) -> Chart {
        let (hours, bars) = self.range.bars();
        let begins = |bar: i64| When(self.first.saturating_add(bar.saturating_mul(hours)).saturating_mul(HOUR_US));
        let label = |bar: i64| if hours == 1 { begins(bar).text() } else { format!("{} (UTC)", begins(bar).day()) };
        let short = |bar: i64| if hours == 1 { begins(bar).clock() } else { begins(bar).day() };
        let labels: Vec<String> = (0..bars).map(label).collect();
        let axis = [short(0), short(bars / 2), short(bars.saturating_sub(1))];
        Chart::new(name, figure, &labels, axis, series, shown)
    }
}

fn sum(values: &[i64]) -> i64 {
    values.iter().fold(0, |sum: i64, value| sum.saturating_add(*value))
}

/// As `1 request`, `2 requests`.
fn total(values: &[i64], one: &str) -> String {
    let sum = sum(values);
    format!("{} {one}{}", count(sum), if sum == 1 { "" } else { "s" })
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: i64 = (100 * 24 + 5) * HOUR_US + 17;

    #[test]
    fn the_last_bar_has_the_present_in_it_and_none_is_left_out() {
        for (range, first, bars) in
            [(Range::Day, 100 * 24 + 5 - 23, 24), (Range::Week, 94 * 24, 7), (Range::Month, 71 * 24, 30)]
        {
            assert_eq!(range.first_hour(NOW), first);
            let now = NOW / HOUR_US;
            let tallies = [
                (first, Tally::Spent, 1),
                (now, Tally::Spent, 10),
                (now, Tally::Issued, 100),
                (first - 1, Tally::Spent, 1000),
            ];
            let values = Bars { tallies: &tallies, range, first }.values(&[Tally::Spent]);
            assert_eq!((values.len(), values[0], values[bars - 1]), (bars, 1, 10));
            assert_eq!(sum(&values), 11);
        }
    }

    #[test]
    fn the_way_to_what_was_spent_is_of_the_days_of_the_charts() {
        let path = spent_path(Range::Week, NOW);
        assert_eq!(path, "/console/credits?kind=DEDUCTION&from=1970-04-05&to=1970-04-11");
        assert_eq!(Range::named("7d"), Some(Range::Week));
        assert_eq!(Range::named("8d"), None);
    }
}
