//! Streams a stored file.

use std::fs::File;
use std::ops::Range;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use futures_core::Stream;
use model::{BodyError, ByteStream};
use rustix::buffer::spare_capacity;
use rustix::io::{Errno, pread, retry_on_intr};
use tokio::task::{JoinHandle, spawn_blocking};

use super::failure;
use super::root::StoredFile;
use crate::{ContentError, Damage};

/// How much is read at once; as much again is read ahead.
const CHUNK_BYTES: u64 = 256 * 1024;

/// Streams the bytes of `range` after checking the file's length.
pub(super) fn stream(
    file: StoredFile,
    size_bytes: u64,
    range: Range<u64>,
) -> Result<ByteStream, ContentError> {
    let found_bytes = file.length()?;
    if found_bytes != size_bytes {
        return Err(ContentError::wrong_length(size_bytes, found_bytes));
    }
    let end = range.end.min(size_bytes);
    read_widely(&file.0);
    let mut reader = Reader {
        file: Arc::new(file.0),
        next: range.start.min(end)..end,
        ahead: None,
    };
    reader.read_ahead();
    Ok(Box::pin(reader))
}

/// Has the kernel read further ahead than it would for a file that is read here and there.
#[cfg(target_os = "linux")]
fn read_widely(file: &File) {
    // Advice only: what the file system does with it is its own affair.
    let _ = rustix::fs::fadvise(file, 0, None, rustix::fs::Advice::Sequential);
}

#[cfg(not(target_os = "linux"))]
fn read_widely(_: &File) {}

struct Reader {
    file: Arc<File>,
    /// What has not been asked for yet.
    next: Range<u64>,
    ahead: Option<JoinHandle<Result<Vec<u8>, ContentError>>>,
}

impl Reader {
    fn read_ahead(&mut self) {
        if self.next.is_empty() {
            return;
        }
        let start = self.next.start;
        let end = self.next.end.min(start + CHUNK_BYTES);
        self.next.start = end;
        let file = Arc::clone(&self.file);
        self.ahead = Some(spawn_blocking(move || read_exact(&file, start..end)));
    }

    fn end(&mut self) {
        self.next.start = self.next.end;
        self.ahead = None;
    }
}

impl Stream for Reader {
    type Item = Result<Bytes, BodyError>;

    fn poll_next(mut self: Pin<&mut Self>, ctx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let Some(ahead) = &mut self.ahead else {
            return Poll::Ready(None);
        };
        let outcome = ready!(Pin::new(ahead).poll(ctx));
        self.ahead = None;
        let chunk = outcome.unwrap_or_else(|stopped| Err(ContentError::Unavailable(stopped.into())));
        match chunk {
            Ok(chunk) => {
                self.read_ahead();
                Poll::Ready(Some(Ok(chunk.into())))
            }
            Err(error) => {
                self.end();
                Poll::Ready(Some(Err(BodyError::Unreadable(error.into()))))
            }
        }
    }
}

/// Reads all of `range`, which lies within the file unless it has shrunk.
fn read_exact(file: &File, range: Range<u64>) -> Result<Vec<u8>, ContentError> {
    let length = usize::try_from(range.end - range.start).expect("a chunk fits in memory");
    let mut chunk = Vec::with_capacity(length);
    while chunk.len() < length {
        let offset = range.start + chunk.len() as u64;
        let read = retry_on_intr(|| pread(file, spare_capacity(&mut chunk), offset)).map_err(unreadable)?;
        if read == 0 {
            return Err(ContentError::wrong_length(range.end, offset));
        }
    }
    chunk.truncate(length);
    Ok(chunk)
}

fn unreadable(error: Errno) -> ContentError {
    match error {
        Errno::IO => ContentError::Damaged(Damage::Unreadable(error.into())),
        other => failure(other),
    }
}
