//! Groups: found, made, who is in them, which apps they open.

use actix_web::http::StatusCode;
use actix_web::web::{self, Path};
use actix_web::{HttpRequest, HttpResponse};
use askama::Template;
use osaycore_directory::{App, AppRef, Group, GroupRef, Name, Storage as _, User, UserRef};

use super::pages::{Pages, asked};
use super::text::{When, count};
use super::{Section, Shell, resource};
use crate::admin::{By, apps, groups, users};
use crate::error::{ApiError, Code, Failure};
use crate::extract::console::{Editor, Filled, Form, Person, Refused};
use crate::store::lists;
use crate::store::lists::Asked;
use crate::store::lists::groups::COUNTED;
use crate::store::lists::users::Users;
use crate::store::tx::Tx;

const GROUPS: &str = "/console/groups";

pub(super) fn configure(config: &mut web::ServiceConfig) {
    config
        .service(resource("/groups", "GET").route(web::get().to(list)))
        .service(resource("/groups/new", "GET, POST").route(web::get().to(begin)).route(web::post().to(create)))
        .service(resource("/groups/{id}", "GET").route(web::get().to(show)))
        .service(resource("/groups/{id}/rename", "POST").route(web::post().to(rename)))
        .service(resource("/groups/{id}/members/add", "POST").route(web::post().to(add)))
        .service(resource("/groups/{id}/members/remove", "POST").route(web::post().to(remove)))
        .service(resource("/groups/{id}/apps/allow", "POST").route(web::post().to(allow)))
        .service(resource("/groups/{id}/apps/disallow", "POST").route(web::post().to(disallow)));
}

struct Row {
    group: Group,
    members: String,
    made: When,
}

#[derive(Template)]
#[template(path = "console/groups/list.html")]
struct ListPage<'a> {
    shell: Shell<'a>,
    rows: Vec<Row>,
    pages: Pages,
}

#[derive(Template)]
#[template(path = "console/groups/new.html")]
struct NewPage<'a> {
    shell: Shell<'a>,
    form: &'a Filled,
}

#[derive(Template)]
#[template(path = "console/groups/show.html")]
struct GroupPage<'a> {
    shell: Shell<'a>,
    group: &'a Group,
    edits: bool,
    apps: Vec<App>,
    /// Those that the group does not open.
    others: Vec<(String, String)>,
    members: Vec<User>,
    pages: Pages,
    form: &'a Filled,
}

/// `GET /console/groups`
async fn list(person: Person, request: HttpRequest) -> Result<HttpResponse, Refused> {
    let (page, _) = asked(&request)?;
    let wanted = page.clone();
    let found = person.read(move |tx| Ok(lists::groups::list(tx, &wanted)?)).await?;
    let list = ListPage {
        shell: Shell::new(&person, Section::Groups, "Groups"),
        pages: Pages::new(GROUPS, &[], &page, found.next),
        rows: found
            .items
            .into_iter()
            .map(|counted| Row {
                members: members_of(counted.members),
                made: When(counted.group.created_at_us),
                group: counted.group,
            })
            .collect(),
    };
    Ok(person.show(&list))
}

/// `GET /console/groups/new`
async fn begin(editor: Editor) -> HttpResponse {
    new_page(&editor, StatusCode::OK, &Filled::default())
}

/// `POST /console/groups/new`
async fn create(form: Form<Editor>) -> Result<HttpResponse, Refused> {
    let Form { who: editor, mut filled } = form;
    if let Some(name) = filled.parse::<Name>("name") {
        match editor.write(move |tx, by| groups::create(tx, by, name.clone())).await {
            Ok(group) => return Ok(editor.go(&path_of(group.id), "The group is made. Nobody is in it yet.")),
            Err(error) => filled.refused_by(error)?,
        }
    }
    Ok(new_page(&editor, StatusCode::UNPROCESSABLE_ENTITY, &filled))
}

/// `GET /console/groups/{id}`
async fn show(person: Person, id: Path<i64>, request: HttpRequest) -> Result<HttpResponse, Refused> {
    let (page, _) = asked(&request)?;
    group_page(&person, StatusCode::OK, *id, page, &Filled::default()).await
}

/// `POST /console/groups/{id}/rename`
async fn rename(form: Form<Editor>, id: Path<i64>) -> Result<HttpResponse, Refused> {
    let Form { who: editor, mut filled } = form;
    if let Some(name) = filled.parse::<Name>("name") {
        let renamed = change(&editor, *id, move |tx, by, group| {
            groups::rename(tx, by, group, name.clone())?;
            Ok(format!("The group is called {name}."))
        });
        match renamed.await? {
            Ok(text) => return Ok(editor.go(&path_of(*id), &text)),
            Err(error) => filled.refused_by(error)?,
        }
    }
    group_page(&editor, StatusCode::UNPROCESSABLE_ENTITY, *id, first(), &filled).await
}

/// `POST /console/groups/{id}/members/add`: by what an operator knows of the user.
async fn add(form: Form<Editor>, id: Path<i64>) -> Result<HttpResponse, Refused> {
    let Form { who: editor, mut filled } = form;
    if let Some(user) = filled.parse::<UserRef>("user") {
        let added = change(&editor, *id, move |tx, by, group| {
            let found = users::find(tx, &user)?;
            if found.is_deleted() {
                return Err(ApiError::from(Code::UserNotFound).detail(format!("{} is deleted", found.username)).into());
            }
            let is_new = groups::set_member(tx, by, group, &found, true)?;
            let now = if is_new { "is in" } else { "was already in" };
            Ok(format!("{} {now} {}.", found.username, group.name))
        });
        match added.await? {
            Ok(text) => return Ok(editor.go(&path_of(*id), &text)),
            Err(error) => filled.refuse("user", error.to_string()),
        }
    }
    group_page(&editor, StatusCode::UNPROCESSABLE_ENTITY, *id, first(), &filled).await
}

/// `POST /console/groups/{id}/members/remove`
async fn remove(form: Form<Editor>, id: Path<i64>) -> Result<HttpResponse, Refused> {
    let Form { who: editor, filled } = form;
    let user_id: i64 = filled.text("member").parse().map_err(|_| Refused::Unreadable)?;
    let removed = change(&editor, *id, move |tx, by, group| {
        let user = users::find(tx, &UserRef::Id(user_id))?;
        groups::set_member(tx, by, group, &user, false)?;
        Ok(format!("{} is not in {}.", user.username, group.name))
    });
    Ok(done(&editor, *id, removed.await?))
}

/// `POST /console/groups/{id}/apps/allow`
async fn allow(form: Form<Editor>, id: Path<i64>) -> Result<HttpResponse, Refused> {
    set_allowed(form, *id, true).await
}

/// `POST /console/groups/{id}/apps/disallow`
async fn disallow(form: Form<Editor>, id: Path<i64>) -> Result<HttpResponse, Refused> {
    set_allowed(form, *id, false).await
}

async fn set_allowed(form: Form<Editor>, id: i64, allowed: bool) -> Result<HttpResponse, Refused> {
    let Form { who: editor, filled } = form;
    let app_id: i64 = filled.text("app").parse().map_err(|_| Refused::Unreadable)?;
    let changed = change(&editor, id, move |tx, by, group| {
        let app = apps::find(tx, AppRef::Id(app_id))?;
        groups::set_allowed(tx, by, group, &app, allowed)?;
        let now = if allowed { "opens" } else { "does not open" };
        Ok(format!("{} {now} {}.", group.name, app.name))
    });
    Ok(done(&editor, id, changed.await?))
}

/// Changes something of a group. What the change itself is refused with is for the form.
async fn change(
    person: &Person,
    id: i64,
    mut work: impl FnMut(&mut Tx<'_>, &By, &Group) -> Result<String, Failure> + Send + 'static,
) -> Result<Result<String, ApiError>, Refused> {
    let changed = person.write(move |tx, by| match tx.group(&GroupRef::Id(id))? {
        Some(group) => work(tx, by, &group).map(Some),
        None => Ok(None),
    });
    match changed.await {
        Ok(changed) => changed.map(Ok).ok_or(Refused::Missing),
        Err(error) if error.code.status().is_client_error() => Ok(Err(error)),
        Err(error) => Err(error.into()),
    }
}

/// After a button: to the group, which says what came of it.
fn done(person: &Person, id: i64, changed: Result<String, ApiError>) -> HttpResponse {
    match changed {
        Ok(text) => person.go(&path_of(id), &text),
        Err(error) => person.go_with_problem(&path_of(id), &error.to_string()),
    }
}

/// The first page of members.
fn first() -> Asked {
    Asked { cursor: None, limit: super::pages::ROWS }
}

fn path_of(id: i64) -> String {
    format!("{GROUPS}/{id}")
}

/// A number of members as people read it.
fn members_of(members: i64) -> String {
    if members > COUNTED { format!("more than {}", count(COUNTED)) } else { count(members) }
}

fn new_page(editor: &Editor, status: StatusCode, form: &Filled) -> HttpResponse {
    editor.page(status, &NewPage { shell: Shell::new(editor, Section::Groups, "New group"), form })
}

async fn group_page(
    person: &Person,
    status: StatusCode,
    id: i64,
    page: Asked,
    form: &Filled,
) -> Result<HttpResponse, Refused> {
    let wanted = page.clone();
    let found = person.read(move |tx| {
        let Some(group) = tx.group(&GroupRef::Id(id))? else { return Ok(None) };
        let meant = Users { group_id: Some(id), ..Users::default() };
        let members = lists::users::list(tx, &meant, &wanted)?;
        Ok(Some((group, members, lists::groups::apps(tx, id)?, tx.apps()?)))
    });
    let (group, members, apps, all) = found.await?.ok_or(Refused::Missing)?;
    let is_other = |app: &App| !apps.iter().any(|opened| opened.id == app.id);
    let others = all.into_iter().filter(is_other);
    let shown = GroupPage {
        shell: Shell::new(person, Section::Groups, group.name.as_str()),
        group: &group,
        edits: person.edits(),
        others: others.map(|app| (app.id.to_string(), format!("{} ({})", app.name, app.id))).collect(),
        apps,
        pages: Pages::new(&path_of(id), &[], &page, members.next),
        members: members.items,
        form,
    };
    Ok(person.page(status, &shown))
}
