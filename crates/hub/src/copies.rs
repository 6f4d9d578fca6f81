//! Copying nodes: versions of the same blobs, so no byte is copied.
//!
//! A file is copied in one transaction. A tree is built out of sight in steps of bounded size, then
//! appears in one. Interrupted, it never appears, and the sweep frees it.

use catalog::{Entry, NewNode, Tx};
use model::{
    Actor, ChangeKind, Node, NodeId, NodeName, NodePath, OnConflict, Origin, Right, SpaceId, Version,
};

use crate::access::{self, FolderRef, Found, Hold};
use crate::uploads::{Write, signed};
use crate::{Hub, HubError, folders, trash, uploads};

/// Nodes that one transaction copies.
const STEP_NODES: u32 = 100;

/// What to copy where.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Copy {
    /// The node.
    pub node: NodeId,
    /// Into which folder; `None` is the node's own.
    pub folder: Option<FolderRef>,
    /// Under which name; `None` is the node's own.
    pub name: Option<NodeName>,
    /// What to do when the name is taken: a new number, or refuse.
    pub on_conflict: OnConflict,
}

impl Copy {
    /// Where the copy goes: beside its source unless it is said; what was given goes to one's own root.
    fn target(&self, source: &Found) -> Option<FolderRef> {
        let parent = source.node.parent?;
        let beside = match source.is_top() {
            true => FolderRef::Root,
            false => FolderRef::Id(parent),
        };
        Some(self.folder.unwrap_or(beside))
    }
}

impl Hub {
    /// Copies a node with all below it; of a file, its current version.
    ///
    /// # Errors
    /// `NotFound`, `Forbidden`, `NameTaken`, `Conflict` (a folder into itself), `QuotaExceeded`,
    /// `Invalid` (too deep).
    pub async fn copy(&self, actor: &Actor, copy: Copy) -> Result<(Node, NodePath), HubError> {
        let (hub, actor) = (self.clone(), actor.clone());
        self.to_end(async move {
            let mut tx = hub.read().await?;
            let ends = copy_ends(&mut tx, &actor, &copy, Hold::No).await?;
            drop(tx);
            if !ends.source.node.is_folder() {
                return hub
                    .copy_file(&actor, &copy, [ends.source.space.id, ends.target.space.id])
                    .await;
            }
            let top = hub.build_top(&actor, &ends).await?;
            match hub.build_and_place(&actor, &copy, &ends.source, top).await {
                Ok(placed) => Ok(placed),
                Err(error) => {
                    hub.give_up(&actor, top).await;
                    Err(error)
                }
            }
        })
        .await
    }

    /// Makes a file of the current version of another.
    async fn copy_file(
        &self,
        actor: &Actor,
        copy: &Copy,
        spaces: [SpaceId; 2],
    ) -> Result<(Node, NodePath), HubError> {
        let now = self.now();
        let mut tx = self.write().await?;
        // Two spaces are held in one order, so that two copies never wait for each other.
        let mut spaces = spaces;
        spaces.sort_unstable();
        for space in spaces {
            tx.lock_space(space).await?;
        }
        let Ends { source, target, name } = copy_ends(&mut tx, actor, copy, Hold::Yes).await?;
        let version = source.node.version.ok_or(HubError::NotFound("file"))?;
        self.hold_quota(&mut tx, target.space.id, version.size_bytes)
            .await?;
        let path = crate::nodes::path_in(&target, &name, false);
        tx.count_uses(version.blob, 1, now);
        let write = Write {
            blob: version.blob,
            size_bytes: version.size_bytes,
            digest: version.digest,
            media_type: version.media_type,
            origin: Origin::Copy,
            at_ms: now,
        };
        let node = uploads::create_file(&mut tx, actor, (&target, name), write).await?;
        tx.commit().await?;
        Ok((node, path))
    }

    /// Makes the top of the copy of a tree, in no folder.
    async fn build_top(&self, actor: &Actor, ends: &Ends) -> Result<Built, HubError> {
        let mut tx = self.write().await?;
        let space = ends.target.space.id;
        tx.lock_space(space).await?;
        let top = build(self, &mut tx, actor, &ends.source.node, (space, None)).await?;
        tx.commit().await?;
        Ok(top)
    }

    async fn build_and_place(
        &self,
        actor: &Actor,
        copy: &Copy,
        source: &Found,
        top: Built,
    ) -> Result<(Node, NodePath), HubError> {
        let mut to_do = vec![(source.node.id, top)];
        while let Some((from, to)) = to_do.pop() {
            let mut after: Option<NodeName> = None;
            loop {
                let mut tx = self.write().await?;
                tx.lock_space(top.space).await?;
                // Who lost the right meanwhile copies no further.
                access::node(&mut tx, actor, copy.node, Right::View, Hold::No).await?;
                let children = tx.children_to_copy(from, after.as_ref(), STEP_NODES).await?;
                let folders = self.build_children(&mut tx, actor, &children, to).await?;
                tx.keep_building(top.id, self.now()).await?;
                tx.commit().await?;
                to_do.extend(folders);
                if children.len() < STEP_NODES as usize {
                    break;
                }
                after = children.into_iter().next_back().map(|child| child.name);
            }
        }
        self.place_copy(actor, copy, source, top).await
    }

    /// Copies one step's nodes into a folder that is being built; answers the folders among them, each
    /// with its copy.
    pub(crate) async fn build_children(
        &self,
        tx: &mut Tx,
        actor: &Actor,
        children: &[Node],
        to: Built,
    ) -> Result<Vec<(NodeId, Built)>, HubError> {
        let bytes = children.iter().map(Node::size_bytes).sum();
        self.hold_quota(tx, to.space, bytes).await?;
        let mut folders = Vec::new();
        let mut highest = 0;
        for child in children {
            let built = build(self, tx, actor, child, (to.space, Some(to.id))).await?;
            highest = highest.max(built.height + 1);
            if child.is_folder() {
                folders.push((child.id, built));
            }
        }
        if highest > to.height {
            // The tree grew while it was being copied.
            let way = tx.way_up(to.id).await?;
            folders::raise(tx, &way, highest).await?;
        }
        Ok(folders)
    }

    /// The last step: the whole copy appears.
    async fn place_copy(
        &self,
        actor: &Actor,
        copy: &Copy,
        source: &Found,
        top: Built,
    ) -> Result<(Node, NodePath), HubError> {
        let now = self.now();
        let mut tx = self.write().await?;
        let folder = copy.target(source).ok_or(HubError::NotFound("node"))?;
        let folder = access::folder(&mut tx, actor, folder, Right::Edit, Hold::Yes).await?;
        let built = tx
            .built_node(top.id)
            .await?
            .ok_or(HubError::Conflict("the copy was given up; try again"))?;
        let height = folders::check_tree(&mut tx, &folder, top.id).await?;
        let name = free_place(&mut tx, &folder, &source.node, copy).await?;
        tx.place_node(&built, folder.node.id, &name, now).await?;
        folders::raise(&mut tx, &folder.way, height + 1).await?;
        let path = crate::nodes::path_in(&folder, &name, false);
        let node = crate::nodes::placed(built, folder.node.id, name, now);
        let entry = Entry {
            kind: ChangeKind::Moved,
            node: &node,
            actor: actor.user(),
            at_ms: now,
            grown_bytes: 0,
        };
        tx.record(entry).await?;
        tx.commit().await?;
        Ok((node, path))
    }

    pub(crate) async fn hold_quota(&self, tx: &mut Tx, space: SpaceId, bytes: u64) -> Result<(), HubError> {
        let space = tx.lock_space(space).await?.ok_or(HubError::NotFound("space"))?;
        let free_bytes = self.free_bytes(tx, &space).await?;
        if bytes > free_bytes {
            return Err(HubError::QuotaExceeded { free_bytes });
        }
        Ok(())
    }

    /// Frees a copy that will not be placed.
    async fn give_up(&self, actor: &Actor, top: Built) {
        let given_up = async {
            let now = self.now();
            let mut tx = self.write().await?;
            tx.lock_space(top.space).await?;
            if let Some(built) = tx.built_node(top.id).await? {
                trash::purge_node(self, &mut tx, actor.user(), built, now).await?;
            }
            tx.commit().await?;
            self.wake_workers();
            Ok::<(), HubError>(())
        };
        if let Err(error) = given_up.await {
            tracing::warn!(%error, "an unfinished copy waits for the sweep");
        }
    }
}

/// What a copy goes from and to, and its name there.
struct Ends {
    source: Found,
    target: Found,
    name: NodeName,
}

/// Finds both ends, and refuses what could not be placed before anything is built.
async fn copy_ends(tx: &mut Tx, actor: &Actor, copy: &Copy, hold: Hold) -> Result<Ends, HubError> {
    let source = access::node(tx, actor, copy.node, Right::View, hold).await?;
    let Some(target) = copy.target(&source) else {
        return Err(HubError::Conflict("the root folder cannot be copied"));
    };
    let target = access::folder(tx, actor, target, Right::Edit, hold).await?;
    if target.way.iter().any(|step| step.id == copy.node) {
        return Err(HubError::Conflict("a folder cannot be copied into itself"));
    }
    folders::check_tree(tx, &target, copy.node).await?;
    let name = free_place(tx, &target, &source.node, copy).await?;
    Ok(Ends { source, target, name })
}

/// The name of a copy in a folder: the wanted one, or the next number of it.
async fn free_place(tx: &mut Tx, folder: &Found, source: &Node, copy: &Copy) -> Result<NodeName, HubError> {
    let wanted = copy.name.as_ref().unwrap_or(&source.name);
    match (access::child(tx, folder, wanted).await?, copy.on_conflict) {
        (None, _) => Ok(wanted.clone()),
        (Some(_), OnConflict::KeepBoth) => uploads::free_name(tx, folder.node.id, wanted).await,
        (Some(_), OnConflict::NewVersion | OnConflict::Fail) => Err(HubError::NameTaken(wanted.to_string())),
    }
}

/// Makes a copy of one node, with its current version.
pub(crate) async fn build(
    hub: &Hub,
    tx: &mut Tx,
    actor: &Actor,
    source: &Node,
    (space, parent): (SpaceId, Option<NodeId>),
) -> Result<Built, HubError> {
    let now = hub.now();
    let id = hub.new_node_id();
    let height = if source.is_folder() {
        tx.height(source.id).await?
    } else {
        0
    };
    let new = NewNode {
        id,
        space,
        parent,
        name: &source.name,
        kind: source.kind,
        size_bytes: source.size_bytes(),
        height,
        now,
    };
    if !tx.create_node(new).await? {
        return Err(HubError::NameTaken(source.name.to_string()));
    }
    let version = source.version.as_ref().map(|version| Version {
        node: id,
        number: 1,
        author: actor.user(),
        origin: Origin::Copy,
        created_ms: now,
        ..version.clone()
    });
    if let Some(version) = &version {
        tx.count_uses(version.blob, 1, now);
        tx.create_version(version).await?;
    }
    let node = Node {
        id,
        space,
        parent,
        name: source.name.clone(),
        kind: source.kind,
        version,
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
        grown_bytes: signed(node.size_bytes()),
    };
    tx.record(entry).await?;
    Ok(Built { id, space, height })
}

/// A folder of a copy that is being built.
#[derive(Clone, Copy)]
pub(crate) struct Built {
    pub(crate) id: NodeId,
    space: SpaceId,
    /// Levels below it, at the most, as far as is known.
    height: u32,
}
