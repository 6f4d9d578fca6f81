//! Contents of files, which end with an error when somebody writes to them meanwhile.

use std::fs::File;
use std::sync::Arc;

use bytes::Bytes;
use futures_util::stream;
use model::{BodyError, ByteStream};
use rustix::buffer::spare_capacity;
use rustix::fs::{Advice, FileType, Mode, OFlags, Stat, fadvise, fstat, openat};
use rustix::io::{Errno, pread, retry_on_intr};

use super::faults::fault;
use super::place::Place;
use super::root::{Root, kind};
use super::{blocking, items};
use crate::{Reading, RemoteError, Revision};

/// How much is read at once.
const CHUNK_BYTES: usize = 256 * 1024;

/// Opens a file. Nothing but a file is opened for more than a look, and no look blocks.
pub(super) fn open(
    root: &Root,
    place: &Place,
    revision: Option<&Revision>,
    offset: u64,
) -> Result<Reading, RemoteError> {
    let failed = |errno| fault(errno, place);
    if place.is_root() {
        return Err(RemoteError::NoContent);
    }
    let (folder, name) = root.parent(place)?;
    // A pipe would wait for a writer, a terminal would become ours.
    let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::NOCTTY | OFlags::CLOEXEC;
    let file = match openat(&folder, name, flags, Mode::empty()) {
        Err(Errno::LOOP | Errno::NXIO) => return Err(RemoteError::NoContent),
        opened => opened.map_err(failed)?,
    };
    let stat = fstat(&file).map_err(failed)?;
    if kind(&stat) != FileType::RegularFile || std::str::from_utf8(name.as_encoded_bytes()).is_err() {
        return Err(RemoteError::NoContent);
    }
    let found = items::revision(&stat);
    if revision.is_some_and(|expected| *expected != found) {
        return Err(RemoteError::Changed);
    }
    // Advice only.
    let _ = fadvise(&file, offset, None, Advice::Sequential);
    Ok(Reading {
        size_bytes: Some(u64::try_from(stat.st_size).unwrap_or(0)),
        revision: Some(found),
        stream: stream_of(File::from(file), stat, offset),
    })
}

struct State {
    file: Arc<File>,
    stat: Stat,
    at: u64,
    is_over: bool,
}

fn stream_of(file: File, stat: Stat, offset: u64) -> ByteStream {
    let state = State {
        file: Arc::new(file),
        stat,
        at: offset,
        is_over: false,
    };
    Box::pin(stream::unfold(state, |mut state| async move {
        if state.is_over {
            return None;
        }
        let (file, stat, at) = (Arc::clone(&state.file), state.stat, state.at);
        match blocking(move || chunk(&file, &stat, at)).await {
            Ok(bytes) if bytes.is_empty() => None,
            Ok(bytes) => {
                state.at += bytes.len() as u64;
                Some((Ok(bytes), state))
            }
            Err(error) => {
                state.is_over = true;
                Some((Err(BodyError::Unreadable(Box::new(error))), state))
            }
        }
    }))
}

/// The next bytes; none at the end. The last are given only if the file is as it was.
fn chunk(file: &File, stat: &Stat, at: u64) -> Result<Bytes, RemoteError> {
    let failed = |errno| fault(errno, &Place::root());
    let size_bytes = u64::try_from(stat.st_size).unwrap_or(0);
    let left = size_bytes.saturating_sub(at);
    let length = usize::try_from(left).map_or(CHUNK_BYTES, |left| left.min(CHUNK_BYTES));
    let mut bytes = Vec::with_capacity(length);
    while bytes.len() < length {
        let from = at + bytes.len() as u64;
        let read = retry_on_intr(|| pread(file, spare_capacity(&mut bytes), from)).map_err(failed)?;
        if read == 0 {
            return Err(RemoteError::Changed);
        }
    }
    bytes.truncate(length);
    let is_last = at + bytes.len() as u64 >= size_bytes;
    if is_last && !items::is_same_content(stat, &fstat(file).map_err(failed)?) {
        return Err(RemoteError::Changed);
    }
    Ok(bytes.into())
}
