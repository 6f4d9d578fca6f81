//! What must hold between rows, asked in pages. Used by `cumuli fsck`; nothing here repairs.

use model::{BlobId, NodeId, SpaceId};

use crate::db::{Tx, Value};
use crate::{CatalogError, count};

/// Findings of one kind that are told one by one; beyond it there are "more".
const FINDINGS: i64 = 100;

impl Tx {
    /// Returns blobs after `after` whose count of uses is wrong (id, counted, real), and the last
    /// id looked at; `None` when there are no more.
    pub async fn miscounted_blobs(
        &mut self,
        after: Option<BlobId>,
        limit: u32,
    ) -> Result<(Vec<(BlobId, u64, u64)>, Option<BlobId>), CatalogError> {
        let after = after.map_or([0; 16], |blob| *blob.as_bytes());
        let rows = self
            .query(
                "SELECT b.id, b.refs, count(v.node_id)
                 FROM (SELECT id, refs FROM blobs WHERE id > $1 ORDER BY id LIMIT $2) b
                      LEFT JOIN versions v ON v.blob_id = b.id
                 GROUP BY b.id, b.refs
                 ORDER BY b.id",
                &[Value::id(&after), i64::from(limit).into()],
            )
            .await?;
        let mut wrong = Vec::new();
        let mut last = None;
        for row in rows {
            let id = BlobId::from_bytes(row.id16(0)?);
            let (counted, real) = (row.int(1)?, row.int(2)?);
            if counted != real {
                wrong.push((id, count(counted), count(real)));
            }
            last = Some(id);
        }
        Ok((wrong, last))
    }

    /// Returns what is wrong between nodes, versions and blobs, one sentence each.
    pub async fn broken_links(&mut self) -> Result<Vec<String>, CatalogError> {
        let mut findings = Vec::new();
        for (sql, what) in [
            (
                "SELECT v.node_id FROM versions v LEFT JOIN blobs b ON b.id = v.blob_id
                 WHERE b.id IS NULL ORDER BY v.node_id LIMIT $1",
                "has a version without a blob",
            ),
            (
                "SELECT v.node_id FROM versions v LEFT JOIN nodes n ON n.id = v.node_id
                 WHERE n.id IS NULL ORDER BY v.node_id LIMIT $1",
                "has versions but no node",
            ),
            (
                "SELECT n.id FROM nodes n LEFT JOIN versions v ON v.node_id = n.id AND v.number = n.version
                 WHERE n.kind = 1 AND v.node_id IS NULL ORDER BY n.id LIMIT $1",
                "is a file without a current version",
            ),
            (
                "SELECT n.id FROM nodes n LEFT JOIN nodes p ON p.id = n.parent_id
                 WHERE n.parent_id IS NOT NULL AND (p.id IS NULL OR p.kind <> 0 OR p.space_id <> n.space_id)
                 ORDER BY n.id LIMIT $1",
                "is in a folder that is missing, not a folder, or of another space",
            ),
            (
                "SELECT n.id FROM nodes n LEFT JOIN spaces s ON s.id = n.space_id AND s.root_id = n.id
                 WHERE n.parent_id IS NULL AND n.trashed_ms IS NULL AND n.detached = 0 AND s.id IS NULL
                 ORDER BY n.id LIMIT $1",
                "is in no folder and not in the trash",
            ),
            (
                "SELECT n.id FROM nodes n JOIN versions v ON v.node_id = n.id AND v.number = n.version
                 WHERE n.size_bytes <> v.size_bytes ORDER BY n.id LIMIT $1",
                "shows another size than its current version",
            ),
            (
                "SELECT n.id FROM nodes n JOIN nodes p ON p.id = n.parent_id
                 WHERE p.height <= n.height ORDER BY n.id LIMIT $1",
                "has more levels below it than its folder knows of",
            ),
            (
                "SELECT v.node_id FROM versions v JOIN blobs b ON b.id = v.blob_id
                 WHERE v.size_bytes <> b.size_bytes
                     OR (v.digest <> b.digest AND (length(v.digest) > 0 OR length(b.digest) > 16)) ORDER BY v.node_id LIMIT $1",
                "has a version that is not what its blob is",
            ),
            (
                "SELECT b.id FROM blobs b LEFT JOIN inline_bytes i ON i.blob_id = b.id
                 WHERE b.store IS NULL AND i.blob_id IS NULL ORDER BY b.id LIMIT $1",
                "is a small blob without bytes",
            ),
            (
                "SELECT b.id FROM blobs b JOIN inline_bytes i ON i.blob_id = b.id
                 WHERE b.store IS NULL AND length(i.bytes) <> b.size_bytes ORDER BY b.id LIMIT $1",
                "is a small blob with bytes of another length",
            ),
        ] {
            for row in self.query(sql, &[FINDINGS.into()]).await? {
                findings.push(format!("{} {what}", NodeId::from_bytes(row.id16(0)?)));
            }
        }
        Ok(findings)
    }

    /// Returns the bytes of all versions of a space, and the newest number of its journal.
    pub async fn space_sums(&mut self, space: SpaceId) -> Result<(u64, u64), CatalogError> {
        let id = || Value::id(space.as_bytes());
        let bytes = self
            .first(
                "SELECT CAST(coalesce(sum(v.size_bytes), 0) AS BIGINT)
                 FROM nodes n JOIN versions v ON v.node_id = n.id
                 WHERE n.space_id = $1",
                &[id()],
            )
            .await?;
        let head = self
            .first(
                "SELECT coalesce(max(seq), 0) FROM changes WHERE space_id = $1",
                &[id()],
            )
            .await?;
        let bytes = bytes.map_or(Ok(0), |row| row.int(0).map(count))?;
        let head = head.map_or(Ok(0), |row| row.int(0).map(count))?;
        Ok((bytes, head))
    }
}
