//! Where a mirror leads: the folder here and the folder at the provider, found or made.

use std::collections::HashSet;

use catalog::Tx;
use connectors::{Connector, Item, ItemId, ItemKind, RemoteError};
use model::{Actor, Connection, ConnectionId, MirrorDirection, MirrorId, NodeId, NodePath, Right};

use crate::access::{self, Found, Hold};
use crate::{FolderRef, Hub, HubError, folders};

/// Folders on the way up to a root that are looked at.
const DEEPEST: usize = 512;
/// Pages of a folder at the provider that the search for a name takes in.
const MOST_PAGES: usize = 1000;
const LIES_IN: &str = "it lies in a folder that is kept in step already";
const LIES_IN_THERE: &str = "it lies in a folder there that is kept in step already";
const NAME_PROBLEM: &str = "`..`, `.` and empty names cannot be part of it";

/// A folder here, as callers name it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum MirrorFolder {
    /// By its id, or the root.
    Ref(FolderRef),
    /// By its path from the actor's root; what is missing is made.
    Path(NodePath),
}

/// A folder at a provider, as callers name it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RemoteFolder {
    /// By its id there; `root` is the top.
    Item(String),
    /// By its path from the top, `/a/b`.
    Path {
        /// The path.
        path: String,
        /// What is missing is made.
        makes: bool,
    },
}

/// The right that a mirror needs here.
pub(super) const fn needed(direction: MirrorDirection) -> Right {
    match direction {
        MirrorDirection::Push => Right::View,
        MirrorDirection::TwoWay | MirrorDirection::Pull => Right::Edit,
    }
}

impl Hub {
    /// Finds the folder here, and makes it where it is named by a path.
    pub(super) async fn mirror_folder(
        &self,
        tx: &mut Tx,
        actor: &Actor,
        (folder, direction): (&MirrorFolder, MirrorDirection),
    ) -> Result<Found, HubError> {
        match folder {
            MirrorFolder::Ref(folder) => {
                access::folder(tx, actor, *folder, needed(direction), Hold::Yes).await
            }
            MirrorFolder::Path(path) => {
                let root = access::folder(tx, actor, FolderRef::Root, Right::Edit, Hold::Yes).await?;
                folders::make_path(tx, actor, root, path.names(), self.now()).await
            }
        }
    }

    /// Refuses a folder here that cannot be a mirror's, as far as it is there yet.
    pub(super) async fn check_folder_here(
        &self,
        actor: &Actor,
        (folder, direction): (&MirrorFolder, MirrorDirection),
        connection: ConnectionId,
    ) -> Result<(), HubError> {
        let mut tx = self.read().await?;
        let path = match folder {
            MirrorFolder::Ref(folder) => {
                let here = access::folder(&mut tx, actor, *folder, needed(direction), Hold::No).await?;
                return refuse_overlap_here(&mut tx, &here, connection).await;
            }
            MirrorFolder::Path(path) => path,
        };
        let mut here = access::folder(&mut tx, actor, FolderRef::Root, Right::Edit, Hold::No).await?;
        for name in path.names() {
            match access::child(&mut tx, &here, name).await? {
                Some(node) => {
                    let folder = FolderRef::Id(node.id);
                    here = access::folder(&mut tx, actor, folder, Right::Edit, Hold::No).await?;
                }
                // The rest is made in it.
                None => return refuse_inside(&mut tx, &here).await,
            }
        }
        refuse_overlap_here(&mut tx, &here, connection).await
    }

    /// Finds the folder there, and makes it where that is wanted.
    pub(super) async fn remote_folder(
        &self,
        connection: &Connection,
        connector: &dyn Connector,
        folder: &RemoteFolder,
    ) -> Result<Item, HubError> {
        let root = ItemId(connection.root.clone());
        let (path, makes) = match folder {
            RemoteFolder::Item(id) => {
                let id = if id == "root" { root } else { ItemId(id.clone()) };
                let found = item(connector, &id).await;
                return self.heard(connection, found).await?.ok_or_else(not_there);
            }
            RemoteFolder::Path { path, makes } => (path, *makes),
        };
        let names: Vec<&str> = path.split('/').filter(|name| !name.is_empty()).collect();
        if names.iter().any(|name| matches!(*name, "." | "..")) {
            return Err(HubError::invalid("remote_path", NAME_PROBLEM));
        }
        let found = go_down(connector, &root, &names).await;
        let (mut at, missing) = self.heard(connection, found).await?.ok_or_else(not_there)?;
        if missing.is_empty() {
            return Ok(at);
        }
        if !makes {
            return Err(not_there());
        }
        if at.kind != ItemKind::Folder {
            return Err(HubError::invalid(
                "remote_folder",
                format!("`{}` there is no folder", at.name),
            ));
        }
        self.refuse_inside_there(connection, connector, &at.id.0).await?;
        for name in missing {
            let made = make(connector, &at.id, name).await;
            at = self.heard(connection, made).await?;
        }
        Ok(at)
    }

    /// Refuses to make anything in a folder there that a mirror of the connection has.
    async fn refuse_inside_there(
        &self,
        connection: &Connection,
        connector: &dyn Connector,
        id: &str,
    ) -> Result<(), HubError> {
        let others = self.read().await?.mirrors_of_connection(connection.id).await?;
        if others.is_empty() {
            return Ok(());
        }
        let way = self.way_there(connection, connector, id).await?;
        match others.iter().any(|other| way.contains(&other.item)) {
            true => Err(HubError::invalid("remote_folder", LIES_IN_THERE)),
            false => Ok(()),
        }
    }

    /// The ids from an item up to the root, itself first, by what is known and, where that is not enough, by asking.
    pub(super) async fn way_there(
        &self,
        connection: &Connection,
        connector: &dyn Connector,
        id: &str,
    ) -> Result<Vec<String>, HubError> {
        let mut way = vec![id.to_owned()];
        while way.len() < DEEPEST {
            let at = way[way.len() - 1].clone();
            if at == connection.root {
                break;
            }
            let known = self.read().await?.item(connection.id, &at).await?;
            let above = match known {
                Some(item) => item.parent,
                None => {
                    let item = item(connector, &ItemId(at)).await;
                    let item = self.heard(connection, item).await?;
                    item.and_then(|item| item.parent).map(|parent| parent.0)
                }
            };
            match above {
                Some(above) if !way.contains(&above) => way.push(above),
                _ => break,
            }
        }
        Ok(way)
    }

    /// Refuses a folder there that another mirror of the connection has, or that lies in or above one of those.
    /// Answers the mirrors that were looked at.
    pub(super) async fn refuse_overlap_there(
        &self,
        connection: &Connection,
        connector: &dyn Connector,
        id: &str,
    ) -> Result<HashSet<MirrorId>, HubError> {
        let others = self.read().await?.mirrors_of_connection(connection.id).await?;
        if others.is_empty() {
            return Ok(HashSet::new());
        }
        let way = self.way_there(connection, connector, id).await?;
        for other in &others {
            let problem = if other.item == id {
                "this folder there is kept in step already; change that mirror, or choose another folder"
            } else if way.contains(&other.item) {
                LIES_IN_THERE
            } else if self
                .way_there(connection, connector, &other.item)
                .await?
                .iter()
                .any(|above| above == id)
            {
                "a folder in it is kept in step already"
            } else {
                continue;
            };
            return Err(HubError::invalid("remote_folder", problem));
        }
        Ok(others.into_iter().map(|other| other.id).collect())
    }
}

/// Refuses a folder here that lies in or above one that another mirror has. One folder may be kept in step with
/// folders at several connections.
pub(super) async fn refuse_overlap_here(
    tx: &mut Tx,
    here: &Found,
    connection: ConnectionId,
) -> Result<(), HubError> {
    for other in tx.mirrors_of_space(here.space.id).await? {
        let problem = if other.node == here.node.id {
            if other.connection != connection {
                continue;
            }
            "this folder is kept in step with this connection already; change that mirror, or choose another folder"
        } else if here.way.iter().any(|step| step.id == other.node) {
            LIES_IN
        } else if tx
            .way_up(other.node)
            .await?
            .iter()
            .any(|step| step.id == here.node.id)
        {
            "a folder in it is kept in step already"
        } else {
            continue;
        };
        return Err(HubError::invalid("folder", problem));
    }
    Ok(())
}

/// Refuses to make a mirror's folder in one that a mirror has.
async fn refuse_inside(tx: &mut Tx, here: &Found) -> Result<(), HubError> {
    let mirrors = tx.mirrors_of_space(here.space.id).await?;
    let is_in = |node: NodeId| here.way.iter().any(|step| step.id == node);
    match mirrors.iter().any(|mirror| is_in(mirror.node)) {
        true => Err(HubError::invalid("folder", LIES_IN)),
        false => Ok(()),
    }
}

fn not_there() -> HubError {
    HubError::invalid(
        "remote_folder",
        "there is no such folder there; its path begins at the top of the connection, and `make_remote` makes it",
    )
}

/// Goes down a path as far as it is there: to what, and the names that are missing.
async fn go_down<'a>(
    connector: &dyn Connector,
    root: &ItemId,
    names: &'a [&'a str],
) -> Result<Option<(Item, &'a [&'a str])>, RemoteError> {
    let Some(mut at) = item(connector, root).await? else {
        return Ok(None);
    };
    for (depth, name) in names.iter().enumerate() {
        at = match child(connector, &at.id, name).await? {
            Some(found) => found,
            None => return Ok(Some((at, &names[depth..]))),
        };
    }
    Ok(Some((at, &[])))
}

async fn make(connector: &dyn Connector, folder: &ItemId, name: &str) -> Result<Item, RemoteError> {
    match connector.make_folder(folder, name, None).await {
        // Somebody made it in between.
        Err(RemoteError::Exists) => child(connector, folder, name).await?.ok_or(RemoteError::Exists),
        made => made,
    }
}

/// An item, unless it is gone or in the trash.
async fn item(connector: &dyn Connector, id: &ItemId) -> Result<Option<Item>, RemoteError> {
    Ok(connector.item(id).await?.filter(|item| !item.is_trashed))
}

/// What a folder there holds under a name; of several, a folder before anything else.
async fn child(connector: &dyn Connector, folder: &ItemId, name: &str) -> Result<Option<Item>, RemoteError> {
    let (mut page, mut other) = (None, None);
    for _ in 0..MOST_PAGES {
        let found = connector.children(folder, page.as_deref()).await?;
        for item in found.items {
            if item.name != name || item.is_trashed {
                continue;
            }
            if item.kind == ItemKind::Folder {
                return Ok(Some(item));
            }
            other = Some(item);
        }
        page = found.next;
        if page.is_none() {
            break;
        }
    }
    Ok(other)
}
