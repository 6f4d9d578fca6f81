//! The one door: nodes are found here, and only together with the right to them.
//!
//! Every operation gets its nodes from these functions. What the actor may not see is `NotFound`.

use catalog::{Step, Tx};
use model::{Actor, Node, NodeId, NodeName, NodePath, Right, Space, User, UserId};

use crate::HubError;

/// Whether the space must stay as it is until the transaction ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Hold {
    /// A look: nothing is held.
    No,
    /// A write: checks made now stay true.
    Yes,
}

/// A folder as callers name it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum FolderRef {
    /// The root of the actor's personal space.
    Root,
    /// The folder with this id.
    Id(NodeId),
}

/// A node that the actor may see, with its space and the way up to the root.
#[derive(Debug, Clone)]
pub(crate) struct Found {
    pub node: Node,
    pub space: Space,
    /// The node first, the root last.
    pub way: Vec<Step>,
    pub right: Right,
}

impl Found {
    /// Levels between the root and this node.
    pub fn depth(&self) -> usize {
        self.way.len() - 1
    }

    /// Names from the root down to this node.
    pub fn path(&self) -> NodePath {
        self.way
            .iter()
            .rev()
            .skip(1)
            .map(|step| step.name.clone())
            .collect()
    }
}

/// Finds a node in a tree. One in the trash is not found.
pub(crate) async fn node(
    tx: &mut Tx,
    actor: &Actor,
    id: NodeId,
    right: Right,
    hold: Hold,
) -> Result<Found, HubError> {
    let (node, space, held) = visible(tx, actor, id, hold).await?;
    let way = tx.way_up(id).await?;
    let is_live = way.last().is_some_and(|top| top.id == space.root)
        && way.iter().all(|step| !step.is_trashed && !step.is_detached);
    if !is_live {
        return Err(HubError::NotFound("node"));
    }
    demand(held, right)?;
    Ok(Found {
        node,
        space,
        way,
        right: held,
    })
}

/// Finds a folder in a tree.
pub(crate) async fn folder(
    tx: &mut Tx,
    actor: &Actor,
    folder: FolderRef,
    right: Right,
    hold: Hold,
) -> Result<Found, HubError> {
    let id = match folder {
        FolderRef::Id(id) => id,
        FolderRef::Root => own_space(tx, actor).await?.root,
    };
    let found = node(tx, actor, id, right, hold)
        .await
        .map_err(|error| match error {
            HubError::NotFound(_) => HubError::NotFound("folder"),
            error => error,
        })?;
    if !found.node.is_folder() {
        return Err(HubError::Conflict("this is a file; a folder is needed here"));
    }
    Ok(found)
}

/// Finds a file in a tree.
pub(crate) async fn file(
    tx: &mut Tx,
    actor: &Actor,
    id: NodeId,
    right: Right,
    hold: Hold,
) -> Result<Found, HubError> {
    let found = node(tx, actor, id, right, hold)
        .await
        .map_err(|error| match error {
            HubError::NotFound(_) => HubError::NotFound("file"),
            error => error,
        })?;
    if found.node.is_folder() {
        return Err(HubError::NotFound("file"));
    }
    Ok(found)
}

/// Finds the top of a deleted tree. Only its owner sees it.
pub(crate) async fn trashed(tx: &mut Tx, actor: &Actor, id: NodeId) -> Result<(Node, Space), HubError> {
    let (node, space, held) = visible(tx, actor, id, Hold::Yes).await?;
    demand(held, Right::Own)?;
    if node.trashed.is_none() {
        return Err(HubError::NotFound("item in the trash"));
    }
    Ok((node, space))
}

/// Finds what a folder that the actor may see holds under a name.
pub(crate) async fn child(tx: &mut Tx, folder: &Found, name: &NodeName) -> Result<Option<Node>, HubError> {
    Ok(tx.child(folder.node.id, name).await?)
}

/// The personal space of the person behind the request.
pub(crate) async fn own_space(tx: &mut Tx, actor: &Actor) -> Result<Space, HubError> {
    let user = own_user(tx, actor).await?;
    tx.space(user.space).await?.ok_or(HubError::NotFound("space"))
}

/// The person behind the request.
pub(crate) async fn own_user(tx: &mut Tx, actor: &Actor) -> Result<User, HubError> {
    let id = user(actor)?;
    tx.user(id)
        .await?
        .ok_or(HubError::Unauthenticated("this account is gone"))
}

/// The id of the person behind the request.
pub(crate) fn user(actor: &Actor) -> Result<UserId, HubError> {
    actor.user().ok_or(HubError::Forbidden("this needs a person"))
}

/// Refuses everyone but administrators signed in as themselves, and the server itself.
pub(crate) fn admin(actor: &Actor) -> Result<(), HubError> {
    match actor {
        Actor::User {
            role: model::Role::Admin,
            ..
        }
        | Actor::Worker => Ok(()),
        Actor::User { .. } | Actor::App { .. } => {
            Err(HubError::Forbidden("only an administrator may do this"))
        }
    }
}

async fn visible(
    tx: &mut Tx,
    actor: &Actor,
    id: NodeId,
    hold: Hold,
) -> Result<(Node, Space, Right), HubError> {
    let not_found = || HubError::NotFound("node");
    // The right comes before the lock: nobody may hold up what is not theirs.
    let (space_id, owner) = tx.space_of(id).await?.ok_or_else(not_found)?;
    let right = match actor {
        Actor::Worker => Right::Own,
        Actor::User { id, .. } | Actor::App { id, .. } if *id == owner => Right::Own,
        Actor::User { .. } | Actor::App { .. } => return Err(not_found()),
    };
    // The space is held before the node is read: what is checked below then stays true.
    let space = match hold {
        Hold::Yes => tx.lock_space(space_id).await?,
        Hold::No => tx.space(space_id).await?,
    };
    let space = space.ok_or_else(not_found)?;
    let node = tx.node(id).await?.ok_or_else(not_found)?;
    Ok((node, space, right))
}

fn demand(held: Right, needed: Right) -> Result<(), HubError> {
    if held < needed {
        return Err(HubError::Forbidden("you may look at this but not change it"));
    }
    Ok(())
}
