//! Finding things at providers, and telling what an index knows of them as a connector does.

use connectors::{Connector, Hashes, Item, ItemId, RemoteError};
use model::{Connection, RemoteItem, RemoteKind};

use super::Sides;
use super::trouble::{Side, Trouble};
use crate::Hub;
use crate::connections::as_item;

/// Items of one name that are looked at.
const CANDIDATES: usize = 10;

impl Hub {
    /// What has a name in a folder, as it is now. Where names that differ in case are one, it may have the other.
    pub(super) async fn find_child(
        &self,
        side: Side,
        (connection, connector): (&Connection, &dyn Connector),
        (folder, name): (&ItemId, &str),
    ) -> Result<Option<Item>, Trouble> {
        let theirs = |error: RemoteError| Trouble::Theirs(side, error);
        let mut tx = self.read().await?;
        let known = tx.items_named((connection.id, &folder.0), &[name]).await?;
        drop(tx);
        let is_named = |known: &RemoteItem| known.name == name && !known.is_trashed;
        for known in known.into_iter().filter(is_named).take(CANDIDATES) {
            let item = connector.item(&ItemId(known.id)).await.map_err(theirs)?;
            let is_it =
                |item: &Item| !item.is_trashed && item.name == name && item.parent.as_ref() == Some(folder);
            if let Some(item) = item.filter(is_it) {
                return Ok(Some(item));
            }
        }
        // The index may lag behind.
        let rules = &connector.abilities().names;
        let folded = rules.folded(name);
        let mut page: Option<String> = None;
        loop {
            let answer = connector.children(folder, page.as_deref()).await;
            let answer = match answer {
                // A folder that exists by what is in it alone.
                Err(RemoteError::NotFound) => return Ok(None),
                answer => answer.map_err(theirs)?,
            };
            let mut items = answer.items.into_iter();
            if let Some(item) = items.find(|item| rules.folded(&item.name) == folded) {
                return Ok(Some(item));
            }
            page = answer.next;
            if page.is_none() {
                return Ok(None);
            }
        }
    }

    /// An original as its index knows it, or, where that is not enough, as its provider tells it.
    pub(super) async fn original(&self, sides: &Sides, id: &str) -> Result<Option<Item>, Trouble> {
        let known = self.read().await?.item(sides.from.id, id).await?;
        match known.as_ref().and_then(item_of) {
            Some(item) => Ok(Some(item)),
            None => self.original_now(sides, id).await,
        }
    }

    pub(super) async fn original_now(&self, sides: &Sides, id: &str) -> Result<Option<Item>, Trouble> {
        let item = sides.source.item(&ItemId(id.to_owned())).await;
        let item = item.map_err(Trouble::from_side)?;
        Ok(item.filter(|item| !item.is_trashed))
    }

    /// A copy as its provider tells it.
    pub(super) async fn copy_now(&self, sides: &Sides, id: &str) -> Result<Option<Item>, Trouble> {
        let item = sides.target.item(&ItemId(id.to_owned())).await;
        let item = item.map_err(Trouble::to_side)?;
        Ok(item.filter(|item| !item.is_trashed))
    }
}

/// A file or folder as a connector tells it; `None` of what an index does not know enough of.
pub(super) fn item_of(known: &RemoteItem) -> Option<Item> {
    matches!(known.kind, RemoteKind::Folder | RemoteKind::File).then(|| as_item(known))
}

/// What is known by either.
pub(super) fn united(one: &Hashes, other: &Hashes) -> Hashes {
    Hashes {
        sha256: one.sha256.or(other.sha256),
        sha1: one.sha1.or(other.sha1),
        md5: one.md5.or(other.md5),
        quick_xor: one.quick_xor.or(other.quick_xor),
    }
}
