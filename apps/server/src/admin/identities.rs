//! The logins of providers that are a user's: taken away by an operator.

use osaycore_audit::{Action, Details, Field, Log as _};
use osaycore_directory::{Email, Identity, ProviderName, Storage as _, Subject, User};

use super::{By, users};
use crate::error::{ApiError, Code, Failure};
use crate::store::tx::Tx;
use crate::store::{identities, sign_in_codes};

/// Takes a login from the user, who stays; → what was taken. Who has it may sign in again, and is then whoever the rules
/// say. Sessions go on, as none says by which login it began; what waits to become one does not.
///
/// # Errors
/// 404: the user has no such login. 409: several are meant, and none is named.
pub(crate) fn unlink(
    tx: &mut Tx<'_>,
    by: &By,
    user: &User,
    provider: &ProviderName,
    subject: Option<&Subject>,
) -> Result<Vec<Identity>, Failure> {
    let mut meant = tx.identities_of(user.id)?;
    meant.retain(|it| it.provider == *provider && subject.is_none_or(|subject| it.subject == *subject));
    if meant.is_empty() {
        let which = subject.map_or_else(|| provider.to_string(), |subject| format!("{provider} {subject}"));
        let sentence = format!("user {} has no login of {which}; see `osaycore user show`", user.username);
        return Err(ApiError::from(Code::NotFound).detail(sentence).into());
    }
    if subject.is_none() && meant.len() > 1 {
        let subjects: Vec<&str> = meant.iter().map(|it| it.subject.as_str()).collect();
        let sentence = format!(
            "user {} has several of {provider}: name one by --subject, of {}",
            user.username,
            subjects.join(", ")
        );
        return Err(ApiError::from(Code::ReferenceConflict).detail(sentence).into());
    }
    sign_in_codes::drop_of_user(tx, user.id)?;
    for identity in &meant {
        identities::remove(tx, identity)?;
        let mut event = by.event(Action::UserUnlinked, Some(user.id));
        event.target = Some(users::target(user));
        event.before = Details::new()
            .with(Field::Provider, identity.provider.as_str())
            .with(Field::Issuer, identity.issuer.as_str())
            .with(Field::Subject, identity.subject.as_str())
            .with(Field::Email, identity.email.as_ref().map(Email::as_str));
        tx.append(event)?;
    }
    Ok(meant)
}
