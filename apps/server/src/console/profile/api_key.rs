//! The tenant's API key, which signs for every app of the tenant in the one-time passcode API: replaced at once.

use actix_web::HttpResponse;
use actix_web::web;
use askama::Template;

use super::{PROFILE, Section, Shell, resource};
use crate::admin::tenants;
use crate::extract::console::{Form, Owner, Refused};

pub(super) fn configure(config: &mut web::ServiceConfig) {
    config.service(resource("/profile/api-key", "POST").route(web::post().to(rotate)));
}

#[derive(Template)]
#[template(path = "console/profile/api_key.html")]
struct KeyPage<'a> {
    shell: Shell<'a>,
    key: &'a str,
}

/// `POST /console/profile/api-key`
async fn rotate(form: Form<Owner>) -> Result<HttpResponse, Refused> {
    let Form { who: owner, filled } = form;
    if !filled.confirms(owner.tenant.as_str()) {
        return Ok(owner.go_with_problem(PROFILE, "The name was not that of the tenant: the API key stays."));
    }
    let key = owner.write_sealed(|tx, by, sealer| tenants::rotate_api_key(tx, sealer, by)).await?;
    let shell = Shell::new(&owner, Section::Profile, "The new API key");
    Ok(owner.show(&KeyPage { shell, key: &key }))
}
