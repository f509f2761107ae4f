//! What an app signs with, its secrets replaced without a break, and whether it is let in at all.

use actix_web::HttpResponse;
use actix_web::web::{self, Path};
use askama::Template;

use super::{Frame, Section, Shell, Tab, When, change, change_sealed, done, read, resource};
use crate::admin::apps;
use crate::extract::console::{Editor, Filled, Form, Person, Refused};
use crate::store::apps::{SecretAge, SecretKind, secret_ages};
use crate::system;

/// How long the replaced secret may go on working, in seconds.
const GRACES: [(&str, &str); 5] = [
    ("0", "Not at all: it ends now"),
    ("3600", "An hour"),
    ("86400", "A day"),
    ("604800", "A week"),
    ("2592000", "30 days"),
];

pub(super) fn configure(config: &mut web::ServiceConfig) {
    config
        .service(resource("/apps/{id}", "GET").route(web::get().to(show)))
        .service(resource("/apps/{id}/secret", "POST").route(web::post().to(rotate)))
        .service(resource("/apps/{id}/disable", "POST").route(web::post().to(disable)))
        .service(resource("/apps/{id}/enable", "POST").route(web::post().to(enable)));
}

/// The secrets of a kind, as a section shows them.
struct Secrets {
    /// Of the fields of this section: a page has two.
    id: &'static str,
    title: &'static str,
    about: &'static str,
    /// The one in force, as a form to replace it says which it means; empty if there is none.
    newest: String,
    rows: Vec<Row>,
}

struct Row {
    made: When,
    ends: Option<When>,
    used: Option<When>,
}

#[derive(Template)]
#[template(path = "console/apps/keys.html")]
struct KeysPage<'a> {
    shell: Shell<'a>,
    frame: Frame<'a>,
    created: When,
    kinds: [Secrets; 2],
    graces: [(&'static str, &'static str); 5],
    form: Filled,
}

#[derive(Template)]
#[template(path = "console/apps/secret.html")]
struct SecretPage<'a> {
    shell: Shell<'a>,
    label: &'static str,
    secret: &'a str,
    grace: Option<&'static str>,
    done: String,
}

/// `GET /console/apps/{id}`
async fn show(person: Person, id: Path<i64>) -> Result<HttpResponse, Refused> {
    let (app, ages) = read(&person, *id, |tx, app| Ok(secret_ages(tx, app.id, system::now_us())?)).await?;
    let page = KeysPage {
        shell: Shell::new(&person, Section::Apps, app.name.as_str()),
        frame: Frame::new(&person, &app, Tab::Keys),
        created: When(app.created_at_us),
        kinds: [Secrets::of(SecretKind::Signing, &ages), Secrets::of(SecretKind::Oasis, &ages)],
        graces: GRACES,
        form: Filled::with([("grace", "86400".to_owned())]),
    };
    Ok(person.show(&page))
}

/// `POST /console/apps/{id}/secret`: another one, told once.
async fn rotate(form: Form<Editor>, id: Path<i64>) -> Result<HttpResponse, Refused> {
    let Form { who: editor, filled } = form;
    let (kind, label) = match filled.text("kind") {
        "signing" => (SecretKind::Signing, "Secret key"),
        "oasis" => (SecretKind::Oasis, "OASIS application key"),
        _ => return Err(Refused::Unreadable),
    };
    let chosen = GRACES.into_iter().find(|(value, _)| *value == filled.text("grace")).ok_or(Refused::Unreadable)?;
    let grace_s: u32 = chosen.0.parse().map_err(|_| Refused::Unreadable)?;
    let seen = filled.text("newest").to_owned();
    let rotated = change_sealed(&editor, *id, move |tx, by, sealer, app| {
        // The page with a secret that is loaded again sends its form again.
        let is_meant = newest(&secret_ages(tx, app.id, by.now_us)?, kind) == seen;
        is_meant.then(|| apps::rotate_secret(tx, sealer, by, app, kind, grace_s)).transpose()
    });
    let Some(secret) = rotated.await?? else {
        let path = Tab::Keys.path(*id);
        return Ok(
            editor.go_with_problem(&path, "There is a newer one already: nothing was made. Lost it? Replace it.")
        );
    };
    let page = SecretPage {
        shell: Shell::new(&editor, Section::Apps, "The new secret"),
        label,
        secret: &secret,
        grace: (grace_s > 0).then_some(chosen.1),
        done: Tab::Keys.path(*id),
    };
    Ok(editor.show(&page))
}

/// `POST /console/apps/{id}/disable`, by typing the name.
async fn disable(form: Form<Editor>, id: Path<i64>) -> Result<HttpResponse, Refused> {
    let Form { who: editor, filled } = form;
    let path = Tab::Keys.path(*id);
    let (app, ()) = read(&editor, *id, |_, _| Ok(())).await?;
    if !filled.confirms(app.name.as_str()) {
        return Ok(editor.go_with_problem(&path, "That was another name: the app stays enabled."));
    }
    let changed = change(&editor, *id, |tx, by, app| {
        apps::set_disabled(tx, by, app, true)?;
        Ok(format!("{} is disabled: its keys are refused within a second.", app.name))
    });
    Ok(done(&editor, &path, changed.await?))
}

/// `POST /console/apps/{id}/enable`
async fn enable(form: Form<Editor>, id: Path<i64>) -> Result<HttpResponse, Refused> {
    let editor = form.who;
    let changed = change(&editor, *id, |tx, by, app| {
        apps::set_disabled(tx, by, app, false)?;
        Ok(format!("{} is enabled.", app.name))
    });
    Ok(done(&editor, &Tab::Keys.path(*id), changed.await?))
}

impl Secrets {
    fn of(kind: SecretKind, ages: &[SecretAge]) -> Self {
        let rows = ages.iter().filter(|age| age.kind == kind).map(|age| Row {
            made: When(age.created_at_us),
            ends: age.expires_at_us.map(When),
            used: age.used_at_us.map(When),
        });
        let (title, about) = match kind {
            SecretKind::Signing => ("Secret key", "Signs the app's requests of the API."),
            SecretKind::Oasis => ("OASIS application key", "Signs requests and answers of one-time passcodes."),
        };
        Self { id: kind.as_str(), title, about, newest: newest(ages, kind), rows: rows.collect() }
    }
}

/// The number of the newest secret of a kind.
fn newest(ages: &[SecretAge], kind: SecretKind) -> String {
    ages.iter().filter(|age| age.kind == kind).map(|age| age.id).max().map(|id| id.to_string()).unwrap_or_default()
}
