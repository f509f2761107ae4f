//! The outermost layer: request id, the limit per client address, access log, metrics, and the body of every error.

use std::net::IpAddr;
use std::rc::Rc;
use std::time::Duration;

use actix_web::body::{BoxBody, MessageBody};
use actix_web::dev::{Extensions, ServiceRequest, ServiceResponse};
use actix_web::http::header::{ALLOW, HeaderName, HeaderValue, RETRY_AFTER, WWW_AUTHENTICATE};
use actix_web::middleware::Next;
use actix_web::{Error, HttpMessage, HttpResponse, web};
use uuid::Uuid;

use crate::error::{ApiError, Code, Shape};
use crate::extract::address::client_address;
use crate::extract::console::Look;
use crate::extract::{Caller, oasis, ofrep};
use crate::pages;
use crate::server::State;
use crate::system;
use crate::traces::Span;

const HEADER: HeaderName = HeaderName::from_static("x-request-id");
/// Where the caller finds the trace of its request (W3C Trace Context Level 2, a draft).
const TRACE_HEADER: HeaderName = HeaderName::from_static("traceresponse");
const LONGEST: usize = 128;

/// What is known of a request before anything of it is believed.
#[derive(Clone)]
pub(crate) struct Origin {
    pub(crate) request_id: Rc<str>,
    pub(crate) address: Option<IpAddr>,
}

impl Origin {
    /// The address as text; empty where there is none.
    pub(crate) fn address_text(&self) -> String {
        self.address.map(|address| address.to_string()).unwrap_or_default()
    }
}

/// Wraps every request.
pub(crate) async fn layer(
    mut request: ServiceRequest,
    next: Next<impl MessageBody + 'static>,
) -> Result<ServiceResponse<BoxBody>, Error> {
    let started = system::monotonic();
    let Some(state) = request.app_data::<web::Data<State>>().cloned() else {
        return Err(ApiError::from(Code::Internal).into());
    };
    let origin =
        Origin { request_id: request_id(&request).into(), address: client_address(&request, &state.trusted_proxies) };
    request.extensions_mut().insert(origin.clone());
    let span = Span::of_request(request.headers());
    oasis::normalize(&mut request);
    let limited = origin.address.is_some_and(|address| state.address_limiter.check_key(&address).is_err());
    let mut response = if limited {
        let error = ApiError::from(Code::RateLimited).retry_after(1);
        ServiceResponse::from_err(error, request.into_parts().0)
    } else {
        // Every layer within answers its own errors: here the request is gone.
        span.around(next.call(request)).await?.map_into_boxed_body()
    };
    let refused = response.response().error().and_then(|error| error.as_error::<ApiError>()).cloned();
    // What actix itself refuses (a path that is no UTF-8, a chunk that is none) has no code of ours.
    let refused = match refused {
        None if response.response().error().is_some() => Some(foreign(response.status().as_u16())),
        known => known,
    };
    if let Some(error) = &refused {
        let shape = oasis::shape(response.request().path());
        let look = response.request().extensions().get::<Look>().copied();
        let flag = response.request().match_info().get("key").filter(|_| shape == Shape::Ofrep);
        let error = flag.map_or_else(|| error.clone(), |key| error.clone().member("key", &key));
        response = response.into_response(answer(&error, &origin.request_id, shape, look));
        state.metrics.refusal(error.code.as_str());
    }
    ofrep::open_to_browsers(&mut response);
    if let Ok(value) = HeaderValue::from_str(&origin.request_id) {
        response.headers_mut().insert(HEADER, value);
    }
    if let Some(value) = span.traceparent().and_then(|value| HeaderValue::try_from(value).ok()) {
        response.headers_mut().insert(TRACE_HEADER, value);
    }
    let took = started.elapsed();
    let route = response.request().match_pattern().unwrap_or_else(|| "unmatched".to_owned());
    let method = method_label(response.request().method().as_str());
    let status = response.status().as_u16();
    let who = Who::of(&response.request().extensions());
    if let Some(tenant_id) = who.tenant_id {
        state.requests.count(tenant_id, status, system::now_us());
    }
    let answered = Answered { origin: &origin, who, method, route: &route, status, took, trace_id: span.trace_id() };
    answered.trace(&span, refused.as_ref());
    answered.log(refused.as_ref());
    state.metrics.request(route, method, status, took);
    Ok(response)
}

/// For whom a request was answered, as far as it is known.
struct Who {
    /// Of a signed request.
    tenant_id: Option<i64>,
    app: Option<Uuid>,
    user: Option<Uuid>,
}

impl Who {
    fn of(extensions: &Extensions) -> Self {
        let caller = extensions.get::<Caller>();
        let app = caller.map(|caller| caller.app().uuid).or_else(|| ofrep::app(extensions));
        Self { tenant_id: caller.map(|caller| caller.app().tenant_id), app, user: caller.and_then(Caller::user) }
    }
}

/// A request with its answer, as the log and the traces tell of it.
struct Answered<'a> {
    origin: &'a Origin,
    who: Who,
    method: &'static str,
    route: &'a str,
    status: u16,
    took: Duration,
    trace_id: Option<String>,
}

impl Answered<'_> {
    fn trace(&self, span: &Span, refused: Option<&ApiError>) {
        span.rename(|| format!("{} {}", self.method, self.route));
        span.set("http.request.method", self.method);
        if self.trace_id.is_some() {
            span.set("http.route", self.route.to_owned());
            span.set("osaycore.request_id", self.origin.request_id.to_string());
        }
        span.set("http.response.status_code", i64::from(self.status));
        if let Some(app) = self.who.app.filter(|_| self.trace_id.is_some()) {
            span.set("osaycore.app", app.to_string());
        }
        if let Some(error) = refused {
            span.set("osaycore.code", error.code.as_str());
        }
        if self.status >= 500 {
            span.fail();
        }
    }

    /// Refusals of a known app are worth a line, faults more than that. What succeeded, and what anybody without a key can
    /// cause, is counted, and logged on demand.
    fn log(&self, refused: Option<&ApiError>) {
        let Self { method, route, status, .. } = *self;
        let (request_id, took_us) = (&self.origin.request_id, self.took.as_micros());
        let address = self.origin.address.map(tracing::field::display);
        let (app, user) = (self.who.app.map(tracing::field::display), self.who.user.map(tracing::field::display));
        let trace_id = self.trace_id.as_deref();
        /// One list of fields for every level.
        macro_rules! line {
            ($level:ident, $message:literal $(, $code:ident)?) => {
                tracing::$level!(
                    %request_id, trace_id, address, app, user, method, route, status, took_us $(, $code)?, $message
                )
            };
        }
        let Some(error) = refused else { return line!(debug, "answered") };
        let code = error.code.as_str();
        if matches!(status, 401 | 404 | 405 | 413 | 429) {
            line!(debug, "refused", code);
        } else if status < 500 || error.code == Code::MailNotConfigured {
            line!(info, "refused", code);
        } else {
            line!(error, "failed", code);
        }
    }
}

/// The client's own id, if it is one that is safe to log; else a new one.
fn request_id(request: &ServiceRequest) -> String {
    let safe = |id: &&str| {
        (1..=LONGEST).contains(&id.len())
            && id.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"._-".contains(&byte))
    };
    let given = request.headers().get(HEADER).and_then(|value| value.to_str().ok()).filter(safe);
    given.map_or_else(|| system::uuid().to_string(), ToOwned::to_owned)
}

/// The response to an error.
fn answer(error: &ApiError, request_id: &str, shape: Shape, look: Option<Look>) -> HttpResponse {
    let mut response = if shape == Shape::Page {
        let (status, title) = (error.code.status(), error.to_string());
        let text = if status.is_server_error() || status == 429 {
            "Please try again in a minute."
        } else {
            "Nothing was changed."
        };
        match look {
            Some(look) => look.message(status, &title, text),
            None => pages::message(status, &title, text),
        }
    } else {
        HttpResponse::build(error.code.status()).content_type("application/json").body(error.body(request_id, shape))
    };
    let headers = response.headers_mut();
    if let Some(methods) = error.allow {
        headers.insert(ALLOW, HeaderValue::from_static(methods));
    }
    if let Some(seconds) = error.retry_after_s {
        headers.insert(RETRY_AFTER, seconds.into());
    }
    if matches!(error.code, Code::MissingToken | Code::TokenExpired | Code::TokenInvalid) {
        headers.insert(WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
    }
    response
}

fn foreign(status: u16) -> ApiError {
    match status {
        404 => Code::NotFound.into(),
        405 => Code::MethodNotAllowed.into(),
        413 => Code::BodyTooLarge.into(),
        400..=499 => ApiError::from(Code::InvalidField).detail("The request is malformed"),
        503 => Code::Unavailable.into(),
        _ => Code::Internal.into(),
    }
}

/// A bounded label: methods are free text.
fn method_label(method: &str) -> &'static str {
    match method {
        "GET" => "GET",
        "POST" => "POST",
        "PATCH" => "PATCH",
        "PUT" => "PUT",
        "DELETE" => "DELETE",
        _ => "other",
    }
}
