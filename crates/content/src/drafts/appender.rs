//! Takes the bytes of one request into a draft.

use std::collections::VecDeque;
use std::sync::Arc;

use bytes::Bytes;
use futures_util::future::join;
use model::{BodyError, ByteStream};
use tokio::task::spawn_blocking;

use super::hash::Hashes;
use super::{Append, Draft, next_part_bytes};
use crate::pace::Paced;
use crate::seal::{self, CHUNK_BYTES, DataKey};
use crate::{Backend, Content, ContentError, NewPart, Part, PartRules, Parts};

/// After so many bytes it is written down how far a request has come.
const CHECKPOINT_BYTES: u64 = 64 << 20;
/// Where a store takes parts of any size, fewer bytes than these are no part of their own.
const LEAST_PART: u64 = 64 << 10;
/// Pieces of a tail; beyond them they are put together.
const TAIL_PIECES: usize = 32;

/// Takes bytes into a draft. After an error it is of no more use, and the draft is what it was at its last
/// checkpoint.
pub struct Appender {
    content: Content,
    backend: Arc<dyn Backend>,
    rules: PartRules,
    draft: Draft,
    key: Option<Arc<DataKey>>,
    body: Paced,
    /// How many bytes may still come.
    left_bytes: u64,
    /// What gathering said that was not yet acted on.
    gathered: Option<Gathered>,
    buffer: Buffer,
    /// `None` while, and after, a part is being stored that fails.
    hashes: Option<Hashes>,
    /// How many bytes are hashed, from the start of the blob.
    hashed_bytes: u64,
    /// Whether nothing is passed on before all of the request is there.
    is_held: bool,
    /// Parts that were stored since the last checkpoint.
    fresh: Vec<Part>,
    tail_bytes: u64,
    tail_pieces: usize,
}

/// Why taking bytes stopped.
#[derive(Debug)]
pub enum Filled {
    /// It is time to write down how far it came; there is more.
    Due,
    /// The body is over.
    End,
    /// The body broke on its way. What came is good.
    Broken(BodyError),
}

/// How far a draft has come, to be written down before it is told to anybody.
pub struct Checkpoint {
    /// The draft.
    pub draft: Draft,
    /// Parts that were stored, or that grew.
    pub parts: Vec<Part>,
    /// Whether the tail that was kept is void.
    pub clears_tail: bool,
    /// Bytes that are to be kept besides, and where they begin.
    pub tail: Option<(u64, Vec<u8>)>,
}

enum Gathered {
    Enough,
    End,
    Broken(BodyError),
    TooLong,
}

#[derive(Default)]
struct Buffer {
    chunks: VecDeque<Bytes>,
    bytes: u64,
}

/// A part that is cut off the buffer.
struct Cut {
    new: NewPart,
    bytes: Vec<Bytes>,
    /// How many bytes at its start are hashed already.
    hashed_bytes: u64,
    /// The number of its first chunk, where they are sealed.
    first_chunk: u64,
}

impl Appender {
    pub(super) fn new(
        content: &Content,
        draft: Draft,
        body: ByteStream,
        how: Append,
    ) -> Result<Self, ContentError> {
        let backend = content.draft_store(&draft)?;
        let seal = draft.begun.as_ref().and_then(|begun| {
            let seal = begun.seal.as_ref()?;
            Some(
                content
                    .keyring()
                    .and_then(|ring| ring.data_key(&begun.upload.key, seal)),
            )
        });
        let rules = backend.part_rules();
        let mut buffer = Buffer::default();
        let tail_pieces = how.tail.len();
        for piece in how.tail {
            buffer.push(piece.into());
        }
        Ok(Self {
            content: content.clone(),
            backend,
            rules,
            key: seal.transpose()?.map(Arc::new),
            body: Paced::new(body, how.pace),
            left_bytes: how.limit_bytes,
            gathered: None,
            tail_bytes: buffer.bytes,
            tail_pieces,
            buffer,
            is_held: rules.is_sequential && how.promise.is_some(),
            hashes: Some(Hashes::resume(draft.hash_state.as_deref(), how.promise)?),
            hashed_bytes: draft.offset_bytes,
            draft,
            fresh: Vec::new(),
        })
    }

    /// Takes bytes until the body ends or it is time for a checkpoint.
    ///
    /// # Errors
    /// `TooLarge` when more come than may; what the store answers.
    pub async fn fill(&mut self) -> Result<Filled, ContentError> {
        let mut passed_bytes = 0;
        loop {
            let gathered = match self.gathered.take() {
                Some(gathered) => gathered,
                None => {
                    let wanted = self.wanted();
                    gather(&mut self.body, &mut self.buffer, &mut self.left_bytes, wanted).await
                }
            };
            match gathered {
                Gathered::Enough if passed_bytes >= self.checkpoint_bytes() => {
                    self.gathered = Some(gathered);
                    self.flush().await?;
                    return Ok(Filled::Due);
                }
                Gathered::Enough => {
                    passed_bytes += self.pass_on(next_part_bytes(&self.rules, &self.draft)).await?
                }
                Gathered::End => return Ok(Filled::End),
                Gathered::Broken(error) => return Ok(Filled::Broken(error)),
                Gathered::TooLong => {
                    return Err(ContentError::TooLarge {
                        limit_bytes: self.draft.size_bytes.unwrap_or(u64::MAX),
                    });
                }
            }
        }
    }

    /// How far it came with whole parts.
    pub fn checkpoint(&mut self) -> Checkpoint {
        let hashes = self.hashes.as_ref();
        self.draft.offset_bytes = self.draft.stored_bytes;
        self.draft.hash_state = hashes.map(Hashes::state);
        self.tail_bytes = 0;
        self.tail_pieces = 0;
        Checkpoint {
            draft: self.draft.clone(),
            parts: std::mem::take(&mut self.fresh),
            clears_tail: true,
            tail: None,
        }
    }

    /// Puts what is left into a part, or hands it back; `None` when the bytes are not those that were
    /// promised: then nothing of them is to be kept.
    ///
    /// # Errors
    /// What the store answers.
    pub async fn pause(&mut self) -> Result<Option<Checkpoint>, ContentError> {
        self.hash_rest().await?;
        if !self.hashes.as_ref().is_some_and(Hashes::is_kept) {
            return Ok(None);
        }
        let all_bytes = self.draft.stored_bytes + self.buffer.bytes;
        let is_end = self.draft.size_bytes == Some(all_bytes);
        while let Some(bytes) = self.settling(is_end) {
            self.store(bytes, is_end && bytes == self.buffer.bytes).await?;
        }
        self.flush().await?;
        let (clears_tail, tail) = self.tail();
        self.draft.offset_bytes = all_bytes;
        self.draft.hash_state = self.hashes.as_ref().map(Hashes::state);
        Ok(Some(Checkpoint {
            draft: self.draft.clone(),
            parts: std::mem::take(&mut self.fresh),
            clears_tail,
            tail,
        }))
    }

    /// How many bytes make the next part when a request ends.
    fn settling(&self, is_end: bool) -> Option<u64> {
        let bytes = self.buffer.bytes;
        let part_bytes = next_part_bytes(&self.rules, &self.draft);
        let is_begun = self.draft.begun.is_some() || bytes > part_bytes;
        if is_end && (is_begun || self.merges() && bytes >= LEAST_PART) {
            return (bytes > 0).then_some(bytes.min(part_bytes));
        }
        let free = self.whole(bytes.saturating_sub(self.held_back()));
        let least = if self.merges() { LEAST_PART } else { part_bytes };
        (free >= least).then_some(free.min(part_bytes))
    }

    /// What of the buffer has to be kept in rows, and whether in place of what is there.
    fn tail(&self) -> (bool, Option<(u64, Vec<u8>)>) {
        let clears = !self.fresh.is_empty() || self.tail_pieces >= TAIL_PIECES;
        let skip = if clears { 0 } else { self.tail_bytes };
        let bytes = self.buffer.after(skip);
        let tail = (!bytes.is_empty()).then_some((self.draft.stored_bytes + skip, bytes));
        (clears, tail)
    }

    /// Whether all parts count as one.
    const fn merges(&self) -> bool {
        super::merges(&self.rules)
    }

    fn checkpoint_bytes(&self) -> u64 {
        if self.rules.is_sequential {
            1
        } else {
            CHECKPOINT_BYTES
        }
    }

    /// The last chunk is sealed as such, and the last part of some stores is sent as such: until it is known,
    /// a byte stays here.
    fn held_back(&self) -> u64 {
        u64::from(self.is_sealed() || self.rules.is_sequential)
    }

    fn is_sealed(&self) -> bool {
        match &self.draft.begun {
            Some(begun) => begun.seal.is_some(),
            None => self.content.is_sealed(&self.draft.store),
        }
    }

    /// As much of `bytes` as makes whole steps, or chunks.
    fn whole(&self, bytes: u64) -> u64 {
        let step = if self.is_sealed() {
            CHUNK_BYTES
        } else {
            self.rules.step_bytes.max(1)
        };
        bytes / step * step
    }

    fn wanted(&self) -> u64 {
        match self.is_held {
            true => u64::MAX,
            false => next_part_bytes(&self.rules, &self.draft) + 1,
        }
    }

    /// Stores the next part while the bytes of the one after it come.
    async fn pass_on(&mut self, bytes: u64) -> Result<u64, ContentError> {
        let bytes = self.whole(bytes);
        self.begin().await?;
        let cut = self.cut(bytes, false);
        let passing = self.passing(cut)?;
        let wanted = self.wanted();
        let next = gather(&mut self.body, &mut self.buffer, &mut self.left_bytes, wanted);
        let (stored, gathered) = join(passing, next).await;
        self.gathered = Some(gathered);
        self.note(stored?, bytes);
        Ok(bytes)
    }

    async fn store(&mut self, bytes: u64, is_last: bool) -> Result<(), ContentError> {
        self.begin().await?;
        let cut = self.cut(bytes, is_last);
        let stored = self.passing(cut)?.await?;
        self.note(stored, bytes);
        Ok(())
    }

    /// Makes all parts durable that were stored since the last checkpoint.
    async fn flush(&mut self) -> Result<(), ContentError> {
        match &self.draft.begun {
            Some(begun) if !self.fresh.is_empty() => self.backend.flush_parts(&begun.upload).await,
            _ => Ok(()),
        }
    }

    async fn begin(&mut self) -> Result<(), ContentError> {
        if self.draft.begun.is_none() {
            self.key = self.content.begin_draft(&mut self.draft).await?.map(Arc::new);
        }
        Ok(())
    }

    fn cut(&mut self, bytes: u64, is_last: bool) -> Cut {
        let at = self.draft.stored_bytes;
        let number = if self.merges() { 1 } else { self.draft.parts + 1 };
        let first_chunk = at / CHUNK_BYTES;
        let offset_bytes = if self.is_sealed() {
            seal::sealed_offset(first_chunk)
        } else {
            at
        };
        let hashed_bytes = (self.hashed_bytes - at).min(bytes);
        self.hashed_bytes = self.hashed_bytes.max(at + bytes);
        Cut {
            new: NewPart {
                number,
                offset_bytes,
                is_last,
            },
            bytes: self.buffer.take(bytes),
            hashed_bytes,
            first_chunk,
        }
    }

    /// The work of storing a part, on its own.
    fn passing(
        &mut self,
        cut: Cut,
    ) -> Result<impl Future<Output = Result<(Hashes, Part), ContentError>> + use<>, ContentError> {
        let hashes = self.hashes.take().ok_or_else(over)?;
        let begun = self.draft.begun.as_ref().ok_or_else(over)?;
        let to = (Arc::clone(&self.backend), begun.upload.clone());
        Ok(pass(to, self.key.clone(), hashes, cut))
    }

    fn note(&mut self, (hashes, part): (Hashes, Part), bytes: u64) {
        self.hashes = Some(hashes);
        self.draft.stored_bytes += bytes;
        if self.merges() {
            let size_bytes = match self.is_sealed() {
                true => {
                    part.size_bytes + seal::sealed_offset((self.draft.stored_bytes - bytes) / CHUNK_BYTES)
                }
                false => self.draft.stored_bytes,
            };
            self.draft.parts = 1;
            self.fresh = vec![Part { size_bytes, ..part }];
        } else {
            self.draft.parts += 1;
            self.fresh.push(part);
        }
    }

    async fn hash_rest(&mut self) -> Result<(), ContentError> {
        let mut hashes = self.hashes.take().ok_or_else(over)?;
        let rest = self.buffer.after(self.hashed_bytes - self.draft.stored_bytes);
        self.hashed_bytes = self.draft.stored_bytes + self.buffer.bytes;
        let hashing = spawn_blocking(move || {
            hashes.update(&rest);
            hashes
        });
        self.hashes = Some(hashing.await.map_err(stopped)?);
        Ok(())
    }
}

/// Reads until the buffer holds `wanted` bytes.
async fn gather(body: &mut Paced, buffer: &mut Buffer, left_bytes: &mut u64, wanted: u64) -> Gathered {
    while buffer.bytes < wanted {
        match body.next().await {
            Ok(Some(chunk)) if chunk.len() as u64 > *left_bytes => return Gathered::TooLong,
            Ok(Some(chunk)) => {
                *left_bytes -= chunk.len() as u64;
                buffer.push(chunk);
            }
            Ok(None) => return Gathered::End,
            Err(error) => return Gathered::Broken(error),
        }
    }
    Gathered::Enough
}

/// Hashes, seals and stores a part.
async fn pass(
    (backend, upload): (Arc<dyn Backend>, Parts),
    key: Option<Arc<DataKey>>,
    mut hashes: Hashes,
    cut: Cut,
) -> Result<(Hashes, Part), ContentError> {
    let Cut { new, bytes, .. } = cut;
    let plain = bytes.clone();
    let hashing = move || {
        let mut skip = cut.hashed_bytes;
        for chunk in &plain {
            let skipped = skip.min(chunk.len() as u64);
            skip -= skipped;
            // No longer than the chunk.
            hashes.update(&chunk[skipped as usize..]);
        }
        (hashes, plain)
    };
    let (hashes, bytes, tag) = match key {
        None => {
            let size_bytes = length(&bytes);
            let (hashed, tag) = join(
                spawn_blocking(hashing),
                backend.put_part_soon(&upload, new, bytes),
            )
            .await;
            (hashed.map_err(stopped)?.0, size_bytes, tag?)
        }
        Some(key) => {
            let sealing = spawn_blocking(move || {
                let (hashes, plain) = hashing();
                (hashes, seal_all(&key, cut.first_chunk, new.is_last, &plain))
            });
            let (hashes, sealed) = sealing.await.map_err(stopped)?;
            let size_bytes = length(&sealed);
            (
                hashes,
                size_bytes,
                backend.put_part_soon(&upload, new, sealed).await?,
            )
        }
    };
    let part = Part {
        number: new.number,
        size_bytes: bytes,
        tag,
    };
    Ok((hashes, part))
}

fn length(bytes: &[Bytes]) -> u64 {
    bytes.iter().map(|chunk| chunk.len() as u64).sum()
}

/// Seals chunks from number `first` on.
fn seal_all(key: &DataKey, first: u64, is_last: bool, plain: &[Bytes]) -> Vec<Bytes> {
    let plain = plain.concat();
    let chunks = plain.chunks(CHUNK_BYTES as usize);
    let count = chunks.len() as u64;
    let chunks = (first..).zip(chunks);
    chunks
        .map(|(number, chunk)| key.seal_chunk(number, is_last && number + 1 == first + count, chunk))
        .collect()
}

impl Buffer {
    fn push(&mut self, chunk: Bytes) {
        self.bytes += chunk.len() as u64;
        self.chunks.push_back(chunk);
    }

    /// Takes so many bytes off its start.
    fn take(&mut self, bytes: u64) -> Vec<Bytes> {
        let mut taken = Vec::new();
        let mut left = bytes.min(self.bytes);
        self.bytes -= left;
        while left > 0 {
            let Some(mut chunk) = self.chunks.pop_front() else {
                break;
            };
            if chunk.len() as u64 > left {
                // No longer than the chunk.
                self.chunks.push_front(chunk.split_off(left as usize));
            }
            left -= chunk.len() as u64;
            taken.push(chunk);
        }
        taken
    }

    /// A copy of all bytes but the first `skip`.
    fn after(&self, skip: u64) -> Vec<u8> {
        let mut skip = skip;
        let mut rest = Vec::new();
        for chunk in &self.chunks {
            let skipped = skip.min(chunk.len() as u64);
            skip -= skipped;
            rest.extend_from_slice(&chunk[skipped as usize..]);
        }
        rest
    }
}

fn stopped(error: tokio::task::JoinError) -> ContentError {
    ContentError::Unavailable(error.into())
}

fn over() -> ContentError {
    ContentError::Unavailable(std::io::Error::other("an earlier part of the same upload failed"))
}
