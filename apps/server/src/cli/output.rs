//! What commands print: one JSON value, or short aligned text.

use std::io::{ErrorKind, Write as _};
use std::time::Duration;

use indicatif::{ProgressBar, ProgressStyle};
use serde::Serialize;
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

pub(super) use crate::statement::timestamp;

/// How the command was asked to answer.
#[derive(Clone, Copy, Debug)]
pub(super) struct Output {
    pub(super) json: bool,
}

impl Output {
    /// Prints the answer: as JSON and nothing else where that was asked for.
    pub(super) fn show(self, answer: &impl Serialize, text: impl FnOnce() -> String) -> anyhow::Result<()> {
        if self.json { print(&serde_json::to_string(answer)?) } else { print(&text()) }
    }

    /// What a person wants to know and a program does not.
    pub(super) fn note(self, text: &str) {
        if !self.json {
            tell(text);
        }
    }
}

/// A line, or several, on standard output. A reader that went away (`| head`) is no fault.
pub(super) fn print(text: &str) -> anyhow::Result<()> {
    print_bytes(format!("{text}\n").as_bytes())
}

/// The same for what ends its lines itself.
pub(super) fn print_bytes(bytes: &[u8]) -> anyhow::Result<()> {
    let mut stdout = std::io::stdout().lock();
    match stdout.write_all(bytes).and_then(|()| stdout.flush()) {
        Err(error) if error.kind() != ErrorKind::BrokenPipe => Err(error.into()),
        _ => Ok(()),
    }
}

/// A line on standard error, where somebody reads it: that nobody does changes nothing about the command.
pub(super) fn tell(text: &str) {
    let _ = writeln!(std::io::stderr().lock(), "{text}");
}

/// Rows under a header, columns aligned.
pub(super) fn table(header: &[&str], rows: &[Vec<String>]) -> String {
    let header: Vec<String> = header.iter().map(|name| name.to_uppercase()).collect();
    columns(std::iter::once(&header).chain(rows)).join("\n")
}

/// A line for each row, columns aligned.
pub(super) fn columns<'r>(rows: impl IntoIterator<Item = &'r Vec<String>>) -> Vec<String> {
    let rows: Vec<&Vec<String>> = rows.into_iter().collect();
    let count = rows.iter().map(|row| row.len()).max().unwrap_or(0);
    let width = |column: usize| {
        rows.iter().filter_map(|row| row.get(column)).map(|cell| cell.chars().count()).max().unwrap_or(0)
    };
    let widths: Vec<usize> = (0..count).map(width).collect();
    let line = |row: &Vec<String>| {
        let cells: Vec<String> = row.iter().zip(&widths).map(|(cell, width)| format!("{cell:width$}")).collect();
        cells.join("  ").trim_end().to_owned()
    };
    rows.into_iter().map(line).collect()
}

/// Names with their values, aligned.
pub(super) fn fields(pairs: &[(&str, String)]) -> String {
    let width = pairs.iter().map(|(name, _)| name.len()).max().unwrap_or(0);
    let line = |(name, value): &(&str, String)| format!("{name:width$}  {value}").trim_end().to_owned();
    pairs.iter().map(line).collect::<Vec<_>>().join("\n")
}

/// A value that may be absent.
pub(super) fn optional<T: ToString>(value: Option<T>) -> String {
    value.map_or_else(|| "-".to_owned(), |value| value.to_string())
}

/// A time on the command line: RFC 3339, or a date, which begins at 00:00 UTC. Microseconds since the epoch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Time(pub(super) i64);

impl std::str::FromStr for Time {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        OffsetDateTime::parse(text, &Rfc3339)
            .or_else(|_| OffsetDateTime::parse(&format!("{text}T00:00:00Z"), &Rfc3339))
            .ok()
            .and_then(|time| i64::try_from(time.unix_timestamp_nanos().div_euclid(1000)).ok())
            .map(Self)
            .ok_or_else(|| "not a time like 2026-01-31T12:00:00Z or a date like 2026-01-31".to_owned())
    }
}

/// A bar over so many steps, on a terminal only.
pub(super) fn bar(steps: u64, what: &'static str) -> ProgressBar {
    let style = ProgressStyle::with_template("{msg} {wide_bar} {pos}/{len} {eta}");
    ProgressBar::new(steps).with_style(style.unwrap_or_else(|_| ProgressStyle::default_bar())).with_message(what)
}

/// A sign of life, on a terminal only.
pub(super) fn spinner(what: &'static str) -> ProgressBar {
    let spinner = ProgressBar::new_spinner().with_message(what);
    spinner.enable_steady_tick(Duration::from_millis(100));
    spinner
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_are_aligned_by_characters() {
        let rows = [vec!["é".to_owned(), "1".to_owned()], vec!["long".to_owned(), String::new()]];
        assert_eq!(table(&["name", "id"], &rows), "NAME  ID\né     1\nlong");
        assert_eq!(fields(&[("a", "1".to_owned()), ("long", "2".to_owned())]), "a     1\nlong  2");
    }

    #[test]
    fn times_are_read_and_written() {
        assert_eq!("1970-01-02".parse(), Ok(Time(86_400_000_000)));
        assert_eq!("1970-01-01T01:00:00+01:00".parse(), Ok(Time(0)));
        assert_eq!(timestamp(1_500_000), "1970-01-01T00:00:01.5Z");
        assert!("yesterday".parse::<Time>().is_err());
    }
}
