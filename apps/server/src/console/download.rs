//! A list as a file: read page by page, each in a snapshot of its own, so that no file is too long and none is ever whole
//! in memory.

use actix_web::HttpResponse;
use actix_web::http::header::CONTENT_DISPOSITION;
use actix_web::web::Bytes;
use futures_util::stream;

use crate::error::{ApiError, Code, Failure};
use crate::extract::console::Person;
use crate::store::lists::{Asked, Page};
use crate::store::tx::Tx;

/// Rows that are read at once.
const PIECE: u32 = 500;

/// What is left to send.
enum Rest {
    Head(Vec<u8>),
    After(Option<String>),
    Nothing,
}

/// The file `name`: `head`, and what `read` makes of each page. What goes wrong on the way cuts the answer off, which a
/// client sees; nothing is left out in silence.
pub(super) fn file(
    person: Person,
    (name, kind): (&str, &'static str),
    head: Vec<u8>,
    read: impl FnMut(&mut Tx<'_>, &Asked) -> Result<Page<Vec<u8>>, Failure> + Clone + Send + 'static,
) -> HttpResponse {
    let pieces = stream::try_unfold(Rest::Head(head), move |rest| {
        let (person, read) = (person.clone(), read.clone());
        async move { piece(&person, rest, read).await }
    });
    HttpResponse::Ok()
        .content_type(kind)
        .insert_header((CONTENT_DISPOSITION, format!("attachment; filename=\"{name}\"")))
        .streaming(Box::pin(pieces))
}

/// What is sent next. A page may have nothing in it and not be the last; an empty piece would end the answer.
async fn piece(
    person: &Person,
    rest: Rest,
    read: impl FnMut(&mut Tx<'_>, &Asked) -> Result<Page<Vec<u8>>, Failure> + Clone + Send + 'static,
) -> Result<Option<(Bytes, Rest)>, ApiError> {
    let mut cursor = match rest {
        Rest::Nothing => return Ok(None),
        Rest::Head(head) if !head.is_empty() => return Ok(Some((head.into(), Rest::After(None)))),
        Rest::Head(_) => None,
        Rest::After(cursor) => cursor,
    };
    loop {
        // A server that stops does not wait for the end of a long file.
        if person.state.is_draining() {
            return Err(Code::Unavailable.into());
        }
        let (asked, mut read) = (Asked { cursor, limit: PIECE }, read.clone());
        let page = person.read(move |tx| read(tx, &asked)).await?;
        let bytes: Bytes = page.items.concat().into();
        match page.next {
            None if bytes.is_empty() => return Ok(None),
            None => return Ok(Some((bytes, Rest::Nothing))),
            Some(next) if bytes.is_empty() => cursor = Some(next),
            Some(next) => return Ok(Some((bytes, Rest::After(Some(next))))),
        }
    }
}
