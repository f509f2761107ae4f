//! The way out to other people's servers: `https`, to addresses of the public internet, without redirects, in bounded
//! time and size. For development it may be opened to this machine and its network.

use std::future::Future;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use oauth2::http::{HeaderValue, Response, response};
use oauth2::{AsyncHttpClient, HttpRequest, HttpResponse};
use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use reqwest::redirect::Policy;
use url::{Host, Url};

use super::address::is_public;
use crate::traces::Span;

/// How long a request may take, from the look-up of the name to the last byte of the answer.
const TIMEOUT: Duration = Duration::from_secs(5);

/// The longest answer that is read, in bytes.
const MAX_BODY_BYTES: usize = 1024 * 1024;

/// Why a request has no answer that could be used.
#[derive(Debug, thiserror::Error)]
pub(crate) enum HttpError {
    /// Neither `https`, nor `http` where that is permitted.
    #[error("{0} is not an https URL")]
    Insecure(Url),
    /// The URL names an address that is not of the public internet.
    #[error("{0} is not a public address")]
    Private(String),
    /// No connection, no answer in time, a name that leads to an address that is not public, or a system without root
    /// certificates.
    #[error("{}", chain(.0))]
    Unreachable(reqwest::Error),
    /// The server says that it is out of order: a status of 500 and above.
    #[error("the server answered {0}")]
    OutOfOrder(u16),
    /// More than 1 MiB.
    #[error("the answer is longer than {MAX_BODY_BYTES} bytes")]
    TooLong,
    /// A request or an answer that is not HTTP.
    #[error("{0}")]
    Malformed(String),
}

/// The HTTP client. A clone shares its connections.
#[derive(Clone, Debug)]
pub(crate) struct Outgoing {
    /// Made when it is first wanted: it needs root certificates, which a server without providers may not have.
    client: Arc<OnceLock<reqwest::Client>>,
    allow_private: bool,
}

impl Outgoing {
    /// With `allow_private`, for development, it also reaches addresses that are not public, and by `http`.
    pub(crate) fn new(allow_private: bool) -> Self {
        Self { client: Arc::default(), allow_private }
    }

    /// Whether a browser may be sent to `url`, or a request.
    pub(crate) fn permit(&self, url: &Url) -> Result<(), HttpError> {
        if url.scheme() != "https" && !(self.allow_private && url.scheme() == "http") {
            return Err(HttpError::Insecure(url.clone()));
        }
        // Names are judged when they are looked up.
        let address = match url.host() {
            Some(Host::Ipv4(address)) => Some(address.into()),
            Some(Host::Ipv6(address)) => Some(address.into()),
            Some(Host::Domain(_)) | None => None,
        };
        match address {
            Some(address) if !self.allow_private && !is_public(address) => Err(HttpError::Private(address.to_string())),
            _ => Ok(()),
        }
    }

    /// Sends a request; → the answer whatever its status, but for those that say that the server is out of order.
    pub(crate) async fn send(&self, mut request: HttpRequest) -> Result<HttpResponse, HttpError> {
        let span = Span::within("provider");
        // Neither path nor query, in which there may be what is nobody else's.
        span.set("server.address", request.uri().host().unwrap_or_default().to_owned());
        span.set("http.request.method", request.method().to_string());
        if let Some(value) = span.traceparent().and_then(|value| HeaderValue::try_from(value).ok()) {
            request.headers_mut().insert("traceparent", value);
        }
        let sent = span.around(self.ask(request)).await;
        match &sent {
            Ok(answer) => span.set("http.response.status_code", i64::from(answer.status().as_u16())),
            Err(_) => span.fail(),
        }
        sent
    }

    async fn ask(&self, request: HttpRequest) -> Result<HttpResponse, HttpError> {
        let request = reqwest::Request::try_from(request).map_err(|error| HttpError::Malformed(error.to_string()))?;
        self.permit(request.url())?;
        let unreachable = |error: reqwest::Error| HttpError::Unreachable(error.without_url());
        let mut answer = self.client()?.execute(request).await.map_err(unreachable)?;
        if answer.status().is_server_error() {
            return Err(HttpError::OutOfOrder(answer.status().as_u16()));
        }
        let mut body = Vec::new();
        while let Some(chunk) = answer.chunk().await.map_err(unreachable)? {
            if body.len().saturating_add(chunk.len()) > MAX_BODY_BYTES {
                return Err(HttpError::TooLong);
            }
            body.extend_from_slice(&chunk);
        }
        head(&answer).body(body).map_err(|error| HttpError::Malformed(error.to_string()))
    }

    fn client(&self) -> Result<&reqwest::Client, HttpError> {
        if let Some(client) = self.client.get() {
            return Ok(client);
        }
        let client = reqwest::Client::builder()
            .user_agent(concat!("osaycore/", env!("CARGO_PKG_VERSION")))
            .dns_resolver(Resolver { allow_private: self.allow_private })
            .redirect(Policy::none())
            // A proxy would look the name up by itself.
            .no_proxy()
            .referer(false)
            .https_only(!self.allow_private)
            .connect_timeout(TIMEOUT)
            .timeout(TIMEOUT)
            .build()
            .map_err(HttpError::Unreachable)?;
        Ok(self.client.get_or_init(|| client))
    }
}

fn head(answer: &reqwest::Response) -> response::Builder {
    let head = Response::builder().status(answer.status());
    answer.headers().iter().fold(head, |head, (name, value)| head.header(name, value))
}

impl<'c> AsyncHttpClient<'c> for Outgoing {
    type Error = HttpError;
    type Future = Pin<Box<dyn Future<Output = Result<HttpResponse, HttpError>> + Send + 'c>>;

    fn call(&'c self, request: HttpRequest) -> Self::Future {
        Box::pin(self.send(request))
    }
}

/// Looks a name up once and hands on what it has judged, so that what was judged is what is connected to.
struct Resolver {
    allow_private: bool,
}

impl Resolve for Resolver {
    fn resolve(&self, name: Name) -> Resolving {
        let allow_private = self.allow_private;
        Box::pin(async move {
            let found: Vec<SocketAddr> = tokio::net::lookup_host((name.as_str(), 0)).await?.collect();
            if let Some(address) = found.iter().find(|address| !allow_private && !is_public(address.ip())) {
                return Err(format!("{} is at {}, not a public address", name.as_str(), address.ip()).into());
            }
            let found: Addrs = Box::new(found.into_iter());
            Ok(found)
        })
    }
}

/// An error with what led to it, which reqwest's own text leaves out.
fn chain(error: &dyn std::error::Error) -> String {
    std::iter::successors(Some(error), |error| error.source()).map(ToString::to_string).collect::<Vec<_>>().join(": ")
}
