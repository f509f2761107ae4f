//! Users as they are shown to administrators: on the command line, and by the admin API.

use osaycore_directory::{App, AppRef, Identity, Permit, Storage as _, User};
use osaycore_jwt::session;
use osaycore_ledger::{Credits, Storage as _};
use osaycore_otp::Attempts;
use serde::Serialize;
use utoipa::ToSchema;
use uuid::Uuid;

use crate::error::{Code, Failure};
use crate::schemas;
use crate::statement::timestamp;
use crate::store::otp;
use crate::store::tx::Tx;
use crate::system;

/// A user in a list.
#[derive(Serialize, ToSchema)]
#[schema(examples(schemas::admin::user_row_example))]
pub(crate) struct UserRow {
    pub(crate) user_id: Uuid,
    pub(crate) oasis_user_id: i64,
    #[schema(required = true)]
    pub(crate) directory: Option<String>,
    pub(crate) username: String,
    #[schema(required = true)]
    pub(crate) email: Option<String>,
    pub(crate) role: String,
    #[schema(value_type = schemas::admin::UserStatus)]
    pub(crate) status: &'static str,
    pub(crate) deleted: bool,
}

/// All that is known of a user.
#[derive(Serialize, ToSchema)]
#[schema(examples(schemas::admin::user_details_example))]
pub(crate) struct UserDetails {
    pub(crate) user_id: Uuid,
    pub(crate) oasis_user_id: i64,
    #[schema(required = true)]
    pub(crate) directory: Option<String>,
    pub(crate) username: String,
    #[schema(required = true)]
    pub(crate) email: Option<String>,
    pub(crate) email_verified: bool,
    #[schema(required = true)]
    pub(crate) display_name: Option<String>,
    #[schema(required = true)]
    pub(crate) avatar_url: Option<String>,
    pub(crate) role: String,
    #[schema(value_type = schemas::admin::UserStatus)]
    pub(crate) status: &'static str,
    pub(crate) bypass_otp: bool,
    /// `none`, `pending` or `enrolled`.
    pub(crate) second_factor: &'static str,
    pub(crate) recovery_codes_left: u32,
    /// Where wrong codes were entered since the last right one.
    pub(crate) wrong_codes: Vec<WrongCodes>,
    pub(crate) deleted: bool,
    #[schema(value_type = schemas::Credits)]
    pub(crate) balance: Credits,
    #[schema(value_type = schemas::Credits)]
    pub(crate) min_balance: Credits,
    pub(crate) groups: Vec<String>,
    pub(crate) permits: Vec<PermitView>,
    pub(crate) identities: Vec<IdentityView>,
    pub(crate) sessions: Vec<SessionView>,
    #[schema(format = DateTime)]
    pub(crate) created_at: String,
    #[schema(format = DateTime)]
    pub(crate) updated_at: String,
}

/// The wrong codes that a user has entered in an app.
#[derive(Serialize, ToSchema)]
pub(crate) struct WrongCodes {
    pub(crate) oasis_app_id: i64,
    #[schema(required = true)]
    pub(crate) failures: Option<u32>,
    /// Where they have locked the user.
    #[schema(format = DateTime, required = true)]
    pub(crate) locked_until: Option<String>,
}

/// What a user may do in an app.
#[derive(Serialize, ToSchema)]
#[schema(as = Permit, examples(schemas::admin::permit_example))]
pub(crate) struct PermitView {
    pub(crate) app_id: Uuid,
    pub(crate) oasis_app_id: i64,
    pub(crate) app_name: String,
    #[schema(required = true)]
    pub(crate) external_id: Option<String>,
    pub(crate) can_use: bool,
    #[schema(value_type = Option<schemas::admin::RateText>, required = true)]
    pub(crate) credit_rate: Option<String>,
    #[schema(required = true)]
    pub(crate) scopes: Option<Vec<String>>,
    #[schema(value_type = schemas::admin::Custom)]
    pub(crate) custom: osaycore_directory::Custom,
}

/// A login of a provider that is the user's.
#[derive(Serialize, ToSchema)]
#[schema(as = Identity, examples(schemas::admin::identity_example))]
pub(crate) struct IdentityView {
    pub(crate) provider: String,
    pub(crate) issuer: String,
    pub(crate) subject: String,
    #[schema(required = true)]
    pub(crate) email: Option<String>,
    /// Name and picture come from it.
    pub(crate) is_source: bool,
    #[schema(format = DateTime)]
    pub(crate) created_at: String,
    #[schema(format = DateTime)]
    pub(crate) used_at: String,
}

/// A session that is not over.
#[derive(Serialize, ToSchema)]
#[schema(as = Session, examples(schemas::admin::session_example))]
pub(crate) struct SessionView {
    pub(crate) session_id: Uuid,
    pub(crate) app_id: Uuid,
    /// None: the app is gone.
    #[schema(required = true)]
    pub(crate) app_name: Option<String>,
    #[schema(format = DateTime)]
    pub(crate) created_at: String,
    #[schema(format = DateTime, required = true)]
    pub(crate) refreshed_at: Option<String>,
    #[schema(format = DateTime)]
    pub(crate) expires_at: String,
}

impl UserRow {
    pub(crate) fn of(user: &User) -> Self {
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
}

impl UserDetails {
    /// All that the transaction sees of the user, deleted or not.
    pub(crate) fn read(tx: &mut Tx<'_>, user: &User) -> Result<Self, Failure> {
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
}

impl PermitView {
    pub(crate) fn of(app: &App, permit: &Permit) -> Self {
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
}

impl IdentityView {
    pub(crate) fn all(tx: &mut Tx<'_>, user: &User) -> Result<Vec<Self>, Failure> {
        Ok(tx.identities_of(user.id)?.iter().map(Self::of).collect())
    }

    pub(crate) fn of(identity: &Identity) -> Self {
        Self {
            provider: identity.provider.to_string(),
            issuer: identity.issuer.to_string(),
            subject: identity.subject.to_string(),
            email: identity.email.as_ref().map(ToString::to_string),
            is_source: identity.is_source,
            created_at: timestamp(identity.created_at_us),
            used_at: timestamp(identity.used_at_us),
        }
    }
}

impl SessionView {
    pub(crate) fn all(tx: &mut Tx<'_>, user: &User) -> Result<Vec<Self>, Failure> {
        let now_s = system::now_us().div_euclid(1_000_000);
        tx.live_sessions(user.uuid, now_s)?.iter().map(|session| Self::read(tx, session)).collect()
    }

    pub(crate) fn read(tx: &mut Tx<'_>, session: &session::Session) -> Result<Self, Failure> {
        let at = |at_s: i64| timestamp(at_s.saturating_mul(1_000_000));
        Ok(Self {
            session_id: session.id,
            app_id: session.aud,
            app_name: tx.app(AppRef::Uuid(session.aud))?.map(|app| app.name.to_string()),
            created_at: at(session.created_at_s),
            refreshed_at: tx.refreshed_at_s(session.id)?.map(at),
            expires_at: at(session.expires_at_s),
        })
    }
}
