//! Why a page of the console is not shown, or a form not taken: itself a page, or the way to the sign-in.

use actix_web::http::StatusCode;
use actix_web::http::header::{CACHE_CONTROL, HeaderMap, HeaderName, HeaderValue, X_FRAME_OPTIONS};
use actix_web::{HttpResponse, ResponseError};
use askama::Template;

use super::{Again, SIGN_IN, see_other};
use crate::error::{ApiError, Failure};
use crate::pages;
use crate::store::admins::Role;

#[derive(Debug, thiserror::Error)]
pub(crate) enum Refused {
    #[error("nobody is signed in")]
    SignIn { next: Option<String> },
    #[error("the second factor is still asked for")]
    SecondFactor,
    #[error("{has} may not do what {needs} may")]
    NotAllowed { has: Role, needs: Role },
    /// Another site's form, or one whose session is over.
    #[error("a form that is not ours, or out of date")]
    Forged,
    /// A form of ours that was sent when its session was over.
    #[error("the session of a form is over")]
    Again(Again),
    /// A body that no form of ours sends.
    #[error("a form that cannot be read")]
    Unreadable,
    #[error("there is no such page")]
    Missing,
    /// What an action is refused with, where no field can say so.
    #[error(transparent)]
    Fault(ApiError),
}

/// The style sheet of the pages, which a request to the console carries: so that what refuses it outside of the console looks
/// like the console too.
#[derive(Clone, Copy)]
pub(crate) struct Look(pub(crate) &'static str);

impl Look {
    /// A page of a few words.
    pub(crate) fn message(self, status: StatusCode, title: &str, text: &str) -> HttpResponse {
        let mut response = pages::page(status, &MessagePage { style: self.0, title, text });
        fence(response.headers_mut());
        response
    }
}

/// What every answer of the console has against other sites: nobody frames it, opens it beside himself or keeps it.
pub(crate) fn fence(headers: &mut HeaderMap) {
    if !headers.contains_key(CACHE_CONTROL) {
        headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    }
    headers.insert(X_FRAME_OPTIONS, HeaderValue::from_static("DENY"));
    headers.insert(HeaderName::from_static("cross-origin-opener-policy"), HeaderValue::from_static("same-origin"));
    pages::protect(headers);
}

#[derive(Template)]
#[template(path = "console/message.html")]
struct MessagePage<'a> {
    style: &'a str,
    title: &'a str,
    text: &'a str,
}

#[derive(Template)]
#[template(path = "console/again.html")]
struct AgainPage<'a> {
    style: &'a str,
    again: &'a Again,
}

impl Refused {
    /// What is shown; none: what every other page shows of a fault.
    pub(crate) fn answer(&self, style: &str) -> Option<HttpResponse> {
        let (status, title, text) = match self {
            Self::SignIn { next } => return Some(see_other(&sign_in(next.as_deref()))),
            Self::Again(again) => return Some(pages::page(StatusCode::FORBIDDEN, &AgainPage { style, again })),
            Self::SecondFactor => return Some(see_other("/console/sign-in/code")),
            Self::NotAllowed { has, needs } => {
                let text = format!("You are signed in as {has}. This takes the role {needs}: ask an owner.");
                (StatusCode::FORBIDDEN, "You may not do this", text)
            }
            Self::Forged => (
                StatusCode::FORBIDDEN,
                "This form is out of date",
                "Nothing was changed. Go back, reload the page and try again; if that does not help, sign in anew. \
                 The browser has to accept cookies."
                    .to_owned(),
            ),
            Self::Unreadable => {
                (StatusCode::BAD_REQUEST, "This form cannot be read", "Nothing was changed.".to_owned())
            }
            Self::Missing => (StatusCode::NOT_FOUND, "There is no such page", "Perhaps it was removed.".to_owned()),
            Self::Fault(error) if error.code.status().is_client_error() => {
                (error.code.status(), "This could not be done", error.to_string())
            }
            Self::Fault(_) => return None,
        };
        Some(pages::page(status, &MessagePage { style, title, text: &text }))
    }
}

/// Where to sign in, to come back here.
fn sign_in(next: Option<&str>) -> String {
    match next {
        Some(next) if next != super::HOME => {
            format!("{SIGN_IN}?{}", form_urlencoded::Serializer::new(String::new()).append_pair("next", next).finish())
        }
        _ => SIGN_IN.to_owned(),
    }
}

impl ResponseError for Refused {
    fn status_code(&self) -> StatusCode {
        match self {
            Self::SignIn { .. } | Self::SecondFactor => StatusCode::SEE_OTHER,
            Self::NotAllowed { .. } | Self::Forged | Self::Again(_) => StatusCode::FORBIDDEN,
            Self::Unreadable => StatusCode::BAD_REQUEST,
            Self::Missing => StatusCode::NOT_FOUND,
            Self::Fault(error) => error.code.status(),
        }
    }

    /// Without a body: the console's own layer writes it.
    fn error_response(&self) -> HttpResponse {
        HttpResponse::new(self.status_code())
    }
}

impl From<ApiError> for Refused {
    fn from(error: ApiError) -> Self {
        Self::Fault(error)
    }
}

impl From<Failure> for Refused {
    fn from(failure: Failure) -> Self {
        Self::Fault(failure.into())
    }
}

impl From<crate::error::Code> for Refused {
    fn from(code: crate::error::Code) -> Self {
        Self::Fault(code.into())
    }
}
