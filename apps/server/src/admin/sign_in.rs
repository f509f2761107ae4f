//! Signing in by a provider: flows that are begun and taken, and what becomes of a login.

use osaycore_audit::{Action, Details, Field, Log as _};
use osaycore_directory::{self as directory, Login, Newcomer, Outcome, Refused, SignedIn, User};
use osaycore_ledger::{Account, Storage as _};

use super::{By, sessions, users};
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
    let SignedIn { user, before, is_new_in_app, identity, outcome } = signed_in;
    let who = Details::new()
        .with(Field::Provider, identity.provider.as_str())
        .with(Field::Issuer, identity.issuer.as_str())
        .with(Field::Subject, identity.subject.as_str());
    let told = |tx: &mut Tx<'_>, action: Action, after: Details| {
        let mut event = by.event(action, Some(user.id));
        (event.app_id, event.target, event.after) = (Some(app_id), Some(users::target(&user)), after);
        tx.append(event).map(drop)
    };
    match &before {
        None => {
            tx.insert_account(&Account::new(user.id))?;
            told(tx, Action::UserCreated, users::details(&user))?;
        }
        Some(before) => {
            if outcome == Outcome::Linked {
                told(tx, Action::UserLinked, who.clone())?;
            }
            if outcome == Outcome::Linked && linking.is_none() {
                // Whoever was signed in before the address had proved whose it is may be somebody else.
                sessions::sign_out(tx, by, &user, Some("linked_by_email"))?;
            }
            users::audit(tx, by, Action::UserUpdated, before, &user)?;
            if is_new_in_app {
                told(tx, Action::UserPermitted, Details::new())?;
            }
        }
    }
    told(tx, Action::UserSignedIn, who)?;
    Ok(user)
}
