//! Why somebody has what a flag serves.

use actix_web::{HttpRequest, HttpResponse, web};
use askama::Template;
use osaycore_directory::{AppRef, Storage as _};
use osaycore_flags::{
    ConditionExplanation, Explanation, Key, PrerequisiteExplanation, RolloutExplanation, RuleExplanation,
};
use serde_json::{Map, Value};

use super::{FLAGS, Section, Shell, query, resource};
use crate::admin::flags::{self, Somebody};
use crate::error::{ApiError, Code};
use crate::extract::console::{Filled, Person, Refused};
use crate::system;

pub(super) fn configure(config: &mut web::ServiceConfig) {
    config.service(resource("/flags/explain", "GET").route(web::get().to(explain)));
}

#[derive(Template)]
#[template(path = "console/flags/explain.html")]
struct ExplainPage<'a> {
    shell: Shell<'a>,
    form: &'a Filled,
    apps: Vec<(String, String)>,
    told: Option<Told>,
}

/// An explanation in words.
struct Told {
    sentence: String,
    value: String,
    reason: String,
    is_user: bool,
    needs: Vec<String>,
    prerequisites: Vec<String>,
    rules: Vec<ToldRule>,
}

struct ToldRule {
    name: String,
    sentence: String,
    needs: Vec<String>,
    conditions: Vec<ToldCondition>,
    places: Vec<String>,
}

struct ToldCondition {
    text: String,
    actual: String,
    holds: bool,
}

/// `GET /console/flags/explain?app=&flag=&user=&context=`
async fn explain(person: Person, request: HttpRequest) -> Result<HttpResponse, Refused> {
    let mut form = query(&request)?;
    let apps = person.read(|tx| Ok(tx.apps()?)).await?;
    let told = if form.is_ticked("user") { told(&person, &mut form).await? } else { None };
    let page = ExplainPage {
        shell: Shell::new(&person, Section::Flags, "Explain a flag"),
        form: &form,
        apps: apps.iter().map(|app| (app.id.to_string(), format!("{} ({})", app.name, app.id))).collect(),
        told,
    };
    Ok(if form.has_problems() { person.refuse(&page) } else { person.show(&page) })
}

async fn told(person: &Person, form: &mut Filled) -> Result<Option<Told>, Refused> {
    let (app, key) = (form.parse::<i64>("app"), form.parse::<Key>("flag"));
    let id = form.text("user").trim().to_owned();
    if id.is_empty() {
        form.refuse("user", "say for whom: a user's id or name, or with a context anyone's id");
    }
    let given = match form.text("context").trim() {
        "" => None,
        text => match serde_json::from_str::<Map<String, Value>>(text) {
            Ok(given) => Some(given),
            Err(error) => {
                form.refuse("context", format!("not a JSON object: {error}"));
                None
            }
        },
    };
    let (Some(app_id), Some(key)) = (app, key) else { return Ok(None) };
    if form.has_problems() {
        return Ok(None);
    }
    let somebody = Somebody { id, given };
    let looked = person.read(move |tx| {
        let app = tx.app(AppRef::Id(app_id))?;
        let app = app.ok_or_else(|| ApiError::from(Code::NotFound).detail("there is no such app"))?;
        flags::explain(tx, &app, &key, &somebody, system::now_us(), Told::new)
    });
    match looked.await {
        Ok(told) => Ok(Some(told)),
        Err(error) => {
            form.refused_by(error)?;
            Ok(None)
        }
    }
}

impl Told {
    fn new(explanation: &Explanation<'_>, is_user: bool) -> Self {
        let mut prerequisites = Vec::new();
        path(&explanation.prerequisites, &mut prerequisites);
        if let Some(segment) = explanation.holdout {
            prerequisites.push(format!("held out of all rules by segment {segment}"));
        }
        Self {
            sentence: explanation.sentence.clone(),
            value: serde_json::to_string(&explanation.value).unwrap_or_default(),
            reason: explanation.reason.to_string(),
            is_user,
            needs: explanation.needs.clone(),
            prerequisites,
            rules: explanation.rules.iter().map(ToldRule::new).collect(),
        }
    }
}

impl ToldRule {
    /// What the table of its conditions is called.
    fn label(&self) -> String {
        format!("Conditions of rule {}", self.name)
    }

    fn new(rule: &RuleExplanation<'_>) -> Self {
        let mut told = Self {
            name: rule.name.to_owned(),
            sentence: rule.sentence.clone(),
            needs: rule.needs.clone(),
            conditions: Vec::new(),
            places: Vec::new(),
        };
        told.look(&rule.conditions, "");
        if let Some(group) = &rule.exclusion {
            let bucket = group.bucket.map_or_else(|| "none".to_owned(), |bucket| bucket.to_string());
            let (name, unit, from, to) = (group.group, group.unit, group.from, group.to);
            told.places.push(format!("Group {name}: bucket {bucket} of {unit}; its part is from {from} up to {to}."));
        }
        told.places.extend(rule.rollout.as_ref().map(|rollout| format!("Rollout: {}.", place(rollout))));
        told
    }

    /// Conditions, and below one of a segment what that asks.
    fn look(&mut self, conditions: &[ConditionExplanation<'_>], within: &str) {
        for condition in conditions {
            let actual = match (&condition.actual, &condition.segment) {
                (Some(actual), _) => actual.clone(),
                (None, Some(segment)) if segment.listed => "listed".to_owned(),
                (None, Some(_)) => String::new(),
                (None, None) => "none".to_owned(),
            };
            let text = format!("{within}{}", condition.condition);
            self.conditions.push(ToldCondition { text, actual, holds: condition.holds });
            if let Some(segment) = &condition.segment {
                let within = format!("{within}in {}: ", segment.key);
                self.look(&segment.conditions, &within);
                self.places.extend(
                    segment.rollout.as_ref().map(|rollout| format!("Segment {}: {}.", segment.key, place(rollout))),
                );
            }
        }
    }
}

/// Where a unit falls, against the threshold.
fn place(rollout: &RolloutExplanation<'_>) -> String {
    let RolloutExplanation { unit, actual, bucket, threshold } = rollout;
    match (actual, bucket) {
        (Some(actual), Some(bucket)) => format!("bucket {bucket} of {unit} {actual}; below {threshold} are taken"),
        _ => format!("no {unit} to take a bucket of; below {threshold} are taken"),
    }
}

fn path(of: &[PrerequisiteExplanation<'_>], lines: &mut Vec<String>) {
    for needed in of {
        let is = needed.actual.unwrap_or("inactive");
        let met = if needed.met { "met" } else { "not met" };
        lines.push(format!("flag {} is {is}, wanted {}: {met}", needed.flag, needed.wanted.join(" or ")));
        path(&needed.prerequisites, lines);
    }
}
