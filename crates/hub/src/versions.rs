//! Versions of a file: listing, restoring and removing them.

use catalog::Entry;
use model::{Actor, ChangeKind, Node, NodeId, Origin, Right, Version};

use crate::access::{self, Hold};
use crate::uploads::{Write, signed};
use crate::{Hub, HubError, Part, cursors};

/// The versions of a file, the newest first.
pub type VersionPage = model::Page<Version>;

impl Hub {
    /// Lists the versions of a file, the newest, which is the current one, first.
    ///
    /// # Errors
    /// `NotFound`, `Invalid` (cursor).
    pub async fn versions(&self, actor: &Actor, id: NodeId, part: Part) -> Result<VersionPage, HubError> {
        let mut tx = self.read().await?;
        access::file(&mut tx, actor, id, Right::View, Hold::No).await?;
        let scope = format!("versions {id}");
        let before = match &part.cursor {
            Some(cursor) => Some(cursors::open::<u64>(self.keys(), &scope, cursor)?),
            None => None,
        };
        let mut items = tx.versions(id, before, part.limit + 1).await?;
        let has_more = items.len() > part.limit as usize;
        items.truncate(part.limit as usize);
        let last = items.last().filter(|_| has_more);
        let next = last.map(|version| cursors::seal(self.keys(), &scope, &version.number));
        Ok(VersionPage { items, next })
    }

    /// Makes an older content the current one again, as a new version; nothing is taken away.
    ///
    /// # Errors
    /// `NotFound`, `Forbidden`, `QuotaExceeded`.
    pub async fn restore_version(&self, actor: &Actor, id: NodeId, number: u64) -> Result<Node, HubError> {
        let (hub, actor) = (self.clone(), actor.clone());
        self.to_end(async move {
            let now = hub.now();
            let mut tx = hub.write().await?;
            let found = access::file(&mut tx, &actor, id, Right::Edit, Hold::Yes).await?;
            let old = tx
                .version(id, number)
                .await?
                .ok_or(HubError::NotFound("version"))?;
            if found
                .node
                .version
                .as_ref()
                .is_some_and(|current| current.number == number)
            {
                return Ok(found.into_node());
            }
            let is_top = found.is_top();
            let free_bytes = hub.free_bytes(&mut tx, &found.space).await?;
            if old.size_bytes > free_bytes {
                return Err(HubError::QuotaExceeded { free_bytes });
            }
            tx.count_uses(old.blob, 1, now);
            let write = Write {
                blob: old.blob,
                size_bytes: old.size_bytes,
                digest: old.digest,
                media_type: old.media_type,
                origin: Origin::Restore,
                at_ms: now,
            };
            let mut node = hub.overwrite(&mut tx, &actor, found.node, write).await?;
            tx.commit().await?;
            node.parent = node.parent.filter(|_| !is_top);
            Ok(node)
        })
        .await
    }

    /// Removes one version for good. The current one stays: delete the file instead.
    ///
    /// # Errors
    /// `NotFound`, `Forbidden`, `Conflict` (the current one).
    pub async fn remove_version(&self, actor: &Actor, id: NodeId, number: u64) -> Result<(), HubError> {
        let (hub, actor) = (self.clone(), actor.clone());
        self.to_end(async move {
            let now = hub.now();
            let mut tx = hub.write().await?;
            let found = access::file(&mut tx, &actor, id, Right::Own, Hold::Yes).await?;
            let version = tx
                .version(id, number)
                .await?
                .ok_or(HubError::NotFound("version"))?;
            if found
                .node
                .version
                .as_ref()
                .is_some_and(|current| current.number == number)
            {
                return Err(HubError::Conflict(
                    "this is the current version; delete the file instead",
                ));
            }
            tx.remove_version(id, number).await?;
            tx.count_uses(version.blob, -1, now);
            let entry = Entry {
                kind: ChangeKind::VersionRemoved,
                node: &found.node,
                actor: actor.user(),
                at_ms: now,
                grown_bytes: -signed(version.size_bytes),
            };
            tx.record(entry).await?;
            tx.commit().await?;
            Ok(())
        })
        .await
    }
}
