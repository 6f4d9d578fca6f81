//! The requests that the store is made of, one function each.

use std::ops::Range;
use std::sync::Arc;

use bytes::Bytes;
use md5::{Digest as _, Md5};
use model::{ByteStream, Millis};
use outbound::azure::with_query;
use outbound::{
    Answer, Body, Call, Element, Failure, Whole, base64, encoded, escaped, parse_http_date, parse_xml, ranged,
};
use reqwest::Method;

use super::Inner;
use crate::ContentError;
use crate::error::Told as _;

/// The most that an answer about one page of a listing, or one list of blocks, may hold.
const ANSWER_BYTES: usize = 32 * 1024 * 1024;
/// What an answer that is only looked at for its headers may hold.
const EMPTY_BYTES: usize = 64 * 1024;

/// When a write is to be refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Unless {
    Never,
    /// When the name is taken.
    Taken,
}

/// What a blob's headers say.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Seen {
    pub(super) size_bytes: u64,
    pub(super) md5: Option<String>,
    /// How a copy that made it, or still makes it, goes.
    pub(super) copy: Option<String>,
}

impl Seen {
    /// Whether it is all there: not the target of a copy that still runs, or that failed.
    pub(super) fn is_whole(&self) -> bool {
        self.copy.as_deref().is_none_or(|copy| copy == "success")
    }
}

/// One page of a listing.
#[derive(Debug, Default)]
pub(super) struct Page {
    pub(super) blobs: Vec<Entry>,
    /// The folders that were named instead of what is in them.
    pub(super) folders: Vec<String>,
    pub(super) marker: Option<String>,
}

/// A blob as a listing shows it.
#[derive(Debug)]
pub(super) struct Entry {
    pub(super) name: String,
    pub(super) size_bytes: u64,
    pub(super) modified_ms: Option<Millis>,
}

/// What to list.
#[derive(Debug, Clone, Copy)]
pub(super) struct Listing<'a> {
    pub(super) prefix: &'a str,
    pub(super) marker: Option<&'a str>,
    pub(super) limit: usize,
    /// Names folders instead of what is in them.
    pub(super) by_folder: bool,
    /// Also shows blobs of which there are only blocks.
    pub(super) unfinished_too: bool,
}

/// A block that the service holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Block {
    pub(super) id: String,
    pub(super) size_bytes: u64,
}

impl Inner {
    /// Writes a blob as a whole.
    pub(super) async fn put(&self, name: &str, body: Body, unless: Unless) -> Result<(), Failure> {
        let md5 = md5_of(&body).await;
        self.put_blob(name, body, md5, unless).await
    }

    /// Writes a blob as a whole. The service compares the MD5 with what arrives.
    pub(super) async fn put_blob(
        &self,
        name: &str,
        body: Body,
        md5: [u8; 16],
        unless: Unless,
    ) -> Result<(), Failure> {
        let call = Call::new(Method::PUT, self.url(name))
            .with_header("x-ms-blob-type", "BlockBlob")
            .with_header("content-type", "application/octet-stream")
            .with_header("content-md5", &base64(&md5))
            .with_body(body);
        self.quick(&conditional(call, unless)).await.map(drop)
    }

    /// What the headers of a blob say; `None` when there is none.
    pub(super) async fn look_at(&self, name: &str) -> Result<Option<Seen>, ContentError> {
        let answer = self.quick(&Call::new(Method::HEAD, self.url(name))).await;
        let answer = match answer {
            Err(failure) if is_missing(&failure) => return Ok(None),
            answer => answer.map_err(|failure| self.client.error(failure))?,
        };
        let size_bytes = answer
            .header("content-length")
            .and_then(|length| length.parse().ok());
        Ok(Some(Seen {
            size_bytes: size_bytes.ok_or_else(|| self.strange("it does not tell a blob's length"))?,
            md5: answer.header("content-md5").map(str::to_owned),
            copy: answer.header("x-ms-copy-status").map(str::to_owned),
        }))
    }

    /// Streams a range, which is not empty.
    pub(super) async fn stream(
        self: &Arc<Self>,
        name: &str,
        size_bytes: u64,
        range: Range<u64>,
    ) -> Result<ByteStream, ContentError> {
        let (this, url) = (Arc::clone(self), self.url(name));
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

    /// A small blob, read as a whole; `None` when there is none.
    pub(super) async fn get(&self, name: &str, limit_bytes: usize) -> Result<Option<Bytes>, ContentError> {
        let call = Call::new(Method::GET, self.url(name));
        match self.client.fetch(&call, limit_bytes).await {
            Ok(answer) => Ok(Some(answer.body)),
            Err(failure) if is_missing(&failure) => Ok(None),
            Err(failure) => Err(self.client.error(failure)),
        }
    }

    /// Removes a blob and its snapshots; false when there was none.
    pub(super) async fn delete(&self, name: &str) -> Result<bool, Failure> {
        let call = Call::new(Method::DELETE, self.url(name)).with_header("x-ms-delete-snapshots", "include");
        match self.quick(&call).await {
            Ok(_) => Ok(true),
            Err(failure) if is_missing(&failure) => Ok(false),
            Err(failure) => Err(failure),
        }
    }

    /// Ends whatever lease somebody holds on a blob.
    pub(super) async fn break_lease(&self, name: &str) -> Result<(), Failure> {
        let url = with_query(&self.url(name), [("comp", "lease")].into_iter());
        let call = Call::new(Method::PUT, url)
            .with_header("x-ms-lease-action", "break")
            .with_header("x-ms-lease-break-period", "0");
        self.quick(&call).await.map(drop)
    }

    pub(super) async fn put_block(&self, name: &str, id: &str, body: Body) -> Result<(), Failure> {
        let call = Call::new(Method::PUT, block_url(&self.url(name), id))
            .with_header("content-md5", &base64(&md5_of(&body).await))
            .with_body(body);
        self.quick(&call).await.map(drop)
    }

    /// Makes the blob of its blocks and returns its entity tag.
    pub(super) async fn put_block_list(
        &self,
        name: &str,
        ids: &[String],
        unless: Unless,
    ) -> Result<String, Failure> {
        let mut list = String::from("<?xml version=\"1.0\" encoding=\"utf-8\"?><BlockList>");
        for id in ids {
            // Also finds what a commit whose answer was lost has taken.
            list.push_str(&format!("<Latest>{}</Latest>", escaped(id)));
        }
        list.push_str("</BlockList>");
        let body = Body::from(Bytes::from(list));
        let url = with_query(&self.url(name), [("comp", "blocklist")].into_iter());
        let call = Call::new(Method::PUT, url)
            .with_header("x-ms-blob-content-type", "application/octet-stream")
            .with_header("content-type", "application/xml")
            .with_header("content-md5", &base64(&md5_of(&body).await))
            .with_body(body);
        let answer = self.quick(&conditional(call, unless)).await?;
        let tag = answer.header("etag").map(str::to_owned);
        tag.ok_or_else(|| Failure::strange("it does not tell what a blob is called by"))
    }

    /// The blocks of a name, committed ones and others; `None` when there are neither.
    pub(super) async fn blocks(&self, name: &str) -> Result<Option<Vec<Block>>, ContentError> {
        let query = [("comp", "blocklist"), ("blocklisttype", "all")];
        let call = Call::new(Method::GET, with_query(&self.url(name), query.into_iter()));
        let answer = match self.client.fetch(&call, ANSWER_BYTES).await {
            Err(failure) if is_missing(&failure) => return Ok(None),
            answer => answer.map_err(|failure| self.client.error(failure))?,
        };
        let list = parse_xml(&answer.body).and_then(|list| {
            let kinds = ["CommittedBlocks", "UncommittedBlocks"];
            let blocks = kinds.iter().filter_map(|kind| list.child(kind));
            blocks.flat_map(|blocks| blocks.all("Block")).map(block).collect()
        });
        list.map(Some)
            .ok_or_else(|| self.strange("its list of blocks cannot be read"))
    }

    /// Starts a copy within the account, from a blob that is still the one of that entity tag.
    pub(super) async fn copy(&self, from: &str, tag: &str, to: &str) -> Result<(), Failure> {
        let call = Call::new(Method::PUT, self.url(to))
            .with_header("x-ms-copy-source", &self.url(from))
            .with_header("x-ms-source-if-match", tag);
        self.quick(&conditional(call, Unless::Taken)).await.map(drop)
    }

    pub(super) async fn list_page(&self, listing: &Listing<'_>) -> Result<Page, ContentError> {
        let limit = listing.limit.clamp(1, 5000).to_string();
        let mut query = vec![("restype", "container"), ("comp", "list"), ("maxresults", &limit)];
        query.extend((!listing.prefix.is_empty()).then_some(("prefix", listing.prefix)));
        query.extend(listing.marker.map(|marker| ("marker", marker)));
        query.extend(listing.by_folder.then_some(("delimiter", "/")));
        query.extend(listing.unfinished_too.then_some(("include", "uncommittedblobs")));
        let container = format!("{}/{}", self.endpoint, self.container);
        let call = Call::new(Method::GET, with_query(&container, query.into_iter()));
        let answer = self.client.fetch(&call, ANSWER_BYTES).await;
        let answer = answer.map_err(|failure| self.client.error(failure))?;
        let page = parse_xml(&answer.body).filter(|page| page.name == "EnumerationResults");
        page.and_then(|page| read_page(&page))
            .ok_or_else(|| self.strange("its listing cannot be read"))
    }

    /// Sends a request whose answer has no body to speak of.
    pub(super) async fn quick(&self, call: &Call) -> Result<Whole, Failure> {
        self.client.fetch(call, EMPTY_BYTES).await
    }

    /// The address of a blob.
    pub(super) fn url(&self, name: &str) -> String {
        self.url_at(&self.endpoint, name)
    }

    pub(super) fn url_at(&self, endpoint: &str, name: &str) -> String {
        format!("{endpoint}/{}/{}", self.container, encoded(name, "/"))
    }

    fn strange(&self, what: &'static str) -> ContentError {
        self.client.error(Failure::strange(what))
    }
}

/// The address at which a block of a blob is stored.
pub(super) fn block_url(url: &str, id: &str) -> String {
    with_query(url, [("comp", "block"), ("blockid", id)].into_iter())
}

/// Whether a failure says that there is no such blob, rather than no such container or account.
pub(super) fn is_missing(failure: &Failure) -> bool {
    let is_place = matches!(
        failure.code(),
        "ContainerNotFound" | "ResourceNotFound" | "AccountNotFound"
    );
    failure.status() == Some(404) && !is_place
}

/// Whether a failure says that a write was refused because the name is taken.
pub(super) fn is_taken(failure: &Failure) -> bool {
    matches!(
        failure.code(),
        "BlobAlreadyExists" | "ConditionNotMet" | "TargetConditionNotMet" | "PendingCopyOperation"
    )
}

/// Whether the request that failed was sent more than once, so that an earlier try may have worked.
pub(super) const fn was_repeated(failure: &Failure) -> bool {
    match failure {
        Failure::Refused(refusal) => refusal.try_count > 1,
        Failure::Silent(_) | Failure::Ours(_) | Failure::Paused { .. } => false,
    }
}

/// How long a blob is whose end lies before a range, as the refusal tells it: `bytes */100`.
fn whole_bytes(failure: &Failure) -> Option<u64> {
    match failure {
        Failure::Refused(refusal) if refusal.status == 416 => refusal
            .header("content-range")?
            .strip_prefix("bytes */")?
            .parse()
            .ok(),
        Failure::Refused(_) | Failure::Silent(_) | Failure::Ours(_) | Failure::Paused { .. } => None,
    }
}

fn conditional(call: Call, unless: Unless) -> Call {
    match unless {
        Unless::Never => call,
        Unless::Taken => call.with_header("if-none-match", "*"),
    }
}

/// The MD5 of a body, which may take a while.
pub(super) async fn md5_of(body: &Body) -> [u8; 16] {
    /// What is hashed where we are.
    const QUICK_BYTES: u64 = 64 * 1024;
    let hash = |body: &Body| {
        let mut md5 = Md5::new();
        for piece in body.pieces() {
            md5.update(piece);
        }
        md5.finalize().into()
    };
    if body.len() <= QUICK_BYTES {
        return hash(body);
    }
    let body = body.clone();
    let hashed = tokio::task::spawn_blocking(move || hash(&body)).await;
    hashed.expect("hashing does not panic")
}

fn block(block: &Element) -> Option<Block> {
    Some(Block {
        id: block.text_of("Name")?.to_owned(),
        size_bytes: block.text_of("Size")?.parse().ok()?,
    })
}

fn read_page(page: &Element) -> Option<Page> {
    let blobs = page.child("Blobs")?;
    let entries = blobs.all("Blob").map(|blob| {
        let properties = blob.child("Properties")?;
        Some(Entry {
            name: blob.text_of("Name")?.to_owned(),
            // Blocks without a blob have no length.
            size_bytes: properties
                .text_of("Content-Length")
                .map_or(Ok(0), str::parse)
                .ok()?,
            modified_ms: properties.text_of("Last-Modified").and_then(parse_http_date),
        })
    });
    let folders = blobs
        .all("BlobPrefix")
        .filter_map(|folder| folder.text_of("Name"));
    let marker = page.text_of("NextMarker").filter(|marker| !marker.is_empty());
    Some(Page {
        blobs: entries.collect::<Option<_>>()?,
        folders: folders.map(str::to_owned).collect(),
        marker: marker.map(str::to_owned),
    })
}
