//! The pages that a mailed link leads to: an image to scan, the first code, ten recovery codes.
//!
//! The link is the key: whoever has it may enrol, so no cookie is set, nothing is kept in the browser, and opening a page
//! uses nothing up. Completing does.

use std::sync::Arc;

use actix_web::HttpResponse;
use actix_web::http::StatusCode;
use actix_web::web::{self, Bytes, Data, Path, ReqData};
use askama::Template;
use osaycore_audit::Actor;
use osaycore_directory::{App, User};
use osaycore_otp::{RecoveryCode, Secret, State as UserState};
use utoipa::OpenApi;
use zeroize::Zeroizing;

use crate::admin::By;
use crate::admin::otp::{Asking, issuer};
use crate::admin::registration::{self, Opened};
use crate::error::{ApiError, Code, Failure};
use crate::extract::request_id::Origin;
use crate::group_commit::{Job, Repeat, telling};
use crate::metrics::Asked;
use crate::pages::{message, page};
use crate::qr;
use crate::routes::resource;
use crate::schemas;
use crate::server::State;
use crate::store::tx::Tx;
use crate::system;

pub(crate) fn configure(config: &mut web::ServiceConfig) {
    config.service(
        resource("/enroll/{tenant}/{token}", "GET, HEAD, POST")
            .route(web::get().to(show))
            .route(web::head().to(show))
            .route(web::post().to(complete)),
    );
}

#[derive(OpenApi)]
#[openapi(paths(show, complete))]
pub(super) struct Api;

#[derive(Template)]
#[template(path = "enroll.html")]
struct EnrollPage<'a> {
    issuer: &'a str,
    username: &'a str,
    /// None where the names are too long for one.
    image: Option<&'a str>,
    uri: &'a str,
    /// The key in groups that are easy to read.
    key: Vec<&'a str>,
    digits: u8,
    problem: Option<&'a str>,
}

#[derive(Template)]
#[template(path = "enrolled.html")]
struct EnrolledPage<'a> {
    issuer: &'a str,
    username: &'a str,
    codes: Vec<Zeroizing<String>>,
}

/// Where a link leads, at one moment.
struct Standing {
    user: User,
    app: App,
    secret: Secret,
}

/// What an entered code came to.
enum Entered {
    Gone,
    Refused(UserState, Box<Standing>),
    Enrolled(Box<(User, App)>, Vec<RecoveryCode>),
}

/// `GET /enroll/{tenant}/{token}`: the image and the key.
#[utoipa::path(
    method(get, head), path = "/enroll/{tenant}/{token}", operation_id = "enrollmentPage", tag = "Pages",
    params(
        ("tenant" = String, Path, description = "The tenant's number", example = "1"),
        ("token" = String, Path, description = "The link's secret", example = "4vJ9"),
    ),
    responses(
        (status = 200, description = "Image, key, a form", body = String, content_type = "text/html", example = "<!doctype html>"),
        (status = 410, description = "The link is not good (any more)", body = String, content_type = "text/html",
            example = "<!doctype html>"),
    ),
    extensions(("x-error-codes" = json!([Code::Unavailable, Code::StorageFull])))
)]
async fn show(state: Data<State>, link: Path<(String, String)>) -> Result<HttpResponse, ApiError> {
    let (tenant, token) = link.into_inner();
    let standing = find(&state, &tenant, token).await?;
    standing.map_or_else(|| Ok(gone()), |standing| enroll_page(StatusCode::OK, &standing, None))
}

/// What a link leads to, without a place in the writer's queue: anybody may ask.
async fn find(state: &State, tenant: &str, token: String) -> Result<Option<Standing>, ApiError> {
    let Ok(tenant_id) = tenant.parse() else { return Ok(None) };
    let snapshots = Arc::clone(&state.snapshots);
    let look = move |tx: &mut Tx<'_>| {
        let Some(opened) = registration::open(tx, &token, system::now_us())? else { return Ok(None) };
        let secret = snapshots.with_sealer(tx, |tx, sealer| registration::pending_secret(tx, sealer, &opened.user))?;
        Ok(secret.map(|secret| Standing { user: opened.user, app: opened.app, secret }))
    };
    state.read(tenant_id, look).await
}

/// `POST /enroll/{tenant}/{token}`: the first code.
#[utoipa::path(
    post, path = "/enroll/{tenant}/{token}", operation_id = "enroll", tag = "Pages",
    params(
        ("tenant" = String, Path, description = "The tenant's number", example = "1"),
        ("token" = String, Path, description = "The link's secret", example = "4vJ9"),
    ),
    request_body(content = schemas::EnrollForm, content_type = "application/x-www-form-urlencoded"),
    responses(
        (status = 200, description = "Ten recovery codes", body = String, content_type = "text/html", example = "<!doctype html>"),
        (status = 403, description = "Who may not enrol", body = String, content_type = "text/html", example = "<!doctype html>"),
        (status = 410, description = "The link is not good (any more)", body = String, content_type = "text/html",
            example = "<!doctype html>"),
        (status = 422, description = "The code is wrong", body = String, content_type = "text/html", example = "<!doctype html>"),
        (status = 429, description = "Too many wrong codes", body = String, content_type = "text/html", example = "<!doctype html>"),
    ),
    extensions(("x-error-codes" = json!([Code::BodyTooLarge, Code::Unavailable, Code::StorageFull])))
)]
async fn complete(
    state: Data<State>,
    origin: ReqData<Origin>,
    link: Path<(String, String)>,
    body: Bytes,
) -> Result<HttpResponse, ApiError> {
    let (tenant, token) = link.into_inner();
    let Some(Standing { app, .. }) = find(&state, &tenant, token.clone()).await? else { return Ok(gone()) };
    let (code, tenant_id) = (entered(&body), app.tenant_id);
    let snapshots = Arc::clone(&state.snapshots);
    let (work, told) = telling(move |tx, by| {
        let Some(opened) = registration::open(tx, &token, by.now_us)? else { return Ok((b"", Entered::Gone)) };
        let monthly_limit =
            snapshots.configuration().app_by_id(opened.app.id).and_then(|served| served.monthly_user_limit);
        let by = By { actor: Actor::User(opened.user.uuid), app_id: Some(opened.app.id), ..by.clone() };
        let found = snapshots.with_sealer(tx, |tx, sealer| {
            enter(Asking { app: &opened.app, monthly_limit, by: &by, sealer }, tx, &opened, &code)
        })?;
        Ok((b"", found))
    });
    let by = By {
        address: origin.address.map(|address| address.to_string()),
        request_id: Some(origin.request_id.to_string()),
        ..By::system(tenant_id, system::now_us())
    };
    state.writer.run(Job { tenant_id, sight: None, repeat: Repeat::Told, by, work }).await?;
    let entered = told.take()?;
    match &entered {
        Entered::Gone => {}
        Entered::Refused(found, _) => state.metrics.second_factor(Asked::Enrolment, *found),
        Entered::Enrolled(..) => state.metrics.second_factor(Asked::Enrolment, UserState::Valid),
    }
    match entered {
        Entered::Gone => Ok(gone()),
        Entered::Refused(found, standing) => refused(found, &standing),
        Entered::Enrolled(who, codes) => {
            let (user, app) = *who;
            let codes = codes.iter().map(RecoveryCode::to_text).collect();
            let shown = EnrolledPage { issuer: issuer(&app, &user), username: user.username.as_str(), codes };
            Ok(page(StatusCode::OK, &shown))
        }
    }
}

fn enter(asking: Asking<'_>, tx: &mut Tx<'_>, opened: &Opened, code: &str) -> Result<Entered, Failure> {
    let Some(secret) = registration::pending_secret(tx, asking.sealer, &opened.user)? else {
        return Ok(Entered::Gone);
    };
    let (verdict, codes) = registration::complete(asking, tx, opened, code)?;
    let (user, app) = (opened.user.clone(), opened.app.clone());
    Ok(match verdict.state {
        UserState::Valid => Entered::Enrolled(Box::new((user, app)), codes),
        found => Entered::Refused(found, Box::new(Standing { user, app, secret })),
    })
}

/// The member `code` of a form, without the spaces that people put into codes.
fn entered(body: &[u8]) -> Zeroizing<String> {
    let code = form_urlencoded::parse(body).find(|(name, _)| name == "code").map(|(_, value)| value);
    Zeroizing::new(code.unwrap_or_default().chars().filter(|letter| !letter.is_whitespace()).collect())
}

fn refused(found: UserState, standing: &Standing) -> Result<HttpResponse, ApiError> {
    match found {
        UserState::Invalid => enroll_page(
            StatusCode::UNPROCESSABLE_ENTITY,
            standing,
            Some(
                "That code is not right. Wait for the next one in your app and enter that; if it is refused too, \
                  check that the clock of your phone is set by the network.",
            ),
        ),
        UserState::Locked => {
            let minutes = standing.app.settings.lockout_seconds.div_ceil(60);
            let text = format!(
                "Too many wrong codes were entered. Wait {minutes} minutes, then open the link of the mail again."
            );
            Ok(message(StatusCode::TOO_MANY_REQUESTS, "Please wait a while", &text))
        }
        _ => Ok(message(
            StatusCode::FORBIDDEN,
            "This account cannot be set up now",
            "Ask whoever manages your account: it has to be allowed to use the app first.",
        )),
    }
}

fn enroll_page(status: StatusCode, standing: &Standing, problem: Option<&str>) -> Result<HttpResponse, ApiError> {
    let Standing { user, app, secret } = standing;
    let (issuer, username) = (issuer(app, user), user.username.as_str());
    let uri = secret.provisioning_uri(issuer, username).ok_or(Code::Internal)?;
    let image = qr::base64_png(&uri).ok();
    let key = secret.to_base32();
    let groups = key.as_bytes().chunks(4).filter_map(|group| std::str::from_utf8(group).ok()).collect();
    let digits = secret.parameters().digits();
    let image = image.as_ref().map(|image| image.as_str());
    Ok(page(status, &EnrollPage { issuer, username, image, uri: &uri, key: groups, digits, problem }))
}

/// One answer for whatever link is not good (any more): who tries links learns nothing.
fn gone() -> HttpResponse {
    message(
        StatusCode::GONE,
        "This link is no longer good",
        "It was used, or replaced by a newer one, or its 24 hours are over. If you have not set up your second factor, ask \
         whoever manages your account for a new mail.",
    )
}
