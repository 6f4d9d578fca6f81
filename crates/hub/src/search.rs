//! Search by name, within the actor's space or a folder that they may see.

use catalog::{Criteria, Tx, Whereabouts};
use model::{Actor, Millis, Node, NodeId, NodeKind, NodePath, Right, Space};

use crate::access::{self, FolderRef, Hold};
use crate::listings::{self, ListingPage, Part};
use crate::{Hub, HubError, cursors};

/// What a tree may hold for a search below it to walk its folders rather than the space's names.
const SMALL_FOLDERS: usize = 1000;
const SMALL_CHILDREN: u32 = 10_000;
/// Hits that one look takes in, and looks that one page may take. A page that found too little within
/// them is short and says where to go on.
const LOOK_HITS: u32 = 500;
const LOOKS: usize = 10;

/// What to look for. Everything that is given must hold.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Search {
    /// Part of the name, in any case; empty for any.
    pub text: String,
    /// Folder or file.
    pub kind: Option<NodeKind>,
    /// Media types, whole or by prefix (`image/`).
    pub media_types: Vec<String>,
    /// At least this many bytes.
    pub min_bytes: Option<u64>,
    /// At most this many bytes.
    pub max_bytes: Option<u64>,
    /// Changed at or after.
    pub since: Option<Millis>,
    /// Changed before.
    pub before: Option<Millis>,
    /// Somewhere below this folder.
    pub folder: Option<FolderRef>,
}

type Hits = Vec<((Node, NodePath), i64)>;

impl Hub {
    /// Returns the nodes that fit, the newest first, with their paths. Nothing from the trash.
    ///
    /// # Errors
    /// `NotFound` (folder), `Invalid` (cursor).
    pub async fn search(&self, actor: &Actor, search: Search, part: Part) -> Result<ListingPage, HubError> {
        let mut tx = self.read().await?;
        let scope = format!("search {} {search:?}", access::scope(actor));
        let before = match &part.cursor {
            Some(cursor) => Some(cursors::open::<i64>(self.keys(), &scope, cursor)?),
            None => None,
        };
        let folder = search.folder.unwrap_or(FolderRef::Root);
        let within = access::folder(&mut tx, actor, folder, Right::View, Hold::No).await?;
        let hidden_names = within.hidden_names();
        let space = within.space;
        let folder = Some(within.node.id).filter(|folder| *folder != space.root);
        let criteria = Criteria {
            text: model::fold(&search.text),
            kind: search.kind,
            media_types: search.media_types,
            min_bytes: search.min_bytes,
            max_bytes: search.max_bytes,
            since: search.since,
            before: search.before,
        };
        let small = match folder {
            Some(folder) => small_tree(&mut tx, folder).await?,
            None => None,
        };
        let at = (before, part.limit);
        let (hits, next) = match small {
            Some(folders) => search_folders(&mut tx, &space, &folders, &criteria, at).await?,
            None => search_space(&mut tx, (&space, folder), &criteria, at).await?,
        };
        let next = next.map(|row_no| cursors::seal(self.keys(), &scope, &row_no));
        let nodes = hits
            .into_iter()
            .map(|((node, path), _)| {
                let shown = path.names().iter().skip(hidden_names).cloned();
                (node, Some(shown.collect()))
            })
            .collect();
        Ok(ListingPage {
            items: listings::with_stars(&mut tx, actor, nodes).await?,
            next,
        })
    }
}

/// A folder and all folders below it, unless they or what they hold are many.
async fn small_tree(tx: &mut Tx, folder: NodeId) -> Result<Option<Vec<NodeId>>, HubError> {
    let mut folders = vec![folder];
    let mut looked = 0;
    let mut children = 0;
    while looked < folders.len() {
        let end = folders.len().min(looked + catalog::CHUNK);
        let chunk = &folders[looked..end];
        children += tx.count_children(chunk, SMALL_CHILDREN + 1).await?;
        let room = SMALL_FOLDERS + 1 - folders.len();
        let below = tx.folders_in(chunk, u32::try_from(room).unwrap_or(0)).await?;
        looked = end;
        folders.extend(below);
        if folders.len() > SMALL_FOLDERS || children > SMALL_CHILDREN {
            return Ok(None);
        }
    }
    Ok(Some(folders))
}

async fn search_folders(
    tx: &mut Tx,
    space: &Space,
    folders: &[NodeId],
    criteria: &Criteria,
    (before, limit): (Option<i64>, u32),
) -> Result<(Hits, Option<i64>), HubError> {
    let mut rows = Vec::new();
    for chunk in folders.chunks(catalog::CHUNK) {
        rows.extend(tx.search_children(chunk, criteria, (before, limit + 1)).await?);
    }
    rows.sort_by_key(|(_, row_no)| std::cmp::Reverse(*row_no));
    let has_more = rows.len() > limit as usize;
    rows.truncate(limit as usize);
    let next = rows.last().filter(|_| has_more).map(|(_, row_no)| *row_no);
    Ok((listings::live(tx, space, rows).await?, next))
}

async fn search_space(
    tx: &mut Tx,
    (space, folder): (&Space, Option<NodeId>),
    criteria: &Criteria,
    (mut before, limit): (Option<i64>, u32),
) -> Result<(Hits, Option<i64>), HubError> {
    let mut hits: Hits = Vec::new();
    // Usually all that is found is in the tree, and one more than asked for says whether there is more.
    let mut most = if folder.is_some() { LOOK_HITS } else { limit + 1 };
    for _ in 0..LOOKS {
        let looked = tx.search(space.id, criteria, (before, most)).await?;
        for (hit, row_no) in located(tx, space, folder, looked.found).await? {
            if hits.len() == limit as usize {
                return Ok((hits, before));
            }
            before = Some(row_no);
            hits.push((hit, row_no));
        }
        before = looked.next;
        if before.is_none() {
            break;
        }
        most = LOOK_HITS;
        // SQLite answers on this very thread: others get their turn between two looks.
        tokio::task::yield_now().await;
    }
    Ok((hits, before))
}

/// Keeps the rows that are in the tree and below the folder.
async fn located(
    tx: &mut Tx,
    space: &Space,
    folder: Option<NodeId>,
    rows: Vec<(Node, i64)>,
) -> Result<Hits, HubError> {
    let Some(folder) = folder else {
        return listings::live(tx, space, rows).await;
    };
    let parents: Vec<NodeId> = rows.iter().filter_map(|(node, _)| node.parent).collect();
    let places = tx.whereabouts(&parents, space.root).await?;
    let below = rows.into_iter().filter(|(node, _)| {
        let Some(Whereabouts::Live(above)) = node.parent.and_then(|parent| places.get(&parent)) else {
            return false;
        };
        listings::is_below(above, folder)
    });
    let below = below.collect();
    listings::live(tx, space, below).await
}
