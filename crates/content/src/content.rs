//! All stores behind one door.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::ops::Range;
use std::sync::{Arc, PoisonError, RwLock};

use bytes::Bytes;
use futures_util::StreamExt;
use futures_util::future::join;
use model::{BlobId, BodyError, ByteStream, Digest, StoredAt};
use tokio::task::spawn_blocking;

use crate::key::Key;
use crate::pace::Paced;
use crate::seal::{self, Sealed};
use crate::writer::Writer;
use crate::{Backend, ContentError, Hasher, Keyring, NewBlob, Pace, SignedRead, SignedRequest};

/// All stores: the one that new blobs go to, and others by name. A clone is the same.
#[derive(Clone)]
pub struct Content {
    stores: Arc<BTreeMap<String, Arc<dyn Backend>>>,
    /// The name of the store that new blobs go to. It may change while the server runs.
    default: Arc<RwLock<String>>,
    keyring: Option<Keyring>,
    /// Stores whose new blobs and notes are sealed.
    sealed: Arc<BTreeSet<String>>,
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
    /// How long the body will be, if its sender said so.
    pub size_bytes: Option<u64>,
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
        /// Where it is.
        at: StoredAt,
        /// How long it is.
        size_bytes: u64,
        /// Its SHA-256.
        digest: Digest,
        /// Its MD5, when it was asked for.
        md5: Option<[u8; 16]>,
    },
}

impl Taken {
    /// How long the body was.
    pub const fn size_bytes(&self) -> u64 {
        match self {
            Self::Inline { bytes, .. } => bytes.len() as u64,
            Self::Stored { size_bytes, .. } => *size_bytes,
        }
    }

    /// The SHA-256 of the body.
    pub const fn digest(&self) -> Digest {
        match self {
            Self::Inline { digest, .. } | Self::Stored { digest, .. } => *digest,
        }
    }
}

impl Content {
    /// Puts new blobs on `default`.
    pub fn new(default: Arc<dyn Backend>) -> Self {
        let name = default.name().to_owned();
        Self {
            stores: Arc::new(BTreeMap::from([(name.clone(), default)])),
            default: Arc::new(RwLock::new(name)),
            keyring: None,
            sealed: Arc::default(),
        }
    }

    /// Also reads from `other`, and writes to it when it is asked to.
    #[must_use]
    pub fn with(mut self, other: Arc<dyn Backend>) -> Self {
        let name = other.name().to_owned();
        Arc::make_mut(&mut self.stores).insert(name, other);
        self
    }

    /// Seals what is new in the stores of these names, and opens what was sealed in any.
    #[must_use]
    pub fn sealing(mut self, keyring: Keyring, stores: impl IntoIterator<Item = String>) -> Self {
        self.keyring = Some(keyring);
        self.sealed = Arc::new(stores.into_iter().collect());
        self
    }

    /// The store that new blobs go to.
    pub fn default_backend(&self) -> Arc<dyn Backend> {
        Arc::clone(&self.stores[&self.default_name()])
    }

    /// The name of the store that new blobs go to.
    pub fn default_name(&self) -> String {
        let name = self.default.read().unwrap_or_else(PoisonError::into_inner);
        name.clone()
    }

    /// Puts new blobs on the store of this name from now on.
    ///
    /// # Errors
    /// `UnknownStore`.
    pub fn set_default(&self, store: &str) -> Result<(), ContentError> {
        self.named(store)?;
        store.clone_into(&mut self.default.write().unwrap_or_else(PoisonError::into_inner));
        Ok(())
    }

    /// The store of that name.
    pub fn backend(&self, name: &str) -> Option<&Arc<dyn Backend>> {
        self.stores.get(name)
    }

    /// All stores, by name.
    pub fn backends(&self) -> impl Iterator<Item = &Arc<dyn Backend>> {
        self.stores.values()
    }

    /// Whether new blobs of that store are sealed.
    pub fn is_sealed(&self, store: &str) -> bool {
        self.sealed.contains(store)
    }

    /// Takes a body to its end: a small one comes back in memory, a longer one is in the default
    /// store, durably, when this returns. After an error, or when dropped, nothing of it remains.
    ///
    /// # Errors
    /// `TooLarge` at the first byte beyond the limit; `Body` when the body ends early or comes too
    /// slowly; `Full`, `Unavailable`, `Rejected` or `Io` when it cannot be stored.
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
            size_bytes: how.size_bytes,
        };
        let store = self.default_name();
        let mut writer = self.writer(&store, new).await?;
        for chunk in head {
            writer.write(chunk).await?;
        }
        while let Some(chunk) = next_within(&mut body, how.limit_bytes, &mut size_bytes).await? {
            writer.write(chunk).await?;
        }
        let (at, written) = writer.finish().await?;
        Ok(Taken::Stored {
            at,
            size_bytes: written.size_bytes,
            digest: written.digest,
            md5: written.md5,
        })
    }

    /// Starts a new blob in the store of this name, sealed where that store is.
    ///
    /// # Errors
    /// `UnknownStore`, and what the store answers.
    pub async fn writer(&self, store: &str, new: NewBlob) -> Result<Writer, ContentError> {
        let backend = self.named(store)?;
        if !self.is_sealed(store) {
            return Ok(Writer::plain(store, backend.writer(new).await?));
        }
        let keyring = self.keyring()?;
        let (key, seal) = keyring.new_data_key(&Key::of(new.id).to_string());
        let inner = NewBlob {
            wants_md5: false,
            size_bytes: new.size_bytes.map(seal::sealed_bytes),
            ..new
        };
        let inner = backend.writer(inner).await?;
        Ok(Writer::sealed(store, inner, (key, seal), new.wants_md5))
    }

    /// Streams the bytes of `range` of a stored blob; see [`Backend::read`].
    ///
    /// # Errors
    /// `UnknownStore`, and those of [`Backend::read`]; `Rejected` when it was sealed with a key that is
    /// not in the ring.
    pub async fn read(
        &self,
        at: &StoredAt,
        size_bytes: u64,
        range: Range<u64>,
    ) -> Result<ByteStream, ContentError> {
        let backend = self.named(&at.store)?;
        let Some(sealed) = &at.seal else {
            return backend.read(&at.key, size_bytes, range).await;
        };
        let key = self.keyring()?.data_key(&at.key, sealed)?;
        let part = Sealed::new(size_bytes, range);
        let body = backend
            .read(&at.key, part.stored_bytes, part.stored_range())
            .await?;
        Ok(key.open_stream(body, part))
    }

    /// Returns how long a stored blob is; `None` when it is not there. One whose stored length no sealed
    /// blob can have is told as one byte more than it could hold.
    ///
    /// # Errors
    /// `UnknownStore`, and what the store answers.
    pub async fn measure(&self, at: &StoredAt) -> Result<Option<u64>, ContentError> {
        let stored = self.named(&at.store)?.measure(&at.key).await?;
        Ok(match at.seal {
            None => stored,
            Some(_) => stored.map(|bytes| seal::plain_bytes(bytes).unwrap_or(bytes + 1)),
        })
    }

    /// Removes a stored blob. A missing one is a success.
    ///
    /// # Errors
    /// `UnknownStore`, and what the store answers.
    pub async fn remove(&self, at: &StoredAt) -> Result<(), ContentError> {
        self.named(&at.store)?.remove(&at.key).await
    }

    /// Signs an address by which a blob is read from its store.
    ///
    /// # Errors
    /// `Unsupported` when its store signs none, or when it is sealed.
    pub async fn sign_read(&self, at: &StoredAt, how: &SignedRead) -> Result<SignedRequest, ContentError> {
        let backend = self.named(&at.store)?;
        if at.seal.is_some() || !backend.abilities().signs_urls {
            return Err(ContentError::Unsupported);
        }
        backend.sign_read(&at.key, how).await
    }

    /// Seals a blob's key anew with the first key of the ring; `None` when it is already, or when the blob
    /// is not sealed.
    ///
    /// # Errors
    /// `Rejected` when it was sealed with a key that is not in the ring.
    pub fn reseal(&self, at: &StoredAt) -> Result<Option<Vec<u8>>, ContentError> {
        match &at.seal {
            Some(sealed) => self.keyring()?.reseal(&at.key, sealed),
            None => Ok(None),
        }
    }

    /// Reads a stored blob back and returns the SHA-256 of what is there.
    ///
    /// # Errors
    /// `UnknownStore`, and those of [`Backend::read`]; what breaks on the way is `Body`.
    pub async fn digest_of(&self, at: &StoredAt, size_bytes: u64) -> Result<Digest, ContentError> {
        let mut body = self.read(at, size_bytes, 0..size_bytes).await?;
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

    /// Reads a note; see [`Backend::note`].
    ///
    /// # Errors
    /// `UnknownStore`, what the store answers, and `Damaged` when a sealed one was changed.
    pub async fn note(&self, store: &str, name: &str) -> Result<Option<Bytes>, ContentError> {
        let Some(bytes) = self.named(store)?.note(name).await? else {
            return Ok(None);
        };
        match self.is_sealed(store) {
            true => Ok(Some(self.keyring()?.open("note", name, &bytes)?.into())),
            false => Ok(Some(bytes)),
        }
    }

    /// Writes a note; see [`Backend::put_note`].
    ///
    /// # Errors
    /// `UnknownStore`, and what the store answers.
    pub async fn put_note(&self, store: &str, name: &str, bytes: Bytes) -> Result<(), ContentError> {
        let bytes = self.note_bytes(store, name, bytes)?;
        self.named(store)?.put_note(name, bytes).await
    }

    /// Writes a note unless it is there; see [`Backend::create_note`].
    ///
    /// # Errors
    /// `UnknownStore`, and what the store answers.
    pub async fn create_note(&self, store: &str, name: &str, bytes: Bytes) -> Result<bool, ContentError> {
        let bytes = self.note_bytes(store, name, bytes)?;
        self.named(store)?.create_note(name, bytes).await
    }

    /// The names of notes; see [`Backend::notes`].
    ///
    /// # Errors
    /// `UnknownStore`, and what the store answers.
    pub async fn notes(
        &self,
        store: &str,
        prefix: &str,
        after: Option<&str>,
        limit: usize,
    ) -> Result<Vec<String>, ContentError> {
        self.named(store)?.notes(prefix, after, limit).await
    }

    /// Removes a note. A missing one is a success.
    ///
    /// # Errors
    /// `UnknownStore`, and what the store answers.
    pub async fn remove_note(&self, store: &str, name: &str) -> Result<(), ContentError> {
        self.named(store)?.remove_note(name).await
    }

    /// Seals the notes of a sealed store anew with the first key of the ring. Answers how many there are.
    ///
    /// # Errors
    /// `UnknownStore`, what the store answers, and `Rejected` when a key is not in the ring.
    pub async fn reseal_notes(&self, store: &str) -> Result<u64, ContentError> {
        let mut count = 0;
        if !self.is_sealed(store) {
            return Ok(count);
        }
        let mut after: Option<String> = None;
        loop {
            let names = self.notes(store, "", after.as_deref(), 100).await?;
            let Some(last) = names.last() else {
                return Ok(count);
            };
            after = Some(last.clone());
            for name in &names {
                if let Some(bytes) = self.note(store, name).await? {
                    self.put_note(store, name, bytes).await?;
                    count += 1;
                }
            }
        }
    }

    fn note_bytes(&self, store: &str, name: &str, bytes: Bytes) -> Result<Bytes, ContentError> {
        match self.is_sealed(store) {
            true => Ok(self.keyring()?.seal("note", name, &bytes).into()),
            false => Ok(bytes),
        }
    }

    pub(crate) fn keyring(&self) -> Result<&Keyring, ContentError> {
        self.keyring.as_ref().ok_or_else(seal::missing_key)
    }

    pub(crate) fn named(&self, store: &str) -> Result<&Arc<dyn Backend>, ContentError> {
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
