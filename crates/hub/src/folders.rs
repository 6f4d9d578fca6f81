//! Folders: making them, alone or along a path.

use catalog::{Entry, NewNode, Step, Tx};
use model::{
    Actor, ChangeKind, Millis, Node, NodeId, NodeKind, NodeName, NodePath, OnConflict, Right, limits,
};

use crate::access::{self, Found, Hold};
use crate::{FolderRef, Hub, HubError, keys, uploads};

/// Folders of a tree that are looked at to measure it; a larger one counts as deep as it ever was.
const MEASURED_FOLDERS: u32 = 10_000;

/// A folder to be made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum NewFolder {
    /// In a folder, under a name.
    In {
        /// The folder.
        folder: FolderRef,
        /// The name.
        name: NodeName,
        /// What to do when the name is taken: a new number, or refuse.
        on_conflict: OnConflict,
    },
    /// Along a path; what is there already stays.
    Path(NodePath),
}

impl Hub {
    /// Makes a folder and returns it; along a path, with those above it.
    ///
    /// # Errors
    /// `NotFound`, `Forbidden`, `NameTaken`, `Invalid` (too deep).
    pub async fn create_folder(&self, actor: &Actor, new: NewFolder) -> Result<(Node, NodePath), HubError> {
        let (hub, actor) = (self.clone(), actor.clone());
        self.to_end(async move {
            let now = hub.now();
            let mut tx = hub.write().await?;
            let made = match new {
                NewFolder::In {
                    folder,
                    name,
                    on_conflict,
                } => {
                    let folder = access::folder(&mut tx, &actor, folder, Right::Edit, Hold::Yes).await?;
                    let is_taken = access::child(&mut tx, &folder, &name).await?.is_some();
                    let name = match (is_taken, on_conflict) {
                        (true, OnConflict::KeepBoth) => {
                            uploads::free_name(&mut tx, folder.node.id, &name).await?
                        }
                        (true, _) => return Err(HubError::NameTaken(name.to_string())),
                        (false, _) => name,
                    };
                    make(&mut tx, &actor, folder, name, now).await?
                }
                NewFolder::Path(path) => {
                    let root =
                        access::folder(&mut tx, &actor, FolderRef::Root, Right::Edit, Hold::Yes).await?;
                    make_path(&mut tx, &actor, root, path.names(), now).await?
                }
            };
            tx.commit().await?;
            let path = made.path();
            Ok((made.into_node(), path))
        })
        .await
    }
}

/// Goes down `names` from a folder that is held, making what is missing.
pub(crate) async fn make_path(
    tx: &mut Tx,
    actor: &Actor,
    mut folder: Found,
    names: &[NodeName],
    now: Millis,
) -> Result<Found, HubError> {
    for name in names {
        folder = match access::child(tx, &folder, name).await? {
            Some(node) if node.is_folder() => {
                let height = tx.height(node.id).await?;
                below(folder, node, height)
            }
            Some(node) => return Err(HubError::NameTaken(node.name.to_string())),
            None => make(tx, actor, folder, name.clone(), now).await?,
        };
    }
    Ok(folder)
}

/// Makes a folder in one that is held, under a name that is free.
pub(crate) async fn make(
    tx: &mut Tx,
    actor: &Actor,
    folder: Found,
    name: NodeName,
    now: Millis,
) -> Result<Found, HubError> {
    check_depth(&folder, 0)?;
    let id = NodeId::new(now, keys::random());
    let new = NewNode {
        id,
        space: folder.space.id,
        parent: Some(folder.node.id),
        name: &name,
        kind: NodeKind::Folder,
        size_bytes: 0,
        height: 0,
        now,
    };
    if !tx.create_node(new).await? {
        return Err(HubError::NameTaken(name.to_string()));
    }
    raise(tx, &folder.way, 1).await?;
    let node = Node {
        id,
        space: folder.space.id,
        parent: Some(folder.node.id),
        name,
        kind: NodeKind::Folder,
        version: None,
        revision: 1,
        created_ms: now,
        modified_ms: now,
        trashed: None,
    };
    let entry = Entry {
        kind: ChangeKind::Created,
        node: &node,
        actor: actor.user(),
        at_ms: now,
        grown_bytes: 0,
    };
    tx.record(entry).await?;
    Ok(below(folder, node, 0))
}

/// The way to a child of a found folder.
fn below(folder: Found, node: Node, height: u32) -> Found {
    let step = Step {
        id: node.id,
        parent: node.parent,
        name: node.name.clone(),
        is_trashed: false,
        is_detached: false,
        height,
    };
    let mut way = vec![step];
    way.extend(folder.way);
    Found {
        node,
        space: folder.space,
        way,
        right: folder.right,
        gives: folder.gives,
        shown: folder.shown + 1,
    }
}

/// Refuses a node with `height` levels below it in a folder where the lowest would be too deep.
pub(crate) fn check_depth(folder: &Found, height: u32) -> Result<(), HubError> {
    let deepest = folder.depth() + 1 + height as usize;
    if deepest > limits::DEPTH {
        let problem = format!(
            "folders may be nested {} levels deep, this would be {deepest}",
            limits::DEPTH
        );
        return Err(HubError::invalid("folder", problem));
    }
    Ok(())
}

/// Refuses a tree in a folder where its lowest level would be too deep. Answers the levels that it has
/// below it, at the most.
///
/// What is written down of them never shrinks, so before a refusal the tree is measured.
pub(crate) async fn check_tree(tx: &mut Tx, folder: &Found, top: NodeId) -> Result<u32, HubError> {
    let height = tx.height(top).await?;
    let Err(too_deep) = check_depth(folder, height) else {
        return Ok(height);
    };
    match tx.levels_below(top, MEASURED_FOLDERS).await? {
        Some(levels) => check_depth(folder, levels).map(|()| height),
        None => Err(too_deep),
    }
}

/// Says of a folder, the first on `way`, that it now has `levels` levels below it.
///
/// The heights grow by at least one a level, so the walk ends where a folder knows it already: an
/// upload into a folder with files in it writes nothing here.
pub(crate) async fn raise(tx: &mut Tx, way: &[Step], levels: u32) -> Result<(), HubError> {
    for (height, step) in (levels..).zip(way) {
        if step.height >= height {
            break;
        }
        tx.raise_height(step.id, height).await?;
    }
    Ok(())
}
