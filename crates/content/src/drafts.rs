//! Drafts: a blob that comes in pieces, over many requests and across restarts of the server.
//!
//! Its bytes are cut into parts as their store has them. What is less than a part is handed back when a
//! request ends, for the caller to keep: so each byte that was acknowledged is durable, at the store or
//! in a row. A draft is plain data.

mod appender;
mod hash;
#[cfg(test)]
mod tests;

use std::sync::Arc;

use model::{BlobId, ByteStream, Digest, StoredAt};

use crate::key::Key;
use crate::seal::{self, DataKey};
use crate::{Backend, Content, ContentError, NewParts, Pace, Part, PartRules, Parts};

pub use appender::{Appender, Checkpoint, Filled};
pub use hash::Promise;

/// A part where nothing asks for a longer one.
const PART_BYTES: u64 = 4 << 20;
/// What is written at once into one file.
const PIECE_BYTES: u64 = 1 << 20;
/// Sizes of parts of a long blob go up in such steps.
const PART_STEP: u64 = 1 << 20;
/// Parts that a blob of known length should have at the most.
const MANY_PARTS: u64 = 9000;
/// After so many parts of a blob of unknown length their size doubles.
const PARTS_OF_A_SIZE: u32 = 1000;

/// A blob that is not whole yet.
#[derive(Clone, PartialEq, Eq)]
pub struct Draft {
    /// The id that the blob gets.
    pub id: BlobId,
    /// The store that it goes to.
    pub store: String,
    /// How long it will be; `None` until that is known.
    pub size_bytes: Option<u64>,
    /// What the store made of it; `None` before its first part.
    pub begun: Option<Begun>,
    /// How many bytes are durable, in parts and beside them.
    pub offset_bytes: u64,
    /// How many of them are in parts.
    pub stored_bytes: u64,
    /// How many parts.
    pub parts: u32,
    /// The SHA-256 of the durable bytes, as its state.
    pub hash_state: Option<Vec<u8>>,
}

/// An upload in parts at its store.
#[derive(Clone, PartialEq, Eq)]
pub struct Begun {
    /// What the store calls it by.
    pub upload: Parts,
    /// The key that it is sealed with, itself sealed.
    pub seal: Option<Vec<u8>>,
}

/// How to append to a draft.
pub struct Append {
    /// What was handed back of it to be kept, in pieces.
    pub tail: Vec<Vec<u8>>,
    /// How many bytes may come.
    pub limit_bytes: u64,
    /// What they must be, all together.
    pub promise: Option<Promise>,
    /// How slowly they may come.
    pub pace: Pace,
}

impl Draft {
    /// The SHA-256 of what is durable.
    ///
    /// # Errors
    /// `Damaged` when its state is not one.
    pub fn digest(&self) -> Result<Digest, ContentError> {
        match &self.hash_state {
            Some(state) => hash::digest_of(state),
            None => Ok(crate::digest(b"")),
        }
    }

    /// Where the blob will be; `None` before its first part.
    pub fn stored_at(&self) -> Option<StoredAt> {
        self.begun.as_ref().map(|begun| StoredAt {
            store: self.store.clone(),
            key: begun.upload.key.clone(),
            seal: begun.seal.clone(),
        })
    }
}

impl Content {
    /// Starts a draft on the default store, which hears of it with its first part.
    ///
    /// # Errors
    /// `Unsupported` where parts cannot be sealed.
    pub fn new_draft(&self, id: BlobId, size_bytes: Option<u64>) -> Result<Draft, ContentError> {
        let store = self.default_name();
        if self.is_sealed(&store) && self.named(&store)?.part_rules().step_bytes > 1 {
            return Err(ContentError::Unsupported);
        }
        Ok(Draft {
            id,
            store,
            size_bytes,
            begun: None,
            offset_bytes: 0,
            stored_bytes: 0,
            parts: 0,
            hash_state: None,
        })
    }

    /// Goes on with a draft: `body` follows what is durable of it.
    ///
    /// # Errors
    /// `UnknownStore`; `Rejected` when it is sealed with a key that is not in the ring.
    pub fn append(&self, draft: Draft, body: ByteStream, how: Append) -> Result<Appender, ContentError> {
        Appender::new(self, draft, body, how)
    }

    /// Begins an upload in parts whose bytes do not come through us.
    ///
    /// # Errors
    /// `UnknownStore`, and what the store answers.
    pub async fn begin_parts(&self, draft: &mut Draft) -> Result<(), ContentError> {
        self.begin_draft(draft).await.map(drop)
    }

    /// Makes the blob of all its parts, and compares its length. May be repeated.
    ///
    /// # Errors
    /// `Missing` when the store gave it up; `Damaged` when it has another length.
    pub async fn complete_draft(&self, draft: &Draft, parts: &[Part]) -> Result<StoredAt, ContentError> {
        let begun = draft.begun.as_ref().ok_or(ContentError::Missing)?;
        let at = draft.stored_at().ok_or(ContentError::Missing)?;
        self.named(&draft.store)?.complete(&begun.upload, parts).await?;
        self.check_length(draft, &at).await?;
        Ok(at)
    }

    /// Compares the length of the blob that came of a draft.
    ///
    /// # Errors
    /// `Missing` when there is none; `Damaged` when it has another length.
    pub async fn check_length(&self, draft: &Draft, at: &StoredAt) -> Result<(), ContentError> {
        let expected_bytes = draft.size_bytes.unwrap_or(draft.offset_bytes);
        match self.measure(at).await? {
            None => Err(ContentError::Missing),
            Some(found_bytes) if found_bytes == expected_bytes => Ok(()),
            Some(found_bytes) => Err(ContentError::wrong_length(expected_bytes, found_bytes)),
        }
    }

    /// Gives a draft up, with all that the store holds of it, whole or not.
    ///
    /// # Errors
    /// `UnknownStore`, and what the store answers.
    pub async fn abandon_draft(&self, draft: &Draft) -> Result<(), ContentError> {
        let Some(begun) = &draft.begun else { return Ok(()) };
        let backend = self.named(&draft.store)?;
        backend.abort(&begun.upload).await?;
        backend.remove(&begun.upload.key).await
    }

    pub(crate) async fn begin_draft(&self, draft: &mut Draft) -> Result<Option<DataKey>, ContentError> {
        let backend = self.named(&draft.store)?;
        let (key, seal) = match self.is_sealed(&draft.store) {
            true => {
                let (key, seal) = self.keyring()?.new_data_key(&Key::of(draft.id).to_string());
                (Some(key), Some(seal))
            }
            false => (None, None),
        };
        let size_bytes = match seal {
            Some(_) => draft.size_bytes.map(seal::sealed_bytes),
            None => draft.size_bytes,
        };
        let new = NewParts {
            id: draft.id,
            size_bytes,
        };
        let upload = backend.begin(new).await?;
        draft.begun = Some(Begun { upload, seal });
        Ok(key)
    }

    pub(crate) fn draft_store(&self, draft: &Draft) -> Result<Arc<dyn Backend>, ContentError> {
        self.named(&draft.store).cloned()
    }
}

/// How long parts of a blob of that length are, all but the last.
pub fn part_bytes_of(rules: &PartRules, size_bytes: u64) -> u64 {
    let most_parts = u64::from(rules.most_parts).min(MANY_PARTS);
    let needed = size_bytes.div_ceil(most_parts).next_multiple_of(PART_STEP);
    round(rules, needed.max(PART_BYTES))
}

/// Whether there may be any number of parts of any size: then they are no more than places in one file, and
/// count as one part.
const fn merges(rules: &PartRules) -> bool {
    rules.least_bytes <= 1 && rules.most_parts == u32::MAX
}

/// How long the next part is.
fn next_part_bytes(rules: &PartRules, draft: &Draft) -> u64 {
    match draft.size_bytes {
        _ if merges(rules) => PIECE_BYTES,
        Some(size_bytes) => part_bytes_of(rules, size_bytes),
        None => {
            let doublings = (draft.parts / PARTS_OF_A_SIZE).min(20);
            round(rules, PART_BYTES.max(rules.least_bytes) << doublings)
        }
    }
}

fn round(rules: &PartRules, bytes: u64) -> u64 {
    let bytes = bytes.max(rules.least_bytes).min(rules.most_bytes);
    let step = rules.step_bytes.max(1);
    (bytes / step).max(1) * step
}
