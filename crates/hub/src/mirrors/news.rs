//! What changed lately: for who waits until everything is in step, and wants to know what came of it.

use std::collections::BTreeSet;

use model::{Actor, ConnectionId, Mirror, MirrorState, NodeId};

use super::preview::PlanSide;
use super::views::entry_path;
use crate::connections::found as found_connection;
use crate::{Hub, HubError};

/// Changes of each side that are told at the most.
const MOST: u32 = 1000;

/// Where the journals of a mirror's two sides end.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct MirrorHeads {
    /// Here.
    pub here: u64,
    /// There.
    pub there: u64,
}

/// Something in a mirror that changed on a side.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Changed {
    /// Where.
    pub side: PlanSide,
    /// Its path below the mirror's folder.
    pub path: String,
}

impl Hub {
    /// Where the journals of a mirror's two sides end now.
    ///
    /// # Errors
    /// When the catalog does not answer.
    pub async fn mirror_heads(&self, mirror: &Mirror) -> Result<MirrorHeads, HubError> {
        let mut tx = self.read().await?;
        let space = tx.space(mirror.space).await?;
        Ok(MirrorHeads {
            here: space.map_or(0, |space| space.head),
            there: tx.remote_head(mirror.connection).await?,
        })
    }

    /// Whether a mirror has yet to take in what its two sides tell.
    ///
    /// # Errors
    /// When the catalog does not answer.
    pub async fn is_mirror_behind(&self, mirror: &Mirror) -> Result<bool, HubError> {
        let heads = self.mirror_heads(mirror).await?;
        Ok(heads.here > mirror.progress.here_seq || heads.there > mirror.progress.there_seq)
    }

    /// Has a paused mirror take in what changed, which it does not do by itself: somebody wants to see its plan.
    pub(super) async fn gather_paused(&self, mirror: &Mirror) -> Result<(), HubError> {
        if mirror.state != MirrorState::Paused || !self.is_mirror_behind(mirror).await? {
            return Ok(());
        }
        let mut tx = self.write().await?;
        self.queue_mirror(&mut tx, mirror.id).await?;
        tx.commit().await?;
        self.wake_workers();
        Ok(())
    }

    /// What changed in a mirror on each side since then, whoever changed it; by side and path.
    ///
    /// # Errors
    /// When the catalog does not answer.
    pub async fn mirror_changes(
        &self,
        mirror: &Mirror,
        since: MirrorHeads,
    ) -> Result<BTreeSet<Changed>, HubError> {
        let mut tx = self.read().await?;
        let here = tx.changes(mirror.space, since.here, MOST).await?;
        let nodes: BTreeSet<NodeId> = here.into_iter().map(|change| change.node).collect();
        let nodes: Vec<NodeId> = nodes.into_iter().collect();
        let there = tx.remote_changes(mirror.connection, since.there, MOST).await?;
        let items: BTreeSet<&str> = there.iter().map(|(_, item)| item.as_str()).collect();
        let items: Vec<&str> = items.into_iter().collect();
        let mut changed = BTreeSet::new();
        for (side, entries) in [
            (PlanSide::Here, tx.entries_of_nodes(mirror.id, &nodes).await?),
            (PlanSide::There, tx.entries_of_items(mirror.id, &items).await?),
        ] {
            for entry in entries {
                let path = entry_path(&mut tx, mirror, &entry).await?;
                changed.insert(Changed { side, path });
            }
        }
        Ok(changed)
    }

    /// How many things are known of a connection.
    ///
    /// # Errors
    /// `NotFound`.
    pub async fn remote_item_count(&self, actor: &Actor, id: ConnectionId) -> Result<u64, HubError> {
        let mut tx = self.read().await?;
        found_connection(&mut tx, actor, id).await?;
        Ok(tx.count_items(id).await?)
    }
}
