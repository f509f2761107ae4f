//! Pages for people: rendered whole, kept by nobody.

use actix_web::HttpResponse;
use actix_web::http::StatusCode;
use actix_web::http::header::{
    CACHE_CONTROL, CONTENT_SECURITY_POLICY, HeaderValue, REFERRER_POLICY, X_CONTENT_TYPE_OPTIONS,
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
    HttpResponse::build(status)
        .insert_header((CACHE_CONTROL, "no-store"))
        .insert_header((REFERRER_POLICY, "no-referrer"))
        .insert_header((CONTENT_SECURITY_POLICY, policy))
        .insert_header((X_CONTENT_TYPE_OPTIONS, "nosniff"))
        .insert_header(("X-Robots-Tag", HeaderValue::from_static("noindex")))
        .content_type("text/html; charset=utf-8")
        .body(html)
}
