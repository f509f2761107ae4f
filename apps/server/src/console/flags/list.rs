//! The flags of a scope.

use actix_web::{HttpRequest, HttpResponse, web};
use askama::Template;
use osaycore_directory::Storage as _;

use super::{EVERY, FLAGS, PAGE, Scope, Section, Shell, When, query, read, resource, words};
use crate::admin::flags::{self, Listed};
use crate::extract::console::{Filled, Person, Refused};
use crate::system;

const STATES: [(&str, &str); 6] = [
    ("", "In use"),
    ("on", "On"),
    ("off", "Off"),
    ("inactive", "Inactive"),
    ("stale", "Stale"),
    ("archived", "Archived"),
];

pub(super) fn configure(config: &mut web::ServiceConfig) {
    config.service(resource("/flags", "GET").route(web::get().to(list)));
}

#[derive(Template)]
#[template(path = "console/flags/list.html")]
struct ListPage<'a> {
    shell: Shell<'a>,
    scope: Scope,
    form: &'a Filled,
    scopes: Vec<(String, String)>,
    states: [(&'static str, &'static str); 6],
    rows: Vec<Row>,
    is_filtered: bool,
    first: Option<String>,
    next: Option<String>,
}

struct Row {
    key: String,
    path: String,
    state: State,
    description: Option<String>,
    variants: String,
    rollout: String,
    owner: Option<String>,
    tags: Vec<String>,
    stale: Option<String>,
    changed: When,
}

/// Whether a flag serves anything.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum State {
    On,
    Off,
    Inactive,
    Archived,
}

impl State {
    pub(super) fn of(flag: &crate::store::flags::StoredFlag) -> Self {
        match (flag.archived, flag.definition.active, flag.definition.enabled) {
            (true, _, _) => Self::Archived,
            (_, false, _) => Self::Inactive,
            (_, _, true) => Self::On,
            (_, _, false) => Self::Off,
        }
    }

    pub(super) fn word(self) -> &'static str {
        match self {
            Self::On => "on",
            Self::Off => "off",
            Self::Inactive => "inactive",
            Self::Archived => "archived",
        }
    }

    /// Of its badge.
    pub(super) fn kind(self) -> &'static str {
        match self {
            Self::On => "good",
            Self::Off => "warn",
            Self::Inactive | Self::Archived => "",
        }
    }
}

/// `GET /console/flags`
async fn list(person: Person, request: HttpRequest) -> Result<HttpResponse, Refused> {
    let form = query(&request)?;
    let name = if form.text("scope").is_empty() { EVERY } else { form.text("scope") };
    let (scope, (listed, apps)) = read(&person, name, |tx, scope| {
        let app_id = scope.app_id();
        let listed: Vec<Listed> =
            flags::list(tx, system::now_us())?.into_iter().filter(|listed| listed.flag.app_id == app_id).collect();
        Ok(Some((listed, tx.apps()?)))
    })
    .await?;
    let after = form.text("after");
    // They are sorted by key.
    let mut rows: Vec<Row> = listed
        .into_iter()
        .filter(|listed| listed.flag.definition.key.as_str() > after && is_meant(listed, &form))
        .map(|listed| Row::new(listed, &scope))
        .take(PAGE.saturating_add(1))
        .collect();
    let has_more = rows.len() > PAGE;
    rows.truncate(PAGE);
    let kept: Vec<(&str, &str)> = ["scope", "search", "state", "tag", "owner"]
        .into_iter()
        .map(|name| (name, form.text(name)))
        .filter(|(_, value)| !value.is_empty())
        .collect();
    let to = |after: Option<&str>| {
        let pairs = kept.iter().copied().chain(after.map(|key| ("after", key)));
        format!("{FLAGS}?{}", form_urlencoded::Serializer::new(String::new()).extend_pairs(pairs).finish())
    };
    let mut scopes = vec![(EVERY.to_owned(), "Every app".to_owned())];
    scopes.extend(apps.iter().map(|app| (app.id.to_string(), format!("{} ({})", app.name, app.id))));
    let page = ListPage {
        shell: Shell::new(&person, Section::Flags, "Flags"),
        is_filtered: kept.iter().any(|(name, _)| *name != "scope"),
        first: (!after.is_empty()).then(|| to(None)),
        next: rows.last().filter(|_| has_more).map(|row| to(Some(&row.key))),
        scope,
        form: &form,
        scopes,
        states: STATES,
        rows,
    };
    Ok(person.show(&page))
}

fn is_meant(listed: &Listed, form: &Filled) -> bool {
    let flag = &listed.flag.definition;
    let contains = |text: &str, part: &str| text.to_lowercase().contains(&part.to_lowercase());
    let (search, tag, owner) = (form.text("search").trim(), form.text("tag").trim(), form.text("owner").trim());
    let state = State::of(&listed.flag);
    let is_of_state = match form.text("state") {
        "" => state != State::Archived,
        "stale" => listed.expired || listed.constant.is_some(),
        word => state.word() == word,
    };
    is_of_state
        && (contains(flag.key.as_str(), search) || flag.description.as_ref().is_some_and(|text| contains(text, search)))
        && (tag.is_empty() || flag.tags.iter().any(|of| of == tag))
        && (owner.is_empty() || flag.owner.as_deref() == Some(owner))
}

impl Row {
    fn new(listed: Listed, scope: &Scope) -> Self {
        let Listed { flag, constant, expired, .. } = listed;
        let definition = &flag.definition;
        Self {
            path: scope.flag(definition.key.as_str()),
            state: State::of(&flag),
            variants: words::variants(definition),
            rollout: words::rollout(definition),
            stale: stale(constant.as_deref(), expired),
            changed: When(flag.updated_at_us),
            key: definition.key.as_str().to_owned(),
            description: flag.definition.description,
            owner: flag.definition.owner,
            tags: flag.definition.tags,
        }
    }
}

/// Why a flag may be taken out of the code.
pub(super) fn stale(constant: Option<&str>, expired: bool) -> Option<String> {
    match (constant, expired) {
        (Some(variant), false) => Some(format!("always {variant}")),
        (Some(variant), true) => Some(format!("expired, always {variant}")),
        (None, true) => Some("expired".to_owned()),
        (None, false) => None,
    }
}
