//! One-time passcodes for other applications: the API of the vendor's library (contract, "OASIS").

mod answers;
mod requests;

use std::sync::Arc;

use actix_web::web::{self, Data};
use actix_web::{HttpRequest, HttpResponse, Route};
use osaycore_directory::{OasisResponseSignature, Storage as _, User, UserRef};
use osaycore_otp::{Purpose, Secret, State as UserState};
use utoipa::OpenApi;
use uuid::Uuid;
use zeroize::Zeroizing;

use crate::admin::otp::{Asking, issuer};
use crate::admin::registration::{self, Registration};
use crate::admin::tokens::{self, DEFAULT_LIFETIME_S, Minted};
use crate::admin::users;
use crate::error::{ApiError, Code, Failure};
use crate::extract::body::parse;
use crate::extract::{Caller, oasis};
use crate::group_commit::{Told, Work, telling};
use crate::metrics::Asked;
use crate::qr;
use crate::routes::{json, resource};
use crate::schemas;
use crate::server::State;
use crate::snapshot::ServedApp;
use crate::store::tx::Tx;
use answers::{RegisterResponse, Signature, StateResponse, VerifyResponse};
use requests::{Named, RegisterRequest, StateRequest, VerifyRequest};

pub(crate) fn configure(config: &mut web::ServiceConfig) {
    config
        .service(resource("/ApplicationAPI/HelloWorld", "GET").route(signed(web::get().to(hello))))
        .service(
            resource("/ApplicationAPI/RequestAuthenticationState", "POST").route(signed(web::post().to(ask_state))),
        )
        .service(resource("/ApplicationAPI/RegisterUser", "POST").route(signed(web::post().to(register))))
        .service(resource("/ApplicationAPI/VerifyUserOTP", "POST").route(signed(web::post().to(verify))))
        .service(resource("/ApplicationAPI/DeleteUser", "DELETE").route(signed(web::delete().to(delete))));
}

#[derive(OpenApi)]
#[openapi(paths(hello, ask_state, register, verify, delete))]
pub(super) struct Api;

/// Only for requests that are signed as this API has it.
fn signed(route: Route) -> Route {
    route.wrap(actix_web::middleware::from_fn(oasis::layer))
}

/// What the guard keeps of a request that had an effect: that it had one. What it was told is told once.
const DONE: &[u8] = b"done";

/// `GET HelloWorld`: the keys are right. Its signature is bound all the same, since a deletion signs the same bytes.
#[utoipa::path(
    get, path = "/api/ApplicationAPI/HelloWorld", operation_id = "helloWorld", tag = "One-time passcodes",
    security(("oasis" = [])),
    responses((status = 200, description = "They are", body = schemas::Hello))
)]
async fn hello(state: Data<State>, caller: Caller) -> Result<HttpResponse, ApiError> {
    match caller.bind(&state).await {
        // Bound to a deletion, say: the keys are right nevertheless.
        Ok(()) | Err(ApiError { code: Code::SignatureReused, .. }) => {
            json(&serde_json::json!({ "Message": "Hello World" }))
        }
        Err(error) => Err(error),
    }
}

/// `POST RequestAuthenticationState`: whether a user is to enter a code.
#[utoipa::path(
    post, path = "/api/ApplicationAPI/RequestAuthenticationState", operation_id = "requestAuthenticationState",
    tag = "One-time passcodes", security(("oasis" = [])),
    request_body = StateRequest,
    responses((status = 200, description = "The user's state, signed", body = StateResponse)),
    extensions(("x-error-codes" = json!([Code::MissingField])))
)]
async fn ask_state(state: Data<State>, caller: Caller) -> Result<HttpResponse, ApiError> {
    let request: StateRequest = parse(caller.body())?;
    let purpose = request.purpose();
    let (named, data1) = request.named()?;
    let (work, said) = told(&state, &caller, move |tx, asking| {
        let user = find(tx, &named)?;
        let (found, secret) = asking.state(tx, user.as_ref(), purpose)?;
        let uri = match (&secret, &user) {
            (Some(secret), Some(user)) => Some(uri(asking, user, secret)?),
            _ => None,
        };
        // A secret is shown once for each signature: only this makes the question one that is not repeated.
        let outcome = if uri.is_some() { DONE } else { b"" };
        Ok((outcome, (found, user.map(|user| (user.id, user.uuid)), uri)))
    });
    caller.run(&state, None, false, work).await?;
    let (found, user, uri) = said.take()?;
    about(&caller, user.map(|(_, uuid)| uuid));
    let user_id = user.map_or(0, |(id, _)| id);
    state.metrics.second_factor(Asked::State, found);
    let data1 = if of_guide(&caller) { user_id.to_string() } else { data1 };
    let signature = Signature::of(&caller, &data1, &signed_state(&caller, found))?;
    json(&StateResponse { signature, state: found.number(), user_id, user_qr_code: image(uri).as_deref() })
}

/// `POST RegisterUser`: makes a user who is to enrol, or begins anew for one who has not yet.
#[utoipa::path(
    post, path = "/api/ApplicationAPI/RegisterUser", operation_id = "registerUser", tag = "One-time passcodes",
    security(("oasis" = [])),
    request_body = RegisterRequest,
    responses((status = 200, description = "Who is to enrol, signed", body = RegisterResponse)),
    extensions(("x-error-codes" = json!([
        Code::MissingField, Code::UserInactive, Code::AlreadyEnrolled, Code::ReferenceConflict, Code::MailNotConfigured
    ])))
)]
async fn register(state: Data<State>, caller: Caller) -> Result<HttpResponse, ApiError> {
    let request: RegisterRequest = parse(caller.body())?;
    let (registration, data1) = request.registration(|| state.mail_base())?;
    let (work, said) = told(&state, &caller, move |tx, asking| {
        let (user, secret) = registration::register(asking, tx, &registration)?;
        let uri = match &registration {
            Registration { mail: Some(_), .. } => None,
            _ => Some(uri(asking, &user, &secret)?),
        };
        Ok((DONE, (user.id, user.uuid, uri)))
    });
    caller.run(&state, None, false, work).await?;
    let (user_id, uuid, uri) = said.take()?;
    caller.is_about(uuid);
    let image = image(uri);
    let signature = Signature::of(&caller, &data1, &user_id.to_string())?;
    json(&RegisterResponse { signature, user_id, user_qr_code: image.as_deref(), qr_data: image.as_deref() })
}

/// `POST VerifyUserOTP`: checks an entered code.
#[utoipa::path(
    post, path = "/api/ApplicationAPI/VerifyUserOTP", operation_id = "verifyUserOtp", tag = "One-time passcodes",
    security(("oasis" = [])),
    request_body = VerifyRequest,
    responses((status = 200, description = "What the code came to, signed", body = VerifyResponse)),
    extensions(("x-error-codes" = json!([Code::MissingField])))
)]
async fn verify(state: Data<State>, caller: Caller) -> Result<HttpResponse, ApiError> {
    let request: VerifyRequest = parse(caller.body())?;
    let purpose = request.purpose();
    let (named, data1) = request.named()?;
    let entered = request.code()?;
    let (work, said) = told(&state, &caller, move |tx, asking| {
        let user = find(tx, &named)?;
        let verdict = asking.verify(tx, user.as_ref(), purpose, &entered)?;
        let token = match (verdict.state, &user) {
            (UserState::Valid, Some(user)) => Some(tokens::mint(tx, asking.by, user, None, DEFAULT_LIFETIME_S)?),
            _ => None,
        };
        let pending = match (verdict.state, purpose, &user) {
            (UserState::Invalid | UserState::PendingEnrollment, Purpose::Registration, Some(user)) => {
                let secret = registration::pending_secret(tx, asking.sealer, user)?;
                secret.map(|secret| uri(asking, user, &secret)).transpose()?
            }
            _ => None,
        };
        Ok((DONE, (verdict.state, user.map(|user| user.uuid), token, pending)))
    });
    caller.run(&state, None, false, work).await?;
    let (found, user, token, uri): (UserState, _, Option<Minted>, _) = said.take()?;
    about(&caller, user);
    state.metrics.second_factor(Asked::Verify, found);
    let issue = |token: Minted| {
        state.snapshots.configuration().ring.issue(&token.grant(caller.app().uuid)).map_err(|_| Code::Internal)
    };
    let signature = Signature::of(&caller, &data1, &signed_state(&caller, found))?;
    json(&VerifyResponse {
        signature,
        state: found.number(),
        user_token: token.map(issue).transpose()?,
        data: image(uri).as_deref(),
    })
}

/// `DELETE DeleteUser?username=`: removes a user, until an operator restores.
#[utoipa::path(
    delete, path = "/api/ApplicationAPI/DeleteUser", operation_id = "deleteUserByName", tag = "One-time passcodes",
    security(("oasis" = [])),
    params(("username" = schemas::QualifiedName, Query, description = "The name, or `directory\\name`; the only parameter")),
    responses((status = 200, description = "Whom it was", body = schemas::DeletedUser)),
    extensions(("x-error-codes" = json!([Code::MissingField, Code::InvalidField, Code::UserNotFound])))
)]
async fn delete(state: Data<State>, caller: Caller, request: HttpRequest) -> Result<HttpResponse, ApiError> {
    let named = requests::user_to_delete(request.query_string())?;
    let (work, said) = told(&state, &caller, move |tx, asking| {
        let user = find(tx, &named)?.ok_or(Code::UserNotFound)?;
        users::delete(tx, asking.by, &user)?;
        Ok((DONE, (user.id, user.uuid)))
    });
    caller.run(&state, None, false, work).await?;
    let (user_id, uuid) = said.take()?;
    caller.is_about(uuid);
    json(&serde_json::json!({ "UserID": user_id }))
}

/// Tells the log whom a request named, if that is somebody.
fn about(caller: &Caller, user: Option<Uuid>) {
    if let Some(uuid) = user {
        caller.is_about(uuid);
    }
}

/// Whether the app verifies signatures as the guide has them, and not as the vendor's library does.
fn of_guide(caller: &Caller) -> bool {
    caller.app().settings.oasis_response_signature == OasisResponseSignature::Guide
}

/// A state as it is signed: by its name, or with the guide by the number that is in the answer.
fn signed_state(caller: &Caller, state: UserState) -> String {
    if of_guide(caller) { state.number().to_string() } else { state.as_str().to_owned() }
}

/// The user, if somebody who is not deleted is named.
fn find(tx: &mut Tx<'_>, named: &Named) -> Result<Option<User>, Failure> {
    let user = match named {
        Named::Nobody => None,
        Named::Id(id) => tx.user(&UserRef::Id(*id))?,
        Named::Name(name) => tx.user(name)?,
    };
    Ok(user.filter(|user| !user.is_deleted()))
}

/// What an authenticator app reads of a user's secret.
fn uri(asking: Asking<'_>, user: &User, secret: &Secret) -> Result<Zeroizing<String>, Failure> {
    let uri = secret.provisioning_uri(issuer(asking.app, user), user.username.as_str());
    Ok(uri.ok_or(Code::Internal)?)
}

/// The QR image of a URI, Base64 of a PNG. None of one that is too long: the mailed page shows its key as text.
fn image(uri: Option<Zeroizing<String>>) -> Option<Zeroizing<String>> {
    uri.and_then(|uri| qr::base64_png(&uri).ok())
}

/// Work that opens and seals secrets.
fn told<T: Send + 'static>(
    state: &Data<State>,
    caller: &Caller,
    mut work: impl FnMut(&mut Tx<'_>, Asking<'_>) -> Result<(&'static [u8], T), Failure> + Send + 'static,
) -> (Work, Told<T>) {
    let snapshots = Arc::clone(&state.snapshots);
    let ServedApp { app, monthly_user_limit, .. } = &**caller.served();
    let (app, monthly_limit) = (Arc::clone(app), *monthly_user_limit);
    telling(move |tx, by| {
        snapshots.with_sealer(tx, |tx, sealer| work(tx, Asking { app: &app, monthly_limit, by, sealer }))
    })
}
