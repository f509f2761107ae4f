//! Users found, and made.

use actix_web::http::StatusCode;
use actix_web::web;
use actix_web::{HttpRequest, HttpResponse};
use askama::Template;
use osaycore_directory::{
    AppRef, DisplayName, Email, ExternalId, Link, Name, Role, Storage as _, User, UserStatus, Username,
};

use super::{Pages, Section, Shell, USERS, When, asked, missing, resource};
use crate::admin::users::{self, NewUserInput};
use crate::extract::console::{Editor, Filled, Form, Person, Refused};
use crate::store::lists;
use crate::store::lists::users::Users;
use crate::system;

const STATUSES: [(&str, &str); 4] =
    [("", "Any"), ("active", "Active"), ("disabled", "Disabled"), ("suspended", "Suspended")];

pub(super) fn configure(config: &mut web::ServiceConfig) {
    config
        .service(resource("/users", "GET").route(web::get().to(list)))
        .service(resource("/users/new", "GET, POST").route(web::get().to(begin)).route(web::post().to(create)));
}

#[derive(Template)]
#[template(path = "console/users/list.html")]
struct ListPage<'a> {
    shell: Shell<'a>,
    form: &'a Filled,
    statuses: [(&'static str, &'static str); 4],
    groups: Vec<(String, String)>,
    /// Each with when it was made.
    users: Vec<(User, When)>,
    is_filtered: bool,
    pages: Pages,
}

#[derive(Template)]
#[template(path = "console/users/new.html")]
struct NewPage<'a> {
    shell: Shell<'a>,
    form: &'a Filled,
    apps: Vec<(String, String)>,
}

/// `GET /console/users`
async fn list(person: Person, request: HttpRequest) -> Result<HttpResponse, Refused> {
    let (page, mut filters) = asked(&request)?;
    let meant = Users {
        search: Some(filters.text("search").trim().to_owned()).filter(|text| !text.is_empty()),
        status: filters.optional::<UserStatus>("status"),
        locked_at_us: filters.is_ticked("locked").then(system::now_us),
        group_id: filters.optional::<i64>("group"),
        with_deleted: filters.is_ticked("deleted"),
    };
    let wanted = page.clone();
    let (found, groups) = person.read(move |tx| Ok((lists::users::list(tx, &meant, &wanted)?, tx.groups()?))).await?;
    let kept: Vec<(&str, &str)> = ["search", "status", "group", "locked", "deleted"]
        .into_iter()
        .map(|name| (name, filters.text(name)))
        .filter(|(_, value)| !value.is_empty())
        .collect();
    let mut options = vec![(String::new(), "Any".to_owned())];
    options.extend(groups.into_iter().map(|group| (group.id.to_string(), group.name.as_str().to_owned())));
    let list = ListPage {
        shell: Shell::new(&person, Section::Users, "Users"),
        pages: Pages::new(USERS, &kept, &page, found.next),
        is_filtered: !kept.is_empty(),
        form: &filters,
        statuses: STATUSES,
        groups: options,
        users: found
            .items
            .into_iter()
            .map(|user| {
                let made = When(user.created_at_us);
                (user, made)
            })
            .collect(),
    };
    Ok(person.show(&list))
}

/// `GET /console/users/new`
async fn begin(editor: Editor) -> Result<HttpResponse, Refused> {
    new_page(&editor, StatusCode::OK, &Filled::with([("role", Role::default().as_str().to_owned())])).await
}

/// `POST /console/users/new`
async fn create(form: Form<Editor>) -> Result<HttpResponse, Refused> {
    let Form { who: editor, mut filled } = form;
    let username = filled.parse::<Username>("username");
    let input = username.map(|username| NewUserInput {
        username,
        directory: filled.optional::<Name>("directory"),
        email: filled.optional::<Email>("email"),
        display_name: filled.optional::<DisplayName>("display_name"),
        role: filled.optional::<Role>("role").unwrap_or_default(),
        link: None,
    });
    let (app_id, external_id) = (filled.optional::<i64>("app"), filled.optional::<ExternalId>("external_id"));
    if external_id.is_some() && app_id.is_none() {
        filled.refuse("app", "choose the app that calls the user so");
    }
    if let Some(input) = input.filter(|_| !filled.has_problems()) {
        let created = editor.write(move |tx, by| {
            let mut input = input.clone();
            if let Some(app_id) = app_id {
                let app = tx.app(AppRef::Id(app_id))?.ok_or_else(|| missing("app"))?;
                input.link = Some(Link { app_id: app.id, external_id: external_id.clone() });
            }
            users::create(tx, by, input)
        });
        match created.await {
            Ok(user) => return Ok(editor.go(&format!("{USERS}/{}", user.id), "The user is made.")),
            Err(error) => filled.refused_by(error)?,
        }
    }
    new_page(&editor, StatusCode::UNPROCESSABLE_ENTITY, &filled).await
}

async fn new_page(person: &Person, status: StatusCode, form: &Filled) -> Result<HttpResponse, Refused> {
    let apps = person.read(|tx| Ok(tx.apps()?)).await?;
    let mut options = vec![(String::new(), "None".to_owned())];
    options.extend(apps.into_iter().map(|app| (app.id.to_string(), format!("{} ({})", app.name, app.id))));
    let shell = Shell::new(person, Section::Users, "New user");
    Ok(person.page(status, &NewPage { shell, form, apps: options }))
}
