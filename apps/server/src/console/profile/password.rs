//! Another password. Whoever else is signed in by the old one is signed out.

use actix_web::HttpResponse;
use actix_web::http::StatusCode;
use actix_web::web;
use zeroize::Zeroizing;

use super::{PROFILE, page, problem_with, resource};
use crate::admin::{admin_sign_in, admins};
use crate::error::Code;
use crate::extract::console::{Cookie, Form, Person, Refused};
use crate::passwords;
use crate::store;

pub(super) fn configure(config: &mut web::ServiceConfig) {
    config.service(resource("/profile/password", "POST").route(web::post().to(change)));
}

/// `POST /console/profile/password`
async fn change(form: Form<Person>) -> Result<HttpResponse, Refused> {
    let Form { who: person, mut filled } = form;
    let next = Zeroizing::new(filled.text("new_password").to_owned());
    if let Err(unfit) = passwords::check(&next, person.admin.email.as_str()) {
        filled.refuse("new_password", format!("the password {unfit}"));
    } else if next.as_str() != filled.text("new_password_again") {
        filled.refuse("new_password_again", "the two differ");
    } else if let Some(problem) = problem_with(&person, filled.text("password")).await? {
        filled.refuse("password", problem);
    }
    if filled.has_problems() {
        return page(&person, StatusCode::UNPROCESSABLE_ENTITY, &filled).await;
    }
    let hash = person.state.passwords.hash(next).await?;
    let (admin_id, browser) = (person.admin.id, person.browser());
    let changed = person.write(move |tx, by| {
        let admin = store::admins::find(tx, admin_id)?.ok_or(Code::NotFound)?;
        let admin = admins::set_password(tx, by, &admin, hash.clone())?;
        admin_sign_in::renew(tx, by, &admin, &browser)
    });
    let cookie = changed.await?;
    let mut response = person.go(PROFILE, "Your password was changed. Every other browser was signed out.");
    Cookie::Session.set(&person.state, &mut response, &cookie);
    Ok(response)
}
