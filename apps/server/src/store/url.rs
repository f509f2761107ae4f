//! Where the database is, and how that is shown.

use std::path::{Path, PathBuf};

/// Where the database is. It is shown without its password.
#[derive(Clone, PartialEq, Eq)]
pub(crate) enum DatabaseUrl {
    /// A file.
    Sqlite(PathBuf),
    /// A libpq URL, possibly of several hosts.
    Postgres(String),
}

const ENCODE: &str = "database URL: in user and password write @ as %40, / as %2F, ? as %3F, & as %26, % as %25";

impl std::str::FromStr for DatabaseUrl {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        if let Some(rest) = text.strip_prefix("postgres://").or_else(|| text.strip_prefix("postgresql://")) {
            // libpq would quote, as the name of a host or the like, what it takes a part of the password for.
            return if is_unambiguous(rest) { Ok(Self::Postgres(text.to_owned())) } else { Err(ENCODE.to_owned()) };
        }
        match text.strip_prefix("sqlite://") {
            Some(path) if !path.is_empty() => Ok(Self::Sqlite(PathBuf::from(path))),
            // Of the text the scheme at most is told: a password may be anywhere in the rest.
            _ => {
                let is_scheme = |scheme: &&str| scheme.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'+');
                let scheme = text.split_once("://").map(|(scheme, _)| scheme).filter(is_scheme);
                let scheme = scheme.map_or_else(String::new, |scheme| format!(" {scheme}://"));
                Err(format!("database URL{scheme}: use sqlite://FILE, sqlite:///absolute/FILE or postgres://…"))
            }
        }
    }
}

impl DatabaseUrl {
    /// The SQLite file, where there is one.
    pub(crate) fn sqlite_file(&self) -> Option<&Path> {
        match self {
            Self::Sqlite(path) => Some(path),
            Self::Postgres(_) => None,
        }
    }
}

impl std::fmt::Debug for DatabaseUrl {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        std::fmt::Display::fmt(self, formatter)
    }
}

impl std::fmt::Display for DatabaseUrl {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Sqlite(path) => write!(formatter, "sqlite://{}", path.display()),
            Self::Postgres(url) => formatter.write_str(&masked(url)),
        }
    }
}

/// `scheme://user:password@hosts?parameters` without the password.
pub(crate) fn masked(url: &str) -> String {
    let Some((scheme, rest)) = url.split_once("://") else { return "***".to_owned() };
    let (place, query) = rest.split_once('?').unwrap_or((rest, ""));
    let mut masked = match place.rsplit_once('@') {
        Some((user, hosts)) if user.contains(':') => {
            format!("{scheme}://{}:***@{hosts}", user.split(':').next().unwrap_or_default())
        }
        _ => format!("{scheme}://{place}"),
    };
    // A name may be written in percent signs as well.
    let is_harmless = |pair: &&str| {
        !pair.split('=').next().unwrap_or_default().contains(['%', '@'])
            && !pair.starts_with("password")
            && !pair.starts_with("sslpassword")
            && !pair.is_empty()
    };
    for (n, pair) in query.split('&').filter(is_harmless).enumerate() {
        masked.extend([if n == 0 { "?" } else { "&" }, pair]);
    }
    masked
}

/// Whether what follows the scheme reads in one way only, whatever the password is.
fn is_unambiguous(rest: &str) -> bool {
    let (place, query) = rest.split_once('?').unwrap_or((rest, ""));
    let (hosts, database) = place.split_once('/').unwrap_or((place, ""));
    let is_encoded = |text: &str| {
        text.split('%').skip(1).all(|after| {
            after.get(..2).is_some_and(|code| code != "00" && code.bytes().all(|byte| byte.is_ascii_hexdigit()))
        })
    };
    hosts.matches('@').count() <= 1
        && !database.contains('@')
        && is_encoded(rest)
        && query.split('&').all(|pair| pair.is_empty() || pair.matches('=').count() == 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn passwords_are_masked() {
        for (url, shown) in [
            ("postgres://me:pw@h1,h2/db?sslmode=require", "postgres://me:***@h1,h2/db?sslmode=require"),
            ("postgres://me:pw@h1:1,h2:2,h3/db?a=1&b=2", "postgres://me:***@h1:1,h2:2,h3/db?a=1&b=2"),
            ("postgres://h/db?user=x&password=pw", "postgres://h/db?user=x"),
            ("postgres://h/db?password=pw&user=x&sslpassword=pw", "postgres://h/db?user=x"),
            ("postgres://h/db?p%61ssword=pw&user=x", "postgres://h/db?user=x"),
            ("smtp://u:p@ss@mail:25", "smtp://u:***@mail:25"),
            ("postgres://h/db", "postgres://h/db"),
            ("postgres://me@h1,h2/db", "postgres://me@h1,h2/db"),
            ("host=h password=pw", "***"),
        ] {
            assert_eq!(masked(url), shown);
        }
        let url: DatabaseUrl = "postgres://me:hidden@h1,h2/db".parse().unwrap();
        assert_eq!(format!("{url:?} {url}"), "postgres://me:***@h1,h2/db postgres://me:***@h1,h2/db");
    }

    #[test]
    fn what_does_not_read_is_refused_without_a_word_of_it() {
        for url in [
            "host=h1,h2 password=hidden",
            "postgres://me:hid@den@h/db",
            "postgres://me:hid/den@h/db",
            "postgres://me:hid?den@h/db",
            "postgres://me:hid%zden@h/db",
            "postgres://h/db?password=hidden&den",
            "postgres://h/db?password=hid=den",
            "post gres://me:hidden@h",
        ] {
            let error = url.parse::<DatabaseUrl>().unwrap_err();
            assert!(!error.contains("hid") && !error.contains("den"), "{url}: {error}");
        }
    }
}
