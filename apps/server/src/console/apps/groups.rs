//! The groups that an app is open to.

use actix_web::HttpResponse;
use actix_web::web::{self, Path};
use askama::Template;
use osaycore_directory::{Group, GroupRef, Storage as _};

use super::{Frame, Section, Shell, Tab, change, done, read, resource};
use crate::admin::groups;
use crate::extract::console::{Editor, Filled, Form, Person, Refused};

pub(super) fn configure(config: &mut web::ServiceConfig) {
    config
        .service(resource("/apps/{id}/groups", "GET").route(web::get().to(show)))
        .service(resource("/apps/{id}/groups/allow", "POST").route(web::post().to(allow)))
        .service(resource("/apps/{id}/groups/disallow", "POST").route(web::post().to(disallow)));
}

#[derive(Template)]
#[template(path = "console/apps/groups.html")]
struct GroupsPage<'a> {
    shell: Shell<'a>,
    frame: Frame<'a>,
    groups: Vec<Group>,
    /// Those that the app is not open to.
    others: Vec<(String, String)>,
    form: Filled,
}

/// `GET /console/apps/{id}/groups`
async fn show(person: Person, id: Path<i64>) -> Result<HttpResponse, Refused> {
    let (app, (ids, all)) = read(&person, *id, |tx, app| Ok((tx.groups_of_app(app.id)?, tx.groups()?))).await?;
    let (groups, others): (Vec<Group>, Vec<Group>) = all.into_iter().partition(|group| ids.contains(&group.id));
    let page = GroupsPage {
        shell: Shell::new(&person, Section::Apps, app.name.as_str()),
        frame: Frame::new(&person, &app, Tab::Groups),
        groups,
        others: others.into_iter().map(|group| (group.id.to_string(), group.name.as_str().to_owned())).collect(),
        form: Filled::default(),
    };
    Ok(person.show(&page))
}

/// `POST /console/apps/{id}/groups/allow`
async fn allow(form: Form<Editor>, id: Path<i64>) -> Result<HttpResponse, Refused> {
    set(form, *id, true).await
}

/// `POST /console/apps/{id}/groups/disallow`
async fn disallow(form: Form<Editor>, id: Path<i64>) -> Result<HttpResponse, Refused> {
    set(form, *id, false).await
}

async fn set(form: Form<Editor>, id: i64, allowed: bool) -> Result<HttpResponse, Refused> {
    let Form { who: editor, filled } = form;
    let group_id: i64 = filled.text("group").parse().map_err(|_| Refused::Unreadable)?;
    let changed = change(&editor, id, move |tx, by, app| {
        let group = groups::find(tx, &GroupRef::Id(group_id))?;
        groups::set_allowed(tx, by, &group, app, allowed)?;
        let now = if allowed { "is open to" } else { "is not open to" };
        Ok(format!("{} {now} the group {}.", app.name, group.name))
    });
    Ok(done(&editor, &Tab::Groups.path(id), changed.await?))
}
