//! The one door: nodes are found here, and only together with the right to them.
//!
//! Every operation gets its nodes from these functions. What the actor may not see is `NotFound`.

mod standing;

use std::collections::HashSet;

use catalog::{Step, Tx};
use model::{Actor, Node, NodeId, NodeName, NodePath, Right, Space, User, UserId};

use crate::HubError;
use standing::Standing;

pub(crate) use standing::given_by;

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
    /// The strongest right that the actor may give to others.
    pub gives: Option<Right>,
    /// Steps of the way that the actor may see: all of them in their own space, else up to the
    /// highest node that they were given.
    pub shown: usize,
}

impl Found {
    /// Levels between the root and this node.
    pub fn depth(&self) -> usize {
        self.way.len() - 1
    }

    /// Names down to this node, from the root or from what the actor was given.
    pub fn path(&self) -> NodePath {
        let hidden = self.hidden_names();
        let names = self.way.iter().rev().skip(1 + hidden);
        names.map(|step| step.name.clone()).collect()
    }

    /// Names at the start of the whole path that the actor may not see.
    pub fn hidden_names(&self) -> usize {
        self.depth().saturating_sub(self.shown)
    }

    /// Whether what the actor was given begins here: what is above does not exist for them.
    pub fn is_top(&self) -> bool {
        self.shown == 1 && self.depth() > 0
    }

    /// The node as the actor may see it.
    pub fn into_node(mut self) -> Node {
        if self.is_top() {
            self.node.parent = None;
        }
        self.node
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
    let (found, standing) = seen(tx, actor, id, hold).await?;
    let held = standing.right.ok_or(HubError::NotFound("node"))?;
    demand(held, right)?;
    Ok(Found { right: held, ..found })
}

/// Finds the folder that files may be put into by somebody who perhaps sees nothing of it.
pub(crate) async fn inbox(
    tx: &mut Tx,
    actor: &Actor,
    folder: FolderRef,
    hold: Hold,
) -> Result<Found, HubError> {
    let id = folder_id(tx, actor, folder).await?;
    let (found, standing) = seen(tx, actor, id, hold).await?;
    if !found.node.is_folder() {
        return Err(HubError::NotFound("folder"));
    }
    match standing.right {
        Some(held) => demand(held, Right::Edit)?,
        None if standing.may_add => {}
        None => return Err(HubError::NotFound("folder")),
    }
    Ok(found)
}

/// Finds the folder of a found node, which the actor need not see: for renaming within it.
pub(crate) async fn folder_of(tx: &mut Tx, found: &Found) -> Result<Option<Found>, HubError> {
    let Some(parent) = found.node.parent else {
        return Ok(None);
    };
    let node = tx.node(parent).await?.ok_or(HubError::NotFound("node"))?;
    Ok(Some(Found {
        node,
        space: found.space.clone(),
        way: found.way[1..].to_vec(),
        right: found.right,
        gives: None,
        shown: found.shown - 1,
    }))
}

/// Finds a node and what the actor holds of it, if they hold anything.
async fn seen(tx: &mut Tx, actor: &Actor, id: NodeId, hold: Hold) -> Result<(Found, Standing), HubError> {
    let not_found = || HubError::NotFound("node");
    let (space_id, owner) = tx.space_of(id).await?.ok_or_else(not_found)?;
    // The right comes before the lock: nobody may hold up what is not theirs. It is looked up again
    // under it, so that it holds until the end.
    if hold == Hold::Yes && !standing::owns(actor, owner) {
        let way = tx.way_up(id).await?;
        let standing = standing::of(tx, actor, owner, &way).await?;
        if standing.is_nothing() {
            return Err(not_found());
        }
    }
    let space = match hold {
        Hold::Yes => tx.lock_space(space_id).await?,
        Hold::No => tx.space(space_id).await?,
    };
    let space = space.ok_or_else(not_found)?;
    // The space is held before the node is read: what is checked below then stays true.
    let node = tx.node(id).await?.ok_or_else(not_found)?;
    let way = tx.way_up(id).await?;
    let is_live = way.last().is_some_and(|top| top.id == space.root)
        && way.iter().all(|step| !step.is_trashed && !step.is_detached);
    if !is_live {
        return Err(not_found());
    }
    let standing = standing::of(tx, actor, owner, &way).await?;
    if standing.is_nothing() {
        return Err(not_found());
    }
    let found = Found {
        node,
        space,
        way,
        right: standing.right.unwrap_or(Right::View),
        gives: standing.gives,
        shown: standing.shown,
    };
    Ok((found, standing))
}

/// The id of a folder as the actor names it.
async fn folder_id(tx: &mut Tx, actor: &Actor, folder: FolderRef) -> Result<NodeId, HubError> {
    match (folder, actor) {
        (FolderRef::Id(id), _) => Ok(id),
        (FolderRef::Root, Actor::Visitor { link, .. }) => {
            let link = tx.link(*link).await?.ok_or(HubError::NotFound("link"))?;
            Ok(link.node)
        }
        (FolderRef::Root, _) => Ok(own_space(tx, actor).await?.root),
    }
}

/// Finds a folder in a tree.
pub(crate) async fn folder(
    tx: &mut Tx,
    actor: &Actor,
    folder: FolderRef,
    right: Right,
    hold: Hold,
) -> Result<Found, HubError> {
    let id = folder_id(tx, actor, folder).await?;
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
    let not_found = || HubError::NotFound("item in the trash");
    let (space_id, owner) = tx.space_of(id).await?.ok_or_else(not_found)?;
    if !standing::owns(actor, owner) {
        return Err(not_found());
    }
    let space = tx.lock_space(space_id).await?.ok_or_else(not_found)?;
    let node = tx.node(id).await?.ok_or_else(not_found)?;
    if node.trashed.is_none() {
        return Err(not_found());
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
        Actor::User { .. } | Actor::App { .. } | Actor::Visitor { .. } | Actor::Mirror { .. } => {
            Err(HubError::Forbidden("only an administrator may do this"))
        }
    }
}

/// The actor's stars among these nodes; visitors have none.
pub(crate) async fn stars(tx: &mut Tx, actor: &Actor, nodes: &[NodeId]) -> Result<HashSet<NodeId>, HubError> {
    match actor.user() {
        Some(user) => Ok(tx.stars(user, nodes).await?),
        None => Ok(HashSet::new()),
    }
}

/// Whose list a cursor belongs to.
pub(crate) fn scope(actor: &Actor) -> String {
    match actor {
        Actor::User { id, .. } | Actor::App { id, .. } => id.to_string(),
        Actor::Visitor { link, .. } => format!("link {link}"),
        Actor::Mirror { mirror, .. } => format!("mirror {mirror}"),
        Actor::Worker => "the server".to_owned(),
    }
}

fn demand(held: Right, needed: Right) -> Result<(), HubError> {
    match (held < needed, needed) {
        (false, _) => Ok(()),
        (true, Right::Own) => Err(HubError::Forbidden("only its owner may do this")),
        (true, _) => Err(HubError::Forbidden("you may look at this but not change it")),
    }
}
