//! `osaycore user`

use clap::{Args, Subcommand};
use osaycore_directory::{
    AppRef, AvatarUrl, DisplayName, Email, ExternalId, Link, Name, PermitChange, Role, Storage as _, UserChange,
    UserPage, UserRef, UserStatus, Username,
};
use osaycore_ledger::Credits;
use serde::Serialize;
use uuid::Uuid;

use super::Usage;
use super::output::table;
use super::permit::Permit;
use super::session::{self, Session};
use super::signed_in::{SignOut, Unlink};
use crate::admin::otp;
use crate::admin::users::{self, NewUserInput};
use crate::admin::views::{UserDetails, UserRow};

/// Users that are read at once.
const PAGE: u32 = 1000;

#[derive(Subcommand)]
pub(super) enum User {
    /// Create a user with an empty wallet
    Create(Create),
    /// Show a user with permissions, groups, balance, logins of providers and sessions
    Show {
        /// UUID, numeric id, directory\username or username
        user: UserRef,
    },
    /// List users
    List {
        /// Only users linked to this app
        #[arg(long)]
        app: Option<AppRef>,
        /// Deleted ones as well
        #[arg(long)]
        deleted: bool,
    },
    /// Change a user: what is named is set, the rest stays
    Set(Set),
    /// Refuse whatever the user does; the sessions do not come back with `enable`
    Disable {
        /// UUID, numeric id, directory\username or username
        user: UserRef,
    },
    /// Let the user act again
    Enable {
        /// UUID, numeric id, directory\username or username
        user: UserRef,
    },
    /// End the locks that wrong codes have put on a user, in every app
    Unlock {
        /// UUID, numeric id, directory\username or username
        user: UserRef,
    },
    /// Delete a user; the name is free for others until the user is restored
    Delete {
        /// UUID, numeric id, directory\username or username
        user: UserRef,
    },
    /// Take a deletion back
    Restore {
        /// UUID, numeric id, directory\username or username
        user: UserRef,
    },
    /// Change what a user may do in an app: what is named is set, the rest stays
    Permit(Permit),
    /// Take a login of a provider from a user, who stays
    Unlink(Unlink),
    /// End all sessions and tokens of a user, or one session with its tokens
    SignOut(SignOut),
}

#[derive(Args)]
pub(super) struct Create {
    /// Unique in the directory
    #[arg(long)]
    username: Username,
    /// Where mail goes
    #[arg(long)]
    email: Option<Email>,
    /// For people to read
    #[arg(long)]
    display_name: Option<DisplayName>,
    /// What the user is to the deployment [default: basic]
    #[arg(long)]
    role: Option<Role>,
    /// Where the username is unique
    #[arg(long)]
    directory: Option<Name>,
    /// What the app calls the user
    #[arg(long, requires = "app")]
    external_id: Option<ExternalId>,
    /// The app to link the user to
    #[arg(long)]
    app: Option<AppRef>,
}

#[derive(Args)]
pub(super) struct Set {
    /// UUID, numeric id, directory\username or username
    user: UserRef,
    /// A new name in the same directory
    #[arg(long)]
    username: Option<Username>,
    /// A new address, unverified unless said otherwise
    #[arg(long)]
    email: Option<Email>,
    /// An administrator's word about the address
    #[arg(long, value_name = "BOOL")]
    email_verified: Option<bool>,
    /// A new name for people to read
    #[arg(long)]
    display_name: Option<DisplayName>,
    /// A picture
    #[arg(long, value_name = "URL")]
    avatar_url: Option<AvatarUrl>,
    /// A new role
    #[arg(long)]
    role: Option<Role>,
    /// `active`, `disabled` or `suspended`
    #[arg(long)]
    status: Option<UserStatus>,
    /// Whether second factors are skipped, in apps that allow it
    #[arg(long, value_name = "BOOL")]
    bypass_otp: Option<bool>,
    /// What no deduction may take the balance below; negative: an overdraft
    #[arg(long, allow_negative_numbers = true, value_name = "CREDITS")]
    min_balance: Option<Credits>,
    /// What the app calls the user
    #[arg(long, requires = "app")]
    external_id: Option<ExternalId>,
    /// The app of the external id
    #[arg(long, requires = "external_id")]
    app: Option<AppRef>,
}

#[derive(Serialize)]
struct Created {
    user_id: Uuid,
    oasis_user_id: i64,
}

impl User {
    pub(super) fn run(self, session: &Session) -> anyhow::Result<()> {
        match self {
            Self::Create(create) => create.run(session),
            Self::Show { user } => show(session, &user),
            Self::List { app, deleted } => list(session, app, deleted),
            Self::Set(set) => set.run(session),
            Self::Disable { user } => status(session, &user, UserStatus::Disabled),
            Self::Enable { user } => status(session, &user, UserStatus::Active),
            Self::Unlock { user } => {
                let (changed, user) = session.write(|tx, by| {
                    let user = session::user(tx, &user)?;
                    Ok((otp::unlock(tx, by, &user)?, user))
                })?;
                let done =
                    if changed { "unlocked; wrong codes are forgotten" } else { "not locked, and was not before" };
                session
                    .output
                    .show(&serde_json::json!({ "changed": changed }), || format!("user {} is {done}", user.username))
            }
            Self::Delete { user } => {
                let user = session.write(|tx, by| {
                    let user = session::user(tx, &user)?;
                    users::delete(tx, by, &user)
                })?;
                let text =
                    format!("user {} is deleted; `osaycore user restore {}` takes it back", user.username, user.id);
                session.output.show(&UserRow::of(&user), || text)
            }
            Self::Restore { user } => {
                let user = session.write(|tx, by| {
                    let user = users::to_restore(tx, &user)?;
                    users::restore(tx, by, &user)
                })?;
                session.output.show(&UserRow::of(&user), || format!("user {} is restored", user.username))
            }
            Self::Permit(permit) => permit.run(session),
            Self::Unlink(unlink) => unlink.run(session),
            Self::SignOut(sign_out) => sign_out.run(session),
        }
    }
}

impl Create {
    fn run(self, session: &Session) -> anyhow::Result<()> {
        let user = session.write(|tx, by| {
            let link = session::optional_app(tx, self.app)?
                .map(|app| Link { app_id: app.id, external_id: self.external_id.clone() });
            let input = NewUserInput {
                username: self.username.clone(),
                email: self.email.clone(),
                display_name: self.display_name.clone(),
                role: self.role.clone().unwrap_or_default(),
                directory: self.directory.clone(),
                link,
            };
            users::create(tx, by, input)
        })?;
        let created = Created { user_id: user.uuid, oasis_user_id: user.id };
        session.output.show(&created, || format!("user_id        {}\noasis_user_id  {}", user.uuid, user.id))
    }
}

impl Set {
    fn run(self, session: &Session) -> anyhow::Result<()> {
        let change = UserChange {
            username: self.username,
            email: self.email,
            email_verified: self.email_verified,
            display_name: self.display_name,
            avatar_url: self.avatar_url,
            role: self.role,
            status: self.status,
            bypass_otp: self.bypass_otp,
        };
        if change == UserChange::default() && self.min_balance.is_none() && self.external_id.is_none() {
            return Err(Usage("name at least one thing to set, as in --role admin").into());
        }
        let id = session.write(|tx, by| {
            let user = session::user(tx, &self.user)?;
            let user = users::change(tx, by, &user, change.clone())?;
            if let Some(floor) = self.min_balance {
                users::set_floor(tx, by, &user, floor)?;
            }
            if let (Some(app), Some(external_id)) = (self.app, &self.external_id) {
                let app = session::app(tx, app)?;
                let change = PermitChange { external_id: Some(external_id.clone()), ..PermitChange::default() };
                users::permit(tx, by, &user, app.id, change)?;
            }
            Ok(user.id)
        })?;
        show(session, &UserRef::Id(id))
    }
}

fn show(session: &Session, user: &UserRef) -> anyhow::Result<()> {
    let details = session.read(|tx| {
        let user = session::look_up(tx, user)?;
        UserDetails::read(tx, &user)
    })?;
    session.output.show(&details, || details.to_text())
}

fn list(session: &Session, app: Option<AppRef>, with_deleted: bool) -> anyhow::Result<()> {
    let rows = session.read(|tx| {
        let linked_to = session::optional_app(tx, app)?.map(|app| app.id);
        let mut page = UserPage { after_id: 0, limit: PAGE, linked_to, with_deleted };
        let mut rows: Vec<UserRow> = Vec::new();
        loop {
            let users = tx.users(page)?;
            let Some(last) = users.last() else { return Ok(rows) };
            page.after_id = last.id;
            rows.extend(users.iter().map(UserRow::of));
        }
    })?;
    session.output.show(&rows, || table(&UserRow::HEADER, &rows.iter().map(UserRow::cells).collect::<Vec<_>>()))
}

fn status(session: &Session, user: &UserRef, status: UserStatus) -> anyhow::Result<()> {
    let user = session.write(|tx, by| {
        let user = session::user(tx, user)?;
        users::set_status(tx, by, &user, status)
    })?;
    session.output.show(&UserRow::of(&user), || format!("user {} is {}", user.username, user.status))
}
