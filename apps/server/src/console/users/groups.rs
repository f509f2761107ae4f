//! The groups that a user is in.

use actix_web::HttpResponse;
use actix_web::web::{self, Path};
use askama::Template;
use osaycore_directory::{Group, GroupRef, Storage as _};

use super::{Frame, Section, Shell, Tab, back, change, done, missing, read, resource};
use crate::admin::{groups, users};
use crate::error::ApiError;
use crate::extract::console::{Editor, Filled, Form, Person, Refused};

pub(super) fn configure(config: &mut web::ServiceConfig) {
    config
        .service(resource("/users/{id}/groups", "GET").route(web::get().to(show)))
        .service(resource("/users/{id}/groups/add", "POST").route(web::post().to(add)))
        .service(resource("/users/{id}/groups/remove", "POST").route(web::post().to(remove)));
}

#[derive(Template)]
#[template(path = "console/users/groups.html")]
struct GroupsPage<'a> {
    shell: Shell<'a>,
    frame: Frame<'a>,
    groups: Vec<Group>,
    /// Those that the user is not in.
    others: Vec<(String, String)>,
    form: Filled,
}

/// `GET /console/users/{id}/groups`
async fn show(person: Person, id: Path<i64>) -> Result<HttpResponse, Refused> {
    let (user, (ids, all)) = read(&person, *id, |tx, user| Ok((tx.groups_of_user(user.id)?, tx.groups()?))).await?;
    let (groups, others): (Vec<Group>, Vec<Group>) = all.into_iter().partition(|group| ids.contains(&group.id));
    let page = GroupsPage {
        shell: Shell::new(&person, Section::Users, user.username.as_str()),
        frame: Frame::new(&person, &user, Tab::Groups),
        groups,
        others: others.into_iter().map(|group| (group.id.to_string(), group.name.as_str().to_owned())).collect(),
        form: Filled::default(),
    };
    Ok(person.show(&page))
}

/// `POST /console/users/{id}/groups/add`
async fn add(form: Form<Editor>, id: Path<i64>) -> Result<HttpResponse, Refused> {
    set(form, *id, true).await
}

/// `POST /console/users/{id}/groups/remove`
async fn remove(form: Form<Editor>, id: Path<i64>) -> Result<HttpResponse, Refused> {
    set(form, *id, false).await
}

async fn set(form: Form<Editor>, id: i64, member: bool) -> Result<HttpResponse, Refused> {
    let Form { who: editor, filled } = form;
    let group_id: i64 = filled.text("group").parse().map_err(|_| Refused::Unreadable)?;
    let changed: Result<String, ApiError> = change(&editor, id, move |tx, by, user| {
        users::must_live(user)?;
        let group = tx.group(&GroupRef::Id(group_id))?.ok_or_else(|| missing("group"))?;
        groups::set_member(tx, by, &group, user, member)?;
        let now = if member { "is in" } else { "is not in" };
        Ok(format!("{} {now} the group {}.", user.username, group.name))
    })
    .await?;
    Ok(done(&editor, &back(id, &filled, Tab::Groups), changed))
}
