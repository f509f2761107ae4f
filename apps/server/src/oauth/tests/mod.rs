//! Flows against a provider that answers what a test tells it.

mod fake;
mod github;
mod http;
mod openid;
mod refusals;

use serde_json::{Value, json};
use url::Url;
use zeroize::Zeroizing;

use self::fake::{Fake, KEYS};
use super::flow::{Begun, Callback, Client, Drawn, FlowError, Identity, Prompt};
use super::http::Outgoing;
use super::provider::{Kind, Provider};

/// The moment at which all of it takes place.
const NOW_S: i64 = 1_700_000_000;
const CLIENT_ID: &str = "our-id";
const CLIENT_SECRET: &str = "our secret is %:+";

/// A client, and the provider that it talks to.
struct World {
    fake: Fake,
    client: Client,
    provider: Provider,
}

impl World {
    /// With an issuer that has the first key.
    fn of_openid() -> Self {
        let fake = Fake::start();
        fake.answer("/.well-known/openid-configuration", 200, &metadata(&fake.url()));
        fake.answer("/jwks", 200, &json!({"keys": [KEYS[0].jwk()]}));
        let kind = Kind::open_id(&fake.url()).unwrap();
        Self::of(fake, kind)
    }

    fn of(fake: Fake, kind: Kind) -> Self {
        let client = Client::new(Outgoing::new(true));
        Self { fake, client, provider: provider("idp", kind) }
    }

    async fn begin(&self) -> Begun {
        self.begin_at(NOW_S).await.unwrap()
    }

    async fn begin_at(&self, now_s: i64) -> Result<Begun, FlowError> {
        self.client.begin(&self.provider, &redirect_uri(), Some(Prompt::Login), &drawn(), now_s).await
    }

    /// The claims of the ID token that a flow ends in.
    fn claims(&self) -> Value {
        json!({
            "iss": self.fake.url(), "sub": "248289761001", "aud": CLIENT_ID, "iat": NOW_S, "exp": NOW_S + 300,
            "nonce": NONCE, "email": "ada@example.com", "email_verified": true, "name": "Ada Lovelace",
            "picture": "https://example.com/ada.png",
        })
    }

    /// From now on the token endpoint gives this ID token.
    fn give(&self, id_token: &str) {
        let answer = json!({"access_token": "access", "token_type": "Bearer", "expires_in": 60, "id_token": id_token});
        self.fake.answer("/token", 200, &answer);
    }

    async fn finish(&self, begun: &Begun) -> Result<Identity, FlowError> {
        self.finish_at(begun, &self.callback(begun), NOW_S).await
    }

    async fn finish_at(&self, begun: &Begun, callback: &Callback, now_s: i64) -> Result<Identity, FlowError> {
        self.client.finish(&self.provider, &begun.kept, callback, now_s).await
    }

    /// The callback of a flow that went well.
    fn callback(&self, begun: &Begun) -> Callback {
        let iss = Some(self.fake.url());
        Callback { state: Some(begun.state.clone()), code: Some("the+code".to_owned()), iss, error: None }
    }
}

fn provider(name: &str, kind: Kind) -> Provider {
    // A secret that a form and a header have to escape.
    let secret = Zeroizing::new(CLIENT_SECRET.replace(' ', "_"));
    Provider::new(name.parse().unwrap(), kind, CLIENT_ID, secret, []).unwrap()
}

fn metadata(issuer: &str) -> Value {
    json!({
        "issuer": issuer,
        "authorization_endpoint": format!("{issuer}/authorize"),
        "token_endpoint": format!("{issuer}/token"),
        "userinfo_endpoint": format!("{issuer}/userinfo"),
        "jwks_uri": format!("{issuer}/jwks"),
        "response_types_supported": ["code"],
        "subject_types_supported": ["public"],
        "id_token_signing_alg_values_supported": ["RS256", "ES256", "EdDSA", "HS256", "none", "XX999"],
        "authorization_response_iss_parameter_supported": true,
    })
}

const REDIRECT_URI: &str = "https://osaycore.example/api/auth/oauth/callback/idp";

fn redirect_uri() -> Url {
    REDIRECT_URI.parse().unwrap()
}

fn drawn() -> Drawn {
    Drawn { state: [1; 32], nonce: [2; 32], verifier: [3; 32] }
}

/// Of [`drawn`], in base64url.
const STATE: &str = "AQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQE";
const NONCE: &str = "AgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgI";
const VERIFIER: &str = "AwMDAwMDAwMDAwMDAwMDAwMDAwMDAwMDAwMDAwMDAwM";

/// The parameters of a URL's query or of a form.
fn parameters(text: &str) -> std::collections::BTreeMap<String, String> {
    form_urlencoded::parse(text.as_bytes()).into_owned().collect()
}
