//! What an administrator can do: one file per noun. The command line calls it, and so do the HTTP routes.
//!
//! Each function is one step in the caller's transaction and appends its audit events to it.

pub(crate) mod access;
pub(crate) mod admin_sign_in;
pub(crate) mod admin_tokens;
pub(crate) mod admins;
pub(crate) mod apps;
pub(crate) mod bootstrap;
pub(crate) mod credits;
pub(crate) mod eval_keys;
pub(crate) mod flags;
pub(crate) mod groups;
pub(crate) mod identities;
pub(crate) mod keys;
pub(crate) mod otp;
pub(crate) mod providers;
pub(crate) mod refunds;
pub(crate) mod registration;
pub(crate) mod sessions;
pub(crate) mod sign_in;
pub(crate) mod tenants;
pub(crate) mod tokens;
pub(crate) mod users;
pub(crate) mod views;

use osaycore_audit::{Action, Actor, Details, Event, Log as _};
use osaycore_directory::Refused;

use crate::error::{ApiError, Code, Failure};
use crate::store::db::StoreError;
use crate::store::tx::Tx;

/// Who does something, and from where: the stamp of the audit events.
#[derive(Clone, Debug)]
pub(crate) struct By {
    pub(crate) actor: Actor,
    pub(crate) tenant_id: i64,
    /// The app that asks, if one does.
    pub(crate) app_id: Option<i64>,
    pub(crate) address: Option<String>,
    pub(crate) request_id: Option<String>,
    pub(crate) now_us: i64,
}

impl By {
    /// The program by itself.
    pub(crate) fn system(tenant_id: i64, now_us: i64) -> Self {
        Self { actor: Actor::System, tenant_id, app_id: None, address: None, request_id: None, now_us }
    }

    /// A person at the command line, by the name of the login.
    pub(crate) fn operator(tenant_id: i64, login: &str, now_us: i64) -> Self {
        Self { actor: Actor::Operator(login.to_owned()), ..Self::system(tenant_id, now_us) }
    }

    /// A script, by the name of its token.
    pub(crate) fn token(tenant_id: i64, name: &str, now_us: i64) -> Self {
        Self { actor: Actor::Token(name.to_owned()), ..Self::system(tenant_id, now_us) }
    }

    /// An event of this moment, in the trail of the user if there is one.
    pub(crate) fn event(&self, action: Action, user_id: Option<i64>) -> Event {
        Event {
            app_id: self.app_id,
            user_id,
            address: self.address.clone(),
            request_id: self.request_id.clone(),
            ..Event::new(action, self.actor.clone(), self.tenant_id, self.now_us)
        }
    }

    /// Audits what was refused for a lack of credits or of permission; other refusals are no concern of the trail.
    pub(crate) fn audit_refusal(&self, tx: &mut Tx<'_>, error: &ApiError) -> Result<(), StoreError> {
        if !matches!(error.code.status().as_u16(), 402 | 403) {
            return Ok(());
        }
        let mut event = self.event(Action::AccessRefused, None);
        event.reason = Some(error.code.as_str().into());
        tx.append(event)?;
        Ok(())
    }
}

/// The values that differ, as they were and as they became.
fn differences(before: &Details, after: &Details) -> (Details, Details) {
    let (mut was, mut became) = (Details::new(), Details::new());
    for (field, value) in after.iter() {
        let old = before.value(field);
        if old != Some(value) {
            if let Some(old) = old {
                was.set(field, old.clone());
            }
            became.set(field, value.clone());
        }
    }
    (was, became)
}

/// The directory's refusals as the wire says them.
impl From<Refused> for ApiError {
    fn from(refused: Refused) -> Self {
        let sentence = match refused {
            Refused::Deleted => "the user is deleted; restore the user first".to_owned(),
            _ => refused.to_string(),
        };
        match refused.field() {
            Some(field) if refused == Refused::ExternalIdIsUserId => Self::invalid(field, sentence),
            Some(field) => Self::field(Code::ReferenceConflict, field, format!("{field}: {sentence}")),
            None => Self::from(Code::ReferenceConflict).detail(sentence),
        }
    }
}

impl From<osaycore_directory::Failure<StoreError>> for Failure {
    fn from(failure: osaycore_directory::Failure<StoreError>) -> Self {
        match failure {
            osaycore_directory::Failure::Refused(refused) => Self::Refused(refused.into()),
            osaycore_directory::Failure::Storage(error) => Self::Store(error),
            // The enum may grow; what is not known is not told.
            _ => Code::Internal.into(),
        }
    }
}
