//! Writes one blob: a buffer fills from the network while the other is hashed and written.

use std::sync::Arc;

use async_trait::async_trait;
use bytes::{Buf, Bytes};
use tokio::runtime::Handle;
use tokio::sync::oneshot;
use tokio::task::{JoinHandle, spawn_blocking};

use super::LocalStore;
use super::flush::Finished;
use super::root::{Key, Root};
use super::temporary::Temporary;
use crate::{BlobWriter, ContentError, Hasher, NewBlob, Written};

/// How much is hashed and written at once. A thread is taken only for a full buffer, so a slow
/// upload holds memory but no thread.
pub(super) const BUFFER_BYTES: usize = 256 * 1024;
/// How much may be waiting for the device before it is told to begin.
const PUSH_BYTES: u64 = 8 * 1024 * 1024;

pub(super) struct LocalWriter {
    store: LocalStore,
    key: Key,
    filling: Vec<u8>,
    turn: Turn,
}

/// Who has the file.
enum Turn {
    /// The writer.
    Mine(Box<Sink>),
    /// A thread that hashes and writes a buffer.
    Working(JoinHandle<Result<Box<Sink>, ContentError>>),
    /// No one: something failed.
    Over,
}

impl LocalWriter {
    pub(super) fn new(store: LocalStore, new: NewBlob) -> Self {
        let sink = Box::new(Sink {
            root: Arc::clone(&store.root),
            key: Key::of(new.id),
            temporary: None,
            hasher: Hasher::new(new.wants_md5),
            size_bytes: 0,
            pushed_bytes: 0,
            spare: Vec::new(),
        });
        Self {
            store,
            key: sink.key.clone(),
            filling: Vec::new(),
            turn: Turn::Mine(sink),
        }
    }

    /// Waits until the previous buffer is written.
    async fn sink(&mut self) -> Result<Box<Sink>, ContentError> {
        if let Turn::Working(work) = &mut self.turn {
            let outcome = work.await;
            self.turn = Turn::Over;
            return outcome.map_err(|stopped| ContentError::Unavailable(stopped.into()))?;
        }
        match std::mem::replace(&mut self.turn, Turn::Over) {
            Turn::Mine(sink) => Ok(sink),
            Turn::Working(_) | Turn::Over => Err(ContentError::Unavailable(std::io::Error::other(
                "an earlier write of the same blob failed",
            ))),
        }
    }

    /// Has the full buffer written while the other one fills.
    async fn pass_on(&mut self) -> Result<(), ContentError> {
        let mut sink = self.sink().await?;
        let full = std::mem::replace(&mut self.filling, std::mem::take(&mut sink.spare));
        self.turn = Turn::Working(spawn_blocking(move || {
            sink.append(&full)?;
            sink.spare = full;
            sink.spare.clear();
            Ok(sink)
        }));
        Ok(())
    }
}

#[async_trait]
impl BlobWriter for LocalWriter {
    async fn write(&mut self, mut bytes: Bytes) -> Result<(), ContentError> {
        while bytes.has_remaining() {
            if self.filling.capacity() < BUFFER_BYTES {
                self.filling.reserve_exact(BUFFER_BYTES - self.filling.len());
            }
            let part = bytes.split_to(bytes.len().min(BUFFER_BYTES - self.filling.len()));
            self.filling.extend_from_slice(&part);
            if self.filling.len() == BUFFER_BYTES {
                self.pass_on().await?;
            }
        }
        Ok(())
    }

    async fn finish(mut self: Box<Self>) -> Result<Written, ContentError> {
        let sink = self.sink().await?;
        let rest = std::mem::take(&mut self.filling);
        let permit = Arc::clone(&self.store.finishing).acquire_owned().await;
        let flusher = Arc::clone(&self.store.flusher);
        let key = self.key.clone();
        let (done, settled) = oneshot::channel();
        spawn_blocking(move || {
            match sink.finish(&rest) {
                Ok((temporary, written)) => flusher.settle(Finished {
                    temporary,
                    key,
                    written,
                    done,
                }),
                // An error here reaches the caller unless it has gone.
                Err(error) => drop(done.send(Err(error))),
            }
            drop(permit);
        });
        settled
            .await
            .map_err(|_| ContentError::Unavailable(std::io::Error::other("the flush was called off")))?
    }
}

impl Drop for LocalWriter {
    /// Closing a large unnamed file frees all of its blocks, which takes a while.
    fn drop(&mut self) {
        let turn = std::mem::replace(&mut self.turn, Turn::Over);
        if !matches!(turn, Turn::Over)
            && let Ok(runtime) = Handle::try_current()
        {
            runtime.spawn_blocking(move || drop(turn));
        }
    }
}

/// The file and what is known of its bytes.
struct Sink {
    root: Arc<Root>,
    key: Key,
    /// Made with the first bytes.
    temporary: Option<Temporary>,
    hasher: Hasher,
    size_bytes: u64,
    pushed_bytes: u64,
    /// A buffer that was written and can be filled again.
    spare: Vec<u8>,
}

impl Sink {
    fn append(&mut self, bytes: &[u8]) -> Result<(), ContentError> {
        let temporary = match self.temporary.take() {
            Some(temporary) => temporary,
            None => Temporary::new(&self.root, self.key.name())?,
        };
        self.hasher.update(bytes);
        temporary.append(bytes)?;
        self.size_bytes += bytes.len() as u64;
        if self.size_bytes - self.pushed_bytes >= PUSH_BYTES {
            if self.root.durability == super::Durability::Full {
                temporary.push_out(self.pushed_bytes, self.size_bytes);
            }
            self.pushed_bytes = self.size_bytes;
        }
        self.temporary = Some(temporary);
        Ok(())
    }

    fn finish(mut self, rest: &[u8]) -> Result<(Temporary, Written), ContentError> {
        self.append(rest)?;
        let temporary = self.temporary.take().expect("append makes the file");
        let digests = self.hasher.finish();
        let written = Written {
            key: self.key.to_string(),
            size_bytes: self.size_bytes,
            digest: digests.digest,
            md5: digests.md5,
        };
        Ok((temporary, written))
    }
}
