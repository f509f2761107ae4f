//! Regular expressions, bounded: compiled to a deterministic automaton of limited size when
//! written, so that matching is one step a byte and needs no memory.

use alloc::{
    borrow::ToOwned,
    format,
    string::{String, ToString},
    vec::Vec,
};
use regex_automata::{
    Input, MatchKind,
    dfa::{Automaton, StartKind, dense},
    nfa::thompson::{self, WhichCaptures},
};
use regex_syntax::{
    ast::{self, Ast, ClassSet, ClassSetItem},
    hir::translate::TranslatorBuilder,
};

/// A regular expression that is searched for in a text.
#[derive(Debug)]
pub(crate) struct Pattern {
    automaton: dense::DFA<Vec<u32>>,
    /// As written, and whether without regard to case.
    written: (String, bool),
}

impl PartialEq for Pattern {
    fn eq(&self, other: &Self) -> bool {
        self.written == other.written
    }
}

impl Pattern {
    const MAX_CHARACTERS: usize = 1_000;
    /// Of the automaton; building it takes about as much, and some ten milliseconds at most.
    const MAX_BYTES: usize = 256 * 1024;
    const MAX_NESTING: u32 = 50;

    /// The syntax is RE2's: `\d`, `\w`, `\s` and `\b` are of ASCII, the rest of Unicode; neither
    /// look-around nor back-references. The error says what is wrong.
    pub(crate) fn compile(text: &str, case_insensitive: bool) -> Result<Self, String> {
        if text.chars().nth(Self::MAX_CHARACTERS).is_some() {
            return Err(format!("a regular expression has at most {} characters", Self::MAX_CHARACTERS));
        }
        let wrong = |what: &str| format!("{text:?} is no regular expression: {what}");
        let mut parser = ast::parse::ParserBuilder::new().nest_limit(Self::MAX_NESTING).build();
        let mut tree = parser.parse(text).map_err(|error| wrong(&error.kind().to_string()))?;
        restrict_to_ascii(&mut tree);
        let hir = TranslatorBuilder::new()
            .case_insensitive(case_insensitive)
            .build()
            .translate(text, &tree)
            .map_err(|error| wrong(&error.kind().to_string()))?;
        let too_large = || format!("{text:?} is too large; use shorter repetitions or smaller classes");
        let nfa = thompson::Compiler::new()
            .configure(
                thompson::Config::new().which_captures(WhichCaptures::None).nfa_size_limit(Some(Self::MAX_BYTES)),
            )
            .build_from_hir(&hir)
            .map_err(|_| too_large())?;
        let automaton = dense::Builder::new()
            .configure(
                dense::Config::new()
                    .start_kind(StartKind::Unanchored)
                    .match_kind(MatchKind::All)
                    .dfa_size_limit(Some(Self::MAX_BYTES))
                    .determinize_size_limit(Some(Self::MAX_BYTES)),
            )
            .build_from_nfa(&nfa)
            .map_err(|_| too_large())?;
        Ok(Self { automaton, written: (text.to_owned(), case_insensitive) })
    }

    /// Whether some part of the text matches.
    pub(crate) fn is_in(&self, text: &str) -> bool {
        // An automaton without bytes to quit at has no error.
        self.automaton.try_search_fwd(&Input::new(text).earliest(true)).is_ok_and(|found| found.is_some())
    }
}

/// Makes `\d`, `\w`, `\s`, `\b` and `\B` those of ASCII: Unicode's are automata of megabytes, and
/// its word boundaries are none at all. The parser limits the nesting.
fn restrict_to_ascii(tree: &mut Ast) {
    match tree {
        Ast::ClassPerl(class) => {
            let item = ClassSetItem::Ascii(ascii(class));
            let bracketed = ast::ClassBracketed { span: class.span, negated: false, kind: ClassSet::Item(item) };
            *tree = Ast::class_bracketed(bracketed);
        }
        Ast::ClassBracketed(class) => restrict_set(&mut class.kind),
        Ast::Assertion(assertion) => {
            use ast::AssertionKind as Kind;
            let word = matches!(
                assertion.kind,
                Kind::WordBoundary
                    | Kind::NotWordBoundary
                    | Kind::WordBoundaryStart
                    | Kind::WordBoundaryEnd
                    | Kind::WordBoundaryStartAngle
                    | Kind::WordBoundaryEndAngle
                    | Kind::WordBoundaryStartHalf
                    | Kind::WordBoundaryEndHalf
            );
            let span = assertion.span;
            if word {
                *tree = without_unicode(tree.clone(), span);
            }
        }
        Ast::Repetition(repetition) => restrict_to_ascii(&mut repetition.ast),
        Ast::Group(group) => restrict_to_ascii(&mut group.ast),
        Ast::Alternation(alternation) => alternation.asts.iter_mut().for_each(restrict_to_ascii),
        Ast::Concat(concat) => concat.asts.iter_mut().for_each(restrict_to_ascii),
        Ast::Empty(_) | Ast::Flags(_) | Ast::Literal(_) | Ast::Dot(_) | Ast::ClassUnicode(_) => {}
    }
}

fn restrict_set(set: &mut ClassSet) {
    match set {
        ClassSet::Item(item) => restrict_item(item),
        ClassSet::BinaryOp(operation) => {
            restrict_set(&mut operation.lhs);
            restrict_set(&mut operation.rhs);
        }
    }
}

fn restrict_item(item: &mut ClassSetItem) {
    match item {
        ClassSetItem::Perl(class) => *item = ClassSetItem::Ascii(ascii(class)),
        ClassSetItem::Bracketed(inner) => restrict_set(&mut inner.kind),
        ClassSetItem::Union(union) => union.items.iter_mut().for_each(restrict_item),
        _ => {}
    }
}

/// `\d` as `[:digit:]`, and so on.
fn ascii(class: &ast::ClassPerl) -> ast::ClassAscii {
    let kind = match class.kind {
        ast::ClassPerlKind::Digit => ast::ClassAsciiKind::Digit,
        ast::ClassPerlKind::Space => ast::ClassAsciiKind::Space,
        ast::ClassPerlKind::Word => ast::ClassAsciiKind::Word,
    };
    ast::ClassAscii { span: class.span, kind, negated: class.negated }
}

/// `(?-u:…)`.
fn without_unicode(inner: Ast, span: ast::Span) -> Ast {
    let item = |kind| ast::FlagsItem { span, kind };
    let items = Vec::from([item(ast::FlagsItemKind::Negation), item(ast::FlagsItemKind::Flag(ast::Flag::Unicode))]);
    let kind = ast::GroupKind::NonCapturing(ast::Flags { span, items });
    Ast::group(ast::Group { span, kind, ast: inner.into() })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn matches_table() {
        for (pattern, fold, text, expected) in [
            ("^cat$", false, "cat", true),
            ("^cat$", false, "Cat", false),
            ("^cat$", true, "CAT", true),
            ("at", false, "cats", true),
            (r"\bcat\b", false, "a cat b", true),
            (r"\bcat\b", false, "concatenate", false),
            (r"\bcat\b", false, "écat", true),
            (r"^\d{3}$", false, "123", true),
            (r"^\d{3}$", false, "١٢٣", false),
            (r"^[\w-]+$", false, "a-b_1", true),
            (r"^\D$", false, "é", true),
            (r"^[^\W\d]+$", false, "abc", true),
            ("^.{2}$", false, "éü", true),
            (r"^\p{Greek}$", false, "λ", true),
            ("^é$", true, "É", true),
            ("(?m)^foo$", false, "x\nfoo\ny", true),
            ("^(?s)a.b$", false, "a\nb", true),
            ("^a.*?b$", false, "a_b_c", false),
            ("", false, "", true),
        ] {
            let compiled = Pattern::compile(pattern, fold).unwrap();
            assert_eq!(compiled.is_in(text), expected, "{pattern} {text}");
        }
    }

    #[test]
    fn refused() {
        for (pattern, expected) in [
            ("(regex", "\"(regex\" is no regular expression: unclosed group"),
            ("(?=a)b", "look-around"),
            (r"(a)\1", "backreferences are not supported"),
            (r"\p{Klingon}", "Unicode property not found"),
            ("(a|b)*a(a|b){20}", "is too large"),
            ("((a{1,100}){1,100}){1,100}", "is too large"),
            (r"\p{L}{100}", "is too large"),
            (&"(".repeat(60), "is no regular expression"),
            (&"a".repeat(1001), "at most 1000 characters"),
        ] {
            let why = Pattern::compile(pattern, false).map(|_| ()).unwrap_err();
            assert!(why.contains(expected), "{pattern}: {why}");
        }
    }
}
