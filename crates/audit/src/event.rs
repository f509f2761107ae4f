//! What an event says: who did what to whom, when, from where, and what changed.

use alloc::{borrow::Cow, string::String};
use core::fmt;

use serde::Deserialize;
use uuid::Uuid;

use crate::{Action, Details};

/// Who did it.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Actor {
    /// An app by its signature: its numeric id.
    App(i64),
    /// A user by a token: the user's UUID.
    User(Uuid),
    /// A person at the command line or in the console: the name of the login.
    Operator(String),
    /// A script by a token of the admin API: the name of the token.
    Token(String),
    /// The program by itself: an expiry, a schedule.
    System,
}

/// As it is shown: `operator ada`, `app 1001`.
impl fmt::Display for Actor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::App(id) => write!(f, "app {id}"),
            Self::User(uuid) => write!(f, "user {uuid}"),
            Self::Operator(login) => write!(f, "operator {login}"),
            Self::Token(name) => write!(f, "token {name}"),
            Self::System => f.write_str("system"),
        }
    }
}

/// What sort of thing an event is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum TargetKind {
    /// A tenant.
    Tenant,
    /// An app.
    App,
    /// A user.
    User,
    /// A group.
    Group,
    /// A feature flag.
    Flag,
    /// A segment of flags.
    Segment,
    /// A payment.
    Payment,
    /// An entry of the ledger.
    Transaction,
    /// Credits held.
    Hold,
    /// A token, by its `jti`.
    Token,
    /// A key, by its `kid`.
    Key,
    /// An OAuth provider.
    Provider,
    /// A console login.
    Admin,
    /// A token of the admin API, by its number.
    AdminToken,
    /// A backup.
    Backup,
}

impl TargetKind {
    /// Every kind.
    pub const ALL: &[Self] = &[
        Self::Tenant,
        Self::App,
        Self::User,
        Self::Group,
        Self::Flag,
        Self::Segment,
        Self::Payment,
        Self::Transaction,
        Self::Hold,
        Self::Token,
        Self::Key,
        Self::Provider,
        Self::Admin,
        Self::AdminToken,
        Self::Backup,
    ];

    /// The name that is stored and shown.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Tenant => "tenant",
            Self::App => "app",
            Self::User => "user",
            Self::Group => "group",
            Self::Flag => "flag",
            Self::Segment => "segment",
            Self::Payment => "payment",
            Self::Transaction => "transaction",
            Self::Hold => "hold",
            Self::Token => "token",
            Self::Key => "key",
            Self::Provider => "provider",
            Self::Admin => "admin",
            Self::AdminToken => "admin_token",
            Self::Backup => "backup",
        }
    }
}

/// The thing an event is about.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Target {
    /// What sort of thing.
    pub kind: TargetKind,
    /// Its id as text: a UUID, a number or a flag's key; never a secret.
    pub id: String,
}

impl Target {
    /// The thing of this kind and id.
    pub fn new(kind: TargetKind, id: impl Into<String>) -> Self {
        Self { kind, id: id.into() }
    }
}

/// One thing that happened, or was refused.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Event {
    /// What happened.
    pub action: Action,
    /// Who did it.
    pub actor: Actor,
    /// The tenant whose log it stands in.
    pub tenant_id: i64,
    /// The app it happened through or to, if any.
    pub app_id: Option<i64>,
    /// The thing it is about, if any.
    pub target: Option<Target>,
    /// The numeric id of the user whose trail it belongs to, if any.
    pub user_id: Option<i64>,
    /// The address of the client, as text, if it came over the network.
    pub address: Option<String>,
    /// The id of the request, if it came over the network.
    pub request_id: Option<String>,
    /// When, in microseconds since the Unix epoch.
    pub at_us: i64,
    /// How many times: 1, or more where equal refusals are counted into one event.
    pub count: u64,
    /// Why, for a refusal: the code of the answer, `insufficient_credits`.
    pub reason: Option<Cow<'static, str>>,
    /// The values it changed, as they were.
    pub before: Details,
    /// The values it changed, as they became.
    pub after: Details,
}

impl Event {
    /// An event of one action by one actor at `at_us` (microseconds since the Unix epoch), with
    /// nothing else said and `count` 1.
    pub const fn new(action: Action, actor: Actor, tenant_id: i64, at_us: i64) -> Self {
        Self {
            action,
            actor,
            tenant_id,
            app_id: None,
            target: None,
            user_id: None,
            address: None,
            request_id: None,
            at_us,
            count: 1,
            reason: None,
            before: Details::new(),
            after: Details::new(),
        }
    }
}

/// An event at its place in the log.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Record {
    /// The position in the tenant's log: 1, 2, 3, … without a gap.
    pub id: i64,
    /// What stands there.
    pub event: Event,
}
