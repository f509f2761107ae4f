//! Who asks for evaluations by `OpenFeature`'s protocol: an app that signs, or who holds an evaluation key of it; and what
//! lets a browser ask from any page.

use std::future::{Ready, ready};
use std::rc::Rc;
use std::sync::Arc;

use actix_web::body::{BoxBody, MessageBody};
use actix_web::dev::{Extensions, Payload, ServiceRequest, ServiceResponse};
use actix_web::http::header::{ACCESS_CONTROL_ALLOW_ORIGIN, ACCESS_CONTROL_EXPOSE_HEADERS, HeaderValue};
use actix_web::middleware::Next;
use actix_web::{Error, FromRequest, HttpMessage, HttpRequest, web};
use serde::de::DeserializeOwned;
use uuid::Uuid;

use crate::error::{ApiError, Code};
use crate::extract::body::parse_body;
use crate::extract::caller::{Purpose, guard, receive, refused, single};
use crate::extract::request_id::Origin;
use crate::extract::{Caller, bearer, signed};
use crate::server::State;
use crate::snapshot::{Evaluations, ServedApp};

/// Where the protocol's paths begin.
const BASE: &str = "/ofrep/";
const API_KEY: &str = "x-api-key";

/// Who may have an app's flags evaluated, and the request.
pub(crate) struct Evaluator {
    /// The app whose flags are asked for.
    pub(crate) served: Arc<ServedApp>,
    /// Where changes of the flags are told.
    pub(crate) channel: Arc<str>,
    by: Proof,
}

/// What a request came with.
enum Proof {
    Signature(Caller),
    /// An evaluation key, which may be public.
    Key(Rc<Holder>),
}

struct Holder {
    opens: Evaluations,
    body: web::Bytes,
}

/// Wraps a route: nothing behind it runs for a request that is neither signed nor has an evaluation key.
pub(crate) async fn layer(
    mut request: ServiceRequest,
    next: Next<impl MessageBody + 'static>,
) -> Result<ServiceResponse<BoxBody>, Error> {
    if request.headers().contains_key(signed::API_KEY) {
        return guard(request, next, signed::verify, Purpose::Ask).await;
    }
    match holder(&mut request).await {
        Ok(holder) => {
            request.extensions_mut().insert(Rc::new(holder));
            Ok(next.call(request).await?.map_into_boxed_body())
        }
        Err(error) => Ok(ServiceResponse::from_err(error, request.into_parts().0)),
    }
}

/// Key, rate limit of its app, body, in this order.
async fn holder(request: &mut ServiceRequest) -> Result<Holder, ApiError> {
    let state = request.app_data::<web::Data<State>>().cloned().ok_or(Code::Internal)?;
    let origin = request.extensions().get::<Origin>().cloned().ok_or(Code::Internal)?;
    let key = eval_key(request).map_err(|code| refused(&state, &origin, code, None))?;
    let opens = state.snapshots.configuration().evaluations(key).cloned();
    let opens = match opens {
        Some(opens) if !opens.served.app.disabled => opens,
        known => {
            let app = known.as_ref().map(|opens| &*opens.served.app);
            return Err(refused(&state, &origin, Code::InvalidApiKey, app));
        }
    };
    opens.served.within_limit()?;
    let body = receive(request).await?;
    Ok(Holder { opens, body })
}

/// The evaluation key; one that is given in both ways must be the same.
fn eval_key(request: &ServiceRequest) -> Result<&str, Code> {
    match (bearer::token(request.headers()), single(request.headers(), API_KEY)) {
        (None, None) => Err(Code::MissingAuthHeaders),
        (Some(one), Some(other)) if one != other => Err(Code::InvalidApiKey),
        (Some(key), _) | (None, Some(key)) => Ok(key),
    }
}

impl Evaluator {
    /// The same with the app's flags as they are served now.
    #[must_use]
    pub(crate) fn of_now(self, state: &State) -> Self {
        let configuration = state.snapshots.configuration();
        let Some(served) = configuration.app_by_id(self.served.app.id).cloned() else { return self };
        Self { served, ..self }
    }

    /// The body, read as JSON.
    pub(crate) fn read<T: DeserializeOwned>(&self, request: &HttpRequest) -> Result<T, ApiError> {
        match &self.by {
            Proof::Signature(caller) => parse_body(request, caller.body()).inspect_err(|_| caller.misplaced()),
            Proof::Key(holder) => parse_body(request, &holder.body),
        }
    }
}

impl FromRequest for Evaluator {
    type Error = ApiError;
    type Future = Ready<Result<Self, ApiError>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        let extensions = request.extensions();
        let by_signature = |caller: &Caller| Self {
            served: Arc::clone(caller.served()),
            channel: Arc::clone(&caller.served().channel),
            by: Proof::Signature(caller.clone()),
        };
        let by_key = |holder: &Rc<Holder>| Self {
            served: Arc::clone(&holder.opens.served),
            channel: Arc::clone(&holder.opens.channel),
            by: Proof::Key(Rc::clone(holder)),
        };
        let found = extensions.get().map(by_signature).or_else(|| extensions.get().map(by_key));
        ready(found.ok_or_else(|| Code::Internal.into()))
    }
}

/// The app of a request that came with an evaluation key.
pub(crate) fn app(extensions: &Extensions) -> Option<Uuid> {
    extensions.get::<Rc<Holder>>().map(|holder| holder.opens.served.app.uuid)
}

/// Whether a path is the protocol's, whatever stands there.
pub(crate) fn is_of_ofrep(path: &str) -> bool {
    path.starts_with(BASE)
}

/// Lets scripts of any page read an answer of the protocol, an error as well. Nothing there goes by cookies.
pub(crate) fn open_to_browsers(response: &mut ServiceResponse<BoxBody>) {
    if is_of_ofrep(response.request().path()) {
        let headers = response.headers_mut();
        headers.insert(ACCESS_CONTROL_ALLOW_ORIGIN, HeaderValue::from_static("*"));
        headers.insert(ACCESS_CONTROL_EXPOSE_HEADERS, HeaderValue::from_static("ETag, Retry-After"));
    }
}
