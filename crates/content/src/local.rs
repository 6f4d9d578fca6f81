//! Blobs as files in a folder of this machine.
//!
//! A blob of id `0190c2a4…` is the file `0190c2/0190c2a4…`: ids start with the time, so blobs that
//! are written together share a folder, and one flush of that folder covers them all. Unfinished
//! blobs have no name at all, or one below `tmp/` on a file system that knows no unnamed files.

mod flush;
mod listing;
mod notes;
mod parts;
mod reader;
mod root;
mod temporary;
#[cfg(test)]
mod tests;
mod writer;

use std::hash::{BuildHasher, Hasher as _, RandomState};
use std::io;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Instant;

use async_trait::async_trait;
use bytes::Bytes;
use model::{ByteStream, Millis};
use rustix::fs::fstatvfs;
use rustix::io::Errno;
use tokio::sync::Semaphore;
use tokio::task::spawn_blocking;

use crate::{
    Abilities, Backend, BlobWriter, ContentError, Damage, Listed, NewBlob, NewPart, NewParts, Part,
    PartRules, Parts, Probe, SignedPart, SignedRead, SignedRequest, StoreHealth,
};
use flush::Flusher;
use root::{Key, Root};
use temporary::Temporary;

/// Uploads that may be flushed at the same time; more gain nothing.
const FINISHING: usize = 64;

/// Whether a blob is flushed before it is acknowledged.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Durability {
    /// File and folder are flushed: what was acknowledged survives a power loss.
    #[default]
    Full,
    /// Nothing is flushed. For benchmarks only: a power loss takes what was acknowledged.
    UnsafeNone,
}

/// Where and how the local store keeps its blobs.
#[derive(Debug, Clone)]
pub struct LocalOptions {
    /// Its folder, which is made when it is missing.
    pub folder: PathBuf,
    /// Whether to flush.
    pub durability: Durability,
}

/// Blobs as files in a folder of this machine. A clone is the same store.
#[derive(Clone)]
pub struct LocalStore {
    name: Arc<str>,
    root: Arc<Root>,
    flusher: Arc<Flusher>,
    /// A device that hangs must not take every thread that others need.
    finishing: Arc<Semaphore>,
}

impl LocalStore {
    /// Opens the folder, makes it when it is missing, and finds out what its file system can do.
    ///
    /// # Errors
    /// `Io` or `Unavailable` when the folder cannot be made or written; `Full`.
    pub async fn open(options: LocalOptions) -> Result<Self, ContentError> {
        let root = blocking(move || Root::open(&options.folder, options.durability)).await?;
        Ok(Self::on(root))
    }

    fn on(root: Root) -> Self {
        let root = Arc::new(root);
        Self {
            name: "local".into(),
            flusher: Arc::new(Flusher::new(Arc::clone(&root))),
            root,
            finishing: Arc::new(Semaphore::new(FINISHING)),
        }
    }

    /// The same store under another name than `local`.
    #[must_use]
    pub fn named(mut self, name: &str) -> Self {
        self.name = name.into();
        self
    }

    /// The folder that holds everything.
    pub fn folder(&self) -> &Path {
        &self.root.path
    }

    async fn with_root<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Arc<Root>) -> Result<T, ContentError> + Send + 'static,
    ) -> Result<T, ContentError> {
        let root = Arc::clone(&self.root);
        blocking(move || work(&root)).await
    }
}

#[async_trait]
impl Backend for LocalStore {
    fn name(&self) -> &str {
        &self.name
    }

    fn abilities(&self) -> Abilities {
        Abilities {
            reads_ranges: true,
            lists: true,
            signs_urls: false,
            signs_parts: false,
            creates_only: Some(true),
            checks_digests: Some(false),
            binds_digests: false,
        }
    }

    async fn writer(&self, new: NewBlob) -> Result<Box<dyn BlobWriter>, ContentError> {
        Ok(Box::new(writer::LocalWriter::new(self.clone(), new)))
    }

    async fn read(&self, key: &str, size_bytes: u64, range: Range<u64>) -> Result<ByteStream, ContentError> {
        let key = Key::parse(key).ok_or(ContentError::Missing)?;
        let file = self.with_root(move |root| root.open_blob(&key)).await?;
        reader::stream(file, size_bytes, range)
    }

    async fn measure(&self, key: &str) -> Result<Option<u64>, ContentError> {
        let Some(key) = Key::parse(key) else {
            return Ok(None);
        };
        let measured = self.with_root(move |root| root.open_blob(&key)?.length()).await;
        match measured {
            Ok(length_bytes) => Ok(Some(length_bytes)),
            Err(ContentError::Missing) => Ok(None),
            Err(error) => Err(error),
        }
    }

    async fn remove(&self, key: &str) -> Result<(), ContentError> {
        let Some(key) = Key::parse(key) else { return Ok(()) };
        self.with_root(move |root| root.remove_blob(&key)).await
    }

    async fn list(&self, after: Option<&str>, limit: usize) -> Result<Vec<Listed>, ContentError> {
        let after = after.map(str::to_owned);
        self.with_root(move |root| listing::page(root, after.as_deref(), limit))
            .await
    }

    async fn sweep_temporary(&self, older_than: Millis) -> Result<u64, ContentError> {
        self.with_root(move |root| listing::sweep(root, older_than)).await
    }

    async fn check(&self) -> Result<StoreHealth, ContentError> {
        self.with_root(probe).await
    }

    async fn probe(&self) -> Result<Probe, ContentError> {
        self.check().await?;
        Ok(Probe {
            abilities: self.abilities(),
            skew_ms: None,
            allows_pages: None,
            advice: Vec::new(),
        })
    }

    fn part_rules(&self) -> PartRules {
        PartRules {
            least_bytes: 1,
            most_bytes: 1 << 30,
            most_parts: u32::MAX,
            step_bytes: 1,
            is_sequential: false,
            lists: false,
        }
    }

    async fn begin(&self, new: NewParts) -> Result<Parts, ContentError> {
        self.with_root(move |root| parts::begin(root, &Key::of(new.id)))
            .await
    }

    async fn put_part(
        &self,
        upload: &Parts,
        part: NewPart,
        bytes: Vec<Bytes>,
    ) -> Result<String, ContentError> {
        let tag = self.put_part_soon(upload, part, bytes).await?;
        self.flush_parts(upload).await?;
        Ok(tag)
    }

    async fn put_part_soon(
        &self,
        upload: &Parts,
        part: NewPart,
        bytes: Vec<Bytes>,
    ) -> Result<String, ContentError> {
        let key = Key::parse(&upload.key).ok_or(ContentError::Missing)?;
        self.with_root(move |root| parts::put(root, &key, part, &bytes))
            .await
    }

    async fn flush_parts(&self, upload: &Parts) -> Result<(), ContentError> {
        let key = Key::parse(&upload.key).ok_or(ContentError::Missing)?;
        self.with_root(move |root| parts::flush(root, &key)).await
    }

    async fn parts(&self, _: &Parts) -> Result<Vec<Part>, ContentError> {
        Ok(Vec::new())
    }

    async fn complete(&self, upload: &Parts, parts: &[Part]) -> Result<(), ContentError> {
        let key = Key::parse(&upload.key).ok_or(ContentError::Missing)?;
        let all = parts.to_vec();
        self.with_root(move |root| parts::complete(root, &key, &all))
            .await
    }

    async fn abort(&self, upload: &Parts) -> Result<(), ContentError> {
        let Some(key) = Key::parse(&upload.key) else {
            return Ok(());
        };
        self.with_root(move |root| parts::abort(root, &key)).await
    }

    async fn unfinished(&self, older_than: Millis, limit: usize) -> Result<Vec<Parts>, ContentError> {
        self.with_root(move |root| parts::unfinished(root, older_than, limit))
            .await
    }

    async fn sign_read(&self, _: &str, _: &SignedRead) -> Result<SignedRequest, ContentError> {
        Err(ContentError::Unsupported)
    }

    async fn sign_part(&self, _: &Parts, _: &SignedPart) -> Result<SignedRequest, ContentError> {
        Err(ContentError::Unsupported)
    }

    async fn put_note(&self, name: &str, bytes: Bytes) -> Result<(), ContentError> {
        let name = name.to_owned();
        self.with_root(move |root| notes::put(root, &name, &bytes, false).map(drop))
            .await
    }

    async fn create_note(&self, name: &str, bytes: Bytes) -> Result<bool, ContentError> {
        let name = name.to_owned();
        self.with_root(move |root| notes::put(root, &name, &bytes, true))
            .await
    }

    async fn note(&self, name: &str) -> Result<Option<Bytes>, ContentError> {
        let name = name.to_owned();
        self.with_root(move |root| Ok(notes::get(root, &name)?.map(Bytes::from)))
            .await
    }

    async fn notes(
        &self,
        prefix: &str,
        after: Option<&str>,
        limit: usize,
    ) -> Result<Vec<String>, ContentError> {
        let (prefix, after) = (prefix.to_owned(), after.map(str::to_owned));
        self.with_root(move |root| notes::list(root, &prefix, after.as_deref(), limit))
            .await
    }

    async fn remove_note(&self, name: &str) -> Result<(), ContentError> {
        let name = name.to_owned();
        self.with_root(move |root| notes::remove(root, &name)).await
    }
}

/// Measures one flush of a small file.
fn probe(root: &Arc<Root>) -> Result<StoreHealth, ContentError> {
    // Several may be looking at once.
    let name = format!("probe-{:016x}", random());
    let temporary = Temporary::new(root, &name)?;
    temporary.append(&[0; 4096])?;
    let started = Instant::now();
    temporary.flush()?;
    let flush = started.elapsed();
    let room = fstatvfs(&root.dir).map_err(failure)?;
    Ok(StoreHealth {
        free_bytes: Some(room.f_bavail.saturating_mul(room.f_frsize)),
        flush,
    })
}

/// A number that nothing else has at the moment.
fn random() -> u64 {
    RandomState::new().build_hasher().finish()
}

/// Runs what may wait for the disk where waiting harms no one.
async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, ContentError> + Send + 'static,
) -> Result<T, ContentError> {
    spawn_blocking(work)
        .await
        .map_err(|stopped| ContentError::Unavailable(stopped.into()))?
}

/// Says what an error of the file system means to who asked for a blob.
fn failure(error: impl Into<io::Error>) -> ContentError {
    let error = error.into();
    match Errno::from_io_error(&error) {
        Some(Errno::NOSPC | Errno::DQUOT) => ContentError::Full,
        Some(Errno::NOENT) => ContentError::Missing,
        // What `O_NOFOLLOW` and `O_DIRECTORY` answer to a link.
        Some(Errno::LOOP | Errno::NOTDIR | Errno::ISDIR) => ContentError::Damaged(Damage::Replaced),
        Some(Errno::ACCESS | Errno::PERM | Errno::EXIST | Errno::FBIG) => ContentError::Io(error),
        // A file system turns read-only when its device fails, and back when a person mended it.
        _ => ContentError::Unavailable(error),
    }
}

/// Says what an error of the file system means to who writes: that the store's own folder is gone
/// is not a blob that is missing.
fn refusal(error: impl Into<io::Error>) -> ContentError {
    match failure(error) {
        ContentError::Missing => ContentError::Io(Errno::NOENT.into()),
        other => other,
    }
}
