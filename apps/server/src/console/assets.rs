//! What the pages load: from the binary, under names that change with the content, so that a browser asks once.

use std::sync::LazyLock;

use actix_web::HttpResponse;
use actix_web::http::header::CACHE_CONTROL;
use actix_web::web::{self, Path};
use sha2::{Digest as _, Sha256};

use crate::extract::console::Refused;
use crate::routes::resource;

struct Asset {
    path: String,
    kind: &'static str,
    text: &'static str,
}

static STYLE: LazyLock<Asset> = LazyLock::new(|| {
    Asset::new(
        "console",
        "css",
        "text/css; charset=utf-8",
        concat!(
            include_str!("../../assets/console/base.css"),
            include_str!("../../assets/console/layout.css"),
            include_str!("../../assets/console/controls.css"),
            include_str!("../../assets/console/data.css"),
        ),
    )
});

static SCRIPT: LazyLock<Asset> = LazyLock::new(|| {
    Asset::new("console", "js", "text/javascript; charset=utf-8", include_str!("../../assets/console/console.js"))
});

/// The path of the style sheet.
pub(super) fn style() -> &'static str {
    &STYLE.path
}

/// The path of the script; every page works without it.
pub(super) fn script() -> &'static str {
    &SCRIPT.path
}

pub(super) fn configure(config: &mut web::ServiceConfig) {
    config.service(resource("/assets/{name}", "GET").route(web::get().to(serve)));
}

async fn serve(name: Path<String>) -> Result<HttpResponse, Refused> {
    let known = [&*STYLE, &*SCRIPT].into_iter().find(|asset| asset.path.ends_with(&format!("/{name}")));
    let asset = known.ok_or(Refused::Missing)?;
    Ok(HttpResponse::Ok()
        .insert_header((CACHE_CONTROL, "public, max-age=31536000, immutable"))
        .content_type(asset.kind)
        .body(asset.text))
}

impl Asset {
    fn new(name: &str, extension: &str, kind: &'static str, text: &'static str) -> Self {
        let digest = hex::encode(Sha256::digest(text));
        let digest: String = digest.chars().take(16).collect();
        Self { path: format!("/console/assets/{name}-{digest}.{extension}"), kind, text }
    }
}
