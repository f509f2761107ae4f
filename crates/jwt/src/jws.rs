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
}

impl<'t> Jws<'t> {
    pub(crate) fn parse(token: &'t str) -> Result<Self, Refused> {
        let (message, signature) = token.rsplit_once('.').ok_or(Refused::Malformed)?;
        let (header, payload) = message.split_once('.').ok_or(Refused::Malformed)?;
        let header: Header = serde_json::from_slice(&decode(header)?).map_err(|_| Refused::Malformed)?;
        // RFC 7515 §4.1.11: extensions that are not understood are refused, and none is understood here.
        if header.has_crit {
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::KeyState;
    use serde_json::Value;

    /// Faults of the file: 367 and 370 are called invalid and equal 357, which is valid; 372 and 373 are called valid
    /// and contain `?`.
    const FAULTS: [u64; 4] = [367, 370, 372, 373];

    #[test]
    fn hs256_agrees_with_wycheproof() {
        let Some(folder) = std::env::var_os("OSAYCORE_VECTORS") else {
            println!("did not run: OSAYCORE_VECTORS is not set");
            return;
        };
        let file = std::path::Path::new(&folder).join("wycheproof/json_web_signature_test.json");
        let set: Value = serde_json::from_slice(&std::fs::read(file).unwrap()).unwrap();
        let (mut tests, mut disagreeing) = (0, Vec::new());
        for group in set["testGroups"].as_array().unwrap() {
            if group["private"]["alg"] != "HS256" {
                continue;
            }
            let secret = URL_SAFE_NO_PAD.decode(group["private"]["k"].as_str().unwrap()).unwrap();
            let key = Key::hs256("test", &secret, KeyState::Active).unwrap();
            for test in group["tests"].as_array().unwrap() {
                tests += 1;
                let jws = Jws::parse(test["jws"].as_str().unwrap());
                let accepted = jws.and_then(|jws| jws.verified_payload(&key)).is_ok();
                if accepted != (test["result"] == "valid") {
                    disagreeing.push(test["tcId"].as_u64().unwrap());
                }
            }
        }
        assert_eq!((tests, disagreeing), (40, FAULTS.to_vec()));
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
