//! `osaycore user unlink` and `osaycore user sign-out`: by which logins of providers a user comes in, and where the user is in.

use clap::Args;
use osaycore_directory::{ProviderName, Subject, UserRef};
use serde_json::json;
use uuid::Uuid;

use super::output::{fields, optional};
use super::session::{self as opened, Session};
use crate::admin::views::{IdentityView, SessionView};
use crate::admin::{identities, sessions};

#[derive(Args)]
pub(super) struct Unlink {
    /// UUID, numeric id, directory\username or username
    user: UserRef,
    /// The provider of the login
    #[arg(long, value_name = "NAME")]
    provider: ProviderName,
    /// Who it is there, where the user has several of the provider
    #[arg(long)]
    subject: Option<Subject>,
}

#[derive(Args)]
pub(super) struct SignOut {
    /// UUID, numeric id, directory\username or username
    user: UserRef,
    /// Only this session, with its tokens
    #[arg(long, value_name = "ID")]
    session: Option<Uuid>,
}

impl Unlink {
    pub(super) fn run(self, session: &Session) -> anyhow::Result<()> {
        let (user, taken) = session.write(|tx, by| {
            let user = opened::user(tx, &self.user)?;
            let taken = identities::unlink(tx, by, &user, &self.provider, self.subject.as_ref())?;
            Ok((user, taken))
        })?;
        let views: Vec<IdentityView> = taken.iter().map(IdentityView::of).collect();
        session.output.show(&views, || {
            let named: Vec<String> = taken.iter().map(|it| format!("{} {}", it.provider, it.subject)).collect();
            format!(
                "{} is not user {} any more; sessions go on, `osaycore user sign-out {}` ends them",
                named.join(", "),
                user.username,
                user.id
            )
        })
    }
}

impl SignOut {
    pub(super) fn run(self, session: &Session) -> anyhow::Result<()> {
        let (user, ended) = session.write(|tx, by| {
            let user = opened::user(tx, &self.user)?;
            let ended = match self.session {
                Some(id) => u64::from(sessions::sign_out_of(tx, by, &user, id)?),
                None => sessions::sign_out(tx, by, &user, None)?,
            };
            Ok((user, ended))
        })?;
        session.output.show(&json!({ "sessions_ended": ended }), || match self.session {
            Some(id) if ended == 0 => format!("session {id} was over before"),
            Some(id) => format!("session {id} of user {} is over", user.username),
            None => format!("user {} is signed out: sessions ended: {ended}; no token is good any more", user.username),
        })
    }
}

impl IdentityView {
    pub(super) fn to_text(&self) -> String {
        fields(&[
            ("identity", format!("{} {}", self.provider, self.subject)),
            ("issuer", self.issuer.clone()),
            ("email", optional(self.email.as_ref())),
            ("is_source", self.is_source.to_string()),
            ("created_at", self.created_at.clone()),
            ("used_at", self.used_at.clone()),
        ])
    }
}

impl SessionView {
    pub(super) fn to_text(&self) -> String {
        fields(&[
            ("session", self.session_id.to_string()),
            ("app", format!("{} ({})", optional(self.app_name.as_ref()), self.app_id)),
            ("created_at", self.created_at.clone()),
            ("refreshed_at", optional(self.refreshed_at.as_ref())),
            ("expires_at", self.expires_at.clone()),
        ])
    }
}
