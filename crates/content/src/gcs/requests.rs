//! The requests that the store is made of, one function each.

use std::hash::{BuildHasher, Hasher as _, RandomState};
use std::ops::Range;
use std::sync::Arc;

use bytes::Bytes;
use jiff::Timestamp;
use md5::{Digest as _, Md5};
use model::{ByteStream, Millis};
use outbound::{Answer, Body, Call, Failure, Whole, base64, encoded, ranged};
use reqwest::Method;
use serde::Deserialize;

use super::Inner;
use super::dialect::NO_BUCKET;
use crate::ContentError;
use crate::error::Told as _;

/// The most that an answer in JSON may hold: a page of a listing is a few hundred KiB.
const ANSWER_BYTES: usize = 32 * 1024 * 1024;
/// The most that the service puts on a page.
const PAGE_NAMES: usize = 1000;

/// When a write is to be refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Unless {
    Never,
    /// When the name is taken.
    Taken,
}

/// What the service says of an object. Numbers come as text.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Object {
    #[serde(default)]
    pub(super) name: String,
    size: String,
    #[serde(default)]
    pub(super) generation: Option<String>,
    #[serde(default)]
    pub(super) md5_hash: Option<String>,
    #[serde(default)]
    crc32c: Option<String>,
    #[serde(default)]
    updated: Option<String>,
}

impl Object {
    pub(super) fn size_bytes(&self) -> Option<u64> {
        self.size.parse().ok()
    }

    pub(super) fn crc32c(&self) -> Option<u32> {
        use ::base64::Engine as _;
        let bytes = ::base64::engine::general_purpose::STANDARD.decode(self.crc32c.as_deref()?);
        Some(u32::from_be_bytes(bytes.ok()?.try_into().ok()?))
    }

    pub(super) fn modified_ms(&self) -> Option<Millis> {
        let at: Timestamp = self.updated.as_deref()?.parse().ok()?;
        Some(Millis(at.as_millisecond()))
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Page {
    kind: String,
    #[serde(default)]
    items: Vec<Object>,
    #[serde(default)]
    next_page_token: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Rewritten {
    done: bool,
    #[serde(default)]
    rewrite_token: Option<String>,
}

/// What to list.
#[derive(Debug, Clone, Copy)]
pub(super) struct Listing<'a> {
    /// What the names begin with.
    pub(super) prefix: &'a str,
    /// The first name, which need not be there.
    pub(super) start: Option<&'a str>,
    pub(super) limit: usize,
    pub(super) page_token: Option<&'a str>,
}

impl Inner {
    /// Writes an object as a whole. The service compares the MD5 with what arrives.
    pub(super) async fn put(
        &self,
        name: &str,
        body: Body,
        md5: [u8; 16],
        unless: Unless,
    ) -> Result<(), Failure> {
        let boundary = format!("cumuli{:016x}", RandomState::new().build_hasher().finish());
        let about = serde_json::json!({
            "name": name,
            "contentType": "application/octet-stream",
            "md5Hash": base64(&md5),
        });
        let head = format!(
            "--{boundary}\r\ncontent-type: application/json; charset=UTF-8\r\n\r\n{about}\r\n\
             --{boundary}\r\ncontent-type: application/octet-stream\r\ncontent-transfer-encoding: binary\r\n\r\n"
        );
        let mut pieces = vec![Bytes::from(head)];
        pieces.extend(body.pieces().cloned());
        pieces.push(Bytes::from(format!("\r\n--{boundary}--\r\n")));
        let mut query = vec![
            ("uploadType", "multipart"),
            ("name", name),
            ("fields", "name,size"),
        ];
        query.extend(condition(unless));
        let call = Call::new(Method::POST, self.upload_url(&query))
            .with_header("content-type", &format!("multipart/related; boundary={boundary}"))
            .with_body(Body::from(pieces));
        self.json(&call).await.map(drop)
    }

    /// What the service says of an object; `None` when there is none.
    pub(super) async fn look_at(&self, name: &str) -> Result<Option<Object>, ContentError> {
        let fields = ("fields", "name,size,generation,md5Hash,crc32c,updated");
        let call = Call::new(Method::GET, self.url(name, &[fields]));
        match self.json(&call).await {
            Ok(answer) => self.read_object(&answer.body).map(Some),
            Err(failure) if is_missing(&failure) => Ok(None),
            Err(failure) => Err(self.client.error(failure)),
        }
    }

    pub(super) fn read_object(&self, body: &[u8]) -> Result<Object, ContentError> {
        let object = serde_json::from_slice::<Object>(body).ok();
        let object = object.filter(|object| object.size_bytes().is_some());
        object.ok_or_else(|| self.strange("what it says of an object cannot be read"))
    }

    /// Streams a range, which is not empty.
    pub(super) async fn stream(
        self: &Arc<Self>,
        name: &str,
        size_bytes: u64,
        range: Range<u64>,
    ) -> Result<ByteStream, ContentError> {
        let (this, url) = (Arc::clone(self), self.url(name, &[("alt", "media")]));
        let patience = self.client.patience();
        ranged(
            Box::new(move |range| {
                let (this, url) = (Arc::clone(&this), url.clone());
                Box::pin(async move { this.open(&url, size_bytes, range).await })
            }),
            size_bytes,
            range,
            patience,
        )
        .await
    }

    async fn open(&self, url: &str, size_bytes: u64, range: Range<u64>) -> Result<Answer, ContentError> {
        let last = range.end.saturating_sub(1);
        let call = Call::new(Method::GET, url.to_owned())
            .with_header("range", &format!("bytes={}-{last}", range.start));
        match self.client.send(&call).await {
            Ok(answer) => Ok(answer),
            Err(failure) if is_missing(&failure) => Err(ContentError::Missing),
            Err(failure) => match whole_bytes(&failure) {
                Some(found_bytes) if found_bytes != size_bytes => {
                    Err(ContentError::wrong_length(size_bytes, found_bytes))
                }
                _ => Err(self.client.error(failure)),
            },
        }
    }

    /// A small object, read as a whole; `None` when there is none.
    pub(super) async fn get(&self, name: &str, limit_bytes: usize) -> Result<Option<Bytes>, ContentError> {
        let call = Call::new(Method::GET, self.url(name, &[("alt", "media")]));
        match self.client.fetch(&call, limit_bytes).await {
            Ok(answer) => Ok(Some(answer.body)),
            Err(failure) if is_missing(&failure) => Ok(None),
            Err(failure) => Err(self.client.error(failure)),
        }
    }

    /// Removes an object. A missing one is a success.
    pub(super) async fn delete(&self, name: &str) -> Result<(), ContentError> {
        match self.json(&Call::new(Method::DELETE, self.url(name, &[]))).await {
            Ok(_) => Ok(()),
            Err(failure) if is_missing(&failure) => Ok(()),
            Err(failure) => Err(self.client.error(failure)),
        }
    }

    /// Copies an object, as long as it is of that generation, to a name that is free. The service does it
    /// in one step within a bucket, and in several where storage has to be moved.
    pub(super) async fn rewrite(&self, from: &Object, to: &str) -> Result<(), Failure> {
        let target = format!("/rewriteTo/b/{}/o/{}", self.bucket, encoded(to, ""));
        let mut token: Option<String> = None;
        loop {
            let mut query = vec![("fields", "done,rewriteToken")];
            query.extend(condition(Unless::Taken));
            query.extend(
                from.generation
                    .as_deref()
                    .map(|it| ("ifSourceGenerationMatch", it)),
            );
            query.extend(token.as_deref().map(|token| ("rewriteToken", token)));
            let object = format!("{}{target}", self.url(&from.name, &[]));
            let answer = self
                .json(&Call::new(Method::POST, with_query(object, &query)))
                .await?;
            let rewritten: Rewritten = serde_json::from_slice(&answer.body)
                .map_err(|_| Failure::strange("what it says of a copy cannot be read"))?;
            if rewritten.done {
                return Ok(());
            }
            token = rewritten.rewrite_token;
            if token.is_none() {
                return Err(Failure::strange("a copy is not done and cannot go on"));
            }
        }
    }

    /// One page of a listing, in the order of the names, and where the next begins.
    pub(super) async fn list_page(
        &self,
        listing: &Listing<'_>,
    ) -> Result<(Vec<Object>, Option<String>), ContentError> {
        let limit = listing.limit.clamp(1, PAGE_NAMES).to_string();
        let mut query = vec![
            ("prefix", listing.prefix),
            ("maxResults", limit.as_str()),
            ("fields", "kind,nextPageToken,items(name,size,updated)"),
        ];
        query.extend(listing.start.map(|start| ("startOffset", start)));
        query.extend(listing.page_token.map(|token| ("pageToken", token)));
        let url = with_query(
            format!("{}/storage/v1/b/{}/o", self.endpoint, self.bucket),
            &query,
        );
        let answer = self.json(&Call::new(Method::GET, url)).await;
        let answer = answer.map_err(|failure| self.client.error(failure))?;
        let page = serde_json::from_slice::<Page>(&answer.body).ok();
        let page = page.filter(|page| page.kind.starts_with("storage#object"));
        let mut page = page.ok_or_else(|| self.client.rejected(NOT_GCS))?;
        page.items.sort_by(|a, b| a.name.cmp(&b.name));
        Ok((page.items, page.next_page_token))
    }

    /// Sends a request that is answered in JSON.
    pub(super) async fn json(&self, call: &Call) -> Result<Whole, Failure> {
        self.client.fetch(call, ANSWER_BYTES).await
    }

    /// The address of an object.
    pub(super) fn url(&self, name: &str, query: &[(&str, &str)]) -> String {
        let name = encoded(name, "");
        let object = format!("{}/storage/v1/b/{}/o/{name}", self.endpoint, self.bucket);
        with_query(object, query)
    }

    /// The address at which objects are made.
    pub(super) fn upload_url(&self, query: &[(&str, &str)]) -> String {
        let objects = format!("{}/upload/storage/v1/b/{}/o", self.endpoint, self.bucket);
        with_query(objects, query)
    }

    pub(super) fn strange(&self, what: &'static str) -> ContentError {
        self.client.error(Failure::strange(what))
    }
}

/// What is said of a server that does not talk like the service.
pub(super) const NOT_GCS: &str = "what answers at the endpoint is not Google Cloud Storage; see its address";

/// Whether a failure says that there is no such object, rather than no such bucket.
pub(super) fn is_missing(failure: &Failure) -> bool {
    failure.status() == Some(404) && failure.code() != NO_BUCKET
}

/// Whether a failure says that a write was refused because the name is taken.
pub(super) fn is_taken(failure: &Failure) -> bool {
    failure.status() == Some(412)
}

/// Whether the request that failed was sent more than once, so that an earlier try may have worked.
pub(super) const fn was_repeated(failure: &Failure) -> bool {
    match failure {
        Failure::Refused(refusal) => refusal.try_count > 1,
        Failure::Silent(_) | Failure::Ours(_) | Failure::Paused { .. } => false,
    }
}

pub(super) fn condition(unless: Unless) -> Option<(&'static str, &'static str)> {
    match unless {
        Unless::Never => None,
        Unless::Taken => Some(("ifGenerationMatch", "0")),
    }
}

/// The MD5 of a body, which may take a while.
pub(super) async fn md5_of(body: &Body) -> [u8; 16] {
    let body = body.clone();
    let hashed = tokio::task::spawn_blocking(move || {
        let mut md5 = Md5::new();
        for piece in body.pieces() {
            md5.update(piece);
        }
        md5.finalize().into()
    });
    hashed.await.expect("hashing does not panic")
}

/// How long an object is whose end lies before a range, as the refusal tells it: `bytes */100`.
fn whole_bytes(failure: &Failure) -> Option<u64> {
    match failure {
        Failure::Refused(refusal) if refusal.status == 416 => {
            let told = refusal.header("content-range")?;
            told.strip_prefix("bytes */")?.parse().ok()
        }
        Failure::Refused(_) | Failure::Silent(_) | Failure::Ours(_) | Failure::Paused { .. } => None,
    }
}

fn with_query(mut url: String, query: &[(&str, &str)]) -> String {
    let mut sign = '?';
    for (name, value) in query {
        url.push(sign);
        url.push_str(&format!("{name}={}", encoded(value, "")));
        sign = '&';
    }
    url
}
