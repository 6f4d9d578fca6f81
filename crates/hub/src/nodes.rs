//! Renaming, moving, starring and deleting nodes.

use catalog::Entry;
use model::{Actor, ChangeKind, Guard, Node, NodeId, NodeName, NodePath, OnConflict, Right, Trashed};

use crate::access::{self, FolderRef, Found, Hold};
use crate::{Hub, HubError, folders, uploads};

/// What to change about a node's place. What is not given stays.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct NodeChange {
    /// Its new name.
    pub name: Option<NodeName>,
    /// Its new folder.
    pub folder: Option<FolderRef>,
    /// What to do when the name is taken there: a new number, or refuse.
    pub on_conflict: OnConflict,
    /// What must hold of the node.
    pub guard: Guard,
}

impl Hub {
    /// Renames or moves a node. Moving costs the same whatever a folder holds.
    ///
    /// # Errors
    /// `NotFound`, `Forbidden`, `NameTaken`, `Conflict` (into itself, another space, or a root),
    /// `Stale`, `Invalid` (too deep).
    pub async fn change_node(
        &self,
        actor: &Actor,
        id: NodeId,
        change: NodeChange,
    ) -> Result<(Node, NodePath), HubError> {
        let (hub, actor) = (self.clone(), actor.clone());
        self.to_end(async move {
            let now = hub.now();
            let mut tx = hub.write().await?;
            let found = access::node(&mut tx, &actor, id, Right::Edit, Hold::Yes).await?;
            let Some(parent) = found.node.parent else {
                return Err(HubError::Conflict("the root folder stays as it is"));
            };
            if let Guard::Matches(tags) = &change.guard
                && !tags.contains(&found.node.etag())
            {
                return Err(HubError::Stale);
            }
            let target = change.folder.unwrap_or(FolderRef::Id(parent));
            let folder = access::folder(&mut tx, &actor, target, Right::Edit, Hold::Yes).await?;
            check_move(&found, &folder)?;
            let height = folders::check_tree(&mut tx, &folder, id).await?;
            let name = change.name.unwrap_or_else(|| found.node.name.clone());
            let name = match access::child(&mut tx, &folder, &name).await? {
                Some(other) if other.id == id => name,
                Some(_) if change.on_conflict == OnConflict::KeepBoth => {
                    uploads::free_name(&mut tx, folder.node.id, &name).await?
                }
                Some(other) => return Err(HubError::NameTaken(other.name.to_string())),
                None => name,
            };
            let path: NodePath = folder
                .path()
                .names()
                .iter()
                .cloned()
                .chain([name.clone()])
                .collect();
            if name == found.node.name && folder.node.id == parent {
                return Ok((found.node, path));
            }
            tx.place_node(&found.node, folder.node.id, &name, now).await?;
            folders::raise(&mut tx, &folder.way, height + 1).await?;
            let node = placed(found.node, folder.node.id, name, now);
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
        })
        .await
    }

    /// Moves a node with all below it to the trash. It costs the same whatever a folder holds.
    ///
    /// # Errors
    /// `NotFound`, `Forbidden`, `Conflict` (a root), `Stale`.
    pub async fn delete(&self, actor: &Actor, id: NodeId, guard: Guard) -> Result<(), HubError> {
        let (hub, actor) = (self.clone(), actor.clone());
        self.to_end(async move {
            let now = hub.now();
            let mut tx = hub.write().await?;
            let found = access::node(&mut tx, &actor, id, Right::Edit, Hold::Yes).await?;
            let mut node = found.node;
            let Some(from) = node.parent else {
                return Err(HubError::Conflict("the root folder cannot be deleted"));
            };
            if let Guard::Matches(tags) = &guard
                && !tags.contains(&node.etag())
            {
                return Err(HubError::Stale);
            }
            tx.trash_node(id, from, now).await?;
            node.parent = None;
            node.trashed = Some(Trashed { at_ms: now, from });
            node.revision += 1;
            let entry = Entry {
                kind: ChangeKind::Trashed,
                node: &node,
                actor: actor.user(),
                at_ms: now,
                grown_bytes: 0,
            };
            tx.record(entry).await?;
            tx.commit().await?;
            Ok(())
        })
        .await
    }

    /// Whether the actor starred a node; `false` for one that is gone.
    ///
    /// # Errors
    /// When the catalog does not answer.
    pub async fn is_starred(&self, actor: &Actor, id: NodeId) -> Result<bool, HubError> {
        let user = access::user(actor)?;
        Ok(self.read().await?.stars(user, &[id]).await?.contains(&id))
    }

    /// Sets or removes the actor's star on a node.
    ///
    /// # Errors
    /// `NotFound`.
    pub async fn star(&self, actor: &Actor, id: NodeId, is_starred: bool) -> Result<(), HubError> {
        let (hub, actor) = (self.clone(), actor.clone());
        self.to_end(async move {
            let user = access::user(&actor)?;
            let now = hub.now();
            let mut tx = hub.write().await?;
            access::node(&mut tx, &actor, id, Right::View, Hold::No).await?;
            tx.set_star(user, id, is_starred.then_some(now)).await?;
            tx.commit().await?;
            Ok(())
        })
        .await
    }
}

/// A node after it was placed.
pub(crate) fn placed(mut node: Node, folder: NodeId, name: NodeName, now: model::Millis) -> Node {
    if node.is_folder() {
        node.modified_ms = now;
    }
    node.parent = Some(folder);
    node.name = name;
    node.trashed = None;
    node.revision += 1;
    node
}

/// Refuses a move that would make a ring or leave the space.
fn check_move(found: &Found, folder: &Found) -> Result<(), HubError> {
    if folder.space.id != found.space.id {
        return Err(HubError::Conflict(
            "a node cannot be moved to another space; copy it",
        ));
    }
    if folder.way.iter().any(|step| step.id == found.node.id) {
        return Err(HubError::Conflict("a folder cannot be moved into itself"));
    }
    Ok(())
}
