//! The browsers that are signed in as this person, ended one by one or all but this.

use actix_web::HttpResponse;
use actix_web::web;

use super::{PROFILE, resource};
use crate::admin::admin_sign_in as admin;
use crate::extract::console::{Form, Person, Refused};

pub(super) fn configure(config: &mut web::ServiceConfig) {
    config
        .service(resource("/profile/sessions/end", "POST").route(web::post().to(end)))
        .service(resource("/profile/sessions/end-others", "POST").route(web::post().to(end_others)));
}

/// `POST /console/profile/sessions/end`: the one of the form, if it is the person's.
async fn end(form: Form<Person>) -> Result<HttpResponse, Refused> {
    let Form { who: person, filled } = form;
    let mut session = [0; 32];
    hex::decode_to_slice(filled.text("session"), &mut session).map_err(|_| Refused::Unreadable)?;
    let who = person.admin.clone();
    let ended = person.write(move |tx, by| admin::end(tx, by, &who, &session)).await?;
    Ok(if ended {
        person.go(PROFILE, "That browser was signed out.")
    } else {
        person.go_with_problem(PROFILE, "That browser was signed out already.")
    })
}

/// `POST /console/profile/sessions/end-others`
async fn end_others(form: Form<Person>) -> Result<HttpResponse, Refused> {
    let person = form.who;
    let (who, this) = (person.admin.clone(), person.session.token_hash);
    let ended = person.write(move |tx, by| admin::end_all_but(tx, by, &who, &this)).await?;
    Ok(person.go(PROFILE, &format!("Other browsers that were signed out: {ended}.")))
}
