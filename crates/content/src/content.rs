//! All stores behind one door.

use std::collections::BTreeMap;
use std::fmt;
use std::ops::Range;
use std::sync::Arc;

use bytes::Bytes;
use futures_util::StreamExt;
use futures_util::future::join;
use model::{BlobId, BodyError, ByteStream, Digest};
use tokio::task::spawn_blocking;

use crate::pace::Paced;
use crate::{Backend, ContentError, Hasher, NewBlob, Pace, Written};

/// All stores: the one that new blobs go to, and others by name. A clone is the same.
#[derive(Clone)]
pub struct Content {
    default: Arc<dyn Backend>,
    others: Arc<BTreeMap<String, Arc<dyn Backend>>>,
}

/// How to take a body.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Take {
    /// The id that the blob gets.
    pub id: BlobId,
    /// How long the body may be.
    pub limit_bytes: u64,
    /// Up to this length the bytes come back in memory instead of going to a store.
    pub inline_bytes: usize,
    /// Whether the MD5 is needed besides the SHA-256.
    pub wants_md5: bool,
    /// How slowly the body may come.
    pub pace: Pace,
}

/// A body that was taken to its end.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Taken {
    /// It was small, and is not stored anywhere yet.
    Inline {
        /// All of it.
        bytes: Bytes,
        /// Its SHA-256.
        digest: Digest,
        /// Its MD5, when it was asked for.
        md5: Option<[u8; 16]>,
    },
    /// It is in a store to stay.
    Stored {
        /// The store's name.
        store: String,
        /// Where and what it is.
        written: Written,
    },
}

impl Taken {
    /// How long the body was.
    pub const fn size_bytes(&self) -> u64 {
        match self {
            Self::Inline { bytes, .. } => bytes.len() as u64,
            Self::Stored { written, .. } => written.size_bytes,
        }
    }

    /// The SHA-256 of the body.
    pub const fn digest(&self) -> Digest {
        match self {
            Self::Inline { digest, .. } => *digest,
            Self::Stored { written, .. } => written.digest,
        }
    }
}

impl Content {
    /// Puts new blobs on `default`.
    pub fn new(default: Arc<dyn Backend>) -> Self {
        Self {
            default,
            others: Arc::default(),
        }
    }

    /// Also reads from `other`.
    #[must_use]
    pub fn with(mut self, other: Arc<dyn Backend>) -> Self {
        let name = other.name().to_owned();
        Arc::make_mut(&mut self.others).insert(name, other);
        self
    }

    /// The store that new blobs go to.
    pub fn default_backend(&self) -> &Arc<dyn Backend> {
        &self.default
    }

    /// The store of that name.
    pub fn backend(&self, name: &str) -> Option<&Arc<dyn Backend>> {
        if self.default.name() == name {
            return Some(&self.default);
        }
        self.others.get(name)
    }

    /// All stores, the default first.
    pub fn backends(&self) -> impl Iterator<Item = &Arc<dyn Backend>> {
        let default = self.default.name();
        let others = self.others.values().filter(move |other| other.name() != default);
        std::iter::once(&self.default).chain(others)
    }

    /// Takes a body to its end: a small one comes back in memory, a longer one is in the default
    /// store, durably, when this returns. After an error, or when dropped, nothing of it remains.
    ///
    /// # Errors
    /// `TooLarge` at the first byte beyond the limit; `Body` when the body ends early or comes too
    /// slowly; `Full`, `Unavailable` or `Io` when it cannot be stored.
    pub async fn take(&self, body: ByteStream, how: Take) -> Result<Taken, ContentError> {
        let mut body = Paced::new(body, how.pace);
        let mut size_bytes = 0;
        let mut head = Vec::new();
        while let Some(chunk) = next_within(&mut body, how.limit_bytes, &mut size_bytes).await? {
            if head.len() + chunk.len() > how.inline_bytes {
                return self.store(body, how, size_bytes, [head.into(), chunk]).await;
            }
            head.extend_from_slice(&chunk);
        }
        let mut hasher = Hasher::new(how.wants_md5);
        hasher.update(&head);
        let digests = hasher.finish();
        Ok(Taken::Inline {
            bytes: head.into(),
            digest: digests.digest,
            md5: digests.md5,
        })
    }

    async fn store(
        &self,
        mut body: Paced,
        how: Take,
        mut size_bytes: u64,
        head: [Bytes; 2],
    ) -> Result<Taken, ContentError> {
        let new = NewBlob {
            id: how.id,
            wants_md5: how.wants_md5,
        };
        let mut writer = self.default.writer(new).await?;
        for chunk in head {
            writer.write(chunk).await?;
        }
        while let Some(chunk) = next_within(&mut body, how.limit_bytes, &mut size_bytes).await? {
            writer.write(chunk).await?;
        }
        Ok(Taken::Stored {
            store: self.default.name().to_owned(),
            written: writer.finish().await?,
        })
    }

    /// Streams the bytes of `range` of a stored blob; see [`Backend::read`].
    ///
    /// # Errors
    /// `UnknownStore`, and those of [`Backend::read`].
    pub async fn read(
        &self,
        store: &str,
        key: &str,
        size_bytes: u64,
        range: Range<u64>,
    ) -> Result<ByteStream, ContentError> {
        self.named(store)?.read(key, size_bytes, range).await
    }

    /// Removes a stored blob. A missing one is a success.
    ///
    /// # Errors
    /// `UnknownStore`, and what the store answers.
    pub async fn remove(&self, store: &str, key: &str) -> Result<(), ContentError> {
        self.named(store)?.remove(key).await
    }

    /// Reads a stored blob back and returns the SHA-256 of what is there.
    ///
    /// # Errors
    /// `UnknownStore`, and those of [`Backend::read`]; what breaks on the way is `Body`.
    pub async fn digest_of(&self, store: &str, key: &str, size_bytes: u64) -> Result<Digest, ContentError> {
        let mut body = self.read(store, key, size_bytes, 0..size_bytes).await?;
        let mut hasher = Hasher::new(false);
        let mut next = body.next().await;
        while let Some(chunk) = next {
            let chunk = chunk.map_err(ContentError::Body)?;
            let hashing = spawn_blocking(move || {
                hasher.update(&chunk);
                hasher
            });
            let hashed;
            (hashed, next) = join(hashing, body.next()).await;
            hasher = hashed.map_err(|stopped| ContentError::Unavailable(stopped.into()))?;
        }
        Ok(hasher.finish().digest)
    }

    fn named(&self, store: &str) -> Result<&Arc<dyn Backend>, ContentError> {
        self.backend(store)
            .ok_or_else(|| ContentError::UnknownStore(store.to_owned()))
    }
}

impl fmt::Debug for Content {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names = self.backends().map(|backend| backend.name().to_owned());
        f.debug_tuple("Content")
            .field(&names.collect::<Vec<_>>())
            .finish()
    }
}

async fn next_within(
    body: &mut Paced,
    limit_bytes: u64,
    size_bytes: &mut u64,
) -> Result<Option<Bytes>, ContentError> {
    let chunk = body.next().await.map_err(ContentError::Body)?;
    *size_bytes += chunk.as_ref().map_or(0, |chunk| chunk.len() as u64);
    if *size_bytes > limit_bytes {
        return Err(ContentError::TooLarge { limit_bytes });
    }
    Ok(chunk)
}

/// The body of a blob that is held in memory, such as one that the catalog keeps; what of `range`
/// lies beyond the end is left out.
pub fn body_of(bytes: Bytes, range: Range<u64>) -> ByteStream {
    let end = range.end.min(bytes.len() as u64);
    let start = range.start.min(end);
    // Both fit: neither is beyond the length of something in memory.
    let part = bytes.slice(start as usize..end as usize);
    let chunk = (!part.is_empty()).then_some(Ok::<_, BodyError>(part));
    Box::pin(futures_util::stream::iter(chunk))
}
