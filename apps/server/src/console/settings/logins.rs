//! Console logins: who may sign in here, and as what. Owners alone see to it.

use actix_web::HttpResponse;
use actix_web::http::StatusCode;
use actix_web::web::{self, Path};
use askama::Template;
use osaycore_directory::Email;

use super::text::When;
use super::{Section, Shell, resource};
use crate::admin::admins::{self, AdminRef, NewAdmin};
use crate::error::{ApiError, Code, Failure};
use crate::extract::console::{Filled, Form, Owner, Refused};
use crate::passwords;
use crate::store::admins::{Admin, Role};
use crate::store::tx::Tx;
use crate::store::{self, admin_factors};

const LOGINS: &str = "/console/settings/logins";
/// What the roles are, for whoever chooses one.
const ROLES: [(&str, &str); 3] = [
    ("viewer", "Viewer: looks, and changes nothing"),
    ("admin", "Admin: changes apps, users, credits and flags"),
    ("owner", "Owner: everything, console logins and the tenant's keys included"),
];

pub(super) fn configure(config: &mut web::ServiceConfig) {
    config
        .service(resource("/settings/logins", "GET").route(web::get().to(list)))
        .service(
            resource("/settings/logins/new", "GET, POST").route(web::get().to(begin)).route(web::post().to(create)),
        )
        .service(resource("/settings/logins/{id}", "GET, POST").route(web::get().to(show)).route(web::post().to(set)))
        .service(resource("/settings/logins/{id}/password", "POST").route(web::post().to(reset_password)))
        .service(resource("/settings/logins/{id}/second-factor", "POST").route(web::post().to(reset_factor)));
}

struct Row {
    admin: Admin,
    has_factor: bool,
    signed_in: Option<When>,
}

#[derive(Template)]
#[template(path = "console/settings/logins.html")]
struct ListPage<'a> {
    shell: Shell<'a>,
    rows: Vec<Row>,
}

#[derive(Template)]
#[template(path = "console/settings/new_login.html")]
struct NewPage<'a> {
    shell: Shell<'a>,
    form: &'a Filled,
    roles: [(&'static str, &'static str); 3],
}

#[derive(Template)]
#[template(path = "console/settings/login.html")]
struct LoginPage<'a> {
    shell: Shell<'a>,
    row: Row,
    form: &'a Filled,
    roles: [(&'static str, &'static str); 3],
}

#[derive(Template)]
#[template(path = "console/settings/password.html")]
struct PasswordPage<'a> {
    shell: Shell<'a>,
    email: &'a str,
    password: &'a str,
}

/// `GET /console/settings/logins`
async fn list(owner: Owner) -> Result<HttpResponse, Refused> {
    let rows = owner.read(|tx| {
        let all = store::admins::list(tx)?;
        all.into_iter().map(|admin| Row::of(tx, admin)).collect::<Result<Vec<_>, Failure>>()
    });
    let rows = rows.await?;
    Ok(owner.show(&ListPage { shell: Shell::new(&owner, Section::Settings, "Console logins"), rows }))
}

/// `GET /console/settings/logins/new`
async fn begin(owner: Owner) -> HttpResponse {
    new_page(&owner, StatusCode::OK, &Filled::with([("role", "admin".to_owned())]))
}

/// `POST /console/settings/logins/new`: with a password that is made here, and told once.
async fn create(form: Form<Owner>) -> Result<HttpResponse, Refused> {
    let Form { who: owner, mut filled } = form;
    let (email, role) = (filled.parse::<Email>("email"), filled.parse::<Role>("role"));
    let (Some(email), Some(role)) = (email, role) else {
        return Ok(new_page(&owner, StatusCode::UNPROCESSABLE_ENTITY, &filled));
    };
    let password = passwords::generate();
    let password_hash = owner.state.passwords.hash(password.clone()).await?;
    let new = NewAdmin { email, role, password_hash };
    match owner.write(move |tx, by| admins::create(tx, by, &new)).await {
        Ok(admin) => Ok(password_page(&owner, "The login is made", &admin, &password)),
        Err(error) => {
            filled.refused_by(error)?;
            Ok(new_page(&owner, StatusCode::UNPROCESSABLE_ENTITY, &filled))
        }
    }
}

/// `GET /console/settings/logins/{id}`
async fn show(owner: Owner, id: Path<i64>) -> Result<HttpResponse, Refused> {
    let row = find(&owner, *id).await?;
    let disabled = row.admin.disabled.then(|| ("disabled", "yes".to_owned()));
    let own = [("role", row.admin.role.to_string()), ("read", state_of(&row.admin))];
    let form = Filled::with(own.into_iter().chain(disabled));
    Ok(login_page(&owner, StatusCode::OK, row, &form))
}

/// `POST /console/settings/logins/{id}`: another role, or nobody may sign in by it any more.
async fn set(form: Form<Owner>, id: Path<i64>) -> Result<HttpResponse, Refused> {
    let Form { who: owner, mut filled } = form;
    let (id, role, disabled) = (*id, filled.parse::<Role>("role"), filled.is_ticked("disabled"));
    let before = filled.text("read").to_owned();
    if let Some(role) = role {
        let changed = owner.write(move |tx, by| {
            let admin = admins::find(tx, &AdminRef::Id(id))?;
            if state_of(&admin) != before {
                let sentence = "the login was changed meanwhile: open this page anew, and look at what is there now";
                return Err(ApiError::from(Code::ReferenceConflict).detail(sentence).into());
            }
            admins::set(tx, by, &admin, Some(role), Some(disabled))
        });
        match changed.await {
            Ok(admin) => return Ok(owner.go(LOGINS, &format!("{} was changed.", admin.email))),
            Err(error) => filled.refused_by(error)?,
        }
    }
    let row = find(&owner, id).await?;
    Ok(login_page(&owner, StatusCode::UNPROCESSABLE_ENTITY, row, &filled))
}

/// Another with every change that this form could undo.
fn state_of(admin: &Admin) -> String {
    format!("{} {}", admin.role, admin.disabled)
}

/// `POST /console/settings/logins/{id}/password`: another one, told once.
async fn reset_password(form: Form<Owner>, id: Path<i64>) -> Result<HttpResponse, Refused> {
    let Form { who: owner, filled } = form;
    let (id, row) = (*id, find(&owner, *id).await?);
    if !filled.confirms(row.admin.email.as_str()) {
        return Ok(owner.go_with_problem(&path_of(id), "That was another address: the password stays."));
    }
    let password = passwords::generate();
    let hash = owner.state.passwords.hash(password.clone()).await?;
    let changed = owner.write(move |tx, by| {
        let admin = admins::find(tx, &AdminRef::Id(id))?;
        admins::set_password(tx, by, &admin, hash.clone())
    });
    let admin = changed.await?;
    Ok(password_page(&owner, "The password is another", &admin, &password))
}

/// `POST /console/settings/logins/{id}/second-factor`: takes it away.
async fn reset_factor(form: Form<Owner>, id: Path<i64>) -> Result<HttpResponse, Refused> {
    let Form { who: owner, filled } = form;
    let (id, row) = (*id, find(&owner, *id).await?);
    if !filled.confirms(row.admin.email.as_str()) {
        return Ok(owner.go_with_problem(&path_of(id), "That was another address: the second factor stays."));
    }
    let reset = owner.write_sealed(move |tx, by, sealer| {
        let admin = admins::find(tx, &AdminRef::Id(id))?;
        Ok((admins::reset_otp(tx, sealer, by, &admin)?, admin))
    });
    let path = path_of(id);
    Ok(match reset.await? {
        (true, admin) => owner.go(&path, &format!("The second factor of {} was removed.", admin.email)),
        (false, admin) => owner.go_with_problem(&path, &format!("{} has no second factor.", admin.email)),
    })
}

fn path_of(id: i64) -> String {
    format!("{LOGINS}/{id}")
}

async fn find(owner: &Owner, id: i64) -> Result<Row, Refused> {
    let row = owner.read(move |tx| {
        let Some(admin) = store::admins::find(tx, id)? else { return Ok(None) };
        Row::of(tx, admin).map(Some)
    });
    row.await?.ok_or(Refused::Missing)
}

fn new_page(owner: &Owner, status: StatusCode, form: &Filled) -> HttpResponse {
    let shell = Shell::new(owner, Section::Settings, "New console login");
    owner.page(status, &NewPage { shell, form, roles: ROLES })
}

fn login_page(owner: &Owner, status: StatusCode, row: Row, form: &Filled) -> HttpResponse {
    let title = row.admin.email.clone();
    let shell = Shell::new(owner, Section::Settings, title.as_str());
    owner.page(status, &LoginPage { shell, row, form, roles: ROLES })
}

fn password_page(owner: &Owner, title: &str, admin: &Admin, password: &str) -> HttpResponse {
    let shell = Shell::new(owner, Section::Settings, title);
    owner.show(&PasswordPage { shell, email: admin.email.as_str(), password })
}

impl Row {
    fn of(tx: &mut Tx<'_>, admin: Admin) -> Result<Self, Failure> {
        let has_factor = admin_factors::is_in_force(tx, admin.id)?;
        Ok(Self { has_factor, signed_in: admin.signed_in_at_us.map(When), admin })
    }
}
