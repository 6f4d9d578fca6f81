//! Nodes: finding, making, moving and deleting them, one at a time.

use std::collections::{HashMap, HashSet};

use model::{Millis, Node, NodeId, NodeKind, NodeName, Origin, SpaceId, Trashed, UserId, Version};

use crate::db::{Row, Tx, Value};
use crate::listings::{CHUNK, place_holders};
use crate::{CatalogError, count, digest, lists, signed, spaces};

/// How far up a walk goes before the tree counts as damaged: far beyond what operations can make.
const WALK_LEVELS: i64 = 4096;

/// The columns that [`read_node`] reads, and where from. A file's current version comes along.
pub(crate) const NODE: &str = "n.row_no, n.id, n.space_id, n.parent_id, n.name, n.kind, n.revision,
     n.created_ms, n.modified_ms, n.trashed_ms, n.trashed_from,
     v.number, v.blob_id, v.size_bytes, v.digest, v.media_type, v.author_id, v.origin, v.created_ms";
pub(crate) const NODE_FROM: &str =
    "nodes n LEFT JOIN versions v ON v.node_id = n.id AND v.number = n.version";

/// One step on the way from a node to the top of its tree.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Step {
    /// The node.
    pub id: NodeId,
    /// Its folder.
    pub parent: Option<NodeId>,
    /// Its name; empty for a root.
    pub name: NodeName,
    /// Whether it was deleted itself.
    pub is_trashed: bool,
    /// Whether it is being built or purged.
    pub is_detached: bool,
    /// Levels below it, at the most.
    pub height: u32,
}

/// A node to be made.
pub struct NewNode<'a> {
    /// Its id.
    pub id: NodeId,
    /// Its space.
    pub space: SpaceId,
    /// Its folder; `None` makes the top of a tree that is built out of sight.
    pub parent: Option<NodeId>,
    /// Its name.
    pub name: &'a NodeName,
    /// Folder or file.
    pub kind: NodeKind,
    /// Size of a file's first version.
    pub size_bytes: u64,
    /// Levels below it, at the most: 0 but for the top of a copied tree.
    pub height: u32,
    /// When.
    pub now: Millis,
}

impl Tx {
    /// Finds a node, wherever it is but not while it is being built or purged.
    pub async fn node(&mut self, id: NodeId) -> Result<Option<Node>, CatalogError> {
        let sql = format!("SELECT {NODE} FROM {NODE_FROM} WHERE n.id = $1 AND n.detached = 0");
        let row = self.first(&sql, &[Value::id(id.as_bytes())]).await?;
        row.as_ref().map(read_node).transpose()
    }

    /// Finds the node of that name in a folder.
    pub async fn child(&mut self, folder: NodeId, name: &NodeName) -> Result<Option<Node>, CatalogError> {
        let sql = format!("SELECT {NODE} FROM {NODE_FROM} WHERE n.parent_id = $1 AND n.name = $2");
        let row = self
            .first(&sql, &[Value::id(folder.as_bytes()), name.as_str().into()])
            .await?;
        row.as_ref().map(read_node).transpose()
    }

    /// Finds nodes, wherever they are but not while they are being built or purged.
    pub async fn nodes(&mut self, ids: &[NodeId]) -> Result<Vec<Node>, CatalogError> {
        let mut found = Vec::with_capacity(ids.len());
        for chunk in ids.chunks(CHUNK) {
            let mut params = Vec::new();
            let list = place_holders(&mut params, chunk);
            let sql = format!("SELECT {NODE} FROM {NODE_FROM} WHERE n.id IN ({list}) AND n.detached = 0");
            for row in self.query(&sql, &params).await? {
                found.push(read_node(&row)?);
            }
        }
        Ok(found)
    }

    /// What is in a folder, by name: what follows the name `after`, at most `limit`.
    pub async fn children_after(
        &mut self,
        folder: NodeId,
        after: Option<&str>,
        limit: u32,
    ) -> Result<Vec<Node>, CatalogError> {
        let sql = format!(
            "SELECT {NODE} FROM {NODE_FROM} WHERE n.parent_id = $1 AND n.name > $2 ORDER BY n.name LIMIT $3"
        );
        let params = [
            folder.into(),
            after.unwrap_or_default().into(),
            i64::from(limit).into(),
        ];
        let rows = self.query(&sql, &params).await?;
        rows.iter().map(read_node).collect()
    }

    /// What is in a folder under names with these keys, as of [`NodeName::key`].
    pub async fn children_named(&mut self, folder: NodeId, keys: &[&str]) -> Result<Vec<Node>, CatalogError> {
        let mut found = Vec::new();
        for chunk in keys.chunks(CHUNK) {
            let mut params = vec![folder.into()];
            let list = lists::holders(&mut params, chunk.iter().map(|key| (*key).into()).collect());
            let sql = format!(
                "SELECT {NODE} FROM {NODE_FROM} WHERE n.parent_id = $1 AND n.kind IN (0, 1) AND n.name_key IN ({list})"
            );
            for row in self.query(&sql, &params).await? {
                found.push(read_node(&row)?);
            }
        }
        Ok(found)
    }

    /// Walks from nodes to the tops of their trees, as [`Tx::way_up`] does from one: a query a level for all of them.
    /// Nodes that are not there are left out.
    pub async fn ways_up(&mut self, ids: &[NodeId]) -> Result<HashMap<NodeId, Vec<Step>>, CatalogError> {
        let mut known: HashMap<NodeId, Step> = HashMap::new();
        let mut frontier: HashSet<NodeId> = ids.iter().copied().collect();
        while !frontier.is_empty() {
            let level: Vec<NodeId> = frontier.iter().copied().collect();
            let mut above = HashSet::new();
            for chunk in level.chunks(CHUNK) {
                let mut params = Vec::new();
                let list = place_holders(&mut params, chunk);
                let sql = format!(
                    "SELECT id, parent_id, name, trashed_ms, detached, height FROM nodes WHERE id IN ({list})"
                );
                for row in self.query(&sql, &params).await? {
                    let step = read_step(&row)?;
                    above.extend(step.parent);
                    known.insert(step.id, step);
                }
            }
            above.retain(|id| !known.contains_key(id));
            frontier = above;
        }
        Ok(ids
            .iter()
            .filter_map(|id| Some((*id, steps_from(&known, *id)?)))
            .collect())
    }

    /// Walks from a node to the top of its tree: the node first, the top last; empty if there is none.
    pub async fn way_up(&mut self, id: NodeId) -> Result<Vec<Step>, CatalogError> {
        let rows = self
            .query(
                "WITH RECURSIVE up (id, parent_id, name, trashed_ms, detached, height, level) AS (
                     SELECT id, parent_id, name, trashed_ms, detached, height, CAST(0 AS BIGINT)
                     FROM nodes
                     WHERE id = $1
                     UNION ALL
                     SELECT p.id, p.parent_id, p.name, p.trashed_ms, p.detached, p.height, up.level + 1
                     FROM up JOIN nodes p ON p.id = up.parent_id
                     WHERE up.level < $2
                 )
                 SELECT id, parent_id, name, trashed_ms, detached, height FROM up ORDER BY level",
                &[Value::id(id.as_bytes()), WALK_LEVELS.into()],
            )
            .await?;
        rows.iter().map(read_step).collect()
    }

    /// Makes a node. Answers false, and makes nothing, if its folder holds that name already.
    ///
    /// Its making is recorded before the next node of the space is made: the number of that entry is
    /// its row number within the space.
    pub async fn create_node(&mut self, new: NewNode<'_>) -> Result<bool, CatalogError> {
        let detached = i64::from(new.parent.is_none());
        let version = matches!(new.kind, NodeKind::File).then_some(1_i64);
        let made = self
            .execute(
                "INSERT INTO nodes (row_no, id, space_id, parent_id, name, name_key, kind, version,
                     size_bytes, revision, height, detached, created_ms, modified_ms, trashed_ms, trashed_from)
                 VALUES ((SELECT number * $12 + head + 1 FROM spaces WHERE id = $2),
                     $1, $2, $3, $4, $5, $6, $7, $8, 1, $9, $10, $11, $11, NULL, NULL)
                 ON CONFLICT (parent_id, name) DO NOTHING",
                &[
                    Value::id(new.id.as_bytes()),
                    Value::id(new.space.as_bytes()),
                    new.parent.map(|parent| parent.as_bytes().to_vec()).into(),
                    new.name.as_str().into(),
                    new.name.key().into(),
                    kind_code(new.kind).into(),
                    version.into(),
                    signed(new.size_bytes).into(),
                    i64::from(new.height).into(),
                    detached.into(),
                    new.now.0.into(),
                    spaces::ROWS.into(),
                ],
            )
            .await?;
        Ok(made == 1)
    }

    /// Makes version `number` the current one of a file.
    pub async fn set_current(
        &mut self,
        file: NodeId,
        number: u64,
        size_bytes: u64,
        now: Millis,
    ) -> Result<(), CatalogError> {
        self.execute(
            "UPDATE nodes
             SET version = $2, size_bytes = $3, modified_ms = $4, revision = revision + 1
             WHERE id = $1",
            &[
                Value::id(file.as_bytes()),
                signed(number).into(),
                signed(size_bytes).into(),
                now.0.into(),
            ],
        )
        .await?;
        Ok(())
    }

    /// Puts a node into a folder under a name, from wherever it was: another folder, the trash, or
    /// out of sight. A folder's own time follows; a file's stays that of its content.
    pub async fn place_node(
        &mut self,
        node: &Node,
        folder: NodeId,
        name: &NodeName,
        now: Millis,
    ) -> Result<(), CatalogError> {
        let modified_ms = if node.is_folder() { now } else { node.modified_ms };
        self.execute(
            "UPDATE nodes
             SET parent_id = $2, name = $3, name_key = $4, modified_ms = $5, revision = revision + 1,
                 trashed_ms = NULL, trashed_from = NULL, detached = 0
             WHERE id = $1",
            &[
                Value::id(node.id.as_bytes()),
                Value::id(folder.as_bytes()),
                name.as_str().into(),
                name.key().into(),
                modified_ms.0.into(),
            ],
        )
        .await?;
        Ok(())
    }

    /// Says that a folder may now have `height` levels below it.
    pub async fn raise_height(&mut self, folder: NodeId, height: u32) -> Result<(), CatalogError> {
        self.execute(
            "UPDATE nodes SET height = $2 WHERE id = $1 AND height < $2",
            &[Value::id(folder.as_bytes()), i64::from(height).into()],
        )
        .await?;
        Ok(())
    }

    /// How many levels a node may have below it, at the most.
    pub async fn height(&mut self, node: NodeId) -> Result<u32, CatalogError> {
        let row = self
            .first(
                "SELECT height FROM nodes WHERE id = $1",
                &[Value::id(node.as_bytes())],
            )
            .await?;
        row.map_or(Ok(0), |row| {
            row.int(0).map(|height| u32::try_from(height).unwrap_or(u32::MAX))
        })
    }

    /// Moves a node with all below it to the trash.
    pub async fn trash_node(&mut self, node: NodeId, from: NodeId, now: Millis) -> Result<(), CatalogError> {
        self.execute(
            "UPDATE nodes
             SET parent_id = NULL, trashed_ms = $3, trashed_from = $2, revision = revision + 1
             WHERE id = $1",
            &[
                Value::id(node.as_bytes()),
                Value::id(from.as_bytes()),
                now.0.into(),
            ],
        )
        .await?;
        Ok(())
    }
}

pub(crate) const fn kind_code(kind: NodeKind) -> i64 {
    match kind {
        NodeKind::Folder => 0,
        NodeKind::File => 1,
    }
}

pub(crate) fn read_node(row: &Row) -> Result<Node, CatalogError> {
    let id = NodeId::from_bytes(row.id16(1)?);
    let kind = if row.int(5)? == 0 {
        NodeKind::Folder
    } else {
        NodeKind::File
    };
    let version = match row.opt_int(11)? {
        Some(number) => Some(read_version(row, id, number)?),
        None if kind == NodeKind::File => {
            return Err(CatalogError::Damaged(format!("file {id} has no current version")));
        }
        None => None,
    };
    let trashed = match (row.opt_int(9)?, row.opt_id16(10)?) {
        (Some(at_ms), Some(from)) => Some(Trashed {
            at_ms: Millis(at_ms),
            from: NodeId::from_bytes(from),
        }),
        _ => None,
    };
    Ok(Node {
        id,
        space: SpaceId::from_bytes(row.id16(2)?),
        parent: row.opt_id16(3)?.map(NodeId::from_bytes),
        name: NodeName::from_stored(row.text(4)?),
        kind,
        version,
        revision: count(row.int(6)?),
        created_ms: Millis(row.int(7)?),
        modified_ms: Millis(row.int(8)?),
        trashed,
    })
}

fn read_version(row: &Row, node: NodeId, number: i64) -> Result<Version, CatalogError> {
    Ok(Version {
        node,
        number: count(number),
        blob: model::BlobId::from_bytes(row.id16(12)?),
        size_bytes: count(row.int(13)?),
        digest: digest(&row.bytes(14)?)?,
        media_type: row.text(15)?,
        author: row.opt_id16(16)?.map(UserId::from_bytes),
        origin: origin(&row.text(17)?)?,
        created_ms: Millis(row.int(18)?),
    })
}

pub(crate) fn origin(word: &str) -> Result<Origin, CatalogError> {
    Origin::from_word(word)
        .ok_or_else(|| CatalogError::Damaged(format!("a version has the unknown origin `{word}`")))
}

/// The way from a node to the top of its tree; `None` when it is not there.
fn steps_from(known: &HashMap<NodeId, Step>, from: NodeId) -> Option<Vec<Step>> {
    let mut steps = vec![known.get(&from)?.clone()];
    while let Some(step) = steps.last().and_then(|last| known.get(&last.parent?))
        && steps.len() < known.len()
    {
        steps.push(step.clone());
    }
    Some(steps)
}

fn read_step(row: &Row) -> Result<Step, CatalogError> {
    Ok(Step {
        id: NodeId::from_bytes(row.id16(0)?),
        parent: row.opt_id16(1)?.map(NodeId::from_bytes),
        name: NodeName::from_stored(row.text(2)?),
        is_trashed: row.opt_int(3)?.is_some(),
        is_detached: row.int(4)? != 0,
        height: u32::try_from(row.int(5)?).unwrap_or(u32::MAX),
    })
}
