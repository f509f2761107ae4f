//! What the command line, the HTTP routes and the console can do: one file per noun, each change audited in its own
//! transaction.

pub(crate) mod users;

use osaycore_audit::{Action, Actor, Event, Log};

use crate::error::{ApiError, Failure};
use crate::store::tx::Tx;

/// Who changes something, when and from where: what every audit event of the change carries.
#[derive(Clone, Debug)]
pub(crate) struct By {
    pub(crate) actor: Actor,
    pub(crate) tenant_id: i64,
    pub(crate) app_id: Option<i64>,
    pub(crate) address: Option<String>,
    pub(crate) request_id: Option<String>,
    pub(crate) now_us: i64,
}

impl By {
    /// The server's own work.
    pub(crate) fn system(tenant_id: i64, now_us: i64) -> Self {
        Self { actor: Actor::System, tenant_id, app_id: None, address: None, request_id: None, now_us }
    }

    /// An event of this change; `user_id` is whose trail it belongs to.
    pub(crate) fn event(&self, action: Action, user_id: Option<i64>) -> Event {
        Event {
            app_id: self.app_id,
            user_id,
            address: self.address.clone(),
            request_id: self.request_id.clone(),
            ..Event::new(action, self.actor.clone(), self.tenant_id, self.now_us)
        }
    }

    /// Audits a refusal that matters: 402 and 403.
    pub(crate) fn audit_refusal(&self, tx: &mut Tx<'_>, error: &ApiError) -> Result<(), Failure> {
        if matches!(error.code.status().as_u16(), 402 | 403) {
            let mut event = self.event(Action::AccessRefused, None);
            event.reason = Some(error.code.as_str().into());
            tx.append(event)?;
        }
        Ok(())
    }
}
