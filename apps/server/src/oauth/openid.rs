//! OpenID Connect: what an issuer says of itself, its keys, and its ID tokens.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use openidconnect::core::{
    CoreAuthDisplay, CoreClaimName, CoreClaimType, CoreClient, CoreClientAuthMethod, CoreGenderClaim, CoreGrantType,
    CoreIdToken, CoreIdTokenClaims, CoreIdTokenVerifier, CoreJsonWebKey, CoreJsonWebKeySet,
    CoreJweContentEncryptionAlgorithm, CoreJweKeyManagementAlgorithm, CoreJwsSigningAlgorithm, CoreResponseMode,
    CoreResponseType, CoreSubjectIdentifierType,
};
use openidconnect::{
    AccessToken, AccessTokenHash, AdditionalProviderMetadata, AuthType, AuthenticationFlow, AuthorizationCode,
    ClaimsVerificationError, ClientId, ClientSecret, CsrfToken, DiscoveryError, EmptyAdditionalClaims, EndUserEmail,
    EndUserName, EndUserPictureUrl, EndUserUsername, EndpointMaybeSet, EndpointNotSet, EndpointSet, IssuerUrl,
    JsonWebKeySet, LocalizedClaim, Nonce, OAuth2TokenResponse as _, PkceCodeChallenge, ProviderMetadata, RedirectUrl,
    Scope, SignatureVerificationError, TokenResponse as _, UserInfoClaims, UserInfoError,
};
use osaycore_directory::Subject;
use serde::{Deserialize, Serialize};
use tokio::sync::Mutex;
use url::Url;

use super::flow::{FlowError, IdTokenFault, Identity, Kept, refused, senseless};
use super::http::{HttpError, Outgoing};
use super::provider::Provider;

/// How long an issuer's discovery document and keys are used, in seconds.
const METADATA_AGE_S: i64 = 3600;

/// How long they are used where the issuer does not answer, in seconds.
const STALE_AGE_S: i64 = 86_400;

/// How long an issuer that did not answer is not asked again, in seconds.
const RETRY_S: i64 = 5;

/// How long unknown keys do not make an issuer's keys be read again, in seconds.
const KEYS_PAUSE_S: i64 = 60;

/// How far an issuer's clock may be off, in seconds.
const LEEWAY_S: i64 = 60;

/// Signatures that only the issuer can make. Never a MAC: its key would be the client secret, or taken to be a public
/// key.
const ALGORITHMS: [CoreJwsSigningAlgorithm; 9] = [
    CoreJwsSigningAlgorithm::RsaSsaPkcs1V15Sha256,
    CoreJwsSigningAlgorithm::RsaSsaPkcs1V15Sha384,
    CoreJwsSigningAlgorithm::RsaSsaPkcs1V15Sha512,
    CoreJwsSigningAlgorithm::RsaSsaPssSha256,
    CoreJwsSigningAlgorithm::RsaSsaPssSha384,
    CoreJwsSigningAlgorithm::RsaSsaPssSha512,
    CoreJwsSigningAlgorithm::EcdsaP256Sha256,
    CoreJwsSigningAlgorithm::EcdsaP384Sha384,
    CoreJwsSigningAlgorithm::EdDsa,
];

/// What we read of the discovery document beyond OpenID Connect Discovery 1.0.
#[derive(Debug, Clone, Serialize, Deserialize)]
struct Beyond {
    /// RFC 9207 §3.
    #[serde(default)]
    authorization_response_iss_parameter_supported: bool,
}

impl AdditionalProviderMetadata for Beyond {}

type Metadata = ProviderMetadata<
    Beyond,
    CoreAuthDisplay,
    CoreClientAuthMethod,
    CoreClaimName,
    CoreClaimType,
    CoreGrantType,
    CoreJweContentEncryptionAlgorithm,
    CoreJweKeyManagementAlgorithm,
    CoreJsonWebKey,
    CoreResponseMode,
    CoreResponseType,
    CoreSubjectIdentifierType,
>;

type OpenId =
    CoreClient<EndpointSet, EndpointNotSet, EndpointNotSet, EndpointNotSet, EndpointMaybeSet, EndpointMaybeSet>;

/// An issuer, as it was at `read_at_s`.
pub(super) struct Issuer {
    metadata: Metadata,
    read_at_s: i64,
    keys: Mutex<Keys>,
}

struct Keys {
    set: Arc<CoreJsonWebKeySet>,
    asked_at_s: i64,
}

impl Issuer {
    /// Whether each of its callbacks has `iss`.
    pub(super) fn sends_iss(&self) -> bool {
        self.metadata.additional_metadata().authorization_response_iss_parameter_supported
    }

    pub(super) fn authorization_url(
        &self,
        provider: &Provider,
        kept: &Kept,
        challenge: PkceCodeChallenge,
        state: String,
    ) -> Url {
        let client = self.client(provider, kept);
        let nonce = Nonce::new(kept.nonce().to_owned());
        let flow = AuthenticationFlow::<CoreResponseType>::AuthorizationCode;
        // The crate itself asks for `openid`.
        let scopes = provider.scopes().iter().filter(|scope| *scope != "openid");
        let request = client
            .authorize_url(flow, || CsrfToken::new(state), || nonce)
            .add_scopes(scopes.map(|scope| Scope::new(scope.clone())))
            .set_pkce_challenge(challenge);
        request.url().0
    }

    fn client(&self, provider: &Provider, kept: &Kept) -> OpenId {
        let secret = ClientSecret::new(provider.client_secret().reveal().to_owned());
        let id = ClientId::new(provider.client_id().to_owned());
        CoreClient::from_provider_metadata(self.metadata.clone(), id, Some(secret))
            .set_auth_type(self.auth_type())
            .set_redirect_uri(RedirectUrl::from_url(kept.redirect_uri().clone()))
    }

    /// `client_secret_basic` unless the issuer knows the other alone (Discovery 1.0 §3).
    fn auth_type(&self) -> AuthType {
        let methods = self.metadata.token_endpoint_auth_methods_supported();
        let knows = |method| methods.is_none_or(|methods| methods.contains(&method));
        let by_post = !knows(CoreClientAuthMethod::ClientSecretBasic) && knows(CoreClientAuthMethod::ClientSecretPost);
        if by_post { AuthType::RequestBody } else { AuthType::BasicAuth }
    }

    async fn keys(&self) -> Arc<CoreJsonWebKeySet> {
        self.keys.lock().await.set.clone()
    }

    /// Keys that are not `known`: those that somebody else has read meanwhile or, if the issuer was not asked within
    /// the last minute, those that it has now.
    async fn newer_keys(
        &self,
        http: &Outgoing,
        known: &Arc<CoreJsonWebKeySet>,
        now_s: i64,
    ) -> Result<Option<Arc<CoreJsonWebKeySet>>, FlowError> {
        let mut keys = self.keys.lock().await;
        if Arc::ptr_eq(&keys.set, known) {
            if now_s.saturating_sub(keys.asked_at_s) < KEYS_PAUSE_S {
                return Ok(None);
            }
            keys.asked_at_s = now_s;
            let set = JsonWebKeySet::fetch_async(self.metadata.jwks_uri(), http).await.map_err(undiscovered)?;
            keys.set = Arc::new(set);
        }
        Ok(Some(keys.set.clone()))
    }

    fn verifier(&self, provider: &Provider, keys: &CoreJsonWebKeySet, now_s: i64) -> Option<CoreIdTokenVerifier<'_>> {
        let supported = self.metadata.id_token_signing_alg_values_supported();
        let id = ClientId::new(provider.client_id().to_owned());
        let expiry = moment(now_s.saturating_sub(LEEWAY_S))?;
        let latest_s = now_s.saturating_add(LEEWAY_S);
        // As for a client without a secret: with one the crate would take MACs made by it.
        let verifier = CoreIdTokenVerifier::new_public_client(id, self.metadata.issuer().clone(), keys.clone())
            .set_allowed_algs(ALGORITHMS.into_iter().filter(|algorithm| supported.contains(algorithm)))
            .set_time_fn(move || expiry.into())
            .set_issue_time_verifier_fn(move |issued| {
                (issued.timestamp() <= latest_s).then_some(()).ok_or_else(|| "issued in the future".to_owned())
            });
        Some(verifier)
    }

    /// The claims of an ID token that was checked with `keys`.
    fn claims<'a>(
        &self,
        provider: &Provider,
        keys: &CoreJsonWebKeySet,
        (token, access_token): (&'a CoreIdToken, &AccessToken),
        nonce: &str,
        now_s: i64,
    ) -> Result<&'a CoreIdTokenClaims, IdTokenFault> {
        let verifier = self.verifier(provider, keys, now_s).ok_or(IdTokenFault::Time)?;
        let claims = token.claims(&verifier, &Nonce::new(nonce.to_owned())).map_err(fault)?;
        // The crate leaves these to its callers.
        if claims.authorized_party().is_some_and(|party| party.as_str() != provider.client_id()) {
            return Err(IdTokenFault::Audience);
        }
        if let Some(expected) = claims.access_token_hash() {
            let algorithm = token.signing_alg().map_err(|_| IdTokenFault::Algorithm)?;
            let key = token.signing_key(&verifier).map_err(|_| IdTokenFault::UnknownKey)?;
            let hash = AccessTokenHash::from_token(access_token, algorithm, key);
            if hash.map_err(|_| IdTokenFault::AccessToken)? != *expected {
                return Err(IdTokenFault::AccessToken);
            }
        }
        if subject(claims).is_ok() { Ok(claims) } else { Err(IdTokenFault::Subject) }
    }
}

fn subject(claims: &CoreIdTokenClaims) -> Result<Subject, IdTokenFault> {
    claims.subject().as_str().parse().map_err(|_| IdTokenFault::Subject)
}

/// The issuers that were asked: as many as providers were ever set.
pub(super) struct Issuers {
    http: Outgoing,
    known: std::sync::Mutex<HashMap<String, Arc<Mutex<Known>>>>,
}

/// What is known of an issuer. Locked while it is asked: all who wait get the one answer.
#[derive(Default)]
struct Known {
    issuer: Option<Arc<Issuer>>,
    failed_at_s: Option<i64>,
}

impl Issuers {
    pub(super) fn new(http: Outgoing) -> Self {
        Self { http, known: std::sync::Mutex::default() }
    }

    /// The issuer as it was within the last hour, or is now; as it was within a day, if it does not answer now.
    pub(super) async fn find(&self, issuer: &str, now_s: i64) -> Result<Arc<Issuer>, FlowError> {
        let slot = {
            // What is in it is whole at any moment.
            let mut known = self.known.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
            Arc::clone(known.entry(issuer.to_owned()).or_default())
        };
        let mut known = slot.lock().await;
        let younger = |found: &Arc<Issuer>, age_s: i64| now_s.saturating_sub(found.read_at_s) < age_s;
        let usable = known.issuer.clone().filter(|found| younger(found, STALE_AGE_S));
        if let Some(found) = usable.as_ref().filter(|found| younger(found, METADATA_AGE_S)) {
            return Ok(Arc::clone(found));
        }
        if known.failed_at_s.is_some_and(|at_s| now_s.saturating_sub(at_s) < RETRY_S) {
            return usable.ok_or(FlowError::Resting);
        }
        match self.discover(issuer, now_s).await {
            Ok(found) => {
                *known = Known { issuer: Some(Arc::clone(&found)), failed_at_s: None };
                Ok(found)
            }
            Err(error) => {
                known.failed_at_s = matches!(error, FlowError::Unreachable(_)).then_some(now_s);
                let Some(found) = usable else { return Err(error) };
                tracing::warn!(issuer, %error, "an issuer does not say what it is; what it said before is used");
                Ok(found)
            }
        }
    }

    async fn discover(&self, issuer: &str, now_s: i64) -> Result<Arc<Issuer>, FlowError> {
        let url = IssuerUrl::new(issuer.to_owned()).map_err(|error| senseless("discovery", error))?;
        let metadata = Metadata::discover_async(url, &self.http).await.map_err(undiscovered)?;
        // It is where browsers are sent to.
        self.http.permit(metadata.authorization_endpoint().url())?;
        let keys = Keys { set: Arc::new(metadata.jwks().clone()), asked_at_s: now_s };
        Ok(Arc::new(Issuer { metadata, read_at_s: now_s, keys: Mutex::new(keys) }))
    }

    /// Exchanges the code and checks the ID token. Where that has no e-mail address the userinfo endpoint is asked too.
    pub(super) async fn identity(
        &self,
        issuer: &Issuer,
        provider: &Provider,
        kept: &Kept,
        code: &str,
        now_s: i64,
    ) -> Result<Identity, FlowError> {
        let client = issuer.client(provider, kept);
        let exchange = client
            .exchange_code(AuthorizationCode::new(code.to_owned()))
            .map_err(|error| senseless("discovery", error))?
            .set_pkce_verifier(kept.verifier());
        let answer = exchange.request_async(&self.http).await.map_err(refused)?;
        let token = (answer.id_token().ok_or(IdTokenFault::Missing)?, answer.access_token());

        let keys = issuer.keys().await;
        let claims = match issuer.claims(provider, &keys, token, kept.nonce(), now_s) {
            Err(IdTokenFault::UnknownKey) => {
                let newer = issuer.newer_keys(&self.http, &keys, now_s).await?.ok_or(IdTokenFault::UnknownKey)?;
                issuer.claims(provider, &newer, token, kept.nonce(), now_s)?
            }
            judged => judged?,
        };
        let mut profile = Profile {
            email: claims.email(),
            email_verified: claims.email_verified(),
            name: claims.name(),
            username: claims.preferred_username(),
            picture: claims.picture(),
        };
        let more = match profile.email {
            None => self.user_info(&client, answer.access_token(), claims).await?,
            Some(_) => None,
        };
        if let Some(more) = &more {
            profile = Profile {
                email: more.email(),
                email_verified: more.email_verified(),
                name: profile.name.or(more.name()),
                username: profile.username.or(more.preferred_username()),
                picture: profile.picture.or(more.picture()),
            };
        }
        Ok(profile.of(subject(claims)?))
    }

    /// What the userinfo endpoint, if there is one, says of the same subject (Core 1.0 §5.3).
    async fn user_info(
        &self,
        client: &OpenId,
        token: &AccessToken,
        claims: &CoreIdTokenClaims,
    ) -> Result<Option<UserInfoClaims<EmptyAdditionalClaims, CoreGenderClaim>>, FlowError> {
        // The crate panics over a token that cannot stand in a header.
        if !token.secret().bytes().all(|byte| byte.is_ascii_graphic()) {
            return Err(senseless("token endpoint", "the access token is not of RFC 6750 §2.1"));
        }
        let Ok(request) = client.user_info(token.clone(), Some(claims.subject().clone())) else { return Ok(None) };
        match request.request_async(&self.http).await {
            Ok(more) => Ok(Some(more)),
            Err(UserInfoError::Request(error)) => Err(error.into()),
            Err(error) => Err(senseless("userinfo", error)),
        }
    }
}

/// The claims of Core 1.0 §5.1 that we keep.
struct Profile<'a> {
    email: Option<&'a EndUserEmail>,
    email_verified: Option<bool>,
    name: Option<&'a LocalizedClaim<EndUserName>>,
    username: Option<&'a EndUserUsername>,
    picture: Option<&'a LocalizedClaim<EndUserPictureUrl>>,
}

impl Profile<'_> {
    fn of(&self, subject: Subject) -> Identity {
        let email = self.email.and_then(|email| email.as_str().parse().ok());
        let name = self.name.and_then(|name| name.get(None)).map(|name| name.as_str());
        let name = name.or_else(|| self.username.map(|name| name.as_str()));
        let picture = self.picture.and_then(|picture| picture.get(None));
        Identity {
            subject,
            email_verified: email.is_some() && self.email_verified == Some(true),
            email,
            display_name: name.and_then(|name| name.parse().ok()),
            avatar_url: picture.and_then(|picture| picture.as_str().parse().ok()),
        }
    }
}

fn undiscovered(error: DiscoveryError<HttpError>) -> FlowError {
    match error {
        DiscoveryError::Request(error) => error.into(),
        // Its text does not have what led to it.
        DiscoveryError::Parse(error) => senseless("discovery", error),
        error => senseless("discovery", error),
    }
}

fn fault(error: ClaimsVerificationError) -> IdTokenFault {
    use SignatureVerificationError as Signature;
    match error {
        ClaimsVerificationError::Expired(_) => IdTokenFault::Time,
        ClaimsVerificationError::InvalidAudience(_) => IdTokenFault::Audience,
        ClaimsVerificationError::InvalidIssuer(_) => IdTokenFault::Issuer,
        ClaimsVerificationError::InvalidNonce(_) => IdTokenFault::Nonce,
        ClaimsVerificationError::SignatureVerification(error) => match error {
            Signature::NoMatchingKey => IdTokenFault::UnknownKey,
            Signature::DisallowedAlg(_) | Signature::NoSignature | Signature::UnsupportedAlg(_) => {
                IdTokenFault::Algorithm
            }
            _ => IdTokenFault::Signature,
        },
        _ => IdTokenFault::Malformed,
    }
}

fn moment(at_s: i64) -> Option<SystemTime> {
    UNIX_EPOCH.checked_add(Duration::from_secs(u64::try_from(at_s).ok()?))
}
