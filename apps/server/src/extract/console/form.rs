//! A form that was sent: by our own page, in the session of whoever may send it.

use std::time::Duration;

use actix_web::dev::Payload;
use actix_web::http::header::{HOST, HeaderMap, ORIGIN};
use actix_web::web::{self, Bytes};
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
/// Of a body that may be sent back, in bytes.
const KEPT_LIMIT: usize = 256 * 1024;

/// What somebody has filled in. Whoever may not send it, and whatever another site sends, does not come as far as this.
pub(crate) struct Form<W = Editor> {
    pub(crate) who: W,
    pub(crate) filled: Filled,
}

impl<W: Who> FromRequest for Form<W> {
    type Error = Refused;
    type Future = LocalBoxFuture<'static, Result<Self, Refused>>;

    fn from_request(request: &HttpRequest, payload: &mut Payload) -> Self::Future {
        let (request, body) = (request.clone(), web::Payload::from_request(request, payload));
        Box::pin(async move {
            if !is_from_here(&request)? {
                return Err(Refused::Forged);
            }
            let who = match W::identify(request.clone()).await {
                // Whoever was signed out meanwhile gets back what was typed.
                Err(signed_out @ Refused::SignIn { .. }) if is_surely_from_here(&request) => Err(signed_out),
                who => Ok(who?),
            };
            let limit = if who.is_ok() { W::FORM_LIMIT } else { KEPT_LIMIT.min(W::FORM_LIMIT) };
            let body = read(body.await.map_err(|_| Refused::Unreadable)?, limit).await?;
            let filled = Filled::read(&body)?;
            let (token, refused) = match who {
                Ok(who)
                    if verify_slices_are_equal(filled.text(TOKEN).as_bytes(), who.form_token().as_bytes()).is_ok() =>
                {
                    return Ok(Self { who, filled });
                }
                Ok(who) => (Some(who.form_token().to_owned()), Refused::Forged),
                Err(refused) => (None, refused),
            };
            let may_be_kept = is_surely_from_here(&request) && body.len() <= KEPT_LIMIT;
            let kept = may_be_kept.then(|| filled.to_be_kept(TOKEN)).flatten();
            Err(kept.map_or(refused, |fields| Refused::Again(Again { path: request.path().to_owned(), fields, token })))
        })
    }
}

/// A form whose session is over, to be sent again in another.
#[derive(Debug)]
pub(crate) struct Again {
    pub(super) path: String,
    /// All but the token.
    pub(super) fields: Vec<(String, String)>,
    /// Of the new session; none: nobody is signed in.
    pub(super) token: Option<String>,
}

async fn read(body: web::Payload, limit: usize) -> Result<Bytes, Refused> {
    let body = tokio::time::timeout(BODY_TIMEOUT, body.to_bytes_limited(limit)).await;
    let too_large = |_| {
        let sentence = format!("This form may have {} KiB. The command line takes more.", limit / 1024);
        ApiError::from(Code::BodyTooLarge).detail(sentence)
    };
    body.map_err(|_| Refused::Unreadable)?.map_err(too_large)?.map_err(|_| Refused::Unreadable)
}

/// Whether a browser says that it is our own page that sends this: no other can make it say so.
fn is_surely_from_here(request: &HttpRequest) -> bool {
    request.headers().get("sec-fetch-site").is_some_and(|site| site == "same-origin")
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
