//! The harness: a deployment in a temporary folder, and a small HTTP client that signs for itself.

mod calls;
mod http;
mod world;

pub(crate) use calls::unique;
pub(crate) use http::{Answer, Call, now_s, sign, talk};
pub(crate) use world::{App, User, World, on_postgres, patiently, within_a_second};
