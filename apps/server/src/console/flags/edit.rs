//! A flag edited: by a form, or as text, on one page. What does not compile is not saved.

use actix_web::HttpResponse;
use actix_web::http::StatusCode;
use actix_web::web::{self, Path};
use askama::Template;
use osaycore_flags::{FlagDefinition, Key};

use super::draft::{self, Draft, OPERATORS, Rule};
use super::show::{file, find};
use super::{Outcome, Scope, Section, Shell, notation, preview, read, resource, save, seen, words};
use crate::admin::flags::{self, Edited};
use crate::extract::console::{Editor, Filled, Form, Person, Refused};

pub(super) fn configure(config: &mut web::ServiceConfig) {
    config
        .service(resource("/flags/{scope}/new", "GET, POST").route(web::get().to(begin)).route(web::post().to(create)))
        .service(
            resource("/flags/{scope}/flags/{key}/edit", "GET, POST")
                .route(web::get().to(edit))
                .route(web::post().to(change)),
        );
}

#[derive(Template)]
#[template(path = "console/flags/new.html")]
struct NewPage<'a> {
    shell: Shell<'a>,
    scope: &'a Scope,
    form: &'a Filled,
    types: [(&'static str, &'static str); 5],
}

#[derive(Template)]
#[template(path = "console/flags/edit.html")]
struct EditPage<'a> {
    shell: Shell<'a>,
    scope: &'a Scope,
    key: &'a str,
    form: &'a Filled,
    rules: &'a [Rule],
    types: [(&'static str, &'static str); 5],
    operators: [(&'static str, &'static str); 23],
    outcome: &'a Outcome,
    version: i64,
}

/// A page being made.
struct Page {
    draft: Draft,
    filled: Filled,
    text: String,
    outcome: Outcome,
    version: i64,
}

/// `GET /console/flags/{scope}/new`
async fn begin(editor: Editor, scope: Path<String>) -> Result<HttpResponse, Refused> {
    let (scope, ()) = read(&editor, &scope, |_, _| Ok(Some(()))).await?;
    Ok(new_page(&editor, StatusCode::OK, &scope, &Filled::default()))
}

/// `POST /console/flags/{scope}/new`: a flag that serves the same to everybody, to go on from.
async fn create(form: Form<Editor>, path: Path<String>) -> Result<HttpResponse, Refused> {
    let Form { who: editor, mut filled } = form;
    let (scope, taken) = {
        let key = filled.text("key").trim().to_owned();
        read(&editor, &path, move |tx, scope| Ok(Some(flags::find(tx, scope.app.as_ref(), &key)?.is_some()))).await?
    };
    if taken {
        filled.refuse("key", "there is such a flag already, perhaps archived: edit that one");
    }
    if let Some(key) = filled.parse::<Key>("key").filter(|_| !filled.has_problems()) {
        let draft = Draft::read(&Filled::with(
            ["description", "owner", "tags", "type", "variants", "default"]
                .map(|name| (name, filled.text(name).to_owned()))
                .into_iter()
                .chain([("enabled", "yes".to_owned()), ("definition", notation::json(&FlagDefinition::new(key)))]),
        ));
        let definition = draft.definition(&mut filled)?;
        if !filled.has_problems() {
            let home = scope.flag(definition.key.as_str());
            match save(&editor, &path, file(definition), scope.version).await? {
                Ok(Edited::Saved(_)) => return Ok(editor.go(&home, "The flag is made.")),
                Ok(Edited::Overtaken { .. }) => filled.refuse("key", "somebody else has just made it"),
                Err(error) => filled.refused_by(error)?,
            }
        }
    }
    Ok(new_page(&editor, StatusCode::UNPROCESSABLE_ENTITY, &scope, &filled))
}

fn new_page(person: &Person, status: StatusCode, scope: &Scope, form: &Filled) -> HttpResponse {
    let shell = Shell::new(person, Section::Flags, "New flag");
    person.page(status, &NewPage { shell, scope, form, types: words::TYPES })
}

/// `GET /console/flags/{scope}/flags/{key}/edit`
async fn edit(editor: Editor, path: Path<(String, String)>) -> Result<HttpResponse, Refused> {
    let (scope, stored) = find(&editor, &path.0, &path.1).await?;
    let flag = &stored.definition;
    let page = Page {
        draft: Draft::of(flag),
        filled: Filled::default(),
        text: pretty(flag),
        outcome: Outcome::default(),
        version: scope.version,
    };
    Ok(page.show(&editor, StatusCode::OK, &scope, &path.1))
}

/// `POST /console/flags/{scope}/flags/{key}/edit`: a button of the form, or of the text.
async fn change(form: Form<Editor>, path: Path<(String, String)>) -> Result<HttpResponse, Refused> {
    let Form { who: editor, mut filled } = form;
    let (scope, stored) = find(&editor, &path.0, &path.1).await?;
    let stored = stored.definition;
    let button = filled.text("do").to_owned();
    let version = seen(&filled);
    let is_text = filled.is_ticked("text");
    let (draft, definition, text, mut outcome) = if is_text {
        let text = filled.text("text").to_owned();
        match of_text(&text, &stored.key) {
            Ok(definition) => (Draft::of(&definition), Some(definition), text, Outcome::default()),
            Err(fault) => (Draft::of(&stored), None, text, Outcome::fault(fault)),
        }
    } else {
        let mut draft = Draft::read(&filled);
        if draft.press(&button) {
            let text = pretty(&stored);
            let page = Page { draft, filled: Filled::default(), text, outcome: Outcome::default(), version };
            return Ok(page.show(&editor, StatusCode::OK, &scope, &path.1));
        }
        // Whose form it is says its address.
        let definition = FlagDefinition { key: stored.key.clone(), ..draft.definition(&mut filled)? };
        let text = pretty(&definition);
        (draft, Some(definition).filter(|_| !filled.has_problems()), text, Outcome::default())
    };
    let mut page_version = version;
    if let Some(definition) = definition {
        if button == "save" {
            match save(&editor, &path.0, file(definition), version).await? {
                Ok(Edited::Saved(made)) => {
                    let said = if made.is_some() { "The flag is saved." } else { "Nothing is different." };
                    return Ok(editor.go(&scope.flag(&path.1), said));
                }
                Ok(Edited::Overtaken { newest, changes }) => {
                    page_version = newest;
                    outcome.overtaken = Some(changes);
                }
                Err(error) => outcome = Outcome::refused(error)?,
            }
        } else {
            outcome = preview(&editor, &path.0, file(definition)).await?;
        }
    }
    let status = if outcome.changes.is_some() { StatusCode::OK } else { StatusCode::UNPROCESSABLE_ENTITY };
    let page = Page { draft, filled, text, outcome, version: page_version };
    Ok(page.show(&editor, status, &scope, &path.1))
}

impl Page {
    fn show(self, person: &Person, status: StatusCode, scope: &Scope, key: &str) -> HttpResponse {
        let mut fields = self.draft.fields();
        fields.push(("text".to_owned(), self.text));
        let mut form = Filled::with(fields.iter().map(|(name, value)| (name.as_str(), value.clone())));
        for (name, problem) in self.filled.problems() {
            form.refuse(name, problem);
        }
        let page = EditPage {
            shell: Shell::new(person, Section::Flags, key),
            scope,
            key,
            form: &form,
            rules: &self.draft.rules,
            types: words::TYPES,
            operators: OPERATORS,
            outcome: &self.outcome,
            version: self.version,
        };
        person.page(status, &page)
    }
}

/// The definition that is written; what is wrong names flag and rule.
fn of_text(text: &str, key: &Key) -> Result<FlagDefinition, String> {
    if let Err(error) = serde_json::from_str::<serde_json::Value>(text) {
        return Err(format!("the text is no JSON: {error}"));
    }
    let mut file = osaycore_flags::parse(&format!("{{\"flags\": [{text}]}}")).map_err(|fault| fault.to_string())?;
    match file.flags.pop() {
        Some(flag) if flag.key == *key => Ok(flag),
        _ => Err(format!("the text is to be that of flag `{key}`: a key does not change")),
    }
}

fn pretty(flag: &FlagDefinition) -> String {
    notation::carried(&serde_json::to_string_pretty(flag).unwrap_or_default())
}
