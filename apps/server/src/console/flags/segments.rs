//! Segments: listed, edited as text, removed.

use actix_web::HttpResponse;
use actix_web::http::StatusCode;
use actix_web::web::{self, Path};
use askama::Template;
use osaycore_flags::{FlagFile, SegmentDefinition};

use super::{Outcome, Scope, Section, Shell, notation, preview, read, resource, save, seen, words};
use crate::admin::flags::{self, Edited};
use crate::extract::console::{Editor, Filled, Form, Person, Refused};

const EXAMPLE: &str = r#"{
  "key": "staff",
  "when": [{"attribute": "email", "op": "ends_with", "value": "@example.com"}],
  "users": []
}"#;

pub(super) fn configure(config: &mut web::ServiceConfig) {
    config
        .service(resource("/flags/{scope}/segments", "GET").route(web::get().to(list)))
        .service(
            resource("/flags/{scope}/segments/edit", "GET, POST")
                .route(web::get().to(begin))
                .route(web::post().to(create)),
        )
        .service(
            resource("/flags/{scope}/segments/edit/{key}", "GET, POST")
                .route(web::get().to(edit))
                .route(web::post().to(change)),
        )
        .service(resource("/flags/{scope}/segments/remove/{key}", "POST").route(web::post().to(remove)));
}

#[derive(Template)]
#[template(path = "console/flags/segments.html")]
struct SegmentsPage<'a> {
    shell: Shell<'a>,
    scope: &'a Scope,
    segments: Vec<SegmentDefinition>,
}

#[derive(Template)]
#[template(path = "console/flags/segment.html")]
struct SegmentPage<'a> {
    shell: Shell<'a>,
    scope: &'a Scope,
    /// None: it is not made yet.
    key: Option<&'a str>,
    form: &'a Filled,
    outcome: &'a Outcome,
    version: i64,
}

impl SegmentPage<'_> {
    /// Where its end is confirmed.
    fn removal(&self, key: &str) -> String {
        self.scope.path(&format!("/segments/remove/{key}"))
    }
}

/// The scope's segments, by key. There are never many: each is compiled into the sets of the apps.
async fn of_scope(person: &Person, name: &str) -> Result<(Scope, Vec<SegmentDefinition>), Refused> {
    read(person, name, |tx, scope| Ok(Some(flags::export(tx, scope.app.as_ref())?.segments))).await
}

/// `GET /console/flags/{scope}/segments`
async fn list(person: Person, path: Path<String>) -> Result<HttpResponse, Refused> {
    let (scope, segments) = of_scope(&person, &path).await?;
    Ok(person.show(&SegmentsPage { shell: Shell::new(&person, Section::Flags, "Segments"), scope: &scope, segments }))
}

/// `GET /console/flags/{scope}/segments/edit`
async fn begin(editor: Editor, path: Path<String>) -> Result<HttpResponse, Refused> {
    let (scope, _) = of_scope(&editor, &path).await?;
    let form = Filled::with([("text", EXAMPLE.to_owned())]);
    Ok(show(&editor, StatusCode::OK, None, &scope, (&form, &Outcome::default(), scope.version)))
}

/// `POST /console/flags/{scope}/segments/edit`
async fn create(form: Form<Editor>, path: Path<String>) -> Result<HttpResponse, Refused> {
    submit(form, &path, None).await
}

/// `GET /console/flags/{scope}/segments/edit/{key}`
async fn edit(editor: Editor, path: Path<(String, String)>) -> Result<HttpResponse, Refused> {
    let (scope, segments) = of_scope(&editor, &path.0).await?;
    let segment = segments.into_iter().find(|segment| segment.key.as_str() == path.1).ok_or(Refused::Missing)?;
    let form = Filled::with([("text", text_of(&segment))]);
    Ok(show(&editor, StatusCode::OK, Some(&path.1), &scope, (&form, &Outcome::default(), scope.version)))
}

/// `POST /console/flags/{scope}/segments/edit/{key}`
async fn change(form: Form<Editor>, path: Path<(String, String)>) -> Result<HttpResponse, Refused> {
    submit(form, &path.0, Some(&path.1)).await
}

/// `POST /console/flags/{scope}/segments/remove/{key}`
async fn remove(form: Form<Editor>, path: Path<(String, String)>) -> Result<HttpResponse, Refused> {
    let Form { who: editor, filled } = form;
    let (scope, segments) = of_scope(&editor, &path.0).await?;
    let segment = segments.into_iter().find(|segment| segment.key.as_str() == path.1).ok_or(Refused::Missing)?;
    let key = segment.key.clone();
    if !filled.confirms(key.as_str()) {
        let text = "What you have typed is not the segment's key: it stays.";
        return Ok(editor.go_with_problem(&scope.segment(key.as_str()), text));
    }
    let removed =
        super::change(&editor, &path.0, move |tx, by, scope| flags::remove_segment(tx, by, scope.app.as_ref(), &key));
    Ok(match removed.await? {
        Ok(_) => editor.go(&scope.path("/segments"), &format!("{} is removed.", path.1)),
        Err(error) => {
            let (form, outcome) = (Filled::with([("text", text_of(&segment))]), Outcome::refused(error)?);
            let shown = (&form, &outcome, scope.version);
            show(&editor, StatusCode::UNPROCESSABLE_ENTITY, Some(&path.1), &scope, shown)
        }
    })
}

/// Looks at who changes, or saves. `key`: of the segment that is edited; none: a new one.
async fn submit(form: Form<Editor>, name: &str, key: Option<&str>) -> Result<HttpResponse, Refused> {
    let Form { who: editor, filled } = form;
    let (scope, segments) = of_scope(&editor, name).await?;
    let is_known = |key: &str| segments.iter().any(|segment| segment.key.as_str() == key);
    if key.is_some_and(|key| !is_known(key)) {
        return Err(Refused::Missing);
    }
    let mut version = seen(&filled);
    let outcome = match of_text(filled.text("text")) {
        Err(fault) => Outcome::fault(fault),
        Ok(segment) if key.is_some_and(|key| key != segment.key.as_str()) => {
            Outcome::fault(format!("segment `{}`: a key does not change", segment.key))
        }
        Ok(segment) if key.is_none() && is_known(segment.key.as_str()) => {
            Outcome::fault(format!("segment `{}` is there already: edit that one", segment.key))
        }
        Ok(segment) => {
            let file = FlagFile { flags: Vec::new(), segments: vec![segment] };
            if filled.text("do") == "save" {
                match save(&editor, name, file, version).await? {
                    Ok(Edited::Saved(_)) => return Ok(editor.go(&scope.path("/segments"), "The segment is saved.")),
                    Ok(Edited::Overtaken { newest, changes }) => {
                        version = newest;
                        Outcome { overtaken: Some(changes), ..Outcome::default() }
                    }
                    Err(error) => Outcome::refused(error)?,
                }
            } else {
                preview(&editor, name, file).await?
            }
        }
    };
    let status = if outcome.changes.is_some() { StatusCode::OK } else { StatusCode::UNPROCESSABLE_ENTITY };
    Ok(show(&editor, status, key, &scope, (&filled, &outcome, version)))
}

fn show(
    person: &Person,
    status: StatusCode,
    key: Option<&str>,
    scope: &Scope,
    (form, outcome, version): (&Filled, &Outcome, i64),
) -> HttpResponse {
    let shell = Shell::new(person, Section::Flags, key.unwrap_or("New segment"));
    person.page(status, &SegmentPage { shell, scope, key, form, outcome, version })
}

fn text_of(segment: &SegmentDefinition) -> String {
    notation::carried(&serde_json::to_string_pretty(segment).unwrap_or_default())
}

fn of_text(text: &str) -> Result<SegmentDefinition, String> {
    if let Err(error) = serde_json::from_str::<serde_json::Value>(text) {
        return Err(format!("the text is no JSON: {error}"));
    }
    let file = osaycore_flags::parse(&format!("{{\"segments\": [{text}]}}")).map_err(|fault| fault.to_string())?;
    file.segments.into_iter().next().ok_or_else(|| "the text has no segment".to_owned())
}
