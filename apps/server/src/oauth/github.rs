//! GitHub: OAuth 2.0, and who it was from the API.

use oauth2::basic::BasicClient;
use oauth2::http::{Request, StatusCode, header};
use oauth2::{
    AuthType, AuthUrl, AuthorizationCode, ClientId, ClientSecret, CsrfToken, EndpointNotSet, EndpointSet, HttpResponse,
    PkceCodeChallenge, RedirectUrl, Scope, TokenResponse as _, TokenUrl,
};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use url::Url;

use super::flow::{FlowError, Identity, Kept, refused, senseless};
use super::http::Outgoing;
use super::provider::Provider;

type GitHub = BasicClient<EndpointSet, EndpointNotSet, EndpointNotSet, EndpointNotSet, EndpointSet>;

/// `GET /user`.
#[derive(Deserialize)]
struct User {
    /// Stays, whereas `login` can be changed and then taken by somebody else.
    id: u64,
    login: String,
    name: Option<String>,
    avatar_url: Option<String>,
}

/// An entry of `GET /user/emails`.
#[derive(Deserialize)]
struct Address {
    email: String,
    primary: bool,
    verified: bool,
}

pub(super) fn authorization_url(
    provider: &Provider,
    web: &Url,
    kept: &Kept,
    challenge: PkceCodeChallenge,
    state: String,
) -> Result<Url, FlowError> {
    let client = client(provider, web, kept)?;
    let scopes = provider.scopes().iter().map(|scope| Scope::new(scope.clone()));
    let request = client.authorize_url(|| CsrfToken::new(state)).add_scopes(scopes).set_pkce_challenge(challenge);
    Ok(request.url().0)
}

/// Exchanges the code and asks who it was. The address is the primary one if it is verified, else there is none.
pub(super) async fn identity(
    http: &Outgoing,
    provider: &Provider,
    (web, api): (&Url, &Url),
    kept: &Kept,
    code: &str,
) -> Result<Identity, FlowError> {
    let client = client(provider, web, kept)?;
    let exchange = client.exchange_code(AuthorizationCode::new(code.to_owned())).set_pkce_verifier(kept.verifier());
    let token = exchange.request_async(http).await.map_err(refused)?;
    let token = token.access_token().secret();

    let user: User = json("/user", &ask(http, api, "/user", token).await?)?;
    let answer = ask(http, api, "/user/emails?per_page=100", token).await?;
    // The user, or an app's administrator, need not have granted it.
    let addresses: Vec<Address> = match answer.status() {
        StatusCode::FORBIDDEN | StatusCode::NOT_FOUND => Vec::new(),
        _ => json("/user/emails", &answer)?,
    };
    let email = addresses.into_iter().find(|address| address.primary && address.verified);
    let email = email.and_then(|address| address.email.parse().ok());
    Ok(Identity {
        subject: user.id.to_string().parse().map_err(|error| senseless("/user", error))?,
        email_verified: email.is_some(),
        email,
        display_name: user.name.filter(|name| !name.is_empty()).unwrap_or(user.login).parse().ok(),
        avatar_url: user.avatar_url.and_then(|url| url.parse().ok()),
    })
}

fn client(provider: &Provider, web: &Url, kept: &Kept) -> Result<GitHub, FlowError> {
    let secret = ClientSecret::new(provider.client_secret().reveal().to_owned());
    Ok(BasicClient::new(ClientId::new(provider.client_id().to_owned()))
        .set_client_secret(secret)
        .set_auth_type(AuthType::RequestBody)
        .set_auth_uri(AuthUrl::from_url(below(web, "/login/oauth/authorize")?))
        .set_token_uri(TokenUrl::from_url(below(web, "/login/oauth/access_token")?))
        .set_redirect_uri(RedirectUrl::from_url(kept.redirect_uri().clone())))
}

async fn ask(http: &Outgoing, api: &Url, path: &str, token: &str) -> Result<HttpResponse, FlowError> {
    let request = Request::get(below(api, path)?.as_str())
        .header(header::ACCEPT, "application/vnd.github+json")
        .header(header::AUTHORIZATION, format!("Bearer {token}"))
        .header("X-GitHub-Api-Version", "2022-11-28")
        .body(Vec::new())
        .map_err(|error| senseless(path, error))?;
    Ok(http.send(request).await?)
}

/// `path` under `base`, which on GitHub Enterprise Server has a path itself.
fn below(base: &Url, path: &str) -> Result<Url, FlowError> {
    let text = format!("{}{path}", base.as_str().trim_end_matches('/'));
    text.parse().map_err(|error| senseless(path, error))
}

fn json<T: DeserializeOwned>(path: &str, answer: &HttpResponse) -> Result<T, FlowError> {
    let status = answer.status();
    if status != StatusCode::OK {
        return Err(senseless(path, status));
    }
    serde_json::from_slice(answer.body()).map_err(|error| senseless(path, error))
}
