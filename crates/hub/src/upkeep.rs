//! The server's own chores, each a job: sweep, retention, scrub, purge.
//!
//! Each goes in small transactions and may be cut anywhere: the next run goes on.

use catalog::Entry;
use model::{Blob, BlobState, ChangeKind, JobKind, Millis, Place, Progress, Version};

use crate::jobs::{Keep, Lease};
use crate::uploads::signed;
use crate::{Hub, HubError, trash};

/// Rows that one transaction takes in.
const STEP_ROWS: u32 = 200;
/// Keys of a store that one look takes in.
const STEP_KEYS: usize = 1000;
/// How long ended jobs can be looked up.
const JOB_SECS: i64 = 7 * 24 * 60 * 60;
/// How often each chore is due, seconds.
const SWEEP_SECS: i64 = 60 * 60;
const RETENTION_SECS: i64 = 60 * 60;
const SCRUB_SECS: i64 = 6 * 60 * 60;

/// What a chore did.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Upkept {
    /// Things removed: leftovers, old versions, old trash.
    pub removed: u64,
    /// Blobs found damaged.
    pub damaged: u64,
    /// It was called off on the way.
    pub was_stopped: bool,
}

impl Hub {
    /// Puts the chores that are due into the queue. Each is there once, whoever asks.
    ///
    /// # Errors
    /// When the catalog does not answer.
    pub async fn schedule_upkeep(&self) -> Result<(), HubError> {
        let now = self.now();
        let mut tx = self.write().await?;
        for (kind, every_secs) in [
            (JobKind::Sweep, SWEEP_SECS),
            (JobKind::Retention, RETENTION_SECS),
            (JobKind::Scrub, SCRUB_SECS),
        ] {
            let name = format!("next {}", kind.as_str());
            let next = tx
                .hold_meta(&name)
                .await?
                .and_then(|text| text.parse().ok())
                .map(Millis);
            // A clock that once ran ahead must not put a chore off for years.
            let is_due = next.is_none_or(|next| next <= now || next > now.plus_secs(2 * every_secs));
            if is_due {
                self.queue_chore(&mut tx, kind, now).await?;
                tx.put_meta(&name, &now.plus_secs(every_secs).0.to_string())
                    .await?;
            }
        }
        tx.commit().await?;
        self.wake_workers();
        Ok(())
    }

    /// Removes what interrupted work left behind: temporary files, bytes without rows, blobs
    /// without uses, copies never finished, sessions and counters that ended.
    ///
    /// # Errors
    /// When the catalog or a store does not answer.
    pub async fn sweep(&self, lease: &Lease) -> Result<Upkept, HubError> {
        let now = self.now();
        let cutoff = now.minus_secs(signed(self.config().sweep_grace_secs));
        let mut done = Upkept::default();
        for backend in self.0.content.backends() {
            done.removed += backend.sweep_temporary(cutoff).await?;
            let mut after: Option<String> = None;
            loop {
                if lease.report(Progress::default()).await? == Keep::Stop {
                    return Ok(Upkept {
                        was_stopped: true,
                        ..done
                    });
                }
                let keys = backend.list(after.as_deref(), STEP_KEYS).await?;
                let Some(last) = keys.last() else { break };
                after = Some(last.key.clone());
                let mut tx = self.read().await?;
                for listed in keys.iter().filter(|listed| listed.modified_ms < cutoff) {
                    if !tx.is_key_used(backend.name(), &listed.key).await? {
                        backend.remove(&listed.key).await?;
                        done.removed += 1;
                    }
                }
            }
        }
        done.removed += self.remove_unused(cutoff).await?;
        self.sweep_rows(cutoff, now).await?;
        Ok(done)
    }

    async fn remove_unused(&self, cutoff: Millis) -> Result<u64, HubError> {
        let mut removed = 0;
        loop {
            let mut tx = self.write().await?;
            let blobs = tx.take_unused(cutoff, STEP_ROWS).await?;
            // Rows first, durably: bytes without a row are swept, a row without bytes is a loss.
            tx.commit().await?;
            for blob in &blobs {
                if let Place::Store { store, key } = &blob.place {
                    self.0.content.remove(store, key).await?;
                }
            }
            removed += blobs.len() as u64;
            if blobs.len() < STEP_ROWS as usize {
                return Ok(removed);
            }
        }
    }

    async fn sweep_rows(&self, cutoff: Millis, now: Millis) -> Result<(), HubError> {
        let mut tx = self.write().await?;
        if tx.abandon_unfinished(cutoff, now).await? > 0 {
            self.queue_purge(&mut tx, now).await?;
        }
        tx.commit().await?;
        loop {
            let mut tx = self.write().await?;
            let most = u64::from(STEP_ROWS);
            let sessions = tx.remove_ended_sessions(now, STEP_ROWS).await?;
            let tries = tx
                .remove_old_tries(now.minus_secs(24 * 60 * 60), STEP_ROWS)
                .await?;
            let jobs = tx.forget_jobs(now.minus_secs(JOB_SECS), STEP_ROWS).await?;
            tx.commit().await?;
            if sessions < most && tries < most && jobs < most {
                return Ok(());
            }
        }
    }

    /// Purges what is past its limits: deleted nodes and versions that are not current.
    ///
    /// # Errors
    /// When the catalog does not answer.
    pub async fn retention(&self, lease: &Lease) -> Result<Upkept, HubError> {
        let mut done = Upkept::default();
        if let Some(secs) = self.config().keep_trash_secs {
            let cutoff = self.now().minus_secs(signed(secs));
            loop {
                if lease.report(Progress::default()).await? == Keep::Stop {
                    return Ok(Upkept {
                        was_stopped: true,
                        ..done
                    });
                }
                let purged = self.purge_old_trash(cutoff).await?;
                done.removed += purged;
                if purged == 0 {
                    break;
                }
            }
            self.wake_workers();
        }
        if let Some(secs) = self.config().keep_versions_secs {
            let cutoff = self.now().minus_secs(signed(secs));
            loop {
                if lease.report(Progress::default()).await? == Keep::Stop {
                    return Ok(Upkept {
                        was_stopped: true,
                        ..done
                    });
                }
                let removed = self.remove_old_versions(cutoff).await?;
                done.removed += removed;
                if removed == 0 {
                    break;
                }
            }
        }
        Ok(done)
    }

    async fn purge_old_trash(&self, cutoff: Millis) -> Result<u64, HubError> {
        let old = self.read().await?.trashed_before(cutoff, STEP_ROWS).await?;
        let mut purged = 0;
        for node in old {
            let mut tx = self.write().await?;
            tx.lock_space(node.space).await?;
            // Looked at again: it may have been restored, and deleted anew, meanwhile.
            let Some(node) = tx.node(node.id).await? else {
                continue;
            };
            if node.trashed.is_some_and(|trashed| trashed.at_ms < cutoff) {
                trash::purge_node(self, &mut tx, None, node, self.now()).await?;
                tx.commit().await?;
                purged += 1;
            }
        }
        Ok(purged)
    }

    async fn remove_old_versions(&self, cutoff: Millis) -> Result<u64, HubError> {
        let old = self.read().await?.versions_before(cutoff, STEP_ROWS).await?;
        let mut removed = 0;
        for (space, version) in old {
            let mut tx = self.write().await?;
            tx.lock_space(space).await?;
            removed += u64::from(self.remove_old_version(&mut tx, &version).await?);
            tx.commit().await?;
        }
        Ok(removed)
    }

    async fn remove_old_version(&self, tx: &mut catalog::Tx, version: &Version) -> Result<bool, HubError> {
        let now = self.now();
        let Some(node) = tx.node(version.node).await? else {
            return Ok(false);
        };
        let is_current = node
            .version
            .as_ref()
            .is_some_and(|current| current.number == version.number);
        if is_current || !tx.remove_version(version.node, version.number).await? {
            return Ok(false);
        }
        tx.count_uses(version.blob, -1, now).await?;
        let grown_bytes = -signed(version.size_bytes);
        let kind = ChangeKind::VersionRemoved;
        tx.record(Entry {
            kind,
            node: &node,
            actor: None,
            at_ms: now,
            grown_bytes,
        })
        .await?;
        Ok(true)
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
        loop {
            let blobs = self.read().await?.blobs_to_prove(cutoff, STEP_ROWS / 4).await?;
            if blobs.is_empty() {
                return Ok(done);
            }
            for blob in blobs {
                let state = self.prove(&blob).await?;
                done.damaged += u64::from(state == BlobState::Damaged);
                let mut tx = self.write().await?;
                tx.judge_blob(blob.id, state, self.now()).await?;
                tx.commit().await?;
                done_bytes += blob.size_bytes;
                let percent = done_bytes.saturating_mul(99) / total_bytes.max(1);
                let percent = u8::try_from(percent.min(99)).unwrap_or(99);
                if lease
                    .report(Progress {
                        percent,
                        done_bytes,
                        total_bytes,
                    })
                    .await?
                    == Keep::Stop
                {
                    return Ok(Upkept {
                        was_stopped: true,
                        ..done
                    });
                }
            }
        }
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
            Place::Store { store, key } => {
                match self
                    .0
                    .content
                    .digest_of(store, key, blob.size_bytes)
                    .await
                    .map_err(HubError::from)
                {
                    Ok(digest) => Some(digest),
                    Err(HubError::Damaged) => None,
                    Err(error) => return Err(error),
                }
            }
        };
        if digest == Some(blob.digest) {
            return Ok(BlobState::Good);
        }
        tracing::error!(blob = %blob.id, "the stored bytes of a blob are damaged");
        Ok(BlobState::Damaged)
    }

    /// Frees purged trees piece by piece.
    ///
    /// # Errors
    /// When the catalog does not answer.
    pub async fn free_purged(&self, lease: &Lease) -> Result<Upkept, HubError> {
        let mut done = Upkept::default();
        loop {
            let Some((node, space)) = self.read().await?.next_to_purge().await? else {
                return Ok(done);
            };
            let mut tx = self.write().await?;
            tx.lock_space(space).await?;
            let freed = tx.purge_step(node, STEP_ROWS, self.now()).await?;
            tx.free_bytes(space, freed.bytes).await?;
            tx.commit().await?;
            done.removed += freed.nodes;
            if lease.report(Progress::default()).await? == Keep::Stop {
                return Ok(Upkept {
                    was_stopped: true,
                    ..done
                });
            }
        }
    }
}
