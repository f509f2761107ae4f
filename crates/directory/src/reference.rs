//! How people and programs name a user, an app or a group.

use core::{fmt, str::FromStr};

use uuid::Uuid;

use crate::text::{Flaw, Name, ParseError, Username};

/// One user of a tenant.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum UserRef {
    /// The public id.
    Uuid(Uuid),
    /// The numeric id, OASIS's `UserID`.
    Id(i64),
    /// The name within a directory, or within none.
    Name {
        /// The directory; none: a user without one.
        directory: Option<Name>,
        /// The user's name.
        username: Username,
    },
}

/// One app of a tenant.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum AppRef {
    /// The public id.
    Uuid(Uuid),
    /// The numeric id, OASIS's application id.
    Id(i64),
}

/// One group of a tenant.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum GroupRef {
    /// The number that OASIS's `UserGroups` takes.
    Id(i64),
    /// The name.
    Name(Name),
}

/// Reads a UUID in its hyphenated form, letters in either case: the one shape in which a text counts as a UUID.
/// Braces, `urn:uuid:` and 32 digits without hyphens are not it.
pub fn parse_uuid(text: &str) -> Option<Uuid> {
    const HYPHENATED_LENGTH: usize = 36;
    (text.len() == HYPHENATED_LENGTH).then(|| Uuid::try_parse(text).ok()).flatten()
}

/// A UUID, an all-digit text (a numeric id), `directory\username`, `\username` (no directory), or `username` where that
/// reads as neither id.
impl FromStr for UserRef {
    type Err = ParseError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        if let Some((directory, username)) = text.split_once('\\') {
            let directory = if directory.is_empty() { None } else { Some(directory.parse()?) };
            return Ok(Self::Name { directory, username: username.parse()? });
        }
        match (parse_uuid(text), numeric_id("user", text)) {
            (Some(uuid), _) => Ok(Self::Uuid(uuid)),
            (None, Some(id)) => id.map(Self::Id),
            (None, None) => Ok(Self::Name { directory: None, username: text.parse()? }),
        }
    }
}

/// A UUID or the numeric id.
impl FromStr for AppRef {
    type Err = ParseError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match (parse_uuid(text), numeric_id("app", text)) {
            (Some(uuid), _) => Ok(Self::Uuid(uuid)),
            (None, Some(id)) => id.map(Self::Id),
            (None, None) => Err(ParseError { what: "app", flaw: Flaw::NotA("a UUID or a numeric id") }),
        }
    }
}

/// The numeric id or the name.
impl FromStr for GroupRef {
    type Err = ParseError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match numeric_id("group", text) {
            Some(id) => id.map(Self::Id),
            None => text.parse().map(Self::Name),
        }
    }
}

impl fmt::Display for UserRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Uuid(uuid) => uuid.fmt(f),
            Self::Id(id) => id.fmt(f),
            Self::Name { directory, username } => {
                write!(f, "{}\\{username}", directory.as_ref().map_or("", Name::as_str))
            }
        }
    }
}

impl fmt::Display for AppRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Uuid(uuid) => uuid.fmt(f),
            Self::Id(id) => id.fmt(f),
        }
    }
}

impl fmt::Display for GroupRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Id(id) => id.fmt(f),
            Self::Name(name) => name.fmt(f),
        }
    }
}

/// The id of an all-digit text; none when the text is something else.
fn numeric_id(what: &'static str, text: &str) -> Option<Result<i64, ParseError>> {
    let all_digits = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    let parsed = || text.parse().map_err(|_| ParseError { what, flaw: Flaw::NotA("an id below 2^63") });
    all_digits.then(parsed)
}
