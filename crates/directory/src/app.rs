//! The deployment's customers, and the programs that they connect.

use uuid::Uuid;

use crate::{AppScopes, AppSettings, Name};

/// A customer of the deployment: apps, users and wallets belong to exactly one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tenant {
    /// Numeric id, unique in the deployment.
    pub id: i64,
    /// Unique in the deployment.
    pub name: Name,
    /// How many distinct users may authenticate by OASIS in a UTC calendar month, 0 or more; none: any number.
    pub monthly_user_limit: Option<i64>,
    /// When it was made, microseconds since the Unix epoch.
    pub created_at_us: i64,
}

/// A program that calls the API for its users. Its secrets are not here: whoever embeds this keeps them sealed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct App {
    /// Numeric id, OASIS's application id.
    pub id: i64,
    /// Public id, the `aud` of its users' tokens.
    pub uuid: Uuid,
    /// The tenant that it belongs to.
    pub tenant_id: i64,
    /// For people to read; two apps may have the same.
    pub name: Name,
    /// Public; tells the server which app is calling. Unique in the deployment.
    pub api_key: alloc::string::String,
    /// What it may ask of the server.
    pub scopes: AppScopes,
    /// Its key is refused as if it were unknown.
    pub disabled: bool,
    /// How the server treats it.
    pub settings: AppSettings,
    /// When it was made, microseconds since the Unix epoch.
    pub created_at_us: i64,
}
