//! One flow: begun, kept, finished.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use oauth2::basic::BasicErrorResponseType;
use oauth2::{ErrorResponseType, PkceCodeChallenge, PkceCodeVerifier, RequestTokenError, StandardErrorResponse};
use osaycore_directory::{AvatarUrl, DisplayName, Email, ProviderName, Subject};
use serde::{Deserialize, Serialize};
use url::Url;

use super::github;
use super::http::{HttpError, Outgoing};
use super::openid::Issuers;
use super::provider::{Kind, Provider};

/// Why a flow came to nothing. The texts are for the log and for whoever set the provider; they repeat no secret.
#[derive(Debug, thiserror::Error)]
pub(crate) enum FlowError {
    /// The user, or the provider in the user's name, said no.
    #[error("access was denied at the provider")]
    Denied,
    /// The callback is not of the flow that was kept, or the provider was set anew meanwhile.
    #[error("the callback belongs to another flow")]
    Foreign,
    /// `iss` of the callback is not the provider's, or is missing although it always sends it (RFC 9207 §2.4).
    #[error("the callback comes from another issuer")]
    WrongIssuer,
    /// The provider answered with this error code (RFC 6749 §4.1.2.1, §5.2).
    #[error("the provider says: {0}")]
    Provider(String),
    /// The provider's answer is none that the protocol has.
    #[error("the provider's answer makes no sense: {0}")]
    Senseless(String),
    /// The provider was not reached, or may not be reached.
    #[error("the provider cannot be reached: {0}")]
    Unreachable(#[from] HttpError),
    /// It did not answer a moment ago, and is not asked again so soon.
    #[error("the provider did not answer a moment ago")]
    Resting,
    /// The provider does not take the code: it was used before, is too old, or is somebody else's.
    #[error("the provider refused the code")]
    CodeRefused,
    /// The ID token is not a valid one for this flow.
    #[error("the ID token {0}")]
    IdToken(#[from] IdTokenFault),
}

/// What is wrong with an ID token (OpenID Connect Core 1.0 §3.1.3.7).
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(crate) enum IdTokenFault {
    #[error("is missing")]
    Missing,
    #[error("is malformed")]
    Malformed,
    /// `none`, a MAC, or one that the provider does not say it uses.
    #[error("is signed by an algorithm that is not accepted")]
    Algorithm,
    /// Not among the provider's keys, which were read again if they had not been within the last minute.
    #[error("is signed by an unknown key")]
    UnknownKey,
    #[error("has a wrong signature")]
    Signature,
    #[error("is of another issuer")]
    Issuer,
    /// `aud` is not this client alone, or `azp` is another.
    #[error("is for another client")]
    Audience,
    #[error("is of another flow")]
    Nonce,
    #[error("has expired, or was issued in the future")]
    Time,
    #[error("has no subject of 1 to 255 ASCII characters")]
    Subject,
    #[error("came with another access token")]
    AccessToken,
}

/// The random values of a flow, drawn by the caller.
#[derive(Clone)]
pub(crate) struct Drawn {
    pub(crate) state: [u8; 32],
    pub(crate) nonce: [u8; 32],
    pub(crate) verifier: [u8; 32],
}

/// A flow that has begun.
pub(crate) struct Begun {
    /// Where the browser goes: the provider's authorization endpoint with all parameters.
    pub(crate) url: Url,
    /// The `state` that the callback will have, by which the caller finds what was kept.
    pub(crate) state: String,
    pub(crate) kept: Kept,
}

/// What is kept between the beginning and the end. It is to be sealed: who has it and the code can finish the flow.
#[derive(Clone, Serialize, Deserialize)]
pub(crate) struct Kept {
    provider: ProviderName,
    issuer: Option<String>,
    /// The provider always sends `iss`.
    iss_required: bool,
    redirect_uri: Url,
    state: String,
    nonce: String,
    verifier: String,
}

impl std::fmt::Debug for Kept {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str("Kept")
    }
}

impl Kept {
    pub(super) fn redirect_uri(&self) -> &Url {
        &self.redirect_uri
    }

    pub(super) fn nonce(&self) -> &str {
        &self.nonce
    }

    pub(super) fn verifier(&self) -> PkceCodeVerifier {
        PkceCodeVerifier::new(self.verifier.clone())
    }
}

/// The parameters of the callback (RFC 6749 §4.1.2, RFC 9207 §2); others are ignored.
#[derive(Clone, Default, Deserialize)]
pub(crate) struct Callback {
    pub(crate) state: Option<String>,
    pub(crate) code: Option<String>,
    pub(crate) iss: Option<String>,
    pub(crate) error: Option<String>,
}

/// What the provider is to ask for, of those too who are signed in there (OpenID Connect Core 1.0 §3.1.2.1). Not
/// every provider knows all of them; GitHub knows `select_account`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Prompt {
    Login,
    Consent,
    SelectAccount,
}

impl Prompt {
    const fn as_str(self) -> &'static str {
        match self {
            Self::Login => "login",
            Self::Consent => "consent",
            Self::SelectAccount => "select_account",
        }
    }
}

/// Who it was, as the provider says. What of it does not fit our rules is left out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Identity {
    pub(crate) subject: Subject,
    pub(crate) email: Option<Email>,
    /// The provider has seen that the address is theirs. False where there is none.
    pub(crate) email_verified: bool,
    pub(crate) display_name: Option<DisplayName>,
    pub(crate) avatar_url: Option<AvatarUrl>,
}

/// The client of all providers; it keeps what issuers say of themselves.
pub(crate) struct Client {
    http: Outgoing,
    issuers: Issuers,
}

impl Client {
    pub(crate) fn new(http: Outgoing) -> Self {
        Self { issuers: Issuers::new(http.clone()), http }
    }

    /// Begins a flow that comes back to `redirect_uri`, which is registered at the provider.
    pub(crate) async fn begin(
        &self,
        provider: &Provider,
        redirect_uri: &Url,
        prompt: Option<Prompt>,
        drawn: &Drawn,
        now_s: i64,
    ) -> Result<Begun, FlowError> {
        let mut kept = Kept {
            provider: provider.name().clone(),
            issuer: provider.issuer().map(str::to_owned),
            iss_required: false,
            redirect_uri: redirect_uri.clone(),
            state: URL_SAFE_NO_PAD.encode(drawn.state),
            nonce: URL_SAFE_NO_PAD.encode(drawn.nonce),
            verifier: URL_SAFE_NO_PAD.encode(drawn.verifier),
        };
        let state = kept.state.clone();
        let challenge = PkceCodeChallenge::from_code_verifier_sha256(&kept.verifier());
        let mut url = match provider.kind() {
            Kind::OpenId { issuer } => {
                let issuer = self.issuers.find(issuer, now_s).await?;
                kept.iss_required = issuer.sends_iss();
                issuer.authorization_url(provider, &kept, challenge, state.clone())
            }
            Kind::GitHub { web, .. } => {
                self.http.permit(web)?;
                github::authorization_url(provider, web, &kept, challenge, state.clone())?
            }
        };
        if let Some(prompt) = prompt {
            url.query_pairs_mut().append_pair("prompt", prompt.as_str());
        }
        Ok(Begun { url, state, kept })
    }

    /// Finishes the flow that `kept` was kept of. That it is finished once is the caller's to see to.
    pub(crate) async fn finish(
        &self,
        provider: &Provider,
        kept: &Kept,
        callback: &Callback,
        now_s: i64,
    ) -> Result<Identity, FlowError> {
        let code = code(provider, kept, callback)?;
        match provider.kind() {
            Kind::OpenId { issuer } => {
                let issuer = self.issuers.find(issuer, now_s).await?;
                self.issuers.identity(&issuer, provider, kept, code, now_s).await
            }
            Kind::GitHub { web, api } => github::identity(&self.http, provider, (web, api), kept, code).await,
        }
    }
}

/// The code of a callback, once it is clear that the callback is of this flow and from this provider. GitHub has no
/// issuer: its callbacks are told apart by the path of the redirect URI (RFC 9700 §4.4.2.2).
fn code<'a>(provider: &Provider, kept: &Kept, callback: &'a Callback) -> Result<&'a str, FlowError> {
    let is_ours = callback.state.as_ref() == Some(&kept.state)
        && kept.provider == *provider.name()
        && kept.issuer.as_deref() == provider.issuer();
    if !is_ours {
        return Err(FlowError::Foreign);
    }
    let is_right = match (&kept.issuer, &callback.iss) {
        (Some(ours), Some(theirs)) => ours == theirs,
        (Some(_), None) => !kept.iss_required,
        (None, _) => true,
    };
    if !is_right {
        return Err(FlowError::WrongIssuer);
    }
    match (&callback.error, &callback.code) {
        (Some(error), _) if error == "access_denied" => Err(FlowError::Denied),
        (Some(error), _) => Err(FlowError::Provider(shown(error))),
        (None, Some(code)) => Ok(code),
        (None, None) => Err(senseless("callback", "neither code nor error")),
    }
}

/// What a failed token request comes to.
pub(super) fn refused(error: RequestTokenError<HttpError, StandardErrorResponse<BasicErrorResponseType>>) -> FlowError {
    match error {
        RequestTokenError::Request(error) => error.into(),
        RequestTokenError::ServerResponse(answer) => of_code(answer.error()),
        // GitHub answers 200 with an error in it, and an ID token that does not parse spoils the whole answer.
        RequestTokenError::Parse(error, body) => match serde_json::from_slice(&body) {
            Ok(TokenAnswer { error: Some(code), .. }) => of_code(&code),
            Ok(TokenAnswer { id_token: Some(_), .. }) => IdTokenFault::Malformed.into(),
            _ => senseless("token endpoint", error.path()),
        },
        RequestTokenError::Other(error) => senseless("token endpoint", error),
    }
}

/// What can be read of a token answer that is not one.
#[derive(Deserialize)]
struct TokenAnswer {
    error: Option<BasicErrorResponseType>,
    id_token: Option<serde::de::IgnoredAny>,
}

fn of_code(code: &(impl ErrorResponseType + AsRef<str>)) -> FlowError {
    match code.as_ref() {
        "invalid_grant" | "bad_verification_code" => FlowError::CodeRefused,
        code => FlowError::Provider(shown(code)),
    }
}

/// An answer that makes no sense, and where; what is quoted of it may be long and anything.
pub(super) fn senseless(place: &str, error: impl std::fmt::Display) -> FlowError {
    let quoted: String = error.to_string().chars().filter(|c| !c.is_control()).take(200).collect();
    FlowError::Senseless(format!("{place}: {quoted}"))
}

/// An error code as it may stand in a log: the characters that RFC 6749 §4.1.2.1 gives it, 64 of them at most.
fn shown(code: &str) -> String {
    code.chars().filter(|c| matches!(c, ' '..='~') && !matches!(c, '"' | '\\')).take(64).collect()
}
