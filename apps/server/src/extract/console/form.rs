//! A form that was sent: by our own page, in the session of whoever may send it.

use std::time::Duration;

use actix_web::dev::Payload;
use actix_web::http::header::{HOST, HeaderMap, ORIGIN};
use actix_web::web::Bytes;
use actix_web::{FromRequest, HttpRequest};
use aws_lc_rs::constant_time::verify_slices_are_equal;
use futures_util::future::LocalBoxFuture;
use sha2::{Digest as _, Sha256};

use super::{Editor, Filled, Refused, Who, surroundings};
use crate::error::{ApiError, Code};

/// The hidden field of every form.
const TOKEN: &str = "form_token";
/// How long a body may take to arrive.
const BODY_TIMEOUT: Duration = Duration::from_secs(10);

/// What somebody has filled in. Whoever may not send it, and whatever another site sends, does not come as far as this.
pub(crate) struct Form<W = Editor> {
    pub(crate) who: W,
    pub(crate) filled: Filled,
}

impl<W: Who> FromRequest for Form<W> {
    type Error = Refused;
    type Future = LocalBoxFuture<'static, Result<Self, Refused>>;

    fn from_request(request: &HttpRequest, payload: &mut Payload) -> Self::Future {
        let (request, body) = (request.clone(), Bytes::from_request(request, payload));
        Box::pin(async move {
            if !is_from_here(&request)? {
                return Err(Refused::Forged);
            }
            let who = W::identify(request).await?;
            let body = tokio::time::timeout(BODY_TIMEOUT, body).await.map_err(|_| Refused::Unreadable)?;
            let body = body.map_err(|_| ApiError::from(Code::BodyTooLarge))?;
            let filled = Filled::read(&body)?;
            let given = filled.text(TOKEN).as_bytes();
            if verify_slices_are_equal(given, who.form_token().as_bytes()).is_err() {
                return Err(Refused::Forged);
            }
            Ok(Self { who, filled })
        })
    }
}

/// What the forms of whoever has this cookie have in them. It tells nothing of the cookie.
pub(super) fn token_of(cookie: &str) -> String {
    hex::encode(Sha256::digest(format!("osaycore console form\n{cookie}")))
}

/// Whether a browser says that our own page sends it. One that says nothing is judged by the token alone.
fn is_from_here(request: &HttpRequest) -> Result<bool, Refused> {
    let (state, _) = surroundings(request)?;
    let own = state.public_url().map_err(Refused::Fault)?;
    Ok(comes_from(request.headers(), own))
}

fn comes_from(headers: &HeaderMap, own: &str) -> bool {
    let text = |name: &str| headers.get(name).map(|value| value.to_str().unwrap_or("unreadable"));
    match text("sec-fetch-site") {
        Some(site) => matches!(site, "same-origin" | "none"),
        // `null` is what our own pages send, as no link of them tells where it was.
        None => text(ORIGIN.as_str()).is_none_or(|origin| {
            let host = origin.split_once("://").map(|(_, host)| host);
            origin == "null" || origin == own || host.is_some_and(|host| Some(host) == text(HOST.as_str()))
        }),
    }
}

#[cfg(test)]
mod tests {
    use actix_web::http::header::HeaderValue;

    use super::*;

    #[test]
    fn what_another_site_sends_is_told_apart() {
        for (headers, from_here) in [
            (&[][..], true),
            (&[("sec-fetch-site", "same-origin")], true),
            (&[("sec-fetch-site", "none")], true),
            (&[("sec-fetch-site", "same-site")], false),
            (&[("sec-fetch-site", "cross-site")], false),
            (&[("sec-fetch-site", "cross-site"), ("origin", "https://own.example")], false),
            (&[("origin", "null")], true),
            (&[("origin", "https://own.example")], true),
            (&[("origin", "http://own.example")], false),
            (&[("origin", "https://proxied.example"), ("host", "proxied.example")], true),
            (&[("origin", "https://evil.example"), ("host", "own.example")], false),
            (&[("origin", "https://own.example.evil.example")], false),
            (&[("origin", "")], false),
        ] {
            let mut map = HeaderMap::new();
            for (name, value) in headers {
                map.insert(name.parse().unwrap(), HeaderValue::from_static(value));
            }
            assert_eq!(comes_from(&map, "https://own.example"), from_here, "{headers:?}");
        }
    }

    #[test]
    fn a_token_is_of_one_cookie() {
        assert_eq!(token_of("a"), token_of("a"));
        assert_ne!(token_of("a"), token_of("b"));
        assert_eq!(token_of("a").len(), 64);
    }
}
