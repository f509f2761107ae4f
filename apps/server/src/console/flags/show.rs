//! A flag in words, its switch, its rollouts, and its end.

use actix_web::HttpResponse;
use actix_web::http::StatusCode;
use actix_web::web::{self, Path};
use askama::Template;
use osaycore_flags::{FlagDefinition, FlagFile, FlagType, Percent, RuleDefinition};

use super::list::{State, stale};
use super::{Outcome, Scope, Section, Shell, When, change, done, notation, preview, read, resource, save, seen, words};
use crate::admin::flags::{self, Edited};
use crate::extract::console::{Editor, Filled, Form, Person, Refused};
use crate::store::flags::StoredFlag;
use crate::system;

pub(super) fn configure(config: &mut web::ServiceConfig) {
    config
        .service(resource("/flags/{scope}/flags/{key}", "GET").route(web::get().to(show)))
        .service(resource("/flags/{scope}/flags/{key}/switch", "POST").route(web::post().to(switch)))
        .service(resource("/flags/{scope}/flags/{key}/rollout", "POST").route(web::post().to(rollout)))
        .service(resource("/flags/{scope}/flags/{key}/archive", "POST").route(web::post().to(archive)));
}

#[derive(Template)]
#[template(path = "console/flags/show.html")]
struct ShowPage<'a> {
    shell: Shell<'a>,
    scope: &'a Scope,
    flag: &'a FlagDefinition,
    state: State,
    stale: Option<String>,
    changed: When,
    variants: String,
    default: String,
    off: String,
    rules: Vec<RuleRow>,
    overrides: Vec<(String, String)>,
    /// A first rollout can be begun.
    begins: bool,
}

struct RuleRow {
    name: String,
    sentence: String,
    /// What stands in the field of the percentage; none: it cannot be changed by a number.
    percent: Option<String>,
}

#[derive(Template)]
#[template(path = "console/flags/rollout.html")]
struct RolloutPage<'a> {
    shell: Shell<'a>,
    scope: &'a Scope,
    key: &'a str,
    rule: &'a str,
    form: &'a Filled,
    outcome: &'a Outcome,
    version: i64,
}

impl ShowPage<'_> {
    /// Where its end is confirmed.
    fn archive(&self) -> String {
        format!("{}/archive", self.scope.flag(self.flag.key.as_str()))
    }
}

/// A flag of a scope, archived or not.
pub(super) async fn find(person: &Person, scope: &str, key: &str) -> Result<(Scope, StoredFlag), Refused> {
    let key = key.to_owned();
    read(person, scope, move |tx, scope| flags::find(tx, scope.app.as_ref(), &key)).await
}

/// `GET /console/flags/{scope}/flags/{key}`
async fn show(person: Person, path: Path<(String, String)>) -> Result<HttpResponse, Refused> {
    let key = path.1.clone();
    let looked = read(&person, &path.0, move |tx, scope| {
        let Some(flag) = flags::find(tx, scope.app.as_ref(), &key)? else { return Ok(None) };
        let why = flags::staleness(tx, &flag, system::now_us())?;
        Ok(Some((flag, why)))
    });
    let (scope, (stored, (constant, expired))) = looked.await?;
    let flag = &stored.definition;
    let page = ShowPage {
        shell: Shell::new(&person, Section::Flags, flag.key.as_str()),
        scope: &scope,
        state: State::of(&stored),
        stale: stale(constant.as_deref(), expired),
        changed: When(stored.updated_at_us),
        variants: words::variants(flag),
        default: words::default(flag),
        off: words::off(flag),
        rules: flag.rules.iter().enumerate().map(|(index, rule)| RuleRow::new(rule, index)).collect(),
        overrides: flag.overrides.iter().map(|(user, to)| (user.to_owned(), notation::choice(to))).collect(),
        begins: flag.rules.is_empty() && flag.flag_type == FlagType::Boolean && words::default(flag) == "false",
        flag,
    };
    Ok(person.show(&page))
}

/// `POST /console/flags/{scope}/flags/{key}/switch`: on or off, for everybody, at once.
async fn switch(form: Form<Editor>, path: Path<(String, String)>) -> Result<HttpResponse, Refused> {
    let Form { who: editor, filled } = form;
    let (scope, stored) = find(&editor, &path.0, &path.1).await?;
    let on = filled.text("on") == "yes";
    let definition = FlagDefinition { enabled: on, ..stored.definition };
    let home = scope.flag(definition.key.as_str());
    if stored.archived {
        return Ok(editor.go_with_problem(&home, "The flag is archived: edit it to bring it back."));
    }
    let changed = save(&editor, &path.0, file(definition), seen(&filled)).await?;
    if let Ok(Edited::Overtaken { changes, .. }) = &changed {
        let text = format!("Nothing was done: somebody else has changed the flag meanwhile. {}", changes.join("; "));
        return Ok(editor.go_with_problem(&home, &text));
    }
    Ok(done(&editor, &home, changed.map(|_| format!("{} is {} now.", path.1, if on { "on" } else { "off" }))))
}

/// `POST /console/flags/{scope}/flags/{key}/rollout`: first what changes, then the change.
async fn rollout(form: Form<Editor>, path: Path<(String, String)>) -> Result<HttpResponse, Refused> {
    let Form { who: editor, mut filled } = form;
    let (scope, stored) = find(&editor, &path.0, &path.1).await?;
    let mut version = seen(&filled);
    let home = scope.flag(&path.1);
    if stored.archived {
        return Ok(editor.go_with_problem(&home, "The flag is archived: edit it to bring it back."));
    }
    let rule = filled.text("rule").to_owned();
    let typed = filled.text("percent").trim().trim_end_matches('%').trim_end().to_owned();
    let outcome = match serde_json::from_str::<Percent>(&typed) {
        Err(_) => {
            filled.refuse("percent", "a percentage is a number from 0 to 100 with up to three decimals");
            Outcome::default()
        }
        Ok(percent) => match flags::rolled_out(stored.definition, &rule, percent) {
            None => Outcome::fault(format!("flag `{}` has no rule `{rule}` any more", path.1)),
            Some(definition) if filled.text("do") == "save" => {
                match save(&editor, &path.0, file(definition), version).await? {
                    Ok(Edited::Saved(_)) => {
                        return Ok(editor.go(&home, &format!("Rule {rule} of {} takes {typed} % now.", path.1)));
                    }
                    Ok(Edited::Overtaken { newest, changes }) => {
                        version = newest;
                        Outcome { overtaken: Some(changes), ..Outcome::default() }
                    }
                    Err(error) => Outcome::refused(error)?,
                }
            }
            Some(definition) => preview(&editor, &path.0, file(definition)).await?,
        },
    };
    let is_well = outcome.changes.is_some();
    let page = RolloutPage {
        shell: Shell::new(&editor, Section::Flags, &path.1),
        scope: &scope,
        key: &path.1,
        rule: &rule,
        form: &filled,
        outcome: &outcome,
        version,
    };
    Ok(editor.page(if is_well { StatusCode::OK } else { StatusCode::UNPROCESSABLE_ENTITY }, &page))
}

/// `POST /console/flags/{scope}/flags/{key}/archive`
async fn archive(form: Form<Editor>, path: Path<(String, String)>) -> Result<HttpResponse, Refused> {
    let Form { who: editor, filled } = form;
    let (scope, stored) = find(&editor, &path.0, &path.1).await?;
    let key = stored.definition.key;
    let home = scope.flag(key.as_str());
    if !filled.confirms(key.as_str()) {
        return Ok(editor.go_with_problem(&home, "What you have typed is not the flag's key: it stays in use."));
    }
    let archived = key.clone();
    let changed =
        change(&editor, &path.0, move |tx, by, scope| flags::archive(tx, by, scope.app.as_ref(), &archived)).await?;
    Ok(done(&editor, &home, changed.map(|_| format!("{key} is archived."))))
}

/// A file of one flag.
pub(super) fn file(definition: FlagDefinition) -> FlagFile {
    FlagFile { flags: vec![definition], segments: Vec::new() }
}

impl RuleRow {
    fn new(rule: &RuleDefinition, index: usize) -> Self {
        let percent = match &rule.rollout {
            None => Some("100".to_owned()),
            Some(rollout) if rollout.schedule.is_empty() => {
                Some(rollout.percent.map_or_else(|| "0".to_owned(), words::percent))
            }
            Some(_) => None,
        };
        Self { name: flags::rule_name(rule, index), sentence: words::rule(rule), percent }
    }
}
