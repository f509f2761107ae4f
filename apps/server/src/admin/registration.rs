//! Users who are to enrol a second factor: registered by an app, and asked by mail.

use std::collections::BTreeSet;

use osaycore_directory::{
    DisplayName, Email, Group, GroupRef, Link, Name, PermitChange, Role, Storage as _, User, UserChange, UserRef,
    Username,
};
use osaycore_otp::{Factor, Purpose, RecoveryCode, Secret, Storage as _, Verdict};
use sha2::{Digest as _, Sha256};

use super::groups;
use super::otp::{self, Asking};
use super::users::{self, NewUserInput};
use crate::error::{ApiError, Code, Failure};
use crate::mail::{self, Invitation};
use crate::store::enrollments::{self, Enrollment};
use crate::store::otp::Factors;
use crate::store::outbox;
use crate::store::tx::Tx;
use crate::system;

/// How long a mailed link is good.
const LINK_US: i64 = outbox::USE_US;

/// Who is to be registered.
#[derive(Clone, Debug)]
pub(crate) struct Registration {
    pub(crate) directory: Option<Name>,
    pub(crate) username: Username,
    pub(crate) display_name: Option<DisplayName>,
    pub(crate) email: Option<Email>,
    /// Numeric ids.
    pub(crate) groups: BTreeSet<i64>,
    /// Where a mail goes, and where its link begins; none: no mail is asked for.
    pub(crate) mail: Option<(Email, String)>,
}

/// Makes the user, or takes the one that has not enrolled yet, and begins the enrolment; → the user and the secret.
pub(crate) fn register(asking: Asking<'_>, tx: &mut Tx<'_>, new: &Registration) -> Result<(User, Secret), Failure> {
    let mut into: Vec<Group> = Vec::new();
    for id in &new.groups {
        let group = tx.group(&GroupRef::Id(*id))?;
        into.push(group.ok_or_else(|| ApiError::invalid("UserGroups", format!("there is no group {id}")))?);
    }
    let name = UserRef::Name { directory: new.directory.clone(), username: new.username.clone() };
    let user = if let Some(user) = tx.user(&name)? {
        // The profile stays: an app that may not manage users does not rewrite whom it has not made.
        users::must_be_active(&user)?;
        link_to(asking, tx, &user)?;
        user
    } else {
        let input = NewUserInput {
            username: new.username.clone(),
            email: new.email.clone(),
            display_name: new.display_name.clone(),
            role: Role::default(),
            directory: new.directory.clone(),
            link: Some(Link { app_id: asking.app.id, external_id: None }),
        };
        users::create(tx, asking.by, input)?
    };
    let secret = asking.start(tx, &user)?;
    for group in into {
        groups::set_member(tx, asking.by, &group, &user, true)?;
    }
    if let Some((email, base)) = &new.mail {
        invite(asking, tx, &user, email, base)?;
    }
    Ok((user, secret))
}

fn link_to(asking: Asking<'_>, tx: &mut Tx<'_>, user: &User) -> Result<(), Failure> {
    if tx.permit(user.id, asking.app.id)?.is_none() {
        users::permit(tx, asking.by, user, asking.app.id, PermitChange::default())?;
    }
    Ok(())
}

/// Puts a mail with a new link into the outbox.
fn invite(asking: Asking<'_>, tx: &mut Tx<'_>, user: &User, email: &Email, base: &str) -> Result<(), Failure> {
    let token = system::credential("");
    let expires_at_us = asking.by.now_us.saturating_add(LINK_US);
    let enrollment = Enrollment {
        user_id: user.id,
        app_id: asking.app.id,
        token_hash: token_hash(&token),
        email: email.clone(),
        expires_at_us,
    };
    enrollments::put(tx, &enrollment)?;
    let invitation = Invitation {
        issuer: otp::issuer(asking.app, user),
        name: user.display_name.as_ref().map_or(user.username.as_str(), DisplayName::as_str),
        username: user.username.as_str(),
        link: &format!("{base}/enroll/{}/{token}", tx.tenant_id()),
    };
    let mail = mail::invitation(email, &invitation).map_err(|_| Code::Internal)?;
    let mail = zeroize::Zeroizing::new(serde_json::to_vec(&mail).map_err(|_| Code::Internal)?);
    let id = system::ordered_uuid(asking.by.now_us);
    outbox::put(tx, asking.sealer, id, user.id, &mail, asking.by.now_us, expires_at_us)?;
    Ok(())
}

/// What a link that is good leads to.
pub(crate) struct Opened {
    pub(crate) user: User,
    pub(crate) app: osaycore_directory::App,
    pub(crate) email: Email,
}

/// The user and the app of a link; none if it was used, replaced or has expired, or the user may not enrol any more.
pub(crate) fn open(tx: &mut Tx<'_>, token: &str, now_us: i64) -> Result<Option<Opened>, Failure> {
    let Some(enrollment) = enrollments::find(tx, &token_hash(token))? else { return Ok(None) };
    if enrollment.expires_at_us <= now_us {
        return Ok(None);
    }
    let user = users::by_id(tx, enrollment.user_id)?;
    let user = user.filter(|user| !user.is_deleted() && users::must_be_active(user).is_ok());
    let app = tx.app(osaycore_directory::AppRef::Id(enrollment.app_id))?.filter(|app| !app.disabled);
    Ok(user.zip(app).map(|(user, app)| Opened { user, app, email: enrollment.email }))
}

/// The secret that the page of a link shows.
pub(crate) fn pending_secret(
    tx: &mut Tx<'_>,
    sealer: &crate::sealing::Sealer,
    user: &User,
) -> Result<Option<Secret>, Failure> {
    let credential = Factors::new(tx, sealer).credential(user.id)?;
    Ok(credential.filter(|credential| !credential.is_active()).map(|credential| credential.secret().clone()))
}

/// Completes the enrolment of a link by the first code; with it the recovery codes, and the user's address is verified if
/// it is the one to which the link was sent.
pub(crate) fn complete(
    asking: Asking<'_>,
    tx: &mut Tx<'_>,
    opened: &Opened,
    entered: &str,
) -> Result<(Verdict, Vec<RecoveryCode>), Failure> {
    let user = &opened.user;
    let verdict = asking.verify(tx, Some(user), Purpose::Registration, entered)?;
    if verdict.factor != Some(Factor::FirstCode) {
        return Ok((verdict, Vec::new()));
    }
    if user.email.as_ref() == Some(&opened.email) && !user.email_verified {
        let verified = UserChange { email_verified: Some(true), ..UserChange::default() };
        users::change(tx, asking.by, user, verified)?;
    }
    let codes = otp::replace_recovery_codes(tx, asking.sealer, asking.by, user)?.unwrap_or_default();
    Ok((verdict, codes))
}

fn token_hash(token: &str) -> [u8; 32] {
    Sha256::digest(token.as_bytes()).into()
}
