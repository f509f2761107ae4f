//! Values as people read them.

use time::OffsetDateTime;

use crate::statement::timestamp;

/// A moment: shown as `24 Nov 2026, 14:03 UTC`, and for programs as RFC 3339.
#[derive(Clone, Copy, Debug)]
pub(super) struct When(pub(super) i64);

impl When {
    fn moment(self) -> OffsetDateTime {
        let nanos = i128::from(self.0).saturating_mul(1000);
        OffsetDateTime::from_unix_timestamp_nanos(nanos).unwrap_or(OffsetDateTime::UNIX_EPOCH)
    }

    /// To the minute.
    pub(super) fn text(self) -> String {
        format!("{} {}, {} UTC", self.day(), self.moment().year(), self.clock())
    }

    /// The day alone.
    pub(super) fn day(self) -> String {
        let (_, month, day) = self.moment().to_calendar_date();
        // The names of months that `time` has are English.
        format!("{day} {}", month.to_string().chars().take(3).collect::<String>())
    }

    /// The time of the day.
    pub(super) fn clock(self) -> String {
        let (hour, minute, _) = self.moment().to_hms();
        format!("{hour:02}:{minute:02}")
    }
}

/// As an element, ready to be put into a page.
impl std::fmt::Display for When {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(formatter, "<time datetime=\"{}\">{}</time>", timestamp(self.0), self.text())
    }
}

impl askama::filters::HtmlSafe for When {}

/// A count with its thousands apart: `1 234 567`, by spaces that do not break.
pub(super) fn count(number: i64) -> String {
    let digits = number.unsigned_abs().to_string();
    let mut grouped = String::with_capacity(digits.len().saturating_mul(2));
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && digits.len().saturating_sub(at).is_multiple_of(3) {
            grouped.push('\u{202f}');
        }
        grouped.push(digit);
    }
    if number < 0 { format!("−{grouped}") } else { grouped }
}

/// Credits, given in millionths, with two to six decimals: `1 234.50`.
pub(super) fn credits(micros: i64) -> String {
    let (whole, rest) = (micros.unsigned_abs() / 1_000_000, micros.unsigned_abs() % 1_000_000);
    let mut decimals = format!("{rest:06}");
    while decimals.len() > 2 && decimals.ends_with('0') {
        decimals.pop();
    }
    let sign = if micros < 0 { "−" } else { "" };
    format!("{sign}{}.{decimals}", count(i64::try_from(whole).unwrap_or(i64::MAX)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn moments_and_counts_are_shown_as_people_write_them() {
        let when = When(1_795_788_239_000_000);
        assert_eq!(when.text(), "27 Nov 2026, 14:03 UTC");
        assert_eq!((when.day().as_str(), when.clock().as_str()), ("27 Nov", "14:03"));
        let element = "<time datetime=\"2026-11-27T14:03:59Z\">27 Nov 2026, 14:03 UTC</time>";
        assert_eq!(when.to_string(), element);
        for (number, text) in [(0, "0"), (999, "999"), (1000, "1\u{202f}000"), (-1_234_567, "−1\u{202f}234\u{202f}567")]
        {
            assert_eq!(count(number), text);
        }
        for (micros, text) in [
            (0, "0.00"),
            (1_234_500_000, "1\u{202f}234.50"),
            (-1, "−0.000001"),
            (i64::MIN, "−9\u{202f}223\u{202f}372\u{202f}036\u{202f}854.775808"),
        ] {
            assert_eq!(credits(micros), text);
        }
    }
}
