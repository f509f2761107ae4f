//! Users as the command line shows them.

use super::output::{fields, optional};
use crate::admin::views::{IdentityView, PermitView, SessionView, UserDetails, UserRow, WrongCodes};

impl UserRow {
    pub(super) const HEADER: [&'static str; 6] = ["user", "id", "name", "email", "role", "status"];

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
    fn to_text(&self) -> String {
        match (&self.locked_until, self.failures) {
            (Some(until), _) => format!("app {}: locked until {until}", self.oasis_app_id),
            (None, failures) => format!("app {}: {}", self.oasis_app_id, failures.unwrap_or_default()),
        }
    }
}

impl PermitView {
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
