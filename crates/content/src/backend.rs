//! The seam: one place where blobs live.

use std::ops::Range;
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use model::{BlobId, ByteStream, Digest, Millis};

use crate::ContentError;

/// One place where blobs live.
///
/// A blob is written once, under a key that the backend derives from its id, and never changed.
/// Methods other than `writer` may be repeated after any temporary error. The rules below are
/// checked for each backend by `contract::check`.
#[async_trait]
pub trait Backend: Send + Sync {
    /// The word that stands for it in the catalog, such as `local`.
    fn name(&self) -> &str;

    /// What it can do.
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
    async fn sweep_temporary(&self, older_than: Millis) -> Result<u64, ContentError>;

    /// Writes, flushes and removes a small probe.
    async fn check(&self) -> Result<StoreHealth, ContentError>;
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
}

/// A blob that is about to be written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NewBlob {
    /// Its id, never used before.
    pub id: BlobId,
    /// Whether its MD5 is needed besides its SHA-256; it costs about as much again.
    pub wants_md5: bool,
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
