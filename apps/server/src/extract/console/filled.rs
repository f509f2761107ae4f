//! What stands in the fields of a form, and what is wrong with it.

use std::fmt::Display;
use std::str::FromStr;

use zeroize::Zeroizing;

use super::Refused;
use crate::error::{ApiError, Code};

/// Fields of a form. A flag of five hundred rules has as many.
const MOST_FIELDS: usize = 10_000;
/// Fields that are sent back to be sent again.
const MOST_KEPT: usize = 1000;

/// The values of a form by the names of its fields, and the problems beside them. A page shows it with the macros of
/// `console/ui.html`.
#[derive(Clone, Default)]
pub(crate) struct Filled {
    /// By name; those of one name in the order in which they were sent.
    values: Vec<(String, Zeroizing<String>)>,
    problems: Vec<(String, String)>,
}

impl Filled {
    /// A form that is shown first: empty but for these.
    pub(crate) fn with<'a>(values: impl IntoIterator<Item = (&'a str, String)>) -> Self {
        Self::of(values.into_iter().map(|(name, value)| (name.to_owned(), Zeroizing::new(value))).collect())
    }

    fn of(mut values: Vec<(String, Zeroizing<String>)>) -> Self {
        values.sort_by(|(a, _), (b, _)| a.cmp(b));
        Self { values, problems: Vec::new() }
    }

    /// With these where a field was not sent: another form of the page was.
    pub(crate) fn or<'a>(mut self, values: impl IntoIterator<Item = (&'a str, String)>) -> Self {
        for (name, value) in values {
            if !self.is_ticked(name) {
                let at = self.values.partition_point(|(known, _)| known.as_str() < name);
                self.values.insert(at, (name.to_owned(), Zeroizing::new(value)));
            }
        }
        self
    }

    /// What was sent, as browsers encode forms and queries; without U+0000, which no text has.
    pub(crate) fn read(body: &[u8]) -> Result<Self, Refused> {
        let mut values = Vec::new();
        for (name, value) in form_urlencoded::parse(body) {
            // What was not UTF-8 has become one of these.
            if [&name, &value].iter().any(|text| text.contains(['\0', char::REPLACEMENT_CHARACTER])) {
                return Err(Refused::Unreadable);
            }
            if values.len() == MOST_FIELDS {
                let sentence = format!("A form may have {MOST_FIELDS} fields. The command line takes more.");
                return Err(ApiError::from(Code::BodyTooLarge).detail(sentence).into());
            }
            values.push((name.into_owned(), Zeroizing::new(value.into_owned())));
        }
        Ok(Self::of(values))
    }

    /// What may be sent back to be sent again, but for the field `token`; none where there is nothing to be lost, too much
    /// of it, or a secret among it.
    pub(super) fn to_be_kept(&self, token: &str) -> Option<Vec<(String, String)>> {
        const SECRETS: [&str; 3] = ["password", "secret", "code"];
        let kept: Vec<_> = self.values.iter().filter(|(name, _)| name != token).collect();
        let has_secret = kept.iter().any(|(name, _)| SECRETS.iter().any(|secret| name.contains(secret)));
        let is_worth_it = (1..=MOST_KEPT).contains(&kept.len());
        (is_worth_it && !has_secret)
            .then(|| kept.into_iter().map(|(name, value)| (name.clone(), value.to_string())).collect())
    }

    /// The value of a field; empty where there is none.
    pub(crate) fn text(&self, name: &str) -> &str {
        self.all(name).next().unwrap_or_default()
    }

    /// Every value of a field that may be given several times.
    pub(crate) fn all(&self, name: &str) -> impl Iterator<Item = &str> {
        let start = self.values.partition_point(|(known, _)| known.as_str() < name);
        let from = self.values.get(start..).unwrap_or_default();
        from.iter().take_while(move |(known, _)| known == name).map(|(_, value)| value.as_str())
    }

    /// Whether a box of this name was ticked; browsers leave out the others.
    pub(crate) fn is_ticked(&self, name: &str) -> bool {
        self.all(name).next().is_some()
    }

    /// Whether this is a value, or one of the values, of a field.
    pub(crate) fn has(&self, name: &str, value: &str) -> bool {
        self.all(name).any(|known| known == value)
    }

    /// Whether what was typed to confirm is the name; see `confirm` in `console/ui.html`.
    pub(crate) fn confirms(&self, name: &str) -> bool {
        self.text("confirm").trim() == name.trim()
    }

    /// The value as its type, without the white space around it; none where it is no such value: the problem is noted.
    pub(crate) fn parse<T: FromStr<Err: Display>>(&mut self, name: &str) -> Option<T> {
        match self.text(name).trim().parse() {
            Ok(value) => Some(value),
            Err(error) => {
                let problem = format!("{error:#}");
                self.refuse(name, problem);
                None
            }
        }
    }

    /// The same of a field that may be empty: none without a problem.
    pub(crate) fn optional<T: FromStr<Err: Display>>(&mut self, name: &str) -> Option<T> {
        if self.text(name).trim().is_empty() { None } else { self.parse(name) }
    }

    /// Notes a problem beside a field; under an empty name, of the form as a whole.
    pub(crate) fn refuse(&mut self, name: &str, problem: impl Into<String>) {
        self.problems.push((name.to_owned(), sentence(&problem.into())));
    }

    /// Notes what an action was refused with, beside the field that it names; a fault of ours is none.
    pub(crate) fn refused_by(&mut self, error: ApiError) -> Result<(), Refused> {
        if !error.code.status().is_client_error() {
            return Err(error.into());
        }
        let field = error.field_name().filter(|field| self.is_ticked(field));
        let sentence = error.to_string();
        let name = field.unwrap_or_default();
        let problem = sentence.strip_prefix(&format!("{name}: ")).unwrap_or(&sentence).to_owned();
        self.refuse(&name, problem);
        Ok(())
    }

    /// What is wrong with a field.
    pub(crate) fn problem(&self, name: &str) -> Option<&str> {
        self.problems.iter().find(|(known, _)| known == name).map(|(_, problem)| problem.as_str())
    }

    /// Everything that is wrong, by field.
    pub(crate) fn problems(&self) -> impl Iterator<Item = (&str, &str)> {
        self.problems.iter().map(|(name, problem)| (name.as_str(), problem.as_str()))
    }

    /// Whether anything is wrong.
    pub(crate) fn has_problems(&self) -> bool {
        !self.problems.is_empty()
    }
}

/// With a capital letter, and an end.
fn sentence(text: &str) -> String {
    let mut letters = text.chars();
    let first = letters.next().into_iter().flat_map(char::to_uppercase);
    let end = if text.ends_with(['.', '!', '?']) { "" } else { "." };
    first.chain(letters).chain(end.chars()).collect()
}

#[cfg(test)]
mod tests {
    use osaycore_directory::Email;

    use super::*;
    use crate::error::Code;

    #[test]
    fn fields_are_read_and_problems_stand_beside_them() {
        let mut filled = Filled::read(b"email=+ada%40example.com+&scope=a&scope=b&limit=x&empty=&on=1").ok().unwrap();
        assert_eq!(filled.parse::<Email>("email").unwrap().as_str(), "ada@example.com");
        assert_eq!(filled.all("scope").collect::<Vec<_>>(), ["a", "b"]);
        assert!(filled.has("scope", "b") && filled.is_ticked("on") && !filled.is_ticked("off"));
        assert_eq!(filled.optional::<i64>("empty"), None);
        assert!(!filled.has_problems());
        assert_eq!(filled.optional::<i64>("limit"), None);
        assert_eq!(filled.problem("limit"), Some("Invalid digit found in string."));
        assert_eq!((filled.text("nothing"), filled.problem("email")), ("", None));
    }

    #[test]
    fn what_an_action_refuses_stands_beside_the_field_or_above_the_form() {
        let mut filled = Filled::with([("name", "Shop".to_owned())]);
        filled.refused_by(ApiError::field(Code::ReferenceConflict, "name", "name: another app has it")).ok().unwrap();
        filled.refused_by(ApiError::field(Code::InvalidField, "elsewhere", "elsewhere: no")).ok().unwrap();
        assert_eq!(filled.problem("name"), Some("Another app has it."));
        assert_eq!(filled.problem(""), Some("Elsewhere: no."));
        assert!(filled.refused_by(Code::Internal.into()).is_err());
    }

    #[test]
    fn what_is_no_text_is_no_form() {
        assert!(Filled::read(b"a=%00").is_err());
        assert!(Filled::read(b"a=%ff").is_err());
        assert!(Filled::read(b"").is_ok());
    }
}
