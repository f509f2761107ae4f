//! Query strings, strictly: what is unknown, repeated or odd is 400.

use std::borrow::Cow;
use std::ops::RangeInclusive;

use crate::error::{ApiError, Code};

/// The pairs of a query string.
pub(crate) struct Query<'q>(Vec<(Cow<'q, str>, Cow<'q, str>)>);

impl<'q> Query<'q> {
    /// Reads a query in which only `known` names stand, each once.
    pub(crate) fn parse(query: &'q str, known: &[&str]) -> Result<Self, ApiError> {
        let mut pairs: Vec<(Cow<'q, str>, Cow<'q, str>)> = Vec::new();
        for (name, value) in form_urlencoded::parse(query.as_bytes()) {
            if !known.contains(&name.as_ref()) {
                return Err(ApiError::field(Code::UnknownField, &name, format!("{name} is not known here")));
            }
            if pairs.iter().any(|(given, _)| *given == name) {
                return Err(ApiError::invalid(&name, "given twice"));
            }
            if value.is_empty() || value.contains('\0') || value.contains('\u{fffd}') {
                return Err(ApiError::invalid(&name, "must be text that is not empty"));
            }
            pairs.push((name, value));
        }
        Ok(Self(pairs))
    }

    pub(crate) fn text(&self, name: &str) -> Option<&str> {
        self.0.iter().find(|(given, _)| given == name).map(|(_, value)| value.as_ref())
    }

    /// A whole number in decimal digits.
    pub(crate) fn number(&self, name: &str, range: RangeInclusive<i64>) -> Result<Option<i64>, ApiError> {
        let Some(text) = self.text(name) else { return Ok(None) };
        let digits = text.bytes().all(|byte| byte.is_ascii_digit());
        match text.parse::<i64>().ok().filter(|number| digits && range.contains(number)) {
            Some(number) => Ok(Some(number)),
            None => Err(ApiError::invalid(name, format!("a whole number from {} to {}", range.start(), range.end()))),
        }
    }

    /// RFC 3339, → microseconds since the epoch.
    pub(crate) fn time(&self, name: &str) -> Result<Option<i64>, ApiError> {
        use time::format_description::well_known::Rfc3339;
        let Some(text) = self.text(name) else { return Ok(None) };
        // A plus sign that was not percent-encoded reads as a space.
        let text = text.replace(' ', "+");
        let time = time::OffsetDateTime::parse(&text, &Rfc3339)
            .map_err(|_| ApiError::invalid(name, "a time as RFC 3339 writes it: 2026-01-31T12:00:00Z"))?;
        Ok(Some(i64::try_from(time.unix_timestamp_nanos().div_euclid(1000)).unwrap_or(i64::MAX)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn odd_queries_are_refused_and_name_the_member() {
        for query in [
            "limit=0",
            "limit=201",
            "limit=+5",
            "limit=x",
            "limit=",
            "limit=5&limit=5",
            "lim=5",
            "from=yesterday",
            "from=2026-13-01T00:00:00Z",
        ] {
            let refused = Query::parse(query, &["limit", "from"])
                .and_then(|query| query.number("limit", 1..=200).and(query.time("from")));
            assert!(refused.is_err(), "{query}");
        }
        let query = Query::parse("limit=200&from=2026-01-01T01:00:00%2B01:00", &["limit", "from"]).unwrap();
        assert_eq!(query.number("limit", 1..=200).unwrap(), Some(200));
        assert_eq!(query.time("from").unwrap(), Some(1_767_225_600_000_000));
        let unescaped = Query::parse("from=2026-01-01T01:00:00+01:00", &["from"]).unwrap();
        assert_eq!(unescaped.time("from").unwrap(), Some(1_767_225_600_000_000));
    }
}
