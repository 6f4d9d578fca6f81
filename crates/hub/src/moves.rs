//! Moving contents from one store to another while everything runs.
//!
//! New contents go to the other store from the first moment. Then each blob is read from the one, written
//! to the other, compared, and only then pointed at its new place; what was interrupted goes on with the
//! blobs that are still in the first. Nothing is removed there: see [`Hub::retire_store`].

use catalog::NewJob;
use content::NewBlob;
use futures_util::TryStreamExt;
use model::{Actor, Blob, BlobId, Digest, JobId, JobKind, Place, Progress, StoredAt};
use serde::{Deserialize, Serialize};
use tokio::task::JoinSet;

use crate::error::told;
use crate::jobs::{Keep, Lease};
use crate::{Hub, HubError, Upkept, access, keys};

/// Blobs that one look takes in.
const STEP_BLOBS: u32 = 100;
/// Blobs that are copied at once.
const AT_ONCE: usize = 4;
/// Reasons that a report lists.
const MOST_REASONS: u32 = 1000;
/// Tries of the whole job before it waits for a person.
const TRIES: u32 = 20;

/// What is to be moved.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Move {
    /// The store that is left.
    pub from: String,
    /// The store that is filled.
    pub to: String,
    /// Whether each copy is read back and compared before the blob is pointed at it.
    pub verify: bool,
}

/// What a move has done so far.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MoveReport {
    /// Blobs that are still in the first store, and their bytes.
    pub left: (u64, u64),
    /// Blobs that the second store holds, and their bytes.
    pub there: (u64, u64),
    /// Blobs that could not be moved, and why, in sentences; the first thousand.
    pub failures: Vec<(BlobId, String)>,
}

enum Outcome {
    Moved(u64),
    /// Somebody else moved, mended or removed it meanwhile.
    Gone,
    Failed,
}

impl Hub {
    /// Sends new contents to another store and queues the copying of all that a store holds.
    ///
    /// # Errors
    /// `Forbidden`; `Invalid` when a store is not in the settings, or both are one; what the second store
    /// answers when it is tried out.
    pub async fn begin_move(&self, actor: &Actor, what: &Move) -> Result<JobId, HubError> {
        access::admin(actor)?;
        let content = &self.0.content;
        for (field, store) in [("from", &what.from), ("to", &what.to)] {
            if content.backend(store).is_none() {
                let problem = format!("the settings name no store `{store}`");
                return Err(HubError::invalid(field, problem));
            }
        }
        if what.from == what.to {
            return Err(HubError::invalid(
                "to",
                "give another store than the one to copy from",
            ));
        }
        let to = content.backend(&what.to).ok_or(HubError::NotFound("store"))?;
        to.probe().await?;
        self.claim_store(&what.to).await?;
        self.redirect(&what.from, &what.to).await?;
        let now = self.now();
        let mut tx = self.write().await?;
        tx.forget_move_failures(&what.from).await?;
        let job = NewJob {
            id: JobId::new(now, keys::random()),
            kind: JobKind::StoreCopy,
            payload: serde_json::to_string(what).map_err(|error| HubError::Internal(error.into()))?,
            dedupe_key: Some(format!("store copy {}", what.from)),
            owner: actor.user(),
            node: None,
            priority: 20,
            max_attempts: TRIES,
            run_at_ms: now,
        };
        let id = tx.enqueue_job(&job, now).await?;
        tx.commit().await?;
        self.wake_workers();
        Ok(id)
    }

    /// Says how far a move has come.
    ///
    /// # Errors
    /// `Forbidden`.
    pub async fn move_report(&self, actor: &Actor, from: &str, to: &str) -> Result<MoveReport, HubError> {
        access::admin(actor)?;
        let mut tx = self.read().await?;
        Ok(MoveReport {
            left: tx.store_total(from).await?,
            there: tx.store_total(to).await?,
            failures: tx.move_failures(from, MOST_REASONS).await?,
        })
    }

    /// Copies what is still in the first store.
    ///
    /// # Errors
    /// When the catalog or the second store does not answer; blobs that cannot be read are written down
    /// and passed over.
    pub async fn run_move(&self, lease: &Lease) -> Result<Upkept, HubError> {
        let what: Move =
            serde_json::from_str(&lease.job.payload).map_err(|error| HubError::Internal(error.into()))?;
        self.follow_moves().await?;
        let mut done = Upkept::default();
        let (_, total_bytes) = self.read().await?.store_total(&what.from).await?;
        let mut moved_bytes = 0;
        let mut after = String::new();
        loop {
            let blobs = self
                .read()
                .await?
                .blobs_in(&what.from, &after, STEP_BLOBS)
                .await?;
            let Some(Place::Store(last)) = blobs.last().map(|blob| &blob.place) else {
                break;
            };
            after.clone_from(&last.key);
            // Each on a task of its own: one that is about to write must not wait for this one to look.
            let mut copies = JoinSet::new();
            let mut blobs = blobs.into_iter();
            loop {
                while copies.len() < AT_ONCE
                    && let Some(blob) = blobs.next()
                {
                    let (hub, what) = (self.clone(), what.clone());
                    copies.spawn(async move { hub.move_one(blob, &what).await });
                }
                let Some(outcome) = copies.join_next().await else {
                    break;
                };
                match outcome.map_err(|panic| HubError::Internal(panic.into()))?? {
                    Outcome::Moved(bytes) => {
                        done.removed += 1;
                        moved_bytes += bytes;
                    }
                    Outcome::Gone => {}
                    Outcome::Failed => done.damaged += 1,
                }
                if lease.report(progress(moved_bytes, total_bytes)).await? == Keep::Stop {
                    return Ok(done.stopped());
                }
            }
        }
        tracing::info!(
            from = what.from,
            to = what.to,
            moved = done.removed,
            failed = done.damaged,
            "contents were moved"
        );
        Ok(done)
    }

    async fn move_one(&self, blob: Blob, what: &Move) -> Result<Outcome, HubError> {
        let Place::Store(from) = &blob.place else {
            return Ok(Outcome::Gone);
        };
        let (to, digest) = match self.move_bytes(&blob, from, &what.to).await? {
            Ok(copied) => copied,
            Err(reason) => return self.move_failed(&blob, what, reason).await,
        };
        let wrong = match blob.digest {
            Some(expected) if expected != digest => Some("the bytes that were read have another digest"),
            _ if what.verify && self.0.content.digest_of(&to, blob.size_bytes).await? != digest => {
                Some("the copy, when it was read back, had another digest")
            }
            _ => None,
        };
        if let Some(reason) = wrong {
            self.0.content.remove(&to).await?;
            return self.move_failed(&blob, what, reason.to_owned()).await;
        }
        let mut tx = self.write().await?;
        let is_moved = tx.move_blob(&blob, &to).await?;
        tx.commit().await?;
        if is_moved {
            return Ok(Outcome::Moved(blob.size_bytes));
        }
        self.0.content.remove(&to).await?;
        Ok(Outcome::Gone)
    }

    /// Copies a blob's bytes; the reason when they cannot be read. What cannot be written is an error.
    async fn move_bytes(
        &self,
        blob: &Blob,
        from: &StoredAt,
        to: &str,
    ) -> Result<Result<(StoredAt, Digest), String>, HubError> {
        let content = &self.0.content;
        let mut body = match content.read(from, blob.size_bytes, 0..blob.size_bytes).await {
            Ok(body) => body,
            Err(error) if error.is_temporary() => return Err(error.into()),
            Err(error) => return Ok(Err(told(&error))),
        };
        let new = NewBlob {
            // A key of its own: an earlier try may have left something under another.
            id: BlobId::new(self.now(), keys::random()),
            wants_md5: false,
            size_bytes: Some(blob.size_bytes),
        };
        let mut writer = content.writer(to, new).await?;
        loop {
            match body.try_next().await {
                Ok(Some(chunk)) => writer.write(chunk).await?,
                Ok(None) => break,
                Err(error) => return Ok(Err(format!("{error}, while it was read"))),
            }
        }
        let (at, written) = writer.finish().await?;
        if written.size_bytes != blob.size_bytes {
            content.remove(&at).await?;
            return Ok(Err("it ended early, while it was read".to_owned()));
        }
        Ok(Ok((at, written.digest)))
    }

    async fn move_failed(&self, blob: &Blob, what: &Move, reason: String) -> Result<Outcome, HubError> {
        tracing::error!(blob = %blob.id, from = what.from, to = what.to, reason, "a content could not be moved");
        let now = self.now();
        let mut tx = self.write().await?;
        // Removed since, it needs no moving.
        if tx.blob(blob.id).await?.is_none_or(|now| now.place != blob.place) {
            return Ok(Outcome::Gone);
        }
        tx.note_move_failure(&what.from, blob.id, (&reason, now)).await?;
        tx.commit().await?;
        Ok(Outcome::Failed)
    }

    /// Queues the sealing anew of all keys that an older key sealed.
    ///
    /// # Errors
    /// `Forbidden`.
    pub async fn begin_reseal(&self, actor: &Actor) -> Result<JobId, HubError> {
        access::admin(actor)?;
        let now = self.now();
        let mut tx = self.write().await?;
        let job = self.queue_chore(&mut tx, JobKind::Reseal, now).await?;
        tx.commit().await?;
        self.wake_workers();
        Ok(job)
    }

    /// Seals the keys of all sealed blobs with the newest key. No byte of a blob is read.
    ///
    /// # Errors
    /// `StoreRefuses` when a blob was sealed with a key that is not in the settings.
    pub async fn reseal(&self, lease: &Lease) -> Result<Upkept, HubError> {
        let mut done = Upkept::default();
        let mut after = None;
        loop {
            let blobs = self.read().await?.sealed_blobs(after, STEP_BLOBS).await?;
            let Some(last) = blobs.last() else { break };
            after = Some(last.id);
            let mut tx = self.write().await?;
            for blob in &blobs {
                if let Place::Store(at) = &blob.place
                    && let Some(seal) = self.0.content.reseal(at)?
                {
                    tx.reseal_blob(blob.id, at, seal).await?;
                    done.removed += 1;
                }
            }
            tx.commit().await?;
            if lease.report(Progress::default()).await? == Keep::Stop {
                return Ok(done.stopped());
            }
        }
        let stores: Vec<String> = self
            .0
            .content
            .backends()
            .map(|store| store.name().to_owned())
            .collect();
        for store in stores {
            done.removed += self.0.content.reseal_notes(&store).await?;
        }
        Ok(done)
    }
}

fn progress(done_bytes: u64, total_bytes: u64) -> Progress {
    let percent = done_bytes.saturating_mul(99) / total_bytes.max(1);
    Progress {
        percent: u8::try_from(percent.min(99)).unwrap_or(99),
        done_bytes,
        total_bytes,
    }
}
