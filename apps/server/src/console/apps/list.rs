//! Apps found, and made.

use actix_web::http::StatusCode;
use actix_web::web;
use actix_web::{HttpRequest, HttpResponse};
use askama::Template;
use osaycore_directory::{App, AppScope, Name};

use super::{APPS, Pages, SCOPES, Section, Shell, When, asked, resource};
use crate::admin::apps::{self, CreatedApp, NewApp};
use crate::admin::tenants;
use crate::extract::console::{Editor, Filled, Form, Person, Refused};
use crate::store::lists;
use crate::store::lists::apps::Apps;

const STATES: [(&str, &str); 3] = [("", "Any"), ("enabled", "Enabled"), ("disabled", "Disabled")];

pub(super) fn configure(config: &mut web::ServiceConfig) {
    config
        .service(resource("/apps", "GET").route(web::get().to(list)))
        .service(resource("/apps/new", "GET, POST").route(web::get().to(begin)).route(web::post().to(create)));
}

#[derive(Template)]
#[template(path = "console/apps/list.html")]
struct ListPage<'a> {
    shell: Shell<'a>,
    form: &'a Filled,
    states: [(&'static str, &'static str); 3],
    /// Each with when it was made.
    apps: Vec<(App, When)>,
    is_filtered: bool,
    pages: Pages,
}

#[derive(Template)]
#[template(path = "console/apps/new.html")]
struct NewPage<'a> {
    shell: Shell<'a>,
    form: &'a Filled,
    scopes: [(AppScope, &'static str, &'static str); 4],
}

#[derive(Template)]
#[template(path = "console/apps/created.html")]
struct CreatedPage<'a> {
    shell: Shell<'a>,
    created: &'a CreatedApp,
    /// The tenant's, which other apps have too: for owners.
    oasis_api_key: Option<&'a str>,
}

/// `GET /console/apps`
async fn list(person: Person, request: HttpRequest) -> Result<HttpResponse, Refused> {
    let (page, filters) = asked(&request)?;
    let meant = Apps {
        search: Some(filters.text("search").trim().to_owned()).filter(|text| !text.is_empty()),
        disabled: match filters.text("state") {
            "enabled" => Some(false),
            "disabled" => Some(true),
            _ => None,
        },
    };
    let wanted = page.clone();
    let found = person.read(move |tx| Ok(lists::apps::found(tx, &meant, &wanted)?)).await?;
    let kept: Vec<(&str, &str)> = ["search", "state"]
        .into_iter()
        .map(|name| (name, filters.text(name)))
        .filter(|(_, value)| !value.is_empty())
        .collect();
    let list = ListPage {
        shell: Shell::new(&person, Section::Apps, "Apps"),
        pages: Pages::new(APPS, &kept, &page, found.next),
        is_filtered: !kept.is_empty(),
        form: &filters,
        states: STATES,
        apps: found
            .items
            .into_iter()
            .map(|app| {
                let made = When(app.created_at_us);
                (app, made)
            })
            .collect(),
    };
    Ok(person.show(&list))
}

/// `GET /console/apps/new`
async fn begin(editor: Editor) -> HttpResponse {
    new_page(&editor, StatusCode::OK, &Filled::default())
}

/// `POST /console/apps/new`: shows the keys, once.
async fn create(form: Form<Editor>) -> Result<HttpResponse, Refused> {
    let Form { who: editor, mut filled } = form;
    let (name, scopes) = (filled.parse::<Name>("name"), scopes(&filled)?);
    if let Some(name) = name {
        let new = NewApp { name, scopes: scopes.into(), redirect_uris: Vec::new() };
        let owns = editor.owns();
        let created = editor.write_sealed(move |tx, by, sealer| {
            apps::must_be_new(tx, &new.name)?;
            let created = apps::create(tx, sealer, by, new.clone())?;
            Ok((created, owns.then(|| tenants::api_key(tx, sealer)).transpose()?))
        });
        match created.await {
            Ok((created, oasis_api_key)) => {
                let shell = Shell::new(&editor, Section::Apps, "The app is made");
                return Ok(editor.show(&CreatedPage {
                    shell,
                    created: &created,
                    oasis_api_key: oasis_api_key.as_deref(),
                }));
            }
            Err(error) => filled.refused_by(error)?,
        }
    }
    Ok(new_page(&editor, StatusCode::UNPROCESSABLE_ENTITY, &filled))
}

/// What was ticked; another value is of no form of ours.
pub(super) fn scopes(filled: &Filled) -> Result<Vec<AppScope>, Refused> {
    filled.all("scope").map(|scope| scope.parse().map_err(|_| Refused::Unreadable)).collect()
}

fn new_page(editor: &Editor, status: StatusCode, form: &Filled) -> HttpResponse {
    let shell = Shell::new(editor, Section::Apps, "New app");
    editor.page(status, &NewPage { shell, form, scopes: SCOPES })
}
