//! One table from what went wrong to what the wire says.

use std::fmt::Write as _;

use actix_web::http::StatusCode;
use actix_web::{HttpResponse, ResponseError};

use crate::store::db::{AsStoreError, StoreError};

/// The stable, machine-readable names of errors (contract, "Errors").
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Code {
    InvalidJson,
    MissingField,
    UnknownField,
    InvalidField,
    AmountScale,
    AmountRange,
    BalanceLimit,
    UnsupportedProvider,
    TargetingKeyMissing,
    MissingAuthHeaders,
    InvalidApiKey,
    InvalidTimestamp,
    TimestampOutOfWindow,
    InvalidSignature,
    SignatureReused,
    MissingToken,
    TokenExpired,
    TokenInvalid,
    InsufficientCredits,
    MinimumBalance,
    UserInactive,
    NotPermitted,
    ScopeMissing,
    RedirectNotRegistered,
    UserNotFound,
    NotFound,
    FlagNotFound,
    MethodNotAllowed,
    ReplayedRequest,
    ReferenceConflict,
    PaymentUsed,
    AlreadyEnrolled,
    PreconditionFailed,
    BodyTooLarge,
    UnsupportedMediaType,
    RateLimited,
    Internal,
    Unavailable,
    MailNotConfigured,
    ProviderUnreachable,
    StorageFull,
}

/// code, its name, status, and the sentence; a row's sentence is what clients of the document match on.
pub(crate) const TABLE: &[(Code, &str, u16, &str)] = &[
    (Code::InvalidJson, "invalid_json", 400, "The body is not valid JSON"),
    (Code::MissingField, "missing_field", 400, "A required field is missing"),
    (Code::UnknownField, "unknown_field", 400, "The body has a field that is not known here"),
    (Code::InvalidField, "invalid_field", 400, "A field has an invalid value"),
    (Code::AmountScale, "amount_scale", 400, "An amount has at most 6 decimal places"),
    (Code::AmountRange, "amount_range", 400, "An amount is at most 1000000000000"),
    (Code::BalanceLimit, "balance_limit", 400, "The balance or a lifetime sum would pass 1000000000000"),
    (Code::UnsupportedProvider, "unsupported_provider", 400, "Unsupported provider"),
    (Code::TargetingKeyMissing, "targeting_key_missing", 400, "The flag needs a targetingKey"),
    (Code::MissingAuthHeaders, "missing_auth_headers", 401, "Missing API authentication headers"),
    (Code::InvalidApiKey, "invalid_api_key", 401, "Invalid API key"),
    (Code::InvalidTimestamp, "invalid_timestamp", 401, "Invalid API signature"),
    (Code::TimestampOutOfWindow, "timestamp_out_of_window", 401, "Invalid API signature"),
    (Code::InvalidSignature, "invalid_signature", 401, "Invalid API signature"),
    (Code::SignatureReused, "signature_reused", 401, "Invalid API signature"),
    (Code::MissingToken, "missing_token", 401, "Unauthorized"),
    (Code::TokenExpired, "token_expired", 401, "Authentication token expired"),
    (Code::TokenInvalid, "token_invalid", 401, "Authentication token invalid"),
    (Code::InsufficientCredits, "insufficient_credits", 402, "Insufficient credits"),
    (Code::MinimumBalance, "minimum_balance", 402, "Minimum balance exceeded"),
    (Code::UserInactive, "user_inactive", 403, "The user is not active"),
    (Code::NotPermitted, "not_permitted", 403, "The user may not use this app"),
    (Code::ScopeMissing, "scope_missing", 403, "A scope that this call needs is missing"),
    (Code::RedirectNotRegistered, "redirect_not_registered", 403, "redirect_uri is not registered for this app"),
    (Code::UserNotFound, "user_not_found", 404, "User not found"),
    (Code::NotFound, "not_found", 404, "Not found"),
    (Code::FlagNotFound, "flag_not_found", 404, "Flag not found"),
    (Code::MethodNotAllowed, "method_not_allowed", 405, "Method not allowed"),
    (
        Code::ReplayedRequest,
        "replayed_request",
        409,
        "This request was made before; send a client_reference_id to tell equal requests apart",
    ),
    (Code::ReferenceConflict, "reference_conflict", 409, "The reference was used for another request"),
    (Code::PaymentUsed, "payment_used", 409, "The payment was credited before"),
    (Code::AlreadyEnrolled, "already_enrolled", 409, "The user has enrolled already"),
    (Code::PreconditionFailed, "precondition_failed", 412, "It was changed since; read it again"),
    (Code::BodyTooLarge, "body_too_large", 413, "The body is too large"),
    (Code::UnsupportedMediaType, "unsupported_media_type", 415, "Send the body as application/json"),
    (Code::RateLimited, "rate_limited", 429, "Too many requests"),
    (Code::Internal, "internal", 500, "Internal error"),
    (Code::Unavailable, "unavailable", 503, "The service is busy; try again"),
    (Code::MailNotConfigured, "mail_not_configured", 503, "The server has no mail server to send by"),
    (Code::ProviderUnreachable, "provider_unreachable", 503, "The provider cannot be reached"),
    (Code::StorageFull, "storage_full", 507, "The service cannot store more at the moment"),
];

impl Code {
    fn row(self) -> (&'static str, u16, &'static str) {
        TABLE
            .iter()
            .find(|row| row.0 == self)
            .map_or(("internal", 500, "Internal error"), |(_, name, status, sentence)| (name, *status, sentence))
    }

    /// As the wire explains it, unless there is more to say.
    pub(crate) fn sentence(self) -> &'static str {
        self.row().2
    }

    /// As the wire writes it.
    pub(crate) fn as_str(self) -> &'static str {
        self.row().0
    }

    /// As `OpenFeature` names it (its specification, "Error Code").
    pub(crate) fn of_ofrep(self) -> &'static str {
        match self {
            Self::InvalidJson => "PARSE_ERROR",
            Self::MissingField | Self::UnknownField | Self::InvalidField => "INVALID_CONTEXT",
            Self::TargetingKeyMissing => "TARGETING_KEY_MISSING",
            Self::FlagNotFound => "FLAG_NOT_FOUND",
            _ => "GENERAL",
        }
    }

    /// The HTTP status.
    pub(crate) fn status(self) -> StatusCode {
        StatusCode::from_u16(self.row().1).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR)
    }
}

/// By its name.
impl serde::Serialize for Code {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}

/// How the body of an error looks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Shape {
    /// `{success, error, code, request_id}` and what helps.
    OsayCore,
    /// `{Message, Code, RequestId}`: the one-time passcode API.
    Oasis,
    /// A page for a person.
    Page,
    /// `{key, errorCode, errorDetails}`: `OpenFeature`'s protocol.
    Ofrep,
    /// The same as [`Shape::Oasis`] with the members of a registration: the vendor's library reads them whatever the status.
    OasisRegistration,
}

/// What a request is refused with: the row of the table, and what helps the caller.
#[derive(Clone, Debug)]
pub(crate) struct ApiError {
    pub(crate) code: Code,
    /// Instead of the row's sentence, never for 401, 402 and 404.
    detail: Option<String>,
    /// Further members of the body, each value already JSON.
    members: Vec<(&'static str, String)>,
    /// `Retry-After`, seconds.
    pub(crate) retry_after_s: Option<u64>,
    /// `Allow`, with 405.
    pub(crate) allow: Option<&'static str>,
}

impl From<Code> for ApiError {
    fn from(code: Code) -> Self {
        let retry_after_s = (code == Code::Unavailable).then_some(1);
        Self { code, detail: None, members: Vec::new(), retry_after_s, allow: None }
    }
}

impl ApiError {
    /// A 400 or 409 that names the member it is about.
    pub(crate) fn field(code: Code, field: &str, detail: impl Into<String>) -> Self {
        Self::from(code).detail(detail).member("field", &field)
    }

    /// A 400 `invalid_field`.
    pub(crate) fn invalid(field: &str, detail: impl std::fmt::Display) -> Self {
        let detail = detail.to_string();
        // Some types name themselves: "username must not be empty".
        let detail = if detail.starts_with(field) { detail } else { format!("{field}: {detail}") };
        Self::field(Code::InvalidField, field, detail)
    }

    /// A sentence that says more than the table's.
    pub(crate) fn detail(mut self, detail: impl Into<String>) -> Self {
        self.detail = Some(detail.into());
        self
    }

    /// One more member of the body.
    pub(crate) fn member(mut self, name: &'static str, value: &impl serde::Serialize) -> Self {
        if let Ok(json) = serde_json::to_string(value) {
            self.members.push((name, json));
        }
        self
    }

    /// 405, with the methods that there are.
    pub(crate) fn method_not_allowed(allow: &'static str) -> Self {
        Self { allow: Some(allow), ..Code::MethodNotAllowed.into() }
    }

    /// The member that it is about, where it names one.
    pub(crate) fn field_name(&self) -> Option<String> {
        let (_, json) = self.members.iter().find(|(name, _)| *name == "field")?;
        serde_json::from_str(json).ok()
    }

    /// When to try again.
    pub(crate) fn retry_after(mut self, seconds: u64) -> Self {
        self.retry_after_s = Some(seconds);
        self
    }

    /// The body, as the contract's "Errors" has it.
    pub(crate) fn body(&self, request_id: &str, shape: Shape) -> String {
        let (name, _, sentence) = self.code.row();
        let quoted = |text: &str| serde_json::Value::from(text).to_string();
        let sentence = self.detail.as_deref().unwrap_or(sentence);
        if shape == Shape::Ofrep {
            let code = self.code.of_ofrep();
            let key = self.members.iter().find(|(member, _)| *member == "key");
            let key = key.map(|(_, json)| format!(r#""key":{json},"#)).unwrap_or_default();
            return format!(r#"{{{key}"errorCode":"{code}","errorDetails":{}}}"#, quoted(sentence));
        }
        let further = match shape {
            Shape::OsayCore | Shape::Page | Shape::Ofrep => None,
            Shape::Oasis => Some(""),
            Shape::OasisRegistration => Some(r#","UserID":0,"UserQRCode":null,"QRData":null"#),
        };
        if let Some(further) = further {
            return format!(
                r#"{{"Message":{},"Code":"{name}","RequestId":{}{further}}}"#,
                quoted(sentence),
                quoted(request_id)
            );
        }
        let mut body = format!(
            r#"{{"success":false,"error":{},"code":"{name}","request_id":{}"#,
            quoted(sentence),
            quoted(request_id),
        );
        for (member, json) in &self.members {
            let _ = write!(body, r#","{member}":{json}"#);
        }
        body.push('}');
        body
    }
}

impl std::fmt::Display for ApiError {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str(self.detail.as_deref().unwrap_or(self.code.row().2))
    }
}

impl std::error::Error for ApiError {}

impl ResponseError for ApiError {
    fn status_code(&self) -> StatusCode {
        self.code.status()
    }

    /// Without a body: the outermost middleware writes it, as only that knows the request id.
    fn error_response(&self) -> HttpResponse {
        HttpResponse::new(self.status_code())
    }
}

/// A failure inside of a transaction: the caller's fault, or the store's.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Failure {
    #[error(transparent)]
    Refused(#[from] ApiError),
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl From<Code> for Failure {
    fn from(code: Code) -> Self {
        Self::Refused(code.into())
    }
}

impl AsStoreError for Failure {
    fn store_error(&self) -> Option<&StoreError> {
        match self {
            Self::Store(error) => Some(error),
            Self::Refused(_) => None,
        }
    }
}

/// The store's faults as the caller sees them: nothing of the inside, which goes to the log.
impl From<StoreError> for ApiError {
    fn from(error: StoreError) -> Self {
        if matches!(error, StoreError::Cursor) {
            return Self::invalid("cursor", "give back the next_cursor of the page before, and ask for the same list");
        }
        tracing::error!(%error, "storage failed");
        if error.is_storage_full() {
            return Code::StorageFull.into();
        }
        match error {
            StoreError::Corrupt(_) | StoreError::Sealing(_) => Code::Internal.into(),
            _ => Code::Unavailable.into(),
        }
    }
}

impl From<Failure> for ApiError {
    fn from(failure: Failure) -> Self {
        match failure {
            Failure::Refused(error) => error,
            Failure::Store(error) => error.into(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_code_has_one_row_and_one_name() {
        let mut names: Vec<_> = TABLE.iter().map(|row| row.1).collect();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), TABLE.len());
        for (code, name, status, _) in TABLE {
            assert_eq!((code.as_str(), code.status().as_u16()), (*name, *status));
        }
        // The last variant's discriminant counts the variants.
        #[expect(clippy::as_conversions, reason = "the discriminant of a field-less enum")]
        let variants = Code::StorageFull as usize + 1;
        assert_eq!(TABLE.len(), variants);
    }

    #[test]
    fn a_body_is_json_whatever_is_in_it() {
        let error = ApiError::field(Code::InvalidField, "a\"b", "say \"no\"\n").member("balance", &1.5);
        let body: serde_json::Value = serde_json::from_str(&error.body("id\"", Shape::OsayCore)).unwrap();
        assert_eq!(body["field"], "a\"b");
        assert_eq!(body["error"], "say \"no\"\n");
        assert_eq!((&body["request_id"], &body["success"]), (&"id\"".into(), &false.into()));
        let error = ApiError::from(Code::FlagNotFound).detail("no \"f\"").member("key", &"f\"").member("balance", &1);
        let body: serde_json::Value = serde_json::from_str(&error.body("id", Shape::Ofrep)).unwrap();
        let expected = serde_json::json!({"key": "f\"", "errorCode": "FLAG_NOT_FOUND", "errorDetails": "no \"f\""});
        assert_eq!(body, expected);
    }
}
