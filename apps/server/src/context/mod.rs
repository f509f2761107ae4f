//! What flag rules may ask about a user of an app (contract, "Flag files": attributes).

mod given;

pub(crate) use given::{Given, Layers};

use osaycore_directory::{Effective, Permit, Rate, User};
use osaycore_flags::{Attribute, Context};
use osaycore_ledger::Account;
use serde_json::{Map, Value};
use uuid::Uuid;

use crate::store::assignments::Assigned;

/// The attributes of one user in one app, of one consistent snapshot.
pub(crate) struct FlagContext<'a> {
    user: &'a User,
    permit: Option<&'a Permit>,
    effective: &'a Effective,
    groups: &'a [String],
    account: &'a Account,
    user_id: String,
    app_id: Option<String>,
    scopes: Vec<String>,
    custom: Map<String, Value>,
}

impl<'a> FlagContext<'a> {
    /// `groups` are the names of the user's groups. The attribute `app_id` comes by [`FlagContext::in_app`].
    pub(crate) fn new(
        user: &'a User,
        permit: Option<&'a Permit>,
        effective: &'a Effective,
        groups: &'a [String],
        account: &'a Account,
    ) -> Self {
        Self {
            user,
            permit,
            effective,
            groups,
            account,
            user_id: user.uuid.to_string(),
            app_id: None,
            scopes: effective.scopes.iter().map(ToString::to_string).collect(),
            // Always an object: nothing else is stored.
            custom: serde_json::from_str(effective.custom.as_str()).unwrap_or_default(),
        }
    }

    /// The same, with the app's public id as `app_id`.
    #[must_use]
    pub(crate) fn in_app(self, app: Uuid) -> Self {
        Self { app_id: Some(app.to_string()), ..self }
    }
}

impl Context for FlagContext<'_> {
    fn attribute(&self, name: &str) -> Option<Attribute<'_>> {
        let user = self.user;
        Some(match name {
            "user_id" => Attribute::Text(&self.user_id),
            "external_id" => Attribute::Text(self.permit?.external_id.as_ref()?.as_str()),
            "username" => Attribute::Text(user.username.as_str()),
            "email" => Attribute::Text(user.email.as_ref()?.as_str()),
            "email_verified" => Attribute::Boolean(user.email_verified),
            "role" => Attribute::Text(user.role.as_str()),
            "status" => Attribute::Text(user.status.as_str()),
            "groups" => Attribute::List(self.groups),
            "scopes" => Attribute::List(&self.scopes),
            "directory" => Attribute::Text(user.directory.as_ref()?.as_str()),
            "app_id" => Attribute::Text(self.app_id.as_deref()?),
            "can_use" => Attribute::Boolean(self.effective.can_use),
            "credit_rate" => Attribute::Millionths(Rate::micros(self.effective.credit_rate)),
            "credit_balance" => Attribute::Millionths(self.account.balance.micros()),
            "lifetime_earned" => Attribute::Millionths(self.account.lifetime_earned.micros()),
            "lifetime_spent" => Attribute::Millionths(self.account.lifetime_spent.micros()),
            "created_at" => Attribute::Time(user.created_at_us),
            _ => return Attribute::from_json(self.custom.get(name.strip_prefix("custom.")?)?),
        })
    }
}

/// The attributes with what sticky rules served before.
pub(crate) struct Remembering<'a, C: ?Sized> {
    pub(crate) attributes: &'a C,
    pub(crate) assigned: &'a Assigned,
}

impl<C: Context + ?Sized> Context for Remembering<'_, C> {
    fn attribute(&self, name: &str) -> Option<Attribute<'_>> {
        self.attributes.attribute(name)
    }

    fn assignment(&self, flag: &str, rule: &str) -> Option<&str> {
        self.assigned.get(flag)?.get(rule).map(String::as_str)
    }

    fn unit_missing(&self, units: &[String]) {
        self.attributes.unit_missing(units);
    }
}

#[cfg(test)]
mod tests {
    use osaycore_directory::{Custom, NewUser, Scopes};

    use super::*;

    #[test]
    fn every_attribute_of_the_contract_is_answered() {
        let user = User {
            email: Some("a@example.com".parse().unwrap()),
            ..NewUser {
                id: 7,
                uuid: Uuid::from_u128(7),
                tenant_id: 1,
                directory: Some("corp".parse().unwrap()),
                username: "alice".parse().unwrap(),
                email: None,
                display_name: None,
                role: "staff".parse().unwrap(),
            }
            .into_user(1_000_000)
        };
        let permit = Permit { external_id: Some("x-1".parse().unwrap()), ..Permit::new(7, 9) };
        let effective = Effective {
            can_use: true,
            is_authorized: true,
            credit_rate: Rate::ONE,
            scopes: Scopes::of_everyone(),
            custom: r#"{"tier": "gold", "limit": 3, "deep": {"x": 1}}"#.parse::<Custom>().unwrap(),
        };
        let groups = vec!["testers".to_owned()];
        let account = Account::new(7);
        let context = FlagContext::new(&user, Some(&permit), &effective, &groups, &account).in_app(Uuid::from_u128(9));
        let shown = |name: &str| context.attribute(name).map(|value| value.to_string());
        for (name, value) in [
            ("user_id", "00000000-0000-0000-0000-000000000007"),
            ("external_id", "x-1"),
            ("username", "alice"),
            ("email", "a@example.com"),
            ("email_verified", "false"),
            ("role", "staff"),
            ("status", "active"),
            ("groups", "[testers]"),
            ("scopes", "[read_profile, deduct_credits]"),
            ("directory", "corp"),
            ("app_id", "00000000-0000-0000-0000-000000000009"),
            ("can_use", "true"),
            ("credit_rate", "1.000000"),
            ("credit_balance", "0.000000"),
            ("lifetime_earned", "0.000000"),
            ("lifetime_spent", "0.000000"),
            ("created_at", "1970-01-01T00:00:01.000000Z"),
            ("custom.tier", "gold"),
            ("custom.limit", "3"),
        ] {
            assert_eq!(shown(name).as_deref(), Some(value), "{name}");
        }
        for absent in ["custom.deep", "custom.none", "tier", "password", ""] {
            assert_eq!(shown(absent), None, "{absent}");
        }
    }
}
