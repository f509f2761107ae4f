//! Who calls: the verified app of a signed request, whatever the scheme that it was signed by.

use std::cell::Cell;
use std::future::{Ready, ready};
use std::net::IpAddr;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use actix_web::body::{BoxBody, MessageBody};
use actix_web::dev::{Payload, ServiceRequest, ServiceResponse};
use actix_web::http::Method;
use actix_web::http::header::{CONTENT_LENGTH, HeaderMap};
use actix_web::middleware::Next;
use actix_web::{Error, FromRequest, HttpMessage, HttpRequest, web};
use futures_util::StreamExt as _;
use osaycore_audit::{Action, Actor};
use osaycore_directory::{App, ReplayProtection};
use osaycore_signing::Mac;
use osaycore_signing::replay::{Sight, Target};
use uuid::Uuid;

use crate::admin::By;
use crate::error::{ApiError, Code};
use crate::extract::request_id::Origin;
use crate::group_commit::{Done, Job, Repeat, Work};
use crate::refusals::Refusal as Refused;
use crate::server::State;
use crate::snapshot::ServedApp;
use crate::store::apps::SecretKind;
use crate::store::secret_uses;
use crate::system;

/// The most bytes of a body.
const BODY_LIMIT: usize = 64 * 1024;

/// How long a body may take to arrive.
const BODY_TIMEOUT: Duration = Duration::from_secs(10);

/// The verified app that sent a request, and the request as it was signed.
#[derive(Clone)]
pub(crate) struct Caller(Rc<Inner>);

struct Inner {
    signed: Signed,
    target: Target,
    changes_state: bool,
    is_post: bool,
    origin: Origin,
    body: web::Bytes,
    /// The signature needs not be bound to its target any more: it went to the writer, or opens nothing elsewhere.
    bound: Cell<bool>,
    /// Whom it is about, once that is known: for the log.
    user: Cell<Option<Uuid>>,
}

/// A signature that is right.
pub(super) struct Signed {
    pub(super) served: Arc<ServedApp>,
    pub(super) mac: Mac,
    pub(super) timestamp_s: i64,
    pub(super) scheme: Scheme,
    /// Which of the app's secrets of this kind made it.
    pub(super) secret: (SecretKind, usize),
}

/// What a request was signed by.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Scheme {
    /// The API's own.
    OsayCore,
    /// That of the one-time passcodes.
    Oasis {
        /// Which of the application keys it was.
        key_index: usize,
        /// The end user's address, where the app has told it.
        ip: Option<IpAddr>,
        /// What a repeat gets.
        repeat: Repeat,
    },
}

/// Verifies the signature of a request over its body, by one scheme.
pub(super) type Verify = fn(&State, &ServiceRequest, &[u8], &Origin) -> Result<Signed, ApiError>;

/// What a request that has a body may do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Purpose {
    /// Change something.
    Change,
    /// Ask: it may repeat, and its signature is bound only where its body is not what is asked there.
    Ask,
}

/// Runs a route for a request that `verify` finds signed: nothing behind it runs for one that is not.
pub(super) async fn guard(
    mut request: ServiceRequest,
    next: Next<impl MessageBody + 'static>,
    verify: Verify,
    purpose: Purpose,
) -> Result<ServiceResponse<BoxBody>, Error> {
    let http = request.request().clone();
    let refuse = |error: ApiError| Ok(ServiceResponse::from_err(error, http.clone()));
    let Some(state) = request.app_data::<web::Data<State>>().cloned() else { return refuse(Code::Internal.into()) };
    let caller = match caller(&state, &mut request, verify, purpose).await {
        Ok(caller) => caller,
        Err(error) => return refuse(error),
    };
    caller.note_retiring_secret(&state);
    request.extensions_mut().insert(caller.clone());
    let response = match caller.may_go_on() {
        Ok(()) => next.call(request).await?.map_into_boxed_body(),
        Err(error) => ServiceResponse::from_err(error, http.clone()),
    };
    let refused = response.response().error().and_then(|error| error.as_error::<ApiError>()).cloned();
    match refused {
        Some(error) => refuse(caller.settle_refusal(&state, error).await),
        None => Ok(response),
    }
}

/// Reads the body and verifies the signature over it.
async fn caller(
    state: &State,
    request: &mut ServiceRequest,
    verify: Verify,
    purpose: Purpose,
) -> Result<Caller, ApiError> {
    let origin = request.extensions().get::<Origin>().cloned().ok_or(Code::Internal)?;
    let body = receive(request).await?;
    let signed = verify(state, request, &body, &origin)?;
    let uri = request.uri();
    let path_and_query = uri.path_and_query().map_or_else(|| uri.path(), |both| both.as_str());
    Ok(Caller(Rc::new(Inner {
        signed,
        target: Target::new(request.method().as_str(), path_and_query),
        changes_state: request.method() != Method::GET,
        is_post: request.method() == Method::POST,
        origin,
        body,
        bound: Cell::new(purpose == Purpose::Ask),
        user: Cell::new(None),
    })))
}

/// The whole body, within its limits of size and time.
pub(super) async fn receive(request: &mut ServiceRequest) -> Result<web::Bytes, ApiError> {
    receive_up_to(request, BODY_LIMIT).await
}

/// The same with another limit of size.
pub(super) async fn receive_up_to(request: &mut ServiceRequest, limit: usize) -> Result<web::Bytes, ApiError> {
    let announced = request.headers().get(CONTENT_LENGTH).and_then(|value| value.to_str().ok()?.parse::<u64>().ok());
    if announced.is_some_and(|length| usize::try_from(length).map_or(true, |length| length > limit)) {
        return Err(Code::BodyTooLarge.into());
    }
    tokio::time::timeout(BODY_TIMEOUT, read_body(request.take_payload(), limit))
        .await
        .unwrap_or_else(|_| Err(ApiError::from(Code::InvalidJson).detail("The body did not arrive in time")))
}

impl Caller {
    /// The app.
    pub(crate) fn app(&self) -> &Arc<App> {
        &self.0.signed.served.app
    }

    /// The app with its flags.
    pub(crate) fn served(&self) -> &Arc<ServedApp> {
        &self.0.signed.served
    }

    /// The raw body.
    pub(crate) fn body(&self) -> &[u8] {
        &self.0.body
    }

    /// The stamp of the audit events of what this request does.
    pub(crate) fn by(&self, user: Option<Uuid>) -> By {
        By {
            actor: user.map_or(Actor::App(self.app().id), Actor::User),
            tenant_id: self.app().tenant_id,
            app_id: Some(self.app().id),
            address: self.address().map(|address| address.to_string()),
            request_id: Some(self.0.origin.request_id.to_string()),
            now_us: system::now_us(),
        }
    }

    /// Whom the request is about, as far as that is known.
    pub(crate) fn user(&self) -> Option<Uuid> {
        self.0.user.get()
    }

    /// Now it is known whom the request is about.
    pub(crate) fn is_about(&self, user: Uuid) {
        self.0.user.set(Some(user));
    }

    /// What it was signed by.
    pub(crate) fn scheme(&self) -> Scheme {
        self.0.signed.scheme
    }

    /// Writes down that a secret which was replaced is still in use; the request does not wait for it.
    fn note_retiring_secret(&self, state: &web::Data<State>) {
        let (kind, index) = self.0.signed.secret;
        let now_us = system::now_us();
        let Some(secret) = self.served().retiring_to_note(kind, index, now_us) else { return };
        let (tenant_id, app_id, id, state) = (self.app().tenant_id, self.app().id, secret.id, state.clone());
        actix_web::rt::spawn(async move {
            let work = Work::Call(Box::new(move |tx, _| {
                secret_uses::used(tx, app_id, id, now_us)?;
                Ok(Vec::new())
            }));
            let by = By::system(tenant_id, now_us);
            let noted = state.writer.run(Job { tenant_id, sight: None, repeat: Repeat::Told, by, work }).await;
            if let Err(error) = noted {
                tracing::warn!(%error, "the use of a secret that was replaced was not noted");
            }
        });
    }

    /// Runs the state-changing work of this request. `user` is the verified bearer, where the endpoint takes a token;
    /// `told_apart`: the request carries something that tells it from an equal one.
    pub(crate) async fn run(
        &self,
        state: &State,
        user: Option<Uuid>,
        told_apart: bool,
        work: Work,
    ) -> Result<Done, ApiError> {
        let strict = self.app().settings.replay_protection == ReplayProtection::Strict;
        let repeat = match self.scheme() {
            Scheme::OsayCore if strict && !told_apart => Repeat::Refused,
            Scheme::OsayCore => Repeat::Told,
            Scheme::Oasis { repeat, .. } => repeat,
        };
        let job =
            Job { tenant_id: self.app().tenant_id, sight: Some(self.sight(user)), repeat, by: self.by(user), work };
        let done = state.writer.run(job).await;
        // A fault wrote nothing: the signature is yet to be bound.
        self.0.bound.set(!matches!(&done, Err(error) if error.code.status().is_server_error()));
        done
    }

    /// The end user's, where the app has told it; else the client's.
    fn address(&self) -> Option<IpAddr> {
        match self.scheme() {
            Scheme::Oasis { ip: Some(ip), .. } => Some(ip),
            _ => self.0.origin.address,
        }
    }

    fn sight(&self, subject: Option<Uuid>) -> Sight {
        Sight {
            app_id: self.app().id,
            timestamp_s: self.0.signed.timestamp_s,
            mac: self.0.signed.mac,
            subject,
            target: self.0.target,
        }
    }

    /// The rate limit of the app; and that what reads has no body, so that no captured body reads anything.
    fn may_go_on(&self) -> Result<(), ApiError> {
        self.0.signed.served.within_limit()?;
        let signs_body = match self.scheme() {
            Scheme::OsayCore => self.0.changes_state,
            Scheme::Oasis { .. } => self.0.is_post,
        };
        if !signs_body && !self.0.body.is_empty() {
            return Err(ApiError::invalid("body", "this method has none"));
        }
        Ok(())
    }

    /// Binds the signature of a request that was refused before it came to the writer; that it is bound elsewhere
    /// already goes before any later reason. A 403 that no transaction audited is counted.
    async fn settle_refusal(&self, state: &State, error: ApiError) -> ApiError {
        let mut error = error;
        // That it is bound elsewhere goes before; and what could not be bound must not count as seen and refused. After a
        // fault it may be this request itself that was seen.
        let failed = error.code.status().is_server_error();
        if self.opens_something()
            && !self.0.bound.get()
            && let Err(before) = self.bind(state).await
            && !(failed && before.code == Code::ReplayedRequest)
        {
            error = before;
        }
        let action = match error.code.status().as_u16() {
            401 if error.code == Code::SignatureReused => Some(Action::SignatureRefused),
            403 if !self.0.changes_state => Some(Action::AccessRefused),
            _ => None,
        };
        if let Some(action) = action {
            self.count(state, action, error.code);
        }
        let again = |sentence: &str| ApiError::from(Code::ReplayedRequest).detail(sentence);
        match (self.scheme(), error.code) {
            // There a signature that was used elsewhere is no sign of a wrong one: the empty content is signed often.
            (Scheme::Oasis { .. }, Code::SignatureReused) => {
                again("The signature was used for another request; sign this one in another second")
            }
            (Scheme::Oasis { .. }, Code::ReplayedRequest) => {
                again("This request was made before; sign it in another second")
            }
            _ => error,
        }
    }

    /// Whether the bytes that were signed could be sent to where something changes: a captured signature that is yet to
    /// be bound could open it.
    fn opens_something(&self) -> bool {
        self.0.changes_state || !self.0.body.is_empty() || matches!(self.scheme(), Scheme::Oasis { .. })
    }

    /// What was signed is not what is asked here: it may be meant for where something changes, and is bound.
    pub(super) fn misplaced(&self) {
        self.0.bound.set(false);
    }

    /// Binds the signature to this request, and nothing else.
    pub(crate) async fn bind(&self, state: &State) -> Result<(), ApiError> {
        self.run(state, None, false, Work::Bind).await.map(drop)
    }

    fn count(&self, state: &State, action: Action, code: Code) {
        let refusal = Refused {
            of: Some((self.app().tenant_id, Some(self.app().id))),
            address: &self.0.origin.address_text(),
            action,
            reason: code.as_str(),
        };
        state.refusals.count(&refusal, system::now_us());
    }
}

impl FromRequest for Caller {
    type Error = ApiError;
    type Future = Ready<Result<Self, ApiError>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        ready(request.extensions().get::<Self>().cloned().ok_or_else(|| Code::Internal.into()))
    }
}

async fn read_body(mut payload: Payload, limit: usize) -> Result<web::Bytes, ApiError> {
    let mut body = web::BytesMut::new();
    while let Some(chunk) = payload.next().await {
        let chunk = chunk.map_err(|_| ApiError::from(Code::InvalidJson).detail("The body did not arrive whole"))?;
        if body.len().saturating_add(chunk.len()) > limit {
            return Err(Code::BodyTooLarge.into());
        }
        body.extend_from_slice(&chunk);
    }
    Ok(body.freeze())
}

/// A signature that is refused, counted for the audit trail.
pub(super) fn refused(state: &State, origin: &Origin, code: Code, app: Option<&App>) -> ApiError {
    let refusal = Refused {
        of: app.map(|app| (app.tenant_id, Some(app.id))),
        address: &origin.address_text(),
        action: Action::SignatureRefused,
        reason: code.as_str(),
    };
    state.refusals.count(&refusal, system::now_us());
    match code {
        Code::InvalidTimestamp | Code::TimestampOutOfWindow => {
            ApiError::from(code).member("server_time", &system::now_s())
        }
        _ => code.into(),
    }
}

/// The header's value if it is there once and not empty. What is no text matches nothing that it is compared with.
pub(super) fn single<'h>(headers: &'h HeaderMap, name: &str) -> Option<&'h str> {
    let mut values = headers.get_all(name);
    let value = std::str::from_utf8(values.next()?.as_bytes()).unwrap_or("\u{fffd}");
    (values.next().is_none() && !value.is_empty()).then_some(value)
}
