//! What numbers are called: users and apps, in lists that have their numbers.

use std::collections::{BTreeMap, BTreeSet};

use osaycore_directory::{Storage as _, User};

use crate::admin::credits::OPERATOR;
use crate::error::Failure;
use crate::store::lists;
use crate::store::tx::Tx;

#[derive(Clone, Debug, Default)]
pub(super) struct Names {
    apps: BTreeMap<i64, String>,
    users: BTreeMap<i64, User>,
}

impl Names {
    /// Of all apps, and of these users.
    pub(super) fn of(tx: &mut Tx<'_>, users: impl IntoIterator<Item = i64>) -> Result<Self, Failure> {
        let apps = tx.apps()?.into_iter().map(|app| (app.id, app.name.as_str().to_owned())).collect();
        let ids: Vec<i64> = users.into_iter().collect::<BTreeSet<_>>().into_iter().collect();
        let users = lists::users::by_ids(tx, &ids)?.into_iter().map(|user| (user.id, user)).collect();
        Ok(Self { apps, users })
    }

    /// The app's name; its number where it has gone.
    pub(super) fn app(&self, id: i64) -> String {
        match self.apps.get(&id) {
            Some(name) => name.clone(),
            None if id == OPERATOR => "An operator".to_owned(),
            None => format!("App {id}"),
        }
    }

    pub(super) fn knows_app(&self, id: i64) -> bool {
        self.apps.contains_key(&id)
    }

    /// The user's name, with the directory's where there is one.
    pub(super) fn user(&self, id: i64) -> String {
        self.users.get(&id).map_or_else(|| format!("User {id}"), name)
    }

    /// The user's public id.
    pub(super) fn user_uuid(&self, id: i64) -> String {
        self.users.get(&id).map_or_else(String::new, |user| user.uuid.to_string())
    }

    /// For the filter of a list: every app by its number.
    pub(super) fn app_choices(&self, others: &[(&str, &str)]) -> Vec<(String, String)> {
        let others = others.iter().map(|(value, text)| ((*value).to_owned(), (*text).to_owned()));
        others.chain(self.apps.iter().map(|(id, name)| (id.to_string(), format!("{name} ({id})")))).collect()
    }
}

/// A user as people write it.
pub(super) fn name(user: &User) -> String {
    match &user.directory {
        Some(directory) => format!("{directory}\\{}", user.username),
        None => user.username.to_string(),
    }
}
