//! Uploads by tus: each rule of the protocol, cuts anywhere, and clients that others wrote.

mod clients;
mod cut;
mod joined;
mod protocol;
mod stores;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use crate::people::Person;
use crate::wire::{Reply, Request};

pub const TUS: &str = "/api/v1/uploads/tus";

/// A request of tus.
pub fn tus(method: &str, target: &str) -> Request {
    Request::new(method, target).header("Tus-Resumable", "1.0.0")
}

/// Keys and values as `Upload-Metadata` has them.
pub fn metadata(pairs: &[(&str, &str)]) -> String {
    let pairs = pairs
        .iter()
        .map(|(key, value)| format!("{key} {}", STANDARD.encode(value)));
    pairs.collect::<Vec<_>>().join(",")
}

/// Begins an upload of so many bytes; answers where.
pub async fn begin(person: &Person, name: &str, length: usize) -> String {
    let request = tus("POST", TUS)
        .header("Upload-Length", length.to_string())
        .header("Upload-Metadata", metadata(&[("filename", name)]));
    let reply = person.send(request).await.expect(201);
    reply.header("location").to_owned()
}

/// A piece of an upload.
pub fn piece(target: &str, offset: usize, bytes: &[u8]) -> Request {
    tus("PATCH", target)
        .header("Content-Type", "application/offset+octet-stream")
        .header("Upload-Offset", offset.to_string())
        .body(bytes)
}

/// How many bytes the server says are durable.
pub async fn offset(person: &Person, target: &str) -> usize {
    let reply = person.send(tus("HEAD", target)).await.expect(200);
    assert_eq!(reply.header("cache-control"), "no-store");
    reply.header("upload-offset").parse().unwrap()
}

/// What a finished upload's file holds.
pub async fn content(person: &Person, finished: &Reply) -> Vec<u8> {
    let file = finished.header("cumuli-file-id");
    assert!(!file.is_empty(), "{:?}", finished.headers);
    person
        .get(&format!("/api/v1/files/{file}/content"))
        .await
        .expect(200)
        .body
}

/// Bytes that are the same for the same numbers.
pub fn sample(seed: u8, length: usize) -> Vec<u8> {
    (0..length)
        .map(|at| (at * 31 + at / 251 + usize::from(seed)) as u8)
        .collect()
}
