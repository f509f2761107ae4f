//! The vendor's .NET library as it goes over the wire: bodies, signatures and the check of the responses, apart from the
//! crate that the server uses.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::sync::Mutex;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, KeyInit as _, Mac as _};
use serde_json::Value;
use sha2::Sha256;

use super::{Answer, App, Call, World, now_s};

/// Types of verification.
pub(crate) const LOGIN: u8 = 0;
pub(crate) const REGISTRATION: u8 = 1;

/// States by their numbers.
pub(crate) const STATES: [&str; 11] = [
    "NOTREGISTERED",
    "DISABLED",
    "LOCKED",
    "NOGROUPMEMBERSHIP",
    "NOTALLOWEDTOBYPASS",
    "SKIPAUTHENTICATION",
    "AUTHENTICATE",
    "INVALID",
    "VALID",
    "PENDINGENROLLMENT",
    "MAXUSERSREACHED",
];

/// How old a response may be.
const RESPONSE_AGE_S: i64 = 300;
/// How far back requests are signed: some of the window is left for their way.
const REQUEST_AGE_S: i64 = 290;

/// The library, set up for an app.
#[derive(Clone, Debug)]
pub(crate) struct Library {
    pub(crate) app_id: i64,
    pub(crate) application_key: String,
    pub(crate) api_key: String,
    directory: Option<String>,
    remote_ip: Option<String>,
}

/// Whom `RegisterUser` registers.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct NewUser<'a> {
    pub(crate) username: &'a str,
    pub(crate) fullname: Option<&'a str>,
    pub(crate) email: Option<&'a str>,
    pub(crate) send_enrollment_email: bool,
    pub(crate) user_groups: &'a [i64],
}

impl Library {
    pub(crate) fn of(app: &App) -> Self {
        Self {
            app_id: app.oasis_app_id,
            application_key: app.oasis_application_key.clone(),
            api_key: app.oasis_api_key.clone(),
            directory: None,
            remote_ip: None,
        }
    }

    pub(crate) fn in_directory(mut self, name: &str) -> Self {
        self.directory = Some(name.to_owned());
        self
    }

    /// Tells the address of the end user with every request.
    pub(crate) fn for_ip(mut self, address: &str) -> Self {
        self.remote_ip = Some(address.to_owned());
        self
    }

    /// Signs, sends and, as the library does of the 200 of a POST, checks that the server has signed the answer.
    #[track_caller]
    pub(crate) fn send(&self, world: &World, call: &Call) -> Answer {
        let call = self.sign(call);
        let answer = call.send(world);
        if call.method == "POST"
            && answer.status == 200
            && let Err(why) = self.check(&call, &answer, now_s())
        {
            panic!("the library refuses the answer to {}: {why}: {}", call.path, answer.text());
        }
        answer
    }
}

/// The operations, not signed yet.
impl Library {
    pub(crate) fn hello_world() -> Call {
        Call::get("/api/ApplicationAPI/HelloWorld")
    }

    pub(crate) fn request_authentication_state(&self, username: &str, verification_type: u8) -> Call {
        let (directory, username) = (optional(self.directory.as_deref()), text(username));
        let body =
            format!(r#"{{"DirectoryName":{directory},"Username":{username},"VerificationType":{verification_type}}}"#);
        post("RequestAuthenticationState", body)
    }

    pub(crate) fn register_user(&self, user: &NewUser<'_>) -> Call {
        let (directory, username) = (optional(self.directory.as_deref()), text(user.username));
        let (email, fullname) = (optional(user.email), optional(user.fullname));
        let groups = user.user_groups.iter().map(ToString::to_string).collect::<Vec<_>>().join(",");
        let send = user.send_enrollment_email;
        let body = format!(
            r#"{{"DirectoryName":{directory},"Email":{email},"Fullname":{fullname},"SendEnrollmentEmail":{send},"UserGroups":[{groups}],"Username":{username}}}"#
        );
        post("RegisterUser", body)
    }

    pub(crate) fn verify_user_otp(&self, username: &str, code: &str, verification_type: u8) -> Call {
        let (directory, username, code) = (optional(self.directory.as_deref()), text(username), text(code));
        let body = format!(
            r#"{{"DirectoryName":{directory},"OTPCode":{code},"Username":{username},"VerificationType":{verification_type}}}"#
        );
        post("VerifyUserOTP", body)
    }

    pub(crate) fn delete_user(&self, username: &str) -> Call {
        let directory = self.directory.as_ref().map(|name| format!("{name}\\")).unwrap_or_default();
        let name = escape_uri_string(&format!("{directory}{username}"));
        Call::new("DELETE", &format!("/api/ApplicationAPI/DeleteUser?userName={name}"))
    }
}

fn post(operation: &str, body: String) -> Call {
    let call = Call::post(&format!("/api/ApplicationAPI/{operation}"), body);
    call.set("Content-Type", "application/json; charset=utf-8")
}

/// Signatures, and the check of them.
impl Library {
    /// Signed at the newest second at which nothing was signed to the same signature: two such requests would be one.
    #[track_caller]
    pub(crate) fn sign(&self, call: &Call) -> Call {
        static GIVEN: Mutex<BTreeSet<String>> = Mutex::new(BTreeSet::new());
        let now_s = now_s();
        let signed = (0..REQUEST_AGE_S).map(|age_s| self.sign_at(call.clone(), now_s - age_s)).find(|call| {
            let (_, signature) = call.headers.iter().find(|(name, _)| name == "X-OASIS-REQSECRET").unwrap();
            GIVEN.lock().unwrap().insert(signature.clone())
        });
        signed.unwrap_or_else(|| panic!("{} was signed at each second of the window", call.path))
    }

    pub(crate) fn sign_at(&self, call: Call, epoch_s: i64) -> Call {
        let content = if call.method == "POST" { call.body.clone() } else { Vec::new() };
        let start = format!("{}:{epoch_s}:{}:", self.app_id, self.application_key);
        let end = self.remote_ip.as_ref().map(|ip| format!(":{ip}")).unwrap_or_default();
        let signature = mac(&self.api_key, &[start.into_bytes(), content, end.into_bytes()].concat());
        let call = call
            .set("X-OASIS-EPOCH", &epoch_s.to_string())
            .set("X-OASIS-APPID", &self.app_id.to_string())
            .set("X-OASIS-REQSECRET", &signature);
        match &self.remote_ip {
            Some(ip) => call.set("X-OASIS-IP", ip),
            None => call,
        }
    }

    /// Whether the library takes this answer at that Unix second, and why not.
    pub(crate) fn check(&self, call: &Call, answer: &Answer, now_s: i64) -> Result<(), String> {
        let sent: Value = serde_json::from_slice(&call.body).map_err(|error| error.to_string())?;
        let got: Value = serde_json::from_slice(&answer.body).map_err(|error| error.to_string())?;
        let data1 = sent["Username"].as_str().map_or_else(|| sent["UserID"].to_string(), str::to_owned);
        let data2 = if call.path.ends_with("/RegisterUser") {
            got["UserID"].as_i64().ok_or("UserID is no number")?.to_string()
        } else {
            let number = got["State"].as_u64().ok_or("State is no number")?;
            let name = usize::try_from(number).ok().and_then(|number| STATES.get(number));
            name.ok_or_else(|| format!("there is no state {number}"))?.to_string()
        };
        let token = got["RandomToken"].as_str().ok_or("RandomToken is no text")?;
        let signed_time_s = got["SignedTime"].as_i64().ok_or("SignedTime is no number")?;
        if signed_time_s < now_s - RESPONSE_AGE_S {
            return Err(format!("SignedTime is {} s old", now_s - signed_time_s));
        }
        let expected = self.response_signature(&data1, &data2, token, signed_time_s);
        if got["SignedResponse"] == expected.as_str() {
            return Ok(());
        }
        Err(format!("SignedResponse of {data1:?} and {data2:?} is {expected}"))
    }

    pub(crate) fn response_signature(&self, data1: &str, data2: &str, token: &str, signed_time_s: i64) -> String {
        mac(&self.application_key, format!("{data1}:{data2}:{token}:{signed_time_s}").as_bytes())
    }
}

/// Base64 of HMAC-SHA256.
fn mac(key: &str, message: &[u8]) -> String {
    let mac = Hmac::<Sha256>::new_from_slice(key.as_bytes()).unwrap().chain_update(message);
    STANDARD.encode(mac.finalize().into_bytes())
}

fn optional(value: Option<&str>) -> String {
    value.map_or_else(|| "null".to_owned(), text)
}

/// A JSON string as `DataContractJsonSerializer` writes it.
fn text(value: &str) -> String {
    let mut out = String::from("\"");
    for c in value.chars() {
        match c {
            '"' | '\\' | '/' => out.extend(['\\', c]),
            // Control characters, and each half of what takes two UTF-16 units.
            '\0'..' ' | '\u{FFFE}'.. => {
                for unit in c.encode_utf16(&mut [0; 2]) {
                    write!(out, "\\u{unit:04x}").unwrap();
                }
            }
            _ => out.push(c),
        }
    }
    out.push('"');
    out
}

/// `Uri.EscapeUriString`: what RFC 3986 reserves stays as it is.
fn escape_uri_string(value: &str) -> String {
    let mut out = String::new();
    for byte in value.bytes() {
        match char::from(byte) {
            c if c.is_ascii_alphanumeric() || "-._~:/?#[]@!$&'()*+,;=".contains(c) => out.push(c),
            _ => write!(out, "%{byte:02X}").unwrap(),
        }
    }
    out
}

impl Answer {
    /// The status and code must be these, and the body that of an error: never signed; → the body.
    #[track_caller]
    pub(crate) fn oasis_refused(&self, status: u16, code: &str) -> Value {
        let body = self.json();
        assert_eq!((self.status, body["Code"].as_str()), (status, Some(code)), "{body}");
        assert!(body["Message"].as_str().is_some_and(|sentence| !sentence.is_empty()), "{body}");
        assert_eq!(body["RequestId"].as_str(), self.header("x-request-id"), "{body}");
        assert_eq!(body["SignedResponse"], Value::Null, "{body}");
        body
    }
}
