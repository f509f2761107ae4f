//! What an app may ask of the server, and what a user lets an app do.

use alloc::{string::String, vec::Vec};
use core::{fmt, str::FromStr};

use crate::text::{Flaw, ParseError, bounded, text_type, without};

/// A closed set of words with the word as text, in both directions and for serde.
macro_rules! words {
    ($(#[$doc:meta])* $name:ident, $what:literal, $expected:literal: $($(#[$variant_doc:meta])* $variant:ident = $word:literal),+) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize)]
        #[non_exhaustive]
        pub enum $name { $($(#[$variant_doc])* #[serde(rename = $word)] $variant),+ }

        impl $name {
            /// All of them, in the order of their declaration.
            pub const ALL: &[Self] = &[$(Self::$variant),+];

            /// The word on the wire, on the command line and in storage.
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $word),+ }
            }
        }

        impl core::str::FromStr for $name {
            type Err = $crate::ParseError;

            fn from_str(text: &str) -> Result<Self, Self::Err> {
                Self::ALL.iter().copied().find(|word| word.as_str() == text)
                    .ok_or($crate::ParseError { what: $what, flaw: $crate::Flaw::NotA($expected) })
            }
        }

        impl core::fmt::Display for $name {
            fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
                f.write_str(self.as_str())
            }
        }
    };
}
pub(crate) use words;

words! {
    /// What an app may ask of the server beyond acting for a user (the contract's command line page).
    AppScope, "app scope", "one of add_credits, manage_users, manage_payments and read_audit":
    /// Credits may be added and refunded.
    AddCredits = "add_credits",
    /// Users linked to the app may be made, read, changed and deleted.
    ManageUsers = "manage_users",
    /// Payments may be recorded.
    ManagePayments = "manage_payments",
    /// The audit trail may be read.
    ReadAudit = "read_audit"
}

words! {
    /// What a token of the admin API opens. To write does not include to read.
    AdminScope, "admin scope", "one of apps:read, apps:write, users:read, users:write, credits:read, credits:write, \
     flags:read, flags:write, audit:read, settings:read and settings:write":
    /// Apps, their settings and the names of their evaluation keys.
    AppsRead = "apps:read",
    /// Apps are made, changed, disabled; their secrets rotated.
    AppsWrite = "apps:write",
    /// Users, what they may do, groups, sessions.
    UsersRead = "users:read",
    /// Users and groups are made and changed; sessions and second factors ended.
    UsersWrite = "users:write",
    /// Wallets, transactions, payments.
    CreditsRead = "credits:read",
    /// Credits are added, floors set.
    CreditsWrite = "credits:write",
    /// Flags, their versions, and why somebody has one.
    FlagsRead = "flags:read",
    /// Flags are applied, archived, taken back.
    FlagsWrite = "flags:write",
    /// The audit trail.
    AuditRead = "audit:read",
    /// The tenant, providers of logins, the names of token keys.
    SettingsRead = "settings:read",
    /// The tenant is changed, providers set, keys rotated.
    SettingsWrite = "settings:write"
}

text_type! {
    /// What an app may do for a user, as in `deduct_credits`: 1–64 of `a-z 0-9 _ . : -`. Apps may name their own.
    Scope, "scope", scope
}

impl Scope {
    /// Without any permit: the user's profile may be read.
    pub const READ_PROFILE: &'static str = "read_profile";
    /// Without any permit: credits may be deducted.
    pub const DEDUCT_CREDITS: &'static str = "deduct_credits";
}

fn scope(text: &str) -> Result<String, Flaw> {
    bounded(text, 64)?;
    without(text, |c| !matches!(c, 'a'..='z' | '0'..='9' | '_' | '.' | ':' | '-'))?;
    Ok(text.into())
}

/// Distinct scopes in the order in which they were given. As text they are separated by single spaces.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(from = "Vec<T>", bound(deserialize = "T: PartialEq + serde::Deserialize<'de>"))]
pub struct ScopeSet<T>(Vec<T>);

/// The scopes of an app.
pub type AppScopes = ScopeSet<AppScope>;

/// What a token of the admin API opens, each scope once.
pub type AdminScopes = ScopeSet<AdminScope>;

/// The scopes of a permit.
pub type Scopes = ScopeSet<Scope>;

impl<T> ScopeSet<T> {
    /// The scopes, in order.
    pub fn iter(&self) -> core::slice::Iter<'_, T> {
        self.0.iter()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl AppScopes {
    /// Whether the app has the scope.
    pub fn contains(&self, scope: AppScope) -> bool {
        self.0.contains(&scope)
    }
}

impl Scopes {
    /// Whether the scope of this name is among them.
    pub fn contains(&self, scope: &str) -> bool {
        self.0.iter().any(|held| held.as_str() == scope)
    }

    /// What every user grants every app until a permit says otherwise: `read_profile` and `deduct_credits`.
    pub fn of_everyone() -> Self {
        Self([Scope::READ_PROFILE, Scope::DEDUCT_CREDITS].map(|name| Scope(name.into())).into())
    }
}

impl<T> Default for ScopeSet<T> {
    fn default() -> Self {
        Self(Vec::new())
    }
}

impl<T: PartialEq> FromIterator<T> for ScopeSet<T> {
    fn from_iter<I: IntoIterator<Item = T>>(scopes: I) -> Self {
        let mut distinct = Vec::new();
        for scope in scopes {
            if !distinct.contains(&scope) {
                distinct.push(scope);
            }
        }
        Self(distinct)
    }
}

impl<T: PartialEq> From<Vec<T>> for ScopeSet<T> {
    fn from(scopes: Vec<T>) -> Self {
        scopes.into_iter().collect()
    }
}

impl<'a, T> IntoIterator for &'a ScopeSet<T> {
    type Item = &'a T;
    type IntoIter = core::slice::Iter<'a, T>;

    fn into_iter(self) -> Self::IntoIter {
        self.iter()
    }
}

impl<T: PartialEq + FromStr<Err = ParseError>> FromStr for ScopeSet<T> {
    type Err = ParseError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        text.split_ascii_whitespace().map(str::parse).collect()
    }
}

impl<T: fmt::Display> fmt::Display for ScopeSet<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (position, scope) in self.0.iter().enumerate() {
            if position > 0 {
                f.write_str(" ")?;
            }
            write!(f, "{scope}")?;
        }
        Ok(())
    }
}
