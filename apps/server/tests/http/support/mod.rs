//! The harness: a deployment in a temporary folder, a small HTTP client that signs for itself, and what a user has beside
//! the server: mail, a browser, an authenticator app.

pub(crate) mod authenticator;
pub(crate) mod browser;
mod calls;
pub(crate) mod collector;
pub(crate) mod described;
mod http;
pub(crate) mod mail;
pub(crate) mod oasis;
pub(crate) mod programs;
pub(crate) mod provider;
mod world;

pub(crate) use calls::unique;
pub(crate) use http::{Answer, Call, now_s, sign, talk};
pub(crate) use world::{App, User, World, on_postgres, patiently, within_a_second};
