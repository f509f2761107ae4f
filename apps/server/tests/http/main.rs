//! The HTTP API as an application meets it: the real binary on a fresh database, over a socket.
//!
//! One program, so that the harness in `support` is compiled once and the tests run side by side. Each test has its
//! own folder, database and server.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]
#![expect(clippy::indexing_slicing, reason = "members of JSON that a test knows")]
#![expect(clippy::panic, reason = "the harness fails with a sentence")]

mod support;

mod accounts;
mod admin_api;
mod background;
mod console;
mod context;
mod credits;
mod description;
mod enrollment;
mod foreign_tokens;
mod health;
mod history;
mod identities;
mod instances;
mod instruments;
mod logs;
mod metrics;
mod oasis;
mod ofrep;
mod order;
mod otp;
mod payments;
#[cfg(feature = "postgres")]
mod postgres_faults;
#[cfg(feature = "postgres")]
mod postgres_proxy;
mod references;
mod replay;
mod secrets;
mod seed_clients;
mod sessions;
mod sign_in;
mod signed_requests;
mod sticky;
mod storm;
mod tokens;
mod traces;
mod users;
