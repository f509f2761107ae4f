//! What the lists have in common: filters in the query, a page after a cursor, and the ways on from there.

use actix_web::HttpRequest;
use osaycore_directory::UserRef;
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

use super::pages::{Pages, asked, with};
use crate::admin::users;
use crate::error::ApiError;
use crate::extract::console::{Filled, Person, Refused};
use crate::store::lists::Asked;

const DAY_US: i64 = 24 * 3_600_000_000;

/// A list as it is asked for.
pub(super) struct List {
    /// What its form has in it.
    pub(super) filters: Filled,
    pub(super) page: Asked,
}

/// Where a list goes on.
pub(super) struct Ways {
    pub(super) pages: Pages,
    /// The whole of it, as a file.
    pub(super) export: String,
    /// Whether anything narrows it.
    pub(super) narrowed: bool,
}

impl List {
    pub(super) fn of(request: &HttpRequest) -> Result<Self, Refused> {
        let (page, filters) = asked(request)?;
        Ok(Self { filters, page })
    }

    /// The ways on from the page at `path`, with those of its `fields` that are filled in.
    pub(super) fn ways(&self, path: &str, export: &str, fields: &[&str], next: Option<String>) -> Ways {
        let kept = fields.iter().map(|field| (*field, self.filters.text(field))).filter(|(_, value)| !value.is_empty());
        let kept: Vec<(&str, &str)> = kept.collect();
        Ways {
            pages: Pages::new(path, &kept, &self.page, next),
            export: with(export, &kept),
            narrowed: !kept.is_empty(),
        }
    }
}

/// A time from and a time to, microseconds since the epoch.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Between {
    pub(super) from_us: Option<i64>,
    /// Before this.
    pub(super) to_us: Option<i64>,
}

impl Between {
    /// Of the fields `from` and `to`: days, both included.
    pub(super) fn of(filters: &mut Filled) -> Self {
        let (from, to) = (filters.optional::<Day>("from"), filters.optional::<Day>("to"));
        if let (Some(from), Some(to)) = (from, to)
            && to.0 < from.0
        {
            filters.refuse("to", "this is before the first day");
        }
        Self { from_us: from.map(|day| day.0), to_us: to.map(|day| day.0.saturating_add(DAY_US)) }
    }
}

/// A day of the calendar in UTC, by its first microsecond.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Day(i64);

impl std::str::FromStr for Day {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let wrong = "a day is like 2026-01-31";
        if text.len() != "2026-01-31".len() {
            return Err(wrong);
        }
        let first = OffsetDateTime::parse(&format!("{text}T00:00:00Z"), &Rfc3339).map_err(|_| wrong)?;
        i64::try_from(first.unix_timestamp_nanos().div_euclid(1000)).map(Self).map_err(|_| wrong)
    }
}

/// The day of a moment, as the fields `from` and `to` take it.
pub(super) fn day(us: i64) -> String {
    crate::statement::timestamp(us).chars().take("2026-01-31".len()).collect()
}

/// The user of the field `user`: by UUID, numeric id, name, or what an app calls somebody.
pub(super) async fn user(person: &Person, filters: &mut Filled) -> Result<Option<i64>, Refused> {
    let Some(wanted) = filters.optional::<UserRef>("user") else { return Ok(None) };
    match person.read(move |tx| users::look_up_if_there(tx, &wanted)).await {
        Ok(Some(user)) => return Ok(Some(user.id)),
        Ok(None) => filters.refuse("user", "there is no such user"),
        Err(error) if error.code.status().is_client_error() => filters.refuse("user", error.to_string()),
        Err(error) => return Err(error.into()),
    }
    Ok(None)
}

/// What an address in the path names, or there is no such page.
pub(super) fn found<T>(found: Result<Option<T>, ApiError>) -> Result<T, Refused> {
    found?.ok_or(Refused::Missing)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_is_of_whole_days() {
        let between = |query: &str| {
            let mut filters = Filled::read(query.as_bytes()).ok().unwrap();
            let between = Between::of(&mut filters);
            (between, filters.has_problems())
        };
        let day = |from_us, to_us| (Between { from_us, to_us }, false);
        assert_eq!(between("from=&to="), day(None, None));
        assert_eq!(between("from=1970-01-02"), day(Some(DAY_US), None));
        assert_eq!(between("from=1970-01-02&to=1970-01-02"), day(Some(DAY_US), Some(2 * DAY_US)));
        for wrong in
            ["from=1970-02-30", "to=yesterday", "from=1970-01-02&to=1970-01-01", "from=%2B1970-1-2", "to=1970-01-01T"]
        {
            assert!(between(wrong).1, "{wrong}");
        }
    }

    #[test]
    fn a_days_text_is_read_as_that_day() {
        assert_eq!(day(2 * DAY_US + 5), "1970-01-03");
        assert_eq!(day(2 * DAY_US + 5).parse(), Ok(Day(2 * DAY_US)));
    }

    #[test]
    fn the_ways_on_keep_the_filters() {
        let filters = Filled::read(b"kind=BONUS&user=a%26b&app=&after=xyz&other=1").ok().unwrap();
        let list = List { filters, page: Asked { cursor: Some("xyz".to_owned()), limit: 1 } };
        let ways = list.ways("/list", "/file", &["kind", "user", "app"], Some("next".to_owned()));
        assert_eq!(ways.pages.first.as_deref(), Some("/list?kind=BONUS&user=a%26b"));
        assert_eq!(ways.pages.next.as_deref(), Some("/list?kind=BONUS&user=a%26b&after=next"));
        assert_eq!(ways.export, "/file?kind=BONUS&user=a%26b");
        assert!(ways.narrowed);
    }
}
