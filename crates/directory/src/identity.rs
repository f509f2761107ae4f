//! Who a provider's login is: the identity that the provider knows, and the user whom it stands for here.

use alloc::{borrow::ToOwned, string::String};

use serde::{Deserialize, Serialize};

use crate::{
    AvatarUrl, DisplayName, Email, Refused, User, UserStatus,
    text::{Flaw, bounded, text_type, without},
};

text_type! {
    /// The name of a provider of logins in a tenant, as in the path of its callback: 1–32 of `a-z 0-9 _ -`.
    ProviderName, "provider name", provider_name
}

text_type! {
    /// Whose word it is who somebody is: the `iss` of OpenID Connect, else the provider's address; 1–512 visible ASCII
    /// characters, compared byte for byte. A subject is one person's within its issuer and nowhere else (OpenID Connect
    /// Core 1.0 §5.7): a provider that is set to another issuer knows nobody of the old one.
    Issuer, "issuer", issuer
}

text_type! {
    /// Who somebody is at an issuer, for ever and whatever their address: 1–255 ASCII characters from the space to `~`,
    /// compared byte for byte (OpenID Connect Core 1.0 §2, `sub`; GitHub: the numeric id).
    Subject, "subject", subject
}

/// Somebody at a provider, and who that is here. A user may have many.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Identity {
    /// The provider.
    pub provider: ProviderName,
    /// Whom the provider was then.
    pub issuer: Issuer,
    /// Who it is there.
    pub subject: Subject,
    /// Who it is here.
    pub user_id: i64,
    /// The address that the provider last vouched for; before it did for one, the first that it said.
    pub email: Option<Email>,
    /// The user's profile comes from it: at most one of a user's does so.
    pub is_source: bool,
    /// When it was first seen, microseconds since the Unix epoch.
    pub created_at_us: i64,
    /// When it last signed in, microseconds since the Unix epoch.
    pub used_at_us: i64,
}

/// What a provider says of somebody now.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Profile {
    /// The address.
    pub email: Option<Email>,
    /// The provider vouches for the address.
    pub email_verified: bool,
    /// The name.
    pub display_name: Option<DisplayName>,
    /// The picture.
    pub avatar_url: Option<AvatarUrl>,
}

impl Profile {
    /// The address, if the provider vouches for it.
    pub fn verified_email(&self) -> Option<&Email> {
        self.email.as_ref().filter(|_| self.email_verified)
    }
}

/// Who a login is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Arrival<'a> {
    /// The user whose identity it is.
    SignsIn(&'a User),
    /// The user whose identity it becomes.
    Links(&'a User),
    /// Nobody yet: a user is to be made.
    Creates,
}

impl<'a> Arrival<'a> {
    /// The user, if there is one.
    pub const fn user(self) -> Option<&'a User> {
        match self {
            Self::SignsIn(user) | Self::Links(user) => Some(user),
            Self::Creates => None,
        }
    }
}

/// Decides who a login is.
///
/// `known`: whose identity it is. `linking`: who asks, in a session of theirs, for it to become theirs. `same_email`:
/// users who may have the profile's address. Of these only one counts who is not deleted and whose own address is
/// verified, and nobody does where the provider does not vouch for its: an account that somebody made with another's
/// address is neither given to that other nor keeps their login. Where two have the address, nobody is preferred.
///
/// # Errors
/// `IdentityTaken`, `Deleted`, `Inactive`, in this order; the last two of whoever it would be. A login never makes a
/// second user for somebody who is held back.
pub fn arrive<'a>(
    known: Option<&'a User>,
    linking: Option<&'a User>,
    profile: &Profile,
    same_email: &'a [User],
) -> Result<Arrival<'a>, Refused> {
    let arrival = match (known, linking) {
        (Some(owner), Some(user)) if owner.id != user.id => return Err(Refused::IdentityTaken),
        (Some(owner), _) => Arrival::SignsIn(owner),
        (None, Some(user)) => Arrival::Links(user),
        (None, None) => only_holder(profile, same_email).map_or(Arrival::Creates, Arrival::Links),
    };
    match arrival.user() {
        Some(user) if user.is_deleted() => Err(Refused::Deleted),
        Some(user) if user.status != UserStatus::Active => Err(Refused::Inactive),
        _ => Ok(arrival),
    }
}

/// The one user who has the address by the provider's word and by ours.
fn only_holder<'a>(profile: &Profile, users: &'a [User]) -> Option<&'a User> {
    let address = profile.verified_email()?;
    let mut holders = users
        .iter()
        .filter(|user| !user.is_deleted() && user.verified_email().is_some_and(|email| email.same_as(address)));
    holders.next().filter(|_| holders.next().is_none())
}

fn provider_name(text: &str) -> Result<String, Flaw> {
    bounded(text, 32)?;
    without(text, |c| !matches!(c, 'a'..='z' | '0'..='9' | '_' | '-'))?;
    Ok(text.to_owned())
}

fn subject(text: &str) -> Result<String, Flaw> {
    bounded(text, 255)?;
    without(text, |c| !matches!(c, ' '..='~'))?;
    Ok(text.to_owned())
}

fn issuer(text: &str) -> Result<String, Flaw> {
    bounded(text, 512)?;
    without(text, |c| !c.is_ascii_graphic())?;
    Ok(text.to_owned())
}
