//! The command line as its users meet it: the real binary, each test on a database of its own.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]
#![expect(clippy::panic, reason = "the harness fails with a sentence")]

mod backups;
mod flag_versions;
mod flags;
mod imports;
mod keys;
mod logins;
mod nouns;
mod other_releases;
mod serving;
mod starting;
mod support;
mod wallets;
