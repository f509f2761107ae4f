#![doc = include_str!("../README.md")]
#![no_std]

extern crate alloc;

mod app;
#[cfg(feature = "contract")]
pub mod contract;
mod custom;
mod decisions;
mod group;
mod identity;
pub mod memory;
mod permit;
mod rate;
mod reference;
mod scope;
mod settings;
mod sign_in;
mod storage;
mod text;
mod uri;
mod user;

pub use app::{App, Tenant};
pub use custom::Custom;
pub use decisions::{
    Failure, Link, Refused, change_user, create_user, delete_user, edit_user, permit_user, replace_permit,
    restore_user, user_by_api_id,
};
pub use group::Group;
pub use identity::{Arrival, Identity, Issuer, Profile, ProviderName, Subject, arrive};
pub use permit::{Denied, Effective, Permit, PermitChange, effective, may_deduct};
pub use rate::Rate;
pub use reference::{AppRef, GroupRef, UserRef, parse_uuid};
pub use scope::{AdminScope, AdminScopes, AppScope, AppScopes, Scope, ScopeSet, Scopes};
pub use settings::{AppSettings, OasisResponseSignature, ReplayProtection, SettingError, TotpAlgorithm};
pub use sign_in::{Login, Newcomer, Outcome, SignedIn, sign_in};
pub use storage::{Storage, Unique, UserPage, Write};
pub use text::{DisplayName, Email, ExternalId, Flaw, Name, ParseError, Role, Username};
pub use uri::{AvatarUrl, RedirectUri};
pub use user::{NewUser, User, UserChange, UserStatus};
