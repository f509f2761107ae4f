//! Whole lists, sent page by page as they are read: of any length, in little memory.

use actix_web::HttpResponse;
use actix_web::web::{Bytes, Data};
use futures_util::stream::{self, StreamExt as _};

use crate::error::{ApiError, Failure};
use crate::extract::admin::Admin;
use crate::server::State;
use crate::store::lists::Asked;
use crate::store::tx::Tx;

/// Rows that are read at once.
const PAGE: u32 = 1000;

/// What a page is written as, and where the next goes on.
pub(super) type Written = (Vec<u8>, Option<String>);

/// Sends `head` and every page after it. What fails before the first page is refused as usual; what fails later cuts the
/// answer off, which the client sees.
pub(super) async fn stream(
    state: Data<State>,
    admin: &Admin,
    content_type: &'static str,
    head: Vec<u8>,
    write: impl FnMut(&mut Tx<'_>, &Asked) -> Result<Written, Failure> + Clone + Send + 'static,
) -> Result<HttpResponse, ApiError> {
    let tenant_id = admin.tenant_id();
    let (first, next) = page(&state, tenant_id, None, write.clone()).await?;
    let begin = stream::iter([Ok(Bytes::from(head)), Ok(Bytes::from(first))]);
    let rest = stream::unfold(next, move |cursor| {
        let (state, write) = (state.clone(), write.clone());
        async move {
            let cursor = cursor?;
            Some(match page(&state, tenant_id, Some(cursor), write).await {
                Ok((written, next)) => (Ok(Bytes::from(written)), next),
                Err(error) => (Err(error), None),
            })
        }
    });
    // An empty chunk would end the answer.
    let chunks = begin.chain(rest).filter(|chunk| {
        let is_empty = chunk.as_ref().is_ok_and(Bytes::is_empty);
        async move { !is_empty }
    });
    Ok(HttpResponse::Ok().content_type(content_type).streaming(Box::pin(chunks)))
}

async fn page(
    state: &State,
    tenant_id: i64,
    cursor: Option<String>,
    mut write: impl FnMut(&mut Tx<'_>, &Asked) -> Result<Written, Failure> + Send + 'static,
) -> Result<Written, ApiError> {
    let asked = Asked { cursor, limit: PAGE };
    state.read_aside(tenant_id, move |tx| write(tx, &asked)).await
}
