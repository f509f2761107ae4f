//! The parsed body, and clear words for what is wrong with one.

use std::future::{Ready, ready};

use actix_web::dev::Payload;
use actix_web::http::header::CONTENT_TYPE;
use actix_web::{FromRequest, HttpMessage, HttpRequest};
use osaycore_ledger::AmountError;
use serde::de::{DeserializeOwned, IgnoredAny};
use serde::{Deserialize, Deserializer};

use crate::error::{ApiError, Code};
use crate::extract::Caller;
use crate::posting::amount_error;

/// The deepest nesting of a body.
const MAX_DEPTH: usize = 128;

/// The body of a state-changing request, read as JSON.
pub(crate) struct Body<T>(pub(crate) T);

impl<T: DeserializeOwned> FromRequest for Body<T> {
    type Error = ApiError;
    type Future = Ready<Result<Self, ApiError>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        ready(read(request).map(Body))
    }
}

fn read<T: DeserializeOwned>(request: &HttpRequest) -> Result<T, ApiError> {
    let extensions = request.extensions();
    parse_body(request, extensions.get::<Caller>().ok_or(Code::Internal)?.body())
}

/// Reads the body of a request, whoever sent it.
pub(super) fn parse_body<T: DeserializeOwned>(request: &HttpRequest, body: &[u8]) -> Result<T, ApiError> {
    must_be_json(request)?;
    if body.is_empty() {
        return Err(ApiError::from(Code::InvalidJson).detail("Send a JSON body, at least {}"));
    }
    parse(body)
}

/// 415 for what says that it is something else.
pub(super) fn must_be_json(request: &HttpRequest) -> Result<(), ApiError> {
    if is_json(request) { Ok(()) } else { Err(Code::UnsupportedMediaType.into()) }
}

/// No content type is read as JSON.
fn is_json(request: &HttpRequest) -> bool {
    let Some(value) = request.headers().get(CONTENT_TYPE) else { return true };
    let Ok(value) = value.to_str() else { return false };
    let essence = value.split(';').next().unwrap_or_default().trim();
    essence.is_empty() || essence.eq_ignore_ascii_case("application/json")
}

/// Reads a JSON body; the error names the member.
pub(crate) fn parse<T: DeserializeOwned>(body: &[u8]) -> Result<T, ApiError> {
    // The whole of it first, so that a fault of the JSON is told before one of a member.
    let text =
        std::str::from_utf8(body).map_err(|_| ApiError::from(Code::InvalidJson).detail("The body is not UTF-8"))?;
    if let Err(error) = serde_json::from_str::<IgnoredAny>(text) {
        return Err(ApiError::from(Code::InvalidJson).detail(format!("The body is not valid JSON: {error}")));
    }
    if is_deeper_than(MAX_DEPTH, body) {
        return Err(ApiError::from(Code::InvalidJson).detail(format!("The body is nested deeper than {MAX_DEPTH}")));
    }
    // A JSON array would be read as a struct's members by position.
    if body.iter().find(|byte| !byte.is_ascii_whitespace()) != Some(&b'{') {
        return Err(ApiError::from(Code::InvalidJson).detail("The body must be a JSON object"));
    }
    let mut json = serde_json::Deserializer::from_str(text);
    let value = serde_path_to_error::deserialize(&mut json).map_err(|error| {
        let path = error.path().to_string();
        explain(&path, error.inner())
    })?;
    json.end().map_err(|error| explain(".", &error))?;
    Ok(value)
}

/// Whether valid JSON nests arrays and objects deeper than this.
fn is_deeper_than(limit: usize, json: &[u8]) -> bool {
    let (mut depth, mut in_string, mut escaped) = (0_usize, false, false);
    for byte in json {
        match byte {
            _ if escaped => escaped = false,
            b'\\' if in_string => escaped = true,
            b'"' => in_string = !in_string,
            b'[' | b'{' if !in_string => depth = depth.saturating_add(1),
            b']' | b'}' if !in_string => depth = depth.saturating_sub(1),
            _ => {}
        }
        if depth > limit {
            return true;
        }
    }
    false
}

fn explain(path: &str, error: &serde_json::Error) -> ApiError {
    let text = error.to_string();
    // serde_json appends where; the member says more.
    let what = text.split(" at line ").next().unwrap_or(&text);
    let named = |prefix: &str| {
        what.strip_prefix(prefix).and_then(|rest| rest.strip_prefix('`')).and_then(|rest| rest.split('`').next())
    };
    if error.is_syntax() || error.is_eof() {
        return ApiError::from(Code::InvalidJson).detail(format!("The body is not valid JSON: {text}"));
    }
    if let Some(member) = named("unknown field ") {
        return ApiError::field(Code::UnknownField, member, format!("{member} is not known here"));
    }
    if let Some(member) = named("missing field ") {
        return ApiError::field(Code::MissingField, member, format!("{member} is missing"));
    }
    if let Some(member) = named("duplicate field ") {
        return ApiError::invalid(member, "given twice");
    }
    let member = if path == "." { "body" } else { path };
    if what.starts_with("invalid type: null") {
        return ApiError::field(Code::MissingField, member, format!("{member} is missing"));
    }
    match AmountError::from_message(what) {
        Some(amount) => amount_error(member, amount),
        None => ApiError::invalid(member, what),
    }
}

/// What an app calls a user: the UUID, or the app's own id.
pub(crate) type UserId = Text<1, 255>;
/// Any text that tells equal bodies apart.
pub(crate) type Nonce = Text<1, 255>;

/// Text of `MIN` to `MAX` characters without U+0000.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Text<const MIN: usize, const MAX: usize>(pub(crate) String);

impl<'de, const MIN: usize, const MAX: usize> Deserialize<'de> for Text<MIN, MAX> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        let refuse = |what: String| Err(serde::de::Error::custom(what));
        if text.contains('\0') {
            return refuse("U+0000 is not allowed".to_owned());
        }
        match text.chars().count() {
            0 if MIN > 0 => refuse("must not be empty".to_owned()),
            length if length > MAX => refuse(format!("at most {MAX} characters")),
            _ => Ok(Self(text)),
        }
    }
}

#[cfg(test)]
mod tests {
    use osaycore_ledger::Amount;

    use super::*;

    #[derive(Debug, Deserialize)]
    #[serde(deny_unknown_fields)]
    #[expect(dead_code, reason = "only parsed")]
    struct Example {
        amount: Amount,
        user_id: Text<1, 5>,
        note: Option<Text<0, 3>>,
    }

    #[test]
    fn every_fault_has_its_code_and_names_its_member() {
        for (body, code, field) in [
            ("", Code::InvalidJson, None),
            ("{", Code::InvalidJson, None),
            ("[1]", Code::InvalidJson, None),
            ("null", Code::InvalidJson, None),
            (r#"{"amount":1,"user_id":"a"}x"#, Code::InvalidJson, None),
            (r#"{"ammount":1,"amount":0x10}"#, Code::InvalidJson, None),
            (r#"{"amount":1}"#, Code::MissingField, Some("user_id")),
            (r#"{"amount":1,"user_id":null}"#, Code::MissingField, Some("user_id")),
            (r#"{"ammount":1,"user_id":"a"}"#, Code::UnknownField, Some("ammount")),
            (r#"{"amount":1,"amount":1,"user_id":"a"}"#, Code::InvalidField, Some("amount")),
            (r#"{"amount":true,"user_id":"a"}"#, Code::InvalidField, Some("amount")),
            (r#"{"amount":0,"user_id":"a"}"#, Code::InvalidField, Some("amount")),
            (r#"{"amount":0.30000000000000004,"user_id":"a"}"#, Code::AmountScale, Some("amount")),
            (r#"{"amount":1e13,"user_id":"a"}"#, Code::AmountRange, Some("amount")),
            (r#"{"amount":1,"user_id":7}"#, Code::InvalidField, Some("user_id")),
            (r#"{"amount":1,"user_id":""}"#, Code::InvalidField, Some("user_id")),
            (r#"{"amount":1,"user_id":"abcdef"}"#, Code::InvalidField, Some("user_id")),
            (r#"{"amount":1,"user_id":"a\u0000"}"#, Code::InvalidField, Some("user_id")),
            (r#"{"amount":1,"user_id":"a","note":"long"}"#, Code::InvalidField, Some("note")),
        ] {
            let error = parse::<Example>(body.as_bytes()).unwrap_err();
            let answer: serde_json::Value =
                serde_json::from_str(&error.body("r", crate::error::Shape::OsayCore)).unwrap();
            assert_eq!(error.code, code, "{body} {error}");
            assert_eq!(answer["field"].as_str(), field, "{body} {error}");
        }
        assert_eq!(parse::<Example>(b"{\"x\":\"\xff\"}").unwrap_err().code, Code::InvalidJson);
        let nested = |depth: usize| format!(r#"{{"x":{}{}}}"#, "[".repeat(depth - 1), "]".repeat(depth - 1));
        assert_eq!(parse::<Example>(nested(129).as_bytes()).unwrap_err().code, Code::InvalidJson);
        assert_eq!(parse::<Example>(nested(128).as_bytes()).unwrap_err().code, Code::UnknownField);
        assert_eq!(parse::<Example>(br#"{"x":"[[\"[["}"#).unwrap_err().code, Code::UnknownField);
        assert_eq!(parse::<Example>(b"{\"user_id\":\"\xff\"}").unwrap_err().code, Code::InvalidJson);
        parse::<Example>(br#"{"amount":"10.50","user_id":"a","note":null}"#).unwrap();
    }
}
