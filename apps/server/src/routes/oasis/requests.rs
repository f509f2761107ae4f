//! The bodies, as .NET's `DataContractJsonSerializer` writes them: names in pascal case, `null` for what is absent, enums
//! as numbers. What is not known here is ignored.

use std::collections::BTreeSet;
use std::fmt;

use osaycore_directory::{DisplayName, Email, Name, UserRef, Username};
use osaycore_otp::Purpose;
use serde::de::{self, Visitor};
use serde::{Deserialize, Deserializer};
use utoipa::ToSchema;

use crate::admin::registration::Registration;
use crate::error::{ApiError, Code};
use crate::schemas;

/// Groups that one registration may name.
const MOST_GROUPS: usize = 100;

#[derive(Deserialize, ToSchema)]
#[serde(rename_all = "PascalCase")]
#[schema(examples(json!({"Username": "alice", "VerificationType": 0, "DirectoryName": null})))]
pub(super) struct StateRequest {
    #[schema(value_type = schemas::AskedName, required = true)]
    username: Option<String>,
    #[schema(value_type = Option<schemas::VerificationType>)]
    verification_type: Option<VerificationType>,
    #[schema(value_type = Option<schemas::DirectoryName>)]
    directory_name: Option<String>,
}

#[derive(Deserialize, ToSchema)]
#[serde(rename_all = "PascalCase")]
#[schema(examples(json!({
    "Username": "alice", "Fullname": "Alice L.", "Email": "alice@example.com", "SendEnrollmentEmail": false, "UserGroups": []
})))]
pub(super) struct RegisterRequest {
    #[schema(value_type = schemas::Username, required = true)]
    username: Option<String>,
    #[schema(value_type = Option<schemas::OptionalDisplayName>)]
    fullname: Option<String>,
    #[schema(value_type = Option<schemas::OptionalEmail>)]
    email: Option<String>,
    /// A mail with a link, and no image in the answer.
    #[schema(value_type = Option<schemas::Truth>)]
    send_enrollment_email: Option<Truth>,
    /// Numbers of groups.
    user_groups: Option<Vec<i64>>,
    #[schema(value_type = Option<schemas::DirectoryName>)]
    directory_name: Option<String>,
}

/// `Username` or `UserID`; the name wins.
#[derive(Deserialize, ToSchema)]
#[serde(rename_all = "PascalCase")]
#[schema(examples(json!({"Username": "alice", "OTPCode": "123456", "VerificationType": 0})))]
pub(super) struct VerifyRequest {
    /// 0 is none.
    #[serde(rename = "UserID")]
    user_id: Option<i64>,
    #[schema(value_type = Option<schemas::AskedNameOrNone>)]
    username: Option<String>,
    /// Of any form: what is no code is a signed INVALID.
    #[serde(rename = "OTPCode")]
    #[schema(value_type = String, required = true)]
    otp_code: Option<String>,
    #[schema(value_type = Option<schemas::VerificationType>)]
    verification_type: Option<VerificationType>,
    #[schema(value_type = Option<schemas::DirectoryName>)]
    directory_name: Option<String>,
}

/// Whom a request means.
#[derive(Clone, Debug)]
pub(super) enum Named {
    /// A name that nobody can have.
    Nobody,
    /// By name.
    Name(UserRef),
    /// By numeric id.
    Id(i64),
}

impl StateRequest {
    pub(super) fn purpose(&self) -> Purpose {
        purpose(self.verification_type)
    }

    /// Whom it means, and what is signed of that: the text as it was sent.
    pub(super) fn named(self) -> Result<(Named, String), ApiError> {
        let username = present(self.username).ok_or_else(|| missing("Username"))?;
        Ok((by_name(&username, self.directory_name)?, username))
    }
}

impl VerifyRequest {
    pub(super) fn purpose(&self) -> Purpose {
        purpose(self.verification_type)
    }

    /// Whom it means, and what is signed of that: the name as it was sent, else the id.
    pub(super) fn named(&self) -> Result<(Named, String), ApiError> {
        let in_directory = self.directory_name.clone();
        match (present(self.username.clone()), self.user_id.unwrap_or(0)) {
            (Some(username), _) => Ok((by_name(&username, in_directory)?, username)),
            (None, 0) => Err(missing("Username")),
            (None, id) => directory(in_directory).map(|_| (Named::Id(id), id.to_string())),
        }
    }

    /// What was entered, of whatever form.
    pub(super) fn code(self) -> Result<zeroize::Zeroizing<String>, ApiError> {
        self.otp_code.map(zeroize::Zeroizing::new).ok_or_else(|| missing("OTPCode"))
    }
}

impl RegisterRequest {
    /// Who is to be registered, and what is signed of that. `mail_base` is asked where a mail is to be sent.
    pub(super) fn registration(
        self,
        mail_base: impl FnOnce() -> Result<String, ApiError>,
    ) -> Result<(Registration, String), ApiError> {
        let data1 = present(self.username).ok_or_else(|| missing("Username"))?;
        let username: Username = data1.parse().map_err(|error| ApiError::invalid("Username", error))?;
        let invalid = |field: &'static str| move |error| ApiError::invalid(field, error);
        let display_name: Option<DisplayName> =
            present(self.fullname).map(|name| name.parse()).transpose().map_err(invalid("Fullname"))?;
        let email: Option<Email> =
            present(self.email).map(|email| email.parse()).transpose().map_err(invalid("Email"))?;
        let mails = self.send_enrollment_email.is_some_and(|truth| truth.0);
        let mail = match (&email, mails) {
            (None, true) => return Err(missing("Email")),
            (Some(email), true) => Some((email.clone(), mail_base()?)),
            (_, false) => None,
        };
        let directory = directory(self.directory_name)?;
        let groups: BTreeSet<i64> = self.user_groups.unwrap_or_default().into_iter().collect();
        if groups.len() > MOST_GROUPS {
            return Err(ApiError::invalid("UserGroups", format!("at most {MOST_GROUPS}")));
        }
        Ok((Registration { directory, username, display_name, email, groups, mail }, data1))
    }
}

/// The user of a deletion's query: exactly one parameter, `username` in any case, percent-decoded and nothing more, as
/// `directory\username` or the name alone.
pub(super) fn user_to_delete(query: &str) -> Result<Named, ApiError> {
    let one = || ApiError::invalid("username", "exactly one parameter is taken; write & as %26 and # as %23 in a name");
    let (name, value) = query.split_once('=').ok_or_else(|| missing("username"))?;
    if query.contains('&') {
        return Err(one());
    }
    if !name.eq_ignore_ascii_case("username") {
        return Err(missing("username"));
    }
    let value = percent_encoding::percent_decode_str(value)
        .decode_utf8()
        .map_err(|_| ApiError::invalid("username", "is not UTF-8"))?;
    if value.is_empty() {
        return Err(missing("username"));
    }
    let (in_directory, username) = value.split_once('\\').unwrap_or(("", &value));
    let directory = if in_directory.is_empty() { Ok(None) } else { in_directory.parse().map(Some) };
    Ok(match (directory, username.parse()) {
        (Ok(directory), Ok(username)) => Named::Name(UserRef::Name { directory, username }),
        _ => Named::Nobody,
    })
}

/// A name that nobody can have is nobody's. But what is signed must not read as something else: `a:VALID` with the state
/// NOTREGISTERED as `a` with VALID, nor a name of digits as an id.
fn by_name(username: &str, in_directory: Option<String>) -> Result<Named, ApiError> {
    if username.contains(':') {
        return Err(ApiError::invalid("Username", "must not contain ':'"));
    }
    if username.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err(ApiError::invalid("Username", "must not be a number"));
    }
    let directory = directory(in_directory)?;
    Ok(match username.parse() {
        Ok(username) => Named::Name(UserRef::Name { directory, username }),
        Err(_) => Named::Nobody,
    })
}

fn directory(name: Option<String>) -> Result<Option<Name>, ApiError> {
    present(name).map(|name| name.parse()).transpose().map_err(|error| ApiError::invalid("DirectoryName", error))
}

/// An empty text is as good as none.
fn present(text: Option<String>) -> Option<String> {
    text.filter(|text| !text.is_empty())
}

fn missing(field: &str) -> ApiError {
    ApiError::field(Code::MissingField, field, format!("{field} is missing"))
}

fn purpose(given: Option<VerificationType>) -> Purpose {
    given.map_or(Purpose::Login, |given| given.0)
}

/// A number, a number as text, or the name in any case.
#[derive(Clone, Copy, Debug)]
struct VerificationType(Purpose);

impl<'de> Deserialize<'de> for VerificationType {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(OneOf(
            |text: &str| text.parse().map(VerificationType).ok(),
            "0 (LOGIN) or 1 (REGISTRATION)",
        ))
    }
}

/// A boolean, or one as text.
#[derive(Clone, Copy, Debug)]
struct Truth(bool);

impl<'de> Deserialize<'de> for Truth {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let read = |text: &str| text.to_ascii_lowercase().parse().map(Truth).ok();
        deserializer.deserialize_any(OneOf(read, "true or false"))
    }
}

/// A value that is known by its text, whether it is written as text or not.
struct OneOf<F>(F, &'static str);

impl<T, F: Fn(&str) -> Option<T>> OneOf<F> {
    fn read<E: de::Error>(self, text: &str) -> Result<T, E> {
        (self.0)(text).ok_or_else(|| E::custom(self.1))
    }
}

impl<T, F: Fn(&str) -> Option<T>> Visitor<'_> for OneOf<F> {
    type Value = T;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.1)
    }

    fn visit_str<E: de::Error>(self, text: &str) -> Result<T, E> {
        self.read(text)
    }

    fn visit_u64<E: de::Error>(self, number: u64) -> Result<T, E> {
        self.read(&number.to_string())
    }

    fn visit_i64<E: de::Error>(self, number: i64) -> Result<T, E> {
        self.read(&number.to_string())
    }

    fn visit_bool<E: de::Error>(self, truth: bool) -> Result<T, E> {
        self.read(&truth.to_string())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::extract::body::parse;

    #[test]
    fn enums_and_truths_are_read_in_every_spelling_of_theirs() {
        for (json, purpose) in [
            ("{}", Some(Purpose::Login)),
            (r#"{"VerificationType":null}"#, Some(Purpose::Login)),
            (r#"{"VerificationType":0}"#, Some(Purpose::Login)),
            (r#"{"VerificationType":1,"Further":[1]}"#, Some(Purpose::Registration)),
            (r#"{"VerificationType":"1"}"#, Some(Purpose::Registration)),
            (r#"{"VerificationType":"REGISTRATION"}"#, Some(Purpose::Registration)),
            (r#"{"VerificationType":"login"}"#, Some(Purpose::Login)),
            (r#"{"VerificationType":2}"#, None),
            (r#"{"VerificationType":-1}"#, None),
            (r#"{"VerificationType":"2"}"#, None),
            (r#"{"VerificationType":true}"#, None),
            (r#"{"VerificationType":0.0}"#, None),
            (r#"{"VerificationType":[0]}"#, None),
        ] {
            let read = parse::<StateRequest>(json.as_bytes());
            assert_eq!(read.as_ref().ok().map(StateRequest::purpose), purpose, "{json}");
        }
        for (json, mails) in [
            ("{}", Some(false)),
            (r#"{"SendEnrollmentEmail":true}"#, Some(true)),
            (r#"{"SendEnrollmentEmail":"true"}"#, Some(true)),
            (r#"{"SendEnrollmentEmail":"True"}"#, Some(true)),
            (r#"{"SendEnrollmentEmail":"false"}"#, Some(false)),
            (r#"{"SendEnrollmentEmail":null}"#, Some(false)),
            (r#"{"SendEnrollmentEmail":1}"#, None),
            (r#"{"SendEnrollmentEmail":"yes"}"#, None),
        ] {
            let read = parse::<RegisterRequest>(json.as_bytes());
            let read = read.ok().map(|request| request.send_enrollment_email.is_some_and(|truth| truth.0));
            assert_eq!(read, mails, "{json}");
        }
    }

    #[test]
    fn a_deletion_names_one_user_or_is_refused() {
        let read = |query: &str| match user_to_delete(query) {
            Ok(Named::Name(name)) => name.to_string(),
            Ok(_) => "nobody".to_owned(),
            Err(error) => error.code.as_str().to_owned(),
        };
        for (query, named) in [
            ("username=bob", "\\bob"),
            ("userName=bob", "\\bob"),
            ("USERNAME=b%20b", "\\b b"),
            ("username=a+b", "\\a+b"),
            ("username=a/b?c=d", "\\a/b?c=d"),
            ("username=Acme%5Cbob", "Acme\\bob"),
            ("username=Acme\\bob", "Acme\\bob"),
            ("username=%5Cbob", "\\bob"),
            ("username=a%26b%23c", "\\a&b#c"),
            ("username=100%25", "\\100%"),
            ("username=%F0%9F%98%80", "\\😀"),
            ("username=a%3Ab", "nobody"),
            ("username=7", "nobody"),
            ("username=a&b", "invalid_field"),
            ("username=a&", "invalid_field"),
            ("username=a&username=b", "invalid_field"),
            ("username=a&x=y", "invalid_field"),
            ("username=%FF", "invalid_field"),
            ("username=", "missing_field"),
            ("username", "missing_field"),
            ("name=bob", "missing_field"),
            ("", "missing_field"),
        ] {
            assert_eq!(read(query), named, "{query}");
        }
    }

    #[test]
    fn what_is_signed_reads_as_nothing_else() {
        let refused = |username: &str| by_name(username, None).is_err();
        assert!(refused("a:VALID") && refused(":") && refused("7") && refused("0012"));
        assert!(matches!(by_name("a\\b", None), Ok(Named::Nobody)));
        assert!(matches!(by_name("\u{7}", None), Ok(Named::Nobody)));
        assert!(matches!(by_name("a b", Some(String::new())), Ok(Named::Name(_))));
        assert!(by_name("a", Some("b:c".to_owned())).is_err());
    }
}
