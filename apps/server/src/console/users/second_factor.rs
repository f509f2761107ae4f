//! A user's second factor: its state, the locks of wrong codes, and the way out for who has lost the phone.

use actix_web::HttpResponse;
use actix_web::web::{self, Path};
use askama::Template;
use osaycore_directory::{App, AppRef, Storage as _, User, UserChange};
use osaycore_otp::{Attempts, RecoveryCode};
use zeroize::Zeroizing;

use super::{Frame, Section, Shell, Tab, When, back, change, done, read, resource};
use crate::admin::{otp, users};
use crate::error::Failure;
use crate::extract::console::{Editor, Form, Person, Refused};
use crate::store::otp as factors;
use crate::store::tx::Tx;
use crate::system;

pub(super) fn configure(config: &mut web::ServiceConfig) {
    config
        .service(resource("/users/{id}/second-factor", "GET").route(web::get().to(show)))
        .service(resource("/users/{id}/second-factor/unlock", "POST").route(web::post().to(unlock)))
        .service(resource("/users/{id}/second-factor/reset", "POST").route(web::post().to(reset)))
        .service(resource("/users/{id}/second-factor/bypass", "POST").route(web::post().to(bypass)))
        .service(resource("/users/{id}/second-factor/recovery-codes", "POST").route(web::post().to(replace_codes)));
}

/// The wrong codes in an app since the last right one.
struct Wrong {
    app_id: i64,
    app_name: String,
    failures: u32,
    locked_until: Option<When>,
}

/// What is known of a user's second factor.
struct Known {
    /// None: there is none; false: no first code was entered yet.
    enrolled: Option<bool>,
    codes_left: u32,
    wrong: Vec<Wrong>,
}

#[derive(Template)]
#[template(path = "console/users/second_factor.html")]
struct FactorPage<'a> {
    shell: Shell<'a>,
    frame: Frame<'a>,
    known: Known,
}

#[derive(Template)]
#[template(path = "console/users/recovery_codes.html")]
struct CodesPage<'a> {
    shell: Shell<'a>,
    user: &'a User,
    codes: Vec<Zeroizing<String>>,
    done: String,
}

/// `GET /console/users/{id}/second-factor`
async fn show(person: Person, id: Path<i64>) -> Result<HttpResponse, Refused> {
    let (user, known) = read(&person, *id, look).await?;
    let page = FactorPage {
        shell: Shell::new(&person, Section::Users, user.username.as_str()),
        frame: Frame::new(&person, &user, Tab::SecondFactor),
        known,
    };
    Ok(person.show(&page))
}

/// `POST /console/users/{id}/second-factor/unlock`
async fn unlock(form: Form<Editor>, id: Path<i64>) -> Result<HttpResponse, Refused> {
    let Form { who: editor, filled } = form;
    let unlocked = change(&editor, *id, move |tx, by, user| {
        users::must_live(user)?;
        let text = if otp::unlock(tx, by, user)? { "is unlocked: wrong codes are forgotten" } else { "was not locked" };
        Ok(format!("{} {text}.", user.username))
    });
    Ok(done(&editor, &back(*id, &filled, Tab::SecondFactor), unlocked.await?))
}

/// `POST /console/users/{id}/second-factor/reset`
async fn reset(form: Form<Editor>, id: Path<i64>) -> Result<HttpResponse, Refused> {
    let Form { who: editor, filled } = form;
    let (path, id) = (Tab::SecondFactor.path(*id), *id);
    let (user, ()) = read(&editor, id, |_, _| Ok(())).await?;
    if !filled.confirms(user.username.as_str()) {
        return Ok(editor.go_with_problem(&path, "That was another name: the second factor stays."));
    }
    let snapshots = std::sync::Arc::clone(&editor.state.snapshots);
    let removed = change(&editor, id, move |tx, by, user| {
        users::must_live(user)?;
        let had_one = snapshots.with_sealer(tx, |tx, sealer| otp::reset(tx, sealer, by, user))?;
        let text = if had_one { "has no second factor any more, and enrols anew" } else { "had no second factor" };
        Ok(format!("{} {text}.", user.username))
    });
    Ok(done(&editor, &path, removed.await?))
}

/// `POST /console/users/{id}/second-factor/bypass`
async fn bypass(form: Form<Editor>, id: Path<i64>) -> Result<HttpResponse, Refused> {
    let Form { who: editor, filled } = form;
    let bypasses = filled.text("bypass") == "yes";
    let changed = change(&editor, *id, move |tx, by, user| {
        let user = users::change(tx, by, user, UserChange { bypass_otp: Some(bypasses), ..UserChange::default() })?;
        let text = if bypasses { "is asked for no code, in apps that allow it" } else { "is asked for codes" };
        Ok(format!("{} {text}.", user.username))
    });
    Ok(done(&editor, &back(*id, &filled, Tab::SecondFactor), changed.await?))
}

/// `POST /console/users/{id}/second-factor/recovery-codes`: new ones in the place of the old, shown once.
async fn replace_codes(form: Form<Editor>, id: Path<i64>) -> Result<HttpResponse, Refused> {
    let editor = form.who;
    let path = Tab::SecondFactor.path(*id);
    let snapshots = std::sync::Arc::clone(&editor.state.snapshots);
    let replaced = change(&editor, *id, move |tx, by, user| {
        users::must_live(user)?;
        let codes = snapshots.with_sealer(tx, |tx, sealer| otp::replace_recovery_codes(tx, sealer, by, user))?;
        Ok((codes, user.clone()))
    });
    Ok(match replaced.await? {
        Ok((Some(codes), user)) => {
            let page = CodesPage {
                shell: Shell::new(&editor, Section::Users, "New recovery codes"),
                user: &user,
                codes: codes.iter().map(RecoveryCode::to_text).collect(),
                done: path,
            };
            editor.show(&page)
        }
        Ok((None, user)) => {
            editor.go_with_problem(&path, &format!("{} has not enrolled: there is nothing to recover.", user.username))
        }
        Err(error) => editor.go_with_problem(&path, &error.to_string()),
    })
}

fn look(tx: &mut Tx<'_>, user: &User) -> Result<Known, Failure> {
    let mut wrong = Vec::new();
    for (app_id, attempts) in factors::attempts_of(tx, user.id)? {
        let app = tx.app(AppRef::Id(app_id))?;
        wrong.extend(Wrong::of(app_id, app.as_ref(), attempts.at(system::now_us())));
    }
    let (enrolled, codes_left) = (factors::enrolled(tx, user.id)?, factors::recovery_codes_left(tx, user.id)?);
    Ok(Known { enrolled, codes_left, wrong })
}

impl Wrong {
    /// None for a lock that is over.
    fn of(app_id: i64, app: Option<&App>, attempts: Attempts) -> Option<Self> {
        let app_name = app.map_or_else(|| format!("App {app_id}"), |app| app.name.to_string());
        match attempts {
            Attempts::NONE => None,
            Attempts::Open { failures } => Some(Self { app_id, app_name, failures, locked_until: None }),
            Attempts::Locked { until_us } => {
                Some(Self { app_id, app_name, failures: 0, locked_until: Some(When(until_us)) })
            }
        }
    }
}

impl Known {
    fn is_locked(&self) -> bool {
        self.wrong.iter().any(|wrong| wrong.locked_until.is_some())
    }
}
