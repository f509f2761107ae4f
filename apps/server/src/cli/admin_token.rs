//! `osaycore admin-token`

use std::str::FromStr;

use clap::{Args, Subcommand};
use osaycore_directory::{AdminScope, Name};
use serde::Serialize;

use super::output::{fields, optional, table, timestamp};
use super::session::Session;
use crate::admin::admin_tokens;
use crate::store::admin_tokens::{AdminToken as Kept, list};

#[derive(Subcommand)]
pub(super) enum AdminToken {
    /// Make a token that opens the admin API; prints it, once
    Create(Create),
    /// List the tokens, without what opens
    List,
    /// Remove a token: servers refuse it within a second
    Remove {
        /// Number or name
        #[arg(value_name = "TOKEN")]
        token: String,
    },
}

#[derive(Args)]
pub(super) struct Create {
    /// For people to tell tokens apart by, unique within the tenant; the audit trail shows it
    #[arg(long)]
    name: Name,
    /// With commas between them: `apps`, `users`, `credits`, `flags` or `settings`, each with `:read` or `:write`, and
    /// `audit:read`
    #[arg(long, value_delimiter = ',', required = true, value_name = "SCOPES")]
    scopes: Vec<AdminScope>,
    /// How long it is good, as in 12h, 30d or 52w [default: until it is removed]
    #[arg(long, value_name = "TIME")]
    expires_in: Option<Duration>,
}

/// Seconds, written as a number and `s`, `m`, `h`, `d` or `w`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Duration(i64);

#[derive(Serialize)]
struct Made {
    admin_token: String,
    #[serde(flatten)]
    row: Row,
}

#[derive(Serialize)]
struct Row {
    id: i64,
    name: String,
    scopes: Vec<&'static str>,
    creator: String,
    created_at: String,
    expires_at: Option<String>,
    /// To the minute.
    last_used_at: Option<String>,
}

impl AdminToken {
    pub(super) fn run(self, session: &Session) -> anyhow::Result<()> {
        match self {
            Self::Create(create) => create.run(session),
            Self::List => {
                let rows: Vec<Row> = session.read(|tx| Ok(list(tx)?))?.into_iter().map(Row::of).collect();
                session.output.show(&rows, || {
                    let header = ["id", "name", "scopes", "creator", "expires", "last used"];
                    table(&header, &rows.iter().map(Row::cells).collect::<Vec<_>>())
                })
            }
            Self::Remove { token } => {
                let removed = session.write(|tx, by| admin_tokens::remove(tx, by, &token))?;
                let row = Row::of(removed);
                session
                    .output
                    .show(&row, || format!("admin token {} is removed; servers refuse it within a second", row.name))
            }
        }
    }
}

impl Create {
    fn run(self, session: &Session) -> anyhow::Result<()> {
        let (scopes, expires_in_s) = (self.scopes.into(), self.expires_in.map(|duration| duration.0));
        let (token, admin_token) =
            session.write(|tx, by| admin_tokens::create(tx, by, &self.name, &scopes, expires_in_s))?;
        let made = Made { admin_token, row: Row::of(token) };
        session.output.show(&made, || {
            fields(&[
                ("admin_token", made.admin_token.clone()),
                ("id", made.row.id.to_string()),
                ("name", made.row.name.clone()),
                ("scopes", made.row.scopes.join(" ")),
                ("expires_at", optional(made.row.expires_at.as_ref())),
            ])
        })?;
        session.output.note("the token is shown this once; keep it");
        Ok(())
    }
}

impl Row {
    fn of(token: Kept) -> Self {
        Self {
            id: token.id,
            name: token.name.into(),
            scopes: token.scopes.iter().map(|scope| scope.as_str()).collect(),
            creator: token.creator,
            created_at: timestamp(token.created_at_us),
            expires_at: token.expires_at_us.map(timestamp),
            last_used_at: token.last_used_at_us.map(timestamp),
        }
    }

    fn cells(&self) -> Vec<String> {
        vec![
            self.id.to_string(),
            self.name.clone(),
            self.scopes.join(" "),
            self.creator.clone(),
            optional(self.expires_at.as_ref()),
            optional(self.last_used_at.as_ref()),
        ]
    }
}

impl FromStr for Duration {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        const EXPECTED: &str = "a number and s, m, h, d or w, as in 30d; at most 100 years";
        const LONGEST_S: i64 = 100 * 365 * 86_400;
        let unit_s = match text.chars().last() {
            Some('s') => 1,
            Some('m') => 60,
            Some('h') => 3600,
            Some('d') => 86_400,
            Some('w') => 604_800,
            _ => return Err(EXPECTED),
        };
        let digits = text.trim_end_matches(|unit: char| unit.is_ascii_alphabetic());
        let is_number =
            digits.len().saturating_add(1) == text.len() && digits.bytes().all(|byte| byte.is_ascii_digit());
        let number: Option<i64> = digits.parse().ok().filter(|_| is_number);
        let seconds = number.and_then(|number| number.checked_mul(unit_s));
        seconds.filter(|seconds| (1..=LONGEST_S).contains(seconds)).map(Self).ok_or(EXPECTED)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_are_read_and_odd_ones_refused() {
        for (text, seconds) in [("1s", 1), ("90m", 5400), ("12h", 43_200), ("30d", 2_592_000), ("52w", 31_449_600)] {
            assert_eq!(text.parse(), Ok(Duration(seconds)), "{text}");
        }
        for text in ["", "d", "0d", "-1d", "+1d", "1", "1dd", "1 d", "1.5h", "101y", "99999999999999999999d", "6000w"] {
            assert!(text.parse::<Duration>().is_err(), "{text}");
        }
    }
}
