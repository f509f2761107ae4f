//! Pages for people: rendered whole, kept by nobody.

use actix_web::HttpResponse;
use actix_web::http::StatusCode;
use actix_web::http::header::{
    CACHE_CONTROL, CONTENT_SECURITY_POLICY, HeaderMap, HeaderValue, REFERRER_POLICY, X_CONTENT_TYPE_OPTIONS,
};
use askama::Template;

/// Nothing from elsewhere, nothing inline, in nobody's frame.
const POLICY: &str = "default-src 'none'; img-src data:; style-src 'self'; script-src 'self'; form-action 'self'; \
                      base-uri 'none'; frame-ancestors 'none'";
/// The same for a page whose script asks this server.
const ASKING_POLICY: &str = "default-src 'none'; img-src data:; style-src 'self'; script-src 'self'; connect-src 'self'; \
                             form-action 'none'; base-uri 'none'; frame-ancestors 'none'";

#[derive(Template)]
#[template(path = "message.html")]
struct MessagePage<'a> {
    title: &'a str,
    text: &'a str,
}

/// A page of a few words.
pub(crate) fn message(status: StatusCode, title: &str, text: &str) -> HttpResponse {
    page(status, &MessagePage { title, text })
}

/// A page: not stored, not framed, not indexed, and no link of it tells where it was.
pub(crate) fn page(status: StatusCode, page: &impl Template) -> HttpResponse {
    under(POLICY, status, page)
}

/// A page whose script asks this server.
pub(crate) fn asking_page(status: StatusCode, page: &impl Template) -> HttpResponse {
    under(ASKING_POLICY, status, page)
}

fn under(policy: &'static str, status: StatusCode, page: &impl Template) -> HttpResponse {
    // Into memory, out of fields that are there: a template has nothing to fail at.
    let Ok(html) = page.render() else { return HttpResponse::InternalServerError().finish() };
    let mut response = HttpResponse::build(status)
        .insert_header((CACHE_CONTROL, "no-store"))
        .insert_header((CONTENT_SECURITY_POLICY, policy))
        .insert_header(("X-Robots-Tag", HeaderValue::from_static("noindex")))
        .content_type("text/html; charset=utf-8")
        .body(html);
    protect(response.headers_mut());
    response
}

/// What a browser is told of an answer, whatever is in it: the policy of pages, unless it has another.
pub(crate) fn protect(headers: &mut HeaderMap) {
    if !headers.contains_key(CONTENT_SECURITY_POLICY) {
        headers.insert(CONTENT_SECURITY_POLICY, HeaderValue::from_static(POLICY));
    }
    headers.insert(REFERRER_POLICY, HeaderValue::from_static("no-referrer"));
    headers.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
}
