//! One kept connection.
//!
//! Many thousands of them sit in one process, so a connection holds no buffer: what arrives goes through one that all share.

use std::cell::RefCell;
use std::io::ErrorKind;
use std::net::SocketAddr;
use std::time::Instant;

use anyhow::{Context, bail, ensure};
use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;

use crate::stamps::{Tail, push_tail};

const SCRATCH_BYTES: usize = 128 * 1024;
const MAX_HEAD_BYTES: usize = 16 * 1024;

/// A connection to a server.
#[derive(Debug)]
pub struct Client {
    stream: TcpStream,
    request: String,
    host: String,
}

/// What to do with a body.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Body {
    /// Keep it: a playlist.
    Keep,
    /// Count it and keep its end: media.
    Count,
}

/// An answer.
#[derive(Debug)]
pub struct Response {
    /// The status.
    pub status: u16,
    /// Bytes of the body.
    pub body_bytes: usize,
    /// The body's last bytes.
    pub tail: Tail,
    /// The body, where it was to be kept.
    pub body: Vec<u8>,
    /// When the last byte was there.
    pub done: Instant,
}

/// Splits `http://host:port/path`.
///
/// # Errors
/// When it is something else.
pub fn split_url(url: &str) -> anyhow::Result<(SocketAddr, String)> {
    let rest = url.strip_prefix("http://").context("an http:// URL was expected")?;
    let (host, path) = rest.split_once('/').unwrap_or((rest, ""));
    Ok((host.parse().with_context(|| format!("{host} is no address and port"))?, format!("/{path}")))
}

impl Client {
    /// Connects.
    ///
    /// # Errors
    /// When nobody listens.
    pub async fn connect(address: SocketAddr) -> anyhow::Result<Self> {
        let stream = TcpStream::connect(address).await.with_context(|| format!("connecting to {address}"))?;
        stream.set_nodelay(true)?;
        Ok(Self { stream, request: String::new(), host: address.to_string() })
    }

    /// Asks for `path`, and waits for the whole answer.
    ///
    /// # Errors
    /// When the connection ends or the answer has no length.
    pub async fn get(&mut self, path: &str, body: Body) -> anyhow::Result<Response> {
        self.send(path).await?;
        self.receive(body).await
    }

    /// Sends a request as it is, and waits for the whole answer.
    ///
    /// # Errors
    /// As [`get`](Self::get).
    pub async fn exchange(&mut self, request: &[u8], body: Body) -> anyhow::Result<Response> {
        self.stream.write_all(request).await?;
        self.receive(body).await
    }

    /// Asks for `path`.
    ///
    /// # Errors
    /// When the connection has ended.
    pub async fn send(&mut self, path: &str) -> anyhow::Result<()> {
        use std::fmt::Write;
        self.request.clear();
        write!(self.request, "GET {path} HTTP/1.1\r\nHost: {}\r\n\r\n", self.host)?;
        Ok(self.stream.write_all(self.request.as_bytes()).await?)
    }

    /// Waits for the whole answer.
    ///
    /// # Errors
    /// As [`get`](Self::get).
    pub async fn receive(&mut self, body: Body) -> anyhow::Result<Response> {
        thread_local!(static SCRATCH: RefCell<Vec<u8>> = RefCell::new(vec![0; SCRATCH_BYTES]));
        let mut reading = Reading { keep: body == Body::Keep, head: Vec::new(), response: None, missing: 0 };
        loop {
            self.stream.readable().await?;
            let done = SCRATCH.with_borrow_mut(|scratch| match self.stream.try_read(scratch) {
                Ok(0) => bail!("the server hung up"),
                Ok(count) => reading.take(scratch.get(..count).unwrap_or_default()),
                Err(error) if error.kind() == ErrorKind::WouldBlock => Ok(false),
                Err(error) => Err(error.into()),
            })?;
            if done {
                let response = reading.response.context("an answer without a head")?;
                return Ok(Response { done: Instant::now(), ..response });
            }
        }
    }
}

/// An answer of which not everything has arrived.
struct Reading {
    keep: bool,
    /// The head, as long as its end is missing.
    head: Vec<u8>,
    response: Option<Response>,
    missing: usize,
}

impl Reading {
    /// Takes what arrived; whether the answer is whole.
    fn take(&mut self, bytes: &[u8]) -> anyhow::Result<bool> {
        if self.response.is_some() {
            return self.take_body(bytes);
        }
        if self.head.is_empty()
            && let Some(end) = head_end(bytes)
        {
            let (head, body) = bytes.split_at(end);
            self.begin(head)?;
            return self.take_body(body);
        }
        self.head.extend_from_slice(bytes);
        ensure!(self.head.len() < MAX_HEAD_BYTES, "a head of more than {MAX_HEAD_BYTES} bytes");
        let Some(end) = head_end(&self.head) else { return Ok(false) };
        let head = std::mem::take(&mut self.head);
        let (head, body) = head.split_at(end);
        self.begin(head)?;
        self.take_body(body)
    }

    fn begin(&mut self, head: &[u8]) -> anyhow::Result<()> {
        let head = std::str::from_utf8(head)?;
        let status = head.split(' ').nth(1).and_then(|status| status.parse().ok()).context("no status")?;
        let length = head.lines().find_map(|line| {
            let (name, value) = line.split_once(':')?;
            name.eq_ignore_ascii_case("content-length").then(|| value.trim().parse().ok())?
        });
        // Which has no body, and says nothing of its length (RFC 9110 §8.6).
        let length = length.or((status == 204).then_some(0));
        self.missing = length.with_context(|| format!("an answer without content-length: {head}"))?;
        let body = Vec::with_capacity(if self.keep { self.missing } else { 0 });
        let (body_bytes, tail, done) = (self.missing, Tail::default(), Instant::now());
        self.response = Some(Response { status, body_bytes, tail, body, done });
        Ok(())
    }

    fn take_body(&mut self, bytes: &[u8]) -> anyhow::Result<bool> {
        let response = self.response.as_mut().context("a body without a head")?;
        ensure!(bytes.len() <= self.missing, "more than was announced");
        self.missing -= bytes.len();
        if self.keep {
            response.body.extend_from_slice(bytes);
        }
        push_tail(&mut response.tail, bytes);
        Ok(self.missing == 0)
    }
}

/// Where the head's empty line ends.
fn head_end(bytes: &[u8]) -> Option<usize> {
    bytes.windows(4).position(|window| window == b"\r\n\r\n").map(|at| at + 4)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_is_read_however_it_arrives() {
        let answer = b"HTTP/1.1 200 OK\r\nContent-Length: 20\r\nx: y\r\n\r\n0123456789abcdefghij";
        for piece in 1..answer.len() + 1 {
            let mut reading = Reading { keep: true, head: Vec::new(), response: None, missing: 0 };
            let mut done = false;
            for bytes in answer.chunks(piece) {
                assert!(!done);
                done = reading.take(bytes).unwrap();
            }
            let response = reading.response.filter(|_| done).unwrap();
            assert_eq!((response.status, response.body_bytes), (200, 20));
            assert_eq!(response.body, b"0123456789abcdefghij");
            assert_eq!(&response.tail, b"456789abcdefghij");
        }
    }
}
