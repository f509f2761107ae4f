//! A file of flags: pasted, looked at, applied; and taken along.

use actix_web::HttpResponse;
use actix_web::http::StatusCode;
use actix_web::http::header::{CONTENT_DISPOSITION, X_CONTENT_TYPE_OPTIONS};
use actix_web::web::{self, Path};
use askama::Template;
use osaycore_flags::{FlagFile, import};

use super::{Outcome, Scope, Section, Shell, change, done, preview, read, resource, seen};
use crate::admin::flags;
use crate::error::{ApiError, Code};
use crate::extract::console::{Editor, Filled, Form, Person, Refused};
use crate::store::flag_versions::Change;

const SYSTEMS: [(&str, &str); 4] = [
    ("", "A flag file"),
    ("unleash", "Unleash: client features"),
    ("growthbook", "GrowthBook: features of an SDK connection"),
    ("launchdarkly", "LaunchDarkly: flags and segments of a server-side SDK"),
];

pub(super) fn configure(config: &mut web::ServiceConfig) {
    config
        .service(
            resource("/flags/{scope}/import", "GET, POST").route(web::get().to(begin)).route(web::post().to(submit)),
        )
        .service(resource("/flags/{scope}/export", "GET").route(web::get().to(export)));
}

#[derive(Template)]
#[template(path = "console/flags/import.html")]
struct ImportPage<'a> {
    shell: Shell<'a>,
    scope: &'a Scope,
    form: &'a Filled,
    systems: [(&'static str, &'static str); 4],
    outcome: &'a Outcome,
    /// What does not carry over from the other system, and what was made of it.
    notes: &'a [String],
    version: i64,
}

/// `GET /console/flags/{scope}/import`
async fn begin(editor: Editor, path: Path<String>) -> Result<HttpResponse, Refused> {
    let (scope, ()) = read(&editor, &path, |_, _| Ok(Some(()))).await?;
    Ok(page(&editor, StatusCode::OK, &scope, (&Filled::default(), &Outcome::default(), &[])))
}

/// `POST /console/flags/{scope}/import`: first what changes, then the change.
async fn submit(form: Form<Editor>, path: Path<String>) -> Result<HttpResponse, Refused> {
    let Form { who: editor, filled } = form;
    let (scope, ()) = read(&editor, &path, |_, _| Ok(Some(()))).await?;
    let (outcome, notes) = match of_text(filled.text("from"), filled.text("text")) {
        Err(fault) => (Outcome::fault(fault), Vec::new()),
        Ok((file, _)) if filled.text("do") == "save" && seen(&filled) == scope.version => {
            let (count, seen) = (file.flags.len().saturating_add(file.segments.len()), scope.version);
            let of = if filled.text("from").is_empty() { Change::Apply } else { Change::Import };
            let changed = change(&editor, &path, move |tx, by, scope| {
                if scope.version != seen {
                    let text = "somebody else has changed the flags meanwhile: look again at who changes";
                    return Err(ApiError::from(Code::ReferenceConflict).detail(text).into());
                }
                flags::apply(tx, by, scope.app.as_ref(), &file, of)
            });
            match changed.await? {
                Ok(made) => {
                    let rest = if made.is_none() { "; nothing is different" } else { "" };
                    return Ok(done(
                        &editor,
                        &scope.home(),
                        Ok(format!("{count} flags and segments are imported{rest}.")),
                    ));
                }
                Err(error) => (Outcome::refused(error)?, Vec::new()),
            }
        }
        Ok((file, notes)) => {
            let mut outcome = preview(&editor, &path, file).await?;
            if filled.text("do") == "save" {
                outcome
                    .faults
                    .push("somebody else has changed the flags meanwhile: look again at who changes".to_owned());
            }
            (outcome, notes)
        }
    };
    let is_well = outcome.faults.is_empty();
    let status = if is_well { StatusCode::OK } else { StatusCode::UNPROCESSABLE_ENTITY };
    Ok(page(&editor, status, &scope, (&filled, &outcome, &notes)))
}

/// `GET /console/flags/{scope}/export`: a file that `import` takes.
async fn export(person: Person, path: Path<String>) -> Result<HttpResponse, Refused> {
    let (scope, file) = read(&person, &path, |tx, scope| Ok(Some(flags::export(tx, scope.app.as_ref())?))).await?;
    let text = serde_json::to_string_pretty(&file).map_err(|_| Refused::from(Code::Internal))?;
    Ok(HttpResponse::Ok()
        .content_type("application/json")
        .insert_header((CONTENT_DISPOSITION, format!("attachment; filename=\"flags-{}.json\"", scope.name())))
        .insert_header((X_CONTENT_TYPE_OPTIONS, "nosniff"))
        .body(text))
}

fn page(
    person: &Person,
    status: StatusCode,
    scope: &Scope,
    (form, outcome, notes): (&Filled, &Outcome, &[String]),
) -> HttpResponse {
    let page = ImportPage {
        shell: Shell::new(person, Section::Flags, "Import flags"),
        scope,
        form,
        systems: SYSTEMS,
        outcome,
        notes,
        version: scope.version,
    };
    person.page(status, &page)
}

/// The file, and what is to be said of what another system's has become.
fn of_text(from: &str, text: &str) -> Result<(FlagFile, Vec<String>), String> {
    let read = match from {
        "unleash" => import::unleash(text),
        "growthbook" => import::growthbook(text),
        "launchdarkly" => import::launchdarkly(text),
        _ => {
            let file = osaycore_flags::parse(text).map_err(|fault| fault.to_string())?;
            let is_empty = file.flags.is_empty() && file.segments.is_empty();
            return if is_empty { Err("there are no flags in it".to_owned()) } else { Ok((file, Vec::new())) };
        }
    };
    let read = read.map_err(|fault| fault.to_string())?;
    let renamed = read.keys.iter().filter(|(name, key)| name.as_str() != key.as_str());
    let renamed: Vec<String> = renamed.map(|(name, key)| format!("`{name}` is `{key}` here")).collect();
    let notes = read.notes.iter().map(ToString::to_string).chain(renamed).collect();
    Ok((read.file, notes))
}
