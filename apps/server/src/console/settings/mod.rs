//! What concerns the whole tenant.

mod logins;

use actix_web::HttpResponse;
use actix_web::web;
use askama::Template;

use super::{Section, Shell, resource, text};
use crate::extract::console::Person;

pub(super) fn configure(config: &mut web::ServiceConfig) {
    config.service(resource("/settings", "GET").route(web::get().to(show))).configure(logins::configure);
}

#[derive(Template)]
#[template(path = "console/settings/show.html")]
struct SettingsPage<'a> {
    shell: Shell<'a>,
    public_url: &'a str,
}

/// `GET /console/settings`
async fn show(person: Person) -> Result<HttpResponse, crate::extract::console::Refused> {
    let shell = Shell::new(&person, Section::Settings, "Settings");
    Ok(person.show(&SettingsPage { shell, public_url: person.state.public_url()? }))
}
