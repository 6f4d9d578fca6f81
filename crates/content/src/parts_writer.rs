//! Writes a blob of any length to a store that takes it in parts, with bounded memory.
//!
//! What fits into one part is sent as a whole. Otherwise parts are sent while the next one fills: at
//! most [`MOST_BYTES`] are held, of which all but the first [`OWN_BYTES`] come from what transfers
//! share. Parts grow with their number, so that there are never too many of them.

#[cfg(test)]
mod tests;

use std::io;
use std::sync::Arc;

use async_trait::async_trait;
use bytes::{Buf, Bytes};
use tokio::runtime::Handle;
use tokio::task::{JoinHandle, JoinSet, spawn_blocking};

use crate::key::Key;
use crate::memory::{Loan, Memory};
use crate::{
    Backend, BlobWriter, ContentError, Digests, Hasher, NewBlob, NewPart, NewParts, Part, PartRules, Parts,
    Written,
};

/// What a transfer holds at most while its parts are small: up to 40 GiB, or 130 GiB when the length is
/// known. Larger parts wait for what is shared, one by one.
pub(crate) const MOST_BYTES: u64 = 15 * 1024 * 1024;
/// What a transfer has of its own.
pub(crate) const OWN_BYTES: u64 = 5 * 1024 * 1024;
/// The largest part that is held in memory.
const LARGEST_BYTES: u64 = 128 * 1024 * 1024;
/// The size of the first parts.
const PART_BYTES: u64 = 5 * 1024 * 1024;
/// Sizes of parts whose whole is known are multiples of this.
const STEP_BYTES: u64 = 1024 * 1024;
/// How much is copied together before it is handed on.
const PIECE_BYTES: usize = 256 * 1024;

/// What this writer needs of a store beside its uploads in parts.
#[async_trait]
pub(crate) trait PartsStore: Backend {
    /// Stores a whole blob by one request, so that either all of it can be seen or nothing.
    async fn put_whole(&self, key: &Key, bytes: Vec<Bytes>, digests: Digests) -> Result<(), ContentError>;

    /// Begins an upload whose parts this writer alone sends, so that none of them is ever signed.
    async fn begin_own(&self, new: NewParts) -> Result<Parts, ContentError> {
        self.begin(new).await
    }

    /// The memory that transfers share.
    fn memory(&self) -> &Memory;
}

/// Takes the bytes of one new blob.
pub(crate) struct PartsWriter {
    store: Arc<dyn PartsStore>,
    new: NewBlob,
    sizes: Sizes,
    /// Begun with the second part.
    upload: Option<Parts>,
    filling: Filling,
    hashing: Hashing,
    sending: JoinSet<Result<(Part, Vec<Loan>), ContentError>>,
    sent: Vec<Part>,
    /// Whether a part holds the memory that is this transfer's own.
    is_own_used: bool,
    /// What is held by all parts, the filling one included.
    held_bytes: u64,
    /// Where the filling part begins.
    offset_bytes: u64,
    is_over: bool,
}

/// The part that takes bytes now.
#[derive(Default)]
struct Filling {
    pieces: Vec<Bytes>,
    piece: Vec<u8>,
    size_bytes: u64,
    loans: Vec<Loan>,
    /// How much fits before more memory is needed.
    granted_bytes: u64,
}

/// Who has the hasher.
enum Hashing {
    Idle(Box<Hasher>),
    Working(JoinHandle<Box<Hasher>>),
    /// A write was called off on the way.
    Over,
}

impl PartsWriter {
    pub(crate) fn new(store: Arc<dyn PartsStore>, new: NewBlob) -> Self {
        Self {
            sizes: Sizes::new(store.part_rules(), new.size_bytes, store.memory()),
            store,
            new,
            upload: None,
            filling: Filling::default(),
            hashing: Hashing::Idle(Box::new(Hasher::new(new.wants_md5))),
            sending: JoinSet::new(),
            sent: Vec::new(),
            is_own_used: false,
            held_bytes: 0,
            offset_bytes: 0,
            is_over: false,
        }
    }

    fn number(&self) -> u32 {
        u32::try_from(self.sent.len() + self.sending.len() + 1).unwrap_or(u32::MAX)
    }

    /// Has the pieces hashed on a thread, after those before them.
    async fn hash(&mut self, pieces: Vec<Bytes>) -> Result<(), ContentError> {
        let mut hasher = self.hasher().await?;
        self.hashing = Hashing::Working(spawn_blocking(move || {
            for piece in pieces {
                hasher.update(&piece);
            }
            hasher
        }));
        Ok(())
    }

    async fn hasher(&mut self) -> Result<Box<Hasher>, ContentError> {
        if let Hashing::Working(work) = &mut self.hashing {
            let hasher = work.await;
            self.hashing = Hashing::Over;
            return hasher.map_err(|stopped| ContentError::Unavailable(stopped.into()));
        }
        match std::mem::replace(&mut self.hashing, Hashing::Over) {
            Hashing::Idle(hasher) => Ok(hasher),
            Hashing::Working(_) | Hashing::Over => Err(over()),
        }
    }

    /// Sees to memory for the next bytes of the filling part.
    ///
    /// Who waits for shared memory holds none of it: otherwise all could wait for each other. So a part
    /// that needs more than one share beside the transfer's own takes them at once, when none is on its way.
    async fn grant(&mut self, part_bytes: u64) -> Result<(), ContentError> {
        let is_large = part_bytes > 2 * OWN_BYTES;
        while is_large && !self.sending.is_empty() {
            self.settle_one().await?;
        }
        let left = part_bytes - self.filling.granted_bytes;
        let share = left.min(OWN_BYTES);
        let loan = loop {
            if !self.is_own_used {
                self.is_own_used = true;
                break self.store.memory().own(share);
            }
            if !is_large
                && self.held_bytes + share <= MOST_BYTES
                && let Some(loan) = self.store.memory().try_borrow(share)
            {
                break loan;
            }
            if self.sending.is_empty() {
                break self.store.memory().borrow(left).await;
            }
            self.settle_one().await?;
        };
        self.held_bytes += loan.bytes();
        self.filling.granted_bytes += loan.bytes();
        self.filling.loans.push(loan);
        Ok(())
    }

    /// Waits until one of the parts on their way is stored.
    async fn settle_one(&mut self) -> Result<(), ContentError> {
        let Some(outcome) = self.sending.join_next().await else {
            return Ok(());
        };
        let (part, loans) = outcome.map_err(|stopped| ContentError::Unavailable(stopped.into()))??;
        self.sent.push(part);
        for loan in loans {
            self.held_bytes -= loan.bytes();
            self.is_own_used &= loan.is_shared();
        }
        Ok(())
    }

    /// Sends the filling part on its way.
    async fn pass_on(&mut self, is_last: bool) -> Result<(), ContentError> {
        let number = self.number();
        if number > self.sizes.rules.most_parts {
            return Err(ContentError::TooLarge {
                limit_bytes: self.offset_bytes,
            });
        }
        if self.upload.is_none() {
            let new = NewParts {
                id: self.new.id,
                size_bytes: None,
            };
            self.upload = Some(self.store.begin_own(new).await?);
        }
        while self.sizes.rules.is_sequential && !self.sending.is_empty() {
            self.settle_one().await?;
        }
        let Filling {
            pieces,
            size_bytes,
            loans,
            ..
        } = self.filling.take(self.store.memory());
        self.hash(pieces.clone()).await?;
        let part = NewPart {
            number,
            offset_bytes: self.offset_bytes,
            is_last,
        };
        self.offset_bytes += size_bytes;
        let store = Arc::clone(&self.store);
        let upload = self.upload.clone().expect("it was begun");
        self.sending.spawn(async move {
            let tag = store.put_part(&upload, part, pieces).await?;
            let part = Part {
                number,
                size_bytes,
                tag,
            };
            Ok((part, loans))
        });
        Ok(())
    }

    async fn take(&mut self, mut bytes: Bytes) -> Result<(), ContentError> {
        while bytes.has_remaining() {
            let part_bytes = self.sizes.of(self.number());
            // A full part waits for one byte more: only then it is known not to be the last.
            if self.filling.size_bytes == part_bytes {
                self.pass_on(false).await?;
                continue;
            }
            if self.filling.size_bytes == self.filling.granted_bytes {
                self.grant(part_bytes).await?;
            }
            let room = self.filling.granted_bytes.min(part_bytes) - self.filling.size_bytes;
            // It fits: no longer than bytes in memory.
            let fitting = bytes.split_to(room.min(bytes.len() as u64) as usize);
            self.filling.append(&fitting, self.store.memory());
        }
        Ok(())
    }

    async fn complete(&mut self) -> Result<Written, ContentError> {
        let key = Key::of(self.new.id);
        if self.upload.is_none() {
            let Filling {
                pieces, size_bytes, ..
            } = self.filling.take(self.store.memory());
            self.hash(pieces.clone()).await?;
            let digests = self.hasher().await?.finish();
            self.store.put_whole(&key, pieces, digests).await?;
            return Ok(written(&key, size_bytes, digests));
        }
        self.pass_on(true).await?;
        while !self.sending.is_empty() {
            self.settle_one().await?;
        }
        self.sent.sort_by_key(|part| part.number);
        let upload = self.upload.clone().expect("it was begun");
        self.store.complete(&upload, &self.sent).await?;
        let digests = self.hasher().await?.finish();
        // Completed: there is nothing left to abort.
        self.upload = None;
        let found_bytes = self
            .store
            .measure(&upload.key)
            .await?
            .ok_or(ContentError::Missing)?;
        if found_bytes != self.offset_bytes {
            self.store.remove(&upload.key).await?;
            return Err(ContentError::wrong_length(self.offset_bytes, found_bytes));
        }
        Ok(written(&key, found_bytes, digests))
    }
}

fn written(key: &Key, size_bytes: u64, digests: Digests) -> Written {
    Written {
        key: key.to_string(),
        size_bytes,
        digest: digests.digest,
        md5: digests.md5,
    }
}

fn over() -> ContentError {
    ContentError::Unavailable(io::Error::other("an earlier write of the same blob failed"))
}

impl Filling {
    fn append(&mut self, mut bytes: &[u8], memory: &Memory) {
        self.size_bytes += bytes.len() as u64;
        while !bytes.is_empty() {
            if self.piece.capacity() == 0 {
                self.piece = memory.piece(PIECE_BYTES);
            }
            let room = PIECE_BYTES - self.piece.len();
            let (fitting, rest) = bytes.split_at(bytes.len().min(room));
            self.piece.extend_from_slice(fitting);
            bytes = rest;
            if self.piece.len() == PIECE_BYTES {
                self.pieces.push(memory.full(std::mem::take(&mut self.piece)));
            }
        }
    }

    fn take(&mut self, memory: &Memory) -> Self {
        let mut taken = std::mem::take(self);
        if !taken.piece.is_empty() {
            taken.pieces.push(memory.full(std::mem::take(&mut taken.piece)));
        }
        taken
    }
}

#[async_trait]
impl BlobWriter for PartsWriter {
    async fn write(&mut self, bytes: Bytes) -> Result<(), ContentError> {
        if std::mem::replace(&mut self.is_over, true) {
            return Err(over());
        }
        let limit_bytes = self.sizes.most_bytes();
        if self
            .new
            .size_bytes
            .is_some_and(|whole_bytes| whole_bytes > limit_bytes)
        {
            return Err(ContentError::TooLarge { limit_bytes });
        }
        self.take(bytes).await?;
        self.is_over = false;
        Ok(())
    }

    async fn finish(mut self: Box<Self>) -> Result<Written, ContentError> {
        if std::mem::replace(&mut self.is_over, true) {
            return Err(over());
        }
        self.complete().await
    }
}

impl Drop for PartsWriter {
    /// What is not completed is given up in the background. What that misses is found by
    /// [`Backend::unfinished`].
    fn drop(&mut self) {
        let (Some(upload), Ok(runtime)) = (self.upload.take(), Handle::try_current()) else {
            return;
        };
        let store = Arc::clone(&self.store);
        let mut sending = std::mem::take(&mut self.sending);
        runtime.spawn(async move {
            // Parts that are called off may arrive all the same, and one that arrives after the abort stays.
            while sending.join_next().await.is_some() {}
            if let Err(error) = store.abort(&upload).await {
                tracing::debug!(%error, "an upload could not be given up");
            }
        });
    }
}

/// The sizes of parts.
#[derive(Debug, Clone, Copy)]
struct Sizes {
    rules: PartRules,
    whole_bytes: Option<u64>,
    /// The largest, for which memory can be had.
    largest_bytes: u64,
}

impl Sizes {
    fn new(rules: PartRules, whole_bytes: Option<u64>, memory: &Memory) -> Self {
        let largest = LARGEST_BYTES.min(OWN_BYTES + memory.total_bytes());
        let step = rules.step_bytes.max(1);
        let largest = largest
            .max(2 * OWN_BYTES)
            .max(rules.least_bytes.next_multiple_of(step));
        Self {
            rules,
            whole_bytes,
            largest_bytes: largest.min(rules.most_bytes) / step * step,
        }
    }

    fn tenth(&self) -> u32 {
        (self.rules.most_parts / 10).max(1)
    }

    /// How long a blob of a known length may be.
    fn most_bytes(&self) -> u64 {
        self.largest_bytes.saturating_mul(9 * u64::from(self.tenth()))
    }

    /// How many bytes part `number` holds unless it is the last.
    ///
    /// With a known length all parts are of one size, which some stores insist on, and nine tenths of
    /// the parts that are allowed suffice. Otherwise sizes grow with every tenth of them.
    fn of(&self, number: u32) -> u64 {
        let least = PART_BYTES.max(self.rules.least_bytes);
        let tenths = number.saturating_sub(1) / self.tenth();
        let bytes = match self.whole_bytes {
            Some(whole_bytes) => {
                let even = whole_bytes.div_ceil(9 * u64::from(self.tenth()));
                let even = least.max(even.next_multiple_of(STEP_BYTES));
                // It is longer than was said.
                if tenths < 9 { even } else { even * 2 }
            }
            None if tenths == 0 => least,
            // As long as two parts of that size fit into what a transfer holds.
            None => (2 * least) << tenths.saturating_sub(4),
        };
        let step = self.rules.step_bytes.max(1);
        bytes.next_multiple_of(step).min(self.largest_bytes)
    }
}
