//! The fakes' own requests: word to subscribers on this machine.

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

/// What is read of an answer.
const MOST_ANSWER: u64 = 64 << 10;

/// Posts to an `http://` address, and returns status and body.
///
/// # Errors
/// It is no such address, or nobody answers there.
pub async fn post(url: &str, headers: &[(String, String)], body: &str) -> std::io::Result<(u16, String)> {
    let bad = || std::io::Error::other("not an address that can be posted to");
    let rest = url.strip_prefix("http://").ok_or_else(bad)?;
    let (host, path) = rest.split_once('/').unwrap_or((rest, ""));
    let mut stream = TcpStream::connect(host).await?;
    let mut text = format!("POST /{path} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n");
    for (name, value) in headers {
        text.push_str(&format!("{name}: {value}\r\n"));
    }
    text.push_str(&format!("Content-Length: {}\r\n\r\n{body}", body.len()));
    stream.write_all(text.as_bytes()).await?;
    let mut answer = String::new();
    stream.take(MOST_ANSWER).read_to_string(&mut answer).await?;
    let (head, body) = answer.split_once("\r\n\r\n").ok_or_else(bad)?;
    let status = head.split(' ').nth(1).and_then(|status| status.parse().ok());
    Ok((status.ok_or_else(bad)?, body.to_owned()))
}

/// An address below another origin; as it is where that is empty.
pub fn at_origin(address: &str, origin: &str) -> String {
    if origin.is_empty() {
        return address.to_owned();
    }
    let rest = address.split_once("://").map_or(address, |(_, rest)| rest);
    let path = rest.find('/').map_or("", |at| &rest[at..]);
    format!("{origin}{path}")
}
