//! A user in the apps: whether the user has access and why not, and what the user may do there.

use actix_web::http::StatusCode;
use actix_web::web::{self, Path};
use actix_web::{HttpRequest, HttpResponse};
use askama::Template;
use osaycore_directory::{
    App, AppRef, Custom, ExternalId, Group, GroupRef, Permit, PermitChange, Rate, Scope, Scopes, Storage as _, User,
};
use sha2::{Digest as _, Sha256};

use super::{Frame, Pages, Section, Shell, Tab, asked, change, done, read, resource};
use crate::admin::access::{self, Access, Check, Outcome, What};
use crate::admin::users;
use crate::error::{ApiError, Code, Failure};
use crate::extract::console::{Editor, Filled, Form, Person, Refused};
use crate::store::lists;
use crate::store::tx::Tx;
use crate::system;

/// Where the scopes come from.
const SCOPES_OF: [(&str, &str); 2] = [("everyone", "What everyone grants"), ("own", "Only the scopes below, if any")];

pub(super) fn configure(config: &mut web::ServiceConfig) {
    config
        .service(resource("/users/{id}/apps", "GET").route(web::get().to(list)))
        .service(
            resource("/users/{id}/apps/{app}", "GET, POST").route(web::get().to(show)).route(web::post().to(permit)),
        )
        .service(resource("/users/{id}/apps/{app}/allow", "POST").route(web::post().to(allow)));
}

struct Row {
    app: App,
    access: Access,
    permit: Option<Permit>,
}

#[derive(Template)]
#[template(path = "console/users/apps.html")]
struct AppsPage<'a> {
    shell: Shell<'a>,
    frame: Frame<'a>,
    rows: Vec<Row>,
    pages: Pages,
}

#[derive(Template)]
#[template(path = "console/users/app.html")]
struct AppPage<'a> {
    shell: Shell<'a>,
    frame: Frame<'a>,
    app: &'a App,
    access: &'a Access,
    /// By which the app is opened.
    groups: &'a [Group],
    is_linked: bool,
    form: &'a Filled,
    scopes_of: [(&'static str, &'static str); 2],
}

/// A user in an app, as it is now.
struct InApp {
    app: App,
    access: Access,
    groups: Vec<Group>,
    permit: Option<Permit>,
}

/// `GET /console/users/{id}/apps`
async fn list(person: Person, request: HttpRequest, id: Path<i64>) -> Result<HttpResponse, Refused> {
    let (page, _) = asked(&request)?;
    let wanted = page.clone();
    let (user, (rows, next)) = read(&person, *id, move |tx, user| {
        let apps = lists::apps::list(tx, &wanted)?;
        let mut rows = Vec::with_capacity(apps.items.len());
        for app in apps.items {
            let access = access::explain(tx, user, &app, system::now_us())?;
            rows.push(Row { access, permit: tx.permit(user.id, app.id)?, app });
        }
        Ok((rows, apps.next))
    })
    .await?;
    let page = AppsPage {
        shell: Shell::new(&person, Section::Users, user.username.as_str()),
        frame: Frame::new(&person, &user, Tab::Apps),
        rows,
        pages: Pages::new(&Tab::Apps.path(*id), &[], &page, next),
    };
    Ok(person.show(&page))
}

/// `GET /console/users/{id}/apps/{app}`
async fn show(person: Person, path: Path<(i64, i64)>) -> Result<HttpResponse, Refused> {
    let (id, app_id) = *path;
    let (user, in_app) = read(&person, id, move |tx, user| in_app(tx, user, app_id)).await?;
    let in_app = in_app.ok_or(Refused::Missing)?;
    let form = form_of(in_app.permit.as_ref(), &Permit::new(user.id, app_id));
    Ok(app_page(&person, StatusCode::OK, &user, &in_app, &form))
}

/// `POST /console/users/{id}/apps/{app}`: the permissions as a whole.
async fn permit(form: Form<Editor>, path: Path<(i64, i64)>) -> Result<HttpResponse, Refused> {
    let Form { who: editor, mut filled } = form;
    let (id, app_id) = *path;
    let permit = permit_of(&mut filled, id, app_id);
    let before = filled.text("read").to_owned();
    if !filled.has_problems() {
        let changed = change(&editor, id, move |tx, by, user| {
            let app = tx.app(AppRef::Id(app_id))?.ok_or(Code::NotFound)?;
            if state_of(tx.permit(user.id, app_id)?.as_ref()) != before {
                let sentence =
                    "the permissions were changed meanwhile: open this page anew, and look at what is there now";
                return Err(ApiError::from(Code::ReferenceConflict).detail(sentence).into());
            }
            users::replace_permit(tx, by, user, permit.clone()).map(|_: Permit| app.name)
        });
        match changed.await? {
            Ok(name) => {
                let told = format!("The permissions in {name} were changed.");
                return Ok(editor.go(&format!("{}/{app_id}", Tab::Apps.path(id)), &told));
            }
            Err(error) => filled.refused_by(error)?,
        }
    }
    let (user, in_app) = read(&editor, id, move |tx, user| in_app(tx, user, app_id)).await?;
    let in_app = in_app.ok_or(Refused::Missing)?;
    Ok(app_page(&editor, StatusCode::UNPROCESSABLE_ENTITY, &user, &in_app, &filled))
}

/// `POST /console/users/{id}/apps/{app}/allow`: puts right what the permissions alone refuse.
async fn allow(form: Form<Editor>, path: Path<(i64, i64)>) -> Result<HttpResponse, Refused> {
    let editor = form.who;
    let (id, app_id) = *path;
    let changed = change(&editor, id, move |tx, by, user| {
        let app = tx.app(AppRef::Id(app_id))?.ok_or(Code::NotFound)?;
        let before = tx.permit(user.id, app.id)?;
        let may_charge = |scopes: &Scopes| scopes.contains(Scope::DEDUCT_CREDITS);
        let scopes = match before.and_then(|permit| permit.scopes) {
            Some(scopes) if !may_charge(&scopes) => {
                let charge: Scope = Scope::DEDUCT_CREDITS.parse().map_err(|_| Code::Internal)?;
                Some(scopes.iter().cloned().chain([charge]).collect())
            }
            _ => None,
        };
        let change = PermitChange { can_use: Some(true), scopes, ..PermitChange::default() };
        users::permit(tx, by, user, app.id, change)?;
        Ok(format!("{} may use {}, which may charge for it.", user.username, app.name))
    });
    Ok(done(&editor, &format!("{}/{app_id}", Tab::Apps.path(id)), changed.await?))
}

/// None: there is no such app.
fn in_app(tx: &mut Tx<'_>, user: &User, app_id: i64) -> Result<Option<InApp>, Failure> {
    let Some(app) = tx.app(AppRef::Id(app_id))? else { return Ok(None) };
    let access = access::explain(tx, user, &app, system::now_us())?;
    let mut groups = Vec::new();
    for group_id in tx.groups_of_app(app.id)? {
        groups.extend(tx.group(&GroupRef::Id(group_id))?);
    }
    Ok(Some(InApp { access, groups, permit: tx.permit(user.id, app.id)?, app }))
}

/// The form as the permit has it; without one, as the bare link would.
fn form_of(stored: Option<&Permit>, bare: &Permit) -> Filled {
    let permit = stored.unwrap_or(bare);
    let text = |value: Option<String>| value.unwrap_or_default();
    let of = if permit.scopes.is_some() { "own" } else { "everyone" };
    let values = [
        ("read", state_of(stored)),
        ("credit_rate", text(permit.credit_rate.map(|rate| rate.to_string()))),
        ("scopes_of", of.to_owned()),
        ("scopes", text(permit.scopes.as_ref().map(ToString::to_string))),
        ("custom", permit.custom.to_string()),
        ("external_id", text(permit.external_id.as_ref().map(ToString::to_string))),
    ];
    Filled::with(values.into_iter().chain(permit.can_use.then(|| ("can_use", "yes".to_owned()))))
}

/// Another with every change that this form could undo.
fn state_of(permit: Option<&Permit>) -> String {
    let digest = Sha256::digest(format!("{permit:?}"));
    hex::encode(digest.get(..8).unwrap_or_default())
}

/// What was sent; what does not fit is noted.
fn permit_of(filled: &mut Filled, user_id: i64, app_id: i64) -> Permit {
    let scopes = filled.optional::<Scopes>("scopes");
    // No white space is taken from it: it is the app's, byte for byte.
    let external_id = Some(filled.text("external_id").to_owned()).filter(|id| !id.is_empty());
    let external_id = external_id.and_then(|id| match id.parse::<ExternalId>() {
        Ok(id) => Some(id),
        Err(error) => {
            filled.refuse("external_id", error.to_string());
            None
        }
    });
    Permit {
        external_id,
        can_use: filled.is_ticked("can_use"),
        credit_rate: filled.optional::<Rate>("credit_rate"),
        scopes: if filled.text("scopes_of") == "own" { Some(scopes.unwrap_or_default()) } else { None },
        custom: filled.optional::<Custom>("custom").unwrap_or_default(),
        ..Permit::new(user_id, app_id)
    }
}

fn app_page(person: &Person, status: StatusCode, user: &User, in_app: &InApp, form: &Filled) -> HttpResponse {
    let page = AppPage {
        shell: Shell::new(person, Section::Users, user.username.as_str()),
        frame: Frame::new(person, user, Tab::Apps),
        app: &in_app.app,
        access: &in_app.access,
        groups: &in_app.groups,
        is_linked: in_app.permit.is_some(),
        form,
        scopes_of: SCOPES_OF,
    };
    person.page(status, &page)
}

impl Row {
    fn reason(&self) -> Option<&Check> {
        self.access.reason()
    }
}
