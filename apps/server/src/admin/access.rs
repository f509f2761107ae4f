//! Whether a user has access to an app, and if not, why: every check in the order in which it is made, in words.

use osaycore_directory::{App, Scope, Scopes, Storage as _, User, UserStatus, effective};
use osaycore_ledger::{Account, Storage as _};
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
            Self::Groups => "Groups let the user in",
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
    let checks = vec![
        enabled(app),
        not_deleted(user),
        active(user),
        may_use(user, app, permit.is_some(), effective.can_use),
        in_group(user, app, shares_group),
        may_charge(user, app, &effective.scopes),
        second_factor(user, app, attempts),
        can_spend(user, &account),
    ];
    Ok(Access { checks })
}

fn enabled(app: &App) -> Check {
    let name = &app.name;
    if app.disabled {
        let sentence = format!("{name} is disabled: its key is answered 401 invalid_api_key, whoever the user is.");
        return Check::new(What::App, Outcome::Refuses, sentence);
    }
    Check::new(What::App, Outcome::Passes, format!("{name} is enabled."))
}

fn not_deleted(user: &User) -> Check {
    let name = &user.username;
    if user.is_deleted() {
        let sentence = format!("{name} is deleted: every call is answered 404 user_not_found.");
        return Check::new(What::Deletion, Outcome::Refuses, sentence);
    }
    Check::new(What::Deletion, Outcome::Passes, format!("{name} is not deleted."))
}

fn active(user: &User) -> Check {
    let (name, status) = (&user.username, user.status);
    if status == UserStatus::Active {
        return Check::new(What::Status, Outcome::Passes, format!("{name} is active."));
    }
    let sentence = format!("{name} is {status}: every call for {name} is answered 403 user_inactive.");
    Check::new(What::Status, Outcome::Refuses, sentence)
}

fn may_use(user: &User, app: &App, has_permit: bool, can_use: bool) -> Check {
    let (name, app) = (&user.username, &app.name);
    let (outcome, sentence) = match (has_permit, can_use) {
        (_, false) => (
            Outcome::Refuses,
            format!("{name} may not use {app}: charges are answered 403 not_permitted, and the app is told so."),
        ),
        (true, true) => (Outcome::Passes, format!("{name} may use {app}.")),
        (false, true) => {
            (Outcome::Passes, format!("Nothing is set for {name} in {app}: what holds for everyone does."))
        }
    };
    Check::new(What::Permit, outcome, sentence)
}

fn in_group(user: &User, app: &App, shares_group: bool) -> Check {
    let (name, app_name) = (&user.username, &app.name);
    let (outcome, sentence) = match (app.settings.restrict_to_groups, shares_group) {
        (false, _) => (Outcome::Passes, format!("{app_name} is not restricted to groups.")),
        (true, true) => (Outcome::Passes, format!("{name} is in a group that opens {app_name}.")),
        (true, false) => (
            Outcome::Refuses,
            format!(
                "{app_name} is restricted to groups, and {name} is in none of them: the app is told that {name} is \
                 not authorized, and one-time codes are answered NOGROUPMEMBERSHIP."
            ),
        ),
    };
    Check::new(What::Groups, outcome, sentence)
}

fn may_charge(user: &User, app: &App, scopes: &Scopes) -> Check {
    let (name, app) = (&user.username, &app.name);
    if scopes.contains(Scope::DEDUCT_CREDITS) {
        return Check::new(What::Scopes, Outcome::Passes, format!("{name} grants {app}: {scopes}."));
    }
    let granted = if scopes.is_empty() { "nothing".to_owned() } else { scopes.to_string() };
    let sentence = format!(
        "{name} grants {app} {granted}. The scope deduct_credits is missing: charges are answered 403 scope_missing."
    );
    Check::new(What::Scopes, Outcome::Refuses, sentence)
}

fn second_factor(user: &User, app: &App, attempts: Attempts) -> Check {
    let (name, app_name) = (&user.username, &app.name);
    let (outcome, sentence) = match (attempts, user.bypass_otp, app.settings.allow_bypass) {
        (Attempts::Locked { until_us }, ..) => {
            // To the second.
            let until = timestamp(until_us.saturating_sub(until_us.rem_euclid(1_000_000)));
            let sentence =
                format!("{name} is locked in {app_name} after wrong codes: no code is looked at before {until}.");
            (Outcome::Hinders, sentence)
        }
        (Attempts::Open { .. }, false, _) => (Outcome::Passes, format!("{name} is not locked in {app_name}.")),
        (Attempts::Open { .. }, true, true) => {
            (Outcome::Passes, format!("{name} bypasses second factors, and {app_name} allows that."))
        }
        (Attempts::Open { .. }, true, false) => (
            Outcome::Hinders,
            format!(
                "{name} bypasses second factors, which {app_name} does not allow: one-time codes are answered \
                 NOTALLOWEDTOBYPASS."
            ),
        ),
    };
    Check::new(What::SecondFactor, outcome, sentence)
}

fn can_spend(user: &User, account: &Account) -> Check {
    let (name, balance, floor) = (&user.username, account.balance, account.floor);
    if balance > floor {
        let sentence = format!("{name} has {balance} credits, and may go down to {floor}.");
        return Check::new(What::Credits, Outcome::Passes, sentence);
    }
    let sentence = format!("{name} has {balance} credits, and may go down to {floor}: every charge is answered 402.");
    Check::new(What::Credits, Outcome::Hinders, sentence)
}

impl Check {
    fn new(what: What, outcome: Outcome, sentence: String) -> Self {
        Self { what, outcome, sentence }
    }
}
