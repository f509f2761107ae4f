//! What flags may ask of a user (contract, "Flag files", attributes).

use osaycore_directory::{Effective, Permit, User};
use osaycore_flags::{Attribute, Context};
use osaycore_ledger::Account;
use serde_json::Value as Json;

/// The attributes of one user for one app, borrowed from what was read together.
pub(crate) struct FlagContext<'a> {
    user: &'a User,
    user_id: String,
    external_id: Option<&'a str>,
    app_id: String,
    effective: &'a Effective,
    scopes: Vec<String>,
    groups: &'a [String],
    custom: Json,
    account: &'a Account,
}

impl<'a> FlagContext<'a> {
    pub(crate) fn new(
        app_id: uuid::Uuid,
        user: &'a User,
        permit: Option<&'a Permit>,
        effective: &'a Effective,
        groups: &'a [String],
        account: &'a Account,
    ) -> Self {
        Self {
            user,
            user_id: user.uuid.to_string(),
            external_id: permit.and_then(|permit| permit.external_id.as_ref()).map(AsRef::as_ref),
            app_id: app_id.to_string(),
            effective,
            scopes: effective.scopes.iter().map(ToString::to_string).collect(),
            groups,
            custom: serde_json::from_str(effective.custom.as_str()).unwrap_or_default(),
            account,
        }
    }
}

impl Context for FlagContext<'_> {
    fn attribute(&self, name: &str) -> Option<Attribute<'_>> {
        Some(match name {
            "user_id" => Attribute::Text(&self.user_id),
            "external_id" => Attribute::Text(self.external_id?),
            "username" => Attribute::Text(self.user.username.as_str()),
            "email" => Attribute::Text(self.user.email.as_ref()?.as_str()),
            "email_verified" => Attribute::Boolean(self.user.email_verified),
            "role" => Attribute::Text(self.user.role.as_str()),
            "status" => Attribute::Text(self.user.status.as_str()),
            "groups" => Attribute::List(self.groups),
            "scopes" => Attribute::List(&self.scopes),
            "directory" => Attribute::Text(self.user.directory.as_ref()?.as_str()),
            "app_id" => Attribute::Text(&self.app_id),
            "can_use" => Attribute::Boolean(self.effective.can_use),
            "credit_rate" => Attribute::Millionths(self.effective.credit_rate.micros()),
            "credit_balance" => Attribute::Millionths(self.account.balance.micros()),
            "lifetime_earned" => Attribute::Millionths(self.account.lifetime_earned.micros()),
            "lifetime_spent" => Attribute::Millionths(self.account.lifetime_spent.micros()),
            "created_at" => Attribute::Time(self.user.created_at_us),
            _ => Attribute::from_json(self.custom.get(name.strip_prefix("custom.")?)?)?,
        })
    }
}
