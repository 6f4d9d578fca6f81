//! What went to the trash there with folders that mirrors deleted, and that no list of what is there tells of.

use connectors::{Connector, ItemId, RemoteError};
use model::ConnectionId;

use super::journal::{Seen, take_down};
use super::{STEP, Trouble};
use crate::Hub;
use crate::connections::as_remote;
use crate::mirrors::went_by_us;

impl Hub {
    /// Takes in what is in folders that mirrors trashed not long ago. The feed tells of what somebody put into one right
    /// before; a look that begins anew has only lists, in which it is not.
    pub(super) async fn look_into_trashed(
        &self,
        connector: &dyn Connector,
        id: ConnectionId,
        round: u64,
    ) -> Result<(), Trouble> {
        let mut folders = self.trashed_folders(id).await?;
        while let Some(folder) = folders.pop() {
            let mut page = None;
            loop {
                let children = match connector.trashed_children(&folder, page.as_deref()).await {
                    Err(RemoteError::Unsupported(_)) => return Ok(()),
                    Err(RemoteError::NotFound) => break,
                    children => children?,
                };
                let below = children.items.iter().filter(|item| item.is_folder());
                folders.extend(below.map(|item| item.id.clone()));
                let items: Vec<_> = children.items.into_iter().map(as_remote).collect();
                let mut tx = self.write().await?;
                tx.lock_feed(id).await?;
                let seen = Seen {
                    connection: id,
                    round,
                    items: &items,
                    gone: &[],
                };
                take_down(&mut tx, seen).await?;
                tx.commit().await?;
                page = children.next;
                if page.is_none() {
                    break;
                }
            }
        }
        Ok(())
    }

    /// Those that are in the trash.
    async fn trashed_folders(&self, id: ConnectionId) -> Result<Vec<ItemId>, Trouble> {
        let now = self.now();
        let mut tx = self.read().await?;
        let mut found = Vec::new();
        for mirror in tx.mirrors_of_connection(id).await? {
            let mut after = (now, 0);
            loop {
                let rows = tx.remembered_folders(mirror.id, after, STEP).await?;
                let Some(last) = rows.last() else { break };
                after = (last.taint_until.unwrap_or(now), last.entry);
                let mut items = Vec::new();
                for row in &rows {
                    if went_by_us(row, now)? {
                        items.extend(row.item.as_deref());
                    }
                }
                let items = tx.items(id, &items).await?;
                let trashed = items.into_iter().filter(|item| item.is_trashed);
                found.extend(trashed.map(|item| ItemId(item.id)));
            }
        }
        Ok(found)
    }
}
