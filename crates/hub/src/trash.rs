//! The trash: deleted nodes wait here until they are restored, purged, or too old.

use catalog::{Entry, Mark, MarkValue, Tx};
use model::{Actor, ChangeKind, Millis, Node, NodeId, NodeName, NodePath, Right, UserId};

use crate::access::{self, FolderRef, Hold};
use crate::listings::{Listed, ListingPage, MarkPlace, Part};
use crate::uploads::signed;
use crate::{Hub, HubError, cursors, folders, uploads};

/// Deleted trees that one transaction purges when the trash is emptied.
const EMPTIED_AT_ONCE: u32 = 50;

impl Hub {
    /// Lists what was deleted, the latest first; what lies below a deleted folder comes with it.
    ///
    /// # Errors
    /// `Invalid` (cursor).
    pub async fn trash(&self, actor: &Actor, part: Part) -> Result<ListingPage, HubError> {
        let mut tx = self.read().await?;
        let space = access::own_space(&mut tx, actor).await?;
        let user = access::user(actor)?;
        let scope = format!("trash {user}");
        let after = match &part.cursor {
            Some(cursor) => Some(cursors::open::<MarkPlace>(self.keys(), &scope, cursor)?.mark()),
            None => None,
        };
        let mut rows = tx.trash(space.id, (after.as_ref(), part.limit + 1)).await?;
        let has_more = rows.len() > part.limit as usize;
        rows.truncate(part.limit as usize);
        let last = rows.last().filter(|_| has_more);
        let next = last.map(|(_, mark)| cursors::seal(self.keys(), &scope, &MarkPlace::new(None, mark)));
        let from: Vec<NodeId> = rows
            .iter()
            .filter_map(|(node, _)| Some(node.trashed?.from))
            .collect();
        let places = tx.whereabouts(&from, space.root).await?;
        let items = rows.into_iter().map(|(node, _)| {
            // The path that it would be restored to, while its folder is still there.
            let path = node.trashed.and_then(|trashed| match places.get(&trashed.from)? {
                catalog::Whereabouts::Live(above) => Some(
                    above
                        .iter()
                        .map(|(_, name)| name.clone())
                        .chain([node.name.clone()])
                        .collect(),
                ),
                catalog::Whereabouts::Hidden => None,
            });
            Listed {
                node,
                is_starred: false,
                path,
            }
        });
        Ok(ListingPage {
            items: items.collect(),
            next,
        })
    }

    /// Puts a deleted node back: into `folder`, or where it was, or into the root when that is gone.
    /// A name that is taken by then gets a number.
    ///
    /// # Errors
    /// `NotFound`, `Forbidden`, `Invalid` (too deep).
    pub async fn restore(
        &self,
        actor: &Actor,
        id: NodeId,
        (folder, name): (Option<FolderRef>, Option<NodeName>),
    ) -> Result<(Node, NodePath), HubError> {
        let (hub, actor) = (self.clone(), actor.clone());
        self.to_end(async move {
            let now = hub.now();
            let mut tx = hub.write().await?;
            let restored = restore_node(&mut tx, &actor, (id, folder, name), now).await?;
            tx.commit().await?;
            Ok(restored)
        })
        .await
    }

    /// Deletes a deleted node for good, with all below it.
    ///
    /// It is out of sight at once; a big tree's bytes are freed piece by piece in the background.
    ///
    /// # Errors
    /// `NotFound`, `Forbidden`.
    pub async fn purge(&self, actor: &Actor, id: NodeId) -> Result<(), HubError> {
        let (hub, actor) = (self.clone(), actor.clone());
        self.to_end(async move {
            let now = hub.now();
            let mut tx = hub.write().await?;
            let (node, _) = access::trashed(&mut tx, &actor, id).await?;
            purge_node(&hub, &mut tx, actor.user(), node, now).await?;
            tx.commit().await?;
            hub.wake_workers();
            Ok(())
        })
        .await
    }

    /// Purges everything in the actor's trash.
    ///
    /// # Errors
    /// When the catalog does not answer; what was purged until then stays purged.
    pub async fn empty_trash(&self, actor: &Actor) -> Result<u64, HubError> {
        let (hub, actor) = (self.clone(), actor.clone());
        self.to_end(async move {
            let mut purged = 0;
            // What is deleted while this runs stays: only what was there at the start goes.
            let started = Mark {
                value: MarkValue::Number(hub.now().0),
                row_no: i64::MAX,
            };
            loop {
                let mut tx = hub.write().await?;
                let space = access::own_space(&mut tx, &actor).await?;
                tx.lock_space(space.id).await?;
                let rows = tx.trash(space.id, (Some(&started), EMPTIED_AT_ONCE)).await?;
                let count = rows.len();
                for (node, _) in rows {
                    purge_node(&hub, &mut tx, actor.user(), node, hub.now()).await?;
                    purged += 1;
                }
                tx.commit().await?;
                hub.wake_workers();
                if count < EMPTIED_AT_ONCE as usize {
                    return Ok(purged);
                }
            }
        })
        .await
    }
}

/// Puts a deleted node back within a transaction.
pub(crate) async fn restore_node(
    tx: &mut Tx,
    actor: &Actor,
    (id, folder, name): (NodeId, Option<FolderRef>, Option<NodeName>),
    now: Millis,
) -> Result<(Node, NodePath), HubError> {
    let (node, space) = access::trashed(tx, actor, id).await?;
    let folder = match (folder, node.trashed) {
        (Some(folder), _) => access::folder(tx, actor, folder, Right::Edit, Hold::Yes).await?,
        (None, Some(trashed)) => {
            let old = FolderRef::Id(trashed.from);
            match access::folder(tx, actor, old, Right::Edit, Hold::Yes).await {
                Err(HubError::NotFound(_)) => {
                    let root = FolderRef::Id(space.root);
                    access::folder(tx, actor, root, Right::Edit, Hold::Yes).await?
                }
                other => other?,
            }
        }
        (None, None) => return Err(HubError::NotFound("item in the trash")),
    };
    if folder.space.id != space.id {
        return Err(HubError::Conflict("a node is restored within its own space"));
    }
    let height = folders::check_tree(tx, &folder, id).await?;
    let wanted = name.unwrap_or_else(|| node.name.clone());
    let name = match access::child(tx, &folder, &wanted).await? {
        Some(_) => uploads::free_name(tx, folder.node.id, &wanted).await?,
        None => wanted,
    };
    tx.place_node(&node, folder.node.id, &name, now).await?;
    folders::raise(tx, &folder.way, height + 1).await?;
    let path: NodePath = folder
        .path()
        .names()
        .iter()
        .cloned()
        .chain([name.clone()])
        .collect();
    let node = crate::nodes::placed(node, folder.node.id, name, now);
    let entry = Entry {
        kind: ChangeKind::Restored,
        node: &node,
        actor: actor.user(),
        at_ms: now,
        grown_bytes: 0,
    };
    tx.record(entry).await?;
    Ok((node, path))
}

/// Takes a deleted tree out of sight for good and has its rows freed.
pub(crate) async fn purge_node(
    hub: &Hub,
    tx: &mut Tx,
    actor: Option<UserId>,
    mut node: Node,
    now: Millis,
) -> Result<(), HubError> {
    tx.detach_node(node.id, now).await?;
    let mut grown_bytes = 0;
    if node.is_folder() {
        hub.queue_purge(tx, now).await?;
    } else {
        grown_bytes = -signed(tx.purge_step(node.id, 1, now).await?.bytes);
    }
    node.parent = None;
    node.trashed = None;
    tx.record(Entry {
        kind: ChangeKind::Purged,
        node: &node,
        actor,
        at_ms: now,
        grown_bytes,
    })
    .await?;
    Ok(())
}
