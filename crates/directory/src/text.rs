//! Texts that do not parse when they are illegal, and why one did not.

use alloc::{borrow::ToOwned, string::String};
use unicode_normalization::UnicodeNormalization;

/// A value that breaks a rule of its type. Its text is a sentence for whoever sent the value, and does not repeat it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{what} {flaw}")]
pub struct ParseError {
    /// What was to be parsed, as in "username".
    pub what: &'static str,
    /// The rule that it breaks.
    pub flaw: Flaw,
}

/// The rule that a value breaks.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Flaw {
    /// No character at all.
    #[error("must not be empty")]
    Empty,
    /// Too many characters.
    #[error("must not be longer than {max} characters")]
    TooLong {
        /// The most there may be.
        max: usize,
    },
    /// A character that this kind of value never has.
    #[error("must not contain {}", Shown(*.0))]
    Forbidden(char),
    /// White space and nothing else: nobody could read it.
    #[error("must not consist of white space alone")]
    Blank,
    /// Only ASCII digits: it would look like a numeric id.
    #[error("must not consist of digits alone")]
    AllDigits,
    /// Another shape than the one that is asked for.
    #[error("must be {0}")]
    NotA(&'static str),
}

/// A character within a sentence: itself in quotes where it shows, else its number.
struct Shown(char);

impl core::fmt::Display for Shown {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        let Self(c) = *self;
        // Quotes and the backslash are escaped because of Rust's syntax alone, which a sentence does not have.
        let is_visible = matches!(c, '\\' | '\'' | '"') || c.escape_debug().count() == 1;
        if is_visible { write!(f, "'{c}'") } else { write!(f, "U+{:04X}", u32::from(c)) }
    }
}

/// Gives a text newtype its conversions; the rule is the function `$parse`.
macro_rules! text_type {
    ($(#[$doc:meta])* $name:ident, $what:literal, $parse:path) => {
        $(#[$doc])*
        #[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize)]
        #[serde(try_from = "alloc::string::String", into = "alloc::string::String")]
        pub struct $name(alloc::string::String);

        impl $name {
            /// The text, as it is kept and compared.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl core::str::FromStr for $name {
            type Err = $crate::ParseError;

            fn from_str(text: &str) -> Result<Self, Self::Err> {
                $parse(text).map(Self).map_err(|flaw| $crate::ParseError { what: $what, flaw })
            }
        }

        impl TryFrom<alloc::string::String> for $name {
            type Error = $crate::ParseError;

            fn try_from(text: alloc::string::String) -> Result<Self, Self::Error> {
                text.parse()
            }
        }

        impl From<$name> for alloc::string::String {
            fn from(value: $name) -> Self {
                value.0
            }
        }

        impl AsRef<str> for $name {
            fn as_ref(&self) -> &str {
                &self.0
            }
        }

        impl core::fmt::Display for $name {
            fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
                f.write_str(&self.0)
            }
        }
    };
}
pub(crate) use text_type;

text_type! {
    /// The name of a tenant, app, group or directory: as a [`Username`] ("directories and app names likewise").
    Name, "name", name
}

text_type! {
    /// A user's name within a directory: 1–256 characters after normalization to NFC (which parsing does), compared
    /// case-sensitively and untrimmed, no `:`, `\` or control character, and not all ASCII digits
    /// (the contract's OASIS page). As it would not read as what it is: no bidirectional control (U+200E, U+200F,
    /// U+202A–U+202E, U+2066–U+2069) and not white space alone.
    Username, "username", name
}

text_type! {
    /// An e-mail address as HTML's `<input type=email>` takes it (WHATWG HTML §4.10.5.1.5), with the lengths and the
    /// dot-string of RFC 5321 (§4.5.3.1, §4.1.2): at most 254 characters, 64 before the `@`. ASCII, kept as
    /// given; whether two are one address is [`Email::same_as`].
    Email, "e-mail address", email
}

text_type! {
    /// An app's own id of a user: 1–255 characters of any shape but U+0000, compared byte for byte.
    ExternalId, "external id", external_id
}

text_type! {
    /// What a user is to the deployment: 1–64 of `a-z 0-9 _ -`; `basic` unless said otherwise.
    Role, "role", role
}

text_type! {
    /// A user's name for people to read: 1–256 characters, no control character, kept as given.
    DisplayName, "display name", display_name
}

impl Default for Role {
    fn default() -> Self {
        Self("basic".to_owned())
    }
}

impl Email {
    /// Whether both are one address: ASCII case is ignored, before the `@` too. RFC 5321 §2.4 leaves it to the host to
    /// tell cases apart there; none that matters does, and whoever signs in twice spells it as it comes.
    pub fn same_as(&self, other: &Self) -> bool {
        self.0.eq_ignore_ascii_case(&other.0)
    }
}

impl ExternalId {
    /// The UUID that this id reads as, where it does: such an id could be taken for a user's UUID.
    pub fn as_uuid(&self) -> Option<uuid::Uuid> {
        crate::parse_uuid(&self.0)
    }
}

/// Refuses an empty text and one of more than `max` characters.
pub(crate) fn bounded(text: &str, max: usize) -> Result<(), Flaw> {
    match text.chars().take(max.saturating_add(1)).count() {
        0 => Err(Flaw::Empty),
        length if length > max => Err(Flaw::TooLong { max }),
        _ => Ok(()),
    }
}

/// Refuses the first character that is forbidden.
pub(crate) fn without(text: &str, forbidden: impl Fn(char) -> bool) -> Result<(), Flaw> {
    text.chars().find(|&c| forbidden(c)).map_or(Ok(()), |c| Err(Flaw::Forbidden(c)))
}

fn name(text: &str) -> Result<String, Flaw> {
    const MAX: usize = 256;
    // NFC can join at most a handful of characters into one; far longer texts are not worth normalizing.
    bounded(text, MAX * 8).map_err(|flaw| match flaw {
        Flaw::TooLong { .. } => Flaw::TooLong { max: MAX },
        other => other,
    })?;
    let normal: String = text.nfc().collect();
    bounded(&normal, MAX)?;
    without(&normal, |c| c == ':' || c == '\\' || c.is_control() || is_bidi_control(c))?;
    if normal.chars().all(char::is_whitespace) {
        return Err(Flaw::Blank);
    }
    if normal.bytes().all(|byte| byte.is_ascii_digit()) { Err(Flaw::AllDigits) } else { Ok(normal) }
}

/// Whether it reorders the text around it, so that one name can be shown as another (UAX #9, §2).
fn is_bidi_control(c: char) -> bool {
    matches!(c, '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

fn external_id(text: &str) -> Result<String, Flaw> {
    bounded(text, 255)?;
    without(text, |c| c == '\0')?;
    Ok(text.to_owned())
}

fn role(text: &str) -> Result<String, Flaw> {
    bounded(text, 64)?;
    without(text, |c| !matches!(c, 'a'..='z' | '0'..='9' | '_' | '-'))?;
    Ok(text.to_owned())
}

fn display_name(text: &str) -> Result<String, Flaw> {
    bounded(text, 256)?;
    without(text, char::is_control)?;
    Ok(text.to_owned())
}

fn email(text: &str) -> Result<String, Flaw> {
    bounded(text, 254)?;
    let well_formed = text
        .split_once('@')
        .is_some_and(|(local, domain)| local.len() <= 64 && is_dot_string(local) && is_domain(domain));
    if well_formed { Ok(text.to_owned()) } else { Err(Flaw::NotA("like name@example.com")) }
}

fn is_dot_string(local: &str) -> bool {
    local.split('.').all(|atom| {
        !atom.is_empty()
            && atom.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"!#$%&'*+/=?^_`{|}~-".contains(&byte))
    })
}

fn is_domain(domain: &str) -> bool {
    domain.split('.').all(|label| {
        (1..=63).contains(&label.len())
            && !label.starts_with('-')
            && !label.ends_with('-')
            && label.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
    })
}
