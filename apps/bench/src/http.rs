//! A keep-alive HTTP/1.1 connection that does as little as it can: the load generator shares the machine with what
//! it measures.

use std::net::SocketAddr;

use anyhow::Context as _;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

/// More headers than any answer here has.
const HEADERS: usize = 32;

/// One connection; a request at a time.
pub(crate) struct Connection {
    stream: TcpStream,
    received: Vec<u8>,
}

/// What came back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Answer<'c> {
    pub(crate) status: u16,
    pub(crate) body: &'c [u8],
}

impl Connection {
    pub(crate) async fn open(address: SocketAddr) -> anyhow::Result<Self> {
        let stream = TcpStream::connect(address).await.with_context(|| format!("connecting to {address}"))?;
        stream.set_nodelay(true)?;
        Ok(Self { stream, received: Vec::with_capacity(16 * 1024) })
    }

    /// Sends the bytes of a request and waits for the whole answer.
    pub(crate) async fn exchange(&mut self, request: &[u8]) -> anyhow::Result<Answer<'_>> {
        self.received.clear();
        self.stream.write_all(request).await?;
        loop {
            let read = self.stream.read_buf(&mut self.received).await?;
            anyhow::ensure!(read > 0, "the server closed the connection");
            if let Some((status, body)) = parse(&self.received)? {
                return Ok(Answer { status, body: self.received.get(body).unwrap_or_default() });
            }
        }
    }
}

/// The status and where the body is, once all of it is there.
fn parse(received: &[u8]) -> anyhow::Result<Option<(u16, std::ops::Range<usize>)>> {
    let mut headers = [httparse::EMPTY_HEADER; HEADERS];
    let mut response = httparse::Response::new(&mut headers);
    let httparse::Status::Complete(head) = response.parse(received)? else { return Ok(None) };
    let length = response.headers.iter().find(|header| header.name.eq_ignore_ascii_case("content-length"));
    let length: usize = match length {
        Some(header) => std::str::from_utf8(header.value)?.parse()?,
        None => anyhow::bail!("an answer without Content-Length"),
    };
    let body = head..head.saturating_add(length);
    Ok((received.len() >= body.end).then_some((response.code.unwrap_or_default(), body)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_is_whole_when_its_body_is() {
        let whole = b"HTTP/1.1 402 Payment Required\r\ncontent-LENGTH: 2\r\nx: y\r\n\r\n{}";
        for end in 0..whole.len() {
            assert_eq!(parse(&whole[..end]).unwrap(), None, "{end}");
        }
        let (status, body) = parse(whole).unwrap().unwrap();
        assert_eq!((status, &whole[body]), (402, b"{}".as_slice()));
        assert!(parse(b"HTTP/1.1 200 OK\r\n\r\n").is_err());
    }
}
