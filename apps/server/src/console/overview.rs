//! The first page: what needs attention.

use actix_web::HttpResponse;
use actix_web::web;
use askama::Template;

use super::{Section, Shell, resource};
use crate::extract::console::{Person, Refused};
use crate::store::admin_factors;

pub(super) fn configure(config: &mut web::ServiceConfig) {
    config.service(resource("", "GET").route(web::get().to(show)));
}

/// Something that somebody should look at.
struct Concern {
    title: &'static str,
    text: String,
    /// Where it is put right, and what the link says.
    link: Option<(&'static str, &'static str)>,
}

#[derive(Template)]
#[template(path = "console/overview.html")]
struct OverviewPage<'a> {
    shell: Shell<'a>,
    concerns: Vec<Concern>,
}

/// `GET /console`
async fn show(person: Person) -> Result<HttpResponse, Refused> {
    let admin_id = person.admin.id;
    let has_factor = person.read(move |tx| Ok(admin_factors::is_in_force(tx, admin_id)?)).await?;
    let mut concerns = Vec::new();
    if !has_factor {
        concerns.push(Concern {
            title: "Your password alone signs you in",
            text: "Whoever learns it has everything that you have here.".to_owned(),
            link: Some(("/console/profile", "Set up a second factor")),
        });
    }
    if !person.state.public_url()?.starts_with("https://") {
        concerns.push(Concern {
            title: "No TLS",
            text:
                "The public URL of this server begins with http: passwords and keys go over the network in the clear. \
                   Put a proxy with TLS before it and set the public URL to the https one."
                    .to_owned(),
            link: None,
        });
    }
    let shell = Shell::new(&person, Section::Overview, "Overview");
    Ok(person.show(&OverviewPage { shell, concerns }))
}
