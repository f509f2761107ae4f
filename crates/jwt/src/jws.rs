//! The signature layer: JWS compact serialization (RFC 7515 §7.1) without a word about claims.

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use jsonwebtoken::{Algorithm, crypto};
use serde::{Deserialize, Deserializer, de::IgnoredAny};

use crate::{Key, Refused};

/// A token taken apart, nothing of it verified.
pub(crate) struct Jws<'t> {
    header: Header,
    /// `header.payload`, what is signed.
    message: &'t str,
    payload: &'t str,
    signature: &'t str,
}

/// The members that matter. Keys and certificates which the header brings along (`jwk`, `jku`, `x5c`) do not.
#[derive(Deserialize)]
struct Header {
    alg: Algorithm,
    kid: Option<String>,
    #[serde(default, rename = "crit", deserialize_with = "present")]
    has_crit: bool,
    #[serde(default, rename = "typ", deserialize_with = "other_than_jwt")]
    is_other: bool,
}

impl<'t> Jws<'t> {
    pub(crate) fn parse(token: &'t str) -> Result<Self, Refused> {
        let (message, signature) = token.rsplit_once('.').ok_or(Refused::Malformed)?;
        let (header, payload) = message.split_once('.').ok_or(Refused::Malformed)?;
        let header: Header = serde_json::from_slice(&decode(header)?).map_err(|_| Refused::Malformed)?;
        // RFC 7515 §4.1.11: extensions that are not understood are refused, and none is understood here.
        // RFC 8725 §3.11: what another kind of token is good for, this one is not.
        if header.has_crit || header.is_other {
            return Err(Refused::Malformed);
        }
        Ok(Self { header, message, payload, signature })
    }

    /// The key's name, as claimed.
    pub(crate) fn kid(&self) -> Option<&str> {
        self.header.kid.as_deref()
    }

    /// The payload, if this key signed it with its own algorithm.
    pub(crate) fn verified_payload(&self, key: &Key) -> Result<Vec<u8>, Refused> {
        let algorithm = key.header.alg;
        let signed = self.header.alg == algorithm
            && crypto::verify(self.signature, self.message.as_bytes(), &key.decoding, algorithm).unwrap_or(false);
        if signed { decode(self.payload) } else { Err(Refused::BadSignature) }
    }
}

/// Strict base64url: no padding, no other characters, no stray bits at the end.
fn decode(part: &str) -> Result<Vec<u8>, Refused> {
    URL_SAFE_NO_PAD.decode(part).map_err(|_| Refused::Malformed)
}

/// A member that is there at all, `null` included.
fn present<'de, D: Deserializer<'de>>(deserializer: D) -> Result<bool, D::Error> {
    IgnoredAny::deserialize(deserializer).map(|_| true)
}

/// Whether `typ` names something else than a JWT (RFC 7519 §5.1; media types have no case, RFC 7515 §4.1.9).
fn other_than_jwt<'de, D: Deserializer<'de>>(deserializer: D) -> Result<bool, D::Error> {
    let typ = String::deserialize(deserializer)?;
    Ok(!typ.eq_ignore_ascii_case("JWT") && !typ.eq_ignore_ascii_case("application/jwt"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::KeyState;
    use aws_lc_rs::encoding::AsDer;
    use aws_lc_rs::rsa::{KeyPair, KeyPairComponents, PublicKeyComponents};
    use serde_json::Value;

    /// Faults of the file: 367 and 370 are called invalid and equal 357, which is valid; 372 and 373 are called valid
    /// and contain `?`.
    const FAULTS: [u64; 4] = [367, 370, 372, 373];

    #[test]
    fn the_algorithms_agree_with_wycheproof() {
        let Some(folder) = std::env::var_os("OSAYCORE_VECTORS") else {
            println!("did not run: OSAYCORE_VECTORS is not set");
            return;
        };
        let file = std::path::Path::new(&folder).join("wycheproof/json_web_signature_test.json");
        let set: Value = serde_json::from_slice(&std::fs::read(file).unwrap()).unwrap();
        let (mut tests, mut disagreeing) = (0, Vec::new());
        for group in set["testGroups"].as_array().unwrap() {
            let Some(key) = key_of(&group["private"]) else { continue };
            for test in group["tests"].as_array().unwrap() {
                tests += 1;
                let jws = Jws::parse(test["jws"].as_str().unwrap());
                let accepted = jws.and_then(|jws| jws.verified_payload(&key)).is_ok();
                if accepted != (test["result"] == "valid") {
                    disagreeing.push(test["tcId"].as_u64().unwrap());
                }
            }
        }
        assert_eq!((tests, disagreeing), (273, FAULTS.to_vec()));
    }

    /// The key of a JWK; none of an algorithm that we have not.
    fn key_of(jwk: &Value) -> Option<Key> {
        let member = |name: &str| URL_SAFE_NO_PAD.decode(jwk[name].as_str().unwrap()).unwrap();
        let algorithm = crate::Algorithm::named(jwk["alg"].as_str()?)?;
        if algorithm == crate::Algorithm::Hs256 {
            return Some(Key::hs256("test", &member("k"), KeyState::Active).unwrap());
        }
        let pair = KeyPair::from_components(&KeyPairComponents {
            public_key: PublicKeyComponents { n: member("n"), e: member("e") },
            d: member("d"),
            p: member("p"),
            q: member("q"),
            dP: member("dp"),
            dQ: member("dq"),
            qInv: member("qi"),
        });
        let pkcs8 = pair.unwrap().as_der().unwrap();
        Some(Key::new(algorithm, "test", pkcs8.as_ref(), KeyState::Active).unwrap())
    }

    #[test]
    fn the_signature_of_rfc_8037_a_4_is_made_and_verifies() {
        let decoded = |text: &str| URL_SAFE_NO_PAD.decode(text).unwrap();
        let seed = decoded("nWGxne_9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A");
        let pkcs8 =
            [[0x30, 0x2e, 2, 1, 0, 0x30, 5, 6, 3, 0x2b, 0x65, 0x70, 4, 0x22, 4, 0x20].as_slice(), &seed].concat();
        let key = Key::new(crate::Algorithm::EdDsa, "a", &pkcs8, KeyState::Next).unwrap();
        let public = serde_json::to_value(&key.public).unwrap();
        assert_eq!(public["x"], "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo");

        let message = "eyJhbGciOiJFZERTQSJ9.RXhhbXBsZSBvZiBFZDI1NTE5IHNpZ25pbmc";
        let signature = "hgyY0il_MGCjP0JzlnLWG1PPOt7-09PGcvMg3AIbQR6dWbhijcNR4ki4iylGjg5BhVsPt9g7sVvpAr_MuM0KAg";
        let signed = crypto::sign(message.as_bytes(), &key.encoding, Algorithm::EdDSA).unwrap();
        assert_eq!(signed, signature);
        let token = format!("{message}.{signature}");
        let payload = Jws::parse(&token).unwrap().verified_payload(&key).unwrap();
        assert_eq!(payload, b"Example of Ed25519 signing");
    }

    #[test]
    fn the_token_of_rfc_7515_a_1_verifies() {
        let secret = "AyM1SysPpbyDfgZld3umj1qzKObwVMkoqQ-EstJQLr_T-1qS0gZH75aKtMN3Yj0iPS4hcgUuTwjAzZr1Z9CAow";
        let token = "eyJ0eXAiOiJKV1QiLA0KICJhbGciOiJIUzI1NiJ9.\
            eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9pc19yb290Ijp0cnVlfQ.\
            dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk";
        let key = Key::hs256("a", &URL_SAFE_NO_PAD.decode(secret).unwrap(), KeyState::Next).unwrap();
        let payload = Jws::parse(token).unwrap().verified_payload(&key).unwrap();
        assert_eq!(
            String::from_utf8(payload).unwrap(),
            "{\"iss\":\"joe\",\r\n \"exp\":1300819380,\r\n \"http://example.com/is_root\":true}"
        );
        let other = Key::hs256("a", &[1; 32], KeyState::Next).unwrap();
        let refused = Jws::parse(token).unwrap().verified_payload(&other);
        assert_eq!(refused, Err(Refused::BadSignature));
    }
}
