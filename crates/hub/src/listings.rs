//! Lists of nodes in pages: a folder, all files, starred, recent.

use catalog::{Mark, MarkValue, Tx, Whereabouts};
use model::{Actor, Millis, Node, NodeId, NodeKind, NodeName, NodePath, Right, Sort, Space};
use serde::{Deserialize, Serialize};

use crate::access::{self, FolderRef, Hold};
use crate::{Hub, HubError, cursors};

/// Rows that one look at a list that skips deleted nodes takes in, and looks that one page may take. A
/// page that found too little within them is short and says where to go on.
const LOOK_ROWS: u32 = 500;
const LOOKS: usize = 40;

/// A node in a list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Listed {
    /// The node.
    pub node: Node,
    /// Whether the person starred it.
    pub is_starred: bool,
    /// Its path, in lists that go beyond one folder.
    pub path: Option<NodePath>,
}

/// One page of nodes.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ListingPage {
    /// The nodes.
    pub items: Vec<Listed>,
    /// Opens the next page; `None` on the last.
    pub next: Option<String>,
}

/// What part of a list to return.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Part {
    /// Items at the most.
    pub limit: u32,
    /// Where the page before ended.
    pub cursor: Option<String>,
}

/// A [`Mark`] as a cursor carries it.
#[derive(Serialize, Deserialize)]
pub(crate) struct MarkPlace {
    kind: Option<u8>,
    text: Option<String>,
    number: Option<i64>,
    row: i64,
}

impl MarkPlace {
    pub(crate) fn new(kind: Option<NodeKind>, mark: &Mark) -> Self {
        let (text, number) = match &mark.value {
            MarkValue::Text(text) => (Some(text.clone()), None),
            MarkValue::Number(number) => (None, Some(*number)),
        };
        Self {
            kind: kind.map(|kind| u8::from(kind == NodeKind::File)),
            text,
            number,
            row: mark.row_no,
        }
    }

    pub(crate) fn mark(self) -> Mark {
        let value = match (self.text, self.number) {
            (Some(text), _) => MarkValue::Text(text),
            (None, number) => MarkValue::Number(number.unwrap_or(0)),
        };
        Mark {
            value,
            row_no: self.row,
        }
    }
}

impl Hub {
    /// Lists a folder: its folders, then its files, each in the order of `sort`.
    ///
    /// A page continues where the one before ended, whatever was added or removed meanwhile.
    ///
    /// # Errors
    /// `NotFound`, `Invalid` (cursor).
    pub async fn children(
        &self,
        actor: &Actor,
        folder: FolderRef,
        (kind, sort): (Option<NodeKind>, Sort),
        part: Part,
    ) -> Result<ListingPage, HubError> {
        let mut tx = self.read().await?;
        let folder = access::folder(&mut tx, actor, folder, Right::View, Hold::No)
            .await?
            .node
            .id;
        let scope = format!("children {} {folder} {kind:?} {sort:?}", access::scope(actor));
        let mut place = match &part.cursor {
            Some(cursor) => Some(cursors::open::<MarkPlace>(self.keys(), &scope, cursor)?),
            None => None,
        };
        let mut rows: Vec<(Node, Mark)> = Vec::new();
        for each in [NodeKind::Folder, NodeKind::File] {
            let is_wanted = kind.is_none_or(|kind| kind == each);
            let is_done =
                place.as_ref().is_some_and(|place| place.kind == Some(1)) && each == NodeKind::Folder;
            if !is_wanted || is_done {
                continue;
            }
            let is_here = place
                .as_ref()
                .is_some_and(|place| place.kind == Some(u8::from(each == NodeKind::File)));
            let after = if is_here {
                place.take().map(MarkPlace::mark)
            } else {
                None
            };
            // One more than asked for tells whether there is a next page.
            let missing = part.limit + 1 - u32::try_from(rows.len()).unwrap_or(0);
            if missing > 0 {
                rows.extend(tx.children(folder, each, sort, (after.as_ref(), missing)).await?);
            }
        }
        let has_more = rows.len() > part.limit as usize;
        rows.truncate(part.limit as usize);
        let next = rows
            .last()
            .filter(|_| has_more)
            .map(|(node, mark)| cursors::seal(self.keys(), &scope, &MarkPlace::new(Some(node.kind), mark)));
        let nodes = rows.into_iter().map(|(node, _)| (node, None)).collect();
        Ok(ListingPage {
            items: with_stars(&mut tx, actor, nodes).await?,
            next,
        })
    }

    /// Lists the files of the actor's space, the newest content first, with their paths.
    ///
    /// # Errors
    /// `Invalid` (cursor).
    pub async fn recent(&self, actor: &Actor, offset: u32, part: Part) -> Result<ListingPage, HubError> {
        let mut tx = self.read().await?;
        let space = access::own_space(&mut tx, actor).await?;
        let user = access::user(actor)?;
        let scope = format!("files {user}");
        let mut after = match &part.cursor {
            Some(cursor) => Some(cursors::open::<MarkPlace>(self.keys(), &scope, cursor)?.mark()),
            None => None,
        };
        let mut to_skip = offset as usize;
        let mut found: Vec<(Node, Option<NodePath>)> = Vec::new();
        let mut looks = 0;
        let mut look_rows = part.limit + 1;
        let has_more = 'look: loop {
            let rows = tx.files_by_time(space.id, (after.as_ref(), look_rows)).await?;
            let is_last = rows.len() < look_rows as usize;
            let last = rows.last().map(|(_, mark)| mark.clone());
            for ((node, path), mark) in live(&mut tx, &space, rows).await? {
                if to_skip > 0 {
                    to_skip -= 1;
                } else if found.len() == part.limit as usize {
                    // There is one more: the next page starts right after the last of this one.
                    break 'look true;
                } else {
                    found.push((node, Some(path)));
                }
                after = Some(mark);
            }
            if is_last {
                break false;
            }
            after = last;
            look_rows = LOOK_ROWS;
            looks += 1;
            // What is to be skipped is bounded by itself, and a cursor could not carry it.
            if looks >= LOOKS && to_skip == 0 {
                break true;
            }
            tokio::task::yield_now().await;
        };
        let next = after
            .filter(|_| has_more)
            .map(|mark| cursors::seal(self.keys(), &scope, &MarkPlace::new(None, &mark)));
        Ok(ListingPage {
            items: with_stars(&mut tx, actor, found).await?,
            next,
        })
    }

    /// Lists what the actor starred, the latest star first, with paths.
    ///
    /// # Errors
    /// `Invalid` (cursor).
    pub async fn starred(&self, actor: &Actor, part: Part) -> Result<ListingPage, HubError> {
        let mut tx = self.read().await?;
        let space = access::own_space(&mut tx, actor).await?;
        let user = access::user(actor)?;
        let scope = format!("starred {user}");
        let mut after: Option<(Millis, NodeId)> = match &part.cursor {
            Some(cursor) => Some(cursors::open(self.keys(), &scope, cursor)?),
            None => None,
        };
        let mut items: Vec<Listed> = Vec::new();
        let mut look_rows = part.limit + 1;
        for _ in 0..LOOKS {
            let rows = tx.starred(user, (after, look_rows)).await?;
            let is_last = rows.len() < look_rows as usize;
            let last = rows.last().map(|(node, at_ms)| (*at_ms, node.id));
            for ((node, path), at_ms) in within_reach(&mut tx, actor, &space, rows).await? {
                if items.len() == part.limit as usize {
                    let next = after.map(|place| cursors::seal(self.keys(), &scope, &place));
                    return Ok(ListingPage { items, next });
                }
                after = Some((at_ms, node.id));
                items.push(Listed {
                    node,
                    is_starred: true,
                    path: Some(path),
                });
            }
            if is_last {
                return Ok(ListingPage { items, next: None });
            }
            after = last;
            look_rows = LOOK_ROWS;
            tokio::task::yield_now().await;
        }
        let next = after.map(|place| cursors::seal(self.keys(), &scope, &place));
        Ok(ListingPage { items, next })
    }
}

/// Keeps the nodes that are in the tree of a space, with their paths.
pub(crate) async fn live<M>(
    tx: &mut Tx,
    space: &Space,
    rows: Vec<(Node, M)>,
) -> Result<Vec<((Node, NodePath), M)>, HubError> {
    let folders: Vec<NodeId> = rows
        .iter()
        .filter(|(node, _)| node.space == space.id)
        .filter_map(|(node, _)| node.parent)
        .collect();
    let places = tx.whereabouts(&folders, space.root).await?;
    let located = rows.into_iter().filter_map(|(node, mark)| {
        let Whereabouts::Live(above) = places.get(&node.parent?)? else {
            return None;
        };
        let names = above
            .iter()
            .map(|(_, name)| name.clone())
            .chain([node.name.clone()]);
        let path: NodePath = names.collect();
        Some(((node, path), mark))
    });
    Ok(located.collect())
}

/// Keeps the nodes that the actor may see, in their own space or as somebody gave it to them, with
/// their paths.
async fn within_reach(
    tx: &mut Tx,
    actor: &Actor,
    own: &Space,
    rows: Vec<(Node, Millis)>,
) -> Result<Vec<((Node, NodePath), Millis)>, HubError> {
    let order: Vec<NodeId> = rows.iter().map(|(node, _)| node.id).collect();
    let (mine, given): (Vec<_>, Vec<_>) = rows.into_iter().partition(|(node, _)| node.space == own.id);
    let mut kept = live(tx, own, mine).await?;
    for (node, at_ms) in given {
        match access::node(tx, actor, node.id, Right::View, Hold::No).await {
            Ok(found) => {
                let path = found.path();
                kept.push(((found.into_node(), path), at_ms));
            }
            Err(HubError::NotFound(_)) => {}
            Err(error) => return Err(error),
        }
    }
    kept.sort_by_key(|((node, _), _)| order.iter().position(|id| *id == node.id));
    Ok(kept)
}

/// Adds the person's stars to a page.
pub(crate) async fn with_stars(
    tx: &mut Tx,
    actor: &Actor,
    nodes: Vec<(Node, Option<NodePath>)>,
) -> Result<Vec<Listed>, HubError> {
    let ids: Vec<NodeId> = nodes.iter().map(|(node, _)| node.id).collect();
    let stars = access::stars(tx, actor, &ids).await?;
    let listed = nodes.into_iter().map(|(node, path)| {
        let is_starred = stars.contains(&node.id);
        Listed {
            node,
            is_starred,
            path,
        }
    });
    Ok(listed.collect())
}

/// Whether a node with these names above it is below a folder.
pub(crate) fn is_below(above: &[(NodeId, NodeName)], folder: NodeId) -> bool {
    above.iter().any(|(id, _)| *id == folder)
}
