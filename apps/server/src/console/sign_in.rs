//! Signing in and out: the only pages for who is not signed in.

use std::net::{IpAddr, Ipv6Addr};

use actix_web::HttpResponse;
use actix_web::http::StatusCode;
use actix_web::web::{self, Query};
use askama::Template;
use osaycore_directory::Email;
use serde::Deserialize;
use zeroize::Zeroizing;

use super::{assets, resource};
use crate::admin::admin_sign_in::{self as admin, LOCK_MINUTES, Outcome};
use crate::error::Code;
use crate::extract::console::{
    Cookie, Filled, Form, HOME, Halfway, Person, Refused, SIGN_IN, Visitor, safe_next, see_other,
};
use crate::refusals::FIRST_TENANT;
use crate::server::State;
use crate::store::admins;

const CODE: &str = "/console/sign-in/code";

pub(super) fn configure(config: &mut web::ServiceConfig) {
    config
        .service(resource("/sign-in", "GET, POST").route(web::get().to(show)).route(web::post().to(enter)))
        .service(
            resource("/sign-in/code", "GET, POST").route(web::get().to(ask_code)).route(web::post().to(enter_code)),
        )
        .service(resource("/sign-out", "POST").route(web::post().to(sign_out)));
}

#[derive(Deserialize)]
struct Asked {
    next: Option<String>,
}

#[derive(Template)]
#[template(path = "console/sign_in.html")]
struct SignInPage<'a> {
    style: &'static str,
    token: &'a str,
    form: &'a Filled,
}

#[derive(Template)]
#[template(path = "console/code.html")]
struct CodePage<'a> {
    style: &'static str,
    token: &'a str,
    email: &'a str,
    form: &'a Filled,
}

/// `GET /console/sign-in`
async fn show(person: Result<Person, Refused>, visitor: Visitor, asked: Query<Asked>) -> Result<HttpResponse, Refused> {
    let next = asked.next.as_deref().map_or(HOME, safe_next);
    match person {
        Ok(_) => Ok(see_other(next)),
        Err(Refused::Fault(error)) => Err(error.into()),
        Err(_) => Ok(sign_in_page(&visitor, StatusCode::OK, &Filled::with([("next", next.to_owned())]))),
    }
}

/// `POST /console/sign-in`: the password.
async fn enter(form: Form<Visitor>) -> Result<HttpResponse, Refused> {
    let Form { who: visitor, mut filled } = form;
    if !may_try(&visitor.state, visitor.origin.address) {
        filled.refuse("", "Too many attempts from your address. Wait a minute and try again.");
        return Ok(sign_in_page(&visitor, StatusCode::TOO_MANY_REQUESTS, &filled));
    }
    let Ok(email) = filled.text("email").trim().parse::<Email>() else {
        filled.refuse("email", "an address is like name@example.com");
        return Ok(sign_in_page(&visitor, StatusCode::UNPROCESSABLE_ENTITY, &filled));
    };
    match try_password(&visitor, &email, filled.text("password")).await? {
        Outcome::SignedIn(cookie) => Ok(with_session(&visitor.state, safe_next(filled.text("next")), &cookie)),
        Outcome::Halfway(cookie) => {
            let next = form_urlencoded::Serializer::new(String::new())
                .append_pair("next", safe_next(filled.text("next")))
                .finish();
            Ok(with_session(&visitor.state, &format!("{CODE}?{next}"), &cookie))
        }
        Outcome::Refused => {
            filled.refuse("", "This address and this password do not go together.");
            Ok(sign_in_page(&visitor, StatusCode::UNPROCESSABLE_ENTITY, &filled))
        }
        Outcome::Locked => {
            filled.refuse("", locked());
            Ok(sign_in_page(&visitor, StatusCode::TOO_MANY_REQUESTS, &filled))
        }
    }
}

/// The same work and the same answers, whether there is such a login or not.
async fn try_password(visitor: &Visitor, email: &Email, password: &str) -> Result<Outcome, Refused> {
    let looked_up = email.clone();
    let whose = visitor.state.read(FIRST_TENANT, move |tx| Ok(admins::by_email(tx.connection(), &looked_up)?)).await?;
    let tenant_id = whose.map_or(FIRST_TENANT, |(tenant_id, _)| tenant_id);
    let counted = email.clone();
    let attempt = visitor.write(tenant_id, move |tx, by| admin::attempt(tx, by, &counted)).await?;
    let Some(attempt) = attempt else { return Ok(Outcome::Locked) };
    let password = Zeroizing::new(password.to_owned());
    let is_right = visitor.state.passwords.verify(password, attempt.password_hash.clone()).await?;
    let (email, browser) = (email.clone(), visitor.browser.clone());
    let settled = visitor.write(tenant_id, move |tx, by| admin::settle(tx, by, &email, &attempt, is_right, &browser));
    Ok(settled.await?)
}

/// `GET /console/sign-in/code`
async fn ask_code(halfway: Halfway, asked: Query<Asked>) -> HttpResponse {
    let next = asked.next.as_deref().map_or(HOME, safe_next);
    code_page(&halfway, StatusCode::OK, &Filled::with([("next", next.to_owned())]))
}

/// `POST /console/sign-in/code`: the second factor.
async fn enter_code(form: Form<Halfway>) -> Result<HttpResponse, Refused> {
    let Form { who: halfway, mut filled } = form;
    let person = halfway.person();
    if !may_try(&person.state, person.origin.address) {
        filled.refuse("code", "Too many attempts from your address. Wait a minute and try again.");
        return Ok(code_page(&halfway, StatusCode::TOO_MANY_REQUESTS, &filled));
    }
    let code = Zeroizing::new(filled.text("code").chars().filter(|letter| !letter.is_whitespace()).collect::<String>());
    let (admin, browser) = (person.admin.clone(), person.browser());
    let outcome =
        person.write_sealed(move |tx, by, sealer| admin::enter_code(tx, sealer, by, &admin, &code, &browser)).await;
    match outcome {
        // Of two who bring one cookie at once, one signs in.
        Err(error) if error.code == Code::NotPermitted => Err(Refused::SignIn { next: None }),
        Err(error) => Err(error.into()),
        Ok(Outcome::SignedIn(cookie)) => Ok(with_session(&person.state, safe_next(filled.text("next")), &cookie)),
        Ok(Outcome::Locked) => {
            filled.refuse("code", locked());
            Ok(code_page(&halfway, StatusCode::TOO_MANY_REQUESTS, &filled))
        }
        Ok(Outcome::Refused | Outcome::Halfway(_)) => {
            filled.refuse("code", "this code is not right, or was used before. Wait for the next one");
            Ok(code_page(&halfway, StatusCode::UNPROCESSABLE_ENTITY, &filled))
        }
    }
}

/// `POST /console/sign-out`
async fn sign_out(form: Form<Person>) -> Result<HttpResponse, Refused> {
    let person = form.who;
    let (admin, session) = (person.admin.clone(), person.session.token_hash);
    match person.write(move |tx, by| admin::end(tx, by, &admin, &session)).await {
        // Another of the same did it.
        Err(error) if error.code != Code::NotPermitted => return Err(error.into()),
        _ => {}
    }
    let mut response = see_other(SIGN_IN);
    Cookie::Session.clear(&person.state, &mut response);
    Ok(response)
}

/// On to a page, in a session that begins here.
fn with_session(state: &State, path: &str, cookie: &str) -> HttpResponse {
    let mut response = see_other(path);
    Cookie::Session.set(state, &mut response, cookie);
    response
}

/// Whether another attempt is taken from the address; a network of IPv6 is one.
fn may_try(state: &State, address: Option<IpAddr>) -> bool {
    let network = |address| match address {
        IpAddr::V6(address) => IpAddr::V6(Ipv6Addr::from_bits(address.to_bits() >> 64 << 64)),
        IpAddr::V4(_) => address,
    };
    address.is_none_or(|address| state.sign_in_limiter.check_key(&network(address)).is_ok())
}

/// What is said at an address that guesses have locked.
pub(super) fn locked() -> String {
    format!("Too many wrong attempts at this address: wait {LOCK_MINUTES} minutes.")
}

fn sign_in_page(visitor: &Visitor, status: StatusCode, form: &Filled) -> HttpResponse {
    let page = SignInPage { style: assets::style(), token: visitor.token(), form };
    visitor.page(status, &page)
}

fn code_page(halfway: &Halfway, status: StatusCode, form: &Filled) -> HttpResponse {
    let person = halfway.person();
    let email = person.admin.email.as_str();
    let page = CodePage { style: assets::style(), token: person.token(), email, form };
    person.page(status, &page)
}
