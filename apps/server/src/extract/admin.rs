//! Who administers: the token of a script, and what it opens.

use std::future::{Future, Ready, ready};
use std::pin::Pin;
use std::rc::Rc;
use std::sync::Arc;

use actix_web::body::{BoxBody, MessageBody};
use actix_web::dev::{Payload, ServiceRequest, ServiceResponse};
use actix_web::http::header::IF_MATCH;
use actix_web::middleware::Next;
use actix_web::{Error, FromRequest, HttpMessage, HttpRequest, web};
use osaycore_audit::Action;
use osaycore_directory::AdminScope;
use serde::de::DeserializeOwned;

use crate::admin::By;
use crate::error::{ApiError, Code, Failure};
use crate::extract::bearer;
use crate::extract::body::{must_be_json, parse_body};
use crate::extract::caller::receive_up_to;
use crate::extract::request_id::Origin;
use crate::group_commit::{Job, Repeat, Work};
use crate::refusals::Refusal;
use crate::server::State;
use crate::snapshot::ServedToken;
use crate::store::admin_tokens;
use crate::store::tx::Tx;
use crate::system;

/// The most bytes of a body: a file of flags is one.
const BODY_LIMIT: usize = 1024 * 1024;

/// The token of a request, and the request.
#[derive(Clone)]
pub(crate) struct Admin(Rc<Inner>);

struct Inner {
    served: Arc<ServedToken>,
    origin: Origin,
    body: web::Bytes,
    /// What it must be still, where it says so.
    if_match: Option<String>,
}

/// What a layer answers, later.
type Answered = Pin<Box<dyn Future<Output = Result<ServiceResponse<BoxBody>, Error>>>>;

/// The body of an admin's request, read as JSON.
pub(crate) struct AdminBody<T>(pub(crate) T);

/// The same as text, for what has a reader of its own.
pub(crate) struct AdminText(pub(crate) String);

/// Wraps a route: nothing behind it runs for a request without a token that has the scope.
pub(crate) fn layer<B: MessageBody + 'static>(scope: AdminScope) -> impl Fn(ServiceRequest, Next<B>) -> Answered {
    move |mut request, next| {
        Box::pin(async move {
            match admin(&mut request, scope).await {
                Ok(admin) => {
                    request.extensions_mut().insert(admin);
                    Ok(next.call(request).await?.map_into_boxed_body())
                }
                Err(error) => Ok(ServiceResponse::from_err(error, request.into_parts().0)),
            }
        })
    }
}

/// Token, its rate limit, scope, body, in this order.
async fn admin(request: &mut ServiceRequest, scope: AdminScope) -> Result<Admin, ApiError> {
    let state = request.app_data::<web::Data<State>>().cloned().ok_or(Code::Internal)?;
    let origin = request.extensions().get::<Origin>().cloned().ok_or(Code::Internal)?;
    let token = bearer::token(request.headers()).ok_or(Code::MissingToken)?;
    let served = state.snapshots.configuration().admin_token(token).cloned();
    let now_us = system::now_us();
    let refuse = |code: Code, of: Option<(i64, Option<i64>)>, action: Action| {
        let (address, reason) = (&origin.address_text(), code.as_str());
        state.refusals.count(&Refusal { of, address, action, reason }, now_us);
        ApiError::from(code)
    };
    let served = served.ok_or_else(|| refuse(Code::TokenInvalid, None, Action::TokenRefused))?;
    let of = Some((served.token.tenant_id, None));
    if served.token.expires_at_us.is_some_and(|at_us| at_us <= now_us) {
        return Err(refuse(Code::TokenExpired, of, Action::TokenRefused));
    }
    served.within_limit()?;
    if served.is_to_be_noted(now_us) {
        note(&state, &served, now_us);
    }
    if !served.token.scopes.iter().any(|held| *held == scope) {
        let sentence = format!("The token lacks the scope {scope}");
        let refused = refuse(Code::ScopeMissing, of, Action::AccessRefused);
        return Err(refused.detail(sentence).member("scope", &scope));
    }
    let body = receive_up_to(request, BODY_LIMIT).await?;
    let if_match = request.headers().get(IF_MATCH).and_then(|value| value.to_str().ok()).map(str::to_owned);
    Ok(Admin(Rc::new(Inner { served, origin, body, if_match })))
}

/// Writes down that the token was used; the request does not wait for it.
fn note(state: &web::Data<State>, served: &ServedToken, now_us: i64) {
    let (tenant_id, id, state) = (served.token.tenant_id, served.token.id, state.clone());
    actix_web::rt::spawn(async move {
        let work = Work::Call(Box::new(move |tx, _| {
            admin_tokens::used(tx, id, now_us)?;
            Ok(Vec::new())
        }));
        let by = By::system(tenant_id, now_us);
        let noted = state.writer.run(Job { tenant_id, sight: None, repeat: Repeat::Told, by, work }).await;
        if let Err(error) = noted {
            tracing::warn!(%error, "the use of an admin token was not noted");
        }
    });
}

impl Admin {
    /// The tenant that the token is of: there is no other for it.
    pub(crate) fn tenant_id(&self) -> i64 {
        self.0.served.token.tenant_id
    }

    /// Whether the token has a further scope than the route asks for.
    pub(crate) fn has(&self, scope: AdminScope) -> bool {
        self.0.served.token.scopes.iter().any(|held| *held == scope)
    }

    /// The raw body.
    fn body(&self) -> &[u8] {
        &self.0.body
    }

    /// What must be still, by `If-Match`.
    pub(crate) fn precondition(&self) -> Precondition {
        Precondition(self.0.if_match.clone())
    }

    /// The stamp of the audit events of what this request does.
    pub(crate) fn by(&self) -> By {
        By {
            address: self.0.origin.address.map(|address| address.to_string()),
            request_id: Some(self.0.origin.request_id.to_string()),
            ..By::token(self.tenant_id(), self.0.served.token.name.as_str(), system::now_us())
        }
    }

    /// Runs work in a transaction of the group commit; → the body of the answer, once that is durable.
    pub(crate) async fn run(
        &self,
        state: &State,
        work: impl FnMut(&mut Tx<'_>, &By) -> Result<Vec<u8>, Failure> + Send + 'static,
    ) -> Result<Vec<u8>, ApiError> {
        let work = Work::Call(Box::new(work));
        let job = Job { tenant_id: self.tenant_id(), sight: None, repeat: Repeat::Told, by: self.by(), work };
        Ok(state.writer.run(job).await?.outcome)
    }
}

/// What a change asks to be still as it was read (RFC 9110 §13.1.1).
#[derive(Clone)]
pub(crate) struct Precondition(Option<String>);

impl Precondition {
    /// 412 where something else is asked for than this version, which is there.
    pub(crate) fn holds(&self, version: &str) -> Result<(), ApiError> {
        let Some(asked) = &self.0 else { return Ok(()) };
        let is_one = |tag: &str| tag.trim() == "*" || tag.trim().trim_matches('"') == version;
        if asked.split(',').any(is_one) { Ok(()) } else { Err(Code::PreconditionFailed.into()) }
    }
}

impl FromRequest for Admin {
    type Error = ApiError;
    type Future = Ready<Result<Self, ApiError>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        ready(request.extensions().get::<Self>().cloned().ok_or_else(|| Code::Internal.into()))
    }
}

impl<T: DeserializeOwned> FromRequest for AdminBody<T> {
    type Error = ApiError;
    type Future = Ready<Result<Self, ApiError>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        let read = || {
            let extensions = request.extensions();
            parse_body(request, extensions.get::<Admin>().ok_or(Code::Internal)?.body())
        };
        ready(read().map(AdminBody))
    }
}

impl FromRequest for AdminText {
    type Error = ApiError;
    type Future = Ready<Result<Self, ApiError>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        let read = || {
            must_be_json(request)?;
            let extensions = request.extensions();
            let body = extensions.get::<Admin>().ok_or(Code::Internal)?.body().to_vec();
            String::from_utf8(body).map_err(|_| ApiError::from(Code::InvalidJson).detail("The body is not UTF-8"))
        };
        ready(read().map(AdminText))
    }
}
