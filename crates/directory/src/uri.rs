//! Where a browser may be sent back to, and where a picture is.

use alloc::{borrow::ToOwned, string::String};

use url::Url;

use crate::text::{Flaw, bounded, text_type, without};

/// What this server adds to a redirect; an app's own must not look like it.
const OWN_PARAMETERS: [&str; 4] = ["osaycore_jwt", "osaycore_code", "osaycore_state", "osaycore_error"];

/// The longest URI that is kept, in characters.
const MAX_LENGTH: usize = 2048;

text_type! {
    /// A redirect URI of an app: absolute, of RFC 3986's characters, at most 2,048 of them; `https`, `http`, or a
    /// private-use scheme with a period (RFC 8252 §7.1, §8.4: `com.example.app:/done`); no fragment (RFC 6749 §3.1.2),
    /// no user name or password, and no query parameter of this server's names. Kept and compared as given.
    RedirectUri, "redirect URI", redirect_uri
}

text_type! {
    /// The address of a user's picture: `https` or `http`, at most 2,048 characters, no user name or password.
    AvatarUrl, "avatar URL", avatar_url
}

impl RedirectUri {
    /// Whether a window there can be told from others: it is `http` or `https`.
    pub fn has_origin(&self) -> bool {
        let scheme = self.0.split_once(':').map_or("", |(scheme, _)| scheme);
        scheme.eq_ignore_ascii_case("https") || scheme.eq_ignore_ascii_case("http")
    }

    /// Whether a request may use `asked` where this URI is registered: the same text (RFC 9700 §2.1); only the port of
    /// an `http` URI on `127.0.0.1` or `[::1]` may differ (RFC 8252 §7.3). `localhost` is a name, not the loopback
    /// interface (§8.3): it matches exactly or not at all.
    pub fn matches(&self, asked: &Self) -> bool {
        self == asked || loopback(&self.0).is_some_and(|parts| loopback(&asked.0) == Some(parts))
    }
}

/// Host, and all that comes after the port, of a loopback URI. Where the host goes on (`127.0.0.1.example`), the rest
/// does too, and equals only itself: a colon and digits come off at its very beginning alone.
fn loopback(uri: &str) -> Option<(&'static str, &str)> {
    ["127.0.0.1", "[::1]"].into_iter().find_map(|host| {
        let rest = uri.strip_prefix("http://")?.strip_prefix(host)?;
        let port = rest.strip_prefix(':');
        Some((host, port.map_or(rest, |port| port.trim_start_matches(|c: char| c.is_ascii_digit()))))
    })
}

fn redirect_uri(text: &str) -> Result<String, Flaw> {
    let uri = parse(text)?;
    let scheme = uri.scheme();
    if scheme != "http" && scheme != "https" && !scheme.contains('.') {
        return Err(Flaw::NotA("http, https or of a private-use scheme with a period, as in com.example.app:/"));
    }
    if uri.fragment().is_some() {
        return Err(Flaw::Forbidden('#'));
    }
    let own = |name: &str| OWN_PARAMETERS.iter().any(|parameter| name.eq_ignore_ascii_case(parameter));
    if uri.query_pairs().any(|(name, _)| own(&name)) {
        return Err(Flaw::NotA(
            "without the parameters osaycore_jwt, osaycore_code, osaycore_state and osaycore_error",
        ));
    }
    Ok(text.to_owned())
}

fn avatar_url(text: &str) -> Result<String, Flaw> {
    let url = parse(text)?;
    if matches!(url.scheme(), "http" | "https") { Ok(text.to_owned()) } else { Err(Flaw::NotA("an http or https URL")) }
}

/// Reads the text as a URL, after refusing whatever a browser would quietly repair (WHATWG URL drops tabs and turns
/// `\` into `/`), so that two parsers cannot disagree about it.
fn parse(text: &str) -> Result<Url, Flaw> {
    bounded(text, MAX_LENGTH)?;
    without(text, |c| !c.is_ascii_graphic() || r#""<>\^`{|}"#.contains(c))?;
    let url = Url::parse(text).map_err(|_| Flaw::NotA("an absolute URI"))?;
    let of_the_web = matches!(url.scheme(), "http" | "https");
    // `https:example.com` and `https:///example.com` are among the repairs.
    if of_the_web && text.split_once("://").is_none_or(|(_, rest)| rest.starts_with('/')) {
        return Err(Flaw::NotA("an absolute URI"));
    }
    // The parser forgets an empty user name: the raw text tells.
    let authority = text.split_once("://").map(|(_, rest)| rest.split(['/', '?', '#']).next().unwrap_or(rest));
    if authority.is_some_and(|authority| authority.contains('@')) {
        return Err(Flaw::NotA("without a user name or password"));
    }
    Ok(url)
}
