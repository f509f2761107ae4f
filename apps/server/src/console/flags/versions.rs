//! The versions of a scope: listed, compared, put back.

use actix_web::web::{self, Path};
use actix_web::{HttpRequest, HttpResponse};
use askama::Template;

use super::{Scope, Section, Shell, When, change, done, query, read, resource};
use crate::admin::flags;
use crate::error::{ApiError, Code, Failure};
use crate::extract::console::{Editor, Filled, Form, Person, Refused};
use crate::store::flag_versions::Version;
use crate::store::lists::{self, Asked};
use crate::system;

pub(super) fn configure(config: &mut web::ServiceConfig) {
    config
        .service(resource("/flags/{scope}/versions", "GET").route(web::get().to(list)))
        .service(resource("/flags/{scope}/versions/compare", "GET").route(web::get().to(compare)))
        .service(resource("/flags/{scope}/versions/rollback", "POST").route(web::post().to(rollback)));
}

#[derive(Template)]
#[template(path = "console/flags/versions.html")]
struct VersionsPage<'a> {
    shell: Shell<'a>,
    scope: &'a Scope,
    rows: Vec<Row>,
    first: Option<String>,
    next: Option<String>,
}

struct Row {
    version: Version,
    at: When,
    /// What was done, in words.
    what: String,
}

#[derive(Template)]
#[template(path = "console/flags/compare.html")]
struct ComparePage<'a> {
    shell: Shell<'a>,
    scope: &'a Scope,
    form: &'a Filled,
    /// One change a line, or why they cannot be compared.
    lines: Result<Vec<String>, String>,
    back_to: Option<i64>,
}

/// `GET /console/flags/{scope}/versions`
async fn list(person: Person, path: Path<String>, request: HttpRequest) -> Result<HttpResponse, Refused> {
    let form = query(&request)?;
    let cursor = Some(form.text("after").to_owned()).filter(|cursor| !cursor.is_empty());
    let asked = Asked { cursor, limit: 50 };
    let wanted = asked.clone();
    let (scope, found) =
        read(&person, &path, move |tx, scope| Ok(Some(lists::flags::versions(tx, scope.app_id(), &wanted)?))).await?;
    let to = |after: &str| {
        let query = form_urlencoded::Serializer::new(String::new()).append_pair("after", after).finish();
        scope.path(&format!("/versions?{query}"))
    };
    let page = VersionsPage {
        shell: Shell::new(&person, Section::Flags, "Versions of flags"),
        scope: &scope,
        first: asked.cursor.as_ref().map(|_| scope.path("/versions")),
        next: found.next.as_deref().map(to),
        rows: found.items.into_iter().map(Row::new).collect(),
    };
    Ok(person.show(&page))
}

/// `GET /console/flags/{scope}/versions/compare?from=&to=`
async fn compare(person: Person, path: Path<String>, request: HttpRequest) -> Result<HttpResponse, Refused> {
    let mut form = query(&request)?;
    let (from, to) = (form.optional::<i64>("from"), form.optional::<i64>("to"));
    let (scope, lines) = read(&person, &path, move |tx, scope| {
        match flags::diff(tx, scope.app.as_ref(), (from, to), system::now_us()) {
            Ok((from, to, difference)) => Ok(Some(Ok((from, to, difference.lines())))),
            Err(Failure::Refused(error)) => Ok(Some(Err(error.to_string()))),
            Err(failure) => Err(failure),
        }
    })
    .await?;
    let (form, lines) = match lines {
        Ok((from, to, lines)) => (Filled::with([("from", from.to_string()), ("to", to.to_string())]), Ok(lines)),
        Err(problem) => (form, Err(problem)),
    };
    let back_to = form.text("from").parse().ok().filter(|_| lines.is_ok());
    let page = ComparePage {
        shell: Shell::new(&person, Section::Flags, "Versions compared"),
        scope: &scope,
        back_to,
        form: &form,
        lines,
    };
    Ok(person.show(&page))
}

/// `POST /console/flags/{scope}/versions/rollback`: as a new version. Refused if somebody has made one meanwhile.
async fn rollback(form: Form<Editor>, path: Path<String>) -> Result<HttpResponse, Refused> {
    let Form { who: editor, filled } = form;
    let (scope, ()) = read(&editor, &path, |_, _| Ok(Some(()))).await?;
    let versions = scope.path("/versions");
    let Ok(to) = filled.text("to").parse::<i64>() else {
        return Ok(editor.go_with_problem(&versions, "Say which version to go back to."));
    };
    if !filled.confirms(&to.to_string()) {
        return Ok(
            editor.go_with_problem(&versions, "What you have typed is not the version's number: nothing was done.")
        );
    }
    let seen = super::seen(&filled);
    let changed = change(&editor, &path, move |tx, by, scope| {
        if scope.version != seen {
            let text = "somebody else has changed the flags meanwhile: look at what they did first";
            return Err(ApiError::from(Code::ReferenceConflict).detail(text).into());
        }
        flags::rollback(tx, by, scope.app.as_ref(), Some(to))
    });
    let text = changed.await?.map(|(to, made)| match made {
        Some(made) => format!("Version {made} is version {to} again."),
        None => format!("Nothing is different from version {to}."),
    });
    Ok(done(&editor, &versions, text))
}

impl Row {
    fn new(version: Version) -> Self {
        let what = match version.change.restored() {
            Some(to) => format!("back to {to}"),
            None => version.change.as_str().to_owned(),
        };
        Self { at: When(version.at_us), what, version }
    }

    /// The one before it.
    fn before(&self) -> i64 {
        self.version.number.saturating_sub(1)
    }
}
