//! Lists of nodes, in pages that cost what they hold.

use std::collections::{HashMap, HashSet};

use model::{Millis, Node, NodeId, NodeKind, NodeName, Order, Sort, SortKey, SpaceId, UserId};

use crate::archive::Changed;
use crate::db::{Tx, Value};
use crate::nodes::{NODE, NODE_FROM, kind_code, read_node};
use crate::{CatalogError, lists};

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

/// A list that is sorted by a column, and by row number where that is equal.
struct SortedList<'a> {
    /// Which nodes, with the first parameters.
    condition: &'a str,
    params: Vec<Value>,
    column: &'a str,
    order: Order,
}

impl Tx {
    /// Returns the folders or the files in a folder after `after`, at most `limit`.
    pub async fn children(
        &mut self,
        folder: NodeId,
        kind: NodeKind,
        sort: Sort,
        part: (Option<&Mark>, u32),
    ) -> Result<Vec<(Node, Mark)>, CatalogError> {
        let list = SortedList {
            condition: "n.parent_id = $1 AND n.kind = $2",
            params: vec![Value::id(folder.as_bytes()), kind_code(kind).into()],
            column: match sort.key {
                SortKey::Name => "n.name_key",
                SortKey::Modified => "n.modified_ms",
                SortKey::Size => "n.size_bytes",
            },
            order: sort.order,
        };
        self.sorted(list, part).await
    }

    /// Returns the files of a space, the newest content first, deleted ones among them.
    pub async fn files_by_time(
        &mut self,
        space: SpaceId,
        part: (Option<&Mark>, u32),
    ) -> Result<Vec<(Node, Mark)>, CatalogError> {
        let list = SortedList {
            condition: "n.space_id = $1 AND n.kind = 1 AND n.detached = 0",
            params: vec![Value::id(space.as_bytes())],
            column: "n.modified_ms",
            order: Order::Descending,
        };
        self.sorted(list, part).await
    }

    /// Returns the tops of the deleted trees of a space, the latest first.
    pub async fn trash(
        &mut self,
        space: SpaceId,
        part: (Option<&Mark>, u32),
    ) -> Result<Vec<(Node, Mark)>, CatalogError> {
        let list = SortedList {
            condition: "n.space_id = $1 AND n.trashed_ms IS NOT NULL",
            params: vec![Value::id(space.as_bytes())],
            column: "n.trashed_ms",
            order: Order::Descending,
        };
        self.sorted(list, part).await
    }

    /// Returns a part of a sorted list, each node with its place in it.
    ///
    /// A part that begins after a mark is asked for in two: first the rest of what equals the mark,
    /// then what comes after it. SQLite would seek a comparison of both columns by the first alone, and
    /// step through all that is equal: ten thousand files of one size, page after page.
    async fn sorted(
        &mut self,
        list: SortedList<'_>,
        (after, limit): (Option<&Mark>, u32),
    ) -> Result<Vec<(Node, Mark)>, CatalogError> {
        let Some(mark) = after else {
            return self.sorted_where(&list, Vec::new(), limit).await;
        };
        let than = match list.order {
            Order::Ascending => ">",
            Order::Descending => "<",
        };
        let equal = vec![
            ("=", list.column, mark.value.to_value()),
            (than, "n.row_no", mark.row_no.into()),
        ];
        let mut found = self.sorted_where(&list, equal, limit).await?;
        let missing = limit.saturating_sub(u32::try_from(found.len()).unwrap_or(limit));
        if missing > 0 {
            let beyond = vec![(than, list.column, mark.value.to_value())];
            found.extend(self.sorted_where(&list, beyond, missing).await?);
        }
        Ok(found)
    }

    async fn sorted_where(
        &mut self,
        list: &SortedList<'_>,
        places: Vec<(&str, &str, Value)>,
        limit: u32,
    ) -> Result<Vec<(Node, Mark)>, CatalogError> {
        let SortedList {
            condition, column, ..
        } = list;
        let mut params = list.params.clone();
        let mut place = String::new();
        for (compared, column, value) in places {
            params.push(value);
            place.push_str(&format!(" AND {column} {compared} ${}", params.len()));
        }
        params.push(i64::from(limit).into());
        let direction = match list.order {
            Order::Ascending => "ASC",
            Order::Descending => "DESC",
        };
        let sql = format!(
            "SELECT {NODE}, {column}
             FROM {NODE_FROM}
             WHERE {condition}{place}
             ORDER BY {column} {direction}, n.row_no {direction}
             LIMIT ${}",
            params.len()
        );
        let rows = self.query(&sql, &params).await?;
        let is_text = *column == "n.name_key";
        let marked = rows.iter().map(|row| {
            let value = match is_text {
                true => MarkValue::Text(row.text(19)?),
                false => MarkValue::Number(row.int(19)?),
            };
            let row_no = row.int(0)?;
            Ok((read_node(row)?, Mark { value, row_no }))
        });
        marked.collect()
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
        self.queue_for_archive(Changed::Star(user, node)).await?;
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
    let nobody = [NodeId::from_bytes([0; 16])];
    let ids = if ids.is_empty() { &nobody } else { ids };
    lists::holders(params, ids.iter().map(|id| (*id).into()).collect())
}
