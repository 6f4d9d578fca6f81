//! Versions: the immutable contents of files.

use model::{BlobId, Millis, NodeId, UserId, Version};

use crate::db::{Row, Tx, Value};
use crate::{CatalogError, count, digest, signed};

const COLUMNS: &str =
    "node_id, number, blob_id, size_bytes, digest, media_type, author_id, origin, created_ms";

/// A place in the list of all versions by age: when it was made, of which file, and its number.
pub type VersionMark = (Millis, NodeId, u64);

impl Tx {
    /// Adds a version; its number must be free.
    pub async fn create_version(&mut self, version: &Version) -> Result<(), CatalogError> {
        let sql = format!("INSERT INTO versions ({COLUMNS}) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)");
        self.execute(
            &sql,
            &[
                Value::id(version.node.as_bytes()),
                signed(version.number).into(),
                Value::id(version.blob.as_bytes()),
                signed(version.size_bytes).into(),
                version
                    .digest
                    .map_or_else(Vec::new, |digest| digest.0.to_vec())
                    .into(),
                version.media_type.as_str().into(),
                version.author.map(|author| author.as_bytes().to_vec()).into(),
                version.origin.word().as_ref().into(),
                version.created_ms.0.into(),
            ],
        )
        .await?;
        Ok(())
    }

    /// Finds one version of a file.
    pub async fn version(&mut self, file: NodeId, number: u64) -> Result<Option<Version>, CatalogError> {
        let sql = format!("SELECT {COLUMNS} FROM versions WHERE node_id = $1 AND number = $2");
        let row = self
            .first(&sql, &[Value::id(file.as_bytes()), signed(number).into()])
            .await?;
        row.as_ref().map(read).transpose()
    }

    /// Returns the versions of a file below number `before`, the newest first, at most `limit`.
    pub async fn versions(
        &mut self,
        file: NodeId,
        before: Option<u64>,
        limit: u32,
    ) -> Result<Vec<Version>, CatalogError> {
        let sql = format!(
            "SELECT {COLUMNS} FROM versions
             WHERE node_id = $1 AND number < $2
             ORDER BY number DESC
             LIMIT $3"
        );
        let before = before.map_or(i64::MAX, signed);
        let rows = self
            .query(
                &sql,
                &[Value::id(file.as_bytes()), before.into(), i64::from(limit).into()],
            )
            .await?;
        rows.iter().map(read).collect()
    }

    /// Returns the versions of a file that are older than its newest `keep`, at most `limit`.
    pub async fn versions_beyond(
        &mut self,
        file: NodeId,
        keep: u32,
        limit: u32,
    ) -> Result<Vec<Version>, CatalogError> {
        let sql = format!(
            "SELECT {COLUMNS} FROM versions
             WHERE node_id = $1
             ORDER BY number DESC
             LIMIT $3 OFFSET $2"
        );
        let params = [
            Value::id(file.as_bytes()),
            i64::from(keep).into(),
            i64::from(limit).into(),
        ];
        let rows = self.query(&sql, &params).await?;
        rows.iter().map(read).collect()
    }

    /// Returns versions made before `before` and after `after`, oldest first, at most `limit`.
    pub async fn versions_by_age(
        &mut self,
        after: Option<&VersionMark>,
        before: Millis,
        limit: u32,
    ) -> Result<Vec<VersionMark>, CatalogError> {
        let start = (Millis(i64::MIN), NodeId::from_bytes([0; 16]), 0);
        let (at_ms, node, number) = after.unwrap_or(&start);
        let rows = self
            .query(
                "SELECT created_ms, node_id, number FROM versions
                 WHERE (created_ms, node_id, number) > ($1, $2, $3) AND created_ms < $4
                 ORDER BY created_ms, node_id, number
                 LIMIT $5",
                &[
                    at_ms.0.into(),
                    Value::id(node.as_bytes()),
                    signed(*number).into(),
                    before.0.into(),
                    i64::from(limit).into(),
                ],
            )
            .await?;
        rows.iter()
            .map(|row| {
                Ok((
                    Millis(row.int(0)?),
                    NodeId::from_bytes(row.id16(1)?),
                    count(row.int(2)?),
                ))
            })
            .collect()
    }

    /// Returns files with row numbers above `after` whose newest version has a number above `keep`, and
    /// the last row number looked at, or `None` when there are no more.
    pub async fn files_with_versions_beyond(
        &mut self,
        keep: u32,
        after: i64,
        limit: u32,
    ) -> Result<(Vec<NodeId>, Option<i64>), CatalogError> {
        let rows = self
            .query(
                "SELECT row_no, id, coalesce(version, 0) FROM nodes
                 WHERE row_no > $1
                 ORDER BY row_no
                 LIMIT $2",
                &[after.into(), i64::from(limit).into()],
            )
            .await?;
        let last = rows.last().map(|row| row.int(0)).transpose()?;
        let mut files = Vec::new();
        for row in &rows {
            if row.int(2)? > i64::from(keep) {
                files.push(NodeId::from_bytes(row.id16(1)?));
            }
        }
        Ok((files, last))
    }

    /// Removes one version's row. Its blob's count and the space's bytes are the caller's to settle.
    pub async fn remove_version(&mut self, file: NodeId, number: u64) -> Result<bool, CatalogError> {
        let removed = self
            .execute(
                "DELETE FROM versions WHERE node_id = $1 AND number = $2",
                &[Value::id(file.as_bytes()), signed(number).into()],
            )
            .await?;
        Ok(removed == 1)
    }

    /// Returns files that use a blob, at most `limit`: whom damage to it concerns.
    pub async fn files_of_blob(
        &mut self,
        blob: BlobId,
        limit: u32,
    ) -> Result<Vec<(NodeId, u64)>, CatalogError> {
        let rows = self
            .query(
                "SELECT node_id, number FROM versions WHERE blob_id = $1 ORDER BY node_id, number LIMIT $2",
                &[Value::id(blob.as_bytes()), i64::from(limit).into()],
            )
            .await?;
        rows.iter()
            .map(|row| Ok((NodeId::from_bytes(row.id16(0)?), count(row.int(1)?))))
            .collect()
    }
}

fn read(row: &Row) -> Result<Version, CatalogError> {
    Ok(Version {
        node: NodeId::from_bytes(row.id16(0)?),
        number: count(row.int(1)?),
        blob: BlobId::from_bytes(row.id16(2)?),
        size_bytes: count(row.int(3)?),
        digest: digest(&row.bytes(4)?)?,
        media_type: row.text(5)?,
        author: row.opt_id16(6)?.map(UserId::from_bytes),
        origin: crate::nodes::origin(&row.text(7)?)?,
        created_ms: Millis(row.int(8)?),
    })
}
