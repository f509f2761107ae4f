//! Signing in by a provider: flows that are begun and taken, and what becomes of a login.

use osaycore_audit::{Action, Details, Field, Log as _, Target, TargetKind};
use osaycore_directory::{self as directory, Login, Newcomer, Outcome, Refused, User};
use osaycore_ledger::{Account, Storage as _};

use super::By;
use crate::error::{Code, Failure};
use crate::store::db::StoreError;
use crate::store::deployment::Numbered;
use crate::store::tx::Tx;
use crate::system;

/// Signs a login in to an app: finds, links or makes the user. `linking`: the user who asks, in a session of theirs, for
/// the identity to become theirs.
pub(crate) fn sign_in(
    tx: &mut Tx<'_>,
    by: &By,
    login: &Login,
    linking: Option<i64>,
    app_id: i64,
) -> Result<User, Failure> {
    let draw = |tx: &mut Tx<'_>| {
        let id = tx.next_id(Numbered::User)?;
        Ok::<_, StoreError>(Newcomer { id, uuid: system::uuid(), tenant_id: tx.tenant_id() })
    };
    let signed_in =
        directory::sign_in(tx, login, linking, draw, app_id, by.now_us).map_err(|failure| match failure {
            directory::Failure::Refused(Refused::Inactive) => Code::UserInactive.into(),
            directory::Failure::Refused(Refused::Deleted) => Code::UserNotFound.into(),
            other => Failure::from(other),
        })?;
    let user = signed_in.user;
    if signed_in.outcome == Outcome::Created {
        tx.insert_account(&Account::new(user.id))?;
    }
    let actions: &[Action] = match signed_in.outcome {
        Outcome::SignedIn => &[Action::UserSignedIn],
        Outcome::Linked => &[Action::UserLinked, Action::UserSignedIn],
        Outcome::Created => &[Action::UserCreated, Action::UserSignedIn],
    };
    for action in actions {
        let mut event = by.event(*action, Some(user.id));
        event.app_id = Some(app_id);
        event.target = Some(Target::new(TargetKind::User, user.uuid.to_string()));
        event.after = Details::new().with(Field::Provider, login.provider.as_str());
        tx.append(event)?;
    }
    Ok(user)
}
