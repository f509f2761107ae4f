//! The person's own login: password, second factor, sessions. And for owners the tenant's API key.

mod api_key;
mod password;
mod second_factor;
mod sessions;

use actix_web::HttpResponse;
use actix_web::http::StatusCode;
use actix_web::web;
use askama::Template;
use zeroize::Zeroizing;

use super::sign_in::locked;
use super::text::When;
use super::{Section, Shell, resource};
use crate::error::ApiError;
use crate::extract::console::{Filled, Person, Refused};
use crate::store::admin_factors;
use crate::store::admin_sessions::{self, AdminSession};
use crate::system;

const PROFILE: &str = "/console/profile";

pub(super) fn configure(config: &mut web::ServiceConfig) {
    config
        .service(resource("/profile", "GET").route(web::get().to(show)))
        .configure(password::configure)
        .configure(second_factor::configure)
        .configure(sessions::configure)
        .configure(api_key::configure);
}

#[derive(Template)]
#[template(path = "console/profile/show.html")]
struct ProfilePage<'a> {
    shell: Shell<'a>,
    password_set_at: When,
    has_factor: bool,
    codes_left: u32,
    sessions: Vec<SessionRow>,
    form: &'a Filled,
}

/// A session as it is listed.
struct SessionRow {
    handle: String,
    is_this: bool,
    device: String,
    address: String,
    began: When,
    used: When,
}

/// `GET /console/profile`
async fn show(person: Person) -> Result<HttpResponse, Refused> {
    page(&person, StatusCode::OK, &Filled::default()).await
}

/// The page with the form of the password, as it was filled in.
async fn page(person: &Person, status: StatusCode, form: &Filled) -> Result<HttpResponse, Refused> {
    let admin_id = person.admin.id;
    let read = move |tx: &mut crate::store::tx::Tx<'_>| {
        Ok((
            admin_factors::is_in_force(tx, admin_id)?,
            admin_factors::recovery_codes_left(tx, admin_id)?,
            admin_sessions::of_admin(tx, admin_id, system::now_us())?,
        ))
    };
    let (has_factor, codes_left, sessions) = person.read(read).await?;
    let page = ProfilePage {
        shell: Shell::new(person, Section::Profile, "Profile"),
        password_set_at: When(person.admin.password_set_at_us),
        has_factor,
        codes_left,
        sessions: sessions.into_iter().map(|session| SessionRow::of(session, person)).collect(),
        form,
    };
    Ok(person.page(status, &page))
}

/// What is wrong with what should be the person's password: what takes a second factor away asks once more. Guesses are
/// counted as at the sign-in.
async fn problem_with(person: &Person, password: &str) -> Result<Option<String>, ApiError> {
    use crate::admin::admin_sign_in as admin;
    let email = person.admin.email.clone();
    let attempt = person.write(move |tx, by| admin::attempt(tx, by, &email)).await?;
    let Some(attempt) = attempt else { return Ok(Some(locked())) };
    let password = Zeroizing::new(password.to_owned());
    let is_right = person.state.passwords.verify(password, attempt.password_hash.clone()).await?;
    let email = person.admin.email.clone();
    person.write(move |tx, by| admin::settle_again(tx, by, &email, &attempt, is_right)).await?;
    Ok((!is_right).then(|| "This is not your password.".to_owned()))
}

impl SessionRow {
    fn of(session: AdminSession, person: &Person) -> Self {
        Self {
            handle: hex::encode(session.token_hash),
            is_this: session.token_hash == person.session.token_hash,
            device: device(session.agent.as_deref().unwrap_or_default()),
            address: session.address.unwrap_or_else(|| "an unknown address".to_owned()),
            began: When(session.created_at_us),
            used: When(session.used_at_us),
        }
    }
}

/// Browser and system of a `User-Agent`, as far as people tell theirs apart.
fn device(agent: &str) -> String {
    let first =
        |known: &[(&str, &'static str)]| known.iter().find(|(mark, _)| agent.contains(mark)).map(|(_, name)| *name);
    // Each names those that it descends from as well.
    let browser = first(&[
        ("Edg/", "Edge"),
        ("OPR/", "Opera"),
        ("Firefox/", "Firefox"),
        ("Chrome/", "Chrome"),
        ("Safari/", "Safari"),
        ("curl/", "curl"),
    ]);
    let system = first(&[
        ("Android", "Android"),
        ("iPhone", "iPhone"),
        ("iPad", "iPad"),
        ("Windows", "Windows"),
        ("Mac OS X", "macOS"),
        ("Linux", "Linux"),
    ]);
    match (browser, system) {
        (Some(browser), Some(system)) => format!("{browser} on {system}"),
        (Some(one), None) | (None, Some(one)) => one.to_owned(),
        (None, None) => "Unknown browser".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::device;

    #[test]
    fn people_know_their_browsers_again() {
        let chrome =
            "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0 Safari/537.36";
        let iphone = "Mozilla/5.0 (iPhone; CPU iPhone OS 18_0 like Mac OS X) AppleWebKit/605 Version/18.0 Safari/604";
        assert_eq!(device(chrome), "Chrome on Linux");
        assert_eq!(device(&format!("{chrome} Edg/140.0")), "Edge on Linux");
        assert_eq!(device(iphone), "Safari on iPhone");
        assert_eq!((device("curl/8").as_str(), device("").as_str()), ("curl", "Unknown browser"));
    }
}
