//! Apps: found, made, looked into, changed. An app has pages of one frame, with a tab each.

mod eval_keys;
mod groups;
mod keys;
mod list;
mod redirect_uris;
mod settings;

use actix_web::{HttpResponse, web};
use osaycore_directory::{App, AppRef, AppScope, Storage as _};

use super::pages::{Pages, asked};
use super::text::When;
use super::{Section, Shell, resource};
use crate::admin::By;
use crate::error::{ApiError, Failure};
use crate::extract::console::{Person, Refused};
use crate::sealing::Sealer;
use crate::store::tx::Tx;

const APPS: &str = "/console/apps";
/// What an app may be allowed, for whoever chooses.
const SCOPES: [(AppScope, &str, &str); 4] = [
    (AppScope::AddCredits, "Add credits", "It adds and refunds credits of its users."),
    (AppScope::ManageUsers, "Manage users", "It makes, reads, changes and deletes users that it is linked to."),
    (AppScope::ManagePayments, "Manage payments", "It records payments."),
    (AppScope::ReadAudit, "Read the audit trail", "It reads what was done with its users."),
];

pub(super) fn configure(config: &mut web::ServiceConfig) {
    config
        .configure(list::configure)
        .configure(keys::configure)
        .configure(redirect_uris::configure)
        .configure(settings::configure)
        .configure(groups::configure)
        .configure(eval_keys::configure);
}

/// The parts of an app's pages.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Tab {
    Keys,
    RedirectUris,
    Settings,
    Groups,
    EvaluationKeys,
}

impl Tab {
    const ALL: [Self; 5] = [Self::Keys, Self::RedirectUris, Self::Settings, Self::Groups, Self::EvaluationKeys];

    fn label(self) -> &'static str {
        self.row().0
    }

    fn path(self, app_id: i64) -> String {
        format!("{APPS}/{app_id}{}", self.row().1)
    }

    fn row(self) -> (&'static str, &'static str) {
        match self {
            Self::Keys => ("Keys", ""),
            Self::RedirectUris => ("Redirect URIs", "/redirect-uris"),
            Self::Settings => ("Settings", "/settings"),
            Self::Groups => ("Groups", "/groups"),
            Self::EvaluationKeys => ("Evaluation keys", "/evaluation-keys"),
        }
    }
}

/// What is around every page of an app: `templates/console/apps/frame.html`.
struct Frame<'a> {
    app: &'a App,
    here: Tab,
    /// Whether the controls that change something are there.
    edits: bool,
}

impl<'a> Frame<'a> {
    fn new(person: &Person, app: &'a App, here: Tab) -> Self {
        Self { app, here, edits: person.edits() }
    }

    #[expect(clippy::trivially_copy_pass_by_ref, reason = "the loop of a template has references")]
    fn tab(&self, tab: &Tab) -> String {
        tab.path(self.app.id)
    }

    /// The app's page that a form goes to or a link leads to.
    fn path(&self, rest: &str) -> String {
        format!("{APPS}/{}{rest}", self.app.id)
    }
}

/// The app with what is read of it.
async fn read<T: Send + 'static>(
    person: &Person,
    id: i64,
    mut work: impl FnMut(&mut Tx<'_>, &App) -> Result<T, Failure> + Send + 'static,
) -> Result<(App, T), Refused> {
    let found = person.read(move |tx| match tx.app(AppRef::Id(id))? {
        Some(app) => work(tx, &app).map(|read| Some((app, read))),
        None => Ok(None),
    });
    found.await?.ok_or(Refused::Missing)
}

/// Changes something of an app. What the change itself is refused with is for the form.
async fn change<T: Send + 'static>(
    person: &Person,
    id: i64,
    mut work: impl FnMut(&mut Tx<'_>, &By, &App) -> Result<T, Failure> + Send + 'static,
) -> Result<Result<T, ApiError>, Refused> {
    let changed = person.write(move |tx, by| match tx.app(AppRef::Id(id))? {
        Some(app) => work(tx, by, &app).map(Some),
        None => Ok(None),
    });
    of_change(changed.await)
}

/// The same with the key that secrets are sealed under.
async fn change_sealed<T: Send + 'static>(
    person: &Person,
    id: i64,
    mut work: impl FnMut(&mut Tx<'_>, &By, &Sealer, &App) -> Result<T, Failure> + Send + 'static,
) -> Result<Result<T, ApiError>, Refused> {
    let changed = person.write_sealed(move |tx, by, sealer| match tx.app(AppRef::Id(id))? {
        Some(app) => work(tx, by, sealer, &app).map(Some),
        None => Ok(None),
    });
    of_change(changed.await)
}

fn of_change<T>(changed: Result<Option<T>, ApiError>) -> Result<Result<T, ApiError>, Refused> {
    match changed {
        Ok(changed) => changed.map(Ok).ok_or(Refused::Missing),
        Err(error) if error.code.status().is_client_error() => Ok(Err(error)),
        Err(error) => Err(error.into()),
    }
}

/// After a button: to a page, which says what came of it.
fn done(person: &Person, path: &str, changed: Result<String, ApiError>) -> HttpResponse {
    match changed {
        Ok(text) => person.go(path, &text),
        Err(error) => person.go_with_problem(path, &error.to_string()),
    }
}
