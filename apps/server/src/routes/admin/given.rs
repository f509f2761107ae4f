//! Members of a change: what is not named stays, what is `null` is taken away, and what cannot be is refused.

use serde::de::{Deserialize, Deserializer, Error};

/// What a change says of a value that there may be.
#[derive(Clone, Default)]
pub(super) enum Given<T> {
    /// Nothing: it stays.
    #[default]
    Unnamed,
    /// It is taken away.
    Null,
    Value(T),
}

impl<T> Given<T> {
    /// The value after the change.
    pub(super) fn or(self, before: Option<T>) -> Option<T> {
        match self {
            Self::Unnamed => before,
            Self::Null => None,
            Self::Value(value) => Some(value),
        }
    }
}

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Given<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Ok(Option::deserialize(deserializer)?.map_or(Self::Null, Self::Value))
    }
}

/// A value that there always is.
pub(super) fn set<'de, T: Deserialize<'de>, D: Deserializer<'de>>(deserializer: D) -> Result<Option<T>, D::Error> {
    let given = Option::<T>::deserialize(deserializer)?;
    given.map(Some).ok_or_else(|| Error::custom("cannot be taken away: it is not null"))
}
