//! The rows of the table. One more row is one more entry here and a function that measures it.

mod checks;
mod console;
mod context;
mod deductions;
mod flags;
mod footprint;
mod growth;
mod traces;

use crate::bench::Bench;
use crate::measure::Figure;

/// What is compared with what.
#[derive(Debug)]
pub(crate) struct Row {
    /// Its number for ever: those that are not here yet keep theirs. One that is measured on both databases has two
    /// rows.
    pub(crate) number: u8,
    pub(crate) work: &'static str,
    pub(crate) reference: &'static str,
    pub(crate) goal: Goal,
    pub(crate) needs: Needs,
    pub(crate) measure: fn(&mut Bench) -> anyhow::Result<Measured>,
}

/// What a row cannot be measured without.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Needs {
    Nothing,
    /// Its own database is SQLite.
    Server,
    /// A server on PostgreSQL.
    Postgres,
}

/// What came of it.
#[derive(Debug)]
pub(crate) struct Measured {
    pub(crate) ours: Figure,
    pub(crate) reference: Option<Figure>,
    /// What the figures alone would not tell.
    pub(crate) note: Option<String>,
}

/// When a row is met.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Goal {
    /// Ours ÷ reference.
    RatioAtLeast(f64),
    /// Ours ÷ reference.
    RatioAtMost(f64),
    /// Reference ÷ ours, of times.
    #[cfg_attr(not(feature = "engines"), expect(dead_code, reason = "rows 7 and 8 have it"))]
    TimesFaster(f64),
    /// Ours, where there is no reference, in the unit of the figure.
    AtMost(f64, &'static str),
}

impl Goal {
    /// What the goal is about, of ours and the reference's figure.
    pub(crate) fn ratio(&self, ours: f64, reference: f64) -> f64 {
        if let Self::TimesFaster(_) = self { reference / ours } else { ours / reference }
    }

    /// `ratio` is the one that the goal is about, `ours` the figure itself.
    pub(crate) fn met(&self, ratio: Option<f64>, ours: f64) -> bool {
        match self {
            Self::RatioAtLeast(goal) | Self::TimesFaster(goal) => ratio.is_some_and(|ratio| ratio >= *goal),
            Self::RatioAtMost(goal) => ratio.is_some_and(|ratio| ratio <= *goal),
            Self::AtMost(goal, _) => ours <= *goal,
        }
    }
}

/// Rows 7 and 8 need the feature `engines`, which `cargo xtask bench` turns on.
pub(crate) const ROWS: &[Row] = &[
    Row {
        number: 1,
        work: "deductions, 64 connections",
        reference: "protocol ceiling",
        goal: Goal::RatioAtLeast(0.5),
        needs: Needs::Server,
        measure: deductions::against_ceiling,
    },
    Row {
        number: 2,
        work: "deductions, 64 connections",
        reference: "one raw SQLite transaction each",
        goal: Goal::RatioAtLeast(5.0),
        needs: Needs::Server,
        measure: deductions::against_raw_sqlite,
    },
    Row {
        number: 3,
        work: "deductions on PostgreSQL, 64 connections",
        reference: "pgbench, 16 clients, one statement each",
        goal: Goal::RatioAtLeast(4.0),
        needs: Needs::Postgres,
        measure: deductions::against_pgbench,
    },
    Row {
        number: 4,
        work: "deductions, one hot account",
        reference: "the same over all accounts",
        goal: Goal::RatioAtLeast(0.9),
        needs: Needs::Server,
        measure: deductions::one_hot_account,
    },
    Row {
        number: 5,
        work: "deduction p50, 1 connection",
        reference: "one raw durable SQLite commit",
        goal: Goal::RatioAtMost(1.5),
        needs: Needs::Server,
        measure: deductions::latency,
    },
    Row {
        number: 6,
        work: "user/context, 64 connections",
        reference: "protocol ceiling of a GET",
        goal: Goal::RatioAtLeast(0.6),
        needs: Needs::Server,
        measure: context::against_ceiling,
    },
    #[cfg(feature = "engines")]
    Row {
        number: 7,
        work: "one flag of five rules, in process",
        reference: "unleash-yggdrasil, is_enabled",
        goal: Goal::TimesFaster(5.0),
        needs: Needs::Nothing,
        measure: flags::one_flag,
    },
    #[cfg(feature = "engines")]
    Row {
        number: 8,
        work: "100 flags of five rules for one user, in process",
        reference: "unleash-yggdrasil, resolve_all",
        goal: Goal::TimesFaster(15.0),
        needs: Needs::Nothing,
        measure: flags::every_flag,
    },
    Row {
        number: 9,
        work: "request signature check, in process",
        reference: "the hmac crate on the same bytes",
        goal: Goal::RatioAtMost(1.2),
        needs: Needs::Nothing,
        measure: checks::signature,
    },
    Row {
        number: 10,
        work: "token check, in process",
        reference: "jsonwebtoken::decode",
        goal: Goal::RatioAtMost(1.1),
        needs: Needs::Nothing,
        measure: checks::token,
    },
    Row {
        number: 11,
        work: "deductions, 10 million entries stored, SQLite",
        reference: "the same with 10 thousand",
        goal: Goal::RatioAtLeast(0.8),
        needs: Needs::Server,
        measure: growth::on_sqlite,
    },
    Row {
        number: 11,
        work: "deductions, 10 million entries stored, PostgreSQL",
        reference: "the same with 10 thousand",
        goal: Goal::RatioAtLeast(0.8),
        needs: Needs::Postgres,
        measure: growth::on_postgres,
    },
    Row {
        number: 12,
        work: "peak resident memory, 100,000 users, row 1's load",
        reference: "–",
        goal: Goal::AtMost(128.0, "MiB"),
        needs: Needs::Server,
        measure: footprint::memory,
    },
    Row {
        number: 13,
        work: "start to first answer, migrated database",
        reference: "–",
        goal: Goal::AtMost(150.0, "ms"),
        needs: Needs::Server,
        measure: footprint::start,
    },
    Row {
        number: 14,
        work: "a flag with a list of 10,000 users, in process",
        reference: "with a list of 10",
        goal: Goal::RatioAtMost(1.2),
        needs: Needs::Nothing,
        measure: flags::list,
    },
    Row {
        number: 15,
        work: "a page of the console's lists, a million rows",
        reference: "with 1,000 users of 60 entries",
        goal: Goal::RatioAtMost(2.0),
        needs: Needs::Server,
        measure: console::lists,
    },
    Row {
        number: 16,
        work: "the console's first screen, a million rows stored",
        reference: "–",
        goal: Goal::AtMost(100.0, "ms"),
        needs: Needs::Server,
        measure: console::first_screen,
    },
    Row {
        number: 17,
        work: "deductions, 64 connections, 1 % of them traced",
        reference: "none traced",
        goal: Goal::RatioAtLeast(0.95),
        needs: Needs::Server,
        measure: traces::some,
    },
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_goal_is_met_at_its_bound() {
        assert!(Goal::RatioAtLeast(0.5).met(Some(0.5), 0.0));
        assert!(!Goal::RatioAtLeast(0.5).met(Some(0.49), 1.0));
        assert!(!Goal::RatioAtLeast(0.5).met(None, 1.0));
        assert!(Goal::RatioAtMost(1.2).met(Some(1.2), 9.0));
        assert!(!Goal::RatioAtMost(1.2).met(Some(1.21), 0.0));
        assert!(Goal::AtMost(128.0, "MiB").met(None, 128.0));
        assert!(!Goal::AtMost(128.0, "MiB").met(None, 128.1));
    }

    #[test]
    fn rows_are_in_order_and_numbered_once_for_a_database() {
        assert!(ROWS.iter().map(|row| (row.number, row.needs)).is_sorted_by(|a, b| a < b));
    }
}
