//! Writes one blob through [`crate::Content`], sealed or as it is.

use bytes::{Bytes, BytesMut};
use model::StoredAt;
use tokio::task::spawn_blocking;

use crate::seal::{CHUNK_BYTES, DataKey};
use crate::{BlobWriter, ContentError, Hasher, Written};

/// How many plain bytes are sealed at once.
const BATCH_BYTES: usize = 4 * CHUNK_BYTES as usize;

/// Takes the bytes of one new blob. Dropping it unfinished leaves nothing behind.
pub struct Writer {
    store: String,
    inner: Box<dyn BlobWriter>,
    mode: Mode,
}

enum Mode {
    Plain,
    Sealed(Box<Sealing>),
    /// A write was called off on the way.
    Over,
}

struct Sealing {
    seal: Vec<u8>,
    key: DataKey,
    hasher: Hasher,
    plain: BytesMut,
    /// Chunks that were sealed so far.
    chunks: u64,
    size_bytes: u64,
}

impl Writer {
    pub(crate) fn plain(store: &str, inner: Box<dyn BlobWriter>) -> Self {
        Self {
            store: store.to_owned(),
            inner,
            mode: Mode::Plain,
        }
    }

    pub(crate) fn sealed(
        store: &str,
        inner: Box<dyn BlobWriter>,
        (key, seal): (DataKey, Vec<u8>),
        wants_md5: bool,
    ) -> Self {
        Self {
            store: store.to_owned(),
            inner,
            mode: Mode::Sealed(Box::new(Sealing {
                seal,
                key,
                hasher: Hasher::new(wants_md5),
                plain: BytesMut::new(),
                chunks: 0,
                size_bytes: 0,
            })),
        }
    }

    /// Appends bytes. After an error the writer is of no more use.
    ///
    /// # Errors
    /// What the store answers.
    pub async fn write(&mut self, bytes: Bytes) -> Result<(), ContentError> {
        match &mut self.mode {
            Mode::Plain => self.inner.write(bytes).await,
            Mode::Sealed(sealing) => {
                sealing.plain.extend_from_slice(&bytes);
                // The last chunk is sealed as such, so one that is full waits until more comes.
                match sealing.plain.len() > BATCH_BYTES {
                    true => self.pass_on(false).await,
                    false => Ok(()),
                }
            }
            Mode::Over => Err(over()),
        }
    }

    /// Returns once the blob is there to stay, with where it is and what it holds before sealing.
    ///
    /// # Errors
    /// What the store answers.
    pub async fn finish(mut self) -> Result<(StoredAt, Written), ContentError> {
        self.pass_on(true).await?;
        let mut written = self.inner.finish().await?;
        let seal = match self.mode {
            Mode::Plain => None,
            Mode::Sealed(sealing) => {
                let digests = sealing.hasher.finish();
                written.size_bytes = sealing.size_bytes;
                written.digest = digests.digest;
                written.md5 = digests.md5;
                Some(sealing.seal)
            }
            Mode::Over => return Err(over()),
        };
        let at = StoredAt {
            store: self.store,
            key: written.key.clone(),
            seal,
        };
        Ok((at, written))
    }

    /// Seals what is whole, and at the end also what is left, and has it written.
    async fn pass_on(&mut self, is_end: bool) -> Result<(), ContentError> {
        let mut sealing = match std::mem::replace(&mut self.mode, Mode::Over) {
            Mode::Sealed(sealing) => sealing,
            other => {
                self.mode = other;
                return Ok(());
            }
        };
        let sealed = spawn_blocking(move || {
            let chunks = sealing.seal(is_end);
            (sealing, chunks)
        });
        let (sealing, chunks) = sealed
            .await
            .map_err(|stopped| ContentError::Unavailable(stopped.into()))?;
        self.mode = Mode::Sealed(sealing);
        for chunk in chunks {
            self.inner.write(chunk).await?;
        }
        Ok(())
    }
}

impl Sealing {
    fn seal(&mut self, is_end: bool) -> Vec<Bytes> {
        let mut chunks = Vec::new();
        while self.plain.len() > CHUNK_BYTES as usize {
            chunks.push(self.chunk(CHUNK_BYTES as usize, false));
        }
        if is_end {
            chunks.push(self.chunk(self.plain.len(), true));
        }
        chunks
    }

    fn chunk(&mut self, length: usize, is_last: bool) -> Bytes {
        let plain = self.plain.split_to(length);
        self.hasher.update(&plain);
        self.size_bytes += length as u64;
        let sealed = self.key.seal_chunk(self.chunks, is_last, &plain);
        self.chunks += 1;
        sealed
    }
}

fn over() -> ContentError {
    ContentError::Unavailable(std::io::Error::other(
        "an earlier write of the same blob was called off",
    ))
}
