//! `fsck`: rows against rows, rows against stored bytes, stored bytes against rows.

use model::{BlobId, BlobState, Place, SpaceId, StoredAt};

use crate::{Hub, HubError};

/// Rows that one look takes in.
const STEP_ROWS: u32 = 500;
/// Keys of a store that one look takes in.
const STEP_KEYS: usize = 1000;

/// How closely stored bytes are looked at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verify {
    /// Their lengths.
    Length,
    /// All of them, against their digests.
    Digest,
}

/// What a check found.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct FsckReport {
    /// Spaces looked at.
    pub spaces: u64,
    /// Blobs looked at.
    pub blobs: u64,
    /// Bytes of them.
    pub bytes: u64,
    /// What is damaged or lost, one sentence each.
    pub damage: Vec<String>,
    /// Stored bytes that no row names: what interrupted uploads left, or a stranger put there.
    /// The sweep removes them after its grace period.
    pub orphans: Vec<String>,
}

impl FsckReport {
    /// Whether everything that should be there is there, and right.
    pub fn is_clean(&self) -> bool {
        self.damage.is_empty()
    }
}

impl Hub {
    /// Checks everything and changes nothing. Memory grows with what it finds, not with what it reads.
    ///
    /// # Errors
    /// When the catalog or a store does not answer.
    pub async fn fsck(&self, verify: Verify) -> Result<FsckReport, HubError> {
        let mut report = FsckReport::default();
        let broken = self.read().await?.broken_links().await?;
        report.damage.extend(broken);
        self.fsck_spaces(&mut report).await?;
        self.fsck_counts(&mut report).await?;
        self.fsck_blobs(&mut report, verify).await?;
        self.fsck_stores(&mut report).await?;
        Ok(report)
    }

    async fn fsck_spaces(&self, report: &mut FsckReport) -> Result<(), HubError> {
        let mut after: Option<SpaceId> = None;
        loop {
            // One snapshot for the spaces and their sums, so that a write between does not show.
            let mut tx = self.read().await?;
            let spaces = tx.spaces(after, STEP_ROWS).await?;
            let Some(last) = spaces.last() else { return Ok(()) };
            after = Some(last.id);
            for space in spaces {
                report.spaces += 1;
                let (bytes, head) = tx.space_sums(space.id).await?;
                let entries = tx.change_count(space.id).await?;
                if bytes != space.used_bytes {
                    report.damage.push(format!(
                        "space {} says that it uses {} bytes; its versions hold {bytes}",
                        space.id, space.used_bytes
                    ));
                }
                let reserved_bytes = tx.reserved_sum(space.id).await?;
                if reserved_bytes != space.reserved_bytes {
                    report.damage.push(format!(
                        "space {} says that {} bytes are set aside; its uploads have {reserved_bytes}",
                        space.id, space.reserved_bytes
                    ));
                }
                if head != space.head || entries != space.head {
                    report.damage.push(format!(
                        "the journal of space {} should have {} entries; it has {entries}, the last numbered {head}",
                        space.id, space.head
                    ));
                }
            }
        }
    }

    async fn fsck_counts(&self, report: &mut FsckReport) -> Result<(), HubError> {
        let mut after: Option<BlobId> = None;
        loop {
            let (wrong, last) = self.read().await?.miscounted_blobs(after, STEP_ROWS).await?;
            for (blob, counted, real) in wrong {
                report.damage.push(format!(
                    "blob {blob} counts {counted} uses; {real} versions use it"
                ));
            }
            if last.is_none() {
                return Ok(());
            }
            after = last;
        }
    }

    async fn fsck_blobs(&self, report: &mut FsckReport, verify: Verify) -> Result<(), HubError> {
        let mut after: Option<BlobId> = None;
        loop {
            let blobs = self.read().await?.blobs(after, STEP_ROWS).await?;
            let Some(last) = blobs.last() else { return Ok(()) };
            after = Some(last.id);
            for blob in blobs {
                report.blobs += 1;
                report.bytes += blob.size_bytes;
                if let Some(what) = self.fsck_blob(&blob, verify).await? {
                    // Removed since its row was read: no damage.
                    let mut tx = self.read().await?;
                    if tx.blob(blob.id).await?.is_some_and(|now| now.place == blob.place) {
                        let files = tx.files_of_blob(blob.id, 5).await?;
                        let files: Vec<String> = files
                            .iter()
                            .map(|(file, number)| format!("{file} version {number}"))
                            .collect();
                        report
                            .damage
                            .push(format!("blob {} {what}; used by {}", blob.id, files.join(", ")));
                    }
                }
            }
        }
    }

    async fn fsck_blob(&self, blob: &model::Blob, verify: Verify) -> Result<Option<String>, HubError> {
        if let Place::Store(at) = &blob.place {
            match self.0.content.measure(at).await? {
                None => {
                    let StoredAt { store, key, .. } = at;
                    return Ok(Some(format!("is missing: the store `{store}` has no `{key}`")));
                }
                Some(size) if size != blob.size_bytes => {
                    return Ok(Some(format!("holds {size} bytes instead of {}", blob.size_bytes)));
                }
                Some(_) => {}
            }
        }
        if verify == Verify::Digest && self.prove(blob).await? == BlobState::Damaged {
            return Ok(Some("has the wrong digest".to_owned()));
        }
        Ok(None)
    }

    async fn fsck_stores(&self, report: &mut FsckReport) -> Result<(), HubError> {
        for backend in self.0.content.backends() {
            let mut after: Option<String> = None;
            loop {
                let keys = backend.list(after.as_deref(), STEP_KEYS).await?;
                let Some(last) = keys.last() else { break };
                after = Some(last.key.clone());
                let all: Vec<&str> = keys.iter().map(|listed| listed.key.as_str()).collect();
                let used = self.read().await?.used_keys(backend.name(), &all).await?;
                for listed in keys.iter().filter(|listed| !used.contains(&listed.key)) {
                    report.orphans.push(format!(
                        "`{}` in the store `{}`, {} bytes",
                        listed.key,
                        backend.name(),
                        listed.size_bytes
                    ));
                }
            }
        }
        Ok(())
    }
}
