//! What may evaluate an app's flags, and do nothing else: keys for browsers and phones.

use actix_web::HttpResponse;
use actix_web::http::StatusCode;
use actix_web::web::{self, Path};
use askama::Template;
use osaycore_directory::Name;

use super::{Frame, Section, Shell, Tab, When, change, done, read, resource};
use crate::admin::eval_keys;
use crate::extract::console::{Editor, Filled, Form, Person, Refused};
use crate::store;

pub(super) fn configure(config: &mut web::ServiceConfig) {
    config
        .service(
            resource("/apps/{id}/evaluation-keys", "GET, POST")
                .route(web::get().to(show))
                .route(web::post().to(create)),
        )
        .service(resource("/apps/{id}/evaluation-keys/remove", "POST").route(web::post().to(remove)));
}

struct Row {
    id: i64,
    name: Name,
    made: When,
}

#[derive(Template)]
#[template(path = "console/apps/eval_keys.html")]
struct KeysPage<'a> {
    shell: Shell<'a>,
    frame: Frame<'a>,
    rows: Vec<Row>,
    form: &'a Filled,
}

#[derive(Template)]
#[template(path = "console/apps/eval_key.html")]
struct KeyPage<'a> {
    shell: Shell<'a>,
    name: &'a str,
    key: &'a str,
    done: String,
}

/// `GET /console/apps/{id}/evaluation-keys`
async fn show(person: Person, id: Path<i64>) -> Result<HttpResponse, Refused> {
    page(&person, StatusCode::OK, *id, &Filled::default()).await
}

/// `POST /console/apps/{id}/evaluation-keys`: told once.
async fn create(form: Form<Editor>, id: Path<i64>) -> Result<HttpResponse, Refused> {
    let Form { who: editor, mut filled } = form;
    let name = filled.optional::<Name>("name");
    if !filled.has_problems() {
        let created = change(&editor, *id, move |tx, by, app| eval_keys::create(tx, by, app, name.as_ref()));
        match created.await? {
            Ok((kept, key)) => {
                let page = KeyPage {
                    shell: Shell::new(&editor, Section::Apps, "The new evaluation key"),
                    name: kept.name.as_str(),
                    key: &key,
                    done: Tab::EvaluationKeys.path(*id),
                };
                return Ok(editor.show(&page));
            }
            Err(error) => filled.refused_by(error)?,
        }
    }
    page(&editor, StatusCode::UNPROCESSABLE_ENTITY, *id, &filled).await
}

/// `POST /console/apps/{id}/evaluation-keys/remove`
async fn remove(form: Form<Editor>, id: Path<i64>) -> Result<HttpResponse, Refused> {
    let Form { who: editor, filled } = form;
    let key: i64 = filled.text("key").parse().map_err(|_| Refused::Unreadable)?;
    let removed = change(&editor, *id, move |tx, by, app| {
        let removed = eval_keys::remove(tx, by, app, &key.to_string())?;
        Ok(format!("The key {} was removed: it is refused within a second.", removed.name))
    });
    Ok(done(&editor, &Tab::EvaluationKeys.path(*id), removed.await?))
}

async fn page(person: &Person, status: StatusCode, id: i64, form: &Filled) -> Result<HttpResponse, Refused> {
    let (app, keys) = read(person, id, |tx, app| Ok(store::eval_keys::of_app(tx, app.id)?)).await?;
    let page = KeysPage {
        shell: Shell::new(person, Section::Apps, app.name.as_str()),
        frame: Frame::new(person, &app, Tab::EvaluationKeys),
        rows: keys.into_iter().map(|key| Row { id: key.id, name: key.name, made: When(key.created_at_us) }).collect(),
        form,
    };
    Ok(person.page(status, &page))
}
