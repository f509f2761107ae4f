//! The OsayCore server: actix-web and diesel around the domain crates.

mod config;
mod error;
mod sealing;
mod store;
mod system;
