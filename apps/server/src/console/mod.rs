//! The console at `/console`: pages that the server renders, for people who run the deployment.
//!
//! To add a screen:
//!
//! 1. a file or folder here with a `configure`, mounted in [`configure`] below; each path by [`resource`]. A page asks for
//!    [`Person`] (or [`Editor`](crate::extract::console::Editor), [`Owner`](crate::extract::console::Owner)) in its
//!    signature, a POST for `Form<Editor>`: then nobody else gets there, and no other site's form.
//! 2. a template in `templates/console/` that begins `{% extends "console/base.html" %}{% import "console/ui.html" as ui %}`
//!    and fills `content`; its struct has a `shell`: [`Shell::new`]. Fields, tables, pagers, badges, buttons to copy and
//!    confirmations are macros of `ui.html`; [`Chart`](chart::Chart), [`When`](text::When) are values that render
//!    themselves. Every form has `{% call ui::token(shell) %}{% endcall %}`.
//! 3. reads by `person.read(…)`, changes by `form.who.write(…)`, which call functions of `admin`: these audit, with the
//!    person as the actor. A good POST ends in `who.go(path, "What was done")`; a bad one shows its page again by
//!    `who.refuse(…)`, with what is wrong in `filled`. What is shown once is shown by the POST itself.
//! 4. lists take `?after=` with the key of the last row, ask for one row more than they show, and never count.
//! 5. its routes in `tests/http/console/routes.rs`, with who may use them, and what it is about in `town.rs` beside it: then
//!    it is photographed and tried for accessibility, hostile texts and privileges.

mod apps;
mod assets;
mod audit;
mod chart;
mod credits;
mod download;
mod flags;
mod groups;
mod list;
mod names;
mod overview;
mod pages;
mod profile;
mod settings;
mod shell;
mod sign_in;
mod text;
mod users;

use actix_web::body::{BoxBody, MessageBody};
use actix_web::dev::{ServiceRequest, ServiceResponse};
use actix_web::middleware::{Next, from_fn};
use actix_web::{Error, HttpMessage as _, HttpResponse, web};

use crate::error::ApiError;
use crate::extract::console::{Look, Person, Refused, fence};
use crate::routes::resource;
use shell::{Section, Shell};

/// Mounts everything under `/console`.
pub(crate) fn configure(config: &mut web::ServiceConfig) {
    config.service(
        web::scope("/console")
            .wrap(from_fn(layer))
            .configure(overview::configure)
            .configure(sign_in::configure)
            .configure(profile::configure)
            .configure(credits::configure)
            .configure(audit::configure)
            .configure(settings::configure)
            .configure(users::configure)
            .configure(apps::configure)
            .configure(groups::configure)
            .configure(flags::configure)
            .configure(assets::configure)
            .default_service(web::to(missing)),
    );
}

/// What every answer of the console has, and the pages that refuse something.
async fn layer(
    request: ServiceRequest,
    next: Next<impl MessageBody + 'static>,
) -> Result<ServiceResponse<BoxBody>, Error> {
    request.extensions_mut().insert(Look(assets::style()));
    let mut response = next.call(request).await?.map_into_boxed_body();
    let answer = response.response().error().and_then(|error| match error.as_error::<Refused>() {
        Some(refused) => refused.answer(assets::style()),
        // A path that does not parse.
        None if error.as_response_error().status_code() == 404 => Refused::Missing.answer(assets::style()),
        None => None,
    });
    if let Some(answer) = answer {
        response = response.into_response(answer);
    } else if let Some(Refused::Fault(fault)) = response.response().error().and_then(|error| error.as_error()) {
        // Told and logged as every other fault.
        let fault: ApiError = fault.clone();
        response = ServiceResponse::from_err(fault, response.into_parts().0);
    }
    fence(response.headers_mut());
    Ok(response)
}

/// Who is not signed in is not told which pages there are.
async fn missing(_: Person) -> Result<HttpResponse, Refused> {
    Err(Refused::Missing)
}
