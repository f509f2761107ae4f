//! Who can be asked who somebody is: the providers of a deployment.

use std::fmt;

use osaycore_directory::{Issuer, ProviderName};
use serde::Serialize;
use url::Url;
use zeroize::Zeroizing;

/// The issuer of the preset `google`.
const GOOGLE: &str = "https://accounts.google.com";
/// The hosts of the preset `github`: where people sign in, and the API.
const GITHUB: [&str; 2] = ["https://github.com", "https://api.github.com"];

/// What is wrong with a provider. The text is a sentence for whoever set it, and repeats no secret.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum ProviderError {
    #[error("there are the presets google and github")]
    Preset,
    #[error(
        "an issuer is an https URL without user name, query or fragment (OpenID Connect Discovery 1.0 §3); \
         http is for development"
    )]
    Issuer,
    #[error("a client id is 1 to 255 visible ASCII characters")]
    ClientId,
    #[error("a client secret is 1 to 512 visible ASCII characters")]
    ClientSecret,
    #[error("a scope is made of visible ASCII characters without \" and \\ (RFC 6749 §3.3)")]
    Scope,
}

/// What a provider speaks.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(tag = "kind", rename_all = "lowercase")]
pub(crate) enum Kind {
    /// OpenID Connect, found by discovery.
    OpenId {
        /// Its identifier, kept as given: it is compared with `iss` character by character.
        issuer: String,
    },
    /// OAuth 2.0 and GitHub's API.
    GitHub {
        /// Where people sign in.
        web: Url,
        /// Where the API is.
        api: Url,
    },
}

impl Kind {
    /// `google` or `github`.
    pub(crate) fn preset(name: &str) -> Result<Self, ProviderError> {
        match name {
            "google" => Self::open_id(GOOGLE),
            "github" => {
                let [web, api] = GITHUB.map(|host| host.parse().map_err(|_| ProviderError::Preset));
                Ok(Self::GitHub { web: web?, api: api? })
            }
            _ => Err(ProviderError::Preset),
        }
    }

    /// Any issuer of OpenID Connect. `http` is taken here; whether it is used is the HTTP client's decision.
    pub(crate) fn open_id(issuer: &str) -> Result<Self, ProviderError> {
        let url: Url = issuer.parse().map_err(|_| ProviderError::Issuer)?;
        let is_plain = url.username().is_empty() && url.password().is_none();
        let is_issuer = matches!(url.scheme(), "https" | "http")
            && is_plain
            && url.has_host()
            && !issuer.contains(['?', '#', '@'])
            && issuer.len() <= 512
            && issuer.bytes().all(|byte| byte.is_ascii_graphic());
        is_issuer.then(|| Self::OpenId { issuer: issuer.to_owned() }).ok_or(ProviderError::Issuer)
    }

    /// Asked for when no scopes were configured: who it is, and the e-mail address.
    fn default_scopes(&self) -> &'static [&'static str] {
        match self {
            Self::OpenId { .. } => &["openid", "email", "profile"],
            Self::GitHub { .. } => &["read:user", "user:email"],
        }
    }
}

/// What a client proves itself to a provider with.
#[derive(Clone)]
pub(crate) struct ClientSecret(Zeroizing<String>);

impl ClientSecret {
    /// The secret itself: for the token request, and to be sealed.
    pub(crate) fn reveal(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for ClientSecret {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("ClientSecret")
    }
}

/// A provider, and what this deployment is there. Serialized without the secret.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct Provider {
    name: ProviderName,
    #[serde(flatten)]
    kind: Kind,
    client_id: String,
    #[serde(skip)]
    client_secret: ClientSecret,
    scopes: Vec<String>,
}

impl Provider {
    /// Without `scopes` the usual ones are asked for.
    pub(crate) fn new<'a>(
        name: ProviderName,
        kind: Kind,
        client_id: &str,
        client_secret: Zeroizing<String>,
        scopes: impl IntoIterator<Item = &'a str>,
    ) -> Result<Self, ProviderError> {
        if !is_visible(client_id, 255) {
            return Err(ProviderError::ClientId);
        }
        if !is_visible(&client_secret, 512) {
            return Err(ProviderError::ClientSecret);
        }
        let mut scopes: Vec<String> = scopes.into_iter().map(str::to_owned).collect();
        if scopes.iter().any(|scope| !is_visible(scope, 255) || scope.contains(['"', '\\'])) {
            return Err(ProviderError::Scope);
        }
        if scopes.is_empty() {
            scopes = kind.default_scopes().iter().map(|scope| (*scope).to_owned()).collect();
        }
        Ok(Self { name, kind, client_id: client_id.to_owned(), client_secret: ClientSecret(client_secret), scopes })
    }

    pub(crate) fn name(&self) -> &ProviderName {
        &self.name
    }

    pub(crate) fn kind(&self) -> &Kind {
        &self.kind
    }

    /// The kind, in one word.
    pub(crate) fn kind_name(&self) -> &'static str {
        match self.kind {
            Kind::OpenId { .. } => "openid",
            Kind::GitHub { .. } => "github",
        }
    }

    pub(crate) fn client_id(&self) -> &str {
        &self.client_id
    }

    pub(crate) fn client_secret(&self) -> &ClientSecret {
        &self.client_secret
    }

    pub(crate) fn scopes(&self) -> &[String] {
        &self.scopes
    }

    /// The issuer of an OpenID Connect provider.
    pub(crate) fn issuer(&self) -> Option<&str> {
        match &self.kind {
            Kind::OpenId { issuer } => Some(issuer),
            Kind::GitHub { .. } => None,
        }
    }

    /// Whose subjects its are: the issuer's, or GitHub's.
    pub(crate) fn authority(&self) -> Result<Issuer, ProviderError> {
        let text = match &self.kind {
            Kind::OpenId { issuer } => issuer,
            Kind::GitHub { web, .. } => web.as_str(),
        };
        text.parse().map_err(|_| ProviderError::Issuer)
    }
}

fn is_visible(text: &str, max: usize) -> bool {
    (1..=max).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_graphic())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn provider(kind: Kind, id: &str, secret: &str, scopes: &[&str]) -> Result<Provider, ProviderError> {
        Provider::new("work".parse().unwrap(), kind, id, Zeroizing::new(secret.to_owned()), scopes.iter().copied())
    }

    #[test]
    fn an_issuer_is_an_url_and_stays_as_given() {
        for issuer in
            ["https://idp.example", "https://idp.example/", "https://idp.example/realms/a", "http://[::1]:3000"]
        {
            assert_eq!(Kind::open_id(issuer).unwrap(), Kind::OpenId { issuer: issuer.to_owned() });
        }
        for issuer in [
            "",
            "idp.example",
            "ftp://idp.example",
            "https://",
            "https://a@idp.example",
            "https://@idp.example",
            "https://idp.example?a=b",
            "https://idp.example?",
            "https://idp.example#",
            " https://idp.example",
            "https://idp.example/a b",
            "javascript:alert(1)",
            "https://idp.example/\n",
            "https://ex\u{e4}mple.org",
        ] {
            assert_eq!(Kind::open_id(issuer), Err(ProviderError::Issuer), "{issuer}");
        }
    }

    #[test]
    fn presets_are_what_they_stand_for() {
        assert_eq!(Kind::preset("google"), Kind::open_id("https://accounts.google.com"));
        let Ok(Kind::GitHub { api, .. }) = Kind::preset("github") else { panic!("it is GitHub") };
        assert_eq!(api.as_str(), "https://api.github.com/");
        assert_eq!(Kind::preset("Github"), Err(ProviderError::Preset));
    }

    #[test]
    fn what_is_sent_has_no_spaces_and_no_line_ends() {
        let google = || Kind::preset("google").unwrap();
        assert_eq!(provider(google(), "i d", "s", &[]).unwrap_err(), ProviderError::ClientId);
        assert_eq!(provider(google(), "", "s", &[]).unwrap_err(), ProviderError::ClientId);
        assert_eq!(provider(google(), "id", "", &[]).unwrap_err(), ProviderError::ClientSecret);
        assert_eq!(provider(google(), "id", "s\r\n", &[]).unwrap_err(), ProviderError::ClientSecret);
        for scope in ["", "a b", "a\"", "a\\"] {
            assert_eq!(provider(google(), "id", "s", &["ok", scope]).unwrap_err(), ProviderError::Scope, "{scope}");
        }
        assert_eq!(provider(google(), "id", "s", &["email"]).unwrap().scopes(), ["email"]);
    }

    #[test]
    fn the_secret_is_neither_shown_nor_serialized() {
        let github = provider(Kind::preset("github").unwrap(), "id", "hush-hush", &[]).unwrap();
        assert_eq!(github.client_secret().reveal(), "hush-hush");
        assert!(!format!("{github:?}").contains("hush"));
        let google = provider(Kind::preset("google").unwrap(), "id", "hush-hush", &[]).unwrap();
        assert_eq!(
            serde_json::to_value([github, google]).unwrap(),
            serde_json::json!([
                {
                    "name": "work", "kind": "github", "web": "https://github.com/", "api": "https://api.github.com/",
                    "client_id": "id", "scopes": ["read:user", "user:email"],
                },
                {
                    "name": "work", "kind": "openid", "issuer": "https://accounts.google.com",
                    "client_id": "id", "scopes": ["openid", "email", "profile"],
                },
            ])
        );
    }
}
