//! The server's own chores, each a job: sweep, retention, scrub, purge.
//!
//! Each goes in small transactions and may be cut anywhere: the next run goes on.

use std::time::Duration;

use catalog::{Entry, Tx, VersionMark};
use content::Listed;
use model::{ChangeKind, JobKind, Millis, NodeId, Place, Progress, Version};

use crate::jobs::{Keep, Lease};
use crate::uploads::signed;
use crate::{Hub, HubError, archive, trash};

/// Rows that one transaction takes in.
const STEP_ROWS: u32 = 200;
/// Keys of a store that one look takes in.
const STEP_KEYS: usize = 1000;
/// Files that one look takes in.
const STEP_FILES: u32 = 1000;
/// Name of the row that says up to which time versions were looked at for their age.
const AGED: &str = "versions aged";
/// Name of the row that says which limit on their number all files keep to.
const KEPT: &str = "versions kept";
/// How long ended jobs can be looked up.
const JOB_SECS: i64 = 7 * 24 * 60 * 60;
/// How often each chore is due, seconds.
const SWEEP_SECS: i64 = 60 * 60;
const RETENTION_SECS: i64 = 60 * 60;
/// How often the chores are looked at, at the least.
const LOOK_SECS: u64 = 60;
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
        self.gauge_mirrors().await?;
        let wants_archive = self.config().archive_secs.is_some() && self.is_archive_due().await?;
        let mut tx = self.write().await?;
        if wants_archive {
            self.schedule_archive(&mut tx, now).await?;
        }
        self.schedule_observations(&mut tx, now).await?;
        self.schedule_mirrors(&mut tx, now).await?;
        self.schedule_migrations(&mut tx, now).await?;
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

    /// How often [`Hub::schedule_upkeep`] should be called.
    pub fn upkeep_every(&self) -> Duration {
        let secs = self.config().archive_secs.unwrap_or(LOOK_SECS);
        Duration::from_secs(secs.clamp(1, LOOK_SECS))
    }

    async fn schedule_archive(&self, tx: &mut Tx, now: Millis) -> Result<(), HubError> {
        let every_secs = self.config().archive_secs.unwrap_or(LOOK_SECS);
        let name = format!("next {}", JobKind::Archive.as_str());
        let next = tx.hold_meta(&name).await?;
        let next = next.and_then(|text| text.parse().ok()).map(Millis);
        let latest = archive::next_look(now, every_secs);
        if next.is_none_or(|next| next <= now || next > latest) {
            self.queue_chore(tx, JobKind::Archive, now).await?;
            tx.put_meta(&name, &latest.0.to_string()).await?;
        }
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
        let mut done = Upkept {
            removed: self.sweep_items().await? + self.sweep_mirror_rows().await?,
            ..Upkept::default()
        };
        self.sweep_remote_changes().await?;
        for backend in self.0.content.backends() {
            done.removed += backend.sweep_temporary(cutoff).await?;
            if self.read().await?.sweep_waits(backend.name()).await? > now {
                // Restored from what this store held: bytes that no row names may be somebody's last upload.
                continue;
            }
            if self.is_left(backend.name()).await? {
                continue;
            }
            let mut after: Option<String> = None;
            loop {
                if lease.report(Progress::default()).await? == Keep::Stop {
                    return Ok(done.stopped());
                }
                let keys = backend.list(after.as_deref(), STEP_KEYS).await?;
                let Some(last) = keys.last() else { break };
                after = Some(last.key.clone());
                let old = keys.iter().filter(|listed| last_sign_of(listed) < cutoff);
                let old: Vec<&str> = old.map(|listed| listed.key.as_str()).collect();
                let used = self.read().await?.used_keys(backend.name(), &old).await?;
                for key in old.into_iter().filter(|key| !used.contains(*key)) {
                    backend.remove(key).await?;
                    done.removed += 1;
                }
            }
        }
        done.removed += self.sweep_transfers().await?;
        done.removed += self.remove_unused(cutoff).await?;
        self.abandon_copies(cutoff).await?;
        self.sweep_rows(now).await?;
        Ok(done)
    }

    async fn remove_unused(&self, cutoff: Millis) -> Result<u64, HubError> {
        let mut removed = 0;
        loop {
            let mut tx = self.write().await?;
            if tx.removals_wait().await? > self.now() {
                // A backup copies what its rows name.
                return Ok(removed);
            }
            let blobs = tx.take_unused(cutoff, STEP_ROWS).await?;
            // Rows first, durably: bytes without a row are swept, a row without bytes is a loss.
            tx.commit().await?;
            for blob in &blobs {
                if let Place::Store(at) = &blob.place {
                    self.0.content.remove(at).await?;
                }
            }
            removed += blobs.len() as u64;
            if blobs.len() < STEP_ROWS as usize {
                return Ok(removed);
            }
        }
    }

    /// Gives up copies that stopped being built: their makers are gone.
    async fn abandon_copies(&self, cutoff: Millis) -> Result<(), HubError> {
        loop {
            let unfinished = self.read().await?.unfinished_before(cutoff, STEP_ROWS).await?;
            for top in &unfinished {
                let mut tx = self.write().await?;
                tx.lock_space(top.space).await?;
                let Some(built) = tx.built_node(top.id).await? else {
                    continue;
                };
                if built.modified_ms < cutoff {
                    trash::purge_node(self, &mut tx, None, built, self.now()).await?;
                    tx.commit().await?;
                }
            }
            if unfinished.len() < STEP_ROWS as usize {
                return Ok(());
            }
        }
    }

    async fn sweep_rows(&self, now: Millis) -> Result<(), HubError> {
        loop {
            let mut tx = self.write().await?;
            let most = u64::from(STEP_ROWS);
            let sessions = tx.remove_ended_sessions(now, STEP_ROWS).await?;
            let tries = tx
                .remove_old_tries(now.minus_secs(24 * 60 * 60), STEP_ROWS)
                .await?;
            let jobs = tx.forget_jobs(now.minus_secs(JOB_SECS), STEP_ROWS).await?;
            let tickets = tx.remove_ended_tickets(now, STEP_ROWS).await?;
            // On PostgreSQL a purge that is queued in the moment in which another ends may be missed.
            if tx.next_to_purge().await?.is_some() {
                self.queue_purge(&mut tx, now).await?;
            }
            tx.commit().await?;
            if sessions < most && tries < most && jobs < most && tickets < most {
                self.wake_workers();
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
        let now = self.now();
        let trash_cutoff = self
            .config()
            .keep_trash_secs
            .map(|secs| now.minus_secs(signed(secs)));
        if let Some(cutoff) = trash_cutoff {
            done = self.purge_old_trash(lease, cutoff, done).await?;
            self.wake_workers();
        }
        let version_cutoff = self
            .config()
            .keep_versions_secs
            .map(|secs| now.minus_secs(signed(secs)));
        if let Some(cutoff) = version_cutoff.filter(|_| !done.was_stopped) {
            done = self.remove_old_versions(lease, cutoff, done).await?;
        }
        if !done.was_stopped {
            done = self.remove_surplus_versions(lease, done).await?;
        }
        Ok(done)
    }

    async fn purge_old_trash(
        &self,
        lease: &Lease,
        cutoff: Millis,
        mut done: Upkept,
    ) -> Result<Upkept, HubError> {
        loop {
            if lease.report(Progress::default()).await? == Keep::Stop {
                return Ok(done.stopped());
            }
            let old = self.read().await?.trashed_before(cutoff, STEP_ROWS).await?;
            for node in &old {
                let mut tx = self.write().await?;
                tx.lock_space(node.space).await?;
                // Looked at again: it may have been restored, and deleted anew, meanwhile.
                let Some(node) = tx.node(node.id).await? else {
                    continue;
                };
                if node.trashed.is_some_and(|trashed| trashed.at_ms < cutoff) {
                    trash::purge_node(self, &mut tx, None, node, self.now()).await?;
                    tx.commit().await?;
                    done.removed += 1;
                }
            }
            if old.len() < STEP_ROWS as usize {
                return Ok(done);
            }
        }
    }

    /// Removes versions that stopped being current before `cutoff`: whose next version is that old.
    ///
    /// Each version is looked at once in its life: what was looked at is written down.
    async fn remove_old_versions(
        &self,
        lease: &Lease,
        cutoff: Millis,
        mut done: Upkept,
    ) -> Result<Upkept, HubError> {
        let seen = self.read().await?.meta(AGED).await?;
        let seen = seen.and_then(|text| text.parse().ok()).map(Millis);
        let mut after: Option<VersionMark> = seen.map(|seen| (seen, NodeId::from_bytes([0; 16]), 0));
        loop {
            if lease.report(Progress::default()).await? == Keep::Stop {
                return Ok(done.stopped());
            }
            let page = self
                .read()
                .await?
                .versions_by_age(after.as_ref(), cutoff, STEP_ROWS)
                .await?;
            for (_, file, number) in page.iter().filter(|(_, _, number)| *number > 1) {
                let older = self.read().await?.versions(*file, Some(*number), 1).await?;
                if let Some(older) = older.first() {
                    done.removed += u64::from(self.remove_old_version(older).await?);
                }
            }
            if page.len() < STEP_ROWS as usize {
                break;
            }
            after = page.into_iter().next_back();
        }
        if seen.is_none_or(|seen| seen < cutoff) {
            let mut tx = self.write().await?;
            tx.put_meta(AGED, &cutoff.0.to_string()).await?;
            tx.commit().await?;
        }
        Ok(done)
    }

    /// Removes what a lowered limit on the number of versions leaves over. Uploads keep to it
    /// themselves, so the files are looked through only when it was lowered.
    async fn remove_surplus_versions(&self, lease: &Lease, mut done: Upkept) -> Result<Upkept, HubError> {
        let keep = self.config().keep_versions;
        let known = self.read().await?.meta(KEPT).await?;
        let known: Option<u32> = known.and_then(|text| text.parse().ok());
        if known == Some(keep) {
            return Ok(done);
        }
        let was_lowered = keep > 0 && known.is_none_or(|known| known == 0 || known > keep);
        let mut after = was_lowered.then_some(i64::MIN);
        while let Some(row_no) = after {
            if lease.report(Progress::default()).await? == Keep::Stop {
                return Ok(done.stopped());
            }
            let (files, last) = self
                .read()
                .await?
                .files_with_versions_beyond(keep, row_no, STEP_FILES)
                .await?;
            for file in files {
                done.removed += self.remove_surplus(file, keep).await?;
            }
            after = last;
        }
        let mut tx = self.write().await?;
        tx.put_meta(KEPT, &keep.to_string()).await?;
        tx.commit().await?;
        Ok(done)
    }

    async fn remove_surplus(&self, file: NodeId, keep: u32) -> Result<u64, HubError> {
        let mut removed = 0;
        loop {
            let before = removed;
            let surplus = self.read().await?.versions_beyond(file, keep, STEP_ROWS).await?;
            for version in &surplus {
                removed += u64::from(self.remove_old_version(version).await?);
            }
            // A file that is being purged keeps its versions until it is freed.
            if surplus.len() < STEP_ROWS as usize || removed == before {
                return Ok(removed);
            }
        }
    }

    async fn remove_old_version(&self, version: &Version) -> Result<bool, HubError> {
        let now = self.now();
        let mut tx = self.write().await?;
        let Some((space, _)) = tx.space_of(version.node).await? else {
            return Ok(false);
        };
        tx.lock_space(space).await?;
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
        tx.count_uses(version.blob, -1, now);
        let entry = Entry {
            kind: ChangeKind::VersionRemoved,
            node: &node,
            actor: None,
            at_ms: now,
            grown_bytes: -signed(version.size_bytes),
        };
        tx.record(entry).await?;
        tx.commit().await?;
        Ok(true)
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
                return Ok(done.stopped());
            }
        }
    }
}

impl Upkept {
    /// The same of a try that was cut on the way.
    #[must_use]
    pub const fn stopped(self) -> Self {
        Self {
            was_stopped: true,
            ..self
        }
    }
}

/// When something last happened to a stored blob, by the store's clock or by that of the node that began
/// it, whichever is later: one of them may be wrong, and bytes that still wait for their row must stay.
fn last_sign_of(listed: &Listed) -> Millis {
    // A key ends with the blob's id, and an id begins with 48 bits of the time.
    let id = listed.key.rsplit('/').next().unwrap_or_default();
    let begun = id
        .get(..12)
        .and_then(|digits| i64::from_str_radix(digits, 16).ok());
    listed.modified_ms.max(Millis(begun.unwrap_or(0)))
}
