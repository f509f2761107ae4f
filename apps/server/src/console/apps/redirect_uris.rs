//! Where sign-in may send a browser back to.

use actix_web::HttpResponse;
use actix_web::http::StatusCode;
use actix_web::web::{self, Path};
use askama::Template;
use osaycore_directory::{App, RedirectUri};

use super::{Frame, Section, Shell, Tab, change, done, read, resource};
use crate::admin::apps;
use crate::extract::console::{Editor, Filled, Form, Person, Refused};

const SETTING: &str = "redirect_uris";

pub(super) fn configure(config: &mut web::ServiceConfig) {
    config
        .service(
            resource("/apps/{id}/redirect-uris", "GET, POST").route(web::get().to(show)).route(web::post().to(add)),
        )
        .service(resource("/apps/{id}/redirect-uris/remove", "POST").route(web::post().to(remove)));
}

#[derive(Template)]
#[template(path = "console/apps/redirect_uris.html")]
struct UrisPage<'a> {
    shell: Shell<'a>,
    frame: Frame<'a>,
    form: &'a Filled,
}

/// `GET /console/apps/{id}/redirect-uris`
async fn show(person: Person, id: Path<i64>) -> Result<HttpResponse, Refused> {
    let (app, ()) = read(&person, *id, |_, _| Ok(())).await?;
    Ok(page(&person, StatusCode::OK, &app, &Filled::default()))
}

/// `POST /console/apps/{id}/redirect-uris`: one more.
async fn add(form: Form<Editor>, id: Path<i64>) -> Result<HttpResponse, Refused> {
    let Form { who: editor, mut filled } = form;
    if let Some(uri) = filled.parse::<RedirectUri>("uri") {
        let text = uri.as_str().to_owned();
        let added = change(&editor, *id, move |tx, by, app| {
            let mut uris = texts(app);
            let is_new = !uris.contains(&text);
            if is_new {
                uris.push(text.clone());
                apps::set(tx, by, app, &[(SETTING.to_owned(), uris)])?;
            }
            Ok(is_new)
        });
        match added.await? {
            Ok(true) => return Ok(editor.go(&Tab::RedirectUris.path(*id), "The redirect URI is registered.")),
            Ok(false) => filled.refuse("uri", "it is registered already"),
            Err(error) => filled.refuse("uri", error.to_string()),
        }
    }
    let (app, ()) = read(&editor, *id, |_, _| Ok(())).await?;
    Ok(page(&editor, StatusCode::UNPROCESSABLE_ENTITY, &app, &filled))
}

/// `POST /console/apps/{id}/redirect-uris/remove`
async fn remove(form: Form<Editor>, id: Path<i64>) -> Result<HttpResponse, Refused> {
    let Form { who: editor, filled } = form;
    let uri = filled.text("uri").to_owned();
    let removed = change(&editor, *id, move |tx, by, app| {
        let mut left = texts(app);
        left.retain(|known| *known != uri);
        if left.is_empty() {
            // How a list is emptied.
            left.push(String::new());
        }
        apps::set(tx, by, app, &[(SETTING.to_owned(), left)])?;
        Ok("Sign-in sends nobody to that URI any more.".to_owned())
    });
    Ok(done(&editor, &Tab::RedirectUris.path(*id), removed.await?))
}

fn texts(app: &App) -> Vec<String> {
    app.settings.redirect_uris.iter().map(|uri| uri.as_str().to_owned()).collect()
}

fn page(person: &Person, status: StatusCode, app: &App, form: &Filled) -> HttpResponse {
    let shell = Shell::new(person, Section::Apps, app.name.as_str());
    person.page(status, &UrisPage { shell, frame: Frame::new(person, app, Tab::RedirectUris), form })
}
