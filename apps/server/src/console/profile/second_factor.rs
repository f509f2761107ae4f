//! The second factor of the console: set up with a first code, its recovery codes shown once, removed with the password.

use actix_web::HttpResponse;
use actix_web::http::StatusCode;
use actix_web::web;
use askama::Template;
use osaycore_otp::{RecoveryCode, Secret};
use zeroize::Zeroizing;

use super::{PROFILE, Section, Shell, problem_with, resource};
use crate::admin::{admin_sign_in as admin, admins};
use crate::error::Code;
use crate::extract::console::{Cookie, Filled, Form, Person, Refused};
use crate::qr;

const SET_UP: &str = "/console/profile/second-factor";
/// What an authenticator app shows as the issuer.
const ISSUER: &str = "OsayCore console";

pub(super) fn configure(config: &mut web::ServiceConfig) {
    config
        .service(
            resource("/profile/second-factor", "GET, POST").route(web::get().to(show)).route(web::post().to(enrol)),
        )
        .service(resource("/profile/second-factor/start", "POST").route(web::post().to(start)))
        .service(resource("/profile/second-factor/remove", "POST").route(web::post().to(remove)))
        .service(resource("/profile/recovery-codes", "POST").route(web::post().to(replace_codes)));
}

#[derive(Template)]
#[template(path = "console/profile/second_factor.html")]
struct SetUpPage<'a> {
    shell: Shell<'a>,
    /// None where the names are too long for one.
    image: Option<&'a str>,
    uri: &'a str,
    /// The key in groups that are easy to read.
    key: Vec<&'a str>,
    form: &'a Filled,
}

#[derive(Template)]
#[template(path = "console/profile/recovery_codes.html")]
struct CodesPage<'a> {
    shell: Shell<'a>,
    codes: Vec<Zeroizing<String>>,
}

/// `POST /console/profile/second-factor/start`: makes the secret.
async fn start(form: Form<Person>) -> Result<HttpResponse, Refused> {
    let person = form.who;
    Ok(match pending(&person).await? {
        Some(_) => crate::extract::console::see_other(SET_UP),
        None => person.go_with_problem(PROFILE, "A second factor is set up already."),
    })
}

/// `GET /console/profile/second-factor`: the image to scan.
async fn show(person: Person) -> Result<HttpResponse, Refused> {
    match pending(&person).await? {
        Some(secret) => set_up_page(&person, StatusCode::OK, &secret, &Filled::default()),
        None => Ok(person.go_with_problem(PROFILE, "A second factor is set up already.")),
    }
}

/// `POST /console/profile/second-factor`: the first code.
async fn enrol(form: Form<Person>) -> Result<HttpResponse, Refused> {
    let Form { who: person, mut filled } = form;
    let Some(secret) = pending(&person).await? else {
        return Ok(person.go_with_problem(PROFILE, "A second factor is set up already."));
    };
    let code = Zeroizing::new(filled.text("code").chars().filter(|letter| !letter.is_whitespace()).collect::<String>());
    let (who, browser, session) = (person.admin.clone(), person.browser(), person.session.token_hash);
    let enrolled = person.write_sealed(move |tx, by, sealer| {
        let Some(codes) = admin::enrol(tx, sealer, by, &who, &code)? else { return Ok(None) };
        // From here on a session says more than before: under another name, and every older one is over.
        admin::end_all_but(tx, by, &who, &session)?;
        Ok(Some((codes, admin::renew(tx, by, &who, &browser)?)))
    });
    if let Some((codes, cookie)) = enrolled.await? {
        return Ok(codes_page(&person.with_cookie(&cookie), &codes, Some(&cookie)));
    }
    filled.refuse("code", "this code is not right. Wait for the next one in your app and enter that");
    set_up_page(&person, StatusCode::UNPROCESSABLE_ENTITY, &secret, &filled)
}

/// `POST /console/profile/second-factor/remove`
async fn remove(form: Form<Person>) -> Result<HttpResponse, Refused> {
    let Form { who: person, filled } = form;
    if let Some(problem) = problem_with(&person, filled.text("password")).await? {
        return Ok(person.go_with_problem(PROFILE, &format!("{problem} The second factor stays.")));
    }
    let (who, browser) = (person.admin.clone(), person.browser());
    let removed = person.write_sealed(move |tx, by, sealer| {
        admins::reset_otp(tx, sealer, by, &who)?;
        admin::renew(tx, by, &who, &browser)
    });
    let cookie = removed.await?;
    let mut response = person.go(PROFILE, "The second factor was removed. Your password alone signs you in now.");
    Cookie::Session.set(&person.state, &mut response, &cookie);
    Ok(response)
}

/// `POST /console/profile/recovery-codes`: new ones in the place of the old.
async fn replace_codes(form: Form<Person>) -> Result<HttpResponse, Refused> {
    let Form { who: person, filled } = form;
    if let Some(problem) = problem_with(&person, filled.text("password")).await? {
        return Ok(person.go_with_problem(PROFILE, &format!("{problem} The recovery codes stay.")));
    }
    let who = person.admin.clone();
    let replaced = person.write_sealed(move |tx, by, sealer| admin::replace_recovery_codes(tx, sealer, by, &who));
    Ok(match replaced.await? {
        Some(codes) => codes_page(&person, &codes, None),
        None => person.go_with_problem(PROFILE, "Set up a second factor first."),
    })
}

/// The secret that waits for its first code; none: a second factor is in force.
async fn pending(person: &Person) -> Result<Option<Secret>, Refused> {
    let who = person.admin.clone();
    Ok(person.write_sealed(move |tx, by, sealer| admin::pending_secret(tx, sealer, by, &who)).await?)
}

fn set_up_page(person: &Person, status: StatusCode, secret: &Secret, form: &Filled) -> Result<HttpResponse, Refused> {
    let uri = secret.provisioning_uri(ISSUER, person.admin.email.as_str()).ok_or(Code::Internal)?;
    let image = qr::base64_png(&uri).ok();
    let key = secret.to_base32();
    let page = SetUpPage {
        shell: Shell::new(person, Section::Profile, "Set up your second factor"),
        image: image.as_ref().map(|image| image.as_str()),
        uri: &uri,
        key: key.as_bytes().chunks(4).filter_map(|group| std::str::from_utf8(group).ok()).collect(),
        form,
    };
    Ok(person.page(status, &page))
}

fn codes_page(person: &Person, codes: &[RecoveryCode], cookie: Option<&str>) -> HttpResponse {
    let page = CodesPage {
        shell: Shell::new(person, Section::Profile, "Keep these recovery codes"),
        codes: codes.iter().map(RecoveryCode::to_text).collect(),
    };
    let mut response = person.show(&page);
    if let Some(cookie) = cookie {
        Cookie::Session.set(&person.state, &mut response, cookie);
    }
    response
}
