//! The OsayCore server: actix-web and diesel around the domain crates.

mod admin;
mod background;
mod cli;
mod config;
mod console;
mod context;
mod csv;
mod error;
mod evaluation;
mod extract;
mod group_commit;
mod limit;
mod logging;
mod mail;
mod metrics;
mod noted;
mod oauth;
mod pages;
mod passwords;
mod posting;
mod qr;
mod refusals;
mod requests;
mod routes;
mod schemas;
mod sealing;
mod served_flags;
mod server;
mod snapshot;
mod statement;
mod store;
mod streams;
mod system;
mod traces;

pub use cli::run;
