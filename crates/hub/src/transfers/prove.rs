//! Contents that nobody but their sender has seen are read back, and their digest is written down.

use catalog::{Entry, NewJob, Tx};
use content::ContentError;
use model::{Blob, BlobId, ChangeKind, Digest, JobId, JobKind, NodeId, Place};
use serde::{Deserialize, Serialize};

use crate::jobs::{Keep, Lease};
use crate::{Hub, HubError, Upkept, keys, scrub};

/// Tries at the most.
const TRIES: u32 = 20;
/// Versions that one look takes in.
const STEP: u32 = 100;

#[derive(Serialize, Deserialize)]
struct Payload {
    blob: BlobId,
}

impl Hub {
    /// Queues the reading of a blob.
    pub(super) async fn queue_proof(&self, tx: &mut Tx, blob: BlobId) -> Result<(), HubError> {
        let now = self.now();
        let payload = serde_json::to_string(&Payload { blob });
        let job = NewJob {
            id: JobId::new(now, keys::random()),
            kind: JobKind::Prove,
            payload: payload.map_err(|error| HubError::Internal(error.into()))?,
            dedupe_key: Some(format!("prove {blob}")),
            owner: None,
            node: None,
            priority: 20,
            max_attempts: TRIES,
            run_at_ms: now,
        };
        tx.enqueue_job(&job, now).await?;
        Ok(())
    }

    /// Reads one new blob back and gives its digest to all that use it.
    ///
    /// # Errors
    /// When the catalog or the store does not answer.
    pub async fn prove_new(&self, lease: &Lease) -> Result<Upkept, HubError> {
        let payload: Payload =
            serde_json::from_str(&lease.job.payload).map_err(|error| HubError::Internal(error.into()))?;
        let mut done = Upkept::default();
        let Some(blob) = self.read().await?.blob(payload.blob).await? else {
            return Ok(done);
        };
        let digest = match self.found_digest(&blob).await? {
            Some(digest) => digest,
            None => {
                self.report_damage(&blob).await;
                done.damaged = 1;
                return Ok(done);
            }
        };
        let mut tx = self.write().await?;
        let is_own = tx.settle_digest(blob.id, digest, self.now()).await?;
        tx.commit().await?;
        loop {
            let versions = self.read().await?.unproven_versions(blob.id, STEP).await?;
            for version in &versions {
                self.tell_digest(*version, (&blob, digest), is_own).await?;
            }
            if versions.len() < STEP as usize {
                return Ok(done);
            }
            if lease.keep().await? == Keep::Stop {
                done.was_stopped = true;
                return Ok(done);
            }
        }
    }

    /// The digest of what the store holds; `None` when that is damaged.
    async fn found_digest(&self, blob: &Blob) -> Result<Option<Digest>, HubError> {
        if let Some(digest) = blob.digest {
            return Ok(Some(digest));
        }
        let Place::Store(at) = &blob.place else {
            return Err(HubError::Damaged);
        };
        match self.0.content.digest_of(at, blob.size_bytes).await {
            Ok(digest) => Ok(Some(digest)),
            Err(ContentError::Missing | ContentError::Damaged(_)) => Ok(None),
            Err(ContentError::Body(error)) if scrub::is_damage_on_the_way(&error) => Ok(None),
            Err(error) => Err(error.into()),
        }
    }

    /// Writes a digest into one version, which uses the blob that was there before from then on, if there
    /// is one.
    async fn tell_digest(
        &self,
        (file, number): (NodeId, u64),
        (blob, digest): (&Blob, Digest),
        is_own: bool,
    ) -> Result<(), HubError> {
        let now = self.now();
        let mut tx = self.write().await?;
        let Some((space, _)) = tx.space_of(file).await? else {
            return Ok(());
        };
        tx.lock_space(space).await?;
        let to = match is_own {
            true => blob.id,
            false => {
                let other = tx.use_blob(digest, now).await?;
                tx.count_uses(blob.id, -1, now);
                other
                    .ok_or(HubError::Conflict("the same content was removed meanwhile"))?
                    .id
            }
        };
        if !tx.tell_digest((file, number), (blob.id, to), digest).await? {
            return Ok(());
        }
        if let Some(node) = tx.node(file).await?
            && node
                .version
                .as_ref()
                .is_some_and(|version| version.number == number)
        {
            let entry = Entry {
                kind: ChangeKind::Content,
                node: &node,
                actor: None,
                at_ms: now,
                grown_bytes: 0,
            };
            tx.record(entry).await?;
        }
        tx.commit().await?;
        Ok(())
    }
}
