//! Keys of flags and segments.

use alloc::{borrow::ToOwned, string::String};
use core::{fmt, str::FromStr};
use serde::{Deserialize, Serialize};

/// The key of a flag or a segment: `[a-z0-9][a-z0-9_.-]{0,99}`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Key(String);

/// The key of a flag.
pub type FlagKey = Key;
/// The key of a segment.
pub type SegmentKey = Key;

/// Why a text is no [`Key`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a key has 1 to 100 characters of a-z, 0-9, `_`, `.` and `-`, and starts with a letter or digit")]
pub struct InvalidKey;

impl Key {
    const MAX_BYTES: usize = 100;

    /// The key most like a name: in lower case, `_` for what a key cannot have, cut where it is too
    /// long for a key and a number of ten characters behind it.
    pub(crate) fn like(name: &str) -> Self {
        let fitting =
            |c: char| if c.is_ascii_alphanumeric() || "_.-".contains(c) { c.to_ascii_lowercase() } else { '_' };
        let start = if name.starts_with(|c: char| c.is_ascii_alphanumeric()) { "" } else { "x" };
        let kept = Self::MAX_BYTES.saturating_sub(start.len()).saturating_sub(10);
        Self(start.chars().chain(name.chars().map(fitting).take(kept)).collect())
    }

    /// The same with a number behind it.
    pub(crate) fn numbered(&self, number: u32) -> Self {
        Self(alloc::format!("{}-{}", self.0, number % 100_000_000))
    }

    /// The key as written.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl TryFrom<String> for Key {
    type Error = InvalidKey;

    fn try_from(text: String) -> Result<Self, InvalidKey> {
        let is_alphanumeric = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit();
        let fits = text.len() <= Self::MAX_BYTES
            && text.bytes().next().is_some_and(is_alphanumeric)
            && text.bytes().all(|byte| is_alphanumeric(byte) || b"_.-".contains(&byte));
        if fits { Ok(Self(text)) } else { Err(InvalidKey) }
    }
}

impl FromStr for Key {
    type Err = InvalidKey;

    fn from_str(text: &str) -> Result<Self, InvalidKey> {
        text.to_owned().try_into()
    }
}

impl From<Key> for String {
    fn from(key: Key) -> Self {
        key.0
    }
}

impl fmt::Display for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}
