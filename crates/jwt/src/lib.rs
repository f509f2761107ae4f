#![doc = include_str!("../README.md")]

mod jws;
mod key;
pub mod revocation;
mod ring;
pub mod rotation;
pub mod session;

pub use key::{Algorithm, Key, KeyError, KeyState, MAX_KID_BYTES, MIN_SECRET_BYTES};
pub use revocation::{Revocation, Revocations};
pub use ring::{Claims, Grant, IssueError, Jwks, KeyRing, MAX_ISSUER_BYTES, MAX_LIFETIME_S, MAX_TOKEN_BYTES, Refused};
