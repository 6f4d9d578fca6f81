//! A description and a content in one request (`multipart/related`, RFC 2387).

use std::hash::{BuildHasher, Hasher as _, RandomState};

use bytes::Bytes;
use outbound::Call;
use reqwest::Method;
use serde_json::Value;

/// A request with a description in JSON and these bytes.
pub(super) fn call(
    method: Method,
    url: String,
    about: &Value,
    (media_type, bytes): (&str, &[Bytes]),
) -> Call {
    let boundary = boundary();
    let head = format!(
        "--{boundary}\r\nContent-Type: application/json; charset=UTF-8\r\n\r\n{about}\r\n\
         --{boundary}\r\nContent-Type: {media_type}\r\n\r\n"
    );
    let mut pieces = vec![Bytes::from(head)];
    pieces.extend_from_slice(bytes);
    pieces.push(Bytes::from(format!("\r\n--{boundary}--\r\n")));
    Call::new(method, url)
        .with_header("content-type", &format!("multipart/related; boundary={boundary}"))
        .with_body(pieces.into())
}

/// A line that is in no content: its 128 bits are seeded anew in each process and differ each time.
fn boundary() -> String {
    let random = || RandomState::new().build_hasher().finish();
    format!("cumuli-{:016x}{:016x}", random(), random())
}

/// A media type that Google keeps as it is: its own would make a document of the bytes.
pub(super) fn plain_type(media_type: &str) -> &str {
    let is_header_text = media_type.bytes().all(|byte| (0x20..0x7f).contains(&byte));
    if media_type.is_empty() || !is_header_text || media_type.starts_with("application/vnd.google-apps") {
        "application/octet-stream"
    } else {
        media_type
    }
}
