//! Users as the command line shows them.

use osaycore_directory::{App, AppRef, Permit, Storage as _, User};
use osaycore_ledger::{Credits, Storage as _};
use osaycore_otp::Attempts;
use serde::Serialize;
use uuid::Uuid;

use super::output::{fields, optional, timestamp};
use super::signed_in::{IdentityView, SessionView};
use crate::error::{Code, Failure};
use crate::store::otp;
use crate::store::tx::Tx;
use crate::system;

/// A user in a list.
#[derive(Serialize)]
pub(super) struct UserRow {
    pub(super) user_id: Uuid,
    pub(super) oasis_user_id: i64,
    pub(super) directory: Option<String>,
    pub(super) username: String,
    pub(super) email: Option<String>,
    pub(super) role: String,
    pub(super) status: &'static str,
    pub(super) deleted: bool,
}

/// All that is known of a user.
#[derive(Serialize)]
pub(super) struct UserDetails {
    user_id: Uuid,
    oasis_user_id: i64,
    directory: Option<String>,
    username: String,
    email: Option<String>,
    email_verified: bool,
    display_name: Option<String>,
    avatar_url: Option<String>,
    role: String,
    status: &'static str,
    bypass_otp: bool,
    /// `none`, `pending` or `enrolled`.
    second_factor: &'static str,
    recovery_codes_left: u32,
    /// Where wrong codes were entered since the last right one.
    wrong_codes: Vec<WrongCodes>,
    deleted: bool,
    balance: Credits,
    min_balance: Credits,
    groups: Vec<String>,
    permits: Vec<PermitView>,
    identities: Vec<IdentityView>,
    sessions: Vec<SessionView>,
    created_at: String,
    updated_at: String,
}

/// The wrong codes that a user has entered in an app.
#[derive(Serialize)]
pub(super) struct WrongCodes {
    oasis_app_id: i64,
    failures: Option<u32>,
    /// Where they have locked the user.
    locked_until: Option<String>,
}

/// What a user may do in an app.
#[derive(Serialize)]
pub(super) struct PermitView {
    app_id: Uuid,
    oasis_app_id: i64,
    app_name: String,
    external_id: Option<String>,
    can_use: bool,
    credit_rate: Option<String>,
    scopes: Option<Vec<String>>,
    custom: osaycore_directory::Custom,
}

impl UserRow {
    pub(super) const HEADER: [&'static str; 6] = ["user", "id", "name", "email", "role", "status"];

    pub(super) fn of(user: &User) -> Self {
        Self {
            user_id: user.uuid,
            oasis_user_id: user.id,
            directory: user.directory.as_ref().map(ToString::to_string),
            username: user.username.to_string(),
            email: user.email.as_ref().map(ToString::to_string),
            role: user.role.to_string(),
            status: user.status.as_str(),
            deleted: user.is_deleted(),
        }
    }

    pub(super) fn cells(&self) -> Vec<String> {
        let directory = self.directory.as_ref().map_or_else(String::new, |directory| format!("{directory}\\"));
        vec![
            self.user_id.to_string(),
            self.oasis_user_id.to_string(),
            format!("{directory}{}", self.username),
            optional(self.email.as_ref()),
            self.role.clone(),
            if self.deleted { "deleted" } else { self.status }.to_owned(),
        ]
    }
}

impl UserDetails {
    pub(super) fn read(tx: &mut Tx<'_>, user: &User) -> Result<Self, Failure> {
        let account = tx.account(user.id)?.ok_or(Code::UserNotFound)?;
        let mut permits = Vec::new();
        for permit in tx.permits(user.id)? {
            let app = tx.app(AppRef::Id(permit.app_id))?.ok_or(Code::NotFound)?;
            permits.push(PermitView::of(&app, &permit));
        }
        Ok(Self {
            user_id: user.uuid,
            oasis_user_id: user.id,
            directory: user.directory.as_ref().map(ToString::to_string),
            username: user.username.to_string(),
            email: user.email.as_ref().map(ToString::to_string),
            email_verified: user.email_verified,
            display_name: user.display_name.as_ref().map(ToString::to_string),
            avatar_url: user.avatar_url.as_ref().map(ToString::to_string),
            role: user.role.to_string(),
            status: user.status.as_str(),
            bypass_otp: user.bypass_otp,
            second_factor: match otp::enrolled(tx, user.id)? {
                None => "none",
                Some(false) => "pending",
                Some(true) => "enrolled",
            },
            recovery_codes_left: otp::recovery_codes_left(tx, user.id)?,
            wrong_codes: otp::attempts_of(tx, user.id)?.into_iter().filter_map(WrongCodes::of).collect(),
            deleted: user.is_deleted(),
            balance: account.balance,
            min_balance: account.floor,
            groups: tx.group_names(user.id)?,
            permits,
            identities: IdentityView::all(tx, user)?,
            sessions: SessionView::all(tx, user)?,
            created_at: timestamp(user.created_at_us),
            updated_at: timestamp(user.updated_at_us),
        })
    }

    pub(super) fn to_text(&self) -> String {
        let mut text = fields(&[
            ("user_id", self.user_id.to_string()),
            ("oasis_user_id", self.oasis_user_id.to_string()),
            ("directory", optional(self.directory.as_ref())),
            ("username", self.username.clone()),
            ("email", optional(self.email.as_ref())),
            ("email_verified", self.email_verified.to_string()),
            ("display_name", optional(self.display_name.as_ref())),
            ("avatar_url", optional(self.avatar_url.as_ref())),
            ("role", self.role.clone()),
            ("status", if self.deleted { "deleted" } else { self.status }.to_owned()),
            ("bypass_otp", self.bypass_otp.to_string()),
            ("second_factor", self.second_factor.to_owned()),
            ("recovery_codes_left", self.recovery_codes_left.to_string()),
            ("wrong_codes", self.wrong_codes.iter().map(WrongCodes::to_text).collect::<Vec<_>>().join(", ")),
            ("balance", self.balance.to_string()),
            ("min_balance", self.min_balance.to_string()),
            ("groups", self.groups.join(", ")),
            ("created_at", self.created_at.clone()),
            ("updated_at", self.updated_at.clone()),
        ]);
        let permits = self.permits.iter().map(PermitView::to_text);
        let identities = self.identities.iter().map(IdentityView::to_text);
        for part in permits.chain(identities).chain(self.sessions.iter().map(SessionView::to_text)) {
            text.push_str("\n\n");
            text.push_str(&part);
        }
        text
    }
}

impl WrongCodes {
    /// None for a lock that is over.
    fn of((oasis_app_id, attempts): (i64, Attempts)) -> Option<Self> {
        match attempts.at(system::now_us()) {
            Attempts::NONE => None,
            Attempts::Open { failures } => Some(Self { oasis_app_id, failures: Some(failures), locked_until: None }),
            Attempts::Locked { until_us } => {
                Some(Self { oasis_app_id, failures: None, locked_until: Some(timestamp(until_us)) })
            }
        }
    }

    fn to_text(&self) -> String {
        match (&self.locked_until, self.failures) {
            (Some(until), _) => format!("app {}: locked until {until}", self.oasis_app_id),
            (None, failures) => format!("app {}: {}", self.oasis_app_id, failures.unwrap_or_default()),
        }
    }
}

impl PermitView {
    pub(super) fn of(app: &App, permit: &Permit) -> Self {
        Self {
            app_id: app.uuid,
            oasis_app_id: app.id,
            app_name: app.name.to_string(),
            external_id: permit.external_id.as_ref().map(ToString::to_string),
            can_use: permit.can_use,
            credit_rate: permit.credit_rate.map(|rate| rate.to_string()),
            scopes: permit.scopes.as_ref().map(|scopes| scopes.iter().map(ToString::to_string).collect()),
            custom: permit.custom.clone(),
        }
    }

    pub(super) fn to_text(&self) -> String {
        fields(&[
            ("app", format!("{} ({})", self.app_name, self.app_id)),
            ("external_id", optional(self.external_id.as_ref())),
            ("can_use", self.can_use.to_string()),
            ("credit_rate", self.credit_rate.clone().unwrap_or_else(|| "the app's".to_owned())),
            ("scopes", self.scopes.as_ref().map_or_else(|| "everyone's".to_owned(), |scopes| scopes.join(" "))),
            ("custom", self.custom.to_string()),
        ])
    }
}
