//! Lists for administrators: each a page after a cursor, along an index, and never slower for a million rows.
//!
//! What is asked for chooses the index; the rest is looked at row by row. A page looks at no more than [`LOOKED_AT`]
//! rows: where few of them are meant it is short, or empty, and goes on from its cursor.

pub(crate) mod apps;
pub(crate) mod audit;
pub(crate) mod credits;
pub(crate) mod flags;
pub(crate) mod groups;
mod history;
pub(crate) mod payments;
pub(crate) mod sessions;
pub(crate) mod users;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::db::StoreError;

/// Rows that one page looks at, at most.
const LOOKED_AT: usize = 10_000;
/// Rows that are read at once where few of them are meant.
const AT_ONCE: i64 = 1000;

/// Which page.
#[derive(Clone, Debug)]
pub(crate) struct Asked {
    /// What the page before it ended with; none: the first.
    pub(crate) cursor: Option<String>,
    /// At most so many, at least one.
    pub(crate) limit: u32,
}

/// One page.
#[derive(Debug)]
pub(crate) struct Page<T> {
    pub(crate) items: Vec<T>,
    /// Where the next one goes on; none: that is all. There may be one although the page is not full.
    pub(crate) next: Option<String>,
}

impl<T> Page<T> {
    /// The same page of something else.
    pub(crate) fn map<U>(self, to: impl FnMut(T) -> U) -> Page<U> {
        Page { items: self.items.into_iter().map(to).collect(), next: self.next }
    }
}

/// A page of what `keep` keeps of what `read` reads: the rows after a key, so many at most, in the list's order.
fn page<K: Clone + Serialize + DeserializeOwned, R, T>(
    asked: &Asked,
    mut read: impl FnMut(Option<&K>, i64) -> Result<Vec<(K, R)>, StoreError>,
    mut keep: impl FnMut(Vec<(K, R)>) -> Result<Vec<(K, T)>, StoreError>,
) -> Result<Page<T>, StoreError> {
    let limit = usize::try_from(asked.limit.max(1)).unwrap_or(usize::MAX);
    let mut after: Option<K> = asked.cursor.as_deref().map(parse).transpose()?;
    // One more tells whether there is a next page.
    let mut at_once = i64::from(asked.limit.max(1)).saturating_add(1);
    let (mut items, mut last_kept, mut looked_at) = (Vec::new(), None, 0_usize);
    loop {
        let rows = read(after.as_ref(), at_once)?;
        let count = rows.len();
        let is_last = i64::try_from(count).unwrap_or(i64::MAX) < at_once;
        after = rows.last().map(|(key, _)| key.clone()).or(after);
        for (key, item) in keep(rows)? {
            if items.len() == limit {
                return Ok(Page { items, next: last_kept.as_ref().map(text).transpose()? });
            }
            items.push(item);
            last_kept = Some(key);
        }
        looked_at = looked_at.saturating_add(count);
        if is_last || looked_at >= LOOKED_AT {
            let next = after.as_ref().filter(|_| !is_last).map(text).transpose()?;
            return Ok(Page { items, next });
        }
        at_once = at_once.max(AT_ONCE);
    }
}

/// A key as a cursor.
fn text<K: Serialize>(key: &K) -> Result<String, StoreError> {
    serde_json::to_vec(key).map(|json| URL_SAFE_NO_PAD.encode(json)).map_err(|_| StoreError::Cursor)
}

fn parse<K: DeserializeOwned>(cursor: &str) -> Result<K, StoreError> {
    let json = URL_SAFE_NO_PAD.decode(cursor).map_err(|_| StoreError::Cursor)?;
    serde_json::from_slice(&json).map_err(|_| StoreError::Cursor)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn below(asked: &Asked, from: u64, meant: impl Fn(u64) -> bool) -> (Page<u64>, usize) {
        let mut reads = 0;
        let read = |after: Option<&u64>, count: i64| {
            reads += 1;
            let from = after.copied().unwrap_or(from);
            Ok((0..from).rev().take(usize::try_from(count).unwrap()).map(|n| (n, n)).collect())
        };
        let found = page(asked, read, |rows| Ok(rows.into_iter().filter(|(_, n)| meant(*n)).collect())).unwrap();
        (found, reads)
    }

    #[test]
    fn pages_are_complete_without_a_gap_or_a_repeat_whatever_is_meant() {
        for (of, every) in [(0, 1), (1, 1), (10, 1), (11, 1), (250, 7), (30_000, 1), (30_000, 9_999), (30_000, 40_000)]
        {
            let (mut asked, mut all, mut pages) = (Asked { cursor: None, limit: 10 }, vec![], 0);
            loop {
                let (page, reads) = below(&asked, of, |n| n % every == 0);
                assert!(page.items.len() <= 10 && reads <= 12, "{reads} reads");
                all.extend(page.items);
                pages += 1;
                let Some(next) = page.next else { break };
                asked.cursor = Some(next);
            }
            let expected: Vec<u64> = (0..of).rev().filter(|n| n % every == 0).collect();
            assert_eq!(all, expected, "every {every} of {of}");
            assert!(pages <= of / 10 + 1);
        }
    }

    #[test]
    fn a_cursor_of_another_list_is_refused() {
        let cursor = text(&("name", 1)).unwrap();
        assert!(matches!(parse::<i64>(&cursor), Err(StoreError::Cursor)));
        assert!(matches!(parse::<i64>("no cursor"), Err(StoreError::Cursor)));
        assert_eq!(parse::<(String, i64)>(&cursor).unwrap(), ("name".to_owned(), 1));
    }
}
