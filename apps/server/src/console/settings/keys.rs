//! The keys that sign user tokens. They are the deployment's, so the owners of its first tenant see to them.

use actix_web::HttpResponse;
use actix_web::http::StatusCode;
use actix_web::web::{self, Path};
use askama::Template;
use osaycore_jwt::Algorithm;

use super::text::When;
use super::{Section, Shell, resource};
use crate::admin::keys;
use crate::extract::console::{Filled, Form, Owner, Refused};
use crate::refusals::FIRST_TENANT;
use crate::store::jwt_keys::{self, KeyInfo};

const KEYS: &str = "/console/settings/keys";
/// The longest time that a key is published before it issues, as on the command line.
const LONGEST_LEAD_S: i64 = 604_800;
const ALGORITHMS: [(&str, &str); 4] = [
    ("", "As before"),
    ("HS256", "HS256: verified here alone"),
    ("EdDSA", "EdDSA: others verify by the public key"),
    ("RS256", "RS256: others verify by the public key"),
];

pub(super) fn configure(config: &mut web::ServiceConfig) {
    config
        .service(resource("/settings/keys", "GET, POST").route(web::get().to(list)).route(web::post().to(rotate)))
        .service(resource("/settings/keys/{kid}/drop", "POST").route(web::post().to(drop_key)));
}

struct Row {
    key: KeyInfo,
    state: &'static str,
    made: When,
    issues: When,
    dropped: Option<When>,
}

#[derive(Template)]
#[template(path = "console/settings/keys.html")]
struct KeysPage<'a> {
    shell: Shell<'a>,
    rows: Vec<Row>,
    form: &'a Filled,
    algorithms: [(&'static str, &'static str); 4],
}

/// `GET /console/settings/keys`
async fn list(owner: Owner) -> Result<HttpResponse, Refused> {
    must_be_of_first(&owner)?;
    page(&owner, StatusCode::OK, &Filled::default()).await
}

/// `POST /console/settings/keys`: another key, which issues after a while.
async fn rotate(form: Form<Owner>) -> Result<HttpResponse, Refused> {
    let Form { who: owner, mut filled } = form;
    must_be_of_first(&owner)?;
    let name = filled.text("algorithm").to_owned();
    let algorithm = Algorithm::named(&name);
    if algorithm.is_none() && !name.is_empty() {
        filled.refuse("algorithm", "HS256, EdDSA or RS256");
    }
    let lead_s = filled.optional::<i64>("lead_seconds");
    if lead_s.is_some_and(|lead_s| !(0..=LONGEST_LEAD_S).contains(&lead_s)) {
        filled.refuse("lead_seconds", "0 to 604800 seconds, which is a week");
    }
    if !filled.has_problems() {
        let made = owner.state.make_token_key(owner.tenant_id, algorithm).await?;
        let rotated = owner.write_sealed(move |tx, by, sealer| keys::rotate_jwt(tx, sealer, by, &made, lead_s));
        match rotated.await {
            Ok(kid) => return Ok(owner.go(KEYS, &format!("The key {kid} is published."))),
            Err(error) => filled.refused_by(error)?,
        }
    }
    page(&owner, StatusCode::UNPROCESSABLE_ENTITY, &filled).await
}

/// `POST /console/settings/keys/{kid}/drop`: its tokens are refused from now on.
async fn drop_key(form: Form<Owner>, kid: Path<String>) -> Result<HttpResponse, Refused> {
    let Form { who: owner, filled } = form;
    must_be_of_first(&owner)?;
    let kid = kid.into_inner();
    if !filled.confirms(&kid) {
        return Ok(owner.go_with_problem(KEYS, "That was not the id of the key: it stays."));
    }
    let dropped = kid.clone();
    match owner.write(move |tx, by| keys::drop_jwt(tx, by, &dropped)).await {
        Ok(()) => Ok(owner.go(KEYS, &format!("The key {kid} is dropped, and its tokens with it."))),
        Err(error) if error.code.status().is_client_error() => Ok(owner.go_with_problem(KEYS, &error.to_string())),
        Err(error) => Err(error.into()),
    }
}

async fn page(owner: &Owner, status: StatusCode, form: &Filled) -> Result<HttpResponse, Refused> {
    let keys = owner.read(|tx| Ok(jwt_keys::list(tx.connection())?)).await?;
    let shell = Shell::new(owner, Section::Settings, "Token keys");
    let rows = keys.into_iter().map(Row::of).collect();
    Ok(owner.page(status, &KeysPage { shell, rows, form, algorithms: ALGORITHMS }))
}

/// To the owners of another tenant there is no such page.
fn must_be_of_first(owner: &Owner) -> Result<(), Refused> {
    if owner.tenant_id == FIRST_TENANT { Ok(()) } else { Err(Refused::Missing) }
}

impl Row {
    fn of(key: KeyInfo) -> Self {
        let state = match key.state.as_str() {
            "active" => "good",
            "next" => "warn",
            _ => "",
        };
        Self {
            state,
            made: When(key.created_at_us),
            issues: When(key.active_from_us),
            dropped: key.drop_after_us.map(When),
            key,
        }
    }
}
