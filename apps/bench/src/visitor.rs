//! A person who is signed in to the console, as a browser without scripts would be.

use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};

use anyhow::Context as _;

use crate::deployment::Deployment;
use crate::load::Requests;

const PASSWORD: &str = "a walrus in the pantry";
/// More headers than any page here has.
const HEADERS: usize = 64;

/// Of the pages of one server.
#[derive(Debug)]
pub(crate) struct Visitor {
    address: SocketAddr,
    cookies: Vec<String>,
}

/// What a page was answered with.
struct Page {
    status: u16,
    cookies: Vec<String>,
    body: String,
}

impl Visitor {
    /// A new owner of this name, signed in.
    pub(crate) fn of(deployment: &Deployment, name: &str) -> anyhow::Result<Self> {
        let email = format!("{name}@example.com");
        deployment.make_owner(&email, PASSWORD)?;
        let mut visitor = Self { address: deployment.process.address, cookies: Vec::new() };
        let form = visitor.ask("GET", "/console/sign-in", "")?;
        let token = between(&form.body, "name=\"form_token\" value=\"", "\"").context("a form without a token")?;
        let fields = format!("email={email}&password={}&form_token={token}", PASSWORD.replace(' ', "+"));
        let signed_in = visitor.ask("POST", "/console/sign-in", &fields)?;
        anyhow::ensure!(signed_in.status == 303, "signing in: {} {}", signed_in.status, signed_in.body);
        Ok(visitor)
    }

    /// The body at a path, which must be there.
    pub(crate) fn page(&mut self, path: &str) -> anyhow::Result<String> {
        let Page { status, body, .. } = self.ask("GET", path, "")?;
        anyhow::ensure!(status == 200, "{path}: {status}");
        Ok(body)
    }

    /// The path of the page behind so many others of a list, or of its last.
    pub(crate) fn behind(&mut self, path: &str, pages: usize) -> anyhow::Result<String> {
        let mut path = path.to_owned();
        for _ in 0..pages {
            let page = self.page(&path)?;
            let Some((before, _)) = page.split_once("\" rel=\"next\"") else { break };
            let (_, next) = before.rsplit_once("href=\"").context("a link without a target")?;
            path = next.replace("&#38;", "&");
        }
        Ok(path)
    }

    /// One request of a page, to be repeated.
    pub(crate) fn request(&self, path: &str) -> Requests {
        let mut requests = Requests::default();
        requests.push(|bytes| bytes.extend(self.text("GET", path, "keep-alive", "").into_bytes()));
        requests
    }

    fn text(&self, method: &str, path: &str, connection: &str, fields: &str) -> String {
        let (address, cookies) = (self.address, self.cookies.join("; "));
        let body = match method {
            "GET" => "\r\n".to_owned(),
            _ => format!(
                "Content-Type: application/x-www-form-urlencoded\r\nContent-Length: {}\r\n\r\n{fields}",
                fields.len()
            ),
        };
        format!(
            "{method} {path} HTTP/1.1\r\nHost: {address}\r\nConnection: {connection}\r\nCookie: {cookies}\r\n{body}"
        )
    }

    fn ask(&mut self, method: &str, path: &str, fields: &str) -> anyhow::Result<Page> {
        let mut stream = TcpStream::connect(self.address)?;
        stream.write_all(self.text(method, path, "close", fields).as_bytes())?;
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer)?;
        let page = Page::read(&answer).with_context(|| path.to_owned())?;
        self.cookies.extend(page.cookies.iter().cloned());
        Ok(page)
    }
}

impl Page {
    fn read(answer: &[u8]) -> anyhow::Result<Self> {
        let mut headers = [httparse::EMPTY_HEADER; HEADERS];
        let mut response = httparse::Response::new(&mut headers);
        let httparse::Status::Complete(head) = response.parse(answer)? else { anyhow::bail!("half an answer") };
        let body = String::from_utf8(answer.get(head..).unwrap_or_default().to_vec())?;
        let status = response.code.unwrap_or_default();
        let set = response.headers.iter().filter(|header| header.name.eq_ignore_ascii_case("set-cookie"));
        let cookies = set
            .map(|header| Ok(std::str::from_utf8(header.value)?.split(';').next().unwrap_or_default().to_owned()))
            .collect::<anyhow::Result<_>>()?;
        Ok(Self { status, cookies, body })
    }
}

fn between<'t>(text: &'t str, before: &str, after: &str) -> Option<&'t str> {
    Some(text.split_once(before)?.1.split_once(after)?.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_is_read_with_its_cookies() {
        let page =
            Page::read(b"HTTP/1.1 303 See Other\r\nSet-Cookie: a=b; Path=/\r\nset-cookie: c=d\r\n\r\nbody").unwrap();
        assert_eq!((page.status, page.cookies.join(" "), page.body.as_str()), (303, "a=b c=d".to_owned(), "body"));
        assert!(Page::read(b"HTTP/1.1 200 OK\r\n").is_err());
    }

    #[test]
    fn what_is_between_two_texts_is_found() {
        assert_eq!(between("<a href=\"/x\">", "href=\"", "\""), Some("/x"));
        assert_eq!(between("<a>", "href=\"", "\""), None);
    }
}
