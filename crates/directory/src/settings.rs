//! How the server treats an app.

use alloc::{
    borrow::ToOwned,
    string::{String, ToString},
    vec::Vec,
};
use core::{ops::RangeInclusive, str::FromStr};

use serde::{Deserialize, Serialize};

use crate::{Rate, RedirectUri, scope::words};

words! {
    /// What a repeated request of an app gets.
    ReplayProtection, "replay protection", "idempotent or strict":
    /// The first outcome once more.
    Idempotent = "idempotent",
    /// 409, unless the request carries its own idempotency.
    Strict = "strict"
}

words! {
    /// Which data an OASIS state answer signs.
    OasisResponseSignature, "OASIS response signature", "library or guide":
    /// What the vendor's library verifies: the username and the state's name.
    Library = "library",
    /// What the guide prints: the user id and the state's number.
    Guide = "guide"
}

words! {
    /// The hash of new TOTP credentials (RFC 6238 §1.2).
    TotpAlgorithm, "TOTP algorithm", "SHA1, SHA256 or SHA512":
    /// What authenticator apps support.
    Sha1 = "SHA1",
    /// HMAC-SHA-256.
    Sha256 = "SHA256",
    /// HMAC-SHA-512.
    Sha512 = "SHA512"
}

/// The settings of an app, kept as one JSON object; absent members have their default, unknown ones are refused.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct AppSettings {
    /// Where sign-in may send the browser back to.
    pub redirect_uris: Vec<RedirectUri>,
    /// Credits per unit for users without a rate of their own; none: 1.
    pub default_credit_rate: Option<Rate>,
    /// What a repeated request gets.
    pub replay_protection: ReplayProtection,
    /// Only members of a group that is allowed on the app are authorized.
    pub restrict_to_groups: bool,
    /// Which data an OASIS state answer signs.
    pub oasis_response_signature: OasisResponseSignature,
    /// OASIS: users set to bypass skip their second factor here.
    pub allow_bypass: bool,
    /// Consecutive wrong codes that lock a user, 1–100.
    pub lockout_threshold: u32,
    /// How long the lock holds, in seconds, 1–86,400.
    pub lockout_seconds: u32,
    /// Requests of signature version 1 are refused.
    pub require_signature_v2: bool,
    /// Digits of a code of a new credential, 6–8.
    pub totp_digits: u32,
    /// Seconds that a code of a new credential is for, 15–120.
    pub totp_period: u32,
    /// The hash of a new credential.
    pub totp_algorithm: TotpAlgorithm,
    /// Requests that the app may make in a second, 1–1,000,000.
    pub requests_per_second: u32,
    /// The age at which a session ends however often it was refreshed, in seconds, 300–2,592,000.
    pub session_lifetime_seconds: u32,
}

impl Default for AppSettings {
    fn default() -> Self {
        Self {
            redirect_uris: Vec::new(),
            default_credit_rate: None,
            replay_protection: ReplayProtection::Idempotent,
            restrict_to_groups: false,
            oasis_response_signature: OasisResponseSignature::Library,
            allow_bypass: false,
            lockout_threshold: 5,
            lockout_seconds: 900,
            require_signature_v2: false,
            totp_digits: 6,
            totp_period: 30,
            totp_algorithm: TotpAlgorithm::Sha1,
            requests_per_second: 10_000,
            session_lifetime_seconds: 2_592_000,
        }
    }
}

/// Why a setting was not set; names the key.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum SettingError {
    /// No setting has this name.
    #[error("there is no setting {key:?}; the settings are {}", AppSettings::KEYS.join(", "))]
    UnknownKey {
        /// As it was given.
        key: String,
    },
    /// No value, or several where one is meant.
    #[error("{key} takes exactly one value")]
    NotOneValue {
        /// The setting.
        key: &'static str,
    },
    /// The value is none that the setting takes.
    #[error("{key}: {reason}")]
    Value {
        /// The setting.
        key: &'static str,
        /// What it takes.
        reason: String,
    },
    /// The stored document is not one of settings.
    #[error("not a document of settings: {0}")]
    Document(String),
}

const LOCKOUT_THRESHOLD: RangeInclusive<u32> = 1..=100;
const LOCKOUT_SECONDS: RangeInclusive<u32> = 1..=86_400;
const TOTP_DIGITS: RangeInclusive<u32> = 6..=8;
const TOTP_PERIOD: RangeInclusive<u32> = 15..=120;
const REQUESTS_PER_SECOND: RangeInclusive<u32> = 1..=1_000_000;
const SESSION_LIFETIME_SECONDS: RangeInclusive<u32> = 300..=2_592_000;
const MAX_REDIRECT_URIS: usize = 100;

impl AppSettings {
    /// The names of all settings, in the order of the document.
    pub const KEYS: &'static [&'static str] = &[
        "redirect_uris",
        "default_credit_rate",
        "replay_protection",
        "restrict_to_groups",
        "oasis_response_signature",
        "allow_bypass",
        "lockout_threshold",
        "lockout_seconds",
        "require_signature_v2",
        "totp_digits",
        "totp_period",
        "totp_algorithm",
        "requests_per_second",
        "session_lifetime_seconds",
    ];

    /// Sets one setting by its name, with hyphens or underscores. A list is replaced by all the values together, and
    /// emptied by one empty value; `default_credit_rate` is unset by `none`. On an error nothing has changed.
    pub fn set<V: AsRef<str>>(&mut self, key: &str, values: &[V]) -> Result<(), SettingError> {
        let name = key.replace('-', "_");
        let Some(key) = Self::KEYS.iter().copied().find(|known| *known == name) else {
            return Err(SettingError::UnknownKey { key: key.to_owned() });
        };
        if key == "redirect_uris" {
            self.redirect_uris = redirect_uris(key, values)?;
            return Ok(());
        }
        let [value] = values else { return Err(SettingError::NotOneValue { key }) };
        let value = value.as_ref();
        match key {
            "default_credit_rate" if value == "none" => self.default_credit_rate = None,
            "default_credit_rate" => self.default_credit_rate = Some(parse(key, value)?),
            "replay_protection" => self.replay_protection = parse(key, value)?,
            "restrict_to_groups" => self.restrict_to_groups = switch(key, value)?,
            "oasis_response_signature" => self.oasis_response_signature = parse(key, value)?,
            "allow_bypass" => self.allow_bypass = switch(key, value)?,
            "lockout_threshold" => self.lockout_threshold = number(key, value, LOCKOUT_THRESHOLD)?,
            "lockout_seconds" => self.lockout_seconds = number(key, value, LOCKOUT_SECONDS)?,
            "require_signature_v2" => self.require_signature_v2 = switch(key, value)?,
            "totp_digits" => self.totp_digits = number(key, value, TOTP_DIGITS)?,
            "totp_period" => self.totp_period = number(key, value, TOTP_PERIOD)?,
            "totp_algorithm" => self.totp_algorithm = parse(key, &value.to_ascii_uppercase())?,
            "requests_per_second" => {
                self.requests_per_second = number(key, value, REQUESTS_PER_SECOND)?;
            }
            "session_lifetime_seconds" => {
                self.session_lifetime_seconds = number(key, value, SESSION_LIFETIME_SECONDS)?;
            }
            _ => return Err(SettingError::UnknownKey { key: name }),
        }
        Ok(())
    }

    /// Reads the stored document; what [`set`](Self::set) would refuse is refused here too.
    pub fn from_json(document: &str) -> Result<Self, SettingError> {
        let settings: Self =
            serde_json::from_str(document).map_err(|error| SettingError::Document(error.to_string()))?;
        in_range("lockout_threshold", settings.lockout_threshold, LOCKOUT_THRESHOLD)?;
        in_range("lockout_seconds", settings.lockout_seconds, LOCKOUT_SECONDS)?;
        in_range("totp_digits", settings.totp_digits, TOTP_DIGITS)?;
        in_range("totp_period", settings.totp_period, TOTP_PERIOD)?;
        in_range("requests_per_second", settings.requests_per_second, REQUESTS_PER_SECOND)?;
        in_range("session_lifetime_seconds", settings.session_lifetime_seconds, SESSION_LIFETIME_SECONDS)?;
        Ok(settings)
    }

    /// The document to store, every member written out.
    pub fn to_json(&self) -> Result<String, SettingError> {
        serde_json::to_string(self).map_err(|error| SettingError::Document(error.to_string()))
    }

    /// Whether sign-in may send the browser to this URI.
    pub fn allows_redirect(&self, asked: &RedirectUri) -> bool {
        self.redirect_uris.iter().any(|registered| registered.matches(asked))
    }
}

fn redirect_uris<V: AsRef<str>>(key: &'static str, values: &[V]) -> Result<Vec<RedirectUri>, SettingError> {
    if let [only] = values
        && only.as_ref().is_empty()
    {
        return Ok(Vec::new());
    }
    if values.is_empty() || values.len() > MAX_REDIRECT_URIS {
        return Err(SettingError::Value { key, reason: "takes 1 to 100 values".to_owned() });
    }
    values.iter().map(|value| parse(key, value.as_ref())).collect()
}

fn parse<T: FromStr>(key: &'static str, value: &str) -> Result<T, SettingError>
where
    T::Err: ToString,
{
    value.parse().map_err(|error: T::Err| SettingError::Value { key, reason: error.to_string() })
}

fn switch(key: &'static str, value: &str) -> Result<bool, SettingError> {
    value.parse().map_err(|_| SettingError::Value { key, reason: "must be true or false".to_owned() })
}

fn number(key: &'static str, value: &str, range: RangeInclusive<u32>) -> Result<u32, SettingError> {
    let digits = !value.is_empty() && value.bytes().all(|byte| byte.is_ascii_digit());
    match value.parse() {
        Ok(number) if digits => in_range(key, number, range),
        _ => Err(out_of_range(key, &range)),
    }
}

fn in_range(key: &'static str, number: u32, range: RangeInclusive<u32>) -> Result<u32, SettingError> {
    if range.contains(&number) { Ok(number) } else { Err(out_of_range(key, &range)) }
}

fn out_of_range(key: &'static str, range: &RangeInclusive<u32>) -> SettingError {
    let reason = alloc::format!("must be a whole number from {} to {}", range.start(), range.end());
    SettingError::Value { key, reason }
}
