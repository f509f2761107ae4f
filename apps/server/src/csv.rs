//! Rows of comma-separated values (RFC 4180), which spreadsheets open as what they are.

/// A cell: what somebody has written, or what is written here.
pub(crate) enum Cell {
    Text(String),
    /// A number, a time or an id: as it is.
    Plain(String),
}

/// One row, with its end.
pub(crate) fn row(cells: impl IntoIterator<Item = Cell>) -> Vec<u8> {
    let cells: Vec<String> = cells.into_iter().map(|cell| quoted(&cell.shown())).collect();
    format!("{}\r\n", cells.join(",")).into_bytes()
}

/// The names of the columns.
pub(crate) fn head(names: &[&str]) -> Vec<u8> {
    row(names.iter().map(|name| Cell::Plain((*name).to_owned())))
}

impl Cell {
    /// A text that a spreadsheet would take for a formula gets an apostrophe in front, which it takes for a text.
    fn shown(self) -> String {
        match self {
            Self::Text(text) if text.starts_with(['=', '+', '-', '@', '\t', '\r', '\n', '＝', '＋', '－', '＠']) => {
                format!("'{text}")
            }
            Self::Text(text) | Self::Plain(text) => text,
        }
    }
}

fn quoted(text: &str) -> String {
    if text.contains(['"', ',', '\r', '\n']) { format!("\"{}\"", text.replace('"', "\"\"")) } else { text.to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cells_are_quoted_and_no_text_is_a_formula() {
        let text = |text: &str| String::from_utf8(row([Cell::Text(text.to_owned())])).unwrap();
        for (given, cell) in [
            ("", ""),
            ("plain text", "plain text"),
            ("a,b", "\"a,b\""),
            ("say \"no\"", "\"say \"\"no\"\"\""),
            ("two\nlines", "\"two\nlines\""),
            ("=1+1", "'=1+1"),
            ("+1", "'+1"),
            ("-1", "'-1"),
            ("@SUM(A1)", "'@SUM(A1)"),
            ("\t=1", "'\t=1"),
            ("\r=1", "\"'\r=1\""),
            ("＝1", "'＝1"),
            ("=HYPERLINK(\"http://evil.example\",\"x\")", "\"'=HYPERLINK(\"\"http://evil.example\"\",\"\"x\"\")\""),
        ] {
            assert_eq!(text(given), format!("{cell}\r\n"), "{given:?}");
        }
        let both = row([Cell::Plain("-5.00".to_owned()), Cell::Text("b".to_owned())]);
        assert_eq!(both, b"-5.00,b\r\n", "a number stays one");
        assert_eq!(head(&["time", "user"]), b"time,user\r\n");
    }
}
