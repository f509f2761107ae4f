//! What a user may do in an app.

use crate::{App, Custom, ExternalId, Rate, Scope, Scopes, UserStatus};

/// A user's permissions in one app. That there is one *is* the link between the two: the user was made by the app,
/// signed in through it, has an external id in it, or was given permissions.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Permit {
    /// The user.
    pub user_id: i64,
    /// The app.
    pub app_id: i64,
    /// The app's own id of the user; unique in the app among users that are not deleted.
    pub external_id: Option<ExternalId>,
    /// Whether the user may use the app; false closes deductions, not the context.
    pub can_use: bool,
    /// The user's own rate; none: the app's.
    pub credit_rate: Option<Rate>,
    /// What the app may do for the user; none: what everyone grants.
    pub scopes: Option<Scopes>,
    /// The app's own words.
    pub custom: Custom,
}

impl Permit {
    /// The bare link: permissions as without it.
    pub fn new(user_id: i64, app_id: i64) -> Self {
        Self {
            user_id,
            app_id,
            external_id: None,
            can_use: true,
            credit_rate: None,
            scopes: None,
            custom: Custom::default(),
        }
    }

    /// The permit with what the change names.
    #[must_use]
    pub fn changed(self, change: PermitChange) -> Self {
        Self {
            external_id: change.external_id.or(self.external_id),
            can_use: change.can_use.unwrap_or(self.can_use),
            credit_rate: change.credit_rate.or(self.credit_rate),
            scopes: change.scopes.or(self.scopes),
            custom: change.custom.unwrap_or(self.custom),
            ..self
        }
    }
}

/// What to change about a permit: what is named is set, the rest stays.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct PermitChange {
    /// The app's own id of the user.
    pub external_id: Option<ExternalId>,
    /// Whether the user may use the app.
    pub can_use: Option<bool>,
    /// The user's own rate.
    pub credit_rate: Option<Rate>,
    /// Replaces the scopes; the empty set takes all away.
    pub scopes: Option<Scopes>,
    /// Replaces the app's own words.
    pub custom: Option<Custom>,
}

/// What counts for a user in an app, defaults filled in; the context's `app_permissions`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Effective {
    /// The permit's, else true.
    pub can_use: bool,
    /// `can_use` and, where the app is restricted to groups, membership in one.
    pub is_authorized: bool,
    /// The user's, else the app's, else 1.
    pub credit_rate: Rate,
    /// The permit's, else `read_profile` and `deduct_credits`.
    pub scopes: Scopes,
    /// The permit's, else `{}`.
    pub custom: Custom,
}

/// Fills in what the permit leaves open. `shares_group`: the user is in a group that is allowed on the app.
pub fn effective(app: &App, permit: Option<&Permit>, shares_group: bool) -> Effective {
    let can_use = permit.is_none_or(|permit| permit.can_use);
    Effective {
        can_use,
        is_authorized: can_use && (shares_group || !app.settings.restrict_to_groups),
        credit_rate: permit
            .and_then(|permit| permit.credit_rate)
            .or(app.settings.default_credit_rate)
            .unwrap_or(Rate::ONE),
        scopes: permit.and_then(|permit| permit.scopes.clone()).unwrap_or_else(Scopes::of_everyone),
        custom: permit.map(|permit| permit.custom.clone()).unwrap_or_default(),
    }
}

/// Why a deduction is refused before the balance is looked at; each is 403.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Denied {
    /// `user_inactive`
    #[error("The user is not active")]
    UserInactive,
    /// `not_permitted`
    #[error("The user may not use this app")]
    NotPermitted,
    /// `scope_missing`
    #[error("The user has not granted this app the scope deduct_credits")]
    ScopeMissing,
}

impl Denied {
    /// The machine code of the contract.
    pub const fn code(self) -> &'static str {
        match self {
            Self::UserInactive => "user_inactive",
            Self::NotPermitted => "not_permitted",
            Self::ScopeMissing => "scope_missing",
        }
    }
}

/// Whether credits may be deducted; the first reason of: status, `can_use`, scope. Membership in a group is not one of
/// them: the contract refuses a deduction for `can_use` alone, and reports `is_authorized` to the app.
pub fn may_deduct(status: UserStatus, effective: &Effective) -> Result<(), Denied> {
    if status != UserStatus::Active {
        Err(Denied::UserInactive)
    } else if !effective.can_use {
        Err(Denied::NotPermitted)
    } else if !effective.scopes.contains(Scope::DEDUCT_CREDITS) {
        Err(Denied::ScopeMissing)
    } else {
        Ok(())
    }
}
