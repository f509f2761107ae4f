//! Whether a user has access to an app, and if not, why: every check in the order in which it is made, in words.

use osaycore_directory::{App, Scope, Storage as _, User, UserStatus, effective};
use osaycore_ledger::Storage as _;
use osaycore_otp::Attempts;

use crate::error::{Code, Failure};
use crate::statement::timestamp;
use crate::store::otp;
use crate::store::tx::Tx;

/// What is looked at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum What {
    App,
    Deletion,
    Status,
    Permit,
    Groups,
    Scopes,
    SecondFactor,
    Credits,
}

/// What came of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Outcome {
    Passes,
    /// The user has access, and something of it does not work now.
    Hinders,
    /// The user has no access.
    Refuses,
}

/// One check.
#[derive(Clone, Debug)]
pub(crate) struct Check {
    pub(crate) what: What,
    pub(crate) outcome: Outcome,
    /// What is so, and what that comes to.
    pub(crate) sentence: String,
}

/// All checks of a user in an app.
#[derive(Clone, Debug)]
pub(crate) struct Access {
    pub(crate) checks: Vec<Check>,
}

impl What {
    /// What it is called.
    pub(crate) const fn label(self) -> &'static str {
        match self {
            Self::App => "The app is enabled",
            Self::Deletion => "The user exists",
            Self::Status => "The user is active",
            Self::Permit => "The user may use the app",
            Self::Groups => "The user is in a group of the app",
            Self::Scopes => "The app may charge the user",
            Self::SecondFactor => "One-time codes are looked at",
            Self::Credits => "There are credits to spend",
        }
    }
}

impl Access {
    /// Whether nothing refuses the user.
    pub(crate) fn is_granted(&self) -> bool {
        self.first(Outcome::Refuses).is_none()
    }

    /// What the answer rests on: the first check that refuses, else the first that hinders; none: all is well.
    pub(crate) fn reason(&self) -> Option<&Check> {
        self.first(Outcome::Refuses).or_else(|| self.first(Outcome::Hinders))
    }

    fn first(&self, outcome: Outcome) -> Option<&Check> {
        self.checks.iter().find(|check| check.outcome == outcome)
    }
}

/// Looks at everything that can stand between a user and an app at a time, microseconds since the epoch.
pub(crate) fn explain(tx: &mut Tx<'_>, user: &User, app: &App, now_us: i64) -> Result<Access, Failure> {
    let permit = tx.permit(user.id, app.id)?;
    let shares_group = app.settings.restrict_to_groups && tx.shares_group(user.id, app.id)?;
    let effective = effective(app, permit.as_ref(), shares_group);
    let attempts = otp::attempts_of(tx, user.id)?.into_iter().find(|(app_id, _)| *app_id == app.id);
    let attempts = attempts.map_or(Attempts::NONE, |(_, attempts)| attempts.at(now_us));
    let account = tx.account(user.id)?.ok_or(Code::UserNotFound)?;
    let (name, app_name) = (&user.username, &app.name);
    let mut checks = Vec::new();
    let mut check = |what, outcome, sentence: String| checks.push(Check { what, outcome, sentence });

    if app.disabled {
        let sentence = format!("{app_name} is disabled: its key is answered 401 invalid_api_key, whoever the user is.");
        check(What::App, Outcome::Refuses, sentence);
    } else {
        check(What::App, Outcome::Passes, format!("{app_name} is enabled."));
    }
    if user.is_deleted() {
        let sentence = format!("{name} is deleted: every call is answered 404 user_not_found.");
        check(What::Deletion, Outcome::Refuses, sentence);
    } else {
        check(What::Deletion, Outcome::Passes, format!("{name} is not deleted."));
    }
    match user.status {
        UserStatus::Active => check(What::Status, Outcome::Passes, format!("{name} is active.")),
        status => {
            let sentence = format!("{name} is {status}: every call for {name} is answered 403 user_inactive.");
            check(What::Status, Outcome::Refuses, sentence);
        }
    }
    match (&permit, effective.can_use) {
        (None, _) => {
            let sentence =
                format!("{name} has no permissions of their own in {app_name}: what holds for everyone does.");
            check(What::Permit, Outcome::Passes, sentence);
        }
        (Some(_), true) => check(What::Permit, Outcome::Passes, format!("{name} may use {app_name}.")),
        (Some(_), false) => {
            let sentence = format!(
                "{name} may not use {app_name}: charges are answered 403 not_permitted, and the app is told so."
            );
            check(What::Permit, Outcome::Refuses, sentence);
        }
    }
    match (app.settings.restrict_to_groups, shares_group) {
        (false, _) => {
            check(What::Groups, Outcome::Passes, format!("{app_name} is open to users of every group, and of none."));
        }
        (true, true) => check(What::Groups, Outcome::Passes, format!("{name} is in a group that opens {app_name}.")),
        (true, false) => {
            let sentence = format!(
                "{app_name} is restricted to groups, and {name} is in none of them: the app is told that {name} is not \
                 authorized, and one-time codes are answered NOGROUPMEMBERSHIP."
            );
            check(What::Groups, Outcome::Refuses, sentence);
        }
    }
    if effective.scopes.contains(Scope::DEDUCT_CREDITS) {
        let sentence = format!("{name} grants {app_name}: {}.", effective.scopes);
        check(What::Scopes, Outcome::Passes, sentence);
    } else {
        let granted = if effective.scopes.is_empty() { "nothing".to_owned() } else { effective.scopes.to_string() };
        let sentence = format!(
            "{name} grants {app_name} {granted}. The scope deduct_credits is missing: charges are answered 403 \
             scope_missing."
        );
        check(What::Scopes, Outcome::Refuses, sentence);
    }
    match (attempts, user.bypass_otp, app.settings.allow_bypass) {
        (Attempts::Locked { until_us }, ..) => {
            let sentence = format!(
                "{name} is locked in {app_name} after wrong codes, until {}: no code is looked at before.",
                timestamp(until_us)
            );
            check(What::SecondFactor, Outcome::Hinders, sentence);
        }
        (_, true, false) => {
            let sentence = format!(
                "{name} bypasses second factors, which {app_name} does not allow: one-time codes are answered \
                 NOTALLOWEDTOBYPASS."
            );
            check(What::SecondFactor, Outcome::Hinders, sentence);
        }
        (_, true, true) => {
            let sentence = format!("{name} bypasses second factors, and {app_name} allows that.");
            check(What::SecondFactor, Outcome::Passes, sentence);
        }
        (_, false, _) => check(What::SecondFactor, Outcome::Passes, format!("{name} is not locked in {app_name}.")),
    }
    let (balance, floor) = (account.balance, account.floor);
    if balance > floor {
        check(What::Credits, Outcome::Passes, format!("{name} has {balance} credits, and may go down to {floor}."));
    } else {
        let sentence =
            format!("{name} has {balance} credits, and may go down to {floor}: every charge is answered 402.");
        check(What::Credits, Outcome::Hinders, sentence);
    }
    Ok(Access { checks })
}
