//! Where a user is signed in, ended one by one or all at once.

use actix_web::web::{self, Path};
use actix_web::{HttpRequest, HttpResponse};
use askama::Template;
use osaycore_directory::{AppRef, Storage as _};
use uuid::Uuid;

use super::{Frame, Pages, Section, Shell, Tab, When, asked, change, done, read, resource};
use crate::admin::sessions;
use crate::extract::console::{Editor, Form, Person, Refused};
use crate::store::lists;
use crate::system;

pub(super) fn configure(config: &mut web::ServiceConfig) {
    config
        .service(resource("/users/{id}/sessions", "GET").route(web::get().to(show)))
        .service(resource("/users/{id}/sessions/end", "POST").route(web::post().to(end)))
        .service(resource("/users/{id}/sessions/end-all", "POST").route(web::post().to(end_all)));
}

/// A session as it is listed.
struct Row {
    id: Uuid,
    app_name: String,
    began: When,
    refreshed: Option<When>,
    ends: When,
}

#[derive(Template)]
#[template(path = "console/users/sessions.html")]
struct SessionsPage<'a> {
    shell: Shell<'a>,
    frame: Frame<'a>,
    rows: Vec<Row>,
    pages: Pages,
    /// Sessions of who is deleted can still be ended.
    may_end: bool,
}

/// `GET /console/users/{id}/sessions`
async fn show(person: Person, request: HttpRequest, id: Path<i64>) -> Result<HttpResponse, Refused> {
    let (page, _) = asked(&request)?;
    let wanted = page.clone();
    let (user, (rows, next)) = read(&person, *id, move |tx, user| {
        let live = lists::sessions::list(tx, user.uuid, system::now_us().div_euclid(1_000_000), &wanted)?;
        let mut rows = Vec::with_capacity(live.items.len());
        for session in live.items {
            let app = tx.app(AppRef::Uuid(session.aud))?;
            let at = |at_s: i64| When(at_s.saturating_mul(1_000_000));
            rows.push(Row {
                app_name: app.map_or_else(|| "An app that is gone".to_owned(), |app| app.name.to_string()),
                began: at(session.created_at_s),
                refreshed: tx.refreshed_at_s(session.id)?.map(at),
                ends: at(session.expires_at_s),
                id: session.id,
            });
        }
        Ok((rows, live.next))
    })
    .await?;
    let page = SessionsPage {
        shell: Shell::new(&person, Section::Users, user.username.as_str()),
        frame: Frame::new(&person, &user, Tab::Sessions),
        rows,
        pages: Pages::new(&Tab::Sessions.path(*id), &[], &page, next),
        may_end: person.edits(),
    };
    Ok(person.show(&page))
}

/// `POST /console/users/{id}/sessions/end`
async fn end(form: Form<Editor>, id: Path<i64>) -> Result<HttpResponse, Refused> {
    let Form { who: editor, filled } = form;
    let session: Uuid = filled.text("session").parse().map_err(|_| Refused::Unreadable)?;
    let ended = change(&editor, *id, move |tx, by, user| sessions::sign_out_of(tx, by, user, session)).await?;
    let told =
        ended.map(|ended| if ended { "The session is over." } else { "The session was over before." }.to_owned());
    Ok(done(&editor, &Tab::Sessions.path(*id), told))
}

/// `POST /console/users/{id}/sessions/end-all`
async fn end_all(form: Form<Editor>, id: Path<i64>) -> Result<HttpResponse, Refused> {
    let editor = form.who;
    let ended = change(&editor, *id, |tx, by, user| sessions::sign_out(tx, by, user, None)).await?;
    let told = ended.map(|ended| format!("Sessions that are over: {ended}. No token of the user is good any more."));
    Ok(done(&editor, &Tab::Sessions.path(*id), told))
}
