//! What can be wrong with a text that should be an event, or with an event that is appended.

use alloc::string::String;

/// Why an event could not be read or appended.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The name is not in the catalogue of actions.
    #[error("unknown action `{0}`")]
    UnknownAction(String),
    /// The name is not in the catalogue of fields.
    #[error("unknown field `{0}`")]
    UnknownField(String),
    /// The text does not begin with `{"v":1,`: another version, or no event.
    #[error("not an event of version 1")]
    UnknownVersion,
    /// The text is not JSON, lacks a member, or has one too many.
    #[error("malformed event: {0}")]
    Malformed(#[source] serde_json::Error),
    /// The text means an event, but is not the event's canonical text.
    #[error("the event's text is not canonical")]
    NotCanonical,
    /// The event names a tenant that the log does not belong to.
    #[error("the event belongs to tenant {event}, the log to tenant {log}")]
    OtherTenant {
        /// The tenant of the event.
        event: i64,
        /// The tenant of the log.
        log: i64,
    },
}
