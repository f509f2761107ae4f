//! What concerns the whole tenant.

mod keys;
mod limit;
mod logins;
mod providers;

use actix_web::HttpResponse;
use actix_web::web;
use askama::Template;

use super::{Section, Shell, resource, text};
use crate::extract::console::{Person, Refused};
use crate::refusals::FIRST_TENANT;

const SETTINGS: &str = "/console/settings";

pub(super) fn configure(config: &mut web::ServiceConfig) {
    config
        .service(resource("/settings", "GET").route(web::get().to(show)))
        .configure(logins::configure)
        .configure(providers::configure)
        .configure(keys::configure)
        .configure(limit::configure);
}

#[derive(Template)]
#[template(path = "console/settings/show.html")]
struct SettingsPage<'a> {
    shell: Shell<'a>,
    public_url: &'a str,
    limit: Option<i64>,
    /// The token keys are seen to here.
    has_keys: bool,
}

/// `GET /console/settings`
async fn show(person: Person) -> Result<HttpResponse, Refused> {
    let limit = person.read(limit::limit).await?;
    let page = SettingsPage {
        shell: Shell::new(&person, Section::Settings, "Settings"),
        public_url: person.state.public_url()?,
        limit,
        has_keys: person.tenant_id == FIRST_TENANT,
    };
    Ok(person.show(&page))
}
