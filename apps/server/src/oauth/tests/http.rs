//! The way out.

use std::net::TcpListener;

use oauth2::HttpRequest;
use oauth2::http::Request;

use super::Fake;
use crate::oauth::http::{HttpError, Outgoing};

fn get(url: &str) -> HttpRequest {
    Request::get(url).body(Vec::new()).unwrap()
}

#[tokio::test]
async fn only_https_to_public_addresses_is_spoken_unless_for_development() {
    let fake = Fake::start();
    let port = fake.address.port();
    let outgoing = Outgoing::new(false);
    for url in ["http://example.com/", &fake.url()] {
        assert!(matches!(outgoing.send(get(url)).await, Err(HttpError::Insecure(_))), "{url}");
    }
    for host in ["127.0.0.1", "2130706433", "0x7f.1", "[::1]", "[::ffff:127.0.0.1]", "169.254.169.254", "10.0.0.1"] {
        let error = outgoing.send(get(&format!("https://{host}:{port}/"))).await.unwrap_err();
        assert!(matches!(error, HttpError::Private(_)), "{host}: {error}");
    }
    // A name is judged by what it leads to.
    let error = outgoing.send(get(&format!("https://localhost:{port}/"))).await.unwrap_err();
    assert!(error.to_string().contains("not a public address"), "{error}");
    assert!(fake.seen("/").is_empty(), "nobody was connected to");

    fake.answer("/", 200, "here");
    let outgoing = Outgoing::new(true);
    for host in ["127.0.0.1", "localhost"] {
        let answer = outgoing.send(get(&format!("http://{host}:{port}/"))).await.unwrap();
        assert_eq!(answer.body(), b"here");
    }
    assert!(matches!(outgoing.send(get("ftp://127.0.0.1/")).await, Err(HttpError::Insecure(_))));
}

#[tokio::test]
async fn redirects_are_answers() {
    let fake = Fake::start();
    fake.answer("/", 302, "/elsewhere");
    let answer = Outgoing::new(true).send(get(&fake.url())).await.unwrap();
    assert_eq!(answer.status(), 302);
    assert!(fake.seen("/elsewhere").is_empty());
}

#[tokio::test]
async fn an_answer_is_a_mebibyte_at_most() {
    let fake = Fake::start();
    let outgoing = Outgoing::new(true);
    let longest = "x".repeat(1024 * 1024);
    fake.answer("/", 200, &longest);
    assert_eq!(outgoing.send(get(&fake.url())).await.unwrap().body().len(), longest.len());
    fake.answer("/", 200, &(longest + "x"));
    assert!(matches!(outgoing.send(get(&fake.url())).await, Err(HttpError::TooLong)));
}

#[tokio::test(start_paused = true)]
async fn who_does_not_answer_is_unreachable() {
    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}/", silent.local_addr().unwrap());
    let outgoing = Outgoing::new(true);
    assert!(matches!(outgoing.send(get(&url)).await, Err(HttpError::Unreachable(_))));
}
