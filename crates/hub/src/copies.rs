//! Copying nodes: versions of the same blobs, so no byte is copied.
//!
//! A tree is built out of sight in steps of bounded size, then appears in one. Interrupted, it
//! never appears, and the sweep frees it.

use std::collections::VecDeque;

use catalog::{Entry, NewNode, Tx};
use model::{
    Actor, ChangeKind, Node, NodeId, NodeKind, NodeName, NodePath, OnConflict, Origin, Right, SpaceId,
    Version,
};

use crate::access::{self, FolderRef, Found, Hold};
use crate::uploads::signed;
use crate::{Hub, HubError, folders, keys, uploads};

/// Nodes that one transaction copies.
const STEP_NODES: u32 = 200;

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

impl Hub {
    /// Copies a node with all below it; of a file, its current version.
    ///
    /// # Errors
    /// `NotFound`, `Forbidden`, `NameTaken`, `Conflict` (a folder into itself), `QuotaExceeded`,
    /// `Invalid` (too deep).
    pub async fn copy(&self, actor: &Actor, copy: Copy) -> Result<(Node, NodePath), HubError> {
        let (hub, actor) = (self.clone(), actor.clone());
        self.to_end(async move {
            let (source, target) = hub.copy_ends(&actor, &copy).await?;
            let top = hub.build_top(&actor, &source.node, target.space.id).await?;
            match hub.build_and_place(&actor, &copy, &source, top).await {
                Ok(placed) => Ok(placed),
                Err(error) => {
                    hub.give_up(&top).await;
                    Err(error)
                }
            }
        })
        .await
    }

    /// Checks before anything is built that the copy can be placed.
    async fn copy_ends(&self, actor: &Actor, copy: &Copy) -> Result<(Found, Found), HubError> {
        let mut tx = self.read().await?;
        let source = access::node(&mut tx, actor, copy.node, Right::View, Hold::No).await?;
        let Some(parent) = source.node.parent else {
            return Err(HubError::Conflict("the root folder cannot be copied"));
        };
        let target = copy.folder.unwrap_or(FolderRef::Id(parent));
        let target = access::folder(&mut tx, actor, target, Right::Edit, Hold::No).await?;
        if target.way.iter().any(|step| step.id == copy.node) {
            return Err(HubError::Conflict("a folder cannot be copied into itself"));
        }
        let name = copy.name.as_ref().unwrap_or(&source.node.name);
        let is_taken = access::child(&mut tx, &target, name).await?.is_some();
        if is_taken && copy.on_conflict != OnConflict::KeepBoth {
            return Err(HubError::NameTaken(name.to_string()));
        }
        Ok((source, target))
    }

    /// Makes the top of the copy, in no folder.
    async fn build_top(&self, actor: &Actor, source: &Node, space: SpaceId) -> Result<Built, HubError> {
        let mut tx = self.write().await?;
        self.hold_quota(&mut tx, space, source.size_bytes()).await?;
        let node = self.build(&mut tx, actor, source, (space, None)).await?;
        tx.commit().await?;
        Ok(Built { id: node, space })
    }

    async fn build_and_place(
        &self,
        actor: &Actor,
        copy: &Copy,
        source: &Found,
        top: Built,
    ) -> Result<(Node, NodePath), HubError> {
        let mut to_do = VecDeque::from([(source.node.id, top.id)]);
        while let Some((from, to)) = to_do.pop_front() {
            let mut after = 0;
            loop {
                let mut tx = self.write().await?;
                let children = tx.children_to_copy(from, after, STEP_NODES).await?;
                let bytes = children.iter().map(|(node, _)| node.size_bytes()).sum();
                self.hold_quota(&mut tx, top.space, bytes).await?;
                for (child, row_no) in &children {
                    after = *row_no;
                    let built = self.build(&mut tx, actor, child, (top.space, Some(to))).await?;
                    if child.is_folder() {
                        to_do.push_back((child.id, built));
                    }
                }
                tx.keep_building(top.id, self.now()).await?;
                tx.commit().await?;
                if children.len() < STEP_NODES as usize {
                    break;
                }
            }
        }
        self.place_copy(actor, copy, source, top).await
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
        let parent = source.node.parent.ok_or(HubError::NotFound("node"))?;
        let folder = copy.folder.unwrap_or(FolderRef::Id(parent));
        let folder = access::folder(&mut tx, actor, folder, Right::Edit, Hold::Yes).await?;
        let height = tx.height(source.node.id).await?;
        folders::check_depth(&folder, height)?;
        let wanted = copy.name.clone().unwrap_or_else(|| source.node.name.clone());
        let name = match (access::child(&mut tx, &folder, &wanted).await?, copy.on_conflict) {
            (None, _) => wanted,
            (Some(_), OnConflict::KeepBoth) => uploads::free_name(&mut tx, folder.node.id, &wanted).await?,
            (Some(_), _) => return Err(HubError::NameTaken(wanted.to_string())),
        };
        let built = tx
            .built_node(top.id)
            .await?
            .ok_or(HubError::Conflict("the copy was given up; try again"))?;
        tx.place_node(&built, folder.node.id, &name, now).await?;
        tx.raise_height(top.id, height).await?;
        folders::raise(&mut tx, &folder.way, height + 1).await?;
        let path: NodePath = folder
            .path()
            .names()
            .iter()
            .cloned()
            .chain([name.clone()])
            .collect();
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

    async fn hold_quota(&self, tx: &mut Tx, space: SpaceId, bytes: u64) -> Result<(), HubError> {
        let space = tx.lock_space(space).await?.ok_or(HubError::NotFound("space"))?;
        let free_bytes = self.free_bytes(tx, &space).await?;
        if bytes > free_bytes {
            return Err(HubError::QuotaExceeded { free_bytes });
        }
        Ok(())
    }

    /// Makes a copy of one node, with its current version.
    async fn build(
        &self,
        tx: &mut Tx,
        actor: &Actor,
        source: &Node,
        (space, parent): (SpaceId, Option<NodeId>),
    ) -> Result<NodeId, HubError> {
        let now = self.now();
        let id = NodeId::new(now, keys::random());
        let new = NewNode {
            id,
            space,
            parent,
            name: &source.name,
            kind: source.kind,
            size_bytes: source.size_bytes(),
            height: if source.is_folder() {
                tx.height(source.id).await?
            } else {
                0
            },
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
            tx.count_uses(version.blob, 1, now).await?;
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
        let grown_bytes = if node.kind == NodeKind::File {
            signed(node.size_bytes())
        } else {
            0
        };
        let entry = Entry {
            kind: ChangeKind::Created,
            node: &node,
            actor: actor.user(),
            at_ms: now,
            grown_bytes,
        };
        tx.record(entry).await?;
        Ok(id)
    }

    /// Frees a copy that will not be placed.
    async fn give_up(&self, top: &Built) {
        let given_up = async {
            let now = self.now();
            let mut tx = self.write().await?;
            tx.detach_node(top.id, now).await?;
            self.queue_purge(&mut tx, now).await?;
            tx.commit().await.map_err(HubError::from)
        };
        if let Err(error) = given_up.await {
            tracing::warn!(%error, "an unfinished copy waits for the sweep");
        }
    }
}

/// The top of a copy that is being built.
#[derive(Clone, Copy)]
struct Built {
    id: NodeId,
    space: SpaceId,
}
