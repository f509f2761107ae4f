//! How names and values stand in a form: plain, or in quotation marks, as a JSON string, where plain they would be taken
//! for something else. Whatever is shown is read back as the same.

use std::fmt::Write as _;

use osaycore_flags::{Choice, Members, Serve};
use serde::Serialize;
use serde_json::Value as Json;

const UNCLOSED: &str = "a quotation mark begins a text that is not closed: it is written as a JSON string";
const WEIGHT: &str = "weights are whole numbers from 1 on, as in `control: 50, treatment: 50`";
const SERVE: &str = "say what it serves: true, false, a variant, or weights";

/// A text that has a field to itself.
pub(super) fn text(text: &str) -> String {
    quoted_unless(read_text(text) == text, text)
}

pub(super) fn read_text(field: &str) -> String {
    let field = field.trim();
    serde_json::from_str(field).unwrap_or_else(|_| field.to_owned())
}

/// A value of true and false, or a variant.
pub(super) fn choice(choice: &Choice) -> String {
    match choice {
        Choice::Boolean(value) => value.to_string(),
        Choice::Variant(name) => quoted_unless(read_choice(name) == *choice, name),
    }
}

pub(super) fn read_choice(field: &str) -> Choice {
    match field.trim() {
        "true" => Choice::Boolean(true),
        "false" => Choice::Boolean(false),
        name => Choice::Variant(read_text(name)),
    }
}

/// Names with commas between them.
pub(super) fn names(names: &[String]) -> String {
    names.iter().map(|name| word(name, &[','])).collect::<Vec<_>>().join(", ")
}

pub(super) fn read_names(field: &str) -> Result<Vec<String>, String> {
    Ok(listed(field)?.into_iter().map(Word::text).collect())
}

/// Choices with commas between them.
pub(super) fn choices(choices: &[Choice]) -> String {
    let one = |choice: &Choice| match choice {
        Choice::Boolean(value) => value.to_string(),
        Choice::Variant(name) if matches!(name.as_str(), "true" | "false") => json(name),
        Choice::Variant(name) => word(name, &[',']),
    };
    choices.iter().map(one).collect::<Vec<_>>().join(", ")
}

pub(super) fn read_choices(field: &str) -> Result<Vec<Choice>, String> {
    let one = |word| match word {
        Word::Plain(plain) => read_choice(plain),
        Word::Quoted(name) => Choice::Variant(name),
    };
    Ok(listed(field)?.into_iter().map(one).collect())
}

/// A choice, or `name: weight, name: weight`.
pub(super) fn serve(serve: &Serve) -> String {
    match serve {
        Serve::Choice(Choice::Variant(name)) => quoted_unless(read_serve(name).is_ok_and(|read| read == *serve), name),
        Serve::Choice(of) => choice(of),
        Serve::Weights(weights) => {
            let one = |(name, weight): (&str, &u64)| format!("{}: {weight}", word(name, &[':', ',']));
            weights.iter().map(one).collect::<Vec<_>>().join(", ")
        }
    }
}

pub(super) fn read_serve(field: &str) -> Result<Serve, String> {
    let (first, mut rest) = split(field, ':')?;
    if rest.is_none() {
        return match first {
            Word::Plain("") => Err(SERVE.to_owned()),
            Word::Plain(plain) => Ok(Serve::Choice(read_choice(plain))),
            Word::Quoted(name) => Ok(Serve::Choice(Choice::Variant(name))),
        };
    }
    let (mut name, mut weights) = (first, Vec::<(String, u64)>::new());
    while let Some(after) = rest {
        let (weight, next) = split(after, ',')?;
        let (Word::Plain(weight), false) = (weight, name.is_plain_with(',')) else { return Err(WEIGHT.to_owned()) };
        let text = name.text();
        if weights.iter().any(|(known, _)| *known == text) {
            return Err(format!("{text} has two weights"));
        }
        weights.push((text, weight.parse().map_err(|_| WEIGHT)?));
        // A comma at the end may stand there.
        let Some(next) = next.filter(|next| !next.trim().is_empty()) else { break };
        (name, rest) = split(next, ':')?;
        if rest.is_none() {
            return Err(WEIGHT.to_owned());
        }
    }
    Ok(Serve::Weights(weights.into_iter().collect()))
}

/// A value that has a field to itself: JSON where it is such, else a text.
pub(super) fn value(value: &Json) -> String {
    match value {
        Json::String(text) => quoted_unless(read_value(text) == *value, text),
        other => json(other),
    }
}

pub(super) fn read_value(field: &str) -> Json {
    let field = field.trim();
    serde_json::from_str(field).unwrap_or_else(|_| Json::String(field.to_owned()))
}

/// Values with commas between them, or a JSON array.
pub(super) fn values(values: &[Json]) -> String {
    let one = |value: &Json| match value {
        Json::String(text) if read_value(text) == *value => word(text, &[',']),
        other => json(other),
    };
    let listed = values.iter().map(one).collect::<Vec<_>>().join(", ");
    if read_values(&listed).is_ok_and(|read| read == values) { listed } else { json(&values) }
}

pub(super) fn read_values(field: &str) -> Result<Vec<Json>, String> {
    if let Ok(array) = serde_json::from_str(field.trim()) {
        return Ok(array);
    }
    let one = |word| match word {
        Word::Plain(plain) => read_value(plain),
        Word::Quoted(text) => Json::String(text),
    };
    Ok(listed(field)?.into_iter().map(one).collect())
}

/// Lines of a name, `=`, and what `shown` makes of the rest.
pub(super) fn lines<'p, V>(pairs: impl Iterator<Item = (&'p str, V)>, shown: impl Fn(V) -> String) -> String {
    let mut lines = String::new();
    for (name, value) in pairs {
        let _ = writeln!(lines, "{} = {}", word(name, &['=']), shown(value));
    }
    lines
}

/// Name and value of each line; none, and what is wrong, where a line is something else or `read` takes no such value.
pub(super) fn read_lines<V>(
    field: &str,
    read: impl Fn(&str) -> Result<V, String>,
) -> impl Iterator<Item = Result<(String, V), String>> {
    let lines = field.lines().map(str::trim).filter(|line| !line.is_empty());
    lines.map(move |line| match split(line, '=')? {
        (name, Some(value)) => {
            let (name, value) = (name.text(), value.trim());
            read(value).map(|read| (name.clone(), read)).map_err(|problem| format!("{name}: {problem}"))
        }
        (_, None) => Err(format!("{line}: a line is a name, = and a value")),
    })
}

/// The same, each name once.
pub(super) fn read_members<V>(
    field: &str,
    read: impl Fn(&str) -> Result<V, String>,
    mut wrong: impl FnMut(String),
) -> Members<V> {
    let mut found: Vec<(String, V)> = Vec::new();
    for line in read_lines(field, read) {
        match line {
            Ok((name, _)) if found.iter().any(|(known, _)| *known == name) => {
                wrong(format!("{name} stands there twice"));
            }
            Ok(pair) => found.push(pair),
            Err(problem) => wrong(problem),
        }
    }
    found.into_iter().collect()
}

/// On one line, with nothing in it that a form does not carry.
pub(super) fn json(value: &impl Serialize) -> String {
    carried(&serde_json::to_string(value).unwrap_or_default())
}

/// JSON that a form carries: U+FFFD stands for what was no text there.
pub(super) fn carried(json: &str) -> String {
    json.replace(char::REPLACEMENT_CHARACTER, "\\ufffd")
}

/// A word of a list.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Word<'t> {
    Plain(&'t str),
    Quoted(String),
}

impl Word<'_> {
    fn text(self) -> String {
        match self {
            Self::Plain(text) => text.to_owned(),
            Self::Quoted(text) => text,
        }
    }

    fn is_plain_with(&self, character: char) -> bool {
        matches!(self, Self::Plain(text) if text.contains(character))
    }
}

/// A word as it stands before one of these.
fn word(text: &str, ends: &[char]) -> String {
    quoted_unless(!text.starts_with('"') && text.trim() == text && !text.contains(ends), text)
}

/// Plain only where a field of one line carries it, too.
fn quoted_unless(is_plain: bool, text: &str) -> String {
    let is_carried = |c: char| !c.is_control() && c != char::REPLACEMENT_CHARACTER;
    if is_plain && !text.is_empty() && text.chars().all(is_carried) { text.to_owned() } else { json(&text) }
}

/// What stands between commas, without what is empty.
fn listed(field: &str) -> Result<Vec<Word<'_>>, String> {
    let (mut words, mut rest) = (Vec::new(), Some(field));
    while let Some(text) = rest {
        let (word, after) = split(text, ',')?;
        if word != Word::Plain("") {
            words.push(word);
        }
        rest = after;
    }
    Ok(words)
}

/// The first word of a text, and what follows `end`; none: nothing ends it.
fn split(text: &str, end: char) -> Result<(Word<'_>, Option<&str>), String> {
    let text = text.trim();
    if !text.starts_with('"') {
        return Ok(match text.split_once(end) {
            Some((word, rest)) => (Word::Plain(word.trim_end()), Some(rest)),
            None => (Word::Plain(text), None),
        });
    }
    let mut strings = serde_json::Deserializer::from_str(text).into_iter::<String>();
    let Some(Ok(word)) = strings.next() else { return Err(UNCLOSED.to_owned()) };
    let rest = text.get(strings.byte_offset()..).unwrap_or_default().trim_start();
    match rest.strip_prefix(end) {
        None if !rest.is_empty() => {
            Err(format!("{} is followed by {rest}: what has a quotation mark is quoted as a whole", json(&word)))
        }
        after => Ok((Word::Quoted(word), after)),
    }
}
