//! Which redirect URIs may be registered, and which a request may use.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use osaycore_directory::{AppSettings, RedirectUri};
use proptest::prelude::*;

fn uri(text: &str) -> RedirectUri {
    text.parse().unwrap()
}

#[test]
fn registrable() {
    for text in [
        "https://app.example/done",
        "https://app.example",
        "https://app.example:8443/done?tenant=7&next=%2Fhome",
        "https://xn--bcher-kva.example/",
        "https://app.example/@me?mail=a@b",
        "http://app.example/",
        "http://localhost:3000/done",
        "http://127.0.0.1/done",
        "http://[::1]:9/done",
        "com.example.app:/done",
        "com.example.app://done/here",
        "https://app.example/?osaycore_jwt_hint=1",
    ] {
        assert_eq!(uri(text).as_str(), text);
    }
    for text in [
        "",
        "/done",
        "done",
        "app.example/done",
        "//app.example/done",
        "https:app.example/done",
        "https:/app.example/done",
        "https:///app.example/done",
        "https://",
        "https:///",
        "https://app.example:99999/",
        "https://999.1.1.1/",
        "https://app.example/done#part",
        "https://app.example/done#",
        "https://user@app.example/",
        "https://user:pass@app.example/",
        "https://@app.example/",
        "https://:@app.example/",
        "com.example.app://user@done/",
        "javascript:alert(1)",
        "data:text/html,hello",
        "file:///etc/passwd",
        "ftp://app.example/",
        "myapp:/done",
        "https://app.example/a b",
        " https://app.example/",
        "https://app.example/\n",
        "https://app.exa\tmple/",
        "https://app.example\\@evil.example/",
        "https://app.example\\done",
        "https://bücher.example/",
        "https://app.example/\0",
        "https://app.example/?osaycore_jwt=x",
        "https://app.example/?a=1&osaycore_code",
        "https://app.example/?osaycore%5Ferror=x",
        "https://app.example/?OsayCore_JWT=x",
        "com.example.app:/done?osaycore_jwt=x",
    ] {
        assert!(text.parse::<RedirectUri>().is_err(), "{text:?}");
    }
    let long = |length: usize| format!("https://app.example/{}", "a".repeat(length - 20));
    assert!(long(2048).parse::<RedirectUri>().is_ok());
    assert!(long(2049).parse::<RedirectUri>().is_err());
}

#[test]
fn matching() {
    for (registered, asked, expected) in [
        ("https://app.example/done", "https://app.example/done", true),
        ("https://app.example/done", "https://app.example/done/", false),
        ("https://app.example/done", "https://app.example/Done", false),
        ("https://app.example/done", "https://app.example/done?x=1", false),
        ("https://app.example/done", "https://app.example:443/done", false),
        ("https://app.example/done", "https://APP.example/done", false),
        ("https://app.example/done", "http://app.example/done", false),
        ("https://app.example/done", "https://app.example/x/../done", false),
        ("https://app.example/done", "https://app.example/%64one", false),
        ("https://app.example", "https://app.example/", false),
        ("https://app.example:8443/done", "https://app.example:9443/done", false),
        ("http://127.0.0.1/done", "http://127.0.0.1:50123/done", true),
        ("http://127.0.0.1:8000/done?a=1", "http://127.0.0.1:50123/done?a=1", true),
        ("http://127.0.0.1:8000/done", "http://127.0.0.1/done", true),
        ("http://[::1]:8000/done", "http://[::1]:50123/done", true),
        ("http://127.0.0.1:8000", "http://127.0.0.1:9", true),
        ("http://127.0.0.1:8000/done", "http://127.0.0.1:50123/other", false),
        ("http://127.0.0.1:8000/done", "http://127.0.0.1:50123/done?a=1", false),
        ("http://127.0.0.1:8000/done", "http://[::1]:8000/done", false),
        ("http://127.0.0.1:8000/done", "http://localhost:8000/done", false),
        ("http://127.0.0.1:8000/done", "https://127.0.0.1:8001/done", false),
        ("https://127.0.0.1:8000/done", "https://127.0.0.1:8001/done", false),
        ("http://127.0.0.1/done", "http://127.0.0.1.evil.example/done", false),
        ("http://127.0.0.1.evil.example:1/done", "http://127.0.0.1.evil.example:2/done", false),
        ("http://127.0.0.1/done", "http://127.0.0.10/done", false),
        ("http://127.0.0.10/done", "http://127.0.0.1:0/done", false),
        ("http://127.0.0.1:1/", "http://127.0.0.2:1/", false),
        ("http://localhost:3000/done", "http://localhost:3000/done", true),
        ("http://localhost:3000/done", "http://localhost:4000/done", false),
        ("com.example.app:/done", "com.example.app:/done", true),
        ("com.example.app:/done", "com.example.app:/other", false),
    ] {
        assert_eq!(uri(registered).matches(&uri(asked)), expected, "{registered} and {asked}");
        assert_eq!(uri(asked).matches(&uri(registered)), expected, "{asked} and {registered}");
    }
}

#[test]
fn an_app_allows_what_one_of_its_uris_matches() {
    let mut settings = AppSettings::default();
    assert!(!settings.allows_redirect(&uri("https://app.example/")));
    settings.set("redirect_uris", &["https://app.example/", "http://127.0.0.1/done"]).unwrap();
    assert!(settings.allows_redirect(&uri("https://app.example/")));
    assert!(settings.allows_redirect(&uri("http://127.0.0.1:7/done")));
    assert!(!settings.allows_redirect(&uri("https://app.example/done")));
}

proptest! {
    /// An independent reading of the rule, over parts instead of text.
    #[test]
    fn only_the_loopback_port_is_free(
        scheme in prop_oneof!["http", "https"],
        host in prop_oneof!["127\\.0\\.0\\.1", "\\[::1\\]", "localhost", "app\\.example"],
        ports in (proptest::option::of(1..=65535_u16), proptest::option::of(1..=65535_u16)),
        paths in (prop_oneof!["", "/", "/a"], prop_oneof!["", "/", "/a"]),
    ) {
        let build = |port: Option<u16>, path: &str| {
            let port = port.map(|port| format!(":{port}")).unwrap_or_default();
            uri(&format!("{scheme}://{host}{port}{path}"))
        };
        let free = scheme == "http" && (host == "127.0.0.1" || host == "[::1]");
        let expected = paths.0 == paths.1 && (free || ports.0 == ports.1);
        prop_assert_eq!(build(ports.0, &paths.0).matches(&build(ports.1, &paths.1)), expected);
    }
}
