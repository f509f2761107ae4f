//! Rust source as the rules want to see it: what is compiled, without comments, strings and tests.
//!
//! Line numbers stay what they were: every blanked character becomes a space, newlines stay.

use std::{iter::Peekable, str::Chars};

/// `text` with comments and the contents of strings and characters replaced by spaces.
pub fn code(text: &str) -> String {
    let mut lexer = Lexer { rest: text.chars().peekable(), out: String::with_capacity(text.len()) };
    let mut previous = ' ';
    while let Some(c) = lexer.rest.next() {
        let starts_word = !is_word(previous);
        previous = c;
        match (c, lexer.rest.peek().copied()) {
            ('/', Some('/')) => lexer.line_comment(),
            ('/', Some('*')) => lexer.block_comment(),
            ('"', _) => lexer.string(),
            ('r', Some('"' | '#')) if starts_word => lexer.raw_string(),
            ('b' | 'c', Some('r')) if starts_word => {
                lexer.out.push(c);
                previous = ' '; // so that the `r` counts as a prefix
            }
            ('\'', Some(_)) => lexer.character_or_lifetime(),
            _ => lexer.out.push(c),
        }
    }
    lexer.out
}

/// `code` (see [`code()`]) with the bodies of `#[cfg(test)] mod … { … }` blanked.
pub fn without_tests(code: &str) -> String {
    let mut out = String::with_capacity(code.len());
    let mut rest = code;
    while let Some((before, after)) = rest.split_once("#[cfg(test)]") {
        out.push_str(before);
        let body = module_body(after);
        let blanked = after.split_at_checked(body).unwrap_or((after, ""));
        out.extend(blanked.0.chars().map(blank));
        rest = blanked.1;
    }
    out.push_str(rest);
    out
}

/// The length of ` mod name { … }` at the start of `after`; 0 where something else stands there.
fn module_body(after: &str) -> usize {
    let item = after.trim_start();
    let item = item.strip_prefix("pub(crate) ").or(item.strip_prefix("pub ")).unwrap_or(item);
    let opens =
        item.starts_with("mod ") && item.find(['{', ';']).is_some_and(|at| item.split_at(at).1.starts_with('{'));
    if !opens {
        return 0;
    }
    let mut depth = 0_usize;
    for (at, c) in after.char_indices() {
        match c {
            '{' => depth = depth.saturating_add(1),
            '}' if depth == 1 => return at.saturating_add(1),
            '}' => depth = depth.saturating_sub(1),
            _ => {}
        }
    }
    after.len()
}

/// Whether `c` continues an identifier.
pub fn is_word(c: char) -> bool {
    c == '_' || c.is_alphanumeric()
}

/// The lines, counted from 1, where `name` stands in `code` as a whole path or identifier.
pub fn lines_naming<'a>(code: &'a str, name: &'a str) -> impl Iterator<Item = usize> + 'a {
    numbered(code).filter(move |(_, line)| names(line, name)).map(|(number, _)| number)
}

/// The lines of `text` with their numbers, from 1.
pub fn numbered(text: &str) -> impl Iterator<Item = (usize, &str)> {
    (1..).zip(text.lines())
}

/// Whether `name` stands in `line` as a whole: not as a part of a longer identifier.
pub fn names(line: &str, name: &str) -> bool {
    let first_is_word = name.starts_with(is_word);
    let last_is_word = name.ends_with(is_word);
    line.match_indices(name).any(|(at, found)| {
        let (before, after) = line.split_at(at);
        let after = after.strip_prefix(found).unwrap_or_default();
        let longer = (first_is_word && before.ends_with(is_word)) || (last_is_word && after.starts_with(is_word));
        !longer
    })
}

fn blank(c: char) -> char {
    if c == '\n' { c } else { ' ' }
}

struct Lexer<'a> {
    rest: Peekable<Chars<'a>>,
    out: String,
}

impl Lexer<'_> {
    fn skip(&mut self) -> Option<char> {
        let c = self.rest.next()?;
        self.out.push(blank(c));
        Some(c)
    }

    fn line_comment(&mut self) {
        self.out.push(' ');
        while self.rest.peek().is_some_and(|c| *c != '\n') {
            self.skip();
        }
    }

    fn block_comment(&mut self) {
        self.out.push(' ');
        self.skip();
        let mut depth = 1_usize;
        while depth > 0 {
            let Some(c) = self.skip() else { return };
            match (c, self.rest.peek()) {
                ('/', Some('*')) => {
                    self.skip();
                    depth = depth.saturating_add(1);
                }
                ('*', Some('/')) => {
                    self.skip();
                    depth = depth.saturating_sub(1);
                }
                _ => {}
            }
        }
    }

    fn string(&mut self) {
        self.out.push('"');
        while let Some(c) = self.rest.next() {
            if c == '"' {
                self.out.push('"');
                return;
            }
            self.out.push(blank(c));
            if c == '\\' {
                self.skip();
            }
        }
    }

    /// After an `r` that starts a word: `r"…"`, `r#"…"#`, or the raw identifier `r#name`.
    fn raw_string(&mut self) {
        self.out.push('r');
        let mut ahead = self.rest.clone();
        let mut hashes = 0_usize;
        while ahead.next_if_eq(&'#').is_some() {
            hashes = hashes.saturating_add(1);
        }
        if ahead.peek() != Some(&'"') {
            return;
        }
        for _ in 0..=hashes {
            self.skip();
        }
        while let Some(c) = self.skip() {
            if c == '"' && self.rest.clone().take(hashes).filter(|c| *c == '#').count() == hashes {
                for _ in 0..hashes {
                    self.skip();
                }
                return;
            }
        }
    }

    fn character_or_lifetime(&mut self) {
        self.out.push('\'');
        let mut ahead = self.rest.clone();
        let first = ahead.next();
        if first == Some('\\') {
            self.skip();
            self.skip();
            while self.skip().is_some_and(|c| c != '\'') {}
        } else if ahead.next() == Some('\'') {
            self.skip();
            self.skip();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn comments_strings_and_characters_are_blanked() {
        let cases = [
            ("a // diesel\nb", "a"),
            ("a /* diesel /* b */ diesel */ c", "a                             c"),
            (r#"f("diesel \" diesel", g)"#, r#"f("                ", g)"#),
            (r##"f(r#"di"esel"#, g)"##, "f(r           , g)"),
            (r#"f(br"diesel", g)"#, "f(br        , g)"),
            ("f('\"', diesel)", "f('  , diesel)"),
            ("f('\\'', diesel)", "f('   , diesel)"),
            ("f::<'a>(diesel, 'x')", "f::<'a>(diesel, '  )"),
            ("r#type diesel", "r#type diesel"),
            ("bar\"diesel\"", "bar\"      \""),
        ];
        for (text, wanted) in cases {
            let masked = code(text);
            assert_eq!(masked.chars().count(), text.chars().count(), "{text}");
            assert_eq!(masked.lines().next().map(str::trim_end), Some(wanted), "{text}");
        }
        assert_eq!(code("\"a\nb\"\nc").lines().count(), 3, "newlines stay");
    }

    #[test]
    fn test_modules_are_blanked_and_nothing_else() {
        let text = "a\n#[cfg(test)]\nmod tests {\n fn f() { b }\n}\nc\n#[cfg(test)]\nuse d;\n\
                    #[cfg(test)]\nmod e;\nf { g }\n";
        let shipped = without_tests(text);
        assert_eq!(shipped.lines().count(), text.lines().count());
        for (word, stays) in [("a", true), ("b", false), ("c", true), ("d", true), ("g", true)] {
            assert_eq!(shipped.lines().any(|line| names(line, word)), stays, "{word}");
        }
    }

    #[test]
    fn a_name_is_found_whole() {
        assert!(names("use diesel::prelude", "diesel"));
        assert!(!names("use diesel_migrations::X", "diesel"));
        assert!(!names("let mydiesel", "diesel"));
        assert!(names("std::time::Instant::now()", "Instant::now"));
        assert!(!names("Instant::nowhere()", "Instant::now"));
    }
}
