//! Lists by pages: which page a query asks for, and where the others are.

use actix_web::HttpRequest;

use crate::extract::console::{Filled, Refused};
use crate::store::lists::Asked;

/// Rows of a page of a list.
pub(super) const ROWS: u32 = 50;

/// Which page of a list a query asks for, and what else is in it.
pub(super) fn asked(request: &HttpRequest) -> Result<(Asked, Filled), Refused> {
    let query = Filled::read(request.query_string().as_bytes())?;
    let cursor = Some(query.text("after").to_owned()).filter(|cursor| !cursor.is_empty());
    Ok((Asked { cursor, limit: ROWS }, query))
}

/// Where the pages of a list are, for `pager` of `ui.html`.
pub(super) struct Pages {
    pub(super) first: Option<String>,
    pub(super) next: Option<String>,
}

impl Pages {
    /// `kept`: what else is in the query.
    pub(super) fn new(path: &str, kept: &[(&str, &str)], asked: &Asked, next: Option<String>) -> Self {
        let next = next.map(|cursor| with(path, &[kept, &[("after", &cursor)]].concat()));
        Self { first: asked.cursor.as_ref().map(|_| with(path, kept)), next }
    }

    /// There is no other page.
    pub(super) fn is_only(&self) -> bool {
        self.first.is_none() && self.next.is_none()
    }
}

/// A path with a query.
pub(super) fn with(path: &str, pairs: &[(&str, &str)]) -> String {
    let query = form_urlencoded::Serializer::new(String::new()).extend_pairs(pairs).finish();
    if query.is_empty() { path.to_owned() } else { format!("{path}?{query}") }
}
