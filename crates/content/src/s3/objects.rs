//! Objects: writing, reading, listing and removing them.

use std::ops::Range;
use std::sync::Arc;

use bytes::Bytes;
use md5::{Digest as _, Md5};
use model::{ByteStream, Millis};
use outbound::s3::{CONTENT_SHA256, name_of, time_of};
use outbound::{Answer, Body, Call, Element, Failure, Reason, Reopen, Whole, base64, hex, parse_xml, ranged};
use reqwest::Method;
use tokio::task::spawn_blocking;

use super::Inner;
use crate::error::{Told as _, nothing_of};
use crate::key::Key;
use crate::{ContentError, Digests, Hasher, Listed};

/// The longest answer that lists something: a thousand names of a thousand characters, and more.
pub(super) const LIST_BYTES: usize = 8 * 1024 * 1024;
/// The longest answer that holds little more than a word.
pub(super) const WORD_BYTES: usize = 256 * 1024;
/// The longest note.
const NOTE_BYTES: usize = 256 * 1024 * 1024;
/// How many names an answer holds at most.
const PAGE: usize = 1000;

/// What the names of probes start with. They come and go, and are no notes.
pub(super) const PROBES: &str = "probe-";

/// A page of a listing.
struct Page {
    objects: Vec<(String, u64, Millis)>,
    is_last: bool,
}

impl Inner {
    /// A request about an object; without a name, about the bucket.
    pub(super) fn call(&self, method: Method, name: &str, query: &[(&str, &str)]) -> Call {
        Call::new(method, self.address.url(&self.signer.region(), name, query))
    }

    /// Sends what `make` makes, once more when the answer tells that the bucket is in another region.
    pub(super) async fn fetch(&self, make: impl Fn() -> Call, limit_bytes: usize) -> Result<Whole, Failure> {
        match self.client.fetch(&make(), limit_bytes).await {
            Err(Failure::Refused(refusal)) if self.signer.learn(&refusal) => {
                self.client.fetch(&make(), limit_bytes).await
            }
            outcome => outcome,
        }
    }

    async fn send(&self, make: impl Fn() -> Call) -> Result<Answer, Failure> {
        match self.client.send(&make()).await {
            Err(Failure::Refused(refusal)) if self.signer.learn(&refusal) => self.client.send(&make()).await,
            outcome => outcome,
        }
    }

    /// Stores an object in place of one of the same name. Bytes that change on the way are refused.
    pub(super) async fn put(
        &self,
        name: &str,
        body: Body,
        digests: Option<Digests>,
    ) -> Result<Whole, Failure> {
        self.put_if(name, body, digests, &[]).await
    }

    /// Stores an object with headers beside the usual ones.
    pub(super) async fn put_if(
        &self,
        name: &str,
        body: Body,
        digests: Option<Digests>,
        headers: &[(&'static str, &str)],
    ) -> Result<Whole, Failure> {
        let proofs = self.proofs(&body, digests).await?;
        let make = || {
            let call = self.call(Method::PUT, name, &[]).with_body(body.clone());
            let call = proofs.on(call);
            headers
                .iter()
                .fold(call, |call, (name, value)| call.with_header(name, value))
        };
        self.fetch(make, WORD_BYTES).await
    }

    /// Finds the checksums that go with a body, on a thread where that takes a while.
    pub(super) async fn proofs(&self, body: &Body, digests: Option<Digests>) -> Result<Proofs, Failure> {
        let wants_md5 = self.found().wants_md5;
        if let Some(digests) = digests
            && (digests.md5.is_some() || !wants_md5)
        {
            return Ok(Proofs::of(&digests, wants_md5));
        }
        let body = body.clone();
        let hashing = spawn_blocking(move || {
            let mut hasher = Hasher::new(wants_md5);
            body.pieces().for_each(|piece| hasher.update(piece));
            hasher.finish()
        });
        let digests = hashing
            .await
            .map_err(|stopped| Failure::Ours(Reason::Unavailable(stopped.into())))?;
        Ok(Proofs::of(&digests, wants_md5))
    }

    /// The length of an object; `None` when there is none.
    pub(super) async fn length(&self, name: &str) -> Result<Option<u64>, Failure> {
        let head = self
            .fetch(|| self.call(Method::HEAD, name, &[]), WORD_BYTES)
            .await;
        match head {
            Ok(head) => {
                let told = head.header("content-length").and_then(|told| told.parse().ok());
                told.map(Some)
                    .ok_or_else(|| Failure::strange("it does not tell the length"))
            }
            Err(failure) => missing(failure),
        }
    }

    /// A small object; `None` when there is none.
    pub(super) async fn get_whole(&self, name: &str) -> Result<Option<Bytes>, Failure> {
        let read = self.fetch(|| self.call(Method::GET, name, &[]), NOTE_BYTES).await;
        match read {
            Ok(whole) => Ok(Some(whole.body)),
            Err(failure) => missing(failure),
        }
    }

    /// Removes an object. A missing one is a success.
    pub(super) async fn delete(&self, name: &str) -> Result<(), Failure> {
        if self.quirks == super::Quirks::B2 {
            return self.delete_versions(name).await;
        }
        self.delete_one(name, &[]).await
    }

    pub(super) async fn delete_one(&self, name: &str, query: &[(&str, &str)]) -> Result<(), Failure> {
        let removed = self
            .fetch(|| self.call(Method::DELETE, name, query), WORD_BYTES)
            .await;
        match removed {
            Ok(_) => Ok(()),
            Err(failure) => missing::<()>(failure).map(drop),
        }
    }

    pub(super) async fn blobs(&self, after: Option<&str>, limit: usize) -> Result<Vec<Listed>, Failure> {
        let folder = format!("{}blobs/", self.prefix);
        let mut after = format!("{folder}{}", after.unwrap_or_default());
        loop {
            let page = self.page(&folder, &after, limit).await?;
            let listed: Vec<Listed> = page
                .objects
                .iter()
                .filter_map(|(name, size_bytes, modified_ms)| {
                    let key = Key::parse(name.strip_prefix(&folder)?)?;
                    Some(Listed {
                        key: key.to_string(),
                        size_bytes: *size_bytes,
                        modified_ms: *modified_ms,
                    })
                })
                .collect();
            match page.objects.into_iter().next_back() {
                // Strangers only: go on behind them.
                Some((last, _, _)) if listed.is_empty() && !page.is_last => after = last,
                _ => return Ok(listed),
            }
        }
    }

    pub(super) async fn notes(
        &self,
        prefix: &str,
        after: Option<&str>,
        limit: usize,
    ) -> Result<Vec<String>, Failure> {
        let folder = self.note("");
        let mut after = after.map(|after| self.note(after)).unwrap_or_default();
        loop {
            let page = self.page(&self.note(prefix), &after, limit).await?;
            let last = page.objects.last().map(|(name, _, _)| name.clone());
            let names = page.objects.into_iter();
            let names: Vec<String> = names
                .filter_map(|(name, _, _)| name.strip_prefix(&folder).map(str::to_owned))
                .filter(|name| !name.starts_with(PROBES))
                .collect();
            match last {
                Some(last) if names.is_empty() && !page.is_last => after = last,
                _ => return Ok(names),
            }
        }
    }

    async fn page(&self, prefix: &str, after: &str, limit: usize) -> Result<Page, Failure> {
        let limit = limit.clamp(1, PAGE).to_string();
        let mut query = vec![
            ("list-type", "2"),
            ("encoding-type", "url"),
            ("max-keys", &limit),
            ("prefix", prefix),
        ];
        if !after.is_empty() {
            query.push(("start-after", after));
        }
        let answer = self
            .fetch(|| self.call(Method::GET, "", &query), LIST_BYTES)
            .await?;
        let top = parse_xml(&answer.body).filter(|top| top.name == "ListBucketResult");
        let page = top.as_ref().and_then(page_of);
        let mut page = page.ok_or_else(|| Failure::strange("its listing cannot be read"))?;
        // A store that passes over the mark would have us read the same page for ever.
        page.objects
            .retain(|(name, _, _)| name.as_str() > after && name.starts_with(prefix));
        Ok(page)
    }
}

fn page_of(top: &Element) -> Option<Page> {
    let objects = top.all("Contents").map(|object| {
        let name = name_of(top, object.text_of("Key")?)?;
        let size_bytes = object.text_of("Size")?.trim().parse().ok()?;
        Some((name, size_bytes, time_of(object.text_of("LastModified")?)))
    });
    Some(Page {
        objects: objects.collect::<Option<Vec<_>>>()?,
        is_last: top.text_of("IsTruncated").map(str::trim) != Some("true"),
    })
}

/// The checksums that go with a body.
pub(super) struct Proofs {
    sha256: String,
    md5: Option<String>,
}

impl Proofs {
    fn of(digests: &Digests, wants_md5: bool) -> Self {
        Self {
            sha256: hex(&digests.digest.0),
            md5: digests.md5.filter(|_| wants_md5).map(|md5| base64(&md5)),
        }
    }

    pub(super) fn on(&self, call: Call) -> Call {
        let call = call.with_header(CONTENT_SHA256, &self.sha256);
        match &self.md5 {
            Some(md5) => call.with_header("content-md5", md5),
            None => call,
        }
    }
}

/// The MD5 of bytes in memory, as a header holds it.
pub(super) fn md5_of(bytes: &[u8]) -> String {
    base64(&Md5::digest(bytes))
}

/// `None` for an object that is not there. A bucket that is not there is a failure.
fn missing<T>(failure: Failure) -> Result<Option<T>, Failure> {
    match failure.status() {
        Some(404) if failure.code() != "NoSuchBucket" => Ok(None),
        _ => Err(failure),
    }
}

/// Streams a range of an object.
pub(super) async fn read(
    inner: &Arc<Inner>,
    name: String,
    size_bytes: u64,
    range: Range<u64>,
) -> Result<ByteStream, ContentError> {
    let end = range.end.min(size_bytes);
    if range.start >= end {
        let found = inner.length(&name).await;
        let found_bytes = found.map_err(|failure| inner.client.error(failure))?;
        return nothing_of(found_bytes, size_bytes);
    }
    let patience = inner.client.patience();
    let inner = Arc::clone(inner);
    let reopen: Reopen<ContentError> = Box::new(move |range| {
        let (inner, name) = (Arc::clone(&inner), name.clone());
        Box::pin(async move { inner.open(&name, size_bytes, range).await })
    });
    ranged(reopen, size_bytes, range.start..end, patience).await
}

impl Inner {
    /// Asks for a range, which is not empty.
    async fn open(&self, name: &str, size_bytes: u64, range: Range<u64>) -> Result<Answer, ContentError> {
        let bytes = format!("bytes={}-{}", range.start, range.end - 1);
        let make = || self.call(Method::GET, name, &[]).with_header("range", &bytes);
        let failure = match self.send(make).await {
            Ok(answer) => return Ok(answer),
            Err(failure) => failure,
        };
        // The range lies beyond the end of what is there.
        if failure.status() == Some(416) {
            let found = self.length(name).await;
            let found_bytes = found.map_err(|failure| self.client.error(failure))?;
            return Err(found_bytes.map_or(ContentError::Missing, |found_bytes| {
                ContentError::wrong_length(size_bytes, found_bytes)
            }));
        }
        match missing::<()>(failure) {
            Ok(_) => Err(ContentError::Missing),
            Err(failure) => Err(self.client.error(failure)),
        }
    }
}

/// Writes a note.
pub(super) async fn put_note(inner: &Inner, name: &str, bytes: Bytes) -> Result<(), ContentError> {
    let written = inner.put(&inner.note(name), bytes.into(), None).await;
    written.map(drop).map_err(|failure| inner.client.error(failure))
}

/// Writes a note unless there is one.
pub(super) async fn create_note(inner: &Inner, name: &str, bytes: Bytes) -> Result<bool, ContentError> {
    let object = inner.note(name);
    let error = |failure| inner.client.error(failure);
    if inner.found().creates_only != Some(true) {
        if inner.length(&object).await.map_err(error)?.is_some() {
            return Ok(false);
        }
        return put_note(inner, name, bytes).await.map(|()| true);
    }
    let put = inner
        .put_if(&object, bytes.clone().into(), None, &[("if-none-match", "*")])
        .await;
    match put {
        Ok(_) => Ok(true),
        Err(Failure::Refused(refusal)) if matches!(refusal.status, 409 | 412) => {
            // An earlier try of ours may have done it, and its answer was lost.
            let was_lost = refusal.try_count > 1;
            Ok(was_lost && inner.get_whole(&object).await.map_err(error)? == Some(bytes))
        }
        Err(failure) => Err(error(failure)),
    }
}
