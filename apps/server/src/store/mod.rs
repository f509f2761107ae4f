//! The storage traits of the domain crates, on diesel: the only place that knows it.

pub(crate) mod admin_factors;
pub(crate) mod admin_sessions;
pub(crate) mod admin_tokens;
pub(crate) mod admins;
pub(crate) mod apps;
pub(crate) mod assignments;
mod audit;
pub(crate) mod backup;
mod bulk;
pub(crate) mod db;
pub(crate) mod deployment;
mod directory;
pub(crate) mod enrollments;
pub(crate) mod eval_keys;
pub(crate) mod flag_versions;
pub(crate) mod flags;
pub(crate) mod flows;
pub(crate) mod groups;
mod head;
pub(crate) mod identities;
pub(crate) mod jwt_keys;
pub(crate) mod leases;
pub(crate) mod ledger;
pub(crate) mod lists;
pub(crate) mod members;
pub(crate) mod migrations;
pub(crate) mod otp;
pub(crate) mod outbox;
pub(crate) mod permits;
#[cfg(feature = "postgres")]
mod postgres;
pub(crate) mod providers;
pub(crate) mod revocations;
mod schema;
pub(crate) mod secret_uses;
pub(crate) mod sessions;
pub(crate) mod sign_in_attempts;
pub(crate) mod sign_in_codes;
pub(crate) mod signatures;
pub(crate) mod tallies;
pub(crate) mod tenants;
mod terms;
pub(crate) mod tx;
#[cfg(feature = "postgres")]
mod unnest;
pub(crate) mod url;
pub(crate) mod users;
pub(crate) mod verification;
pub(crate) mod versions;

#[cfg(test)]
mod tests;
