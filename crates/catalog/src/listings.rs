//! Lists of nodes, in pages that cost what they hold.

use std::collections::{HashMap, HashSet};

use model::{Millis, Node, NodeId, NodeKind, NodeName, Order, Sort, SortKey, SpaceId, UserId};

use crate::db::{Tx, Value};
use crate::nodes::{NODE, NODE_FROM, kind_code, read_node};
use crate::{CatalogError, signed};

/// A place in a listing: the sort value and row number of the item before it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mark {
    /// What the list is sorted by.
    pub value: MarkValue,
    /// Breaks ties.
    pub row_no: i64,
}

/// The sort value of a [`Mark`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum MarkValue {
    /// A folded name.
    Text(String),
    /// A time or a size.
    Number(i64),
}

impl MarkValue {
    fn to_value(&self) -> Value {
        match self {
            Self::Text(text) => text.as_str().into(),
            Self::Number(number) => (*number).into(),
        }
    }
}

/// Where a node stands in its space, as far as listings need to know.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Whereabouts {
    /// In the tree: the names from the root down to the node's folder.
    Live(Vec<(NodeId, NodeName)>),
    /// Below something that was deleted, or not attached to the tree.
    Hidden,
}

impl Tx {
    /// Returns the folders or the files in a folder after `after`, at most `limit`.
    pub async fn children(
        &mut self,
        folder: NodeId,
        kind: NodeKind,
        sort: Sort,
        (after, limit): (Option<&Mark>, u32),
    ) -> Result<Vec<(Node, Mark)>, CatalogError> {
        let column = match sort.key {
            SortKey::Name => "n.name_key",
            SortKey::Modified => "n.modified_ms",
            SortKey::Size => "n.size_bytes",
        };
        let (than, direction) = match sort.order {
            Order::Ascending => (">", "ASC"),
            Order::Descending => ("<", "DESC"),
        };
        let mut params = vec![
            Value::id(folder.as_bytes()),
            kind_code(kind).into(),
            i64::from(limit).into(),
        ];
        let resume = match after {
            Some(mark) => {
                params.push(mark.value.to_value());
                params.push(mark.row_no.into());
                format!("AND ({column}, n.row_no) {than} ($4, $5)")
            }
            None => String::new(),
        };
        let sql = format!(
            "SELECT {NODE}, n.name_key
             FROM {NODE_FROM}
             WHERE n.parent_id = $1 AND n.kind = $2 {resume}
             ORDER BY {column} {direction}, n.row_no {direction}
             LIMIT $3"
        );
        let rows = self.query(&sql, &params).await?;
        rows.iter()
            .map(|row| {
                let node = read_node(row)?;
                let value = match sort.key {
                    SortKey::Name => MarkValue::Text(row.text(19)?),
                    SortKey::Modified => MarkValue::Number(node.modified_ms.0),
                    SortKey::Size => MarkValue::Number(signed(node.size_bytes())),
                };
                Ok((
                    node,
                    Mark {
                        value,
                        row_no: row.int(0)?,
                    },
                ))
            })
            .collect()
    }

    /// Returns the files of a space, the newest content first, deleted ones among them.
    pub async fn files_by_time(
        &mut self,
        space: SpaceId,
        (after, limit): (Option<&Mark>, u32),
    ) -> Result<Vec<(Node, Mark)>, CatalogError> {
        let mut params = vec![Value::id(space.as_bytes()), i64::from(limit).into()];
        let resume = match after {
            Some(mark) => {
                params.push(mark.value.to_value());
                params.push(mark.row_no.into());
                "AND (n.modified_ms, n.row_no) < ($3, $4)"
            }
            None => "",
        };
        let sql = format!(
            "SELECT {NODE}
             FROM {NODE_FROM}
             WHERE n.space_id = $1 AND n.kind = 1 AND n.detached = 0 {resume}
             ORDER BY n.modified_ms DESC, n.row_no DESC
             LIMIT $2"
        );
        let rows = self.query(&sql, &params).await?;
        rows.iter()
            .map(|row| {
                let node = read_node(row)?;
                let mark = Mark {
                    value: MarkValue::Number(node.modified_ms.0),
                    row_no: row.int(0)?,
                };
                Ok((node, mark))
            })
            .collect()
    }

    /// Returns the tops of the deleted trees of a space, the latest first.
    pub async fn trash(
        &mut self,
        space: SpaceId,
        (after, limit): (Option<&Mark>, u32),
    ) -> Result<Vec<(Node, Mark)>, CatalogError> {
        let mut params = vec![Value::id(space.as_bytes()), i64::from(limit).into()];
        let resume = match after {
            Some(mark) => {
                params.push(mark.value.to_value());
                params.push(mark.row_no.into());
                "AND (n.trashed_ms, n.row_no) < ($3, $4)"
            }
            None => "",
        };
        let sql = format!(
            "SELECT {NODE}
             FROM {NODE_FROM}
             WHERE n.space_id = $1 AND n.trashed_ms IS NOT NULL {resume}
             ORDER BY n.trashed_ms DESC, n.row_no DESC
             LIMIT $2"
        );
        let rows = self.query(&sql, &params).await?;
        rows.iter()
            .map(|row| {
                let node = read_node(row)?;
                let at_ms = node.trashed.map_or(Millis(0), |trashed| trashed.at_ms);
                Ok((
                    node,
                    Mark {
                        value: MarkValue::Number(at_ms.0),
                        row_no: row.int(0)?,
                    },
                ))
            })
            .collect()
    }

    /// Returns tops of deleted trees of any space that were deleted before `before`, oldest first.
    pub async fn trashed_before(&mut self, before: Millis, limit: u32) -> Result<Vec<Node>, CatalogError> {
        let sql = format!(
            "SELECT {NODE}
             FROM {NODE_FROM}
             WHERE n.trashed_ms IS NOT NULL AND n.trashed_ms < $1
             ORDER BY n.trashed_ms
             LIMIT $2"
        );
        let rows = self
            .query(&sql, &[before.0.into(), i64::from(limit).into()])
            .await?;
        rows.iter().map(read_node).collect()
    }

    /// Returns what a user starred, the latest star first, deleted ones among them.
    pub async fn starred(
        &mut self,
        user: UserId,
        (after, limit): (Option<(Millis, NodeId)>, u32),
    ) -> Result<Vec<(Node, Millis)>, CatalogError> {
        let mut params = vec![Value::id(user.as_bytes()), i64::from(limit).into()];
        let resume = match after {
            Some((at_ms, node)) => {
                params.push(at_ms.0.into());
                params.push(Value::id(node.as_bytes()));
                "AND (s.starred_ms, s.node_id) < ($3, $4)"
            }
            None => "",
        };
        let sql = format!(
            "SELECT {NODE}, s.starred_ms
             FROM stars s JOIN nodes n ON n.id = s.node_id
                  LEFT JOIN versions v ON v.node_id = n.id AND v.number = n.version
             WHERE s.user_id = $1 AND n.detached = 0 {resume}
             ORDER BY s.starred_ms DESC, s.node_id DESC
             LIMIT $2"
        );
        let rows = self.query(&sql, &params).await?;
        rows.iter()
            .map(|row| Ok((read_node(row)?, Millis(row.int(19)?))))
            .collect()
    }

    /// Sets or removes a user's star. Repeating it changes nothing.
    pub async fn set_star(
        &mut self,
        user: UserId,
        node: NodeId,
        starred: Option<Millis>,
    ) -> Result<(), CatalogError> {
        let (user, node) = (Value::id(user.as_bytes()), Value::id(node.as_bytes()));
        match starred {
            Some(now) => {
                self.execute(
                    "INSERT INTO stars (user_id, node_id, starred_ms) VALUES ($1, $2, $3)
                     ON CONFLICT DO NOTHING",
                    &[user, node, now.0.into()],
                )
                .await?
            }
            None => {
                self.execute(
                    "DELETE FROM stars WHERE user_id = $1 AND node_id = $2",
                    &[user, node],
                )
                .await?
            }
        };
        Ok(())
    }

    /// Which of `nodes` a user starred.
    pub async fn stars(&mut self, user: UserId, nodes: &[NodeId]) -> Result<HashSet<NodeId>, CatalogError> {
        let mut starred = HashSet::new();
        for chunk in nodes.chunks(CHUNK) {
            let mut params = vec![Value::id(user.as_bytes())];
            let list = place_holders(&mut params, chunk);
            let sql = format!("SELECT node_id FROM stars WHERE user_id = $1 AND node_id IN ({list})");
            for row in self.query(&sql, &params).await? {
                starred.insert(NodeId::from_bytes(row.id16(0)?));
            }
        }
        Ok(starred)
    }

    /// Tells for each of `folders` whether it is in the tree of its space, and under which names.
    ///
    /// One query a level for all of them together.
    pub async fn whereabouts(
        &mut self,
        folders: &[NodeId],
        root: NodeId,
    ) -> Result<HashMap<NodeId, Whereabouts>, CatalogError> {
        let mut known: HashMap<NodeId, Above> = HashMap::new();
        let mut frontier: Vec<NodeId> = folders
            .iter()
            .copied()
            .collect::<HashSet<_>>()
            .into_iter()
            .collect();
        while !frontier.is_empty() {
            for chunk in frontier.chunks(CHUNK) {
                let mut params = Vec::new();
                let list = place_holders(&mut params, chunk);
                let sql = format!("SELECT id, parent_id, name FROM nodes WHERE id IN ({list})");
                for row in self.query(&sql, &params).await? {
                    let parent = row.opt_id16(1)?.map(NodeId::from_bytes);
                    let name = NodeName::from_stored(row.text(2)?);
                    known.insert(NodeId::from_bytes(row.id16(0)?), Above { parent, name });
                }
            }
            let parents: HashSet<NodeId> = frontier.iter().filter_map(|id| known.get(id)?.parent).collect();
            frontier = parents.into_iter().filter(|id| !known.contains_key(id)).collect();
        }
        Ok(folders
            .iter()
            .map(|folder| (*folder, names_above(&known, *folder, root)))
            .collect())
    }
}

struct Above {
    parent: Option<NodeId>,
    name: NodeName,
}

fn names_above(known: &HashMap<NodeId, Above>, folder: NodeId, root: NodeId) -> Whereabouts {
    let mut names = Vec::new();
    let mut at = folder;
    while at != root {
        match known.get(&at) {
            Some(Above {
                parent: Some(parent),
                name,
            }) if names.len() < known.len() => {
                names.push((at, name.clone()));
                at = *parent;
            }
            _ => return Whereabouts::Hidden,
        }
    }
    names.reverse();
    Whereabouts::Live(names)
}

/// Ids in one `IN (…)`.
pub const CHUNK: usize = 128;

/// Appends `ids` to the parameters, filled up to a few sizes so that few statements are prepared.
pub(crate) fn place_holders(params: &mut Vec<Value>, ids: &[NodeId]) -> String {
    let size = [1, 8, 32, CHUNK]
        .into_iter()
        .find(|size| *size >= ids.len())
        .unwrap_or(CHUNK);
    let filler = ids.last().copied().unwrap_or_else(|| NodeId::from_bytes([0; 16]));
    let mut list = String::new();
    for i in 0..size {
        params.push(Value::id(ids.get(i).unwrap_or(&filler).as_bytes()));
        if i > 0 {
            list.push_str(", ");
        }
        list.push('$');
        list.push_str(&params.len().to_string());
    }
    list
}
