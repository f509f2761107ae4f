//! How many users a month the tenant may have.

use actix_web::HttpResponse;
use actix_web::http::StatusCode;
use actix_web::web;
use askama::Template;

use super::{SETTINGS, Section, Shell, resource};
use crate::admin::tenants;
use crate::error::{Code, Failure};
use crate::extract::console::{Filled, Form, Owner, Refused};
use crate::store;
use crate::store::tx::Tx;

const FIELD: &str = "monthly_user_limit";

pub(super) fn configure(config: &mut web::ServiceConfig) {
    config.service(resource("/settings/limit", "GET, POST").route(web::get().to(show)).route(web::post().to(set)));
}

#[derive(Template)]
#[template(path = "console/settings/limit.html")]
struct LimitPage<'a> {
    shell: Shell<'a>,
    form: &'a Filled,
}

/// `GET /console/settings/limit`
async fn show(owner: Owner) -> Result<HttpResponse, Refused> {
    let limit = owner.read(limit).await?;
    let form = Filled::with([(FIELD, limit.map(|limit| limit.to_string()).unwrap_or_default())]);
    Ok(page(&owner, StatusCode::OK, &form))
}

/// `POST /console/settings/limit`: another one, or none.
async fn set(form: Form<Owner>) -> Result<HttpResponse, Refused> {
    let Form { who: owner, mut filled } = form;
    let wanted = filled.optional::<u32>(FIELD).map(i64::from);
    if filled.has_problems() {
        return Ok(page(&owner, StatusCode::UNPROCESSABLE_ENTITY, &filled));
    }
    let changed = owner.write(move |tx, by| {
        let before = limit(tx)?;
        tenants::set_monthly_user_limit(tx, by, before, wanted)
    });
    changed.await?;
    Ok(owner.go(SETTINGS, "The limit of users a month is set."))
}

fn page(owner: &Owner, status: StatusCode, form: &Filled) -> HttpResponse {
    owner.page(status, &LimitPage { shell: Shell::new(owner, Section::Settings, "Users a month"), form })
}

/// The limit that is in force.
pub(super) fn limit(tx: &mut Tx<'_>) -> Result<Option<i64>, Failure> {
    let tenant_id = tx.tenant_id();
    let tenant = store::tenants::by_id(tx.connection(), tenant_id)?.ok_or(Code::NotFound)?;
    Ok(tenant.monthly_user_limit)
}
