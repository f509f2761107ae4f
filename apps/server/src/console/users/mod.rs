//! Users: found, looked into, changed. A user has pages of one frame, with a tab each.

mod account;
mod apps;
mod audit;
mod entry;
mod groups;
mod list;
mod second_factor;
mod sessions;
mod wallet;

use actix_web::{HttpResponse, web};
use osaycore_directory::User;

use super::pages::{Pages, ROWS, asked};
use super::text::When;
use super::{Section, Shell, resource};
use crate::admin::{By, users};
use crate::error::{ApiError, Code, Failure};
use crate::extract::console::{Filled, Person, Refused};
use crate::store::tx::Tx;

const USERS: &str = "/console/users";

pub(super) fn configure(config: &mut web::ServiceConfig) {
    config
        .configure(list::configure)
        .configure(account::configure)
        .configure(apps::configure)
        .configure(groups::configure)
        .configure(wallet::configure)
        .configure(entry::configure)
        .configure(second_factor::configure)
        .configure(sessions::configure)
        .configure(audit::configure);
}

/// The parts of a user's pages.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Tab {
    Account,
    Apps,
    Groups,
    Wallet,
    SecondFactor,
    Sessions,
    Audit,
}

impl Tab {
    const ALL: [Self; 7] =
        [Self::Account, Self::Apps, Self::Groups, Self::Wallet, Self::SecondFactor, Self::Sessions, Self::Audit];

    fn label(self) -> &'static str {
        self.row().0
    }

    fn path(self, user_id: i64) -> String {
        format!("{USERS}/{user_id}{}", self.row().1)
    }

    fn row(self) -> (&'static str, &'static str) {
        match self {
            Self::Account => ("Account", ""),
            Self::Apps => ("Apps", "/apps"),
            Self::Groups => ("Groups", "/groups"),
            Self::Wallet => ("Wallet", "/wallet"),
            Self::SecondFactor => ("Second factor", "/second-factor"),
            Self::Sessions => ("Sessions", "/sessions"),
            Self::Audit => ("Audit", "/audit"),
        }
    }
}

/// What is around every page of a user: `templates/console/users/frame.html`.
struct Frame<'a> {
    user: &'a User,
    here: Tab,
    /// Whether the controls that change something are there: not for viewers, nor for who is deleted.
    edits: bool,
}

impl<'a> Frame<'a> {
    fn new(person: &Person, user: &'a User, here: Tab) -> Self {
        Self { user, here, edits: person.edits() && !user.is_deleted() }
    }

    /// All tabs, each with where it is.
    fn tabs(&self) -> [(Tab, String); 7] {
        Tab::ALL.map(|tab| (tab, tab.path(self.user.id)))
    }

    /// The user's page that a form goes to or a link leads to.
    fn path(&self, rest: &str) -> String {
        format!("{USERS}/{}{rest}", self.user.id)
    }
}

/// The user with what is read of them.
async fn read<T: Send + 'static>(
    person: &Person,
    id: i64,
    mut work: impl FnMut(&mut Tx<'_>, &User) -> Result<T, Failure> + Send + 'static,
) -> Result<(User, T), Refused> {
    let found = person.read(move |tx| match users::by_id(tx, id)? {
        Some(user) => work(tx, &user).map(|read| Some((user, read))),
        None => Ok(None),
    });
    found.await?.ok_or(Refused::Missing)
}

/// Changes something of a user. What the change itself is refused with is for the form.
async fn change<T: Send + 'static>(
    person: &Person,
    id: i64,
    mut work: impl FnMut(&mut Tx<'_>, &By, &User) -> Result<T, Failure> + Send + 'static,
) -> Result<Result<T, ApiError>, Refused> {
    let changed = person.write(move |tx, by| match users::by_id(tx, id)? {
        Some(user) => work(tx, by, &user).map(Some),
        None => Ok(None),
    });
    match changed.await {
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

/// Where a form that stands on several pages leads back to: the app whose page it was, else a tab.
fn back(user_id: i64, filled: &Filled, tab: Tab) -> String {
    match filled.text("app").parse::<i64>() {
        Ok(app_id) => format!("{}/{app_id}", Tab::Apps.path(user_id)),
        Err(_) => tab.path(user_id),
    }
}

/// A text of a form that may be empty and is not longer than `most` characters.
fn note(filled: &mut Filled, name: &str, most: usize) -> Option<String> {
    let text = filled.text(name).trim().to_owned();
    if text.chars().count() > most {
        filled.refuse(name, format!("at most {most} characters"));
    }
    Some(text).filter(|text| !text.is_empty())
}

/// What cannot be found where it is named by a form.
fn missing(what: &str) -> Failure {
    ApiError::from(Code::NotFound).detail(format!("there is no such {what} any more")).into()
}
