//! The journal: one gapless sequence a space, in the order of the commits.

use model::{Change, ChangeKind, Millis, Node, NodeId, NodeKind, NodeName, SpaceId, UserId};

use crate::db::{Row, Tx, Value};
use crate::{CatalogError, count, signed};

/// What to write down about a node that has just changed.
pub struct Entry<'a> {
    /// What happened.
    pub kind: ChangeKind,
    /// The node as it is now.
    pub node: &'a Node,
    /// Who did it.
    pub actor: Option<UserId>,
    /// When.
    pub at_ms: Millis,
    /// Bytes that the space grew by; negative when it shrank.
    pub grown_bytes: i64,
}

impl Tx {
    /// Appends an entry to the journal of the node's space and returns its number.
    ///
    /// Taking the number holds the space's row until the commit, which is what makes the
    /// sequence gapless and ordered on PostgreSQL too.
    pub async fn record(&mut self, entry: Entry<'_>) -> Result<u64, CatalogError> {
        let space = entry.node.space;
        self.record_in(space, entry).await
    }

    /// Appends an entry to the journal of a space that the node is not in: news for its owner.
    ///
    /// The folder that the node is in is left out, as it is not theirs to know.
    pub async fn tell(&mut self, space: SpaceId, entry: Entry<'_>) -> Result<u64, CatalogError> {
        let node = Node {
            parent: None,
            ..entry.node.clone()
        };
        self.record_in(space, Entry { node: &node, ..entry }).await
    }

    async fn record_in(&mut self, space: SpaceId, entry: Entry<'_>) -> Result<u64, CatalogError> {
        let Entry {
            kind,
            node,
            actor,
            at_ms,
            grown_bytes,
        } = entry;
        let row = self
            .first(
                "UPDATE spaces SET head = head + 1, used_bytes = used_bytes + $2 WHERE id = $1 RETURNING head",
                &[Value::id(space.as_bytes()), grown_bytes.into()],
            )
            .await?
            .ok_or_else(|| CatalogError::Damaged(format!("the journal of {} is in no space", node.id)))?;
        let seq = row.int(0)?;
        let version = node.version.as_ref();
        self.execute(
            "INSERT INTO changes (space_id, seq, kind, node_id, node_kind, parent_id, name, version,
                 size_bytes, digest, actor_id, at_ms)
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12)",
            &[
                Value::id(space.as_bytes()),
                seq.into(),
                kind.as_str().into(),
                Value::id(node.id.as_bytes()),
                crate::nodes::kind_code(node.kind).into(),
                node.parent.map(|parent| parent.as_bytes().to_vec()).into(),
                node.name.as_str().into(),
                version.map(|v| signed(v.number)).into(),
                version.map(|v| signed(v.size_bytes)).into(),
                version
                    .and_then(|v| v.digest)
                    .map(|digest| digest.0.to_vec())
                    .into(),
                actor.map(|actor| actor.as_bytes().to_vec()).into(),
                at_ms.0.into(),
            ],
        )
        .await?;
        self.wake(space);
        Ok(count(seq))
    }

    /// Returns the entries of a space after number `after`, oldest first, at most `limit`.
    pub async fn changes(
        &mut self,
        space: SpaceId,
        after: u64,
        limit: u32,
    ) -> Result<Vec<Change>, CatalogError> {
        let rows = self
            .query(
                "SELECT space_id, seq, kind, node_id, node_kind, parent_id, name, version, size_bytes, digest,
                     actor_id, at_ms
                 FROM changes
                 WHERE space_id = $1 AND seq > $2
                 ORDER BY seq
                 LIMIT $3",
                &[Value::id(space.as_bytes()), signed(after).into(), i64::from(limit).into()],
            )
            .await?;
        rows.iter().map(read_change).collect()
    }

    /// Counts the entries of a space's journal.
    pub async fn change_count(&mut self, space: SpaceId) -> Result<u64, CatalogError> {
        let row = self
            .first(
                "SELECT count(*) FROM changes WHERE space_id = $1",
                &[Value::id(space.as_bytes())],
            )
            .await?;
        row.map_or(Ok(0), |row| row.int(0).map(count))
    }
}

fn read_change(row: &Row) -> Result<Change, CatalogError> {
    let kind = row.text(2)?;
    Ok(Change {
        space: SpaceId::from_bytes(row.id16(0)?),
        seq: count(row.int(1)?),
        kind: ChangeKind::from_word(&kind)
            .ok_or_else(|| CatalogError::Damaged(format!("the journal holds the unknown change `{kind}`")))?,
        node: NodeId::from_bytes(row.id16(3)?),
        node_kind: if row.int(4)? == 0 {
            NodeKind::Folder
        } else {
            NodeKind::File
        },
        parent: row.opt_id16(5)?.map(NodeId::from_bytes),
        name: NodeName::from_stored(row.text(6)?),
        version: row.opt_int(7)?.map(count),
        size_bytes: row.opt_int(8)?.map(count),
        digest: row
            .opt_bytes(9)?
            .map(|bytes| crate::digest(&bytes))
            .transpose()?
            .flatten(),
        actor: row.opt_id16(10)?.map(UserId::from_bytes),
        at_ms: Millis(row.int(11)?),
    })
}
