//! Connections of libpq: what it is told beyond the URL, and whether one still leads to where it should.

use diesel::connection::SimpleConnection as _;
use diesel::pg::PgConnection;
use diesel::r2d2::{Error, R2D2Connection as _};
use diesel::result::{ConnectionError, DatabaseErrorKind, Error as QueryError};
use diesel::{Connection as _, QueryResult, QueryableByName, RunQueryDsl as _, sql_query};

use super::url::masked;

/// What libpq is told where the URL says nothing of it: a host that does not answer is given up after two seconds, one
/// that went away in silence after six.
const DEFAULTS: &[(&str, &str)] = &[
    ("connect_timeout", "2"),
    ("keepalives_idle", "3"),
    ("keepalives_interval", "1"),
    ("keepalives_count", "3"),
    ("tcp_user_timeout", "6000"),
    ("fallback_application_name", "osaycore"),
];
const TARGET: &str = "target_session_attrs";
/// A session that goes silent inside of a write transaction is ended by the server, and with it its locks: those who
/// take over must not wait for what its host left behind.
const END_OF_SILENCE: &str = "SET idle_in_transaction_session_timeout = '3s'";

/// A new connection; no error of it shows the password.
pub(super) fn connect(url: &str, read_only: bool) -> Result<PgConnection, Error> {
    let full = with_defaults(url);
    let mut connection = PgConnection::establish(&full).map_err(|error| match error {
        // libpq quotes a URL that it cannot read.
        ConnectionError::BadConnection(text) => {
            Error::ConnectionError(ConnectionError::BadConnection(text.replace(&full, &masked(url))))
        }
        error => Error::ConnectionError(error),
    })?;
    if !read_only {
        connection.batch_execute(END_OF_SILENCE).map_err(Error::QueryError)?;
    }
    Ok(connection)
}

/// Whether the connection answers, and leads to a primary still if it had to when it was made.
pub(super) fn check(connection: &mut PgConnection, url: &str) -> QueryResult<()> {
    #[derive(QueryableByName)]
    struct ReadOnly {
        #[diesel(sql_type = diesel::sql_types::Text)]
        transaction_read_only: String,
    }
    if !wants_primary(url) {
        return connection.ping();
    }
    let found: ReadOnly = sql_query("SHOW transaction_read_only").get_result(connection)?;
    if found.transaction_read_only == "off" {
        return Ok(());
    }
    let what = "the server became a standby".to_owned();
    Err(QueryError::DatabaseError(DatabaseErrorKind::ReadOnlyTransaction, Box::new(what)))
}

/// The URL with what it does not say itself. Of several hosts the one is meant that can be written to: the others
/// may lag behind it.
fn with_defaults(url: &str) -> String {
    let target = names_several_hosts(url).then_some((TARGET, "read-write"));
    let mut full = url.to_owned();
    for (name, value) in DEFAULTS.iter().copied().chain(target) {
        if parameters(url).all(|(set, _)| set != name) {
            if !full.ends_with(['?', '&']) {
                full.push(if full.contains('?') { '&' } else { '?' });
            }
            full.extend([name, "=", value]);
        }
    }
    full
}

/// Of several hosts the primary, unless the URL says otherwise.
fn wants_primary(url: &str) -> bool {
    match parameters(url).find(|(name, _)| *name == TARGET) {
        Some((_, target)) => matches!(target, "read-write" | "primary"),
        None => names_several_hosts(url),
    }
}

fn parameters(url: &str) -> impl Iterator<Item = (&str, &str)> {
    let query = url.split_once('?').map_or("", |(_, query)| query);
    query.split('&').filter_map(|pair| pair.split_once('='))
}

fn names_several_hosts(url: &str) -> bool {
    let place = url.split_once("://").map_or("", |(_, rest)| rest).split(['/', '?']).next().unwrap_or_default();
    let hosts = place.rsplit_once('@').map_or(place, |(_, hosts)| hosts);
    let is_list = |(name, value): (&str, &str)| {
        matches!(name, "host" | "hostaddr") && (value.contains(',') || value.to_ascii_lowercase().contains("%2c"))
    };
    hosts.contains(',') || parameters(url).any(is_list)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn libpq_is_told_what_the_url_does_not_say() {
        let every = "connect_timeout=2&keepalives_idle=3&keepalives_interval=1&keepalives_count=3\
            &tcp_user_timeout=6000&fallback_application_name=osaycore";
        let but_timeout = every.replace("connect_timeout=2&", "");
        for (url, more) in [
            ("postgres://h/db", format!("?{every}")),
            ("postgres://h/db?", every.to_owned()),
            ("postgres://me:a,b@h/db?sslmode=require", format!("&{every}")),
            ("postgresql://h1,h2:6432/db", format!("?{every}&target_session_attrs=read-write")),
            ("postgresql:///db?host=h1%2ch2", format!("&{every}&target_session_attrs=read-write")),
            ("postgresql://h1,h2/db?target_session_attrs=any", format!("&{every}")),
            ("postgresql://h1,h2/db?connect_timeout=9&target_session_attrs=primary", format!("&{but_timeout}")),
        ] {
            assert_eq!(with_defaults(url), format!("{url}{more}"));
        }
        assert!(wants_primary("postgres://h1,h2/db"));
        assert!(wants_primary("postgres://h/db?target_session_attrs=read-write"));
        assert!(!wants_primary("postgres://h/db"));
        assert!(!wants_primary("postgres://h1,h2/db?target_session_attrs=any"));
    }

    #[test]
    fn a_connection_that_cannot_write_any_more_is_refused_where_a_primary_is_wanted() {
        let Ok(server) = std::env::var("OSAYCORE_TEST_POSTGRES") else {
            return eprintln!("OSAYCORE_TEST_POSTGRES is not set: not run");
        };
        let url = format!("{server}/postgres");
        let primary = format!("{url}?{TARGET}=read-write");
        let mut connection = connect(&primary, true).unwrap();
        assert_eq!(check(&mut connection, &primary), Ok(()));
        connection.batch_execute("SET default_transaction_read_only = on").unwrap();
        let refused = check(&mut connection, &primary).unwrap_err();
        assert!(matches!(refused, QueryError::DatabaseError(DatabaseErrorKind::ReadOnlyTransaction, _)));
        assert_eq!(check(&mut connection, &url), Ok(()), "reads go on where nothing else is asked for");
    }
}
