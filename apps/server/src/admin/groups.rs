//! Groups: who is in them, and which apps they open.

use osaycore_audit::{Action, Details, Field, Log as _, Target, TargetKind};
use osaycore_directory::{App, Group, GroupRef, Name, Refused, Storage as _, User, Write};

use super::By;
use crate::error::{ApiError, Code, Failure};
use crate::store::deployment::Numbered;
use crate::store::tx::Tx;

/// The group.
pub(crate) fn find(tx: &mut Tx<'_>, group: &GroupRef) -> Result<Group, Failure> {
    match tx.group(group)? {
        Some(group) => Ok(group),
        None => Err(ApiError::from(Code::NotFound).detail(format!("there is no group {group}")).into()),
    }
}

/// Makes an empty group that opens no app.
pub(crate) fn create(tx: &mut Tx<'_>, by: &By, name: Name) -> Result<Group, Failure> {
    let id = tx.next_id(Numbered::Group)?;
    let group = Group { id, tenant_id: tx.tenant_id(), name, created_at_us: by.now_us };
    if tx.insert_group(&group)? != Write::Done {
        return Err(taken());
    }
    let mut event = by.event(Action::GroupCreated, None);
    event.target = Some(target(&group));
    event.after = Details::new().with(Field::Name, group.name.as_str());
    tx.append(event)?;
    Ok(group)
}

/// Gives the group another name; false: it has it already. Flags whose rules ask for the old one do not follow.
pub(crate) fn rename(tx: &mut Tx<'_>, by: &By, group: &Group, name: Name) -> Result<bool, Failure> {
    if name == group.name {
        return Ok(false);
    }
    let renamed = Group { name, ..group.clone() };
    if tx.rename_group(&renamed)? != Write::Done {
        return Err(taken());
    }
    let mut event = by.event(Action::GroupUpdated, None);
    event.target = Some(target(group));
    event.before = Details::new().with(Field::Name, group.name.as_str());
    event.after = Details::new().with(Field::Name, renamed.name.as_str());
    tx.append(event)?;
    Ok(true)
}

/// Puts a user in, or takes one out; false: it was so already.
pub(crate) fn set_member(tx: &mut Tx<'_>, by: &By, group: &Group, user: &User, member: bool) -> Result<bool, Failure> {
    let (changed, action) = if member {
        (tx.add_member(group.id, user.id)?, Action::GroupMemberAdded)
    } else {
        (tx.remove_member(group.id, user.id)?, Action::GroupMemberRemoved)
    };
    if changed {
        let mut event = by.event(action, Some(user.id));
        event.target = Some(target(group));
        event.after = Details::new().with(Field::User, user.uuid.to_string());
        tx.append(event)?;
    }
    Ok(changed)
}

/// Opens an app to the group, or closes it; false: it was so already.
pub(crate) fn set_allowed(tx: &mut Tx<'_>, by: &By, group: &Group, app: &App, allowed: bool) -> Result<bool, Failure> {
    let (changed, action) = if allowed {
        (tx.allow_app(group.id, app.id)?, Action::GroupAppAllowed)
    } else {
        (tx.disallow_app(group.id, app.id)?, Action::GroupAppDisallowed)
    };
    if changed {
        let mut event = by.event(action, None);
        event.app_id = Some(app.id);
        event.target = Some(target(group));
        event.after = Details::new().with(Field::App, app.uuid.to_string());
        tx.append(event)?;
    }
    Ok(changed)
}

fn taken() -> Failure {
    ApiError::field(Code::ReferenceConflict, "name", format!("name: {}", Refused::NameTaken)).into()
}

fn target(group: &Group) -> Target {
    Target::new(TargetKind::Group, group.id.to_string())
}
