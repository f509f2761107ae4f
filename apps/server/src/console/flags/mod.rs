//! Flags: found, read in words, switched, rolled out, edited, explained, taken back. A scope is every app, or one app.

mod draft;
mod edit;
mod explain;
mod import;
mod list;
mod notation;
mod segments;
mod show;
mod versions;
mod words;

use actix_web::{HttpRequest, HttpResponse, web};
use osaycore_directory::{App, AppRef, Storage as _};
use osaycore_flags::FlagFile;

use super::text::When;
use super::{Section, Shell, resource};
use crate::admin::By;
use crate::admin::flags::{self, Edited};
use crate::error::{ApiError, Code, Failure};
use crate::extract::console::{Filled, Person, Refused};
use crate::store::tx::Tx;
use crate::system;

const FLAGS: &str = "/console/flags";
/// What stands for every app in an address.
const EVERY: &str = "all";
/// Rows of a page of a list.
const PAGE: usize = 50;

pub(super) fn configure(config: &mut web::ServiceConfig) {
    config
        .configure(list::configure)
        .configure(explain::configure)
        .configure(show::configure)
        .configure(edit::configure)
        .configure(segments::configure)
        .configure(import::configure)
        .configure(versions::configure);
}

/// Whose flags a page is about.
#[derive(Clone, Debug)]
struct Scope {
    /// None: every app's.
    app: Option<App>,
    /// The newest version of it.
    version: i64,
}

impl Scope {
    fn app_id(&self) -> i64 {
        self.app.as_ref().map_or(crate::store::flags::EVERY_APP, |app| app.id)
    }

    /// As people read it.
    fn label(&self) -> &str {
        self.app.as_ref().map_or("every app", |app| app.name.as_str())
    }

    /// As it stands in addresses.
    fn name(&self) -> String {
        self.app.as_ref().map_or_else(|| EVERY.to_owned(), |app| app.id.to_string())
    }

    /// The list of it.
    fn home(&self) -> String {
        format!("{FLAGS}?scope={}", self.name())
    }

    /// A page of it.
    fn path(&self, rest: &str) -> String {
        format!("{FLAGS}/{}{rest}", self.name())
    }

    fn flag(&self, key: &str) -> String {
        self.path(&format!("/flags/{key}"))
    }

    fn segment(&self, key: &str) -> String {
        self.path(&format!("/segments/edit/{key}"))
    }

    /// Of its name; none: there is no such app.
    fn find(tx: &mut Tx<'_>, name: &str) -> Result<Option<Self>, Failure> {
        let app = if name == EVERY {
            None
        } else {
            let Ok(id) = name.parse() else { return Ok(None) };
            let Some(app) = tx.app(AppRef::Id(id))? else { return Ok(None) };
            Some(app)
        };
        let version = flags::newest(tx, app.as_ref())?;
        Ok(Some(Self { app, version }))
    }
}

/// A scope with what is read of it; where the work finds nothing, there is no such page.
async fn read<T: Send + 'static>(
    person: &Person,
    name: &str,
    mut work: impl FnMut(&mut Tx<'_>, &Scope) -> Result<Option<T>, Failure> + Send + 'static,
) -> Result<(Scope, T), Refused> {
    let name = name.to_owned();
    let found = person.read(move |tx| {
        let Some(scope) = Scope::find(tx, &name)? else { return Ok(None) };
        Ok(work(tx, &scope)?.map(|read| (scope, read)))
    });
    found.await?.ok_or(Refused::Missing)
}

/// Changes something of a scope. What the change itself is refused with is for the page.
async fn change<T: Send + 'static>(
    person: &Person,
    name: &str,
    mut work: impl FnMut(&mut Tx<'_>, &By, &Scope) -> Result<T, Failure> + Send + 'static,
) -> Result<Result<T, ApiError>, Refused> {
    let name = name.to_owned();
    let changed = person.write(move |tx, by| match Scope::find(tx, &name)? {
        Some(scope) => work(tx, by, &scope).map(Some),
        None => Ok(None),
    });
    match changed.await {
        Ok(changed) => changed.map(Ok).ok_or(Refused::Missing),
        Err(error) if error.code.status().is_client_error() => Ok(Err(error)),
        Err(error) => Err(error.into()),
    }
}

/// Saves what somebody edited who saw a version.
async fn save(person: &Person, name: &str, file: FlagFile, seen: i64) -> Result<Result<Edited, ApiError>, Refused> {
    change(person, name, move |tx, by, scope| flags::edit(tx, by, scope.app.as_ref(), &file, seen)).await
}

/// What would change for users, one change a line, or what is wrong.
async fn preview(person: &Person, name: &str, file: FlagFile) -> Result<Outcome, Refused> {
    let name = name.to_owned();
    let looked = person.read(move |tx| {
        let Some(scope) = Scope::find(tx, &name)? else { return Err(Code::NotFound.into()) };
        Ok(flags::preview(tx, scope.app.as_ref(), &file, system::now_us())?.lines())
    });
    match looked.await {
        Ok(changes) => Ok(Outcome { changes: Some(changes), ..Outcome::default() }),
        Err(error) => Outcome::refused(error),
    }
}

/// What a form says above its fields: `templates/console/flags/outcome.html`.
#[derive(Default)]
struct Outcome {
    /// What is wrong, each with flag and rule.
    faults: Vec<String>,
    /// What changes for users; none: it was not asked.
    changes: Option<Vec<String>>,
    /// What somebody else has changed meanwhile; none: nobody.
    overtaken: Option<Vec<String>>,
}

impl Outcome {
    fn refused(error: ApiError) -> Result<Self, Refused> {
        if !error.code.status().is_client_error() {
            return Err(error.into());
        }
        Ok(Self { faults: error.to_string().lines().map(str::to_owned).collect(), ..Self::default() })
    }

    fn fault(text: impl Into<String>) -> Self {
        Self { faults: vec![text.into()], ..Self::default() }
    }
}

/// The version that a form was made of.
fn seen(filled: &Filled) -> i64 {
    filled.text("version").parse().unwrap_or(0)
}

/// What is in a query.
fn query(request: &HttpRequest) -> Result<Filled, Refused> {
    Filled::read(request.query_string().as_bytes())
}

/// After a button: to a page, which says what came of it.
fn done(person: &Person, path: &str, changed: Result<String, ApiError>) -> HttpResponse {
    match changed {
        Ok(text) => person.go(path, &text),
        Err(error) => person.go_with_problem(path, &error.to_string()),
    }
}
