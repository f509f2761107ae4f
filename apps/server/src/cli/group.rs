//! `osaycore group`

use clap::Subcommand;
use osaycore_directory::{AppRef, GroupRef, Name, Storage as _, UserRef};
use serde::Serialize;

use super::output::{table, timestamp};
use super::session::{self, Session};
use crate::admin::groups;

#[derive(Subcommand)]
pub(super) enum Group {
    /// Create an empty group
    Create {
        /// Unique in the tenant
        #[arg(long)]
        name: Name,
    },
    /// Give a group another name
    Rename {
        /// Numeric id or name
        group: GroupRef,
        /// Unique in the tenant
        name: Name,
    },
    /// Put a user into a group
    Add {
        /// Numeric id or name
        group: GroupRef,
        /// UUID, numeric id, directory\username or username
        user: UserRef,
    },
    /// Take a user out of a group
    Remove {
        /// Numeric id or name
        group: GroupRef,
        /// UUID, numeric id, directory\username or username
        user: UserRef,
    },
    /// Open an app that is restricted to groups to this one
    Allow {
        /// Numeric id or name
        group: GroupRef,
        /// UUID or numeric id
        app: AppRef,
    },
    /// Take that back
    Disallow {
        /// Numeric id or name
        group: GroupRef,
        /// UUID or numeric id
        app: AppRef,
    },
    /// List all groups
    List,
}

#[derive(Serialize)]
struct Row {
    group_id: i64,
    name: String,
    created_at: String,
}

impl Group {
    pub(super) fn run(self, session: &Session) -> anyhow::Result<()> {
        match self {
            Self::Create { name } => {
                let group = session.write(|tx, by| groups::create(tx, by, name.clone()))?;
                session.output.show(&serde_json::json!({ "group_id": group.id }), || format!("group_id  {}", group.id))
            }
            Self::Rename { group, name } => {
                let changed = session.write(|tx, by| {
                    let group = session::group(tx, &group)?;
                    groups::rename(tx, by, &group, name.clone())
                })?;
                changed_or_not(session, changed, &format!("{group} is {name}"))
            }
            Self::Add { group, user } => set_member(session, &group, &user, true),
            Self::Remove { group, user } => set_member(session, &group, &user, false),
            Self::Allow { group, app } => set_allowed(session, &group, app, true),
            Self::Disallow { group, app } => set_allowed(session, &group, app, false),
            Self::List => {
                let rows: Vec<Row> = session.read(|tx| Ok(tx.groups()?))?.into_iter().map(Row::of).collect();
                session.output.show(&rows, || {
                    let cells = |row: &Row| vec![row.group_id.to_string(), row.name.clone(), row.created_at.clone()];
                    table(&["id", "name", "created"], &rows.iter().map(cells).collect::<Vec<_>>())
                })
            }
        }
    }
}

fn set_member(session: &Session, group: &GroupRef, user: &UserRef, member: bool) -> anyhow::Result<()> {
    let (changed, group, user) = session.write(|tx, by| {
        let (group, user) = (session::group(tx, group)?, session::user(tx, user)?);
        Ok((groups::set_member(tx, by, &group, &user, member)?, group.name, user.username))
    })?;
    let state = if member { "is in" } else { "is not in" };
    changed_or_not(session, changed, &format!("{user} {state} {group}"))
}

fn set_allowed(session: &Session, group: &GroupRef, app: AppRef, allowed: bool) -> anyhow::Result<()> {
    let (changed, group, app) = session.write(|tx, by| {
        let (group, app) = (session::group(tx, group)?, session::app(tx, app)?);
        Ok((groups::set_allowed(tx, by, &group, &app, allowed)?, group.name, app.name))
    })?;
    let state = if allowed { "is allowed on" } else { "is not allowed on" };
    changed_or_not(session, changed, &format!("{group} {state} {app}"))
}

/// `state` is how it is now, changed or not.
fn changed_or_not(session: &Session, changed: bool, state: &str) -> anyhow::Result<()> {
    let already = if changed { "" } else { ", as it was already" };
    session.output.show(&serde_json::json!({ "changed": changed }), || format!("{state}{already}"))
}

impl Row {
    fn of(group: osaycore_directory::Group) -> Self {
        Self { group_id: group.id, name: group.name.into(), created_at: timestamp(group.created_at_us) }
    }
}
