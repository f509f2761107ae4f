//! What a handler asks for in its signature: the verified app, the bearer, the parsed body.

pub(crate) mod address;
pub(crate) mod admin;
pub(crate) mod bearer;
pub(crate) mod body;
pub(crate) mod caller;
pub(crate) mod console;
pub(crate) mod oasis;
pub(crate) mod ofrep;
pub(crate) mod request_id;
pub(crate) mod signed;

pub(crate) use bearer::Bearer;
pub(crate) use body::{Body, Nonce, Text, UserId};
pub(crate) use caller::Caller;
