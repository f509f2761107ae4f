//! What an app is called and may do, and how the server treats it.

use actix_web::HttpResponse;
use actix_web::http::StatusCode;
use actix_web::web::{self, Path};
use askama::Template;
use osaycore_directory::{App, AppScope, Name};

use super::list::scopes;
use super::{Frame, SCOPES, Section, Shell, Tab, change, read, resource};
use crate::admin::apps;
use crate::error::{ApiError, Code};
use crate::extract::console::{Editor, Filled, Form, Person, Refused};

/// The settings of the form that have a value, in its order; `redirect_uris` has a page of its own.
const VALUES: [&str; 10] = [
    "default_credit_rate",
    "requests_per_second",
    "session_lifetime_seconds",
    "replay_protection",
    "lockout_threshold",
    "lockout_seconds",
    "totp_digits",
    "totp_period",
    "totp_algorithm",
    "oasis_response_signature",
];
/// Those that are a box to tick.
const SWITCHES: [&str; 3] = ["require_signature_v2", "allow_bypass", "restrict_to_groups"];

const REPLAY: [(&str, &str); 2] =
    [("idempotent", "Idempotent: the first outcome once more"), ("strict", "Strict: refused with 409")];
const DIGITS: [(&str, &str); 3] = [("6", "6"), ("7", "7"), ("8", "8")];
const ALGORITHMS: [(&str, &str); 3] =
    [("SHA1", "SHA1: what every authenticator app has"), ("SHA256", "SHA256"), ("SHA512", "SHA512")];
const SIGNATURES: [(&str, &str); 2] =
    [("library", "Library: username and the state's name"), ("guide", "Guide: user id and the state's number")];

pub(super) fn configure(config: &mut web::ServiceConfig) {
    config.service(resource("/apps/{id}/settings", "GET, POST").route(web::get().to(show)).route(web::post().to(save)));
}

#[derive(Template)]
#[template(path = "console/apps/settings.html")]
struct SettingsPage<'a> {
    shell: Shell<'a>,
    frame: Frame<'a>,
    form: &'a Filled,
    scopes: [(AppScope, &'static str, &'static str); 4],
}

/// `GET /console/apps/{id}/settings`
async fn show(person: Person, id: Path<i64>) -> Result<HttpResponse, Refused> {
    let (app, ()) = read(&person, *id, |_, _| Ok(())).await?;
    let form = filled_of(&app)?;
    Ok(page(&person, StatusCode::OK, &app, &form))
}

/// `POST /console/apps/{id}/settings`: all of them, or none.
async fn save(form: Form<Editor>, id: Path<i64>) -> Result<HttpResponse, Refused> {
    let Form { who: editor, mut filled } = form;
    let scopes = scopes(&filled)?;
    let name = filled.parse::<Name>("name");
    let settings = asked(&filled);
    let before = filled.text("read").to_owned();
    // Each by itself, so that every field which is wrong says so.
    let (app, ()) = read(&editor, *id, |_, _| Ok(())).await?;
    for (key, values) in &settings {
        if let Err(error) = app.settings.clone().set(key, values) {
            let sentence = error.to_string();
            filled.refuse(key, sentence.strip_prefix(&format!("{key}: ")).unwrap_or(&sentence));
        }
    }
    if let (Some(name), false) = (name, filled.has_problems()) {
        let saved = change(&editor, *id, move |tx, by, app| {
            if state_of(app)? != before {
                let sentence = "the app was changed meanwhile: open this page anew, and look at what is there now";
                return Err(ApiError::from(Code::ReferenceConflict).detail(sentence).into());
            }
            let app = apps::edit(tx, by, app, name.clone(), scopes.clone().into())?;
            apps::set(tx, by, &app, &settings)
        });
        match saved.await? {
            Ok(_) => return Ok(editor.go(&Tab::Settings.path(*id), "The settings were saved.")),
            Err(error) => filled.refused_by(error)?,
        }
    }
    Ok(page(&editor, StatusCode::UNPROCESSABLE_ENTITY, &app, &filled))
}

/// The settings as `osaycore app set` takes them.
fn asked(filled: &Filled) -> Vec<(String, Vec<String>)> {
    let value = |key: &str| match filled.text(key).trim() {
        "" if key == "default_credit_rate" => "none".to_owned(),
        text => text.to_owned(),
    };
    let values = VALUES.into_iter().map(|key| (key.to_owned(), vec![value(key)]));
    let switches = SWITCHES.into_iter().map(|key| (key.to_owned(), vec![filled.is_ticked(key).to_string()]));
    values.chain(switches).collect()
}

/// The form as the app has it.
fn filled_of(app: &App) -> Result<Filled, ApiError> {
    let document = serde_json::to_value(&app.settings).map_err(|_| Code::Internal)?;
    let text = |key: &str| match document.get(key) {
        Some(serde_json::Value::String(text)) => text.clone(),
        None | Some(serde_json::Value::Null) => String::new(),
        Some(other) => other.to_string(),
    };
    let ticked = SWITCHES.into_iter().filter(|key| text(key) == "true").map(|key| (key, "yes".to_owned()));
    let scopes = app.scopes.iter().map(|scope| ("scope", scope.as_str().to_owned()));
    let values = VALUES.into_iter().map(|key| (key, text(key)));
    let own = [("name", app.name.as_str().to_owned()), ("read", state_of(app)?)];
    Ok(Filled::with(own.into_iter().chain(values).chain(ticked).chain(scopes)))
}

/// Another with every change that this form could undo.
fn state_of(app: &App) -> Result<String, ApiError> {
    let settings = app.settings.to_json().map_err(|_| Code::Internal)?;
    Ok(format!("{} {} {settings}", app.name, app.scopes))
}

fn page(person: &Person, status: StatusCode, app: &App, form: &Filled) -> HttpResponse {
    let shell = Shell::new(person, Section::Apps, app.name.as_str());
    let frame = Frame::new(person, app, Tab::Settings);
    person.page(status, &SettingsPage { shell, frame, form, scopes: SCOPES })
}
