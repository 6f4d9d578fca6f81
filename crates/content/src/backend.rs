//! The seam: one place where blobs live.

use std::fmt;
use std::ops::Range;
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use model::{BlobId, ByteStream, Digest, Millis};

use crate::ContentError;

/// One place where blobs live.
///
/// A blob is written once, under a key that the backend derives from its id, and never changed.
/// Methods other than `writer` and `begin` may be repeated after any temporary error. The rules below
/// are checked for each backend by `contract::check`.
#[async_trait]
pub trait Backend: Send + Sync {
    /// The word that stands for it in the catalog, such as `local`.
    fn name(&self) -> &str;

    /// What it can do, as far as is known by now.
    fn abilities(&self) -> Abilities;

    /// Starts a new blob. Nothing can be seen of it before its writer has finished.
    async fn writer(&self, new: NewBlob) -> Result<Box<dyn BlobWriter>, ContentError>;

    /// Streams the bytes of `range`, of which what lies beyond the end is left out.
    ///
    /// # Errors
    /// `Missing`; `Damaged` before the first byte when the stored length is not `size_bytes`.
    /// What breaks later ends the stream with `BodyError::Unreadable`.
    async fn read(&self, key: &str, size_bytes: u64, range: Range<u64>) -> Result<ByteStream, ContentError>;

    /// Returns the stored length; `None` when there is no such blob.
    async fn measure(&self, key: &str) -> Result<Option<u64>, ContentError>;

    /// Removes a blob. A missing one is a success.
    async fn remove(&self, key: &str) -> Result<(), ContentError>;

    /// Returns the blobs that follow the key `after`, in the order of their keys: at most `limit`,
    /// perhaps fewer, and none at the end only. Holds no more than a page in memory.
    async fn list(&self, after: Option<&str>, limit: usize) -> Result<Vec<Listed>, ContentError>;

    /// Removes what unfinished writers of an earlier run left before `older_than`, and counts it.
    /// Uploads in parts are left alone: see `unfinished`.
    async fn sweep_temporary(&self, older_than: Millis) -> Result<u64, ContentError>;

    /// Writes, flushes and removes a small probe.
    async fn check(&self) -> Result<StoreHealth, ContentError>;

    /// Finds out by trying what the store can do and whether it is set up right: writes, reads, lists
    /// and removes probes. What it finds is in `abilities` from then on.
    ///
    /// # Errors
    /// `Rejected` with a sentence that names what is wrong (key, bucket, endpoint, clock) when it
    /// cannot be used at all; `Unavailable` when it does not answer.
    async fn probe(&self) -> Result<Probe, ContentError>;

    /// Which parts an upload in parts may have.
    fn part_rules(&self) -> PartRules;

    /// Begins an upload in parts. Nothing can be seen of the blob before `complete`.
    async fn begin(&self, new: NewParts) -> Result<Parts, ContentError>;

    /// Stores one part, durably, in place of one of the same number. Returns its tag.
    async fn put_part(
        &self,
        upload: &Parts,
        part: NewPart,
        bytes: Vec<Bytes>,
    ) -> Result<String, ContentError>;

    /// Stores one part like `put_part`, but only `flush_parts` makes it durable, where that is cheaper.
    async fn put_part_soon(
        &self,
        upload: &Parts,
        part: NewPart,
        bytes: Vec<Bytes>,
    ) -> Result<String, ContentError> {
        self.put_part(upload, part, bytes).await
    }

    /// Makes durable what `put_part_soon` stored.
    async fn flush_parts(&self, _: &Parts) -> Result<(), ContentError> {
        Ok(())
    }

    /// The parts that the store holds, in the order of their numbers. Empty where only their sender
    /// knows them (`PartRules::lists`).
    async fn parts(&self, upload: &Parts) -> Result<Vec<Part>, ContentError>;

    /// Makes the blob of its parts, given in order and without gaps. Repeated after it succeeded, it
    /// succeeds. The caller measures and, where it must, reads back what came of it.
    ///
    /// # Errors
    /// `Missing` when the upload is gone and there is no blob; `Rejected` when the parts are not those
    /// that the store holds.
    async fn complete(&self, upload: &Parts, parts: &[Part]) -> Result<(), ContentError>;

    /// Gives an upload in parts up and frees what it holds. A missing one is a success, and a completed
    /// one stays.
    async fn abort(&self, upload: &Parts) -> Result<(), ContentError>;

    /// Uploads in parts that began before `older_than` and were neither completed nor aborted, at most
    /// `limit`. Empty where the store cannot list them.
    async fn unfinished(&self, older_than: Millis, limit: usize) -> Result<Vec<Parts>, ContentError>;

    /// Signs a request that reads one blob and can do nothing else.
    ///
    /// # Errors
    /// `Unsupported` where `Abilities::signs_urls` is false.
    async fn sign_read(&self, key: &str, how: &SignedRead) -> Result<SignedRequest, ContentError>;

    /// Signs a request by which somebody else stores one part of exactly this size.
    ///
    /// # Errors
    /// `Unsupported` where `Abilities::signs_parts` is false.
    async fn sign_part(&self, upload: &Parts, part: &SignedPart) -> Result<SignedRequest, ContentError>;

    /// Writes a note: a small object beside the blobs, in place of one of the same name. Names are ASCII
    /// letters, digits, `-`, `.` and `/`. Durable when this returns.
    async fn put_note(&self, name: &str, bytes: Bytes) -> Result<(), ContentError>;

    /// Writes a note unless there is one of that name; false when there is. Where the store has no
    /// conditional writes, two writers at the same moment may both be told true.
    async fn create_note(&self, name: &str, bytes: Bytes) -> Result<bool, ContentError>;

    /// Reads a note; `None` when there is none.
    async fn note(&self, name: &str) -> Result<Option<Bytes>, ContentError>;

    /// The names of the notes that start with `prefix` and follow `after`, in order, at most `limit`;
    /// none at the end only.
    async fn notes(
        &self,
        prefix: &str,
        after: Option<&str>,
        limit: usize,
    ) -> Result<Vec<String>, ContentError>;

    /// Removes a note. A missing one is a success.
    async fn remove_note(&self, name: &str) -> Result<(), ContentError>;
}

/// Takes the bytes of one new blob. Dropping it unfinished leaves nothing behind.
#[async_trait]
pub trait BlobWriter: Send {
    /// Appends bytes. After an error the writer is of no more use.
    async fn write(&mut self, bytes: Bytes) -> Result<(), ContentError>;

    /// Returns once the blob is there to stay: its bytes and its entry survive a power loss.
    async fn finish(self: Box<Self>) -> Result<Written, ContentError>;
}

/// What a backend can do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Abilities {
    /// `read` costs its range only, not the whole blob.
    pub reads_ranges: bool,
    /// `list` works.
    pub lists: bool,
    /// Downloads can go straight from the store by an address that is good for a while.
    pub signs_urls: bool,
    /// Parts can be uploaded straight to the store by such addresses.
    pub signs_parts: bool,
    /// A write can be made to fail when the key is taken; `None` before it was tried.
    pub creates_only: Option<bool>,
    /// Bytes that do not have the announced checksum are refused; `None` before it was tried.
    pub checks_digests: Option<bool>,
    /// A part that was signed with a SHA-256 is refused when its bytes have another.
    pub binds_digests: bool,
}

/// What a probe found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Probe {
    /// What can be done there.
    pub abilities: Abilities,
    /// How far the store's clock is from ours, milliseconds; positive when it is ahead. `None` when it
    /// does not tell.
    pub skew_ms: Option<i64>,
    /// Whether pages of the given origin may upload and download directly (CORS); `None` when that was
    /// not asked or cannot be.
    pub allows_pages: Option<bool>,
    /// What an operator should know, a sentence each: what is missing and how to get it.
    pub advice: Vec<String>,
}

/// Which parts an upload in parts may have.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PartRules {
    /// The least that a part other than the last may hold.
    pub least_bytes: u64,
    /// The most that a part may hold.
    pub most_bytes: u64,
    /// How many parts there may be.
    pub most_parts: u32,
    /// Sizes of parts other than the last are multiples of this.
    pub step_bytes: u64,
    /// Parts have to come one after another, in order.
    pub is_sequential: bool,
    /// `parts` lists what the store holds; otherwise their sender has to remember tags.
    pub lists: bool,
}

/// An upload in parts that is about to begin.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewParts {
    /// The blob's id, never used before.
    pub id: BlobId,
    /// How long the blob will be, when that is known.
    pub size_bytes: Option<u64>,
}

/// An upload in parts. Plain data: it can be kept in a row and gone on with after a restart.
#[derive(Clone, PartialEq, Eq)]
pub struct Parts {
    /// The key that the blob will have.
    pub key: String,
    /// What the backend needs to find the upload again, such as an upload id. A secret in some stores.
    pub token: String,
}

/// A part that is about to be stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NewPart {
    /// Its number, from 1.
    pub number: u32,
    /// Where in the blob it begins.
    pub offset_bytes: u64,
    /// Whether it is the blob's last.
    pub is_last: bool,
}

/// A part that is stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Part {
    /// Its number, from 1.
    pub number: u32,
    /// How many bytes it holds.
    pub size_bytes: u64,
    /// What the store calls it by, such as an entity tag.
    pub tag: String,
}

/// A read that is to be signed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SignedRead {
    /// The file's name, for who saves it.
    pub name: String,
    /// The media type that is told. One that is safe to show: the caller has seen to that.
    pub media_type: String,
    /// Whether it is shown rather than saved.
    pub is_inline: bool,
    /// Now.
    pub now: Millis,
    /// How long it holds, seconds.
    pub secs: u32,
}

/// A part's upload that is to be signed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SignedPart {
    /// Its number, from 1.
    pub number: u32,
    /// Where in the blob it begins.
    pub offset_bytes: u64,
    /// Exactly how many bytes it will hold.
    pub size_bytes: u64,
    /// How long the whole blob will be.
    pub total_bytes: u64,
    /// Its SHA-256, when the sender has told it; signed in where the store then refuses other bytes.
    pub digest: Option<Digest>,
    /// Now.
    pub now: Millis,
    /// How long it holds, seconds.
    pub secs: u32,
}

/// A request that somebody else may send to the store.
#[derive(Clone, PartialEq, Eq)]
pub struct SignedRequest {
    /// `GET` or `PUT`.
    pub method: &'static str,
    /// The address. Whoever has it may do what it says, so it is never logged.
    pub url: String,
    /// Headers that must be sent exactly so.
    pub headers: Vec<(&'static str, String)>,
}

/// A blob that is about to be written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NewBlob {
    /// Its id, never used before.
    pub id: BlobId,
    /// Whether its MD5 is needed besides its SHA-256; it costs about as much again.
    pub wants_md5: bool,
    /// How long it will be, when that is known. A longer or shorter one is no error.
    pub size_bytes: Option<u64>,
}

/// A blob that has been written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Written {
    /// Where it is within its store.
    pub key: String,
    /// How many bytes it holds.
    pub size_bytes: u64,
    /// Their SHA-256.
    pub digest: Digest,
    /// Their MD5, when it was asked for.
    pub md5: Option<[u8; 16]>,
}

/// A blob as a listing shows it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Listed {
    /// Where it is within its store.
    pub key: String,
    /// How many bytes it holds.
    pub size_bytes: u64,
    /// When it was written, by the store's clock.
    pub modified_ms: Millis,
}

/// How a store does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct StoreHealth {
    /// What it can still take; `None` when it has no such bound.
    pub free_bytes: Option<u64>,
    /// How long it took to make 4 KiB durable.
    pub flush: Duration,
}

impl fmt::Debug for Parts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut shown = f.debug_struct("Parts");
        shown.field("key", &self.key).field("token", &"***").finish()
    }
}

impl fmt::Debug for SignedRequest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut shown = f.debug_struct("SignedRequest");
        shown.field("method", &self.method).field("url", &"***").finish()
    }
}
