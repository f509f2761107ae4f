//! Sign-in by pop-up: from the app's backend to a provider and back (contract, "OAuth"; RFC 9700).
//!
//! The address that an app opens is a page of this server: it gives the browser a cookie and sends it on to the provider.
//! The callback wants that cookie, so that nobody ends up in a flow that another began. A flow is taken once, by whichever
//! server the callback comes to.

mod answers;
mod exchange;

use std::sync::Arc;

use self::answers::{back, code_of, failed, over, refusal_of, to};

use actix_web::cookie::{Cookie, SameSite, time::Duration};
use actix_web::web::{self, Data, Path, ReqData};
use actix_web::{HttpRequest, HttpResponse};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use osaycore_directory::{Login, Profile, RedirectUri};
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};
use url::Url;
use utoipa::{OpenApi, ToSchema};
use zeroize::Zeroizing;

use crate::admin::By;
use crate::admin::sign_in::sign_in;
use crate::admin::tokens::{self, DEFAULT_LIFETIME_S, Minted};
use crate::error::{ApiError, Code, Failure};
use crate::extract::request_id::Origin;
use crate::extract::{Body, Caller, Nonce, Text, bearer};
use crate::group_commit::{Job, Repeat, Work, telling};
use crate::oauth::flow::{Callback, Drawn, Identity, Kept, Prompt};
use crate::oauth::provider::Provider;
use crate::routes::{json, resource, signed};
use crate::schemas;
use crate::server::State;
use crate::snapshot::ServedProvider;
use crate::store::flows::{self, Flow, ResponseMode};
use crate::store::sign_in_codes::{self, SignInCode};
use crate::store::tx::Tx;
use crate::system;

pub(crate) fn configure(config: &mut web::ServiceConfig) {
    config
        .service(resource("/auth/oauth/initiate", "POST").route(signed(web::post().to(initiate))))
        .service(resource("/auth/oauth/start", "GET").route(web::get().to(start)))
        .service(resource("/auth/oauth/callback/{provider}", "GET").route(web::get().to(callback)))
        .service(resource("/auth/oauth/exchange", "POST").route(signed(web::post().to(exchange::exchange))));
}

#[derive(OpenApi)]
#[openapi(paths(initiate, start, callback, exchange::exchange))]
pub(super) struct Api;

/// How long a person may take at the provider.
const FLOW_US: i64 = 600_000_000;
/// How long a code waits for the app's backend.
const CODE_US: i64 = 60_000_000;

type ProviderName = Text<1, 64>;
type RedirectUriText = Text<1, 2048>;
type AppState = Text<1, 255>;

/// `redirect_uri` is one that is registered for the app.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(examples(json!({"provider": "google", "redirect_uri": "https://app.example.com/signed-in", "response_mode": "code"})))]
struct InitiateRequest {
    #[schema(inline)]
    provider: ProviderName,
    #[schema(inline)]
    redirect_uri: RedirectUriText,
    #[schema(value_type = Option<schemas::ResponseMode>)]
    response_mode: Option<ResponseMode>,
    /// The identity is to become the bearer's.
    link: Option<bool>,
    /// The provider's own address, as the document's example has it: without the cookie.
    direct: Option<bool>,
    /// What the provider asks for even if somebody is signed in there.
    #[schema(value_type = Option<schemas::Prompt>)]
    prompt: Option<Prompt>,
    /// The app's own, which it gets back: what tells it which of its flows has ended.
    #[schema(inline)]
    state: Option<AppState>,
    #[serde(rename = "nonce")]
    #[schema(inline)]
    _nonce: Option<Nonce>,
}

/// What is kept of a flow, sealed.
#[derive(Serialize, Deserialize)]
struct Sealed {
    kept: Kept,
    /// Where the browser goes.
    url: Url,
    direct: bool,
    app_state: Option<String>,
}

/// A flow that has begun.
struct Begun {
    flow: Flow,
    sealed: Sealed,
}

/// `POST /api/auth/oauth/initiate`: begins a flow; each call another.
#[utoipa::path(
    post, path = "/api/auth/oauth/initiate", operation_id = "initiate", tag = "Sign-in",
    security(("signature" = []), ("signature" = [], "token" = [])),
    request_body = InitiateRequest,
    responses((status = 200, description = "Where to send the browser", body = schemas::AuthUrl)),
    extensions(("x-error-codes" = json!([
        Code::UnsupportedProvider, Code::RedirectNotRegistered, Code::ProviderUnreachable
    ])))
)]
async fn initiate(
    state: Data<State>,
    caller: Caller,
    request: HttpRequest,
    Body(asked): Body<InitiateRequest>,
) -> Result<HttpResponse, ApiError> {
    let tenant_id = caller.app().tenant_id;
    let provider = provider(&state, tenant_id, &asked.provider.0).ok_or(Code::UnsupportedProvider)?;
    let redirect_uri: RedirectUri = asked.redirect_uri.0.parse().map_err(|_| Code::RedirectNotRegistered)?;
    if !caller.app().settings.allows_redirect(&redirect_uri) {
        return Err(Code::RedirectNotRegistered.into());
    }
    let response_mode = asked.response_mode.unwrap_or_default();
    let linking = if asked.link == Some(true) { Some(bearer::verify(&request)?.sub) } else { None };
    if linking.is_some() && response_mode != ResponseMode::Code {
        // The code comes with the user's token: whoever opened the address, what is linked is in the user's own session.
        let sentence = "response_mode: must be code with link";
        return Err(ApiError::field(Code::InvalidField, "response_mode", sentence));
    }
    if response_mode == ResponseMode::WebMessage && !redirect_uri.has_origin() {
        let sentence = "response_mode: web_message needs a redirect_uri of http or https";
        return Err(ApiError::field(Code::InvalidField, "response_mode", sentence));
    }
    let drawn = Drawn { state: state_of(tenant_id), nonce: system::random(), verifier: system::random() };
    let name = provider.provider.name().clone();
    let callback = callback_url(&state, name.as_str())?;
    let begun = provider.client.begin(&provider.provider, &callback, asked.prompt, &drawn, system::now_s()).await;
    let begun = begun.map_err(|error| {
        state.metrics.sign_in(provider.provider.kind_name(), code_of(&error));
        tracing::warn!(provider = name.as_str(), %error, "a sign-in could not begin");
        ApiError::from(Code::ProviderUnreachable)
    })?;
    let direct = asked.direct.unwrap_or(false);
    let auth_url = if direct {
        begun.url.to_string()
    } else {
        format!("{}/api/auth/oauth/start?state={}", state.public_url()?, begun.state)
    };
    let app_state = asked.state.map(|state| state.0);
    let sealed = Sealed { kept: begun.kept, url: begun.url, direct, app_state };
    let sealed = Zeroizing::new(serde_json::to_vec(&sealed).map_err(|_| Code::Internal)?);
    let flow = Flow {
        state_hash: hash(&begun.state),
        app_id: caller.app().id,
        provider: asked.provider.0.parse().map_err(|_| Code::UnsupportedProvider)?,
        redirect_uri,
        response_mode,
        link_user_id: None,
        cookie_hash: None,
        kept: sealed,
        expires_at_us: system::now_us().saturating_add(FLOW_US),
    };
    let snapshots = Arc::clone(&state.snapshots);
    let work = Work::Call(Box::new(move |tx, _| {
        let link_user_id = linking.map(|uuid| State::active_user(tx, uuid)).transpose()?.map(|user| user.id);
        let flow = Flow { link_user_id, ..flow.clone() };
        snapshots.with_sealer(tx, |tx, sealer| flows::put(tx, sealer, &flow)).map_err(Failure::from)?;
        // Nothing to tell again: a repeat begins another flow.
        Ok(Vec::new())
    }));
    caller.run(&state, linking, false, work).await?;
    json(&serde_json::json!({ "auth_url": auth_url }))
}

/// `GET /api/auth/oauth/start?state=`: gives the browser that opens it the flow, and sends it to the provider.
#[utoipa::path(
    get, path = "/api/auth/oauth/start", operation_id = "start", tag = "Sign-in",
    params(("state" = String, Query, description = "As `auth_url` has it", example = "AAAAAAAAAAEy")),
    responses(
        (status = 302, description = "To the provider"),
        (status = 400, description = "The flow is over", body = String, content_type = "text/html", example = "<!doctype html>"),
    ),
    extensions(("x-error-codes" = json!([Code::Unavailable, Code::StorageFull])))
)]
async fn start(state: Data<State>, origin: ReqData<Origin>, request: HttpRequest) -> Result<HttpResponse, ApiError> {
    let Some(given) = parameter(request.query_string(), "state") else { return Ok(over()) };
    let Some(tenant_id) = tenant_of(&given) else { return Ok(over()) };
    let (state_hash, name) = (hash(&given), cookie_name(&state, &given)?);
    let snapshots = Arc::clone(&state.snapshots);
    let look = move |tx: &mut Tx<'_>| {
        let found = snapshots.with_sealer(tx, |tx, sealer| flows::find(tx, sealer, &state_hash));
        found.map_err(Failure::from)
    };
    let found = state.read(tenant_id, look).await?.filter(|flow| flow.expires_at_us > system::now_us());
    let Some(Begun { flow, sealed }) = found.and_then(Begun::open) else { return Ok(over()) };
    let brought = request.cookie(&name).map(|cookie| hash(cookie.value()));
    if flow.cookie_hash.is_some() {
        // A pop-up that is loaded again; anybody else's browser has another cookie or none.
        return Ok(if brought == flow.cookie_hash { to(&sealed.url) } else { over() });
    }
    let secret = URL_SAFE_NO_PAD.encode(system::random::<32>());
    let cookie_hash = hash(&secret);
    let (work, told) = telling(move |tx, _| Ok((b"", flows::set_cookie_hash(tx, &state_hash, &cookie_hash)?)));
    own(&state, &origin, tenant_id, work).await?;
    if !told.take()? {
        return Ok(over());
    }
    let secure = name.starts_with("__Host-");
    let cookie = Cookie::build(name, secret)
        .path("/")
        .http_only(true)
        .secure(secure)
        .same_site(SameSite::Lax)
        .max_age(Duration::microseconds(FLOW_US))
        .finish();
    let mut response = to(&sealed.url);
    response.add_cookie(&cookie).map_err(|_| Code::Internal)?;
    Ok(response)
}

/// `GET /api/auth/oauth/callback/{provider}`: the provider's redirect; ends the flow at the app.
#[utoipa::path(
    get, path = "/api/auth/oauth/callback/{provider}", operation_id = "callback", tag = "Sign-in",
    params(
        ("provider" = String, Path, description = "Its name", example = "google"),
        ("state" = Option<String>, Query, description = "The flow"),
        ("code" = Option<String>, Query, description = "The provider's"),
        ("iss" = Option<String>, Query, description = "The provider, by RFC 9207"),
        ("error" = Option<String>, Query, description = "Why it refused"),
    ),
    responses(
        (status = 200, description = "With `web_message`: tells the window that opened this one", body = String,
            content_type = "text/html", example = "<!doctype html>"),
        (status = 302, description = "To the app, with a token, a code or an error"),
        (status = 400, description = "The flow is over", body = String, content_type = "text/html", example = "<!doctype html>"),
    ),
    extensions(("x-error-codes" = json!([Code::Unavailable, Code::StorageFull])))
)]
async fn callback(
    state: Data<State>,
    origin: ReqData<Origin>,
    path: Path<String>,
    request: HttpRequest,
) -> Result<HttpResponse, ApiError> {
    let read = |name: &str| parameter(request.query_string(), name);
    let callback = Callback { state: read("state"), code: read("code"), iss: read("iss"), error: read("error") };
    let Some(given) = callback.state.clone() else { return Ok(over()) };
    let Some(tenant_id) = tenant_of(&given) else { return Ok(over()) };
    let brought = request.cookie(&cookie_name(&state, &given)?).map(|cookie| hash(cookie.value()));
    let Some(begun) = take(&state, &origin, tenant_id, &given, path.as_str(), brought).await? else {
        return Ok(over());
    };
    let name = begun.flow.provider.as_str();
    let Some(provider) = provider(&state, tenant_id, name) else { return failed(&begun, "provider_removed") };
    let ended = match provider.client.finish(&provider.provider, &begun.sealed.kept, &callback, system::now_s()).await {
        Ok(identity) => {
            let arrived = arrive(&state, &origin, tenant_id, &begun.flow, &provider.provider, identity).await;
            // Who is refused is told where the flow began; a fault of ours too, as nobody is to be left in a pop-up.
            arrived.map_err(|error| refusal_of(&error))
        }
        Err(error) => {
            tracing::info!(provider = name, %error, "a sign-in failed");
            Err(code_of(&error))
        }
    };
    state.metrics.sign_in(provider.provider.kind_name(), ended.as_ref().err().copied().unwrap_or("signed_in"));
    match ended {
        Ok((name, value)) => back(&begun, (name, &value)),
        Err(code) => failed(&begun, code),
    }
}

/// The flow of a callback, which is over with that: its provider's, not too late, and in the browser that began it.
async fn take(
    state: &State,
    origin: &Origin,
    tenant_id: i64,
    given: &str,
    path: &str,
    brought: Option<[u8; 32]>,
) -> Result<Option<Begun>, ApiError> {
    let (state_hash, path) = (hash(given), path.to_owned());
    let fits = move |begun: &Begun, now_us: i64| {
        let Begun { flow, sealed } = begun;
        let is_its_browsers = sealed.direct || flow.cookie_hash.is_some() && flow.cookie_hash == brought;
        flow.expires_at_us > now_us && flow.provider.as_str() == path && is_its_browsers
    };
    let find = {
        let snapshots = Arc::clone(&state.snapshots);
        move |tx: &mut Tx<'_>| {
            let found = snapshots.with_sealer(tx, |tx, sealer| flows::find(tx, sealer, &state_hash));
            Ok::<_, Failure>(found?.and_then(Begun::open))
        }
    };
    // Anybody may ask: what fits no flow gets no place in the writer's queue.
    let found = state.read(tenant_id, find.clone()).await?;
    if !found.is_some_and(|begun| fits(&begun, system::now_us())) {
        return Ok(None);
    }
    let (work, told) = telling(move |tx, by| {
        let found = find(tx)?.filter(|begun| fits(begun, by.now_us));
        if found.is_some() {
            flows::remove(tx, &state_hash)?;
        }
        Ok((b"", found))
    });
    own(state, origin, tenant_id, work).await?;
    told.take()
}

/// What the app gets of a login.
enum Outcome {
    Token(Minted),
    Code(String),
}

/// Signs the identity in; → what the app gets of it.
async fn arrive(
    state: &State,
    origin: &Origin,
    tenant_id: i64,
    flow: &Flow,
    provider: &Provider,
    identity: Identity,
) -> Result<(&'static str, String), ApiError> {
    let login = Login {
        provider: flow.provider.clone(),
        issuer: provider.authority().map_err(|_| Code::Internal)?,
        subject: identity.subject,
        profile: Profile {
            email: identity.email,
            email_verified: identity.email_verified,
            display_name: identity.display_name,
            avatar_url: identity.avatar_url,
        },
    };
    let (app_id, linking, mode) = (flow.app_id, flow.link_user_id, flow.response_mode);
    let (work, told) = telling(move |tx, by| {
        let by = By { app_id: Some(app_id), ..by.clone() };
        let outcome = if let ResponseMode::Code = mode {
            // What is to be linked waits for the token that the code is exchanged with.
            let (user_id, link) = match linking {
                Some(user_id) => (user_id, Some(login.clone())),
                None => (sign_in(tx, &by, &login, None, app_id)?.id, None),
            };
            let code = URL_SAFE_NO_PAD.encode(system::random::<32>());
            let expires_at_us = by.now_us.saturating_add(CODE_US);
            let kept = SignInCode { code_hash: hash(&code), app_id, user_id, link, session_id: None, expires_at_us };
            sign_in_codes::put(tx, &kept)?;
            Outcome::Code(code)
        } else {
            let user = sign_in(tx, &by, &login, None, app_id)?;
            Outcome::Token(tokens::mint(tx, &by, &user, None, DEFAULT_LIFETIME_S)?)
        };
        Ok((b"", outcome))
    });
    own(state, origin, tenant_id, work).await?;
    match told.take()? {
        Outcome::Code(code) => Ok(("osaycore_code", code)),
        Outcome::Token(minted) => {
            let configuration = state.snapshots.configuration();
            let aud = configuration.app_uuid(app_id).ok_or(Code::Internal)?;
            let token = configuration.ring.issue(&minted.grant(aud)).map_err(|_| Code::Internal)?;
            Ok(("osaycore_jwt", token))
        }
    }
}

/// The provider of this name, if it is set.
fn provider(state: &State, tenant_id: i64, name: &str) -> Option<Arc<ServedProvider>> {
    state.snapshots.configuration().provider(tenant_id, name)
}

/// Runs work that no app has signed.
async fn own(state: &State, origin: &Origin, tenant_id: i64, work: Work) -> Result<(), ApiError> {
    let by = By {
        address: origin.address.map(|address| address.to_string()),
        request_id: Some(origin.request_id.to_string()),
        ..By::system(tenant_id, system::now_us())
    };
    let job = Job { tenant_id, sight: None, repeat: Repeat::Told, by, work };
    state.writer.run(job).await.map(drop)
}

impl Begun {
    fn open(flow: Flow) -> Option<Self> {
        let sealed = serde_json::from_slice(&flow.kept).ok()?;
        Some(Self { flow, sealed })
    }
}

/// Random, with the tenant in front: the callback's path does not name it.
fn state_of(tenant_id: i64) -> [u8; 32] {
    let mut state: [u8; 32] = system::random();
    state.iter_mut().zip(tenant_id.to_be_bytes()).for_each(|(to, from)| *to = from);
    state
}

fn tenant_of(state: &str) -> Option<i64> {
    let bytes = URL_SAFE_NO_PAD.decode(state).ok()?;
    let (tenant, rest) = bytes.split_first_chunk::<8>()?;
    (rest.len() == 24).then(|| i64::from_be_bytes(*tenant))
}

fn hash(text: &str) -> [u8; 32] {
    Sha256::digest(text.as_bytes()).into()
}

/// One for each flow, so that two windows are two flows. Without TLS, in development, there is no `Secure` to promise.
fn cookie_name(state: &State, given: &str) -> Result<String, ApiError> {
    let prefix = if state.public_url()?.starts_with("https://") { "__Host-" } else { "" };
    let id = hash(given);
    let id = id.first_chunk::<8>().map(hex::encode).unwrap_or_default();
    Ok(format!("{prefix}osaycore-flow-{id}"))
}

fn callback_url(state: &State, provider: &str) -> Result<Url, ApiError> {
    let url = format!("{}/api/auth/oauth/callback/{provider}", state.public_url()?);
    url.parse().map_err(|_| Code::Internal.into())
}

/// A parameter of a query that is there once.
fn parameter(query: &str, name: &str) -> Option<String> {
    let mut values = form_urlencoded::parse(query.as_bytes()).filter(|(known, _)| known == name);
    let value = values.next()?.1.into_owned();
    values.next().is_none().then_some(value)
}
