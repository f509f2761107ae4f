//! Who the user is, whether the user may act, and by which logins of providers the user comes in.

use actix_web::HttpResponse;
use actix_web::http::StatusCode;
use actix_web::web::{self, Path};
use askama::Template;
use osaycore_directory::{
    AvatarUrl, DisplayName, Email, Identity, ProviderName, Role, Storage as _, Subject, User, UserChange, UserStatus,
    Username,
};

use super::{Frame, Section, Shell, Tab, When, back, change, done, read, resource};
use crate::admin::{identities, users};
use crate::error::{ApiError, Code};
use crate::extract::console::{Editor, Filled, Form, Person, Refused};

pub(super) fn configure(config: &mut web::ServiceConfig) {
    config
        .service(resource("/users/{id}", "GET").route(web::get().to(show)))
        .service(resource("/users/{id}/edit", "GET, POST").route(web::get().to(begin)).route(web::post().to(edit)))
        .service(resource("/users/{id}/status", "POST").route(web::post().to(set_status)))
        .service(resource("/users/{id}/email-verified", "POST").route(web::post().to(vouch)))
        .service(resource("/users/{id}/delete", "POST").route(web::post().to(delete)))
        .service(resource("/users/{id}/restore", "POST").route(web::post().to(restore)))
        .service(resource("/users/{id}/identities/unlink", "POST").route(web::post().to(unlink)));
}

#[derive(Template)]
#[template(path = "console/users/account.html")]
struct AccountPage<'a> {
    shell: Shell<'a>,
    frame: Frame<'a>,
    created: When,
    updated: When,
    deleted: Option<When>,
    /// Each with its last use.
    identities: Vec<(Identity, When)>,
}

#[derive(Template)]
#[template(path = "console/users/edit.html")]
struct EditPage<'a> {
    shell: Shell<'a>,
    frame: Frame<'a>,
    form: &'a Filled,
}

/// `GET /console/users/{id}`
async fn show(person: Person, id: Path<i64>) -> Result<HttpResponse, Refused> {
    let (user, identities) = read(&person, *id, |tx, user| Ok(tx.identities_of(user.id)?)).await?;
    let page = AccountPage {
        shell: Shell::new(&person, Section::Users, user.username.as_str()),
        frame: Frame::new(&person, &user, Tab::Account),
        created: When(user.created_at_us),
        updated: When(user.updated_at_us),
        deleted: user.deleted_at_us.map(When),
        identities: identities
            .into_iter()
            .map(|identity| {
                let used = When(identity.used_at_us);
                (identity, used)
            })
            .collect(),
    };
    Ok(person.show(&page))
}

/// `GET /console/users/{id}/edit`
async fn begin(editor: Editor, id: Path<i64>) -> Result<HttpResponse, Refused> {
    let (user, ()) = read(&editor, *id, |_, _| Ok(())).await?;
    let text = |value: Option<&str>| value.unwrap_or_default().to_owned();
    let form = Filled::with([
        ("username", user.username.as_str().to_owned()),
        ("email", text(user.email.as_ref().map(Email::as_str))),
        ("display_name", text(user.display_name.as_ref().map(DisplayName::as_str))),
        ("avatar_url", text(user.avatar_url.as_ref().map(AvatarUrl::as_str))),
        ("role", user.role.as_str().to_owned()),
        ("read_at", user.updated_at_us.to_string()),
    ]);
    Ok(edit_page(&editor, StatusCode::OK, &user, &form))
}

/// `POST /console/users/{id}/edit`: what is empty is taken away.
async fn edit(form: Form<Editor>, id: Path<i64>) -> Result<HttpResponse, Refused> {
    let Form { who: editor, mut filled } = form;
    let (username, role) = (filled.parse::<Username>("username"), filled.parse::<Role>("role"));
    let (email, display_name) = (filled.optional::<Email>("email"), filled.optional::<DisplayName>("display_name"));
    let avatar_url = filled.optional::<AvatarUrl>("avatar_url");
    let read_at = filled.text("read_at").to_owned();
    if let (Some(username), Some(role), false) = (username, role, filled.has_problems()) {
        let edited = change(&editor, *id, move |tx, by, user| {
            if user.updated_at_us.to_string() != read_at {
                let sentence = "the user was changed meanwhile: open this page anew, and look at what is there now";
                return Err(ApiError::from(Code::ReferenceConflict).detail(sentence).into());
            }
            let edited = User {
                username: username.clone(),
                // Nobody has vouched for another address.
                email_verified: user.email_verified && user.email == email,
                email: email.clone(),
                display_name: display_name.clone(),
                avatar_url: avatar_url.clone(),
                role: role.clone(),
                ..user.clone()
            };
            users::edit(tx, by, user, edited)
        });
        match edited.await? {
            Ok(user) => return Ok(editor.go(&Tab::Account.path(user.id), "The user was changed.")),
            Err(error) => filled.refused_by(error)?,
        }
    }
    let (user, ()) = read(&editor, *id, |_, _| Ok(())).await?;
    Ok(edit_page(&editor, StatusCode::UNPROCESSABLE_ENTITY, &user, &filled))
}

/// `POST /console/users/{id}/status`
async fn set_status(form: Form<Editor>, id: Path<i64>) -> Result<HttpResponse, Refused> {
    let Form { who: editor, filled } = form;
    let status: UserStatus = filled.text("status").parse().map_err(|_| Refused::Unreadable)?;
    let changed = change(&editor, *id, move |tx, by, user| users::set_status(tx, by, user, status)).await?;
    let told = changed.map(|user| format!("{} is {} now.", user.username, user.status));
    Ok(done(&editor, &back(*id, &filled, Tab::Account), told))
}

/// `POST /console/users/{id}/email-verified`: an operator's word about the address that the page showed.
async fn vouch(form: Form<Editor>, id: Path<i64>) -> Result<HttpResponse, Refused> {
    let Form { who: editor, filled } = form;
    let (is_verified, shown) = (filled.text("verified") == "yes", filled.text("email").to_owned());
    let changed = change(&editor, *id, move |tx, by, user| {
        if user.email.as_ref().is_none_or(|email| email.as_str() != shown) {
            let sentence = "the user has another address by now: nothing was said of it";
            return Err(ApiError::from(Code::ReferenceConflict).detail(sentence).into());
        }
        users::change(tx, by, user, UserChange { email_verified: Some(is_verified), ..UserChange::default() })
    });
    let text = if is_verified { "The address counts as verified." } else { "The address counts as not verified." };
    let told = changed.await?.map(|_| text.to_owned());
    Ok(done(&editor, &Tab::Account.path(*id), told))
}

/// `POST /console/users/{id}/delete`
async fn delete(form: Form<Editor>, id: Path<i64>) -> Result<HttpResponse, Refused> {
    let Form { who: editor, filled } = form;
    let path = Tab::Account.path(*id);
    let (user, ()) = read(&editor, *id, |_, _| Ok(())).await?;
    if !filled.confirms(user.username.as_str()) {
        return Ok(editor.go_with_problem(&path, "That was another name: the user stays."));
    }
    let deleted = change(&editor, *id, users::delete).await?;
    let told = deleted
        .map(|user| format!("{} is deleted. Until somebody takes the name, it can be taken back.", user.username));
    Ok(done(&editor, &path, told))
}

/// `POST /console/users/{id}/restore`
async fn restore(form: Form<Editor>, id: Path<i64>) -> Result<HttpResponse, Refused> {
    let editor = form.who;
    let restored = change(&editor, *id, users::restore).await?;
    let told = restored.map(|user| format!("{} is there again, and signs in anew.", user.username));
    Ok(done(&editor, &Tab::Account.path(*id), told))
}

/// `POST /console/users/{id}/identities/unlink`
async fn unlink(form: Form<Editor>, id: Path<i64>) -> Result<HttpResponse, Refused> {
    let Form { who: editor, filled } = form;
    let provider: ProviderName = filled.text("provider").parse().map_err(|_| Refused::Unreadable)?;
    let subject: Subject = filled.text("subject").parse().map_err(|_| Refused::Unreadable)?;
    let told = format!("The login of {provider} is not this user's any more.");
    let taken = change(&editor, *id, move |tx, by, user| identities::unlink(tx, by, user, &provider, Some(&subject)));
    Ok(done(&editor, &Tab::Account.path(*id), taken.await?.map(|_| told)))
}

fn edit_page(person: &Person, status: StatusCode, user: &User, form: &Filled) -> HttpResponse {
    let shell = Shell::new(person, Section::Users, user.username.as_str());
    person.page(status, &EditPage { shell, frame: Frame::new(person, user, Tab::Account), form })
}
