//! Staging: a body arrives whole and durable before it is made a file, and becomes a blob, or one more use
//! of the blob that holds the same bytes.

use catalog::{Announced, Tx};
use content::{Pace, Take, Taken};
use model::{Blob, BlobId, BlobState, ByteStream, Digest, Millis, Place, Proof, UploadId};

use crate::{Hub, HubError, keys};

/// What the sender says about the body. What is not said is not checked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Expected {
    /// Its length.
    pub size_bytes: Option<u64>,
    /// Its SHA-256.
    pub digest: Option<Digest>,
    /// Its MD5.
    pub md5: Option<[u8; 16]>,
    /// Whether the sender waits for a word before it sends the body (`Expect: 100-continue`).
    pub is_held_back: bool,
}

/// A body that has arrived whole and durable, but is no file yet. Dropped, it is swept.
pub struct Staged {
    id: BlobId,
    pub(crate) taken: Taken,
    pub(crate) announced: Option<Announced>,
    pub(crate) of: Option<OfTransfer>,
}

/// The transfer that a body came by.
#[derive(Debug, Clone, Copy)]
pub(crate) struct OfTransfer {
    pub id: UploadId,
    /// How the digest is known; it is not when this says unproven.
    pub proof: Proof,
    /// Whether the body is what the transfer itself keeps, for as long as it is no file.
    pub keeps_bytes: bool,
}

impl Hub {
    /// Takes in a body of at most `limit_bytes` and makes it durable.
    ///
    /// # Errors
    /// `TooLarge` or `QuotaExceeded`, `DigestMismatch`, `Body`, `Full`.
    pub async fn stage(
        &self,
        limit_bytes: u64,
        expected: Expected,
        body: ByteStream,
    ) -> Result<Staged, HubError> {
        let inline_bytes = self.config().inline_bytes;
        let is_small = expected
            .size_bytes
            .is_some_and(|size| size <= inline_bytes as u64);
        let announced = is_small.then(|| self.0.catalog.announce());
        let id = BlobId::new(self.now(), keys::random());
        let take = Take {
            id,
            limit_bytes,
            inline_bytes,
            wants_md5: expected.md5.is_some(),
            size_bytes: expected.size_bytes,
            pace: Pace::default(),
        };
        let taken = self
            .0
            .content
            .take(body, take)
            .await
            .map_err(|error| match HubError::from(error) {
                // It is longer than the sender said.
                HubError::TooLarge { limit_bytes }
                    if expected.size_bytes.is_some_and(|size| size <= limit_bytes) =>
                {
                    HubError::DigestMismatch("length")
                }
                HubError::TooLarge { limit_bytes } if limit_bytes < self.config().file_bytes => {
                    HubError::QuotaExceeded {
                        free_bytes: limit_bytes,
                    }
                }
                error => error,
            })?;
        let staged = Staged {
            id,
            taken,
            announced,
            of: None,
        };
        let wrong = if expected
            .size_bytes
            .is_some_and(|size| size != staged.taken.size_bytes())
        {
            Some("length")
        } else if expected
            .digest
            .is_some_and(|digest| digest != staged.taken.digest())
        {
            Some("SHA-256")
        } else if expected.md5.is_some() && expected.md5 != md5_of(&staged.taken) {
            Some("MD5")
        } else {
            None
        };
        match wrong {
            Some(what) => {
                self.discard(&staged.taken).await;
                Err(HubError::DigestMismatch(what))
            }
            None => Ok(staged),
        }
    }

    /// Gives up a staged body at once rather than leave it to the sweep.
    pub async fn discard_staged(&self, staged: Staged) {
        self.discard(&staged.taken).await;
    }

    /// Counts one use of the blob with these bytes: the one that is there, or the staged one.
    pub(crate) async fn settle_blob(
        &self,
        tx: &mut Tx,
        staged: &Staged,
        now: Millis,
    ) -> Result<(BlobId, bool), HubError> {
        let Some(digest) = staged.digest() else {
            let blob = staged.blob(now);
            tx.create_blob(&blob, now).await?;
            return Ok((blob.id, true));
        };
        if let Some(blob) = tx.use_blob(digest, now).await? {
            if blob.state == BlobState::Good && self.is_still_there(&blob).await {
                return Ok((blob.id, false));
            }
            // The old bytes are gone or damaged, and here they are again.
            return Ok((blob.id, self.place_bytes(tx, blob.id, staged, now).await?));
        }
        let blob = staged.blob(now);
        if !tx.create_blob(&blob, now).await? {
            // Another node stored the same bytes a moment ago.
            let blob = tx
                .use_blob(digest, now)
                .await?
                .ok_or(HubError::Conflict("try again"))?;
            return Ok((blob.id, false));
        }
        if let Taken::Inline { bytes, .. } = &staged.taken {
            tx.put_inline(blob.id, bytes).await?;
        }
        Ok((blob.id, true))
    }

    async fn place_bytes(
        &self,
        tx: &mut Tx,
        blob: BlobId,
        staged: &Staged,
        now: Millis,
    ) -> Result<bool, HubError> {
        if let Taken::Inline { bytes, .. } = &staged.taken {
            tx.put_inline(blob, bytes).await?;
        }
        tx.mend_blob(blob, &staged.place(), now).await?;
        Ok(true)
    }

    /// A cheap look that a stored blob has its length; small ones lie in the same database.
    async fn is_still_there(&self, blob: &Blob) -> bool {
        match &blob.place {
            Place::Inline => true,
            Place::Store(at) => {
                matches!(self.0.content.measure(at).await, Ok(Some(size)) if size == blob.size_bytes)
            }
        }
    }

    pub(crate) async fn discard(&self, taken: &Taken) {
        if let Taken::Stored { at, .. } = taken
            && let Err(error) = self.0.content.remove(at).await
        {
            tracing::debug!(%error, "a leftover blob waits for the sweep");
        }
    }
}

impl Staged {
    /// A body that a transfer left in a store.
    pub(crate) const fn of_transfer(id: BlobId, taken: Taken, of: OfTransfer) -> Self {
        Self {
            id,
            taken,
            announced: None,
            of: Some(of),
        }
    }

    /// The SHA-256, when somebody else than the sender has seen it.
    pub fn digest(&self) -> Option<Digest> {
        (self.proof() != Proof::Unproven).then(|| self.taken.digest())
    }

    fn proof(&self) -> Proof {
        self.of.map_or(Proof::Computed, |of| of.proof)
    }

    fn blob(&self, now: Millis) -> Blob {
        Blob {
            id: self.id,
            place: self.place(),
            size_bytes: self.taken.size_bytes(),
            digest: self.digest(),
            refs: 1,
            state: BlobState::Good,
            proof: self.proof(),
            proven_ms: now,
        }
    }

    fn place(&self) -> Place {
        match &self.taken {
            Taken::Inline { .. } => Place::Inline,
            Taken::Stored { at, .. } => Place::Store(at.clone()),
        }
    }
}

const fn md5_of(taken: &Taken) -> Option<[u8; 16]> {
    match taken {
        Taken::Inline { md5, .. } | Taken::Stored { md5, .. } => *md5,
    }
}
