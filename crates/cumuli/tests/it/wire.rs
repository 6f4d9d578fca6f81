//! A client that sends exactly the bytes it is given, wrong ones too, and keeps the reply as it came.

use serde_json::Value;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::harness::PATIENCE;

/// A request as it will be written, byte for byte.
#[derive(Debug, Clone)]
pub struct Request {
    pub method: String,
    pub target: String,
    headers: Vec<(String, Vec<u8>)>,
    body: Vec<u8>,
    ending: Ending,
}

/// What the client does after its last byte.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ending {
    /// Waits for the reply.
    Wait,
    /// Says that nothing more comes, and waits for the reply.
    HalfClose,
    /// Goes away.
    Abort,
}

/// A reply as it came; status 0 when the connection ended without one.
#[derive(Debug, Clone, Default)]
pub struct Reply {
    pub status: u16,
    pub headers: Vec<(String, String)>,
    pub body: Vec<u8>,
    /// Whether `100 Continue` came before it.
    pub was_continued: bool,
}

impl Request {
    pub fn new(method: &str, target: &str) -> Self {
        Self {
            method: method.to_owned(),
            target: target.to_owned(),
            headers: Vec::new(),
            body: Vec::new(),
            ending: Ending::Wait,
        }
    }

    pub fn get(target: &str) -> Self {
        Self::new("GET", target)
    }

    pub fn put(target: &str, body: impl Into<Vec<u8>>) -> Self {
        Self::new("PUT", target).body(body)
    }

    /// A POST of JSON.
    pub fn post(target: &str, body: &Value) -> Self {
        Self::new("POST", target).json(body)
    }

    /// One more header; the same name may come again.
    pub fn header(mut self, name: &str, value: impl Into<Vec<u8>>) -> Self {
        self.headers.push((name.to_owned(), value.into()));
        self
    }

    pub fn bearer(self, token: &str) -> Self {
        self.header("Authorization", format!("Bearer {token}"))
    }

    pub fn body(mut self, body: impl Into<Vec<u8>>) -> Self {
        self.body = body.into();
        self
    }

    pub fn json(self, body: &Value) -> Self {
        self.text_json(body.to_string())
    }

    /// A body that says that it is JSON, whatever it is.
    pub fn text_json(self, body: impl Into<Vec<u8>>) -> Self {
        self.header("Content-Type", "application/json").body(body)
    }

    pub const fn ending(mut self, ending: Ending) -> Self {
        self.ending = ending;
        self
    }

    fn has(&self, name: &str) -> bool {
        self.headers.iter().any(|(own, _)| own.eq_ignore_ascii_case(name))
    }

    /// `Host`, `Connection` and `Content-Length` are added where the request does not say otherwise.
    fn bytes(&self) -> Vec<u8> {
        let mut bytes = format!("{} {} HTTP/1.1\r\n", self.method, self.target).into_bytes();
        let mut line = |name: &str, value: &[u8]| {
            bytes.extend_from_slice(name.as_bytes());
            bytes.extend_from_slice(b": ");
            bytes.extend_from_slice(value);
            bytes.extend_from_slice(b"\r\n");
        };
        if !self.has("host") {
            line("Host", b"cumuli.test");
        }
        if !self.has("connection") {
            line("Connection", b"close");
        }
        let is_framed = self.has("content-length") || self.has("transfer-encoding");
        let has_body = !self.body.is_empty() || matches!(self.method.as_str(), "POST" | "PUT" | "PATCH");
        if !is_framed && has_body {
            line("Content-Length", self.body.len().to_string().as_bytes());
        }
        for (name, value) in &self.headers {
            line(name, value);
        }
        bytes.extend_from_slice(b"\r\n");
        bytes.extend_from_slice(&self.body);
        bytes
    }
}

/// Sends a request on a connection of its own and reads the whole reply.
pub async fn send(host: &str, request: &Request) -> Reply {
    let stream = TcpStream::connect(host).await.expect("the server accepts");
    let (mut reader, mut writer) = stream.into_split();
    let (bytes, ending) = (request.bytes(), request.ending);
    let writing = tokio::spawn(async move {
        // A server that refuses early closes while the rest is still being written.
        let _ = writer.write_all(&bytes).await;
        if ending == Ending::HalfClose {
            let _ = writer.shutdown().await;
        }
        writer
    });
    if ending == Ending::Abort {
        drop(writing.await.unwrap());
        return Reply::default();
    }
    let mut came = Vec::new();
    let reading = tokio::time::timeout(PATIENCE, reader.read_to_end(&mut came)).await;
    assert!(
        reading.is_ok(),
        "no end of the reply to {} {}",
        request.method,
        request.target
    );
    writing.abort();
    parse(&came, request.method == "HEAD")
}

/// Sends a request and reads the head of a reply that does not end by itself.
pub async fn head(host: &str, request: &Request) -> Reply {
    let mut stream = TcpStream::connect(host).await.expect("the server accepts");
    stream
        .write_all(&request.bytes())
        .await
        .expect("the server reads");
    let mut came = Vec::new();
    let reading = async {
        while split(&came).is_none() {
            if stream.read_buf(&mut came).await.expect("the server replies") == 0 {
                break;
            }
        }
    };
    tokio::time::timeout(PATIENCE, reading)
        .await
        .expect("the head comes");
    parse(&came, false)
}

fn parse(came: &[u8], is_head: bool) -> Reply {
    let Some((head, rest)) = split(came) else {
        return Reply::default();
    };
    let mut lines = head.split("\r\n");
    let status: u16 = lines.next().unwrap().split(' ').nth(1).unwrap().parse().unwrap();
    if status == 100 {
        return Reply {
            was_continued: true,
            ..parse(rest, is_head)
        };
    }
    let headers: Vec<(String, String)> = lines
        .map(|line| line.split_once(':').expect("a header has a colon"))
        .map(|(name, value)| (name.to_ascii_lowercase(), value.trim().to_owned()))
        .collect();
    let is_chunked = headers
        .iter()
        .any(|(name, value)| name == "transfer-encoding" && value == "chunked");
    let body = if is_chunked { unchunk(rest) } else { rest.to_vec() };
    assert!(!is_head || body.is_empty(), "a body came with a reply to HEAD");
    Reply {
        status,
        headers,
        body,
        was_continued: false,
    }
}

fn split(came: &[u8]) -> Option<(&str, &[u8])> {
    let end = came.windows(4).position(|four| four == b"\r\n\r\n")?;
    Some((
        std::str::from_utf8(&came[..end]).expect("headers are ASCII"),
        &came[end + 4..],
    ))
}

/// What the chunks hold; a stream that was cut gives what came.
fn unchunk(mut rest: &[u8]) -> Vec<u8> {
    let mut body = Vec::new();
    while let Some(end) = rest.windows(2).position(|two| two == b"\r\n") {
        let size = std::str::from_utf8(&rest[..end]).unwrap();
        let size = usize::from_str_radix(size, 16).unwrap();
        let data = &rest[end + 2..];
        if size == 0 || data.len() < size + 2 {
            break;
        }
        body.extend_from_slice(&data[..size]);
        rest = &data[size + 2..];
    }
    body
}

impl Reply {
    /// A header's text; empty when it is not there.
    pub fn header(&self, name: &str) -> &str {
        let found = self.headers.iter().find(|(own, _)| own == name);
        found.map_or("", |(_, value)| value)
    }

    /// How often a header is there.
    pub fn count(&self, name: &str) -> usize {
        self.headers.iter().filter(|(own, _)| own == name).count()
    }

    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    /// The body as JSON; `null` if it is none.
    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or(Value::Null)
    }

    /// A text of the JSON body.
    #[track_caller]
    pub fn field(&self, name: &str) -> String {
        let json = self.json();
        let text = json[name].as_str();
        text.unwrap_or_else(|| panic!("no text {name:?} in {}", self.text()))
            .to_owned()
    }

    /// This reply, if it has the status.
    #[track_caller]
    pub fn expect(self, status: u16) -> Self {
        assert_eq!(self.status, status, "{}", self.text());
        self
    }
}
