//! What a user is to an app that asks for a second factor: eleven states, and the one function that decides.

use core::{fmt, str::FromStr};

/// The answer to an app (seed: "User Authentication State Enum Codes").
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum State {
    /// There is no such user.
    NotRegistered,
    /// The user was disabled or suspended.
    Disabled,
    /// Too many consecutive wrong codes; the lock is not over.
    Locked,
    /// The app is restricted to groups, and the user is in none of them.
    NoGroupMembership,
    /// The user is set to bypass, and the app does not allow that.
    NotAllowedToBypass,
    /// No code is asked for.
    SkipAuthentication,
    /// A code is asked for.
    Authenticate,
    /// The code is wrong.
    Invalid,
    /// The code is right.
    Valid,
    /// The user has not entered a first code yet.
    PendingEnrollment,
    /// The tenant's users of the month are as many as they may be, and this one is not among them.
    MaxUsersReached,
}

impl State {
    /// All of them, by number.
    pub const ALL: [Self; 11] = [
        Self::NotRegistered,
        Self::Disabled,
        Self::Locked,
        Self::NoGroupMembership,
        Self::NotAllowedToBypass,
        Self::SkipAuthentication,
        Self::Authenticate,
        Self::Invalid,
        Self::Valid,
        Self::PendingEnrollment,
        Self::MaxUsersReached,
    ];

    /// The number that goes over the wire, 0 to 10.
    pub const fn number(self) -> u8 {
        match self {
            Self::NotRegistered => 0,
            Self::Disabled => 1,
            Self::Locked => 2,
            Self::NoGroupMembership => 3,
            Self::NotAllowedToBypass => 4,
            Self::SkipAuthentication => 5,
            Self::Authenticate => 6,
            Self::Invalid => 7,
            Self::Valid => 8,
            Self::PendingEnrollment => 9,
            Self::MaxUsersReached => 10,
        }
    }

    /// The name that is signed.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::NotRegistered => "NOTREGISTERED",
            Self::Disabled => "DISABLED",
            Self::Locked => "LOCKED",
            Self::NoGroupMembership => "NOGROUPMEMBERSHIP",
            Self::NotAllowedToBypass => "NOTALLOWEDTOBYPASS",
            Self::SkipAuthentication => "SKIPAUTHENTICATION",
            Self::Authenticate => "AUTHENTICATE",
            Self::Invalid => "INVALID",
            Self::Valid => "VALID",
            Self::PendingEnrollment => "PENDINGENROLLMENT",
            Self::MaxUsersReached => "MAXUSERSREACHED",
        }
    }
}

impl fmt::Display for State {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.as_str())
    }
}

/// What an app asks for (seed: "Verification Type Enum Codes").
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Purpose {
    /// 0: somebody signs in.
    #[default]
    Login,
    /// 1: somebody enrols.
    Registration,
}

/// A text that is no verification type.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("0 (LOGIN) or 1 (REGISTRATION)")]
pub struct UnknownPurpose;

/// By the name in any case, or the number in decimal.
impl FromStr for Purpose {
    type Err = UnknownPurpose;

    fn from_str(text: &str) -> Result<Self, UnknownPurpose> {
        match text {
            "0" => Ok(Self::Login),
            "1" => Ok(Self::Registration),
            _ if text.eq_ignore_ascii_case("LOGIN") => Ok(Self::Login),
            _ if text.eq_ignore_ascii_case("REGISTRATION") => Ok(Self::Registration),
            _ => Err(UnknownPurpose),
        }
    }
}

/// What counts of a known user in an app, at one moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(clippy::struct_excessive_bools, reason = "seven independent facts, each of which decides by itself")]
pub struct Standing {
    /// Neither disabled nor suspended.
    pub is_active: bool,
    /// Wrong codes have locked the user here, and the lock is not over.
    pub is_locked: bool,
    /// In one of the app's groups, or the app is not restricted to groups.
    pub is_admitted: bool,
    /// Set to bypass second factors.
    pub bypasses: bool,
    /// The app lets such users in.
    pub may_bypass: bool,
    /// A first code was accepted.
    pub is_enrolled: bool,
    /// The tenant's monthly limit of users is reached without this one.
    pub exceeds_quota: bool,
}

/// The state before any code is looked at, so never `Valid` nor `Invalid`: the first that fits, in the order of the
/// contract ("Decision order"). `None`: the user is not known.
pub const fn decide(standing: Option<&Standing>, purpose: Purpose) -> State {
    let Some(user) = standing else { return State::NotRegistered };
    if !user.is_active {
        State::Disabled
    } else if user.is_locked {
        State::Locked
    } else if !user.is_admitted {
        State::NoGroupMembership
    } else if user.bypasses && user.may_bypass {
        State::SkipAuthentication
    } else if user.bypasses {
        State::NotAllowedToBypass
    } else if !user.is_enrolled {
        State::PendingEnrollment
    } else if matches!(purpose, Purpose::Login) && user.exceeds_quota {
        State::MaxUsersReached
    } else {
        State::Authenticate
    }
}
