//! Contents that cases send, and a journal that they look into.

use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};

use async_trait::async_trait;
use futures_util::stream;
use model::{BodyError, ByteStream};

use crate::{Source, UploadJournal};

/// How long the pieces of a stream are.
const PIECE_BYTES: usize = 48 * 1024 + 1;

/// Bytes in memory.
pub struct Bytes(pub Vec<u8>);

#[async_trait]
impl Source for Bytes {
    fn size_bytes(&self) -> u64 {
        self.0.len() as u64
    }

    async fn open(&self, offset: u64) -> Result<ByteStream, BodyError> {
        let from = usize::try_from(offset).expect("small").min(self.0.len());
        Ok(pieces(&self.0[from..], None))
    }
}

/// A source that is not what it says.
pub struct Failing {
    /// What it has.
    pub bytes: Vec<u8>,
    /// What it says its length is.
    pub told_bytes: u64,
    /// It breaks off with an error after so many bytes of the whole.
    pub breaks_at: Option<usize>,
    /// Where it was opened last.
    pub opened_at: AtomicU64,
    /// How often it was opened.
    pub opened: AtomicUsize,
}

impl Failing {
    /// Breaks off after so many bytes.
    pub fn at(bytes: Vec<u8>, breaks_at: usize) -> Self {
        let told_bytes = bytes.len() as u64;
        Self::telling(bytes, told_bytes, Some(breaks_at))
    }

    /// Says that it has another length.
    pub fn telling(bytes: Vec<u8>, told_bytes: u64, breaks_at: Option<usize>) -> Self {
        Self {
            bytes,
            told_bytes,
            breaks_at,
            opened_at: AtomicU64::new(u64::MAX),
            opened: AtomicUsize::new(0),
        }
    }
}

#[async_trait]
impl Source for Failing {
    fn size_bytes(&self) -> u64 {
        self.told_bytes
    }

    async fn open(&self, offset: u64) -> Result<ByteStream, BodyError> {
        self.opened.fetch_add(1, Ordering::Relaxed);
        self.opened_at.store(offset, Ordering::Relaxed);
        let from = usize::try_from(offset).expect("small").min(self.bytes.len());
        let to = self.breaks_at.unwrap_or(self.bytes.len()).max(from);
        let fault = self.breaks_at.map(|_| BodyError::Unreadable("a bad disk".into()));
        Ok(pieces(&self.bytes[from..to], fault))
    }
}

fn pieces(bytes: &[u8], fault: Option<BodyError>) -> ByteStream {
    let pieces: Vec<Result<bytes::Bytes, BodyError>> = bytes
        .chunks(PIECE_BYTES)
        .map(|piece| Ok(bytes::Bytes::copy_from_slice(piece)))
        .chain(fault.map(Err))
        .collect();
    Box::pin(stream::iter(pieces))
}

/// A journal in memory.
#[derive(Default)]
pub struct Kept {
    session: Mutex<Option<String>>,
    kept: AtomicUsize,
    arrived: AtomicU64,
}

impl Kept {
    /// As left behind by an earlier try.
    pub fn with(session: &str) -> Self {
        Self {
            session: Mutex::new(Some(session.to_owned())),
            ..Self::default()
        }
    }

    /// What is kept now.
    pub fn session(&self) -> Option<String> {
        self.session.lock().expect("not poisoned").clone()
    }

    /// How often something was kept.
    pub fn kept(&self) -> usize {
        self.kept.load(Ordering::Relaxed)
    }

    /// How many bytes arrived, as was told last.
    pub fn arrived_bytes(&self) -> u64 {
        self.arrived.load(Ordering::Relaxed)
    }
}

#[async_trait]
impl UploadJournal for Kept {
    async fn kept(&self) -> Option<String> {
        self.session()
    }

    async fn keep(&self, session: Option<&str>) -> Result<(), BodyError> {
        if session.is_some() {
            self.kept.fetch_add(1, Ordering::Relaxed);
        }
        *self.session.lock().expect("not poisoned") = session.map(ToOwned::to_owned);
        Ok(())
    }

    fn arrived(&self, bytes: u64) {
        self.arrived.store(bytes, Ordering::Relaxed);
    }
}
