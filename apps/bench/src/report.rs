//! The table, the JSON and the progress bars. The table is Markdown: `docs/performance.md` takes it as it is.

use std::fmt::Write as _;
use std::time::Duration;

use indicatif::{ProgressBar, ProgressStyle};
use serde_json::json;

use crate::machine::Machine;
use crate::measure::{Extent, Figure, Unit};
use crate::picture::Curve;
use crate::rows::{Goal, Measured, Row};

/// A row that was measured.
#[derive(Debug)]
pub(crate) struct Line {
    row: &'static Row,
    measured: Measured,
}

impl Line {
    pub(crate) fn new(row: &'static Row, measured: Measured) -> Self {
        Self { row, measured }
    }

    fn ratio(&self) -> Option<f64> {
        Some(self.row.goal.ratio(self.measured.ours.value, self.measured.reference.as_ref()?.value))
    }

    /// The least and the most that a round against its neighbour gave: how far to trust the ratio.
    fn spread(&self) -> Option<(f64, f64)> {
        let reference = self.measured.reference.as_ref()?;
        let ratios = self.measured.ours.rounds.iter().zip(&reference.rounds);
        let ratios = ratios.map(|(ours, reference)| self.row.goal.ratio(*ours, *reference));
        let (least, most) =
            ratios.fold((f64::INFINITY, 0.0_f64), |(least, most), ratio| (least.min(ratio), most.max(ratio)));
        (self.measured.ours.rounds.len() > 1).then_some((least, most))
    }

    fn met(&self) -> bool {
        self.row.goal.met(self.ratio(), self.measured.ours.value)
    }
}

/// All lines, as Markdown.
pub(crate) fn table(machine: &Machine, extent: &Extent, lines: &[Line]) -> String {
    let header = ["#", "work", "ours", "reference", "", "ratio (rounds)", "goal", ""].map(str::to_owned);
    let mut cells = vec![header];
    cells.extend(lines.iter().map(|line| {
        let Measured { ours, reference, .. } = &line.measured;
        let ratio = match (line.ratio(), line.spread()) {
            (Some(ratio), Some((least, most))) => format!("{ratio:.2} ({least:.2}–{most:.2})"),
            (Some(ratio), None) => format!("{ratio:.2}"),
            _ => "–".to_owned(),
        };
        [
            line.row.number.to_string(),
            line.row.work.to_owned(),
            figure(ours),
            line.row.reference.to_owned(),
            reference.as_ref().map_or_else(|| "–".to_owned(), figure),
            ratio,
            line.row.goal.to_string(),
            if line.met() { "met" } else { "**not met**" }.to_owned(),
        ]
    }));
    let mut text = format!(
        "{} cores, {}, {} GiB, Linux {}, {}; {} rounds of {:?} on each side by turns, {} users\n\n",
        machine.cores,
        machine.cpu,
        machine.memory_gib,
        machine.kernel,
        machine.disk,
        extent.rounds,
        extent.round,
        extent.users,
    );
    text.push_str(&aligned(&cells));
    for line in lines {
        if let Some(note) = &line.measured.note {
            let _ = writeln!(text, "\nRow {}: {note}", line.row.number);
        }
    }
    text
}

/// Everything, for machines.
pub(crate) fn json(machine: &Machine, extent: &Extent, lines: &[Line], curves: &[Curve]) -> serde_json::Value {
    let rows: Vec<serde_json::Value> = lines
        .iter()
        .map(|line| {
            json!({
                "row": line.row.number,
                "work": line.row.work,
                "reference_work": line.row.reference,
                "ours": line.measured.ours,
                "reference": line.measured.reference,
                "ratio": line.ratio(),
                "goal": line.row.goal.to_string(),
                "met": line.met(),
                "note": line.measured.note,
            })
        })
        .collect();
    json!({ "machine": machine, "extent": extent, "rows": rows, "picture": curves })
}

/// `1, 2, 4`.
pub(crate) fn numbers(rows: &[Row]) -> String {
    let mut numbers: Vec<u8> = rows.iter().map(|row| row.number).collect();
    numbers.dedup();
    numbers.iter().map(u8::to_string).collect::<Vec<_>>().join(", ")
}

/// Of the rows; hidden where standard error is no terminal, as every bar is.
pub(crate) fn rows_bar(rows: usize) -> ProgressBar {
    bar(rows, "row {pos}/{len} {wide_bar} {elapsed} {msg}")
}

/// Of a preparation.
pub(crate) fn steps_bar(steps: usize, what: &'static str) -> ProgressBar {
    bar(steps, "{msg} {wide_bar} {pos}/{len} {eta}").with_message(what)
}

fn bar(length: usize, template: &str) -> ProgressBar {
    let bar = ProgressBar::new(u64::try_from(length).unwrap_or(u64::MAX));
    if let Ok(style) = ProgressStyle::with_template(template) {
        bar.set_style(style);
    }
    bar.enable_steady_tick(Duration::from_millis(250));
    bar
}

fn figure(figure: &Figure) -> String {
    let value = figure.value;
    match figure.unit {
        Unit::PerSecond => format!("{}/s", thousands(value)),
        Unit::Microseconds => format!("{} µs", thousands(value)),
        Unit::Nanoseconds => format!("{} ns", thousands(value)),
        Unit::Milliseconds => format!("{value:.1} ms"),
        Unit::Mebibytes => format!("{value:.1} MiB"),
    }
}

/// `12,345`.
pub(crate) fn thousands(value: f64) -> String {
    let digits = format!("{value:.0}");
    let mut text = String::new();
    for (index, digit) in digits.chars().enumerate() {
        let left = digits.len().saturating_sub(index);
        if index > 0 && left % 3 == 0 {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

fn aligned<const N: usize>(cells: &[[String; N]]) -> String {
    let widths: [usize; N] = std::array::from_fn(|column| {
        let width = |row: &[String; N]| row.get(column).map_or(0, |cell| cell.chars().count());
        cells.iter().map(width).max().unwrap_or(0)
    });
    let mut text = String::new();
    for (index, row) in cells.iter().enumerate() {
        for (cell, width) in row.iter().zip(widths) {
            let _ = write!(text, "| {cell:width$} ");
        }
        text.push_str("|\n");
        if index == 0 {
            for width in widths {
                let _ = write!(text, "|{}", "-".repeat(width.saturating_add(2)));
            }
            text.push_str("|\n");
        }
    }
    text
}

impl std::fmt::Display for Goal {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::RatioAtLeast(ratio) => write!(formatter, "≥ {ratio}"),
            Self::TimesFaster(times) => write!(formatter, "≥ {times} × faster"),
            Self::RatioAtMost(ratio) => write!(formatter, "≤ {ratio}"),
            Self::AtMost(value, unit) => write!(formatter, "≤ {value} {unit}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn thousands_are_parted() {
        for (value, text) in [(0.4, "0"), (999.0, "999"), (1_000.0, "1,000"), (1_234_567.0, "1,234,567")] {
            assert_eq!(thousands(value), text);
        }
    }

    #[test]
    fn columns_are_as_wide_as_their_widest_cell() {
        let cells = [["a".to_owned(), "µs".to_owned()], ["long".to_owned(), "b".to_owned()]];
        assert_eq!(aligned(&cells), "| a    | µs |\n|------|----|\n| long | b  |\n");
    }
}
