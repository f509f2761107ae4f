//! The SQL of `migrations/` as the rules want to see it: what each statement declares, with lines.
//!
//! Read is what our migrations are written in, one column or constraint a comma; not SQL in general.

use crate::source::{is_word, numbered};

/// One statement, without comments and the contents of strings.
#[derive(Debug)]
pub struct Statement {
    /// Where it begins, from 1.
    pub line: usize,
    /// The text, as long and with the same newlines as it stands in the file.
    pub text: String,
}

/// A column of a CREATE TABLE or ALTER TABLE … ADD COLUMN.
#[derive(Debug)]
pub struct Column {
    /// Where it stands.
    pub line: usize,
    /// Its name.
    pub name: String,
    /// The word after the name.
    pub type_name: String,
    /// All of it.
    pub text: String,
}

/// A primary key, a UNIQUE constraint or a unique index.
#[derive(Debug)]
pub struct Key {
    /// Where it stands.
    pub line: usize,
    /// Its columns, in order.
    pub columns: Vec<String>,
    /// What follows WHERE, of a partial index.
    pub condition: String,
}

/// What one statement declares of a table.
#[derive(Debug)]
pub struct Table {
    /// Where the statement begins.
    pub line: usize,
    /// The table's name.
    pub name: String,
    /// Columns that it gets.
    pub columns: Vec<Column>,
    /// Keys that it gets.
    pub keys: Vec<Key>,
}

/// The statements of a file.
pub fn statements(text: &str) -> Vec<Statement> {
    let code = code(text);
    let mut found = Vec::new();
    let mut line = 1_usize;
    for part in code.split(';') {
        let begins = line.saturating_add(newlines(leading_space(part)));
        if !part.trim().is_empty() {
            found.push(Statement { line: begins, text: part.trim_start().to_owned() });
        }
        line = line.saturating_add(newlines(part));
    }
    found
}

/// What a statement declares of a table; none where it does something else.
pub fn table(statement: &Statement) -> Option<Table> {
    let text = statement.text.as_str();
    let words: Vec<&str> = words(text).collect();
    match words.as_slice() {
        ["CREATE", "TABLE", ..] => {
            let (head, body) = parenthesised(text)?;
            let mut table = empty(statement, words_of(head).last()?);
            for (offset, item) in items(body) {
                let line = statement.line.saturating_add(newlines(head)).saturating_add(offset);
                add(&mut table, line, item);
            }
            Some(table)
        }
        ["ALTER", "TABLE", name, "ADD", "COLUMN", ..] => {
            let mut table = empty(statement, name);
            let (_, item) = text.split_once("COLUMN")?;
            add(&mut table, statement.line, item.trim());
            Some(table)
        }
        ["CREATE", "UNIQUE", "INDEX", ..] => {
            let (head, columns) = parenthesised(text)?;
            let mut table = empty(statement, words_of(head).last()?);
            let condition = text.split_once("WHERE").map_or("", |(_, condition)| condition).to_owned();
            table.keys.push(Key { line: statement.line, columns: names(columns), condition });
            Some(table)
        }
        _ => None,
    }
}

fn empty(statement: &Statement, name: &str) -> Table {
    Table { line: statement.line, name: name.to_owned(), columns: Vec::new(), keys: Vec::new() }
}

/// One column or constraint of a table.
fn add(table: &mut Table, line: usize, item: &str) {
    let mut words = item.split_whitespace();
    let (first, second) = (words.next().unwrap_or_default(), words.next().unwrap_or_default());
    let key = |columns| Key { line, columns, condition: String::new() };
    match first {
        "PRIMARY" | "UNIQUE" | "CONSTRAINT" if item.contains("KEY") || item.contains("UNIQUE") => {
            table.keys.extend(parenthesised(item).map(|(_, columns)| key(names(columns))));
        }
        "FOREIGN" | "CHECK" | "CONSTRAINT" | "EXCLUDE" | "LIKE" => {}
        name => {
            if item.contains("PRIMARY KEY") || item.contains("UNIQUE") {
                table.keys.push(key(vec![name.to_owned()]));
            }
            let (name, type_name, text) = (name.to_owned(), second.to_owned(), item.to_owned());
            table.columns.push(Column { line, name, type_name, text });
        }
    }
}

/// `text` with comments and the contents of strings blanked; newlines stay.
pub fn code(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let (mut in_string, mut in_comment, mut previous) = (false, false, ' ');
    for c in text.chars() {
        match c {
            '\n' => in_comment = false,
            '\'' if !in_comment => in_string = !in_string,
            '-' if previous == '-' && !in_string && !in_comment => {
                in_comment = true;
                out.pop();
                out.push(' ');
            }
            _ => {}
        }
        out.push(if c != '\n' && (in_comment || (in_string && c != '\'')) { ' ' } else { c });
        previous = c;
    }
    out
}

/// The words of `text`, and nothing between them.
pub fn words(text: &str) -> impl Iterator<Item = &str> {
    text.split(|c| !is_word(c)).filter(|word| !word.is_empty())
}

/// The words, with their lines from 1.
pub fn numbered_words(text: &str) -> impl Iterator<Item = (usize, &str)> {
    numbered(text).flat_map(|(number, line)| words(line).map(move |word| (number, word)))
}

fn words_of(text: &str) -> Vec<&str> {
    words(text).collect()
}

/// The names of a list of columns.
fn names(columns: &str) -> Vec<String> {
    columns.split(',').filter_map(|column| words(column).next()).map(str::to_owned).collect()
}

/// What stands before the first parenthesis, and inside of it.
fn parenthesised(text: &str) -> Option<(&str, &str)> {
    let (head, body) = text.split_once('(')?;
    let mut depth = 1_usize;
    for (at, c) in body.char_indices() {
        match c {
            '(' => depth = depth.saturating_add(1),
            ')' => depth = depth.saturating_sub(1),
            _ => {}
        }
        if depth == 0 {
            return Some((head, body.split_at(at).0));
        }
    }
    None
}

/// The parts of `body` between the commas outside of parentheses, trimmed, each with the lines before it.
fn items(body: &str) -> Vec<(usize, &str)> {
    let (mut depth, mut from, mut found) = (0_usize, 0_usize, Vec::new());
    let ends = body.char_indices().chain([(body.len(), ',')]);
    for (at, c) in ends {
        match c {
            '(' => depth = depth.saturating_add(1),
            ')' => depth = depth.saturating_sub(1),
            ',' if depth == 0 => {
                let (before, item) = body.split_at(at).0.split_at_checked(from).unwrap_or_default();
                let lines = newlines(before).saturating_add(newlines(leading_space(item)));
                found.push((lines, item.trim()));
                from = at.saturating_add(1);
            }
            _ => {}
        }
    }
    found
}

fn leading_space(text: &str) -> &str {
    text.split_at(text.len().saturating_sub(text.trim_start().len())).0
}

fn newlines(text: &str) -> usize {
    text.matches('\n').count()
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "-- a; comment's\nCREATE TABLE IF NOT EXISTS a (\n    b BIGINT NOT NULL, -- c\n    \
        d TEXT CHECK (d IN ('x, y', '--')),\n    PRIMARY KEY (b, d)\n);\n\n\
        CREATE UNIQUE INDEX i ON a (d, b)\n    WHERE d IS NOT NULL;\nALTER TABLE a ADD COLUMN e BYTEA UNIQUE;\n";

    #[test]
    fn declarations_are_read_with_their_lines() {
        let tables: Vec<Table> = statements(TEXT).iter().filter_map(table).collect();
        let columns = |table: &Table| -> Vec<String> {
            table.columns.iter().map(|it| format!("{}:{} {}", it.line, it.name, it.type_name)).collect()
        };
        let keys = |table: &Table| -> Vec<String> {
            table.keys.iter().map(|key| format!("{}:{}", key.line, key.columns.join(" "))).collect()
        };
        let read: Vec<_> = tables.iter().map(|table| (table.name.as_str(), columns(table), keys(table))).collect();
        let text = |texts: &[&str]| texts.iter().map(ToString::to_string).collect::<Vec<_>>();
        assert_eq!(
            read,
            [
                ("a", text(&["3:b BIGINT", "4:d TEXT"]), text(&["5:b d"])),
                ("a", vec![], text(&["8:d b"])),
                ("a", text(&["10:e BYTEA"]), text(&["10:e"])),
            ]
        );
        assert!(tables.iter().any(|table| table.keys.iter().any(|key| key.condition.contains("d IS NOT NULL"))));
    }
}
