//! Renaming, moving, starring and deleting nodes.

use catalog::{Entry, Tx};
use model::{Actor, ChangeKind, Guard, Millis, Node, NodeId, NodeName, NodePath, OnConflict, Right, Trashed};

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

const TOP_STAYS: &str =
    "this was shared with you: only its owner may move or delete it; you may leave the share";

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
            let moved = change_node(&mut tx, &actor, (id, change), now).await?;
            tx.commit().await?;
            Ok(moved)
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
            trash_node(&mut tx, &actor, (id, &guard), now).await?;
            Ok(tx.commit().await?)
        })
        .await
    }

    /// Whether the actor starred a node; `false` for one that is gone.
    ///
    /// # Errors
    /// When the catalog does not answer.
    pub async fn is_starred(&self, actor: &Actor, id: NodeId) -> Result<bool, HubError> {
        let mut tx = self.read().await?;
        Ok(access::stars(&mut tx, actor, &[id]).await?.contains(&id))
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

/// Renames or moves a node within a transaction.
pub(crate) async fn change_node(
    tx: &mut Tx,
    actor: &Actor,
    (id, change): (NodeId, NodeChange),
    now: Millis,
) -> Result<(Node, NodePath), HubError> {
    let found = access::node(tx, actor, id, Right::Edit, Hold::Yes).await?;
    let is_top = found.is_top();
    let Some(home) = access::folder_of(tx, &found).await? else {
        return Err(HubError::Conflict("the root folder stays as it is"));
    };
    let parent = home.node.id;
    check_guard(&change.guard, &found.node)?;
    // What somebody was given stays where its owner put it; its name may be theirs to change.
    let folder = match change.folder {
        Some(_) if is_top => return Err(HubError::Forbidden(TOP_STAYS)),
        Some(folder) => access::folder(tx, actor, folder, Right::Edit, Hold::Yes).await?,
        None => home,
    };
    check_move(&found, &folder)?;
    let height = folders::check_tree(tx, &folder, id).await?;
    let name = change.name.unwrap_or_else(|| found.node.name.clone());
    let name = match access::child(tx, &folder, &name).await? {
        Some(other) if other.id == id => name,
        Some(_) if change.on_conflict == OnConflict::KeepBoth => {
            uploads::free_name(tx, folder.node.id, &name).await?
        }
        Some(other) => return Err(HubError::NameTaken(other.name.to_string())),
        None => name,
    };
    let path = path_in(&folder, &name, is_top);
    if name == found.node.name && folder.node.id == parent {
        return Ok((found.into_node(), path));
    }
    tx.place_node(&found.node, folder.node.id, &name, now).await?;
    folders::raise(tx, &folder.way, height + 1).await?;
    let mut node = placed(found.node, folder.node.id, name, now);
    let entry = Entry {
        kind: ChangeKind::Moved,
        node: &node,
        actor: actor.user(),
        at_ms: now,
        grown_bytes: 0,
    };
    tx.record(entry).await?;
    node.parent = node.parent.filter(|_| !is_top);
    Ok((node, path))
}

/// Moves a node with all below it to the trash, within a transaction.
pub(crate) async fn trash_node(
    tx: &mut Tx,
    actor: &Actor,
    (id, guard): (NodeId, &Guard),
    now: Millis,
) -> Result<Node, HubError> {
    let found = access::node(tx, actor, id, Right::Edit, Hold::Yes).await?;
    if found.is_top() {
        return Err(HubError::Forbidden(TOP_STAYS));
    }
    let mut node = found.node;
    let Some(from) = node.parent else {
        return Err(HubError::Conflict("the root folder cannot be deleted"));
    };
    check_guard(guard, &node)?;
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
    Ok(node)
}

fn check_guard(guard: &Guard, node: &Node) -> Result<(), HubError> {
    match guard {
        Guard::Matches(tags) if !tags.contains(&node.etag()) => Err(HubError::Stale),
        _ => Ok(()),
    }
}

/// The path of what is called `name` in a folder, as far as the actor may see it.
pub(crate) fn path_in(folder: &Found, name: &NodeName, is_top: bool) -> NodePath {
    match is_top {
        true => [name.clone()].into_iter().collect(),
        false => folder
            .path()
            .names()
            .iter()
            .cloned()
            .chain([name.clone()])
            .collect(),
    }
}

/// A node after it was placed.
pub(crate) fn placed(mut node: Node, folder: NodeId, name: NodeName, now: Millis) -> Node {
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
