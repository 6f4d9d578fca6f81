//! The scrub: stored bytes are read back on a budget and compared with their digests.

use std::time::{Duration, Instant};

use content::ContentError;
use model::{Actor, Blob, BlobState, BodyError, JobId, JobKind, Place, Progress};

use crate::jobs::{Keep, Lease};
use crate::uploads::signed;
use crate::{Hub, HubError, Upkept, access};

/// Blobs, and about how many bytes of them, that are read back before it is written down.
const STEP_BLOBS: u32 = 50;
const STEP_BYTES: u64 = 64 * 1024 * 1024;

impl Hub {
    /// Queues a scrub now rather than when it is due.
    ///
    /// # Errors
    /// `Forbidden`.
    pub async fn begin_scrub(&self, actor: &Actor) -> Result<JobId, HubError> {
        access::admin(actor)?;
        let now = self.now();
        let mut tx = self.write().await?;
        let job = self.queue_chore(&mut tx, JobKind::Scrub, now).await?;
        tx.commit().await?;
        self.wake_workers();
        Ok(job)
    }

    /// Reads blobs back that were not proven for long, and compares their digests. What is damaged
    /// is marked and told; nothing is removed.
    ///
    /// # Errors
    /// When the catalog or a store does not answer.
    pub async fn scrub(&self, lease: &Lease) -> Result<Upkept, HubError> {
        let mut done = Upkept::default();
        let Some(secs) = self.config().scrub_secs else {
            return Ok(done);
        };
        let cutoff = self.now().minus_secs(signed(secs));
        let total_bytes = self.read().await?.bytes_to_prove(cutoff).await?;
        let mut done_bytes = 0;
        let started = Instant::now();
        loop {
            let blobs = self.read().await?.blobs_to_prove(cutoff, STEP_BLOBS).await?;
            if blobs.is_empty() {
                return Ok(done);
            }
            let (mut judged, bytes) = self.prove_some(blobs).await?;
            // Like all who write several blobs: in the order of their ids.
            judged.sort_by_key(|(blob, _)| blob.id);
            let mut tx = self.write().await?;
            for (blob, state) in &judged {
                tx.judge_blob(blob, *state, self.now()).await?;
                done.damaged += u64::from(*state == BlobState::Damaged);
            }
            tx.commit().await?;
            done_bytes += bytes;
            let percent = done_bytes.saturating_mul(99) / total_bytes.max(1);
            let progress = Progress {
                percent: u8::try_from(percent.min(99)).unwrap_or(99),
                done_bytes,
                total_bytes,
            };
            if lease.report(progress).await? == Keep::Stop {
                return Ok(done.stopped());
            }
            self.rest(started.elapsed(), done_bytes).await;
        }
    }

    /// Waits until so many bytes may have been read in all, at the rate that the settings allow.
    async fn rest(&self, elapsed: Duration, done_bytes: u64) {
        if let Some(rate) = self.config().scrub_bytes_per_sec {
            let due = Duration::from_secs_f64(done_bytes as f64 / rate.max(1) as f64);
            tokio::time::sleep(due.saturating_sub(elapsed)).await;
        }
    }

    /// Reads back as many of `blobs` as make a step, in their order.
    async fn prove_some(&self, blobs: Vec<Blob>) -> Result<(Vec<(Blob, BlobState)>, u64), HubError> {
        let mut judged = Vec::new();
        let mut bytes = 0;
        for blob in blobs {
            let state = self.prove(&blob).await?;
            bytes += blob.size_bytes;
            judged.push((blob, state));
            if bytes >= STEP_BYTES {
                break;
            }
        }
        Ok((judged, bytes))
    }

    /// Reads one blob back. A store that does not answer is an error, not damage.
    pub(crate) async fn prove(&self, blob: &Blob) -> Result<BlobState, HubError> {
        let digest = match &blob.place {
            Place::Inline => self
                .read()
                .await?
                .inline(blob.id)
                .await?
                .map(|bytes| content::digest(&bytes)),
            Place::Store(at) => match self.0.content.digest_of(at, blob.size_bytes).await {
                Ok(digest) => Some(digest),
                Err(error) if is_damage(&error) => None,
                Err(error) => return Err(error.into()),
            },
        };
        // Where the digest is not known, all that can be shown is that the bytes are there.
        if digest.is_some() && (blob.digest.is_none() || digest == blob.digest) {
            return Ok(BlobState::Good);
        }
        tracing::error!(blob = %blob.id, "the stored bytes of a blob are damaged");
        Ok(BlobState::Damaged)
    }
}

/// Whether the stored bytes are gone or wrong, which trying again does not change.
pub(crate) fn is_damage(error: &ContentError) -> bool {
    match error {
        ContentError::Missing | ContentError::Damaged(_) => true,
        ContentError::Body(error) => is_damage_on_the_way(error),
        ContentError::TooLarge { .. }
        | ContentError::Full
        | ContentError::UnknownStore(_)
        | ContentError::Unavailable(_)
        | ContentError::Rejected { .. }
        | ContentError::Unsupported
        | ContentError::Io(_) => false,
    }
}

/// Whether bytes that were being streamed are gone or wrong.
pub(crate) fn is_damage_on_the_way(error: &BodyError) -> bool {
    match error {
        BodyError::Unreadable(cause) => cause.downcast_ref::<ContentError>().is_some_and(is_damage),
        BodyError::Incomplete | BodyError::Malformed(_) | BodyError::TooSlow => false,
    }
}
