//! What the pages load: files inside of the binary.

use actix_web::HttpResponse;
use actix_web::http::header::{CACHE_CONTROL, X_CONTENT_TYPE_OPTIONS};
use actix_web::web::{self, Path};
use utoipa::OpenApi;

use crate::error::{ApiError, Code};
use crate::routes::resource;

const CSS: &str = "text/css; charset=utf-8";
const SCRIPT: &str = "text/javascript; charset=utf-8";

/// name, type, content.
const FILES: [(&str, &str, &str); 5] = [
    ("enroll.css", CSS, include_str!("../../assets/enroll.css")),
    ("enroll.js", SCRIPT, include_str!("../../assets/enroll.js")),
    ("web_message.js", SCRIPT, include_str!("../../assets/web_message.js")),
    ("docs.css", CSS, include_str!("../../assets/docs.css")),
    ("docs.js", SCRIPT, include_str!("../../assets/docs.js")),
];

pub(crate) fn configure(config: &mut web::ServiceConfig) {
    config.service(resource("/assets/{name}", "GET").route(web::get().to(asset)));
}

#[derive(OpenApi)]
#[openapi(paths(asset))]
pub(super) struct Api;

/// `GET /assets/{name}`: a style sheet or a script of the pages.
#[utoipa::path(
    get, path = "/assets/{name}", operation_id = "asset", tag = "Pages",
    params(("name" = String, Path, description = "The file", example = "docs.css")),
    responses((
        status = 200, description = "The file",
        content((String = "text/css", example = "main { }"), (String = "text/javascript", example = "\"use strict\";"))
    )),
    extensions(("x-error-codes" = json!([Code::NotFound])))
)]
async fn asset(name: Path<String>) -> Result<HttpResponse, ApiError> {
    let (_, kind, content) = FILES.iter().find(|file| file.0 == name.as_str()).ok_or(Code::NotFound)?;
    Ok(HttpResponse::Ok()
        .insert_header((CACHE_CONTROL, "max-age=300"))
        .insert_header((X_CONTENT_TYPE_OPTIONS, "nosniff"))
        .content_type(*kind)
        .body(*content))
}
