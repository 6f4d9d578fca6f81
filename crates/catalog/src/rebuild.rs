//! Rebuilding: rows that were archived go back into an empty catalog, and what follows from them is made anew.

use model::{BlobId, BlobState, Millis, NodeId};

use crate::db::{Tx, Value};
use crate::{CatalogError, Cell, Table, spaces};

/// Marks a node that had to leave its place to another one and whose own new place is still to come.
const DISPLACED: i64 = 3;

impl Tx {
    /// Puts archived nodes in, each in place of what was known of it. Who holds the name that one takes gave it up:
    /// a later row says where it went.
    pub async fn put_nodes(&mut self, table: &Table, rows: Vec<Vec<Cell>>) -> Result<(), CatalogError> {
        let column = |name: &str| {
            let at = table.column(name);
            at.ok_or_else(|| CatalogError::Damaged(format!("there is no column nodes.{name}")))
        };
        let (id, parent, name) = (column("id")?, column("parent_id")?, column("name")?);
        for row in &rows {
            if row[parent] != Cell::Null {
                let params = [
                    table.param("parent_id", row[parent].clone())?,
                    table.param("name", row[name].clone())?,
                    table.param("id", row[id].clone())?,
                    DISPLACED.into(),
                ];
                self.execute(
                    "UPDATE nodes SET parent_id = NULL, detached = $4
                     WHERE parent_id = $1 AND name = $2 AND id <> $3",
                    &params,
                )
                .await?;
            }
            self.put_rows(table, vec![row.clone()]).await?;
        }
        Ok(())
    }

    /// Removes archived rows in which a column has this value.
    pub async fn drop_rows(&mut self, table: &Table, wanted: &[(&str, Cell)]) -> Result<(), CatalogError> {
        let mut params = Vec::new();
        let mut conditions = Vec::new();
        for (name, cell) in wanted {
            params.push(table.param(name, cell.clone())?);
            conditions.push(format!("{name} = ${}", params.len()));
        }
        let sql = format!("DELETE FROM {} WHERE {}", table.name, conditions.join(" AND "));
        self.execute(&sql, &params).await?;
        Ok(())
    }

    /// Removes a file's versions but for those whose numbers are within these ranges.
    pub async fn keep_versions(&mut self, file: NodeId, ranges: &[(i64, i64)]) -> Result<(), CatalogError> {
        // What lies before, between and after them.
        let mut gaps = Vec::new();
        let mut start = i64::MIN;
        for (first, last) in ranges {
            gaps.push((start, *first));
            start = *last;
        }
        gaps.push((start, i64::MAX));
        for (after, before) in gaps {
            self.execute(
                "DELETE FROM versions WHERE node_id = $1 AND number > $2 AND number < $3",
                &[Value::id(file.as_bytes()), after.into(), before.into()],
            )
            .await?;
        }
        Ok(())
    }

    /// Makes anew what follows from archived rows: uses of contents, sums, heights, and what hung from nodes that
    /// are gone. The whole catalog is read some times over.
    pub async fn settle_rebuilt(&mut self, now: Millis) -> Result<(), CatalogError> {
        self.take_time().await?;
        self.settle_nodes(now).await?;
        self.settle_heights().await?;
        let params = [Value::from(now)];
        for (sql, params) in [
            ("DELETE FROM versions WHERE NOT EXISTS (SELECT 1 FROM nodes n WHERE n.id = versions.node_id)", &[][..]),
            ("DELETE FROM stars WHERE NOT EXISTS (SELECT 1 FROM nodes n WHERE n.id = stars.node_id)", &[]),
            ("DELETE FROM shares WHERE NOT EXISTS (SELECT 1 FROM nodes n WHERE n.id = shares.node_id)", &[]),
            ("DELETE FROM links WHERE NOT EXISTS (SELECT 1 FROM nodes n WHERE n.id = links.node_id)", &[]),
            (
                "DELETE FROM inline_bytes
                 WHERE NOT EXISTS (SELECT 1 FROM blobs b WHERE b.id = inline_bytes.blob_id AND b.store IS NULL)",
                &[],
            ),
            (
                "UPDATE blobs
                 SET refs = (SELECT count(*) FROM versions v WHERE v.blob_id = blobs.id), seen_ms = $1",
                &params,
            ),
            // A digest that was not known yet when the version was archived.
            (
                "UPDATE versions SET digest = (SELECT b.digest FROM blobs b WHERE b.id = versions.blob_id)
                 WHERE length(digest) <> 32 AND EXISTS (
                     SELECT 1 FROM blobs b WHERE b.id = versions.blob_id AND length(b.digest) = 32)",
                &[],
            ),
            (
                "UPDATE spaces
                 SET head = (SELECT coalesce(max(c.seq), 0) FROM changes c WHERE c.space_id = spaces.id),
                     reserved_bytes = 0,
                     used_bytes = (SELECT CAST(coalesce(sum(v.size_bytes), 0) AS BIGINT)
                                   FROM nodes n JOIN versions v ON v.node_id = n.id
                                   WHERE n.space_id = spaces.id)",
                &[],
            ),
            (
                "INSERT INTO meta (name, value)
                 SELECT 'identities', CAST(max(number) AS TEXT) FROM identities HAVING count(*) > 0
                 ON CONFLICT (name) DO UPDATE SET value = excluded.value",
                &[],
            ),
        ] {
            self.execute(sql, params).await?;
        }
        Ok(())
    }

    async fn settle_nodes(&mut self, now: Millis) -> Result<(), CatalogError> {
        // Purged trees: the archive names their tops alone.
        let orphans = "DELETE FROM nodes
             WHERE parent_id IS NOT NULL AND NOT EXISTS (SELECT 1 FROM nodes p WHERE p.id = nodes.parent_id)";
        while self.execute(orphans, &[]).await? > 0 {}
        // None are expected. One that lost its place is found in the trash.
        self.execute(
            "UPDATE nodes
             SET detached = 0, trashed_ms = $1,
                 trashed_from = (SELECT s.root_id FROM spaces s WHERE s.id = nodes.space_id)
             WHERE detached = $2",
            &[now.0.into(), DISPLACED.into()],
        )
        .await?;
        Ok(())
    }

    /// Folders know how many levels they have below them, by rows that no journal tells.
    async fn settle_heights(&mut self) -> Result<(), CatalogError> {
        self.execute("UPDATE nodes SET height = 0 WHERE height <> 0", &[])
            .await?;
        for height in 1..spaces::ROWS {
            let raised = self
                .execute(
                    "UPDATE nodes SET height = $1
                     WHERE id IN (SELECT c.parent_id FROM nodes c WHERE c.height = $2 AND c.parent_id IS NOT NULL)",
                    &[height.into(), (height - 1).into()],
                )
                .await?;
            if raised == 0 {
                break;
            }
        }
        Ok(())
    }

    /// Marks a content as damaged, or good, after its bytes were looked for.
    pub async fn mark_rebuilt(&mut self, blob: BlobId, state: BlobState) -> Result<(), CatalogError> {
        let code: i64 = match state {
            BlobState::Good => 0,
            BlobState::Damaged => 1,
        };
        self.execute(
            "UPDATE blobs SET state = $2 WHERE id = $1",
            &[Value::id(blob.as_bytes()), code.into()],
        )
        .await?;
        Ok(())
    }
}
