//! Whole trees: copying and purging them piece by piece, out of sight.

use model::{BlobId, Millis, Node, NodeId, NodeName, SpaceId};

use crate::db::{Tx, Value};
use crate::listings::{CHUNK, place_holders};
use crate::nodes::{NODE, NODE_FROM, read_node};
use crate::{CatalogError, count};

/// What one step of a purge freed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Freed {
    /// Nodes that are gone.
    pub nodes: u64,
    /// Bytes of their versions.
    pub bytes: u64,
}

impl Tx {
    /// Takes a tree out of sight for good; [`Tx::purge_step`] then frees it.
    pub async fn detach_node(&mut self, node: NodeId, now: Millis) -> Result<(), CatalogError> {
        self.detach_nodes(&[node], now).await
    }

    async fn detach_nodes(&mut self, nodes: &[NodeId], now: Millis) -> Result<(), CatalogError> {
        let mut params = vec![now.0.into()];
        let list = place_holders(&mut params, nodes);
        let sql = format!(
            "UPDATE nodes
             SET detached = 2, parent_id = NULL, trashed_ms = NULL, trashed_from = NULL, modified_ms = $1
             WHERE id IN ({list})"
        );
        self.execute(&sql, &params).await?;
        Ok(())
    }

    /// Returns tops of trees of any space whose building stopped before `before`, at most `limit`.
    pub async fn unfinished_before(&mut self, before: Millis, limit: u32) -> Result<Vec<Node>, CatalogError> {
        // The second condition, which the first implies, is the one that SQLite knows the index by.
        let sql = format!(
            "SELECT {NODE}
             FROM {NODE_FROM}
             WHERE n.detached = 1 AND n.detached <> 0 AND n.modified_ms < $1
             ORDER BY n.modified_ms
             LIMIT $2"
        );
        let rows = self
            .query(&sql, &[before.0.into(), i64::from(limit).into()])
            .await?;
        rows.iter().map(read_node).collect()
    }

    /// Says that a tree is still being built.
    pub async fn keep_building(&mut self, top: NodeId, now: Millis) -> Result<(), CatalogError> {
        self.execute(
            "UPDATE nodes SET modified_ms = $2 WHERE id = $1 AND detached = 1",
            &[Value::id(top.as_bytes()), now.0.into()],
        )
        .await?;
        Ok(())
    }

    /// Finds the top of a tree that is being built.
    pub async fn built_node(&mut self, id: NodeId) -> Result<Option<Node>, CatalogError> {
        let sql = format!("SELECT {NODE} FROM {NODE_FROM} WHERE n.id = $1 AND n.detached = 1");
        let row = self.first(&sql, &[Value::id(id.as_bytes())]).await?;
        row.as_ref().map(read_node).transpose()
    }

    /// Finds a node that is being purged, and its space.
    pub async fn next_to_purge(&mut self) -> Result<Option<(NodeId, SpaceId)>, CatalogError> {
        let row = self
            .first(
                "SELECT id, space_id FROM nodes
                 WHERE detached = 2 AND detached <> 0
                 ORDER BY modified_ms
                 LIMIT 1",
                &[],
            )
            .await?;
        row.map(|row| {
            Ok((
                NodeId::from_bytes(row.id16(0)?),
                SpaceId::from_bytes(row.id16(1)?),
            ))
        })
        .transpose()
    }

    /// Frees up to `limit` children of a node that is being purged, or the node itself when it has none.
    ///
    /// Folders among the children are not gone into: they become trees to purge of their own, so a
    /// step costs the same at any depth.
    pub async fn purge_step(&mut self, node: NodeId, limit: u32, now: Millis) -> Result<Freed, CatalogError> {
        let rows = self
            .query(
                "SELECT id, kind FROM nodes WHERE parent_id = $1 ORDER BY kind, name_key, row_no LIMIT $2",
                &[Value::id(node.as_bytes()), i64::from(limit).into()],
            )
            .await?;
        if rows.is_empty() {
            return self.erase(&[node], now).await;
        }
        let (mut folders, mut files) = (Vec::new(), Vec::new());
        for row in rows {
            let child = NodeId::from_bytes(row.id16(0)?);
            match row.int(1)? {
                0 => folders.push(child),
                _ => files.push(child),
            }
        }
        for chunk in folders.chunks(CHUNK) {
            self.detach_nodes(chunk, now).await?;
        }
        let mut freed = Freed::default();
        for chunk in files.chunks(CHUNK) {
            let gone = self.erase(chunk, now).await?;
            freed = Freed {
                nodes: freed.nodes + gone.nodes,
                bytes: freed.bytes + gone.bytes,
            };
        }
        Ok(freed)
    }

    /// Removes the rows of nodes that have no children, at most [`CHUNK`].
    async fn erase(&mut self, nodes: &[NodeId], now: Millis) -> Result<Freed, CatalogError> {
        let mut ids = Vec::new();
        let list = place_holders(&mut ids, nodes);
        let sql = format!("SELECT blob_id, size_bytes FROM versions WHERE node_id IN ({list})");
        let mut bytes = 0;
        for row in self.query(&sql, &ids).await? {
            self.count_uses(BlobId::from_bytes(row.id16(0)?), -1, now);
            bytes += count(row.int(1)?);
        }
        for sql in [
            format!("DELETE FROM versions WHERE node_id IN ({list})"),
            format!("DELETE FROM stars WHERE node_id IN ({list})"),
            format!("DELETE FROM shares WHERE node_id IN ({list})"),
            format!("DELETE FROM links WHERE node_id IN ({list})"),
        ] {
            self.execute(&sql, &ids).await?;
        }
        let nodes = self
            .execute(&format!("DELETE FROM nodes WHERE id IN ({list})"), &ids)
            .await?;
        Ok(Freed { nodes, bytes })
    }

    /// Returns the children of a folder after the name `after`, by name: for copies.
    pub async fn children_to_copy(
        &mut self,
        folder: NodeId,
        after: Option<&NodeName>,
        limit: u32,
    ) -> Result<Vec<Node>, CatalogError> {
        let sql = format!(
            "SELECT {NODE}
             FROM {NODE_FROM}
             WHERE n.parent_id = $1 AND n.name > $2
             ORDER BY n.name
             LIMIT $3"
        );
        let rows = self
            .query(
                &sql,
                &[
                    Value::id(folder.as_bytes()),
                    after.map_or("", NodeName::as_str).into(),
                    i64::from(limit).into(),
                ],
            )
            .await?;
        rows.iter().map(read_node).collect()
    }

    /// Counts the levels below a node by looking, or returns `None` when it has more than
    /// `most_folders` folders below it.
    pub async fn levels_below(
        &mut self,
        node: NodeId,
        most_folders: u32,
    ) -> Result<Option<u32>, CatalogError> {
        let mut level = vec![node];
        let mut levels = 0;
        let mut room = most_folders;
        loop {
            let mut next = Vec::new();
            let mut has_children = false;
            for chunk in level.chunks(CHUNK) {
                let below = self.folders_in(chunk, room.saturating_add(1)).await?;
                let found = u32::try_from(below.len()).unwrap_or(u32::MAX);
                let Some(left) = room.checked_sub(found) else {
                    return Ok(None);
                };
                room = left;
                has_children = has_children || !below.is_empty() || self.is_any_child(chunk).await?;
                next.extend(below);
            }
            if !has_children {
                return Ok(Some(levels));
            }
            levels += 1;
            level = next;
        }
    }

    async fn is_any_child(&mut self, folders: &[NodeId]) -> Result<bool, CatalogError> {
        let mut params = Vec::new();
        let list = place_holders(&mut params, folders);
        let sql = format!("SELECT 1 FROM nodes WHERE parent_id IN ({list}) LIMIT 1");
        Ok(self.first(&sql, &params).await?.is_some())
    }
}
